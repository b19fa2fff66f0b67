package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/playbooks"
	"example.com/rekey/runner"
)

// lostAll are rules that lose every answer of a run, of writes that happen.
var lostAll = [][]string{
	{"WRITE *=lost"},
	{"WRITE *=500:after"},
	{"WRITE *=late:" + lateBy.String()},
	{"WRITE *=lost", "POST *=delay:" + lateBy.String()},
	{"WRITE *@1=429", "WRITE *@3=429:concurrency", "WRITE *=lost"},
}

// TestLostEverything loses the answer to every write of a run at once, and of
// its rollback: the org is as if nothing had been lost. Each playbook meets one
// way.
func TestLostEverything(t *testing.T) { eachLostEverything(t, false) }

// TestLongLostEverything has each playbook meet each way.
func TestLongLostEverything(t *testing.T) {
	if !*long {
		t.Skip("this takes a while: run it with -long")
	}
	eachLostEverything(t, true)
}

func eachLostEverything(t *testing.T, all bool) {
	for i, name := range playbooks.Names() {
		for j, rules := range lostAll {
			if !all && i%len(lostAll) != j {
				continue
			}
			t.Run(name+"/"+strings.Join(rules, ","), func(t *testing.T) {
				t.Parallel()
				lostEverything(t, name, rules)
			})
		}
	}
}

func lostEverything(t *testing.T, playbook string, rules []string) {
	base, w := lostBaseOf(t, playbook), newLostWorld(t)
	l := &lostTrial{lostCase: lostCase{base: base}, lostWorld: w, before: w.shape(), ada: w.admin("ada", rules...)}
	l.expect(l.ada.rotate(playbook), exitOK)
	l.is(base.done)
	id, run := l.ada.run()
	lost := 0
	for _, e := range run.Events {
		if e.Kind == runner.EvUnknown {
			lost++
		}
	}
	if lost != len(base.writes) {
		t.Errorf("%d answers were lost, want %d", lost, len(base.writes))
	}
	l.ada.live = w.admin("ada", rules...).live
	l.ada.do("rollback", id, "--yes")
	w.clock.sleep(t.Context(), lateBy)
	l.ada.must(exitOK, "rollback", id, "--yes")
	l.undone(nil)
	if !strings.Contains(rules[0], "429") { // after which a request is sent again
		l.sentOnce()
	}
}

// TestLostSideBySide loses all answers of a fleet whose apps are rotated side
// by side.
func TestLostSideBySide(t *testing.T) {
	const apps = 12
	for _, rule := range []string{"lost", "500:after", "late:20s"} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			w := newLostWorld(t)
			if err := w.org.AddApps(apps); err != nil {
				t.Fatal(err)
			}
			before := w.shape()
			ada := w.admin("ada", "WRITE *="+rule)
			var ids []string
			for n := 1; n <= apps; n++ {
				ids = append(ids, fmt.Sprintf("%q", fleetApp(n)))
			}
			list := "apps=[" + strings.Join(ids, ", ") + "]"
			ada.must(exitOK, "run", "rotate-fleet-key", "--yes", "-i", list, "-i", "activate=true", "-i", "out="+w.dir)
			for id, now := range w.shape() {
				want := before[id]
				if strings.HasPrefix(id.ID, "0oaFleet") {
					want.keys, want.active = want.keys+1, want.keys
				}
				if now != want {
					t.Errorf("%s has %s, want %s", id, now, want)
				}
			}
		})
	}
}

