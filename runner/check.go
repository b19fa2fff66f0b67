package runner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// Program is a playbook checked against a catalogue: every name is known,
// every type fits, every expression is compiled.
type Program struct {
	Playbook *Playbook
	Steps    []*Step
	Warnings Faults // named warnings; they do not keep a program from running

	vars    []namedValue
	outputs []namedValue
	index   map[string]int
}

// Step is one checked step.
type Step struct {
	ID   string
	Name string // what the author calls it; may be empty
	Type *Type
	Pos  Position

	index   int
	cond    *value // nil: always
	inputs  []namedValue
	asserts []assertion
}

type assertion struct {
	source string // as written, for the message
	*value
}

// Step returns the step with that id, or nil.
func (p *Program) Step(id string) *Step {
	if i, ok := p.index[id]; ok {
		return p.Steps[i]
	}
	return nil
}

// maxVars bounds the vars of a playbook: each may use those before it, and
// checking them all costs the square of their number.
const maxVars = 256

// Check checks a playbook against a catalogue and returns the program, or all
// faults at once, sorted by their place. It needs no org and changes nothing.
func Check(p *Playbook, c *Catalogue) (*Program, Faults) {
	k := &checker{playbook: p, catalogue: c, program: &Program{Playbook: p, index: map[string]int{}}}
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
	k.faults.Sort()
	if len(k.faults) > maxFaults {
		last := k.faults[maxFaults-1]
		k.faults = k.faults[:maxFaults]
		k.faults.Add(last.Position, "more faults follow, which are not shown", "correct these first")
	}
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
		declared = declared[:maxVars]
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

// declare finds each step's type and says what it yields.
func (k *checker) declare() {
	steps := k.root.Fields["steps"].Fields
	for i, d := range k.playbook.Steps {
		s := &Step{ID: d.ID, Name: d.Name, Pos: d.Pos, Type: k.catalogue.Type(d.Type), index: i}
		k.program.Steps = append(k.program.Steps, s)
		if _, taken := k.program.index[d.ID]; !taken {
			k.program.index[d.ID] = i
		}
		switch {
		case s.Type == nil:
			k.unknownType(d)
			steps[d.ID] = &binding.Type{}
		case d.If != nil:
			steps[d.ID] = labelled(s.Type.outType, binding.Absent)
		default:
			steps[d.ID] = s.Type.outType
		}
	}
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

func (k *checker) steps() {
	if !k.rescope() {
		return
	}
	for i, d := range k.playbook.Steps {
		s := k.program.Steps[i]
		before := &compiler{scope: k.scope, view: k.view(i - 1), faults: &k.faults}
		after := &compiler{scope: k.scope, view: k.view(i), faults: &k.faults}
		after.view.Present = func(path []string) bool { // an assertion is evaluated only if its step ran
			return len(path) == 2 && path[0] == "steps" && path[1] == s.ID
		}
		if d.If != nil {
			s.cond = before.condition(d.If, "if")
		}
		if s.Type != nil {
			s.inputs = before.inputs(d, s.Type)
		}
		for _, n := range d.Assert {
			a := assertion{value: after.condition(n, "assert")}
			a.source = fmt.Sprint(n.Value)
			s.asserts = append(s.asserts, a)
		}
	}
}

// view hides the steps after the last one.
func (k *checker) view(last int) binding.View {
	return binding.View{Hidden: func(path []string) (string, string) {
		if path[0] != "steps" || len(path) < 2 {
			return "", ""
		}
		at, ok := k.program.index[path[1]]
		switch {
		case !ok || at <= last:
			return "", ""
		case at == last+1:
			return fmt.Sprintf("steps.%s is this step itself", path[1]), "its outputs can be used by the steps after it, and by its assert"
		}
		pos := k.program.Steps[at].Pos
		return fmt.Sprintf("steps.%s comes later (line %d)", path[1], pos.Line), "a step sees the outputs of the steps before it; move one of them"
	}}
}

// inputs compiles a step's mapping against its type.
func (c *compiler) inputs(d *StepDecl, t *Type) []namedValue {
	n := d.With
	if n == nil || n.Kind == Null {
		n = &Node{Kind: Map, Pos: d.TypePos}
	}
	if n.Kind != Map {
		c.faults.Add(n.Pos, fmt.Sprintf("the inputs of %s are a mapping, this is %s", t.Name, n.Kind), "write them as key: value, of "+strings.Join(fieldNames(t.in), ", "))
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
		c.faults.Add(n.Pos, what+" may be absent", "give what stands in for it: … ?? false")
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
	c := &compiler{scope: k.scope, view: k.view(len(k.program.Steps)), faults: &k.faults}
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
