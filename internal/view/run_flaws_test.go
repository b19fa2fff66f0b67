package view

import (
	"strings"
	"testing"

	"example.com/rekey/runner"
)

// With a text of the run unusable no command is offered that needs it.
func TestCommandsOfARunWithFlaws(t *testing.T) {
	const rollback = "rekey rollback r1"
	plan := runner.Flaw{Text: runner.FlawPlan, Cure: "mend the plan"}
	playbook := runner.Flaw{Text: runner.FlawPlaybook, Cure: "mend the playbook"}
	resume, undo := ReportNext{"To go on with it", "rekey resume r1"}, ReportNext{"To undo it", rollback}
	for _, test := range []struct {
		name  string
		state runner.State
		steps []ReportNext
		flaws []runner.Flaw
		want  string
	}{
		{"nothing is wrong", runner.StateInterrupted, []ReportNext{resume, undo}, nil, "To go on with it: rekey resume r1|To undo it: rekey rollback r1"},
		{"its plan", runner.StateInterrupted, []ReportNext{resume, undo}, []runner.Flaw{plan},
			`To go on with it, first mend the plan.: |To undo it: rekey rollback r1|To give it up as it is: rekey abandon r1 --because "why"`},
		{"both", runner.StateInterrupted, []ReportNext{resume, undo}, []runner.Flaw{playbook, plan},
			`To go on with it, first mend the playbook, and mend the plan.: |To undo it, first mend the playbook.: |To give it up as it is: rekey abandon r1 --because "why"`},
		{"its plan, and it is done", runner.StateDone, []ReportNext{undo}, []runner.Flaw{plan}, "To undo it: rekey rollback r1"},
		{"its playbook, and it is done", runner.StateDone, []ReportNext{undo}, []runner.Flaw{playbook}, "To undo it, first mend the playbook.: "},
		{"nothing can be done", runner.StateRolledBack, nil, []runner.Flaw{playbook}, ""},
	} {
		s := runner.Summary{ID: "r1", State: test.state}
		var got []string
		for _, n := range possible(test.steps, s, test.flaws, rollback) {
			got = append(got, n.Text+": "+n.Command)
		}
		if strings.Join(got, "|") != test.want {
			t.Errorf("%s: %q, want %q", test.name, strings.Join(got, "|"), test.want)
		}
	}
	doubt, stuck := runner.Doubt{Step: "s"}, runner.Summary{ID: "r1", State: runner.StateStuck}
	for command, flaws := range map[string][]runner.Flaw{"rekey resume r1 --done s": nil, "rekey rollback r1 --done s": {plan}} {
		if got := answers(doubt, stuck, flaws, rollback); !strings.HasPrefix(got[0].Command, command) {
			t.Errorf("with %v: %v", flaws, got)
		}
	}
	if got := answers(doubt, stuck, []runner.Flaw{playbook}, rollback); got != nil {
		t.Error(got)
	}
}
