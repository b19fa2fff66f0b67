package view

import (
	"fmt"
	"maps"
	"slices"

	"example.com/rekey/runner"
)

// planGraph is the graph of a plan. What flows from step to step are the values
// that Okta or a CA will assign: a plan has the others as they are.
func planGraph(body *runner.PlanBody) *graph {
	tree := newPlanTree(body)
	b := &planGraphs{
		graph: &graph{title: body.Playbook + " " + body.Version}, body: body,
		at: map[string]*graphNode{}, told: map[*graphNode]*toldNode{}, takes: takes{},
	}
	b.add([][]planEntry{tree.top}, nil)
	for i := range body.Steps {
		s := &body.Steps[i]
		b.note(b.at[s.Step], s.In)
	}
	for _, n := range b.graph.nodes {
		if t := b.told[n]; t != nil {
			n.about = append(n.about, t.lines()...)
		}
	}
	b.graph.link(b.takes)
	return b.graph
}

// planGraphs makes the graph of a plan.
type planGraphs struct {
	graph *graph
	body  *runner.PlanBody
	at    map[string]*graphNode // by the names of steps
	told  map[*graphNode]*toldNode
	takes takes
}

// toldNode is what is told of a node, which may stand for the steps of many
// items.
type toldNode struct {
	steps int
	kinds map[graphKind]int
}

// add adds the entries of the playbook, or of all items of a loop: those of
// one id are one node.
func (b *planGraphs) add(of [][]planEntry, in *graphGroup) {
	for _, same := range byID(of) {
		e := same[0]
		if e.loop == nil {
			b.step(same, in)
			continue
		}
		var items [][]planEntry
		var loops []*planLoop
		for _, e := range same {
			loops = append(loops, e.loop)
			for _, item := range e.loop.items {
				items = append(items, item.entries)
			}
		}
		group := &graphGroup{name: e.id(), loop: true, in: in, about: plannedLoopAbout(loops)}
		before := len(b.graph.nodes)
		b.graph.groups = append(b.graph.groups, group)
		b.add(items, group)
		if len(b.graph.nodes) == before { // nothing is in it: then it is no more than a step
			b.graph.groups = slices.DeleteFunc(b.graph.groups, func(g *graphGroup) bool { return g == group })
			b.graph.nodes = append(b.graph.nodes, &graphNode{name: group.name, about: group.about, kind: b.emptyKind(loops), in: in})
		}
	}
}

// emptyKind is how a loop looks in which there is nothing.
func (b *planGraphs) emptyKind(loops []*planLoop) graphKind {
	for _, l := range loops {
		if f := b.body.Failure; f != nil && f.Step == l.Step {
			return graphFailed
		}
	}
	return graphIdle
}

// byID puts the entries of several items together by their ids, in the order
// in which the items have them: one that failed has only the first of them.
func byID(of [][]planEntry) (out [][]planEntry) {
	at := map[string]int{}
	for _, entries := range of {
		before := -1
		for _, e := range entries {
			id := e.id()
			if e.loop != nil { // which no step is put together with, whatever a file says
				id += "[]"
			}
			i, known := at[id]
			if !known {
				i = before + 1
				out = slices.Insert(out, i, nil)
				for other, j := range at {
					if j >= i {
						at[other] = j + 1
					}
				}
				at[id] = i
			}
			out[i] = append(out[i], e)
			before = i
		}
	}
	return out
}

// step adds a node for the steps of one id.
func (b *planGraphs) step(same []planEntry, in *graphGroup) {
	s := same[0].step
	n := &graphNode{name: same[0].id(), kind: graphIdle, in: in}
	if s.Name != "" && last(s.Step) != "" {
		n.about = append(n.about, s.Name)
	}
	if s.Type == blockType {
		n.about = append(n.about, "condition of a block")
	} else {
		n.about = append(n.about, s.Type)
	}
	t := &toldNode{kinds: map[graphKind]int{}}
	for _, e := range same {
		k := kindOf(b.body, e.step)
		if k.heavier(n.kind) {
			n.kind = k
		}
		t.kinds[k]++
		t.steps++
		b.at[e.step.Step] = n
	}
	b.told[n] = t
	b.graph.nodes = append(b.graph.nodes, n)
}

// kindOf is how a step of a plan looks.
func kindOf(body *runner.PlanBody, s *runner.PlannedStep) graphKind {
	f := body.Failure
	switch {
	case s.Failure != "", f != nil && f.Step == s.Step:
		return graphFailed
	case s.Condition != nil && !*s.Condition:
		return graphIdle
	case !s.Action:
		return graphQuery
	case s.Unchanged:
		return graphSame
	case s.Write == nil: // of a run that fails before
		return graphIdle
	case s.Notice != "":
		return graphNotice
	case s.Undo == runner.UndoIrreversible:
		return graphLoss
	case !remote(s.Write):
		return graphHere
	}
	return graphChange
}

// lines say what becomes of the steps, if it is not what the kind of the node
// says of a single one.
func (t *toldNode) lines() (out []string) {
	for _, k := range slices.Backward(graphKinds[:]) {
		switch n := t.kinds[k]; {
		case n == 0:
		case t.steps == 1:
			out = append(out, k.meaning())
		default:
			out = append(out, k.meaning()+": "+share(n, t.steps))
		}
	}
	return out
}

// note takes up the values that a step takes of others: where they came from
// stands in their place.
func (b *planGraphs) note(n *graphNode, v any) {
	switch v := v.(type) {
	case string:
		for _, m := range source.FindAllStringSubmatch(v, -1) {
			b.takes.note(n, b.at[m[1]], m[2])
		}
	case []any:
		for _, e := range v {
			b.note(n, e)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b.note(n, v[name])
		}
	}
}

// plannedLoopAbout says over how many items a loop goes, and how; inside of
// another it is several, one for each of its items.
func plannedLoopAbout(loops []*planLoop) []string {
	l, total := loops[0], 0
	for _, one := range loops {
		total += len(one.Items)
	}
	var out []string
	if l.Name != "" {
		out = append(out, l.Name)
	}
	if total == 0 {
		return append(out, "its list is empty")
	}
	of := fmt.Sprintf("for each %s, %s", l.As, count(total, "item"))
	if len(loops) > 1 {
		return append(out, of+" in all", everyItem(l.Concurrency, nil, l.MaxFailures))
	}
	return append(out, of, everyItem(l.Concurrency, sizes(l.PlannedLoop), l.MaxFailures))
}
