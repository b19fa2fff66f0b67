package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/rekey/runner"
)

// Progress tells of a run while it goes on: a plain line for each finished
// step. Its lines serve the timeline of a run that is long over as well.
type Progress struct {
	Colors Colors // of the first word of a line

	program *runner.Program // nil: steps are shown without their change in words
	steps   map[string]*told
	loops   map[string]int  // by name: how many items a loop has
	acted   map[string]bool // items in which an action began
	failed  map[string]bool // items that failed: what they did is undone
	undoing bool            // the run is being rolled back
}

// told is what is known of a step so far.
type told struct {
	owner        string
	in, saw, out map[string]any
	lost         bool // the answer to its write was lost; else its process ended
}

// Line is a line of a run's progress that is about no event.
func (p *Progress) Line(what, text string) string {
	return "  " + line{what, text}.painted(p.Colors) + "\n"
}

// NewProgress makes a Progress for the runs of a program.
func NewProgress(program *runner.Program) *Progress {
	return &Progress{
		program: program, steps: map[string]*told{},
		loops: map[string]int{}, acted: map[string]bool{}, failed: map[string]bool{},
	}
}

// Tell takes up an event and returns the lines that tell of it; "" if there are
// none.
func (p *Progress) Tell(e runner.Event) string {
	var out page
	for _, l := range p.lines(e) {
		out.line("  " + l.painted(p.Colors))
	}
	return out.String()
}

type line struct{ what, text string }

// write writes the line behind a prefix. It is not wrapped: a line is what a
// log keeps and what one searches for.
func (l line) write(out *page, prefix string) { out.line(prefix + l.painted(false)) }

// painted is the line with its first word in the colour that it has.
func (l line) painted(c Colors) string {
	return c.paint(meaning[l.what], l.what) + strings.Repeat(" ", max(10-len(l.what), 0)) + " " + Visible(l.text)
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
		s.in = brief(e.In)
	}
	if len(e.Claims) > 0 {
		s.owner = e.Claims[0]
	}
	if e.Saw != nil {
		s.saw = brief(e.Saw)
	}
	if e.Out != nil {
		s.out = brief(e.Out)
	}
	switch e.Kind {
	case runner.EvUnknown:
		s.lost = true
	case runner.EvObserved:
		s.lost = false
		for _, item := range enclosing(e.Step) {
			p.acted[item] = true
		}
	}
	var lines []line
	_, loop := p.loops[e.Step]
	switch {
	case e.Kind == runner.EvItems, e.Kind == runner.EvRollback, e.Kind == runner.EvDone && loop:
		lines = p.ofLoop(e)
	case e.Again != nil:
		lines = again(e)
	default:
		lines = p.ofStep(e, s)
	}
	for _, text := range e.Warnings {
		lines = append(lines, line{"warning", e.Step + ": " + text})
	}
	return lines
}

// brief is what can be told of a step's data: certificates and keys cannot, and
// those of a fleet need not be held.
func brief(data map[string]any) map[string]any {
	const most = 512
	out := make(map[string]any, len(data))
	for name, v := range data {
		if text, ok := v.(string); !ok || len(text) <= most {
			out[name] = v
		}
	}
	return out
}

func (p *Progress) ofRun(e runner.Event) []line {
	var lines []line
	if e.Kind == runner.EvRollback {
		p.undoing = true
		lines = append(lines, line{"rollback", strings.TrimSpace(e.Reason + " " + byWhom(e.Who))})
	}
	for _, text := range e.Warnings {
		lines = append(lines, line{"warning", text})
	}
	return lines
}

// ofLoop tells of a loop and its items. Those of several interleave, so that
// each line says all that it takes to follow one of them.
func (p *Progress) ofLoop(e runner.Event) []line {
	switch e.Kind {
	case runner.EvItems:
		p.loops[e.Step] = len(e.Keys)
		text := count(len(e.Keys), "item")
		if step := p.step(e.Step); step != nil && step.Loop != nil && len(e.Keys) > 0 {
			var batches []string
			for _, b := range step.Loop.Batches {
				batches = append(batches, b.String())
			}
			text += ", " + everyItem(step.Loop.Concurrency, batches, step.Loop.MaxFailures)
		}
		return []line{{"loop", e.Step + ": " + text}}
	case runner.EvRollback:
		p.failed[e.Step] = true
		if !p.acted[e.Step] {
			return []line{{"item", e.Step + " failed; it did nothing that is to be undone"}}
		}
		return []line{{"item", e.Step + " failed; what it did is undone now"}}
	}
	total, failed := p.loops[e.Step], fmt.Sprint(e.Out["failed"])
	if failed == "0" {
		return []line{{"ok", fmt.Sprintf("%s: all %s done", e.Step, count(total, "item"))}}
	}
	n, _ := strconv.Atoi(failed)
	return []line{{"partly", fmt.Sprintf("%s: %s of %s done, %s failed", e.Step, number(total-n), count(total, "item"), number(n))}}
}

