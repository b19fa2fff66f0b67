package runner

import (
	"slices"

	"github.com/goccy/go-yaml/token"
)

// blockLine is one line of a block scalar: its text without the indentation.
type blockLine struct{ from, to int }

// blockScalar reads the token k, a literal (|) or folded (>) text (YAML 1.2,
// chapter 8.1), with the token of its content if it has one.
func (p *parser) blockScalar(k int) int {
	tk, faults := p.tokens[k], len(p.faults)
	n := p.block(p.parent())
	value, tokens := "", 1
	if k+1 < len(p.tokens) { // the parser, too, takes the next one for it
		value, tokens = p.tokens[k+1].Value, 2
		p.tokens[k+1].Position.Offset = min(p.i, len(p.source.runes))
		if p.tokens[k+1].Type != token.StringType {
			value = "\x00" // no text has that
		}
	}
	p.scalars[tk] = n
	if !p.over && len(p.faults) == faults {
		p.agree(n, value, tk.Position.Offset)
		if len(p.faults) > faults { // the lexer may have ended the text elsewhere
			p.over, p.i = true, len(p.source.runes)
		}
	}
	return tokens
}

func (p *parser) block(parent int) *Node {
	at, style := p.i, p.peek(0)
	chomp, explicit := p.blockHeader()
	lines := p.blockLines(parent, explicit)
	end := min(p.i, len(p.source.runes))
	last := len(lines) // behind the last line that is not empty
	for last > 0 && lines[last-1].from == lines[last-1].to {
		last--
	}
	var t scalarText
	if style == '|' {
		p.literal(&t, lines[:last])
	} else {
		p.folded(&t, lines[:last])
	}
	if last > 0 {
		end = lines[last-1].to
	}
	switch {
	case chomp == '+':
		for _, l := range lines[max(last-1, 0):] {
			if l.to < len(p.source.runes) && (last > 0 || l.from == l.to) {
				t.add('\n', l.to)
				end = l.to
			}
		}
	case chomp != '-' && last > 0 && end < len(p.source.runes):
		t.add('\n', end)
	}
	return p.text(at, t.runes, t.places, end)
}

// blockHeader reads the line of the indicator: chomping and indentation in
// either order, and a comment.
func (p *parser) blockHeader() (chomp rune, indent int) {
	for p.i++; ; p.i++ {
		r := p.peek(0)
		if (r == '+' || r == '-') && chomp == 0 {
			chomp = r
		} else if r >= '1' && r <= '9' && indent == 0 {
			indent = int(r - '0')
		} else {
			break
		}
	}
	for isBlank(p.peek(0)) {
		p.i++
	}
	if p.peek(0) == '#' && isBlank(p.rune(p.i-1)) {
		for p.peek(0) != '\n' {
			p.i++
		}
	}
	if p.peek(0) != '\n' {
		p.fail(p.i, "text behind the | or > that begins a text of several lines", "begin the text on the next line, or put it in quotes")
	}
	p.i++
	return chomp, indent
}

// blockLines collects the scalar's lines, and ends at the line behind them.
// explicit is the indentation that the header gives, 0 to find it.
func (p *parser) blockLines(parent, explicit int) []blockLine {
	var lines []blockLine
	indent := 0
	if explicit > 0 {
		indent = max(parent, 0) + explicit
	}
	for p.i < len(p.source.runes) && p.marker(p.i) == 0 {
		from := p.i
		for p.rune(from) == ' ' && (indent == 0 || from-p.i < indent) {
			from++
		}
		to := from
		for p.rune(to) != '\n' {
			to++
		}
		if from < to && from-p.i <= parent || from < to && indent > 0 && from-p.i < indent {
			if p.rune(from) == '\t' {
				p.fail(from, "a tab in the indentation", "indent with spaces")
			}
			break
		}
		if from < to && indent == 0 {
			indent = p.settle(lines, from)
		}
		lines = append(lines, blockLine{from, to})
		p.i = to + 1
	}
	p.i = min(p.i, len(p.source.runes))
	return lines
}

// settle takes the indentation of the first line that is not blank, and
// refuses blank lines above it that are indented deeper.
func (p *parser) settle(lines []blockLine, from int) (indent int) {
	indent = p.source.column(from)
	for i, l := range lines {
		if column := p.source.column(l.from); column > indent {
			p.fail(l.from, "a blank line indented deeper than the text below", "remove its spaces")
		}
		lines[i].from = l.to
	}
	if indent == 0 {
		return -1
	}
	return indent
}

func (p *parser) literal(t *scalarText, lines []blockLine) {
	for i, l := range lines {
		if i > 0 {
			t.add('\n', lines[i-1].to)
		}
		p.addLine(t, l)
	}
}

func (p *parser) addLine(t *scalarText, l blockLine) {
	t.runes = append(t.runes, p.source.runes[l.from:l.to]...)
	t.places = slices.Grow(t.places, l.to-l.from)
	for at := l.from; at < l.to; at++ {
		t.places = append(t.places, int32(at))
	}
}

// folded joins lines of text by spaces. Breaks around empty lines and lines
// that begin with white space stay, but for the first break before a run of
// empty lines between two lines of text.
func (p *parser) folded(t *scalarText, lines []blockLine) {
	previous := -1 // the last line with text
	for i, l := range lines {
		if l.from == l.to {
			continue
		}
		if previous < 0 {
			for _, empty := range lines[:i] {
				t.add('\n', empty.to)
			}
		} else {
			breaks := i - previous
			at := lines[previous].to
			if isBlank(p.rune(l.from)) || isBlank(p.rune(lines[previous].from)) {
				for range breaks {
					t.add('\n', at)
				}
			} else {
				t.fold(at, breaks)
			}
		}
		p.addLine(t, l)
		previous = i
	}
}
