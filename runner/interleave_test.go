package runner

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/rekey/runner/journal"
)

// Between two tries an action keeps its claims: what another item did in between
// would be taken for a stranger's change.
func TestRetryKeepsItsClaims(t *testing.T) {
	w := newWorld(map[string]string{"hub": "0"})
	w.faults["put hub=t00"] = refused
	w.wrote = func() { delete(w.faults, "put hub=t00") } // for now only
	l, p := newLive(t, w), program(t, w.catalogue(t), `
inputs: {names: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.names>
    as: name
    concurrency: 4
    put: {name: hub, value: $<name>}
    retry: {attempts: 3, delay: 1ms}
`)
	m := l.runSlowly(t, p, map[string]any{"names": names(4)})
	if _, why := m.Failure(); m.State() != StateDone {
		t.Errorf("%s: %s\n%s", m.State(), why, strings.Join(l.trace, "\n"))
	}
}

// An item whose write is in doubt keeps its claims until that is cleared up.
func TestDoubtKeepsItsClaims(t *testing.T) {
	w := newWorld(map[string]string{"hub": "0"})
	w.faults["put hub=t00"] = garbled
	l, p := newLive(t, w), program(t, w.catalogue(t), `
inputs: {names: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.names>
    as: name
    concurrency: 4
    max_failures: 1
    put: {name: hub, value: $<name>}
`)
	m := l.runSlowly(t, p, map[string]any{"names": names(4)})
	if _, why := m.Failure(); m.State() != StateDoneWithFailures {
		t.Errorf("%s: %s\n%s", m.State(), why, strings.Join(l.trace, "\n"))
	}
}

// killed returns the records of a run up to the first event that holds.
func killed(t *testing.T, events []Event, until func(Event) bool) (out memory) {
	for i, e := range events {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, journal.Record{Seq: i + 1, Event: raw})
		if until(e) {
			return out
		}
	}
	t.Fatal("it never came to that")
	return nil
}

type keepAll struct {
	mu      sync.Mutex
	records memory
	fail    func(Event) bool
}

func (k *keepAll) Append(event any) (journal.Record, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	raw := event.(json.RawMessage)
	e, _ := DecodeEvent(raw)
	if k.fail != nil && k.fail(e) {
		return journal.Record{}, errors.New("disk full")
	}
	rec := journal.Record{Seq: len(k.records) + 1, Event: raw}
	k.records = append(k.records, rec)
	return rec, nil
}

// What rollback: skip leaves is stated, even of a write that a kill kept from the
// record.
func TestKeptAfterAKill(t *testing.T) {
	for _, keep := range []string{"", ", rollback: skip"} {
		w := newWorld(nil)
		l, p := newLive(t, w), program(t, w.catalogue(t), "steps: [{id: s, put: {name: a, value: b}"+keep+"}]\n")
		l.run(context.Background(), p, nil)
		records := killed(t, l.events, func(e Event) bool { return e.Kind == EvObserved })
		k := &keepAll{records: records}
		local := Local{Clock: w.clock(), Settle: time.Minute}
		r := local.runner("r1", p, w.catalogue(t), TakeUp{}, k)
		if err := r.replay(records); err != nil {
			t.Fatal(err)
		}
		if keep == "" {
			w.things["a"] = "b"
			w.faults["back a="] = refused // it cannot be undone
		}
		if err := r.rollback(context.Background()); err != nil {
			t.Fatal(err)
		}
		m := r.machine
		stored := StoredRun{}
		for _, rec := range k.records {
			e, _ := DecodeEvent(rec.Event)
			stored.Events = append(stored.Events, Timed{Event: e})
		}
		if !m.Written() || !m.Remains() || !stored.Remains() || keep != "" && len(m.Residues()) != 1 {
			t.Errorf("%q: %s: a is %q; written %v, remains %v and %v, residues %v", keep, m.State(), w.things["a"], m.Written(), m.Remains(), stored.Remains(), m.Residues())
		}
	}
}

