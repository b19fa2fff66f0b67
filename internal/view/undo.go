package view

import (
	"encoding/json"
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
	p := &undoPage{run: run, program: program, plan: plan, progress: NewProgress(program)}
	s := run.Summary()
	p.printf("Rollback of run %s (%s %s, %s)\n\n", Visible(s.ID), Visible(s.Playbook), Visible(s.Version), sentence(run, s))
	p.line("  org  " + Visible(s.Org) + "\n")
	started, doubtful := p.started()
	if len(started) == 0 {
		p.line("It wrote nothing: there is nothing to undo.")
	}
	for i := len(started) - 1; i >= 0; i-- {
		p.step(started[i], doubtful[started[i]])
	}
	return p.to(w)
}

type undoPage struct {
	page
	run      *runner.StoredRun
	program  *runner.Program
	plan     *runner.Plan
	progress *Progress
}

// started are the steps that wrote or may have, and are not undone yet, in
// their order; doubtful are those of them that may not have.
func (p *undoPage) started() (steps []string, doubtful map[string]bool) {
	wrote, doubtful := map[string]bool{}, map[string]bool{}
	for _, e := range p.run.Events {
		p.progress.lines(e.Event)
		switch e.Kind {
		case runner.EvObserved:
			steps = append(steps, e.Step)
			wrote[e.Step], doubtful[e.Step] = true, true // until its end is known
		case runner.EvDone:
			wrote[e.Step], doubtful[e.Step] = e.Write != nil, false
		case runner.EvFailed:
			wrote[e.Step] = wrote[e.Step] && e.Write != nil
		case runner.EvRecovered:
			wrote[e.Step] = e.Verdict.Outcome != runner.Not
			doubtful[e.Step] = e.Verdict.Outcome == runner.Ambiguous
		case runner.EvUndone:
			wrote[e.Step] = false
		}
	}
	return slices.DeleteFunc(steps, func(id string) bool { return !wrote[id] }), doubtful
}

func (p *undoPage) step(id string, doubtful bool) {
	text := id
	if change := p.progress.change(id, p.progress.steps[id]); change != "" {
		text += ": " + change
	}
	if doubtful {
		text += " (if it happened, which is found out first)"
	}
	p.wrapped("  undo  ", text)
	residues := p.planned(id)
	for _, r := range residues {
		p.wrapped("        ", residue(r))
	}
	if step := p.program.Step(id); step != nil && p.plan == nil && step.Type.Undo != runner.UndoExact {
		p.line("        what it made stays: its undo is not exact")
	}
}

var source = regexp.MustCompile(`\$<steps\.([a-z0-9_]+)\.([a-z0-9_]+)>`)

// planned are the residues that the plan foresaw, with the ids that the run
// yielded since.
func (p *undoPage) planned(id string) []runner.Residue {
	if p.plan == nil {
		return nil
	}
	var out []runner.Residue
	for _, s := range p.plan.Body.Steps {
		if s.Step != id {
			continue
		}
		for _, r := range s.Residues {
			r.ID, r.Owner = p.resolve(r.ID), p.resolve(r.Owner)
			out = append(out, r)
		}
	}
	return out
}

func (p *undoPage) resolve(text string) string {
	return source.ReplaceAllStringFunc(text, func(m string) string {
		names := source.FindStringSubmatch(m)
		if s := p.progress.steps[names[1]]; s != nil && s.out[names[2]] != nil {
			return fmt.Sprint(s.out[names[2]])
		}
		return m
	})
}

// ReadPlan reads a plan that was kept beside a journal; nil if there is none
// that can be read, which a view can do without.
func ReadPlan(data []byte) *runner.Plan {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var plan runner.Plan
	if dec.Decode(&plan) != nil || plan.Header.Format != runner.PlanFormat {
		return nil
	}
	return &plan
}
