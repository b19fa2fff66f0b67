package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/rekey/runner"
)

// planEntry is a step or a loop, in the order in which a run meets them.
type planEntry struct {
	step *runner.PlannedStep
	loop *planLoop
}

// planLoop is a loop of a plan with what its items do.
type planLoop struct {
	*runner.PlannedLoop
	condition *runner.PlannedStep // nil: it has none
	items     []*planItem
	around    *planItem // nil: the playbook
	placed    bool
}

// name is what a loop is called, with variables in place of the keys around it.
func (l *planLoop) name() string {
	if l.around == nil {
		return l.Step
	}
	return l.around.names.name(l.Step)
}

// planItem is an item of a loop with what it does.
type planItem struct {
	name, key string
	loop      *planLoop
	entries   []planEntry
	names     aliases
	failed    bool
	failure   string
}

// planTree puts the steps of a plan, which are one after the other, into the
// loops that they are in.
type planTree struct {
	body  *runner.PlanBody
	top   []planEntry
	order []*planLoop
	loops map[string]*planLoop
	items map[string]*planItem
	own   map[string]string // by an item's name: the id of what it alone changes
	next  int               // in order: the loop to be placed next
}

func newPlanTree(body *runner.PlanBody) *planTree {
	t := &planTree{body: body, loops: map[string]*planLoop{}, items: map[string]*planItem{}}
	single := map[string]bool{} // items that are one step
	for i := range body.Steps {
		if s := &body.Steps[i]; s.Loop != "" {
			single[s.Step] = true
		}
	}
	t.own = ownIDs(func(add func(step string, claims []string)) {
		for i := range body.Steps {
			add(body.Steps[i].Step, body.Steps[i].Claims)
		}
	})
	for i := range body.Loops {
		t.loop(&body.Loops[i], single)
	}
	for i := range body.Steps {
		s := &body.Steps[i]
		if l := t.loops[s.Step]; l != nil {
			l.condition = s
			t.place(l)
			continue
		}
		item := t.items[s.Loop+"["+s.Item+"]"]
		if s.Loop == "" || item == nil {
			t.top = append(t.top, planEntry{step: s})
			continue
		}
		t.place(item.loop)
		item.entries = append(item.entries, planEntry{step: s})
	}
	for t.next < len(t.order) {
		t.place(t.order[t.next])
	}
	return t
}

// loop takes up a loop and its items.
func (t *planTree) loop(planned *runner.PlannedLoop, single map[string]bool) {
	l := &planLoop{PlannedLoop: planned, around: t.items[itemAround(planned.Step)], items: make([]*planItem, len(planned.Items))}
	var outer aliases
	if l.around != nil {
		outer = l.around.names
	}
	for i, key := range planned.Items {
		a := newAlias(planned.Step, key, planned.As, single[planned.Step+"["+key+"]"])
		a.changes(t.own[a.item])
		item := &planItem{name: a.item, key: key, loop: l, names: append(aliases{a}, outer...)}
		l.items[i] = item
		t.items[item.name] = item
	}
	for _, f := range planned.Failures {
		if item := t.items[f.Item]; item != nil {
			item.failed, item.failure = true, f.Message
		}
	}
	t.loops[planned.Step] = l
	t.order = append(t.order, l)
}

// place puts a loop, and those before it that nothing else tells of, where
// they stand.
func (t *planTree) place(l *planLoop) {
	for !l.placed && t.next < len(t.order) {
		next := t.order[t.next]
		t.next++
		next.placed = true
		if next.around == nil {
			t.top = append(t.top, planEntry{loop: next})
		} else {
			next.around.entries = append(next.around.entries, planEntry{loop: next})
		}
	}
}

// namesOf is what a step is called for all items that it is in.
func (t *planTree) namesOf(step string) aliases {
	if item := t.items[itemAround(step)]; item != nil {
		return item.names
	}
	return nil
}

// writes counts what goes to the org, and what stays on this machine.
func (t *planTree) writes() (org, here int) {
	for i := range t.body.Steps {
		if s := &t.body.Steps[i]; !s.Undone {
			countWrite(s.Write, &org, &here)
		}
	}
	return org, here
}

// countWrite counts a write, if it is one.
func countWrite(w *runner.Write, org, here *int) {
	switch {
	case w == nil:
	case remote(w):
		*org++
	default:
		*here++
	}
}

