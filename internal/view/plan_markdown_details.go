package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// someMoreCertificates is how many certificates outside of loops are shown.
const someMoreCertificates = 3 * someCertificates

// certificates says what certificates the plan is about: those that the items
// of a loop meet in one role together.
func (p *planMarkdown) certificates() {
	rows := p.tree.certificateRows()
	if len(rows) == 0 {
		return
	}
	part := p.details(rankUndo, "certificates", "Certificates ("+number(len(p.body.Certificates))+")")
	for i, r := range rows {
		if i == someMoreCertificates {
			part.item("- and %s more (`--format json` has all)", number(len(rows)-i))
			return
		}
		if len(r.all) == 1 {
			part.item("- %s", mdCertificate(r.all[0]))
			continue
		}
		part.item("- **%s**: %s (%s): %s", mdText(r.role), mdText(r.of.String()), number(len(r.all)), mdText(spans(r.all)))
	}
}

// mdCertificate is what is known of a certificate, in a line.
func mdCertificate(c *runner.PlannedCertificate) string {
	text := fmt.Sprintf("**%s**: %s", mdText(c.Role), mdCode(c.Owner))
	add := func(what, value string) {
		if value != "" {
			text += " · " + what + " " + mdCode(value)
		}
	}
	add("step", c.Step)
	add("kid", c.Kid)
	add("subject", c.Subject)
	add("issuer", c.Issuer)
	if !c.NotBefore.IsZero() {
		text += " · valid from " + clock(c.NotBefore)
	}
	if !c.NotAfter.IsZero() {
		text += " · until " + clock(c.NotAfter)
	}
	switch {
	case c.DaysLeft == nil:
	case *c.DaysLeft < 0:
		text += fmt.Sprintf(" · **expired** %s ago", count(-*c.DaysLeft, "day"))
	default:
		text += fmt.Sprintf(" · %s left", count(*c.DaysLeft, "day"))
	}
	add("SHA-256", c.SHA256)
	add("SHA-1", c.SHA1)
	return text
}

// requests has the requests of the steps, with the values that they change.
func (p *planMarkdown) requests() {
	part := p.details(rankRequests, "requests", "Requests and undo")
	for i := range p.outline.rows {
		r := &p.outline.rows[i]
		request := r.request()
		if request == "" {
			continue
		}
		where := ""
		if !remote(r.first.Write) {
			where = " on this machine"
		}
		part.item("- **%s**%s%s: %s", mdCode(r.step), mdItems(len(r.of.entries)), where, mdCode(request))
		if pointer, from, to, ok := r.changes(); ok {
			part.item("  - %s\n    - before %s\n    - after %s", mdCode(pointer), mdCode(from), mdCode(to))
		}
		if len(r.first.Write.Body) > 0 {
			part.item("  - body %s", mdCode(r.of.text(func(s *runner.PlannedStep) string { return masked(s.Write.Body) })))
		}
		if r.first.Notice != "" {
			part.item("  - users notice: %s", mdText(r.first.Notice))
		}
		if calls := mdCalls(r.first.Calls, p.body.RateShare); calls != "" {
			if len(r.first.Scopes) > 0 {
				calls += "; " + plural(len(r.first.Scopes), "scope", "scopes") + " " + mdCodes(r.first.Scopes)
			}
			part.item("  - takes: %s", calls)
		}
		part.item("  - undo: %s", mdText(undoWords(r.first)))
		for _, text := range r.stays() {
			part.item("    - %s", mdSentence(text, p.names))
		}
	}
	p.unlessEmpty(part)
}

// mdItems says of how many items something is, unless it is one.
func mdItems(n int) string {
	if n == 1 {
		return ""
	}
	return " (" + count(n, "item") + ")"
}

// unlessEmpty drops the latest part if nothing is in it.
func (p *mdPage) unlessEmpty(part *mdPart) {
	if len(part.items) == 0 {
		p.parts = p.parts[:len(p.parts)-1]
	}
}

