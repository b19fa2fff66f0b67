package binding

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// function types a call of one of the language's functions.
type function func(c *descent, n ast.Node, name string, args []ast.Node) *Type

// typing is how a call of the named function is typed; nil if the language has
// no such function. Their names are expr's.
func typing(name string) function {
	switch name {
	case "all", "any", "none", "one":
		return callQuantifier
	case "count":
		return callCount
	case "filter":
		return callFilter
	case "find":
		return callFind
	case "map":
		return callMap
	case "sortBy":
		return callSortBy
	case "sum":
		return callSum
	case "first", "last":
		return callEnd
	case "len":
		return callLen
	case "join":
		return callJoin
	case "min", "max":
		return callExtreme
	case "upper", "lower":
		return texts(String, 1, 1)
	case "trim":
		return texts(String, 1, 2)
	case "hasPrefix", "hasSuffix":
		return texts(Bool, 2, 2)
	case "split":
		return texts(List, 2, 2)
	case "int":
		return convert(Int, String, Int, Float)
	case "string":
		return convert(String, String, Int, Float, Bool, Duration, Time)
	case "duration":
		return callDuration
	}
	return nil
}

func (c *descent) callNode(n *ast.CallNode) *Type {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		return c.call(n, callee.Value, n.Arguments)
	case *ast.MemberNode:
		return c.fault(callee.Property, "methods cannot be called", "use a function, "+someFunctions)
	}
	return c.fault(n, "this cannot be called", "use a function, "+someFunctions)
}

// call types the call of a function by its name.
func (c *descent) call(n ast.Node, name string, args []ast.Node) *Type {
	f := typing(name)
	if f == nil {
		cure := "there are others, " + someFunctions
		if near := Suggest(name, functionNames()); len(near) > 0 {
			cure = fmt.Sprintf("did you mean %q? it is called as `%s`", near[0], usage[near[0]])
		} else if name == "now" || name == "date" {
			cure = "`run.started_at` is when the run began; there is no other clock"
		}
		return c.fault(n, fmt.Sprintf("unknown function %q", clip(name)), cure)
	}
	return f(c, n, name, args)
}

// arity checks the number of arguments; if it is wrong they are not looked at.
func (c *descent) arity(n ast.Node, name string, args []ast.Node, least, most int) bool {
	if len(args) >= least && len(args) <= most {
		return true
	}
	want := fmt.Sprint(least)
	if most > least {
		want = fmt.Sprintf("%d to %d", least, most)
	}
	noun := "arguments"
	if most == 1 {
		noun = "argument"
	}
	c.fault(n, fmt.Sprintf("`%s` takes %s %s, not %d", name, want, noun, len(args)), "write `"+usage[name]+"`")
	return false
}

// list visits an argument that must be a list; Invalid if it is none.
func (c *descent) list(name string, n ast.Node) *Type {
	t := c.operand(n, 0)
	if t.Kind == List || t.Kind == Invalid {
		return t
	}
	return c.faultStart(n, fmt.Sprintf("`%s` needs a list, not %s", name, t.Article()), "use a list")
}

// elem is what a list holds; Invalid where that is not known, as in [].
func (t *Type) elem() *Type {
	if t.Kind != List || t.Elem == nil {
		return invalid
	}
	return t.Elem
}

// empty refuses an empty list literal where an element is needed.
func (c *descent) empty(n ast.Node, list *Type) bool {
	if list.Kind != List || list.Elem != nil {
		return false
	}
	c.faultStart(n, "this list is always empty", "put something in it")
	return true
}

// predicate visits the function that is applied to each element.
func (c *descent) predicate(n ast.Node, elem *Type, index bool) *Type {
	p, ok := n.(*ast.PredicateNode)
	if !ok {
		return c.unsupported(n)
	}
	if len(c.frames) == maxPredicates {
		return c.fault(n, fmt.Sprintf("predicates nest more than %d deep", maxPredicates), "move a part into `vars`")
	}
	if len(c.frames) > 0 {
		c.inner = append(c.inner, p)
	}
	c.frames = append(c.frames, frame{elem: elem, index: index})
	t := c.visit(p.Node)
	c.frames = c.frames[:len(c.frames)-1]
	return t
}

