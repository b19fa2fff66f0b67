package view

import (
	"fmt"
	"io"
	"slices"
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
	var keys []string
	for _, k := range runner.StepKeys() {
		keys = append(keys, k.Name)
	}
	p.wrapped("Keys of every step: ", strings.Join(keys, ", "))
	p.line("\n`rekey steps TYPE` describes a type, `rekey steps --format markdown` all of them and the keys.")
	return p.to(w)
}

// StepsText is the reference of several step types, one below the other.
func StepsText(w io.Writer, types []*runner.Type) error {
	p := &page{}
	for i, t := range types {
		if i > 0 {
			p.line("")
		}
		p.step(t)
	}
	return p.to(w)
}

// step is the reference of one step type.
func (p *page) step(t *runner.Type) {
	p.printf("%s (%s)\n\n", t.Name, stepKind(t))
	p.wrapped("  ", t.Doc)
	if len(t.Inputs()) > 0 {
		p.line("\nInputs")
		p.fields("  ", t.Inputs(), inputNotes(t))
	}
	if len(t.Outputs()) > 0 {
		p.line("\nOutputs")
		p.fields("  ", t.Outputs(), outputNotes)
	}
	if notes := stepNotes(t); len(notes) > 0 {
		p.line("")
		for _, note := range notes {
			p.wrapped(fmt.Sprintf("%-14s", note.title), note.text)
		}
	}
	p.line("\nExample")
	for line := range strings.Lines(StepExample(t)) {
		p.line("  " + strings.TrimSuffix(line, "\n"))
	}
}

// stepKind says what a type is, in a word or two.
func stepKind(t *runner.Type) string {
	switch {
	case !t.Action():
		return "query"
	case t.Local:
		return "action on this machine"
	}
	return "action"
}

type note struct{ title, text string }

// stepNotes are what a reviewer must know of an action.
func stepNotes(t *runner.Type) []note {
	if !t.Action() {
		return nil
	}
	var out []note
	if t.Notice != "" {
		out = append(out, note{"Users notice", t.Notice})
	}
	if t.Caution != "" {
		out = append(out, note{"Caution", strings.ReplaceAll(t.Caution, "{owner}", "the owner")})
	}
	return append(out, note{"Undo", undoClass(t.Undo)})
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

func (p *page) fields(prefix string, fields []runner.Field, notes func(runner.Field) []string) {
	width := 0
	for _, f := range fields {
		width = max(width, len(f.Name))
	}
	for _, f := range fields {
		text := f.Doc + " (" + strings.Join(append([]string{typeName(f)}, notes(f)...), "; ") + ")"
		p.wrapped(fmt.Sprintf("%s%-*s  ", prefix, width, f.Name), text)
		if len(f.Fields) > 0 {
			p.fields(prefix+"    ", f.Fields, notes)
		}
	}
}

// inputNotes are the rules for the value of an input of the type: whether one
// must be given, and which.
func inputNotes(t *runner.Type) func(runner.Field) []string {
	return func(f runner.Field) (out []string) {
		group := slices.IndexFunc(t.OneOf(), func(names []string) bool { return slices.Contains(names, f.Name) })
		switch {
		case f.Default != nil:
			out = append(out, "default "+Value(f.Default))
		case f.Required:
			out = append(out, "required")
		case group >= 0:
			out = append(out, "exactly one of "+strings.Join(t.OneOf()[group], " and "))
		default:
			out = append(out, "optional")
		}
		if bounds := fieldBounds(f); bounds != "" {
			out = append(out, bounds)
		}
		if len(f.Enum) > 0 {
			out = append(out, "one of "+strings.Join(f.Enum, ", "))
		}
		if f.Secret {
			out = append(out, "secret")
		}
		return out
	}
}

// outputNotes are the labels of an output, which say what expressions may do
// with it.
func outputNotes(f runner.Field) (out []string) {
	if !f.Required {
		out = append(out, "may be absent")
	}
	if f.Assigned {
		out = append(out, "assigned")
	}
	return out
}

func fieldBounds(f runner.Field) string {
	switch {
	case f.Min != nil && f.Max != nil:
		return fmt.Sprintf("%d to %d", *f.Min, *f.Max)
	case f.Min != nil:
		return fmt.Sprintf("%d or more", *f.Min)
	case f.Max != nil:
		return fmt.Sprintf("%d at most", *f.Max)
	}
	return ""
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
