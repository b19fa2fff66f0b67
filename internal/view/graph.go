package view

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// graph is what happens in a plan or a playbook as a picture shows it: its
// steps in the order of a run, what one takes of another, and the blocks and
// loops that they are in. A loop is there once, however many items it has. The
// texts in it are data and safe in no form of picture: whoever draws escapes
// them.
type graph struct {
	title  string
	ran    bool          // it tells what became of the steps, and not what they would do
	nodes  []*graphNode  // in the order of a run
	groups []*graphGroup // an outer one before those in it
	edges  []graphEdge   // by their ends, in the order of the nodes
}

// graphNode is a step.
type graphNode struct {
	name  string   // what the plan, or the playbook, calls it
	about []string // a few lines: its type, what becomes of it
	kind  graphKind
	in    *graphGroup // nil: in none
}

// graphGroup is a block or a loop.
type graphGroup struct {
	name  string
	about []string // a few lines: over what it goes
	loop  bool
	in    *graphGroup // nil: in none
}

// graphEdge says that one step comes after another, or takes something of it,
// or both.
type graphEdge struct {
	from, to *graphNode
	next     bool     // the second comes right behind the first
	data     []string // the outputs that it takes: "kid"; none: only the order binds them
}

// graphKind is how a step looks.
type graphKind string

// The kinds of steps, from the least to what a reviewer must see first.
const (
	graphIdle   graphKind = "idle"   // it is skipped, or an empty loop
	graphQuery  graphKind = "query"  // it reads only
	graphSame   graphKind = "same"   // its effect is in place already
	graphHere   graphKind = "here"   // it writes on this machine
	graphChange graphKind = "change" // it writes to the org
	graphLoss   graphKind = "loss"   // nothing brings back what it takes away
	graphNotice graphKind = "notice" // users notice it
	graphFailed graphKind = "failed" // it would fail
)

var graphKinds = [...]graphKind{graphIdle, graphQuery, graphSame, graphHere, graphChange, graphLoss, graphNotice, graphFailed}

// heavier is the kind that says more.
func (k graphKind) heavier(than graphKind) bool {
	return slices.Index(graphKinds[:], k) > slices.Index(graphKinds[:], than)
}

// meaning says what a kind stands for.
func (k graphKind) meaning() string {
	switch k {
	case graphIdle:
		return "skipped"
	case graphQuery:
		return "reads only"
	case graphSame:
		return "no change"
	case graphHere:
		return "writes on this machine"
	case graphChange:
		return "writes to the org"
	case graphLoss:
		return "irreversible"
	case graphNotice:
		return "users notice"
	}
	return "would fail"
}

// kinds are those that the graph has, the lightest first.
func (g *graph) kinds() (out []graphKind) {
	for _, k := range graphKinds {
		if slices.ContainsFunc(g.nodes, func(n *graphNode) bool { return n.kind == k }) {
			out = append(out, k)
		}
	}
	return out
}

// takes says of which nodes each takes what.
type takes map[*graphNode]map[*graphNode][]string

// note takes up that a node takes something of another.
func (t takes) note(n, from *graphNode, what string) {
	if from == nil || from == n {
		return
	}
	if t[n] == nil {
		t[n] = map[*graphNode][]string{}
	}
	if what != "" && !slices.Contains(t[n][from], what) {
		t[n][from] = append(t[n][from], what)
	}
}

// link joins the nodes: each with the one before it, and with those of which
// it takes something.
func (g *graph) link(t takes) {
	place := map[*graphNode]int{}
	for i, n := range g.nodes {
		place[n] = i
	}
	for i, n := range g.nodes {
		var all []*graphNode
		for other := range t[n] {
			if place[other] < i {
				all = append(all, other)
			}
		}
		if i > 0 && !slices.Contains(all, g.nodes[i-1]) {
			all = append(all, g.nodes[i-1])
		}
		slices.SortFunc(all, func(a, b *graphNode) int { return place[a] - place[b] })
		for _, other := range all {
			g.edges = append(g.edges, graphEdge{from: other, to: n, next: place[other] == i-1, data: t[n][other]})
		}
	}
}

// programGraph is the graph of a checked playbook.
func programGraph(p *runner.Program) *graph {
	b := &programGraphs{graph: &graph{title: p.Playbook.Name + " " + p.Playbook.Version}, at: map[string]*graphNode{}, takes: takes{}}
	b.add(p.Steps, nil)
	b.graph.link(b.takes)
	return b.graph
}

// programGraphs makes the graph of a program.
type programGraphs struct {
	graph *graph
	at    map[string]*graphNode // by id: of a block or a loop the last node in it
	takes takes
}

func (b *programGraphs) add(steps []*runner.Step, in *graphGroup) {
	g := b.graph
	for _, s := range steps {
		first := len(g.nodes)
		if s.Leaf() {
			g.nodes = append(g.nodes, &graphNode{name: s.ID, kind: typeKind(s.Type), in: in, about: stepAbout(s)})
		} else {
			group := &graphGroup{name: s.ID, in: in, about: stepAbout(s)}
			if s.Loop != nil {
				group.loop, group.about = true, loopAbout(s)
			}
			g.groups = append(g.groups, group)
			b.add(s.Steps, group)
		}
		for _, t := range s.Takes() { // what a block or a loop takes, for its condition or list, its first step does
			b.takes.note(g.nodes[first], b.at[t.Step], t.Output)
		}
		b.at[s.ID] = g.nodes[len(g.nodes)-1]
	}
}

// typeKind is how a step of a type looks that nobody has rehearsed.
func typeKind(t *runner.Type) graphKind {
	switch {
	case t == nil || !t.Action():
		return graphQuery
	case t.Notice != "":
		return graphNotice
	case t.Undo == runner.UndoIrreversible:
		return graphLoss
	case t.Local:
		return graphHere
	}
	return graphChange
}

// stepAbout says what a reader must know of a step, or a block: its name, its
// type, its condition.
func stepAbout(s *runner.Step) (out []string) {
	if s.Name != "" {
		out = append(out, s.Name)
	}
	if s.Type != nil {
		out = append(out, s.Type.Name)
	}
	if text := s.If(); text != "" {
		out = append(out, "if "+text)
	}
	return out
}

// loopAbout says over what a loop goes, and how.
func loopAbout(s *runner.Step) []string {
	l := s.Loop
	var out []string
	if s.Name != "" {
		out = append(out, s.Name)
	}
	var batches []string
	for _, b := range l.Batches {
		batches = append(batches, b.String())
	}
	out = append(out, fmt.Sprintf("for each %s of %s", l.As, strings.TrimSpace(l.Over())), everyItem(l.Concurrency, batches, l.MaxFailures))
	if text := s.If(); text != "" {
		out = append(out, "if "+text)
	}
	return out
}
