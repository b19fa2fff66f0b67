package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const threeSteps = `
inputs:
  value: {type: string, default: one}
  also:  {type: bool, default: false}
steps:
  - id: before
    look: {name: a}
  - id: first
    put: {name: a, value: $<inputs.value>}
    assert: $<steps.first.value == inputs.value>
  - id: second
    if: $<inputs.also>
    put: {name: b, value: "$<steps.first.value>-$<steps.before.size>"}
  - id: third
    add: {name: c}
outputs:
  was: $<steps.first.previous>
  size: $<steps.before.size>
  second: $<steps.second?.value>
`

// What an error says to do about it is recorded beside it, and known of the run
// that it ended: of this process, of one that reads the journal, of a plan.
func TestCureIsRecorded(t *testing.T) {
	for _, test := range []struct {
		body  string
		fault fault
		want  string
	}{
		{"steps:\n  - id: first\n    put: {name: a, value: one}\n", refused, "ask again"},
		{"steps:\n  - id: first\n    put: {name: a, value: one}\n", never, "ask again"},
		{"steps:\n  - id: block\n    if: $<true>\n    steps:\n      - id: first\n        put: {name: a, value: one}\n", refused, "ask again"},
		{"steps:\n  - id: fleet\n    for_each: $<[\"x\", \"y\"]>\n    as: name\n    steps:\n      - id: first\n        put: {name: a, value: $<name>}\n", refused, "ask again"},
		{"steps:\n  - id: first\n    put: {name: a, value: one}\n    assert: $<1 > 2>\n", "", ""},
	} {
		w := newWorld(nil)
		w.faults["put a=one"], w.faults["put a=x"] = test.fault, test.fault
		l, p := newLive(t, w), program(t, w.catalogue(t), test.body)
		m := l.run(context.Background(), p, nil)
		_, why := m.Failure()
		if m.Cure() != test.want || !strings.Contains(why, "; "+m.Cure()) && test.want != "" {
			t.Errorf("%s: %q of %q", test.body, m.Cure(), why)
		}
		if m = l.rollback(p); m.Cure() != test.want {
			t.Errorf("%s: %q once it is read back", test.body, m.Cure())
		}
		plan := rehearse(t, w, p, nil)
		if f := plan.Body.Failure; test.fault == refused && (f == nil || f.Cure != test.want || !strings.Contains(f.Message, "; "+f.Cure)) {
			t.Errorf("%s: the plan's failure is %+v", test.body, f)
		}
	}
}

func TestRunIsItsEvents(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	l, p := newLive(t, w), program(t, w.catalogue(t), threeSteps)
	m := l.run(context.Background(), p, map[string]any{"also": true})
	if m.State() != StateDone {
		t.Fatalf("state %s", m.State())
	}
	l.expect(
		"created", "vars",
		"inputs before", "done before",
		"inputs first", "observed first", "done first [put a=one]", "assertion first true",
		"condition second true", "inputs second", "observed second", "done second [put b=one-3]",
		"inputs third", "observed third", "done third [add c]",
		"outputs", "ended done",
	)
	want := map[string]any{"was": "old", "size": json.Number("3"), "second": "one-3"}
	if got := m.Outputs(); !maps.Equal(got, want) {
		t.Errorf("outputs %v, want %v", got, want)
	}
	if want := map[string]string{"a": "one", "b": "one-3", "c": "added"}; !maps.Equal(w.things, want) {
		t.Errorf("the world is %v, want %v", w.things, want)
	}

	m = l.rollback(p)
	if m.State() != StateRolledBack || len(m.Residues()) != 1 || m.Residues()[0].ID != "c" {
		t.Errorf("state %s, residues %v", m.State(), m.Residues())
	}
	l.expect("opened", "rollback", "undone third", "undone second [back b=]", "undone first [back a=old]", "ended rolled_back")
	if want := map[string]string{"a": "old", "c": "added"}; !maps.Equal(w.things, want) {
		t.Errorf("the world is %v, want %v", w.things, want)
	}
	if l.rollback(p); len(l.trace) != 0 {
		t.Errorf("a second rollback recorded %v", l.trace)
	}
}

