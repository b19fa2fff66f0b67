package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fleet is a loop over the things of an input.
const fleet = `
inputs: {names: {type: list(string)}}
steps:
  - id: first
    put: {name: shared, value: early}
  - id: fleet
    for_each: $<inputs.names>
    as: name
    concurrency: 3
    %s
    steps:
      - id: mark
        put: {name: $<name>, value: "$<steps.first.value>-$<name>"}
      - id: more
        put: {name: "$<name>2", value: $<steps.mark.value>}
  - id: after
    if: $<steps.fleet.total > 0>
    put: {name: count, value: "$<steps.fleet.total - steps.fleet.failed> of $<steps.fleet.total>"}
outputs: {failed: $<steps.fleet.failed>}
`

func names(n int) (list []any) {
	for i := range n {
		list = append(list, fmt.Sprintf("t%02d", i))
	}
	return list
}

// overFleet runs the loop, with writes that take a moment.
func overFleet(t *testing.T, w *world, options string, n int) (*live, *Machine) {
	t.Helper()
	l, p := newLive(t, w), program(t, w.catalogue(t), fmt.Sprintf(fleet, options))
	return l, l.runSlowly(t, p, map[string]any{"names": names(n)})
}

func TestLoop(t *testing.T) {
	w := newWorld(nil)
	_, m := overFleet(t, w, "", 0)
	if m.State() != StateDone || len(w.things) != 1 {
		t.Errorf("over no items: %s, %v", m.State(), w.things)
	}
	w = newWorld(nil)
	_, m = overFleet(t, w, "", 20)
	if m.State() != StateDone || w.things["t19"] != "early-t19" || w.things["t072"] != "early-t07" || w.things["count"] != "20 of 20" {
		t.Errorf("%s, %v", m.State(), w.things)
	}
	if w.most != 3 {
		t.Errorf("%d were at work at a time, want 3", w.most)
	}
	if n := m.nodes["fleet[t07].more"]; n == nil || m.program.Step(n.name) != n.step {
		t.Error("the step of an item has no name of its own")
	}
}

func TestLoopFailures(t *testing.T) {
	fail := func(w *world, names ...string) {
		for _, name := range names {
			w.faults["put "+name+"2=early-"+name] = refused
		}
	}
	t.Run("tolerated", func(t *testing.T) {
		w := newWorld(map[string]string{"t03": "old"})
		fail(w, "t03", "t08", "t11")
		l, m := overFleet(t, w, "max_failures: 3", 20)
		if m.State() != StateDoneWithFailures || w.things["count"] != "17 of 20" || m.Outputs()["failed"] == nil {
			t.Errorf("%s, %v", m.State(), w.things)
		}
		for _, name := range []string{"t08", "t11", "t082"} {
			if v, ok := w.things[name]; ok {
				t.Errorf("%s is %s, was not there before", name, v)
			}
		}
		if w.things["t03"] != "old" || w.things["t04"] != "early-t04" {
			t.Errorf("t03 is %s, t04 %s", w.things["t03"], w.things["t04"])
		}
		run, err := l.ReadRun("r1")
		if err != nil {
			t.Fatal(err)
		}
		s := run.Summary()
		if len(s.Failures) != 3 || s.State != StateDoneWithFailures || s.Reason != "" ||
			!strings.HasPrefix(s.Failures[0].Item, "fleet[t") || !strings.Contains(s.Failures[0].Message, ".more: no answer") {
			t.Errorf("%+v", s)
		}
		if m := l.rollback(m.program); m.State() != StateRolledBack || len(w.things) != 1 {
			t.Errorf("%s, %v", m.State(), w.things)
		}
	})
	t.Run("too many", func(t *testing.T) {
		w := newWorld(nil)
		fail(w, "t03", "t08")
		_, m := overFleet(t, w, "max_failures: 1", 20)
		step, why := m.Failure()
		if m.State() != StateRolledBack || len(w.things) != 0 || step != "fleet" {
			t.Errorf("%s at %s, %v", m.State(), step, w.things)
		}
		if !strings.HasPrefix(why, "2 of 20 items failed, ") || !strings.Contains(why, "(max_failures is 1); fleet[t") {
			t.Error(why)
		}
		if w.sent["fleet[t15].mark: put t15=early-t15"] > 0 {
			t.Error("items began after the last failure that was tolerated")
		}
	})
	t.Run("kept", func(t *testing.T) {
		w := newWorld(nil)
		fail(w, "t03")
		l, p := newLive(t, w), program(t, w.catalogue(t), "on_failure: keep\n"+strings.TrimLeft(fmt.Sprintf(fleet, ""), "\n"))
		m := l.run(context.Background(), p, map[string]any{"names": names(5)})
		if m.State() != StateFailed || !m.Remains() || w.things["t03"] != "" || w.things["t00"] != "early-t00" {
			t.Errorf("%s, %v", m.State(), w.things)
		}
	})
}

