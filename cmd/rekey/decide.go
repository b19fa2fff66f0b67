package main

import (
	"fmt"
	"strings"

	"example.com/rekey/runner"
)

const decideHelp = `
Of a write of which nobody can tell whether it happened, you can say so, STEP
with the key of its loop's item: --adopt STEP=ID (it happened, and made the
object with that id), --not-done STEP (it did not), --done STEP --because TEXT
(it happened). What it made is read from the org in any case.`

// decisions are what the flags say of writes in doubt.
func (f *takeUpFlags) decisions() (out []runner.Decision, err error) {
	for _, pair := range f.adopt {
		at := strings.LastIndexByte(pair, '=') // the key of an item may hold one, no id does
		if at <= 0 || at == len(pair)-1 {
			return nil, usage(fmt.Sprintf("--adopt %s is not STEP=ID", pair), "write for instance --adopt generate=KID")
		}
		out = append(out, runner.Decision{Step: pair[:at], Say: runner.SayAdopt, ID: pair[at+1:], Because: f.because})
	}
	for _, step := range f.notDone {
		out = append(out, runner.Decision{Step: step, Say: runner.SayNotDone, Because: f.because})
	}
	for _, step := range f.done {
		out = append(out, runner.Decision{Step: step, Say: runner.SayDone, Because: f.because})
	}
	switch {
	case len(f.done) > 0 && strings.TrimSpace(f.because) == "":
		return nil, usage("--done is given without --because", "say how you know: it is kept with the run")
	case f.because != "" && len(out) == 0:
		return nil, usage("--because is given without a decision", "add --adopt, --not-done or --done")
	}
	return out, nil
}

// decided checks the flags' decisions against a run.
func (f *takeUpFlags) decided(run *runner.StoredRun, program *runner.Program) (*runner.Machine, []runner.Decision, error) {
	decisions, err := f.decisions()
	if err != nil {
		return nil, nil, err
	}
	m, err := run.Machine(program)
	if err != nil {
		return nil, nil, replayError(fmt.Errorf("run %s: %w", run.Info().ID, err))
	}
	if err := m.Decidable(decisions); err != nil {
		return nil, nil, usage(err.Error(), "`rekey show "+run.Info().ID+"` tells how it stands")
	}
	return m, decisions, nil
}
