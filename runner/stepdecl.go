package runner

import (
	"slices"
	"strings"
	"time"

	"example.com/rekey/runner/binding"
)

// StepDecl is one step as written: with a step type, or a block of steps.
type StepDecl struct {
	ID      string
	Name    string
	Type    string      // the step type's key; empty for a block, or if a fault was reported
	TypePos Position    // of that key
	With    *Node       // what stands under that key; an empty Map if nothing does
	Steps   []*StepDecl // of a block
	If      *Node       // nil: no condition
	Assert  []*Node
	Loop    *LoopDecl     // nil: done once
	Retry   *Retry        // nil: tried once
	Timeout time.Duration // of one try; 0: none
	Keep    bool          // rollback: skip
	Ignore  []Ignore
	Pos     Position
}

// Ignore silences a named warning.
type Ignore struct {
	Warning string
	Reason  string
	Pos     Position
}

// steps reads the steps of a playbook or a block; lines tells where an id
// stands first.
func (r *reader) steps(parent *Node, lines map[string]int) []*StepDecl {
	n := parent.Get("steps")
	const cure = "write at least one step: a list item with an id and a step type"
	switch {
	case n == nil:
		r.faults.Add(parent.Pos, "steps is missing", cure)
		return nil
	case n.Kind != List && n.Kind != Null:
		r.faults.Add(n.Pos, "steps is a list, this is "+n.Kind.String(), "begin each step with a dash")
		return nil
	case len(n.Items) == 0:
		r.faults.Add(n.Pos, "steps is empty", cure)
		return nil
	}
	decls := make([]*StepDecl, len(n.Items))
	for i, item := range n.Items {
		decls[i] = r.step(item, lines)
	}
	return decls
}

func (r *reader) step(n *Node, lines map[string]int) *StepDecl {
	s := &StepDecl{Pos: n.Pos, TypePos: n.Pos, With: &Node{Kind: Map, Pos: n.Pos}}
	if n.Kind != Map {
		r.faults.Add(n.Pos, "a step is a mapping, this is "+n.Kind.String(), "write an id and a step type")
		return s
	}
	r.id(s, n, lines)
	s.Name = r.text(n.Get("name"), "name")
	if s.If = n.Get("if"); s.If != nil && s.If.Kind == Null {
		r.faults.Add(s.If.Pos, "if has no condition", "write one, such as $<inputs.activate>, or leave it out")
		s.If = nil
	}
	r.assert(s, n.Get("assert"))
	r.stepType(s, n, lines)
	r.loop(s, n)
	r.retry(s, n.Get("retry"))
	if t := n.Get("timeout"); t != nil {
		s.Timeout = r.duration(t, "timeout", maxTimeout)
	}
	if b := n.Get("rollback"); b != nil {
		if s.Keep = b.Value == "skip"; !s.Keep {
			r.faults.Add(b.Pos, "rollback of a step can only be skip", "write rollback: skip to leave what the step did, or leave it out to have it undone")
		}
	}
	s.Ignore = r.ignore(n.Get("ignore"))
	return s
}

func (r *reader) id(s *StepDecl, n *Node, lines map[string]int) {
	id := n.Get("id")
	if id == nil {
		r.faults.Add(n.Pos, "the step has no id", "add one: other steps, the plan and the journal name it by that")
		return
	}
	s.ID = r.text(id, "id")
	if id.Kind != String {
		return
	}
	r.name(id)
	if line, again := lines[s.ID]; again {
		r.faults.Add(id.Pos, "the id "+quoted(s.ID)+" is given again; it stands first in line "+itoa(line), "choose another id: one is unique in the whole file, blocks and loops included")
		return
	}
	lines[s.ID] = id.Pos.Line
}

