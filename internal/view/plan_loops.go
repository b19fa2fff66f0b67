package view

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// What of many is shown: as many names of items, and as many groups of items
// that are exceptions.
const (
	someNames  = 5
	someGroups = 5
)

// loop shows a loop: over what it goes, what most items do, and then those
// that do something else.
func (p *planPage) loop(title string, l *planLoop) {
	p.loops(title, []*planLoop{l})
}

// loops shows a loop, or one inside of another once for all items of that.
func (p *planPage) loops(title string, all []*planLoop) {
	l := all[0]
	fewest, most, total := len(l.Items), 0, 0
	var items []*planItem
	var batches []string
	for _, one := range all {
		fewest, most, total = min(fewest, len(one.Items)), max(most, len(one.Items)), total+len(one.Items)
		items = append(items, one.items...)
		if len(one.Batches) > 0 && len(batches) == 0 {
			batches = sizes(one.PlannedLoop)
		}
	}
	name := Visible(planEntry{loop: l}.id())
	if l.Name != "" {
		name += ", " + Visible(l.Name)
	}
	of := "for each of " + count(most, "item")
	if fewest != most {
		of = fmt.Sprintf("for each of %s to %s", number(fewest), count(most, "item"))
		batches = nil
	}
	if len(all) > 1 && total != most {
		of += fmt.Sprintf(" (%s, %s in all)", l.As, number(total))
	} else {
		of += fmt.Sprintf(" (%s)", l.As)
	}
	if most == 0 {
		p.line(title + name + ": its list is empty, there is nothing to do")
		return
	}
	p.wrapped(title, name+": "+of+", "+everyItem(l.Concurrency, batches, l.MaxFailures))
	indent := strings.Repeat(" ", len(title))
	if f := p.body.Failure; f != nil && f.Step == l.Step {
		p.line(indent + "x would fail, see below")
	}
	p.items(indent, items)
}

// items shows what the items of a loop do, those together that do the same.
func (p *planPage) items(indent string, all []*planItem) {
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
			p.moreGroups(indent, groups[i:])
			break
		}
		p.group(indent, g, groups, well, len(all))
	}
	if len(groups) > 1 {
		for _, id := range loopIDs(well) {
			inner := innerLoops(id, well)
			p.line(indent + share(len(inner), len(all)) + ":")
			p.loops(indent+"> ", inner)
		}
	}
	if idle > 0 && p.body.Failure != nil {
		p.line(indent + count(idle, "item") + " would not begin")
	}
	p.wouldFail(indent, failed)
}

// group shows what a group of items does: the most common in full, of the
// others what is not as there. A loop inside is told with the only group, or
// below all of them, for it spans them.
func (p *planPage) group(indent string, g *planGroup, groups []*planGroup, well []*planItem, total int) {
	first, parts := groups[0], g.parts()
	if g == first {
		of := share(len(g.items), total)
		if len(g.items) == 1 {
			of += ", " + Visible(g.items[0].short())
		}
		p.line(indent + of + ":")
	} else {
		before := map[string]planPart{}
		for _, part := range first.parts() {
			before[part.id] = part
		}
		exact := !g.rough && !first.rough
		parts = slices.DeleteFunc(parts, func(part planPart) bool {
			as, known := before[part.id]
			return known && as.shape(exact) == part.shape(exact)
		})
		p.wrapped(indent, fmt.Sprintf("%s: %s", counted(len(g.items), "item differs", "items differ"), shortNames(g.items)))
	}
	for _, part := range parts {
		switch {
		case part.entries[0].loop == nil:
			p.part(indent, part)
		case len(groups) > 1:
			p.line(indent + "> " + Visible(part.id) + ": a loop, see below")
		default:
			p.loops(indent+"> ", innerLoops(part.id, well))
		}
	}
}

// share is how many of all items something is said of.
func share(n, total int) string {
	switch {
	case n < total:
		return fmt.Sprintf("%s of %s", number(n), count(total, "item"))
	case n > 1:
		return "all " + count(n, "item")
	}
	return count(n, "item")
}

// short is how an item is named below its loop: by its key, or in full where
// several loops around it are told as one.
func (i *planItem) short() string {
	if i.loop.around != nil {
		return i.name
	}
	return i.key
}

func shortNames(items []*planItem) string {
	names := make([]string, 0, someNames+2)
	for _, item := range items[:min(len(items), someNames+2)] {
		names = append(names, item.short())
	}
	if len(items) > someNames+1 {
		return fmt.Sprintf("%s and %s more (--format json has all)", strings.Join(names[:someNames], ", "), number(len(items)-someNames))
	}
	return strings.Join(names, ", ")
}

// moreGroups says what is left out.
func (p *planPage) moreGroups(indent string, groups []*planGroup) {
	var items []*planItem
	for _, g := range groups {
		items = append(items, g.items...)
	}
	p.wrapped(indent, fmt.Sprintf("%s, in %s, do it in other ways: %s",
		count(len(items), "more item"), count(len(groups), "more group"), shortNames(items)))
}

// planPart is what the items of a group do at one step.
type planPart struct {
	id      string
	entries []planEntry // of each item
	names   []aliases   // of each item
}

// loopIDs are the ids of the loops inside of items.
func loopIDs(items []*planItem) (ids []string) {
	for _, item := range items {
		for _, e := range item.entries {
			if e.loop != nil && !slices.Contains(ids, e.id()) {
				ids = append(ids, e.id())
			}
		}
	}
	return ids
}

