package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/rekey/runner"
)

// DiffText shows in what a plan differs from one before it. What many items of
// a loop have in common is told once.
func DiffText(w io.Writer, d *PlanDiff, before, after *runner.Plan) error {
	p := &diffPage{diff: d, trees: [2]*planTree{newPlanTree(&before.Body), newPlanTree(&after.Body)}}
	if d.Equal {
		p.line(fmt.Sprintf("The plans of %s %s are equal: a run does the same.", Visible(d.After.Playbook), Visible(d.After.Version)))
		return p.to(w)
	}
	p.line(d.headline() + "\n")
	p.line("  before  " + origin(d.Before))
	p.line("  after   " + origin(d.After))
	p.burden()
	run := d.Plan
	if len(d.Steps) > 0 { // with which what they yield came and went
		run = slices.DeleteFunc(slices.Clone(run), func(d DiffedPlace) bool { return strings.HasPrefix(d.At, "/assigned/") && d.Kind != DiffChanged })
	}
	p.section("Run", run, planWords)
	p.loops()
	p.steps()
	p.things("Certificates", d.Certificates)
	p.things("Rollback, as rehearsed", d.Rollback)
	p.bases()
	return p.to(w)
}

// headline says what it is that differs.
func (d *PlanDiff) headline() string {
	if len(d.Unrelated) == 0 {
		return fmt.Sprintf("The plans of %s differ.", Visible(d.After.Playbook))
	}
	text := ""
	for _, what := range d.Unrelated {
		one, other, of := d.Before.Playbook, d.After.Playbook, " of"
		if what == "org" {
			one, other, of = d.Before.Org, d.After.Org, " for"
		}
		text += fmt.Sprintf("%s two %ss, %s and %s,", of, what, Visible(one), Visible(other))
	}
	return "These are not two versions of one plan, but plans" + strings.TrimSuffix(text, ",") + "."
}

type diffPage struct {
	page
	diff  *PlanDiff
	trees [2]*planTree // of the plan before, and of the other
	added map[string]bool
}

// burden is what a reviewer weighs first.
func (p *diffPage) burden() {
	var writes, noticing [2]int
	for i, t := range p.trees {
		writes[i], _ = t.writes()
		for j := range t.body.Steps {
			if noticed(&t.body.Steps[j]) {
				noticing[i]++
			}
		}
	}
	if writes[0] != writes[1] {
		p.line(fmt.Sprintf("  writes  %s to the org before, %s now", number(writes[0]), number(writes[1])))
	}
	if noticing[0] != noticing[1] {
		p.line(fmt.Sprintf("  users   notice %s before, %s now", count(noticing[0], "step"), number(noticing[1])))
	}
}

// origin is where a plan comes from.
func origin(d DiffedPlan) string {
	text := "made " + clock(d.MadeAt)
	if d.Who != "" {
		text += " by " + Visible(d.Who)
	}
	if d.Tool != "" {
		text += " with " + Visible(d.Tool)
	}
	return text
}

// signs mark what happened to a thing.
var signs = map[Happening]string{DiffAdded: "+", DiffRemoved: "-", DiffChanged: "~"}

// section shows differences below a title, those that weigh most first.
func (p *diffPage) section(title string, all []DiffedPlace, words []placeWord) {
	if len(all) == 0 {
		return
	}
	p.line("\n" + title)
	p.differences("  ", all, words)
}

func (p *diffPage) differences(indent string, all []DiffedPlace, words []placeWord) {
	for _, d := range ranked(all, words) {
		p.difference(indent, d.Kind, label(d.At, words), texts(d.At, d.Before), texts(d.At, d.After))
	}
}

// difference shows one: in a line if there is room, else what was above what
// is.
func (p *diffPage) difference(indent string, kind Happening, label string, before, after []string) {
	prefix := indent + signs[kind] + " " + Visible(label)
	one := func(all []string) string {
		if len(all) == 0 {
			return Value(nil)
		}
		return all[0]
	}
	if len(before) < 2 && len(after) < 2 {
		line := prefix + ": " + one(before) + " -> " + one(after)
		switch kind {
		case DiffAdded:
			line = prefix + ": " + one(after)
		case DiffRemoved:
			line = prefix + ": " + one(before)
		}
		if utf8.RuneCountInString(line) <= Width || kind != DiffChanged {
			p.line(line)
			return
		}
	}
	p.line(prefix)
	for _, side := range []struct {
		sign string
		all  []string
	}{{"- ", before}, {"+ ", after}} {
		for i, text := range side.all {
			if i == someDiffered && len(side.all) > someDiffered+1 {
				p.line(indent + "    " + side.sign + fmt.Sprintf("and %s more (--format json has all)", number(len(side.all)-i)))
				break
			}
			p.line(indent + "    " + side.sign + text)
		}
	}
}

// someDiffered is how many elements of a list are shown.
const someDiffered = 10

