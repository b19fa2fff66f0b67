package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner"
)

// fleetRun is a run over a fleet of which every n-th item fails and is undone.
func fleetRun(items, nth int, end runner.State) *runner.StoredRun {
	run := &runner.StoredRun{}
	add := func(e runner.Event) {
		run.Events = append(run.Events, runner.Timed{Time: at.Add(time.Duration(len(run.Events)) * time.Second), Event: e})
	}
	add(runner.Event{Kind: runner.EvCreated, Run: &runner.RunInfo{ID: "r1", Format: 1, Tool: "rekey test", Who: "ada@host", Playbook: "rotate-fleet",
		Version: "1.0.0", Org: "https://x.okta.com", OnFailure: "keep", StartedAt: at}})
	var keys []string
	var list []any
	for i := range items {
		keys = append(keys, fmt.Sprintf("0oa%04d", i+1))
		list = append(list, keys[i])
	}
	add(runner.Event{Kind: runner.EvItems, Step: "fleet", Keys: keys, Items: list})
	failed := 0
	for i, key := range keys {
		item, owner := "fleet["+key+"]", "app/"+key
		gen, activate := item+".gen", item+".activate"
		kid := fmt.Sprintf("kid-%04d", i+1)
		for _, step := range []string{gen, activate} {
			add(runner.Event{Kind: runner.EvInputs, Step: step, In: map[string]any{"app": key}, Claims: []string{owner}})
			add(runner.Event{Kind: runner.EvObserved, Step: step})
			if step == gen {
				add(runner.Event{Kind: runner.EvFailed, Step: step, Error: "Okta is busy", Again: &runner.Again{Tried: 1, After: "2s"}})
				add(runner.Event{Kind: runner.EvObserved, Step: step})
				add(runner.Event{Kind: runner.EvDone, Step: step, Out: map[string]any{"id": kid}, Write: &runner.Write{Method: "POST", Path: "/api/v1/apps/" + key + "/keys"}})
			}
		}
		if nth > 0 && i%nth == nth-1 {
			failed++
			add(runner.Event{Kind: runner.EvFailed, Step: activate, Error: "refused for " + key})
			add(runner.Event{Kind: runner.EvRollback, Step: item, Reason: "step " + activate + ": refused for " + key})
			add(runner.Event{Kind: runner.EvUndone, Step: gen, Residues: []runner.Residue{{Owner: owner, Kind: "key", ID: kid, Effect: runner.Added, Note: "it is harmless"}}})
			continue
		}
		add(runner.Event{Kind: runner.EvDone, Step: activate, Out: map[string]any{"id": kid}, Write: &runner.Write{Method: "PUT", Path: "/api/v1/apps/" + key,
			Change: &runner.Change{Pointer: "/kid", From: "old-" + key, To: kid}}})
	}
	if end == runner.StateFailed {
		add(runner.Event{Kind: runner.EvFailed, Step: "fleet", Error: fmt.Sprintf("%d of %d items failed (max_failures is 1); fleet[%s]: and so on", failed, items, keys[nth-1])})
		add(runner.Event{Kind: runner.EvEnded, State: end, Reason: "fleet failed"})
		return run
	}
	add(runner.Event{Kind: runner.EvDone, Step: "fleet", Out: map[string]any{"total": items, "failed": failed}})
	add(runner.Event{Kind: runner.EvOutputs, Values: map[string]any{"total": items}})
	add(runner.Event{Kind: runner.EvEnded, State: end})
	return run
}

// fleetProgram is the program of those runs.
func fleetProgram(t *testing.T) *runner.Program {
	return compiled(t, `rekey: 1
playbook: all
version: 1.2.3
inputs: {apps: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.apps>
    as: app
    concurrency: 4
    batches: [1, 100%]
    max_failures: 2
    steps:
      - id: gen
        retry: {attempts: 2}
        thing: {app: $<app>}
      - id: activate
        thing: {app: $<app>}
`)
}

func TestRunOfLoop(t *testing.T) {
	const rollback = "rekey rollback r1 --state-dir s"
	program := fleetProgram(t)
	tolerated := fleetRun(6, 3, runner.StateDoneWithFailures)
	golden(t, "loop-result.txt", func(b *bytes.Buffer) error { return Result(b, tolerated, rollback) })
	golden(t, "loop-show.txt", func(b *bytes.Buffer) error { return Show(b, tolerated, program, rollback) })
	golden(t, "loop-result-failed.txt", func(b *bytes.Buffer) error { return Result(b, fleetRun(4, 2, runner.StateFailed), rollback) })
	golden(t, "loop-result-many.txt", func(b *bytes.Buffer) error {
		return Result(b, fleetRun(1000, 4, runner.StateDoneWithFailures), rollback)
	})
	golden(t, "loop-progress.txt", func(b *bytes.Buffer) error {
		watch := NewProgress(program).Watch(b)
		for _, e := range fleetRun(3, 3, runner.StateDoneWithFailures).Events {
			watch(e.Event)
		}
		return nil
	})
	golden(t, "loop-result-undone.txt", func(b *bytes.Buffer) error { return Result(b, fleetRun(2, 1, runner.StateFailed), rollback) })
	var all bytes.Buffer
	if err := Show(&all, fleetRun(1000, 4, runner.StateDoneWithFailures), program, rollback); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n  - fleet[0oa0004]: ", "\n  - fleet[0oa1000]: ", "\n  app/0oa0999  ", "key kid-1000 of app/0oa1000 stays"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("Show of many lacks %q", want)
		}
	}
}

