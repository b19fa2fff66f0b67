package view

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// outline is what a plan does, a row for each thing that is said of it: a step,
// a loop, a group of items that do the same. A loop takes a few rows, however
// many items it has. Rows are data, from which faces that nest are made.
type outline struct {
	body *runner.PlanBody
	rows []planRow
}

// planRow is one row.
type planRow struct {
	depth int                 // how deep it is nested, from 0
	kind  rowKind             //
	step  string              // what the playbook calls the step or the loop; empty: the row is about items
	name  string              // what its author calls it
	text  string              // what changes, or what is said
	of    planPart            // of a step: those that the row stands for; of a loop's, one for each item
	is    graphKind           // of a step: how it looks
	first *runner.PlannedStep // of a step: the first of them
}

// rowKind says what a row is about.
type rowKind int

// The kinds of rows.
const (
	rowStep   rowKind = iota
	rowLoop           // a loop; what its items do is nested in it
	rowGroup          // items that do the same; their steps are nested in it
	rowFailed         // items, or a loop, that would fail
	rowRest           // items that are not shown
)

// newOutline is the outline of a plan.
func newOutline(tree *planTree) *outline {
	o := &outline{body: tree.body}
	for _, e := range tree.top {
		if e.loop != nil {
			o.loops(0, []*planLoop{e.loop})
			continue
		}
		o.part(0, planPart{id: e.step.Step, entries: []planEntry{e}, names: []aliases{nil}})
	}
	return o
}

func (o *outline) add(r planRow) { o.rows = append(o.rows, r) }

// loops adds a loop, or one inside of another once for all items of that.
func (o *outline) loops(depth int, all []*planLoop) {
	l := all[0]
	var items []*planItem
	for _, one := range all {
		items = append(items, one.items...)
	}
	about := plannedLoopAbout(all)
	if l.Name != "" {
		about = about[1:]
	}
	o.add(planRow{depth: depth, kind: rowLoop, step: planEntry{loop: l}.id(), name: l.Name, text: strings.Join(about, "; ")})
	if f := o.body.Failure; f != nil && f.Step == l.Step {
		o.add(planRow{depth: depth + 1, kind: rowFailed, text: "it would fail"})
	}
	o.items(depth+1, items)
}

// items adds what the items of a loop do, those together that do the same.
func (o *outline) items(depth int, all []*planItem) {
	var well, failed []*planItem
	idle := 0
	for _, item := range all {
		switch {
		case item.failed:
			failed = append(failed, item)
		case len(item.entries) == 0:
			idle++
		default:
			well = append(well, item)
		}
	}
	groups := group(well)
	for i, g := range groups {
		if i > someGroups {
			var rest []*planItem
			for _, g := range groups[i:] {
				rest = append(rest, g.items...)
			}
			o.add(planRow{depth: depth, kind: rowRest, text: fmt.Sprintf("%s, in %s, do it in other ways: %s",
				count(len(rest), "more item"), count(len(groups)-i, "more group"), shortNames(rest))})
			break
		}
		o.group(depth, g, groups, well, len(all))
	}
	if len(groups) > 1 {
		for _, id := range loopIDs(well) {
			inner := innerLoops(id, well)
			o.add(planRow{depth: depth, kind: rowGroup, text: share(len(inner), len(all))})
			o.loops(depth+1, inner)
		}
	}
	if idle > 0 && o.body.Failure != nil {
		o.add(planRow{depth: depth, kind: rowRest, text: count(idle, "item") + " would not begin"})
	}
	o.failed(depth, failed)
}

// group adds what a group of items does: the most common in full, of the others
// what is not as there.
func (o *outline) group(depth int, g *planGroup, groups []*planGroup, well []*planItem, total int) {
	first, parts := groups[0], g.parts()
	text := share(len(g.items), total)
	if g != first {
		text = fmt.Sprintf("%s: %s", counted(len(g.items), "item differs", "items differ"), shortNames(g.items))
		parts = g.unlike(first)
	} else if len(g.items) == 1 {
		text += ", " + g.items[0].short()
	}
	o.add(planRow{depth: depth, kind: rowGroup, text: text})
	for _, part := range parts {
		switch {
		case part.entries[0].loop == nil:
			o.part(depth+1, part)
		case len(groups) > 1:
			o.add(planRow{depth: depth + 1, kind: rowLoop, step: part.id, text: "a loop, see below"})
		default:
			o.loops(depth+1, innerLoops(part.id, well))
		}
	}
}

