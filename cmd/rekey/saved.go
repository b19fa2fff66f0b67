package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
)

// defaultExpiry is how long a saved plan may be carried out.
const defaultExpiry = 24 * time.Hour

// savePlan writes a plan to a file that `run --plan` takes.
func (a *app) savePlan(plan *runner.Plan, path string, expires time.Duration) error {
	plan.Save(plan.Header.MadeAt.Add(expires))
	data, err := plan.Encode()
	if err != nil {
		return err
	}
	if err := journal.WriteFile(path, data, 0o600); err != nil {
		return failed("the plan cannot be saved: "+err.Error(), "") // which names the cure
	}
	return nil
}

// readPlan reads a saved plan.
func readPlan(path string) (*runner.Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, invalid("the plan cannot be read: "+err.Error(), "give --plan a file that `rekey plan --out` wrote")
	}
	plan, err := runner.DecodePlan(data)
	if err != nil {
		return nil, invalid(fmt.Sprintf("%s: %v", path, err), "make a new one with `rekey plan --out`")
	}
	return plan, nil
}

// stale ends a run that its plan no longer fits, before anything is written.
func stale(message string) error {
	return &exitError{code: exitStale, message: message + "; nothing was written", hint: "make a new plan with `rekey plan --out`, and have it reviewed"}
}

// saved takes up a saved plan for a run: the plan, and the values that it was
// made with.
func (a *app) saved(ctx context.Context, program *runner.Program, o *org, f *runFlags, plan *runner.Plan) (*rehearsal, error) {
	body, header := &plan.Body, &plan.Header
	switch {
	case body.Offline:
		return nil, invalid("the plan was made with --offline, of an org that was invented", "make a plan of the real one")
	case header.Expires.IsZero():
		return nil, invalid("the plan was printed and not saved", "make one with `rekey plan --out`")
	case body.Playbook != program.Playbook.Name:
		return nil, invalid(fmt.Sprintf("the plan is one of %s, and this is %s", body.Playbook, program.Playbook.Name), "give the playbook that the plan was made of")
	case body.Digest != program.Playbook.Digest():
		return nil, stale(fmt.Sprintf("the plan was made of another text of %s %s than this one", body.Playbook, body.Version))
	case f.onFailure != "" && f.onFailure != body.OnFailure:
		return nil, usage(fmt.Sprintf("--on-failure=%s is not what the plan was made with (%s)", f.onFailure, body.OnFailure), "leave it out, or make a new plan")
	case body.Org != o.name:
		return nil, invalid(fmt.Sprintf("the plan was made for %s, and this is %s", body.Org, o.name), "name the plan's org by OKTA_CLIENT_ORGURL, or by --sandbox")
	}
	err := a.expired(plan)
	if err == nil {
		err = staleOf(a.local(o.dir).Unused(plan))
	}
	if err != nil {
		return nil, err
	}
	made := &rehearsal{plan: plan}
	own := ownInputs{values: body.Inputs, secrets: body.Secrets, was: "the plan was made"}
	made.public, made.secret, err = a.inputsOf(ctx, program, o, own, f.inputs)
	return made, err
}

// expired refuses a saved plan that may no longer be carried out.
func (a *app) expired(plan *runner.Plan) error {
	if end := plan.Header.Expires; !end.IsZero() && !a.now().Before(end) {
		return stale("the plan expired on " + end.UTC().Format(time.RFC3339))
	}
	return nil
}

// staleOf gives the error of a plan that was used its exit code.
func staleOf(err error) error {
	if used := (*runner.UsedError)(nil); errors.As(err, &used) {
		return coded(exitStale, err)
	}
	return err
}
