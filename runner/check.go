package runner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/rekey/runner/binding"
)

// Program is a playbook checked against a catalogue: every name is known,
// every type fits, every expression is compiled.
type Program struct {
	Playbook *Playbook
	Steps    []*Step // of the playbook; those inside a block or a loop are in its Steps
	Warnings Faults  // named warnings; they do not keep a program from running

	vars    []namedValue
	outputs []namedValue
	all     []*Step // in the order in which they are written, blocks before what is in them
	index   map[string]*Step
}

// Step is one checked step: one with a type, a block, or a loop. What a loop
// repeats are its Steps; of a step type that is one, of the same id.
type Step struct {
	ID      string
	Name    string // what the author calls it; may be empty
	Type    *Type  // nil for a block and for a loop over one
	Steps   []*Step
	Loop    *Loop
	Retry   *Retry        // nil: tried once
	Timeout time.Duration // of one try; 0: none
	Keep    bool          // a rollback leaves it, or what it is in, as it is
	Pos     Position

	decl    *StepDecl
	parent  *Step  // the block or the loop that it is in; nil: none
	index   int    // in the program's steps, as they are written
	last    int    // of the last step in it
	cond    *value // nil: always
	inputs  []namedValue
	asserts []assertion // checked after it; of a loop over a block after each item
}

// Leaf reports whether the step is carried out itself, and not what is in it.
func (s *Step) Leaf() bool { return s.Steps == nil }

// Gives reports whether the playbook gives the step's input of that name, a
// null included.
func (s *Step) Gives(input string) bool {
	return slices.ContainsFunc(s.inputs, func(v namedValue) bool { return v.name == input })
}

// body is the step that is carried out: of a loop over a step type what it
// repeats.
func (s *Step) body() *Step {
	if s.Loop != nil && s.Type != nil {
		return s.Steps[0]
	}
	return s
}

type assertion struct {
	source string // as written, for the message
	*value
}

// Step returns the step with that id, or with that name in a run, such as
// "fleet[0oa1].activate"; nil if there is none. Of a loop over a step type it
// returns the loop for the id, and what is repeated for a name with a key.
func (p *Program) Step(name string) *Step {
	id, item := lastID(name)
	s := p.index[id]
	if s != nil && item && s.Loop != nil && s.Type != nil {
		return s.Steps[0]
	}
	return s
}

// maxVars bounds the vars of a playbook: each may use those before it, and
// checking them all costs the square of their number.
const maxVars = 256

// Check checks a playbook against a catalogue and returns the program, or all
// faults at once, sorted by their place. It needs no org and changes nothing.
func Check(p *Playbook, c *Catalogue) (*Program, Faults) {
	k := &checker{playbook: p, catalogue: c, program: &Program{Playbook: p, index: map[string]*Step{}}}
	k.root = &binding.Type{Kind: binding.Object, Fields: map[string]*binding.Type{
		"inputs": inputTypes(p.Inputs),
		"vars":   {Kind: binding.Object, Fields: map[string]*binding.Type{}},
		"steps":  {Kind: binding.Object, Fields: map[string]*binding.Type{}},
		"run": {Kind: binding.Object, Fields: map[string]*binding.Type{
			"id":         {Kind: binding.String, Label: binding.Opaque},
			"started_at": {Kind: binding.Time, Label: binding.Opaque},
		}},
	}}
	k.declare()
	k.vars()
	k.steps()
	k.outputs()
	k.program.outerRefs()
	if k.faults.Err() == nil && !p.faulty {
		k.warn()
	}
	k.faults.Sort()
	k.faults.cap()
	faults := k.faults.InFile(p.File)
	if faults.Err() != nil {
		return nil, faults
	}
	k.program.Warnings = faults
	return k.program, faults
}

// checker is the state of one Check.
type checker struct {
	playbook  *Playbook
	catalogue *Catalogue
	program   *Program
	root      *binding.Type
	scope     *binding.Scope
	faults    Faults
}

func inputTypes(inputs []*Input) *binding.Type {
	o := &binding.Type{Kind: binding.Object, Fields: map[string]*binding.Type{}}
	for _, in := range inputs {
		t := *in.Type
		if in.Secret {
			t.Label |= binding.Secret
		}
		if in.HasDefault && in.Default == nil {
			t.Label |= binding.Absent
		}
		o.Fields[in.Name] = &t
	}
	return o
}

