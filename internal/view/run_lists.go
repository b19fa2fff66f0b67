package view

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// failedItems is how many items failed. Of how many is said where one loop
// alone had items that did.
func failedItems(run *runner.StoredRun, s runner.Summary) string {
	total := map[string]int{}
	for _, e := range run.Events {
		if e.Kind == runner.EvItems {
			total[e.Step] = len(e.Keys)
		}
	}
	loop := loopOf(s.Failures[0].Item)
	for _, f := range s.Failures {
		if loopOf(f.Item) != loop {
			return count(len(s.Failures), "item")
		}
	}
	return fmt.Sprintf("%s of %s", number(len(s.Failures)), count(total[loop], "item"))
}

// failures names the items that failed, and says why.
func (p *runPage) failures() {
	if len(p.summary.Failures) == 0 {
		return
	}
	if p.rolled() {
		p.line("\nFailed in the run")
	} else {
		p.line("\nFailed items")
		defer p.again()
	}
	for i, f := range p.summary.Failures {
		if p.left(i, len(p.summary.Failures)) {
			return
		}
		p.wrapped("  - ", f.Item+": "+strings.ReplaceAll(f.Message, f.Item+".", ""))
	}
}

// again lists the keys of the items that failed, in their loop's order and as a
// playbook's input takes them: those of a loop that is in no other.
func (p *runPage) again() {
	const most = 20
	failed := map[string]bool{}
	for _, f := range p.summary.Failures {
		failed[f.Item] = true
	}
	for _, e := range p.run.Events {
		if e.Kind != runner.EvItems || itemAround(e.Step) != "" {
			continue
		}
		var items []string
		for i, key := range e.Keys {
			var item any = key
			if i < len(e.Items) {
				if _, object := e.Items[i].(map[string]any); !object {
					item = e.Items[i]
				}
			}
			var text bytes.Buffer
			if failed[e.Step+"["+key+"]"] && encode(&text, item, "") == nil {
				items = append(items, strings.TrimSpace(text.String()))
			}
		}
		if len(items) == 0 {
			continue
		}
		end := "]"
		if n := len(items); n > most && p.most < n {
			items, end = items[:most], fmt.Sprintf(", … (%s in all: %s)", number(n), p.show)
		}
		p.line("  " + Visible("again with: ["+strings.Join(items, ",")+end))
	}
}

// left ends a list that has become too long; i is the position in it.
func (p *runPage) left(i, total int) bool {
	if i < p.most || total <= p.most+1 {
		return false
	}
	p.line(fmt.Sprintf("    and %s more: %s", number(total-i), p.show))
	return true
}

// changes shows, of each object that was changed in place, the value before
// and after.
func (p *runPage) changes() {
	type place struct{ owner, pointer string }
	var order []place
	before, after := map[place]any{}, map[place]any{}
	owner := map[string]string{}
	lost := map[string]*runner.Write{}
	planned := plannedWrites(p.run)
	note := func(step string, w *runner.Write) {
		at := place{owner[step], w.Change.Pointer}
		if _, known := before[at]; !known {
			order = append(order, at)
			before[at] = w.Change.From
		}
		after[at] = w.Change.To
	}
	for _, e := range p.run.Events {
		if len(e.Claims) > 0 {
			owner[e.Step] = e.Claims[0]
		}
		switch {
		case e.Kind == runner.EvRecovered && e.Verdict.Outcome == runner.Happened:
			if w := cmp.Or(lost[e.Step], planned[e.Step]); w != nil && w.Change != nil {
				note(e.Step, w)
			}
		case e.Write == nil || e.Write.Change == nil || e.Kind == runner.EvUndoFail: // that did not put it back, or nobody knows
		case e.Kind == runner.EvUndone && len(order) == 0: // of what nobody knows that it was changed
		case e.Kind == runner.EvUnknown:
			lost[e.Step] = e.Write
		default:
			note(e.Step, e.Write)
		}
	}
	order = slices.DeleteFunc(order, func(at place) bool { return fmt.Sprint(before[at]) == fmt.Sprint(after[at]) }) // put back
	slices.SortStableFunc(order, func(a, b place) int {
		return cmp.Or(strings.Compare(a.owner, b.owner), strings.Compare(a.pointer, b.pointer))
	})
	const few = 5
	if len(order) <= few {
		for _, at := range order {
			p.line(fmt.Sprintf("\nChanged  %s %s", Visible(at.owner), Visible(at.pointer)))
			p.line("  before  " + Value(before[at]))
			p.line("  after   " + Value(after[at]))
		}
		return
	}
	slices.SortStableFunc(order, func(a, b place) int { return strings.Compare(a.pointer, b.pointer) })
	for len(order) > 0 {
		n := 1
		for n < len(order) && order[n].pointer == order[0].pointer {
			n++
		}
		p.line(fmt.Sprintf("\nChanged  %s of %s", Visible(order[0].pointer), count(n, "owner")))
		rows := [][]string{{"OWNER", "BEFORE", "AFTER"}}
		for i, at := range order[:n] {
			if i == p.most && n > p.most+1 {
				break
			}
			rows = append(rows, []string{Visible(at.owner), Value(before[at]), Value(after[at])})
		}
		p.table("  ", rows)
		p.left(len(rows)-1, n)
		order = order[n:]
	}
}

