package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner/journal"
)

// A stuck run is looked at again when it is rolled back: a person may have
// cleared it up.
func TestRollbackLooksAtAStuckStepAgain(t *testing.T) {
	w := newWorld(map[string]string{})
	p := program(t, w.catalogue(t), "steps:\n- id: first\n  put: {name: a, value: one}\n")
	w.faults["put a=one"] = never
	l := newLive(t, w)
	l.Watch = func(e Event) {
		if e.Kind == EvUnknown {
			w.things["a"] = "foreign"
		}
	}
	if m := l.run(context.Background(), p, nil); m.State() != StateStuck {
		t.Fatal(m.State())
	}
	delete(w.things, "a")
	l.Watch = l.watch
	if m := l.rollback(p); m.State() != StateRolledBack || len(m.Residues()) != 0 || m.Written() {
		t.Errorf("%s, %v, written %v", m.State(), m.Residues(), m.Written())
	}
	l.expect("opened", "rollback", "recovered first not", "ended rolled_back")
}

// What two steps set is undone in the reverse order or not at all: were the
// first undone alone, undoing the second later would bring its value back.
func TestUndoKeepsItsOrder(t *testing.T) {
	w := newWorld(map[string]string{"a": "old", "b": "old"})
	w.faults["back a=one"] = refused
	l, p := newLive(t, w), program(t, w.catalogue(t), `
steps:
  - id: first
    put: {name: a, value: one}
  - id: other
    put: {name: b, value: one}
  - id: second
    put: {name: a, value: old}
`)
	if m := l.run(context.Background(), p, nil); m.State() != StateDone {
		t.Fatal(m.State())
	}
	l.trace = nil
	m := l.rollback(p)
	l.expect("opened", "rollback", "undo_failed second [back a=one]", "undone other [back b=old]", "undo_failed first", "ended rollback_incomplete")
	if text := fmt.Sprint(m.UndoErr()); !strings.Contains(text, "held back: step second") {
		t.Error(text)
	}
	delete(w.faults, "back a=one")
	if m = l.rollback(p); m.State() != StateRolledBack || !maps.Equal(w.things, map[string]string{"a": "old", "b": "old"}) {
		t.Errorf("%s, %v", m.State(), w.things)
	}
}

// meddling has a test's say in a method of put.
type meddling struct {
	put
	observe, undo func()
}

func (s *meddling) Observe(ctx context.Context) error {
	if s.observe != nil {
		s.observe()
	}
	return s.put.Observe(ctx)
}

func (s *meddling) Undo(ctx context.Context) ([]Residue, error) {
	if s.undo != nil {
		s.undo()
	}
	return s.put.Undo(ctx)
}