// A journal that cannot be written ends the run at once, and not when the waits
// between the tries of other items are over.
func TestJournalErrorEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands still while anything is at work
		w := newWorld(nil)
		w.faults["put t00=t00"] = refused
		clock := w.clock()
		clock.Sleep = func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return nil
			}
		}
		p := program(t, w.catalogue(t), `
steps:
  - id: fleet
    for_each: [t00, t01]
    as: name
    concurrency: 2
    put: {name: $<name>, value: $<name>}
    retry: {attempts: 3, delay: 20s}
`)
		w.faults["put t01=t01"] = refused
		tries := 0
		k := &keepAll{fail: func(e Event) bool {
			if e.Again != nil {
				tries++
			}
			return tries == 2
		}}
		local := Local{Clock: clock}
		r := local.runner("r1", p, w.catalogue(t), TakeUp{}, k)
		if err := r.record(Event{Kind: EvCreated, Run: newRunInfo(p, Spec{ID: "r1"})}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := r.loop(context.Background())
		if took := time.Since(began); err == nil || took > 0 {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// The undo of an item does not take away what a later one found in place.
func TestUndoUnderALaterItem(t *testing.T) {
	w := newWorld(map[string]string{"hub": "0"})
	w.faults["put t00=x"] = refused
	l, p := newLive(t, w), program(t, w.catalogue(t), `
inputs: {names: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.names>
    as: name
    concurrency: 2
    max_failures: 1
    steps:
      - id: shared
        put: {name: hub, value: new}
      - id: wait
        look: {name: hub}
      - id: own
        put: {name: $<name>, value: x}
`)
	m := l.run(context.Background(), p, map[string]any{"names": names(2)})
	if m.State() == StateDoneWithFailures && w.things["hub"] != "new" {
		t.Errorf("%s: item t01 is done, and hub is %q\n%s", m.State(), w.things["hub"], strings.Join(l.trace, "\n"))
	}
}

// A loop with a condition is no action in the plan, whatever it repeats.
func TestPlanOfAConditionalLoop(t *testing.T) {
	w := newWorld(nil)
	p := program(t, w.catalogue(t), `
inputs: {yes: {type: bool, default: true}}
steps:
  - id: fleet
    if: $<inputs.yes>
    for_each: [a, b]
    as: name
    put: {name: $<name>, value: x}
`)
	plan, err := Rehearse(context.Background(), p, RehearsalSpec{Catalogue: w.catalogue(t), Clock: w.clock(), Inputs: map[string]any{"yes": true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range plan.Body.Steps {
		raw, _ := json.Marshal(s)
		t.Log(string(raw))
		if s.Step == "fleet" && s.Action {
			t.Error("the loop itself stands in the plan as an action, which does nothing")
		}
	}
}

// What somebody else changed between two tries is no reason for a third.
func TestDriftIsNotTriedAgain(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	w.faults["put a=b"] = refused
	w.wrote = func() { w.things["a"] = "foreign"; delete(w.faults, "put a=b") }
	l, p := newLive(t, w), program(t, w.catalogue(t), "steps: [{id: s, put: {name: a, value: b}, retry: {attempts: 5}}]\n")
	l.run(context.Background(), p, nil)
	n := 0
	for _, e := range l.events {
		if e.Again != nil {
			n++
		}
	}
	if n > 1 {
		t.Errorf("%d further tries, though somebody else changed it", n)
	}
}

// A dry run waits for nothing, whatever a step asks for.
func TestRehearsalDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands still while anything is at work
		w := newWorld(nil)
		p := program(t, w.catalogue(t), "steps: [{id: s, put: {name: forbidden, value: b}, retry: {attempts: 3, delay: 5s}}]\n")
		now := w.now
		began := time.Now()
		plan, err := Rehearse(context.Background(), p, RehearsalSpec{Catalogue: w.catalogue(t), Clock: Clock{Now: func() time.Time { return now }}})
		if took := time.Since(began); err != nil || plan.Body.Failure == nil || took > 0 {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// A step that is kept is kept, whatever else cannot be undone.
func TestKeptIsNotHeldBack(t *testing.T) {
	w := newWorld(nil)
	l, p := newLive(t, w), program(t, w.catalogue(t), `
steps:
  - {id: one, put: {name: a, value: b}, rollback: skip}
  - {id: two, put: {name: a, value: c}}
`)
	l.run(context.Background(), p, nil)
	w.faults["back a=b"] = refused
	m := l.rollback(p)
	if len(m.Residues()) != 1 || m.UndoErr() == nil || strings.Contains(m.UndoErr().Error(), "step one") {
		t.Errorf("%s, %v, %v", m.State(), m.Residues(), m.UndoErr())
	}
}
