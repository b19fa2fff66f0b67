package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// eventsFlag lets a verb tell programs what happens.
func (a *app) eventsFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.eventsTo, "events", "", "write what happens to a `file`, a JSON object a line; - is stdout, which then holds nothing else")
}

// eventsPatience is how long a reader of events is waited for at the end.
const eventsPatience = 5 * time.Second

// eventLog tells programs of a run, a JSON object a line. It never keeps the run
// waiting, and what becomes of it changes nothing of the run: a reader that is
// gone, or a disk that is full, is told of once. A nil one tells nobody.
type eventLog struct {
	app    *app
	to     io.Writer
	name   string // as the user gave it
	close  func() error
	began  time.Time
	wait   time.Duration // that a reader is waited for at the end
	done   chan struct{} // closed when all is written
	stdout bool

	mu     sync.Mutex
	more   *sync.Cond
	queue  [][]byte
	seq    int
	run    string
	state  string // of the run, once it has stopped
	ending bool
	broken bool
}

func newEventLog(a *app, name string) *eventLog {
	l := &eventLog{app: a, name: name, began: a.now(), wait: eventsPatience, done: make(chan struct{})}
	l.more = sync.NewCond(&l.mu)
	return l
}

func (l *eventLog) onStdout() bool { return l != nil && l.stdout }

// openEvents begins to tell of a verb. Results go to stderr if events go to
// stdout.
func (a *app) openEvents(ctx context.Context, verb string) error {
	if a.eventsTo == "" {
		return nil
	}
	l := newEventLog(a, a.eventsTo)
	if l.name == "-" {
		l.name, l.to, l.close, l.stdout = "the standard output", a.stdout, func() error { return nil }, true
		a.stdout = a.stderr
	} else {
		file, err := openFor(ctx, l.name)
		if err != nil {
			return err
		}
		l.to, l.close = file, file.Close
	}
	a.events = l
	go l.write()
	l.tell(view.Told{Event: view.ToldStarted, Verb: verb, Tool: a.tool()})
	return nil
}

// eventsBegin is how each file of events begins.
const eventsBegin = `{"rekey_events":`

// openFor opens what events are to be written to. A pipe with a name is opened
// once somebody reads from it.
func openFor(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		file, err := openEventsFile(name)
		done <- opened{file, err}
	}()
	select {
	case o := <-done:
		if named := (*exitError)(nil); errors.As(o.err, &named) {
			return nil, o.err
		}
		if o.err != nil {
			return nil, invalid("the events cannot be written: "+o.err.Error(), "nothing was done; give --events a file in a folder that is there and that you may write to")
		}
		return o.file, nil
	case <-ctx.Done():
		return nil, errInterrupted
	}
}

// openEventsFile makes a file, which others cannot read, or empties one of events
// that is there. Whatever else is in a file is not rekey's to destroy.
func openEventsFile(name string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return os.OpenFile(name, os.O_WRONLY, 0)
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ours, err := beginsAs(file, eventsBegin)
	switch {
	case err != nil:
	case !ours:
		err = invalid(name+" is there, and holds something else than events", "nothing was done; give --events another file, or remove this one")
	default:
		file.Chmod(0o600)
		_, err = file.Seek(0, io.SeekStart)
		err = errors.Join(err, file.Truncate(0))
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// beginsAs reports whether a text is one of ours, which all begin in one way, and
// may have been cut short: down to nothing.
func beginsAs(text io.Reader, begin string) (bool, error) {
	head := make([]byte, len(begin))
	n, err := io.ReadFull(text, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return strings.HasPrefix(begin, string(head[:n])), err
}

// tell tells of events. It does not wait until they are read.
func (l *eventLog) tell(events ...view.Told) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range events {
		l.seq++
		t.Format, t.Seq, t.Time, t.Run = view.EventsFormat, l.seq, l.app.now().UTC(), l.run
		if line, err := t.Line(); err == nil && !l.broken {
			l.queue = append(l.queue, line)
		}
	}
	l.more.Signal()
}

// of names the run that the events are about from now on.
func (l *eventLog) of(run string) {
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.run = run
	}
}

// stopped notes the state in which the run has stopped.
func (l *eventLog) stopped(state string) {
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.state = state
	}
}

// write writes what was told until all is written, or cannot be.
func (l *eventLog) write() {
	defer close(l.done)
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.ending {
			l.more.Wait()
		}
		lines := l.queue
		l.queue = nil
		l.mu.Unlock()
		if len(lines) == 0 {
			return
		}
		for _, line := range lines {
			if _, err := l.to.Write(line); err != nil {
				l.fail(err.Error())
				return
			}
		}
	}
}

// fail tells, once, that nobody is told any more.
func (l *eventLog) fail(why string) {
	l.mu.Lock()
	l.broken, l.queue = true, nil
	l.mu.Unlock()
	l.app.note("warning: the events cannot be written to %s, and those from now on are lost; that changes nothing of the run: %s", l.name, why)
}

// end tells how the verb ended, and waits for a moment until that is written.
func (l *eventLog) end(err error) {
	if l == nil {
		return
	}
	code, message := exitCode(err), ""
	if err != nil {
		message, _ = explain(err)
	}
	l.tell(view.Told{Event: view.ToldEnded, State: l.state, Exit: &code, Seconds: view.InSeconds(l.app.now().Sub(l.began)), Message: message})
	l.mu.Lock()
	l.ending = true
	l.more.Signal()
	l.mu.Unlock()
	late := time.NewTimer(l.wait)
	defer late.Stop()
	select {
	case <-l.done:
		if err := l.close(); err != nil && !l.broken {
			l.fail(err.Error())
		}
	case <-late.C:
		l.app.note("warning: whoever reads the events from %s does not keep up: the last of them are lost", l.name)
	}
}

// begun tells that a run began, or was taken up again.
func (a *app) begun(id string, program *runner.Program, o *org) {
	a.events.of(id)
	a.events.tell(view.Told{Event: view.ToldBegun, Who: a.who(), Playbook: program.Playbook.Name, Version: program.Playbook.Version, Org: o.name})
}

// telling carries a verb out and tells programs of it.
func (a *app) telling(cmd *cobra.Command, do func(context.Context) error) error {
	if a.eventsTo == "" && cmd.Flags().Changed("events") {
		return usage("--events names no file", "give the file to write the events to, or - for stdout")
	}
	if err := a.openEvents(cmd.Context(), cmd.Name()); err != nil {
		return err
	}
	err := do(cmd.Context())
	a.events.end(err)
	return err
}
