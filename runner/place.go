package runner

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

const cureTag = "leave it out: types come from the step types and inputs; put a text that begins with ! in quotes"

// place finds the token k, and those that belong to it, in the source behind
// the token before, and tells how many they are. It does not trust the places
// that the lexer gives (columns omit tabs, offsets drift behind comments): the
// text between two tokens is white space and comments or the document is
// refused, so that nothing the lexer passes over can be lost in silence. The
// place is put into the token: goccy's parser goes by the column and line, and
// its nodes have the offset again.
func (p *parser) place(k int) int {
	tk := p.tokens[k]
	crossed := p.gap() || k == 0
	at := p.i
	tk.Position.Offset = at
	if tk.Type != token.InvalidType { // whose line tells what is wrong
		pos := p.source.position(at)
		tk.Position.Line, tk.Position.Column = pos.Line, pos.Column
	}
	if p.outOfPlace(k, crossed) {
		return 1
	}
	p.count(k, at, crossed)
	switch tk.Type {
	case token.InvalidType:
		p.invalid(tk)
	case token.DocumentHeaderType, token.DocumentEndType:
		p.expect(strings.Repeat(tk.Value[:1], 3))
	case token.DirectiveType:
		p.directive()
	case token.AnchorType, token.AliasType:
		return p.reference(k)
	case token.TagType:
		p.refuse(at, "a tag", cureTag)
		p.expect(strings.TrimSpace(tk.Value))
	case token.MappingKeyType:
		p.fail(at, "a key written with ?", "write 'key: value'")
	case token.MappingValueType:
		p.colon(k)
	case token.SequenceEntryType:
		p.indent(k, '-')
		p.expect("-")
	case token.SequenceStartType, token.MappingStartType:
		p.enter(level{open: p.peek(0), at: at})
		p.expect(tk.Value)
	case token.SequenceEndType, token.MappingEndType:
		if p.inFlow() {
			p.leave()
		}
		p.expect(tk.Value)
	case token.CollectEntryType:
		if before := p.tokens[k-1].Type; before == token.CollectEntryType || before == token.MappingStartType || before == token.SequenceStartType {
			p.fail(at, "a value is missing before ,", "write one, or put the text in quotes")
		}
		p.expect(",")
	case token.LiteralType, token.FoldedType:
		return p.blockScalar(k)
	default:
		p.scalar(k)
	}
	return 1
}

// expect reads the text of a sign.
func (p *parser) expect(text string) {
	for _, r := range text {
		if p.i >= len(p.source.runes) || p.peek(0) != r {
			p.lost()
			return
		}
		p.i++
	}
}

// lost ends the reading where the lexer's tokens and the text part. Behind a
// text that was refused they may: that is no fault of its own.
func (p *parser) lost() {
	switch r := p.peek(0); {
	case p.unsound:
		p.over, p.i = true, len(p.source.runes)
	case r == '#':
		p.fail(p.i, "a text without quotes cannot begin with #", "put it in quotes, or put a space before a comment")
	case r == '!':
		p.fail(p.i, "a tag", cureTag)
	default:
		p.fail(p.i, "text that readers of YAML understand in different ways", "put the whole value in quotes")
	}
}

// finish looks at what the last token leaves.
func (p *parser) finish() {
	if p.over {
		return
	}
	if p.gap(); p.i < len(p.source.runes) {
		p.lost()
	}
	if p.inFlow() {
		p.unclosed()
	}
	for _, tk := range p.tokens {
		if tk.Type != token.DocumentHeaderType && tk.Type != token.DocumentEndType {
			return
		}
	}
	p.fail(0, "the document is empty", "write its keys and values; a playbook begins with: rekey: 1")
}