// vars compiles the vars in their order; each sees the ones before it.
func (k *checker) vars() {
	declared := k.playbook.Vars
	if len(declared) > maxVars {
		k.faults.Add(declared[maxVars].Key.Pos, fmt.Sprintf("a playbook has at most %d vars", maxVars), "move values into the steps that use them")
		declared = nil // the cost of the rest is that of all names, again and again
	}
	later := map[string]bool{}
	for _, e := range declared {
		later[e.Key.Value.(string)] = true
	}
	types := k.root.Fields["vars"].Fields
	view := binding.View{Hidden: func(path []string) (string, string) {
		switch {
		case path[0] == "steps":
			return "vars are evaluated before any step", "use the step's output in the steps behind it"
		case path[0] == "vars" && len(path) > 1 && later[path[1]]:
			return fmt.Sprintf("vars.%s is defined later, or by itself", path[1]), "move it above this one"
		}
		return "", ""
	}}
	for _, e := range k.playbook.Vars {
		types[e.Key.Value.(string)] = &binding.Type{}
	}
	if !k.rescope() {
		return
	}
	for _, e := range declared {
		name := e.Key.Value.(string)
		c := &compiler{scope: k.scope, view: view, faults: &k.faults}
		v := c.value(e.Value, nil)
		types = maps.Clone(types)
		types[name] = v.typ
		k.root.Fields["vars"] = &binding.Type{Kind: binding.Object, Fields: types}
		if scope, err := k.scope.With("vars", k.root.Fields["vars"]); err == nil {
			k.scope = scope
		}
		delete(later, name)
		k.program.vars = append(k.program.vars, namedValue{name, v})
	}
}

// rescope makes the scope from the names declared so far.
func (k *checker) rescope() bool {
	scope, err := binding.NewScope(k.root)
	if err != nil {
		k.faults.Add(Position{Line: 1, Column: 1}, "the names of this playbook cannot be used together: "+err.Error(), "rename one of them")
		return false
	}
	k.scope = scope
	return true
}

// inputs compiles a step's mapping against its type.
func (c *compiler) inputs(d *StepDecl, t *Type) []namedValue {
	n := d.With
	if n == nil || n.Kind == Null {
		n = &Node{Kind: Map, Pos: d.TypePos}
	}
	if n.Kind != Map {
		c.faults.Add(n.Pos, fmt.Sprintf("the inputs of %s are a mapping, this is %s", t.Name, n.Kind), "write them as key: value, of "+listed(fieldNames(t.in)))
		return nil
	}
	var given []namedValue
	var meant []string
	for _, e := range n.Entries {
		name := e.Key.Value.(string)
		field := fieldNamed(t.in, name)
		if field == nil {
			meant = append(meant, c.unknown(e.Key, t.in)...)
			continue
		}
		given = append(given, namedValue{name, c.value(e.Value, field)})
	}
	c.missing(n, d.TypePos, t.in, meant)
	for _, group := range t.oneOf {
		c.exactlyOne(n, d.TypePos, group, meant)
	}
	return given
}

// exactlyOne checks a group of inputs of which one is given, and not as an
// empty text.
func (c *compiler) exactlyOne(n *Node, pos Position, group, meant []string) {
	var given []Entry
	for _, e := range n.Entries {
		if slices.Contains(group, e.Key.Value.(string)) {
			given = append(given, e)
		}
	}
	list := strings.Join(group, " and ")
	switch {
	case len(given) > 1:
		c.faults.Add(given[1].Key.Pos, fmt.Sprintf("%s are given together", list), "give exactly one of them")
	case len(given) == 1:
		text, isText := given[0].Value.Value.(string)
		if given[0].Value.Kind == Null || isText && strings.TrimSpace(text) == "" {
			c.faults.Add(given[0].Value.Pos, fmt.Sprintf("%s has no value", given[0].Key.Value), "give an id, or leave it out and give another of "+list)
		}
	case !slices.ContainsFunc(group, func(name string) bool { return slices.Contains(meant, name) }):
		c.faults.Add(pos, fmt.Sprintf("neither of %s is given", list), "give exactly one of them")
	}
}

