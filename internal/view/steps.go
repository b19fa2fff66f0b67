package view

import (
	"fmt"
	"io"
	"strings"

	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
)

// StepList lists the step types: the actions, then the queries.
func StepList(w io.Writer, c *runner.Catalogue) error {
	var p page
	for _, group := range []struct {
		title  string
		action bool
	}{{"Actions make at most one write each and can be undone as far as the org allows:", true}, {"Queries only read:", false}} {
		p.line(group.title)
		var rows [][]string
		for _, name := range c.Names() {
			if t := c.Type(name); t.Action() == group.action {
				rows = append(rows, []string{name, FirstSentence(t.Doc)})
			}
		}
		p.table("  ", rows)
		p.line("")
	}
	p.line("`rekey steps TYPE` describes one.")
	return p.to(w)
}

// StepText is the reference of one step type.
func StepText(w io.Writer, t *runner.Type) error {
	p := &page{}
	kind := "query"
	if t.Action() {
		kind = "action"
	}
	p.printf("%s (%s)\n\n", t.Name, kind)
	p.wrapped("  ", t.Doc)
	p.line("\nInputs")
	for _, group := range t.OneOf() {
		p.line("  exactly one of " + strings.Join(group, " and ") + ":")
	}
	p.fields("  ", t.Inputs())
	if len(t.Outputs()) > 0 {
		p.line("\nOutputs")
		p.fields("  ", t.Outputs())
	}
	if t.Action() {
		p.line("")
		if t.Notice != "" {
			p.wrapped("Users notice  ", t.Notice)
		}
		if t.Caution != "" {
			p.wrapped("Caution       ", strings.NewReplacer("{owner}", "the owner").Replace(t.Caution))
		}
		p.line("Undo          " + undoClass(t.Undo))
	}
	p.line("\nExample")
	p.printf("  - id: %s\n    %s:\n", exampleID(t.Name), t.Name)
	p.example("      ", t)
	return p.to(w)
}

func undoClass(u runner.UndoClass) string {
	switch u {
	case runner.UndoExact:
		return "exact: the state before comes back"
	case runner.UndoStays:
		return "something harmless stays, and is listed"
	}
	return "irreversible: nothing brings it back"
}

func (p *page) fields(prefix string, fields []runner.Field) {
	width := 0
	for _, f := range fields {
		width = max(width, len(f.Name))
	}
	for _, f := range fields {
		text := f.Doc
		if notes := notes(f); len(notes) > 0 {
			text += " (" + strings.Join(notes, "; ") + ")"
		}
		p.wrapped(fmt.Sprintf("%s%-*s  ", prefix, width, f.Name), text)
		if len(f.Fields) > 0 {
			p.fields(prefix+"    ", f.Fields)
		}
	}
}

// notes are what a field's documentation adds to its meaning.
func notes(f runner.Field) []string {
	out := []string{typeName(f)}
	switch {
	case f.Default != nil:
		out = append(out, "default "+Value(f.Default))
	case !f.Required:
		out = append(out, "optional")
	}
	switch {
	case f.Min != nil && f.Max != nil:
		out = append(out, fmt.Sprintf("%d to %d", *f.Min, *f.Max))
	case f.Min != nil:
		out = append(out, fmt.Sprintf("%d or more", *f.Min))
	case f.Max != nil:
		out = append(out, fmt.Sprintf("%d at most", *f.Max))
	}
	if len(f.Enum) > 0 {
		out = append(out, "one of "+strings.Join(f.Enum, ", "))
	}
	if f.Secret {
		out = append(out, "secret")
	}
	if f.Assigned {
		out = append(out, "assigned")
	}
	return out
}

func typeName(f runner.Field) string {
	switch {
	case f.Type.Kind == binding.Object:
		return "object"
	case f.Type.Kind == binding.List && f.Type.Elem != nil && f.Type.Elem.Kind == binding.Object:
		return "list of objects"
	}
	return f.Type.String()
}

// exampleID is a short id for a step of the type.
func exampleID(name string) string {
	word, _, _ := strings.Cut(name, "_")
	if word == "sign" {
		return "cert"
	}
	return word
}

// example gives each required input a value as playbooks bind it, and of a
// group the first.
func (p *page) example(prefix string, t *runner.Type) {
	grouped := map[string]bool{}
	for _, group := range t.OneOf() {
		for i, name := range group {
			grouped[name] = i == 0
		}
	}
	for _, f := range t.Inputs() {
		if first, ok := grouped[f.Name]; ok && !first || !ok && !f.Required {
			continue
		}
		p.line(prefix + f.Name + ": " + exampleValue(f))
	}
}

func exampleValue(f runner.Field) string {
	switch {
	case len(f.Fields) > 0:
		var members []string
		for i, m := range f.Fields {
			if m.Required || m.Secret || i == 0 {
				members = append(members, m.Name+": "+exampleValue(m))
			}
		}
		return "{" + strings.Join(members, ", ") + "}"
	case f.Type.Kind == binding.Int && f.Min != nil:
		return fmt.Sprint(*f.Min)
	case f.Type.Kind == binding.Int:
		return "1"
	case f.Type.Kind == binding.Bool:
		return "true"
	case f.Type.Kind == binding.List:
		return "[$<inputs." + f.Name + ">]"
	}
	return "$<inputs." + f.Name + ">"
}

// Playbook is a playbook in a list.
type Playbook struct{ Name, Version, Description string }

// Playbooks lists playbooks with the first sentence of their descriptions.
func Playbooks(w io.Writer, list []Playbook) error {
	var p page
	width := 0
	for _, pb := range list {
		width = max(width, len(pb.Name)+1+len(pb.Version))
	}
	for _, pb := range list {
		p.wrapped(fmt.Sprintf("%-*s  ", width, pb.Name+" "+pb.Version), FirstSentence(pb.Description))
	}
	p.line("\n`rekey playbooks NAME` prints one; `rekey check`, `plan` and `run` take it by its name.")
	return p.to(w)
}
