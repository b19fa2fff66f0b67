package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// followed is a run that is followed, with a clock to go by.
type followed struct {
	*following
	clock  *stillClock
	stderr *bytes.Buffer
	events *bytes.Buffer
}

func follow(t *testing.T, change func(*app)) *followed {
	t.Helper()
	f := &followed{clock: &stillClock{at: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)}, stderr: &bytes.Buffer{}, events: &bytes.Buffer{}}
	a := testApp()
	a.now, a.stderr = f.clock.now, f.stderr
	a.lookupEnv = func(string) (string, bool) { return "", false }
	if change != nil {
		change(a)
	}
	a.dress()
	a.events = newEventLog(a, "events")
	a.events.to, a.events.close = f.events, func() error { return nil }
	go a.events.write()
	program, faults := compile("play", []byte("rekey: 1\nplaybook: play\nversion: 1.0.0\nsteps:\n  - id: new\n    generate_key: {app: a, validity_years: 2}\n  - id: look\n    get_app: {app: a}\n"))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	f.following = a.followRun(program, time.Minute, nil)
	t.Cleanup(f.following.stop)
	return f
}

// after lets time pass, with a tick each second.
func (f *followed) after(d time.Duration) {
	for ; d > 0; d -= time.Second {
		f.clock.sleep(context.Background(), time.Second)
		f.tick()
	}
}

// said is what was said since it was asked last.
func (f *followed) said() string {
	defer f.stderr.Reset()
	return f.stderr.String()
}

func TestHeartbeat(t *testing.T) {
	f := follow(t, nil)
	want := func(after time.Duration, text string) {
		t.Helper()
		f.after(after)
		if got := f.said(); got != text {
			t.Errorf("it says %q, want %q", got, text)
		}
	}
	f.take(runner.Event{Kind: runner.EvInputs, Step: "new"})
	f.take(runner.Event{Kind: runner.EvObserved, Step: "new"})
	want(29*time.Second, "")
	want(time.Second, "  running    30s · 0 of 2 steps done; writing 30s · new\n")
	want(29*time.Second, "")
	f.take(runner.Event{Kind: runner.EvDone, Step: "new", Write: &runner.Write{}})
	f.said()
	want(29*time.Second, "") // something was said since
	f.app.waits(okta.Wait{Bucket: "apps", For: 50 * time.Second, Why: okta.WaitShare, Used: 50, Limit: 100})
	want(29*time.Second, "  waiting    50s for Okta's rate limit of apps (50 of 100 a minute used)\n")
	want(time.Second, "  running    1m58s · 1 of 2 steps done; waiting 20s more · for Okta's rate limit of apps (50 of 100 a minute used)\n")
	f.app.events.end(nil)
	if n := strings.Count(f.events.String(), `"event":"alive"`); n != 2 {
		t.Errorf("%d events tell that it goes on, want 2:\n%s", n, f.events)
	}
	if !strings.Contains(f.events.String(), `"event":"wait","seconds":50,"bucket":"apps","why":"share"`) {
		t.Errorf("no event tells of the wait:\n%s", f.events)
	}
}

// TestQuiet: who wants it quiet is told nothing of what goes well, and programs
// are told all the same.
func TestQuiet(t *testing.T) {
	f := follow(t, func(a *app) { a.quiet = true })
	f.take(runner.Event{Kind: runner.EvDone, Step: "new", Write: &runner.Write{}})
	f.app.waits(okta.Wait{Bucket: "apps", For: time.Minute})
	f.after(2 * time.Minute)
	if got := f.said(); got != "" {
		t.Errorf("it says %q", got)
	}
	f.app.events.end(nil)
	if !strings.Contains(f.events.String(), `"status":"done"`) {
		t.Errorf("the events are\n%s", f.events)
	}
}

// TestDrawnAgain: on a terminal each second is drawn, and nothing is said that
// is drawn.
func TestDrawnAgain(t *testing.T) {
	f := follow(t, func(a *app) {
		a.window = func(io.Writer) (int, int, bool) { return 80, 24, true }
		a.lookupEnv = func(name string) (string, bool) {
			return map[string]string{"TERM": "xterm", "NO_COLOR": "1"}[name], true
		}
	})
	f.take(runner.Event{Kind: runner.EvInputs, Step: "look"})
	f.said()
	f.after(time.Second)
	const again = "\r\x1b[2K\x1b[A\x1b[2K\x1b[A\x1b[2K"
	if got, want := f.said(), again+"  running    1s · 0 of 2 steps done\n  reading    1s · look\n"; got != want {
		t.Errorf("it draws %q, want %q", got, want)
	}
	f.after(time.Minute)
	if got := f.said(); strings.Contains(strings.ReplaceAll(got, again, ""), "\x1b") || strings.Count(got, "running") != 60 {
		t.Errorf("it draws %q", got)
	}
}

// TestEventsBroken: once a reader is gone nothing is kept for it.
func TestEventsBroken(t *testing.T) {
	a := testApp()
	var stderr bytes.Buffer
	a.stderr = &stderr
	a.dress()
	from, to := io.Pipe()
	from.Close()
	a.events = newEventLog(a, "pipe")
	a.events.to, a.events.close = to, to.Close
	go a.events.write()
	a.events.tell(view.Told{Event: view.ToldInterrupted})
	<-a.events.done
	a.events.tell(view.Told{Event: view.ToldInterrupted})
	if len(a.events.queue) > 0 {
		t.Error("an event is kept that nobody will read")
	}
	a.events.end(nil)
	if want := "rekey: warning: the events cannot be written to pipe, and those from now on are lost; that changes nothing of the run: io: read/write on closed pipe\n"; stderr.String() != want {
		t.Errorf("it says %q, want %q", stderr.String(), want)
	}
}

// stalled is a reader that reads nothing until it is told to.
type stalled struct {
	read chan struct{}
}

func (s *stalled) Write(p []byte) (int, error) {
	<-s.read
	return len(p), nil
}

// TestEventsStalled: a reader of events that does not read keeps nothing
// waiting, and is given up on in the end.
func TestEventsStalled(t *testing.T) {
	a := testApp()
	var stderr bytes.Buffer
	a.stderr = &stderr
	a.dress()
	reader := &stalled{read: make(chan struct{})}
	a.events = newEventLog(a, "pipe")
	a.events.to, a.events.wait = reader, time.Millisecond
	go a.events.write()
	for range 20_000 {
		a.events.tell(view.Told{Event: view.ToldWarning, Message: "a message"})
	}
	a.events.end(nil)
	if want := "rekey: warning: whoever reads the events from pipe does not keep up: the last of them are lost\n"; stderr.String() != want {
		t.Errorf("it says %q, want %q", stderr.String(), want)
	}
	close(reader.read)
	a.events.close = func() error { return nil }
	<-a.events.done
}
