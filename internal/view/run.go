package view

import (
	"fmt"
	"io"
	"strings"

	"example.com/rekey/runner"
)

// Runs lists runs, a line each.
func Runs(w io.Writer, runs []runner.Summary) error {
	var p page
	rows := [][]string{{"ID", "PLAYBOOK", "STATE", "STARTED", "ORG", "OWNERS"}}
	for _, s := range runs {
		rows = append(rows, []string{Visible(s.ID), Visible(s.Playbook + " " + s.Version), string(s.State),
			clock(s.StartedAt), Visible(strings.TrimPrefix(s.Org, "https://")), Visible(strings.Join(s.Owners, ", "))})
	}
	p.table("", rows)
	return p.to(w)
}

// Result says how a run ended: its state, what it yielded, what it changed,
// why it failed, what stays, and what can be done next. Rollback is the
// command that undoes it.
func Result(w io.Writer, run *runner.StoredRun, rollback string) error {
	s := run.Summary()
	p := &runPage{run: run, summary: s}
	p.line(fmt.Sprintf("Run %s: %s", Visible(s.ID), sentence(run, s)))
	if s.Reason != "" && s.State != runner.StateDone {
		p.wrapped("  why  ", s.Reason)
	}
	if s.State == runner.StateDone {
		p.changes()
		p.outputs()
	}
	p.notUndone()
	p.stays()
	p.next(rollback)
	return p.to(w)
}

// Show shows one run in full.
func Show(w io.Writer, run *runner.StoredRun, program *runner.Program, rollback string) error {
	p := &runPage{run: run, summary: run.Summary()}
	p.header()
	p.timeline(program)
	if p.summary.Reason != "" && p.summary.State != runner.StateDone {
		p.line("\nWhy")
		p.wrapped("  ", p.summary.Reason)
	}
	if p.summary.State == runner.StateDone {
		p.changes()
	}
	p.outputs()
	p.notUndone()
	p.stays()
	p.next(rollback)
	return p.to(w)
}

type runPage struct {
	page
	run     *runner.StoredRun
	summary runner.Summary
}

// sentence is a run's state in words, and what that means for the org.
func sentence(run *runner.StoredRun, s runner.Summary) string {
	switch s.State {
	case runner.StateDone:
		return "done"
	case runner.StateFailed:
		if run.Wrote() {
			return "failed; what it wrote was kept"
		}
		return "failed; nothing was written, the org is as before"
	case runner.StateRolledBack:
		if len(s.Residues) > 0 {
			return "rolled back; the org is as before, apart from what stays"
		}
		return "rolled back; the org is as before"
	case runner.StateRollbackIncomplete:
		return "rollback incomplete; a person must look at the org"
	case runner.StateInterrupted:
		return "interrupted part-way"
	case runner.StateStuck:
		return "stuck: nobody can tell whether a write happened"
	}
	return strings.ReplaceAll(string(s.State), "_", " ")
}

func (p *runPage) header() {
	info, s := p.run.Info(), p.summary
	p.printf("Run %s\n\n", Visible(s.ID))
	p.line("  state       " + sentence(p.run, s))
	p.line("  playbook    " + Visible(s.Playbook+" "+s.Version))
	p.line("  org         " + Visible(s.Org))
	if len(s.Owners) > 0 {
		p.line("  owners      " + Visible(strings.Join(s.Owners, ", ")))
	}
	p.line("  started     " + clock(s.StartedAt))
	if !s.EndedAt.IsZero() {
		p.line(fmt.Sprintf("  ended       %s, after %s", clock(s.EndedAt), took(s.EndedAt.Sub(s.StartedAt))))
	}
	by := info.Tool
	if info.Who != "" {
		by = info.Who + " with " + by
	}
	p.line("  by          " + Visible(by))
	p.line("  on failure  " + onFailure(info.OnFailure))
	if len(info.Inputs)+len(info.Secrets) > 0 {
		p.line("\nInputs")
		inputs := map[string]any{}
		for name, v := range info.Inputs {
			inputs[name] = v
		}
		for _, name := range info.Secrets {
			inputs[name] = "(secret)"
		}
		p.pairs("  ", inputs)
	}
}

