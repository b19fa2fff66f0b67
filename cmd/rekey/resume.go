package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

func (a *app) resumeCommand() *cobra.Command {
	var yes bool
	var settle time.Duration
	var files []string
	cmd := &cobra.Command{
		Use: "resume RUN", Short: "go on with a run that was interrupted, killed or stuck",
		Long: `Go on with a run where it stopped, with its own playbook, inputs and org. What
was read and decided stays so. A write that may have been on its way is looked
for first, and not repeated if it happened. RUN is an id, or the beginning of
one. Only the secrets that the remaining steps need are asked for; they come
from REKEY_INPUT_NAME, --input-file or the prompt.`,
		Args: takes(1, 1, "a RUN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.resume(cmd.Context(), args[0], yes, settle, files)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before the first write")
	cmd.Flags().StringArrayVar(&files, "input-file", nil, "read one secret from a file, `name=path`; one newline at its end is dropped")
	settleFlag(cmd, &settle)
	return cmd
}

// resume shows where a run stands, asks, and goes on with it.
func (a *app) resume(ctx context.Context, text string, yes bool, settle time.Duration, files []string) error {
	local, run, err := a.findIdle("resume", text, yes, settle)
	if err != nil {
		return err
	}
	info, state := run.Info(), run.Summary().State
	if !state.Resumable() {
		return invalid(fmt.Sprintf("run %s has ended (%s): there is nothing to go on with", info.ID, state),
			"start a new run; `"+a.rollbackLine(info.ID)+"` undoes this one")
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
	secrets, err := a.secretsFor(ctx, &run, program, files)
	if err != nil {
		return err
	}
	if err := view.Result(a.stderr, &run, ""); err != nil {
		return err
	}
	if err := a.approve(ctx, yes, "Go on with this in "+org.name+"?"); err != nil {
		return err
	}
	return a.takeUp(ctx, local, info.ID, program, org, false, func(c *runner.Catalogue) (*runner.Machine, error) {
		return local.Resume(ctx, info.ID, program, c, secrets)
	})
}

// secretsFor gathers the secrets that the rest of a run needs. A value that is
// not the run's own, from the environment for one, is refused: it would be
// passed over.
func (a *app) secretsFor(ctx context.Context, run *runner.StoredRun, program *runner.Program, files []string) (map[string]any, error) {
	m, err := run.Machine(program)
	if err != nil {
		return nil, coded(exitBusy, fmt.Errorf("run %s: %w", run.Info().ID, err))
	}
	g, err := a.gather(program, inputFlags{files: files})
	if err != nil {
		return nil, err
	}
	needed := m.Secrets()
	for _, in := range program.Playbook.Inputs {
		given, isGiven := g.values[in.Name]
		switch {
		case in.Secret && !isGiven && !slices.Contains(needed, in.Name):
			g.values[in.Name] = nil
		case in.Secret:
		default:
			own, err := in.Check(run.Info().Inputs[in.Name])
			if isGiven && (err != nil || !reflect.DeepEqual(given, own)) {
				g.fault(in.Name, fmt.Sprintf("the run was started with another value of %s", in.Name), "leave it out: a run goes on with its own inputs")
			}
			g.values[in.Name] = own
		}
	}
	if g.faults.Err() == nil {
		if err := g.prompt(ctx); err != nil {
			return nil, err
		}
	}
	_, secret, err := g.bind(true)
	return secret, err
}