func TestSkippedStepAndNoChange(t *testing.T) {
	w := newWorld(map[string]string{"a": "one"})
	l, p := newLive(t, w), program(t, w.catalogue(t), threeSteps)
	m := l.run(context.Background(), p, nil)
	l.expect(
		"created", "vars", "inputs before", "done before",
		"inputs first", "observed first", "done first", "assertion first true",
		"condition second false",
		"inputs third", "observed third", "done third [add c]", "outputs", "ended done",
	)
	if got := m.Outputs()["second"]; got != nil {
		t.Errorf("the output of a skipped step is %v", got)
	}
}

func TestFailures(t *testing.T) {
	const body = `
steps:
  - id: first
    put: {name: a, value: one}
  - id: second
    put: {name: b, value: two}
  - id: third
    put: {name: c, value: three}
`
	start := []string{"created", "vars", "inputs first", "observed first", "done first [put a=one]", "inputs second", "observed second"}
	for _, test := range []struct {
		name      string
		onFailure string
		fault     map[string]fault
		state     State
		want      []string // after start
		things    map[string]string
	}{
		{"refused", "rollback", map[string]fault{"put b=two": refused}, StateRolledBack,
			[]string{"failed second", "rollback", "undone first [back a=]", "ended rolled_back"}, nil},
		{"refused and kept", "keep", map[string]fault{"put b=two": refused}, StateFailed,
			[]string{"failed second", "ended failed"}, map[string]string{"a": "one"}},
		{"answer lost, done", "rollback", map[string]fault{"put b=two": lost}, StateDone,
			[]string{"unknown second [put b=two]", "recovered second happened",
				"inputs third", "observed third", "done third [put c=three]", "outputs", "ended done"},
			map[string]string{"a": "one", "b": "two", "c": "three"}},
		{"answer lost, not done", "rollback", map[string]fault{"put b=two": never}, StateRolledBack,
			[]string{"unknown second [put b=two]", "recovered second not", "rollback", "undone first [back a=]", "ended rolled_back"}, nil},
		{"error after the write", "rollback", map[string]fault{"put b=two": garbled}, StateRolledBack,
			[]string{"failed second [put b=two]", "rollback", "recovered second happened", "undone second [back b=]",
				"undone first [back a=]", "ended rolled_back"}, nil},
		{"undo fails", "rollback", map[string]fault{"put c=three": refused, "back b=": refused}, StateRollbackIncomplete,
			[]string{"done second [put b=two]", "inputs third", "observed third", "failed third", "rollback",
				"undo_failed second [back b=]", "undone first [back a=]", "ended rollback_incomplete"},
			map[string]string{"b": "two"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(nil)
			w.faults = test.fault
			w.things = map[string]string{}
			l := newLive(t, w)
			m := l.run(context.Background(), program(t, w.catalogue(t), "on_failure: "+test.onFailure+"\n"+strings.TrimLeft(body, "\n")), nil)
			if m.State() != test.state {
				t.Errorf("state %s, want %s", m.State(), test.state)
			}
			l.expect(append(append([]string{}, start...), test.want...)...)
			if !maps.Equal(w.things, test.things) {
				t.Errorf("the world is %v, want %v", w.things, test.things)
			}
		})
	}
}

// Nothing of a local action can arrive late, so that there is nothing to wait
// for; and what did not happen was not written.
func TestRecoverOfALocalActionDoesNotWait(t *testing.T) {
	w := newWorld(map[string]string{})
	w.faults["put a=one"] = never
	c, err := NewCatalogue(Type{Name: "put", Doc: "Sets a thing.", Change: "set it", Undo: UndoExact, Local: true,
		New: func() any { return &put{w: w} }})
	if err != nil {
		t.Fatal(err)
	}
	l, began := newLive(t, w), w.now
	m, err := l.Run(context.Background(), program(t, c, "steps:\n- id: first\n  put: {name: a, value: one}\n"), c, Spec{ID: "r1"})
	if err != nil || m.State() != StateFailed || m.Written() || w.now != began {
		t.Errorf("state %s, written %v, waited %s, %v", m.State(), m.Written(), w.now.Sub(began), err)
	}
}

// A write that did not happen when first looked for may still be on its way:
// the verdict counts only after settle.
func TestRecoverWaitsForALateWrite(t *testing.T) {
	w := newWorld(map[string]string{})
	w.faults["put a=one"] = late
	l := newLive(t, w)
	began := w.now
	m := l.run(context.Background(), program(t, w.catalogue(t), "steps:\n- id: first\n  put: {name: a, value: one}\n"), nil)
	if waited := w.now.Sub(began); m.State() != StateDone || waited != time.Minute {
		t.Errorf("state %s after waiting %s, want done after 1m", m.State(), waited)
	}
}