// innerLoops are the loops of an id in all items of the loop around it.
func innerLoops(id string, items []*planItem) (out []*planLoop) {
	for _, item := range items {
		for _, e := range item.entries {
			if e.loop != nil && e.id() == id {
				out = append(out, e.loop)
			}
		}
	}
	return out
}

func (g *planGroup) parts() (out []planPart) {
	for i, e := range g.items[0].entries {
		part := planPart{id: e.id()}
		for _, item := range g.items {
			part.entries = append(part.entries, item.entries[i])
			part.names = append(part.names, item.names)
		}
		out = append(out, part)
	}
	return out
}

// shape is what tells a part from that of another group.
func (p planPart) shape(exact bool) string {
	var b strings.Builder
	p.entries[0].shape(&b, p.names[0], exact)
	return b.String()
}

// step is the step of which the part is, in the first item.
func (p planPart) step() *runner.PlannedStep { return p.entries[0].step }

// text is what a text of each item's step comes to for all of them.
func (p planPart) text(of func(*runner.PlannedStep) string) string {
	var c common
	for i, e := range p.entries {
		c.add(p.names[i].text(of(e.step)))
	}
	return c.String()
}

// part shows one step of a group: what it changes on the line that the eye
// finds first, what it means below.
func (p *planPage) part(indent string, part planPart) {
	s := part.step()
	about := s.Type
	if s.Write != nil && s.Notice != "" {
		about += ", users notice"
	}
	title := fmt.Sprintf("%s (%s)", part.id, about)
	if s.Name != "" && last(s.Step) != "" { // of a step that is a loop itself, the loop has it
		title += ", " + s.Name
	}
	change := func() string { return part.text(func(s *runner.PlannedStep) string { return s.Change }) }
	switch {
	case s.Condition != nil && !*s.Condition:
		p.common(indent+". ", title+": skipped, its condition is false")
	case s.Type == blockType:
		p.common(indent+". ", title+": its condition holds")
	case !s.Action:
		p.common(indent+". ", title+": reads only")
	case s.Unchanged:
		p.common(indent+"= ", title+": no change: "+change())
	default:
		p.common(indent+mark(s)+" ", title+": "+change())
	}
	if s.Write != nil {
		p.partWrite(indent, part)
	}
	if text := tries(s); text != "" {
		p.line(indent + "    tries    " + text)
	}
	if s.Assertions > 0 {
		p.line(indent + "    asserts  " + count(s.Assertions, "condition") + " held")
	}
}

// common writes a text that may hold what stands for several.
func (p *planPage) common(prefix, text string) {
	p.differs = p.differs || strings.Contains(text, differs)
	p.wrapped(prefix, text)
}

func (p *planPage) partWrite(indent string, part planPart) {
	request := part.text(func(s *runner.PlannedStep) string {
		w := s.Write
		switch {
		case !remote(w):
			return strings.ToLower(w.Method) + " " + w.Path
		case w.Change == nil:
			return w.Method + " " + w.Path
		}
		return fmt.Sprintf("%s %s: %s from %s to %s", w.Method, w.Path, w.Change.Pointer, Value(w.Change.From), Value(w.Change.To))
	})
	s := part.step()
	if remote(s.Write) {
		p.common(indent+"    request  ", request)
	} else {
		p.common(indent+"    here     ", request)
	}
	stays := false
	for i, r := range s.Residues {
		if r.Effect == runner.Kept {
			continue
		}
		stays = true
		p.common(indent+"    undo     ", part.text(func(s *runner.PlannedStep) string { return residue(s.Residues[i]) }))
	}
	if !stays || s.Kept {
		p.line(indent + "    undo     " + undoWords(s))
	}
}

// wouldFail shows the items that would fail, those together that fail alike.
func (p *planPage) wouldFail(indent string, failed []*planItem) {
	type reason struct {
		items []*planItem
	}
	var reasons []*reason
	at := map[string]*reason{}
	for _, item := range failed {
		text := item.names.text(item.failure)
		r := at[text]
		if r == nil {
			r = &reason{}
			at[text] = r
			reasons = append(reasons, r)
		}
		r.items = append(r.items, item)
	}
	slices.SortStableFunc(reasons, func(a, b *reason) int { return len(b.items) - len(a.items) })
	for i, r := range reasons {
		if i == someGroups && len(reasons) > someGroups+1 {
			var rest []*planItem
			for _, r := range reasons[i:] {
				rest = append(rest, r.items...)
			}
			p.wrapped(indent+"x ", fmt.Sprintf("%s would fail for other reasons: %s", count(len(rest), "more item"), shortNames(rest)))
			return
		}
		p.wrapped(indent+"x ", fmt.Sprintf("%s would fail and be undone: %s", count(len(r.items), "item"), shortNames(r.items)))
		names := r.items[0].names
		if len(r.items) == 1 {
			names = names.named()
		}
		p.common(indent+"  ", names.text(r.items[0].failure))
		for _, text := range r.items[0].stays(names) {
			p.common(indent+"  ", text)
		}
	}
}

// stays says what an item that would fail leaves behind.
func (i *planItem) stays(names aliases) (out []string) {
	for _, e := range i.entries {
		if e.step == nil {
			for _, inner := range e.loop.items {
				out = append(out, inner.stays(names)...)
			}
			continue
		}
		for _, r := range e.step.Residues {
			out = append(out, names.text(residue(r)))
		}
	}
	if len(out) > someNames {
		out = append(out[:someNames-1], fmt.Sprintf("and %s more", count(len(out)-someNames+1, "effect")))
	}
	return out
}
