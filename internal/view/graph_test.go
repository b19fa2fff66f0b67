package view

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// described is a graph as text: its nodes with their groups, and its edges.
func described(g *graph) (nodes, edges []string) {
	for _, n := range g.nodes {
		text := fmt.Sprintf("%s (%s)", n.name, n.kind)
		for in := n.in; in != nil; in = in.in {
			text = in.name + "." + text
		}
		nodes = append(nodes, text)
	}
	for _, e := range g.edges {
		arrow := "~>"
		if e.next {
			arrow = "->"
		}
		edges = append(edges, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.from.name, arrow, e.to.name, strings.Join(e.data, ","))))
	}
	return nodes, edges
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestProgramGraph: blocks and loops are groups, what a loop's list and a
// condition use flows to the first step inside, and what is used twice of one
// step flows once.
func TestProgramGraph(t *testing.T) {
	g := programGraph(compiled(t, `rekey: 1
playbook: all
version: 1.2.3
inputs:
  apps: {type: list(string)}
steps:
  - id: one
    thing: {app: a}
  - id: two
    thing: {app: b}
  - id: block
    if: $<steps.one.id != "x">
    steps:
      - id: three
        thing: {app: "$<steps.one.id>-$<steps.one.id>"}
      - id: loop
        for_each: [x, y]
        as: item
        steps:
          - id: four
            thing: {app: $<item>}
          - id: five
            thing: {app: "$<steps.four.id>$<steps.two.id>"}
  - id: each
    for_each: $<inputs.apps>
    as: app
    thing: {app: $<app>}
  - id: last
    if: $<steps.each.failed == 0>
    thing: {app: z}
`))
	nodes, edges := described(g)
	same(t, "nodes", nodes, []string{"one (change)", "two (change)", "block.three (change)", "block.loop.four (change)", "block.loop.five (change)", "each.each (change)", "last (change)"})
	same(t, "edges", edges, []string{"one -> two", "one ~> three id", "two -> three", "three -> four", "two ~> five id", "four -> five id", "five -> each", "each -> last failed"})
	if g.title != "all 1.2.3" || len(g.groups) != 3 || g.groups[0].loop || !g.groups[1].loop {
		t.Errorf("title %q, %d groups", g.title, len(g.groups))
	}
}

// TestPlanGraph: the items of a loop are one node for each step, which says
// what becomes of how many.
func TestPlanGraph(t *testing.T) {
	plan := fleet(50, exceptions())
	for i := range plan.Body.Steps { // as a plan has it
		if s := &plan.Body.Steps[i]; strings.HasSuffix(s.Step, ".activate") {
			s.In = map[string]any{"kid": "$<steps." + strings.TrimSuffix(s.Step, "activate") + "gen.kid>"}
		}
	}
	g := planGraph(&plan.Body)
	nodes, edges := described(g)
	same(t, "nodes", nodes, []string{"fleet.before (failed)", "fleet.gen (change)", "fleet.export (here)", "fleet.activate (failed)"})
	same(t, "edges", edges, []string{"before -> gen", "gen -> export", "gen ~> activate kid", "export -> activate"})
	same(t, "about", g.nodes[3].about, []string{"update_app_kid", "would fail: 1 of 48 items", "users notice: 42 of 48 items", "skipped: 5 of 48 items"})
	empty := fleet(11, nil)
	empty.Body.Steps, empty.Body.Loops[0].Items = nil, nil
	nodes, _ = described(planGraph(&empty.Body))
	same(t, "an empty loop", nodes, []string{"fleet (idle)"})
}

var entity = regexp.MustCompile(`#(\d+);`)

// TestMermaidOfData: a label is letters, digits, blanks and entities, which
// come to the text, whatever that is.
func TestMermaidOfData(t *testing.T) {
	plain := regexp.MustCompile(`^([A-Za-z0-9 ]|#[0-9]+;)*$`)
	for _, datum := range append([]string{"end", "direction LR", "fa:fa-ban", "$$x$$$", "ﬂ°°60¶ß", "style x: #a;", "%%{init: {}}%%", `"] --> n9["`}, someData...) {
		got := mermaidText(datum)
		if !plain.MatchString(got) {
			t.Errorf("%q becomes %q", datum, got)
		}
		text := entity.ReplaceAllStringFunc(got, func(e string) string {
			n, _ := strconv.Atoi(strings.Trim(e, "#;"))
			return string(rune(n))
		})
		if text = strings.ReplaceAll(text, "\u2060", ""); text != Visible(datum) {
			t.Errorf("%q shows %q", datum, text)
		}
		if strings.Contains(got, "direction ") {
			t.Errorf("%q becomes %q, which mermaid's lexer takes for a statement", datum, got)
		}
	}
	for datum, want := range map[string]string{"fa:fa-ban": "fa#58;#8288;fa#45;ban", "$$": "#36;#8288;#36;", "ﬂ°¶ß": "#64258;#8288;#176;#182;#8288;#223;"} {
		if got := mermaidText(datum); got != want {
			t.Errorf("%q becomes %q, want %q", datum, got, want)
		}
	}
}