// condition visits a predicate that must yield a bool.
func (c *descent) condition(name string, n ast.Node, elem *Type) *Type {
	t := c.predicate(n, elem, false)
	if p, ok := n.(*ast.PredicateNode); ok {
		n = p.Node
	}
	t = c.usable(n, t, 0)
	if t.Kind != Bool && t.Kind != Invalid {
		return c.faultStart(n, fmt.Sprintf("the predicate of `%s` is a bool, not %s", name, t.Article()), "compare: `# == 1`, `.name == \"…\"`")
	}
	return t
}

func callQuantifier(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 2, 2) {
		return invalid
	}
	list := c.list(name, args[0])
	p := c.condition(name, args[1], list.elem())
	return &Type{Kind: Bool, Label: list.Label&Secret | taint(p)}
}

func callFilter(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 2, 2) {
		return invalid
	}
	list := c.list(name, args[0])
	p := c.condition(name, args[1], list.elem())
	if list.Kind == Invalid {
		return invalid
	}
	return list.With(taint(p))
}

func callFind(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 2, 2) {
		return invalid
	}
	list := c.list(name, args[0])
	p := c.condition(name, args[1], list.elem())
	if c.empty(args[0], list) || list.elem().Kind == Invalid {
		return invalid
	}
	return list.Elem.With(Absent | list.Label&(Secret|Opaque) | taint(p))
}

// callEnd is first and last.
func callEnd(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 1, 1) {
		return invalid
	}
	list := c.list(name, args[0])
	if c.empty(args[0], list) || list.elem().Kind == Invalid {
		return invalid
	}
	return list.Elem.With(Absent | list.Label&(Secret|Opaque))
}

func callMap(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 2, 2) {
		return invalid
	}
	list := c.list(name, args[0])
	t := c.predicate(args[1], list.elem(), true)
	if t.Kind == Null {
		return c.faultStart(args[1], "`map` makes a list of nothing but `nil`", "say what each element becomes: `map(xs, .name)`")
	}
	return ListOf(t).With(list.Label & Secret)
}

func callCount(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 1, 2) {
		return invalid
	}
	list := c.list(name, args[0])
	if len(args) == 2 {
		p := c.condition(name, args[1], list.elem())
		return &Type{Kind: Int, Label: list.Label&Secret | taint(p)}
	}
	if e := list.elem(); e.Kind != Invalid && (e.Kind != Bool || e.Label.Has(Absent)) {
		c.faultStart(args[0], fmt.Sprintf("`count` without a predicate needs a list of bools, not %s", list.Article()), "write `len(…)`, or `count(…, condition)`")
	}
	return &Type{Kind: Int, Label: taint(list)}
}

func callSum(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 1, 2) {
		return invalid
	}
	list := c.list(name, args[0])
	at, t := args[0], list.elem()
	if len(args) == 2 {
		t = c.predicate(args[1], t, false)
		if p, ok := args[1].(*ast.PredicateNode); ok {
			at = p.Node
		}
	} else if list.Kind == List && !c.elements(args[0], list) {
		return invalid
	}
	t = c.usable(at, t, 0)
	switch t.Kind {
	case Invalid:
		return invalid
	case Int, Float:
		return &Type{Kind: t.Kind, Label: list.Label&Secret | taint(t)}
	}
	return c.faultStart(at, fmt.Sprintf("`sum` adds numbers, not %s", t.Article()), "give it numbers: `sum(xs, .count)`")
}

func callSortBy(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 2, 3) {
		return invalid
	}
	list := c.list(name, args[0])
	t := c.predicate(args[1], list.elem(), false)
	at := args[1]
	if p, ok := at.(*ast.PredicateNode); ok {
		at = p.Node
	}
	t = c.usable(at, t, 0)
	switch t.Kind {
	case Invalid, Int, Float, String, Time, Duration:
	default:
		c.faultStart(at, fmt.Sprintf("`sortBy` cannot order by %s", t.Article()), "order by a number, text, a time or a duration")
	}
	if len(args) == 3 {
		if order, ok := args[2].(*ast.StringNode); !ok || order.Value != "asc" && order.Value != "desc" {
			c.faultStart(args[2], "the order of `sortBy` is neither \"asc\" nor \"desc\"", "write one of them in quotes")
		}
	}
	if list.Kind == Invalid {
		return invalid
	}
	return list.With(taint(t))
}

