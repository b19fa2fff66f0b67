package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// defaultSettle is how long after a lost answer a write may still take effect:
// a minute over the time that the client waits for an answer.
const defaultSettle = time.Minute + okta.DefaultTimeout

type runFlags struct {
	planFlags
	yes, dryRun bool
	plan        string // a saved one
	settle      time.Duration
	lockTimeout time.Duration
	shareGiven  bool // --rate-share was: else a saved plan says what it reckoned with
}

func (a *app) runCommand() *cobra.Command {
	f := &runFlags{}
	f.format = "text"
	cmd := &cobra.Command{
		Use: "run PLAYBOOK", Short: "plan a playbook, ask, and carry it out",
		Long: `Make a plan, show it, ask, and carry it out. A step that fails has everything
before it undone, unless on_failure says keep. An interrupt lets the write in
flight finish, records it and stops; rekey resume goes on with the run, rekey
rollback undoes it.

With --events programs are told what happens; rekey schema --of events
describes the form. With GITHUB_ACTIONS=true the log has groups, annotations
and masks, and the step a summary.
` + inputHelp,
		Args: takes(1, 1, "a PLAYBOOK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.plan == "" && cmd.Flags().Changed("plan") {
				return usage("--plan names no file", "give the file that `rekey plan --out` wrote")
			}
			if f.dryRun && f.plan != "" {
				return usage("--dry-run and --plan are given together", "a plan is the outcome of a dry run: leave one of them out")
			}
			if f.dryRun && a.eventsTo != "" {
				return usage("--dry-run and --events are given together", "a dry run is no run: leave one of them out")
			}
			if f.dryRun {
				return a.plan(cmd.Context(), args[0], &f.planFlags)
			}
			f.shareGiven = cmd.Flags().Changed("rate-share")
			return a.telling(cmd, func(ctx context.Context) error { return a.run(ctx, args[0], f) })
		},
	}
	f.register(cmd)
	a.registerSettings(cmd)
	a.quietFlag(cmd)
	a.eventsFlag(cmd)
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask before the first write")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "make the plan only, as plan does")
	cmd.Flags().StringVar(&f.plan, "plan", "", "carry out the plan that plan --out saved in a `file`, and nothing else; inputs come from it")
	settleFlag(cmd, &f.settle)
	lockTimeoutFlag(cmd, &f.lockTimeout)
	return cmd
}

func settleFlag(cmd *cobra.Command, into *time.Duration) {
	cmd.Flags().DurationVar(into, "settle", defaultSettle, "how long after its answer was lost a write may still take effect; only then does its absence count")
}

func checkSettle(settle time.Duration) error {
	if settle < 0 {
		return usage("--settle is negative", "give a duration such as 90s")
	}
	return nil
}

// run plans a playbook, asks, and carries it out.
func (a *app) run(ctx context.Context, playbook string, f *runFlags) error {
	if err := cmp.Or(f.check(), checkSettle(f.settle), checkLockTimeout(f.lockTimeout)); err != nil {
		return err
	}
	if !f.yes && !a.terminal.Is() {
		return errUnattended("run")
	}
	var saved *runner.Plan
	var err error
	if f.plan != "" {
		if saved, err = readPlan(f.plan); err != nil {
			return err
		}
		f.org.sandbox = f.org.sandbox || saved.Body.Org == sandboxURL && a.hasSandbox()
		if !f.shareGiven {
			f.org.rateShare = strconv.Itoa(saved.Body.RateShare)
		}
	}
	program, org, err := a.prepare(ctx, playbook, f.org)
	if err != nil {
		return err
	}
	defer org.close()
	if org.dir, err = a.makeState(); err != nil {
		return err
	}
	turn := a.local(org.dir).Turn()
	made, err := a.planFor(ctx, program, org, f, saved)
	if err != nil {
		return err
	}
	id := a.newRunID()
	claims, err := a.claimPlanned(ctx, program, org, made, id, turn, f)
	if err != nil {
		return err
	}
	defer a.release(claims)
	if err := a.showPlan(made.plan, f); err != nil {
		return err
	}
	if err := failedPlan(made.plan); err != nil {
		return err
	}
	if err := org.allowRun(made.plan, program); err != nil {
		return err
	}
	if err := org.signIn(ctx); err != nil {
		return err
	}
	if err := a.approve(ctx, f.yes, "Carry this out in "+org.name+"?"); err != nil {
		return err
	}
	if err := a.expired(made.plan); err != nil { // while others were waited for, or an answer
		return err
	}
	return a.execute(ctx, program, org, made, id, f)
}

