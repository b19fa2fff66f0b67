package view

import (
	"fmt"

	"example.com/rekey/runner"
)

// htmlRollback is the rollback as it was rehearsed.
type htmlRollback struct {
	Steps  []htmlUndo
	Stays  []string
	Whole  bool // all is as it was before the run
	Broken bool // it is not, and the plan says why
	Calls  string
}

// htmlUndo is what undoing one action came to, or one step of several items.
type htmlUndo struct {
	Step, Outcome, Class string
	Request              *htmlRequest
	Stays                []string
}

// undoing is what undoing one action, or one step of several items, came to as
// it is put together.
type undoing struct {
	htmlUndo
	items          int
	line, from, to common
}

// rollback tells of the rehearsed rollback, those steps together that items of
// a loop have in common.
func (p *planHTML) rollback() {
	b := p.body.Rollback
	if b == nil || len(b.Steps) == 0 {
		return
	}
	var order []*undoing
	at := map[string]*undoing{}
	for i := range b.Steps {
		s := &b.Steps[i]
		names := p.tree.namesOf(s.Step)
		outcome, class := undoOutcome(s)
		key := p.tree.general(s.Step) + "\x00" + names.text(outcome)
		u := at[key]
		if u == nil {
			u = &undoing{htmlUndo: htmlUndo{Step: s.Step, Outcome: outcome, Class: class, Request: newHTMLRequest(s.Write)}}
			for _, effect := range s.Residues {
				u.Stays = append(u.Stays, names.text(residue(effect)))
			}
			at[key] = u
			order = append(order, u)
		}
		u.add(s, names)
		if u.items == 2 {
			u.Step, u.Outcome = p.tree.general(s.Step), names.text(outcome)
		}
	}
	r := &htmlRollback{Calls: calls(b.Calls), Broken: p.body.Failure != nil, Whole: p.body.Failure == nil && len(b.Residues) == 0}
	for _, u := range order {
		u.end()
		r.Steps = append(r.Steps, u.htmlUndo)
	}
	for _, n := range p.tree.stays() {
		if n.items > 1 {
			n.text += fmt.Sprintf(" (%s)", count(n.items, "item"))
		}
		r.Stays = append(r.Stays, n.text)
	}
	p.Rollback = r
}

// undoOutcome says what undoing an action came to.
func undoOutcome(s *runner.PlannedUndo) (text, class string) {
	switch {
	case s.Failure != "":
		return "fails: " + s.Failure, string(graphFailed)
	case s.Kept:
		return undoWord(s.Kept, s.Write), string(graphLoss)
	case s.Write == nil:
		return undoWord(s.Kept, s.Write), string(graphIdle)
	}
	return undoWord(s.Kept, s.Write), string(graphSame)
}

// add takes up the step of one more item.
func (u *undoing) add(s *runner.PlannedUndo, names aliases) {
	u.items++
	if s.Write == nil {
		return
	}
	u.line.add(names.text(newHTMLRequest(s.Write).Line))
	if c := s.Write.Change; c != nil {
		u.from.add(names.text(Value(c.From)))
		u.to.add(names.text(Value(c.To)))
	}
}

// end says of several items what they have in common.
func (u *undoing) end() {
	if u.items < 2 {
		return
	}
	u.Step += fmt.Sprintf(" (%s)", count(u.items, "item"))
	if u.Request == nil {
		return
	}
	u.Request.Line, u.Request.Body, u.Request.Digest = u.line.String(), nil, ""
	if c := u.Request.Change; c != nil {
		c.From, c.To = u.from.String(), u.to.String()
	}
}

// certificates tells of the certificates, those together that the items of a
// loop meet in one role.
func (p *planHTML) certificates() {
	rows := p.tree.certificateRows()
	for i, r := range rows {
		if rest := len(rows) - i; i == someCertificates && rest > 1 {
			p.Certificates = append(p.Certificates, htmlCertificate{Role: "and " + number(rest) + " more", Validity: "--format json has all"})
			return
		}
		if len(r.all) == 1 {
			p.Certificates = append(p.Certificates, newHTMLCertificate(r.all[0]))
			continue
		}
		p.Certificates = append(p.Certificates, htmlCertificate{
			Role: fmt.Sprintf("%s (%s)", r.role, count(len(r.all), "certificate")), Owner: r.of.String(), Validity: spans(r.all)})
	}
}