func TestStuckStopsAndRollbackReports(t *testing.T) {
	w := newWorld(map[string]string{"z": "1"})
	p := program(t, w.catalogue(t), "steps:\n- id: first\n  put: {name: b, value: x}\n- id: second\n  put: {name: a, value: one}\n")
	w.faults["put a=one"] = never
	l := newLive(t, w)
	l.Watch = func(e Event) {
		if l.watch(e); e.Kind == EvUnknown {
			w.things["a"] = "foreign"
		}
	}
	m := l.run(context.Background(), p, nil)
	if m.State() != StateStuck {
		t.Fatalf("state %s, want stuck", m.State())
	}
	m = l.rollback(p)
	if m.State() != StateRollbackIncomplete || m.UndoErr() == nil {
		t.Errorf("state %s, undo error %v", m.State(), m.UndoErr())
	}
	if r := m.Residues(); len(r) != 1 || !r[0].Perhaps || r[0].Owner != "thing/a" || r[0].ID != "foreign" {
		t.Errorf("residues %v, want a perhaps", r)
	}
	if w.things["b"] != "" {
		t.Error("the other step was not undone")
	}

	delete(w.things, "a") // the person has cleared it up
	if m = l.rollback(p); m.State() != StateRolledBack || len(m.Residues()) != 0 {
		t.Errorf("again: state %s, residues %v", m.State(), m.Residues())
	}
}

func TestInterruptedBetweenSteps(t *testing.T) {
	for _, at := range []EventKind{EvCreated, EvInputs, EvObserved, EvDone} {
		t.Run(string(at), func(t *testing.T) {
			w := newWorld(map[string]string{"a": "old"})
			l, p := newLive(t, w), program(t, w.catalogue(t), threeSteps)
			ctx, stop := context.WithCancel(context.Background())
			l.Watch = func(e Event) {
				if l.watch(e); e.Kind == at && (e.Step == "first" || e.Step == "") {
					stop()
				}
			}
			m := l.run(ctx, p, nil)
			if m.State() != StateInterrupted {
				t.Fatalf("state %s, want interrupted", m.State())
			}
			if want := "done first [put a=one]"; at == EvObserved && !slices.Contains(l.trace, want) {
				t.Errorf("the write in flight was not finished and recorded: no %q in\n%s", want, strings.Join(l.trace, "\n"))
			}
			if m = l.rollback(p); m.State() != StateRolledBack || !maps.Equal(w.things, map[string]string{"a": "old"}) {
				t.Errorf("after rollback: %s, %v", m.State(), w.things)
			}
		})
	}
}

// A process that is killed leaves a journal that ends anywhere; rollback works
// from each such end.
func TestRollbackFromEveryPrefix(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	l, p := newLive(t, w), program(t, w.catalogue(t), threeSteps)
	path := filepath.Join(l.Dir, "runs", "r1", "journal.jsonl")
	type moment struct {
		journal []byte
		things  map[string]string
	}
	var moments []moment
	l.Watch = func(Event) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		moments = append(moments, moment{data, maps.Clone(w.things)})
	}
	l.run(context.Background(), p, map[string]any{"also": true})
	l.Watch = nil
	for i, m := range moments {
		if err := os.WriteFile(path, m.journal, 0o600); err != nil {
			t.Fatal(err)
		}
		w.things = maps.Clone(m.things)
		got := l.rollback(p)
		want := map[string]string{"a": "old"}
		if m.things["c"] != "" {
			want["c"] = "added"
		}
		if got.State() != StateRolledBack || !maps.Equal(w.things, want) {
			t.Errorf("after %d events: %s, %v, want %v", i+1, got.State(), w.things, want)
		}
	}
}

