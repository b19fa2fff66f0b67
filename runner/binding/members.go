package binding

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// selector gives the type of a name or member, and its static path as long as
// there is one. References are recorded where a path ends.
func (c *descent) selector(n ast.Node) (*Type, []string) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return c.name(n)
	case *ast.ChainNode:
		t, path := c.selector(n.Node)
		if t.Kind != Invalid {
			t = t.With(Absent)
		}
		return t, path
	case *ast.MemberNode:
		base, path := c.selector(n.Node)
		if p, ok := n.Property.(*ast.StringNode); ok {
			return c.member(n, p, base, path)
		}
		c.refer(path, base)
		return c.index(n, base), nil
	}
	return c.visit(n), nil
}

// name looks an identifier up.
func (c *descent) name(n *ast.IdentifierNode) (*Type, []string) {
	if strings.Contains(n.Value, "$") {
		return c.fault(n, fmt.Sprintf("`%s` is not part of the language", clip(n.Value)), "name an input, a variable or a step: `inputs.…`, `vars.…`, `steps.…`"), nil
	}
	t, ok := c.scope.root.Fields[n.Value]
	if !ok {
		return c.fault(n, fmt.Sprintf("unknown name %q", clip(n.Value)), c.nameCure(n.Value)), nil
	}
	path := []string{n.Value}
	if c.hidden(n, path) {
		return invalid, nil
	}
	if t == nil {
		t = invalid
	}
	return t, path
}

// nameCure tells where a name that was not found is declared, or what is
// there instead.
func (c *descent) nameCure(name string) string {
	for _, group := range []string{"inputs", "vars", "steps", "run"} {
		if g := c.scope.root.Fields[group]; g != nil && g.Fields[name] != nil {
			return fmt.Sprintf("write `%s.%s`", group, name)
		}
	}
	if typing(name) != nil {
		return fmt.Sprintf("`%s` is a function: write `%s(…)`", name, name)
	}
	return c.scope.shared.alternatives("there are", name, c.scope.root) + "; text needs quotes"
}

// hidden reports a reference that may not be used here.
func (c *descent) hidden(n ast.Node, path []string) bool {
	if c.view.Hidden == nil || len(path) == 1 && namespaces[path[0]] != "" {
		return false
	}
	why, cure := c.view.Hidden(path)
	if why != "" {
		c.fault(n, why, cure)
	}
	return why != ""
}

// refer records a reference, once.
func (c *descent) refer(path []string, t *Type) {
	if len(path) == 0 || len(path) == 1 && namespaces[path[0]] != "" {
		return
	}
	c.secret = c.secret || c.scope.shared.secretIn(t)
	c.broken = c.broken || t.Kind == Invalid
	key := strings.Join(path, ".")
	if c.known[key] {
		return
	}
	if c.known == nil {
		c.known = make(map[string]bool)
	}
	c.known[key] = true
	c.refs = append(c.refs, path)
}

// namespaceAsValue refuses a group of names that is used as a value: what the
// expression depends on would be anybody's guess.
func (c *descent) namespaceAsValue(n ast.Node, t *Type, path []string) *Type {
	if t.Kind == Invalid {
		return t
	}
	return c.faultStart(n, fmt.Sprintf("`%s` groups names and is no value", path[0]),
		fmt.Sprintf("name a member, `%s.…`: %s", path[0], c.scope.shared.alternatives("there are", "", t)))
}

// member looks a member up in an object.
func (c *descent) member(n *ast.MemberNode, p *ast.StringNode, base *Type, path []string) (*Type, []string) {
	if base.Kind == Invalid {
		c.refer(path, base)
		return invalid, nil
	}
	if base.Label.Has(Absent) && !n.Optional {
		c.refer(path, base)
		return c.absentBase(n, p, path, base, "."+clip(p.Value)), nil
	}
	if base.Kind != Object || base.Fields == nil {
		c.refer(path, base)
		return c.noMembers(n, p, base), nil
	}
	t, ok := base.Fields[p.Value]
	if o := c.scope.over; o != nil && len(path) == 1 && path[0] == o.group && p.Value == o.name {
		t, ok = o.member, true
	}
	if !ok {
		return c.unknownMember(p, base, path), nil
	}
	if t == nil {
		t = invalid
	}
	if path != nil {
		path = append(slices.Clip(path), p.Value)
		if c.hidden(p, path) {
			return invalid, nil
		}
	}
	if t.Kind == Invalid {
		return invalid, path
	}
	if path != nil && c.view.Present != nil && c.view.Present(path) {
		t = t.Without(Absent)
	}
	return t.With(base.Label & (Secret | Opaque)), path
}

