package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/rekey/runner"
)

// manyLines is how long the story of a run with loops is that is told in full;
// of a longer one the items that went alike are told as one.
const manyLines = 40

// runFold puts the events of a run into the items of the loops that they are of,
// so that items which went alike can be told as one.
type runFold struct {
	decls map[string]*runner.StepDecl
	known map[string]aliases // by an item's name
	own   map[string]string  // by an item's name: the id of what it alone changes
	total map[string]int     // by a loop's name: its items
	top   []foldEntry
	loops map[string]*foldLoop // by name; a rollback, or a process that goes on, has its own
	items map[string]*foldItem
}

// foldEntry is an event, or what happened in the items of a loop.
type foldEntry struct {
	event *ReportEvent
	loop  *foldLoop
}

type foldLoop struct {
	name  string
	items []*foldItem
}

// foldItem is an item of a loop with what happened in it.
type foldItem struct {
	short   string // what it is called below its loop: by its key, or in full where several loops are told as one
	names   aliases
	entries []foldEntry
}

// newRunFold folds a run, of which the events were told; nil: it is short, or
// has no loops.
func newRunFold(run *runner.StoredRun, events []ReportEvent) *runFold {
	playbook, _ := runner.ParsePlaybook("", run.Playbook)
	f := &runFold{decls: itemFoldOf(playbook).decls, known: map[string]aliases{}, total: map[string]int{}, loops: map[string]*foldLoop{}, items: map[string]*foldItem{}}
	f.own = ownIDs(func(add func(step string, claims []string)) {
		for i := range events {
			add(events[i].Step, events[i].Claims)
		}
	})
	lines := 0
	for i := range events {
		lines += len(events[i].Lines)
		f.take(&events[i])
	}
	if lines <= manyLines || len(f.total) == 0 {
		return nil
	}
	return f
}

func (f *runFold) take(e *ReportEvent) {
	switch {
	case e.Kind == runner.EvItems:
		f.total[e.Step] = len(e.Keys)
	case e.Kind == runner.EvOpened, e.Kind == runner.EvRollback && e.Step == "":
		clear(f.loops)
		clear(f.items)
	}
	if len(e.Lines) > 0 {
		f.add(itemAround(e.Step), foldEntry{event: e})
	}
}

func (f *runFold) add(item string, e foldEntry) {
	if item == "" {
		f.top = append(f.top, e)
		return
	}
	i := f.items[item]
	if i == nil {
		name := loopOf(item)
		i = &foldItem{short: item, names: f.namesOf(item)}
		if itemAround(name) == "" {
			i.short = keyOf(item, name)
		}
		f.items[item] = i
		l := f.loops[name]
		if l == nil {
			l = &foldLoop{name: name}
			f.loops[name] = l
			f.add(itemAround(name), foldEntry{loop: l})
		}
		l.items = append(l.items, i)
	}
	i.entries = append(i.entries, e)
}

// keyOf is an item's key in its loop.
func keyOf(item, loop string) string {
	return strings.TrimSuffix(strings.TrimPrefix(item[len(loop):], "["), "]")
}

// namesOf is what a step, or an item, is called for all items that it is in.
func (f *runFold) namesOf(step string) aliases {
	item := itemAround(step)
	if item == "" {
		return nil
	}
	names, known := f.known[item]
	if !known {
		loop := loopOf(item)
		as, single := "item", false
		if d := f.decls[last(loop)]; d != nil && d.Loop != nil {
			as, single = d.Loop.As, len(d.Steps) == 0
		}
		a := newAlias(loop, keyOf(item, loop), as, single)
		a.changes(f.own[item])
		names = append(aliases{a}, f.namesOf(loop)...)
		f.known[item] = names
	}
	return names
}

// shape is a text that items have in common that went alike.
func (i *foldItem) shape() string {
	var b strings.Builder
	for _, e := range i.entries {
		if e.loop != nil {
			b.WriteString("\x02" + last(e.loop.name))
			continue
		}
		b.WriteString("\x03" + string(e.event.Kind) + " " + last(e.event.Step))
		for _, l := range e.event.Lines {
			b.WriteString("\x01" + l.What)
		}
	}
	return b.String()
}

// amiss are the words of lines that a person must hear of by name.
var amiss = []string{"failed", "item", "lost", "unclear", "not undone", "partly"}

// well reports whether nothing went amiss in an item.
func (i *foldItem) well() bool {
	return !slices.ContainsFunc(i.entries, func(e foldEntry) bool {
		if e.loop != nil {
			return slices.ContainsFunc(e.loop.items, func(i *foldItem) bool { return !i.well() })
		}
		return slices.ContainsFunc(e.event.Lines, func(l ReportLine) bool { return slices.Contains(amiss, l.What) })
	})
}

// span is when the first and the last thing happened in an item.
func (i *foldItem) span() (from, to time.Time) {
	for n, e := range i.entries {
		var first, latest time.Time
		if e.loop == nil {
			first, latest = e.event.Time, e.event.Time
		} else {
			first, latest = span(e.loop.items)
		}
		if n == 0 {
			from = first
		}
		if latest.After(to) {
			to = latest
		}
	}
	return from, to
}

