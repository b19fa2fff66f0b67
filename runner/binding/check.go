package binding

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// maxPredicates bounds how deeply predicates nest: their cost multiplies.
const maxPredicates = 3

var invalid = &Type{}

// descent walks an expression's tree once. For every node it computes our own
// type with its labels, collects the references, and reports what the language
// leaves out.
type descent struct {
	scope  *Scope
	view   View
	source string
	offset int

	faults []*Fault
	refs   [][]string
	known  map[string]bool // the references in refs, joined
	secret bool            // a secret was referenced
	broken bool            // something Invalid was referenced, whose fault was reported elsewhere

	seen   map[ast.Node]bool
	frames []frame              // the predicates around the node
	inner  []*ast.PredicateNode // those inside another one
}

// frame is one predicate: what # stands for, and whether #index exists.
type frame struct {
	elem  *Type
	index bool
}

// fault reports at a node's first rune.
func (c *descent) fault(n ast.Node, message, cure string) *Type {
	return c.faultAt(n.Location().From, message, cure)
}

// faultStart reports at the first rune of an operand, whose own place is that
// of its last member.
func (c *descent) faultStart(n ast.Node, message, cure string) *Type {
	return c.faultAt(start(n), message, cure)
}

// faultBefore refuses a sign or word that the tree has no place for: it is the
// last of its kind before n.
func (c *descent) faultBefore(n ast.Node, sign, cure string) *Type {
	at := start(n)
	if i := strings.LastIndex(string([]rune(c.source)[:at]), sign); i >= 0 {
		at = runes(c.source[:i])
	}
	return c.faultAt(at, "`"+sign+"` is not part of the language", cure)
}

func (c *descent) faultAt(at int, message, cure string) *Type {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, &Fault{Offset: c.offset + at, Message: message, Cure: cure})
	}
	return invalid
}

// result is the type of the whole expression.
func (c *descent) result(n ast.Node) *Type {
	t := c.visit(n)
	if t.Kind == Unknown || t.Kind == Invalid && len(c.faults) == 0 && !c.broken {
		return c.faultStart(n, "the kind of this expression's result is not known", "use a value whose kind is declared, and no empty list")
	}
	return t
}

// visit gives a node's type. A node met twice stands under a chained
// comparison, where the parser shares it: following it again could take
// exponential time, here and in the compiler.
func (c *descent) visit(n ast.Node) *Type {
	if c.seen[n] {
		return c.faultStart(n, "comparisons cannot be chained", "write `a < b && b < c`")
	}
	if c.seen == nil {
		c.seen = make(map[ast.Node]bool)
	}
	c.seen[n] = true
	switch n := n.(type) {
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode:
		t, path := c.selector(n)
		if len(path) == 1 && namespaces[path[0]] != "" {
			return c.namespaceAsValue(n, t, path)
		}
		if t.parts(maxParts) < 0 {
			return c.faultStart(n, fmt.Sprintf("%s has more than %d members in all", c.describe(n), maxParts), "name the member that is needed, or split the value")
		}
		c.refer(path, t)
		return t
	case *ast.NilNode:
		return &Type{Kind: Null, Label: Absent}
	case *ast.IntegerNode:
		return &Type{Kind: Int}
	case *ast.FloatNode:
		return &Type{Kind: Float}
	case *ast.BoolNode:
		return &Type{Kind: Bool}
	case *ast.StringNode:
		return &Type{Kind: String}
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.MapNode:
		return c.object(n)
	case *ast.BuiltinNode:
		return c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		return c.callNode(n)
	}
	return c.unsupported(n)
}

func (c *descent) unsupported(n ast.Node) *Type {
	switch n := n.(type) {
	case *ast.VariableDeclaratorNode:
		return c.faultBefore(n, "let", "declare the name under `vars`")
	case *ast.SequenceNode:
		return c.faultBefore(n.Nodes[1], ";", "write one expression")
	case *ast.BytesNode:
		return c.fault(n, "byte literals are not part of the language", "write text: drop the `b` before the quote")
	}
	return c.fault(n, "this form is not part of the language", "use operators, members and the functions of the reference")
}

// slice cuts a list or text.
func (c *descent) slice(n *ast.SliceNode) *Type {
	base := c.operand(n.Node, 0)
	var bounds []*Type
	for _, b := range []ast.Node{n.From, n.To} {
		if b == nil {
			continue
		}
		i := c.operand(b, 0)
		if i.Kind != Int && i.Kind != Invalid {
			c.faultStart(b, fmt.Sprintf("a bound of a slice is an int, not %s", i.Article()), "write `[0:1]`")
		}
		bounds = append(bounds, i)
	}
	switch base.Kind {
	case Invalid, List, String:
		return base.With(taint(bounds...))
	}
	return c.fault(n, fmt.Sprintf("%s is %s and cannot be cut", c.describe(n.Node), base.Article()), "only lists and text can")
}

// pointer is # or #index.
func (c *descent) pointer(n *ast.PointerNode) *Type {
	if len(c.frames) == 0 {
		return c.fault(n, "`#` outside a predicate", "it stands for the element in `filter`, `map` and the like")
	}
	f := c.frames[len(c.frames)-1]
	switch {
	case n.Name == "":
		return f.elem
	case n.Name == "index" && f.index:
		return &Type{Kind: Int}
	}
	return c.fault(n, fmt.Sprintf("`#%s` does not exist here", clip(n.Name)), "`#` is the element; `#index` exists in `map`")
}

// array is a list literal; its elements must be of one kind.
func (c *descent) array(n *ast.ArrayNode) *Type {
	var elem *Type
	for i, item := range n.Nodes {
		t := c.visit(item)
		if i == 0 {
			elem = t
			continue
		}
		u, ok := Unify(elem, t)
		if !ok {
			return c.faultStart(item, fmt.Sprintf("a list of %s and %s", elem, t), "all elements of a list must be of one kind")
		}
		elem = u
	}
	return ListOf(elem)
}

// object is an object literal; its keys are fixed.
func (c *descent) object(n *ast.MapNode) *Type {
	fields := make(map[string]*Type, len(n.Pairs))
	for _, pair := range n.Pairs {
		p, ok := pair.(*ast.PairNode)
		if !ok {
			return c.unsupported(pair)
		}
		key, ok := p.Key.(*ast.StringNode)
		if !ok {
			c.faultStart(p.Key, "a member's name cannot be computed", "write it out: `{name: …}`")
			continue
		}
		if fields[key.Value] != nil {
			c.fault(key, fmt.Sprintf("the member %q stands twice", clip(key.Value)), "keep one")
		}
		fields[key.Value] = c.visit(p.Value)
	}
	return &Type{Kind: Object, Fields: fields}
}
