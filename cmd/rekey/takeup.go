package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// takeUpFlags are the flags of the verbs that take up a run again.
type takeUpFlags struct {
	yes                  bool
	settle, lockTimeout  time.Duration
	files                []string // --input-file
	adopt, done, notDone []string
	because              string
	rateShare            string
}

func (f *takeUpFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask before the first write")
	cmd.Flags().StringArrayVar(&f.adopt, "adopt", nil, "`STEP=ID`: the step's write happened and made what has that id")
	cmd.Flags().StringArrayVar(&f.notDone, "not-done", nil, "the write of this `STEP` did not happen")
	cmd.Flags().StringArrayVar(&f.done, "done", nil, "the write of this `STEP` happened; with --because")
	cmd.Flags().StringVar(&f.because, "because", "", "with --done: how you know, for the record (`text`)")
	settleFlag(cmd, &f.settle)
	lockTimeoutFlag(cmd, &f.lockTimeout)
	rateShareFlag(cmd, &f.rateShare)
}

// takenUp is a run that a verb takes up again: nobody else is at work on it.
type takenUp struct {
	app       *app
	local     *runner.Local
	run       runner.StoredRun
	claims    *runner.Claims
	program   *runner.Program
	machine   *runner.Machine // as the record leaves it
	decisions []runner.Decision
	org       *org
	undo      bool // the verb is rollback
}

