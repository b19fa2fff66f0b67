package runner

import (
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// What a text must look like to be one expression, to hold one, to hold none,
// and to hold more than blanks. These are necessary conditions for what
// binding.Scan finds; RE2 and ECMAScript read them alike.
const (
	wholeForm  = `^\$<[\s\S]*>[\r\n]*$`
	holdsForm  = `(^|[^$])\$<`
	noneForm   = `^([^$]|\$+[^$<])*\$*$`
	filledForm = `\S`

	wholeCure = "write an expression: $<…>"
)

// A duration as time.ParseDuration reads it, and one without a sign.
const (
	durationUnits = `(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+`
	durationForm  = `^[-+]?(0|` + durationUnits + `)$`
	durationCure  = "write a duration, such as 90s, 5m or 1h30m"
)

// formSchema is a text of a form; cure tells what it must be.
func formSchema(form, cure string) ordered {
	return ordered{{"type", "string"}, {"pattern", form}, {"patternErrorMessage", cure}}
}

// filled is a text that is not blank.
func filled(what string) ordered { return formSchema(filledForm, "write "+what) }

func durationSchema() ordered { return formSchema(durationForm, durationCure) }

// positiveDuration is a duration that is more than none: a digit in it is.
func positiveDuration() ordered {
	return ordered{{"type", "string"}, {"pattern", `^\+?` + durationUnits + `$`}, {"patternErrorMessage", durationCure},
		{"allOf", []ordered{{{"pattern", "[1-9]"}, {"patternErrorMessage", "write a duration of more than none"}}}}}
}

// condition is a bool or an expression.
func condition(doc string) ordered {
	s := ordered{{"type", []string{"boolean", "string"}}, {"pattern", wholeForm}, {"patternErrorMessage", wholeCure}}
	if doc != "" {
		s = append(ordered{{"title", "condition"}, {"description", doc}}, s...)
	}
	return s
}

// oneOrMore is a list, or its item if there is but one.
func oneOrMore(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// membersSchema describes fields as properties, and lists those that must be
// given. One of a group counts as not given without a value.
func membersSchema(fields []Field, grouped []string) (properties ordered, required []string) {
	properties, required = ordered{}, []string{}
	for i := range fields {
		f := &fields[i]
		inGroup := slices.Contains(grouped, f.Name)
		properties = append(properties, member{f.Name, fieldSchema(f, inGroup)})
		if f.Required {
			required = append(required, f.Name)
		}
	}
	return properties, required
}

// fieldSchema describes an input of a step type.
func fieldSchema(f *Field, inGroup bool) ordered {
	doc := f.Doc
	if f.Secret {
		doc += "; a secret, so never written here, but given by an input with secret: true"
	}
	s := ordered{{"description", doc}}
	value := *f
	value.Required = f.Required || inGroup
	s = append(s, valueSchema(&value)...)
	if f.Default != nil {
		s = append(s, member{"default", f.Default})
	}
	return s
}

// valueSchema is what may be written for a field: a literal, or an expression.
func valueSchema(f *Field) ordered {
	types, rules := literalRules(f)
	// Outside of texts, an expression must be the whole value.
	if f.Type.Kind != binding.String || f.Secret {
		form, cure := wholeForm, wholeCure
		if types != nil {
			cure = "write " + f.Type.Article() + ", or an expression: $<…>"
		}
		if f.Type.Kind == binding.String {
			form, cure = holdsForm, "a secret is never written here: "+wholeCure
		}
		rules = append(rules, member{"pattern", form}, member{"patternErrorMessage", cure})
	}
	if !slices.Contains(types, "string") {
		types = append(types, "string")
	}
	if !f.Required {
		types = append(types, "null")
	}
	return append(ordered{{"type", oneOrMore(types)}}, rules...)
}

// literalRules are the JSON types of a field's literals, and their rules. Of a
// secret, a duration and a time there are none.
func literalRules(f *Field) (types []string, rules ordered) {
	kind := f.Type.Kind
	switch {
	case kind == binding.List:
		rules = ordered{{"items", valueSchema(f.item())}}
		if f.Required {
			rules = append(rules, member{"minItems", 1})
		}
		return []string{"array"}, rules
	case kind == binding.Object:
		properties, required := membersSchema(f.Fields, nil)
		return []string{"object"}, ordered{{"properties", properties}, {"required", required}, {"additionalProperties", false}}
	case f.Secret:
		return nil, nil
	case kind == binding.String && len(f.Enum) > 0:
		return nil, ordered{{"anyOf", []ordered{{{"enum", f.Enum}},
			{{"pattern", holdsForm}, {"patternErrorMessage", "write one of " + strings.Join(f.Enum, ", ") + ", or an expression: $<…>"}}}}}
	case kind == binding.String && f.Required:
		return nil, filled("a value")[1:]
	case kind == binding.Bool:
		return []string{"boolean"}, nil
	case kind == binding.Int:
		if f.Min != nil {
			rules = append(rules, member{"minimum", *f.Min})
		}
		if f.Max != nil {
			rules = append(rules, member{"maximum", *f.Max})
		}
		return []string{"integer"}, rules
	}
	return nil, nil
}

// The values that input types take. A default is a literal.
var (
	noExpression = ordered{{"pattern", noneForm}, {"patternErrorMessage", "a default is not expanded: write a literal, and compute from it under vars"}}
	inputValues  = []struct {
		name    string
		value   ordered // of default
		bounds  ordered // of min and max; nil: it has none
		enum    bool
		pattern bool
	}{
		{"string", append(ordered{{"type", "string"}}, noExpression...), nil, true, true},
		{"int", ordered{{"type", "integer"}}, ordered{{"type", "integer"}}, true, false},
		{"bool", ordered{{"type", "boolean"}}, nil, false, false},
		{"duration", durationSchema(), durationSchema(), true, false},
		{"object", ordered{{"type", "object"}, {"additionalProperties", ref("literal")}}, nil, false, false},
	}
)

// literalSchema is a value without an expression in it.
func literalSchema() ordered {
	return append(ordered{{"title", "literal"}, {"description", "a value without expressions"}, {"items", ref("literal")}, {"additionalProperties", ref("literal")}}, noExpression...)
}

// input is the declaration of an input: its keys, and what each type makes of
// them.
func (w *schemaWriter) input() ordered {
	var names, lists []string
	var rules []ordered
	for _, t := range inputValues {
		names, lists = append(names, t.name), append(lists, "list("+t.name+")")
		keys := ordered{{"default", orNull(t.value)}}
		for _, name := range []string{"min", "max"} {
			keys = append(keys, member{name, orRefused(t.bounds)})
		}
		enum := ordered{{"type", "array"}, {"minItems", 1}, {"items", t.value}}
		if t.name == "string" {
			enum = ordered{{"type", "array"}, {"minItems", 1}, {"items", ordered{{"type", "string"}}}}
		} else if !t.enum {
			enum = nil
		}
		keys = append(keys, member{"enum", orRefused(enum)})
		if !t.pattern {
			keys = append(keys, member{"pattern", false})
		}
		rules = append(rules, when("type", ordered{{"const", t.name}}, keys),
			when("type", ordered{{"const", "list(" + t.name + ")"}}, ordered{{"default", ordered{{"items", t.value}}}}))
	}
	rules = append(rules,
		when("type", ordered{{"pattern", `^list\(`}}, ordered{{"default", ordered{{"type", []string{"array", "null"}}}},
			{"min", false}, {"max", false}, {"enum", false}, {"pattern", false}}),
		when("type", ordered{{"pattern", `^list\(list\(`}}, ordered{{"default", ordered{{"items", ordered{{"type", "array"}, {"items", ref("literal")}}}}}}),
		when("secret", ordered{{"const", true}}, ordered{{"default", ordered{{"type", "null"}, {"errorMessage", "a secret has no literal default; null makes it optional"}}}}))
	return ordered{
		{"title", "input"},
		{"description", "an input: its type, and the rules that a value must keep"},
		{"type", "object"},
		{"properties", w.properties(inputDocs, map[string]ordered{
			"type":        {{"type", "string"}, {"anyOf", []ordered{{{"enum", slices.Concat(names, lists)}}, {{"pattern", nestedLists(names)}}}}},
			"description": {{"type", "string"}},
			"default":     {},
			"min":         {{"type", []string{"integer", "string"}}},
			"max":         {{"type", []string{"integer", "string"}}},
			"enum":        {{"type", "array"}, {"minItems", 1}},
			"pattern":     {{"type", "string"}},
			"secret":      {{"type", "boolean"}},
		})},
		{"required", []string{"type"}},
		{"additionalProperties", false},
		{"allOf", rules},
	}
}

// when gives rules to the keys of a mapping in which key is as test says.
func when(key string, test ordered, keys ordered) ordered {
	return ordered{
		{"if", ordered{{"properties", ordered{{key, test}}}, {"required", []string{key}}}},
		{"then", ordered{{"properties", keys}}},
	}
}

// orNull is a schema whose type, its first member, may be null as well.
func orNull(s ordered) ordered {
	return append(ordered{{"type", []string{s[0].value.(string), "null"}}}, s[1:]...)
}

// orRefused is the schema, or one that nothing fits.
func orRefused(s ordered) any {
	if s == nil {
		return false
	}
	return s
}

// nestedLists is the form of the types that are lists of lists, as deep as the
// parser reads them.
func nestedLists(names []string) string {
	form := "(" + strings.Join(names, "|") + ")"
	all := form
	for range maxListDepth {
		form = `list\(` + form + `\)`
		all += "|" + form
	}
	return "^(" + all + ")$"
}
