package runner

import (
	"context"
	"testing"
)

// A rollback that is killed before the vars were evaluated can be taken up again.
func TestResumeOfARollbackBeforeVars(t *testing.T) {
	w := newWorld(nil)
	p := program(t, w.catalogue(t), "steps: [{id: s, put: {name: a, value: b}}]\n")
	k := &keepAll{}
	r := (&Local{Clock: w.clock()}).runner("r1", p, w.catalogue(t), TakeUp{}, k)
	for _, e := range []Event{{Kind: EvCreated, Run: newRunInfo(p, Spec{ID: "r1"})}, {Kind: EvOpened}, {Kind: EvRollback}, {Kind: EvOpened}} {
		if err := r.record(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.loop(context.Background()); err != nil || r.machine.State() != StateRolledBack {
		t.Errorf("%v, %s: %s", err, r.machine.State(), r.machine.failure)
	}
}

// An action whose process was killed before its write goes on with the same try.
func TestReasonAfterAKill(t *testing.T) {
	w := newWorld(nil)
	l, p := newLive(t, w), program(t, w.catalogue(t), "steps: [{id: s, put: {name: a, value: b}}]\n")
	l.run(context.Background(), p, nil)
	records := killed(t, l.events, func(e Event) bool { return e.Kind == EvObserved })
	w.things = map[string]string{}
	r := (&Local{Clock: w.clock()}).runner("r1", p, w.catalogue(t), TakeUp{}, &keepAll{records: records})
	if err := r.replay(records); err != nil {
		t.Fatal(err)
	}
	if err := r.record(Event{Kind: EvOpened}); err != nil {
		t.Fatal(err)
	}
	if err := r.loop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, why := r.machine.Failure(); r.machine.State() != StateDone {
		t.Errorf("%s: %q", r.machine.State(), why)
	}
}
