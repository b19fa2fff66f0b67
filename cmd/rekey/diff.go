package main

import (
	"io"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

func (a *app) diffCommand() *cobra.Command {
	var format string
	var detailed bool
	cmd := &cobra.Command{
		Use: "diff PLAN PLAN", Short: "tell in what a plan differs from one before it", Args: takes(2, 2, "two PLANs"),
		Long: `Tell in what the second plan differs from the first, such as one that was
reviewed from one made today: what is written, what users notice, what can be
undone, and which parts of the org moved in between. That plans were made at
different times, or by different people, is no difference.

PLAN is a file that rekey plan --out or --format json wrote, or - for the
standard input.`,
		Example: `  rekey diff reviewed.json today.json
  rekey plan rotate-app-key --format json | rekey diff reviewed.json - --detailed-exitcode`,
		RunE: func(_ *cobra.Command, args []string) error { return a.diff(args[0], args[1], format, detailed) },
	}
	cmd.Flags().StringVar(&format, "format", "text", diffFaces().usage())
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 if the plans differ")
	return cmd
}

// planDiff is in what plans differ, with the plans.
type planDiff struct {
	before, after *runner.Plan
	diff          *view.PlanDiff
}

// diffFaces are the formats of what differs.
func diffFaces() faces[*planDiff] {
	return faces[*planDiff]{
		{"text", func(w io.Writer, d *planDiff) error { return view.DiffText(w, d.diff, d.before, d.after) }},
		{"markdown", func(w io.Writer, d *planDiff) error { return view.DiffMarkdown(w, d.diff, d.before, d.after) }},
		{"json", func(w io.Writer, d *planDiff) error { return view.JSON(w, d.diff) }},
	}
}

func (a *app) diff(before, after, format string, detailed bool) error {
	if err := diffFaces().check(format); err != nil {
		return err
	}
	if before == "-" && after == "-" {
		return usage("both plans are to be read from the standard input", "save one of them in a file")
	}
	d := &planDiff{}
	var err error
	if d.before, err = a.planIn(before); err != nil {
		return err
	}
	if d.after, err = a.planIn(after); err != nil {
		return err
	}
	if d.diff, err = view.Diff(d.before, d.after, steps.Catalogue(nil)); err != nil {
		return err
	}
	if err := diffFaces().show(a.faceTo(format), format, d); err != nil {
		return err
	}
	if detailed && !d.diff.Equal {
		return exit(exitChanges)
	}
	return nil
}

// planIn reads the plan in a file, or on the standard input.
func (a *app) planIn(path string) (*runner.Plan, error) {
	if path != "-" {
		return readPlan(path)
	}
	return planFrom("the standard input", a.stdin, maxPlan)
}
