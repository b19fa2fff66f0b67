package view

import (
	"slices"
	"testing"

	"example.com/rekey/runner"
)

// What was not undone is offered as a command with the flags of the others, once
// for the last rollback alone.
func TestRemedies(t *testing.T) {
	run := decided("bob@desk", "")
	run.Events = run.Events[:len(run.Events)-1] // not given up yet
	failed := runner.Timed{Event: runner.Event{Kind: runner.EvUndoFail, Step: "switch", Error: "somebody else has set it",
		Remedy: &runner.Remedy{Playbook: "activate-app-key", Inputs: map[string]string{"kid": "it's", "app": "a"}}}}
	end := len(run.Events) - 1
	run.Events = slices.Insert(run.Events, end, failed)
	commands := func(rollback string) (out []string) {
		for _, n := range NewReport(run, nil, rollback).Next {
			out = append(out, n.Command)
		}
		return out
	}
	want := []string{"rekey rollback r1", `rekey abandon r1 --because "why"`, `rekey run activate-app-key -i app=a -i 'kid=it'\''s'`}
	if got := commands("rekey rollback r1"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	run.Events[0].Run.Org = SandboxOrg
	if got, want := commands("rekey rollback r1 --state-dir 'a b'")[2], `rekey run activate-app-key -i app=a -i 'kid=it'\''s' --sandbox --state-dir 'a b'`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	run.Events = slices.Insert(run.Events, end+1, runner.Timed{Event: runner.Event{Kind: runner.EvRollback, Reason: "asked for"}})
	if got := commands("rekey rollback r1"); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}
