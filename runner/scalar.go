package runner

import (
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/goccy/go-yaml/token"
)

// scalarText collects the runes of a scalar with their offsets.
type scalarText struct {
	runes  []rune
	places []int32
}

func (t *scalarText) add(r rune, at int) {
	t.runes = append(t.runes, r)
	t.places = append(t.places, int32(at))
}

// trim drops blanks at the end, but none before keep (an escape made them).
func (t *scalarText) trim(keep int) {
	n := len(t.runes)
	for n > keep && isBlank(t.runes[n-1]) {
		n--
	}
	t.runes, t.places = t.runes[:n], t.places[:n]
}

// fold joins two lines: one break becomes a space, n+1 breaks n line feeds.
// at is the offset of the first break.
func (t *scalarText) fold(at, breaks int) {
	if breaks == 1 {
		t.add(' ', at)
	}
	for i := 1; i < breaks; i++ {
		t.add('\n', at)
	}
}

// scalar reads the token k, in quotes or plain, and keeps it as a node. Its
// text is goccy's; the source is read again to know where each rune of that
// stands. Where this reading, by YAML 1.2, has another result than goccy's,
// the text is refused: others will understand it in yet another way.
func (p *parser) scalar(k int) {
	tk, at := p.tokens[k], p.i
	if !p.inFlow() && p.isKey(k) && !p.behindColon(k) {
		p.indent(k, ':')
	}
	faults := len(p.faults)
	var n *Node
	if r := p.peek(0); tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
		if r != '"' && r != '\'' {
			p.lost()
			return
		}
		n = p.quoted(p.parent())
	} else if p.peek(0) == '?' && isSpace(p.peek(1)) {
		p.fail(at, "a key written with ?", "write 'key: value'")
	} else if n = p.plain(tk.Value); n != nil {
		p.sign(n, p.isKey(k))
	}
	if p.over {
		return
	}
	p.scalars[tk] = n
	if len(p.faults) == faults {
		p.agree(n, tk.Value, at)
	}
	if p.inFlow() && p.levels[len(p.levels)-1].open == '{' && !p.isKey(k) && !p.behindColon(k) {
		p.withoutValue(k, at)
	}
}

// sign refuses a text that the lexer takes for plain though YAML takes a rune
// of it for a sign.
func (p *parser) sign(n *Node, key bool) {
	runes, inFlow := []rune(n.raw), p.inFlow()
	for i, r := range runes {
		if p.over {
			return
		}
		at, next := int(n.places[i]), '\n'
		if i+1 < len(runes) {
			next = runes[i+1]
		}
		alone := isSpace(next) || inFlow && isFlow(next)
		switch {
		case i == 0 && r == '-' && alone:
			p.fail(at, "a text without quotes cannot begin with - and a space", "put it in quotes, or check the indentation of this line")
		case i == 0 && strings.ContainsRune(",[]{}#&*!|>'\"%@`", r):
			p.fail(at, "a text without quotes cannot begin with "+string(r), "put it in quotes")
		case r == '#' && i > 0 && isSpace(runes[i-1]):
			p.fail(at, "a text that goes on behind a comment", "put the whole value in quotes")
		case r == ':' && alone && (inFlow || !key || i+1 < len(runes)):
			p.colonInText(int(n.places[0]), at)
		case inFlow && isFlow(r):
			p.fail(at, "a text without quotes that holds "+string(r)+" inside brackets", p.flowCure(at))
		}
	}
}

// behindColon tells whether a colon in the same line stands before the token,
// or in brackets any colon.
func (p *parser) behindColon(k int) bool {
	if k == 0 || p.tokens[k-1].Type != token.MappingValueType {
		return false
	}
	return p.inFlow() || p.position(p.tokens[k-1]).Line == p.position(p.tokens[k]).Line
}

// agree holds our reading of a scalar against goccy's.
func (p *parser) agree(n *Node, text string, at int) {
	if n.Value == text {
		return
	}
	for ; at < p.i; at++ {
		if p.rune(at) == '\t' {
			p.refuse(at, "a tab in a text, which readers of YAML understand in different ways", `write a space, or \t in double quotes`)
			return
		}
	}
	p.refuse(p.source.offset(n.Pos), "a text of several lines that readers of YAML understand in different ways", `write it in one line in double quotes, with \n for a line break`)
}

// plain reads a text without quotes. The lexer tells by its value how far it
// goes, white space aside: a break becomes a space, further ones line feeds.
func (p *parser) plain(value string) *Node {
	at, end := p.i, p.i
	var t scalarText
	if strings.Trim(value, " \t\n") == "" {
		p.lost()
		return nil
	}
	for _, r := range value {
		if isSpace(r) {
			continue
		}
		breaks := 0
		for p.i < len(p.source.runes) && isSpace(p.peek(0)) {
			if p.peek(0) == '\n' {
				breaks++
			}
			p.i++
		}
		if p.i >= len(p.source.runes) || p.peek(0) != r {
			p.lost()
			return nil
		}
		if breaks > 0 {
			if p.source.column(p.i) <= p.parent() || p.marker(p.i) != 0 {
				p.dedented()
				return nil
			}
			t.fold(end, breaks)
		} else {
			for ; end < p.i; end++ {
				t.add(p.rune(end), end)
			}
		}
		t.add(r, p.i)
		p.i++
		end = p.i
	}
	n := p.text(at, t.runes, t.places, end)
	n.Plain, n.raw = true, n.Value.(string)
	return n
}

