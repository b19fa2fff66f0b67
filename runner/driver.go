package runner

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-multierror"
)

// Machine is a run as the fold over its events. It does no I/O, reads no
// clock and depends on no map's order: the same events yield the same
// machine, and the same machine the same next command.
//
// Apply evaluates nothing. Next evaluates conditions, inputs, assertions and
// outputs, but only to offer the result as an event to record; it is used
// once that event is applied. So a run that is picked up again never
// evaluates a second time what was decided before.
type Machine struct {
	program *Program
	info    *RunInfo
	env     map[string]any // what expressions see; no secret is ever in it
	steps   []stepState
	pc      int // the step that is being carried out

	state     State
	varsDone  bool
	outputs   map[string]any    // nil until evaluated
	failure   string            // why the run fails
	failed    string            // which step made it fail
	undo      bool              // rolling back
	started   []int             // actions in the order in which their Do may have begun
	undoing   int               // the position in started that comes next, going down
	undoErrs  *multierror.Error // what the rollback could not undo; it goes on all the same
	inDoubtAt int               // started counts at which a machine was opened again
}

// stepState is where one step stands.
type stepState struct {
	phase    phase
	in       map[string]any
	deferred []string
	saw, out map[string]any
	asserted int
	wrote    bool // it wrote something, or may have
	verdict  *Verdict
	problem  string // of a write whose answer was lost
	residues []Residue
}

type phase uint8

const (
	phIdle      phase = iota
	phEntered         // its condition holds
	phSkipped         // its condition does not
	phReady           // its inputs are recorded
	phObserved        // its Do may have begun
	phUnknown         // its write's answer was lost
	phDoubt           // it failed after a write
	phAmbiguous       // Recover cannot tell
	phDone            // its outputs are recorded
	phFailed          // it failed, nothing of it is left to undo
	phUndone
	phUndoFailed
)

// NewMachine returns the machine of a run that has not begun.
func NewMachine(p *Program) *Machine {
	return &Machine{
		program: p,
		steps:   make([]stepState, len(p.Steps)),
		env: map[string]any{
			"inputs": map[string]any{}, "vars": map[string]any{},
			"steps": map[string]any{}, "run": map[string]any{},
		},
	}
}

// State is where the run stands.
func (m *Machine) State() State { return m.state }

// Info is what the run is a run of; nil before it began.
func (m *Machine) Info() *RunInfo { return m.info }

// Outputs are the playbook's outputs, nil until the run is done.
func (m *Machine) Outputs() map[string]any { return m.outputs }

// Written reports whether the run wrote anything, or may have: a Do of which
// there is no record yet may have written.
func (m *Machine) Written() bool {
	return slices.ContainsFunc(m.steps, func(s stepState) bool { return s.wrote || s.phase == phObserved })
}

// Failure says why the run failed, and at which step; both may be empty.
func (m *Machine) Failure() (step, message string) { return m.failed, m.failure }

// Residues are the effects that stayed after the actions undone so far.
func (m *Machine) Residues() []Residue {
	var out []Residue
	for i := len(m.started) - 1; i >= 0; i-- {
		out = append(out, m.steps[m.started[i]].residues...)
	}
	return out
}

// UndoErr is everything that the last rollback could not undo, as one error;
// nil when there is nothing.
func (m *Machine) UndoErr() error { return m.undoErrs.ErrorOrNil() }

// errDisorder is an event that cannot follow the ones before it.
var errDisorder = errors.New("the events are not in an order that this program can have")

// Apply folds one event, as read from a journal or just recorded.
func (m *Machine) Apply(e Event) error {
	if (m.info == nil) != (e.Kind == EvCreated) {
		return fmt.Errorf("event %s: %w", e.Kind, errDisorder)
	}
	if e.Step == "" {
		return m.applyToRun(e)
	}
	i, ok := m.program.index[e.Step]
	if !ok {
		return fmt.Errorf("event %s of step %q, which this program has not: %w", e.Kind, e.Step, errDisorder)
	}
	if err := m.applyToStep(e, i); err != nil {
		return fmt.Errorf("step %s, event %s: %w", e.Step, e.Kind, err)
	}
	return nil
}

func (m *Machine) applyToRun(e Event) error {
	switch e.Kind {
	case EvCreated:
		if e.Run == nil || e.Run.Format != JournalFormat {
			return fmt.Errorf("a run recorded in another format; this rekey reads format %d", JournalFormat)
		}
		return m.begin(e.Run)
	case EvOpened:
		m.inDoubtAt = len(m.started)
	case EvVars:
		vars := m.env["vars"].(map[string]any)
		for _, v := range m.program.vars {
			got, err := v.recorded(e.Values[v.name])
			if err != nil {
				return fmt.Errorf("var %s: %w", v.name, err)
			}
			vars[v.name] = got
		}
		m.varsDone = true
	case EvOutputs:
		m.outputs = e.Values
		if m.outputs == nil {
			m.outputs = map[string]any{}
		}
	case EvRollback:
		m.undo, m.state, m.undoErrs = true, StateRunning, nil
		m.undoing = len(m.started) - 1
		for _, i := range m.started {
			if p := m.steps[i].phase; p == phUndoFailed || p == phAmbiguous {
				m.steps[i].phase = m.steps[i].undoFrom() // a person may have cleared it up
			}
		}
	case EvEnded:
		m.state = e.State
		if m.failure == "" && e.State != StateInterrupted {
			m.failure = e.Reason
		}
	default:
		return errDisorder
	}
	return nil
}

