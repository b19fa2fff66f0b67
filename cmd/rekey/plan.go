package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// planFlags are the flags of a verb that makes a plan.
type planFlags struct {
	inputs    inputFlags
	org       orgFlags
	onFailure string
	format    string
	verbose   bool
	detailed  bool
	out       string // the file to save the plan in
	expires   time.Duration
}

func (f *planFlags) register(cmd *cobra.Command) {
	f.inputs.register(cmd)
	cmd.Flags().BoolVar(&f.org.sandbox, "sandbox", false, "work on the embedded org of the state folder; inputs not given get values by name")
	cmd.Flags().StringVar(&f.onFailure, "on-failure", "", "rollback or keep, instead of the playbook's `mode`")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show of each step its request, what it is given and sees, and its undo")
	rateShareFlag(cmd, &f.org.rateShare)
}

func (f *planFlags) check() error {
	if f.onFailure != "" {
		if err := oneOf("on-failure", f.onFailure, "rollback", "keep"); err != nil {
			return err
		}
	}
	if err := checkShare(f.org.rateShare); err != nil {
		return err
	}
	switch {
	case f.verbose && f.format != "text":
		return usage("--verbose and --format "+f.format+" are given together", "that format has everything anyway: leave --verbose out")
	case f.out != "" && f.org.offline:
		return usage("--out and --offline are given together", "a plan of an invented org cannot be carried out: leave one of them out")
	case f.out == "-":
		return usage("--out - is no file", "a plan that can be carried out is saved in one; --format json prints one to look at")
	case f.out != "" && f.expires <= 0:
		return usage("--expires is not positive", "give a duration such as 24h")
	}
	return planFaces().check(f.format)
}

const planFormatHelp = `
Formats:
  text      for people
  markdown  one comment for a pull request, cut at 65,000 characters; its first
            line is a marker by which the comment is found again and updated:
            <!-- rekey plan: PLAYBOOK org=ORG inputs=DIGEST -->
  json      for programs
  html      one page without scripts, for a browser
`

func (a *app) planCommand() *cobra.Command {
	f := &planFlags{}
	cmd := &cobra.Command{
		Use: "plan PLAYBOOK", Short: "rehearse a playbook: what it would do, without doing it",
		Long: `Carry a playbook out in a copy of the org and show what it would do. The org
is only read: the connection to it cannot send anything but GET. Secrets that
are not given are not asked for; what needs them is shown as not checked.
` + planFormatHelp + inputHelp,
		Args: takes(1, 1, "a PLAYBOOK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.out == "" && cmd.Flags().Changed("out") {
				return usage("--out names no file", "give the file to save the plan in")
			}
			if f.out == "" && cmd.Flags().Changed("expires") {
				return usage("--expires is given without --out", "only a saved plan expires: add --out FILE")
			}
			return a.plan(cmd.Context(), args[0], f)
		},
	}
	f.register(cmd)
	a.registerSettings(cmd)
	a.quietFlag(cmd)
	cmd.Flags().StringVar(&f.out, "out", "", "save the plan in a `file`, for rekey run --plan")
	cmd.Flags().DurationVar(&f.expires, "expires", defaultExpiry, "with --out: how long it may be carried out")
	cmd.Flags().StringVar(&f.format, "format", "text", planFaces().usage())
	cmd.Flags().BoolVar(&f.detailed, "detailed-exitcode", false, "exit with 2 if the plan has changes")
	cmd.Flags().BoolVar(&f.org.offline, "offline", false, "ask no org and invent the owners: a review without credentials")
	return cmd
}

// show shows a plan in the format that was asked for.
func (f *planFlags) show(w io.Writer, plan *runner.Plan) error {
	if f.verbose {
		return view.PlanDetails(w, plan)
	}
	return planFaces().show(w, f.format, plan)
}

// prepare checks a playbook and opens the org that it is for; nothing is sent.
func (a *app) prepare(ctx context.Context, playbook string, f orgFlags) (*runner.Program, *org, error) {
	program, err := a.load(playbook)
	if err != nil {
		return nil, nil, err
	}
	o, err := a.open(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	return program, o, o.allowReading(program)
}

// plan makes a plan and prints it.
func (a *app) plan(ctx context.Context, playbook string, f *planFlags) error {
	if err := cmp.Or(f.check(), checkOut(f.out)); err != nil {
		return err
	}
	program, org, err := a.prepare(ctx, playbook, f.org)
	if err != nil {
		return err
	}
	defer org.close()
	made, err := a.rehearsed(ctx, program, org, f, false)
	if err != nil {
		return err
	}
	if f.out != "" && made.plan.Body.Failure == nil {
		if err := a.savePlan(made.plan, f.out, f.expires); err != nil {
			return err
		}
	}
	if err := f.show(a.faceTo(f.format), made.plan); err != nil {
		return err
	}
	a.summarizePlan(made.plan)
	a.noteHolders(made.plan)
	if err := failedPlan(made.plan); err != nil {
		return err
	}
	if f.out != "" {
		a.inform("saved in %s; until %s `rekey run %s --plan %s%s` carries it out, once", f.out, made.plan.Header.Expires.UTC().Format(time.RFC3339), quoted(playbook), quoted(f.out), a.stateFlag())
	}
	if f.detailed && made.plan.Body.Changes() {
		return exit(exitChanges)
	}
	return nil
}

// rehearsal is a plan with the values that it was made with.
type rehearsal struct {
	plan           *runner.Plan
	public, secret map[string]any
}

// rehearsed gathers the inputs and makes the plan. For a run secrets are
// required, and asked for.
func (a *app) rehearsed(ctx context.Context, p *runner.Program, o *org, f *planFlags, forRun bool) (*rehearsal, error) {
	g, err := a.gather(p, f.inputs)
	if err != nil {
		return nil, err
	}
	if err := o.fill(g); err != nil {
		return nil, err
	}
	if forRun && g.faults.Err() == nil {
		if err := g.prompt(ctx); err != nil {
			return nil, err
		}
	}
	r := &rehearsal{}
	if r.public, r.secret, err = g.bind(forRun); err != nil {
		return nil, err
	}
	r.plan, err = o.rehearse(ctx, p, r.public, r.secret, f.onFailure)
	return r, err
}

// failedPlan is the error of a plan whose run would fail. Why is said in the
// plan.
func failedPlan(plan *runner.Plan) error {
	f := plan.Body.Failure
	if f == nil {
		return nil
	}
	message := "the run would fail"
	if plan.Body.Rollback != nil {
		message = "the run could not be undone"
	}
	if f.Step != "" {
		message += " at step " + f.Step
	}
	if f.Setting {
		hint := "the plan says why"
		for _, name := range plan.Body.Secrets {
			hint += fmt.Sprintf("; the secret %s is given by %s, by --input-file %s=FILE, or at the prompt of run", name, variable(name), name)
		}
		return invalid(message+": a setting is missing or wrong", hint)
	}
	return failed(message, cmp.Or(f.Cure, "the plan says why"))
}
