package view

import (
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// SandboxOrg is the address of the sandbox of a state folder, which needs a flag
// in each command that begins something in it.
const SandboxOrg = "https://sandbox.rekey.invalid"

// remedies are the commands that bring about what was not undone because
// somebody else had changed the same: for who wants it so all the same, once
// the run is given up.
func remedies(run *runner.StoredRun, rollback string) (all []ReportNext) {
	text := "To undo the rest all the same, give the run up as above, and then"
	if run.Summary().State == runner.StateAbandoned {
		text = "To undo all the same what somebody else has changed since"
	}
	for _, problem := range notUndone(run) {
		if problem.Remedy == nil {
			continue
		}
		words := []string{"rekey run", word(problem.Remedy.Playbook)}
		for _, name := range slices.Sorted(maps.Keys(problem.Remedy.Inputs)) {
			words = append(words, "-i", word(name+"="+problem.Remedy.Inputs[name]))
		}
		if run.Info().Org == SandboxOrg {
			words = append(words, "--sandbox")
		}
		_, flags, _ := strings.Cut(strings.TrimPrefix(rollback, "rekey rollback "), " ")
		if flags != "" {
			words = append(words, flags)
		}
		all = append(all, ReportNext{text, strings.Join(words, " ")})
	}
	return all
}
