package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
	"example.com/rekey/steps"
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

// planBegin is how each saved plan begins.
const planBegin = "{\n  \"header\": {\n"

// checkOut refuses a file to save a plan in, before one is made, where it cannot
// be saved, and where it would take the place of anything but a plan. None is
// empty.
func checkOut(path string) error {
	if path == "" {
		return nil
	}
	cannot := func(err error) error {
		return invalid("the plan cannot be saved: "+err.Error(), "nothing was done; give --out a file in a folder that is there and that you may write to")
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err = os.Stat(filepath.Dir(path)); err != nil {
			return cannot(err)
		}
		return nil
	case err != nil:
		return cannot(err)
	case !info.Mode().IsRegular():
		return invalid(path+" is there, and is no regular file", "nothing was done; give --out another file")
	}
	file, err := os.Open(path)
	if err != nil {
		return cannot(err)
	}
	defer file.Close()
	ours, err := beginsAs(file, planBegin)
	if err == nil && !ours {
		return invalid(path+" is there, and is no plan", "nothing was done; give --out another file, or remove this one")
	}
	if err != nil {
		return cannot(err)
	}
	return nil
}

// maxPlan bounds what is read of a plan, in bytes: several times what thousands
// of apps take.
const maxPlan = 256 << 20

// readPlan reads a saved plan.
func readPlan(path string) (*runner.Plan, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, invalid("the plan cannot be read: "+err.Error(), "give a file that `rekey plan --out` wrote")
	}
	defer file.Close()
	return planFrom(path, file, maxPlan)
}

// planFrom reads what is to be a plan, and to have no more than most bytes; name
// is where it comes from.
func planFrom(name string, from io.Reader, most int64) (*runner.Plan, error) {
	data, err := io.ReadAll(io.LimitReader(from, most+1))
	switch {
	case err != nil:
		return nil, invalid("the plan cannot be read: "+err.Error(), "give a file that `rekey plan --out` wrote")
	case int64(len(data)) > most:
		return nil, invalid(fmt.Sprintf("%s is no plan: it has more than %d MiB", name, most>>20), "give a file that `rekey plan --out` wrote")
	}
	plan, err := runner.DecodePlan(view.AsEncoded(data))
	if err != nil && isReport(data) {
		err = errors.New("it is a run, and no plan")
	}
	if err != nil {
		return nil, invalid(fmt.Sprintf("%s: %v", name, err), "make a new one with `rekey plan --out`")
	}
	return plan, nil
}

// isReport reports whether a text is what show prints of a run as JSON.
func isReport(data []byte) bool {
	var r struct {
		Format   int               `json:"format"`
		Timeline []json.RawMessage `json:"timeline"`
	}
	return json.Unmarshal(data, &r) == nil && r.Format > 0 && r.Timeline != nil
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
	if err == nil {
		err = writable(plan)
	}
	if err != nil {
		return nil, err
	}
	made := &rehearsal{plan: plan}
	own := ownInputs{values: body.Inputs, secrets: body.Secrets, was: "the plan was made"}
	made.public, made.secret, err = a.inputsOf(ctx, program, o, own, f.inputs)
	return made, err
}

// writable refuses a saved plan whose files cannot be made: it may have been
// made elsewhere, or by somebody else. Of a path the folder is known.
func writable(plan *runner.Plan) error {
	for i := range plan.Body.Steps {
		s := &plan.Body.Steps[i]
		path, _ := s.In["path"].(string)
		if known, _, _ := strings.Cut(path, "$<"); s.Write != nil && s.Write.Method == "CREATE" && known != "" {
			if err := steps.Creatable(known + "x"); err != nil {
				return failed(fmt.Sprintf("the run would fail at step %s: %s cannot be written: %v", s.Step, path, err), "nothing was written; mend that, or make a plan with another path")
			}
		}
	}
	return nil
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