// outOfPlace refuses a token that cannot stand where it does: behind the end
// of the document, or in brackets that its own line shows to be left open.
func (p *parser) outOfPlace(k int, crossed bool) bool {
	tk := p.tokens[k]
	ended := k > 0 && p.tokens[k-1].Type == token.DocumentEndType && tk.Type != token.DocumentEndType
	if ended || k > 0 && tk.Type == token.DocumentHeaderType {
		p.fail(p.i, "a second document", "keep one document in a file")
	}
	if k > 0 && !crossed && p.tokens[k-1].Type == token.DocumentHeaderType && (p.isKey(k) || tk.Type == token.SequenceEntryType) {
		p.fail(p.i, "a value in the line of ---", "begin it on the next line")
	}
	if crossed && !p.inFlow() && p.isValue(k) && p.peek(0) != '?' && p.source.column(p.i) <= p.parent() {
		p.dedented()
	}
	if p.inFlow() {
		closes := tk.Type == token.SequenceEndType || tk.Type == token.MappingEndType
		if crossed && p.source.column(p.i) <= p.parent() && !closes || p.marker(p.i) != 0 {
			p.unclosed()
		}
		switch tk.Type {
		case token.SequenceEntryType, token.LiteralType, token.FoldedType:
			p.fail(p.i, "a text without quotes cannot begin with "+tk.Value[:1]+" inside brackets", "put it in quotes")
		}
	}
	return p.over
}

// unclosed refuses the innermost bracket.
func (p *parser) unclosed() {
	top := p.levels[len(p.levels)-1]
	p.fail(top.at, "the "+string(top.open)+" that opens here is never closed", "close it, or put the text in quotes")
}

// count adds what the token k will cost goccy's parser.
func (p *parser) count(k, at int, crossed bool) {
	p.cost.paths += 8 * len(p.levels)
	for _, l := range p.levels {
		p.cost.paths += l.path
	}
	if k == 0 {
		return
	}
	switch p.tokens[k-1].Type {
	case token.MappingValueType, token.SequenceEntryType:
		tk := p.tokens[k].Type
		if crossed && !p.inFlow() && p.source.column(at) <= p.parent() || tk == token.CollectEntryType || tk == token.MappingEndType {
			p.cost.moves += len(p.tokens) - k
		}
	}
	if p.cost.moves > maxMoves || p.cost.paths > maxPaths || p.cost.entries > maxEntries*maxEntries/2 {
		p.fail(at, "more keys, or keys without values, than this version reads", "write large data as JSON on few lines, or split it")
	}
}

func (p *parser) inFlow() bool {
	return len(p.levels) > 0 && p.levels[len(p.levels)-1].column < 0
}

// parent is the column of the innermost block collection, -1 if there is none.
func (p *parser) parent() int {
	for i := len(p.levels) - 1; i >= 0; i-- {
		if p.levels[i].column >= 0 {
			return p.levels[i].column
		}
	}
	return -1
}

// enter opens a collection.
func (p *parser) enter(l level) {
	if l.open == '[' || l.open == '{' {
		l.column = -1
	}
	p.levels = append(p.levels, l)
	if len(p.levels) > maxDepth {
		p.fail(l.at, "nested deeper than 32 levels", "flatten the structure")
	}
}

func (p *parser) leave() { p.levels = p.levels[:len(p.levels)-1] }

// indent closes the block collections that end before an entry of one, the
// token k, and opens that if it is new. Only spaces may stand before the entry
// in its line, since tabs have no agreed width.
func (p *parser) indent(k int, open rune) {
	column := p.source.column(p.i)
	for at := p.i - column; at < p.i; at++ {
		if p.rune(at) == '\t' {
			p.fail(at, "a tab in the indentation", "indent with spaces")
			return
		}
	}
	depth := len(p.levels)
	for len(p.levels) > 0 {
		top := p.levels[len(p.levels)-1]
		if top.column == column && top.open == open {
			return
		}
		if top.column < column || top.column == column && open == '-' {
			break
		}
		p.leave()
	}
	first := k == 0
	if k > 0 && depth == len(p.levels) {
		switch p.tokens[k-1].Type {
		case token.MappingValueType, token.SequenceEntryType, token.DocumentHeaderType:
			first = true
		}
	}
	if !first {
		p.misplaced(open, column)
		return
	}
	p.enter(level{open: open, at: p.i, column: column})
}

