package view

import (
	"io"
	"strings"

	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
)

// StepsMarkdown is the reference of step types as a Markdown page. Of one type
// it is that type's part of the page.
func StepsMarkdown(w io.Writer, types []*runner.Type) error {
	p := &page{}
	if len(types) == 1 {
		p.markdownStep("#", types[0])
		return p.to(w)
	}
	p.WriteString(referenceHead)
	p.line("\n## Keys of a step\n\nBeside its step type, or `steps` in place of one, a step has these keys; all but `id` may be left out.\n")
	p.line("| Key | Meaning |\n| --- | --- |")
	for _, k := range runner.StepKeys() {
		p.line("| `" + k.Name + "` | " + cell(k.Doc) + " |")
	}
	for _, group := range []struct {
		title  string
		action bool
	}{{"Actions", true}, {"Queries", false}} {
		p.line("\n## " + group.title + "\n")
		var list []*runner.Type
		for _, t := range types {
			if t.Action() == group.action {
				list = append(list, t)
				p.line("- [`" + t.Name + "`](#" + t.Name + "): " + cell(FirstSentence(t.Doc)))
			}
		}
		for _, t := range list {
			p.line("")
			p.markdownStep("###", t)
		}
	}
	return p.to(w)
}

const referenceHead = `# Step types

What a step of a playbook can do. ` + "`rekey steps --format markdown`" + ` prints this page, and with a type behind
` + "`steps`" + ` the part about that.

- An **action** makes at most one write, a **query** only reads.
- Wherever an input has a value, an expression ` + "`$<…>`" + ` may stand that yields one.
- A **secret** is given by an input with ` + "`secret: true`" + `, never by a literal, and enters no record.
- An **assigned** output is made up by Okta or the CA during the run: a plan can only stand for it, so it can be used as
  it is, within a text, and with ` + "`==`, `!=` and `in`" + `.
- An output that **may be absent** is used with ` + "`?.` or `??`" + `.
- **Undo** is what a rollback can do about an action: ` + "*exact*" + ` means that the state before comes back, ` + "*stays*" + ` that
  something harmless stays, ` + "*irreversible*" + ` that something is gone for good.
`

func (p *page) markdownStep(heading string, t *runner.Type) {
	p.line(heading + " " + t.Name + "\n")
	about := "A query."
	if t.Action() {
		about = "An " + stepKind(t) + "; undo: *" + string(t.Undo) + "*."
	}
	p.line(about + " " + prose(t.Doc))
	p.markdownFields([]string{"Input", "Type", "Rules", "Meaning"}, t.Inputs(), inputNotes(t))
	p.markdownFields([]string{"Output", "Type", "Labels", "Meaning"}, t.Outputs(), outputNotes)
	for _, note := range stepNotes(t) {
		p.line("\n**" + note.title + ":** " + prose(note.text) + ".")
	}
	p.line("\n```yaml")
	p.WriteString(StepExample(t))
	p.line("```")
}

// markdownFields is a table of fields; members of objects stand below them,
// with the path to them.
func (p *page) markdownFields(head []string, fields []runner.Field, notes func(runner.Field) []string) {
	if len(fields) == 0 {
		return
	}
	p.line("\n| " + strings.Join(head, " | ") + " |")
	p.line("|" + strings.Repeat(" --- |", len(head)))
	p.markdownRows("", fields, notes)
}

func (p *page) markdownRows(prefix string, fields []runner.Field, notes func(runner.Field) []string) {
	for _, f := range fields {
		rules := strings.Join(notes(f), "; ")
		p.line("| `" + prefix + f.Name + "` | " + cell(typeName(f)) + " | " + cell(rules) + " | " + cell(f.Doc) + " |")
		inner := prefix + f.Name + "."
		if f.Type.Kind == binding.List {
			inner = prefix + f.Name + "[]."
		}
		p.markdownRows(inner, f.Fields, notes)
	}
}

// prose is a text in which no sign means anything to Markdown.
func prose(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "[", `\[`).Replace(Visible(text))
}

// cell is a text for a cell of a table.
func cell(text string) string { return strings.ReplaceAll(prose(text), "|", `\|`) }
