package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
)

// stranger changes an owner past every run.
func (w *lostWorld) stranger(id okta.Owner, what sandbox.Change) {
	w.t.Helper()
	server := sandbox.New(w.org, sandbox.Options{Now: w.clock.now, Keys: w.keys})
	if err := server.Change(id, what); err != nil {
		w.t.Fatal(err)
	}
}

// savePlan makes a saved plan of a playbook and returns its file.
func (a *admin) savePlan(playbook string) string {
	a.world.t.Helper()
	path := filepath.Join(a.world.dir, a.name+"-plan.json")
	a.must(exitOK, append([]string{"plan", playbook, "--out", path}, a.inputs(playbook)...)...)
	return path
}

func (a *admin) wrote() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.sent)
}

// Somebody changes the owner after the plan was made: the run refuses before
// it writes, unless what moved is a date of Okta's or nothing that it read.
func TestDriftBetweenPlanAndRun(t *testing.T) {
	for _, c := range []struct {
		playbook string
		what     sandbox.Change
		want     int
		says     string
	}{
		{"activate-idp-key", sandbox.ChangeLabel, exitStale, ": another value is at /name\n"},
		{"rotate-app-key", sandbox.ChangeLabel, exitStale, "since the plan was made: another value is at /label\n"},
		{"rotate-app-key", sandbox.ChangeKey, exitStale, "since the plan was made: new: "},
		{"rotate-app-key", sandbox.ChangeKid, exitStale, "since the plan was made: it signs with mIU_7yDEWvc7auUwvNqaUuYnyqhhuKNIDUspTjZLuLM, and not with JjdtKxuyNv_bEhg3fhf_YMYygkgKFlmBAkp-DedRtyg\n"},
		{"rotate-app-key", sandbox.ChangeCSR, exitOK, ""}, // it reads no CSRs
		{"rotate-app-key", sandbox.ChangeDate, exitOK, ""},
		{"rotate-app-csr", sandbox.ChangeCSR, exitStale, "since the plan was made: new: "},
		{"rotate-app-csr", sandbox.ChangeRevoke, exitStale, "since the plan was made: gone: "},
		{"rotate-app-csr", sandbox.ChangeLabel, exitStale, "somebody changed the settings or the key in use of app/"},
		{"rotate-app-csr", sandbox.ChangeDate, exitOK, ""},
		{"activate-app-key", sandbox.ChangeKid, exitStale, "since the plan was made: it signs with "},
		{"rotate-idp-key", sandbox.ChangeLabel, exitStale, "somebody changed the settings or the key in use of idp/"},
		{"rotate-idp-csr", sandbox.ChangeRevoke, exitStale, "somebody changed the CSRs of idp/"},
		{"rotate-idp-key", sandbox.ChangeDate, exitOK, ""},
		{"share-app-key", sandbox.ChangeKey, exitStale, "somebody changed the signing keys of app/"},
		{"rotate-fleet-key", sandbox.ChangeLabel, exitStale, "somebody changed the settings or the key in use of app/"},
	} {
		t.Run(c.playbook+"/"+string(c.what), func(t *testing.T) {
			t.Parallel()
			w := newLostWorld(t)
			id := lostApp
			switch {
			case strings.Contains(c.playbook, "idp"):
				id = lostIdP
			case c.playbook == "share-app-key":
				id = lostTarget
			}
			if c.what == sandbox.ChangeRevoke {
				w.stranger(id, sandbox.ChangeCSR) // which is then gone
			}
			ada := w.admin("ada")
			plan := ada.savePlan(c.playbook)
			w.stranger(id, c.what)
			before := w.shape()
			e := ada.must(c.want, "run", c.playbook, "--plan", plan, "--yes")
			sent := len(ada.wrote())
			switch {
			case c.want == exitOK && sent == 0:
				t.Error("it wrote nothing")
			case c.want != exitOK && c.playbook == "rotate-fleet-key":
				// One item is stale, and the first; none begins after it.
			case c.want != exitOK && (sent != 0 || fmt.Sprint(w.shape()) != fmt.Sprint(before)):
				t.Errorf("%d writes: %v", sent, w.shape())
			}
			if c.want != exitOK && (!strings.Contains(e.stderr, c.says) || !strings.Contains(e.stderr, "make a new plan")) {
				t.Errorf("it does not say %q:\n%s", c.says, e)
			}
		})
	}
}

