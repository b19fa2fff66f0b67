package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"

	"example.com/rekey/runner"
)

// Check is what checking one playbook found. [CheckText], [CheckJSON],
// [CheckSARIF] and [CheckGitHub] show it.
//
// In all of them lines and columns count from 1, columns in runes; a byte
// order mark counts for none. Messages and lines of the source are made safe
// to print one rune for one, and cut, with … at the cut, so that a fault takes
// less than 1 KB.
type Check struct {
	File    string          // as the user named it
	Stdin   bool            // there is no such file: the playbook came from standard input
	Unread  bool            // it could not be read; the only fault, without a place, says why
	Source  []byte          // its text; may be nil without faults
	Program *runner.Program // nil if a fault is an error
	Faults  runner.Faults
}

// OK reports that the playbook can be used: no fault is an error.
func (c Check) OK() bool { return c.Faults.Err() == nil }

// Warnings is how many faults are warnings.
func (c Check) Warnings() int {
	n := 0
	for _, f := range c.Faults {
		if f.Warning != "" {
			n++
		}
	}
	return n
}

// CheckText shows the check of one playbook to a person: each fault with its
// line and cure, and a line that sums up.
func CheckText(w io.Writer, c Check) error {
	var p page
	c.Faults.Render(&p, c.Source)
	warnings := c.Warnings()
	p.WriteString(Visible(c.File) + ": ")
	if c.OK() {
		book := c.Program.Playbook
		p.printf("ok (%s %s, %s)", Visible(book.Name), Visible(book.Version), count(leaves(c.Program.Steps), "step"))
	} else {
		p.WriteString(count(len(c.Faults)-warnings, "fault"))
	}
	if warnings > 0 {
		p.WriteString(", " + count(warnings, "warning"))
	}
	p.WriteString("\n")
	return p.to(w)
}

// leaves is how many steps there are that do something themselves.
func leaves(steps []*runner.Step) int {
	n := 0
	for _, step := range steps {
		if step.Leaf() {
			n++
		} else {
			n += leaves(step.Steps)
		}
	}
	return n
}

// WarningText explains a named warning to a person.
func WarningText(w io.Writer, warning runner.Warning) error {
	_, err := fmt.Fprintf(w, "%s: %s\n\n%s\n", warning.Name, warning.Summary, strings.TrimSpace(warning.Explain))
	return err
}

// CheckFormat is the version of the document that [CheckJSON] writes. It
// changes when a member changes its meaning or goes; new members may come.
const CheckFormat = 1

// checkDocument is what CheckJSON writes.
type checkDocument struct {
	Format int         `json:"format"`
	Files  []checkFile `json:"files"`
}

type checkFile struct {
	File     string  `json:"file"`
	OK       bool    `json:"ok"`
	Playbook string  `json:"playbook,omitempty"`
	Version  string  `json:"version,omitempty"`
	Faults   []found `json:"faults"`
}

// found is a fault as the formats for programs show it: safe to print, cut.
type found struct {
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndColumn int    `json:"end_column,omitempty"`
	Severity  string `json:"severity"`
	Name      string `json:"name,omitempty"`
	Message   string `json:"message"`
	Cure      string `json:"cure,omitempty"`
	Source    string `json:"source,omitempty"`

	from, to int    // the runes of the line that Source shows
	part     string // Source without marks where it was cut
	word     string // what stands from Column up to EndColumn
}

// CheckJSON writes one document for all playbooks checked:
//
//	{"format": 1, "files": [{
//	  "file": "a.yaml",        as named on the command line; "(stdin)" for standard input
//	  "ok": false,             no fault is an error
//	  "playbook": "rotate",    its name and
//	  "version": "1.0.0",      version; both only if it is ok
//	  "faults": [{             sorted by position; may be empty
//	    "line": 9,             absent, with the columns, if the fault has no place
//	    "column": 66,          its first rune
//	    "end_column": 70,      behind the word that stands there: same line, 64 runes at most
//	    "severity": "error",   or "warning"
//	    "name": "unused-output",  of the warning; absent for an error
//	    "message": "…",
//	    "cure": "…",           may be absent
//	    "source": "…"          the line; of a long one the part around the column
//	  }]
//	}]}
//
// The files stand in the order of the command line. One that could not be read
// is not ok and has one fault without a place.
func CheckJSON(w io.Writer, checks []Check) error {
	doc := checkDocument{Format: CheckFormat, Files: []checkFile{}}
	for _, c := range checks {
		file := checkFile{File: c.File, OK: c.OK(), Faults: c.found()}
		if file.OK {
			file.Playbook, file.Version = c.Program.Playbook.Name, c.Program.Playbook.Version
		}
		doc.Files = append(doc.Files, file)
	}
	return JSON(w, doc)
}

