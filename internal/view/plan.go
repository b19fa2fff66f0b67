package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// PlanText shows a plan for review. What a reviewer must weigh comes first: how
// many writes, what users notice and from when on, cautions. Then each step on
// a line, the certificates, what the rehearsed rollback left, and at the end,
// where the eye rests, the failure that the run would meet.
func PlanText(w io.Writer, plan *runner.Plan) error { return showPlan(w, plan, false) }

// PlanDetails shows a plan as PlanText does, and of each step its request with
// the body, what it is given and sees, and how it is undone; of certificates
// the fingerprints.
func PlanDetails(w io.Writer, plan *runner.Plan) error { return showPlan(w, plan, true) }

func showPlan(w io.Writer, plan *runner.Plan, details bool) error {
	p := &planPage{body: &plan.Body, tree: newPlanTree(&plan.Body), details: details}
	p.printf("Plan: %s %s\n\n", Visible(p.body.Playbook), Visible(p.body.Version))
	if p.body.Offline {
		p.wrapped("  ! ", "OFFLINE: no org was asked. The owners named here were invented, with plausible keys; "+
			"whether they exist, and what state they are in, is not checked.")
		p.line("")
	}
	p.summary()
	p.head(plan.Header)
	p.steps()
	p.certificates()
	p.rollback()
	p.rest()
	p.failure()
	return p.to(w)
}

type planPage struct {
	page
	body    *runner.PlanBody
	tree    *planTree
	details bool
	differs bool // something on it differs from item to item
}

func (p *planPage) head(h runner.PlanHeader) {
	b := p.body
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
	inputs := shownInputs(b.Inputs, b.Secrets, b.NotGiven)
	prefix := "  inputs      "
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		p.line(fmt.Sprintf("%s%s = %s", prefix, Visible(name), short(inputs[name])))
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
	toOrg, here := p.tree.writes()
	switch f := p.body.Failure; {
	case f != nil && p.body.Rollback != nil:
		p.line("This run could not be undone; see the end.")
	case f != nil:
		p.line("This run would fail; see the end.")
	case toOrg+here == 0:
		p.wrapped("", p.tree.nothing())
	default:
		p.line(bothWrites(toOrg, here) + ".")
	}
	p.failures()
	p.noticed(toOrg)
	if text := p.tree.expired(); text != "" {
		p.wrapped("  ! ", "expired: "+text)
	}
	p.cautions()
	for _, text := range p.body.Warnings {
		p.wrapped("  ! ", "warning: "+text)
	}
	p.line("")
}

// noticed says what users notice, and from when on.
func (p *planPage) noticed(writes int) {
	from := p.tree.noticed()
	if from == "" {
		if writes > 0 && p.body.Failure == nil {
			p.line("  Users notice nothing.")
		}
		return
	}
	notes := p.tree.notices()
	if len(notes) == 1 {
		p.common("  ! ", "users notice "+notes[0].about()+" "+from+": "+notes[0].text)
		return
	}
	p.wrapped("  ! ", "users notice "+from+":")
	for _, n := range notes {
		p.common("    ", n.about()+": "+n.text)
	}
}

