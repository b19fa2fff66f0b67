package binding

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

func (c *descent) unary(n *ast.UnaryNode) *Type {
	t := c.operand(n.Node, 0)
	switch n.Operator {
	case "not", "!":
		if t.Kind == Bool || t.Kind == Invalid {
			return t.kindOnly(Bool)
		}
		return c.faultStart(n.Node, fmt.Sprintf("`%s` needs a bool, not %s", n.Operator, t.Article()), "compare it: `x == \"…\"`, `len(x) > 0`")
	default:
		if t.Kind == Int || t.Kind == Float || t.Kind == Invalid {
			return t
		}
		return c.faultStart(n.Node, fmt.Sprintf("`%s` needs a number, not %s", n.Operator, t.Article()), "use a number")
	}
}

// kindOnly is a plain result of that kind, as secret as t is; Invalid stays.
func (t *Type) kindOnly(k Kind) *Type {
	if t.Kind == Invalid {
		return invalid
	}
	return &Type{Kind: k, Label: taint(t)}
}

func (c *descent) binary(n *ast.BinaryNode) *Type {
	switch n.Operator {
	case "==", "!=":
		return c.equality(n)
	case "??":
		return c.coalesce(n)
	case "in":
		return c.in(n)
	case "matches":
		return c.matches(n)
	case "..":
		return c.fault(n, "`..` is not part of the language", "write the list out: `[1, 2, 3]`")
	}
	l, r := c.operand(n.Left, 0), c.operand(n.Right, 0)
	if l.Kind == Invalid || r.Kind == Invalid {
		if k, ok := resultOf[n.Operator]; ok {
			return &Type{Kind: k, Label: taint(l, r)}
		}
		return invalid
	}
	k := operate(n.Operator, l.Kind, r.Kind)
	if k == Invalid {
		return c.mismatch(n, l, r)
	}
	return &Type{Kind: k, Label: taint(l, r)}
}

// resultOf are the operators whose result does not depend on their operands.
var resultOf = map[string]Kind{
	"&&": Bool, "||": Bool, "and": Bool, "or": Bool, "<": Bool, ">": Bool, "<=": Bool, ">=": Bool,
	"contains": Bool, "startsWith": Bool, "endsWith": Bool, "/": Float, "**": Float, "^": Float, "%": Int,
}

// operate is the result of an operator over two kinds, Invalid if it has none.
func operate(op string, l, r Kind) Kind {
	number := func(k Kind) bool { return k == Int || k == Float }
	both := func(k Kind) bool { return l == k && r == k }
	switch op {
	case "&&", "||", "and", "or":
		return when(both(Bool), Bool)
	case "<", ">", "<=", ">=":
		return when(number(l) && number(r) || both(String) || both(Time) || both(Duration), Bool)
	case "contains", "startsWith", "endsWith":
		return when(both(String), Bool)
	case "%":
		return when(both(Int), Int)
	case "/", "**", "^":
		return when(number(l) && number(r), Float)
	}
	switch {
	case both(Int):
		return Int
	case number(l) && number(r):
		return Float
	case op == "+" && both(String):
		return String
	case op != "*" && both(Duration):
		return Duration
	case op != "*" && l == Time && r == Duration, op == "+" && l == Duration && r == Time:
		return Time
	case op == "-" && both(Time):
		return Duration
	case op == "*" && (l == Int && r == Duration || l == Duration && r == Int):
		return Duration
	}
	return Invalid
}

func when(ok bool, k Kind) Kind {
	if ok {
		return k
	}
	return Invalid
}

func (c *descent) mismatch(n *ast.BinaryNode, l, r *Type) *Type {
	cure := "nothing is coerced: bring both to one kind"
	switch {
	case n.Operator == "+" && (l.Kind == String || r.Kind == String):
		cure = "convert with `string(…)`, or embed the parts in text: `a$<x>b`"
	case n.Operator == "&&" || n.Operator == "||" || n.Operator == "and" || n.Operator == "or":
		cure = "both sides must be bools; compare them, as in `x == \"…\"`"
	case l.Kind == String || r.Kind == String:
		cure = "convert text with `int(…)` or `duration(…)`, or the other side with `string(…)`"
	}
	c.fault(n, fmt.Sprintf("`%s` between %s and %s", n.Operator, l.Article(), r.Article()), cure)
	if k, ok := resultOf[n.Operator]; ok {
		return &Type{Kind: k, Label: taint(l, r)}
	}
	return invalid
}

