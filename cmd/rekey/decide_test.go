package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A person says of a write that is on its way that it did not happen, and it
// does: the step that is tried again finds that, and does not do it twice.
func TestWrongNotDoneThatComesLate(t *testing.T) {
	for _, c := range []struct{ playbook, fault, step string }{
		{"activate-app-key", "PUT *@1=late:10s", "activate"},
		{"activate-idp-key", "PUT *@1=late:10s", "activate"},
		{"rotate-app-key", "PUT *@1=late:10s", "activate"},
		{"rotate-app-csr", "POST */publish@1=late:10s", "publish"},
		{"share-app-key", "POST *clone*@1=late:10s", "clone"},
	} {
		t.Run(c.playbook, func(t *testing.T) {
			t.Parallel()
			calm := newLostWorld(t)
			bea := calm.admin("bea")
			bea.must(exitOK, append([]string{"run", c.playbook, "--yes"}, bea.inputs(c.playbook)...)...)

			w := newLostWorld(t)
			before := w.shape()
			ada := w.admin("ada", c.fault)
			ctx, stop := context.WithCancel(context.Background())
			ada.wait = func(context.Context, time.Duration) error { stop(); return context.Canceled }
			if e := ada.within(ctx, append([]string{"run", c.playbook, "--yes"}, ada.inputs(c.playbook)...)...); e.code != exitStopped {
				t.Fatalf("exit code %d\n%s", e.code, e)
			}
			ada.wait = nil
			w.clock.sleep(context.Background(), 20*time.Second)
			id, _ := ada.run()
			e := ada.must(exitOK, "resume", id, "--yes", "--not-done", c.step)
			if says := "warning    " + c.step + ": a person said that its write did not happen, and it did: it is not repeated"; !strings.Contains(e.stderr, says) {
				t.Errorf("it does not say %q:\n%s", says, e)
			}
			if got, want := len(ada.wrote()), len(bea.wrote()); got != want {
				t.Errorf("%d writes, want %d", got, want)
			}
			for owner, want := range calm.shape() {
				if got := w.shape()[owner]; got != want {
					t.Errorf("%s: %v, want %v", owner, got, want)
				}
			}
			ada.must(exitOK, "rollback", id, "--yes")
			for owner, was := range before {
				if got := w.shape()[owner]; got.active != was.active || got.csrs != was.csrs {
					t.Errorf("rolled back, %s: %v, and before %v", owner, got, was)
				}
			}
		})
	}
}

// broken answers some GETs with an error, once it is told to.
type broken struct {
	http.RoundTripper
	path   string
	answer func(*http.Request) (*http.Response, error)
}

func (b *broken) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, b.path) {
		return b.answer(r)
	}
	return b.RoundTripper.RoundTrip(r)
}

// A decision of which the org cannot be asked is no wrong usage, and nothing of
// it is recorded.
func TestDecisionThatCannotBeChecked(t *testing.T) {
	w := newLostWorld(t)
	ada := w.admin("ada", "POST */keys/generate@1=500:after", "POST */keys/generate@1=change:key")
	e := ada.must(exitStopped, append([]string{"run", "rotate-app-key", "--yes"}, ada.inputs("rotate-app-key")...)...)
	if !strings.Contains(e.stdout, "--adopt generate=") {
		t.Fatalf("it is not stuck:\n%s", e)
	}
	id, before := ada.run()
	kids := w.kids(lostApp)
	live := ada.live
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"no network": func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") },
		"refused": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"resume", "rollback"} {
				ada.see(&broken{live, "/credentials/keys", answer})
				e := ada.must(exitStopped, verb, id, "--yes", "--adopt", "generate="+kids[len(kids)-1])
				if !strings.Contains(e.stderr, "rekey: hint: nothing was recorded, and the run stays as it is") {
					t.Errorf("%s", e)
				}
				if _, after := ada.run(); len(after.Events) != len(before.Events) {
					t.Errorf("%d events, and before %d", len(after.Events), len(before.Events))
				}
			}
		})
	}
	ada.see(live)
	ada.must(exitUsage, "resume", id, "--yes", "--adopt", "generate=nope")
	ada.must(exitOK, "resume", id, "--yes", "--adopt", "generate="+kids[len(kids)-1])
}

// A decision that the run did not come to ask for is named.
func TestUnusedDecision(t *testing.T) {
	w := newLostWorld(t)
	ada := w.admin("ada", "POST */keys/generate@1=500:after", "POST */keys/generate@1=change:key")
	ada.must(exitStopped, append([]string{"run", "rotate-app-key", "--yes"}, ada.inputs("rotate-app-key")...)...)
	id, _ := ada.run()
	ctx, stop := context.WithCancel(context.Background())
	live := ada.live
	// The reads before the run goes on are one of the app and, to check the
	// decision, one of its keys: with that the person says stop.
	ada.see(&broken{live, "/credentials/keys", func(r *http.Request) (*http.Response, error) {
		stop()
		return live.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	}})
	kids := w.kids(lostApp)
	e := ada.within(ctx, "resume", id, "--yes", "--adopt", "generate="+kids[len(kids)-1])
	if says := "rekey: --adopt generate was not used, and is not on record"; e.code != exitStopped || !strings.Contains(e.stderr, says) {
		t.Errorf("exit code %d, want %d, saying %q\n%s", e.code, exitStopped, says, e.stderr)
	}
	if _, run := ada.run(); len(run.Unclear()) != 1 {
		t.Errorf("in doubt are %v", run.Unclear())
	}
	ada.see(live)
	if e := ada.must(exitOK, "resume", id, "--yes", "--adopt", "generate="+kids[len(kids)-1]); strings.Contains(e.stderr, "not used") {
		t.Errorf("%s", e.stderr)
	}
}