// plannedWrites are the writes of a run's plan, by the names of the steps: what
// a write was that was found after its process had ended is on record there
// alone.
func plannedWrites(run *runner.StoredRun) map[string]*runner.Write {
	writes := map[string]*runner.Write{}
	if run.Plan == nil {
		return writes
	}
	for _, s := range yieldsOf(run).body(&run.Plan.Body).Steps {
		writes[s.Step] = s.Write
	}
	return writes
}

func (p *runPage) outputs() {
	for _, e := range p.run.Events {
		if e.Kind == runner.EvOutputs && len(e.Values) > 0 {
			title := "Outputs"
			if !well(p.summary.State) {
				title += " (before it was undone)"
			}
			p.line("\n" + title)
			p.pairs("  ", e.Values)
		}
	}
}

// notUndone says what the last rollback could not undo, and why.
func (p *runPage) notUndone() {
	var problems []string
	for _, e := range p.run.Events {
		switch {
		case e.Kind == runner.EvRollback && e.Step == "":
			problems = nil
		case e.Kind == runner.EvUndoFail:
			problems = append(problems, e.Step+": "+e.Error)
		}
	}
	if len(problems) > 0 {
		p.line("\nNot undone")
	}
	for i, text := range problems {
		if p.left(i, len(problems)) {
			return
		}
		p.line("  - " + Visible(text))
	}
}

// stays lists the effects that stay; a short list draws together those of a
// kind.
func (p *runPage) stays() {
	const few = 3
	all := p.summary.Residues
	if len(all) == 0 {
		return
	}
	p.line("\nWhat stays")
	type kind struct {
		kind, note string
		effect     runner.Effect
		perhaps    bool
	}
	alike := map[kind][]runner.Residue{}
	var order []kind
	for _, r := range all {
		k := kind{r.Kind, r.Note, r.Effect, r.Perhaps}
		if len(alike[k]) == 0 {
			order = append(order, k)
		}
		alike[k] = append(alike[k], r)
	}
	if len(all) <= p.most {
		for _, r := range all {
			p.wrapped("  - ", residue(r))
		}
		return
	}
	for i, k := range order {
		if p.left(i, len(order)) {
			return
		}
		var owners []string
		for _, r := range alike[k] {
			if !slices.Contains(owners, r.Owner) && len(owners) < few {
				owners = append(owners, r.Owner)
			}
		}
		rs := len(alike[k])
		text := residue(runner.Residue{Kind: k.kind, Owner: strings.Join(owners, ", "), Effect: k.effect, Perhaps: k.perhaps, Note: k.note})
		if rs > few {
			text = fmt.Sprintf("%s times: %s", number(rs), residue(runner.Residue{Kind: k.kind, Owner: strings.Join(owners, ", ") + " …", Effect: k.effect, Perhaps: k.perhaps, Note: k.note}))
		}
		p.wrapped("  - ", text)
	}
	p.line("    all: " + p.show)
}