// rollback shows what undoing the whole run came to in the rehearsal, once for
// all items of a loop of which it is the same.
func (p *planMarkdown) rollback() {
	b := p.body.Rollback
	if b == nil {
		return
	}
	part := p.details(rankUndo, "the rollback", "Rollback, as it was rehearsed ("+count(len(b.Steps), "step")+")")
	for _, u := range p.undos() {
		part.item("- **%s**%s: %s", mdCode(u.step), mdItems(u.items), mdSentence(u.text.String(), p.names))
	}
	switch n := len(b.Residues); {
	case p.body.Failure != nil:
		part.item("\nAfter it **not** everything is as before: see above.")
	case n == 0:
		part.item("\nAfter it everything is as before.")
	default:
		part.item("\nAfter it everything is as before, apart from %s that %s.", count(n, "effect"), plural(n, "stays", "stay"))
	}
	if calls := mdCalls(b.Calls, p.body.RateShare); calls != "" {
		part.item("\nRequests: %s.", calls)
	}
}

// undoLine is what undoing a step came to, or those of several items.
type undoLine struct {
	step  string
	text  common
	items int
}

// undos are the steps of the rehearsed rollback, in its order.
func (p *planMarkdown) undos() (out []*undoLine) {
	at := map[string]*undoLine{}
	for i := range p.body.Rollback.Steps {
		u := &p.body.Rollback.Steps[i]
		name, text := u.Step, undoText(u)
		if u.Failure == "" {
			names := p.tree.namesOf(u.Step)
			name, text = names.name(u.Step), names.text(text)
		}
		one := at[name]
		if one == nil {
			one = &undoLine{step: name}
			at[name] = one
			out = append(out, one)
		}
		one.items++
		one.text.add(text)
	}
	return out
}

// undoText says what undoing a step came to.
func undoText(u *runner.PlannedUndo) string {
	var texts []string
	switch w := u.Write; {
	case u.Failure != "":
		texts = append(texts, "fails: "+u.Failure)
	case u.Kept, w == nil:
		texts = append(texts, undoWord(u.Kept, w))
	case w.Change != nil:
		texts = append(texts, fmt.Sprintf("%s: %s back to %s", requestLine(w), w.Change.Pointer, Value(w.Change.To)))
	default:
		texts = append(texts, requestLine(w))
	}
	for _, r := range u.Residues {
		if r.Effect != runner.Kept {
			texts = append(texts, residue(r))
		}
	}
	return strings.Join(texts, "; ")
}

// inputs lists what the plan was made with, and what the run yields.
func (p *planMarkdown) inputs() {
	part := p.details(rankInputs, "inputs and outputs", "Inputs and outputs")
	inputs := shownInputs(p.body.Inputs, p.body.Secrets, p.body.NotGiven)
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		part.item("- %s = %s", mdCode(name), mdCode(short(inputs[name])))
	}
	if len(p.body.Outputs) > 0 {
		part.item("\nOutputs\n")
	}
	for _, name := range slices.Sorted(maps.Keys(p.body.Outputs)) {
		part.item("- %s = %s", mdCode(name), mdCode(short(p.body.Outputs[name])))
	}
	p.unlessEmpty(part)
}

// graph shows the steps as a picture, as long as there is one that GitHub
// draws.
func (p *planMarkdown) graph() {
	g := planGraph(p.body)
	if text, ok := g.mermaidFence(); ok && len(g.nodes) > 1 {
		p.part(rankGraph, "the graph", mdSummary("Graph")+"\n"+text, "\n</details>\n\n")
	}
}

// foot says what stands for something else, and by what the plan is known.
func (p *planMarkdown) foot(h runner.PlanHeader) {
	var out page
	var text strings.Builder
	for _, part := range p.parts {
		text.WriteString(part.head + strings.Join(part.items, ""))
	}
	if strings.Contains(text.String(), "$<") {
		out.printf("%s stands for %s. ", mdCode(someSource), meansOfSource)
	}
	if keys := p.tree.itemKeys(text.String()); len(keys) > 0 {
		out.printf("%s %s, and %s for what differs from item to item. ", mdCodes(keys), standFor(keys), differs)
	}
	if p.body.Digest != "" {
		out.printf("The playbook's SHA-256 is %s.", mdCode(p.body.Digest))
	}
	if !h.Expires.IsZero() {
		out.printf(" The plan is saved, with the seal %s, and expires on %s.", mdCode(h.Seal), clock(h.Expires))
	}
	p.part(rankHead, "", strings.TrimSpace(out.String())+"\n", "")
}
