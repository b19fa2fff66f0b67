package main

import (
	"fmt"
	"slices"
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
		out = append(out, runner.Decision{Step: runner.StepName(pair[:at]), Say: runner.SayAdopt, ID: pair[at+1:], Because: f.because})
	}
	for _, step := range f.notDone {
		out = append(out, runner.Decision{Step: runner.StepName(step), Say: runner.SayNotDone, Because: f.because})
	}
	for _, step := range f.done {
		out = append(out, runner.Decision{Step: runner.StepName(step), Say: runner.SayDone, Because: f.because})
	}
	unnamed := slices.IndexFunc(out, func(d runner.Decision) bool { return blank(d.Step) })
	switch {
	case unnamed >= 0:
		flag := flagOf(out[unnamed])
		return nil, usage(flag+" names no step", "`rekey show RUN` lists those in doubt; write for instance "+flag+" generate")
	case len(f.done) > 0 && blank(f.because):
		return nil, usage("--done is given without --because", "say how you know: it is kept with the run")
	case f.because != "" && len(out) == 0:
		return nil, usage("--because is given without a decision", "add --adopt, --not-done or --done")
	}
	return out, nil
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// decided checks the flags' decisions against a run that is to be gone on with,
// or undone.
func (f *takeUpFlags) decided(run *runner.StoredRun, program *runner.Program, undo bool) (*runner.Machine, []runner.Decision, error) {
	decisions, err := f.decisions()
	if err != nil {
		return nil, nil, err
	}
	m, err := run.Machine(program)
	if err != nil {
		return nil, nil, replayError(fmt.Errorf("run %s: %w", run.Info().ID, err))
	}
	if err := m.Decidable(decisions, undo); err != nil {
		return nil, nil, usage(err.Error(), "`rekey show "+run.Info().ID+"` tells how it stands")
	}
	return m, decisions, nil
}

// unused tells of a decision that a run did not come to ask for.
func (a *app) unused(d runner.Decision) {
	a.note("%s %s was not used, and is not on record: the run did not come to look for that write", flagOf(d), d.Step)
}

// flagOf is the flag by which a decision was given.
func flagOf(d runner.Decision) string { return "--" + strings.ReplaceAll(string(d.Say), "_", "-") }
