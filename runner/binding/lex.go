package binding

import (
	"strings"
	"unicode/utf8"
)

const (
	// maxSource bounds an expression, in bytes. Parsing is recursive: without a
	// bound millions of open brackets would end the process.
	maxSource = 2 << 10
	// maxDepth bounds how deeply brackets nest in an expression.
	maxDepth = 48
)

// stop says why an expression's text ended.
type stop uint8

const (
	atClose   stop = iota // at a > outside quotes and brackets
	atEnd                 // at the end of the text
	atOpening             // at a $< outside quotes
	atComment             // at // or /*
	atDepth               // at a bracket that nests too deeply
	atLength              // past maxSource
)

// lexer walks an expression's text as expr's lexer would, but only so far as
// to know quotes and brackets.
type lexer struct {
	text  string
	pos   int // byte offset of the next rune
	start int
	open  []int // byte offsets of the open brackets
	quote int   // byte offset of the literal that never ends, or -1
}

func newLexer(text string, start int) *lexer {
	return &lexer{text: text, pos: start, start: start, quote: -1}
}

// run goes on to the next place of interest and leaves pos on it. After
// atClose the caller may step over the > and run again.
func (l *lexer) run() stop {
	for ; l.pos < len(l.text); l.pos++ {
		if l.pos-l.start > maxSource {
			return atLength
		}
		switch c := l.text[l.pos]; c {
		case '"', '\'', '`':
			if !l.literal(c) {
				return atEnd
			}
		case '(', '[', '{':
			if len(l.open) == maxDepth {
				return atDepth
			}
			l.open = append(l.open, l.pos)
		case ')', ']', '}':
			if len(l.open) > 0 {
				l.open = l.open[:len(l.open)-1]
			}
		case '/':
			if l.next('/') || l.next('*') {
				return atComment
			}
		case '$':
			if l.next('<') {
				return atOpening
			}
		case '>':
			if len(l.open) == 0 {
				return atClose
			}
		}
	}
	return atEnd
}

func (l *lexer) next(c byte) bool { return l.pos+1 < len(l.text) && l.text[l.pos+1] == c }

// literal moves to the closing quote of the string that starts at pos. A
// doubled backtick stays inside a raw one; a line break ends the others.
func (l *lexer) literal(quote byte) bool {
	start := l.pos
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; {
		case c == '\\' && quote != '`':
			l.pos++
		case c == '\n' && quote != '`':
			l.quote = start
			l.pos = len(l.text)
			return false
		case c == quote && quote == '`' && l.next('`'):
			l.pos++
		case c == quote:
			return true
		}
	}
	l.pos = len(l.text)
	l.quote = start
	return false
}

func runes(s string) int { return utf8.RuneCountInString(s) }

// clip shortens a user's text for a message and keeps it on one line.
func clip(s string) string {
	const most = 40
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if runes(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
