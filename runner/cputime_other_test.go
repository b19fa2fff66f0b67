//go:build !unix

package runner

import "time"

var processStart = time.Now()

// cpuTime is the time since the process began, where nothing better is known.
func cpuTime() time.Duration { return time.Since(processStart) }
