package view

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"example.com/rekey/runner"
)

// ReportDecision is what a person said of a write of which the org alone did not
// tell whether it happened.
type ReportDecision struct {
	Time    time.Time     `json:"time"`
	Step    string        `json:"step"`
	Say     runner.Saying `json:"say"`
	ID      string        `json:"id,omitempty"`      // of what the write made, of one that was adopted
	Who     string        `json:"who,omitempty"`     // whose word it is
	Because string        `json:"because,omitempty"` // how the person knows
	Found   string        `json:"found,omitempty"`   // what was there instead when it was looked at then: what the step yielded is not what is there
}

// decisions are what was said of writes in doubt, in the order in which it was
// taken up.
func decisions(run *runner.StoredRun) (all []ReportDecision) {
	for _, e := range run.Events {
		v := e.Verdict
		if e.Kind != runner.EvRecovered || v == nil || v.Decided == "" {
			continue
		}
		d := ReportDecision{Time: e.Time, Step: e.Step, Say: v.Decided, Who: e.Who, Because: v.Reason, Found: v.Found}
		if d.Say == runner.SayAdopt {
			d.ID = fmt.Sprint(cmp.Or(e.Out["kid"], e.Out["id"]))
		}
		all = append(all, d)
	}
	return all
}

// String is a decision in words, without the step.
func (d ReportDecision) String() string {
	text := "its write did not happen"
	switch d.Say {
	case runner.SayAdopt:
		text = "its write happened, and made " + d.ID
	case runner.SayDone:
		text = "its write happened"
	}
	return fmt.Sprintf("%s: %s, %s%s", timeOfDay(d.Time), text, saidBy(d.Who, d.Because), foundThen(d.Found))
}

// saidBy is whose word something is, and how that person knows.
func saidBy(who, because string) string {
	text := "as " + cmp.Or(who, "a person") + " said"
	if because != "" {
		text += ": " + because
	}
	return text
}

// foundThen goes on with what was there instead of what a person said.
func foundThen(found string) string {
	if found == "" {
		return ""
	}
	return "; but when it was looked at then, " + found
}

// byWhom is who caused what goes before; empty: nobody knows.
func byWhom(who string) string {
	if who == "" {
		return ""
	}
	return "by " + who
}

// alsoBy are those who took the run up again or ended it, besides who started
// it.
func alsoBy(run *runner.StoredRun) (others []string) {
	for _, e := range run.Events {
		if e.Who != "" && e.Who != run.Info().Who && !slices.Contains(others, e.Who) {
			others = append(others, e.Who)
		}
	}
	return others
}

// saidTitle stands over what was said of writes in doubt.
const saidTitle = "Said by a person of writes in doubt"

// said lists what a person said of writes in doubt.
func (p *runPage) said() {
	for i, d := range decisions(p.run) {
		if i == 0 {
			p.line("\n" + saidTitle)
		}
		p.decision(d)
	}
}

// saidOtherwise lists that of it which is not what was there.
func (p *runPage) saidOtherwise() {
	all := slices.DeleteFunc(decisions(p.run), func(d ReportDecision) bool { return d.Found == "" })
	for i, d := range all {
		if i == 0 {
			p.line("\nSaid by a person, and not what was there")
		}
		if p.left(i, len(all)) {
			return
		}
		p.decision(d)
	}
}

func (p *runPage) decision(d ReportDecision) {
	bullet := "  - "
	if d.Found != "" {
		bullet = "  ! "
	}
	p.wrapped(bullet, d.Step+", "+d.String())
}
