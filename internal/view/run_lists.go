package view

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

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
			if !failed[e.Step+"["+key+"]"] {
				continue
			}
			if text, err := jsonLine(item); err == nil {
				items = append(items, text)
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
	all := changes(p.run)
	const few = 5
	if len(all) <= few {
		for _, c := range all {
			p.line(fmt.Sprintf("\nChanged  %s %s", Visible(c.Owner), Visible(c.Pointer)))
			p.line("  before  " + Value(c.Before))
			p.line("  after   " + Value(c.After))
		}
		return
	}
	if most := p.most; p.fold != nil {
		p.most = few
		defer func() { p.most = most }()
	}
	slices.SortStableFunc(all, func(a, b ReportChange) int { return strings.Compare(a.Pointer, b.Pointer) })
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Pointer == all[0].Pointer {
			n++
		}
		p.line(fmt.Sprintf("\nChanged  %s of %s", Visible(all[0].Pointer), count(n, "owner")))
		rows := [][]string{{"OWNER", "BEFORE", "AFTER"}}
		for i, c := range all[:n] {
			if i == p.most && n > p.most+1 {
				break
			}
			rows = append(rows, []string{Visible(c.Owner), Value(c.Before), Value(c.After)})
		}
		p.table("  ", rows)
		p.left(len(rows)-1, n)
		all = all[n:]
	}
}

func (p *runPage) outputs() {
	values := outputs(p.run)
	if len(values) == 0 {
		return
	}
	title := "Outputs"
	if !well(p.summary.State) {
		title += " (before it was undone)"
	}
	p.line("\n" + title)
	p.pairs("  ", values)
}

// notUndone says what the last rollback could not undo, and why.
func (p *runPage) notUndone() {
	problems := notUndone(p.run)
	if len(problems) > 0 {
		p.line("\nNot undone")
	}
	for i, problem := range problems {
		if p.left(i, len(problems)) {
			return
		}
		p.line("  - " + Visible(problem.Step+": "+problem.Message))
	}
}

// stays lists the effects that stay; a short list draws together those of a
// kind.
func (p *runPage) stays() {
	all := p.summary.Residues
	if len(all) == 0 {
		return
	}
	p.line("\nWhat stays")
	if len(all) <= p.most {
		for _, r := range all {
			p.wrapped("  - ", residue(r))
		}
		return
	}
	kinds := residueKinds(all)
	for i, text := range kinds {
		if p.left(i, len(kinds)) {
			return
		}
		p.wrapped("  - ", text)
	}
	p.line("    all: " + p.show)
}

// residueKinds draws effects together that are alike but for their ids, with
// some of the owners.
func residueKinds(all []runner.Residue) (out []string) {
	const few = 3
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
	for _, k := range order {
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
		out = append(out, text)
	}
	return out
}
