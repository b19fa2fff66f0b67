package binding

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

const (
	// maxCandidates bounds the later > that are tried for a second reading of
	// one expression.
	maxCandidates = 8
	// maxFaults bounds the faults of one scalar; a thousandth helps nobody.
	maxFaults = 10
	// maxExpressions bounds the expressions of one scalar: each of the quarter
	// of a million that fit into a playbook would be compiled.
	maxExpressions = 1000
)

// Part is a piece of a scalar: literal text or an expression.
type Part struct {
	Text   string // literal text, in which $$< has become $<; "" for an expression
	Source string // an expression's source, without $< and >; "" for literal text
	Offset int    // rune offset of the part's first rune in the scalar's text
}

// Template is a scalar split into its parts.
type Template struct {
	Parts []Part
	// Whole means that the scalar is one expression, whose result keeps its
	// kind. Otherwise the parts' texts are joined.
	Whole bool
}

// Literal gives the template's text if there is no expression in it.
func (t Template) Literal() (string, bool) {
	if len(t.Parts) == 1 && t.Parts[0].Source == "" && !t.Whole {
		return t.Parts[0].Text, true
	}
	var b strings.Builder
	for _, p := range t.Parts {
		if p.Source != "" || t.Whole {
			return "", false
		}
		b.WriteString(p.Text)
	}
	return b.String(), true
}

// Scan splits the decoded text of a scalar.
//
// `$<` opens an expression, `$$<` is a literal `$<`, any other `$` is literal.
// The scalar is one whole expression if it starts with `$<`, ends with `>`, has
// no second `$<` outside string literals, and its inside parses. Otherwise it
// is text, in which an expression ends at the first `>` outside quotes and
// brackets. What a reader could take in two ways is refused.
//
// Of a text with an expression the trailing newlines drop first: a block
// scalar has one without its writer's doing.
//
// With faults the template holds what could still be read. A scalar that can
// only be meant as one expression but does not parse is given back as a whole
// one: Compile says what is wrong inside.
func Scan(text string) (Template, []*Fault) {
	if !opens(text) {
		return Template{Parts: []Part{{Text: strings.ReplaceAll(text, "$$<", "$<")}}}, nil
	}
	text = strings.TrimRight(text, "\r\n")
	source, why, sole := wholeSource(text)
	if why == atEnd && sole {
		return wholeTemplate(source), nil
	}
	if why == atComment && parses(source) {
		s := &scanner{text: text, comment: true}
		s.expression(2, 2)
		return Template{}, s.faults
	}
	if why == atEnd && parses(source) {
		return wholeTemplate(source), nil
	}
	s := &scanner{text: text}
	s.scan()
	if why == atEnd && (s.blank || len(s.parts) == 1 && s.parts[0].Source == source) {
		return wholeTemplate(source), nil
	}
	return Template{Parts: s.parts}, s.faults
}

func wholeTemplate(source string) Template {
	return Template{Parts: []Part{{Source: source, Offset: 2}}, Whole: true}
}

// opens reports whether there is an unescaped $< in the text.
func opens(text string) bool {
	for i := strings.IndexByte(text, '$'); i >= 0 && i < len(text); i++ {
		if strings.HasPrefix(text[i:], "$$<") {
			i += 2
		} else if strings.HasPrefix(text[i:], "$<") {
			return true
		}
	}
	return false
}

// wholeSource is the inside of a scalar that may be one whole expression, and
// how far it holds: atEnd if it is balanced, atComment if a comment stops it,
// anything else if it is no candidate. It is the sole reading if no > stands in
// it where an embedded expression could end.
func wholeSource(text string) (source string, why stop, sole bool) {
	if len(text) < 4 || len(text) > maxSource+3 || !strings.HasPrefix(text, "$<") || text[len(text)-1] != '>' {
		return "", atLength, false
	}
	source = text[2 : len(text)-1]
	if strings.TrimSpace(source) == "" {
		return "", atLength, false
	}
	l := newLexer(source, 0)
	why = l.run()
	for sole = why != atClose; why == atClose; why = l.run() {
		l.pos++
	}
	if why == atEnd && (l.quote >= 0 || len(l.open) > 0) {
		return "", atLength, false
	}
	return source, why, sole
}

// scanner reads a scalar as text with embedded expressions.
type scanner struct {
	text    string
	literal strings.Builder
	parts   []Part
	faults  []*Fault
	done    bool
	count   int  // of the expressions
	comment bool // look for a comment behind the first >
	blank   bool // some fault was a blank before a closing >
}

func (s *scanner) scan() {
	i, n := 0, 0 // byte and rune offsets, moved together: counting anew would be quadratic
	advance := func(to int) { n += runes(s.text[i:to]); i = to }
	begin := 0
	flush := func() {
		if s.literal.Len() > 0 {
			s.parts = append(s.parts, Part{Text: s.literal.String(), Offset: begin})
			s.literal.Reset()
		}
	}
	for !s.done && i < len(s.text) {
		j := strings.IndexByte(s.text[i:], '$')
		if j < 0 {
			s.literal.WriteString(s.text[i:])
			break
		}
		s.literal.WriteString(s.text[i : i+j])
		advance(i + j)
		switch {
		case strings.HasPrefix(s.text[i:], "$$<"):
			s.literal.WriteString("$<")
			advance(i + 3)
		case strings.HasPrefix(s.text[i:], "$<"):
			flush()
			end := s.expression(i+2, n+2)
			advance(end)
			begin = n
		default:
			s.literal.WriteByte('$')
			advance(i + 1)
		}
	}
	flush()
}

