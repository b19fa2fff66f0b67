// Command rekey rotates the SAML signing keys of an Okta org from declarative
// playbooks: checked, rehearsed, carried out step by step and rolled back when
// something fails.
//
// Each verb is a file of its own. A verb returns an error or nil; one place,
// [exitCode], decides what the process exits with. Results go to stdout,
// everything else to stderr.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() { os.Exit(start(newApp())) }

// start runs the program of the process's arguments. A reader of its output
// that goes away is no reason to stop part-way.
func start(a *app) int {
	signal.Ignore(syscall.SIGPIPE)
	collectLess()
	return a.main(context.Background(), os.Args[1:])
}

// How the program uses memory. What it keeps is small and its garbage is not:
// texts of playbooks, answers of Okta. Collected by the default that takes up to
// half of the time of a check, and on a busy machine the collector falls behind
// and twice the memory is taken.
const (
	keptMemory  = 160 << 20 // bytes that the collector keeps to if it can
	mostGarbage = 400       // percent of what is in use
)

// collectLess has garbage collected less often, and returns what undoes that.
func collectLess() (undo func()) {
	limit, percent := debug.SetMemoryLimit(keptMemory), debug.SetGCPercent(mostGarbage)
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}
