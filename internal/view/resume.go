package view

import (
	"fmt"
	"io"
	"slices"
	"time"

	"example.com/rekey/runner"
)

// Resume says what comes when a run is gone on with: what is left of its plan,
// in the plan's words, what of it users notice or noticed already, and which
// writes are looked for first. M is the run's machine as its record leaves it;
// decisions are what a person says of writes in doubt.
func Resume(w io.Writer, run *runner.StoredRun, program *runner.Program, m *runner.Machine, decisions []runner.Decision) error {
	p := &resumePage{takeUpPage: newTakeUpPage(run, program), machine: m, said: map[string]runner.Decision{}}
	for _, d := range decisions {
		p.said[d.Step] = d
	}
	p.head("Resume")
	failed, _ := m.Failure()
	switch undos := p.undos(func(step string) bool { return m.Stand(step) == runner.StandUndo }); {
	case rolled(run, run.Summary()):
		p.line("It goes on undoing what the run wrote.\n")
		p.tasks(undos, "undo", ", the last first")
	case failed != "" && len(undos) > 0:
		p.line("Step " + Visible(failed) + " failed: what the run wrote is undone.\n")
		p.tasks(undos, "undo", ", the last first")
	case failed != "":
		p.line("Step " + Visible(failed) + " failed: nothing is left to do but to record it.")
	case p.body == nil:
		p.line("It has no plan that says what is left; its playbook does.")
	default:
		p.left(undos)
	}
	p.legend()
	return p.to(w)
}

type resumePage struct {
	*takeUpPage
	machine *runner.Machine
	said    map[string]runner.Decision
}

// left tells what is left of the plan, and of the items that failed what is
// undone.
func (p *resumePage) left(undos []task) {
	tasks := p.tasksLeft()
	p.summary(len(tasks)+len(undos) == 0)
	if loop := p.machine.Stopping(); loop != "" {
		then := "the run fails"
		if p.run.Info().OnFailure == "rollback" {
			then = "all that the run wrote is undone"
		}
		p.wrapped("", fmt.Sprintf("Too many items of %s failed: once those under way are over, %s.", loop, then))
		p.line("")
	} else if len(undos) > 0 {
		p.line("Items that failed are undone, while the others go on.\n")
	}
	if len(undos) > 0 {
		p.tasks(undos, "undo", ", the last first")
	}
	p.tasks(tasks, "do", "")
}

// summary counts what is left to write, and says what users notice.
func (p *resumePage) summary(nothing bool) {
	toOrg, here, sought := 0, 0, 0
	for i := range p.body.Steps {
		s := &p.body.Steps[i]
		stand := p.machine.Stand(s.Step)
		switch said := p.said[s.Step].Say; {
		case stand == runner.StandDoubt && said == "":
			sought++
		case stand != runner.StandLeft && (stand != runner.StandDoubt || said != runner.SayNotDone), s.Undone:
		default:
			countWrite(s.Write, &toOrg, &here)
		}
	}
	if sought > 0 {
		p.line(fmt.Sprintf("%s looked for first, and not repeated if %s.", counted(sought, "write is", "writes are"), plural(sought, "it happened", "they happened")))
	}
	switch {
	case toOrg+here > 0:
		p.line("Left: " + bothWrites(toOrg, here) + ".")
	case nothing:
		p.line("Nothing is left to do but to record its end.")
	case sought == 0:
		p.line("Nothing is left to write.")
	}
	if !p.notices() && toOrg+sought > 0 {
		p.line("  Users notice nothing.")
	}
	p.line("")
}

// notices says which steps users notice, or noticed already; false: there are
// none.
func (p *resumePage) notices() bool {
	since := p.wrote()
	notes := p.tree.notes(func(s *runner.PlannedStep, note func(kind, text string)) {
		at, over := since[s.Step]
		switch stand := p.machine.Stand(s.Step); {
		case !noticed(s):
		case stand == runner.StandLeft, stand == runner.StandDoubt && p.said[s.Step].Say == runner.SayNotDone:
			note("", s.Notice)
		case stand == runner.StandDoubt && p.said[s.Step].Say == "":
			note("(perhaps already) ", s.Notice)
		case stand == runner.StandDoubt:
			note("(already) ", s.Notice)
		case stand == runner.StandOver && over:
			note("(already) ", s.Notice+" (it was written at "+clock(at)+")")
		}
	})
	for _, n := range notes {
		p.wrapped("  ! ", "users notice "+n.kind+n.about()+": "+n.text)
	}
	return len(notes) > 0
}

// wrote are the steps that wrote and are not undone, and when.
func (p *resumePage) wrote() map[string]time.Time {
	at := map[string]time.Time{}
	for _, e := range p.run.Events {
		switch {
		case e.Kind == runner.EvUndone:
			delete(at, e.Step)
		case e.Kind == runner.EvDone && e.Write != nil, e.Kind == runner.EvRecovered && e.Verdict.Outcome == runner.Happened:
			at[e.Step] = e.Time
		}
	}
	return at
}

// tasksLeft are the steps of the plan that are not over, in its order.
func (p *resumePage) tasksLeft() (out []task) {
	for i := range p.body.Steps {
		s := &p.body.Steps[i]
		stand := p.machine.Stand(s.Step)
		if stand != runner.StandLeft && stand != runner.StandDoubt || s.Type == blockType && (s.Condition == nil || *s.Condition) {
			continue
		}
		t := task{name: s.Step, verb: "do", what: s.Change}
		switch {
		case stand == runner.StandDoubt:
			t.verb, t.note = p.doubt(s.Step)
		case s.Failure != "":
			t.what, t.note = "would fail", ": "+s.Failure
		case s.Condition != nil && !*s.Condition:
			t.verb, t.what = "skip", "its condition is false"
		case !s.Action:
			t.verb, t.what = "read", "reads only"
		case s.Unchanged:
			t.what = "no change: " + s.Change
		case s.Undone:
			t.note = " (its item would fail, and be undone)"
		}
		out = append(out, t)
	}
	return out
}

// doubt says what is done about a write of which it is not known whether it
// happened.
func (p *resumePage) doubt(step string) (verb, note string) {
	switch d := p.said[step]; d.Say {
	case runner.SayAdopt:
		return "take", " (as you say, it made " + d.ID + ")"
	case runner.SayDone:
		return "take", " (as you say, it happened)"
	case runner.SayNotDone:
		return "do", " (as you say, it did not happen)"
	}
	if slices.ContainsFunc(p.run.Unclear(), func(d runner.Doubt) bool { return d.Step == step }) {
		return "look", " (nobody could tell whether its write happened: it is looked for again)"
	}
	lost := false
	for _, e := range p.run.Events {
		if e.Step == step && (e.Kind == runner.EvUnknown || e.Kind == runner.EvObserved) {
			lost = e.Kind == runner.EvUnknown
		}
	}
	if s := p.program.Step(step); lost && (s == nil || s.Retry == nil || s.Retry.Attempts < 2) {
		return "look", " (its write may have happened; if not, the step has failed)"
	}
	return "look", " (its write may have happened; if not, it is carried out)"
}
