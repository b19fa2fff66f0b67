package view

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// rollback says what undoing the whole run came to in the rehearsal.
func (p *planPage) rollback() {
	b := p.body.Rollback
	if b == nil || len(b.Steps) == 0 {
		return
	}
	var order []string
	org, here := 0, 0
	for _, u := range b.Steps {
		countWrite(u.Write, &org, &here)
		if name := p.tree.general(u.Step); !u.Kept && u.Write != nil && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	text := "there is nothing to write, and all is as before"
	if org+here > 0 {
		text = "after " + someWrites(org, here) + " all is as before"
	}
	switch {
	case p.body.Failure != nil:
		text = strings.Replace(text, "is as before", "is NOT as before, see the end", 1)
	case len(b.Residues) > 0:
		text += ", but:"
	}
	p.wrapped("Rollback  ", "rehearsed: "+text)
	if p.details && len(order) > 0 {
		p.wrapped("          ", "in this order: "+strings.Join(order, ", "))
	}
	for _, n := range p.tree.stays() {
		if n.items > 1 {
			n.text += fmt.Sprintf(" (%s)", count(n.items, "item"))
		}
		p.common("          - ", n.text)
	}
}

// stays are the effects that the rehearsed rollback left.
func (t *planTree) stays() []planNote {
	left := map[runner.Residue]bool{}
	for _, r := range t.body.Rollback.Residues {
		left[r] = true
	}
	return t.notes(func(s *runner.PlannedStep, note func(kind, text string)) {
		for _, r := range s.Residues {
			if left[r] {
				note("", residue(r))
			}
		}
	})
}

// bothWrites counts those to the org and those on this machine.
func bothWrites(org, here int) string {
	return count(org, "write") + " to the org, " + count(here, "write") + " on this machine"
}

// someWrites does so as a part of a sentence, without those that there are none of.
func someWrites(org, here int) string {
	switch {
	case here == 0:
		return count(org, "write") + " to the org"
	case org == 0:
		return count(here, "write") + " on this machine"
	}
	return count(org, "write") + " to the org and " + number(here) + " on this machine"
}

// undoWord says what undoing a step comes to.
func undoWord(kept bool, w *runner.Write) string {
	switch {
	case kept:
		return "kept (rollback: skip)"
	case w == nil:
		return "nothing to write"
	}
	return "put back"
}

// general is a step's name with variables in place of keys.
func (t *planTree) general(step string) string {
	return t.namesOf(step).name(step)
}
