package view

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// sampleGraph has what a graph can have: a block, a loop in it, values that go
// to the next step and to later ones, within a loop and past it.
func sampleGraph() *graph {
	block := &graphGroup{name: "maybe", about: []string{"if inputs.on"}}
	loop := &graphGroup{name: "fleet", loop: true, in: block, about: []string{"for each app, 50 items", "4 at a time, in batches of 1, 5, 44; none may fail"}}
	step := func(name, about string, kind graphKind, in *graphGroup) *graphNode {
		return &graphNode{name: name, about: []string{about, kind.meaning()}, kind: kind, in: in}
	}
	look := step("look", "list_apps", graphQuery, nil)
	fresh := step("fresh", "generate_key", graphChange, block)
	generate := step("generate", "generate_key", graphChange, loop)
	export := step("export", "export_certificate", graphHere, loop)
	activate := step("activate", "update_app_kid", graphNotice, loop)
	share := step("share", "clone_key", graphChange, block)
	revoke := step("revoke", "revoke_csr", graphLoss, nil)
	g := &graph{title: "sample 1.0.0", groups: []*graphGroup{block, loop}, nodes: []*graphNode{look, fresh, generate, export, activate, share, revoke}}
	g.link(takes{
		fresh: {look: {"apps"}}, export: {generate: {"certificate", "kid"}}, activate: {generate: {"kid"}}, share: {fresh: {"kid"}},
		revoke: {look: {"apps"}, fresh: {"kid"}},
	})
	return g
}

func TestSVG(t *testing.T) {
	golden(t, "graph.svg", func(b *bytes.Buffer) error {
		b.WriteString(sampleGraph().svg())
		return nil
	})
}

// randomGraph is a graph of steps with names of all lengths, some of them
// hostile, in groups that are nested somehow.
func randomGraph(r *rand.Rand) *graph {
	g := &graph{title: nasty[r.IntN(len(nasty))]}
	name := func() string { return strings.Repeat(nasty[r.IntN(len(nasty))], 1+r.IntN(4)) }
	var in *graphGroup
	flows := takes{}
	for range r.IntN(14) {
		switch {
		case r.IntN(4) == 0:
			in = &graphGroup{name: name(), about: []string{name()}, loop: r.IntN(2) == 0, in: in}
			g.groups = append(g.groups, in)
		case r.IntN(4) == 0 && in != nil:
			in = in.in
		}
		n := &graphNode{name: name(), about: []string{name(), name()}, kind: graphKinds[r.IntN(len(graphKinds))], in: in}
		flows[n] = map[*graphNode][]string{}
		for _, other := range g.nodes {
			if r.IntN(4) == 0 {
				flows[n][other] = []string{name()}[:r.IntN(2)]
			}
		}
		g.nodes = append(g.nodes, n)
	}
	g.link(flows)
	return g
}

// TestSVGRoom draws many graphs and measures: nothing lies on anything else,
// and all is in the picture.
func TestSVGRoom(t *testing.T) {
	for seed := range uint64(400) {
		p := newPicture(randomGraph(rand.New(rand.NewPCG(seed, 1))), nil)
		p.layout()
		picture := p.render()
		if err := measured(p); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, picture)
		}
		wellFormed(t, picture)
	}
}

func measured(p *picture) error {
	all := map[string]*frame{}
	for i, n := range p.graph.nodes {
		f := p.nodes[n]
		all[fmt.Sprint("step ", i)] = f
		for other := range i {
			if before := p.nodes[p.graph.nodes[other]]; before.bottom()+svgArrow > f.y {
				return fmt.Errorf("step %d begins before step %d ends", i, other)
			}
		}
		for g := n.in; g != nil; g = g.in {
			if out := p.groups[g]; f.x < out.x || f.y < out.y+len(out.lines)*svgLine || f.right() > out.right() || f.bottom() > out.bottom() {
				return fmt.Errorf("step %d sticks out of %q", i, g.name)
			}
		}
	}
	for _, g := range p.shown {
		all["group "+g.name] = p.groups[g]
	}
	for name, f := range all {
		if f.x < 0 || f.y < 0 || f.right() > p.w || f.bottom() > p.h {
			return fmt.Errorf("%s sticks out", name)
		}
		for i, text := range f.lines {
			if f.x+svgPad+lineWidth(i, text) > f.right() || len(f.lines)*svgLine > f.h {
				return fmt.Errorf("the text of %s sticks out", name)
			}
		}
	}
	return measuredLanes(p)
}

func measuredLanes(p *picture) error {
	for i, l := range p.lanes {
		from, to := p.nodes[l.edge.from], p.nodes[l.edge.to]
		if l.from <= from.y || l.from >= from.bottom() || l.to <= to.y || l.to >= to.bottom() {
			return fmt.Errorf("lane %d does not end at its steps", i)
		}
		if end := p.labels + cellWidth(l.label, svgAboutCell); end >= l.x || l.x >= p.w {
			return fmt.Errorf("lane %d at %d of %d, its label ends at %d", i, l.x, p.w, end)
		}
		for j, o := range p.lanes[:i] {
			if l.x == o.x && l.from < o.to && o.from < l.to {
				return fmt.Errorf("lanes %d and %d lie on each other", i, j)
			}
			for _, mine := range []int{l.from, l.to} {
				for _, its := range []int{o.from, o.to} {
					if d := mine - its; -svgPort < d && d < svgPort {
						return fmt.Errorf("the ends of lanes %d and %d are %d apart", i, j, d)
					}
				}
			}
		}
	}
	return nil
}

func wellFormed(t *testing.T, picture string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(picture))
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, picture)
		}
		if e, ok := token.(xml.StartElement); ok && !strings.Contains(" svg title style rect g path text a ", " "+e.Name.Local+" ") {
			t.Fatalf("the picture has the element %s", e.Name.Local)
		}
	}
}
