package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// Decision is what a person says became of a write of which the org alone does
// not tell.
type Decision struct {
	Step    string // its name, with the keys of the loops around it
	Say     Saying
	ID      string // of what the write made, of SayAdopt
	Because string // why the person knows, of SayDone
}

// Saying is what a person can say of a write in doubt. What an action yields
// is read from the org in any case.
type Saying string

// The sayings.
const (
	SayAdopt   Saying = "adopt"    // it happened, and made the object with that id
	SayNotDone Saying = "not_done" // it did not happen
	SayDone    Saying = "done"     // it happened
)

// Doubt is a write of which it is not known whether it happened.
type Doubt struct {
	Step       string   `json:"step"`
	Candidates []string `json:"candidates,omitempty"` // ids of what it may have made
	Reason     string   `json:"reason,omitempty"`     // why nobody can tell; empty: it was not looked for yet
	Creates    bool     `json:"creates,omitempty"`    // what it makes has an id of its own
	Undo       bool     `json:"undo,omitempty"`       // its undo was given up: only another rollback is sure to look for it
}

// Doubts are the writes in doubt of a run that nobody is at work on, in the
// order of their start: those that were in flight, and those of which looking
// did not tell.
func (m *Machine) Doubts() (out []Doubt) {
	for _, n := range m.root.started {
		if !n.inDoubt() {
			continue
		}
		_, creates := n.step.Type.New().(Adopter)
		d := Doubt{Step: n.name, Creates: creates, Undo: n.phase == phUndoFailed}
		if n.verdict != nil && n.verdict.Outcome == Ambiguous {
			d.Candidates, d.Reason = n.verdict.Candidates, n.verdict.Reason
		}
		out = append(out, d)
	}
	return out
}

// inDoubt reports whether a rollback would look for the step's write.
func (n *node) inDoubt() bool {
	switch n.phase {
	case phObserved, phUnknown, phDoubt, phAmbiguous:
		return true
	case phUndoFailed:
		return n.out == nil
	}
	return false
}

// looksFor reports whether who goes on with the run may come to look for the
// write of a step in doubt. Under keep that is up to a rollback once the step
// has failed, and nothing else is to undo it, or was.
func (m *Machine) looksFor(n *node) bool {
	switch keep := m.info.OnFailure != "rollback"; {
	case n.phase == phUndoFailed:
		return !m.undo && !keep
	case n.phase == phDoubt && !m.undo && keep:
		return n.inItem() // which undoes itself
	}
	return true
}

// inItem reports whether a step belongs to an item of a loop.
func (n *node) inItem() bool {
	for s := n.scope; s != nil; s = s.around() {
		if s.item() {
			return true
		}
	}
	return false
}

// Decidable refuses decisions about steps that are not in doubt, and such as
// do not fit the step. Undo tells that they are for a rollback: who goes on
// with a run does not look for all that is in doubt.
func (m *Machine) Decidable(decisions []Decision, undo bool) error {
	doubts := m.Doubts()
	seen := map[string]bool{}
	for _, d := range decisions {
		i := slices.IndexFunc(doubts, func(doubt Doubt) bool { return doubt.Step == d.Step })
		switch {
		case seen[d.Step]:
			return fmt.Errorf("step %s is decided twice", d.Step)
		case i < 0 && len(doubts) == 0:
			return fmt.Errorf("step %s is not in doubt, nor is any other: there is nothing to decide", d.Step)
		case i < 0:
			return fmt.Errorf("step %s is not in doubt; %s", d.Step, meant(d.Step, doubts))
		case d.Say == SayAdopt && !doubts[i].Creates:
			return fmt.Errorf("step %s makes nothing that has an id of its own: say that it is done, or not", d.Step)
		case d.Say == SayDone && doubts[i].Creates:
			return fmt.Errorf("step %s makes something with an id of its own: name it, to adopt it", d.Step)
		case !undo && !m.looksFor(m.nodes[d.Step]):
			return fmt.Errorf("step %s is over, and nobody looks for its write who goes on with the run: say it to a rollback", d.Step)
		}
		seen[d.Step] = true
	}
	return nil
}

// meant names the steps in doubt, or those alone that a misspelt name was
// probably meant to be.
func meant(step string, doubts []Doubt) string {
	names := make([]string, len(doubts))
	for i, d := range doubts {
		names[i] = d.Step
	}
	if near := binding.Suggest(step, names); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "in doubt are " + stepsOf(doubts)
}