// Somebody changes the owner between two writes of the run. What the next
// write stands on is compared again; what it does not touch may move.
func TestDriftBetweenWrites(t *testing.T) {
	for _, c := range []struct {
		playbook string
		after    int // the stranger comes after that write
		what     sandbox.Change
		want     int
		writes   int // of the run, its undo included
		says     string
	}{
		{"rotate-app-key", 1, sandbox.ChangeLabel, exitFailed, 1, "rest_sha256 is"},
		{"rotate-app-key", 1, sandbox.ChangeKid, exitFailed, 1, "previous_kid is"},
		{"rotate-app-key", 1, sandbox.ChangeKey, exitOK, 2, ""},
		{"rotate-app-key", 1, sandbox.ChangeCSR, exitOK, 2, ""},
		{"rotate-app-key", 1, sandbox.ChangeDate, exitOK, 2, ""},
		{"rotate-idp-key", 1, sandbox.ChangeLabel, exitFailed, 1, "rest_sha256 is"},
		{"rotate-idp-key", 1, sandbox.ChangeKid, exitFailed, 1, "previous_kid is"},
		{"rotate-app-csr", 1, sandbox.ChangeRevoke, exitFailed, 2, "CSR"}, // our own: its undo finds it gone
		{"rotate-app-csr", 1, sandbox.ChangeKey, exitOK, 3, ""},
		{"rotate-app-csr", 2, sandbox.ChangeLabel, exitFailed, 3, "rest_sha256 is"},
		{"rotate-app-csr", 2, sandbox.ChangeKid, exitFailed, 3, "previous_kid is"},
		{"rotate-app-csr", 2, sandbox.ChangeDate, exitOK, 3, ""},
	} {
		t.Run(fmt.Sprintf("%s/%d/%s", c.playbook, c.after, c.what), func(t *testing.T) {
			t.Parallel()
			w := newLostWorld(t)
			id := lostApp
			if strings.Contains(c.playbook, "idp") {
				id = lostIdP
			}
			ada := w.admin("ada")
			ada.at, ada.meet = c.after, func() { w.stranger(id, c.what) }
			e := ada.must(c.want, append([]string{"run", c.playbook, "--yes"}, ada.inputs(c.playbook)...)...)
			if got := len(ada.wrote()); got != c.writes {
				t.Errorf("%d writes, want %d: %q", got, c.writes, ada.wrote())
			}
			if !strings.Contains(e.stderr, c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, e)
			}
			if c.want == exitOK {
				return
			}
			for _, text := range ada.wrote() {
				if strings.HasPrefix(text, "PUT ") {
					t.Errorf("it switched: %s", text)
				}
			}
		})
	}
}

// What the playbook decides by what it reads is part of the plan.
func TestDriftOfDecisions(t *testing.T) {
	const conditional = `rekey: 1
playbook: conditional
version: 1.0.0
steps:
  - id: it
    get_app: {app: 0oa8ae1t5yev2ajDs0h7}
  - id: gen
    if: $<steps.it.label == %q>
    generate_key: {app: 0oa8ae0dv4RGQvjyZ0h7, validity_years: 2}
`
	const looping = `rekey: 1
playbook: looping
version: 1.0.0
steps:
  - id: keys
    list_keys: {app: 0oa8ae1t5yev2ajDs0h7}
  - id: all
    for_each: $<map(steps.keys.keys, .kid)>
    as: kid
    clone_key: {app: 0oa8ae1t5yev2ajDs0h7, kid: $<kid>, target: 0oa8ae0dv4RGQvjyZ0h7}
`
	for _, c := range []struct {
		name, text string
		what       sandbox.Change
		says       string
	}{
		{"condition", conditional, sandbox.ChangeLabel, "gen: not as the plan has it: its condition is false now"},
		{"items", looping, sandbox.ChangeKey, "all: not as the plan has it: its list is ["},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newLostWorld(t)
			ada := w.admin("ada")
			object, _ := w.org.Object(lostApp)
			path, plan := filepath.Join(w.dir, "own.yaml"), filepath.Join(w.dir, "plan.json")
			text := c.text
			if strings.Contains(text, "%q") {
				text = fmt.Sprintf(text, object.Text("/label"))
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			ada.must(exitOK, "plan", path, "--out", plan)
			w.stranger(lostApp, c.what)
			e := ada.must(exitStale, "run", path, "--plan", plan, "--yes")
			if !strings.Contains(e.stderr, c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, e)
			}
			if got := ada.wrote(); len(got) > 0 {
				t.Error(got)
			}
		})
	}
}

