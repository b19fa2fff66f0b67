package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

func (a *app) rollbackCommand() *cobra.Command {
	f := &takeUpFlags{}
	cmd := &cobra.Command{
		Use: "rollback RUN", Short: "undo a run: finished, failed or interrupted",
		Long: `Undo what a run wrote, the last write first. RUN is an id, or the beginning of
one. What cannot be undone is listed before and after. A key that somebody
else has switched since is never overwritten. The org is the one that the run
worked on.
` + decideHelp,
		Args: takes(1, 1, "a RUN"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.rollback(cmd.Context(), args[0], f) },
	}
	f.register(cmd)
	return cmd
}

// findIdle finds the run that a verb is to take up, one that somebody can
// answer for, and claims what it changed and was to change. From then on no
// other process is at work on it. Refuse tells that the verb is not for a run.
func (a *app) findIdle(ctx context.Context, verb, text string, f *takeUpFlags, refuse func(*runner.StoredRun) error) (
	local *runner.Local, run runner.StoredRun, claims *runner.Claims, err error) {
	_, decisions := f.decisions()
	err = cmp.Or(checkSettle(f.settle), checkLockTimeout(f.lockTimeout), decisions)
	if err == nil && !f.yes && !a.terminal.Is() {
		err = errUnattended(verb)
	}
	if err != nil {
		return nil, run, nil, err
	}
	local, run, err = a.findRun(text)
	if err == nil && !run.Alive {
		err = refuse(&run)
	}
	var program *runner.Program
	if err == nil {
		program, err = programOf(&run)
	}
	if err == nil && !run.Alive {
		_, _, err = f.decided(&run, program)
	}
	if err != nil {
		return nil, run, nil, err
	}
	local.Settle = f.settle
	id := run.Info().ID
	plan, _ := planOf(local, id)
	owners := append(run.Summary().Owners, claimsOf(view.ReadPlan(plan))...)
	if claims, err = a.claim(ctx, local, id, run.Info().Org, owners, f.lockTimeout); err != nil {
		return nil, run, nil, err
	}
	if run, err = readRun(local, id); err == nil { // it may have gone on in the meantime
		err = refuse(&run)
	}
	if err != nil {
		a.release(claims)
	}
	return local, run, claims, err
}

var errRolledBack = errors.New("it is rolled back already")

// notUndone refuses a run of which nothing is left to undo.
func notUndone(run *runner.StoredRun) error {
	if run.Summary().State == runner.StateRolledBack {
		return errRolledBack
	}
	return nil
}

// rollback shows what will be undone, asks, and undoes it.
func (a *app) rollback(ctx context.Context, text string, f *takeUpFlags) error {
	local, run, claims, err := a.findIdle(ctx, "rollback", text, f, notUndone)
	if errors.Is(err, errRolledBack) {
		a.note("run %s is rolled back already", run.Info().ID)
		return nil
	}
	if err != nil {
		return err
	}
	defer a.release(claims)
	info := run.Info()
	program, err := programOf(&run)
	if err != nil {
		return err
	}
	_, decisions, err := f.decided(&run, program)
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
	if err := a.approve(ctx, f.yes, "Undo this in "+org.name+"?"); err != nil {
		return err
	}
	return a.takeUp(ctx, local, info.ID, program, org, true, func(c *runner.Catalogue, _ runner.Moved) (*runner.Machine, error) {
		return local.Rollback(ctx, info.ID, program, c, runner.TakeUp{Decisions: decisions})
	})
}

// takeUp has a run that was recorded before taken up again, and says how it
// ended.
func (a *app) takeUp(ctx context.Context, local *runner.Local, id string, program *runner.Program, o *org, rollback bool,
	carryOut func(*runner.Catalogue, runner.Moved) (*runner.Machine, error)) error {
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
	m, err := carryOut(steps.Catalogue(env), moved(env))
	done()
	if err != nil {
		return a.journalCode(err, id, m, stored.Remains())
	}
	return a.conclude(local, id, m, rollback)
}

// programOf is the program that a run was a run of, from the text kept with
// it.
func programOf(run *runner.StoredRun) (*runner.Program, error) {
	info := run.Info()
	sum := sha256.Sum256(run.Playbook)
	switch cure := "restore runs/" + info.ID + "/playbook.yaml in the state folder, from where you keep your playbooks"; {
	case run.Playbook == nil:
		return nil, &exitError{code: exitBusy, message: "the playbook kept with run " + info.ID + " is missing, or cannot be read", hint: cure + " (its SHA-256 is " + info.Digest + ")"}
	case hex.EncodeToString(sum[:]) != info.Digest:
		return nil, &exitError{code: exitBusy, message: "the playbook kept with run " + info.ID + " is not the text that it was started with", hint: cure + " (its SHA-256 is " + info.Digest + ")"}
	}
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
