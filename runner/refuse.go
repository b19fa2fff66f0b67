package runner

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// reference refuses the anchor or alias at token k, with its name.
func (p *parser) reference(k int) int {
	if p.tokens[k].Type == token.AnchorType {
		p.refuse(p.i, "an anchor", "write the value out where it is needed, or put it under vars; put a text that begins with & in quotes")
	} else {
		p.refuse(p.i, "an alias", "write the value out, or put it under vars; put a text that begins with * in quotes")
	}
	p.expect(p.tokens[k].Value)
	if k+1 == len(p.tokens) {
		return 1
	}
	name := p.tokens[k+1]
	if name.Position.Offset = p.i; name.Type != token.StringType {
		p.expect(name.Value)
	} else if n := p.plain(name.Value); n != nil {
		return 2
	}
	return 2
}

// directive refuses a percent sign that begins a line or a value.
func (p *parser) directive() {
	if p.source.column(p.i) == 0 {
		p.fail(p.i, "a YAML directive", "leave it out: playbooks need none")
	} else {
		p.fail(p.i, "a text without quotes cannot begin with %", "put it in quotes")
	}
}

// invalid refuses what the lexer could not read. A text in quotes is read
// again, which tells better what is wrong with it.
func (p *parser) invalid(tk *token.Token) {
	at := p.i
	indent := at
	for isBlank(p.rune(indent - 1)) {
		indent--
	}
	switch r := p.peek(0); {
	case strings.Contains(tk.Error, "cannot start any token") && p.rune(indent-1) == '\n' && slices.Contains(p.source.runes[indent:at], '\t'):
		p.fail(p.tabIn(p.source.position(at).Line), "a tab in the indentation", "indent with spaces")
	case r == '"' || r == '\'':
		faults := len(p.faults)
		p.quoted(p.parent())
		if p.unsound = true; len(p.faults) > faults {
			p.over = true
			return
		}
		p.fail(at, "a text in quotes that cannot be read", "indent its lines with spaces, and close it on the line where it begins")
	case (r == '|' || r == '>') && p.inFlow():
		p.fail(at, "a text without quotes cannot begin with "+string(r)+" inside brackets", p.flowCure(at))
	case r == '|' || r == '>':
		p.block(p.parent())
		p.fail(at, "a text of several lines that cannot be read", "indent its lines with spaces, deeper than the key")
	case r == '@' || r == '`':
		p.fail(at, "a text without quotes cannot begin with "+string(r), "put it in quotes")
	case strings.Contains(tk.Error, "\t") || strings.Contains(tk.Error, "tab "):
		p.fail(p.tabIn(tk.Position.Line), "a tab in the indentation", "indent with spaces")
	case strings.Contains(tk.Error, "tag"):
		p.fail(at, "a tag", cureTag)
	default:
		p.fail(at, "text that YAML does not allow here", "put the whole value in quotes, and indent with spaces")
	}
}

// tabIn is the offset of the first tab in a line, or else of what is read.
func (p *parser) tabIn(line int) int {
	if line <= len(p.source.lines) {
		for at := int(p.source.lines[line-1]); p.rune(at) != '\n'; at++ {
			if p.rune(at) == '\t' {
				return at
			}
		}
	}
	return p.i
}

