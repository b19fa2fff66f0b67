package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// What mermaid draws, by the defaults that GitHub has: a text of more
// characters, or with more edges, it refuses.
const (
	mermaidChars = 50000
	mermaidEdges = 500
)

// GraphMermaid draws a playbook as a flowchart in mermaid's language.
func GraphMermaid(w io.Writer, p *runner.Program) error {
	_, err := io.WriteString(w, programGraph(p).mermaid())
	return err
}

// GraphSVG draws a playbook as a picture.
func GraphSVG(w io.Writer, p *runner.Program) error {
	_, err := io.WriteString(w, programGraph(p).svg())
	return err
}

// mermaid is the graph as a flowchart. Solid arrows are the order of a run,
// dotted ones what a later step takes of an earlier one; what flows stands on
// the arrow.
func (g *graph) mermaid() string {
	m := &mermaidPage{graph: g, ids: map[*graphNode]string{}}
	m.line("flowchart TD")
	for i, n := range g.nodes {
		m.ids[n] = fmt.Sprintf("n%d", i+1)
	}
	m.within(nil, "  ")
	for _, e := range g.edges {
		arrow := "-.->"
		if e.next {
			arrow = "-->"
		}
		if len(e.data) > 0 {
			arrow += `|"` + mermaidText(strings.Join(e.data, ", ")) + `"|` // names of outputs: never empty
		}
		m.line("  " + m.ids[e.from] + " " + arrow + " " + m.ids[e.to])
	}
	for _, k := range g.kinds() {
		m.line("  classDef " + string(k) + " " + mermaidStyle(k))
		var ids []string
		for _, n := range g.nodes {
			if n.kind == k {
				ids = append(ids, m.ids[n])
			}
		}
		m.line("  class " + strings.Join(ids, ",") + " " + string(k))
	}
	return m.String()
}

type mermaidPage struct {
	page
	graph *graph
	ids   map[*graphNode]string
	group int // the number of the group that was written last
}

// within writes what is in a group, or outside of all, in the order of a run.
func (m *mermaidPage) within(in *graphGroup, indent string) {
	var done []*graphGroup
	for _, n := range m.graph.nodes {
		if n.in == in {
			m.line(indent + m.ids[n] + `["` + mermaidLabel(n.name, n.about) + `"]`)
			continue
		}
		group := n.in
		for group != nil && group.in != in {
			group = group.in
		}
		if group == nil || slices.Contains(done, group) {
			continue
		}
		done = append(done, group)
		m.group++
		m.line(fmt.Sprintf(`%ssubgraph g%d["%s"]`, indent, m.group, mermaidLabel(group.name, group.about)))
		m.within(group, indent+"  ")
		m.line(indent + "end")
	}
}

// mermaidStyle is how a kind of step is drawn: legible on a light page and on a
// dark one.
func mermaidStyle(k graphKind) string {
	switch k {
	case graphIdle:
		return "fill:#f6f8fa,stroke:#8c959f,color:#57606a,stroke-dasharray:4 3"
	case graphSame, graphQuery:
		return "fill:#f6f8fa,stroke:#8c959f,color:#24292f"
	case graphHere:
		return "fill:#ddf4ff,stroke:#54aeff,color:#0a3069"
	case graphChange:
		return "fill:#dafbe1,stroke:#2da44e,color:#044f1e"
	case graphLoss:
		return "fill:#ffebe9,stroke:#cf222e,color:#82071e"
	case graphNotice:
		return "fill:#fff8c5,stroke:#bf8700,color:#4d2d00,stroke-width:2px"
	}
	return "fill:#ffebe9,stroke:#cf222e,color:#82071e,stroke-width:3px"
}

// mermaidLabel is a name with lines below it.
func mermaidLabel(name string, about []string) string {
	const most = 80 // characters of a line
	lines := []string{mermaidText(name)}
	for _, text := range about {
		lines = append(lines, mermaidText(beginningOf(text, most)))
	}
	return strings.Join(lines, "<br/>")
}

// mermaidText is a text of which mermaid understands nothing but letters,
// digits and blanks: all other characters stand as its entities. Its lexer looks
// for one pair of words, such as "direction LR", in quotes as well. And in what
// it has drawn it looks for icons ("fa:fa-ban"), formulas ("$$x$$") and the signs
// that it writes entities with itself: there a word joiner, which nobody sees,
// keeps apart what would be something else together.
func mermaidText(text string) string {
	const joiner = "#8288;"
	var b strings.Builder
	var before rune
	for _, r := range Visible(text) {
		switch string([]rune{before, r}) {
		case "$$", ":f", "ﬂ°", "¶ß":
			b.WriteString(joiner)
		}
		before = r
		if r != ' ' && !asciiWord(r) {
			fmt.Fprintf(&b, "#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "direction ", "direction#32;")
}

// mermaidFence is the flowchart as a part of a page of Markdown; false if it is
// too large to be drawn.
func (g *graph) mermaidFence() (string, bool) {
	text := g.mermaid()
	return "```mermaid\n" + text + "```\n", len(text) < mermaidChars && len(g.edges) <= mermaidEdges
}
