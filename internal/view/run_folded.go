package view

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// folded retells a long run: the items that went alike as one.
func (p *runPage) folded() {
	rows := p.fold.rows()
	for _, r := range rows {
		at := strings.Repeat(" ", len(timeOfDay(r.time)))
		if !r.time.IsZero() {
			at = timeOfDay(r.time)
		}
		prefix := "  " + at + "  " + strings.Repeat("  ", r.depth)
		if r.group {
			p.line(prefix + Visible(r.line.text))
			continue
		}
		r.line.write(&p.page, prefix)
	}
	if keys := p.fold.itemKeys(rows); len(keys) > 0 {
		p.wrapped("  ", fmt.Sprintf("%s %s, %s for what differs from item to item.", strings.Join(keys, ", "), standFor(keys), differs))
	}
	p.line("  Each item by itself: " + p.show)
}

// countRequests counts the requests that the steps sent.
func (p *runPage) countRequests() {
	sent, well, order := map[string]int{}, map[string]bool{}, []string{}
	for _, r := range requests(p.run) {
		names := p.fold.namesOf(r.Step)
		text := fmt.Sprintf("%s: %s: %s", names.name(r.Step), names.text(r.Method+" "+r.Path), r.status())
		if sent[text] == 0 {
			order = append(order, text)
		}
		sent[text]++
		well[text] = r.Status >= 200 && r.Status < 300
	}
	if len(order) == 0 {
		return
	}
	slices.SortStableFunc(order, func(a, b string) int {
		if well[a] != well[b] { // what was refused comes first
			return map[bool]int{true: 1, false: -1}[well[a]]
		}
		return sent[b] - sent[a]
	})
	p.line("\nRequests (with their ids: " + p.show + ")")
	for i, text := range order {
		if p.left(i, len(order)) {
			return
		}
		p.line(fmt.Sprintf("  %6s  %s", number(sent[text]), Visible(text)))
	}
}

// certificateRows lists certificates, those that items met in one role together.
func (p *runPage) certificateRows(all []runner.PlannedCertificate) {
	rows := certificateRows(all, p.fold.namesOf)
	for i, r := range rows {
		if p.left(i, len(rows)) {
			return
		}
		prefix := fmt.Sprintf("  %-10s  ", Visible(r.role))
		if len(r.all) > 1 {
			p.wrapped(prefix, fmt.Sprintf("%s (%s): %s", r.of.String(), number(len(r.all)), spans(r.all)))
			continue
		}
		p.wrapped(prefix, fmt.Sprintf("%s: from %s to %s%s", r.of.String(), day(r.all[0].NotBefore), day(r.all[0].NotAfter), by(r.all[0])))
	}
}
