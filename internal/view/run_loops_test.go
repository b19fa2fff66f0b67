package view

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner"
)

// fleetRun is a run over a fleet of which every n-th item fails and is undone.
func fleetRun(items, nth int, end runner.State) *runner.StoredRun {
	run := &runner.StoredRun{Playbook: []byte(fleetPlaybook)}
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
	return compiled(t, fleetPlaybook)
}

const fleetPlaybook = `rekey: 1
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
`

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
		progress := NewProgress(program)
		for _, e := range fleetRun(3, 3, runner.StateDoneWithFailures).Events {
			b.WriteString(progress.Tell(e.Event))
		}
		return nil
	})
	golden(t, "loop-result-undone.txt", func(b *bytes.Buffer) error { return Result(b, fleetRun(2, 1, runner.StateFailed), rollback) })
	golden(t, "loop-result-interrupted.txt", func(b *bytes.Buffer) error { return Result(b, interrupted(12), rollback) })
	golden(t, "loop-show-interrupted.txt", func(b *bytes.Buffer) error { return Show(b, interrupted(2), program, rollback) })
	golden(t, "loop-result-stuck.txt", func(b *bytes.Buffer) error {
		run := interrupted(4)
		run.Events[len(run.Events)-1].State = runner.StateStuck
		run.Events[len(run.Events)-1].Reason = "step fleet[0oa0003].gen: nobody can tell"
		return Result(b, run, rollback)
	})
	golden(t, "loop-result-rolled-back.txt", func(b *bytes.Buffer) error {
		run := fleetRun(2, 2, runner.StateDoneWithFailures)
		for _, e := range []runner.Event{
			{Kind: runner.EvOpened}, {Kind: runner.EvRollback, Reason: "asked for"},
			{Kind: runner.EvUndone, Step: "fleet[0oa0001].activate", Write: &runner.Write{Method: "PUT", Change: &runner.Change{Pointer: "/kid", From: "kid-0001", To: "old-0oa0001"}}},
			{Kind: runner.EvUndone, Step: "fleet[0oa0001].gen"},
			{Kind: runner.EvEnded, State: runner.StateRolledBack},
		} {
			run.Events = append(run.Events, runner.Timed{Time: at, Event: e})
		}
		return Result(b, run, rollback)
	})
	var all bytes.Buffer
	if err := ShowAll(&all, fleetRun(1000, 4, runner.StateDoneWithFailures), program, rollback); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n  - fleet[0oa0004]: ", "\n  - fleet[0oa1000]: ", "\n  app/0oa0999  ", "key kid-1000 of app/0oa1000 stays"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("ShowAll of many lacks %q", want)
		}
	}
}

// interrupted is a run over a fleet that was stopped in the last item but two,
// or in the last.
func interrupted(items int) *runner.StoredRun {
	run := fleetRun(items, 4, runner.StateDoneWithFailures)
	stop := fmt.Sprintf("fleet[0oa%04d].activate", max(items-2, min(items, 2)))
	i := slices.IndexFunc(run.Events, func(e runner.Timed) bool { return e.Step == stop })
	end := runner.Timed{Time: at.Add(time.Hour), Event: runner.Event{Kind: runner.EvEnded, State: runner.StateInterrupted, Reason: "interrupted"}}
	run.Events = append(run.Events[:i:i], end)
	return run
}

