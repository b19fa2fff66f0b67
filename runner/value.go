package runner

import (
	"fmt"
	"maps"
	"slices"

	"example.com/rekey/runner/binding"
)

// value is a compiled part of a playbook: a constant, an expression, a text
// with expressions in it, or a list or mapping of values.
type value struct {
	node   *Node
	typ    *binding.Type
	lit    any           // a constant; nil otherwise
	expr   *binding.Expr // the whole scalar
	parts  []part        // a text
	items  []*value      // a list
	fields []namedValue  // a mapping
	nested bool          // a list or a mapping
}

// part is a piece of a text: an expression, or what stands between two.
type part struct {
	text string
	expr *binding.Expr
}

type namedValue struct {
	name string
	*value
}

// compiler compiles values within one scope and collects their faults.
type compiler struct {
	scope  *binding.Scope
	view   binding.View
	faults *Faults
}

// value compiles n, which must fit want; nil wants anything.
func (c *compiler) value(n *Node, want *Field) *value {
	if n.Refused || len(*c.faults) > 10*maxFaults { // of so many nobody reads another
		return &value{node: n, typ: &binding.Type{}}
	}
	switch n.Kind {
	case String:
		return c.scalar(n, want)
	case List:
		return c.list(n, want)
	case Map:
		return c.mapping(n, want)
	}
	v := &value{node: n, lit: constant(n), typ: literalType(n)}
	c.literal(n, want, v)
	return v
}

// scalar compiles a text: literal, one whole expression, or a mixture.
func (c *compiler) scalar(n *Node, want *Field) *value {
	v := &value{node: n, typ: &binding.Type{Kind: binding.String}}
	template, faults := binding.Scan(n.Value.(string))
	if c.add(n, faults) {
		v.typ = &binding.Type{}
		return v
	}
	if text, ok := template.Literal(); ok {
		v.lit = text
		c.literal(n, want, v)
		return v
	}
	if template.Whole {
		v.expr, faults = c.scope.Compile(template.Parts[0].Source, template.Parts[0].Offset, c.view)
		v.typ = v.expr.Type
		if !c.add(n, faults) {
			c.fit(n, want, v.typ)
		}
		return v
	}
	for _, p := range template.Parts {
		if p.Source == "" {
			v.parts = append(v.parts, part{text: p.Text})
			continue
		}
		expr, faults := c.scope.Compile(p.Source, p.Offset, c.view)
		v.parts = append(v.parts, part{expr: expr})
		if !c.add(n, faults) {
			c.embed(n, p, expr.Type)
		}
		v.typ = labelled(v.typ, expr.Type.Label&^binding.Absent)
	}
	c.fit(n, want, v.typ)
	return v
}

// embed checks that the result of an expression can stand within a text.
func (c *compiler) embed(n *Node, p binding.Part, t *binding.Type) {
	switch {
	case t.Kind == binding.Invalid:
	case t.Label&binding.Absent != 0:
		c.faults.Add(n.At(p.Offset), "the value may be absent and has no text then", `give what stands in for it: `+p.Source+` ?? "…"`)
	case !binding.Embeddable(t):
		c.faults.Add(n.At(p.Offset), fmt.Sprintf("%s cannot stand within a text", t.Article()),
			"only a string, an int, a bool and a duration can; use the value whole, or convert it")
	}
}

func (c *compiler) list(n *Node, want *Field) *value {
	v := &value{node: n, nested: true, typ: binding.ListOf(nil)}
	var item *Field
	if want != nil && want.Type.Kind == binding.List {
		item = want.item()
	}
	mixed := false
	for _, e := range n.Items {
		iv := c.value(e, item)
		v.items = append(v.items, iv)
		if iv.typ.Any(binding.Secret) {
			v.typ.Label |= binding.Secret
		}
		if item != nil || mixed {
			continue // each was held against the field, or all were given up
		}
		both, ok := binding.Unify(v.typ.Elem, iv.typ)
		if mixed = !ok; mixed {
			c.faults.Add(e.Pos, fmt.Sprintf("the item is %s, the one before is %s", iv.typ.Article(), v.typ.Elem.Article()),
				"give a list items of one type")
		}
		v.typ.Elem = both
	}
	if item == nil {
		c.fit(n, want, v.typ)
	}
	return v
}

