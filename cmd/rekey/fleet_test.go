package main

import (
	"bytes"
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
	"testing"
	"time"
)

// What a run over fleetSize apps may take.
const (
	fleetSize   = 1000
	fleetMemory = 256 << 20 // bytes of peak resident memory
)

// fleetPlaybook rotates the apps of a list, eight at a time.
const fleetPlaybook = `rekey: 1
playbook: rotate-fleet
version: 1.0.0
inputs:
  apps: {type: list(string)}
steps:
  - id: fleet
    for_each: $<inputs.apps>
    as: app
    concurrency: 8
    max_failures: %d
    steps:
      - id: generate
        generate_key: {app: $<app>, validity_years: 2}
      - id: export
        export_certificate: {certificate: $<steps.generate.certificate>, path: "out/$<app>.pem"}
      - id: activate
        update_app_kid: {app: $<app>, kid: $<steps.generate.kid>}
`

// TestLongFleet rotates 1,000 apps: all of them; with three that fail and may;
// and with three that fail where none may. It takes a while and measures, so it
// runs only when asked to.
func TestLongFleet(t *testing.T) {
	if !*long {
		t.Skip("this takes a while: run it with -long")
	}
	rekey := build(t, "example.com/rekey/cmd/rekey")
	bad := []string{fleetApp(7), fleetApp(521), fleetApp(999)}
	for _, test := range []struct {
		name        string
		fail        []string
		maxFailures int
		onFailure   string
		code        int
		after       func(n int) (keys int, switched bool)
	}{
		{"all", nil, 0, "rollback", 0, func(int) (int, bool) { return 1, true }},
		{"three fail and may", bad, 3, "keep", exitStopped, func(n int) (int, bool) { return 1, !slices.Contains(bad, fleetApp(n)) }},
		{"three fail and may not", bad, 0, "rollback", exitFailed, func(int) (int, bool) { return -1, false }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var flags []string
			for _, id := range test.fail {
				flags = append(flags, "--fail", "PUT /api/v1/apps/"+id+"=400")
			}
			f := newFleet(t, rekey, fleetSize, flags...)
			f.inputs("apps.json", 1, fleetSize)
			before := f.dump()
			if err := os.WriteFile(filepath.Join(f.dir, "fleet.yaml"), fmt.Appendf(nil, fleetPlaybook, test.maxFailures), 0o600); err != nil {
				t.Fatal(err)
			}
			out, code, took, memory := f.run("run", "fleet.yaml", "--inputs", "apps.json", "--yes", "--on-failure", test.onFailure)
			t.Logf("exit %d after %s, peak %.0f MiB, %.1f apps a second", code, took.Round(100*time.Millisecond), float64(memory)/(1<<20), fleetSize/took.Seconds())
			if code != test.code {
				t.Errorf("exit code %d, want %d:\n%s", code, test.code, out)
			}
			if memory > fleetMemory {
				t.Errorf("it took %d bytes of memory, more than %d", memory, fleetMemory)
			}
			for _, id := range test.fail {
				if test.maxFailures > 0 && !strings.Contains(out, "fleet["+id+"]") {
					t.Errorf("the summary does not name %s:\n%s", id, out)
				}
			}
			f.compare(before, f.dump(), test.after)
		})
	}
}

func fleetApp(n int) string { return fmt.Sprintf("0oaFleet%05dXs0h7", n) }

// fleet is a sandbox with many apps in another process, and a folder to run
// playbooks in.
type fleet struct {
	t      *testing.T
	scales scales
	rekey  string
	dir    string
	env    []string
	url    string
}

func newFleet(t *testing.T, rekey string, apps int, flags ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, scales: newScales(t), rekey: rekey, dir: t.TempDir()}
	args := []string{"sandbox", "--keys", "pool", "--apps", fmt.Sprint(apps), "--env-file", "env"}
	server := exec.Command(rekey, append(args, flags...)...)
	server.Dir, server.Stderr = f.dir, os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM)
		server.Wait()
	})
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(f.dir, "env"))
		if err == nil {
			f.settings(string(text))
			return f
		}
	}
	t.Fatal("the sandbox does not get ready")
	return nil
}

// inputs writes a file of inputs with some of the apps.
func (f *fleet) inputs(name string, from, to int) {
	f.t.Helper()
	var ids []string
	for n := from; n <= to; n++ {
		ids = append(ids, fleetApp(n))
	}
	data, err := json.Marshal(map[string][]string{"apps": ids})
	if err == nil {
		err = os.WriteFile(filepath.Join(f.dir, name), data, 0o600)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) settings(text string) {
	f.env = surroundings(f.dir, "REKEY_STATE_DIR="+filepath.Join(f.dir, "state"))
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			f.env = append(f.env, name+"="+strings.Trim(value, `"'`))
			if name == "OKTA_CLIENT_ORGURL" {
				f.url = strings.Trim(value, `"'`)
			}
		}
	}
}

// run runs rekey and returns what it printed, its exit code, how long it took
// and the peak of its memory.
func (f *fleet) run(args ...string) (out string, code int, took time.Duration, memory int64) {
	cmd, weigh := f.scales.command(f.t.Context(), f.rekey, args...)
	var stdout bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = f.dir, f.env, &stdout, io.Discard
	began := time.Now()
	err := cmd.Run()
	took = time.Since(began)
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		f.t.Fatal(err)
	}
	return stdout.String(), cmd.ProcessState.ExitCode(), took, weigh().peak
}

func (f *fleet) dump() (org dumped) {
	resp, err := http.Get(f.url + "/_sandbox/org")
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&org); err != nil {
		f.t.Fatal(err)
	}
	return org
}

// compare holds each app against what it was and what is to have become of it:
// so many more keys (-1: one or none), and whether it signs with the newest.
func (f *fleet) compare(before, after dumped, want func(n int) (keys int, switched bool)) {
	f.t.Helper()
	var all []allowance
	for n := 1; n <= fleetSize; n++ {
		keys, switched := want(n)
		a := allowance{owner: "app/" + fleetApp(n), least: keys, most: keys, switched: switched}
		if keys < 0 {
			a.least, a.most = 0, 1
		}
		all = append(all, a)
	}
	if found := compare("app/", before.Apps, after.Apps, all); len(found) > 0 {
		f.t.Errorf("%d differences, the first: %s", len(found), strings.Join(found[:min(len(found), 5)], "\n"))
	}
}
