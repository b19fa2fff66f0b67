package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
)

func (a *app) abandonCommand() *cobra.Command {
	var yes bool
	var because string
	cmd := &cobra.Command{
		Use: "abandon RUN", Short: "give up a run that is unfinished, and what it claims",
		Long: `Give up a run that was interrupted, killed, is stuck or could not be rolled back:
what it wrote stays as it is, it cannot be resumed any more, and other runs may
change what it claimed. What it leaves is listed before. It can still be rolled
back. The org is not asked. RUN is an id, or the beginning of one.

A run whose journal is damaged can be given up too: the journal stays as it is,
and a note is left beside it.`,
		Args: takes(1, 1, "a RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.abandon(cmd.Context(), args[0], because, yes)
		},
	}
	cmd.Flags().StringVar(&because, "because", "", "why, for the record: a `text`")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// abandon shows what a run leaves, asks, and gives it up.
func (a *app) abandon(ctx context.Context, text, because string, yes bool) error {
	dir, err := a.stateFolder()
	if err != nil {
		return err
	}
	local := a.local(dir)
	id, err := local.Find(text)
	if err != nil {
		return stateError(err)
	}
	run, problem := local.ReadRun(id)
	if err := a.mayAbandon(ctx, local, id, &run, problem); err != nil {
		return err
	}
	if because = strings.TrimSpace(because); because == "" {
		return usage("--because is missing", "say why the run is given up, for the record: --because \"…\"")
	}
	if !yes && !a.terminal.Is() {
		return usage("there is no terminal to ask on", "add --yes to let `rekey abandon` give a run up without a question")
	}
	if err := a.showLeftovers(local, id, &run, problem); err != nil {
		return err
	}
	if err := a.approve(ctx, yes, "Leave all of this as it is, and give the run up?"); err != nil {
		return err
	}
	noted, err := local.Abandon(ctx, id, a.who(), because)
	if err != nil {
		return a.abandonCode(ctx, id, err)
	}
	if noted {
		_, err = fmt.Fprintf(a.text(), "Run %s: given up; its journal was left as it is\n", view.Visible(id))
		return err
	}
	return a.conclusion(local, id)
}

// conclusion prints how a run stands.
func (a *app) conclusion(local *runner.Local, id string) error {
	stored, err := readRun(local, id)
	if err != nil {
		return err
	}
	return view.Result(a.text(), &stored, a.rollbackLine(id))
}

// mayAbandon refuses a run that there is no use in giving up.
func (a *app) mayAbandon(ctx context.Context, local *runner.Local, id string, run *runner.StoredRun, problem error) error {
	if err := local.Idle(id); err != nil {
		return a.abandonCode(ctx, id, err)
	}
	switch {
	case errors.Is(problem, runner.ErrNeverBegan):
		return a.abandonCode(ctx, id, problem)
	case problem == nil && !run.Summary().State.Unfinished():
		return a.abandonCode(ctx, id, &runner.EndedError{Run: id, State: run.Summary().State})
	case problem == nil:
		return nil
	}
	note, err := local.ReadAbandoned(id)
	claim, claimed := claimOf(local, id)
	if err == nil && note != nil && !(claimed && len(claim.Owners) > 0) {
		return invalid(fmt.Sprintf("run %s was given up already, at %s: %s", id, note.At.Format("2006-01-02 15:04:05 UTC"), note.Because), "it claims nothing any more")
	}
	return nil
}

// abandonCode gives an error its exit code and its cure.
func (a *app) abandonCode(ctx context.Context, id string, err error) error {
	var ended *runner.EndedError
	var broken *runner.JournalError
	var claimed *runner.ClaimedError
	switch {
	case errors.Is(err, runner.ErrNeverBegan):
		return invalid(err.Error(), "it claims nothing that outlives its process")
	case errors.As(err, &ended):
		return invalid(err.Error(), "it claims nothing any more"+a.undoHint(id, ended.State))
	case errors.As(err, &broken):
		return &exitError{code: exitStopped, message: err.Error(), hint: "the run is not given up: mend the state folder and try again"}
	case errors.As(err, &claimed):
		return &exitError{code: exitBusy, message: claimed.Problem(), hint: "stop it or wait until it ends: what it does is not known before", cause: err}
	case ctx.Err() != nil:
		return errInterrupted
	case errors.As(err, new(*journal.DamageError)), errors.As(err, new(*journal.LockedError)):
		return coded(exitBusy, err)
	}
	return failed(err.Error(), "the run is not given up: mend the state folder and try again")
}

// showLeftovers says what a run leaves if it is given up, and what a person
// has to look at.
func (a *app) showLeftovers(local *runner.Local, id string, run *runner.StoredRun, problem error) error {
	if problem != nil {
		a.say("Run " + id + " cannot be read in full: " + problem.Error())
		a.say("What follows is what stands before that; the run may have done more.")
	} else if err := view.Result(a.stderr, run, ""); err != nil {
		return err
	}
	left := run.Leftovers()
	if a.say(""); len(left) == 0 && problem == nil {
		a.say("It leaves nothing: whatever it wrote is undone.")
	}
	if len(left) > 0 {
		a.say("It leaves")
	}
	const most = 20
	look := map[string]bool{}
	var owners []string
	for i, l := range left {
		if i < most {
			a.say(leftover(l))
		} else if i == most {
			a.say(fmt.Sprintf("  and %d more: %s", len(left)-most, a.runLine("show", id)))
		}
		if l.Owner != "" && !look[l.Owner] {
			look[l.Owner] = true
			owners = append(owners, l.Owner)
		}
	}
	claim, claimed := claimOf(local, id)
	for _, owner := range claim.Owners {
		if problem != nil && !look[owner] {
			look[owner] = true
			owners = append(owners, owner)
		}
	}
	if len(owners) > 0 {
		a.say("Look at " + someOf(owners) + " in the org: which keys and CSRs are there, and which key signs.")
	}
	if claimed {
		a.say("It gives up its claim to " + someOf(claim.Owners) + ".")
	}
	return nil
}

// leftover is one write that is not undone, in a line.
func leftover(l runner.Leftover) string {
	text := "  wrote    " + l.Step
	if l.Doubt {
		text = "  perhaps  " + l.Step
	}
	switch {
	case l.Write == nil && l.Owner != "":
		text += ": a write to " + l.Owner
	case l.Write != nil:
		text += ": " + l.Write.Method + " " + l.Write.Path
		if c := l.Write.Change; c != nil {
			text += fmt.Sprintf(" (%s from %s to %s)", c.Pointer, view.Value(c.From), view.Value(c.To))
		}
	}
	for _, name := range []string{"kid", "id"} {
		if v, ok := l.Out[name]; ok && (l.Write == nil || l.Write.Change == nil) {
			text += fmt.Sprintf(" (%s %s)", name, view.Value(v))
		}
	}
	return text
}

// claimOf is what a run claims.
func claimOf(local *runner.Local, id string) (runner.Claim, bool) {
	claims, _ := local.ReadClaims()
	for _, c := range claims {
		if c.Run == id && len(c.Owners) > 0 {
			return c, true
		}
	}
	return runner.Claim{}, false
}
