package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// adopted lists what was found after a lost answer and taken for the step's.
func (p *runPage) adopted() {
	var steps []string
	what := map[string]string{}
	for _, e := range p.run.Events {
		switch {
		case e.Kind == runner.EvUndone:
			steps = slices.DeleteFunc(steps, func(s string) bool { return s == e.Step })
		case e.Kind == runner.EvRecovered && e.Verdict.Outcome == runner.Happened && e.Verdict.Decided == "" && e.Out["adopted"] == true:
			steps = append(steps, e.Step)
			what[e.Step] = fmt.Sprint(cmp.Or(e.Out["kid"], e.Out["id"]))
		}
	}
	if len(steps) == 0 {
		return
	}
	p.line("\nAdopted: found after the answer was lost, and perhaps somebody else's")
	for i, step := range steps {
		if p.left(i, len(steps)) {
			return
		}
		p.line("  - " + Visible(step) + ": " + Visible(what[step]))
	}
}

// unclear lists the writes of which a person must say whether they happened,
// with the commands that say so.
func (p *runPage) unclear(rollback string) {
	verb := "resume"
	switch p.summary.State {
	case runner.StateRollbackIncomplete:
		verb = "rollback"
	case runner.StateStuck:
	default:
		return
	}
	doubts := p.run.Unclear()
	if len(doubts) == 0 || rollback == "" {
		return
	}
	p.line("\nIn doubt: look at the org, then say what happened")
	for i, d := range doubts {
		if p.left(i, len(doubts)) {
			return
		}
		p.wrapped("  - ", Visible(d.Step+": "+d.Reason))
		step, command := word(d.Step), commandLine(verb, p.summary, rollback)
		if d.Undo { // who goes on with the run need not look for it
			command = rollback
		}
		if !d.Creates {
			p.line(fmt.Sprintf("    it happened:    %s --done %s --because \"how you know\"", command, step))
		}
		for j, id := range d.Candidates {
			if j == someNames {
				p.line("                    or another of the candidates, in the same way")
				break
			}
			p.line(fmt.Sprintf("    it made this:   %s --adopt %s", command, word(d.Step+"="+id)))
		}
		if d.Creates && len(d.Candidates) == 0 {
			p.line(fmt.Sprintf("    it happened:    %s --adopt %s=ID", command, step))
		}
		p.line(fmt.Sprintf("    it did not:     %s --not-done %s", command, step))
	}
}

// word is a step's name, or more, as a shell takes it for one word.
func word(text string) string {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.=", r))
	}
	text = Visible(text)
	if strings.ContainsFunc(text, odd) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}