// Replaying a journal yields a machine that says the same next.
func TestReplaySaysTheSameNext(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	w.faults["put b=one-3"] = garbled
	l, p := newLive(t, w), program(t, w.catalogue(t), threeSteps)
	l.run(context.Background(), p, map[string]any{"also": true})
	m := NewMachine(p)
	for i, e := range l.events {
		next := m.Next()
		if next.Op == OpRecord {
			raw, _, err := canonical(next.Event)
			if err != nil {
				t.Fatal(err)
			}
			recorded, _, err := canonical(e)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(raw, recorded) {
				t.Errorf("event %d: replayed %s, recorded %s", i, raw, recorded)
			}
		} else if next.Op != OpFinish && next.Step.ID != e.Step {
			t.Errorf("event %d: replayed %s of %s, recorded %s of %s", i, next.Op, next.Step.ID, e.Kind, e.Step)
		}
		if err := m.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	if m.Next().Op != OpFinish {
		t.Errorf("at the end comes %s", m.Next().Op)
	}
}

func TestEventsOutOfOrder(t *testing.T) {
	w := newWorld(nil)
	p := program(t, w.catalogue(t), threeSteps)
	yes := true
	created := Event{Kind: EvCreated, Run: &RunInfo{ID: "r", Format: JournalFormat}}
	for _, events := range [][]Event{
		{{Kind: EvVars}},
		{created, created},
		{{Kind: EvCreated}},
		{{Kind: EvCreated, Run: &RunInfo{Format: 99}}},
		{created, {Kind: EvDone, Step: "nobody"}},
		{created, {Kind: EvVars}, {Kind: EvVars}},
		{created, {Kind: EvVars}, {Kind: EvCondition, Step: "second"}},
		{created, {Kind: EvVars}, {Kind: EvCondition, Step: "before", Value: &yes}},
		{created, {Kind: EvVars}, {Kind: EvAssertion, Step: "before", Value: &yes, Index: 7}},
		{created, {Kind: EvVars}, {Kind: EvRecovered, Step: "before"}},
		{created, {Kind: "new kind"}},
		{created, {Kind: EvVars}, {Kind: "new kind", Step: "before"}},
		{created, {Kind: EvVars}, {Kind: EvInputs, Step: "before", In: map[string]any{"name": 7}}},
	} {
		m := NewMachine(p)
		var err error
		for _, e := range events {
			if err = m.Apply(e); err != nil {
				break
			}
		}
		if err == nil {
			t.Errorf("%+v was taken", events)
		}
	}
}

func TestSecretsStayOut(t *testing.T) {
	const canary = "c4nary-passphrase"
	w := newWorld(nil)
	w.things = map[string]string{}
	p := program(t, w.catalogue(t), `
inputs:
  pass: {type: string, secret: true}
  tail: {type: string, secret: true, default: null}
vars:
  long: "$<inputs.pass>!"
steps:
  - id: first
    put: {name: a, value: one, note: $<vars.long>}
  - id: second
    put: {name: b, value: one, note: $<inputs.pass>}
`)
	l := newLive(t, w)
	var notes []string
	c, err := NewCatalogue(Type{Name: "put", Doc: "Sets a thing.", Change: "set {owner}", Undo: UndoExact,
		New: func() any { return &noted{put: put{w: w}, notes: &notes} }})
	if err != nil {
		t.Fatal(err)
	}
	public, secret, faults := p.Bind(map[string]any{"pass": canary}, true)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	m, err := l.Run(context.Background(), p, c, Spec{ID: "r1", Inputs: public, Secrets: secret, StartedAt: w.now})
	if err != nil || m.State() != StateDone {
		t.Fatal(m.State(), err)
	}
	if got := strings.Join(notes, " "); got != canary+"! "+canary {
		t.Errorf("the steps got %q", got)
	}
	if got := fmt.Sprint(m.Info().Secrets, m.Info().NotGiven); got != "[pass tail] [tail]" {
		t.Errorf("secrets, and those not given: %s", got)
	}
	err = filepath.Walk(l.Dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// noted tells what secret reached its Do.
type noted struct {
	put
	notes *[]string
}

func (s *noted) Do(ctx context.Context) error {
	*s.notes = append(*s.notes, s.Note)
	return s.put.Do(ctx)
}

func TestGuard(t *testing.T) {
	write := Call{Method: "POST", Path: "/x", Write: true}
	if err := Report(context.Background(), write); err == nil {
		t.Error("a write outside a step was let through")
	}
	if err := Report(context.Background(), Call{Method: "GET", Path: "/x"}); err != nil {
		t.Errorf("a read outside a step was refused: %v", err)
	}
	reading := (&guard{}).attach(context.Background())
	if err := Report(reading, write); err == nil {
		t.Error("a write outside Do and Undo was let through")
	}
	writing := (&guard{writes: true}).attach(context.Background())
	again := write
	again.Again = true
	for _, c := range []Call{write, again, {Method: "GET"}} {
		if err := Report(writing, c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := Report(writing, Call{Method: "POST", Path: "/y", Write: true}); err == nil {
		t.Error("a second write was let through")
	}
}
