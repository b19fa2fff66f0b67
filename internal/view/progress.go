package view

import (
	"fmt"
	"io"
	"time"

	"example.com/rekey/runner"
)

// Progress tells of a run while it goes on: a plain line for each finished
// step. Its lines serve the timeline of a run that is long over as well.
type Progress struct {
	program *runner.Program // nil: steps are shown without their change in words
	steps   map[string]*told
	undoing bool // the run is being rolled back
}

// told is what is known of a step so far.
type told struct {
	owner        string
	in, saw, out map[string]any
}

// NewProgress makes a Progress for the runs of a program.
func NewProgress(program *runner.Program) *Progress {
	return &Progress{program: program, steps: map[string]*told{}}
}

// Watch returns a function that writes the lines of each event to w.
func (p *Progress) Watch(w io.Writer) func(runner.Event) {
	return func(e runner.Event) {
		var out page
		for _, l := range p.lines(e) {
			l.write(&out, "  ")
		}
		out.to(w) // a terminal that is gone stops no run
	}
}

type line struct{ what, text string }

// write writes the line behind a prefix. It is not wrapped: a line is what a
// log keeps and what one searches for.
func (l line) write(out *page, prefix string) {
	out.line(prefix + fmt.Sprintf("%-10s", l.what) + " " + Visible(l.text))
}

// lines folds an event and says what a person should hear of it.
func (p *Progress) lines(e runner.Event) []line {
	if e.Step == "" {
		return p.ofRun(e)
	}
	s := p.steps[e.Step]
	if s == nil {
		s = &told{}
		p.steps[e.Step] = s
	}
	if e.In != nil {
		s.in = e.In
	}
	if len(e.Claims) > 0 {
		s.owner = e.Claims[0]
	}
	if e.Saw != nil {
		s.saw = e.Saw
	}
	if e.Out != nil {
		s.out = e.Out
	}
	lines := p.ofStep(e, s)
	for _, text := range e.Warnings {
		lines = append(lines, line{"warning", e.Step + ": " + text})
	}
	return lines
}

func (p *Progress) ofRun(e runner.Event) []line {
	var lines []line
	if e.Kind == runner.EvRollback {
		p.undoing = true
		lines = append(lines, line{"rollback", e.Reason})
	}
	for _, text := range e.Warnings {
		lines = append(lines, line{"warning", text})
	}
	return lines
}

func (p *Progress) ofStep(e runner.Event, s *told) []line {
	change := e.Step
	if text := p.change(e.Step, s); text != "" {
		change += ": " + text
	}
	switch e.Kind {
	case runner.EvCondition:
		if !*e.Value {
			return []line{{"skipped", e.Step + ": its condition is false"}}
		}
	case runner.EvDone:
		if e.Write == nil && p.action(e.Step) {
			return []line{{"no change", change}}
		}
		return []line{{"ok", change}}
	case runner.EvAssertion:
		if !*e.Value {
			return []line{{"failed", e.Step + ": " + e.Reason}}
		}
	case runner.EvFailed:
		return []line{{"failed", e.Step + ": " + e.Error}}
	case runner.EvUnknown:
		return []line{{"lost", e.Step + ": " + e.Error}, {"", "looking whether it happened; this can take a while"}}
	case runner.EvRecovered:
		return []line{p.recovered(e, change)}
	case runner.EvUndone:
		return undone(e, change)
	case runner.EvUndoFail:
		lines := []line{{"not undone", e.Step + ": " + e.Error}}
		return append(lines, stays(e)...)
	}
	return nil
}

// recovered says what became of a write. That it did not happen fails a run,
// and is all that a rollback could wish for.
func (p *Progress) recovered(e runner.Event, change string) line {
	switch e.Verdict.Outcome {
	case runner.Happened:
		return line{"recovered", change + " (it had happened)"}
	case runner.Not:
		if p.undoing {
			return line{"recovered", e.Step + ": its write did not happen, so there is nothing to undo"}
		}
		return line{"failed", e.Step + ": its write did not happen"}
	}
	return line{"unclear", e.Step + ": nobody can tell whether its write happened: " + e.Verdict.Reason}
}

func undone(e runner.Event, change string) []line {
	switch {
	case len(e.Residues) > 0:
		return append([]line{{"undone", e.Step + ": as far as that is possible"}}, stays(e)...)
	case e.Write == nil:
		return []line{{"undone", e.Step + ": nothing was left to undo"}}
	}
	return []line{{"undone", "no longer so: " + change}}
}

func stays(e runner.Event) []line {
	var lines []line
	for _, r := range e.Residues {
		lines = append(lines, line{"", residue(r)})
	}
	return lines
}

// change is what a step changes, in words.
func (p *Progress) change(id string, s *told) string {
	if p.program == nil {
		return ""
	}
	step := p.program.Step(id)
	if step == nil {
		return ""
	}
	if !step.Type.Action() {
		return step.Type.Name
	}
	return step.Type.Describe(step.Type.Change, s.owner, s.in, s.saw, s.out)
}

func (p *Progress) action(id string) bool {
	if p.program == nil {
		return false
	}
	step := p.program.Step(id)
	return step != nil && step.Type.Action()
}

// took is how long something lasted, to a tenth of a second.
func took(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// Skip takes up events that were told already, or need not be.
func (p *Progress) Skip(events []runner.Timed) {
	for _, e := range events {
		p.lines(e.Event)
	}
}
