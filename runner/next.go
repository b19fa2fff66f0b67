package runner

import (
	"fmt"
	"maps"
	"slices"

	"example.com/rekey/runner/binding"
)

// Op is what an executor is asked to do.
type Op string

// The operations. OpRecord is carried out by recording the command's event.
const (
	OpRecord  Op = "record"
	OpRead    Op = "read"    // of a query
	OpObserve Op = "observe" // of an action, as are the rest
	OpDo      Op = "do"
	OpRecover Op = "recover"
	OpUndo    Op = "undo"
	OpFinish  Op = "finish" // nothing is left to do
)

// Command is what comes next.
type Command struct {
	Op           Op
	Event        Event // of OpRecord
	Step         *Step
	In, Saw, Out map[string]any // run-time values
	Deferred     []string       // inputs that a secret touches, not in In
}

// Next says what comes next. Asked again without an event in between, it says
// the same.
func (m *Machine) Next() Command {
	switch {
	case m.state != StateRunning:
		return Command{Op: OpFinish}
	case m.undo:
		return m.nextUndo()
	case m.failure != "":
		return m.afterFailure()
	case !m.varsDone:
		return m.nextVars()
	case m.pc == len(m.steps):
		return m.nextOutputs()
	}
	return m.nextOfStep(m.pc)
}

func record(e Event) Command { return Command{Op: OpRecord, Event: e} }

// afterFailure rolls back, if the run is to and anything may have been
// written, or ends.
func (m *Machine) afterFailure() Command {
	for _, i := range m.started {
		if m.info.OnFailure == "rollback" && m.steps[i].phase != phFailed {
			return record(Event{Kind: EvRollback, Reason: "step " + m.failed + " failed"})
		}
	}
	return record(Event{Kind: EvEnded, State: StateFailed, Reason: m.failure})
}

func (m *Machine) nextVars() Command {
	var deferred []string
	vars := map[string]any{}
	env := maps.Clone(m.env)
	env["vars"] = vars
	for _, v := range m.program.vars {
		got, err := v.eval(env, v.name, &deferred)
		if err != nil {
			return record(Event{Kind: EvEnded, State: StateFailed, Reason: fmt.Sprintf("var %s: %v", v.name, err)})
		}
		vars[v.name] = got
	}
	return record(Event{Kind: EvVars, Values: encode(vars)})
}

func (m *Machine) nextOutputs() Command {
	if m.outputs != nil {
		return record(Event{Kind: EvEnded, State: StateDone})
	}
	out, err := evalFields(m.program.outputs, m.env, "", nil)
	if err != nil {
		// Every step has done its work: a value that cannot be shown is no
		// reason to undo it.
		out = map[string]any{}
		return record(Event{Kind: EvOutputs, Values: out, Warnings: []string{"the outputs cannot be shown: " + err.Error()}})
	}
	return record(Event{Kind: EvOutputs, Values: encode(out)})
}

func (m *Machine) nextOfStep(i int) Command {
	s, step := &m.steps[i], m.program.Steps[i]
	cmd := Command{Step: step, In: s.in, Deferred: s.deferred, Saw: s.saw, Out: s.out}
	switch s.phase {
	case phIdle:
		if step.cond != nil {
			return m.nextCondition(step)
		}
		return m.nextInputs(step)
	case phEntered:
		return m.nextInputs(step)
	case phReady:
		cmd.Op = OpRead
		if step.Type.action {
			cmd.Op = OpObserve
		}
	case phObserved:
		cmd.Op = OpDo
		if m.inDoubtAt > 0 && m.started[m.inDoubtAt-1] == i {
			cmd.Op = OpRecover // its Do may have begun before the journal was opened again
		}
	case phUnknown:
		cmd.Op = OpRecover
	case phAmbiguous:
		return record(Event{Kind: EvEnded, State: StateStuck,
			Reason: fmt.Sprintf("step %s: nobody can tell whether its write happened: %s", step.ID, s.verdict.Reason)})
	case phDone:
		return m.nextAssertion(step, s)
	}
	return cmd
}

func (m *Machine) nextCondition(step *Step) Command {
	got, err := step.cond.eval(m.env, "if", nil)
	if err != nil {
		return record(Event{Kind: EvFailed, Step: step.ID, Error: "its condition: " + err.Error()})
	}
	value := got.(bool)
	return record(Event{Kind: EvCondition, Step: step.ID, Value: &value})
}

