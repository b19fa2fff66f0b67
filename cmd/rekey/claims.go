package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
)

// lockTimeoutFlag lets a verb wait for owners that another run has claimed.
func lockTimeoutFlag(cmd *cobra.Command, into *time.Duration) {
	cmd.Flags().DurationVar(into, "lock-timeout", 0, "how long to wait for another run that is at work on the same owner; 0: not at all")
}

func checkLockTimeout(timeout time.Duration) error {
	if timeout < 0 {
		return usage("--lock-timeout is negative", "give a duration such as 5m")
	}
	return nil
}

// claim takes what a run claims that is taken up again. Whoever it has to wait
// for is named.
func (a *app) claim(ctx context.Context, local *runner.Local, id, org string, owners []string, timeout time.Duration) (*runner.Claims, error) {
	claims, err := a.claimSince(ctx, local, "", id, org, owners, timeout)
	if exitCode(err) == exitFailed && ctx.Err() == nil {
		err = &exitError{code: exitStopped, message: err.Error(), cause: err, hint: "nothing was done: make room in the state folder, or mend it, and try again"}
	}
	return claims, err
}

// claimSince takes what a new run claims, before anything of it is shown. It
// was planned since a turn; see [runner.Local.Turn].
func (a *app) claimSince(ctx context.Context, local *runner.Local, turn, id, org string, owners []string, timeout time.Duration) (*runner.Claims, error) {
	host, _ := a.hostname()
	var seen *following
	claims, err := local.Claim(ctx, runner.ClaimSpec{
		Run: id, Org: org, Owners: owners, Host: host, Turn: turn, Wait: timeout,
		Waiting: func(claimed *runner.ClaimedError) {
			a.inform("%s; waiting for up to %s", claimed.Problem(), timeout)
			seen = a.followWait("for run "+claimed.Run, timeout)
		},
	})
	if seen != nil {
		seen.stop()
	}
	return claims, a.claimCode(ctx, err)
}

// claimCode gives an error of taking claims its exit code and its cure.
func (a *app) claimCode(ctx context.Context, err error) error {
	var claimed *runner.ClaimedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &claimed):
		hint := claimed.Cure(func(verb string) string { return a.runLine(verb, claimed.Run) })
		return &exitError{code: exitBusy, message: claimed.Problem(), hint: hint, cause: err}
	case ctx.Err() != nil:
		return errInterrupted
	case errors.As(err, new(*journal.LockedError)):
		return coded(exitBusy, err)
	}
	return failed(err.Error(), "nothing was done; give another state folder with --state-dir FOLDER")
}

// release gives claims out of this process's hands. What was done is done,
// whatever becomes of that.
func (a *app) release(claims *runner.Claims) {
	if err := claims.Release(); err != nil {
		a.note("warning: the claims of this run could not be given back, and the next run will look whether they stand: %v", err)
	}
}

// claimsOf are the owners that the actions of a plan change, each once or more.
func claimsOf(plan *runner.Plan) (owners []string) {
	if plan == nil {
		return nil
	}
	for _, s := range plan.Body.Steps {
		for _, owner := range s.Claims {
			if !strings.Contains(owner, "$<") {
				owners = append(owners, owner)
			}
		}
	}
	return owners
}

// noteHolders notes which unfinished runs claim what a plan is to change: until
// that is over it cannot be carried out. The plan itself does not say so, as it
// tells of the org and outlives that.
func (a *app) noteHolders(plan *runner.Plan) {
	dir, err := a.stateFolder()
	if err != nil {
		return // without one there are no runs
	}
	holders, _ := a.local(dir).Holders(plan.Body.Org, claimsOf(plan))
	const most = 3
	for i, h := range holders {
		if i == most {
			a.note("%s more claim others of these", plural(len(holders)-most, "run"))
			break
		}
		a.note("%s: until that is over a run of this plan is refused; %s", h.Problem(), h.Cure(func(verb string) string { return a.runLine(verb, h.Run) }))
	}
}

// runLine is a command about a run, as the user can type it.
func (a *app) runLine(verb, id string) string {
	return "rekey " + verb + strings.TrimPrefix(a.rollbackLine(id), "rekey rollback")
}

// holds tells what a run that nobody is at work on keeps others from; empty if
// that is nothing.
func holds(local *runner.Local, s runner.Summary) string {
	if !s.State.Unfinished() || s.State == runner.StateRunning {
		return ""
	}
	if c, ok := claimOf(local, s.ID); ok {
		return fmt.Sprintf("It claims %s until it is resumed to its end, rolled back or abandoned.", someOf(c.Owners))
	}
	return ""
}

// someOf are the first few of many names.
func someOf(names []string) string {
	const most = 5
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
