package runner

import (
	"context"
	"errors"
	"slices"
	"testing"

	"example.com/rekey/runner/journal"
)

// A run of which the first event could not be recorded is not there, or is, as
// the disk has it: then it says so, claims what it claimed, and can be gone on
// with.
func TestRunWhoseBeginningFails(t *testing.T) {
	for _, fault := range diskFaults {
		t.Run(fault.name, func(t *testing.T) {
			w := newWorld(nil)
			p := program(t, w.catalogue(t), "steps:\n- id: first\n  put: {name: a, value: one}\n")
			l := newLive(t, w)
			failed := 0
			l.disk = func(j *journal.Journal) recorder {
				return &failingDisk{Journal: j, path: l.journalFile("r1"), fault: fault, at: 1, failed: func() { failed++ }}
			}
			_, err := l.Run(context.Background(), p, w.catalogue(t), Spec{ID: "r1", StartedAt: w.now})
			var broken *JournalError
			if !errors.As(err, &broken) || broken.Begun != fault.whole || failed != 1 || len(w.sent) != 0 {
				t.Fatalf("%v; it failed %d times, begun: %v, sent %v", err, failed, broken.Begun, w.sent)
			}
			if ids, err := l.IDs(); err != nil || slices.Contains(ids, "r1") != fault.whole {
				t.Fatalf("the runs are %v, %v", ids, err)
			}
			if !fault.whole {
				return
			}
			if m, err := l.Resume(context.Background(), "r1", p, w.catalogue(t), TakeUp{}); err != nil || m.State() != StateDone || w.things["a"] != "one" {
				t.Errorf("resumed: %s, %v, %v", m.State(), err, w.things)
			}
		})
	}
}