func TestBatches(t *testing.T) {
	for _, test := range []struct {
		batches []Batch
		total   int
		want    []int
	}{
		{[]Batch{{1, false}, {10, true}, {100, true}}, 30, []int{1, 4, 30}},
		{[]Batch{{10, true}}, 25, []int{3, 6, 9, 12, 15, 18, 21, 24, 25}},
		{[]Batch{{5, false}}, 3, []int{3}},
		{[]Batch{{1, true}}, 0, nil},
		{nil, 7, []int{7}},
	} {
		if got := (&Loop{Batches: test.batches}).bounds(test.total); !slices.Equal(got, test.want) {
			t.Errorf("%v of %d: %v, want %v", test.batches, test.total, got, test.want)
		}
	}
	w := newWorld(nil)
	w.faults["put t002=early-t00"] = refused
	_, m := overFleet(t, w, "batches: [1, 10%, 100%]\n    max_failures: 5", 30)
	_, why := m.Failure()
	if m.State() != StateRolledBack || len(w.things) != 0 || !strings.Contains(why, "1 of 30 items failed, 29 did not begin (every item of batch 1 failed)") {
		t.Errorf("%s, %s, %v", m.State(), why, w.things)
	}
	w = newWorld(nil)
	if _, m = overFleet(t, w, "batches: [1, 10%, 100%]", 30); m.State() != StateDone || w.most != 3 {
		t.Errorf("%s, %d at a time", m.State(), w.most)
	}
}

// A batch begins when the one before is over, and not when items become free.
func TestBatchesDoNotMix(t *testing.T) {
	w := newWorld(nil)
	l, _ := overFleet(t, w, "batches: [2]", 6)
	batch := 0
	for _, e := range l.events {
		key, isItem := strings.CutPrefix(strings.Split(e.Step, "]")[0], "fleet[t0")
		if !isItem {
			continue
		}
		of := int(key[0]-'0') / 2
		if of < batch {
			t.Errorf("%s of %s after batch %d had begun", e.Kind, e.Step, batch+1)
		}
		batch = max(batch, of)
	}
	if batch != 2 {
		t.Errorf("%d batches began", batch+1)
	}
}

// However many items are under way, what has a claim in common does not
// overlap.
func TestCommonClaims(t *testing.T) {
	w := newWorld(map[string]string{"hub": "0"})
	l, p := newLive(t, w), program(t, w.catalogue(t), `
inputs: {names: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.names>
    as: name
    concurrency: 10
    put: {name: hub, value: $<name>}
`)
	m := l.runSlowly(t, p, map[string]any{"names": names(30)})
	if m.State() != StateDone || len(w.overlaps) > 0 || w.most != 1 {
		t.Errorf("%s, %d at a time, overlaps %v", m.State(), w.most, w.overlaps)
	}
	if m := l.rollback(p); m.State() != StateRolledBack || w.things["hub"] != "0" {
		t.Errorf("%s, %v", m.State(), w.things)
	}
}