// dedented refuses a line that goes on with a value but is not indented so.
func (p *parser) dedented() {
	column := p.source.column(p.i)
	switch {
	case p.inFlow():
		p.unclosed()
	case slices.ContainsFunc(p.levels, func(l level) bool { return l.column == column && l.open == ':' }):
		p.fail(p.i, "a line that is no 'key: value'", "write a colon and a space behind the key, or indent text that continues a value")
	default:
		p.fail(p.i, "text that belongs to nothing before it", "check the indentation of this line")
	}
}

// nextLine looks behind the line break here: how many breaks there are until
// the next line that is not blank, and the offset of its first rune.
func (p *parser) nextLine() (breaks, at int) {
	for at = p.i; at < len(p.source.runes) && isSpace(p.rune(at)); at++ {
		if p.rune(at) == '\n' {
			breaks++
		}
	}
	return breaks, at
}

// quoted reads a scalar in single or double quotes, which may go on in lines
// that are indented deeper than the parent's column; it ends behind the
// closing quote.
func (p *parser) quoted(parent int) *Node {
	at, quote := p.i, p.peek(0)
	var t scalarText
	keep := 0 // runes that no fold may trim
	for p.i++; p.i < len(p.source.runes); {
		switch r := p.peek(0); {
		case r == quote && quote == '\'' && p.peek(1) == quote:
			t.add(quote, p.i)
			p.i += 2
		case r == quote:
			p.i++
			return p.text(at, t.runes, t.places, p.i-1)
		case r == '\\' && quote == '"':
			p.escape(&t)
			keep = len(t.runes)
		case r == '\n':
			t.trim(keep)
			end := p.i
			for isBlank(p.rune(end-1)) && end-1 > at {
				end--
			}
			breaks, next := p.nextLine()
			t.fold(end, breaks)
			keep = len(t.runes)
			if p.i = next; next < len(p.source.runes) && p.source.column(next) <= parent || p.marker(next) != 0 {
				p.fail(at, "a quote that is never closed", "close it with "+string(quote))
			}
		default:
			t.add(r, p.i)
			p.i++
		}
	}
	p.fail(at, "a quote that is never closed", "close it with "+string(quote))
	return p.text(at, t.runes, t.places, len(p.source.runes))
}

// escape reads an escape of a double-quoted scalar (YAML 1.2, 5.7). Two
// escaped UTF-16 surrogates make one rune, as in JSON.
func (p *parser) escape(t *scalarText) {
	at, r := p.i, p.peek(1)
	p.i += 2
	switch r {
	case '\n':
		p.i--
		breaks, next := p.nextLine()
		for i := 1; i < breaks; i++ {
			t.add('\n', at)
		}
		p.i = next
	case 'x', 'u', 'U':
		digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[r]
		code, ok := p.hex(digits)
		if low := p.i; ok && utf16.IsSurrogate(code) && p.peek(0) == '\\' && p.peek(1) == 'u' {
			p.i += 2
			second, _ := p.hex(4)
			if code = utf16.DecodeRune(code, second); code == 0xfffd {
				p.i, ok = low, false
			}
		}
		if !ok || code == 0 || code > 0x10ffff || utf16.IsSurrogate(code) {
			p.fault(p.source.position(at), `an escape \`+string(r)+" that gives no character", `write \x, \u or \U with 2, 4 or 8 hexadecimal digits of a character other than NUL`)
			code = 0xfffd
		}
		t.add(code, at)
	default:
		code, ok := escapes[r]
		if !ok {
			p.fault(p.source.position(at), `an unknown escape \`+string(r), `write \\ for a backslash, or use single quotes`)
			code = 0xfffd
		}
		t.add(code, at)
	}
}

var escapes = map[rune]rune{
	'a': 7, 'b': 8, 't': '\t', '\t': '\t', 'n': '\n', 'v': 11, 'f': 12, 'r': '\r', 'e': 27, ' ': ' ', '"': '"',
	'/': '/', '\\': '\\', 'N': 0x85, '_': 0xa0, 'L': 0x2028, 'P': 0x2029,
}

// hex reads n hexadecimal digits.
func (p *parser) hex(n int) (code rune, ok bool) {
	for range n {
		digit := rune(-1)
		switch r := p.peek(0); {
		case r >= '0' && r <= '9':
			digit = r - '0'
		case r >= 'a' && r <= 'f':
			digit = r - 'a' + 10
		case r >= 'A' && r <= 'F':
			digit = r - 'A' + 10
		}
		if digit < 0 || code > 0x10ffff {
			return 0, false
		}
		code = code<<4 | digit
		p.i++
	}
	return code, true
}
