package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/rekey/runner/binding"
)

// Input is a value that a playbook asks for: its type and the rules that a
// value must keep.
type Input struct {
	Name        string
	Type        *binding.Type // never nil; Kind Invalid if a fault was reported
	Description string
	Default     any            // as Check gives it; nil with HasDefault: the input is optional
	HasDefault  bool           // without a default a value must be given
	Min, Max    *int64         // of an int; of a duration in nanoseconds
	Enum        []any          // the values allowed, as Check gives them; empty: any
	Pattern     *regexp.Regexp // of a string, which it must match as a whole
	Secret      bool
	Pos         Position // of its name

	pattern     string // as written
	patternSize int
}

// Parse reads a value from a text, as -i name=value, the environment or a
// file gives it: a string as it is, an int in decimal, true or false, a
// duration such as 90s or 1h30m, lists and objects as JSON. The value keeps
// the input's rules and has the form that Check gives. The error, a *Fault
// without a position, never holds the value of a secret.
func (in *Input) Parse(text string) (any, error) {
	value, err := in.read(text)
	if err == nil {
		value, err = in.check(value)
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (in *Input) read(text string) (any, *Fault) {
	switch in.Type.Kind {
	case binding.Int:
		if intForm.MatchString(text) {
			return json.Number(strings.TrimPrefix(text, "+")), nil
		}
	case binding.Bool:
		if text == "true" || text == "false" {
			return text == "true", nil
		}
	case binding.List, binding.Object:
		return in.readJSON(text)
	default:
		return text, nil
	}
	return nil, in.misfit(text, in.Type)
}

func (in *Input) readJSON(text string) (any, *Fault) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	err := d.Decode(&value)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("text follows the value")
	}
	if err == nil {
		return value, nil
	}
	problem := ""
	if !in.Secret {
		problem = ": " + err.Error()
	}
	return nil, &Fault{Message: "the input " + in.Name + ", " + article(in.Type) + ", is given as JSON, and this is none" + problem, Cure: "give " + example(in.Type) + ", in single quotes on a command line"}
}