// TestProgressOfOneItem: what happens to one item is told in lines that all
// name it, also where nothing was done, kept, or not known.
func TestProgressOfOneItem(t *testing.T) {
	no := false
	not := &runner.Verdict{Outcome: runner.Not}
	events := []runner.Event{
		{Kind: runner.EvItems, Step: "fleet", Keys: []string{"a", "b"}, Items: []any{"a", "b"}},
		{Kind: runner.EvFailed, Step: "fleet[a].gen", Error: "no"},
		{Kind: runner.EvRollback, Step: "fleet[a]", Reason: "step fleet[a].gen: no"},
		{Kind: runner.EvObserved, Step: "fleet[b].gen"},
		{Kind: runner.EvUnknown, Step: "fleet[b].gen", Error: "cut off", Write: &runner.Write{Method: "POST"}},
		{Kind: runner.EvRecovered, Step: "fleet[b].gen", Verdict: not, Again: &runner.Again{Tried: 1, After: "1s"}},
		{Kind: runner.EvObserved, Step: "fleet[b].gen"},
		{Kind: runner.EvDone, Step: "fleet[b].gen", Out: map[string]any{"id": "x"}, Write: &runner.Write{Method: "POST"}},
		{Kind: runner.EvAssertion, Step: "fleet[b].gen", Value: &no, Reason: "it is not so", Again: &runner.Again{Tried: 2, After: "4s"}},
		{Kind: runner.EvObserved, Step: "fleet[b].activate"},
		{Kind: runner.EvUnknown, Step: "fleet[b].activate", Error: "cut off", Write: &runner.Write{Method: "PUT"}},
		{Kind: runner.EvFailed, Step: "fleet[b]", Error: "its assertion"},
		{Kind: runner.EvRollback, Step: "fleet[b]", Reason: "its assertion"},
		{Kind: runner.EvRecovered, Step: "fleet[b].activate", Verdict: not},
		{Kind: runner.EvKept, Step: "fleet[b].gen"},
		{Kind: runner.EvFailed, Step: "fleet", Error: "2 of 2 items failed (max_failures is 0); fleet[a]: no"},
		{Kind: runner.EvDone, Step: "fleet", Out: map[string]any{"total": 2, "failed": 0}},
	}
	for name, program := range map[string]*runner.Program{"loop-progress-items.txt": fleetProgram(t), "loop-progress-unnamed.txt": nil} {
		golden(t, name, func(b *bytes.Buffer) error {
			watch := NewProgress(program).Watch(b)
			for _, e := range events {
				watch(e)
			}
			return nil
		})
	}
}

func TestUndoOfLoop(t *testing.T) {
	program := fleetProgram(t)
	plan := func(n int) *runner.Plan {
		p := &runner.Plan{}
		for i := range n {
			item := fmt.Sprintf("fleet[0oa%04d]", i+1)
			p.Body.Steps = append(p.Body.Steps, runner.PlannedStep{Step: item + ".gen", Residues: []runner.Residue{
				{Owner: fmt.Sprintf("app/0oa%04d", i+1), Kind: "thing", ID: "$<steps." + item + ".gen.id>", Effect: runner.Added}}})
		}
		return p
	}
	golden(t, "loop-undo.txt", func(b *bytes.Buffer) error {
		return Undo(b, fleetRun(4, 3, runner.StateDoneWithFailures), program, plan(4))
	})
	golden(t, "loop-undo-many.txt", func(b *bytes.Buffer) error {
		return Undo(b, fleetRun(1000, 3, runner.StateDoneWithFailures), program, plan(1000))
	})
	golden(t, "loop-undo-unplanned.txt", func(b *bytes.Buffer) error {
		return Undo(b, fleetRun(1000, 3, runner.StateDoneWithFailures), program, nil)
	})
}

// TestUndoKeeps: what the playbook says to leave is said to stay.
func TestUndoKeeps(t *testing.T) {
	program := compiled(t, "rekey: 1\nplaybook: all\nversion: 1.2.3\nsteps:\n  - id: switch\n    rollback: skip\n    thing: {app: a}\n  - id: add\n    thing: {app: b}\n")
	var b bytes.Buffer
	if err := Undo(&b, aRun(), program, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "  keep  switch: ") || strings.Contains(b.String(), "undo  switch") {
		t.Errorf("got\n%s", b.String())
	}
}

func TestRunsOfMany(t *testing.T) {
	var b bytes.Buffer
	if err := Runs(&b, []runner.Summary{fleetRun(1000, 0, runner.StateDone).Summary()}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "app/0oa0001, app/0oa0002, app/0oa0003 … (1,000 in all)\n") {
		t.Errorf("got\n%s", b.String())
	}
}

// TestKeptResidue: an effect that is left on purpose is told as such.
func TestKeptResidue(t *testing.T) {
	for want, r := range map[string]runner.Residue{
		"what update_app_kid did to app/a is kept (rollback: skip)": {Owner: "app/a", Kind: "update_app_kid", Effect: runner.Kept, Note: "rollback: skip"},
		"what export_certificate did is kept":                       {Kind: "export_certificate", Effect: runner.Kept},
	} {
		if got := residue(r); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
