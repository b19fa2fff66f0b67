package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// Schema is a JSON Schema of playbooks whose steps are of the catalogue's
// types, indented, the same bytes for the same catalogue. It is made from what
// the checker works by: the tables of the language's keys and the fields of
// the step types. An error is a key of the language that it cannot describe.
//
// An editor that reads it completes keys and values and marks what cannot be
// right. Whether an expression is one, what its type is, whether ids are unique
// and everything else that takes more than the shape of one value is left to
// [Check]: a playbook that the schema refuses, Check refuses; not the reverse.
//
// The schema is of draft 7 (json-schema.org, draft-07). It says all that can be
// said here, and yaml-language-server, by which most editors read YAML, follows
// it most faithfully. Rules stand flat in one object where they can, and
// alternatives only where they must: an editor then names the key at fault
// and not the alternatives that all failed. The members enumDescriptions,
// errorMessage, markdownDescription and patternErrorMessage are the editors'
// own, which other readers ignore.
func Schema(c *Catalogue) ([]byte, error) {
	w := &schemaWriter{}
	root := w.playbook()
	root = append(root, member{"definitions", ordered{
		{"step", w.step(c)},
		{"ignore", ignoreSchema()},
		{"input", w.input()},
		{"condition", condition("a condition: a bool, or an expression that yields one")},
		{"literal", literalSchema()},
	}})
	if w.err != nil {
		return nil, w.err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// ordered is a JSON object whose members keep their order: editors insert what
// is required in the order of the schema.
type ordered []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, m := range o {
		b.WriteByte("{,"[min(i, 1)])
		if err := enc.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
	}
	if len(o) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func ref(definition string) ordered { return ordered{{"$ref", "#/definitions/" + definition}} }

// schemaWriter writes the parts of the schema and remembers the first error.
type schemaWriter struct{ err error }

// properties describes keys of the language; rules says what each may hold.
func (w *schemaWriter) properties(docs keyDocs, rules map[string]ordered) ordered {
	out := ordered{}
	for _, key := range docs {
		rule, ok := rules[key.name]
		if !ok && w.err == nil {
			w.err = fmt.Errorf("the schema has no rule for the key %s", key.name)
		}
		out = append(out, member{key.name, append(ordered{{"description", key.doc}}, rule...)})
	}
	return out
}

func (w *schemaWriter) playbook() ordered {
	return ordered{
		{"$schema", "http://json-schema.org/draft-07/schema#"},
		{"$comment", "printed by rekey schema"},
		{"title", "rekey playbook"},
		{"description", "a playbook for rekey, which rotates the SAML signing keys of an Okta org"},
		{"type", "object"},
		{"properties", w.properties(playbookDocs, map[string]ordered{
			"rekey":       {{"type", "integer"}, {"enum", []int{1}}, {"default", 1}},
			"playbook":    formSchema(playbookForm.String(), "write lower-case letters, digits and hyphens, such as rotate-app-key"),
			"version":     append(formSchema(semverForm.String(), "write a semantic version of three numbers, such as 1.0.0"), member{"default", "1.0.0"}),
			"description": {{"type", "string"}},
			"inputs":      namesSchema(ref("input")),
			"vars":        append(namesSchema(ordered{}), member{"maxProperties", maxVars}),
			"on_failure": {{"type", "string"}, {"enum", []string{"rollback", "keep"}}, {"default", "rollback"},
				{"enumDescriptions", []string{"undo the steps that are done", "leave the steps that are done"}}},
			"ignore":  ignored,
			"steps":   stepsSchema(),
			"outputs": namesSchema(ordered{}),
		})},
		{"required", []string{"rekey", "playbook", "version", "steps"}},
		{"additionalProperties", false},
	}
}

// namesSchema is a mapping from names, as expressions use them, to values. A
// key without anything below is an empty one.
func namesSchema(value ordered) ordered {
	return ordered{{"type", []string{"object", "null"}}, {"propertyNames", nameSchema()}, {"additionalProperties", value}}
}

// nameSchema is a name that expressions use; taken are those it cannot be.
func nameSchema(taken ...string) ordered {
	return append(formSchema(nameForm.String(), "write a lower-case letter, then up to 62 of a-z, 0-9 and _"),
		member{"not", ordered{{"enum", slices.Concat(exprKeywords, taken)}}})
}

func stepsSchema() ordered {
	return ordered{{"type", "array"}, {"items", ref("step")}, {"minItems", 1}}
}

func ignoreSchema() ordered {
	warnings := ordered{}
	for _, warning := range Warnings() {
		about := ordered{{"description", warning.Summary + "; the value is the reason to ignore it"}, {"markdownDescription", warning.Explain}}
		warnings = append(warnings, member{warning.Name, append(about, filled("the reason")...)})
	}
	return ordered{{"title", "ignore"}, {"properties", warnings}, {"additionalProperties", false}}
}

// ignored refers to that, with its type at hand: editors insert by it.
var ignored = ordered{{"type", []string{"object", "null"}}, {"allOf", []ordered{ref("ignore")}}}

// step is a step of any type, or a block.
func (w *schemaWriter) step(c *Catalogue) ordered {
	properties := w.properties(stepDocs, w.stepRules())
	var what []ordered
	for _, name := range append(c.Names(), "steps") {
		if t := c.Type(name); t != nil {
			properties = append(properties, member{name, typeSchema(t)})
		}
		what = append(what, ordered{{"required", []string{name}},
			{"errorMessage", "a step has one step type as a key, with its inputs below, or steps"}})
	}
	return ordered{
		{"title", "step"},
		{"description", "a step: an id and one step type with its inputs below it, or a block of steps"},
		{"type", "object"},
		{"properties", properties},
		{"required", []string{"id"}},
		{"additionalProperties", false},
		{"oneOf", what},
		{"dependencies", stepDependencies()},
	}
}

// stepDependencies are the rules between the keys of a step. What stands for a
// key that is not given is said here, under for_each: elsewhere, editors would
// write it into every new step.
func stepDependencies() ordered {
	out := ordered{{"for_each", ordered{{"required", []string{"as"}}, {"properties", ordered{
		{"key", ordered{{"default", "id"}}}, {"concurrency", ordered{{"default", 1}}}, {"max_failures", ordered{{"default", 0}}},
	}}}}}
	for _, key := range loopKeys {
		out = append(out, member{key, []string{"for_each"}})
	}
	refused := ordered{}
	for _, key := range tryKeys {
		refused = append(refused, member{key, false})
	}
	return append(out, member{"steps", ordered{{"properties", refused},
		{"errorMessage", strings.Join(tryKeys, " and ") + " belong to the steps of a block, not to the block"}}})
}

func (w *schemaWriter) stepRules() map[string]ordered {
	return map[string]ordered{
		"id":   nameSchema(),
		"name": {{"type", "string"}},
		"if":   condition(""),
		"assert": {{"type", []string{"boolean", "string", "array"}}, {"items", ref("condition")}, {"minItems", 1},
			{"pattern", wholeForm}, {"patternErrorMessage", wholeCure}},
		"retry": {{"type", "object"}, {"properties", w.properties(retryDocs, map[string]ordered{
			"attempts":  {{"type", "integer"}, {"minimum", 2}, {"maximum", maxAttempts}},
			"delay":     positiveDuration(),
			"max_delay": positiveDuration(),
		})}, {"required", []string{"attempts"}}, {"additionalProperties", false}},
		"timeout":  positiveDuration(),
		"rollback": {{"type", "string"}, {"enum", []string{"skip"}}},
		"ignore":   ignored,
		"for_each": {{"type", []string{"array", "string"}}, {"minItems", 1}, {"items", ordered{{"type", []string{"string", "integer", "object"}}}},
			{"pattern", wholeForm}, {"patternErrorMessage", "write a list, or an expression: $<…>"}},
		"as":          nameSchema(binding.TakenNames()...),
		"key":         formSchema(memberForm.String(), "write the name of a member"),
		"concurrency": {{"type", "integer"}, {"minimum", 1}, {"maximum", maxConcurrency}},
		"batches": {{"type", "array"}, {"minItems", 1}, {"items", ordered{{"type", []string{"integer", "string"}}, {"minimum", 1}, {"maximum", math.MaxInt32},
			{"pattern", percentForm.String()}, {"patternErrorMessage", "write a number, or a percentage from 1% to 100%"}}}},
		"max_failures": {{"type", "integer"}, {"minimum", 0}, {"maximum", math.MaxInt32}},
		"steps":        stepsSchema(),
	}
}

// typeSchema is what stands below a step type's key.
func typeSchema(t *Type) ordered {
	grouped := slices.Concat(t.oneOf...)
	kind := []string{"object"}
	properties, required := membersSchema(t.in, grouped)
	if len(required)+len(grouped) == 0 {
		kind = append(kind, "null")
	}
	s := ordered{
		{"title", t.Name},
		{"description", t.Doc},
		{"markdownDescription", markdownDoc(t)},
		{"type", oneOrMore(kind)},
		{"properties", properties},
		{"required", required},
		{"additionalProperties", false},
	}
	if len(t.oneOf) == 0 {
		return s
	}
	var groups []ordered
	for _, group := range t.oneOf {
		groups = append(groups, exactlyOneOf(group))
	}
	return append(s, member{"allOf", groups})
}

// exactlyOneOf wants one input of the group. It is said in two parts, so that
// an editor marks the one too many.
func exactlyOneOf(group []string) ordered {
	message := member{"errorMessage", "give exactly one of " + strings.Join(group, " and ")}
	var one []ordered
	alone := ordered{}
	for _, name := range group {
		one = append(one, ordered{{"required", []string{name}}, message})
		others := ordered{}
		for _, other := range group {
			if other != name {
				others = append(others, member{other, false})
			}
		}
		alone = append(alone, member{name, ordered{{"properties", others}, message}})
	}
	return ordered{{"anyOf", one}, {"dependencies", alone}}
}

// markdownDoc is what an editor shows of a step type.
func markdownDoc(t *Type) string {
	kind := "A query: it only reads."
	if t.action {
		kind = "An action; its undo is " + string(t.Undo) + "."
	}
	text := t.Doc + "\n\n" + kind
	for _, note := range []struct{ title, text string }{{"Users notice", t.Notice}, {"Caution", t.Caution}} {
		if note.text != "" {
			text += "\n\n**" + note.title + ":** " + strings.ReplaceAll(note.text, "{owner}", "the owner") + "."
		}
	}
	return text
}
