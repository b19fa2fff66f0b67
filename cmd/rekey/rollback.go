package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

func (a *app) rollbackCommand() *cobra.Command {
	f := &takeUpFlags{}
	cmd := &cobra.Command{
		Use: "rollback RUN", Short: "undo a run: finished, failed or interrupted",
		Long: `Show what a run wrote, ask, and undo it, the last write first. RUN is an id, or the beginning of
one. What cannot be undone is listed before and after. A key that somebody
else has switched since is never overwritten. The org is the one that the run
worked on.
` + decideHelp,
		Args: takes(1, 1, "a RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.telling(cmd, func(ctx context.Context) error { return a.rollback(ctx, args[0], f) })
		},
	}
	f.register(cmd)
	a.registerSettings(cmd)
	a.quietFlag(cmd)
	a.eventsFlag(cmd)
	return cmd
}

// rollback shows what will be undone, asks, and undoes it.
func (a *app) rollback(ctx context.Context, text string, f *takeUpFlags) error {
	t, err := a.findIdle(ctx, "rollback", text, f, a.notUndone)
	if errors.Is(err, errRolledBack) {
		return nil
	}
	if err != nil {
		return err
	}
	defer t.close()
	if !a.quiet || !f.yes {
		if err := view.Undo(a.stderr, &t.run, t.program); err != nil {
			return err
		}
	}
	if err := t.approve(ctx, f.yes || !t.run.Remains(), "Undo this in "+t.org.name+"?"); err != nil {
		return err
	}
	return t.goOn(ctx, true, t.local.Rollback, runner.TakeUp{Decisions: t.decisions})
}

var errRolledBack = errors.New("it is rolled back already")

// notUndone refuses a run of which nothing is left to undo, and says so.
func (a *app) notUndone(run *runner.StoredRun) error {
	if run.Summary().State == runner.StateRolledBack {
		a.note("run %s is rolled back already", run.Info().ID)
		return errRolledBack
	}
	return nil
}
