package runner

import (
	"context"
	"strings"
	"testing"
)

// TestStand: where a run is taken up again, what comes later is left to do, and
// what is over does not come again.
func TestStand(t *testing.T) {
	for name, c := range map[string]struct {
		most  string
		state State
	}{"tolerated": {"1", StateDoneWithFailures}, "too many": {"0", StateRolledBack}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(map[string]string{})
			w.faults["put b2=two"], w.faults["put c2=two"] = refused, lost
			l := newLive(t, w)
			p := program(t, w.catalogue(t), `
steps:
  - id: first
    put: {name: x, value: one}
  - id: inside
    steps:
      - id: fleet
        for_each: [a, b, c, d, e]
        as: it
        concurrency: 2
        max_failures: `+c.most+`
        steps:
          - id: one
            put: {name: "$<it>1", value: one}
          - id: two
            put: {name: "$<it>2", value: two}
  - id: skipped
    if: $<steps.first.value == "another">
    put: {name: y, value: one}
  - id: last
    put: {name: z, value: one}
`)
			if m := l.run(context.Background(), p, nil); m.State() != c.state {
				t.Fatal(m.State())
			}
			for n := 2; n < len(l.events); n++ {
				m := NewMachine(p)
				for _, e := range l.events[:n] {
					if err := m.Apply(e); err != nil {
						t.Fatal(err)
					}
				}
				stands(t, m, l.events[:n], l.events[n:])
			}
		})
	}
}

// stands compares where the steps stand with what happened before and after.
func stands(t *testing.T, m *Machine, before, after []Event) {
	t.Helper()
	over := map[string]bool{}
	for _, e := range before {
		over[e.Step] = over[e.Step] || e.Kind == EvDone || e.Kind == EvRecovered || e.Kind == EvFailed || e.Kind == EvCondition
	}
	for _, e := range after {
		if e.Step == "" || m.nodes[e.Step] != nil && m.nodes[e.Step].step.Type == nil {
			continue
		}
		if item := strings.TrimSuffix(strings.TrimSuffix(e.Step, ".one"), ".two"); m.Stopping() != "" && item != e.Step && m.items[item] == nil {
			continue // it began while the one that failed was being undone
		}
		switch got := m.Stand(e.Step); {
		case e.Kind == EvInputs && got != StandLeft,
			(e.Kind == EvDone || e.Kind == EvRecovered) && e.Step != "inside" && e.Step != "fleet" && got != StandLeft && got != StandDoubt,
			e.Kind == EvUndone && (m.undo || m.root.failed) && got != StandUndo:
			t.Errorf("after %d events: step %s stands at %d, and then comes %s", len(before), e.Step, got, e.Kind)
		}
	}
	for step := range over {
		if n := m.nodes[step]; n != nil && n.step.Leaf() && over[step] && m.Stand(step) == StandLeft {
			t.Errorf("after %d events: step %s is left, and it is over", len(before), step)
		}
	}
	if step := "fleet[e].two"; m.Stopping() != "" && m.items["fleet[e]"] == nil && m.Stand(step) != StandOver {
		t.Errorf("after %d events: no further item begins, and step %s stands at %d", len(before), step, m.Stand(step))
	}
}