// item is the field that each item of f's list must fit.
func (f *Field) item() *Field {
	item := *f
	item.Type, item.Required = f.Type.Elem, true
	return &item
}

func (c *compiler) mapping(n *Node, want *Field) *value {
	v := &value{node: n, nested: true, typ: &binding.Type{Kind: binding.Object, Fields: map[string]*binding.Type{}}}
	known := want != nil && want.Type.Kind == binding.Object && want.Fields != nil
	if want != nil && want.Type.Kind != binding.Object && want.Type.Kind != binding.Invalid {
		c.fit(n, want, v.typ)
	}
	var meant []string
	for _, e := range n.Entries {
		name := e.Key.Value.(string)
		var field *Field
		if known {
			if field = fieldNamed(want.Fields, name); field == nil {
				meant = append(meant, c.unknown(e.Key, want.Fields)...)
				continue
			}
		}
		fv := c.value(e.Value, field)
		v.fields = append(v.fields, namedValue{name, fv})
		v.typ.Fields[name] = fv.typ
	}
	if known {
		c.missing(n, n.Pos, want.Fields, meant)
	}
	return v
}

// unknown reports a key that is no field, and returns the fields that may have
// been meant: it would be idle to miss those as well.
func (c *compiler) unknown(key *Node, fields []Field) (meant []string) {
	names := fieldNames(fields)
	name := key.Value.(string)
	c.faults.Add(key.Pos, quoted(name)+" is unknown here", candidates(name, names))
	if len(name) <= 64 {
		meant = binding.Suggest(name, names)
	}
	return meant
}

// missing reports required fields that the mapping n does not give.
func (c *compiler) missing(n *Node, pos Position, fields []Field, meant []string) {
	for _, f := range fields {
		if f.Required && n.Get(f.Name) == nil && !slices.Contains(meant, f.Name) {
			c.faults.Add(pos, fmt.Sprintf("%s is missing", f.Name), fmt.Sprintf("give %s: %s", f.Name, f.Doc))
		}
	}
}

// literal checks a constant against its field's type and bounds.
func (c *compiler) literal(n *Node, want *Field, v *value) {
	switch {
	case want == nil:
	case want.Secret && v.lit != nil:
		c.faults.Add(n.Pos, "a secret stands in the playbook", "declare an input with secret: true and use $<inputs.…>")
	case v.lit == nil || want.Type.Kind != v.typ.Kind:
		c.fit(n, want, v.typ)
	default:
		if err := want.validate(v.lit); err != nil {
			c.faults.Add(n.Pos, fmt.Sprintf("%s: %v", want.Name, err), fmt.Sprintf("give another value (%s: %s)", want.Name, want.Doc))
		}
	}
}

// fit reports where a value of type got does not fit the field.
func (c *compiler) fit(n *Node, want *Field, got *binding.Type) {
	if want == nil {
		return
	}
	if problem, cure := mismatch(want, want.Name, got); problem != "" {
		c.faults.Add(n.Pos, problem, cure)
	}
}

