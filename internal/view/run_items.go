package view

import (
	"fmt"

	"example.com/rekey/runner"
)

// soFar says of each loop of a run that stopped part-way how far its items
// came.
func (p *runPage) soFar() (out []string) {
	switch s := p.summary.State; {
	case p.rolled(), s != runner.StateInterrupted && s != runner.StateStuck && s != runner.StateFailed, !p.run.Remains():
		return nil
	}
	type tally struct{ total, done, begun, failed int }
	at := map[string]*tally{}
	var order []string
	items := newItemFold(p.run)
	for _, e := range p.run.Events {
		if e.Kind != runner.EvItems {
			continue
		}
		name := unkeyed(e.Step)
		if items.decls[last(e.Step)] == nil { // of a playbook that cannot be read
			continue
		}
		t := at[name]
		if t == nil {
			t = &tally{}
			at[name] = t
			order = append(order, name)
		}
		t.total += len(e.Keys)
		for _, key := range e.Keys {
			switch item := e.Step + "[" + key + "]"; {
			case items.failed[item]:
				t.failed++
			case items.done(item):
				t.done++
			case items.begun[item]:
				t.begun++
			}
		}
	}
	for _, name := range order {
		t := at[name]
		text := fmt.Sprintf("%s: %s of %s done", name, number(t.done), count(t.total, "item"))
		for _, part := range []struct {
			n    int
			what string
		}{{t.begun, "part-way"}, {t.failed, "failed"}, {t.total - t.done - t.begun - t.failed, "not begun"}} {
			if part.n > 0 {
				text += fmt.Sprintf(", %s %s", number(part.n), part.what)
			}
		}
		out = append(out, text)
	}
	return out
}

// unkeyed is a loop's name without the keys of the items around it.
func unkeyed(name string) string {
	text := last(name)
	for around := itemAround(name); around != ""; {
		loop := loopOf(around)
		text = last(loop) + "[" + differs + "]." + text
		around = itemAround(loop)
	}
	return text
}

// itemFold is what the record of a run says of the items of its loops. That an
// item is done it does not say: it is when its last step is.
type itemFold struct {
	begun, failed map[string]bool // by an item's name
	skipped, over map[string]bool // by a step's name; over: it yielded its outputs
	asserted      map[string]int  // by a step's or an item's name: assertions that held
	decls         map[string]*runner.StepDecl
}

func newItemFold(run *runner.StoredRun) *itemFold {
	playbook, _ := runner.ParsePlaybook("", run.Playbook)
	f := itemFoldOf(playbook)
	for _, e := range run.Events {
		f.take(e.Event)
	}
	return f
}

// itemFoldOf is the fold of a run of the playbook that has only begun.
func itemFoldOf(playbook *runner.Playbook) *itemFold {
	f := &itemFold{
		begun: map[string]bool{}, failed: map[string]bool{}, skipped: map[string]bool{}, over: map[string]bool{},
		asserted: map[string]int{}, decls: map[string]*runner.StepDecl{},
	}
	f.declare(playbook.Steps)
	return f
}

func (f *itemFold) take(e runner.Event) {
	for _, item := range enclosing(e.Step) {
		f.begun[item] = true
	}
	switch e.Kind {
	case runner.EvCondition:
		f.skipped[e.Step] = !*e.Value
	case runner.EvDone:
		f.over[e.Step] = true
	case runner.EvRecovered:
		f.over[e.Step] = e.Verdict.Outcome == runner.Happened
	case runner.EvAssertion:
		if *e.Value {
			f.asserted[e.Step] = max(f.asserted[e.Step], e.Index+1)
		}
	case runner.EvRollback:
		f.failed[e.Step] = true
	}
}

func (f *itemFold) declare(decls []*runner.StepDecl) {
	for _, d := range decls {
		f.decls[d.ID] = d
		f.declare(d.Steps)
	}
}

// done reports whether all of an item is done.
func (f *itemFold) done(item string) bool {
	d := f.decls[last(loopOf(item))]
	if d == nil || f.asserted[item] < len(d.Assert) {
		return false
	}
	if len(d.Steps) == 0 {
		return f.over[item]
	}
	return f.stepDone(item+".", d.Steps[len(d.Steps)-1])
}

// stepDone reports whether a step in an item is done, and with it all before
// it; prefix is what stands before ids there.
func (f *itemFold) stepDone(prefix string, d *runner.StepDecl) bool {
	name := prefix + d.ID
	switch {
	case d.If != nil && f.skipped[name]:
		return true
	case d.Loop != nil:
		return f.over[name]
	case f.asserted[name] < len(d.Assert):
		return false
	case len(d.Steps) > 0:
		return f.stepDone(prefix, d.Steps[len(d.Steps)-1])
	}
	return f.over[name]
}