// expression reads one that starts at byte offset i, rune offset n, and gives
// the byte offset behind it.
func (s *scanner) expression(i, n int) int {
	l := newLexer(s.text, i)
	why := l.run()
	for s.comment && why == atClose {
		l.pos++
		why = l.run()
	}
	source := s.text[i:l.pos]
	if why != atClose {
		s.refuse(l, why, n)
		s.done = true
		return len(s.text)
	}
	switch end := n + runes(source); {
	case strings.TrimSpace(source) == "":
		s.fault(n-2, "this `$<>` is empty", "write an expression between `$<` and `>`, or `$$<` for a literal `$<`")
	case strings.TrimRight(source, " \t\r\n") != source:
		s.blank = true
		s.fault(end, "the expression ends at this `>`, but a blank stands before it",
			"put an expression that compares with `>` in parentheses, `$<(a > b)>`, or remove the blank")
	case s.ambiguous(l, i):
		s.fault(end, "the expression can end at this `>` or at a later one",
			"put a comparison in parentheses, `$<(a > b)>`, or write a literal `>` as `$<\">\">`")
	case s.count == maxExpressions:
		s.fault(n-2, fmt.Sprintf("more than %d expressions in one text", maxExpressions), "split the text")
		s.done = true
	default:
		s.count++
		s.parts = append(s.parts, Part{Source: source, Offset: n})
	}
	return i + len(source) + 1
}

// ambiguous reports whether the expression would also parse if it ended at a
// later > that stands before the next $<. The lexer stands on its first >.
func (s *scanner) ambiguous(l *lexer, i int) bool {
	for tried := 0; ; tried++ {
		l.pos++
		if l.run() != atClose {
			return false
		}
		if tried == maxCandidates {
			return true
		}
		source := s.text[i:l.pos]
		ok, at := parse(source)
		if ok {
			return true
		}
		// The parser reads from left to right: what breaks before the end
		// breaks in every longer text, too.
		if at < runes(source)-1 {
			return false
		}
	}
}

func (s *scanner) fault(offset int, message, cure string) {
	s.faults = append(s.faults, &Fault{Offset: offset, Message: message, Cure: cure})
	s.done = s.done || len(s.faults) >= maxFaults
}

// refuse words why the expression at rune offset n never ends.
func (s *scanner) refuse(l *lexer, why stop, n int) {
	at := n + runes(s.text[l.start:min(l.pos, len(s.text))])
	switch why {
	case atOpening:
		s.fault(at, "`$<` inside an expression", "names need no `$<` there: write `$<a + b>`; if the expression was to end earlier, its `>` is missing")
	case atComment:
		s.fault(at, "a comment inside an expression", "remove it, or put quotes around text that contains `"+s.text[l.pos:l.pos+2]+"`")
	case atDepth:
		s.fault(at, fmt.Sprintf("brackets nest more than %d deep", maxDepth), "simplify the expression, or move a part of it into `vars`")
	case atLength:
		s.fault(n-2, "this `$<` is not closed within 2 KiB", "close it with `>`, shorten the expression, or move parts of it into `vars`")
	default:
		s.unclosed(l, n)
	}
}

func (s *scanner) unclosed(l *lexer, n int) {
	message := "this `$<` is never closed with `>`"
	switch {
	case l.quote >= 0:
		message += fmt.Sprintf(": the text that starts with %c has no closing quote", s.text[l.quote])
	case len(l.open) > 0:
		message += fmt.Sprintf(": a `%c` in it is still open", s.text[l.open[len(l.open)-1]])
	}
	s.fault(n-2, message, "add the missing `>`, or write `$$<` for a literal `$<`; a YAML value ends at ` #`, which starts a comment, unless the value is quoted")
}

// parses reports whether the source is an expression.
func parses(source string) bool {
	ok, _ := parse(source)
	return ok
}

// parse tries the source and gives the rune offset of the first fault.
func parse(source string) (ok bool, at int) {
	_, err := parseTree(source, nil)
	if err == nil {
		return true, 0
	}
	return false, errorOffset(err, source)
}

// parseTree parses; a panic of the parser is an error, because no playbook may
// end the process.
func parseTree(source string, config *conf.Config) (tree *parser.Tree, err error) {
	defer func() {
		if r := recover(); r != nil {
			tree, err = nil, fmt.Errorf("the parser failed: %v", r)
		}
	}()
	if len(source) > maxSource {
		return nil, errors.New("the expression is longer than 2 KiB")
	}
	tree, err = parser.ParseWithConfig(source, config)
	if err == nil && (tree == nil || tree.Node == nil) {
		err = errors.New("the expression is empty")
	}
	return tree, err
}

// errorOffset is the rune offset that an error of expr names, at most the
// source's length.
func errorOffset(err error, source string) int {
	var f *file.Error
	n := runes(source)
	if !errors.As(err, &f) {
		return 0
	}
	if strings.Contains(f.Message, "token EOF") {
		return n
	}
	return max(0, min(f.From, n))
}
