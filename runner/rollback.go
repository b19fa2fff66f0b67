package runner

import (
	"fmt"
	"strings"
)

// PlannedRollback is what undoing the whole run came to in the rehearsal: one
// backward pass after the last step.
type PlannedRollback struct {
	Steps    []PlannedUndo     `json:"steps"`              // in the order in which they are undone
	Calls    map[string]Bucket `json:"calls,omitempty"`    // requests by rate-limit bucket
	Residues []Residue         `json:"residues,omitempty"` // what is otherwise than before the run then; what a step made and a later one used up is not
}

// PlannedUndo is what undoing one action came to.
type PlannedUndo struct {
	Step     string    `json:"step"`
	Write    *Write    `json:"write,omitempty"` // nil: there is nothing to write
	Kept     bool      `json:"kept,omitempty"`  // rollback: skip
	Residues []Residue `json:"residues,omitempty"`
	Failure  string    `json:"failure,omitempty"`
}

// Difference is one thing of an owner that is not as it was.
type Difference struct {
	Owner  string
	Kind   string // of what is there or gone, as in a Residue; else of what was changed
	ID     string // or the place of what was changed
	Effect Effect // Added, Destroyed or Changed
	Note   string // to what it was changed; nothing secret
}

// Changed is the effect of a [Difference] in what was there before and still
// is. No undo may leave one.
const Changed Effect = "changed"

// Standing notes how owners, named as actions claim them, stand in a rehearsed
// world. What it returns tells at any later time in what they differ from that.
type Standing func(owners []string) (differences func() []Difference)

// trace is a difference, or a residue that explains it.
type trace struct {
	owner, kind, id string
	effect          Effect
}

// traceOf is what an effect leaves behind: what was used up is as gone as what
// was destroyed.
func traceOf(owner, kind, id string, effect Effect) trace {
	if effect == Consumed {
		effect = Destroyed
	}
	return trace{owner, kind, id, effect}
}

// undoCheck holds what each undo leaves against how things stood before the
// action. Undo goes backwards, so that whatever came after is undone already,
// and what of that stays is known.
type undoCheck struct {
	standing Standing
	before   map[string]func() []Difference // by the step's name
	known    map[trace]bool                 // what stays, and is said to
	net      map[string]map[trace]bool      // by owner: in what it differs from before the earliest step that was undone
}

// noteBefore notes how the owners of an action stand before it writes.
func (c *undoCheck) noteBefore(step string, owners []string) {
	if _, again := c.before[step]; again || c.standing == nil {
		return
	}
	if c.before == nil {
		c.before, c.known, c.net = map[string]func() []Difference{}, map[trace]bool{}, map[string]map[trace]bool{}
	}
	c.before[step] = c.standing(owners)
}

// left is what an action's undo leaves and does not say. What is told once is
// not told again of the steps before.
func (c *undoCheck) left(step string, owners []string, residues []Residue, kept bool) (left []Difference) {
	differences := c.before[step]
	if differences == nil {
		return nil
	}
	delete(c.before, step)
	for _, r := range residues {
		c.known[traceOf(r.Owner, r.Kind, r.ID, r.Effect)] = true
	}
	for _, owner := range owners {
		c.net[owner] = map[trace]bool{}
	}
	for _, d := range differences() {
		t := traceOf(d.Owner, d.Kind, d.ID, d.Effect)
		if !c.known[t] && !kept {
			left = append(left, d)
		}
		c.known[t] = true
		if c.net[d.Owner] != nil {
			c.net[d.Owner][t] = true
		}
	}
	return left
}

// stays reports whether a residue is a difference from how things stood before
// the run, as far as that was compared.
func (c *undoCheck) stays(r Residue) bool {
	net, compared := c.net[r.Owner]
	return !compared || r.Effect == Kept || net[traceOf(r.Owner, r.Kind, r.ID, r.Effect)]
}

// String says what differs.
func (d Difference) String() string {
	text := strings.TrimSpace(d.Kind + " " + d.ID)
	switch d.Effect {
	case Added:
		text += " is there, which was not"
	case Destroyed:
		text += " is gone"
	default:
		text += " is not what it was"
	}
	if d.Note != "" {
		text += " (" + d.Note + ")"
	}
	return text
}

// someDifferences is how many differences a plan's failure tells of.
const someDifferences = 5

// broken says of a step type that its undo leaves what it does not say.
func broken(stepType string, left []Difference) string {
	var texts []string
	owner := ""
	for _, d := range left[:min(len(left), someDifferences)] {
		text := d.String()
		if d.Owner != owner && !strings.HasSuffix(d.Owner, "/"+d.ID) {
			text = d.Owner + ": " + text
		}
		owner = d.Owner
		texts = append(texts, text)
	}
	if more := len(left) - someDifferences; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more differences", more))
	}
	return fmt.Sprintf("undone in the rehearsal, it left something behind that it does not own up to: %s. "+
		"Do not run this: the undo of %s is broken, and a rollback would leave the same", strings.Join(texts, "; "), stepType)
}

// undone takes up what became of an undo, and what of the action stays.
func (r *rehearsal) undone(e Event) {
	s := r.step(e.Step)
	undo := PlannedUndo{Step: s.Step, Kept: e.Kind == EvKept, Write: writeOf(e.call, r.learned.replace)}
	for _, residue := range e.Residues {
		undo.Residues = append(undo.Residues, r.sourced(residue))
	}
	s.Residues = append(s.Residues, undo.Residues...)
	r.residues = append(r.residues, e.Residues...)
	left := r.check.left(e.Step, r.machine.nodes[e.Step].claims, e.Residues, undo.Kept)
	switch {
	case e.Kind == EvUndoFail:
		undo.Failure = "it cannot be undone: " + r.learned.replace(e.Error)
	case len(left) > 0:
		undo.Failure = r.learned.replace(broken(s.Type, left))
	}
	if undo.Failure != "" && r.plan.Body.Failure == nil {
		r.plan.Body.Failure = &PlanFailure{Step: s.Step, Message: undo.Failure, Cure: r.learned.replace(e.Cure)}
	}
	if !r.undoing || undo.Write == nil && s.Write == nil && undo.Failure == "" {
		return // of an item that would fail, or there is nothing to undo
	}
	back := r.plan.Body.Rollback
	back.Steps = append(back.Steps, undo)
	back.Calls = addCalls(back.Calls, e.Calls)
}

// undoneAll says what stays after all, the items that would fail included.
func (r *rehearsal) undoneAll() {
	for _, residue := range r.residues {
		if r.check.stays(residue) {
			r.plan.Body.Rollback.Residues = append(r.plan.Body.Rollback.Residues, r.sourced(residue))
		}
	}
}

// sourced is a residue with sources in the place of what they stand for.
func (r *rehearsal) sourced(residue Residue) Residue {
	residue.Owner, residue.ID, residue.Note = r.learned.replace(residue.Owner), r.learned.replace(residue.ID), r.learned.replace(residue.Note)
	return residue
}
