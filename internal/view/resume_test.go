package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner"
)

// taken is a run as its record leaves it.
type taken struct {
	*runner.StoredRun
	program *runner.Program
}

// recorded is a run of a playbook with these events.
func recorded(t *testing.T, playbook string, plan *runner.Plan, onFailure string, events ...runner.Event) taken {
	run := taken{&runner.StoredRun{Playbook: []byte(playbook), Plan: plan}, compiled(t, playbook)}
	run.add(runner.Event{Kind: runner.EvCreated, Run: &runner.RunInfo{ID: "r1", Format: 1, Playbook: "all", Version: "1.2.3",
		Org: "https://x.okta.com", OnFailure: onFailure, StartedAt: at, Inputs: map[string]any{}}}, runner.Event{Kind: runner.EvVars})
	run.add(events...)
	return run
}

func (r taken) add(events ...runner.Event) {
	for _, e := range events {
		r.Events = append(r.Events, runner.Timed{Time: at.Add(time.Duration(len(r.Events)) * time.Second), Event: e})
	}
}

// began is a step up to what its action saw.
func began(step, app string) []runner.Event {
	return []runner.Event{
		{Kind: runner.EvInputs, Step: step, In: map[string]any{"app": app}, Claims: []string{"app/" + app}},
		{Kind: runner.EvObserved, Step: step},
	}
}

// did is a step that is done.
func did(step, app, id string) []runner.Event {
	return append(began(step, app), runner.Event{Kind: runner.EvDone, Step: step, Out: map[string]any{"id": id}, Write: &runner.Write{Method: "POST", Path: "/api/v1/x"}})
}

func (r taken) resumed(t *testing.T, decisions ...runner.Decision) func(*bytes.Buffer) error {
	t.Helper()
	m, err := r.Machine(r.program)
	if err != nil {
		t.Fatal(err)
	}
	return func(b *bytes.Buffer) error { return Resume(b, r.StoredRun, r.program, m, decisions) }
}

const threePlaybook = "rekey: 1\nplaybook: all\nversion: 1.2.3\nsteps:\n  - id: make\n    thing: {app: a}\n  - id: switch\n    thing: {app: $<steps.make.id>}\n  - id: last\n    thing: {app: b}\n"

// threePlan is the plan of that playbook.
func threePlan() *runner.Plan {
	post, put := &runner.Write{Method: "POST", Path: "/api/v1/x"}, &runner.Write{Method: "PUT", Path: "/api/v1/apps/a",
		Change: &runner.Change{Pointer: "/kid", From: "old", To: "$<steps.make.id>"}}
	return &runner.Plan{Body: runner.PlanBody{Steps: []runner.PlannedStep{
		{Step: "make", Type: "thing", Action: true, Change: "make $<steps.make.id> for app/a", Write: post,
			Residues: []runner.Residue{{Owner: "app/a", Kind: "thing", ID: "$<steps.make.id>", Effect: runner.Added}}},
		{Step: "switch", Type: "thing", Action: true, Change: "app/a uses $<steps.make.id>", Write: put, Notice: "people notice"},
		{Step: "last", Type: "thing", Action: true, Change: "write it down", Write: &runner.Write{Method: "CREATE", Path: "x.pem"}},
	}}}
}

