package view

import (
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// htmlRow is a row of a plan's outline, and the rows nested in it.
type htmlRow struct {
	Kind     string // step, loop, group, failed or rest
	Anchor   string // empty: it has no place that can be led to
	Number   string
	ID, Type string
	Title    string
	Class    string // how a step looks
	Outcome  string // of a step, in a few words
	Text     string
	Facts    []htmlPair
	Request  *htmlRequest
	Undo     string
	Stays    []string
	Details  []htmlDetail
	In       []*htmlRow
}

// htmlDetail is what is there for whoever asks.
type htmlDetail struct {
	Title string
	Pairs []htmlPair
}

var rowKinds = map[rowKind]string{rowStep: "step", rowLoop: "loop", rowGroup: "group", rowFailed: "failed", rowRest: "rest"}

// steps nests the rows of the plan's outline.
func (p *planHTML) steps() {
	p.ids = map[string]bool{}
	root := &htmlRow{}
	open := []*htmlRow{root} // in which the next row may be nested, by depth
	rows := newOutline(p.tree).rows
	for i := range rows {
		r := &rows[i]
		h := &htmlRow{Kind: rowKinds[r.kind], ID: r.step, Title: r.name, Text: r.text}
		switch r.kind {
		case rowStep:
			p.step(h, r)
			h.Anchor = p.anchor(r.step)
		case rowLoop:
			h.Anchor = p.anchor(r.step)
		}
		open = open[:r.depth+1]
		open[r.depth].In = append(open[r.depth].In, h)
		open = append(open, h)
	}
	for i, h := range root.In {
		h.Number = number(i + 1)
	}
	p.Steps = root.In
}

// anchor gives the first of an id its place on the page. A plan that was read
// from a file can have names that are no ids: those have none.
func (p *planHTML) anchor(id string) string {
	odd := func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	if p.ids[id] || strings.ContainsFunc(id, odd) {
		return ""
	}
	p.ids[id] = true
	return stepAnchor(id)
}

// step tells of a step, or of what several items of a loop do at one.
func (p *planHTML) step(h *htmlRow, r *planRow) {
	s := r.first
	h.Type, h.Class, h.Outcome = s.Type, string(r.is), r.is.meaning()
	switch {
	case s.Type == blockType && r.is != graphIdle:
		h.Type, h.Outcome, h.Text = "block", "its condition holds", ""
	case s.Type == blockType:
		h.Type, h.Text = "block", ""
	case r.is == graphQuery, r.is == graphFailed:
		h.Text = ""
	}
	fact := func(name, text string) {
		if text != "" {
			h.Facts = append(h.Facts, htmlPair{name, text})
		}
	}
	if s.Write != nil {
		p.write(h, r)
		fact("Users", s.Notice)
	}
	if s.Assertions > 0 {
		fact("Asserts", count(s.Assertions, "condition")+" held")
	}
	fact("Tries", tries(s))
	fact("Fails", s.Failure)
	fact("Claims", r.of.text(func(s *runner.PlannedStep) string { return strings.Join(s.Claims, ", ") }))
	fact("Requests", r.of.text(func(s *runner.PlannedStep) string { return calls(s.Calls) }))
	fact("Scopes", strings.Join(s.Scopes, ", "))
	h.detail("Inputs", r, func(s *runner.PlannedStep) map[string]any { return s.In })
	h.detail("As it was seen", r, func(s *runner.PlannedStep) map[string]any { return s.Saw })
}

// detail adds the values that a step has, or what those of several items have
// in common.
func (h *htmlRow) detail(title string, r *planRow, of func(*runner.PlannedStep) map[string]any) {
	d := htmlDetail{Title: title}
	for _, name := range slices.Sorted(maps.Keys(of(r.first))) {
		d.Pairs = append(d.Pairs, htmlPair{name, r.of.value(func(s *runner.PlannedStep) any { return of(s)[name] }, fitting)})
	}
	if len(d.Pairs) > 0 {
		h.Details = append(h.Details, d)
	}
}

// write tells of what a step writes. The body of one request is not that of
// another: it is left out where several are told as one.
func (p *planHTML) write(h *htmlRow, r *planRow) {
	h.Undo, h.Stays = undoWords(r.first), r.stays()
	h.Request = newHTMLRequest(r.first.Write)
	h.Request.Line = r.request()
	if pointer, from, to, ok := r.changes(); ok {
		h.Request.Change = &htmlChange{pointer, from, to}
	}
	if h.Request.Digest != "" {
		h.Request.Digest = r.digest()
	}
	if len(r.of.entries) > 1 {
		h.Request.Body, h.Request.Digest = nil, ""
	}
}