func TestNestedLoops(t *testing.T) {
	w := newWorld(nil)
	l, p := newLive(t, w), program(t, w.catalogue(t), `
vars:
  teams: [{id: red, size: 2, apps: [a, b]}, {id: blue, size: 1, apps: [c]}]
steps:
  - id: outer
    for_each: $<vars.teams>
    as: team
    concurrency: 2
    assert: $<(steps.own?.total ?? 0) == team.size>
    steps:
      - id: flag
        put: {name: $<team.id>, value: flagged}
      - id: group
        if: $<team.size > 0>
        steps:
          - id: own
            for_each: $<team.apps>
            as: app
            put: {name: "$<team.id>/$<app>", value: "$<app> after $<steps.flag.value>"}
            assert: $<steps.own.value contains app>
`)
	m := l.run(context.Background(), p, nil)
	if m.State() != StateDone || w.things["red/b"] != "b after flagged" || w.things["blue/c"] != "c after flagged" {
		t.Errorf("%s, %v: %v", m.State(), m.failure, w.things)
	}
	if m.nodes["outer[red].own[b]"] == nil || m.nodes["outer[blue].flag"] == nil {
		t.Error("the names of nested items are missing")
	}
}

func TestItemsThatCannotBeToldApart(t *testing.T) {
	const body = `
inputs: {names: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.names>
    as: name
    put: {name: $<name>, value: v}
`
	for _, test := range []struct {
		names []any
		want  string
	}{
		{[]any{"a", "b", "a"}, "items 1 and 3 have the same key a"},
		{[]any{"a", " "}, "item 2 has no key"},
	} {
		w := newWorld(nil)
		l, p := newLive(t, w), program(t, w.catalogue(t), body)
		m := l.run(context.Background(), p, map[string]any{"names": test.names})
		if _, why := m.Failure(); m.State() != StateFailed || !strings.Contains(why, test.want) || len(w.things) > 0 {
			t.Errorf("%v: %s, %q", test.names, m.State(), why)
		}
	}
	w := newWorld(nil)
	l, p := newLive(t, w), program(t, w.catalogue(t), body)
	m := l.run(context.Background(), p, map[string]any{"names": []any{"a b", `c]."d`, "e"}})
	for _, name := range []string{`fleet["a b"]`, `fleet["c].\"d"]`, "fleet[e]"} {
		if m.nodes[name] == nil || p.Step(name) == nil || !p.Step(name).Leaf() {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestRetry(t *testing.T) {
	const body = `
steps:
  - id: set
    put: {name: a, value: b}
    retry: {attempts: 3, delay: 2s, max_delay: 3s}
`
	for _, test := range []struct {
		fault fault
		state State
		sent  int
		waits string
	}{
		{refused, StateFailed, 3, "1 after 2s, 2 after 3s"},
		{never, StateFailed, 3, "1 after 2s, 2 after 3s"},
		{lost, StateDone, 1, ""},
		{garbled, StateRolledBack, 1, ""},
		{muddled, StateRolledBack, 1, ""},
	} {
		w := newWorld(nil)
		w.faults["put a=b"] = test.fault
		l, p := newLive(t, w), program(t, w.catalogue(t), body)
		m := l.run(context.Background(), p, nil)
		var waits []string
		for _, e := range l.events {
			if e.Again != nil {
				waits = append(waits, fmt.Sprintf("%d after %s", e.Again.Tried, e.Again.After))
			}
		}
		if m.State() != test.state || w.sent["set: put a=b"] != test.sent || strings.Join(waits, ", ") != test.waits {
			t.Errorf("%s: %s, sent %v, %v", test.fault, m.State(), w.sent, waits)
		}
	}
	w := newWorld(nil)
	w.faults[""] = refused
	w.wrote = func() { w.faults[""] = "" }
	l, p := newLive(t, w), program(t, w.catalogue(t), body)
	m := l.run(context.Background(), p, nil)
	run, _ := l.ReadRun("r1")
	if m.State() != StateDone || w.things["a"] != "b" || run.Summary().Reason != "" {
		t.Errorf("%s, %v, %+v", m.State(), w.things, run.Summary())
	}
}

// Another try is for what the first one saw: what somebody else changed in
// between is not overwritten.
func TestRetryAfterAForeignChange(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	w.faults["put a=b"] = refused
	w.wrote = func() { w.things["a"] = "foreign"; delete(w.faults, "put a=b") }
	l, p := newLive(t, w), program(t, w.catalogue(t), "steps: [{id: s, put: {name: a, value: b}, retry: {attempts: 5}}]\n")
	m := l.run(context.Background(), p, nil)
	if _, why := m.Failure(); m.State() != StateFailed || w.things["a"] != "foreign" || !strings.Contains(why, "somebody else changed") {
		t.Errorf("%s, %s, %v", m.State(), why, w.things)
	}
}

// A query is asked again until what is asserted holds; an action is not done
// again for that.
func TestRetryOfAssertions(t *testing.T) {
	w := newWorld(map[string]string{"a": "1"})
	l := newLive(t, w)
	l.Clock.Sleep = func(context.Context, time.Duration) error { w.things["a"] += "1"; return nil }
	p := program(t, w.catalogue(t), `
steps:
  - id: poll
    look: {name: a}
    assert: $<steps.poll.size == 4>
    retry: {attempts: 9}
`)
	if m := l.run(context.Background(), p, nil); m.State() != StateDone || w.things["a"] != "1111" {
		t.Errorf("%s, %v", m.State(), w.things)
	}
	w = newWorld(nil)
	l, p = newLive(t, w), program(t, w.catalogue(t), `
steps:
  - id: set
    put: {name: a, value: b}
    assert: $<steps.set.value == "c">
    retry: {attempts: 9}
`)
	if m := l.run(context.Background(), p, nil); m.State() != StateRolledBack || w.sent["set: put a=b"] != 1 || len(w.things) != 0 {
		t.Errorf("%s, %v", m.State(), w.sent)
	}
}

// A write that its timeout cuts off is looked for like any lost answer.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands still while anything is at work
		w := newWorld(nil)
		w.slow = time.Minute
		l, p := newLive(t, w), program(t, w.catalogue(t), "steps: [{id: s, put: {name: a, value: b}, timeout: 20ms}]\n")
		began := time.Now()
		m := l.run(context.Background(), p, nil)
		_, why := m.Failure()
		if m.State() != StateFailed || time.Since(began) != 20*time.Millisecond || !strings.Contains(why, "longer than its timeout of 20ms") || !strings.Contains(why, "did not happen") {
			t.Errorf("%s after %s: %s", m.State(), time.Since(began), why)
		}
		l.expect("created", "vars", "inputs s", "observed s", "unknown s [put a=b]", "recovered s not", "ended failed")
	})
}

