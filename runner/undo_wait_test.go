package runner

import (
	"context"
	"maps"
	"testing"
	"time"
)

// Who stops a rollback while it waits for an undo whose answer was lost has
// done no harm: it is gone on with.
func TestUndoIsInterruptedWhileItWaits(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	w.faults["back a=old"] = never
	l, p := newLive(t, w), program(t, w.catalogue(t), `
steps:
  - id: first
    put: {name: a, value: one}
`)
	if m := l.run(context.Background(), p, nil); m.State() != StateDone {
		t.Fatal(m.State())
	}
	ctx, stop := context.WithCancel(context.Background())
	l.Clock.Sleep = func(ctx context.Context, _ time.Duration) error { stop(); return ctx.Err() }
	m, err := l.Rollback(ctx, "r1", p, w.catalogue(t), TakeUp{})
	if err != nil || m.State() != StateInterrupted {
		t.Fatal(m.State(), err)
	}
	l.Clock.Sleep = nil
	delete(w.faults, "back a=old")
	if m := l.rollback(p); m.State() != StateRolledBack || !maps.Equal(w.things, map[string]string{"a": "old"}) {
		t.Errorf("%s, %v", m.State(), w.things)
	}
}
