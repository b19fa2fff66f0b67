package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

func (w *world) env() []string {
	env := []string{
		"HOME=" + w.dir, "USER=ada", "REKEY_STATE_DIR=" + w.state(), "GOGC=off", // they are over before it pays
		okta.SettingOrgURL + "=" + w.url, okta.SettingToken + "=" + crashToken,
	}
	if w.ca {
		env = append(env, "REKEY_INPUT_CA_PASS="+w.issuer.Passphrase)
	}
	return env
}

func (w *world) state() string { return filepath.Join(w.dir, "state") }
func (w *world) out() string   { return filepath.Join(w.dir, "out") }

// planFile is where a plan is saved.
func (w *world) planFile() string { return filepath.Join(w.dir, "plan.json") }

// plan saves the plan, if the run is to be by one.
func (w *world) plan() error {
	if !w.saved {
		return nil
	}
	planned := w.call(append([]string{"plan", w.playbook, "--out", w.planFile()}, w.given()...)...)
	if planned.code != 0 {
		return fmt.Errorf("rekey plan exits with %d:\n%s", planned.code, planned.text)
	}
	return nil
}

// given are the inputs as arguments.
func (w *world) given() (args []string) {
	for _, in := range w.inputs {
		args = append(args, "-i", strings.ReplaceAll(in, "OUT", w.out()))
	}
	if w.ca {
		args = append(args, "-i", "ca_certificate="+w.issuer.CertificatePath, "-i", "ca_key="+w.issuer.KeyPath)
	}
	return args
}

// start is the command that starts the playbook.
func (w *world) start() []string {
	args := []string{"run", w.playbook, "--yes", "--settle", w.settle}
	if w.saved {
		return append(args, "--plan", w.planFile())
	}
	return append(args, w.given()...)
}

// crashSettle is enough where it is known otherwise that the server is quiet.
const crashSettle = "20ms"

// finish is how a command ended.
type finish struct {
	code   int // -1: by a signal
	killed bool
	stdout string // of a call
	text   string // everything printed
}

// spawn runs rekey in a process of its own, with a setting of failpoints.
func (w *world) spawn(failpoints string, args ...string) (finish, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.rekey, args...)
	cmd.Dir, cmd.Env = w.dir, w.env()
	if failpoints != "" {
		cmd.Env = append(cmd.Env, "REKEY_FAILPOINT="+failpoints)
	}
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	err := cmd.Run()
	if ctx.Err() != nil {
		return finish{}, fmt.Errorf("rekey %s hangs:\n%s", args[0], all.String())
	}
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		return finish{}, err
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	killed := status.Signaled() && status.Signal() == syscall.SIGKILL
	if status.Signaled() && !killed {
		return finish{}, fmt.Errorf("rekey %s died by %s:\n%s", args[0], status.Signal(), all.String())
	}
	return finish{cmd.ProcessState.ExitCode(), killed, "", all.String()}, nil
}

// takeUp runs rekey to the end: in this process, for speed, unless everything
// is to be as people have it.
func (w *world) takeUp(args ...string) (finish, error) {
	if w.server == nil {
		return w.spawn("", args...)
	}
	return w.call(args...), nil
}

// call runs rekey in this process. What it does is the same.
func (w *world) call(args ...string) finish {
	var stdout, all bytes.Buffer
	a := newApp()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections() // or the server would not get quiet
	a.http = transport
	a.stdin, a.stdout, a.stderr = strings.NewReader(""), io.MultiWriter(&stdout, &all), &all
	env := w.env()
	a.environ = func() []string { return env }
	a.lookupEnv = func(name string) (string, bool) {
		for _, v := range env {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code := a.main(ctx, args)
	return finish{code: code, stdout: stdout.String(), text: all.String()}
}

// shown is what `rekey show --format json` says of a run.
type shown struct {
	runner.Summary
	Outputs map[string]any
	Events  []json.RawMessage `json:"timeline"`
}

// run is the run on record; nil when there is none. A case has one at most.
func (w *world) run() (*shown, error) {
	var all []runner.Summary
	listed := w.call("runs", "--format", "json")
	if err := json.Unmarshal([]byte(listed.stdout), &all); err != nil || listed.code != 0 {
		return nil, fmt.Errorf("rekey runs exits with %d: %s", listed.code, listed.text)
	}
	if len(all) == 0 {
		return nil, nil
	}
	if len(all) > 1 {
		return nil, fmt.Errorf("there are %d runs", len(all))
	}
	s := &shown{}
	got := w.call("show", all[0].ID, "--format", "json")
	if err := json.Unmarshal([]byte(got.stdout), s); err != nil || got.code != 0 {
		return nil, fmt.Errorf("rekey show exits with %d: %s", got.code, got.text)
	}
	return s, nil
}

// hits are the names of the sites that a command came to, in order.
func (w *world) hits(log string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(w.dir, log))
	if err != nil {
		return nil, err
	}
	return slices.Collect(strings.Lines(string(text))), nil
}

// journal is the end of the run's journal, for the report of a violation.
func (w *world) journal() string {
	files, _ := filepath.Glob(filepath.Join(w.state(), "runs", "*", "journal.jsonl"))
	var b strings.Builder
	for _, name := range files {
		text, _ := os.ReadFile(name)
		lines := slices.Collect(strings.Lines(string(text)))
		fmt.Fprintf(&b, "%s, %d lines:\n", filepath.Base(filepath.Dir(name)), len(lines))
		for _, line := range lines[max(0, len(lines)-14):] {
			fmt.Fprintf(&b, "  %.300s\n", strings.TrimSpace(line))
		}
	}
	return b.String()
}