func (a *app) newRunID() string {
	var random [3]byte
	a.random(random[:])
	return runner.NewRunID(a.now(), random[:])
}

// claimPlanned claims what a plan is to change. If others had to be waited
// for, or ended since the turn in which it was made, the plan is made anew:
// they have changed what it saw. A saved plan stays what it is.
func (a *app) claimPlanned(ctx context.Context, program *runner.Program, o *org, made *rehearsal, id, turn string, f *runFlags) (*runner.Claims, error) {
	claims, err := a.claimSince(ctx, a.local(o.dir), turn, id, o.name, claimsOf(made.plan), f.lockTimeout)
	if err != nil || !claims.Waited() || f.plan != "" {
		return claims, err
	}
	made.plan, err = o.rehearse(ctx, program, made.public, made.secret, f.onFailure)
	if err == nil {
		err = a.claimCode(ctx, claims.Change(ctx, claimsOf(made.plan)))
	}
	if err != nil {
		a.release(claims)
		return nil, err
	}
	return claims, nil
}

// planFor is the plan that a run carries out: the saved one, or one made now.
func (a *app) planFor(ctx context.Context, program *runner.Program, o *org, f *runFlags, saved *runner.Plan) (*rehearsal, error) {
	if saved != nil {
		return a.saved(ctx, program, o, f, saved)
	}
	return a.rehearsed(ctx, program, o, &f.planFlags, true)
}

// errDeclined is the question answered no.
var errDeclined = failed("not carried out; nothing was written", "")

// approve asks before the first write.
func (a *app) approve(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	ok, err := a.confirm(ctx, question)
	if err == nil && !ok {
		err = errDeclined
	}
	return err
}

// execute carries out what was approved and says how it ended.
func (a *app) execute(ctx context.Context, program *runner.Program, o *org, made *rehearsal, id string, f *runFlags) error {
	local := a.local(o.dir)
	local.Settle = f.settle
	env, err := o.env(local)
	if err != nil {
		return err
	}
	now := a.now()
	a.say("")
	a.say("Run " + id)
	a.begun(id, program, o)
	seen := a.followRun(program, f.settle, nil)
	local.Watch = seen.take
	done := a.announceStop(ctx, id, seen)
	m, err := local.Run(ctx, program, steps.Catalogue(env), runner.Spec{
		ID: id, Tool: a.tool(), Who: a.who(), Org: o.name, Inputs: made.public, Secrets: made.secret,
		OnFailure: made.plan.Body.OnFailure, Plan: made.plan, Moved: moved(env), StartedAt: now,
	})
	done()
	if err != nil {
		return staleOf(a.journalCode(err, id, m, false))
	}
	return a.conclude(local, id, m, false)
}

// announceStop tells, as soon as the run is interrupted, what happens now. The
// function that it returns ends that, and with it what is seen of the run.
func (a *app) announceStop(ctx context.Context, id string, seen *following) (done func()) {
	told := make(chan struct{})
	again := fmt.Sprintf("whoever goes on with the run, or undoes it, finds out first whether a write in flight happened: `%s`", a.runLine("resume", id))
	a.atOnce.Store(&again)
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		a.events.tell(view.Told{Event: view.ToldInterrupted})
		seen.interrupted()
		a.note("interrupted: a write in flight is finished and recorded first, then the run stops (interrupt again to end it at once); `%s` goes on with it, `%s` undoes it", a.runLine("resume", id), a.rollbackLine(id))
	})
	return func() {
		if !stop() {
			<-told
		}
		seen.stop()
		a.atOnce.Store(nil)
	}
}

// conclude prints how a run stands and turns that into an exit code.
func (a *app) conclude(local *runner.Local, id string, m *runner.Machine, rollback bool) error {
	stored, err := readRun(local, id)
	if err != nil {
		return err
	}
	stored.Plan, _ = local.PlanOf(stored.Info())
	a.events.stopped(string(m.State()))
	a.say("")
	if err := view.Result(a.text(), &stored, a.rollbackLine(id)); err != nil {
		// What the run did is done, whoever can read of it.
		a.note("run %s: %s, but that cannot be printed: %v", id, m.State(), err)
	}
	a.summarizeRun(local, &stored)
	if cure := m.Cure(); cure != "" {
		a.note("hint: %s", cure)
	}
	if !rollback && isStale(m) {
		a.note("the org is not as the plan saw it, and nothing was written: make a new plan")
		return exit(exitStale)
	}
	return exit(codeOf(m.State(), m.Remains(), rollback))
}