func TestRollbackSkip(t *testing.T) {
	const body = `
steps:
  - id: block
    rollback: skip
    steps:
      - {id: kept, put: {name: a, value: b}}
      - {id: idle, put: {name: same, value: same}}
  - {id: undone, put: {name: c, value: d}}
  - {id: bad, put: {name: forbidden, value: x}}
`
	w := newWorld(map[string]string{"same": "same"})
	l, p := newLive(t, w), program(t, w.catalogue(t), body)
	m := l.run(context.Background(), p, nil)
	want := []Residue{{Owner: "thing/a", Kind: "put", Effect: Kept, Note: "rollback: skip"}}
	if m.State() != StateRolledBack || w.things["a"] != "b" || w.things["c"] != "" || !slices.Equal(m.Residues(), want) {
		t.Errorf("%s, %v, %v", m.State(), w.things, m.Residues())
	}
	run, err := l.ReadRun("r1")
	if err != nil || !slices.Equal(run.Summary().Residues, want) {
		t.Errorf("%v, %+v", err, run.Summary())
	}
}

// To leave a change that stands on one that is undone would lose it.
func TestRollbackSkipIsRefusedAfterAnUndoneChange(t *testing.T) {
	w := newWorld(nil)
	for _, test := range []struct{ first, second, want string }{
		{"", ", rollback: skip", "rollback: skip leaves what it does to thing/a, but step one before it changes the same and would be undone"},
		{", rollback: skip", ", rollback: skip", ""},
		{", rollback: skip", "", ""},
	} {
		p := program(t, w.catalogue(t), fmt.Sprintf("steps:\n  - {id: one, put: {name: a, value: b}%s}\n  - {id: two, put: {name: a, value: c}%s}\n", test.first, test.second))
		plan, err := Rehearse(context.Background(), p, RehearsalSpec{Catalogue: newWorld(nil).catalogue(t), Clock: w.clock()})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if f := plan.Body.Failure; f != nil {
			got = f.Step + ": " + f.Message
		}
		if test.want == "" && got != "" || test.want != "" && !strings.HasPrefix(got, "two: "+test.want) {
			t.Errorf("%q, %q: %s", test.first, test.second, got)
		}
	}
}