func TestResume(t *testing.T) {
	three := func(onFailure string, events ...[]runner.Event) taken {
		run := recorded(t, threePlaybook, threePlan(), onFailure)
		for _, some := range events {
			run.add(some...)
		}
		return run
	}
	event := func(e runner.Event) []runner.Event { return []runner.Event{e} }
	doubt := func(step string) []runner.Event {
		return []runner.Event{
			{Kind: runner.EvUnknown, Step: step, Error: "no answer"},
			{Kind: runner.EvRecovered, Step: step, Verdict: &runner.Verdict{Outcome: runner.Ambiguous, Reason: "there are two", Candidates: []string{"p", "q"}, Creates: true}},
			{Kind: runner.EvEnded, State: runner.StateStuck, Reason: "step " + step + ": nobody can tell whether its write happened: there are two"},
		}
	}
	failed := event(runner.Event{Kind: runner.EvFailed, Step: "last", Error: "refused"})
	asked := event(runner.Event{Kind: runner.EvRollback, Reason: "step last failed"})
	golden(t, "resume-begun.txt", three("rollback").resumed(t))
	golden(t, "resume-in-flight.txt", three("rollback", did("make", "a", "k1"), began("switch", "k1")).resumed(t))
	golden(t, "resume-lost.txt", three("rollback", did("make", "a", "k1"), began("switch", "k1"),
		event(runner.Event{Kind: runner.EvUnknown, Step: "switch", Error: "no answer"}), event(runner.Event{Kind: runner.EvEnded, State: runner.StateInterrupted})).resumed(t))
	golden(t, "resume-noticed.txt", three("rollback", did("make", "a", "k1"), did("switch", "k1", "k1")).resumed(t))
	golden(t, "resume-over.txt", three("rollback", did("make", "a", "k1"), did("switch", "k1", "k1"), did("last", "b", "k2")).resumed(t))
	golden(t, "resume-stuck.txt", three("rollback", began("make", "a"), doubt("make")).resumed(t))
	golden(t, "resume-adopt.txt", three("rollback", began("make", "a"), doubt("make")).resumed(t, runner.Decision{Step: "make", Say: runner.SayAdopt, ID: "p"}))
	golden(t, "resume-not-done.txt", three("rollback", began("make", "a"), doubt("make")).resumed(t, runner.Decision{Step: "make", Say: runner.SayNotDone}))
	golden(t, "resume-failed.txt", three("rollback", did("make", "a", "k1"), did("switch", "k1", "k1"), began("last", "b"), failed).resumed(t))
	golden(t, "resume-failed-keep.txt", three("keep", did("make", "a", "k1"), did("switch", "k1", "k1"), began("last", "b"), failed).resumed(t))
	golden(t, "resume-rollback.txt", three("rollback", did("make", "a", "k1"), did("switch", "k1", "k1"), began("last", "b"), failed, asked,
		event(runner.Event{Kind: runner.EvUndone, Step: "switch"})).resumed(t))

	words := three("rollback")
	no, yes := false, true
	words.Plan.Body.Steps = append(words.Plan.Body.Steps, runner.PlannedStep{Step: "look", Type: "get_app"},
		runner.PlannedStep{Step: "not", Type: "thing", Action: true, Condition: &no}, runner.PlannedStep{Step: "block", Type: "steps", Condition: &yes},
		runner.PlannedStep{Step: "same", Type: "thing", Action: true, Unchanged: true, Change: "make it"},
		runner.PlannedStep{Step: "fails", Type: "thing", Action: true, Failure: "no\x1b"})
	golden(t, "resume-words.txt", words.resumed(t))

	run := three("rollback", did("make", "a", "k1"), began("switch", "k1"))
	run.Plan = nil
	golden(t, "resume-unplanned.txt", run.resumed(t))
}

const thingsPlaybook = `rekey: 1
playbook: all
version: 1.2.3
steps:
  - id: first
    thing: {app: a}
  - id: fleet
    for_each: [%s]
    as: app
    concurrency: 2
    max_failures: %d
    steps:
      - id: gen
        thing: {app: $<app>}
      - id: use
        thing: {app: $<app>}
  - id: last
    thing: {app: a}
`

// things is a run over items, and its plan: of some an item is done, one is
// part-way with a write in flight, one failed and is not undone yet.
func things(t *testing.T, n, most int) taken {
	plan := &runner.Plan{}
	step := func(name, loop, key, app string) {
		plan.Body.Steps = append(plan.Body.Steps, runner.PlannedStep{Step: name, Loop: loop, Item: key, Type: "thing", Action: true,
			Change: "make $<steps." + name + ".id> for app/" + app, Notice: map[bool]string{true: "they notice"}[strings.HasSuffix(name, ".use")],
			Write: &runner.Write{Method: "POST", Path: "/api/v1/apps/" + app}})
	}
	var keys []string
	var list []any
	for i := range n {
		keys = append(keys, fmt.Sprintf("0oa%04d", i+1))
		list = append(list, keys[i])
	}
	step("first", "", "", "a")
	for _, key := range keys {
		step("fleet["+key+"].gen", "fleet", key, key)
		step("fleet["+key+"].use", "fleet", key, key)
	}
	step("last", "", "", "a")
	plan.Body.Loops = []runner.PlannedLoop{{Step: "fleet", As: "app", Items: keys, Concurrency: 2, MaxFailures: most}}
	run := recorded(t, fmt.Sprintf(thingsPlaybook, strings.Join(keys, ", "), most), plan, "rollback")
	run.add(did("first", "a", "k0")...)
	run.add(runner.Event{Kind: runner.EvItems, Step: "fleet", Keys: keys, Items: list})
	run.add(did("fleet[0oa0001].gen", "0oa0001", "k1")...)
	run.add(did("fleet[0oa0001].use", "0oa0001", "k1")...)
	run.add(did("fleet[0oa0002].gen", "0oa0002", "k2")...)
	run.add(did("fleet[0oa0003].gen", "0oa0003", "k3")...)
	run.add(began("fleet[0oa0002].use", "0oa0002")...)
	run.add(began("fleet[0oa0003].use", "0oa0003")...)
	run.add(runner.Event{Kind: runner.EvFailed, Step: "fleet[0oa0003].use", Error: "refused"})
	return run
}