func stepsOf(doubts []Doubt) string {
	const most = 5
	var names []string
	for _, d := range doubts[:min(len(doubts), most)] {
		names = append(names, d.Step)
	}
	text := strings.Join(names, ", ")
	if more := len(doubts) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// DecisionError is a decision that the org contradicts, or of which the org
// could not be asked.
type DecisionError struct {
	Step string
	Err  error
}

// Error names the step.
func (e *DecisionError) Error() string {
	return fmt.Sprintf("step %s: it was said to be done, but %v", e.Step, e.Err)
}

// Unwrap returns the cause.
func (e *DecisionError) Unwrap() error { return e.Err }

// decidable refuses decisions that do not fit, and such as the org contradicts,
// before anything of them is recorded.
func (r *loop) decidable(ctx context.Context, decisions []Decision, undo bool) error {
	if err := r.machine.Decidable(decisions, undo); err != nil {
		return err
	}
	for _, d := range decisions {
		if d.Say == SayNotDone {
			continue
		}
		cmd := r.machine.nodes[d.Step].command()
		cmd.Op = OpRecover
		if _, _, err := r.executor.yields(ctx, cmd, r.executor.asking(cmd), d); err != nil {
			return &DecisionError{d.Step, err}
		}
	}
	return nil
}

// decisionsLeft watches what is recorded, and tells which decisions nothing on
// record came of.
func (r *loop) decisionsLeft(decisions []Decision) (left func() []Decision) {
	asked, watch := map[string]bool{}, r.watch
	r.watch = func(e Event) {
		if e.Kind == EvRecovered {
			asked[e.Step] = true
		}
		if watch != nil {
			watch(e)
		}
	}
	return func() []Decision {
		return slices.DeleteFunc(slices.Clone(decisions), func(d Decision) bool { return asked[d.Step] })
	}
}

// decision is what was decided of a step's write; it counts once.
func (x *executor) decision(step string) (Decision, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d, ok := x.decided[step]
	delete(x.decided, step)
	return d, ok
}

// decide takes a person's word for what became of a write. What it made or set
// is read from the org; where that contradicts, the doubt stays.
func (x *executor) decide(ctx context.Context, cmd Command, d Decision) Event {
	e := Event{Step: cmd.Name}
	g := x.asking(cmd)
	v := Verdict{Outcome: Not, Decided: d.Say, Reason: d.Because}
	if d.Say != SayNotDone {
		out, instead, err := x.yields(ctx, cmd, g, d)
		if v.Outcome, v.Found, e.Out = Happened, instead, out; err != nil {
			_, creates := cmd.Step.Type.New().(Adopter)
			v = Verdict{Outcome: Ambiguous, Candidates: cmd.known, Creates: creates, Reason: fmt.Sprintf("it was said to be done, but %v", err)}
		}
	}
	x.result(&e, g, EvRecovered, nil)
	e.Verdict, e.Who = &v, x.who
	return e
}

// asking guards the reads for a decision.
func (x *executor) asking(cmd Command) *guard {
	return &guard{run: x.run, step: cmd.Name, lastSend: x.clock.now()}
}

// yields is what a write yielded that is said to be done, as the org has it.
// Instead is what the org has instead of its effect: it may have happened, and
// have been changed since.
func (x *executor) yields(ctx context.Context, cmd Command, g *guard, d Decision) (out map[string]any, instead string, err error) {
	step, t, err := x.instance(cmd, g)
	if err == nil {
		instead, err = d.take(g.attach(ctx), step)
	}
	if err != nil {
		return nil, "", err
	}
	return encode(read(step, t.out)), instead, nil
}

// saidNotDone reports whether a step is tried again because a person said that
// its write did not happen.
func (n *node) saidNotDone() bool {
	return n.verdict != nil && n.verdict.Outcome == Not && n.verdict.Decided != ""
}

// happenedAfterAll looks whether the difference that a step found is its own
// write, of which a person said that it did not happen: it may have come later,
// or the person erred. Then the step is done. If not, the word counts.
func (x *executor) happenedAfterAll(ctx context.Context, e *Event, cmd Command) {
	cmd.Op = OpRecover
	g := x.asking(cmd)
	step, t, err := x.instance(cmd, g)
	var v Verdict
	if err == nil {
		v, err = step.(Action).Recover(g.attach(ctx))
	}
	found := Event{Step: e.Step}
	x.result(&found, g, EvRecovered, nil)
	e.Calls, e.Requests = addCalls(e.Calls, found.Calls), slices.Concat(e.Requests, found.Requests)
	switch {
	case err != nil:
		e.Error += fmt.Sprintf("; whether that is its own write, which a person said did not happen, cannot be told: %v", err)
	case v.Outcome == Happened:
		found.Calls, found.Requests, found.Out, found.Verdict = e.Calls, e.Requests, encode(read(step, t.out)), &v
		found.Warnings = append(found.Warnings, "a person said that its write did not happen, and it did: it is not repeated")
		*e = found
	default:
		e.Error += "; that its own write did not happen is a person's word"
	}
}

// take has a step fill what it yields, and tells what is there instead.
func (d Decision) take(ctx context.Context, step any) (instead string, err error) {
	if d.Say == SayAdopt {
		return "", step.(Adopter).Adopt(ctx, d.ID)
	}
	found, err := step.(Action).Recover(ctx)
	switch {
	case err != nil:
	case found.Outcome == Not:
		err = fmt.Errorf("the org does not have what it would have written")
	case found.Outcome == Ambiguous:
		instead = found.Reason
	}
	return instead, err
}
