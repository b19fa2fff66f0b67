package view

import (
	"fmt"
	"strings"

	"example.com/rekey/runner"
)

// adopted lists what was found after a lost answer and taken for the step's.
func (p *runPage) adopted() {
	all := adopted(p.run)
	if len(all) == 0 {
		return
	}
	p.line("\nAdopted: found after the answer was lost, and perhaps somebody else's")
	for i, a := range all {
		if p.left(i, len(all)) {
			return
		}
		p.line("  - " + Visible(a.Step) + ": " + Visible(a.ID))
	}
}

// doubtful reports whether a person must say of writes whether they happened.
func (p *runPage) doubtful() bool {
	return p.summary.State == runner.StateRollbackIncomplete || p.summary.State == runner.StateStuck
}

// unclear lists the writes of which a person must say whether they happened,
// with the commands that say so.
func (p *runPage) unclear(rollback string) {
	doubts := p.run.Unclear()
	if !p.doubtful() || len(doubts) == 0 || rollback == "" {
		return
	}
	p.line("\nIn doubt: look at the org, then say what happened")
	for i, d := range doubts {
		if p.left(i, len(doubts)) {
			return
		}
		p.wrapped("  - ", Visible(d.Step+": "+d.Reason))
		for _, a := range answers(d, p.summary, p.run.Flaws, rollback) {
			if a.Command == "" {
				p.line(strings.Repeat(" ", 20) + a.Text)
				continue
			}
			p.line(fmt.Sprintf("    %-15s %s", a.Text+":", a.Command))
		}
	}
}

// answers are what a person can say of a write in doubt, each with the command
// that says it; none if the run must be mended before it takes any.
func answers(d runner.Doubt, s runner.Summary, flaws []runner.Flaw, rollback string) (out []ReportNext) {
	if flawed(flaws, runner.FlawPlaybook) {
		return nil
	}
	command := commandLine("resume", s, rollback)
	if d.Undo || s.State == runner.StateRollbackIncomplete || flawed(flaws, runner.FlawPlan) { // who goes on with the run need not look for it, or cannot
		command = rollback
	}
	step := word(d.Step)
	if !d.Creates {
		out = append(out, ReportNext{"it happened", fmt.Sprintf("%s --done %s --because \"how you know\"", command, step)})
	}
	for j, id := range d.Candidates {
		if j == someNames {
			out = append(out, ReportNext{Text: "or another of the candidates, in the same way"})
			break
		}
		out = append(out, ReportNext{"it made this", fmt.Sprintf("%s --adopt %s", command, word(d.Step+"="+id))})
	}
	if d.Creates && len(d.Candidates) == 0 {
		out = append(out, ReportNext{"it happened", fmt.Sprintf("%s --adopt %s=ID", command, step)})
	}
	return append(out, ReportNext{"it did not", fmt.Sprintf("%s --not-done %s", command, step)})
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