func span(items []*foldItem) (from, to time.Time) {
	for n, i := range items {
		first, latest := i.span()
		if n == 0 || first.Before(from) {
			from = first
		}
		if latest.After(to) {
			to = latest
		}
	}
	return from, to
}

// foldRow is a line of a story that is folded.
type foldRow struct {
	time  time.Time // zero: it goes on with the row before
	depth int
	group bool // it is about items, of which the rows nested below tell
	line  line
}

// rows are the story.
func (f *runFold) rows() (rows []foldRow) {
	f.entries(0, f.top, func(r foldRow) { rows = append(rows, r) })
	return rows
}

// itemKeys are what stands for the keys of items in the rows.
func (f *runFold) itemKeys(rows []foldRow) (keys []string) {
	all := map[string]bool{}
	for _, names := range f.known {
		all[names[0].as], all[names[0].ownAs] = true, true
	}
	delete(all, "")
	for as := range all {
		if slices.ContainsFunc(rows, func(r foldRow) bool { return strings.Contains(r.line.text, as) }) {
			keys = append(keys, as)
		}
	}
	slices.Sort(keys)
	return keys
}

func (f *runFold) entries(depth int, all []foldEntry, add func(foldRow)) {
	for _, e := range all {
		if e.loop != nil {
			f.group(depth, []*foldLoop{e.loop}, add)
			continue
		}
		f.event(depth, e.event.Time, []*ReportEvent{e.event}, []aliases{nil}, add)
	}
}

// group adds what happened in the items of a loop, or of one that is in several
// items: those that went alike together, the most first, then what went amiss.
func (f *runFold) group(depth int, loops []*foldLoop, add func(foldRow)) {
	var order [][]*foldItem
	at, total := map[string]int{}, 0
	for _, l := range loops {
		total += max(f.total[l.name], len(l.items))
		for _, i := range l.items {
			shape := i.shape()
			n, known := at[shape]
			if !known {
				n = len(order)
				at[shape], order = n, append(order, nil)
			}
			order[n] = append(order[n], i)
		}
	}
	slices.SortStableFunc(order, func(a, b []*foldItem) int { return len(b) - len(a) })
	slices.SortStableFunc(order[1:], func(a, b []*foldItem) int { return rank(a) - rank(b) })
	for n, items := range order {
		if n > someGroups && len(order) > someGroups+2 {
			rest := slices.Concat(order[n:]...)
			from, _ := span(rest)
			add(foldRow{time: from, depth: depth, group: true, line: line{"", fmt.Sprintf("%s, in %s, went in other ways: %s",
				count(len(rest), "more item"), count(len(order)-n, "more group"), keysOf(rest))}})
			return
		}
		f.alike(depth, items, n > 0, total, add)
	}
}

// rank has groups in which something went amiss come before others.
func rank(items []*foldItem) int {
	if items[0].well() {
		return 1
	}
	return 0
}

func keysOf(items []*foldItem) string {
	keys := make([]string, len(items))
	for i, item := range items {
		keys[i] = item.short
	}
	return someKeys(keys)
}

// alike adds what happened in items that went alike.
func (f *runFold) alike(depth int, items []*foldItem, exception bool, total int, add func(foldRow)) {
	from, to := span(items)
	text := share(len(items), total)
	if exception || len(items) == 1 {
		text += ": " + keysOf(items)
	}
	if timeOfDay(to) != timeOfDay(from) {
		text += ", until " + timeOfDay(to)
	}
	add(foldRow{time: from, depth: depth, group: true, line: line{"", text}})
	for n := range items[0].entries {
		var events []*ReportEvent
		var names []aliases
		var loops []*foldLoop
		for _, i := range items {
			events, names = append(events, i.entries[n].event), append(names, i.names)
			loops = append(loops, i.entries[n].loop)
		}
		if loops[0] != nil {
			f.group(depth+1, loops, add)
			continue
		}
		f.event(depth+1, time.Time{}, events, names, add)
	}
}

// event adds what is told of an event, or of one in each of several items.
func (f *runFold) event(depth int, at time.Time, events []*ReportEvent, names []aliases, add func(foldRow)) {
	fold := func(of func(*ReportEvent) string) string {
		var c common
		for i, e := range events {
			text, about := of(e), ""
			if e.Kind == runner.EvRollback && e.Step != "" && strings.HasPrefix(text, e.Step) { // the item itself
				text, about = text[len(e.Step):], names[i].name(e.Step)
			}
			c.add(about + names[i].text(text))
		}
		return c.String()
	}
	for n, l := range events[0].Lines {
		add(foldRow{time: at, depth: depth, line: line{l.What, fold(func(e *ReportEvent) string { return e.Lines[n].Text })}})
		at = time.Time{}
		if n == 0 && events[0].Write != nil {
			add(foldRow{depth: depth, line: line{"", fold(func(e *ReportEvent) string {
				if e.Write == nil {
					return ""
				}
				return writeLine(e.Write)
			})}})
		}
	}
}
