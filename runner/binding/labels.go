package binding

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// taint is Secret if anything in one of the types is.
func taint(types ...*Type) Label {
	for _, t := range types {
		if t.Any(Secret) {
			return Secret
		}
	}
	return 0
}

// operand visits a node whose value something is computed from, and refuses
// the labels that forbid it unless they are allowed. What is refused comes
// back Invalid.
func (c *descent) operand(n ast.Node, allow Label) *Type {
	return c.usable(n, c.visit(n), allow)
}

func (c *descent) usable(n ast.Node, t *Type, allow Label) *Type {
	if t.Kind == List && t.Label.Has(Opaque) {
		// A list is not opaque, what it holds is.
		t = t.Without(Opaque)
		t.Elem = t.Elem.With(Opaque)
	}
	switch bad := t.Label &^ allow; {
	case t.Kind == Invalid:
		return invalid
	case t.Kind == Unknown:
		return c.faultStart(n, fmt.Sprintf("the kind of %s is not declared, so nothing can be computed from it", c.describe(n)), "use the value as a whole")
	case t.Kind == Null && !allow.Has(Absent):
		return c.faultStart(n, "nothing can be computed from `nil`", "compare with `== nil` or `!= nil`, or use it as a branch of `? :`")
	case bad.Has(Absent):
		return c.faultStart(n, c.describe(n)+" may be absent", "say what holds then: `("+c.quote(n)+" ?? …)`; a test with `!= nil` before it does not help")
	case bad.Has(Opaque):
		embed := ""
		if q := c.quote(n); Embeddable(t) {
			embed = "embed it in text, "
			if q != "…" {
				embed += "`…$<" + q + ">…`, "
			}
		}
		return c.faultStart(n, c.describe(n)+" is assigned when the playbook runs, so a plan cannot compute with it",
			"use it as it is, "+embed+"or compare it with `==`, `!=` or `in`")
	}
	return t
}

// quote repeats a short operand in a cure.
func (c *descent) quote(n ast.Node) string {
	if path, ok := pathText(n); ok {
		return clip(path)
	}
	return "…"
}

// elements refuses a list whose elements nothing can be computed from.
func (c *descent) elements(n ast.Node, list *Type) bool {
	switch e := list.elem(); {
	case c.empty(n, list) || e.Kind == Invalid:
		return false
	case e.Label.Has(Absent):
		c.faultStart(n, "the elements of "+c.describe(n)+" may be absent", "say what holds then: `map(…, # ?? …)`; leaving them out with `filter` does not help")
		return false
	case !e.Label.Has(Opaque):
		return true
	}
	c.faultStart(n, "the elements of "+c.describe(n)+" are assigned when the playbook runs, so a plan cannot compute with them",
		"use them as they are, embed them in text, or compare them with `==`, `!=` or `in`")
	return false
}

// Unify is the type of a value that is one or the other, as the items of a list
// are. Labels add up, those of members too: a list is as secret as its most
// secret item. What is not known yet, the items of an empty list, comes from
// the other; an Invalid part makes that part Invalid. It is false if no type
// fits both.
//
// A type that the other adds nothing to is returned itself: a list of thousands
// of items that all name one wide object has one type in the end, not thousands.
func Unify(a, b *Type) (*Type, bool) {
	switch {
	case a == nil:
		return b, true
	case b == nil || a == b:
		return a, true
	case a.Kind == Invalid || b.Kind == Invalid:
		return invalid, true
	case a.Kind == Null:
		return b.With(a.Label), true
	case b.Kind == Null:
		return a.With(b.Label), true
	case a.Kind != b.Kind, a.Kind == Object && !sameMembers(a, b):
		return invalid, false
	}
	u := *a
	u.Label |= b.Label
	ok, changed := true, u.Label != a.Label
	if a.Kind == List {
		u.Elem, ok = Unify(a.Elem, b.Elem)
		changed = changed || u.Elem != a.Elem
	}
	if a.Kind == Object && a.Fields != nil {
		u.Fields = make(map[string]*Type, len(a.Fields))
		for name := range a.Fields {
			var same bool
			u.Fields[name], same = Unify(a.Fields[name], b.Fields[name])
			ok, changed = ok && same, changed || u.Fields[name] != a.Fields[name]
		}
	}
	switch {
	case !ok:
		return invalid, false
	case !changed:
		return a, true
	}
	return &u, true
}

func sameMembers(a, b *Type) bool {
	if len(a.Fields) != len(b.Fields) || (a.Fields == nil) != (b.Fields == nil) {
		return false
	}
	for name := range a.Fields {
		if _, ok := b.Fields[name]; !ok {
			return false
		}
	}
	return true
}
