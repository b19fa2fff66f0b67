package view

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// failures says in the summary how many items of the loops would fail.
func (p *planPage) failures() {
	if p.body.Failure != nil {
		return
	}
	var order []string
	failed, total := map[string]int{}, map[string]int{}
	most := map[string]int{}
	for _, l := range p.tree.order {
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
			p.wrapped("  ! ", fmt.Sprintf("%s: %s of %s would fail, and be undone; the others go on (max_failures is %d)",
				name, number(failed[name]), count(total[name], "item"), most[name]))
		}
	}
}

// notes writes what tell notes of the steps: a line for each outside of loops,
// one for all items of a loop of which it says the same. It returns how many.
func (p *planPage) notes(tell func(s *runner.PlannedStep, note func(kind, text string))) int {
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
	for i := range p.body.Steps {
		s := &p.body.Steps[i]
		item := p.tree.items[s.Loop+"["+s.Item+"]"]
		tell(s, func(kind, text string) {
			name, general := s.Step, text
			if s.Loop != "" && item != nil {
				name, general = item.names.name(s.Step), item.names.text(text)
			}
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
			if one.items == 1 {
				p.wrapped(t.kind[:4], fmt.Sprintf("%s%s: %s", t.kind[4:], one.step, one.first))
				continue
			}
			p.common(t.kind[:4], fmt.Sprintf("%s%s (%s): %s", t.kind[4:], one.as, count(one.items, "item"), one.text.String()))
		}
	}
	return len(order)
}

// legend says what stands for something else.
func (p *planPage) legend() {
	text := ""
	if strings.Contains(p.String(), "$<") {
		text = "$<steps.x.y> stands for what step x will yield as y: Okta or the CA assigns it during the run."
	}
	var keys []string
	for _, l := range p.tree.order {
		as := "{" + l.As + "}"
		if strings.Contains(p.String(), as) && !slices.Contains(keys, as) {
			keys = append(keys, as)
		}
	}
	if len(keys) > 0 {
		text += fmt.Sprintf(" %s %s for an item's key.", strings.Join(keys, ", "), plural(len(keys), "stands", "stand"))
	}
	if p.differs {
		text += " " + differs + " stands for what differs from item to item."
	}
	if text != "" {
		p.wrapped("Legend    ", text)
	}
}