func TestResumeOfLoop(t *testing.T) {
	golden(t, "loop-resume.txt", things(t, 5, 1).resumed(t))
	golden(t, "loop-resume-many.txt", things(t, 40, 1).resumed(t))
	stopped := things(t, 5, 0)
	stopped.add(runner.Event{Kind: runner.EvRollback, Step: "fleet[0oa0003]", Reason: "refused"}, runner.Event{Kind: runner.EvUndone, Step: "fleet[0oa0003].gen"})
	golden(t, "loop-resume-stopped.txt", stopped.resumed(t))
}

// TestDoubtOfAnUndo: of a write whose undo was given up a rollback is told what
// became of it, also where the run can be gone on with.
func TestDoubtOfAnUndo(t *testing.T) {
	run := aRun()
	ambiguous := &runner.Verdict{Outcome: runner.Ambiguous, Reason: "there are two"}
	for _, e := range []runner.Event{
		{Kind: runner.EvRecovered, Step: "fleet[a].gen", Verdict: ambiguous}, {Kind: runner.EvUndoFail, Step: "fleet[a].gen"},
		{Kind: runner.EvRecovered, Step: "fleet[b].gen", Verdict: ambiguous}, {Kind: runner.EvEnded, State: runner.StateStuck},
	} {
		run.Events = append(run.Events, runner.Timed{Time: at, Event: e})
	}
	var b bytes.Buffer
	if err := Result(&b, run, "rekey rollback r1"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"it did not:     rekey rollback r1 --not-done 'fleet[a].gen'\n", "it did not:     rekey resume r1 --not-done 'fleet[b].gen'\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %q\n%s", want, b.String())
		}
	}
}

// TestChangedAfterKill: what a write changed that was found after its process
// had ended is told by the plan.
func TestChangedAfterKill(t *testing.T) {
	run := recorded(t, threePlaybook, threePlan(), "rollback", append(did("make", "a", "k1"), began("switch", "k1")...)...)
	run.add(runner.Event{Kind: runner.EvOpened}, runner.Event{Kind: runner.EvRecovered, Step: "switch", Out: map[string]any{"id": "k1"}, Verdict: &runner.Verdict{Outcome: runner.Happened}})
	result := func() string {
		var b bytes.Buffer
		if err := Result(&b, run.StoredRun, ""); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got, want := result(), "Changed  app/k1 /kid\n  before  old\n  after   k1\n"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	undo := runner.Event{Kind: runner.EvUndone, Step: "switch", Write: &runner.Write{Method: "PUT", Change: &runner.Change{Pointer: "/kid", From: "k1", To: "old"}}}
	run.add(runner.Event{Kind: runner.EvRollback}, undo)
	for _, plan := range []*runner.Plan{run.Plan, nil} {
		if run.Plan = plan; strings.Contains(result(), "Changed") {
			t.Errorf("what was put back is said to be changed\n%s", result())
		}
	}
}

// TestNotDoneAfterKill: of a process that ended before its write left the write
// follows; that is no failure.
func TestNotDoneAfterKill(t *testing.T) {
	not := runner.Event{Kind: runner.EvRecovered, Step: "make", Verdict: &runner.Verdict{Outcome: runner.Not}}
	for want, events := range map[string][]runner.Event{
		"  not done   make: its write had not happened; it is carried out now\n": append(began("make", "a"), not),
		"  failed     make: its write did not happen\n":                          append(began("make", "a"), runner.Event{Kind: runner.EvUnknown, Step: "make"}, not),
	} {
		var b bytes.Buffer
		progress := NewProgress(toy(t))
		for _, e := range events {
			b.WriteString(progress.Tell(e))
		}
		if !strings.HasSuffix(b.String(), want) {
			t.Errorf("got\n%swant\n%s", b.String(), want)
		}
	}
}