// equality compares values of one kind; with nil, anything.
func (c *descent) equality(n *ast.BinaryNode) *Type {
	l, r := c.visit(n.Left), c.visit(n.Right)
	if l.Kind == Null || r.Kind == Null {
		// Whether something is there gives nothing away of what is in it.
		return &Type{Kind: Bool, Label: (l.Label | r.Label) & Secret}
	}
	l, r = c.usable(n.Left, l, Opaque), c.usable(n.Right, r, Opaque)
	result := &Type{Kind: Bool, Label: taint(l, r)}
	if !equatable(l, r) {
		c.mismatch(n, l, r)
	}
	return result
}

// equatable reports whether two values can be equal at all.
func equatable(l, r *Type) bool {
	if l == nil || r == nil || l.Kind == Invalid || r.Kind == Invalid {
		return true
	}
	number := func(k Kind) bool { return k == Int || k == Float }
	return number(l.Kind) && number(r.Kind) || Assignable(l, r) || Assignable(r, l)
}

// in looks for a value in a list.
func (c *descent) in(n *ast.BinaryNode) *Type {
	l, r := c.operand(n.Left, Opaque), c.operand(n.Right, Opaque)
	result := &Type{Kind: Bool, Label: taint(l, r)}
	switch {
	case r.Kind == Invalid || l.Kind == Invalid:
	case r.Kind != List:
		cure := "search a list: `x in [\"a\", \"b\"]`"
		if r.Kind == String {
			cure = "search text with `text contains part`"
		}
		c.fault(n, fmt.Sprintf("`in` needs a list on its right, not %s", r.Article()), cure)
	case !equatable(l, r.Elem):
		c.fault(n, fmt.Sprintf("%s is never in %s", l.Article(), r.Article()), "nothing is coerced: search for a value of the elements' kind")
	}
	return result
}

// matches takes a literal pattern only, so that a bad one is found here.
func (c *descent) matches(n *ast.BinaryNode) *Type {
	l := c.operand(n.Left, 0)
	result := &Type{Kind: Bool, Label: taint(l)}
	if l.Kind != String && l.Kind != Invalid {
		c.fault(n, fmt.Sprintf("`matches` needs text on its left, not %s", l.Article()), "convert it with `string(…)`")
	}
	pattern, ok := n.Right.(*ast.StringNode)
	if !ok {
		c.faultStart(n.Right, "the pattern of `matches` must be a literal", "write it in quotes: `x matches \"^[a-z]+$\"`")
		return result
	}
	size, err := PatternSize(pattern.Value)
	c.scope.shared.patterns += size
	switch {
	case err != nil:
		c.faultStart(n.Right, "the pattern is no regular expression: "+clip120(strings.TrimPrefix(err.Error(), "error parsing regexp: ")), "write RE2 syntax, without lookaround and back-references")
	case size > MaxPattern:
		c.faultStart(n.Right, "the pattern is too large", "repeat less: `{1000}` stands for a thousand copies")
	case c.scope.shared.patterns > MaxPatterns:
		c.faultStart(n.Right, "the patterns of this playbook are too large together", "repeat less: `{1000}` stands for a thousand copies")
	}
	return result
}

// coalesce takes the right side where the left is null.
func (c *descent) coalesce(n *ast.BinaryNode) *Type {
	l, r := c.visit(n.Left), c.visit(n.Right)
	switch {
	case l.Kind == Invalid:
		return invalid
	case l.Kind == Null:
		return r
	}
	u, ok := Unify(l.Without(Absent), r)
	if !ok {
		return c.fault(n, fmt.Sprintf("`??` between %s and %s", l.Article(), r.Article()), "both sides must be of one kind")
	}
	return u
}

func (c *descent) conditional(n *ast.ConditionalNode) *Type {
	if !n.Ternary {
		return c.faultBefore(n.Cond, "if", "write `condition ? a : b`")
	}
	if n.Cond == n.Exp1 {
		return c.faultStart(n.Cond, "`?:` is not part of the language", "write `a ?? b` for a value that may be absent, `condition ? a : b` otherwise")
	}
	cond := c.operand(n.Cond, 0)
	if cond.Kind != Bool && cond.Kind != Invalid {
		c.faultStart(n.Cond, fmt.Sprintf("a condition is a bool, not %s", cond.Article()), "compare it: `x == \"…\"`, `len(x) > 0`, `x != nil`")
	}
	a, b := c.visit(n.Exp1), c.visit(n.Exp2)
	u, ok := Unify(a, b)
	if !ok {
		return c.faultStart(n.Exp2, fmt.Sprintf("one branch of `? :` is %s, the other %s", a.Article(), b.Article()), "both must be of one kind")
	}
	if u.Kind == Invalid {
		return invalid
	}
	return u.With(taint(cond))
}
