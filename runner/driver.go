package runner

import (
	"errors"
	"fmt"
)

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
	n, item := m.nodes[e.Step], m.items[e.Step]
	var err error
	switch {
	case item != nil && (e.Kind == EvRollback || n == nil):
		err = m.applyToScope(e, item)
	case n == nil:
		return fmt.Errorf("event %s of step %q, which this program has not begun: %w", e.Kind, e.Step, errDisorder)
	case n.body != nil && e.Kind != EvCondition:
		err = m.applyToScope(e, n.body)
	default:
		err = m.applyToNode(e, n)
	}
	if err != nil {
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
		m.reopen()
	case EvVars:
		if m.varsDone {
			return errDisorder
		}
		vars := m.root.env["vars"].(map[string]any)
		for _, v := range m.program.vars {
			got, err := v.recorded(e.Values[v.name])
			if err != nil {
				return fmt.Errorf("var %s: %w", v.name, err)
			}
			vars[v.name] = got
		}
		m.varsDone = true
		m.enter(m.root)
	case EvOutputs:
		if m.outputs = e.Values; m.outputs == nil {
			m.outputs = map[string]any{}
		}
		m.queue(m.root)
	case EvRollback:
		m.rollBack()
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
	inputs := m.root.env["inputs"].(map[string]any)
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
	m.root.env["run"] = map[string]any{"id": info.ID, "started_at": info.StartedAt}
	return nil
}

// reopen has everything that was in flight taken up again: what was given out
// is given out anew, and a Do that may have begun is in doubt.
func (m *Machine) reopen() {
	m.ready, m.busy = nil, 0
	m.held, m.parked = map[string]*node{}, map[string][]*scope{}
	if m.state.Resumable() {
		m.state = StateRunning
		if !m.root.failed && !m.undo {
			m.failure, m.cure = "", "" // it was stuck
		}
	}
	for _, n := range m.root.started {
		if n.phase == phAmbiguous {
			n.phase = phUnknown // it is looked at again: a person may have cleared it up
		}
	}
	m.stuck = nil
	if m.varsDone || m.undo {
		m.requeue(m.root)
	}
}

func (m *Machine) requeue(s *scope) {
	s.queued, s.busy = false, false
	n := s.node
	switch {
	case s.undo || s.failed || n == nil:
		if last := len(s.started) - 1; last >= 0 && s.item() && s.started[last].phase == phDoubt {
			m.hold(s.started[last])
		}
		if s.undo && s.undoing >= 0 {
			m.mayArrive(s.started[s.undoing]) // it was under way, perhaps
		}
		m.queue(s)
	case n.body != nil && n.phase == phInside:
		m.requeue(n.body)
	case n.loop != nil && n.phase == phInside:
		for _, item := range n.loop.live {
			m.requeue(item)
		}
		m.fill(n) // none began while something was stuck
	default:
		n.tried, n.again = 0, nil
		n.doubt = n.phase == phObserved
		if n.phase >= phObserved && n.phase <= phAmbiguous || n.phase == phReady && n.order > 0 {
			m.hold(n)
		}
		m.queue(s)
	}
}

// applyToNode folds an event of a step: of one with a type, of a loop, or the
// condition of a block.
func (m *Machine) applyToNode(e Event, n *node) (err error) {
	if !n.follows(e, m.undoer(n) != nil) {
		return errDisorder
	}
	by := n.scope
	if u := m.undoer(n); u != nil {
		by = u
	}
	m.idle(by)
	n.wrote = n.wrote || e.Write != nil || e.Kind == EvUnknown
	switch e.Kind {
	case EvCondition:
		m.decided(n, *e.Value)
	case EvItems:
		return m.itemize(n, e)
	case EvInputs:
		n.phase, n.deferred, n.claims = phReady, e.Deferred, e.Claims
		n.in, err = decode(n.step.Type.in, e.In)
	case EvObserved:
		n.phase = phObserved
		m.start(n)
		n.saw, err = decode(n.step.Type.saw, e.Saw)
	case EvDone:
		return m.done(n, e.Out)
	case EvUnknown:
		n.phase, n.mishap = phUnknown, e.mishap()
	case EvRecovered:
		err = m.recovered(e, n)
	case EvAssertion:
		m.asserted(n, e)
	case EvFailed:
		m.failNode(n, e)
	case EvUndone, EvKept, EvUndoFail:
		m.undone(n, e)
	}
	switch {
	case err != nil:
	case by.undo:
		m.undoOn(by)
	case !by.ended:
		m.queue(by)
	}
	return err
}

// follows reports whether an event of a step can come next. A journal that a
// program of another shape wrote is refused rather than misread: an undo by
// wrong data would do harm.
func (n *node) follows(e Event, undo bool) bool {
	current := !undo && n.scope.node == n && !n.scope.failed && !n.scope.ended
	leaf := n.step.Leaf()
	again := e.Again == nil || leaf && n.step.Retry != nil
	switch e.Kind {
	case EvCondition:
		return current && n.phase == phIdle && n.step.cond != nil && e.Value != nil
	case EvItems:
		return current && n.loop != nil && (n.phase == phEntered || n.phase == phIdle && n.step.cond == nil) && len(e.Keys) == len(e.Items)
	case EvInputs:
		return current && leaf && (n.phase == phEntered || n.phase == phIdle && n.step.cond == nil)
	case EvObserved:
		return current && leaf && n.phase == phReady && n.step.Type.action
	case EvDone:
		if n.loop != nil {
			return current && n.loop.over()
		}
		return current && leaf && (n.phase == phObserved || n.phase == phReady && !n.step.Type.action)
	case EvUnknown:
		return current && n.phase == phObserved
	case EvRecovered:
		return e.Verdict != nil && again && (current || undo) && (n.phase == phObserved || n.phase == phUnknown || undo && n.phase == phDoubt || !undo && n.phase == phReady && n.saidNotDone())
	case EvAssertion:
		return current && leaf && again && n.phase == phDone && e.Value != nil && e.Index == n.asserted && e.Index < len(n.step.asserts)
	case EvFailed:
		return current && again && n.phase != phFailed && n.phase != phDoubt
	case EvUndone:
		return undo && n.phase == phDone
	case EvKept:
		return undo && n.phase == phDone && n.step.Keep
	case EvUndoFail:
		return undo && n.phase >= phObserved && n.phase <= phDone
	}
	return false
}

