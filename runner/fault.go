package runner

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Position is a place in a text file as an editor shows it: lines and columns
// count from 1, columns in runes. A byte order mark counts for no column. The
// zero Position means that a fault has no place of its own.
type Position struct {
	Line, Column int
}

// Fault is one thing wrong with a document, or worth a warning: where, what,
// and how to cure it.
type Fault struct {
	File     string // as the user named it; may be empty
	Position        // of the first rune concerned
	Message  string // what is wrong, without position and cure
	Cure     string // what to do about it; may be empty
	Warning  string // name of a named warning; empty means an error
}

// Error gives the fault in one line: file:line:column: message (cure).
func (f *Fault) Error() string {
	text := f.heading(0) + visible(f.Message)
	if f.Cure != "" {
		text += " (" + visible(f.Cure) + ")"
	}
	return text
}

// heading is what stands before the message: the place, and the warning's
// name. A file name of more than limit bytes loses its middle; 0 is no limit.
func (f *Fault) heading(limit int) string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(cutMiddle(visible(f.File), limit) + ":")
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", f.Line, f.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if f.Warning != "" {
		b.WriteString("warning " + visible(f.Warning) + ": ")
	}
	return b.String()
}

// Faults collects the faults of one document. It is an error once it is not
// empty; use [Faults.Err] to return it as one.
type Faults []*Fault

// Add appends an error and returns it, so that a caller may complete it
// (File, Warning).
func (f *Faults) Add(pos Position, message, cure string) *Fault {
	fault := &Fault{Position: pos, Message: message, Cure: cure}
	*f = append(*f, fault)
	return fault
}

// Error gives one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is f as an error, or nil if no fault of f is an error: warnings alone
// do not fail.
func (f Faults) Err() error {
	for _, fault := range f {
		if fault.Warning == "" {
			return f
		}
	}
	return nil
}

// InFile names the file of every fault that has none yet, and returns f.
func (f Faults) InFile(file string) Faults {
	for _, fault := range f {
		if fault.File == "" {
			fault.File = file
		}
	}
	return f
}

