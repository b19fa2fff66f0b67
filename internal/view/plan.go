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
	p := &planPage{body: &plan.Body, tree: newPlanTree(&plan.Body)}
	p.head(plan.Header)
	p.summary()
	p.steps()
	p.rest()
	p.failure()
	return p.to(w)
}

type planPage struct {
	page
	body    *runner.PlanBody
	tree    *planTree
	differs bool // something on it differs from item to item
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
	toOrg, here := 0, 0
	for _, s := range p.body.Steps {
		switch {
		case s.Write == nil || s.Undone:
		case remote(s.Write):
			toOrg++
		default:
			here++
		}
	}
	switch {
	case p.body.Failure != nil:
		p.line("This run would fail; see the end.")
	case toOrg+here == 0:
		p.wrapped("", p.nothing())
	default:
		p.line(fmt.Sprintf("%s to the org, %s on this machine.", count(toOrg, "write"), count(here, "write")))
	}
	p.failures()
	notices := p.notes(func(s *runner.PlannedStep, note func(kind, text string)) {
		if s.Notice != "" && s.Write != nil && !s.Undone {
			note("  ! users notice ", s.Notice)
		}
	})
	if notices == 0 && toOrg > 0 && p.body.Failure == nil {
		p.line("  Users notice nothing.")
	}
	p.notes(func(s *runner.PlannedStep, note func(kind, text string)) {
		if s.Kept && s.Write != nil && !s.Undone {
			note("  ! not undone ", "the playbook says rollback: skip")
		}
	})
	p.notes(func(s *runner.PlannedStep, note func(kind, text string)) {
		if s.Caution != "" {
			note("  ! caution ", s.Caution)
		}
		for _, text := range s.Warnings {
			note("  ! warning ", text)
		}
		for _, text := range s.NotChecked {
			note("  ? not checked ", text)
		}
	})
	for _, text := range p.body.Warnings {
		p.wrapped("  ! ", "warning: "+text)
	}
	p.line("")
}

// nothing says why a plan writes nothing.
func (p *planPage) nothing() string {
	var empty []string
	for _, l := range p.tree.order {
		if name := Visible(l.name()); len(l.Items) == 0 && !slices.Contains(empty, name) {
			empty = append(empty, name)
		}
	}
	switch {
	case slices.ContainsFunc(p.body.Steps, func(s runner.PlannedStep) bool { return s.Unchanged }):
		return "Nothing to change: everything is in place already."
	case len(empty) > 0:
		return fmt.Sprintf("Nothing to do: the %s of %s %s empty.", plural(len(empty), "list", "lists"),
			strings.Join(empty, ", "), plural(len(empty), "is", "are"))
	}
	return "Nothing to do: no step would write."
}

func (p *planPage) steps() {
	for i, e := range p.tree.top {
		if e.loop != nil {
			p.loop(fmt.Sprintf("%3d. ", i+1), e.loop)
			continue
		}
		p.step(i+1, e.step)
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
	case s.Type == blockType:
		p.line("     . its condition holds: the steps in it follow")
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
	if text := tries(s); text != "" {
		p.line("       tries    " + text)
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
	if !remote(w) {
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
	p.line("       undo     " + undoWords(s))
	for _, r := range s.Residues {
		if r.Effect != runner.Kept {
			p.wrapped("                ", residue(r))
		}
	}
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
			calls = append(calls, fmt.Sprintf("%s of %s (%d a minute)", number(b.Calls), Visible(name), b.PerMinute))
		}
		p.line("")
		p.wrapped("Requests  ", fmt.Sprintf("%s; about %s. The limits are those that an org has by default; the run uses %d%% of each at most.",
			strings.Join(calls, ", "), expected(p.body.Expected), p.body.RateShare))
	}
	p.access()
	p.legend()
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

// blockType is the type of a block in a plan.
const blockType = "steps"