// again tells of a try that failed and is followed by another: the step has
// not failed.
func again(e runner.Event) []line {
	why := e.Error + e.Reason
	if e.Kind == runner.EvRecovered {
		why = "its write did not happen"
	}
	return []line{{"again", fmt.Sprintf("%s: %s; try %d follows in %s", e.Step, why, e.Again.Tried+1, e.Again.After)}}
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
		why := e.Error
		if _, loop := p.loops[e.Step]; loop { // its items were told of
			why, _, _ = strings.Cut(why, "; "+e.Step+"[")
		}
		return []line{{"failed", e.Step + ": " + why}}
	case runner.EvUnknown:
		return []line{{"lost", e.Step + ": " + e.Error}, {"", "looking whether it happened; this can take a while"}}
	case runner.EvRecovered:
		return []line{p.recovered(e, change, s.lost)}
	case runner.EvUndone:
		return undone(e, change)
	case runner.EvKept:
		return []line{{"kept", change + " (rollback: skip)"}}
	case runner.EvUndoFail:
		lines := []line{{"not undone", e.Step + ": " + e.Error}}
		return append(lines, stays(e)...)
	}
	return nil
}

// recovered says what became of a write. That it did not happen fails a run,
// and is all that a rollback could wish for.
func (p *Progress) recovered(e runner.Event, change string, lost bool) line {
	switch e.Verdict.Outcome {
	case runner.Happened:
		how := "it had happened"
		switch {
		case e.Verdict.Decided != "":
			if how = saidBy(e.Who, e.Verdict.Reason); e.Verdict.Found != "" {
				return line{"recovered", e.Step + ": its write happened, " + how + foundThen(e.Verdict.Found)}
			}
		case e.Out["adopted"] == true:
			how = "found after its answer was lost, and adopted: it may be somebody else's"
		}
		return line{"recovered", change + " (" + how + ")"}
	case runner.Not:
		said := saidBy(e.Who, e.Verdict.Reason)
		if p.undoing || slices.ContainsFunc(enclosing(e.Step), func(item string) bool { return p.failed[item] }) {
			text := "its write did not happen, so there is nothing to undo"
			if e.Verdict.Decided != "" {
				text += ", " + said
			}
			return line{"recovered", e.Step + ": " + text}
		}
		if e.Verdict.Decided != "" {
			return line{"not done", e.Step + ": it is tried again, " + said}
		}
		if !lost {
			return line{"not done", e.Step + ": its write had not happened; it is carried out now"}
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
	if what := strings.TrimPrefix(change, e.Step+": "); what != change {
		return []line{{"undone", e.Step + ": no longer so: " + what}}
	}
	return []line{{"undone", e.Step}}
}

func stays(e runner.Event) []line {
	var lines []line
	for _, r := range e.Residues {
		lines = append(lines, line{"", residue(r)})
	}
	return lines
}

// step is the step of that name; nil if it is not known.
func (p *Progress) step(name string) *runner.Step {
	if p.program == nil {
		return nil
	}
	return p.program.Step(name)
}

// change is what a step changes, in words.
func (p *Progress) change(name string, s *told) string {
	step := p.step(name)
	switch {
	case step == nil, step.Type == nil, step.Loop != nil:
		return ""
	case !step.Type.Action():
		return step.Type.Name
	}
	return step.Type.Describe(step.Type.Change, s.owner, s.in, s.saw, yielded(step.Type, s.out))
}

// yielded is what a step has yielded. Of one that has not, or of which that is
// not known, it says so of what it alone knows.
func yielded(t *runner.Type, out map[string]any) map[string]any {
	if out != nil {
		return out
	}
	out = map[string]any{}
	for _, f := range t.Outputs() {
		out[f.Name] = "(not known yet)"
	}
	for _, f := range slices.Concat(t.Inputs(), t.Saw()) {
		delete(out, f.Name)
	}
	return out
}

func (p *Progress) action(name string) bool {
	step := p.step(name)
	return step != nil && step.Type != nil && step.Type.Action()
}

// took is how long something lasted, to a tenth of a second.
func took(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// Skip takes up events that were told already, or need not be.
func (p *Progress) Skip(events []runner.Timed) {
	for _, e := range events {
		p.lines(e.Event)
	}
}