// syntax refuses what goccy's parser refuses, with its place and in words
// that tell the cure.
func (p *parser) syntax(message string, tk *token.Token) {
	if p.unsound { // the anchor or alias refused may be the cause
		return
	}
	k := slices.Index(p.tokens, tk)
	if k < 0 {
		p.fail(0, "YAML that cannot be read", "write the document more simply")
		return
	}
	at := tk.Position.Offset
	inFlow := strings.Contains(message, "must be specified") || strings.Contains(message, "flow map content")
	if k > 0 && !inFlow && p.position(p.tokens[k-1]).Line <= p.position(tk).Line && p.behindClosing(k, at) {
		return
	}
	switch {
	case tk.Type == token.SequenceEntryType && strings.Contains(message, "not allowed in this context"):
		p.fail(at, "a list begins behind its key", "begin each item on a line of its own, or write [a, b]")
	case tk.Type == token.SequenceEntryType:
		p.fail(at, "a list item where a key should stand", "indent the list below its key")
	case tk.Type == token.CollectEntryType, tk.Type == token.SequenceEndType, tk.Type == token.MappingEndType:
		p.fail(at, "a value is missing before "+tk.Value, "write one, or put the text in quotes")
	case strings.Contains(message, "']' must be specified"):
		p.fail(at, "a comma or ] should stand here", p.flowCure(at))
	case strings.Contains(message, "'}' must be specified"), strings.Contains(message, "flow map content"):
		p.fail(at, "a comma or } should stand here", p.flowCure(at))
	case strings.Contains(message, "line break"):
		p.fail(at, "a key and its colon in different lines", "write 'key: value' in one line")
	case p.source.column(at) > p.source.column(p.tokens[0].Position.Offset) && k > 0 && p.position(p.tokens[k-1]).Line < p.position(tk).Line:
		p.fail(at, "this line is indented deeper than the keys above", "indent it as its siblings")
	case strings.Contains(message, "non-map"):
		p.fail(at, "a line that is no 'key: value'", "write a colon and a space behind the key, or indent text that continues a value")
	default:
		p.fail(at, "text that belongs to nothing before it", "check the indentation of this line")
	}
}

// behindClosing refuses text in the line of a quote or bracket that closes.
func (p *parser) behindClosing(k, at int) bool {
	before := p.tokens[k-1]
	n := p.scalars[before]
	sameLine := !strings.ContainsRune(string(p.source.runes[p.endOf(before):at]), '\n')
	switch {
	case !sameLine:
		return false
	case n != nil && !n.Plain && (before.Type == token.SingleQuoteType || before.Type == token.DoubleQuoteType):
		p.fail(at, "text behind the closing quote", "put all of it in one pair of quotes")
	case before.Type == token.SequenceEndType || before.Type == token.MappingEndType:
		p.fail(at, "text behind the closing bracket", "put the whole value in quotes")
	}
	return p.over
}

// endOf is where a token's last rune stands, or near before it.
func (p *parser) endOf(tk *token.Token) int {
	if n := p.scalars[tk]; n != nil && len(n.places) > 0 {
		return int(n.places[len(n.places)-1])
	}
	return tk.Position.Offset
}

// colonInText refuses the colon at an offset, which ends a text that began at
// from.
func (p *parser) colonInText(from, at int) {
	text := string(p.source.runes[from:at])
	switch {
	case strings.Contains(text, "$<"):
		p.fail(at, "a colon and a space inside a text without quotes", `put the whole value in single quotes: '$<… ? "a" : "b">'`)
	case strings.Contains(text, "\n"):
		p.fail(at, "a colon and a space inside a text that goes on from the line above", "indent the line as the key above it, or put the whole text in quotes")
	default:
		p.fail(at, "a colon and a space inside a text without quotes", "put the whole value in quotes, or begin a nested mapping on a line of its own")
	}
}

// withoutValue refuses the key k in braces, behind which no colon stands.
func (p *parser) withoutValue(k, at int) {
	if before := p.tokens[k-1]; before.Type != token.MappingStartType && before.Type != token.CollectEntryType {
		if n := p.scalars[before]; n != nil && n.Plain {
			p.fail(at, "text without quotes that goes on in another line inside braces", "put all of it in quotes")
		}
		return
	}
	if k+1 == len(p.tokens) {
		return // the bracket is not closed
	}
	if next := p.tokens[k+1].Type; next != token.CollectEntryType && next != token.MappingEndType {
		return
	}
	cure := "write 'key: value', with a space behind the colon"
	if p.holdsExpression(at) {
		cure = p.flowCure(at)
	}
	p.fail(at, "a key without a value", cure)
}