func meddlers(t *testing.T, make func() *meddling) *Catalogue {
	t.Helper()
	c, err := NewCatalogue(Type{Name: "put", Doc: "Sets a thing.", Change: "set it", Undo: UndoExact, New: func() any { return make() }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const twoPuts = "steps:\n- id: first\n  put: {name: a, value: one}\n- id: second\n  put: {name: b, value: one}\n"

// Who says stop while a step still looks gets no write of it.
func TestStopWhileObserving(t *testing.T) {
	w := newWorld(map[string]string{})
	ctx, stop := context.WithCancel(context.Background())
	c := meddlers(t, func() *meddling { return &meddling{put: put{w: w}, observe: stop} })
	m, err := newLive(t, w).Run(ctx, program(t, c, twoPuts), c, Spec{ID: "r1"})
	if err != nil || m.State() != StateInterrupted || len(w.sent) > 0 || m.Written() {
		t.Errorf("%s, sent %v, written %v, %v", m.State(), w.sent, m.Written(), err)
	}
	if _, why := m.Failure(); why != "" {
		t.Errorf("an interrupted run has not failed: %s", why)
	}
}

// A rehearsal that is interrupted in its second half is no plan.
func TestRehearsalInterruptedWhileUndoing(t *testing.T) {
	w := newWorld(map[string]string{})
	ctx, stop := context.WithCancel(context.Background())
	c := meddlers(t, func() *meddling { return &meddling{put: put{w: w}, undo: stop} })
	plan, err := Rehearse(ctx, program(t, c, twoPuts), RehearsalSpec{Catalogue: c, Clock: w.clock()})
	if !errors.Is(err, context.Canceled) || plan != nil {
		t.Errorf("%v, %v", plan, err)
	}
}

// full is a journal that takes so many events.
type full int

func (f *full) Append(any) (journal.Record, error) {
	if *f--; *f < 0 {
		return journal.Record{}, journal.ErrBroken
	}
	return journal.Record{}, nil
}

// Of a write whose record failed the machine says that it may have happened.
func TestWrittenWhenTheJournalBreaks(t *testing.T) {
	p := program(t, newWorld(nil).catalogue(t), twoPuts)
	for takes, sent := range []int{0, 0, 0, 0, 1, 1, 1, 2, 2} {
		w, journal := newWorld(map[string]string{}), full(takes)
		local := Local{Clock: w.clock()}
		l := local.runner("r", p, w.catalogue(t), TakeUp{}, &journal)
		err := l.record(Event{Kind: EvCreated, Run: newRunInfo(p, Spec{ID: "r"})})
		if err == nil {
			err = l.loop(context.Background())
		}
		var broken *JournalError
		if !errors.As(err, &broken) || len(w.sent) != sent || l.machine.Written() != (sent > 0) {
			t.Errorf("after %d events: sent %v, written %v, %v", takes, w.sent, l.machine.Written(), err)
		}
	}
}

// Events that would have an action undone twice, or by other data than its
// own, are refused.
func TestEventsThatCannotFollow(t *testing.T) {
	w := newWorld(nil)
	p := program(t, w.catalogue(t), threeSteps)
	yes := true
	created := Event{Kind: EvCreated, Run: &RunInfo{ID: "r", Format: JournalFormat}}
	read := Event{Kind: EvDone, Step: "before", Out: map[string]any{"size": 1}}
	in := Event{Kind: EvInputs, Step: "first", In: map[string]any{"name": "a", "value": "b"}}
	observed := Event{Kind: EvObserved, Step: "first"}
	done := Event{Kind: EvDone, Step: "first", Out: map[string]any{"value": "b"}}
	inBefore := Event{Kind: EvInputs, Step: "before", In: map[string]any{"name": "a"}}
	undone := Event{Kind: EvUndone, Step: "first"}
	rollback := Event{Kind: EvRollback}
	for _, events := range [][]Event{
		{read},
		{inBefore, inBefore},
		{inBefore, {Kind: EvObserved, Step: "before"}},
		{inBefore, read, observed},
		{inBefore, read, in, observed, observed},
		{inBefore, read, in, done},
		{inBefore, read, in, observed, done, done},
		{inBefore, read, in, observed, done, undone},
		{inBefore, read, in, observed, done, rollback, undone, undone},
		{inBefore, read, in, observed, rollback, undone},
		{inBefore, read, in, observed, done, rollback, observed},
		{inBefore, read, in, observed, done, {Kind: EvInputs, Step: "third"}},
		{inBefore, read, in, observed, done, {Kind: EvAssertion, Step: "first", Value: &yes}, {Kind: EvAssertion, Step: "first", Value: &yes}},
		{inBefore, read, in, {Kind: EvUnknown, Step: "first"}},
		{inBefore, read, in, {Kind: EvRecovered, Step: "first", Verdict: &Verdict{Outcome: Not}}},
	} {
		m := NewMachine(p)
		for _, e := range []Event{created, {Kind: EvVars}} {
			if err := m.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		for i, e := range events {
			if err := m.Apply(e); (err != nil) != (i == len(events)-1) {
				t.Errorf("%+v: event %d: %v", events, i, err)
			}
		}
	}
}

func TestGuardLetsNothingElseThrough(t *testing.T) {
	g := &guard{writes: true}
	ctx := g.attach(context.Background())
	if err := Report(ctx, Call{Method: "POST", Path: "/x", Write: true}); err != nil {
		t.Fatal(err)
	}
	if err := Report(ctx, Call{Method: "POST", Path: "/y", Write: true, Again: true}); !errors.Is(err, ErrRefused) {
		t.Errorf("another request as another try: %v", err)
	}
	(&executor{}).result(&Event{}, g, EvDone, nil)
	if err := Report(ctx, Call{Method: "GET", Path: "/x"}); !errors.Is(err, ErrRefused) {
		t.Errorf("a request after its step: %v", err)
	}
}

// Integers keep their digits through inputs, vars, the journal and outputs; so
// do lists without items and inputs without a value.
func TestValuesSurviveTheJournal(t *testing.T) {
	w := newWorld(map[string]string{})
	l, p := newLive(t, w), program(t, w.catalogue(t), `
inputs:
  big: {type: int}
  thing: {type: object}
  none: {type: string, default: null}
  empty: {type: "list(string)", default: []}
  wait: {type: duration, default: 90m}
vars:
  all: {big: $<inputs.big>, thing: $<inputs.thing>, none: $<inputs.none>, empty: $<inputs.empty>, half: 0.5, whole: 2.0}
  more: [null, $<inputs.none>, x]
steps:
  - id: first
    put: {name: a, value: "$<vars.all.big + 1> $<inputs.wait>"}
    assert: ['$<inputs.big == 9007199254740993>', '$<vars.all.half + vars.all.whole == 2.5>', '$<len(vars.all.empty) == 0>', '$<(vars.more[0] ?? "y") == "y">']
outputs: {all: $<vars.all>, more: $<vars.more>}
`)
	thing := map[string]any{"n": 9007199254740993, "l": []any{}, "f": 1.5, "deep": map[string]any{"null": nil}}
	m := l.run(context.Background(), p, map[string]any{"big": 9007199254740993, "thing": thing})
	if _, why := m.Failure(); why != "" || w.things["a"] != "9007199254740994 1h30m0s" {
		t.Fatal(why, w.things)
	}
	got, _ := json.Marshal(m.Outputs())
	const want = `{"all":{"big":9007199254740993,"empty":[],"half":0.5,"none":null,` +
		`"thing":{"deep":{"null":null},"f":1.5,"l":[],"n":9007199254740993},"whole":2},"more":[null,null,"x"]}`
	if string(got) != want {
		t.Errorf("outputs %s\nwant    %s", got, want)
	}
	if m = l.rollback(p); m.State() != StateRolledBack {
		t.Error(m.State())
	}
}

// A value that a person gave stands for itself in a plan, though a step yields
// it as well.
func TestInputsStandForThemselves(t *testing.T) {
	w := newWorld(map[string]string{})
	p := program(t, w.catalogue(t), `
inputs: {serial: {type: string}}
steps:
  - id: first
    put: {name: a, value: one}
  - id: second
    put: {name: b, value: $<inputs.serial>}
`)
	plan := rehearse(t, w, p, map[string]any{"serial": "serial-000000"})
	if got := planned(t, plan, "second"); got.In["value"] != "serial-000000" || got.Write.Path != "/put b=serial-000000" {
		t.Errorf("%+v", got)
	}
}

func TestSourcesDoNotReachIntoEachOther(t *testing.T) {
	var s sources
	s.add("a-long-value", "$<steps.publish.certificate>")
	s.add("certificate", "$<steps.other.kid>")
	s.add("two\nlines \"quoted\" <b>\n", "$<steps.first.key>")
	for text, want := range map[string]string{
		"a-long-value certificate":                    "$<steps.publish.certificate> $<steps.other.kid>",
		`{"key":"two\nlines \"quoted\" <b>\n"}`:       `{"key":"$<steps.first.key>"}`,
		`{"key":"- two\nlines \"quoted\" <b>"}`:       `{"key":"- $<steps.first.key>"}`,
		"two\nlines \"quoted\" <b>\nand a-long-value": "$<steps.first.key>and $<steps.publish.certificate>",
	} {
		if got := s.replace(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// The message about an object of unknown members does not depend on luck.
func TestUnknownMembersAreNamedInOrder(t *testing.T) {
	c := crates(t, nil)
	p := program(t, c, crateInputs+"steps:\n- id: a\n  crate: {name: n, left: l, lid: $<inputs.thing>}\n")
	for range 20 {
		public, secret, _ := p.Bind(map[string]any{"pass": "", "passes": []any{}, "thing": map[string]any{"z": 1, "b": 1, "y": 1}}, true)
		m, err := newLive(t, newWorld(nil)).Run(context.Background(), p, c, Spec{ID: "r", Inputs: public, Secrets: secret, StartedAt: time.Now()})
		if _, why := m.Failure(); err != nil || !strings.HasPrefix(why, "lid.b is unknown") {
			t.Fatal(why, err)
		}
	}
	for range 20 {
		_, _, faults := p.Bind(map[string]any{"zz": 1, "yy": 1, "xx": 1}, false)
		if !strings.Contains(faults[0].Message, `"xx"`) {
			t.Fatal(faults)
		}
	}
}

func TestStepTypesThatContradictThemselves(t *testing.T) {
	for _, sample := range []any{
		&struct {
			query
			Hands `oneof:"left,middle"`
		}{},
		&struct {
			query
			A string `in:"a" default:"c" enum:"a,b" doc:"a"`
		}{},
		&struct {
			query
			A int `in:"a" default:"1" range:"2-" doc:"a"`
		}{},
	} {
		if _, err := NewCatalogue(Type{Name: "x", Doc: "x", New: func() any { return sample }}); err == nil {
			t.Errorf("%T is taken", sample)
		}
	}
}
