package binding

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Names that no playbook can write: identifiers of our own in compiled
// expressions.
const (
	divideName = "#divide"
	powerName  = "#power"
	stepName   = "#step"
	budgetName = "#budget"
)

// maxText bounds the text that join makes, in bytes.
const maxText = 1 << 20

// usage shows how each function of the language is called.
var usage = map[string]string{
	"all": "all(list, condition)", "any": "any(list, condition)", "none": "none(list, condition)", "one": "one(list, condition)",
	"count": "count(list, condition)", "filter": "filter(list, condition)", "find": "find(list, condition)", "map": "map(list, value)",
	"first": "first(list)", "last": "last(list)", "sortBy": "sortBy(list, value, \"desc\")", "sum": "sum(list, value)", "len": "len(list)",
	"min": "min(a, b)", "max": "max(a, b)", "join": "join(list, separator)", "split": "split(text, separator)",
	"upper": "upper(text)", "lower": "lower(text)", "trim": "trim(text)", "hasPrefix": "hasPrefix(text, prefix)", "hasSuffix": "hasSuffix(text, suffix)",
	"int": "int(text)", "string": "string(value)", "duration": "duration(\"90m\")",
}

// someFunctions are those that most playbooks can use, for messages; README
// has all.
const someFunctions = "such as `len`, `filter`, `find`, `map` or `join`"

// functionNames are sorted, for messages.
func functionNames() []string {
	return slices.Sorted(maps.Keys(usage))
}

// ownFunctions replace expr's where those depend on the machine, say too
// little, or return Go types that a result must not have.
var ownFunctions = map[string]func(args ...any) (any, error){
	"int":      libInt,
	"string":   libString,
	"duration": libDuration,
	"split":    libSplit,
	"join":     libJoin,
	"min":      func(args ...any) (any, error) { return extreme("min", args, func(c int) bool { return c < 0 }) },
	"max":      func(args ...any) (any, error) { return extreme("max", args, func(c int) bool { return c > 0 }) },
	divideName: libDivide,
	powerName:  libPower,
	stepName:   libStep,
}

var errKind = errors.New("a value is not of the kind that was declared for it")

func libInt(args ...any) (any, error) {
	switch v := args[0].(type) {
	case int:
		return v, nil
	case float64:
		// 2^63 is the first float past the largest int.
		if !(v > -(1<<63) && v < 1<<63) {
			return nil, errors.New("the number is too large for an int")
		}
		return int(v), nil
	case string:
		n, err := strconv.Atoi(v)
		if err != nil {
			return nil, fmt.Errorf("%q is no int", clip(v))
		}
		return n, nil
	}
	return nil, errKind
}

func libString(args ...any) (any, error) {
	switch v := args[0].(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), nil
	default:
		s, err := Text(v)
		if err != nil {
			return nil, errKind
		}
		return s, nil
	}
}

func libDuration(args ...any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, errKind
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, fmt.Errorf("%q is no duration", clip(s))
	}
	return d, nil
}

func libSplit(args ...any) (any, error) {
	text, ok := args[0].(string)
	sep, ok2 := args[1].(string)
	if !ok || !ok2 || !utf8.ValidString(text) {
		return nil, errKind
	}
	var list []any
	for _, s := range strings.Split(text, sep) {
		list = append(list, s)
	}
	return list, nil
}

func libJoin(args ...any) (any, error) {
	list, ok := args[0].([]any)
	sep := ""
	if len(args) == 2 {
		var isText bool
		sep, isText = args[1].(string)
		ok = ok && isText
	}
	if !ok {
		return nil, errKind
	}
	var b strings.Builder
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, errKind
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s)
		if b.Len() > maxText {
			return nil, fmt.Errorf("`join` makes more than %d bytes of text", maxText)
		}
	}
	return b.String(), nil
}

// extreme finds the value that beats all others: the first of equals.
func extreme(name string, args []any, better func(order int) bool) (any, error) {
	values := args
	if list, ok := args[0].([]any); ok && len(args) == 1 {
		values = list
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("`%s` of an empty list", name)
	}
	best := values[0]
	for _, v := range values[1:] {
		order, err := compare(v, best)
		if err != nil {
			return nil, err
		}
		if better(order) {
			best = v
		}
	}
	return best, nil
}

// compare orders two numbers, times or durations.
func compare(a, b any) (int, error) {
	switch a := a.(type) {
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b), nil
		}
	case time.Duration:
		if b, ok := b.(time.Duration); ok {
			return sign(a < b, a > b), nil
		}
	case int:
		if b, ok := b.(int); ok {
			return sign(a < b, a > b), nil
		}
	}
	x, ok := toFloat(a)
	y, ok2 := toFloat(b)
	if !ok || !ok2 {
		return 0, errKind
	}
	return sign(x < y, x > y), nil
}

func sign(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

func libDivide(args ...any) (any, error) {
	return finite(args, func(x, y float64) float64 { return x / y }, "division by zero")
}

func libPower(args ...any) (any, error) {
	return finite(args, math.Pow, "the power is no finite number")
}

// finite computes with floats and fails where the result is Inf or NaN: a
// comparison with one would hide it.
func finite(args []any, f func(x, y float64) float64, problem string) (any, error) {
	x, ok := toFloat(args[0])
	y, ok2 := toFloat(args[1])
	if !ok || !ok2 {
		return nil, errKind
	}
	r := f(x, y)
	if math.IsInf(r, 0) || math.IsNaN(r) {
		return nil, errors.New(problem)
	}
	return r, nil
}

// meter counts the steps of one evaluation.
type meter struct{ steps int }

func libStep(args ...any) (any, error) {
	m, ok := args[0].(*meter)
	if !ok {
		return nil, errKind
	}
	if m.steps++; m.steps > maxSteps {
		return nil, errors.New("the expression takes too many steps: its predicates nest over long lists")
	}
	return args[1], nil
}
