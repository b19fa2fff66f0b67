package runner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// check holds what a process ended with against the world and the promise.
func (h *history) check(m *Machine, stopped bool) {
	time.Sleep(promisedSettle) // what can still arrive does: too late for a run that is over
	_, why := m.Failure()
	stored := StoredRun{Events: h.events(), Alive: true}
	if s := stored.Summary(); s.State != m.State() || len(s.Residues) != len(m.Residues()) {
		h.t.Errorf("the summary says %+v, the machine %s, %v", s, m.State(), m.Residues())
	}
	switch m.State() {
	case StateDone:
		h.done(m)
	case StateRolledBack:
		h.undone(m)
	case StateFailed:
		if why == "" || m.Remains() {
			h.t.Errorf("it failed, something remains: %v, and why: %q", m.Remains(), why)
		}
		h.undone(m)
	case StateStuck:
		h.stuck(m)
	case StateRollbackIncomplete:
		if m.UndoErr() == nil {
			h.t.Error("the rollback is incomplete without a reason")
		}
		if h.afresh && h.processes > h.faulty && h.world.struck[isStrangers] == 0 {
			h.t.Errorf("nothing stood in the way of the rollback: %v", m.UndoErr())
		}
	case StateInterrupted:
		if !stopped {
			h.t.Error("nobody has told it to stop")
		}
	default:
		h.t.Errorf("it ended %q", m.State())
	}
	h.mustBeDone(m)
}

// mustBeDone holds a history in which processes died and nothing else went
// wrong to the end that it has without that.
func (h *history) mustBeDone(m *Machine) {
	for what, n := range h.world.struck {
		if what != inFlight && n > 0 {
			return
		}
	}
	if h.undo || h.want == nil || m.State() == StateInterrupted {
		return
	}
	h.all["as if nothing had happened"]++
	if m.State() != h.want.state {
		h.t.Errorf("processes died and nothing else went wrong: it ended %s, and %s without that", m.State(), h.want.state)
	}
}

// stuck is a run of which a person must decide something: it says what.
func (h *history) stuck(m *Machine) {
	_, why := m.Failure()
	stored := StoredRun{Events: h.events(), Alive: true}
	if h.world.struck[isStrangers] == 0 {
		h.t.Errorf("nobody came between, and it is stuck: %s", why)
	}
	if len(m.stuck) == 0 || stored.Summary().Reason != why {
		h.t.Errorf("%d steps are stuck, the summary says %q, the machine %q", len(m.stuck), stored.Summary().Reason, why)
	}
	for i, n := range m.stuck {
		if i == 0 && !strings.Contains(why, "step "+n.name+":") || n.verdict.Outcome != Ambiguous {
			h.t.Errorf("step %s is stuck, with %+v, and the reason is %q", n.name, n.verdict, why)
		}
		if len(n.verdict.Candidates) == 0 || i == 0 && !strings.Contains(why, n.verdict.Reason) {
			h.t.Errorf("step %s: between what is a person to decide? %+v, %q", n.name, n.verdict, why)
		}
	}
}

// done holds the world against that of the uninterrupted run.
func (h *history) done(m *Machine) {
	if h.want == nil {
		return
	}
	if h.want.state != StateDone {
		h.t.Errorf("it is done, and %s without trouble", h.want.state)
	}
	if got := h.sight(m); !slices.Equal(got, h.want.world) {
		h.t.Errorf("the world is\n%s\nand without trouble\n%s", strings.Join(got, "\n"), strings.Join(h.want.world, "\n"))
	}
	if len(m.Residues()) > 0 {
		h.t.Errorf("it is done, with residues: %v", m.Residues())
	}
}

// sight is the world with the assigned ids replaced by their sources. What a
// stranger made is left out, but for what a step took for its own.
func (h *history) sight(m *Machine) (lines []string) {
	source := map[string]string{}
	for _, n := range m.root.started {
		if id, _ := n.out["id"].(string); id != "" && n.phase == phDone {
			source[id] = n.name
			if n.out["adopted"] == true {
				h.all["adopted"]++
			}
		}
	}
	for id, owner := range h.world.objects {
		if source[id] != "" || !h.world.foreign[id] {
			lines = append(lines, fmt.Sprintf("%s has an object of %q", owner, source[id]))
		}
	}
	for owner, value := range h.world.values {
		if of := source[value]; of != "" {
			value = "object of " + of
		}
		lines = append(lines, owner+" is "+value)
	}
	slices.Sort(lines)
	return lines
}

// undone holds the world against the one before: what is there beside it must
// be stated, and what is stated must be there.
func (h *history) undone(m *Machine) {
	stated := map[string]bool{}
	for _, residue := range m.Residues() {
		if residue.Perhaps || h.world.objects[residue.ID] != residue.Owner {
			h.t.Errorf("residue %+v at the end", residue)
		}
		stated[residue.ID] = true
		h.all["with residues"]++
	}
	for id := range h.world.objects {
		if !stated[id] && !h.world.foreign[id] {
			h.t.Errorf("%s is there, and is no stated residue", id)
		}
	}
	if start := newPromised(0).values; !maps.Equal(start, h.world.values) {
		h.t.Errorf("the values are %v, and were %v", h.world.values, start)
	}
}
