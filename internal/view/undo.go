package view

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// Undo says what a rollback of a run will undo, the last write first, and what
// will stay. Plan is the plan that was kept with the run, which knows what
// stays; without one the step types tell.
func Undo(w io.Writer, run *runner.StoredRun, program *runner.Program, plan *runner.Plan) error {
	p := &undoPage{run: run, program: program, progress: NewProgress(program)}
	s := run.Summary()
	p.printf("Rollback of run %s (%s %s, %s)\n\n", Visible(s.ID), Visible(s.Playbook), Visible(s.Version), sentence(run, s))
	p.line("  org  " + Visible(s.Org) + "\n")
	started, doubtful := p.started()
	if len(started) == 0 {
		p.line("It wrote nothing: there is nothing to undo.")
	}
	p.foresee(plan)
	slices.Reverse(started)
	for len(started) > 0 {
		n := p.sameLoop(started)
		if n > 3*someNames {
			p.loop(started[:n], doubtful)
		} else {
			for _, step := range started[:n] {
				p.step(step, doubtful[step])
			}
		}
		started = started[n:]
	}
	return p.to(w)
}

type undoPage struct {
	page
	run      *runner.StoredRun
	program  *runner.Program
	progress *Progress
	planned  map[string][]runner.Residue // by step; nil: there is no plan
}

// started are the steps that wrote or may have, and are not undone yet, in
// their order; doubtful are those of them that may not have.
func (p *undoPage) started() (steps []string, doubtful map[string]bool) {
	wrote, doubtful := map[string]bool{}, map[string]bool{}
	for _, e := range p.run.Events {
		p.progress.lines(e.Event)
		switch e.Kind {
		case runner.EvObserved:
			if _, again := wrote[e.Step]; !again {
				steps = append(steps, e.Step)
			}
			wrote[e.Step], doubtful[e.Step] = true, true // until its end is known
		case runner.EvDone:
			wrote[e.Step], doubtful[e.Step] = e.Write != nil, false
		case runner.EvFailed:
			wrote[e.Step] = wrote[e.Step] && e.Write != nil
		case runner.EvRecovered:
			wrote[e.Step] = e.Verdict.Outcome != runner.Not
			doubtful[e.Step] = e.Verdict.Outcome == runner.Ambiguous
		case runner.EvUndone, runner.EvKept:
			wrote[e.Step] = false
		}
	}
	return slices.DeleteFunc(steps, func(id string) bool { return !wrote[id] }), doubtful
}

func (p *undoPage) step(name string, doubtful bool) {
	if step := p.program.Step(name); step != nil && step.Keep {
		p.wrapped("  keep  ", p.text(name)+" (rollback: skip)")
		return
	}
	text := p.text(name)
	if doubtful {
		text += " (if it happened, which is found out first)"
	}
	p.wrapped("  undo  ", text)
	for _, r := range p.planned[name] {
		p.wrapped("        ", residue(r))
	}
	if p.vague(name) {
		p.line("        what it made stays: its undo is not exact")
	}
}

// text is a step with what it changed.
func (p *undoPage) text(name string) string {
	if change := p.progress.change(name, p.progress.steps[name]); change != "" {
		return name + ": " + change
	}
	return name
}

// vague reports whether a step leaves something, and no plan says what.
func (p *undoPage) vague(name string) bool {
	step := p.program.Step(name)
	return step != nil && step.Type != nil && p.planned == nil && step.Type.Undo != runner.UndoExact
}

// sameLoop is how many of the steps, from the first on, are in one loop; of
// what is outside of loops each stands for itself.
func (p *undoPage) sameLoop(steps []string) int {
	loop := outermost(steps[0])
	n := 1
	for loop != "" && n < len(steps) && outermost(steps[n]) == loop {
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

// undoing are the steps of many items that are undone alike.
type undoing struct {
	name                  string
	keep, doubtful, vague bool
	text                  common
	stays                 map[string]bool
	left                  []string // what stays, each text once
	steps                 int
}

// loop draws the steps of many items of a loop together.
func (p *undoPage) loop(steps []string, doubtful map[string]bool) {
	at := map[string]*undoing{}
	var order []*undoing
	items := map[string]bool{}
	for _, name := range steps {
		names := p.aliases(name)
		items[names[len(names)-1].item] = true
		key := fmt.Sprint(names.name(name), doubtful[name])
		u := at[key]
		if u == nil {
			step := p.program.Step(name)
			u = &undoing{name: names.name(name), doubtful: doubtful[name], vague: p.vague(name), keep: step != nil && step.Keep, stays: map[string]bool{}}
			at[key] = u
			order = append(order, u)
		}
		u.steps++
		u.text.add(names.text(p.progress.change(name, p.progress.steps[name])))
		for i, r := range p.planned[name] {
			r.ID = strings.Repeat(differs, min(len(r.ID), 1))
			if text := names.text(residue(r)); i < someNames && !u.stays[text] {
				u.stays[text] = true
				u.left = append(u.left, text)
			}
		}
	}
	p.line(fmt.Sprintf("  undo  %s: %s of %s, the last first:", Visible(outermost(steps[0])), count(len(steps), "step"), count(len(items), "item")))
	for _, u := range order {
		text := fmt.Sprintf("%s (%s)", u.name, count(u.steps, "item"))
		if what := u.text.String(); what != "" {
			text += ": " + what
		}
		switch {
		case u.keep:
			text += " (kept: rollback: skip)"
		case u.doubtful:
			text += " (if it happened, which is found out first)"
		}
		p.wrapped("        - ", text)
		for i, text := range u.left {
			if i == someNames {
				p.line("          and more")
				break
			}
			p.wrapped("          ", text)
		}
		if u.vague {
			p.line("          what it made stays: its undo is not exact")
		}
	}
}

// aliases are the items that a step is in.
func (p *undoPage) aliases(step string) (out aliases) {
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

// source matches what stands for a value that a step yields. A key in a
// step's name may hold quoted text.
var source = regexp.MustCompile(`\$<steps\.((?:[^"<>]|"(?:[^"\\]|\\.)*")+)\.([a-z0-9_]+)>`)

// foresee takes up the residues that a plan foresaw, with the ids that the run
// yielded since.
func (p *undoPage) foresee(plan *runner.Plan) {
	if plan == nil {
		return
	}
	p.planned = map[string][]runner.Residue{}
	for _, s := range plan.Body.Steps {
		name := p.resolve(s.Step)
		for _, r := range s.Residues {
			r.ID, r.Owner = p.resolve(r.ID), p.resolve(r.Owner)
			p.planned[name] = append(p.planned[name], r)
		}
	}
}

func (p *undoPage) resolve(text string) string {
	if !strings.Contains(text, "$<") {
		return text
	}
	return source.ReplaceAllStringFunc(text, func(m string) string {
		names := source.FindStringSubmatch(m)
		if s := p.progress.steps[names[1]]; s != nil && s.out[names[2]] != nil {
			return fmt.Sprint(s.out[names[2]])
		}
		return m
	})
}
