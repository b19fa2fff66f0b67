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
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = item.short()
	}
	return someKeys(names)
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

// value is what a value of each item's step comes to for all of them, as show
// shows one. Of lists that differ too much, or are too long, it says how many
// there are in them.
func (p planPart) value(of func(*runner.PlannedStep) any, show func(any) string) string {
	var texts, counts common
	lists, differ, cut := true, false, false
	for i, e := range p.entries {
		v := of(e.step)
		text := p.names[i].text(show(v))
		differ = differ || i > 0 && text != texts.last
		texts.add(text)
		list, ok := v.([]any)
		lists = lists && ok
		cut = cut || ok && show(v) != Value(v)
		counts.add(fmt.Sprintf("%s (%s in all)", differs, number(len(list))))
	}
	text := texts.String()
	if lists && differ && (cut || text == differs) {
		return counts.String()
	}
	return text
}

// common writes a text that may hold what stands for several.
func (p *planPage) common(prefix, text string) {
	p.differs = p.differs || strings.Contains(text, differs)
	p.wrapped(prefix, text)
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
