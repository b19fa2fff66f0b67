package runner

import (
	"fmt"

	"github.com/hashicorp/go-multierror"
)

// undoKey is what an exact action sets: a later one of the same type and claim
// has set it anew.
type undoKey struct {
	typ   *Type
	claim string
}

// undoer is the scope that is being undone and that a step is in; nil when
// there is none: the playbook, or an item that failed.
func (m *Machine) undoer(n *node) *scope {
	if m.undo {
		return m.root
	}
	for s := n.scope; s != nil; s = s.around() {
		if s.undo && !s.ended {
			return s
		}
	}
	return nil
}

// rollBack begins to undo everything that was started. Nothing else goes on.
func (m *Machine) rollBack() {
	m.undo, m.state, m.undoErrs = true, StateRunning, nil
	m.ready, m.busy = nil, 0
	m.held, m.parked = map[string]*node{}, map[string][]*scope{}
	m.stuck = nil
	for _, n := range m.root.started {
		if n.phase == phUndoFailed || n.phase == phAmbiguous {
			n.phase = n.undoFrom() // a person may have cleared it up
		}
	}
	m.root.undo, m.root.undoing = true, len(m.root.started)-1
	m.root.queued, m.root.busy = false, false
	m.undoOn(m.root)
}

// undoFrom is the phase from which the undo of a step is tried again.
func (n *node) undoFrom() phase {
	if n.out != nil {
		return phDone
	}
	return phUnknown
}

// toUndo reports whether something of an action is left to undo.
func (n *node) toUndo() bool {
	switch n.phase {
	case phObserved, phUnknown, phDoubt, phAmbiguous:
		return true
	case phDone:
		return !n.step.Keep || n.wrote
	}
	return false
}

// undoOn goes on to what is undone next; an item of which nothing is left has
// ended.
func (m *Machine) undoOn(s *scope) {
	for s.undoing >= 0 && !s.started[s.undoing].toUndo() {
		s.undoing--
	}
	if s.undoing < 0 && s.item() {
		m.end(s)
		return
	}
	m.queue(s)
}

// nextUndo undoes what was started, the last first. An action whose outcome is
// not known is looked at before. A failure keeps back only what has to wait
// for it.
func (m *Machine) nextUndo(s *scope) (Command, bool) {
	if s.undoing < 0 {
		state := StateRolledBack
		if m.UndoErr() != nil {
			state = StateRollbackIncomplete
		}
		return record(Event{Kind: EvEnded, State: state}), true
	}
	n := s.started[s.undoing]
	cmd := n.command()
	cmd.undo = true
	if n.phase != phAmbiguous && !m.claim(n, s) {
		return cmd, false // what another item is about decides whether this can be undone
	}
	if by := m.heldBackBy(n); by != nil {
		return record(Event{Kind: EvUndoFail, Step: n.name, Error: fmt.Sprintf(
			"held back: step %s changed the same afterwards and is not undone yet", by.name)}), true
	}
	switch {
	case n.phase == phAmbiguous:
		return record(Event{Kind: EvUndoFail, Step: n.name,
			Error:    "nobody can tell whether its write happened: " + n.verdict.Reason,
			Residues: n.perhaps()}), true
	case n.phase != phDone:
		cmd.Op = OpRecover
	case n.step.Keep:
		return record(Event{Kind: EvKept, Step: n.name, Residues: []Residue{n.kept()}}), true
	default:
		cmd.Op, cmd.late = OpUndo, m.mayArriveAt(n)
	}
	return cmd, true
}

// undone takes up what became of an undo.
func (m *Machine) undone(n *node, e Event) {
	n.residues = e.Residues
	switch e.Kind {
	case EvUndone:
		n.phase = phUndone
	case EvKept:
		n.phase = phKept
	case EvUndoFail:
		n.phase = phUndoFailed
		if e.Write != nil {
			m.mayArrive(n)
		}
		m.undoErrs = multierror.Append(m.undoErrs, fmt.Errorf("step %s: %s", e.Step, e.Error))
	}
	m.release(n)
}

// mayArrive notes that an undo may have been sent and not be there yet: nobody
// knows its answer. To send it again is harmless, but what comes after it must
// not overtake it.
func (m *Machine) mayArrive(n *node) {
	for _, c := range n.claims {
		key := undoKey{n.step.Type, c}
		m.late[key] = max(m.late[key], n.order)
	}
}

// mayArriveAt reports whether the undo of another action than n may still
// change what n is about.
func (m *Machine) mayArriveAt(n *node) bool {
	for _, c := range n.claims {
		if late := m.late[undoKey{n.step.Type, c}]; late != 0 && late != n.order {
			return true
		}
	}
	return false
}

// heldBackBy is an action that was started after n, has set the same thing anew
// or found it as it should be, and is not undone. To undo the earlier one first
// would be wrong: it would take away what the later one stands on, and undoing
// that after it would bring back what the earlier one had set.
func (m *Machine) heldBackBy(n *node) *node {
	if n.step.Type.Undo != UndoExact || n.step.Keep {
		return nil
	}
	for _, c := range n.claims {
		key := undoKey{n.step.Type, c}
		all := m.changes[key]
		for len(all) > 0 && all[len(all)-1].gone() {
			all = all[:len(all)-1]
		}
		m.changes[key] = all
		for i := len(all) - 1; i >= 0 && all[i].order > n.order; i-- {
			if all[i].stands() {
				return all[i]
			}
		}
	}
	return nil
}

// stands reports whether what an action changed, or perhaps did, is still so.
func (n *node) stands() bool {
	return n.toUndo() || n.phase == phKept || n.phase == phUndoFailed
}

// gone reports whether nothing of an action is there, nor will be.
func (n *node) gone() bool { return n.phase == phFailed || n.phase == phUndone }

// Remedy is a playbook that brings about what an undo did not, because somebody
// else has changed the same since: for a person who has decided that it is to be
// so all the same.
type Remedy struct {
	Playbook string            `json:"playbook"` // the name of one that comes with the step types
	Inputs   map[string]string `json:"inputs"`
}

// remediable is implemented by errors of an undo that know one.
type remediable interface{ Remedy() Remedy }

// Suspect is an Action that can tell, from in and saw alone, what its write
// leaves if it happened, and how a person finds out whether it did: for a write
// of which nobody knows. ID is of what it may have made, "" where that is not
// known.
type Suspect interface {
	Action
	Suspected(id string) []Residue
}

// perhaps are the residues of a write that may have happened.
func (n *node) perhaps() []Residue {
	ids := n.verdict.Candidates
	if len(ids) == 0 {
		ids = []string{""}
	}
	t := n.step.Type
	step := t.New()
	suspect, tells := step.(Suspect)
	tells = tells && fill(step, t.in, n.in) == nil && fill(step, t.saw, n.saw) == nil
	var out []Residue
	for _, id := range ids {
		if tells {
			out = append(out, suspect.Suspected(id)...)
			continue
		}
		r := Residue{Kind: t.Name, ID: id, Effect: Added, Note: n.verdict.Reason}
		if len(n.claims) > 0 {
			r.Owner = n.claims[0]
		}
		out = append(out, r)
	}
	for i := range out {
		out[i].Perhaps = true
	}
	return out
}

// kept is the residue of an action that the playbook says to leave.
func (n *node) kept() Residue {
	r := Residue{Kind: n.step.Type.Name, Effect: Kept, Note: "rollback: skip"}
	if len(n.claims) > 0 {
		r.Owner = n.claims[0]
	}
	return r
}
