//go:build !unix

package cputime

import "time"

var processStart = time.Now()

// Spent is the time since the process began, where nothing better is known.
func Spent() time.Duration { return time.Since(processStart) }