// TestLostInterrupted stops a run while it waits for what may be late. What is
// on record is enough to find it later, or that it is not there.
func TestLostInterrupted(t *testing.T) {
	for _, tt := range []struct {
		rule           string
		resume, rolled int // exit codes
	}{
		{"late:20s", exitOK, exitOK}, {"500:before", exitFailed, exitOK}, {"reset", exitFailed, exitOK},
	} {
		for _, write := range []int{1, 2} {
			for _, verb := range []string{"resume", "rollback"} {
				t.Run(fmt.Sprintf("%s/%d/%s", tt.rule, write, verb), func(t *testing.T) {
					t.Parallel()
					base := lostBaseOf(t, "rotate-app-key")
					w := newLostWorld(t)
					l := &lostTrial{lostCase: lostCase{base: base}, lostWorld: w, before: w.shape()}
					l.ada = w.admin("ada", fmt.Sprintf("WRITE *@%d=%s", write, tt.rule))
					ctx, stop := context.WithCancel(t.Context())
					l.ada.wait = func(context.Context, time.Duration) error { stop(); return ctx.Err() }
					args := append([]string{"run", base.playbook, "--yes"}, l.ada.inputs(base.playbook)...)
					l.expect(l.ada.within(ctx, args...), exitStopped)
					l.ada.wait = nil
					id, _ := l.ada.run()
					code := tt.resume
					if verb == "rollback" {
						code = tt.rolled
					}
					l.expect(l.ada.do(verb, id, "--yes"), code)
					if code == exitOK && verb == "resume" {
						l.is(base.done)
					} else {
						l.undone(nil)
					}
					l.sentOnce()
				})
			}
		}
	}
}

// TestLostAndChanged: besides the lost answer a stranger changes something that
// is none of the step's business.
func TestLostAndChanged(t *testing.T) {
	for _, what := range []sandbox.Change{sandbox.ChangeLabel, sandbox.ChangeDate, sandbox.ChangeCSR} {
		for _, rule := range []string{"500:after", "lost", "500:before", "late:20s"} {
			t.Run(fmt.Sprintf("%s/%s", what, rule), func(t *testing.T) {
				t.Parallel()
				w := newLostWorld(t)
				before := w.shape()[lostApp]
				ada := w.admin("ada", "PUT *@1="+rule, "PUT *@1=change:"+string(what))
				e := ada.rotate("activate-app-key")
				code := exitOK
				if rule == "500:before" {
					code = exitFailed
				}
				if e.code != code {
					t.Errorf("exit code %d, want %d\n%s", e.code, code, e)
				}
				object, _ := w.org.Object(lostApp)
				edited := strings.HasSuffix(object.Text("/label"), " (edited)")
				// A late PUT sends the owner as it was: the API has no guard.
				if want := what == sandbox.ChangeLabel && rule != "late:20s"; edited != want {
					t.Errorf("the label is %s", object.Text("/label"))
				}
				if warned := strings.Contains(e.stderr, "differs from before in more than that"); warned != (edited && code == exitOK) {
					t.Errorf("somebody is warned: %t\n%s", warned, e.stderr)
				}
				if now := w.shape()[lostApp]; now.keys != before.keys || (now.active != before.active) != (code == exitOK) {
					t.Errorf("it has %s, had %s", now, before)
				}
			})
		}
	}
}

// TestLostBlind: the answer is lost and the org cannot be looked at for a while:
// nobody can tell, until it can. That is within the settling time, or in another
// process.
func TestLostBlind(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		brief bool
		code  int // in the end
	}{{"lost", true, exitOK}, {"lost", false, exitOK}, {"reset", true, exitFailed}, {"reset", false, exitFailed}} {
		t.Run(fmt.Sprintf("%s/%t", tt.rule, tt.brief), func(t *testing.T) {
			t.Parallel()
			base := lostBaseOf(t, "rotate-app-key")
			w := newLostWorld(t)
			l := &lostTrial{lostCase: lostCase{base: base}, lostWorld: w, before: w.shape()}
			l.ada = w.admin("ada", "POST *="+tt.rule)
			sighted := l.ada.live
			l.ada.meet, l.ada.at = func() {
				l.ada.see(w.admin("ada", "* *=503").live)
				if tt.brief {
					w.clock.after(defaultSettle/2, func() { l.ada.see(sighted) })
				}
			}, 1
			e := l.ada.rotate(base.playbook)
			if !tt.brief {
				l.expect(e, exitStopped)
				l.ada.see(sighted)
				id, _ := l.ada.run()
				e = l.ada.do("resume", id, "--yes")
			}
			l.expect(e, tt.code)
			if tt.code == exitOK {
				l.is(base.done)
			} else {
				l.undone(nil)
			}
			l.sentOnce()
		})
	}
}

