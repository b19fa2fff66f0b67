package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"example.com/rekey/internal/view"
)

// stoppable are the verbs that an interrupt tells to stop, for the others just
// end.
var stoppable = []string{"plan", "run", "resume", "rollback", "abandon", "sandbox", "doctor"}

// untilStopped is a context that ends with the first interrupt, or the end of
// the terminal: a run finishes the write in flight and records it. A second one
// ends the process at once, and leaves the screen in order. The function that it
// returns ends the context, and has signals have their usual effect again.
func (a *app) untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	var signals []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // as nohup has it
			signals = append(signals, s)
		}
	}
	if len(signals) == 0 {
		return ctx, func() {} // of none, Notify would make all
	}
	ctx, cancel := context.WithCancel(ctx)
	caught, over := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(caught, signals...)
	go func() {
		defer signal.Stop(caught)
		select {
		case <-caught:
			cancel()
		case <-over:
			return
		}
		select {
		case s := <-caught:
			signal.Stop(caught) // a third one waits for nothing
			a.lastWords()
			end(s)
		case <-over:
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(over)
		cancel()
	})
}

// end ends the process by a signal, as if it had never been caught.
func end(s os.Signal) {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(s)
	}
	if err == nil {
		select {} // it comes in a moment
	}
	os.Exit(exitStopped)
}

// patienceWithTerminal is how long a terminal may take for the last words: one
// that was stopped takes none.
const patienceWithTerminal = 200 * time.Millisecond

// lastWords takes away what is drawn and says, on a line of its own, that the
// process ends. Nothing is drawn after it.
func (a *app) lastWords() {
	text := "rekey: interrupted again: ended at once"
	if more := a.atOnce.Load(); more != nil {
		text += "; " + *more
	}
	text = view.Visible(text) + "\n"
	said := make(chan struct{})
	go func() {
		defer close(said)
		if a.screen != nil {
			a.screen.Last(text)
			return
		}
		io.WriteString(a.stderr, text)
	}()
	select {
	case <-said:
	case <-time.After(patienceWithTerminal):
	}
}
