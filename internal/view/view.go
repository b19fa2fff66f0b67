// Package view shows plans, what plans differ in, runs, faults and the reference
// of step types to people and to programs. It turns the runner's data into faces
// and adds nothing to them: what a view says can be found in the plan or the
// journal. The faces are text for a terminal, Markdown for a comment on GitHub,
// pages of HTML, pictures (SVG, and flowcharts in mermaid's language), lines of
// JSON as things happen, JSON as a whole, SARIF and GitHub's commands for faults.
//
// Much of what is shown comes from an org and was typed by somebody else: a
// label, an error's text. It is data, and each face has its own escape for it,
// in one file: text has [Visible] (view.go), so that none of it can move a
// terminal's cursor or hide a line; a log on GitHub has [Harmless] besides
// (github_log.go); Markdown has code spans (md.go), HTML its templates (html.go),
// SVG and mermaid what draws them (svg_render.go, mermaid.go), and JSON
// [HarmlessJSON] (events.go).
package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/rekey/runner"
)

// Width is how wide running text is set, in columns. Ids, paths and values are
// never broken: they must survive being copied.
const Width = 100

// Visible is text in one line that is safe on a terminal: control characters
// are shown by their pictures (U+2400 and on), what else does not print, such
// as marks that turn the direction of text, by U+FFFD.
func Visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		case r < 0x20:
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		}
		return utf8.RuneError
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// Value is a JSON-like value as a sentence shows it.
func Value(v any) string {
	switch v := v.(type) {
	case nil:
		return "(none)"
	case string:
		if v == "" {
			return `""`
		}
		return Visible(v)
	case []any:
		if len(v) == 0 {
			return "(none)"
		}
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = Value(v[i])
		}
		return strings.Join(texts, ", ")
	case map[string]any:
		if text, err := jsonLine(v); err == nil {
			return text
		}
	}
	return Visible(fmt.Sprint(v))
}

// JSON writes a value as indented JSON with sorted names, without HTML
// escaping.
func JSON(w io.Writer, v any) error { return encode(w, v, "  ") }

func encode(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// jsonLine is a value as JSON in a line, in which all of it prints: whoever
// copies it has the value.
func jsonLine(v any) (string, error) {
	var b bytes.Buffer
	err := encode(&b, v, "")
	return runner.PrintableJSON(strings.TrimSpace(b.String())), err
}

// page collects a text and remembers nothing else: it is written at once, so
// that a view appears whole.
type page struct{ strings.Builder }

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.Builder, format, args...) }

// line writes a line without trailing blanks.
func (p *page) line(text string) { p.WriteString(strings.TrimRight(text, " ") + "\n") }

// What a page remembers of a text that was wrapped, until it is written: where
// the text begins, and which ends of lines are none of its own.
const (
	hangs = "\x00"
	soft  = "\x01"
)

// wrapped writes text behind a prefix, and its further lines behind as many
// blanks.
func (p *page) wrapped(prefix, text string) {
	if strings.TrimSpace(text) == "" {
		p.line(prefix)
		return
	}
	room := max(Width-utf8.RuneCountInString(prefix), 40)
	p.WriteString(prefix + hangs)
	blanks := strings.Repeat(" ", utf8.RuneCountInString(prefix))
	for i, line := range wrap(Visible(text), room) {
		if i > 0 {
			p.WriteString(soft + "\n" + blanks)
		}
		p.WriteString(line)
	}
	p.WriteString("\n")
}

// wrap breaks a text at blanks into lines of at most width columns; a word
// that is longer has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// pairs writes names and values in two columns, sorted by name.
func (p *page) pairs(prefix string, values map[string]any) {
	names := slices.Sorted(maps.Keys(values))
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		p.line(fmt.Sprintf("%s%-*s  %s", prefix, width, Visible(name), Value(values[name])))
	}
}

// table writes rows in columns as wide as they need to be.
func (p *page) table(prefix string, rows [][]string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		line := prefix
		for i, cell := range row {
			if i > 0 {
				line += "  "
			}
			line += cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
		}
		p.line(line)
	}
}

// to writes the page; what is wrapped, for the width of a narrower terminal.
func (p *page) to(w io.Writer) error {
	var b strings.Builder
	screen, narrow := w.(*Screen)
	narrow = narrow && screen.Columns() < Width
	for l := range strings.SplitAfterSeq(p.String(), "\n") {
		if narrow && strings.HasSuffix(l, soft+"\n") {
			b.WriteString(strings.TrimSuffix(l, soft+"\n") + soft)
			continue
		}
		b.WriteString(l)
	}
	text := b.String()
	if narrow {
		text = rewrapped(text, screen.Columns())
	}
	_, err := io.WriteString(w, strings.NewReplacer(hangs, "", soft, "").Replace(text))
	return err
}

// shownInputs are the inputs that a playbook was given, the secret ones without
// a value: whatever the values hold of a secret is none that may be shown. Of
// the absent secrets it is said that they were not given.
func shownInputs(values map[string]any, secrets, absent []string) map[string]any {
	shown := map[string]any{}
	maps.Copy(shown, values)
	for _, name := range secrets {
		shown[name] = "(secret)"
		if slices.Contains(absent, name) {
			shown[name] = "(secret, not given)"
		}
	}
	return shown
}

// beginningOf is the beginning of a text that is too long to be read.
func beginningOf(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + differs
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// clock is a time to the second, in UTC: whoever reads it may be elsewhere.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// timeOfDay is a time to the second where the day is known, in UTC as well.
func timeOfDay(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// FirstSentence is the beginning of a text up to its first full stop.
func FirstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if sentence, _, more := strings.Cut(text, ". "); more {
		return sentence
	}
	return strings.TrimSuffix(text, ".")
}
