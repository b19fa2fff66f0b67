package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

func (a *app) runsCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "runs", Short: "list the runs, the latest first", Args: takes(0, 0, ""),
		RunE: func(*cobra.Command, []string) error { return a.runs(format) },
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// runs lists the runs of the state folder. One that cannot be read is named
// and does not hide the others.
func (a *app) runs(format string) error {
	if err := oneOf("format", format, "text", "json"); err != nil {
		return err
	}
	dir, err := a.stateFolder()
	if err != nil {
		return err
	}
	local := a.local(dir)
	ids, err := local.IDs()
	if err != nil {
		return stateError(err)
	}
	summaries := []runner.Summary{}
	for _, id := range ids {
		run, err := readRun(local, id)
		if errors.Is(err, runner.ErrNeverBegan) {
			continue // a crash left it
		}
		if err != nil {
			a.note("warning: run %s is left out: %v", id, err)
			continue
		}
		summaries = append(summaries, run.Summary())
	}
	slices.SortStableFunc(summaries, func(x, y runner.Summary) int {
		return cmp.Or(y.StartedAt.Compare(x.StartedAt), cmp.Compare(y.ID, x.ID))
	})
	switch {
	case format == "json":
		return view.JSON(a.faceTo(format), summaries)
	case len(summaries) == 0:
		a.say("There are no runs in " + dir + ".")
		return nil
	}
	return view.Runs(a.text(), summaries)
}

func (a *app) showCommand() *cobra.Command {
	var format, head string
	var verify, all bool
	cmd := &cobra.Command{
		Use: "show RUN", Short: "show one run in full", Args: takes(1, 1, "a RUN"),
		Long: `Show one run: what it did when, what it wrote, what it yielded, what stays.
RUN is an id, or the beginning of one. Of a long run the items of loops that went
alike are told as one, unless --verbose asks for all; html and json have all
anyway.

With --verify only its journal is verified, line by line, with the plan and the
playbook that it names, and its head hash printed: who keeps that elsewhere can
tell later, with --head, that no line was changed, taken away or added since.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case verify && cmd.Flags().Changed("format"):
				return usage("--verify and --format are given together", "--verify prints one line of text")
			case verify && all:
				return usage("--verify and --verbose are given together", "--verify prints one line of text")
			case all && format != "text":
				return usage("--verbose and --format "+format+" are given together", "--verbose is for text; html and json have everything anyway")
			case verify:
				return a.verify(args[0], head)
			case head != "":
				return usage("--head is given without --verify", "add --verify")
			}
			return a.show(args[0], format, all)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", runFaces().usage())
	cmd.Flags().BoolVarP(&all, "verbose", "v", false, "show all of a long run, each item by itself")
	cmd.Flags().BoolVar(&verify, "verify", false, "verify the journal and print its head hash")
	cmd.Flags().StringVar(&head, "head", "", "with --verify: the head hash that the journal must have")
	return cmd
}

// verify verifies a run's journal. That its lines are sound was found out when
// it was read.
func (a *app) verify(text, head string) error {
	local, run, err := a.findRun(text)
	if err != nil {
		return err
	}
	id := run.Info().ID
	if head != "" && head != run.Head {
		return &exitError{code: exitBusy, message: fmt.Sprintf("the journal of run %s has the head %s, not %s", id, run.Head, head),
			hint: "lines were added since, by a rollback for one, or the journal is not the one that was there"}
	}
	torn := ""
	if run.Torn > 0 && !run.Alive {
		torn = fmt.Sprintf("; what follows, %s of a line that was cut short, is set aside when the run is taken up", plural(run.Torn, "byte"))
	}
	_, err = fmt.Fprintf(a.text(), "run %s: %s verified, head %s%s\n", id, plural(len(run.Events), "line"), run.Head, torn)
	if err != nil {
		return err
	}
	texts(local, &run)
	for i, f := range run.Flaws {
		flaw := &exitError{code: exitBusy, message: f.Problem, hint: f.Cure}
		if i == len(run.Flaws)-1 {
			return flaw
		}
		a.report(flaw)
	}
	return nil
}

func (a *app) show(text, format string, all bool) error {
	if err := runFaces().check(format); err != nil {
		return err
	}
	local, run, err := a.findRun(text)
	if err != nil {
		return err
	}
	facts := a.facts(local, &run)
	facts.all = all
	for _, f := range run.Flaws {
		a.note("warning: %s; %s", f.Problem, f.Cure)
	}
	return runFaces().show(a.faceTo(format), format, facts)
}