// What is sent is what the plan shows, even if nothing else tells them apart.
func TestWriteIsThePlannedOne(t *testing.T) {
	w := newLostWorld(t)
	ada := w.admin("ada")
	path := ada.savePlan("rotate-app-key")
	plan, err := readPlan(path)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(plan.Body.Steps, func(s runner.PlannedStep) bool { return s.Write != nil })
	plan.Body.Steps[i].Write.Path += "0" // ten times the years
	if err := testApp().savePlan(plan, path, time.Hour); err != nil {
		t.Fatal(err)
	}
	e := ada.must(exitStale, "run", "rotate-app-key", "--plan", path, "--yes")
	if !strings.Contains(e.stderr, "is not the request that the plan shows") || len(ada.wrote()) > 0 {
		t.Errorf("%s\n%q", e, ada.wrote())
	}
}

// A loop over what the run itself has made, which Okta names in any order, is as
// the plan has it, and so is what its items make.
func TestNoDriftOverAssignedItems(t *testing.T) {
	for name, text := range map[string]string{
		"listed": `  - id: a
    generate_key: {app: 0oa8ae1t5yev2ajDs0h7, validity_years: 2}
  - id: l
    list_keys: {app: 0oa8ae1t5yev2ajDs0h7}
  - id: ex
    for_each: $<steps.l.keys>
    as: k
    key: kid
    export_certificate: {certificate: $<k.certificate>, path: "CERTS/$<k.kid>.pem"}
`,
		"in another order": `  - id: a
    generate_key: {app: 0oa8ae1t5yev2ajDs0h7, validity_years: 2}
  - id: b
    generate_key: {app: 0oa8ae1t5yev2ajDs0h7, validity_years: 3}
  - id: ex
    for_each: $<[steps.b.kid, steps.a.kid]>
    as: k
    clone_key: {app: 0oa8ae1t5yev2ajDs0h7, kid: $<k>, target: 0oa8ae0dv4RGQvjyZ0h7}
`,
		"made inside": `  - id: b
    generate_key: {app: 0oa8ae1t5yev2ajDs0h7, validity_years: 2}
  - id: ex
    for_each: $<[steps.b.kid]>
    as: k
    steps:
      - id: g
        create_csr: {app: 0oa8ae0dv4RGQvjyZ0h7, subject: {common_name: abc}}
      - id: rv
        revoke_csr: {app: 0oa8ae0dv4RGQvjyZ0h7, csr_id: $<steps.g.id>}
`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newLostWorld(t)
			w.admin("ada").play("%s", strings.ReplaceAll(text, "CERTS", w.dir+"/certs"))
		})
	}
}

// A write that certainly did not happen is none: before the next try the owner
// is compared with the plan again.
func TestDriftBeforeTheSecondTry(t *testing.T) {
	w := newLostWorld(t)
	ada := w.admin("ada", "POST */generate@1=500")
	path := filepath.Join(w.dir, "own.yaml")
	text := `rekey: 1
playbook: own
version: 1.0.0
steps:
  - id: gen
    retry: {attempts: 2, delay: 1s, max_delay: 1s}
    generate_key: {app: 0oa8ae1t5yev2ajDs0h7, validity_years: 2}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ada.wait = func(ctx context.Context, d time.Duration) error {
		if d == time.Second {
			w.stranger(lostApp, sandbox.ChangeLabel)
		}
		return w.clock.sleep(ctx, d)
	}
	e := ada.do("run", path, "--yes")
	if e.code == exitOK || !strings.Contains(e.stderr, "somebody changed the settings or the key in use of app/") || len(ada.wrote()) != 1 {
		t.Errorf("exit code %d, %q\n%s", e.code, ada.wrote(), e)
	}
}

// The last look before the PUT finds a change as well, and says so in the same
// way.
func TestDriftRightBeforeTheWrite(t *testing.T) {
	w := newLostWorld(t)
	ada := w.admin("ada", "GET /api/v1/apps/"+lostApp.ID+"@3=change:label")
	e := ada.must(exitStale, append([]string{"run", "activate-app-key", "--yes"}, ada.inputs("activate-app-key")...)...)
	if !strings.Contains(e.stderr, "was changed by somebody else just now") || len(ada.wrote()) > 0 {
		t.Errorf("%q\n%s", ada.wrote(), e)
	}
}
