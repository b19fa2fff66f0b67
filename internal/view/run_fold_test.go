package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner"
)

// storyOf is a folded run as text, a row a line.
func storyOf(t *testing.T, run *runner.StoredRun, program *runner.Program) string {
	t.Helper()
	f := newRunFold(run, timeline(run, program))
	if f == nil {
		t.Fatal("it is not folded")
	}
	var b strings.Builder
	for _, r := range f.rows() {
		b.WriteString(strings.TrimRight(strings.Repeat("  ", r.depth)+strings.TrimSpace(r.line.what+" "+r.line.text), " ") + "\n")
	}
	return b.String()
}

// TestFoldKeepsTheOrder: what a rollback did is told behind it, and not with what
// came before.
func TestFoldKeepsTheOrder(t *testing.T) {
	run := fleetRun(30, 10, runner.StateDoneWithFailures)
	add := func(e runner.Event) { run.Events = append(run.Events, runner.Timed{Time: at.Add(time.Hour), Event: e}) }
	add(runner.Event{Kind: runner.EvOpened})
	add(runner.Event{Kind: runner.EvRollback, Reason: "asked for"})
	for i := 30; i > 0; i-- {
		if i%10 != 0 {
			add(runner.Event{Kind: runner.EvUndone, Step: fmt.Sprintf("fleet[0oa%04d].gen", i)})
		}
	}
	add(runner.Event{Kind: runner.EvUndoFail, Step: "fleet[0oa0001].activate", Error: "somebody else switched"})
	add(runner.Event{Kind: runner.EvEnded, State: runner.StateRollbackIncomplete})
	want := `started
loop fleet: 30 items, 4 at a time, in batches of 1, 100%; up to 2 may fail, but not a whole batch
27 of 30 items, until 12:03:57
  again gen: Okta is busy; try 2 follows in 2s
  ok gen: make kid-… for app/{app}
  POST /api/v1/apps/{app}/keys
  ok activate: make kid-… for app/{app}
  PUT /api/v1/apps/{app} (/kid from old-{app} to kid-…)
3 of 30 items: 0oa0010, 0oa0020, 0oa0030, until 12:04:07
  again gen: Okta is busy; try 2 follows in 2s
  ok gen: make kid-0010 or kid-0020 or kid-0030 for app/{app}
  POST /api/v1/apps/{app}/keys
  failed activate: refused for {app}
  item fleet[{app}] failed; what it did is undone now
  undone gen: as far as that is possible
  key kid-0010 or kid-0020 or kid-0030 of app/{app} stays (it is harmless)
partly fleet: 27 of 30 items done, 3 failed
done with failures
taken up again
rollback asked for
26 of 30 items
  undone gen: nothing was left to undo
1 of 30 items: 0oa0001
  undone gen: nothing was left to undo
  not undone activate: somebody else switched
rollback incomplete
`
	if got := storyOf(t, run, fleetProgram(t)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFoldOfLoopsInLoops: a loop inside of items is told once for all of them,
// and of many ways the most common and those in which something went amiss.
func TestFoldOfLoopsInLoops(t *testing.T) {
	run := &runner.StoredRun{Playbook: []byte(`rekey: 1
playbook: all
version: 1.2.3
inputs: {apps: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.apps>
    as: app
    steps:
      - id: share
        for_each: $<inputs.apps>
        as: target
        thing: {app: $<app>}
`)}
	second := 0
	add := func(e runner.Event) {
		run.Events = append(run.Events, runner.Timed{Time: at.Add(time.Duration(second) * time.Second), Event: e})
	}
	add(runner.Event{Kind: runner.EvCreated, Run: &runner.RunInfo{ID: "r1"}})
	keys := func(prefix string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("%s%02d", prefix, i))
		}
		return out
	}
	add(runner.Event{Kind: runner.EvItems, Step: "fleet", Keys: keys("app", 20)})
	for i, app := range keys("app", 20) {
		inner := "fleet[" + app + "].share"
		add(runner.Event{Kind: runner.EvItems, Step: inner, Keys: keys("to", 2+i%2)})
		for _, to := range keys("to", 2+i%2) {
			second++
			if step := inner + "[" + to + "]"; app == "app07" && to == "to01" {
				add(runner.Event{Kind: runner.EvFailed, Step: step, Error: "no " + to})
			} else {
				add(runner.Event{Kind: runner.EvDone, Step: step, Write: &runner.Write{Method: "POST", Path: "/api/v1/" + app + "/" + to}})
			}
		}
	}
	want := `started
loop fleet: 20 items
all 20 items, until 12:00:50
  loop share: 2 or 3 items
  49 of 50 items, until 12:00:50
    ok share
    POST /api/v1/{app}/{target}
  1 of 50 items: fleet[app07].share[to01]
    failed share: no {target}
`
	if got := storyOf(t, run, nil); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFoldIsForMany: a short run is told in full, and so is one without loops.
func TestFoldIsForMany(t *testing.T) {
	run := fleetRun(4, 2, runner.StateDoneWithFailures)
	if newRunFold(run, timeline(run, nil)) != nil {
		t.Error("a short run is folded")
	}
	run = aRun()
	for range 100 {
		run.Events = append(run.Events, run.Events[7])
	}
	if newRunFold(run, timeline(run, nil)) != nil {
		t.Error("a run without loops is folded")
	}
}
