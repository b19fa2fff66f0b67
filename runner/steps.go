package runner

import (
	"fmt"
	"strings"

	"example.com/rekey/runner/binding"
)

// declare makes the steps, finds the type of each and says what it yields.
func (k *checker) declare() {
	k.program.Steps = k.declareAll(k.playbook.Steps, nil)
}

func (k *checker) declareAll(decls []*StepDecl, parent *Step) []*Step {
	steps := make([]*Step, len(decls))
	for i, d := range decls {
		s := &Step{
			ID: d.ID, Name: d.Name, Pos: d.Pos, Retry: d.Retry, Timeout: d.Timeout, Keep: d.Keep || parent != nil && parent.Keep,
			decl: d, parent: parent, index: len(k.program.all), Type: k.catalogue.Type(d.Type),
		}
		steps[i] = s
		k.program.all = append(k.program.all, s)
		if _, taken := k.program.index[d.ID]; !taken {
			k.program.index[d.ID] = s
		}
		if d.Steps != nil {
			s.Steps = k.declareAll(d.Steps, s)
		} else if s.Type == nil {
			k.unknownType(d)
		}
		s.last = len(k.program.all) - 1
		if d.Loop != nil {
			k.declareLoop(s)
		}
		k.root.Fields["steps"].Fields[d.ID] = s.yields()
	}
	return steps
}

// declareLoop makes a step a loop. Of one with a type what is repeated becomes
// a step of its own, without the loop and its condition.
func (k *checker) declareLoop(s *Step) {
	l := s.decl.Loop
	s.Loop = &Loop{As: l.As, Key: l.Key, Concurrency: l.Concurrency, Batches: l.Batches, MaxFailures: l.MaxFailures, outer: map[string]bool{}}
	if s.decl.Steps == nil {
		body := *s
		body.Loop, body.parent = nil, s
		s.Steps = []*Step{&body}
	}
}

// conditional reports whether the step itself has a condition: the body of a
// loop has none, the loop has.
func (s *Step) conditional() bool {
	return s.decl.If != nil && (s.parent == nil || s.parent.decl != s.decl)
}

// yields is the type of what later steps see of a step. It may be absent if the
// step, or a block around it, has a condition.
func (s *Step) yields() *binding.Type {
	var t *binding.Type
	switch {
	case s.Loop != nil:
		t = loopCounts
	case s.Steps != nil:
		t = &binding.Type{Kind: binding.Object, Fields: map[string]*binding.Type{}}
	case s.Type == nil:
		return &binding.Type{}
	default:
		t = s.Type.outType
	}
	for around := s; around != nil; around = around.parent {
		if around.conditional() {
			return labelled(t, binding.Absent)
		}
	}
	return t
}

func (k *checker) unknownType(d *StepDecl) {
	if d.Type == "" {
		return // reported when the playbook was read
	}
	names := k.catalogue.Names()
	cure := "`rekey steps` lists the step types"
	if near := binding.Suggest(d.Type, names); len(near) > 0 {
		cure = "did you mean " + strings.Join(near, " or ") + "? " + cure
	}
	k.faults.Add(d.TypePos, fmt.Sprintf("there is no step type %q", d.Type), cure)
}

// steps compiles what the steps say.
func (k *checker) steps() {
	if k.rescope() {
		k.compileAll(k.program.Steps, k.scope)
	}
}

func (k *checker) compileAll(steps []*Step, scope *binding.Scope) {
	for _, s := range steps {
		k.compileStep(s, scope)
	}
}

func (k *checker) compileStep(s *Step, scope *binding.Scope) {
	before := &compiler{scope: scope, view: k.view(place{step: s}), faults: &k.faults}
	if s.Loop != nil {
		k.compileLoop(s, before)
		return
	}
	if s.decl.If != nil {
		s.cond = before.condition(s.decl.If, "if")
	}
	k.compileBody(s, scope)
}

// compileBody compiles what a step does and what must hold after it.
func (k *checker) compileBody(s *Step, scope *binding.Scope) {
	if s.Steps != nil {
		k.compileAll(s.Steps, scope)
	} else if s.Type != nil {
		c := &compiler{scope: scope, view: k.view(place{step: s}), faults: &k.faults}
		s.inputs = c.inputs(s.decl, s.Type)
	}
	s.asserts = k.asserts(s, scope)
}

func (k *checker) asserts(s *Step, scope *binding.Scope) (out []assertion) {
	c := &compiler{scope: scope, view: k.view(place{step: s, after: true}), faults: &k.faults}
	for _, n := range s.decl.Assert {
		a := assertion{value: c.condition(n, "assert")}
		a.source = fmt.Sprint(n.Value)
		out = append(out, a)
	}
	return out
}

// place is where an expression stands: at a step, before it or after it. The
// zero place is behind all steps.
type place struct {
	step  *Step
	after bool
}

// within reports whether the place is inside a block or a loop; an assertion
// of a block stands at the end of it, inside.
func (p place) within(around *Step) bool {
	for s := p.step; s != nil; s = s.parent {
		if s.decl == around.decl && (s != p.step || p.after) {
			return true
		}
	}
	return false
}

// view hides what is not known yet at a place, and what is known inside a loop
// alone; and it tells what is certainly there although it has a condition.
func (k *checker) view(at place) binding.View {
	of := func(path []string) *Step {
		if len(path) < 2 || path[0] != "steps" {
			return nil
		}
		return k.program.index[path[1]]
	}
	return binding.View{
		Hidden: func(path []string) (string, string) {
			if s := of(path); s != nil {
				return hidden(s, at)
			}
			return "", ""
		},
		Present: func(path []string) bool {
			s := of(path)
			return s != nil && len(path) == 2 && present(s, at)
		},
	}
}

// hidden says why a step's outputs cannot be used at a place, and the cure.
func hidden(s *Step, at place) (why, cure string) {
	name := "steps." + s.ID
	self := at.step != nil && at.step.decl == s.decl
	switch {
	case s.Steps != nil && s.Loop == nil:
		return name + " is a block, which has no outputs", "use the outputs of the steps in it"
	case self && !at.after:
		return name + " is this step itself", "its outputs can be used by the steps after it, and by its assert"
	case self && s.Type == nil:
		return name + " counts the items when all are done, and this is checked after each", "let a step after the loop check the counts"
	case !self && at.within(s):
		return name + " is the loop around this step, and its counts are known when all items are done", "use them after the loop"
	case at.step != nil && s.index > at.step.index && !(at.after && s.index <= at.step.last):
		return fmt.Sprintf("%s comes later (line %d)", name, s.Pos.Line), "a step sees the outputs of the steps before it; move one of them"
	}
	for around := s.parent; around != nil; around = around.parent {
		if around.Loop != nil && !at.within(around) {
			return fmt.Sprintf("%s is inside the loop %s, which has many of it", name, around.ID),
				fmt.Sprintf("use it inside the loop; outside there are steps.%s.total and steps.%s.failed", around.ID, around.ID)
		}
	}
	return "", ""
}

// present reports whether a step that may be skipped was certainly carried out
// where the place is reached.
func present(s *Step, at place) bool {
	for around := s; around != nil; around = around.parent {
		if around.conditional() && !at.within(around) {
			return false
		}
	}
	return true
}

// inItem gives the outputs of a looped step, instead of the loop's counts, to
// what is checked after each item.
func (k *checker) inItem(s *Step, scope *binding.Scope) *binding.Scope {
	if len(s.decl.Assert) == 0 || s.Type == nil {
		return scope
	}
	return scope.WithMember("steps", s.ID, s.Type.outType)
}
