package view

import (
	"fmt"
	"strings"

	"example.com/rekey/runner"
)

// takeUpPage is what is shown before a run is taken up again, to be gone on
// with or to be undone: what comes now, a line for each step.
type takeUpPage struct {
	page
	run      *runner.StoredRun
	program  *runner.Program
	progress *Progress
	body     *runner.PlanBody // as carried out so far; nil: there is no plan
	tree     *planTree
	number   map[string]int // of what stands at the top of the plan, by name
}

// task is what is about to be done about a step.
type task struct {
	name  string
	verb  string
	what  string   // in words
	note  string   // behind that
	below []string // lines of their own
}

func newTakeUpPage(run *runner.StoredRun, program *runner.Program) *takeUpPage {
	p := &takeUpPage{run: run, program: program, progress: NewProgress(program), tree: &planTree{}, number: map[string]int{}}
	p.progress.Skip(run.Events)
	if run.Plan == nil {
		return p
	}
	p.body = yieldsOf(run).body(&run.Plan.Body)
	p.tree = newPlanTree(p.body)
	for i, e := range p.tree.top {
		if e.loop != nil {
			p.number[e.loop.Step] = i + 1
		} else {
			p.number[e.step.Step] = i + 1
		}
	}
	return p
}

// head names the run, says where it stands, and why.
func (p *takeUpPage) head(verb string) {
	s := p.run.Summary()
	about := &runPage{run: p.run, summary: s}
	p.printf("%s of run %s (%s %s, %s)\n\n", verb, Visible(s.ID), Visible(s.Playbook), Visible(s.Version), sentence(p.run, s))
	p.line("  org   " + Visible(s.Org))
	if why := about.why(); why != "" {
		p.wrapped("  why   ", why)
	}
	for _, text := range about.soFar() {
		p.wrapped("  loop  ", text)
	}
	p.line("")
}

// tasks lists what comes, in its order. What many items of a loop have in
// common is said once, under the verb; how says in which order that comes.
func (p *takeUpPage) tasks(all []task, verb, how string) {
	for len(all) > 0 {
		n := sameLoop(all)
		if n > 3*someNames {
			p.loop(all[:n], verb, how)
		} else {
			for _, t := range all[:n] {
				p.task(t)
			}
		}
		all = all[n:]
	}
}

// verb is the beginning of a line: what is done, and the number in the plan of
// the step, or of the loop that it is in.
func (p *takeUpPage) verb(verb, name string) string {
	if loop := outermost(name); loop != "" {
		name = loop
	}
	prefix := fmt.Sprintf("  %-4s  ", verb)
	if n := p.number[name]; n > 0 {
		prefix += fmt.Sprintf("%2d. ", n)
	}
	return prefix
}

func (p *takeUpPage) task(t task) {
	text := t.name
	if t.what != "" {
		text += ": " + t.what
	}
	prefix := p.verb(t.verb, t.name)
	p.wrapped(prefix, text+t.note)
	for _, line := range t.below {
		p.wrapped(strings.Repeat(" ", len(prefix)), line)
	}
}

// sameLoop is how many of the tasks, from the first on, are in one loop; of
// what is outside of loops each stands for itself.
func sameLoop(all []task) int {
	loop := outermost(all[0].name)
	n := 1
	for loop != "" && n < len(all) && outermost(all[n].name) == loop {
		n++
	}
	return n
}

// outermost is the loop around all others that a step is in; empty if there is
// none.
func outermost(step string) string {
	if items := enclosing(step); len(items) > 0 {
		return loopOf(items[0])
	}
	return ""
}

// alike are the tasks of many items that are the same.
type alike struct {
	task  // of the first; name: of all
	first string
	text  common
	below []*common
	steps int
}

// loop draws the tasks of many items of a loop together.
func (p *takeUpPage) loop(all []task, verb, how string) {
	at := map[string]*alike{}
	var order []*alike
	items := map[string]bool{}
	for _, t := range all {
		names := p.aliases(t.name)
		items[names[len(names)-1].item] = true
		name := names.name(t.name)
		key := fmt.Sprint(name, t.verb, t.note)
		u := at[key]
		if u == nil {
			u = &alike{task: t, first: t.name}
			u.name = name
			at[key] = u
			order = append(order, u)
		}
		u.steps++
		u.text.add(names.text(t.what))
		for i, text := range t.below {
			if i == len(u.below) {
				u.below = append(u.below, &common{})
			}
			u.below[i].add(names.text(text))
		}
	}
	prefix := p.verb(verb, all[0].name)
	indent := strings.Repeat(" ", len(prefix))
	p.line(prefix + fmt.Sprintf("%s: %s of %s%s:", Visible(outermost(all[0].name)), count(len(all), "step"), count(len(items), "item"), how))
	for _, u := range order {
		text, what := fmt.Sprintf("%s (%s)", u.name, count(u.steps, "item")), u.text.String()
		if u.steps == 1 {
			text, what = u.first, u.what
		}
		if what != "" {
			text += ": " + what
		}
		if u.verb != verb {
			text = u.verb + " " + text
		}
		p.wrapped(indent+"- ", text+u.note)
		for _, text := range u.below {
			p.wrapped(indent+"  ", text.String())
		}
	}
}

// aliases are the items that a step is in.
func (p *takeUpPage) aliases(step string) (out aliases) {
	for _, item := range enclosing(step) {
		loop := loopOf(item)
		as := "item"
		if s := p.program.Step(loop); s != nil && s.Loop != nil {
			as = s.Loop.As
		}
		key := strings.TrimSuffix(item[len(loop)+1:], "]")
		out = append(aliases{newAlias(loop, key, as, item == step)}, out...)
	}
	return out
}

// legend says what stands for something else.
func (p *takeUpPage) legend() {
	all := &planPage{tree: p.tree}
	all.WriteString(p.String())
	all.legend()
	if text := strings.TrimPrefix(all.String(), p.String()); text != "" {
		p.WriteString("\n" + text)
	}
}
