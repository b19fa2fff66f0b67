package view

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A graph is drawn as a column: a run takes its steps one after the other, so
// that each has a row of its own, from the top down. What a step takes of the
// one right before it stands at the arrow between them; what it takes of an
// earlier one comes along a lane on the right. No line crosses a text, and
// where all stands follows from the texts alone.

// Lengths of a picture, in pixels.
const (
	svgMargin = 8  // around all
	svgPad    = 12 // between a frame and what is in it
	svgGap    = 30 // between frames, for an arrow
	svgLine   = 16 // height of a line of text
	svgPort   = 18 // between lines that end at the same frame
	svgLane   = 12 // between lanes
	svgArrow  = 7
	svgWidest = 34 // cells of a line of text; more is wrapped or cut
	svgStack  = 4  // how far a loop's second frame sticks out
)

// Widths of a cell, which is the place of a letter, in hundredths of a pixel: a
// font's letters are as wide as they like, and are set into that width.
const (
	svgNameCell  = 783 // of 13 pixels
	svgAboutCell = 663 // of 11 pixels
)

// svg is the graph as a picture of its own.
func (g *graph) svg() string { return g.inline(nil) }

// inline is the graph as a part of a page that has the style of pictures; link
// is where a step's frame leads to, empty for nowhere.
func (g *graph) inline(link func(*graphNode) string) string {
	p := newPicture(g, link)
	p.layout()
	return p.render()
}

func newPicture(g *graph, link func(*graphNode) string) *picture {
	return &picture{graph: g, link: link, nodes: map[*graphNode]*frame{}, groups: map[*graphGroup]*frame{}}
}

// layout finds a place for everything.
func (p *picture) layout() {
	p.measure()
	p.stack()
	p.route()
	p.widen()
}

// frame is where a step, a block or a loop is drawn.
type frame struct {
	x, y, w, h int
	lines      []string // the name, and what is said about it
	in, out    int      // lines from and to lanes that end here
	depth      int      // how many groups it is in
}

func (f *frame) right() int  { return f.x + f.w }
func (f *frame) bottom() int { return f.y + f.h }

// lane is a line on the right, from one step to a later one.
type lane struct {
	edge     *graphEdge
	label    string
	from, to int // where it begins and ends, from the top
	level    int // depth of the innermost group that it stays in
	place    int // among the lanes of its level, from the left
	x        int
}

// picture is a graph being laid out.
type picture struct {
	*graph
	link    func(*graphNode) string
	nodes   map[*graphNode]*frame
	groups  map[*graphGroup]*frame
	shown   []*graphGroup // that have a step, an outer one before those in it
	lanes   []*lane
	deepest int
	edge    int // right edge of all steps
	labels  int // where the labels of lanes begin
	w, h    int
	out     strings.Builder
}

// measure finds out how large each frame must be for its texts.
func (p *picture) measure() {
	for _, n := range p.graph.nodes {
		f := &frame{lines: framed(n.name, n.about), depth: depthOf(n.in)}
		p.nodes[n] = f
		for g := n.in; g != nil; g = g.in {
			if p.groups[g] == nil {
				p.groups[g] = &frame{lines: framed(g.name, g.about), depth: depthOf(g.in)}
			}
		}
	}
	for _, g := range p.graph.groups {
		if f := p.groups[g]; f != nil {
			p.shown = append(p.shown, g)
			p.fit(f, 0)
		}
	}
	for i := range p.edges {
		e := &p.edges[i]
		if e.next {
			// Its label stands right of the arrow.
			p.edge = max(p.edge, svgLeft(depthOf(p.common(e)))+3*svgPad+cellWidth(edgeLabel(e), svgAboutCell))
			continue
		}
		p.nodes[e.from].out++
		p.nodes[e.to].in++
	}
	for _, n := range p.graph.nodes {
		f := p.nodes[n]
		p.fit(f, (f.in+f.out)*svgPort+svgPad)
	}
}

// fit gives a frame its height, which is least or more, and all frames room for
// its texts.
func (p *picture) fit(f *frame, least int) {
	f.x = svgLeft(f.depth)
	f.h = max(len(f.lines)*svgLine+svgPad, least)
	p.deepest = max(p.deepest, f.depth)
	for i, text := range f.lines {
		p.edge = max(p.edge, f.x+2*svgPad+lineWidth(i, text))
	}
}

// svgLeft is where the frames begin that are in so many groups.
func svgLeft(depth int) int { return svgMargin + depth*svgPad }

// stack puts the frames below each other.
func (p *picture) stack() {
	y := svgMargin
	var open []*graphGroup
	first := true // nothing stands above in the same frame
	for _, n := range p.graph.nodes {
		path := groupsAround(n.in)
		for len(open) > 0 && (len(open) > len(path) || path[len(open)-1] != open[len(open)-1]) {
			f := p.groups[open[len(open)-1]]
			y += svgPad
			f.h = y - f.y
			open, first = open[:len(open)-1], false
		}
		for len(open) < len(path) {
			if !first {
				y += svgGap
			}
			g := path[len(open)]
			f := p.groups[g]
			f.y = y
			y += f.h
			open, first = append(open, g), true
		}
		if !first {
			y += svgGap
		}
		f := p.nodes[n]
		f.y, f.w = y, p.edge-f.x
		y += f.h
		first = false
	}
	for _, g := range slices.Backward(open) {
		y += svgPad
		p.groups[g].h = y - p.groups[g].y
	}
	p.h = y + svgStack + svgMargin
}