// begin takes up what the run is a run of.
func (m *Machine) begin(info *RunInfo) error {
	m.info, m.state = info, StateRunning
	inputs := m.env["inputs"].(map[string]any)
	for _, in := range m.program.Playbook.Inputs {
		v, ok := info.Inputs[in.Name]
		if in.Secret || !ok {
			continue
		}
		if v == nil {
			inputs[in.Name] = nil // optional and not given
			continue
		}
		decoded, err := in.Type.Decode(v)
		if err != nil {
			return fmt.Errorf("input %s: %w", in.Name, err)
		}
		inputs[in.Name] = decoded
	}
	m.env["run"] = map[string]any{"id": info.ID, "started_at": info.StartedAt}
	return nil
}

func (m *Machine) applyToStep(e Event, i int) (err error) {
	s, t := &m.steps[i], m.program.Steps[i].Type
	if !e.wellFormed(m.program.Steps[i]) || !m.follows(e, i) {
		return errDisorder
	}
	s.wrote = s.wrote || e.Write != nil || e.Kind == EvUnknown
	switch e.Kind {
	case EvCondition:
		if s.phase = phEntered; !*e.Value {
			s.phase = phSkipped
			m.yield(i, nil)
			m.pc++
		}
	case EvInputs:
		s.phase, s.deferred = phReady, e.Deferred
		s.in, err = decode(t.in, e.In)
	case EvObserved:
		s.phase = phObserved
		m.started = append(m.started, i)
		s.saw, err = decode(t.saw, e.Saw)
	case EvDone:
		s.phase = phDone
		if s.out, err = decode(t.out, e.Out); err == nil {
			m.yield(i, s.out)
			m.settle(i)
		}
	case EvUnknown:
		s.phase, s.problem = phUnknown, e.Error
	case EvRecovered:
		err = m.recovered(e, i)
	case EvAssertion:
		if s.asserted++; !*e.Value {
			m.fail(i, e.Reason)
		} else {
			m.settle(i)
		}
	case EvFailed:
		m.fail(i, e.Error)
		switch {
		case e.Write != nil:
			s.phase = phDoubt
		case s.phase != phDone:
			s.phase = phFailed
		}
	case EvUndone:
		s.phase, s.residues = phUndone, e.Residues
	case EvUndoFail:
		s.phase, s.residues = phUndoFailed, e.Residues
		m.undoErrs = multierror.Append(m.undoErrs, fmt.Errorf("step %s: %s", e.Step, e.Error))
	}
	return err
}

// follows reports whether an event of step i can come next. A journal that a
// program of another shape wrote is refused rather than misread: an undo by
// wrong data would do harm.
func (m *Machine) follows(e Event, i int) bool {
	s, step := &m.steps[i], m.program.Steps[i]
	if !m.undo && i != m.pc {
		return false
	}
	switch e.Kind {
	case EvCondition:
		return !m.undo && s.phase == phIdle
	case EvInputs:
		return !m.undo && (s.phase == phEntered || s.phase == phIdle && step.cond == nil)
	case EvObserved:
		return !m.undo && s.phase == phReady && step.Type.action
	case EvDone:
		return !m.undo && (s.phase == phObserved || s.phase == phReady && !step.Type.action)
	case EvUnknown:
		return !m.undo && s.phase == phObserved
	case EvRecovered:
		return s.phase == phObserved || s.phase == phUnknown || m.undo && s.phase == phDoubt
	case EvAssertion:
		return !m.undo && s.phase == phDone && e.Index == s.asserted
	case EvFailed:
		return !m.undo && s.phase != phFailed && s.phase != phDoubt
	case EvUndone:
		return m.undo && s.phase == phDone
	case EvUndoFail:
		return m.undo && s.phase >= phObserved && s.phase <= phDone
	}
	return false
}

// recovered takes up what became of a write whose answer was lost.
func (m *Machine) recovered(e Event, i int) (err error) {
	s, t := &m.steps[i], m.program.Steps[i].Type
	s.verdict, s.residues = e.Verdict, nil
	switch e.Verdict.Outcome {
	case Happened:
		s.phase = phDone
		if s.out, err = decode(t.out, e.Out); err == nil {
			m.yield(i, s.out)
			m.settle(i)
		}
	case Not:
		s.phase, s.wrote = phFailed, false
		if !m.undo {
			m.fail(i, s.problem+" (and its write did not happen)")
		}
	default:
		s.phase = phAmbiguous
	}
	return err
}

// undoFrom is the phase from which the undo of a step is tried again.
func (s *stepState) undoFrom() phase {
	if s.out != nil {
		return phDone
	}
	return phUnknown
}

// yield makes a step's outputs known to the expressions after it.
func (m *Machine) yield(i int, out map[string]any) {
	steps := m.env["steps"].(map[string]any)
	if out == nil {
		steps[m.program.Steps[i].ID] = nil
		return
	}
	steps[m.program.Steps[i].ID] = out
}

// settle goes on to the next step once this one has no assertion left.
func (m *Machine) settle(i int) {
	if !m.undo && i == m.pc && m.steps[i].phase == phDone && m.steps[i].asserted == len(m.program.Steps[i].asserts) {
		m.pc++
	}
}

func (m *Machine) fail(i int, message string) {
	if m.failure == "" {
		m.failed, m.failure = m.program.Steps[i].ID, message
	}
}