// TestLostSlowLook: a look that is answered slowly shows the org as it was when
// it was read, and Okta's clock then. One that began before the write had had
// its time is none that tells.
func TestLostSlowLook(t *testing.T) {
	for _, playbook := range []string{"rotate-app-key", "activate-app-key", "rotate-app-csr"} {
		for _, slow := range []time.Duration{time.Second, defaultSettle - time.Second, 2 * defaultSettle} {
			t.Run(fmt.Sprintf("%s/%s", playbook, slow), func(t *testing.T) {
				t.Parallel()
				base := lostBaseOf(t, playbook)
				w := newLostWorld(t)
				l := &lostTrial{lostCase: lostCase{base: base}, lostWorld: w, before: w.shape()}
				l.ada = w.admin("ada", "WRITE *@1=late:"+lateBy.String())
				l.ada.meet, l.ada.at = func() { l.ada.slowed(slow) }, 1
				l.expect(l.ada.rotate(playbook), exitOK)
				l.is(base.done)
				l.sentOnce()
			})
		}
	}
}

// TestLostDecided: what a person says of a write in doubt is taken, as far as
// the org bears it out.
func TestLostDecided(t *testing.T) {
	stuck := func(t *testing.T, playbook string, n int, rule string) (l *lostTrial, id string) {
		base := lostBaseOf(t, playbook)
		w := newLostWorld(t)
		l = &lostTrial{lostCase: lostCase{base: base, n: n, rule: rule}, lostWorld: w, before: w.shape()}
		owner := l.write().owner(t)
		l.expect(l.lose(func() { l.switches(owner) }), exitStopped)
		id, _ = l.ada.run()
		return l, id
	}
	t.Run("a switch that is done", func(t *testing.T) {
		t.Parallel()
		l, id := stuck(t, "activate-app-key", 1, "lost")
		l.ada.must(exitOK, "resume", id, "--yes", "--done", "activate", "--because", "the log shows it")
		l.ada.must(exitIncomplete, "rollback", id, "--yes") // hers is not overwritten
	})
	t.Run("a switch that is not done", func(t *testing.T) {
		t.Parallel()
		l, id := stuck(t, "activate-app-key", 1, "500:before")
		// It is tried again, and finds another key than the plan has seen.
		l.ada.must(exitStale, "resume", id, "--yes", "--not-done", "activate")
		own, _ := l.bea.run()
		l.bea.must(exitOK, "rollback", own, "--yes")
		l.undone(map[okta.Owner]owned{lostApp: {keys: 1}})
	})
	t.Run("what is not there", func(t *testing.T) {
		t.Parallel()
		base := lostBaseOf(t, "rotate-app-csr")
		w := newLostWorld(t)
		l := &lostTrial{lostCase: lostCase{base: base, n: 1, rule: "lost"}, lostWorld: w, before: w.shape()}
		l.stuck(func() {
			l.bea.play("  - id: own\n    create_csr: {app: %s, subject: {common_name: saml-signing}}\n", lostApp.ID)
		})
		id, _ := l.ada.run()
		before, ours := l.shape(), l.ours()
		l.ada.must(exitUsage, "resume", id, "--yes", "--adopt", "csr=nobody")
		l.ada.must(exitUsage, "resume", id, "--yes", "--adopt", "publish="+ours)
		l.ada.must(exitUsage, "resume", id, "--yes", "--done", "csr", "--because", "it is")
		l.ada.must(exitUsage, "resume", id, "--yes", "--done", "csr")
		l.is(before)
	})
	t.Run("neither is ours", func(t *testing.T) {
		t.Parallel()
		base := lostBaseOf(t, "rotate-app-key")
		w := newLostWorld(t)
		l := &lostTrial{lostCase: lostCase{base: base, n: 1, rule: "lost"}, lostWorld: w, before: w.shape()}
		l.stuck(func() { l.bea.play("  - id: own\n    generate_key: {app: %s, validity_years: 2}\n", lostApp.ID) })
		id, _ := l.ada.run()
		// A person is certain: the write is repeated.
		l.ada.must(exitOK, "resume", id, "--yes", "--not-done", "generate")
		if kids := w.kids(lostApp); len(kids) != 5 || w.active(lostApp) != kids[4] {
			t.Errorf("it signs with %s of %v", w.active(lostApp), kids)
		}
	})
}
