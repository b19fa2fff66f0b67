package binding

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"
)

var (
	tokenEOF   = regexp.MustCompile(`^unexpected token EOF`)
	calls      = regexp.MustCompile(`^\|\s*[a-zA-Z]+\s*\(`)
	numberEnd  = regexp.MustCompile(`[0-9][0-9a-zA-Z_.]*\s*$`)
	tokenOther = regexp.MustCompile(`(?s)^unexpected token \w+\((.*)\)$`)
)

// syntaxFault turns an error of expr into a fault: its place, and its message
// in the words of the rest.
func syntaxFault(err error, source string, offset int) *Fault {
	f := &Fault{Offset: offset + errorOffset(err, source)}
	message := err.Error()
	var e *file.Error
	if errors.As(err, &e) {
		message = e.Message
	}
	m := tokenOther.FindStringSubmatch(message)
	at := f.Offset - offset
	switch pipe, number := lonePipe(source, at), numberBefore(source, at); {
	case pipe >= 0:
		f.Offset = offset + pipe
		f.Message, f.Cure = "`|` hands a value to a function, and none follows", "write `||` for or; a function has brackets: `xs | len()`"
	case tokenEOF.MatchString(message) || message == "unexpected end of expression":
		f.Message, f.Cure = "the expression ends too early", "an operand or a closing bracket is missing"
	case m != nil:
		f.Message, f.Cure = unexpected(strings.Trim(m[1], `"`), source)
	case strings.Contains(message, "cannot be mixed"):
		f.Message, f.Cure = "`??` beside another operator", "put it in parentheses: `(a ?? b)`"
	case strings.Contains(message, "recognized character"):
		f.Message, f.Cure = "a character that no expression has: "+clip(strings.TrimSpace(message[strings.LastIndex(message, ":")+1:])), "put text in quotes"
	case strings.Contains(message, "value out of range"), strings.Contains(message, "literal is too large"):
		f.Offset = offset + number
		f.Message, f.Cure = "a number that is too large", "an int and a float have 64 bits; put text in quotes"
	case strings.HasPrefix(message, "bad number syntax"):
		f.Offset = offset + number
		f.Message, f.Cure = "a number that cannot be read", "write it in decimal, such as 730 or 1.5; put text in quotes"
	case strings.Contains(message, "char escape"), strings.Contains(message, "unescape string"):
		if i := strings.LastIndex(string([]rune(source)[:at]), `\`); i >= 0 {
			f.Offset = offset + runes(source[:i])
		}
		f.Message, f.Cure = "an escape in this text that stands for no character", "write `\\\\` for a backslash, or put the text in backticks"
	case strings.HasPrefix(message, "expected name"):
		f.Message, f.Cure = "a name is missing behind `.`", "write that of a member: `.name`"
	case strings.HasPrefix(message, "a map key must be"):
		f.Message, f.Cure = "a member's name is missing", "write `{name: value}`"
	case strings.HasPrefix(message, "expected at least"):
		f.Message, f.Cure = "an argument is missing", "a function over a list also needs what to do with each element, as in `filter(xs, # > 1)`"
	default:
		f.Message, f.Cure = clip120(message), "correct the expression"
	}
	return f
}

// lonePipe is the rune offset of the last `|` before rune offset at behind which
// no call of a function follows, or -1: somebody meant `||`.
func lonePipe(source string, at int) int {
	l, found := newLexer(source, 0), -1
	for ; l.pos < len(source) && runes(source[:l.pos]) < at; l.pos++ {
		switch c := source[l.pos]; {
		case c == '"' || c == '\'' || c == '`':
			l.literal(c)
		case c == '|' && l.next('|'):
			l.pos++
		case c == '|' && !calls.MatchString(source[l.pos:]):
			found = runes(source[:l.pos])
		}
	}
	return found
}

// numberBefore is the rune offset at which the number before rune offset at
// begins.
func numberBefore(source string, at int) int {
	text := string([]rune(source)[:at])
	return runes(text[:len(text)-len(numberEnd.FindString(text))])
}

// unexpected words a token that stands where none can.
func unexpected(token, source string) (message, cure string) {
	message = fmt.Sprintf("`%s` cannot stand here", clip(token))
	switch token {
	case "=":
		return message, "compare with `==`"
	case "let", "if", "else":
		return message, "expressions have no statements: use `condition ? a : b`, or `vars` for a name"
	case "&", "|":
		return message, "write `" + token + token + "`"
	case "(":
		return message, "only a function can be called, by its name; an operator or a comma may be missing"
	case ".":
		return message, "`.member` without a name before it needs a predicate, as in `filter(xs, .member == 1)`"
	case "#":
		return message, "`#` stands for the element in a predicate, as in `filter(xs, # > 1)`"
	}
	return message, "an operator, a comma or a bracket may be missing before it, or text may need quotes"
}

func clip120(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes(s) > 120 {
		return string([]rune(s)[:120]) + "…"
	}
	return s
}
