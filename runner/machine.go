package runner

import (
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// Machine is a run as the fold over its events. It does no I/O, reads no
// clock and depends on no map's order: the same events yield the same
// machine, and the same machine the same next commands.
//
// Apply evaluates nothing. Next evaluates conditions, items, inputs,
// assertions and outputs, but only to offer the result as an event to record;
// it is used once that event is applied. So a run that is picked up again
// never evaluates a second time what was decided before.
//
// What is carried out is a tree of scopes: the playbook's steps, those of a
// block, and those of each item of a loop. A scope does one thing at a time;
// those that have something to do stand in a queue.
type Machine struct {
	program    *Program
	info       *RunInfo
	sequential bool // one item of a loop at a time, whatever the playbook says

	root  *scope
	nodes map[string]*node  // the steps begun, by their names
	items map[string]*scope // the items begun, by their names
	ready []*scope          // those with something to do, in their order
	busy  int               // commands given out that have yielded no event yet

	held   map[string]*node    // who may change what a claim names
	parked map[string][]*scope // who waits for that

	state     State
	varsDone  bool
	outputs   map[string]any // nil until evaluated
	failure   string         // why the run fails
	failed    string         // which step made it fail
	cure      string         // what to do about it, if that is known
	setting   bool           // a setting of the caller did
	drifted   bool           // a step was not as the plan has it
	tolerated int            // items that failed
	stuck     []*node        // those of which nobody can tell whether their write happened
	halted    bool           // nothing new is to begin
	left      bool           // and something was left out for that
	undo      bool           // rolling back
	undoErrs  *multierror.Error
	changes   map[undoKey][]*node // who set what a claim names, in the order of their start
	late      map[undoKey]int     // the start of the last action whose undo may still arrive
}

// scope is a list of steps that are carried out one after the other.
type scope struct {
	owner *node  // the block or the loop; nil: the playbook
	name  string // of an item, and what is in it; empty outside of loops
	key   string // of an item
	env   map[string]any
	steps []*Step
	pc    int
	node  *node // the step at pc; nil behind the last

	asserted     int
	queued, busy bool
	ended        bool
	failed       bool
	mishap       mishap // why

	started []*node // of the playbook and of items: the actions begun inside, in their order
	undo    bool
	undoing int // the position in started that comes next, going down
}

// item reports whether the scope is an item of a loop.
func (s *scope) item() bool { return s.owner != nil && s.owner.step.Loop != nil }

// around is the scope in which the block or loop stands; nil for the playbook.
func (s *scope) around() *scope {
	if s.owner == nil {
		return nil
	}
	return s.owner.scope
}

// asserts are checked when all steps of a block are done, or of an item of a
// loop over one.
func (s *scope) asserts() []assertion {
	if s.owner == nil || s.owner.step.Type != nil {
		return nil
	}
	return s.owner.step.asserts
}

// node is one step as it is carried out.
type node struct {
	step  *Step
	scope *scope
	name  string
	phase phase

	in       map[string]any
	deferred []string
	claims   []string
	saw, out map[string]any
	asserted int
	tried    int    // tries that failed
	again    *Again // of the last: how long to wait
	order    int    // of its start, from 1
	wrote    bool   // it wrote something, or may have
	doubt    bool   // its Do may have begun in a process that ended
	verdict  *Verdict
	mishap   mishap // of a write whose answer was lost
	residues []Residue

	body *scope // of a block
	loop *loopState
}

type phase uint8

const (
	phIdle      phase = iota
	phEntered         // its condition holds
	phSkipped         // its condition does not
	phInside          // a block or a loop: what is in it is carried out
	phReady           // its inputs are recorded
	phObserved        // its Do may have begun
	phUnknown         // its write's answer was lost
	phDoubt           // it failed after a write
	phAmbiguous       // Recover cannot tell
	phDone            // its outputs are recorded
	phFailed          // it failed, nothing of it is left to undo
	phUndone
	phKept
	phUndoFailed
)

// NewMachine returns the machine of a run that has not begun.
func NewMachine(p *Program) *Machine {
	return &Machine{
		program: p, nodes: map[string]*node{}, items: map[string]*scope{},
		held: map[string]*node{}, parked: map[string][]*scope{}, changes: map[undoKey][]*node{}, late: map[undoKey]int{},
		root: &scope{steps: p.Steps, env: map[string]any{
			"inputs": map[string]any{}, "vars": map[string]any{},
			"steps": map[string]any{}, "run": map[string]any{},
		}},
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
	return slices.ContainsFunc(m.root.started, func(n *node) bool { return n.wrote || n.phase == phObserved })
}

// Remains reports whether anything that the run wrote, or may have, is not
// undone.
func (m *Machine) Remains() bool {
	return slices.ContainsFunc(m.root.started, func(n *node) bool {
		return n.wrote && n.phase != phUndone || n.phase == phObserved
	})
}

// Failure says why the run failed, and at which step; both may be empty.
func (m *Machine) Failure() (step, message string) { return m.failed, m.failure }

// Cure is what to do about the failure, which the message says as well. It is
// empty if no step said so.
func (m *Machine) Cure() string { return m.cure }

// Residues are the effects that stayed after the actions undone so far.
func (m *Machine) Residues() []Residue {
	var out []Residue
	for _, n := range slices.Backward(m.root.started) {
		out = append(out, n.residues...)
	}
	return out
}

// Secrets names the secret inputs that what is left to do needs: not those of
// steps that are done, nor any once the run is being rolled back.
func (m *Machine) Secrets() (names []string) {
	if m.undo {
		return nil
	}
	over := func(s *Step) bool {
		for s.parent != nil {
			s = s.parent
		}
		n := m.nodes[s.ID]
		return n != nil && (n.phase == phDone || n.phase == phSkipped)
	}
	for _, s := range m.program.all {
		for _, name := range m.program.secretsOf(s.body()) {
			if !over(s) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Stand is where a step stands in a run that is taken up again.
type Stand uint8

// The stands.
const (
	StandOver  Stand = iota // nothing comes of it any more: it is done, was skipped, or never begins
	StandLeft               // it is carried out
	StandDoubt              // its write may have happened, and is looked for first
	StandUndo               // what it did is undone
)

// Stand is where the step of that name stands, which may not have begun.
func (m *Machine) Stand(step string) Stand {
	n := m.nodes[step]
	if m.undo || m.root.failed {
		if n != nil && n.toUndo() && (m.undo || m.info.OnFailure == "rollback") {
			return StandUndo
		}
		return StandOver
	}
	fails, comes := false, m.root.reaches(step)
	for i := 0; i < len(step); i++ {
		if step[i] != '[' {
			continue
		}
		loop := m.nodes[step[:i]]
		i = skipKey(step, i)
		switch item := m.items[step[:min(i+1, len(step))]]; {
		case item != nil:
			fails, comes = fails || item.failed && !item.ended, comes && !item.ended && item.reaches(step)
		case loop != nil && loop.loop != nil:
			comes = comes && !loop.stops()
		}
	}
	switch {
	case fails && n != nil && n.toUndo():
		return StandUndo
	case fails || !comes:
		return StandOver
	case n == nil || n.phase < phSkipped || n.phase == phReady:
		return StandLeft
	case n.phase == phObserved || n.phase == phUnknown || n.phase == phAmbiguous:
		return StandDoubt
	}
	return StandOver
}

// Stopping is the loop of which so many items failed that the run fails once
// those under way are over; empty if there is none.
func (m *Machine) Stopping() string {
	if n := m.root.loop(); n != nil && n.stops() {
		return n.name
	}
	return ""
}

// loop is the loop that a scope is at; nil if it is at none.
func (s *scope) loop() *node {
	for n := s.node; n != nil; n = n.body.node {
		if n.loop != nil {
			return n
		}
		if n.body == nil {
			return nil
		}
	}
	return nil
}

// stops reports whether no further item of a loop begins once those that
// failed are undone; until then others may.
func (n *node) stops() bool {
	failed := len(n.loop.failed)
	for _, item := range n.loop.live {
		if item.failed {
			failed++
		}
	}
	return n.loop.stopped != "" || failed > n.step.Loop.MaxFailures
}

// reaches reports whether a scope can come to a step in it: not if a loop fails
// before.
func (s *scope) reaches(step string) bool {
	n := s.loop()
	return n == nil || !n.stops() || strings.HasPrefix(step, n.name+"[")
}

// UndoErr is everything that could not be undone, as one error; nil when there
// is nothing.
func (m *Machine) UndoErr() error { return m.undoErrs.ErrorOrNil() }