// nothing says why a plan writes nothing.
func (t *planTree) nothing() string {
	var empty []string
	for _, l := range t.order {
		if name := Visible(l.name()); len(l.Items) == 0 && !slices.Contains(empty, name) {
			empty = append(empty, name)
		}
	}
	switch {
	case slices.ContainsFunc(t.body.Steps, func(s runner.PlannedStep) bool { return s.Unchanged }):
		return "Nothing to change: everything is in place already."
	case len(empty) > 0:
		return fmt.Sprintf("Nothing to do: the %s of %s %s empty.", plural(len(empty), "list", "lists"),
			strings.Join(empty, ", "), plural(len(empty), "is", "are"))
	}
	return "Nothing to do: no step would write."
}

// planGroup are items that do the same.
type planGroup struct {
	items []*planItem
	rough bool // apart from values that differ all over
}

// group puts items together that do the same, the most first. A value that
// differs in a few groups of items tells them apart; one that is nearly every
// item's own, such as the key that it had before, does not.
func group(items []*planItem) (groups []*planGroup) {
	const few = 5
	type class struct {
		size  int
		exact []*planGroup
		at    map[string]*planGroup
	}
	classes, order := map[string]*class{}, []*class{}
	for _, item := range items {
		rough := item.shape(false)
		c := classes[rough]
		if c == nil {
			c = &class{at: map[string]*planGroup{}}
			classes[rough] = c
			order = append(order, c)
		}
		c.size++
		exact := item.shape(true)
		g := c.at[exact]
		if g == nil {
			g = &planGroup{}
			c.at[exact] = g
			c.exact = append(c.exact, g)
		}
		g.items = append(g.items, item)
	}
	for _, c := range order {
		if len(c.exact) > few && len(c.exact)*4 > c.size {
			all := &planGroup{rough: true}
			for _, g := range c.exact {
				all.items = append(all.items, g.items...)
			}
			c.exact = []*planGroup{all}
		}
		groups = append(groups, c.exact...)
	}
	slices.SortStableFunc(groups, func(a, b *planGroup) int { return len(b.items) - len(a.items) })
	return groups
}

// shape is a text that items have in common that do the same.
func (i *planItem) shape(exact bool) string {
	var b strings.Builder
	for _, e := range i.entries {
		e.shape(&b, i.names, exact)
		b.WriteByte(2)
	}
	return b.String()
}

// id is what the playbook calls an entry.
func (e planEntry) id() string {
	if e.loop != nil {
		return last(e.loop.Step)
	}
	if id := last(e.step.Step); id != "" {
		return id
	}
	return last(loopOf(e.step.Step))
}

// shape writes what is the same wherever an entry does the same; if exact,
// with the texts that may be the item's own. What is in a loop inside of the
// item is compared there.
func (e planEntry) shape(b *strings.Builder, names aliases, exact bool) {
	put := func(text string) { b.WriteString(text); b.WriteByte(1) }
	flag := func(yes bool) { put(strconv.FormatBool(yes)) }
	put(e.id())
	s := e.step
	if e.loop != nil {
		put(e.loop.As)
		if s = e.loop.condition; s == nil {
			return
		}
	}
	put(s.Type)
	flag(s.Condition != nil)
	flag(s.Condition != nil && *s.Condition)
	flag(s.Unchanged)
	flag(s.Failure != "")
	flag(s.Undone)
	flag(s.Kept)
	put(strconv.Itoa(s.Assertions))
	put(s.Notice)
	put(string(s.Undo))
	flag(s.Caution != "")
	put(strconv.Itoa(len(s.Warnings)))
	put(strconv.Itoa(len(s.NotChecked)))
	own := func(text string) {
		if exact {
			put(names.text(text))
		}
	}
	if w := s.Write; w != nil {
		put(w.Method)
		flag(remote(w))
		if w.Change != nil {
			put(w.Change.Pointer)
		}
		if remote(w) { // a file's path often holds a value of the item
			own(w.Path)
		}
	}
	for _, r := range s.Residues {
		put(r.Kind)
		put(string(r.Effect))
		flag(r.Perhaps)
		own(r.Owner)
		own(r.Note)
	}
	for _, texts := range [][]string{s.Claims, {s.Caution}, s.Warnings, s.NotChecked} {
		for _, text := range texts {
			own(text)
		}
	}
}

// remote reports whether a write goes to the org, and not to this machine.
func remote(w *runner.Write) bool { return strings.HasPrefix(w.Path, apiPath) }

// requestLine is what is sent, or done here.
func requestLine(w *runner.Write) string {
	if !remote(w) {
		return strings.ToLower(w.Method) + " " + w.Path
	}
	return w.Method + " " + w.Path
}
