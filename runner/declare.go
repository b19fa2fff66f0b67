package runner

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// maxMatching bounds what it takes to hold the defaults against their patterns:
// the sizes of patterns times the lengths of texts.
const maxMatching = 10_000_000

// inputTypeNames are the types that are one word.
var inputTypeNames = []string{"string", "int", "bool", "duration", "object"}

// input reads the declaration of one input.
func (r *reader) input(e Entry) *Input {
	in := &Input{Name: e.Key.Value.(string), Type: &binding.Type{}, Pos: e.Key.Pos}
	r.name(e.Key)
	n := e.Value
	if n.Kind != Map {
		r.faults.Add(n.Pos, "an input is a mapping, this is "+n.Kind.String(), "write its type: {type: string}")
		return in
	}
	r.known(n, inputDocs.names())
	in.Description = r.text(n.Get("description"), "description")
	if s := n.Get("secret"); s != nil {
		if in.Secret, _ = s.Value.(bool); s.Kind != Bool {
			r.faults.Add(s.Pos, "secret is a bool, this is "+s.Kind.String(), "write true or false")
			in.Secret = true
		}
	}
	if t := n.Get("type"); t == nil {
		r.faults.Add(n.Pos, "the input "+quoted(in.Name)+" has no type", "add one of string, int, bool, duration, list(…), object")
	} else if text := r.text(t, "type"); t.Kind == String {
		in.Type = r.inputType(t, text, 0)
	}
	if in.Type.Kind != binding.Invalid {
		r.bounds(in, n)
		r.enum(in, n.Get("enum"))
		r.pattern(in, n.Get("pattern"))
	}
	r.defaultValue(in, n.Get("default"))
	return in
}

// inputType reads a type's name; from is where it begins in n's text.
func (r *reader) inputType(n *Node, text string, from int) *binding.Type {
	kinds := map[string]binding.Kind{"string": binding.String, "int": binding.Int, "bool": binding.Bool, "duration": binding.Duration, "object": binding.Object}
	if kind, ok := kinds[text]; ok {
		return &binding.Type{Kind: kind}
	}
	inner, isList := strings.CutPrefix(text, "list(")
	if inner, closed := strings.CutSuffix(inner, ")"); isList && closed && from < 25 {
		elem := r.inputType(n, inner, from+len("list("))
		if elem.Kind == binding.Invalid {
			return elem
		}
		return &binding.Type{Kind: binding.List, Elem: elem}
	}
	cure := "write string, int, bool, duration, list(…) or object"
	if text == "list" {
		cure = "say of what, such as list(string)"
	} else if len(text) <= 64 && len(binding.Suggest(text, inputTypeNames)) > 0 {
		cure = candidates(text, inputTypeNames)
	}
	r.faults.Add(n.At(from), quoted(text)+" is no type of an input", cure)
	return &binding.Type{}
}

// bounds reads min and max, of ints and durations.
func (r *reader) bounds(in *Input, n *Node) {
	for _, b := range []struct {
		key  string
		into **int64
	}{{"min", &in.Min}, {"max", &in.Max}} {
		v := n.Get(b.key)
		if v == nil {
			continue
		}
		if in.Type.Kind != binding.Int && in.Type.Kind != binding.Duration {
			r.faults.Add(v.Pos, b.key+" does not apply to "+in.Type.String(), "leave it out: int and duration have bounds")
			continue
		}
		value, err := in.convert(v.Any(), in.Type, 0)
		if err != nil {
			r.faults.Add(v.Pos, b.key+" must be "+article(in.Type), err.Cure)
			continue
		}
		*b.into = new(reflect.ValueOf(value).Int())
	}
	if in.Min != nil && in.Max != nil && *in.Min > *in.Max {
		r.faults.Add(n.Get("max").Pos, "max is less than min", "exchange them")
		in.Max = nil
	}
}

