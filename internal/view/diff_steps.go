package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// placeWord is what a place of a plan is called in words; those that weigh most
// come first.
type placeWord struct{ at, text string }

var planWords = []placeWord{
	{"/failure/step", "would fail at"}, {"/failure/message", "would fail"}, {"/failure", "would fail"},
	{"/playbook", "playbook"}, {"/version", "version"}, {"/digest", "playbook's SHA-256"},
	{"/org", "org"}, {"/offline", "offline"}, {"/on_failure", "on failure"},
	{"/inputs/", "input "}, {"/secrets_not_given", "secret inputs not given"}, {"/secrets", "secret inputs"}, {"/outputs/", "output "}, {"/warnings", "warnings"},
	{"/rollback/calls/", "requests to undo it, to "}, {"/rollback/residues", "stays after a rollback"}, {"/rollback", "rollback"}, {"/access/", ""}, {"/calls/", "requests to "}, {"/expected", "expected time"},
}

var loopWords = []placeWord{
	{"/failures", "would fail"}, {"/max_failures", "may fail"}, {"/concurrency", "at a time"},
	{"/batches", "batches"}, {"/as", "variable"}, {"/name", "name"},
}

var stepWords = []placeWord{
	{"/failure", "would fail"}, {"/condition", "its condition"}, {"/change", "change"},
	{"/write/method", "request, method"}, {"/write/path", "request, path"},
	{"/write/change/pointer", "request, place"}, {"/write/change/from", "from"}, {"/write/change/to", "to"},
	{"/write/change/rest_sha256", "the rest of the object"}, {"/write/body", "body"}, {"/write/sha256", "body's SHA-256"}, {"/write", "request"},
	{"/notice", "users notice"}, {"/undo", "undo"}, {"/residues", "stays"}, {"/kept", "rollback: skip"}, {"/undone", "would be undone"},
	{"/caution", "caution"}, {"/warnings", "warnings"}, {"/not_checked", "not checked"}, {"/unchanged", "in place already"},
	{"/claims", "may change"}, {"/type", "type"}, {"/name", "name"}, {"/assertions", "assertions"}, {"/tries", "tries"}, {"/timeout", "timeout"},
	{"/in/", "input "}, {"/saw/", "saw "},
}

var thingWords = []placeWord{
	{"/role", "role"}, {"/kid", "key"}, {"/subject", "subject"}, {"/issuer", "issuer"}, {"/not_before", "from"}, {"/not_after", "until"},
	{"/sha256", "SHA-256"}, {"/sha1", "SHA-1"},
	{"/failure", "would fail"}, {"/write", "request"}, {"/kept", "rollback: skip"}, {"/residues", "stays"},
}

// label is what a place is called: in words as far as there are some.
func label(at string, words []placeWord) string {
	for _, w := range words {
		if rest, ok := strings.CutPrefix(at, w.at); ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(w.at, "/")) {
			return strings.TrimSuffix(w.text+dotted(rest), ".calls")
		}
	}
	return strings.TrimPrefix(dotted(at), ".")
}

// dotted is a pointer as people write it.
func dotted(pointer string) string {
	return strings.NewReplacer("/", ".", "~1", "/", "~0", "~").Replace(pointer)
}

// ranked are the differences in the order of the words. That of a body makes
// that of its digest needless, and a step's requests are in those of the run.
func ranked(all []DiffedPlace, words []placeWord) []DiffedPlace {
	rank := func(d DiffedPlace) int {
		for i, w := range words {
			if strings.HasPrefix(d.At, w.at) {
				return i
			}
		}
		return len(words)
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b DiffedPlace) int { return rank(a) - rank(b) })
	body := slices.ContainsFunc(all, func(d DiffedPlace) bool { return strings.HasPrefix(d.At, "/write/body") })
	few := slices.DeleteFunc(slices.Clone(all), func(d DiffedPlace) bool {
		return d.At == "/write/sha256" && body || strings.HasPrefix(d.At, "/calls/") && !slices.ContainsFunc(words, func(w placeWord) bool { return w.at == "/calls/" })
	})
	if len(few) == 0 {
		return all
	}
	return few
}

// diffRow is a step, or something about one, that is not the same in both plans.
type diffRow struct {
	kind  Happening
	step  string
	title string // empty: the step's name
	about string // behind the title
	what  string // of one that came or went
	diffs []DiffedPlace
	names aliases // the items that it is in
}

