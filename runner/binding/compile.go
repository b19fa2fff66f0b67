package binding

import (
	"fmt"
	"sort"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Compile parses an expression, checks it and makes it ready to run. The
// offset is that of the source's first rune in the scalar's text; faults are
// sorted by theirs.
//
// The Expr is never nil. With faults its Type is what could still be found out,
// Invalid at worst, so that a caller can go on without repeating them; it
// cannot be evaluated.
func (s *Scope) Compile(source string, offset int, view View) (*Expr, []*Fault) {
	source = strings.ToValidUTF8(source, "\ufffd") // as that of a document is already
	x := &Expr{Source: source, Type: invalid, offset: offset}
	if f := s.precheck(source, offset); f != nil {
		return x, []*Fault{f}
	}
	s.shared.Lock()
	defer s.shared.Unlock()
	switch s.shared.compiled++; {
	case s.shared.compiled == maxCompiled+1:
		return x, []*Fault{{Offset: offset, Message: "a playbook has at most 50,000 expressions", Cure: "give long lists as inputs"}}
	case s.shared.compiled > maxCompiled: // said once
		return x, nil
	}
	tree, err := parseTree(source, s.config)
	if err != nil {
		return x, []*Fault{syntaxFault(err, source, offset)}
	}
	c := &descent{scope: s, view: view, source: source, offset: offset}
	x.Type = c.result(tree.Node)
	x.Refs, x.secret = c.refs, c.secret
	if len(c.faults) > 0 {
		sort.SliceStable(c.faults, func(i, j int) bool { return c.faults[i].Offset < c.faults[j].Offset })
		return x, c.faults
	}
	x.budget = c.meter()
	guardArithmetic(tree)
	if x.program, err = s.build(tree); err != nil {
		x.Type = invalid
		f := syntaxFault(err, source, offset)
		f.Message = notCompiled + f.Message
		return x, []*Fault{f}
	}
	return x, nil
}

// notCompiled begins the message of a fault that only expr's own check found.
const notCompiled = "the expression cannot be compiled: "

// precheck refuses what must not reach the parser, and what Scan refuses, too.
func (s *Scope) precheck(source string, offset int) *Fault {
	sc := &scanner{text: source}
	if strings.TrimSpace(source) == "" {
		return &Fault{Offset: offset, Message: "the expression is empty", Cure: "write one"}
	}
	l := newLexer(source, 0)
	for {
		switch why := l.run(); why {
		case atClose:
			l.pos++
			continue
		case atEnd:
			if l.quote >= 0 {
				return &Fault{Offset: offset + runes(source[:l.quote]), Message: "the text that starts here has no closing quote", Cure: "add it"}
			}
			if len(source) <= maxSource {
				return nil
			}
			return &Fault{Offset: offset, Message: "the expression is longer than 2 KiB", Cure: "shorten it, or move parts of it into `vars`"}
		default:
			sc.refuse(l, why, offset)
			sc.faults[0].Offset = max(offset, sc.faults[0].Offset)
			return sc.faults[0]
		}
	}
}

// build has expr check the tree once more, by its own lights, and compile it.
func (s *Scope) build(tree *parser.Tree) (program *vm.Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			program, err = nil, fmt.Errorf("panic: %v", r)
		}
	}()
	if _, err := checker.Check(tree, s.config); err != nil {
		return nil, err
	}
	return compiler.Compile(tree, s.config)
}

// guardArithmetic replaces the operators that can make an Inf or NaN of finite
// numbers by functions that fail instead.
func guardArithmetic(tree *parser.Tree) { ast.Walk(&tree.Node, guard{}) }

type guard struct{}

func (guard) Visit(node *ast.Node) {
	b, ok := (*node).(*ast.BinaryNode)
	if !ok {
		return
	}
	switch b.Operator {
	case "/":
		ast.Patch(node, call(divideName, b.Location(), b.Left, b.Right))
	case "**", "^":
		ast.Patch(node, call(powerName, b.Location(), b.Left, b.Right))
	}
}

// call is the node of a call of one of our own functions.
func call(name string, at file.Location, args ...ast.Node) *ast.CallNode {
	callee := &ast.IdentifierNode{Value: name}
	callee.SetLocation(at)
	n := &ast.CallNode{Callee: callee, Arguments: args}
	n.SetLocation(at)
	return n
}