// findIdle finds the run that a verb is to take up, one that somebody can
// answer for, claims what it changed and was to change, and opens its org.
// Refuse tells that the verb is not for a run. Close what it returns.
func (a *app) findIdle(ctx context.Context, verb, text string, f *takeUpFlags, refuse func(*runner.StoredRun) error) (_ *takenUp, err error) {
	_, malformed := f.decisions()
	if err := cmp.Or(checkSettle(f.settle), checkLockTimeout(f.lockTimeout), checkShare(f.rateShare), malformed); err != nil {
		return nil, err
	}
	t := &takenUp{app: a, undo: verb == "rollback"}
	if t.local, t.run, err = a.findRun(text); err != nil {
		return nil, err
	}
	t.local.Settle = f.settle
	nothing := t.undo && !t.run.Alive && !t.run.Remains() // to undo, and to ask about
	if !f.yes && !a.terminal.Is() && !nothing {
		return nil, errUnattended(verb)
	}
	if !t.run.Alive { // else it is waited for, or told who is at work
		if err := t.prepare(f, refuse); err != nil {
			return nil, err
		}
	}
	info := t.run.Info()
	plan, _ := t.local.ReadPlan(info.ID)
	owners := append(t.run.Summary().Owners, claimsOf(plan)...)
	if t.claims, err = a.claim(ctx, t.local, info.ID, info.Org, owners, f.lockTimeout); err != nil {
		return nil, err
	}
	if t.run, err = readRun(t.local, info.ID); err == nil { // it may have gone on in the meantime
		err = t.prepare(f, refuse)
	}
	if err == nil {
		t.org, err = a.openOrgOf(ctx, info, f.rateShare)
	}
	if err == nil {
		err = t.org.allowRun(plan, t.program)
	}
	if err == nil {
		err = t.reach(ctx)
	}
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// prepare takes up what the record says, and refuses what does not fit it.
func (t *takenUp) prepare(f *takeUpFlags, refuse func(*runner.StoredRun) error) (err error) {
	if err = refuse(&t.run); err != nil {
		return err
	}
	if t.program, err = programOf(&t.run); err != nil {
		return err
	}
	info := t.run.Info()
	if t.run.Plan, err = t.local.PlanOf(info); err != nil && !t.undo { // an undo does without: the step types tell as well, less exactly
		return coded(exitBusy, fmt.Errorf("run %s: %w", info.ID, err))
	}
	t.machine, t.decisions, err = f.decided(&t.run, t.program, t.undo)
	return err
}

// reach asks the org for an owner of the run before anything is recorded: a
// wrong token, or a network that is down, is no reason for the run to fail.
func (t *takenUp) reach(ctx context.Context) error {
	for _, name := range t.run.Summary().Owners {
		owner, err := okta.ParseOwner(name)
		if err != nil {
			continue // what local steps claim
		}
		client, err := okta.New(t.org.config)
		if err == nil {
			_, err = client.Object(ctx, owner)
		}
		switch {
		case err == nil || okta.NotFound(err):
			return nil
		case ctx.Err() != nil:
			return errInterrupted
		}
		code := exitFailed
		if t.run.Remains() {
			code = exitStopped
		}
		message, hint := mend(err, "nothing was done, and the run stays as it is")
		return &exitError{code: code, message: message, hint: hint}
	}
	return nil
}

// close gives the org and the claims back.
func (t *takenUp) close() {
	if t.org != nil {
		t.org.close()
	}
	t.app.release(t.claims)
}

// approve asks before anything is done.
func (t *takenUp) approve(ctx context.Context, yes bool, question string) error {
	err := t.app.approve(ctx, yes, question)
	switch {
	case errors.Is(err, errDeclined):
		err = failed("not carried out: nothing was done, and the run stays as it is", "")
	case errors.Is(err, errInterrupted):
		err = failed("interrupted: nothing was done, and the run stays as it is", "")
	}
	return err
}

// goOn has the run carried on by a method of the backend, and says how it ended.
func (t *takenUp) goOn(ctx context.Context, rollback bool,
	carryOn func(context.Context, string, *runner.Program, *runner.Catalogue, runner.TakeUp) (*runner.Machine, error), with runner.TakeUp) error {
	a, id := t.app, t.run.Info().ID
	env, err := t.org.env(t.local)
	if err != nil {
		return err
	}
	a.say("")
	decided := func(step string) bool {
		return slices.ContainsFunc(t.decisions, func(d runner.Decision) bool { return d.Step == step })
	}
	if steps := slices.DeleteFunc(t.run.InFlight(), decided); len(steps) > 0 {
		each := "its write happened, for up to %s"
		if len(steps) > 1 {
			each = "their writes happened, for up to %s each"
		}
		a.inform("in flight: %s; looking whether "+each, someOf(steps), t.local.Settle)
	}
	with.Who, with.Moved, with.Unused = a.who(), moved(env), a.unused
	a.begun(id, t.program, t.org)
	seen := a.followRun(t.program, t.local.Settle, t.run.Events)
	t.local.Watch = seen.take
	done := a.announceStop(ctx, id, seen)
	m, err := carryOn(ctx, id, t.program, steps.Catalogue(env), with)
	done()
	if wrong := (*runner.SettingError)(nil); errors.As(err, &wrong) {
		a.conclude(t.local, id, m, rollback)
		return invalid(wrong.Error(), "nothing failed or was undone by that: mend it, and go on with the run")
	}
	if err != nil {
		return a.journalCode(err, id, m, t.run.Remains())
	}
	return a.conclude(t.local, id, m, rollback)
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
		return nil, &exitError{code: exitBusy, message: fmt.Sprintf("this rekey cannot read the playbook of run %s any more: %v", info.ID, faults), hint: "use the version that ran it (" + info.Tool + ")"}
	}
	return program, nil
}

// openOrgOf opens the org that a run worked on: the sandbox of the state
// folder by itself, a live org only if the settings name that one.
func (a *app) openOrgOf(ctx context.Context, info *runner.RunInfo, rateShare string) (*org, error) {
	if info.Org == sandboxURL && !a.hasSandbox() {
		// Opening it would make a new one, which the next attempt would take
		// for the run's.
		return nil, invalid("the sandbox that run "+info.ID+" worked on is gone: there is nothing to undo", "it was deleted from the state folder; a new one is made at its next use")
	}
	o, err := a.open(ctx, orgFlags{sandbox: info.Org == sandboxURL, rateShare: rateShare})
	if err != nil {
		return nil, err
	}
	if o.name != info.Org {
		return nil, invalid(fmt.Sprintf("run %s worked on %s, and OKTA_CLIENT_ORGURL is %s", info.ID, info.Org, o.name),
			"set OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN to those of "+info.Org)
	}
	return o, nil
}