// flowCure tells what to do where the text in brackets ends too early: in an
// expression without quotes, a comma or bracket is the usual cause.
func (p *parser) flowCure(at int) string {
	if p.holdsExpression(at) {
		return "put the whole value in single quotes: '$<…>'; inside [ ] and { } a comma or bracket ends a text without quotes"
	}
	return "separate entries by commas, and put text that holds commas or brackets in quotes"
}

// checkKey refuses keys that are no strings, and merge keys.
func (p *parser) checkKey(n *Node) *Node {
	switch {
	case n.Kind == String && n.Plain && n.Value == "<<":
		p.unsound = true
		p.fault(n.Pos, "a merge key", "write the keys out")
	case n.Kind == String && n.Value == "":
		p.fault(n.Pos, "a key is missing before the colon", "write one")
	case n.Kind != String:
		p.fault(n.Pos, "the key "+quoted(n.raw)+" is "+n.Kind.String()+"; keys are strings", "put it in quotes")
		n.Kind, n.Value = String, n.raw
	}
	return n
}

var (
	intForm       = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	floatForm     = regexp.MustCompile(`^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	zerosForm     = regexp.MustCompile(`^[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?$`)
	basedForm     = regexp.MustCompile(`^[-+]?0([xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)$`)
	groupedForm   = regexp.MustCompile(`^[-+]?[0-9]+(_[0-9]+)+(\.[0-9_]*)?$`)
	limitlessForm = regexp.MustCompile(`^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$`)
)

// resolve gives a scalar the kind and value that goccy gives it. Numbers that
// one reader takes for one and another for something else are refused and
// stay strings.
func (p *parser) resolve(n *Node, from ast.ScalarNode) *Node {
	if !n.Plain {
		return n
	}
	switch from := from.(type) {
	case *ast.NullNode:
		n.Kind, n.Value = Null, nil
	case *ast.BoolNode:
		n.Kind, n.Value = Bool, from.Value
	default:
		if strings.ContainsAny(n.raw[:1], "+-.0123456789") {
			p.number(n, from)
		}
	}
	if n.Kind != String {
		n.places = nil
	}
	return n
}

// number gives a plain scalar that may be a number its kind and value.
func (p *parser) number(n *Node, from ast.ScalarNode) {
	const asText = ", or put it in quotes if it is text"
	text := n.raw
	switch {
	case intForm.MatchString(text):
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			n.Kind, n.Value = Int, v
		} else {
			p.refuseNumber(n, "an integer beyond 64 bits", "put it in quotes if it is text")
		}
	case floatForm.MatchString(text):
		// goccy takes an exponent without a point for text; YAML's core
		// schema and JSON do not.
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			n.Kind, n.Value = Float, v
		} else {
			p.refuseNumber(n, "a number beyond a float's range", "put it in quotes if it is text")
		}
	case zerosForm.MatchString(text):
		p.refuseNumber(n, "a number with leading zeros, which some readers take for octal", "leave the zeros out"+asText)
	case basedForm.MatchString(text):
		p.refuseNumber(n, "a number that is not decimal", "write it in decimal"+asText)
	case limitlessForm.MatchString(text):
		p.refuseNumber(n, "a number that is not finite", "put it in quotes if it is text")
	case groupedForm.MatchString(text) || from.Type() != ast.StringType:
		p.refuseNumber(n, "a number with underscores, which some readers take for text", "leave the underscores out"+asText)
	}
}

func (p *parser) refuseNumber(n *Node, message, cure string) {
	n.Refused = true
	p.fault(n.Pos, message, cure)
}

// quoted is a document's text as messages quote it: short, in one line.
func quoted(text string) string {
	return strconv.Quote(cutEnd(text, 64))
}

func itoa(n int) string { return strconv.Itoa(n) }

func unicodeName(r rune) string { return fmt.Sprintf("U+%04X", r) }
