package view

import (
	"fmt"
	"strings"

	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
)

// StepExample is a step of the type as a playbook has it, an item of a YAML
// list: each required input with a value, and of a group the first. It is made
// from the fields, so that there is one for every type and none is wrong.
func StepExample(t *runner.Type) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- id: %s\n  %s:", exampleID(t.Name), t.Name)
	lines := exampleInputs(t)
	if len(lines) == 0 {
		b.WriteString(" {}")
	}
	for _, line := range lines {
		b.WriteString("\n    " + line)
	}
	return b.String() + "\n"
}

// exampleID is a short id for a step of the type.
func exampleID(name string) string {
	word, _, _ := strings.Cut(name, "_")
	if word == "sign" {
		return "cert"
	}
	return word
}

func exampleInputs(t *runner.Type) (lines []string) {
	grouped := map[string]bool{}
	for _, group := range t.OneOf() {
		for i, name := range group {
			grouped[name] = i == 0
		}
	}
	for _, f := range t.Inputs() {
		first, inGroup := grouped[f.Name]
		if first || !inGroup && f.Required {
			lines = append(lines, f.Name+": "+exampleValue(f))
		}
	}
	return lines
}

// exampleValue is a value as playbooks bind it. Of an object it has what is
// required, what is secret, and at least one member.
func exampleValue(f runner.Field) string {
	switch {
	case len(f.Fields) > 0 && f.Type.Kind == binding.List:
		return "[" + exampleMembers(f.Fields) + "]"
	case len(f.Fields) > 0:
		return exampleMembers(f.Fields)
	case f.Type.Kind == binding.List:
		f.Type = f.Type.Elem
		return "[" + exampleValue(f) + "]"
	case len(f.Enum) > 0:
		return f.Enum[0]
	case f.Type.Kind == binding.Int && f.Min != nil:
		return fmt.Sprint(*f.Min)
	case f.Type.Kind == binding.Int:
		return "1"
	case f.Type.Kind == binding.Bool:
		return "true"
	}
	return "$<inputs." + f.Name + ">"
}

func exampleMembers(fields []runner.Field) string {
	var members []string
	for i, f := range fields {
		if f.Required || f.Secret || i == 0 {
			members = append(members, f.Name+": "+exampleValue(f))
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}
