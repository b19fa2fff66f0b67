package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	Step       string
	Candidates []string // ids of what it may have made
	Reason     string   // why nobody can tell; empty: it was not looked for yet
	Creates    bool     // what it makes has an id of its own
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
		d := Doubt{Step: n.name, Creates: creates}
		if n.verdict != nil && n.verdict.Outcome == Ambiguous {
			d.Candidates, d.Reason = n.verdict.Candidates, n.verdict.Reason
		}
		out = append(out, d)
	}
	return out
}

// inDoubt reports whether taking the run up would look for the step's write.
func (n *node) inDoubt() bool {
	switch n.phase {
	case phObserved, phUnknown, phDoubt, phAmbiguous:
		return true
	case phUndoFailed:
		return n.out == nil
	}
	return false
}

// Decidable refuses decisions about steps that are not in doubt, and such as
// do not fit the step.
func (m *Machine) Decidable(decisions []Decision) error {
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
			return fmt.Errorf("step %s is not in doubt; in doubt are %s", d.Step, stepsOf(doubts))
		case d.Say == SayAdopt && !doubts[i].Creates:
			return fmt.Errorf("step %s makes nothing that has an id of its own: say that it is done, or not", d.Step)
		case d.Say == SayDone && doubts[i].Creates:
			return fmt.Errorf("step %s makes something with an id of its own: name it, to adopt it", d.Step)
		}
		seen[d.Step] = true
	}
	return nil
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

// DecisionError is a decision that does not fit the run, or that the org
// contradicts.
type DecisionError struct {
	Step, Problem string
}

// Error names the step.
func (e *DecisionError) Error() string { return "step " + e.Step + ": " + e.Problem }

// decidable refuses decisions that do not fit, and such as the org contradicts,
// before anything of them is recorded.
func (r *loop) decidable(ctx context.Context, decisions []Decision) error {
	if err := r.machine.Decidable(decisions); err != nil {
		return err
	}
	for _, d := range decisions {
		if d.Say == SayNotDone {
			continue
		}
		cmd := r.machine.nodes[d.Step].command()
		cmd.Op = OpRecover
		if e := r.executor.decide(ctx, cmd, d); e.Verdict.Outcome == Ambiguous {
			return &DecisionError{d.Step, e.Verdict.Reason}
		}
	}
	return nil
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
	g := &guard{run: x.run, step: cmd.Name, lastSend: x.clock.now()}
	v := Verdict{Outcome: Not, Decided: d.Say, Reason: d.Because}
	if d.Say != SayNotDone {
		step, t, err := x.instance(cmd, g)
		_, creates := step.(Adopter)
		if err == nil {
			err = d.take(g.attach(ctx), step)
		}
		if v.Outcome = Happened; err != nil {
			v = Verdict{Outcome: Ambiguous, Candidates: cmd.known, Creates: creates, Reason: fmt.Sprintf("it was said to be done, but %v", err)}
		} else {
			e.Out = encode(read(step, t.out))
		}
	}
	x.result(&e, g, EvRecovered, nil)
	e.Verdict = &v
	return e
}

// take has a step fill what it yields.
func (d Decision) take(ctx context.Context, step any) error {
	if d.Say == SayAdopt {
		return step.(Adopter).Adopt(ctx, d.ID)
	}
	found, err := step.(Action).Recover(ctx)
	if err == nil && found.Outcome == Not {
		err = fmt.Errorf("the org does not have what it would have written")
	}
	return err
}
