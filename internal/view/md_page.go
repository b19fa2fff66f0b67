package view

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// mdLimit is how long a page of Markdown may be, in characters: GitHub takes a
// comment of 65,536, and whoever posts it may add a line or two.
const mdLimit = 65000

// mdPage collects a page of Markdown that is no longer than allowed. It is made
// of parts, each of which is well-formed by itself, whatever items of it are
// left out.
type mdPage struct {
	parts []*mdPart
	all   string // where all is to be found, a sentence; for a page that was cut
}

// mdPart is a part of a page. Its texts are whole lines.
type mdPart struct {
	what       string // the items, in words: "steps"
	rank       int    // the parts of low rank are filled first
	head, tail string // around the items
	items      []string
}

// part adds a part.
func (p *mdPage) part(rank int, what, head, tail string) *mdPart {
	part := &mdPart{rank: rank, what: what, head: head, tail: tail}
	p.parts = append(p.parts, part)
	return part
}

// details adds a collapsed part.
func (p *mdPage) details(rank int, what, title string) *mdPart {
	return p.part(rank, what, mdSummary(title)+"\n", "\n</details>\n\n")
}

// list adds a part of lines, below a title if it has one, unless there are none.
func (p *mdPage) list(rank int, what, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	if title != "" {
		title = "#### " + title + "\n\n"
	}
	part := p.part(rank, what, title, "\n")
	for _, line := range lines {
		part.item("- %s", line)
	}
}

// folded adds the same as a collapsed part.
func (p *mdPage) folded(rank int, what, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	part := p.details(rank, what, title)
	for _, line := range lines {
		part.item("- %s", line)
	}
}

// item adds an item of whole lines.
func (part *mdPart) item(format string, args ...any) {
	part.items = append(part.items, fmt.Sprintf(format, args...)+"\n")
}

// String is the page, cut where it would become too long: parts of high rank
// lose items first, and what is left out is said on top and in place.
func (p *mdPage) String() string {
	const notice = 700 // room for what is said of the cut
	order := slices.Clone(p.parts)
	slices.SortStableFunc(order, func(a, b *mdPart) int { return a.rank - b.rank })
	whole := 0
	for _, part := range p.parts {
		whole += part.size()
	}
	room := mdLimit
	if whole > mdLimit {
		room -= notice
	}
	shown := map[*mdPart]int{} // how many items; -1: it is left out
	for _, part := range order {
		shown[part], room = part.fit(room, room/2)
	}
	for _, part := range order { // what the others left
		if n := shown[part]; n >= 0 && n < len(part.items) {
			shown[part], room = part.more(n, room)
		}
	}
	var b strings.Builder
	for i, part := range p.parts {
		part.write(&b, shown[part])
		if i == 0 && whole > mdLimit {
			b.WriteString(p.cut(shown))
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// size is how many characters a part has.
func (part *mdPart) size() int {
	n := chars(part.head) + chars(part.tail)
	for _, item := range part.items {
		n += chars(item)
	}
	return n
}

// fit is how many items of a part there is room for, and the room that is left.
// One that there is not enough room for gets a share, so that the others are not
// left out for it.
func (part *mdPart) fit(room, share int) (items, left int) {
	if size := part.size(); size <= room {
		return len(part.items), room - size
	}
	frame := chars(part.head) + chars(part.tail) + chars(part.omitted(len(part.items)))
	if frame > share || len(part.items) == 0 {
		return -1, room
	}
	items, rest := part.more(0, share-frame)
	return items, room - share + rest
}

// more is how many items there is room for, behind those that are shown.
func (part *mdPart) more(items, room int) (int, int) {
	for items < len(part.items) && chars(part.items[items]) <= room {
		room -= chars(part.items[items])
		items++
	}
	return items, room
}

func (part *mdPart) write(b *strings.Builder, items int) {
	if items < 0 {
		return
	}
	b.WriteString(part.head)
	for _, item := range part.items[:items] {
		b.WriteString(item)
	}
	if items < len(part.items) {
		b.WriteString(part.omitted(len(part.items) - items))
	}
	b.WriteString(part.tail)
}

// omitted says in place that items were left out.
func (part *mdPart) omitted(n int) string {
	return fmt.Sprintf("\n*… %s more lines of %s are left out here: the page would be too long.*\n", number(n), part.what)
}

// cut says on top what was left out.
func (p *mdPage) cut(shown map[*mdPart]int) string {
	var out []string
	for _, part := range p.parts {
		switch n := shown[part]; {
		case n < 0 && part.what != "":
			out = append(out, "all of "+part.what)
		case n >= 0 && n < len(part.items):
			out = append(out, fmt.Sprintf("%s of %s lines of %s", number(len(part.items)-n), number(len(part.items)), part.what))
		}
	}
	return fmt.Sprintf("> [!IMPORTANT]\n> **This page is cut** at %s characters: a comment on GitHub cannot hold more. Left out: %s. %s\n\n", number(mdLimit), strings.Join(out, ", "), p.all)
}

// chars is the length of a text in characters, as the longer of the two ways
// has it in which they are counted: those beyond the 16 bits count twice.
func chars(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}
