package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// PlanText shows a plan for review. What a reviewer must weigh comes first:
// how many writes, what users notice, cautions. Then each step, and at the
// end, where the eye rests, the failure that the run would meet.
func PlanText(w io.Writer, plan *runner.Plan) error {
	p := &planPage{body: &plan.Body}
	p.head(plan.Header)
	p.summary()
	p.steps()
	p.rest()
	p.failure()
	return p.to(w)
}

type planPage struct {
	page
	body *runner.PlanBody
}

func (p *planPage) head(h runner.PlanHeader) {
	b := p.body
	p.printf("Plan: %s %s\n\n", Visible(b.Playbook), Visible(b.Version))
	if b.Offline {
		p.wrapped("  ! ", "OFFLINE: no org was asked. The owners named here were invented, with plausible keys; "+
			"whether they exist, and what state they are in, is not checked.")
		p.line("")
	}
	p.line("  org         " + Visible(b.Org))
	made := clock(h.MadeAt)
	if h.Who != "" {
		made += " by " + Visible(h.Who)
	}
	if h.Tool != "" {
		made += " with " + Visible(h.Tool)
	}
	p.line("  made        " + made)
	p.line("  on failure  " + onFailure(b.OnFailure))
	inputs := maps.Clone(b.Inputs)
	for _, name := range b.Secrets {
		if inputs == nil {
			inputs = map[string]any{}
		}
		inputs[name] = "(secret)"
	}
	prefix := "  inputs      "
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		p.line(fmt.Sprintf("%s%s = %s", prefix, Visible(name), Value(inputs[name])))
		prefix = "              "
	}
	p.line("")
}

func onFailure(mode string) string {
	if mode == "keep" {
		return "keep what was done"
	}
	return "undo what was done"
}

// summary counts, and draws together what a reviewer must not miss.
func (p *planPage) summary() {
	remote, local := 0, 0
	for _, s := range p.body.Steps {
		switch {
		case s.Write == nil:
		case strings.HasPrefix(s.Write.Path, apiPath):
			remote++
		default:
			local++
		}
	}
	switch {
	case p.body.Failure != nil:
		p.line("This run would fail; see the end.")
	case remote+local == 0:
		p.line("Nothing to change: everything is in place already.")
	default:
		p.line(fmt.Sprintf("%s to the org, %s on this machine.", count(remote, "write"), count(local, "write")))
	}
	quiet := true
	for _, s := range p.body.Steps {
		if s.Notice != "" && s.Write != nil {
			p.wrapped("  ! ", fmt.Sprintf("users notice %s: %s", s.Step, s.Notice))
			quiet = false
		}
	}
	if quiet && remote > 0 && p.body.Failure == nil {
		p.line("  Users notice nothing.")
	}
	for _, s := range p.body.Steps {
		if s.Caution != "" {
			p.wrapped("  ! ", fmt.Sprintf("caution %s: %s", s.Step, s.Caution))
		}
		for _, text := range s.Warnings {
			p.wrapped("  ! ", fmt.Sprintf("warning %s: %s", s.Step, text))
		}
		for _, text := range s.NotChecked {
			p.wrapped("  ? ", fmt.Sprintf("not checked %s: %s", s.Step, text))
		}
	}
	for _, text := range p.body.Warnings {
		p.wrapped("  ! ", "warning: "+text)
	}
	p.line("")
}

func (p *planPage) steps() {
	for i := range p.body.Steps {
		p.step(i+1, &p.body.Steps[i])
	}
}

// step shows one step: its change on the line that the eye finds first, what
// it means below.
func (p *planPage) step(number int, s *runner.PlannedStep) {
	title := fmt.Sprintf("%3d. %s (%s)", number, Visible(s.Step), Visible(s.Type))
	if s.Name != "" {
		title += ": " + Visible(s.Name)
	}
	p.line(title)
	switch failed := p.body.Failure != nil && p.body.Failure.Step == s.Step; {
	case failed:
		p.line("     x would fail, see below")
	case s.Condition != nil && !*s.Condition:
		p.line("     . skipped: its condition is false")
	case !s.Action:
		p.line("     . reads only")
	case s.Unchanged:
		p.wrapped("     = no change: ", s.Change)
	default:
		p.wrapped("     "+mark(s)+" ", s.Change)
	}
	if s.Write != nil {
		p.write(s.Write)
	}
	if s.Notice != "" && s.Write != nil {
		p.wrapped("       users    ", s.Notice)
	}
	if s.Write != nil {
		p.undo(s)
	}
	if s.Assertions > 0 {
		p.line("       asserts  " + count(s.Assertions, "condition") + " held")
	}
}

