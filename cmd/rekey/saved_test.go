package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner"
)

// hesitant is a terminal on which somebody takes their time to say yes.
type hesitant struct {
	wait func()
	io.Reader
}

func (a *hesitant) Is() bool                               { return true }
func (a *hesitant) Secret(context.Context) (string, error) { return "", io.EOF }

func (a *hesitant) Read(p []byte) (int, error) {
	if a.wait != nil {
		a.wait()
		a.wait = nil
	}
	return a.Reader.Read(p)
}

// What is to be a plan is not read without end, and a run is told from one.
func TestPlanFrom(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("0", 1<<20):         "f.json: it is no plan, or was cut short",
		strings.Repeat("0", 1<<20+1):       "f.json is no plan: it has more than 1 MiB",
		`{"format": 1, "timeline": []}`:    "f.json: it is a run, and no plan",
		`{"format": 1, "timelines": null}`: "f.json: it is JSON, but no plan",
	} {
		if _, err := planFrom("f.json", strings.NewReader(text), 1<<20); err == nil || !strings.HasPrefix(err.Error(), want) || exitCode(err) != exitInvalid {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
}

// A saved plan that is in time when it is read may have expired when it has its
// owners, or its answer: it is looked at again.
func TestPlanThatExpiresMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name string
		late time.Duration // how long it takes until the run can begin
		want int
	}{
		{"in time", 23 * time.Hour, exitOK},
		{"too late", 25 * time.Hour, exitStale},
	} {
		t.Run("an answer "+c.name, func(t *testing.T) {
			t.Parallel()
			w := newLostWorld(t)
			ada := w.admin("ada")
			plan := ada.savePlan("rotate-app-key")
			tty := &hesitant{func() { w.clock.sleep(context.Background(), c.late) }, strings.NewReader("y\n")}
			ada.attend = func(p *app) { p.stdin, p.terminal = tty, tty }
			expiresMeanwhile(t, ada, c.want, "run", "rotate-app-key", "--plan", plan)
			if tty.wait != nil {
				t.Error("nobody was asked")
			}
		})
		t.Run("another run "+c.name, func(t *testing.T) {
			t.Parallel()
			w := newLostWorld(t)
			ada := w.admin("ada")
			plan := ada.savePlan("rotate-app-key")
			local := &runner.Local{Dir: ada.state(), Clock: runner.Clock{Now: w.clock.now}}
			other, err := local.Claim(context.Background(), runner.ClaimSpec{Run: "other", Org: "https://org.example.com", Owners: []string{lostApp.String()}})
			if err != nil {
				t.Fatal(err)
			}
			ada.wait = func(ctx context.Context, d time.Duration) error {
				if other != nil {
					w.clock.sleep(ctx, c.late)
					if err := other.Release(); err != nil {
						t.Error(err)
					}
					other = nil
				}
				return w.clock.sleep(ctx, d)
			}
			expiresMeanwhile(t, ada, c.want, "run", "rotate-app-key", "--plan", plan, "--yes", "--lock-timeout", "48h")
			if other != nil {
				t.Error("nobody was waited for")
			}
		})
	}
}

// expiresMeanwhile runs a command that ends with that code; it wrote unless its
// plan has expired.
func expiresMeanwhile(t *testing.T, a *admin, want int, args ...string) {
	t.Helper()
	e := a.must(want, args...)
	stale := strings.Contains(e.stderr, "rekey: error: the plan expired on 2026-01-16T12:00:00Z; nothing was written")
	if stale != (want == exitStale) || (len(a.wrote()) > 0) == stale {
		t.Errorf("%d writes\n%s", len(a.wrote()), e.stderr)
	}
	if ids, err := (&runner.Local{Dir: a.state()}).IDs(); err != nil || len(ids) > 0 == stale {
		t.Errorf("the runs are %v, %v", ids, err)
	}
}