// mismatch says why a value of type got cannot be the field's, and the cure.
func mismatch(want *Field, path string, got *binding.Type) (problem, cure string) {
	switch {
	case got.Kind == binding.Invalid || want.Type.Kind == binding.Invalid:
		return "", ""
	case got.Kind == binding.Null:
		if want.Required {
			return path + " is required and has no value", fmt.Sprintf("give %s: %s", want.Name, want.Doc)
		}
		return "", ""
	case got.Label&binding.Secret != 0 && !want.Secret:
		return path + " would show a secret", "a secret may reach only inputs marked secret, such as a passphrase"
	case got.Label&binding.Absent != 0 && want.Required:
		return path + " is required and the value may be absent", "give what stands in for it with ??, or give the input behind it a default"
	}
	switch {
	case want.Type.Kind == binding.Object && got.Kind == binding.Object && got.Fields != nil:
		return mismatchedMembers(want, path, got)
	case want.Type.Kind == binding.List && got.Kind == binding.List && got.Elem != nil && want.Type.Elem != nil:
		item := *got.Elem
		item.Label |= got.Label & binding.Secret
		if problem, cure = mismatch(want.item(), "an item of "+path, &item); problem == "" || binding.Assignable(want.Type, got) {
			return problem, cure
		}
	}
	switch {
	case !binding.Assignable(want.Type, got):
		return fmt.Sprintf("%s is %s, this is %s", path, want.Type.Article(), got.Article()), converted(want.Type, got)
	case want.Secret && !got.Any(binding.Secret) && got.Kind != binding.List:
		return path + " is a secret, and this value is not marked as one", "declare the input behind it with secret: true: what is not is shown and recorded"
	}
	return "", ""
}

func mismatchedMembers(want *Field, path string, got *binding.Type) (problem, cure string) {
	for _, name := range slices.Sorted(maps.Keys(got.Fields)) {
		if fieldNamed(want.Fields, name) == nil {
			return fmt.Sprintf("%s has no %s", path, quoted(name)), candidates(name, fieldNames(want.Fields))
		}
	}
	for i := range want.Fields {
		f := &want.Fields[i]
		member, ok := got.Fields[f.Name]
		switch {
		case ok:
			if problem, cure = mismatch(f, path+"."+f.Name, member); problem != "" {
				return problem, cure
			}
		case f.Required:
			return fmt.Sprintf("%s.%s is missing", path, f.Name), fmt.Sprintf("give %s: %s", f.Name, f.Doc)
		}
	}
	return "", ""
}

// converted is the cure for a value of the wrong type: nothing is coerced.
func converted(want, got *binding.Type) string {
	switch {
	case want.Kind == binding.String && (got.Kind == binding.Int || got.Kind == binding.Bool || got.Kind == binding.Float):
		return "put a literal in quotes, or use string(…): nothing is converted by itself"
	case want.Kind == binding.Int && got.Kind == binding.String:
		return "leave the quotes off, or use int(…): nothing is converted by itself"
	case want.Kind == binding.List:
		return "give a list: [ … ]"
	case got.Kind == binding.List && got.Elem != nil && got.Elem.Kind == want.Kind:
		return "give one value, without [ ], or pick one: …[0]"
	case want.Kind == binding.Object:
		return "give a mapping: { … }"
	}
	return "nothing is converted by itself"
}

// add turns faults of a scalar into faults of the file, and tells whether
// there were any.
func (c *compiler) add(n *Node, faults []*binding.Fault) bool {
	for _, f := range faults {
		c.faults.Add(n.At(f.Offset), f.Message, f.Cure)
	}
	return len(faults) > 0
}

func constant(n *Node) any {
	if i, ok := n.Value.(int64); ok {
		return int(i)
	}
	return n.Value
}

func literalType(n *Node) *binding.Type {
	kinds := map[NodeKind]binding.Kind{
		Null: binding.Null, Bool: binding.Bool, Int: binding.Int, Float: binding.Float, String: binding.String,
		List: binding.List, Map: binding.Object,
	}
	t := &binding.Type{Kind: kinds[n.Kind]}
	if t.Kind == binding.Null {
		t.Label = binding.Absent
	}
	return t
}

func fieldNamed(fields []Field, name string) *Field {
	if i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name }); i >= 0 {
		return &fields[i]
	}
	return nil
}

func fieldNames(fields []Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}
