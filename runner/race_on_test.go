//go:build race

package runner

// raceEnabled tells that the race detector is on.
const raceEnabled = true
