package runner

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	goccy "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parser leads a document through goccy/go-yaml: its lexer makes the tokens,
// each is found again in the source, its parser makes the tree of them, and
// that becomes our nodes. Offsets are in runes of the source; columns count
// from 0.
type parser struct {
	source  *source
	tokens  token.Tokens // without comments
	scalars map[*token.Token]*Node
	levels  []level // the collections around the token being placed
	cost    cost
	i       int // offset of the next rune
	faults  Faults
	unsound bool // a fault left something out of the tree
	over    bool // reading has ended early; i is at the end of the text or behind it
}

// level is a collection that is open.
type level struct {
	open   rune // '-' and ':' of a block list and mapping, '[' or '{'
	at     int  // offset of its first rune
	column int  // of a block collection
	keys   int
	path   int // length of the key in which the next token stands
}

// cost counts what goccy's parser spends beyond linear time: for a block
// mapping it copies the entries once for each of them; for each value left
// out it moves the tokens behind; each node holds the keys above it as text.
type cost struct {
	entries, moves, paths int
}

// The bounds on a document's tokens, each worth some tenths of a second.
const (
	maxTokens  = 250_000
	maxKey     = 1024 // runes: YAML 1.2, 7.4.2 of implicit keys
	maxEntries = 5000 // of the one block mapping that a document may be
	maxMoves   = 1_000_000_000
	maxPaths   = 128 << 20
)

// parse reads the document. A nil node comes with faults.
func (p *parser) parse() *Node {
	for _, tk := range lexer.Tokenize(string(p.source.runes)) {
		if tk.Type != token.CommentType {
			p.tokens = append(p.tokens, tk)
		}
	}
	if len(p.tokens) > maxTokens {
		p.fail(0, "the document has more than 250,000 values and signs", "split it into several playbooks, or give data as inputs")
		return nil
	}
	p.scalars = make(map[*token.Token]*Node, len(p.tokens)/2)
	for k := 0; k < len(p.tokens) && !p.over; {
		k += p.place(k)
	}
	p.finish()
	if p.over {
		return nil
	}
	return p.tree()
}

// tree has goccy's parser make the tree, and turns it into nodes.
func (p *parser) tree() *Node {
	// Repeated keys are ours to refuse: all of them, and not by the first.
	file, err := goccy.Parse(p.tokens, 0, goccy.AllowDuplicateMapKey())
	var syntax interface {
		error
		GetMessage() string
		GetToken() *token.Token
	}
	switch {
	case errors.As(err, &syntax):
		p.syntax(syntax.GetMessage(), syntax.GetToken())
		return nil
	case err != nil || len(file.Docs) != 1:
		p.fail(0, "YAML that cannot be read", "write the document more simply")
		return nil
	}
	return p.node(file.Docs[0].Body, -1, false)
}

// node turns goccy's node into ours. parent is the column of the block
// collection around it; inFlow tells that it stands in brackets.
func (p *parser) node(n ast.Node, parent int, inFlow bool) *Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		return p.mapping(n, parent, inFlow)
	case *ast.SequenceNode:
		return p.list(n, parent, inFlow)
	case *ast.AnchorNode:
		return p.node(n.Value, parent, inFlow)
	case *ast.TagNode:
		return p.node(n.Value, parent, inFlow)
	case *ast.LiteralNode:
		return p.scalars[n.Start]
	case ast.ScalarNode:
		tk := n.GetToken()
		if s := p.scalars[tk]; s != nil {
			return p.resolve(s, n)
		}
		if tk.Type == token.ImplicitNullType { // made of the token before
			return p.null(tk.Position.Offset + 1)
		}
		return p.null(tk.Position.Offset) // an alias
	}
	return p.null(0)
}

func (p *parser) list(n *ast.SequenceNode, parent int, inFlow bool) *Node {
	list := &Node{Kind: List, Pos: p.position(n.Start)}
	column := parent
	if !n.IsFlowStyle {
		column = list.Pos.Column - 1
	}
	for i, value := range n.Values {
		item := p.node(value, column, inFlow || n.IsFlowStyle)
		if list.Items = append(list.Items, item); !n.IsFlowStyle {
			p.below(item, n.Entries[i].Start, column, true)
		}
	}
	return list
}