func (m *Machine) nextAssertion(step *Step, s *stepState) Command {
	a := step.asserts[s.asserted]
	got, err := a.eval(m.env, "assert", nil)
	if err != nil {
		return record(Event{Kind: EvFailed, Step: step.ID, Error: fmt.Sprintf("its assertion %s: %v", a.source, err)})
	}
	value := got.(bool)
	e := Event{Kind: EvAssertion, Step: step.ID, Index: s.asserted, Value: &value}
	if !value {
		e.Reason = fmt.Sprintf("its assertion does not hold: %s%s", a.source, a.known(m.env))
	}
	return record(e)
}

func (m *Machine) nextInputs(step *Step) Command {
	var deferred []string
	in, err := evalFields(step.inputs, m.env, "", &deferred)
	if err == nil {
		err = step.Type.complete(in, deferred)
	}
	if err != nil {
		return record(Event{Kind: EvFailed, Step: step.ID, Error: err.Error()})
	}
	e := Event{Kind: EvInputs, Step: step.ID, In: encode(in), Deferred: deferred}
	if step.Type.action {
		if e.Claims, err = step.Type.claims(in); err != nil {
			return record(Event{Kind: EvFailed, Step: step.ID, Error: err.Error()})
		}
	}
	return record(e)
}

// nextUndo undoes what was started, the last first. An action whose outcome
// is not known is looked at before. A failure keeps back only what has to wait
// for it.
func (m *Machine) nextUndo() Command {
	for ; m.undoing >= 0; m.undoing-- {
		i := m.started[m.undoing]
		s, step := &m.steps[i], m.program.Steps[i]
		cmd := Command{Step: step, In: s.in, Deferred: s.deferred, Saw: s.saw, Out: s.out}
		if by := m.heldBackBy(m.undoing); by != nil {
			return record(Event{Kind: EvUndoFail, Step: step.ID, Error: fmt.Sprintf(
				"held back: step %s changed the same afterwards and is not undone yet", by.ID)})
		}
		switch s.phase {
		case phObserved, phUnknown, phDoubt:
			cmd.Op = OpRecover
			return cmd
		case phDone:
			cmd.Op = OpUndo
			return cmd
		case phAmbiguous:
			return record(Event{Kind: EvUndoFail, Step: step.ID,
				Error:    "nobody can tell whether its write happened: " + s.verdict.Reason,
				Residues: perhaps(step, s)})
		}
	}
	if m.UndoErr() != nil {
		return record(Event{Kind: EvEnded, State: StateRollbackIncomplete})
	}
	return record(Event{Kind: EvEnded, State: StateRolledBack})
}

// heldBackBy is an action that was started after the one at position at, has set
// the same thing anew, and could not be undone. To undo the earlier one first
// would be wrong: undoing the later one after that would bring back what the
// earlier one had set.
func (m *Machine) heldBackBy(at int) *Step {
	i := m.started[at]
	step := m.program.Steps[i]
	switch m.steps[i].phase {
	case phFailed, phUndone, phUndoFailed:
		return nil
	}
	if m.undoErrs == nil || step.Type.Undo != UndoExact {
		return nil
	}
	var claims []string
	for _, j := range m.started[at+1:] {
		later := m.program.Steps[j]
		if m.steps[j].phase != phUndoFailed || later.Type != step.Type {
			continue
		}
		if claims == nil {
			claims, _ = step.Type.claims(m.steps[i].in)
		}
		theirs, _ := later.Type.claims(m.steps[j].in)
		if slices.ContainsFunc(claims, func(c string) bool { return slices.Contains(theirs, c) }) {
			return later
		}
	}
	return nil
}

// perhaps are the residues of a write that may have happened.
func perhaps(step *Step, s *stepState) []Residue {
	claims, _ := step.Type.claims(s.in)
	ids := s.verdict.Candidates
	if len(ids) == 0 {
		ids = []string{""}
	}
	var out []Residue
	for _, id := range ids {
		r := Residue{Kind: step.Type.Name, ID: id, Effect: Added, Perhaps: true, Note: s.verdict.Reason}
		if len(claims) > 0 {
			r.Owner = claims[0]
		}
		out = append(out, r)
	}
	return out
}

// encode turns run-time values into what a journal holds.
func encode(values map[string]any) map[string]any {
	out, _ := binding.Encode(values).(map[string]any)
	return out
}