// steps shows the steps that are not the same in both plans.
func (p *diffPage) steps() {
	var rows []diffRow
	for i := range p.diff.Steps {
		s := &p.diff.Steps[i]
		rows = append(rows, diffRow{kind: s.Kind, step: s.Step, about: " (" + s.Type + ")", what: planned(s), diffs: s.Differences})
	}
	p.rows("Steps", rows, stepWords)
	if o := p.diff.Order; o != nil {
		p.line("\nThe order of the steps that are in both")
		p.wrapped("  - ", strings.Join(o.Before, ", "))
		p.wrapped("  + ", strings.Join(o.After, ", "))
	}
}

// things shows what else has to do with steps.
func (p *diffPage) things(title string, all []DiffedThing) {
	var rows []diffRow
	for _, t := range all {
		row := diffRow{kind: t.Kind, step: t.Step, title: t.Name, diffs: t.Differences}
		if t.Kind != DiffChanged {
			var facts []string
			for _, d := range t.Differences {
				if v := texts(d.At, cmp.Or(d.Before, d.After)); len(v) > 0 && d.At != "/owner" && d.At != "/step" {
					facts = append(facts, label(d.At, thingWords)+" "+strings.Join(v, "; "))
				}
			}
			row.what, row.diffs = ": "+strings.Join(facts, ", "), nil
		}
		rows = append(rows, row)
	}
	p.rows(title, rows, thingWords)
}

// rows shows rows below a title: of a loop's items those together at which the
// same is different. What is in an item that came or went did as well.
func (p *diffPage) rows(title string, rows []diffRow, words []placeWord) {
	name := func(r *diffRow) string { return cmp.Or(r.names.text(r.title), r.names.name(r.step)) }
	var order []string // of names
	groups := map[string][][]*diffRow{}
	for i := range rows {
		if item := p.tree(rows[i].kind).items[itemAround(rows[i].step)]; item != nil {
			rows[i].names = item.names
		}
	}
	for _, g := range grouped(rows, func(r *diffRow) (string, bool) {
		return strings.Join([]string{string(r.kind), name(r), r.about, pointers(r.diffs)}, "\x00"), !p.within(r.step)
	}) {
		n := name(g[0])
		if groups[n] == nil {
			order = append(order, n)
		}
		groups[n] = append(groups[n], g)
	}
	for i, n := range order {
		if i == 0 {
			p.line("\n" + title)
		}
		slices.SortStableFunc(groups[n], func(a, b []*diffRow) int { return len(b) - len(a) })
		for i, g := range groups[n] {
			if i == someGroups && len(groups[n]) > someGroups+1 {
				p.restOf(n, groups[n][i:])
				break
			}
			p.group(n, g, words)
		}
	}
}

// restOf says what is left out.
func (p *diffPage) restOf(name string, groups [][]*diffRow) {
	var steps []string
	for _, g := range groups {
		for _, r := range g {
			steps = append(steps, r.step)
		}
	}
	p.wrapped("  ~ ", fmt.Sprintf("%s (%s more, in %s): %s", name, number(len(steps)), count(len(groups), "more group"), someKeys(steps)))
}

// group shows what is different in the rows of a group.
func (p *diffPage) group(name string, g []*diffRow, words []placeWord) {
	first := g[0]
	title := "  " + signs[first.kind] + " "
	if len(g) == 1 {
		p.line(title + Visible(cmp.Or(first.title, first.step)+first.about+first.what))
		p.differences("      ", first.diffs, words)
		return
	}
	var steps []string
	var what common
	for _, r := range g {
		steps = append(steps, r.step)
		what.add(r.names.text(r.what))
	}
	p.wrapped(title, fmt.Sprintf("%s%s, %s%s", name, first.about, count(len(g), "item"), what.String()))
	p.wrapped("      ", "in "+someKeys(steps))
	at := map[string]int{}
	for i, d := range first.diffs {
		at[d.At] = i
	}
	for _, d := range ranked(first.diffs, words) {
		var before, after common
		for _, r := range g {
			own := r.diffs[at[d.At]]
			before.add(r.names.text(strings.Join(texts(d.At, own.Before), "; ")))
			after.add(r.names.text(strings.Join(texts(d.At, own.After), "; ")))
		}
		p.difference("      ", d.Kind, label(d.At, words), []string{before.String()}, []string{after.String()})
	}
}

// planned is what a step that came or went does.
func planned(s *DiffedStep) string {
	switch {
	case s.Planned == nil:
		return ""
	case s.Planned.Condition != nil && !*s.Planned.Condition:
		return ": skipped, its condition is false"
	case s.Planned.Change == "":
		return ": reads only"
	}
	text := ": " + s.Planned.Change
	if s.Planned.Notice != "" && s.Planned.Write != nil {
		text += " (users notice: " + s.Planned.Notice + ")"
	}
	return text
}
