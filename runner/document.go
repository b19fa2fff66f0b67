package runner

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// NodeKind tells what a Node of a document is.
type NodeKind uint8

// The kinds of nodes.
const (
	Null NodeKind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

// String names the kind as messages do: "a string", "a list", …
func (k NodeKind) String() string {
	return [...]string{"null", "a bool", "an int", "a float", "a string", "a list", "a mapping"}[k]
}

// Node is one value of a document and the place where it stands.
type Node struct {
	Kind    NodeKind
	Pos     Position // of its first rune, of a quoted string the quote
	Value   any      // bool, int64, float64 or string by Kind; nil for Null, List and Map
	Items   []*Node  // of a List
	Entries []Entry  // of a Map, in the document's order
	Plain   bool     // a scalar without quotes that is no block scalar
	Refused bool     // a scalar about which a fault was reported: nothing more is to be said of it

	source *source
	places []int32 // for each rune of a String its offset in source, and the end
	raw    string  // of a plain scalar the text as written, folded
}

// Entry is one key of a mapping and its value.
type Entry struct {
	Key   *Node // of kind String
	Value *Node // never nil; a key without a value has a Null
}

// At gives the place in the file of the rune with this offset in the text of
// a String node. A rune that an escape made stands where the escape begins; a
// space or newline that a fold made stands where its line ends. An offset
// behind the text gives the place right behind it. For other nodes it is Pos.
func (n *Node) At(rune int) Position {
	if len(n.places) == 0 {
		return n.Pos
	}
	return n.source.position(int(n.places[min(max(rune, 0), len(n.places)-1)]))
}

// Get is the value of a Map's key, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for _, e := range n.Entries {
		if e.Key.Value == key {
			return e.Value
		}
	}
	return nil
}

// Any is the node as plain data: nil, bool, int64, float64, string, []any and
// map[string]any.
func (n *Node) Any() any {
	switch {
	case n == nil:
		return nil
	case n.Kind == List:
		items := make([]any, len(n.Items))
		for i, item := range n.Items {
			items[i] = item.Any()
		}
		return items
	case n.Kind == Map:
		members := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			members[e.Key.Value.(string)] = e.Value.Any()
		}
		return members
	}
	return n.Value
}

// ParseDocument reads a YAML document into a tree that knows for every rune
// where it stands. It gives the text no meaning beyond YAML's.
//
// The structure and the values are read by goccy/go-yaml. General readers
// take what a reviewer would not notice (anchors that change a value far away,
// 010 for 8, a second document), which is refused here, and lose the column of
// a rune inside a folded scalar, at which every fault of an expression must
// point: each scalar's text is read once more for that.
//
// Refused, each with its cure: more than 1 MiB, nesting deeper than 32,
// several documents, an empty one, invalid UTF-8 and control characters,
// repeated keys, keys that are no strings, anchors, aliases, merge keys, tags,
// directives, numbers and texts that readers understand in different ways,
// and the few documents that would take the reader long (see newSource, cost).
//
// The node is nil if the faults leave no tree that could be relied upon; with
// other faults (a repeated key, a number with leading zeros) there is one.
func ParseDocument(file string, data []byte) (*Node, Faults) {
	src, faults := newSource(data)
	if len(faults) > 0 {
		return nil, faults.InFile(file)
	}
	p := &parser{source: src}
	root := p.parse()
	p.faults.Sort()
	if p.unsound {
		root = nil
	}
	return root, p.faults.InFile(file)
}

// source is a document's text with every line break as one LF and without a
// byte order mark, and the offsets (in runes) at which its lines start.
type source struct {
	runes []rune
	lines []int32
}

// position is the place of the rune at offset, as an editor shows it.
func (s *source) position(offset int) Position {
	line := sort.Search(len(s.lines), func(i int) bool { return int(s.lines[i]) > offset })
	return Position{Line: line, Column: offset - int(s.lines[line-1]) + 1}
}

// column is the offset within its line, from 0.
func (s *source) column(offset int) int {
	return s.position(offset).Column - 1
}

// maxDocument bounds a document's size in bytes, maxDepth its nesting.
// maxFaults ends the reading of a document that is no playbook at all.
const (
	maxDocument = 1 << 20
	maxDepth    = 32
	maxFaults   = 100
)