// timeline retells the run from its journal, each write below its step.
func (p *runPage) timeline(program *runner.Program) {
	p.line("\nTimeline (UTC)")
	progress := NewProgress(program)
	for _, e := range p.run.Events {
		at := e.Time.UTC().Format("15:04:05")
		switch e.Kind {
		case runner.EvCreated:
			p.line("  " + at + "  started")
		case runner.EvEnded:
			p.line("  " + at + "  " + strings.ReplaceAll(string(e.State), "_", " "))
		default:
			p.event("  "+at+"  ", progress.lines(e.Event), e.Write)
		}
	}
	if step := p.run.InFlight(); step != "" {
		p.event("            ", []line{{"in flight", step + ": its write may have left; a rollback looks whether it happened"}}, nil)
	}
}

// event retells one event: what happened, its write below it, and then the
// rest.
func (p *runPage) event(prefix string, lines []line, w *runner.Write) {
	for i, l := range lines {
		l.write(&p.page, prefix)
		prefix = strings.Repeat(" ", len(prefix))
		if i > 0 || w == nil {
			continue
		}
		text := w.Method + " " + w.Path
		if w.Change != nil {
			text += fmt.Sprintf(" (%s from %s to %s)", w.Change.Pointer, Value(w.Change.From), Value(w.Change.To))
		}
		line{"", text}.write(&p.page, prefix)
	}
}

// changes shows, of each object that was changed in place, the value before
// and after.
func (p *runPage) changes() {
	type place struct{ owner, pointer string }
	var order []place
	before, after := map[place]any{}, map[place]any{}
	owner := map[string]string{}
	lost := map[string]*runner.Write{}
	note := func(step string, w *runner.Write) {
		at := place{owner[step], w.Change.Pointer}
		if _, known := before[at]; !known {
			order = append(order, at)
			before[at] = w.Change.From
		}
		after[at] = w.Change.To
	}
	for _, e := range p.run.Events {
		if len(e.Claims) > 0 {
			owner[e.Step] = e.Claims[0]
		}
		switch {
		case e.Kind == runner.EvRecovered && e.Verdict.Outcome == runner.Happened && lost[e.Step] != nil:
			note(e.Step, lost[e.Step])
		case e.Write == nil || e.Write.Change == nil:
		case e.Kind == runner.EvUnknown:
			lost[e.Step] = e.Write
		default:
			note(e.Step, e.Write)
		}
	}
	for _, at := range order {
		if fmt.Sprint(before[at]) == fmt.Sprint(after[at]) {
			continue // it was put back
		}
		p.line(fmt.Sprintf("\nChanged  %s %s", Visible(at.owner), Visible(at.pointer)))
		p.line("  before  " + Value(before[at]))
		p.line("  after   " + Value(after[at]))
	}
}

func (p *runPage) outputs() {
	for _, e := range p.run.Events {
		if e.Kind == runner.EvOutputs && len(e.Values) > 0 {
			title := "Outputs"
			if p.summary.State != runner.StateDone {
				title += " (before it was undone)"
			}
			p.line("\n" + title)
			p.pairs("  ", e.Values)
		}
	}
}

// notUndone says what the last rollback could not undo, and why.
func (p *runPage) notUndone() {
	var problems []string
	for _, e := range p.run.Events {
		switch e.Kind {
		case runner.EvRollback:
			problems = nil
		case runner.EvUndoFail:
			problems = append(problems, e.Step+": "+e.Error)
		}
	}
	if len(problems) > 0 {
		p.line("\nNot undone")
	}
	for _, text := range problems {
		p.line("  - " + Visible(text))
	}
}

func (p *runPage) stays() {
	if len(p.summary.Residues) == 0 {
		return
	}
	p.line("\nWhat stays")
	for _, r := range p.summary.Residues {
		p.wrapped("  - ", residue(r))
	}
}

// next says what can be done with the run.
func (p *runPage) next(rollback string) {
	if p.summary.State == runner.StateRolledBack || p.summary.State == runner.StateRunning || !p.run.Wrote() || rollback == "" {
		return
	}
	p.line("")
	switch p.summary.State {
	case runner.StateRollbackIncomplete:
		p.line("Once the cause is gone, try the rollback again: " + rollback)
	default:
		p.line("To undo it: " + rollback)
	}
}
