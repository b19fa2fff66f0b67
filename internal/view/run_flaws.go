package view

import (
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// flawed reports whether a text kept with a run cannot be used.
func flawed(flaws []runner.Flaw, text string) bool {
	return slices.ContainsFunc(flaws, func(f runner.Flaw) bool { return f.Text == text })
}

// possible are those of the things to do about a run for which the texts kept
// with it will serve. For the others it is said what is to be mended first.
func possible(steps []ReportNext, s runner.Summary, flaws []runner.Flaw, rollback string) []ReportNext {
	if len(flaws) == 0 || len(steps) == 0 {
		return steps
	}
	resume := commandLine("resume", s, rollback)
	noPlan, noPlaybook := flawed(flaws, runner.FlawPlan), flawed(flaws, runner.FlawPlaybook)
	var left, first []ReportNext
	for _, n := range steps {
		goesOn, undoes := strings.HasPrefix(n.Command, resume), strings.HasPrefix(n.Command, rollback)
		if goesOn && (noPlan || noPlaybook) || undoes && noPlaybook {
			first = append(first, n)
			continue
		}
		left = append(left, n)
	}
	if len(first) == 0 {
		return steps
	}
	var out []ReportNext
	for _, n := range first {
		undoes := strings.HasPrefix(n.Command, rollback)
		var cures []string
		for _, f := range flaws {
			if f.Text == runner.FlawPlaybook || !undoes {
				cures = append(cures, f.Cure)
			}
		}
		out = append(out, ReportNext{Text: n.Text + ", first " + strings.Join(cures, ", and ") + "."})
	}
	out = append(out, left...)
	abandon := commandLine("abandon", s, rollback)
	if s.State.Unfinished() && !slices.ContainsFunc(out, func(n ReportNext) bool { return strings.HasPrefix(n.Command, abandon) }) {
		out = append(out, ReportNext{"To give it up as it is", abandon + ` --because "why"`})
	}
	return out
}
