package binding

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

const (
	// maxMemory bounds what one evaluation allocates, in elements of lists.
	maxMemory = 4e6
	// maxSteps bounds how often the inner ones of nested predicates run in one
	// evaluation: expr's machine cannot be interrupted.
	maxSteps = 2e6
)

// Expr is a compiled expression. It can be evaluated by several goroutines.
type Expr struct {
	Source string
	Type   *Type // of the result, with its labels
	// Refs are the names that the expression depends on, each once, in the
	// order in which they stand: [steps gen kid]. A reference ends where its
	// members are no longer fixed: `steps.list.keys[0].kid` is [steps list keys].
	Refs [][]string

	program *vm.Program
	offset  int
	budget  bool // nested predicates count their steps
	secret  bool // an error's details could tell a secret
}

// Eval computes the expression. The environment holds the values of the scope's
// names: string, int, float64, bool, time.Duration, time.Time, []any,
// map[string]any, or nil for what is absent; it is not changed.
//
// The result is one of these too and fits Type: a null where Type is not
// Absent, an Inf or NaN, or a value of another kind is an error. Errors are
// *Fault; they never hold a secret.
func (x *Expr) Eval(env map[string]any) (v any, err error) {
	if x.program == nil {
		return nil, x.failed(0, "the expression has faults and cannot be evaluated")
	}
	defer func() {
		if r := recover(); r != nil {
			v, err = nil, x.failed(0, fmt.Sprint(r))
		}
	}()
	if x.budget {
		env = maps.Clone(env)
		if env == nil {
			env = make(map[string]any)
		}
		env[budgetName] = new(meter)
	}
	machine := vm.VM{MemoryBudget: maxMemory}
	v, err = machine.Run(x.program, env)
	if err != nil {
		at, message := 0, err.Error()
		var e *file.Error
		if errors.As(err, &e) {
			at, message = e.From, e.Message
		}
		return nil, x.failed(at, message)
	}
	v, err = x.Type.Decode(v)
	if err != nil {
		return nil, x.failed(0, "the result is "+err.Error())
	}
	return v, nil
}

// failed words an error of the evaluation.
func (x *Expr) failed(at int, message string) *Fault {
	f := &Fault{Offset: x.offset + min(at, runes(x.Source)), Cure: "correct the values it uses, or the expression"}
	switch {
	case x.secret:
		f.Message = "the expression failed; why is not shown, because it uses a secret"
	case strings.Contains(message, "<nil>"):
		f.Message = "a value that is read here is null: " + clip120(message)
	case strings.Contains(message, "divide by zero"):
		f.Message = "division by zero"
	case strings.Contains(message, "memory budget"):
		f.Message = "the expression makes more than it may: its lists are too long"
	case strings.Contains(message, "interface conversion"), strings.Contains(message, "reflect"):
		f.Message = "a value is not of the kind that was declared for it"
	default:
		f.Message = clip120(message)
	}
	return f
}

// meter wraps the inner ones of nested predicates so that they count, and
// reports whether there are any.
func (c *descent) meter() bool {
	for _, p := range c.inner {
		counter := &ast.IdentifierNode{Value: budgetName}
		counter.SetLocation(p.Location())
		p.Node = call(stepName, p.Location(), counter, p.Node)
	}
	return len(c.inner) > 0
}