// The plan knows every item, and what would fail.
func TestPlanOfALoop(t *testing.T) {
	w := newWorld(map[string]string{"t01": "old"})
	p := program(t, w.catalogue(t), `
inputs: {names: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.names>
    as: name
    concurrency: 9
    batches: [1, 100%]
    max_failures: 1
    steps:
      - {id: mark, put: {name: "$<name>", value: v}}
      - {id: again, put: {name: "$<name>", value: $<steps.mark.serial>}}
`)
	spec := RehearsalSpec{Catalogue: w.catalogue(t), Clock: w.clock(), Inputs: map[string]any{"names": []any{"t00", "t01", "forbidden"}}}
	plan, err := Rehearse(context.Background(), p, spec)
	if err != nil {
		t.Fatal(err)
	}
	b := plan.Body
	var steps []string
	for _, s := range b.Steps {
		steps = append(steps, fmt.Sprintf("%s in %s of %s, write %v", s.Step, s.Item, s.Loop, s.Write != nil))
	}
	want := []string{
		"fleet[t00].mark in t00 of fleet, write true", "fleet[t00].again in t00 of fleet, write true",
		"fleet[t01].mark in t01 of fleet, write true", "fleet[t01].again in t01 of fleet, write true",
		"fleet[forbidden].mark in forbidden of fleet, write false",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("%s", strings.Join(steps, "\n"))
	}
	if len(b.Loops) != 1 || !slices.Equal(b.Loops[0].Items, []string{"t00", "t01", "forbidden"}) || !slices.Equal(b.Loops[0].Batches, []int{1, 2}) ||
		len(b.Loops[0].Failures) != 1 || b.Loops[0].Failures[0].Item != "fleet[forbidden]" {
		t.Errorf("%+v", b.Loops)
	}
	if b.Failure != nil || b.Steps[4].Failure == "" || b.Steps[1].In["value"] != "$<steps.fleet[t00].mark.serial>" {
		t.Errorf("%+v, %+v", b.Failure, b.Steps)
	}
}

// A run that is told again from its journal stands where it stood, whatever
// was under way at the same time.
func TestLoopFromEveryPrefix(t *testing.T) {
	w := newWorld(nil)
	w.faults["put t022=early-t02"] = refused
	l, m := overFleet(t, w, "max_failures: 1", 6)
	for n := 1; n <= len(l.events); n++ {
		again := NewMachine(m.program)
		for _, e := range l.events[:n] {
			if err := again.Apply(e); err != nil {
				t.Fatalf("event %d: %v", n, err)
			}
		}
		if n == len(l.events) && (again.State() != m.State() || len(again.nodes) != len(m.nodes)) {
			t.Errorf("told again it is %s with %d steps", again.State(), len(again.nodes))
		}
	}
}