// What a fault may take in the formats for programs, in bytes as encoded.
const (
	foundName    = 64
	foundWord    = 64 // in runes
	foundMessage = 400
	foundSource  = 160
	foundTotal   = 1000
)

// found are the faults as formats for programs show them.
func (c Check) found() []found {
	lines := runner.Lines(c.Source)
	all := make([]found, len(c.Faults))
	var line []rune
	lineNumber := 0
	for i, fault := range c.Faults {
		f := found{
			Line: fault.Line, Severity: "error", Name: cut(Visible(fault.Warning), foundName, jsonBytes),
			Message: cut(Visible(fault.Message), foundMessage, jsonBytes),
		}
		if fault.Warning != "" {
			f.Severity = "warning"
		}
		if fault.Line > 0 {
			if fault.Line != lineNumber { // many faults of one long line must not cost as many copies
				line, lineNumber = nil, fault.Line
				if fault.Line <= len(lines) {
					line = []rune(lines[fault.Line-1])
				}
			}
			f.place(max(fault.Column, 1), line)
		}
		if fault.Cure != "" {
			f.Cure = cut(Visible(fault.Cure), foundTotal-f.size(), jsonBytes)
		}
		all[i] = f
	}
	return all
}

// size is how many bytes the fault takes in the document, with room for the
// name of a cure.
func (f found) size() int {
	var b bytes.Buffer
	f.Cure = "…"
	encode(&b, f, "  ")
	return b.Len() + len("        ")*bytes.Count(b.Bytes(), []byte("\n"))
}

// place fills in where in its line the fault is, and what stands there.
func (f *found) place(column int, line []rune) {
	at := min(column-1, len(line))
	end := wordEnd(line, at)
	f.Column, f.EndColumn, f.word = column, column+end-at, visibleLine(line[at:end])
	f.from, f.to = around(line, at)
	f.part = visibleLine(line[f.from:f.to])
	f.Source = f.part
	if f.from > 0 {
		f.Source = "…" + f.Source
	}
	if f.to < len(line) {
		f.Source += "…"
	}
}

// wordEnd is where the word that begins at a rune ends, or is cut. What is no
// word is one rune long; behind the end of the line there is nothing.
func wordEnd(line []rune, from int) int {
	to := from
	for to < len(line) && to-from < foundWord && (unicode.IsLetter(line[to]) || unicode.IsDigit(line[to]) || strings.ContainsRune("_-", line[to])) {
		to++
	}
	if to == from && to < len(line) {
		to++
	}
	return to
}

// around is the part of a line around the rune at that fits into foundSource
// bytes: two thirds of it before that rune, the rest after, or more where the
// other side is short.
func around(line []rune, at int) (from, to int) {
	left := foundSource - 2*len("…")
	fits := func(r rune, least int) bool {
		size := jsonBytes(visibleLine([]rune{r}))
		if left-size < least {
			return false
		}
		left -= size
		return true
	}
	from, to = at, at
	for from > 0 && fits(line[from-1], foundSource/3) {
		from--
	}
	for to < len(line) && fits(line[to], 0) {
		to++
	}
	for from > 0 && fits(line[from-1], 0) {
		from--
	}
	return from, to
}

// visibleLine makes part of a line safe to print. Tabs stay.
func visibleLine(line []rune) string {
	parts := strings.Split(string(line), "\t")
	for i := range parts {
		parts[i] = Visible(parts[i])
	}
	return strings.Join(parts, "\t")
}

// jsonBytes is how many bytes a visible text takes within a JSON string.
func jsonBytes(text string) int {
	return len(text) + strings.Count(text, `"`) + strings.Count(text, `\`) + strings.Count(text, "\t")
}

// cut shortens text, at a rune, so that it takes at most limit bytes as size
// counts them.
func cut(text string, limit int, size func(string) int) string {
	if size(text) <= limit {
		return text
	}
	left := limit - size("…")
	for i, r := range text {
		if left -= size(string(r)); left < 0 {
			return text[:i] + "…"
		}
	}
	return text
}