func (r *reader) assert(s *StepDecl, n *Node) {
	switch {
	case n == nil:
		return
	case n.Kind == List:
		s.Assert = n.Items
	default:
		s.Assert = []*Node{n}
	}
	for _, a := range s.Assert {
		if a.Kind == Null {
			r.faults.Add(a.Pos, "assert has no condition", "write one, such as $<steps.gen.kid != \"\">, or leave it out")
		}
	}
	s.Assert = slices.DeleteFunc(slices.Clone(s.Assert), func(a *Node) bool { return a.Kind == Null })
	if n.Kind == List && len(n.Items) == 0 {
		r.faults.Add(n.Pos, "assert is an empty list", "write a condition, or leave assert out")
	}
}

// stepType finds what a step does: its block of steps, or the one key that
// names its type, which is any that the language does not know.
func (r *reader) stepType(s *StepDecl, n *Node, lines map[string]int) {
	var types []Entry
	known := stepDocs.names()
	for _, e := range n.Entries {
		if !slices.Contains(known, e.Key.Value.(string)) {
			types = append(types, e)
		}
	}
	if n.Get("steps") != nil {
		r.block(s, n, types, lines)
		return
	}
	// A misspelt key of the language looks like a second step type.
	if len(types) > 1 {
		slices.SortStableFunc(types, func(a, b Entry) int { return misspelt(a) - misspelt(b) })
		first, second := types[0].Key, types[1].Key
		cure := "keep one, and move the other into a step of its own"
		if misspelt(types[1]) == 1 {
			cure = candidates(second.Value.(string), known)
		}
		r.faults.Add(second.Pos, "a step has one step type; this one has "+quoted(first.Value.(string))+" and "+quoted(second.Value.(string)), cure)
	}
	if len(types) == 0 {
		r.faults.Add(n.Pos, "the step has no step type", "add one as a key, with its inputs below; 'rekey steps' lists them")
		return
	}
	s.Type, s.TypePos = types[0].Key.Value.(string), types[0].Key.Pos
	if types[0].Value.Kind != Null {
		s.With = types[0].Value
	}
}

// block reads a step that is a block of steps.
func (r *reader) block(s *StepDecl, n *Node, types []Entry, lines map[string]int) {
	for _, e := range types {
		name := e.Key.Value.(string)
		if misspelt(e) == 1 {
			r.faults.Add(e.Key.Pos, quoted(name)+" is unknown here", candidates(name, stepDocs.names()))
		} else {
			r.faults.Add(e.Key.Pos, "a block of steps has no step type; this one has "+quoted(name), "move it into a step of the block")
		}
	}
	for _, e := range n.Entries {
		if key := e.Key.Value.(string); slices.Contains(tryKeys, key) {
			r.faults.Add(e.Key.Pos, key+" does not apply to a block", "give it to the steps of the block")
		}
	}
	s.TypePos = n.Get("steps").Pos
	if s.Steps = r.steps(n, lines); s.Steps == nil {
		s.Steps = []*StepDecl{}
	}
}

// misspelt is 1 if the key looks like one of a step's own keys.
func misspelt(e Entry) int {
	key := e.Key.Value.(string)
	if len(key) <= 64 && len(binding.Suggest(key, stepDocs.names())) > 0 {
		return 1
	}
	return 0
}

// ignore reads which named warnings are silenced, and why.
func (r *reader) ignore(n *Node) (out []Ignore) {
	for _, e := range r.entries(n, "ignore") {
		name := e.Key.Value.(string)
		var names []string
		for _, w := range Warnings() {
			names = append(names, w.Name)
		}
		if !slices.Contains(names, name) {
			r.faults.Add(e.Key.Pos, "there is no warning "+quoted(name), candidates(name, names))
			continue
		}
		reason := ""
		if e.Value.Kind != Null {
			reason = r.text(e.Value, "the reason")
		}
		if e.Value.Kind == Null || e.Value.Kind == String && strings.TrimSpace(reason) == "" {
			r.faults.Add(e.Value.Pos, "the warning "+name+" is ignored without a reason", "say why it does not matter here: whoever reads the playbook wants to know")
		}
		out = append(out, Ignore{Warning: name, Reason: reason, Pos: e.Key.Pos})
	}
	return out
}