// TestSoFar: how far items came is told by their last step, whatever that is.
func TestSoFar(t *testing.T) {
	yes, no := true, false
	happened := &runner.Verdict{Outcome: runner.Happened}
	for name, c := range map[string]struct {
		last   string // what the items of the loop end in
		events []runner.Event
		want   []string
	}{
		"one step": {"thing: {app: $<x>}", []runner.Event{{Kind: runner.EvDone, Step: "l[a]"}, {Kind: runner.EvObserved, Step: "l[b]"}},
			[]string{"l: 1 of 4 items done, 1 part-way, 2 not begun"}},
		"asserted": {"assert: [$<true>, $<true>], thing: {app: $<x>}", []runner.Event{
			{Kind: runner.EvDone, Step: "l[a]"}, {Kind: runner.EvAssertion, Step: "l[a]", Value: &yes}, {Kind: runner.EvAssertion, Step: "l[a]", Index: 1, Value: &yes},
			{Kind: runner.EvDone, Step: "l[b]"}, {Kind: runner.EvAssertion, Step: "l[b]", Value: &yes}, {Kind: runner.EvAssertion, Step: "l[b]", Index: 1, Value: &no}},
			[]string{"l: 1 of 4 items done, 1 part-way, 2 not begun"}},
		"block": {"steps: [{id: s, if: $<true>, thing: {app: a}}, {id: k, if: $<true>, assert: $<true>, steps: [{id: t, thing: {app: b}}]}]", []runner.Event{
			{Kind: runner.EvCondition, Step: "l[a].s", Value: &no}, {Kind: runner.EvCondition, Step: "l[a].k", Value: &no},
			{Kind: runner.EvDone, Step: "l[b].s"}, {Kind: runner.EvCondition, Step: "l[b].k", Value: &yes}, {Kind: runner.EvDone, Step: "l[b].t"},
			{Kind: runner.EvCondition, Step: "l[c].k", Value: &yes}, {Kind: runner.EvRecovered, Step: "l[c].t", Verdict: happened}, {Kind: runner.EvAssertion, Step: "l[c].k", Value: &yes},
			{Kind: runner.EvFailed, Step: "l[d].s"}, {Kind: runner.EvRollback, Step: "l[d]"}},
			[]string{"l: 2 of 4 items done, 1 part-way, 1 failed"}},
		"loop": {"steps: [{id: i, for_each: [p, q], as: y, thing: {app: $<y>}}]", []runner.Event{
			{Kind: runner.EvItems, Step: "l[a].i", Keys: []string{"p", "q"}}, {Kind: runner.EvDone, Step: "l[a].i[p]"}, {Kind: runner.EvDone, Step: "l[a].i[q]"}, {Kind: runner.EvDone, Step: "l[a].i"},
			{Kind: runner.EvItems, Step: "l[b].i", Keys: []string{"p", "q"}}, {Kind: runner.EvDone, Step: "l[b].i[p]"}},
			[]string{"l: 1 of 4 items done, 1 part-way, 2 not begun", "l[…].i: 3 of 4 items done, 1 not begun"}},
	} {
		run := &runner.StoredRun{Playbook: []byte("rekey: 1\nplaybook: p\nversion: 1.0.0\nsteps: [{id: l, for_each: [a, b, c, d], as: x, " + c.last + "}]\n")}
		all := []runner.Event{{Kind: runner.EvCreated, Run: &runner.RunInfo{}}, {Kind: runner.EvItems, Step: "l", Keys: []string{"a", "b", "c", "d"}}}
		all = append(append(all, runner.Event{Kind: runner.EvDone, Step: "before", Write: &runner.Write{}}), c.events...)
		for _, e := range append(all, runner.Event{Kind: runner.EvEnded, State: runner.StateInterrupted}) {
			run.Events = append(run.Events, runner.Timed{Event: e})
		}
		p := &runPage{run: run, summary: run.Summary()}
		if got := p.soFar(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		run.Playbook = nil
		if got := p.soFar(); got != nil {
			t.Errorf("%s: without a playbook it says %q", name, got)
		}
	}
}

// itemEvents are those of two items that fail, each in its way.
func itemEvents() []runner.Event {
	no := false
	not := &runner.Verdict{Outcome: runner.Not}
	return []runner.Event{
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
}

// TestProgressOfOneItem: what happens to one item is told in lines that all
// name it, also where nothing was done, kept, or not known.
func TestProgressOfOneItem(t *testing.T) {
	for name, program := range map[string]*runner.Program{"loop-progress-items.txt": fleetProgram(t), "loop-progress-unnamed.txt": nil} {
		golden(t, name, func(b *bytes.Buffer) error {
			progress := NewProgress(program)
			for _, e := range itemEvents() {
				b.WriteString(progress.Tell(e))
			}
			return nil
		})
	}
}

func TestUndoOfLoop(t *testing.T) {
	program := fleetProgram(t)
	plan := func(run *runner.StoredRun, n int) *runner.StoredRun {
		p := &runner.Plan{}
		run.Plan = p
		for i := range n {
			item := fmt.Sprintf("fleet[0oa%04d]", i+1)
			p.Body.Steps = append(p.Body.Steps, runner.PlannedStep{Step: item + ".gen", Residues: []runner.Residue{
				{Owner: fmt.Sprintf("app/0oa%04d", i+1), Kind: "thing", ID: "$<steps." + item + ".gen.id>", Effect: runner.Added}}})
		}
		return run
	}
	golden(t, "loop-undo.txt", func(b *bytes.Buffer) error {
		return Undo(b, plan(fleetRun(4, 3, runner.StateDoneWithFailures), 4), program)
	})
	golden(t, "loop-undo-many.txt", func(b *bytes.Buffer) error {
		return Undo(b, plan(fleetRun(1000, 3, runner.StateDoneWithFailures), 1000), program)
	})
	golden(t, "loop-undo-unplanned.txt", func(b *bytes.Buffer) error {
		return Undo(b, fleetRun(1000, 3, runner.StateDoneWithFailures), program)
	})
}

// TestUndoKeeps: what the playbook says to leave is said to stay.
func TestUndoKeeps(t *testing.T) {
	program := compiled(t, "rekey: 1\nplaybook: all\nversion: 1.2.3\nsteps:\n  - id: switch\n    rollback: skip\n    thing: {app: a}\n  - id: add\n    thing: {app: b}\n")
	var b bytes.Buffer
	if err := Undo(&b, aRun(), program); err != nil {
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

// TestShowIsShort: of a run over many items what went alike is told as one, what
// went amiss by name; nothing is lost that -v shows.
func TestShowIsShort(t *testing.T) {
	const rollback = "rekey rollback r1 --state-dir s"
	program := fleetProgram(t)
	for name, nth := range map[string]int{"loop-show-many.txt": 0, "loop-show-many-failed.txt": 300} {
		end := runner.StateDone
		if nth > 0 {
			end = runner.StateDoneWithFailures
		}
		run := fleetRun(1000, nth, end)
		golden(t, name, func(b *bytes.Buffer) error { return Show(b, run, program, rollback) })
		markdown := runMarkdownOf(t, NewReport(run, program, rollback))
		for _, want := range []string{"- 12:00:00 **started**\n", "- 12:00:04 *", "\n  - **again** gen: Okta is busy", "\n    - POST `/api/v1/apps/{app}/keys`\n  - **ok** activate: ", "- `{app}` stands for an item's key, ", "\n<summary>Changed ("} {
			if !strings.Contains(markdown, want) {
				t.Errorf("the Markdown lacks %q:\n%s", want, markdown[strings.Index(markdown, "#### Timeline"):])
			}
		}
		var short, all bytes.Buffer
		if err := errors.Join(Show(&short, run, program, rollback), ShowAll(&all, run, program, rollback)); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(short.String(), "\n"); n > 60 {
			t.Errorf("%s has %d lines, more than 60", name, n)
		}
		if n := strings.Count(all.String(), "\n"); n < 5000 {
			t.Errorf("all of it has %d lines", n)
		}
	}
}