// newSource decodes data. Control characters are refused here, so that no
// later message or value can carry one that was not written as an escape.
// So is what goccy's lexer would take quadratic time for.
func newSource(data []byte) (*source, Faults) {
	var faults Faults
	if len(data) > maxDocument {
		faults.Add(Position{1, 1}, "the document is larger than 1 MiB", "split it into several playbooks, or give data as inputs")
		return nil, faults
	}
	s := &source{runes: make([]rune, 0, len(data)+1), lines: []int32{0}}
	if len(data) >= 3 && string(data[:3]) == "\ufeff" {
		data = data[3:]
	}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			faults.Add(s.position(len(s.runes)), "the document is not valid UTF-8", "save it as UTF-8")
			return nil, faults
		case r == '\r':
			r = '\n'
			if len(data) > 1 && data[1] == '\n' {
				size = 2
			}
		case r < 0x20 && r != '\t' && r != '\n', r >= 0x7f && r <= 0x9f && r != 0x85:
			faults.Add(s.position(len(s.runes)), "a control character "+unicodeName(r), `delete it, or write it as an escape in double quotes, such as "\t"`)
			return nil, faults
		}
		s.runes = append(s.runes, r)
		if r == '\n' {
			s.lines = append(s.lines, int32(len(s.runes)))
		}
		data = data[size:]
	}
	return s, s.slow()
}

// What goccy's lexer takes more than linear time for: a run of < is counted
// from each of its runes; the rest of the line is looked through for each tab
// in double quotes; a block scalar is copied for each blank line behind it.
// maxSigns bounds the tokens, each of which takes some 300 bytes.
const (
	maxAngles = 100
	maxSigns  = 250_000     // runes that may be tokens of their own
	maxTabs   = 100_000_000 // tabs times runes of their lines
	maxBlanks = 8 << 20     // blank lines in a row times runes of the document
)

// slow refuses what goccy's lexer would take long for.
func (s *source) slow() (faults Faults) {
	var angles, tabs, tabCost, blanks, signs, start int
	text := false // something stands in this line
	for at, r := range s.runes {
		angles++
		switch r {
		case '<':
			text = true
		case '\t':
			tabs++
			tabCost += at - start
		case '\n':
			if blanks++; text {
				blanks = 0
			}
			tabCost += tabs * (at - start)
			tabs, start, text = 0, at+1, false
		case ' ':
		default:
			text = true
		}
		if r != '<' {
			angles = 0
		}
		if r < 0x80 && strings.ContainsRune("[]{},:-?&*!|>%@`'\"#", r) {
			signs++
		}
		switch {
		case angles > maxAngles:
			faults.Add(s.position(at), "more than 100 signs < in a row", "shorten the text")
		case signs > maxSigns:
			faults.Add(s.position(at), "a document with more than 250,000 signs", "split it into several playbooks, or give data as inputs")
		case tabCost+tabs*(at-start) > maxTabs:
			faults.Add(s.position(at), "a long line with many tabs", "break the line, or write spaces")
		case blanks*len(s.runes) > maxBlanks:
			faults.Add(s.position(at), "a long run of blank lines", "delete them")
		default:
			continue
		}
		return faults
	}
	return nil
}

// offset is where a position stands in the source.
func (s *source) offset(pos Position) int {
	return int(s.lines[pos.Line-1]) + pos.Column - 1
}

// addKey appends an entry to a map and refuses a key that it has already.
func (p *parser) addKey(n *Node, seen map[string]int, key, value *Node) {
	name, _ := key.Value.(string)
	if at, again := seen[name]; again {
		p.fault(key.Pos, "the key "+quoted(name)+" is given again; it stands first in line "+itoa(n.Entries[at].Key.Pos.Line), "keep one of them")
		return
	}
	seen[name] = len(n.Entries)
	n.Entries = append(n.Entries, Entry{Key: key, Value: value})
}

// text makes a String node of runes and their offsets; end is where the
// scalar's text ends.
func (p *parser) text(at int, runes []rune, places []int32, end int) *Node {
	return &Node{Kind: String, Pos: p.source.position(at), Value: string(runes),
		source: p.source, places: slices.Clip(append(places, int32(end)))}
}
