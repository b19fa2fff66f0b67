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
	"syscall"
)

func main() { os.Exit(start(newApp())) }

// start runs the program of the process's arguments. The first interrupt tells
// it to stop, and so does the end of its terminal: a run finishes the write in
// flight and records it. From then on signals have their usual effect, so that
// a second one ends it at once. A reader of its output that goes away is no
// reason to stop part-way.
func start(a *app) int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	return a.main(ctx, os.Args[1:])
}
