package runner

import (
	"fmt"
	"maps"
	"time"

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
	OpWait    Op = "wait"   // nothing can begin before something that was given out ends
	OpFinish  Op = "finish" // nothing is left to do
)

// Command is what comes next.
type Command struct {
	Op           Op
	Event        Event  // of OpRecord
	Name         string // of the step, with the keys of the loops around it
	Step         *Step
	In, Saw, Out map[string]any // run-time values; of another try Saw is what the one before saw
	Deferred     []string       // inputs that a secret touches, not in In
	Tried        int            // tries that failed before
	After        time.Duration  // how long to wait first

	undo  bool           // it belongs to an undo
	known []string       // of a write in doubt: what it may have made, as found out before
	said  bool           // a person said that the write of the try before did not happen
	late  bool           // an undo of the same may still arrive: wait until it cannot
	env   map[string]any // what expressions see
	scope *scope         // in which it was given out
}

// Next says what comes next. What it gave out it does not give out again: each
// command ends in an event to apply, even if that is the end of the run.
// Commands that it gives out one after the other, without a wait between them,
// may be carried out at the same time.
func (m *Machine) Next() Command {
	for {
		switch {
		case m.state != StateRunning:
			return Command{Op: OpFinish}
		case !m.varsDone && !m.undo && m.halted:
			return record(Event{Kind: EvEnded, State: StateInterrupted, Reason: "interrupted"})
		case !m.varsDone && !m.undo:
			return m.nextVars()
		case len(m.ready) == 0 && m.busy > 0:
			return Command{Op: OpWait}
		case len(m.ready) == 0 && m.left:
			return record(Event{Kind: EvEnded, State: StateInterrupted, Reason: "interrupted"})
		case len(m.ready) == 0:
			return m.stop()
		}
		s := m.ready[0]
		m.ready[0] = nil
		m.ready = m.ready[1:]
		s.queued = false
		if s.ended || s.busy {
			continue
		}
		cmd, ok := m.nextOf(s)
		switch {
		case !ok:
			continue
		case m.halted && !cmd.urgent():
			m.left = true
			continue
		case cmd.Op != OpRecord:
			s.busy, cmd.scope = true, s
			m.busy++
		}
		return cmd
	}
}

// urgent reports whether a command is carried out even in a run that is to
// stop. Between what Observe saw and the write it does not stop: an
// interruption there would leave a write in doubt that never left. And a run
// that has come to its end is recorded as such.
func (c Command) urgent() bool {
	return c.Op == OpDo || c.Op == OpRecord && (c.Event.Kind == EvEnded || c.Event.Kind == EvOutputs)
}

// Halt has the run stop: Next gives out nothing that has not begun, and when
// all that has is over, the end of the run as interrupted.
func (m *Machine) Halt() { m.halted = true }

// Drop takes back a command of a run that is to stop, of which nothing came:
// it was cut off while it waited or read.
func (m *Machine) Drop(c Command) {
	m.left = true
	m.idle(c.scope)
}

func record(e Event) Command { return Command{Op: OpRecord, Event: e} }

// stop ends a run in which nothing can go on: of some actions nobody can tell
// whether their writes happened.
func (m *Machine) stop() Command {
	reason := "nothing can go on"
	if len(m.stuck) > 0 {
		n := m.stuck[0]
		reason = fmt.Sprintf("step %s: nobody can tell whether its write happened: %s", n.name, n.verdict.Reason)
		if more := len(m.stuck) - 1; more > 0 {
			reason += fmt.Sprintf("; and %d more steps", more)
		}
	}
	return record(Event{Kind: EvEnded, State: StateStuck, Reason: reason})
}

// nextOf says what comes next in a scope, if anything can.
func (m *Machine) nextOf(s *scope) (Command, bool) {
	switch {
	case s.undo:
		return m.nextUndo(s)
	case s.failed && s.owner == nil:
		return m.afterFailure(), true
	case s.failed:
		return record(Event{Kind: EvRollback, Step: s.name, Reason: s.mishap.text}), true
	case s.node != nil:
		return m.nextOfNode(s.node)
	case s.owner == nil:
		return m.nextOutputs(), true
	}
	return m.nextScopeAssertion(s), true
}

// afterFailure rolls back, if the run is to and anything may have been
// written, or ends.
func (m *Machine) afterFailure() Command {
	incomplete := false
	for _, n := range m.root.started {
		if m.info.OnFailure == "rollback" && n.phase != phFailed && n.phase != phUndone && n.phase != phReady {
			return record(Event{Kind: EvRollback, Reason: "step " + m.failed + " failed"})
		}
		incomplete = incomplete || n.phase == phUndoFailed
	}
	state := StateFailed
	if incomplete {
		state = StateRollbackIncomplete
	} else if m.info.OnFailure == "rollback" && m.Written() {
		state = StateRolledBack // every item undid itself
	}
	return record(Event{Kind: EvEnded, State: state, Reason: m.failure})
}

func (m *Machine) nextVars() Command {
	var deferred []string
	vars := map[string]any{}
	env := maps.Clone(m.root.env)
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
		state := StateDone
		if m.tolerated > 0 {
			state = StateDoneWithFailures
		}
		return record(Event{Kind: EvEnded, State: state})
	}
	out, err := evalFields(m.program.outputs, m.root.env, "", nil)
	if err != nil {
		// Every step has done its work: a value that cannot be shown is no
		// reason to undo it.
		out = map[string]any{}
		return record(Event{Kind: EvOutputs, Values: out, Warnings: []string{"the outputs cannot be shown: " + err.Error()}})
	}
	return record(Event{Kind: EvOutputs, Values: encode(out)})
}