// misplaced refuses an entry that belongs to no collection above.
func (p *parser) misplaced(open rune, column int) {
	top := level{column: -1}
	if len(p.levels) > 0 {
		top = p.levels[len(p.levels)-1]
	}
	switch {
	case p.unsound: // an anchor's name stands before
		p.enter(level{open: open, at: p.i, column: column})
	case open == '-' && top.column == column:
		p.fail(p.i, "a list item where a key should stand", "indent the list below its key")
	case top.column >= 0 && top.open == '-':
		p.fail(p.i, "this line is indented deeper than the list item above", "indent it as its siblings")
	case top.column >= 0:
		p.fail(p.i, "this line is indented deeper than the keys above", "indent it as its siblings")
	default:
		p.fail(p.i, "text that belongs to nothing before it", "check the indentation of this line")
	}
}

// isValue tells whether the token k begins a value, and is no key or entry.
func (p *parser) isValue(k int) bool {
	switch p.tokens[k].Type {
	case token.MappingValueType, token.SequenceEntryType, token.CollectEntryType, token.SequenceEndType, token.MappingEndType,
		token.DocumentHeaderType, token.DocumentEndType, token.InvalidType, token.AnchorType, token.AliasType, token.TagType, token.MappingKeyType:
		return false
	}
	return !p.isKey(k)
}

// colon reads the colon behind a key.
func (p *parser) colon(k int) {
	at := p.i
	p.expect(":")
	if k == 0 {
		p.fail(at, "a key is missing before the colon", "write one")
		return
	}
	key := p.tokens[k-1]
	n := p.scalars[key]
	switch {
	case key.Type == token.SequenceEndType || key.Type == token.MappingEndType:
		kind := map[token.Type]NodeKind{token.SequenceEndType: List, token.MappingEndType: Map}[key.Type]
		p.fail(at, "a key that is "+kind.String()+"; keys are strings", "write a string, or put the value in quotes")
	case key.Type == token.LiteralType || key.Type == token.FoldedType || n == nil:
		if !p.unsound {
			p.fail(at, "a key is missing before the colon", "write one")
		}
	case !p.inFlow() && p.source.position(p.endOf(key)).Line != p.source.position(at).Line:
		p.fail(at, "a key is missing before the colon", "write one")
	case p.inFlow() && n.Plain && !isSpace(p.peek(0)) && !isFlow(p.peek(0)):
		p.fail(at, "a colon without a space behind it", "write 'key: value', or put a text that holds a colon in quotes")
	case p.inFlow() && k > 1 && p.tokens[k-2].Type == token.MappingValueType:
		p.fail(at, "a comma or } should stand here", p.flowCure(at))
	case p.inFlow() && p.levels[len(p.levels)-1].open == '[':
		p.fail(at, "a colon inside a list", "write a mapping in braces, {key: value}, or put the text in quotes")
	case !p.inFlow() && (p.source.position(at).Line != n.Pos.Line || k > 1 && p.tokens[k-2].Type == token.MappingValueType && p.position(p.tokens[k-2]).Line == n.Pos.Line):
		p.colonInText(key.Position.Offset, at)
	case utf8.RuneCountInString(key.Value) > maxKey:
		p.fail(key.Position.Offset, "a key of more than 1024 characters", "shorten it")
	case len(p.levels) > 0:
		top := &p.levels[len(p.levels)-1]
		top.keys++
		top.path = len(key.Value)
		if !p.inFlow() {
			p.cost.entries += top.keys
		}
	}
}

// isKey tells whether the token k is followed by a colon.
func (p *parser) isKey(k int) bool {
	return k+1 < len(p.tokens) && p.tokens[k+1].Type == token.MappingValueType
}