func (p *parser) mapping(n *ast.MappingNode, parent int, inFlow bool) *Node {
	m := &Node{Kind: Map, Pos: p.position(n.Start)}
	if !n.IsFlowStyle && inFlow {
		p.fail(n.Start.Position.Offset, "a comma or } should stand here", p.flowCure(n.Start.Position.Offset))
	}
	column, seen := parent, map[string]int{}
	for i, entry := range n.Values {
		key := p.checkKey(p.node(entry.Key, parent, true))
		if i == 0 && !n.IsFlowStyle {
			m.Pos, column = key.Pos, key.Pos.Column-1
		}
		value := p.node(entry.Value, column, inFlow || n.IsFlowStyle)
		if p.addKey(m, seen, key, value); !n.IsFlowStyle {
			if key.Pos.Column-1 != column && !p.unsound {
				p.fail(entry.Start.Position.Offset, "a key that readers of YAML understand in different ways", "indent it as its siblings")
			}
			p.below(value, entry.Start, column, value.Kind != List)
		}
	}
	return m
}

// below refuses a node that goccy's parser puts below the token of an entry
// though it is not indented so. deeper excludes the entry's own column.
func (p *parser) below(n *Node, entry *token.Token, column int, deeper bool) {
	same := n.Pos.Line == p.position(entry).Line
	if !same && (n.Pos.Column-1 < column || deeper && n.Pos.Column-1 == column) && !p.unsound {
		p.fail(entry.Position.Offset, "an entry that readers of YAML understand in different ways", "write its value in the same line; null if it has none")
	}
}

func (p *parser) null(at int) *Node {
	return &Node{Kind: Null, Pos: p.source.position(min(at, len(p.source.runes)))}
}

// position is where a placed token stands.
func (p *parser) position(tk *token.Token) Position {
	return p.source.position(tk.Position.Offset)
}

// fault records something wrong after which reading goes on.
func (p *parser) fault(pos Position, message, cure string) {
	if p.over {
		return
	}
	p.faults.Add(pos, message, cure)
	if len(p.faults) == maxFaults-1 {
		p.fail(p.i, "too many faults; the rest of the document is not read", "correct these first")
	}
}

// refuse records something wrong that leaves a hole in the tree.
func (p *parser) refuse(at int, message, cure string) {
	p.unsound = true
	p.fault(p.source.position(at), message, cure)
}

// fail records something wrong at an offset after which the structure cannot
// be known, and ends the reading: the callers meet the end of the text.
func (p *parser) fail(at int, message, cure string) {
	if !p.over {
		p.faults.Add(p.source.position(at), message, cure)
	}
	p.unsound, p.over = true, true
	p.i = len(p.source.runes)
}

// peek is the rune at distance d from here, a line feed at the end of text.
func (p *parser) peek(d int) rune { return p.rune(p.i + d) }

func (p *parser) rune(at int) rune {
	if at >= 0 && at < len(p.source.runes) {
		return p.source.runes[at]
	}
	return '\n'
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }
func isSpace(r rune) bool { return isBlank(r) || r == '\n' }

func isFlow(r rune) bool {
	return r == ',' || r == '[' || r == ']' || r == '{' || r == '}'
}

// marker is '-' or '.' if a document marker stands at the offset, else 0.
func (p *parser) marker(at int) rune {
	r := p.rune(at)
	if (r == '-' || r == '.') && p.rune(at+1) == r && p.rune(at+2) == r && isSpace(p.rune(at+3)) && p.rune(at-1) == '\n' {
		return r
	}
	return 0
}

// gap skips white space, line breaks and comments, and tells whether it went
// to another line.
func (p *parser) gap() (crossed bool) {
	for p.i < len(p.source.runes) {
		switch r := p.peek(0); {
		case r == '\n':
			crossed = true
		case r == '#' && isSpace(p.rune(p.i-1)):
			for p.peek(1) != '\n' {
				p.i++
			}
		case !isBlank(r):
			return crossed
		}
		p.i++
	}
	return true
}

// holdsExpression tells whether an expression begins in the line before the
// offset.
func (p *parser) holdsExpression(at int) bool {
	at = min(at, len(p.source.runes))
	return strings.Contains(string(p.source.runes[at-p.source.column(at):at]), "$<")
}