// Sort orders the faults by line and column, keeps the order of those at the
// same place, and drops a fault that says the same at the same place again.
func (f *Faults) Sort() {
	slices.SortStableFunc(*f, func(a, b *Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	kept := (*f)[:0]
	for _, x := range *f {
		again := false
		for i := len(kept) - 1; i >= max(0, len(kept)-maxFaults) && kept[i].Position == x.Position && !again; i-- {
			again = *kept[i] == *x
		}
		if !again {
			kept = append(kept, x)
		}
	}
	clear((*f)[len(kept):])
	*f = kept
}

// cap leaves the first hundred faults, and says that there are more. Warnings
// give way to errors.
func (f *Faults) cap() {
	if len(*f) <= maxFaults {
		return
	}
	kept := *f
	if kept.Err() != nil {
		kept = slices.DeleteFunc(slices.Clone(kept), func(x *Fault) bool { return x.Warning != "" })
	}
	if len(kept) > maxFaults {
		last := kept[maxFaults-1]
		kept = kept[:maxFaults]
		what := "faults"
		if last.Warning != "" {
			what = "warnings"
		}
		kept.Add(last.Position, "more "+what+" follow, which are not shown", "correct these first").Warning = last.Warning
	}
	*f = kept
}

// What one rendered fault may take, in bytes. Together they stay under 1 KB:
// the reader of fifty faults needs the place and the cure, not the document.
const (
	renderFile    = 160 // file name
	renderMessage = 400
	renderLine    = 110 // the source line, and again the caret line
	renderTotal   = 1000
)

// Render writes the faults for a person: place and message, the line of the
// source with a caret below, and the cure. Tabs stay tabs; other control
// characters and what could reorder text on a terminal are made visible; a
// long line is cut around the caret. source is the document as read. Each
// fault takes less than 1 KB.
func (f Faults) Render(w io.Writer, source []byte) {
	lines := sourceLines(source)
	for _, fault := range f {
		io.WriteString(w, fault.render(lines))
	}
}

func (f *Fault) render(lines []string) string {
	text := f.heading(renderFile) + cutEnd(visible(f.Message), renderMessage) + "\n"
	if f.Line > 0 && f.Line <= len(lines) {
		line, caret := snippet(lines[f.Line-1], f.Column)
		text += "  " + line + "\n  " + caret + "\n"
	}
	if f.Cure != "" {
		text += "  cure: " + cutEnd(visible(f.Cure), renderTotal-len(text)-10) + "\n"
	}
	return text
}

// Lines are the lines of a document the way positions count them, without what
// ends them and without a byte order mark. Bytes that are no UTF-8 are U+FFFD.
func Lines(source []byte) []string { return sourceLines(source) }

// sourceLines splits a document the way positions count: at LF, CRLF and CR,
// without a byte order mark.
func sourceLines(source []byte) []string {
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	text := strings.ToValidUTF8(string(source), "\ufffd")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}

// snippet cuts line to renderLine bytes around the rune at column, and gives
// the line with a caret under that rune.
func snippet(line string, column int) (shown, caret string) {
	runes, at, before, behind := around(line, column-1)
	for i, r := range runes {
		runes[i] = visibleRune(r)
	}
	from, to := window(runes, at, renderLine-2*len("…"))
	var b strings.Builder
	if from > 0 || before {
		b.WriteByte(' ')
	}
	for _, r := range runes[from:at] {
		b.WriteString(blank(r))
	}
	b.WriteByte('^')
	shown = string(runes[from:to])
	if from > 0 || before {
		shown = "…" + shown
	}
	if to < len(runes) || behind {
		shown += "…"
	}
	return shown, b.String()
}

// around is the part of a line of which something may be shown, the place in it
// of the line's rune at, and whether there is more before and behind. A hundred
// faults may stand in a line of a megabyte.
func around(line string, at int) (runes []rune, place int, before, behind bool) {
	start, column := 0, 0
	for i := range line {
		if column >= at+2*renderLine {
			line, behind = line[:i], true
			break
		}
		if column == at-2*renderLine {
			start, before = i, true
		}
		column++
	}
	runes = []rune(line[start:])
	if before {
		at = 2 * renderLine
	}
	return runes, min(max(at, 0), len(runes)), before, behind
}

// window is the part of runes around at that fits into size bytes: two thirds
// of it before at, the rest after, or more where the other side is short.
func window(runes []rune, at, size int) (from, to int) {
	from, to = at, at
	for from > 0 && size/3 < size-bytesOf(runes[from-1:at]) {
		from--
	}
	for to < len(runes) && bytesOf(runes[from:to+1]) <= size {
		to++
	}
	for from > 0 && bytesOf(runes[from-1:to]) <= size {
		from--
	}
	return from, to
}

func bytesOf(runes []rune) int {
	n := 0
	for _, r := range runes {
		n += utf8.RuneLen(r)
	}
	return n
}

// blank is white space as wide as r is on a terminal.
func blank(r rune) string {
	switch {
	case r == '\t':
		return "\t"
	case unicode.In(r, unicode.Mn, unicode.Me):
		return ""
	case wide(r):
		return "\u3000"
	}
	return " "
}

// wide tells the runes that terminals draw over two columns: East Asian
// scripts, full-width forms and the emoji planes.
func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 ||
		r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 ||
		r >= 0xffe0 && r <= 0xffe6 || r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd
}

// visibleRune stands in for a rune that must not reach a terminal as it is,
// one rune for one so that columns stay: control characters by their pictures
// (U+2400 and on), anything else that does not print by U+FFFD.
func visibleRune(r rune) rune {
	switch {
	case r == '\t' || unicode.IsPrint(r):
		return r
	case r < 0x20:
		return 0x2400 + r
	case r == 0x7f:
		return 0x2421
	}
	return utf8.RuneError
}

// visible is text in one line that is safe to print.
func visible(text string) string {
	clean := func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		return visibleRune(r)
	}
	return strings.Map(clean, strings.ToValidUTF8(text, "\ufffd"))
}

// cutEnd shortens text to at most limit bytes, at a rune.
func cutEnd(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	limit = max(limit-len("…"), 0)
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

// cutMiddle shortens text to about limit bytes (0: not at all) and keeps its
// end, where the name of a file stands.
func cutMiddle(text string, limit int) string {
	if limit == 0 || len(text) <= limit {
		return text
	}
	from := len(text) - (limit - 20)
	for !utf8.RuneStart(text[from]) {
		from++
	}
	return cutEnd(text, 20) + text[from:]
}