// condition compiles a bool that shows no secret.
func (c *compiler) condition(n *Node, what string) *value {
	v := c.value(n, nil)
	switch {
	case v.typ.Kind == binding.Invalid:
	case v.typ.Any(binding.Secret):
		c.faults.Add(n.Pos, what+" would show a secret: what a run does tells its value", "decide by an input that is not secret")
	case v.typ.Label&binding.Absent != 0:
		c.faults.Add(n.Pos, what+" may have no value: something that it uses may be absent", "give what stands in for it: … ?? false")
	case v.typ.Kind != binding.Bool:
		cure := "compare it with something; nothing is converted by itself"
		if n.Kind == String && v.expr == nil {
			cure = "write an expression: $<…>"
		}
		c.faults.Add(n.Pos, fmt.Sprintf("%s must be a bool, this is %s", what, v.typ.Article()), cure)
	}
	return v
}

// outputs compiles what a run yields; it is printed, so that no secret may be
// in it.
func (k *checker) outputs() {
	if k.scope == nil {
		return
	}
	c := &compiler{scope: k.scope, view: k.view(place{}), faults: &k.faults}
	for _, e := range k.playbook.Outputs {
		v := c.value(e.Value, nil)
		if v.typ.Any(binding.Secret) {
			k.faults.Add(e.Value.Pos, "an output would show a secret", "leave it out: outputs are printed and recorded")
		}
		k.program.outputs = append(k.program.outputs, namedValue{e.Key.Value.(string), v})
	}
}

// Bind matches values, each as [Input.Parse] or [Input.Check] returned it, with
// the program's inputs, fills in defaults and splits them: secrets are held
// apart from everything that is recorded.
// Unless secrets are required, one that is not given is simply not at hand.
func (p *Program) Bind(given map[string]any, requireSecrets bool) (public, secret map[string]any, faults Faults) {
	public, secret = map[string]any{}, map[string]any{}
	for _, in := range p.Playbook.Inputs {
		v, ok := given[in.Name]
		switch {
		case !ok && in.Secret && !requireSecrets:
			continue
		case !ok && in.HasDefault:
			v = in.Default
		case !ok:
			faults.Add(in.Pos, fmt.Sprintf("the input %s is not given", in.Name), in.howToGive())
			continue
		}
		into := public
		if in.Secret {
			into = secret
		}
		into[in.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(p.Playbook.Inputs, func(in *Input) bool { return in.Name == name }) {
			faults.Add(Position{}, fmt.Sprintf("the playbook has no input %q", name), p.inputNames(name))
		}
	}
	faults.InFile(p.Playbook.File)
	faults.Sort()
	return public, secret, faults
}

// public leaves the secrets out, should any be among the inputs.
func (p *Program) public(inputs map[string]any) map[string]any {
	out := maps.Clone(inputs)
	for _, in := range p.Playbook.Inputs {
		if in.Secret {
			delete(out, in.Name)
		}
	}
	return out
}

// secretInputs names the secret inputs, and those of them that are not given:
// that a secret is there is none.
func (p *Program) secretInputs(given map[string]any) (names, absent []string) {
	for _, in := range p.Playbook.Inputs {
		if !in.Secret {
			continue
		}
		names = append(names, in.Name)
		if given[in.Name] == nil {
			absent = append(absent, in.Name)
		}
	}
	return names, absent
}

func (in *Input) howToGive() string {
	if in.Secret {
		return fmt.Sprintf("set REKEY_INPUT_%s, or give --input-file %s=FILE", strings.ToUpper(in.Name), in.Name)
	}
	return fmt.Sprintf("give -i %s=%s", in.Name, strings.ToUpper(in.Type.String()))
}

func (p *Program) inputNames(name string) string {
	var names []string
	for _, in := range p.Playbook.Inputs {
		names = append(names, in.Name)
	}
	if len(names) == 0 {
		return "it takes none"
	}
	cure := "it has " + strings.Join(names, ", ")
	if near := binding.Suggest(name, names); len(near) > 0 {
		cure = "did you mean " + strings.Join(near, " or ") + "? " + cure
	}
	return cure
}
