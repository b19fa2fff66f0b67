package view

import (
	_ "embed"
	"html"
	"strings"
)

// svgStyle is the style of pictures, by itself and within a page.
//
//go:embed html/graph.css
var svgStyle string

// render draws what was laid out: frames, lines, and last the texts.
func (p *picture) render() string {
	var legend []func()
	if p.link == nil { // a page says in words what becomes of a step
		legend = p.legend()
	}
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" class="graph" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d">`+"\n", p.w, p.h)
	p.printf("<title>%s</title>\n", html.EscapeString(Visible(p.title)))
	if p.link == nil {
		p.printf("<style>\n%s</style>\n", svgStyle)
		p.printf(`<rect class="ground" width="%d" height="%d"/>`+"\n", p.w, p.h)
	}
	for _, g := range p.shown {
		p.group(g, p.groups[g])
	}
	for i := range p.edges {
		if e := &p.edges[i]; e.next {
			p.arrow(e)
		}
	}
	for _, l := range p.lanes {
		p.lane(l)
	}
	for _, n := range p.graph.nodes {
		p.node(n, p.nodes[n])
	}
	for _, draw := range legend {
		draw()
	}
	p.printf("</svg>\n")
	return p.out.String()
}

// group draws the frame of a block or a loop; a loop, which is several, has a
// second one behind it.
func (p *picture) group(g *graphGroup, f *frame) {
	class := "block"
	if g.loop {
		class = "loop"
	}
	p.printf(`<g class="%s">`+"\n", class)
	if g.loop {
		p.printf(`<path d="M%d %dV%dH%d"/>`+"\n", f.right()+svgStack, f.y+svgPad, f.bottom()+svgStack, f.x+svgPad)
	}
	p.frame(f)
	p.lines(f, false)
	p.printf("</g>\n")
}

// frame draws a frame.
func (p *picture) frame(f *frame) {
	p.printf(`<rect x="%d" y="%d" width="%d" height="%d" rx="5"/>`+"\n", f.x, f.y, f.w, f.h)
}

// lines draws the texts of a frame, at its top or in its middle.
func (p *picture) lines(f *frame, middle bool) {
	y := f.y + svgPad/2 + svgLine - 4
	if middle {
		y += (f.h - svgPad - len(f.lines)*svgLine) / 2
	}
	for i, text := range f.lines {
		class := "about"
		if i == 0 {
			class = "name"
		}
		p.text(class, f.x+svgPad, y+i*svgLine, text, lineWidth(i, text))
	}
}

// node draws a step.
func (p *picture) node(n *graphNode, f *frame) {
	href := ""
	if p.link != nil {
		href = p.link(n)
	}
	p.printf(`<g class="step %s">`+"\n", n.kind)
	title := strings.Join(append([]string{n.name}, n.about...), ", ")
	if !p.ran {
		title += ": " + n.kind.meaning()
	}
	p.printf("<title>%s</title>\n", html.EscapeString(Visible(title)))
	if href != "" {
		p.printf(`<a href="%s">`+"\n", html.EscapeString(href))
	}
	p.frame(f)
	p.printf(`<path class="mark" d="M%d %dv%d"/>`+"\n", f.x+3, f.y+5, f.h-10)
	p.lines(f, true)
	if href != "" {
		p.printf("</a>\n")
	}
	p.printf("</g>\n")
}

// arrow draws the line to the step that comes next.
func (p *picture) arrow(e *graphEdge) {
	group := p.common(e)
	from, to := p.within(e.from, group), p.within(e.to, group)
	x := to.x + 2*svgPad
	p.printf(`<path class="order" d="M%d %dV%d"/>`+"\n", x, from.bottom(), to.y-svgArrow)
	p.printf(`<path class="head" d="M%d %dl-4 -%d h8z"/>`+"\n", x, to.y, svgArrow)
	label := edgeLabel(e)
	p.text("data", x+svgPad, (from.bottom()+to.y)/2+4, label, cellWidth(label, svgAboutCell))
}

// lane draws the line on the right that leads to a later step.
func (p *picture) lane(l *lane) {
	from, to := p.nodes[l.edge.from].right(), p.nodes[l.edge.to].right()
	width := cellWidth(l.label, svgAboutCell)
	end := p.labels + width + 4
	if width == 0 {
		end = to + svgArrow
	}
	p.printf(`<path class="flow" d="M%d %dH%dq6 0 6 6V%dq0 6 -6 6H%d"/>`+"\n", from, l.from, l.x-6, l.to-6, end)
	if width > 0 {
		p.printf(`<path class="flow" d="M%d %dH%d"/>`+"\n", p.labels-4, l.to, to+svgArrow)
		p.text("data", p.labels, l.to+4, l.label, width)
	}
	p.printf(`<path class="head" d="M%d %dl%d -4v8z"/>`+"\n", to, l.to, svgArrow)
}

// legend makes room below the steps for what their colours mean.
func (p *picture) legend() (draw []func()) {
	const swatch = 10
	kinds := p.kinds()
	if len(kinds) == 0 {
		return nil
	}
	x, y := svgMargin, p.h+svgPad
	for _, k := range kinds {
		text := k.meaning()
		width := cellWidth(text, svgAboutCell)
		if x > svgMargin && x+swatch+svgPad/2+width > p.w-svgMargin {
			x, y = svgMargin, y+svgLine+2
		}
		at, top := x, y
		draw = append(draw, func() {
			p.printf(`<g class="step %s"><rect x="%d" y="%d" width="%d" height="%[4]d" rx="2"/><path class="mark" d="M%d %dv%d"/></g>`+"\n",
				k, at, top, swatch, at+3, top+2, swatch-4)
			p.text("about", at+swatch+svgPad/2, top+9, text, width)
		})
		x += swatch + svgPad/2 + width + 2*svgPad
	}
	p.w = max(p.w, svgMargin*2+swatch+svgPad)
	p.h = y + svgLine + svgMargin
	return draw
}