// mark tells an addition from a change and from a loss.
func mark(s *runner.PlannedStep) string {
	switch {
	case s.Write != nil && s.Write.Change != nil:
		return "~"
	case s.Undo == runner.UndoIrreversible:
		return "-"
	}
	return "+"
}

func (p *page) write(w *runner.Write) {
	if !strings.HasPrefix(w.Path, apiPath) {
		p.line("       here     " + Visible(strings.ToLower(w.Method)+" "+w.Path))
		return
	}
	p.line("       request  " + Visible(w.Method+" "+w.Path))
	if w.Change != nil {
		p.line("                " + Visible(w.Change.Pointer))
		p.line("                from " + Value(w.Change.From))
		p.line("                to   " + Value(w.Change.To))
	}
}

func (p *planPage) undo(s *runner.PlannedStep) {
	switch {
	case s.Undo == runner.UndoExact && len(s.Residues) == 0:
		p.line("       undo     exact")
	case s.Undo == runner.UndoIrreversible:
		p.line("       undo     none, this is irreversible")
	default:
		p.line("       undo     something stays")
	}
	for _, r := range s.Residues {
		p.wrapped("                ", residue(r))
	}
}

// residue is an effect that stays, in words.
func residue(r runner.Residue) string {
	text := fmt.Sprintf("%s %s of %s", r.Kind, r.ID, r.Owner)
	if r.ID == "" || strings.HasSuffix(r.Owner, r.ID) {
		text = fmt.Sprintf("%s of %s", r.Kind, r.Owner)
	}
	switch r.Effect {
	case runner.Added:
		text += " stays"
	case runner.Consumed:
		text += " is used up"
	case runner.Destroyed:
		text += " is gone"
	}
	if r.Perhaps {
		text = "perhaps: " + text
	}
	if r.Note != "" {
		text += " (" + r.Note + ")"
	}
	return Visible(text)
}

// rest is what concerns the run as a whole.
func (p *planPage) rest() {
	if len(p.body.Outputs) > 0 {
		p.line("\nOutputs")
		p.pairs("  ", p.body.Outputs)
	}
	if len(p.body.Calls) > 0 {
		var calls []string
		for _, name := range slices.Sorted(maps.Keys(p.body.Calls)) {
			b := p.body.Calls[name]
			calls = append(calls, fmt.Sprintf("%d of %s (%d a minute)", b.Calls, Visible(name), b.PerMinute))
		}
		p.line("")
		p.wrapped("Requests  ", fmt.Sprintf("%s; about %s. The limits are those of the org; one token gets half of each by default.",
			strings.Join(calls, ", "), expected(p.body.Expected)))
	}
	if strings.Contains(p.String(), "$<") {
		p.wrapped("Legend    ", "$<steps.x.y> stands for what step x will yield as y: Okta or the CA assigns it during the run.")
	}
}

// expected is how long a run takes, in words.
func expected(d string) string {
	if d == "0s" {
		return "a second"
	}
	return d
}

func (p *planPage) failure() {
	f := p.body.Failure
	if f == nil {
		return
	}
	p.line("")
	if f.Step != "" {
		p.line("THE RUN WOULD FAIL at step " + Visible(f.Step) + ":")
	} else {
		p.line("THE RUN WOULD FAIL:")
	}
	p.line("  " + Visible(f.Message)) // whole, so that it can be searched for
	p.line("Nothing was written.")
}

// apiPath begins the path of every request to an org; what a local action does
// has no such path.
const apiPath = "/api/"