func callLen(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 1, 1) {
		return invalid
	}
	t := c.operand(args[0], 0)
	switch t.Kind {
	case List, String, Invalid:
		return &Type{Kind: Int, Label: taint(t)}
	}
	return c.faultStart(args[0], fmt.Sprintf("`len` needs a list or text, not %s", t.Article()), "use a list or text")
}

func callJoin(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 1, 2) {
		return invalid
	}
	list := c.list(name, args[0])
	label := taint(list)
	if len(args) == 2 {
		label |= taint(c.text(name, args[1]))
	}
	if list.Kind == List && !c.elements(args[0], list) {
		return invalid
	}
	if e := list.elem(); e.Kind != String && e.Kind != Invalid {
		return c.faultStart(args[0], fmt.Sprintf("`join` needs a list(string), not %s", list.Article()), "convert the elements: `map(…, string(#))`")
	}
	return &Type{Kind: String, Label: label}
}

// callExtreme is min and max: of a list, or of several values of one kind.
func callExtreme(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 1, 100) {
		return invalid
	}
	var t *Type
	label := Label(0)
	for i, a := range args {
		x := c.operand(a, 0)
		label |= taint(x)
		if len(args) == 1 && x.Kind == List {
			if !c.elements(a, x) {
				return invalid
			}
			x = c.usable(a, x.elem(), 0)
		}
		switch {
		case x.Kind == Invalid:
			return invalid
		case x.Kind != Int && x.Kind != Float && x.Kind != Duration && x.Kind != Time:
			return c.faultStart(a, fmt.Sprintf("`%s` compares numbers, times or durations, not %s", name, x.Article()), "give it several of one kind, or a list of them")
		case i > 0 && x.Kind != t.Kind:
			return c.faultStart(a, fmt.Sprintf("`%s` of %s and %s", name, t.Article(), x.Article()), "all must be of one kind")
		}
		t = x
	}
	return &Type{Kind: t.Kind, Label: label}
}

// text visits an argument that must be text.
func (c *descent) text(name string, n ast.Node) *Type {
	t := c.operand(n, 0)
	if t.Kind == String || t.Kind == Invalid {
		return t
	}
	return c.faultStart(n, fmt.Sprintf("`%s` needs text, not %s", name, t.Article()), "convert it with `string(…)`")
}

// texts types a function of least to most texts.
func texts(result Kind, least, most int) function {
	return func(c *descent, n ast.Node, name string, args []ast.Node) *Type {
		if !c.arity(n, name, args, least, most) {
			return invalid
		}
		t := &Type{Kind: result}
		for _, a := range args {
			t.Label |= taint(c.text(name, a))
		}
		if result == List {
			t.Elem = &Type{Kind: String, Label: t.Label}
		}
		return t
	}
}

// convert types a conversion from any of the kinds.
func convert(result Kind, from ...Kind) function {
	return func(c *descent, n ast.Node, name string, args []ast.Node) *Type {
		if !c.arity(n, name, args, 1, 1) {
			return invalid
		}
		t := c.operand(args[0], 0)
		if t.Kind != Invalid && !slices.Contains(from, t.Kind) {
			c.faultStart(args[0], fmt.Sprintf("`%s` cannot convert %s", name, t.Article()), fmt.Sprintf("it takes %s", kindList(from)))
		}
		return &Type{Kind: result, Label: taint(t)}
	}
}

func kindList(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	return strings.Join(names, ", ")
}

// callDuration checks a literal here already.
func callDuration(c *descent, n ast.Node, name string, args []ast.Node) *Type {
	if !c.arity(n, name, args, 1, 1) {
		return invalid
	}
	t := c.text(name, args[0])
	if s, ok := args[0].(*ast.StringNode); ok {
		if _, err := time.ParseDuration(s.Value); err != nil {
			c.faultStart(s, fmt.Sprintf("%q is no duration", clip(s.Value)), "write one as `90m` or `720h`; the units are h, m, s, ms")
		}
	}
	return &Type{Kind: Duration, Label: taint(t)}
}