// cautions are what else a reviewer must weigh.
func (p *planPage) cautions() {
	for _, n := range p.tree.cautions() {
		sign, write := "  ! ", p.common
		if n.kind == notChecked {
			sign = "  ? "
		}
		if n.items == 1 {
			write = p.wrapped
		}
		write(sign, strings.ToLower(n.kind)+" "+n.about()+": "+n.text)
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

// tries says how often a step is tried, and how long at most; empty if that is
// once and as long as it takes.
func tries(s *runner.PlannedStep) string {
	times, each := "once", "at most "
	switch {
	case s.Tries < 2 && s.Timeout == "", s.Condition != nil && !*s.Condition:
		return ""
	case s.Timeout == "":
		return fmt.Sprintf("up to %d", s.Tries)
	case s.Tries > 1:
		times = fmt.Sprintf("up to %d", s.Tries)
		each = "each at most "
	}
	return times + ", " + each + Visible(s.Timeout)
}

// undoWords says how exact the undo of a step is. What stays is not known of a
// run that would fail: then it is what the step's type says.
func undoWords(s *runner.PlannedStep) string {
	switch {
	case s.Kept:
		return "none: the playbook leaves it (rollback: skip)"
	case s.Undo == runner.UndoExact && len(s.Residues) == 0:
		return "exact"
	case s.Undo == runner.UndoIrreversible:
		return "none, this is irreversible"
	case len(s.Residues) == 0:
		return "something harmless stays, as of every " + Visible(s.Type)
	}
	return "something stays"
}

// residue is an effect that stays, in words.
func residue(r runner.Residue) string {
	text := fmt.Sprintf("%s %s of %s", r.Kind, r.ID, r.Owner)
	switch {
	case r.Owner == r.Kind+"/"+r.ID:
		text = r.Kind + " " + r.ID
	case r.ID == "" || strings.HasSuffix(r.Owner, r.ID):
		text = fmt.Sprintf("%s of %s", r.Kind, r.Owner)
	}
	switch r.Effect {
	case runner.Added:
		text += " stays"
	case runner.Consumed:
		text += " is used up"
	case runner.Destroyed:
		text += " is gone"
	case runner.Kept:
		text = strings.TrimSuffix("what "+r.Kind+" did to "+r.Owner, " to ") + " is kept"
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
			text := fmt.Sprintf("%s of %s (%s", number(b.Calls), Visible(name), perMinute(b))
			if wait := b.Wait(p.body.RateShare); wait > 0 {
				text += ", so " + expected(wait.String())
			}
			calls = append(calls, text+")")
		}
		p.line("")
		p.wrapped("Requests  ", fmt.Sprintf("%s; about %s. %s; the run uses %d%% of each at most.",
			strings.Join(calls, ", "), expected(p.body.Expected), whoseLimits(p.body.Calls), p.body.RateShare))
	}
	p.access()
	p.legend()
}

// perMinute is the limit of a bucket.
func perMinute(b runner.Bucket) string {
	text := number(b.PerMinute) + " a minute"
	if b.Told {
		text += " as the org told"
	}
	return text
}

// whoseLimits says where the limits come from.
func whoseLimits(calls map[string]runner.Bucket) string {
	told := 0
	for _, b := range calls {
		if b.Told {
			told++
		}
	}
	switch told {
	case 0:
		return "The limits are those that an org has by default"
	case len(calls):
		return "The limits are those that the org told while this was rehearsed"
	}
	return "The limits are those that the org told while this was rehearsed, else those that an org has by default"
}

// access says what whoever carries the plan out must be allowed.
func (p *planPage) access() {
	a := p.body.Access
	if a == nil || len(a.Scopes) == 0 {
		return
	}
	text := "the scopes " + strings.Join(a.Scopes, ", ")
	if len(a.Scopes) == 1 {
		text = "the scope " + a.Scopes[0]
	}
	if len(a.Roles) > 0 {
		text += fmt.Sprintf("; the admin %s %s", plural(len(a.Roles), "role", "roles"), strings.Join(a.Roles, " and "))
		if len(a.Permissions) > 0 {
			text += ", or a custom one with " + strings.Join(a.Permissions, ", ")
		}
	}
	if p.body.Failure != nil {
		text += "; as far as the run would come"
	}
	p.wrapped("Access    ", text+".")
}

// expected is how long a run takes, in words.
func expected(d string) string {
	if d == "0s" {
		return "a second"
	}
	if rest, whole := strings.CutSuffix(d, "m0s"); whole {
		return rest + "m"
	}
	return d
}

func (p *planPage) failure() {
	f := p.body.Failure
	if f == nil {
		return
	}
	what := "THE RUN WOULD FAIL"
	if p.body.Rollback != nil {
		what = "THE RUN COULD NOT BE UNDONE"
	}
	if f.Step != "" {
		what += " at step " + Visible(f.Step)
	}
	p.line("\n" + what + ":")
	p.line("  " + Visible(f.Message)) // whole, so that it can be searched for
	p.line("Nothing was written.")
}

// apiPath begins the path of every request to an org; what a local action does
// has no such path.
const apiPath = "/api/"

// blockType is the type of a block in a plan.
const blockType = "steps"
