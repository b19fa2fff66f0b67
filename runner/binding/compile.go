package binding

import (
	"errors"
	"fmt"
	"regexp"
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
	x := &Expr{Source: source, Type: invalid, offset: offset}
	if f := s.precheck(source, offset); f != nil {
		return x, []*Fault{f}
	}
	s.shared.Lock()
	defer s.shared.Unlock()
	tree, err := parseTree(source, s.config)
	if err != nil {
		return x, []*Fault{syntaxFault(err, source, offset)}
	}
	c := &descent{scope: s, view: view, offset: offset}
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

var (
	tokenEOF   = regexp.MustCompile(`^unexpected token EOF`)
	tokenOther = regexp.MustCompile(`(?s)^unexpected token \w+\((.*)\)$`)
)

// syntaxFault turns an error of expr into a fault: its place, and its message
// in the words of the rest.
func syntaxFault(err error, source string, offset int) *Fault {
	f := &Fault{Offset: offset + errorOffset(err, source)}
	message := err.Error()
	var e *file.Error
	if errors.As(err, &e) {
		message = e.Message
	}
	m := tokenOther.FindStringSubmatch(message)
	switch {
	case tokenEOF.MatchString(message) || message == "unexpected end of expression":
		f.Message, f.Cure = "the expression ends too early", "an operand or a closing bracket is missing"
	case m != nil:
		f.Message, f.Cure = unexpected(strings.Trim(m[1], `"`), source)
	case strings.Contains(message, "cannot be mixed"):
		f.Message, f.Cure = "`??` beside another operator", "put it in parentheses: `(a ?? b)`"
	case strings.Contains(message, "recognized character"):
		f.Message, f.Cure = "a character that no expression has: "+clip(message[strings.LastIndex(message, ":")+1:]), "put text in quotes"
	case strings.Contains(message, "value out of range"), strings.Contains(message, "literal is too large"):
		f.Message, f.Cure = "a number before this place is too large", "an int has 64 bits, a float too"
	case strings.HasPrefix(message, "expected at least"):
		f.Message, f.Cure = "an argument is missing", "a function over a list also needs what to do with each element, as in `filter(xs, # > 1)`"
	default:
		f.Message, f.Cure = clip120(message), "correct the expression"
	}
	return f
}

// unexpected words a token that stands where none can.
func unexpected(token, source string) (message, cure string) {
	message = fmt.Sprintf("`%s` cannot stand here", clip(token))
	switch token {
	case "=":
		return message, "compare with `==`"
	case "let", "if", "else":
		return message, "expressions have no statements: use `condition ? a : b`, or `vars` for a name"
	case "&", "|":
		return message, "write `" + token + token + "`"
	case ".":
		return message, "`.member` without a name before it needs a predicate, as in `filter(xs, .member == 1)`"
	case "#":
		return message, "`#` stands for the element in a predicate, as in `filter(xs, # > 1)`"
	}
	return message, "an operator, a comma or a bracket may be missing before it, or text may need quotes"
}

func clip120(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes(s) > 120 {
		return string([]rune(s)[:120]) + "…"
	}
	return s
}
