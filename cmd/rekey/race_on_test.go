//go:build race

package main

import "time"

// hung is how long the scripts may take together. One that hangs is stopped
// then, and says at which line, which the timeout of go test would not.
const hung = 12 * time.Minute
