package view

import (
	"io"
	"slices"

	"example.com/rekey/runner"
)

// Undo says what a rollback of a run will undo, the last write first, and what
// will stay. The plan that was kept with the run knows what stays; without one
// the step types tell.
func Undo(w io.Writer, run *runner.StoredRun, program *runner.Program) error {
	p := newTakeUpPage(run, program)
	p.head("Rollback")
	undos := p.undos(func(string) bool { return true })
	switch {
	case len(undos) > 0:
	case slices.ContainsFunc(run.Events, func(e runner.Timed) bool { return e.Write != nil }):
		p.line("Nothing is left of what it wrote: there is nothing to undo.")
	default:
		p.line("It wrote nothing: there is nothing to undo.")
	}
	p.tasks(undos, "undo", ", the last first")
	p.legend()
	return p.to(w)
}

// undos are the steps to undo, the last first.
func (p *takeUpPage) undos(which func(step string) bool) (out []task) {
	planned := map[string]*runner.PlannedStep{}
	if p.body != nil {
		for i := range p.body.Steps {
			planned[p.body.Steps[i].Step] = &p.body.Steps[i]
		}
	}
	started, doubtful := started(p.run)
	found := map[string]string{}
	for _, d := range decisions(p.run) {
		found[d.Step] = foundThen(d.Found)
	}
	for _, name := range slices.Backward(started) {
		if !which(name) {
			continue
		}
		t := task{name: name, verb: "undo"}
		if s := planned[name]; s != nil && s.Change != "" {
			t.what = s.Change
		} else {
			t.what = p.progress.change(name, p.progress.steps[name])
		}
		step := p.program.Step(name)
		switch {
		case step != nil && step.Keep:
			t.verb, t.note = "keep", " (rollback: skip)"
			out = append(out, t)
			continue
		case doubtful[name]:
			t.note = " (if it happened, which is found out first)"
		case found[name] != "":
			t.note = " (as a person said" + found[name] + ")"
		}
		if s := planned[name]; s != nil {
			for _, r := range s.Residues {
				t.below = append(t.below, residue(r))
			}
		}
		if p.body == nil && step != nil && step.Type != nil && step.Type.Undo != runner.UndoExact {
			t.below = append(t.below, "what it made stays: its undo is not exact")
		}
		out = append(out, t)
	}
	return out
}

// started are the steps that wrote or may have, and are not undone yet, in
// their order; doubtful are those of them that may not have.
func started(run *runner.StoredRun) (steps []string, doubtful map[string]bool) {
	wrote, doubtful := map[string]bool{}, map[string]bool{}
	for _, e := range run.Events {
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