// unlike are the parts of a group that are not as in another.
func (g *planGroup) unlike(other *planGroup) []planPart {
	before := map[string]planPart{}
	for _, part := range other.parts() {
		before[part.id] = part
	}
	exact := !g.rough && !other.rough
	return slices.DeleteFunc(g.parts(), func(part planPart) bool {
		as, known := before[part.id]
		return known && as.shape(exact) == part.shape(exact)
	})
}

// part adds a step, or one step of a group of items.
func (o *outline) part(depth int, part planPart) {
	s := part.step()
	r := planRow{depth: depth, step: part.id, of: part, first: s, is: kindOf(o.body, s)}
	if last(s.Step) != "" { // of a step that is a loop itself, the loop has it
		r.name = s.Name
	}
	change := part.text(func(s *runner.PlannedStep) string { return s.Change })
	switch {
	case o.body.Failure != nil && o.body.Failure.Step == s.Step && o.body.Rollback != nil:
		r.text = "cannot be undone: " + change
	case o.body.Failure != nil && o.body.Failure.Step == s.Step:
		r.text = "would fail"
	case s.Condition != nil && !*s.Condition:
		r.text = "skipped, its condition is false"
	case s.Type == blockType:
		r.text = "its condition holds: the steps in it follow"
	case !s.Action:
		r.text = "reads only"
	case s.Unchanged:
		r.text = "no change: " + change
	default:
		r.text = change
	}
	o.add(r)
}

// failed adds the items that would fail, those together that fail alike.
func (o *outline) failed(depth int, failed []*planItem) {
	var order []string
	alike := map[string][]*planItem{}
	for _, item := range failed {
		text := item.names.text(item.failure)
		if len(alike[text]) == 0 {
			order = append(order, text)
		}
		alike[text] = append(alike[text], item)
	}
	slices.SortStableFunc(order, func(a, b string) int { return len(alike[b]) - len(alike[a]) })
	for i, text := range order {
		if i == someGroups && len(order) > someGroups+1 {
			var rest []*planItem
			for _, text := range order[i:] {
				rest = append(rest, alike[text]...)
			}
			o.add(planRow{depth: depth, kind: rowFailed, text: fmt.Sprintf("%s would fail for other reasons: %s", count(len(rest), "more item"), shortNames(rest))})
			return
		}
		items := alike[text]
		o.add(planRow{depth: depth, kind: rowFailed, text: fmt.Sprintf("%s would fail and be undone: %s", count(len(items), "item"), shortNames(items))})
		names := items[0].names
		if len(items) == 1 {
			names = names.named()
		}
		o.add(planRow{depth: depth + 1, kind: rowRest, text: names.text(items[0].failure)})
		for _, text := range items[0].stays(names) {
			o.add(planRow{depth: depth + 1, kind: rowRest, text: text})
		}
	}
}

// mark tells an addition from a change, a loss, and what is none.
func (r *planRow) mark() string {
	switch r.is {
	case graphFailed:
		return "x"
	case graphIdle, graphQuery:
		return "."
	case graphSame:
		return "="
	}
	return mark(r.first)
}

// request is what is sent, or done here; empty: nothing is.
func (r *planRow) request() string {
	if r.kind != rowStep || r.first.Write == nil {
		return ""
	}
	return r.of.text(func(s *runner.PlannedStep) string { return requestLine(s.Write) })
}

// changes are the place that a request changes, and the value there before and
// after.
func (r *planRow) changes() (pointer, from, to string, ok bool) {
	if r.kind != rowStep || r.first.Write == nil || r.first.Write.Change == nil {
		return "", "", "", false
	}
	from = r.of.text(func(s *runner.PlannedStep) string { return Value(s.Write.Change.From) })
	to = r.of.text(func(s *runner.PlannedStep) string { return Value(s.Write.Change.To) })
	return r.first.Write.Change.Pointer, from, to, true
}

// stays says what stays after the step's undo, an effect each.
func (r *planRow) stays() (out []string) {
	if r.kind != rowStep || r.first.Write == nil {
		return nil
	}
	for i, effect := range r.first.Residues {
		if effect.Effect != runner.Kept {
			out = append(out, r.of.text(func(s *runner.PlannedStep) string { return residue(s.Residues[i]) }))
		}
	}
	return out
}
