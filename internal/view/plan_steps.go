package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// steps shows each step on a line; one that is long goes on below.
func (p *planPage) steps() {
	number := 0
	for _, r := range newOutline(p.tree).rows {
		if r.depth == 0 {
			number++
		}
		p.row(number, &r)
		if p.details && r.kind == rowStep {
			p.detail(strings.Repeat("  ", r.depth)+"        ", &r)
		}
	}
}

// row shows one row of the outline. Those of the playbook's own are numbered.
func (p *planPage) row(number int, r *planRow) {
	prefix := strings.Repeat("  ", r.depth) + "    "
	if r.depth == 0 {
		prefix = fmt.Sprintf("%3d ", number)
	}
	switch r.kind {
	case rowGroup:
		text := r.text
		if !strings.Contains(text, ": ") { // which names items
			text += ":"
		}
		p.wrapped(prefix, text)
	case rowFailed:
		p.common(prefix+"x ", r.text)
	case rowRest:
		p.common(prefix, r.text)
	case rowLoop:
		p.common(prefix+"> ", named(r.step, r.name)+": "+r.text)
	default:
		p.common(prefix+r.mark()+" ", named(r.step+" ("+strings.Join(r.traits(), ", ")+")", r.name)+": "+r.text)
	}
}

// named is what something is called, and how its author calls it.
func named(id, name string) string {
	if name == "" {
		return id
	}
	return id + ", " + name
}

// traits are a step's type and what a reviewer must know of it besides, in a
// word or two each.
func (r *planRow) traits() []string {
	s := r.first
	out := []string{s.Type}
	if s.Write == nil {
		return out
	}
	if s.Notice != "" {
		out = append(out, "users notice")
	}
	switch {
	case s.Kept:
		out = append(out, "not undone")
	case s.Undo == runner.UndoIrreversible:
		out = append(out, "irreversible")
	case s.Undo == runner.UndoStays, len(r.stays()) > 0:
		out = append(out, "stays")
	}
	if s.Tries > 1 {
		out = append(out, fmt.Sprintf("up to %d tries", s.Tries))
	}
	return out
}

// detail shows all of a step.
func (p *planPage) detail(indent string, r *planRow) {
	s := r.first
	put := func(label, text string) {
		if text != "" {
			p.common(indent+fmt.Sprintf("%-9s", label), text)
		}
	}
	p.values(indent, "in", r, func(s *runner.PlannedStep) map[string]any { return s.In })
	p.values(indent, "saw", r, func(s *runner.PlannedStep) map[string]any { return s.Saw })
	if s.Write != nil {
		p.request(indent, r)
		put("users", s.Notice)
		put("undo", undoWords(s))
		for _, text := range r.stays() {
			put("", text)
		}
	}
	put("tries", tries(s))
	if s.Assertions > 0 {
		put("asserts", count(s.Assertions, "condition")+" held")
	}
	if len(s.Calls) > 0 {
		put("requests", r.of.text(func(s *runner.PlannedStep) string { return calls(s.Calls) }))
	}
	put("scopes", strings.Join(s.Scopes, ", "))
}

// request shows what is sent.
func (p *planPage) request(indent string, r *planRow) {
	w := r.first.Write
	if !remote(w) {
		p.common(indent+"here     ", r.request())
		return
	}
	p.common(indent+"request  ", r.request())
	blank := indent + "         "
	if pointer, from, to, ok := r.changes(); ok {
		p.line(blank + Visible(pointer))
		p.common(blank+"from ", from)
		p.common(blank+"to   ", to)
		return
	}
	if w.ContentType != "" && (len(w.Body) > 0 || w.SHA256 != "") {
		p.line(blank + Visible(w.ContentType))
	}
	switch {
	case len(w.Body) > 0:
		p.common(blank, r.of.text(func(s *runner.PlannedStep) string { return masked(s.Write.Body) }))
	case w.SHA256 != "":
		p.common(blank, r.digest())
	}
}

// values shows what a step is given, or sees. Long texts are cut.
func (p *planPage) values(indent, label string, r *planRow, of func(*runner.PlannedStep) map[string]any) {
	const room = 72
	for _, name := range slices.Sorted(maps.Keys(of(r.first))) {
		text := r.of.value(func(s *runner.PlannedStep) any { return of(s)[name] }, short)
		p.line(indent + fmt.Sprintf("%-9s", label) + Visible(name+" = "+beginningOf(text, room)))
		label = ""
	}
}

// calls are requests by their buckets.
func calls(all map[string]runner.Bucket) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, fmt.Sprintf("%s of %s", number(all[name].Calls), name))
	}
	return strings.Join(out, ", ")
}