// Check checks a value that came as JSON or YAML data (nil, bool, string, any
// Go integer, float64, json.Number, []any, map[string]any) and gives it as
// expressions see it: string, int, bool, time.Duration, []any,
// map[string]any; nil for an optional input. Inside an object numbers become
// int where they are whole, else float64. The error, a *Fault without a
// position, never holds the value of a secret.
func (in *Input) Check(v any) (any, error) {
	value, err := in.check(v)
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (in *Input) check(v any) (any, *Fault) {
	if v == nil {
		if in.HasDefault && in.Default == nil {
			return nil, nil
		}
		return nil, &Fault{Message: "the input " + in.Name + " is null", Cure: "give " + example(in.Type)}
	}
	value, err := in.convert(v, in.Type, 0)
	if err == nil {
		err = in.inBounds(value)
	}
	if err == nil {
		err = in.allowed(value)
	}
	return value, err
}

// convert gives v the form of the type, for a list each item.
func (in *Input) convert(v any, t *binding.Type, depth int) (any, *Fault) {
	if depth > maxDepth {
		return nil, &Fault{Message: "the input " + in.Name + " is nested deeper than 32 levels", Cure: "flatten it"}
	}
	v = number(v)
	switch x := v.(type) {
	case string:
		if !utf8.ValidString(x) || strings.ContainsRune(x, 0) {
			return nil, &Fault{Message: "the input " + in.Name + " is no text: it holds NUL or invalid UTF-8", Cure: "give UTF-8 text"}
		}
		if t.Kind == binding.Duration {
			if d, err := time.ParseDuration(x); err == nil {
				return d, nil
			}
		} else if t.Kind == binding.String || t.Kind == binding.Invalid {
			return x, nil
		}
	case bool:
		if t.Kind == binding.Bool || t.Kind == binding.Invalid {
			return x, nil
		}
	case int:
		if t.Kind == binding.Int || t.Kind == binding.Invalid {
			return x, nil
		}
	case time.Duration:
		if t.Kind == binding.Duration {
			return x, nil
		}
	case []any:
		if t.Kind == binding.List || t.Kind == binding.Invalid {
			return in.list(x, t, depth)
		}
	case map[string]any:
		if t.Kind == binding.Object || t.Kind == binding.Invalid {
			return in.object(x, depth)
		}
	case nil, float64:
		if t.Kind == binding.Invalid {
			return x, nil
		}
	}
	return nil, in.misfit(v, t)
}

func (in *Input) list(x []any, t *binding.Type, depth int) (any, *Fault) {
	elem := t.Elem
	if elem == nil {
		elem = &binding.Type{}
	}
	out := make([]any, len(x))
	for i, item := range x {
		var err *Fault
		if out[i], err = in.convert(item, elem, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// object converts the members of an object, whose types nobody declared.
func (in *Input) object(x map[string]any, depth int) (any, *Fault) {
	out := make(map[string]any, len(x))
	for key, member := range x {
		var err *Fault
		if out[key], err = in.convert(member, &binding.Type{}, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// number makes any Go integer and any whole json.Number an int, and any other
// number a float64. What does not fit stays as it is, and fits no type.
func number(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := strconv.Atoi(x.String()); err == nil {
			return n
		}
		if f, err := x.Float64(); err == nil && strings.ContainsAny(x.String(), ".eE") {
			return number(f)
		}
		return v
	case float64:
		// Beyond 2^53 a float64 no longer says which integer was meant.
		if x == math.Trunc(x) && math.Abs(x) <= 1<<53 {
			return int(x)
		}
		return v
	case time.Duration:
		return v
	}
	switch r := reflect.ValueOf(v); {
	case r.IsValid() && r.CanInt():
		return int(r.Int())
	case r.IsValid() && r.CanUint() && r.Uint() <= math.MaxInt:
		return int(r.Uint())
	}
	return v
}

// misfit says that a value is not of the type.
func (in *Input) misfit(v any, t *binding.Type) *Fault {
	shown := ""
	switch x := v.(type) {
	case string:
		shown = "a string"
		if !in.Secret {
			shown = quoted(x)
		}
	case bool:
		shown = "a bool"
	case int, float64, json.Number:
		shown = "a number"
		if !in.Secret {
			shown = fmt.Sprint(x)
		}
	case []any:
		shown = "a list"
	case map[string]any:
		shown = "an object"
	case nil:
		shown = "null"
	default:
		shown = fmt.Sprintf("a %T", v)
	}
	message := "the input " + in.Name + " must be " + article(t) + ", not " + shown
	if t != in.Type {
		message = "the input " + in.Name + " must be " + article(in.Type) + "; an item is " + shown
	}
	return &Fault{Message: message, Cure: "give " + example(in.Type)}
}

// inBounds checks min and max.
func (in *Input) inBounds(value any) *Fault {
	if in.Min == nil && in.Max == nil {
		return nil
	}
	show := func(n int64) string {
		if in.Type.Kind == binding.Duration {
			return time.Duration(n).String()
		}
		return strconv.FormatInt(n, 10)
	}
	n := reflect.ValueOf(value).Int()
	given := ""
	if !in.Secret {
		given = " (" + show(n) + ")"
	}
	switch {
	case in.Min != nil && n < *in.Min:
		return &Fault{Message: "the input " + in.Name + given + " is less than its minimum", Cure: "give at least " + show(*in.Min)}
	case in.Max != nil && n > *in.Max:
		return &Fault{Message: "the input " + in.Name + given + " is more than its maximum", Cure: "give at most " + show(*in.Max)}
	}
	return nil
}

// allowed checks enum and pattern.
func (in *Input) allowed(value any) *Fault {
	given := ""
	if text, ok := value.(string); ok && !in.Secret {
		given = " (" + quoted(text) + ")"
	}
	if len(in.Enum) > 0 && !slices.Contains(in.Enum, value) {
		names := make([]string, len(in.Enum))
		for i, v := range in.Enum {
			names[i] = fmt.Sprint(v)
		}
		cure := "give one of " + strings.Join(names, ", ")
		if text, ok := value.(string); len(names) > 5 && ok && !in.Secret {
			cure = candidates(text, names)
		}
		return &Fault{Message: "the input " + in.Name + given + " is none of the values allowed", Cure: cure}
	}
	if in.Pattern != nil && !in.Pattern.MatchString(value.(string)) {
		return &Fault{Message: "the input " + in.Name + given + " does not match its pattern", Cure: "give a text of the form " + in.pattern}
	}
	return nil
}

// article is the type's name in a sentence.
func article(t *binding.Type) string {
	if t.Kind == binding.Int || t.Kind == binding.Object {
		return "an " + t.String()
	}
	return "a " + t.String()
}

// example tells what a value of the type looks like.
func example(t *binding.Type) string {
	switch t.Kind {
	case binding.Int:
		return "a whole number in decimal of at most 64 bits, such as 730"
	case binding.Bool:
		return "true or false"
	case binding.Duration:
		return "a duration, such as 90s, 5m or 1h30m"
	case binding.List:
		return "a JSON list, such as [" + exampleItem(t.Elem) + "]"
	case binding.Object:
		return `a JSON object, such as {"key": "value"}`
	}
	return "a text"
}

func exampleItem(t *binding.Type) string {
	switch {
	case t == nil:
		return ""
	case t.Kind == binding.Int:
		return "1, 2"
	case t.Kind == binding.Bool:
		return "true"
	case t.Kind == binding.Duration:
		return `"90s", "5m"`
	case t.Kind == binding.List:
		return "[" + exampleItem(t.Elem) + "]"
	case t.Kind == binding.Object:
		return `{"key": "value"}`
	}
	return `"a", "b"`
}

// ReadInputs reads a file of input values, a YAML or JSON mapping of names,
// into plain data for [Input.Check]. Its errors are [Faults]; they hold keys,
// but no values.
func ReadInputs(file string, data []byte) (map[string]any, error) {
	root, faults := ParseDocument(file, data)
	if len(faults) > 0 {
		return nil, faults
	}
	if root.Kind != Map {
		faults.Add(root.Pos, "a file of inputs is a mapping of names, this is "+root.Kind.String(), "write 'name: value' for each input")
		return nil, faults.InFile(file)
	}
	return root.Any().(map[string]any), nil
}
