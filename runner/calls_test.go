package runner

import (
	"context"
	"testing"
)

// seen is an action whose looks are counted by the org.
type seen struct {
	put
	missing *int // so many looks do not find its write yet
}

func (s *seen) Recover(ctx context.Context) (Verdict, error) {
	if err := Report(ctx, Call{Method: "GET", Path: "/seen", Bucket: "reads", PerMinute: 600}); err != nil {
		return Verdict{}, err
	}
	if *s.missing--; *s.missing >= 0 {
		return Verdict{Outcome: Not}, nil
	}
	return s.put.Recover(ctx)
}

// TestCallsOfEveryLook: what is looked for twice, or undone twice, was asked
// for twice.
func TestCallsOfEveryLook(t *testing.T) {
	w := newWorld(map[string]string{})
	missing := 1
	c, err := NewCatalogue(Type{Name: "seen", Doc: "Sets a thing.", Change: "set it", Undo: UndoExact,
		New: func() any { return &seen{put: put{w: w}, missing: &missing} }})
	if err != nil {
		t.Fatal(err)
	}
	w.faults["put a=one"], w.faults["back a="] = lost, never
	l := newLive(t, w)
	p := program(t, c, "steps:\n- id: first\n  seen: {name: a, value: one}\n")
	if m, err := l.Run(context.Background(), p, c, Spec{ID: "r1"}); err != nil || m.State() != StateDone {
		t.Fatal(m.State(), err)
	}
	if _, err := l.Rollback(context.Background(), "r1", p, c, TakeUp{}); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[EventKind]map[string]Bucket{
		EvRecovered: {"reads": {Calls: 2, PerMinute: 600}},
		EvUndoFail:  {"writes": {Calls: 2, PerMinute: 60}},
	} {
		for _, e := range l.events {
			if e.Kind == kind && (len(e.Calls) != 1 || e.Calls["reads"] != want["reads"] || e.Calls["writes"] != want["writes"]) {
				t.Errorf("%s: %v, want %v", kind, e.Calls, want)
			}
			if e.Kind == kind && len(e.Requests) != 2 {
				t.Errorf("%s: the requests are %v", kind, e.Requests)
			}
		}
	}
	if n := len(l.events); l.events[n-1].State != StateRollbackIncomplete {
		t.Error(l.events[n-1].State)
	}
}
