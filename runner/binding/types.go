package binding

import (
	"sort"
	"strings"
)

// Kind is the shape of a value.
type Kind uint8

// The kinds. Invalid, the zero value, means that a fault was reported already:
// it fits everywhere and is never complained of again.
const (
	Invalid Kind = iota
	Unknown
	Null
	String
	Int
	Float
	Bool
	Duration
	Time
	List
	Object
)

var kindNames = [...]string{"invalid", "unknown", "null", "string", "int", "float", "bool", "duration", "time", "list", "object"}

// String gives the kind's name as playbooks write it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Label is a set of facts about a value that go beside its kind.
type Label uint8

const (
	// Secret values must not reach any output, plan, journal or decision.
	Secret Label = 1 << iota
	// Opaque values are assigned elsewhere (an id, a certificate): a plan can
	// only stand for them, so nothing may be computed from them.
	Opaque
	// Absent values may be null.
	Absent
)

// Has reports whether l contains all of m.
func (l Label) Has(m Label) bool { return l&m == m }

// String names the labels, joined by "+"; none is the empty text.
func (l Label) String() string {
	var names []string
	for _, x := range []struct {
		l Label
		n string
	}{{Secret, "secret"}, {Opaque, "opaque"}, {Absent, "absent"}} {
		if l.Has(x.l) {
			names = append(names, x.n)
		}
	}
	return strings.Join(names, "+")
}

// Type says what an expression yields. Types are values: once given to a
// Scope they must not change.
type Type struct {
	Kind Kind
	// Elem is the type of a List's elements; nil for an empty list literal,
	// which fits every list.
	Elem *Type
	// Fields are an Object's members; nil means that they are not known, so
	// that the object can only be handed on whole.
	Fields map[string]*Type
	Label  Label
}

// ListOf is a list of elements of the given type.
func ListOf(elem *Type) *Type { return &Type{Kind: List, Elem: elem} }

// With is a copy of t that carries the labels too.
func (t *Type) With(l Label) *Type {
	if t == nil || t.Label.Has(l) {
		return t
	}
	c := *t
	c.Label |= l
	return &c
}

// Without is a copy of t without the labels.
func (t *Type) Without(l Label) *Type {
	if t == nil || t.Label&l == 0 {
		return t
	}
	c := *t
	c.Label &^= l
	return &c
}

// Any reports whether t or something inside it (an element, a member) carries
// one of the labels: a list of secrets is as secret as one.
func (t *Type) Any(l Label) bool {
	if t == nil {
		return false
	}
	if t.Label&l != 0 || t.Elem.Any(l) {
		return true
	}
	for _, f := range t.Fields {
		if f.Any(l) {
			return true
		}
	}
	return false
}

// maxParts bounds the parts of a value that an expression names: the members
// of objects at every depth. Values are made of others, and without a bound
// twenty short variables could hold a million members.
const maxParts = 500

// parts counts the parts of t that are left of a budget: negative means that
// there are more.
func (t *Type) parts(left int) int {
	for ; t != nil && left >= 0; t = t.Elem {
		for _, f := range t.Fields {
			if left = f.parts(left - 1); left < 0 {
				break
			}
		}
	}
	return left
}

// shownNames is how many names a message lists at most.
const shownNames = 5

// String describes the type in a message, labels left out: "string",
// "list(int)", "object {certificate, kid}". Of many members it names the
// first five.
func (t *Type) String() string {
	switch {
	case t == nil:
		return "unknown"
	case t.Kind == List && t.Elem == nil:
		return "empty list"
	case t.Kind == List:
		return "list(" + t.Elem.String() + ")"
	case t.Kind == Object && t.Fields != nil:
		return "object {" + listNames(t.names()) + "}"
	}
	return t.Kind.String()
}

// names are the members, sorted.
func (t *Type) names() []string {
	names := make([]string, 0, len(t.Fields))
	for n := range t.Fields {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// listNames joins the first few names.
func listNames(names []string) string {
	if len(names) > shownNames {
		return strings.Join(names[:shownNames], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// Assignable reports whether a value of type got fits where want is wanted, by
// kinds alone; what a label forbids is the caller's to say.
//
// Nothing is coerced: an int is no float and no string. Invalid fits
// everywhere. Null fits every kind, because a null carries the label Absent
// and the sink must look at that label anyway. An object must have every
// member that is not Absent and no others; one whose members are not known
// fits every object, and its value is checked when it is there.
func Assignable(want, got *Type) bool {
	if want == nil || got == nil || want.Kind == Invalid || got.Kind == Invalid || want.Kind == Unknown || got.Kind == Null {
		return true
	}
	if want.Kind != got.Kind {
		return false
	}
	switch want.Kind {
	case List:
		return Assignable(want.Elem, got.Elem)
	case Object:
		return want.Fields == nil || got.Fields == nil || assignableFields(want, got)
	}
	return true
}

func assignableFields(want, got *Type) bool {
	for name, w := range want.Fields {
		g, ok := got.Fields[name]
		if !ok && !w.Label.Has(Absent) || ok && !Assignable(w, g) {
			return false
		}
	}
	for name := range got.Fields {
		if _, ok := want.Fields[name]; !ok {
			return false
		}
	}
	return true
}

// Fault is one mistake in a scalar.
type Fault struct {
	Offset  int    // rune offset in the scalar's decoded text, from 0
	Message string // what is wrong
	Cure    string // what to do about it; may be empty
}

// Error gives the message and the cure in one line.
func (f *Fault) Error() string {
	if f.Cure == "" {
		return f.Message
	}
	return f.Message + "; " + f.Cure
}
