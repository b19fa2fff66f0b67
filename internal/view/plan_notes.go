package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// failures says in the summary how many items of the loops would fail.
func (p *planPage) failures() {
	for _, text := range p.tree.failing() {
		p.wrapped("  ! ", text)
	}
}

// failing says how many items of the loops would fail while the run goes on.
func (t *planTree) failing() (out []string) {
	if t.body.Failure != nil {
		return nil
	}
	var order []string
	failed, total := map[string]int{}, map[string]int{}
	most := map[string]int{}
	for _, l := range t.order {
		name := l.name()
		if total[name] == 0 {
			order = append(order, name)
		}
		failed[name] += len(l.Failures)
		total[name] += len(l.Items)
		most[name] = l.MaxFailures
	}
	for _, name := range order {
		if failed[name] > 0 {
			out = append(out, fmt.Sprintf("%s: %s of %s would fail, and be undone; the others go on (max_failures is %d)",
				name, number(failed[name]), count(total[name], "item"), most[name]))
		}
	}
	return out
}

// notChecked is the kind of what a plan could not look at.
const notChecked = "Not checked"

// noteKinds are what a reviewer must weigh besides what users notice, what
// weighs most first.
var noteKinds = [...]string{"Not undone", "Irreversible", "Caution", "Warning", notChecked}

// weigh notes what a reviewer must weigh of a step besides what users notice.
func weigh(s *runner.PlannedStep, note func(kind, text string)) {
	if s.Kept && s.Write != nil && !s.Undone {
		note("Not undone", "the playbook says rollback: skip")
	}
	switch {
	case s.Caution != "":
		note("Caution", s.Caution)
	case s.Undo == runner.UndoIrreversible && s.Write != nil:
		note("Irreversible", s.Change)
	}
	for _, text := range s.Warnings {
		note("Warning", text)
	}
	for _, text := range s.NotChecked {
		note(notChecked, text)
	}
}

// cautions are what a reviewer must weigh besides what users notice.
func (t *planTree) cautions() []planNote {
	notes := t.notes(weigh)
	slices.SortStableFunc(notes, func(a, b planNote) int {
		return cmp.Compare(slices.Index(noteKinds[:], a.kind), slices.Index(noteKinds[:], b.kind))
	})
	return notes
}

// planNote is what a reviewer must not miss of a step, or of all items of a
// loop of which it says the same.
type planNote struct {
	kind, text string
	step       string // its name; of several items with variables in place of keys
	items      int
}

// about names of what the note is.
func (n planNote) about() string {
	if n.items == 1 {
		return n.step
	}
	return fmt.Sprintf("%s (%s)", n.step, count(n.items, "item"))
}

// notes gathers what tell notes of the steps: a note for each outside of loops,
// one for all items of a loop of which it says the same. A topic of which much
// is said has several notes.
func (t *planTree) notes(tell func(s *runner.PlannedStep, note func(kind, text string))) (out []planNote) {
	const few = 3
	type said struct {
		text  common
		step  string // the first of which it was said
		last  string // the latest
		as    string // its name for all
		first string // what was said of it
		items int
	}
	type topic struct {
		kind string
		all  []*said
		at   map[string]*said
	}
	var order []*topic
	at := map[string]*topic{}
	for i := range t.body.Steps {
		s := &t.body.Steps[i]
		names := t.namesOf(s.Step)
		tell(s, func(kind, text string) {
			name, general := names.name(s.Step), names.text(text)
			key := kind + "\x00" + name
			t := at[key]
			if t == nil || s.Loop == "" {
				t = &topic{kind: kind, at: map[string]*said{}}
				at[key] = t
				order = append(order, t)
			}
			one := t.at[general]
			if one == nil && len(t.all) == few { // too many: what they have in common
				one = t.all[few-1]
			}
			if one == nil {
				one = &said{step: s.Step, as: name, first: text}
				t.all = append(t.all, one)
			}
			t.at[general] = one
			one.text.add(general)
			if one.last != s.Step {
				one.last = s.Step
				one.items++
			}
		})
	}
	for _, t := range order {
		for _, one := range t.all {
			n := planNote{kind: t.kind, text: one.text.String(), step: one.as, items: one.items}
			if one.items == 1 {
				n.text, n.step = one.first, one.step
			}
			out = append(out, n)
		}
	}
	return out
}

// What a source of that form stands for.
const (
	someSource    = "$<steps.x.y>"
	meansOfSource = "what step x will yield as y: Okta or the CA assigns it during the run"
)

// itemKeys are what stands for the keys of items, as far as a text holds them.
func (t *planTree) itemKeys(text string) (keys []string) {
	for _, l := range t.order {
		for _, as := range []string{"{" + l.As + "}", "{" + l.As + ".id}"} {
			if strings.Contains(text, as) && !slices.Contains(keys, as) {
				keys = append(keys, as)
			}
		}
	}
	return keys
}

// standFor says what stands for the keys of items, and for the ids of what they
// change.
func standFor(keys []string) string {
	text := plural(len(keys), "stands", "stand") + " for an item's key"
	if slices.ContainsFunc(keys, func(as string) bool { return strings.HasSuffix(as, ".id}") }) {
		text += " or the id of what it changes"
	}
	return text
}

// legend says what stands for something else.
func (p *planPage) legend() {
	text := ""
	if strings.Contains(p.String(), "$<") {
		text = someSource + " stands for " + meansOfSource + "."
	}
	if keys := p.tree.itemKeys(p.String()); len(keys) > 0 {
		text += fmt.Sprintf(" %s %s.", strings.Join(keys, ", "), standFor(keys))
	}
	if p.differs {
		text += " " + differs + " stands for what differs from item to item."
	}
	if text != "" {
		p.wrapped("Legend    ", text)
	}
}
