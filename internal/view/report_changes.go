package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// changing draws the writes of a run together: what each value was before the
// first of them, and after the last.
type changing struct {
	order   []place
	values  map[place]*ReportChange
	owner   map[string]string        // of each step
	lost    map[string]*runner.Write // by step: its answer was
	planned map[string]*runner.Write
	unsure  map[place]bool // what was there last is not what the run wrote
}

// place is a value in an owner.
type place struct{ owner, pointer string }

// changes are the values that a run changed in place, without those that were
// put back, and those of which a person's word is all that says so: the org had
// another.
func changes(run *runner.StoredRun) (all []ReportChange) {
	c := &changing{values: map[place]*ReportChange{}, owner: map[string]string{}, lost: map[string]*runner.Write{}, planned: plannedWrites(run), unsure: map[place]bool{}}
	for _, e := range run.Events {
		c.add(e.Event)
	}
	for _, at := range c.order {
		if v := c.values[at]; !c.unsure[at] && fmt.Sprint(v.Before) != fmt.Sprint(v.After) {
			all = append(all, *v)
		}
	}
	slices.SortStableFunc(all, func(a, b ReportChange) int {
		return cmp.Or(strings.Compare(a.Owner, b.Owner), strings.Compare(a.Pointer, b.Pointer))
	})
	return all
}

func (c *changing) add(e runner.Event) {
	if len(e.Claims) > 0 {
		c.owner[e.Step] = e.Claims[0]
	}
	switch {
	case e.Kind == runner.EvRecovered && e.Verdict.Outcome == runner.Happened:
		if w := cmp.Or(c.lost[e.Step], c.planned[e.Step]); w != nil && w.Change != nil {
			c.note(e.Step, w.Change)
			c.unsure[place{c.owner[e.Step], w.Change.Pointer}] = e.Verdict.Found != ""
		}
	case e.Write == nil || e.Write.Change == nil || e.Kind == runner.EvUndoFail: // that did not put it back, or nobody knows
	case e.Kind == runner.EvUndone && len(c.order) == 0: // of what nobody knows that it was changed
	case e.Kind == runner.EvUnknown:
		c.lost[e.Step] = e.Write
	default:
		c.note(e.Step, e.Write.Change)
	}
}

func (c *changing) note(step string, change *runner.Change) {
	at := place{c.owner[step], change.Pointer}
	if c.values[at] == nil {
		c.order = append(c.order, at)
		c.values[at] = &ReportChange{Owner: at.owner, Pointer: at.pointer, Before: change.From}
	}
	c.values[at].After, c.unsure[at] = change.To, false
}

// plannedWrites are the writes of a run's plan, by the names of the steps: what
// a write was that was found after its process had ended is on record there
// alone.
func plannedWrites(run *runner.StoredRun) map[string]*runner.Write {
	writes := map[string]*runner.Write{}
	if run.Plan == nil {
		return writes
	}
	for _, s := range yieldsOf(run).body(&run.Plan.Body).Steps {
		writes[s.Step] = s.Write
	}
	return writes
}

// adopted is what was found after a lost answer and taken for a step's.
func adopted(run *runner.StoredRun) (all []ReportAdopted) {
	for _, e := range run.Events {
		switch {
		case e.Kind == runner.EvUndone:
			all = slices.DeleteFunc(all, func(a ReportAdopted) bool { return a.Step == e.Step })
		case e.Kind == runner.EvRecovered && e.Verdict.Outcome == runner.Happened && e.Verdict.Decided == "" && e.Out["adopted"] == true:
			all = slices.DeleteFunc(all, func(a ReportAdopted) bool { return a.Step == e.Step })
			all = append(all, ReportAdopted{Step: e.Step, ID: fmt.Sprint(cmp.Or(e.Out["kid"], e.Out["id"]))})
		}
	}
	return all
}