// route gives the lanes their ends and their places: a short one is further
// left, so that few cross.
func (p *picture) route() {
	for i := range p.edges {
		if e := &p.edges[i]; !e.next {
			p.lanes = append(p.lanes, &lane{edge: e, label: edgeLabel(e), level: depthOf(p.common(e))})
		}
	}
	at := map[*graphNode]int{}
	for i, n := range p.graph.nodes {
		at[n] = i
	}
	span := func(l *lane) int { return at[l.edge.to] - at[l.edge.from] }
	slices.SortStableFunc(p.lanes, func(a, b *lane) int { return span(a) - span(b) })
	in, out := map[*graphNode]int{}, map[*graphNode]int{}
	for _, l := range p.lanes {
		from, to := p.nodes[l.edge.from], p.nodes[l.edge.to]
		in[l.edge.to]++
		out[l.edge.from]++
		l.to = to.y + (to.h-(to.in+to.out)*svgPort)/2 + in[l.edge.to]*svgPort - svgPort/2
		l.from = from.y + (from.h+(from.in+from.out)*svgPort)/2 - out[l.edge.from]*svgPort + svgPort/2
	}
	for i, l := range p.lanes {
		for slices.ContainsFunc(p.lanes[:i], func(o *lane) bool {
			return o.level == l.level && o.place == l.place && o.from <= l.to+svgPad && l.from <= o.to+svgPad
		}) {
			l.place++
		}
	}
}

// widen puts the lanes, and the right sides of the groups, next to the steps:
// the lanes that stay in a group lie in its frame.
func (p *picture) widen() {
	levels := make([]int, p.deepest+1) // how many lanes stay at that depth
	widest := 0
	for _, l := range p.lanes {
		levels[l.level] = max(levels[l.level], l.place+1)
		widest = max(widest, cellWidth(l.label, svgAboutCell))
	}
	x := p.edge
	right := make([]int, p.deepest+1)
	depth := p.deepest
	for ; depth > 0 && levels[depth] == 0; depth-- { // groups without lanes of their own
		x += svgPad
		right[depth] = x
	}
	p.labels = x + 2*svgPad
	if len(p.lanes) > 0 {
		x = p.labels + widest + svgPad
	}
	for ; depth >= 0; depth-- {
		x += svgStack
		for _, l := range p.lanes {
			if l.level == depth {
				l.x = x + l.place*svgLane
			}
		}
		x += levels[depth] * svgLane
		right[depth] = x
	}
	for _, g := range p.shown {
		f := p.groups[g]
		f.w = right[f.depth+1] - f.x
	}
	p.w = x + svgStack + svgMargin
}

// common is the innermost group that both ends of an edge are in.
func (p *picture) common(e *graphEdge) *graphGroup {
	for g := e.from.in; g != nil; g = g.in {
		if slices.Contains(groupsAround(e.to.in), g) {
			return g
		}
	}
	return nil
}

// within is the outermost frame around a node that is itself in a group.
func (p *picture) within(n *graphNode, group *graphGroup) *frame {
	for _, g := range groupsAround(n.in) {
		if g.in == group {
			return p.groups[g]
		}
	}
	return p.nodes[n]
}

// groupsAround are a group and those around it, the outermost first.
func groupsAround(g *graphGroup) (path []*graphGroup) {
	for ; g != nil; g = g.in {
		path = append(path, g)
	}
	slices.Reverse(path)
	return path
}

func depthOf(g *graphGroup) int { return len(groupsAround(g)) }

// framed are the lines of a frame: the name, cut to one, and the rest.
func framed(name string, about []string) []string {
	lines := []string{cutCells(Visible(name))}
	for _, text := range about {
		for i, line := range wrap(Visible(text), svgWidest) {
			if i == 3 {
				lines[len(lines)-1] = cutCells(lines[len(lines)-1] + " " + differs)
				break
			}
			lines = append(lines, cutCells(line))
		}
	}
	return lines
}

// edgeLabel names what a step takes of another.
func edgeLabel(e *graphEdge) string { return cutCells(Visible(strings.Join(e.data, ", "))) }

// cutCells is the beginning of a text, as much as fits into a line.
func cutCells(text string) string {
	if cells(text) <= svgWidest {
		return text
	}
	for cells(text) >= svgWidest {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text + differs
}

// cells is how many letters wide a text is.
func cells(text string) (n int) {
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana), r >= 0xff01 && r <= 0xff60, r >= 0x1f300:
			n += 2
		default:
			n++
		}
	}
	return n
}

func cellWidth(text string, cell int) int { return (cells(text)*cell + 99) / 100 }

// lineWidth is how wide a line of a frame is: the first is the name.
func lineWidth(i int, text string) int {
	if i == 0 {
		return cellWidth(text, svgNameCell)
	}
	return cellWidth(text, svgAboutCell)
}

func (p *picture) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

// text draws a line of text. It gets exactly the width that was made room for,
// whichever font there is.
func (p *picture) text(class string, x, y int, text string, width int) {
	if strings.TrimSpace(text) != "" {
		p.printf(`<text class="%s" x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n",
			class, x, y, width, html.EscapeString(text))
	}
}