// command is a command for a step, filled from what is recorded of it.
func (n *node) command() Command {
	cmd := Command{Name: n.name, Step: n.step, In: n.in, Deferred: n.deferred, Saw: n.saw, Out: n.out, Tried: n.tried, env: n.scope.env}
	if n.verdict != nil {
		cmd.known, cmd.said = n.verdict.Candidates, n.saidNotDone()
	}
	return cmd
}

func (m *Machine) nextOfNode(n *node) (Command, bool) {
	cmd := n.command()
	switch n.phase {
	case phIdle:
		if n.step.cond != nil {
			return m.nextCondition(n), true
		}
		return m.nextEntered(n), true
	case phEntered:
		return m.nextEntered(n), true
	case phInside:
		if n.loop == nil || !n.loop.over() {
			return cmd, false // its items go on
		}
		return m.nextLoopEnd(n), true
	case phReady:
		if n.again != nil {
			cmd.After, _ = time.ParseDuration(n.again.After)
		}
		cmd.Op = OpRead
		if n.step.Type.action {
			cmd.Op, cmd.late = OpObserve, m.mayArriveAt(n)
			return cmd, m.claim(n, n.scope)
		}
	case phObserved:
		cmd.Op = OpDo
		if n.doubt {
			cmd.Op = OpRecover
		}
	case phUnknown:
		cmd.Op = OpRecover
	case phDone:
		return m.nextAssertion(n), true
	default:
		return cmd, false // it is stuck
	}
	return cmd, true
}

func (m *Machine) nextCondition(n *node) Command {
	got, err := n.step.cond.eval(n.scope.env, "if", nil)
	if err != nil {
		return record(Event{Kind: EvFailed, Step: n.name, Error: "its condition: " + err.Error()})
	}
	value := got.(bool)
	return record(Event{Kind: EvCondition, Step: n.name, Value: &value})
}

// nextEntered is what comes once a step is to be carried out.
func (m *Machine) nextEntered(n *node) Command {
	if n.loop != nil {
		return m.nextItems(n)
	}
	return m.nextInputs(n)
}

func (m *Machine) nextItems(n *node) Command {
	loop := n.step.Loop
	got, err := loop.each.eval(n.scope.env, "for_each", nil)
	items, isList := got.([]any)
	var keys []string
	switch {
	case err == nil && !isList:
		err = fmt.Errorf("it yields no list")
	case err == nil:
		keys, err = loop.keys(items)
	}
	if err != nil {
		return record(Event{Kind: EvFailed, Step: n.name, Error: "for_each: " + err.Error()})
	}
	encoded, _ := binding.Encode(items).([]any)
	return record(Event{Kind: EvItems, Step: n.name, Keys: keys, Items: encoded})
}

// nextLoopEnd says what became of a loop.
func (m *Machine) nextLoopEnd(n *node) Command {
	l := n.loop
	if l.stopped != "" {
		return record(Event{Kind: EvFailed, Step: n.name, Error: l.why(), Cure: l.cure(), Setting: l.setting})
	}
	return record(Event{Kind: EvDone, Step: n.name, Out: map[string]any{"total": len(l.items), "failed": len(l.failed)}})
}

func (m *Machine) nextAssertion(n *node) Command {
	e := assertionEvent(n.name, n.step.asserts[n.asserted], n.asserted, n.scope.env)
	r := n.step.Retry
	if r != nil && !n.step.Type.action && n.tried+1 < r.Attempts && (e.Kind == EvFailed || !*e.Value) {
		e.Again = &Again{Tried: n.tried + 1, After: r.wait(n.tried + 1).String()}
	}
	return record(e)
}

func (m *Machine) nextScopeAssertion(s *scope) Command {
	name := s.name
	if !s.item() {
		name = s.owner.name
	}
	return record(assertionEvent(name, s.asserts()[s.asserted], s.asserted, s.env))
}

// assertionEvent is what an assertion comes to.
func assertionEvent(step string, a assertion, index int, env map[string]any) Event {
	got, err := a.eval(env, "assert", nil)
	if err != nil {
		return Event{Kind: EvFailed, Step: step, Error: fmt.Sprintf("its assertion %s: %v", a.source, err)}
	}
	value := got.(bool)
	e := Event{Kind: EvAssertion, Step: step, Index: index, Value: &value}
	if !value {
		e.Reason = fmt.Sprintf("its assertion does not hold: %s%s", a.source, a.known(env))
	}
	return e
}

func (m *Machine) nextInputs(n *node) Command {
	var deferred []string
	in, err := evalFields(n.step.inputs, n.scope.env, "", &deferred)
	if err == nil {
		err = n.step.Type.complete(in, deferred)
	}
	if err != nil {
		return record(Event{Kind: EvFailed, Step: n.name, Error: err.Error()})
	}
	e := Event{Kind: EvInputs, Step: n.name, In: encode(in), Deferred: deferred}
	if n.step.Type.action {
		if e.Claims, err = n.step.Type.claims(in); err != nil {
			return record(Event{Kind: EvFailed, Step: n.name, Error: err.Error()})
		}
	}
	return record(e)
}

// encode turns run-time values into what a journal holds.
func encode(values map[string]any) map[string]any {
	out, _ := binding.Encode(values).(map[string]any)
	return out
}