// texts are the lines of a value: of a list, each element, but words are in one.
func texts(at string, v any) []string {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil
		}
		list = []any{v}
	}
	out := make([]string, len(list))
	words := ok
	for i, v := range list {
		out[i] = beginningOf(diffValue(at, v), 200)
		words = words && !strings.Contains(out[i], " ")
	}
	if words && len(out) > 0 {
		return []string{someKeys(out)}
	}
	return out
}

// diffValue is a value in words.
func diffValue(at string, v any) string {
	object, ok := v.(map[string]any)
	switch _, effect := object["effect"]; {
	case !ok:
		return Value(v)
	case at == "/write":
		return writeWords(object)
	case object["item"] != nil:
		return Value(object["item"]) + ": " + Value(object["message"])
	case effect:
		say := func(name string) string { text, _ := object[name].(string); return text }
		perhaps, _ := object["perhaps"].(bool)
		return residue(runner.Residue{Owner: say("owner"), Kind: say("kind"), ID: say("id"), Effect: runner.Effect(say("effect")), Note: say("note"), Perhaps: perhaps})
	}
	return Value(v)
}

func writeWords(w map[string]any) string {
	text := Value(w["method"]) + " " + Value(w["path"])
	if change, ok := w["change"].(map[string]any); ok {
		text += fmt.Sprintf(": %s from %s to %s", Value(change["pointer"]), Value(change["from"]), Value(change["to"]))
	}
	return text
}

// loops shows which items came and went.
func (p *diffPage) loops() {
	p.added = map[string]bool{}
	for _, l := range p.diff.Loops {
		for _, key := range slices.Concat(l.Added, l.Removed) {
			p.added[l.Step+"["+key+"]"] = l.Kind == DiffChanged
		}
	}
	title := "\nLoops"
	groups := grouped(p.diff.Loops, func(l *DiffedLoop) (string, bool) {
		tree := p.tree(l.Kind)
		name := l.Step
		if at := tree.loops[l.Step]; at != nil {
			name = at.name()
		}
		return fmt.Sprint(l.Kind, name, len(l.Added), len(l.Removed), l.Reordered, pointers(l.Differences)), !p.within(l.Step)
	})
	for _, g := range groups {
		if title != "" {
			p.line(title)
			title = ""
		}
		l := g[0]
		name := l.Step
		if len(g) > 1 {
			name = fmt.Sprintf("%s (%s, and %s like it)", l.Step, l.Kind, number(len(g)-1))
		}
		what := []string{}
		for _, items := range []struct {
			verb string
			keys []string
		}{{"more", l.Added}, {"fewer", l.Removed}} {
			if len(items.keys) > 0 {
				what = append(what, fmt.Sprintf("%s %s: %s", count(len(items.keys), "item"), items.verb, someKeys(items.keys)))
			}
		}
		if l.Reordered {
			what = append(what, "its items come in another order")
		}
		text := name
		if len(what) > 0 {
			text += ": " + strings.Join(what, "; ")
		}
		p.wrapped("  "+signs[l.Kind]+" ", text)
		p.differences("      ", l.Differences, loopWords)
	}
}

// within reports whether something is in an item that came or went: then it did
// as well.
func (p *diffPage) within(name string) bool {
	return slices.ContainsFunc(enclosing(name), func(item string) bool { return p.added[item] })
}

func (p *diffPage) tree(kind Happening) *planTree {
	if kind == DiffRemoved {
		return p.trees[0]
	}
	return p.trees[1]
}

// someKeys are the first few keys of items.
func someKeys(keys []string) string {
	if len(keys) <= someNames+1 {
		return strings.Join(keys, ", ")
	}
	return fmt.Sprintf("%s and %s more (--format json has all)", strings.Join(keys[:someNames], ", "), number(len(keys)-someNames))
}

// bases names the parts of owners that moved, those of a kind together.
func (p *diffPage) bases() {
	groups := grouped(p.diff.Bases, func(b *DiffedPart) (string, bool) { return string(b.Kind) + b.Part, true })
	for i, g := range groups {
		if i == 0 {
			p.line("\nWhat the plans saw of the org")
		}
		var owners []string
		for _, b := range g {
			owners = append(owners, b.Owner)
		}
		is := map[Happening]string{DiffAdded: "only seen now", DiffRemoved: "only seen before", DiffChanged: "changed"}
		p.wrapped("  "+signs[g[0].Kind]+" ", fmt.Sprintf("%s of %s: %s", g[0].Part, someKeys(owners), is[g[0].Kind]))
	}
}

// grouped puts what is alike together, in the order of the first of each.
func grouped[T any](all []T, key func(*T) (string, bool)) (groups [][]*T) {
	at := map[string]int{}
	for i := range all {
		k, counts := key(&all[i])
		if !counts {
			continue
		}
		if _, known := at[k]; !known {
			at[k] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[k]] = append(groups[at[k]], &all[i])
	}
	return groups
}

func pointers(all []DiffedPlace) string {
	var b strings.Builder
	for _, d := range all {
		b.WriteString(string(d.Kind) + d.At + "\x00")
	}
	return b.String()
}
