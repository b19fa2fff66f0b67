package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
	"example.com/rekey/steps"
)

func (a *app) rollbackCommand() *cobra.Command {
	var yes bool
	var settle time.Duration
	cmd := &cobra.Command{
		Use: "rollback RUN", Short: "undo a run: finished, failed or interrupted",
		Long: `Undo what a run wrote, the last write first. RUN is an id, or the beginning of
one. What cannot be undone is listed before and after. A key that somebody
else has switched since is never overwritten. The org is the one that the run
worked on.`,
		Args: takes(1, 1, "a RUN"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.rollback(cmd.Context(), args[0], yes, settle) },
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before the first write")
	settleFlag(cmd, &settle)
	return cmd
}

// findIdle finds the run that a verb is to take up: one that nobody is at work
// on, and that somebody can answer for.
func (a *app) findIdle(verb, text string, yes bool, settle time.Duration) (*runner.Local, runner.StoredRun, error) {
	err := checkSettle(settle)
	if err == nil && !yes && !a.terminal.Is() {
		err = errUnattended(verb)
	}
	if err != nil {
		return nil, runner.StoredRun{}, err
	}
	local, run, err := a.findRun(text)
	if err != nil {
		return nil, run, err
	}
	if local.Settle = settle; run.Alive {
		err = coded(exitBusy, &journal.LockedError{Path: "of run " + run.Info().ID})
	}
	return local, run, err
}

// rollback shows what will be undone, asks, and undoes it.
func (a *app) rollback(ctx context.Context, text string, yes bool, settle time.Duration) error {
	local, run, err := a.findIdle("rollback", text, yes, settle)
	if err != nil {
		return err
	}
	info := run.Info()
	if run.Summary().State == runner.StateRolledBack {
		a.note("run %s is rolled back already", info.ID)
		return nil
	}
	program, err := programOf(&run)
	if err != nil {
		return err
	}
	org, err := a.openOrgOf(info)
	if err != nil {
		return err
	}
	defer org.close()
	plan, _ := planOf(local, info.ID)
	if err := view.Undo(a.stderr, &run, program, view.ReadPlan(plan)); err != nil {
		return err
	}
	if err := a.approve(ctx, yes, "Undo this in "+org.name+"?"); err != nil {
		return err
	}
	return a.undo(ctx, local, info.ID, program, org)
}

func (a *app) undo(ctx context.Context, local *runner.Local, id string, program *runner.Program, o *org) error {
	return a.takeUp(ctx, local, id, program, o, true, func(c *runner.Catalogue) (*runner.Machine, error) {
		return local.Rollback(ctx, id, program, c, nil)
	})
}

// takeUp has a run that was recorded before taken up again, and says how it
// ended.
func (a *app) takeUp(ctx context.Context, local *runner.Local, id string, program *runner.Program, o *org, rollback bool,
	carryOut func(*runner.Catalogue) (*runner.Machine, error)) error {
	// The journal is told anew from its start, so that steps are named by what
	// they did.
	progress := view.NewProgress(program)
	stored, err := readRun(local, id)
	if err != nil {
		return err
	}
	progress.Skip(stored.Events)
	local.Watch = progress.Watch(a.stderr)
	env, err := o.env(local)
	if err != nil {
		return err
	}
	a.say("")
	if steps := stored.InFlight(); len(steps) > 0 {
		const most = 5
		names := strings.Join(steps[:min(len(steps), most)], ", ")
		if more := len(steps) - most; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		a.note("in flight: %s; looking whether their writes happened, for %s each if need be", names, local.Settle)
	}
	done := a.announceStop(ctx, id)
	m, err := carryOut(steps.Catalogue(env))
	done()
	if err != nil {
		return journalCode(err, m)
	}
	return a.conclude(local, id, m, rollback)
}

// programOf is the program that a run was a run of, from the text kept with
// it.
func programOf(run *runner.StoredRun) (*runner.Program, error) {
	info := run.Info()
	program, faults := compile(info.Playbook, run.Playbook)
	if faults.Err() != nil {
		return nil, coded(exitBusy, fmt.Errorf("this rekey cannot read the playbook of run %s any more: use the version that ran it (%s): %w", info.ID, info.Tool, faults))
	}
	return program, nil
}

// openOrgOf opens the org that a run worked on: the sandbox of the state
// folder by itself, a live org only if the settings name that one.
func (a *app) openOrgOf(info *runner.RunInfo) (*org, error) {
	if info.Org == sandboxURL && !a.hasSandbox() {
		// Opening it would make a new one, which the next attempt would take
		// for the run's.
		return nil, invalid("the sandbox that run "+info.ID+" worked on is gone: there is nothing to undo", "it was deleted from the state folder; a new one is made at its next use")
	}
	o, err := a.open(orgFlags{sandbox: info.Org == sandboxURL})
	if err != nil {
		return nil, err
	}
	if o.name != info.Org {
		return nil, invalid(fmt.Sprintf("run %s worked on %s, and OKTA_CLIENT_ORGURL is %s", info.ID, info.Org, o.name),
			"set OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN to those of "+info.Org)
	}
	return o, nil
}