// absentBase refuses reading into something that may not be there.
func (c *descent) absentBase(n *ast.MemberNode, at ast.Node, path []string, base *Type, member string) *Type {
	if base.Kind == Null {
		return c.fault(at, "`nil` has no members", "leave `"+member+"` out")
	}
	what := c.describe(n.Node)
	return c.fault(at, fmt.Sprintf("%s may be absent, so there may be nothing to read `%s` from", what, clip(member)),
		fmt.Sprintf("write `%s?%s`, with a value for that case where one is needed: `(%s?%s ?? …)`; a test with `!= nil` before it does not help",
			c.quote(n.Node), dotMember(member), c.quote(n.Node), dotMember(member)))
}

// dotMember is a member as it stands behind a question mark: `.kid`, `.[0]`.
func dotMember(member string) string {
	if strings.HasPrefix(member, "[") {
		return "." + member
	}
	return member
}

// noMembers refuses reading a member of something that has none we know.
func (c *descent) noMembers(n *ast.MemberNode, p *ast.StringNode, base *Type) *Type {
	what := c.describe(n.Node)
	switch base.Kind {
	case List:
		return c.fault(p, fmt.Sprintf("%s is a list and has no member %q", what, clip(p.Value)),
			fmt.Sprintf("pick an element, `[0]` or `find(…)`, or take the member of each, `map(…, .%s)`", clip(p.Value)))
	case Object, Unknown:
		return c.fault(p, fmt.Sprintf("the members of %s are not declared, so %q cannot be checked", what, clip(p.Value)),
			"use the value as a whole")
	}
	return c.fault(p, fmt.Sprintf("%s is %s and has no member %q", what, base.Article(), clip(p.Value)), "leave `."+clip(p.Value)+"` out")
}

// unknownMember refuses a member that the object lacks, in the words of what
// the object is.
func (c *descent) unknownMember(p *ast.StringNode, base *Type, path []string) *Type {
	noun, of, lead := "member", "", "it has"
	switch {
	case len(path) == 1 && namespaces[path[0]] != "":
		noun, lead = namespaces[path[0]], "there are"
		if path[0] == "run" {
			of, lead = " of run", "it has"
		}
	case len(path) == 2 && path[0] == "steps":
		noun, of = "output", " of "+dotted(path)
	case path != nil:
		of = " of " + dotted(path)
	}
	return c.fault(p, fmt.Sprintf("unknown %s %q%s", noun, clip(p.Value), of), c.scope.shared.alternatives(lead, p.Value, base))
}

// index picks an element by its number.
func (c *descent) index(n *ast.MemberNode, base *Type) *Type {
	if base.Kind == Invalid {
		c.visit(n.Property)
		return invalid
	}
	if base.Label.Has(Absent) && !n.Optional {
		c.visit(n.Property)
		return c.absentBase(n, n, nil, base, "[…]")
	}
	switch base.Kind {
	case List:
	case Object, Unknown:
		return c.faultStart(n.Property, "a member's name cannot be computed", "write it out: `.name`; of a list of objects pick one with `find(…, .name == …)`")
	case String:
		return c.fault(n, "text has no elements", "cut it with `[0:1]` or `split`")
	default:
		return c.fault(n, fmt.Sprintf("%s is %s and has no elements", c.describe(n.Node), base.Article()), "leave `[…]` out")
	}
	i := c.operand(n.Property, 0)
	if i.Kind != Int && i.Kind != Invalid {
		return c.faultStart(n.Property, fmt.Sprintf("a list's element is picked by an int, not by %s", i.Article()), "write `[0]`, or `find(…, …)` to search")
	}
	if base.Elem == nil {
		return c.fault(n, "the list is empty", "put something in it")
	}
	if base.Elem.Kind == Invalid {
		return invalid
	}
	return base.Elem.With(base.Label&(Secret|Opaque) | taint(i))
}
