package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

func (a *app) resumeCommand() *cobra.Command {
	f := &takeUpFlags{}
	cmd := &cobra.Command{
		Use: "resume RUN", Short: "go on with a run that was interrupted, killed or stuck",
		Long: `Show what is left of a run, ask, and go on with it where it stopped, with its own
playbook, inputs and org. What was read and decided stays so. A write that may have been on its way is looked
for first, and not repeated if it happened. RUN is an id, or the beginning of
one. Only the secrets that the remaining steps need are asked for; they come
from REKEY_INPUT_NAME, --input-file or the prompt.
` + decideHelp,
		Args: takes(1, 1, "a RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.telling(cmd, func(ctx context.Context) error { return a.resume(ctx, args[0], f) })
		},
	}
	f.register(cmd)
	a.registerSettings(cmd)
	a.quietFlag(cmd)
	a.eventsFlag(cmd)
	cmd.Flags().StringArrayVar(&f.files, "input-file", nil, "read one secret from a file, `name=path`; one newline at its end is dropped")
	return cmd
}

// resume shows what is left of a run, asks, and goes on with it.
func (a *app) resume(ctx context.Context, text string, f *takeUpFlags) error {
	t, err := a.findIdle(ctx, "resume", text, f, a.notResumable)
	if err != nil {
		return err
	}
	defer t.close()
	info := t.run.Info()
	own := ownInputs{values: info.Inputs, secrets: t.machine.Secrets(), was: "the run was started"}
	_, secrets, err := a.inputsOf(ctx, t.program, t.org, own, inputFlags{files: f.files})
	if err != nil {
		return err
	}
	if !a.quiet || !f.yes {
		if err := view.Resume(a.stderr, &t.run, t.program, t.machine, t.decisions); err != nil {
			return err
		}
	}
	if err := t.approve(ctx, f.yes, "Go on with this in "+t.org.name+"?"); err != nil {
		return err
	}
	return t.goOn(ctx, false, t.local.Resume, runner.TakeUp{Secrets: secrets, Decisions: t.decisions})
}

// notResumable refuses a run that has ended.
func (a *app) notResumable(run *runner.StoredRun) error {
	if state := run.Summary().State; !state.Resumable() {
		hint := "start a new run"
		switch {
		case state == runner.StateRollbackIncomplete:
			hint = "`" + a.rollbackLine(run.Info().ID) + "` tries the rollback again"
		case run.Remains():
			hint += a.undoHint(run.Info().ID, state)
		}
		return invalid(fmt.Sprintf("run %s has ended (%s): there is nothing to go on with", run.Info().ID, state), hint)
	}
	return nil
}

// undoHint is how a run that has ended can be undone, to add to a hint; empty if
// it is undone.
func (a *app) undoHint(id string, state runner.State) string {
	if state == runner.StateRolledBack {
		return ""
	}
	return "; `" + a.rollbackLine(id) + "` undoes it"
}