func (r *reader) enum(in *Input, n *Node) {
	switch {
	case n == nil:
		return
	case n.Kind != List || len(n.Items) == 0:
		r.faults.Add(n.Pos, "enum is a list of the values allowed", "write [a, b]")
		return
	case in.Type.Kind != binding.String && in.Type.Kind != binding.Int && in.Type.Kind != binding.Duration:
		r.faults.Add(n.Pos, "enum does not apply to "+in.Type.String(), "leave it out: string, int and duration have one")
		return
	}
	for _, item := range n.Items {
		value, err := in.convert(item.Any(), in.Type, 0)
		if err == nil {
			err = in.inBounds(value)
		}
		if err != nil {
			r.faults.Add(item.Pos, "a value of enum: "+err.Message, err.Cure)
			continue
		}
		in.Enum = append(in.Enum, value)
	}
}

func (r *reader) pattern(in *Input, n *Node) {
	if n == nil {
		return
	}
	text := r.text(n, "pattern")
	switch {
	case n.Kind != String:
		return
	case in.Type.Kind != binding.String:
		r.faults.Add(n.Pos, "pattern does not apply to "+in.Type.String(), "leave it out: strings have one")
		return
	}
	if len(text) > binding.MaxPattern {
		r.faults.Add(n.Pos, "pattern is too large", "shorten it")
		return
	}
	// Parsed by itself first: wrapping would make a(b)|c out of nonsense
	// such as a)|(b.
	size, err := binding.PatternSize(text)
	r.patterns += size
	switch {
	case err != nil:
		problem := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		r.faults.Add(n.Pos, "pattern is no regular expression: "+problem, "write RE2 syntax, without lookaround and back-references; in YAML, single quotes keep backslashes")
		return
	case size > binding.MaxPattern || r.patterns > binding.MaxPatterns:
		r.faults.Add(n.Pos, "pattern is too large, by itself or with those before it", "repeat less: {1000} stands for a thousand copies")
		return
	}
	in.pattern, in.patternSize = text, size
	in.Pattern = regexp.MustCompile(`\A(?:` + text + `)\z`)
}

// defaultValue reads the default, which must keep the input's own rules. It
// is a literal: to compute one, a var is the place.
func (r *reader) defaultValue(in *Input, n *Node) {
	if n == nil {
		return
	}
	switch {
	case n.Kind == Null:
		in.HasDefault = true
		return
	case in.Secret:
		r.faults.Add(n.Pos, "a secret has a literal default", "write default: null to make it optional, and give the value when running")
		return
	case in.Type.Kind == binding.Invalid:
		return
	case mentionsExpression(n):
		r.faults.Add(n.Pos, "a default is not expanded, and this one holds $<", "write a literal, and compute from it under vars")
		return
	}
	if text, ok := n.Value.(string); ok && in.Pattern != nil {
		if r.matching += in.patternSize * len(text); r.matching > maxMatching {
			r.faults.Add(n.Pos, "the default is too long to be held against its pattern", "shorten it, or leave the pattern out")
			return
		}
	}
	value, err := in.check(n.Any())
	if err != nil {
		r.faults.Add(in.misfitting(n, in.Type).Pos, "the default does not fit: "+err.Message, err.Cure)
		return
	}
	in.Default, in.HasDefault = value, true
}

// misfitting is the first item in n that is not of the type, or n itself.
func (in *Input) misfitting(n *Node, t *binding.Type) *Node {
	if n.Kind != List || t.Kind != binding.List {
		return n
	}
	for _, item := range n.Items {
		if _, err := in.convert(item.Any(), t.Elem, 0); err != nil {
			return in.misfitting(item, t.Elem)
		}
	}
	return n
}

func mentionsExpression(n *Node) bool {
	text, _ := n.Value.(string)
	return strings.Contains(text, "$<") || slices.ContainsFunc(n.Items, mentionsExpression) ||
		slices.ContainsFunc(n.Entries, func(e Entry) bool { return mentionsExpression(e.Value) })
}