// decided takes up what a condition came to.
func (m *Machine) decided(n *node, holds bool) {
	switch {
	case !holds:
		n.phase = phSkipped
		steps := n.scope.env["steps"].(map[string]any)
		for _, s := range m.program.all[n.step.index : n.step.last+1] {
			steps[s.ID] = nil
		}
		m.advance(n.scope)
	case n.step.Steps != nil && n.loop == nil:
		m.inside(n)
	default:
		n.phase = phEntered
	}
}

// start notes an action of which something may have to be undone.
func (m *Machine) start(n *node) {
	m.hold(n)
	if n.order > 0 {
		return // another try
	}
	for s := n.scope; s != nil; s = s.around() {
		if s.item() || s.owner == nil {
			s.started = append(s.started, n)
		}
	}
	n.order = len(m.root.started)
	for _, c := range n.claims {
		key := undoKey{n.step.Type, c}
		m.changes[key] = append(m.changes[key], n)
	}
}

// done takes up what a step or a loop yielded.
func (m *Machine) done(n *node, out map[string]any) (err error) {
	n.phase = phDone
	if n.loop != nil {
		var counts any
		if counts, err = loopCounts.Decode(map[string]any(out)); err == nil {
			n.out = counts.(map[string]any)
		}
	} else {
		n.out, err = decode(n.step.Type.out, out)
	}
	if err != nil {
		return err
	}
	m.release(n)
	n.scope.env["steps"].(map[string]any)[n.step.ID] = n.out
	m.settle(n)
	return nil
}

// settle goes on to the next step once this one has no assertion left.
func (m *Machine) settle(n *node) {
	if n.step.Leaf() && n.asserted < len(n.step.asserts) {
		m.queue(n.scope)
		return
	}
	m.advance(n.scope)
}

// recovered takes up what became of a write whose answer was lost.
func (m *Machine) recovered(e Event, n *node) (err error) {
	doubt, undo := n.doubt, m.undoer(n) != nil
	n.verdict, n.residues, n.doubt = e.Verdict, nil, false
	switch e.Verdict.Outcome {
	case Happened:
		n.wrote = true
		if !undo {
			return m.done(n, e.Out)
		}
		n.phase = phDone
		n.out, err = decode(n.step.Type.out, e.Out)
	case Not:
		n.wrote = false
		switch {
		case e.Again != nil && !undo:
			m.tryAgain(n, e.Again)
			return nil
		case (doubt || e.Verdict.Decided != "") && !undo:
			// The process ended before it, or a person asks for it: this is the
			// same try.
			m.tryAgain(n, &Again{Tried: n.tried})
			return nil
		default:
			n.phase = phFailed
			if !undo {
				m.failScope(n.scope, n.name, mishap{text: n.mishap.text + " (and its write did not happen)", cure: n.mishap.cure})
			}
		}
		m.release(n)
	default:
		n.phase = phAmbiguous
		if !undo {
			m.stuck = append(m.stuck, n)
		}
	}
	return err
}

// tryAgain has a step begin anew with the inputs that it has.
func (m *Machine) tryAgain(n *node, again *Again) {
	n.phase, n.tried, n.again, n.asserted = phReady, again.Tried, again, 0
}

func (m *Machine) asserted(n *node, e Event) {
	switch {
	case *e.Value:
		n.asserted++
		m.settle(n)
	case e.Again != nil:
		m.tryAgain(n, e.Again)
	default:
		n.asserted++
		m.failScope(n.scope, n.name, mishap{text: e.Reason})
	}
}

// failNode takes up the failure of a try: another follows, or the step failed.
//
// Its claims stay its own until the next try, and until what is in doubt is
// cleared up: what another item did in between would look like a stranger's.
func (m *Machine) failNode(n *node, e Event) {
	m.drifted = m.drifted || e.Drift
	switch {
	case e.Again != nil:
		m.tryAgain(n, e.Again)
		return
	case e.Write != nil:
		n.phase = phDoubt
	default:
		if n.phase != phDone {
			n.phase = phFailed
		}
		m.release(n)
	}
	m.failScope(n.scope, n.name, e.mishap())
}

// Drifted reports whether some step failed because something was not as the
// plan has it.
func (m *Machine) Drifted() bool { return m.drifted }

// applyToScope folds an event of a block, or of an item of a loop.
func (m *Machine) applyToScope(e Event, s *scope) error {
	behind := s.node == nil && !s.failed && !s.ended && !m.undo
	m.idle(s)
	switch {
	case e.Kind == EvRollback && s.item() && s.failed && !s.undo && !s.ended && !m.undo:
		s.undo, s.undoing = true, len(s.started)-1
		m.undoOn(s)
	case e.Kind == EvAssertion && behind && e.Value != nil && e.Index == s.asserted && e.Index < len(s.asserts()):
		if s.asserted++; !*e.Value {
			m.failScope(s, e.Step, mishap{text: e.Reason})
		} else {
			m.enter(s)
		}
	case e.Kind == EvFailed && behind && s.asserted < len(s.asserts()):
		m.failScope(s, e.Step, mishap{text: e.Error})
	default:
		return errDisorder
	}
	return nil
}
