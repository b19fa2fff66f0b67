package rehearse

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/playbooks"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// seeded is the default org, whose certificates take a while to sign.
var seeded = sync.OnceValues(func() (*sandbox.Org, error) { return sandbox.DefaultOrg(now) })

// defaultOrg is a default org of the test's own.
func defaultOrg(t *testing.T) *sandbox.Org {
	t.Helper()
	org, err := seeded()
	if err != nil {
		t.Fatal(err)
	}
	return org.Clone()
}

// rehearsed plans a playbook in an overlay of the default org.
func rehearsed(t *testing.T, text string, inputs map[string]any, sample pki.Sample, extra ...func(*steps.Env) runner.Type) (*runner.Plan, *Org, [][]runner.Difference) {
	t.Helper()
	org := defaultOrg(t)
	live := sandbox.Transport(sandbox.New(org, sandbox.Options{Now: func() time.Time { return now }}))
	o, err := New(Options{Now: now, Live: okta.Config{OrgURL: "http://127.0.0.1", Token: "t", HTTP: live}})
	if err != nil {
		t.Fatal(err)
	}
	catalogue := steps.Catalogue(o.Env())
	var types []runner.Type
	for _, name := range catalogue.Names() {
		types = append(types, *catalogue.Type(name))
	}
	for _, make := range extra {
		types = append(types, make(o.Env()))
	}
	if len(extra) > 0 {
		if catalogue, err = runner.NewCatalogue(types...); err != nil {
			t.Fatal(err)
		}
	}
	p, faults := runner.ParsePlaybook("", []byte(text))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	program, faults := runner.Check(p, catalogue)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	given := map[string]any{"app": app.ID, "target": two.ID, "idp": idp.ID, "apps": []any{app.ID, two.ID}, "activate": true,
		"out": filepath.Join(t.TempDir(), "out"), "ca_certificate": sample.CertificatePath, "ca_key": sample.KeyPath, "ca_pass": sample.Passphrase}
	for name, v := range inputs {
		given[name] = v
	}
	own := map[string]any{}
	for _, in := range program.Playbook.Inputs {
		if v, ok := given[in.Name]; ok {
			own[in.Name] = v
		}
	}
	public, secret, faults := program.Bind(own, true)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	var compared [][]runner.Difference
	plan, err := runner.Rehearse(context.Background(), program, runner.RehearsalSpec{
		Catalogue: catalogue, Clock: runner.Clock{Now: func() time.Time { return now }}, Inputs: public, Secrets: secret, Bases: o.Bases, InUse: o.InUse,
		Standing: func(owners []string) func() []runner.Difference {
			differences := o.Standing(owners)
			return func() []runner.Difference {
				found := differences()
				compared = append(compared, found)
				return found
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan, o, compared
}

func sampleCA(t *testing.T) pki.Sample {
	t.Helper()
	sample, err := pki.SampleCA(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	return sample
}

// What the steps of every playbook say to stay is exactly what does: nothing
// stays that is not said, and nothing is said that does not stay.
func TestResiduesOfEveryPlaybookAreExact(t *testing.T) {
	sample := sampleCA(t)
	texts := map[string]string{
		"revoke": "rekey: 1\nplaybook: revoke\nversion: 1.0.0\ninputs: {app: {type: string}}\nsteps:\n- id: csr\n  create_csr: {app: $<inputs.app>, subject: {common_name: a}}\n- id: revoke\n  revoke_csr: {app: $<inputs.app>, csr_id: $<steps.csr.id>}\n",
	}
	for _, name := range playbooks.Names() {
		texts[name] = embedded(t, name)
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			plan, _, compared := rehearsed(t, text, map[string]any{"kid": inactiveKid(t, name)}, sample)
			if f := plan.Body.Failure; f != nil {
				t.Fatal(f)
			}
			for _, r := range plan.Body.Rollback.Residues {
				if r.Kind == "csr" {
					t.Errorf("%+v is said to stay after all, and the run had made it", r)
				}
			}
			undos := plan.Body.Rollback.Steps
			if len(compared) != len(undos) || len(undos) == 0 {
				t.Fatalf("%d comparisons, %d undos", len(compared), len(undos))
			}
			for i, u := range undos {
				for _, r := range u.Residues {
					stays := func(d runner.Difference) bool {
						return d.Owner == r.Owner && d.Kind == r.Kind && (d.Effect == runner.Added) == (r.Effect == runner.Added)
					}
					if !strings.HasPrefix(r.Owner, "ca/") && !slices.ContainsFunc(compared[i], stays) {
						t.Errorf("%s: %+v is said to stay, and does not: %v", u.Step, r, compared[i])
					}
				}
				if u.Write != nil && len(u.Residues) == 0 && i == 0 && len(compared[0]) > 0 {
					t.Errorf("%s: its undo is exact, and left %v", u.Step, compared[0])
				}
			}
		})
	}
}

// inactiveKid is a key that the owner of a playbook can switch to.
func inactiveKid(t *testing.T, playbook string) string {
	t.Helper()
	org := defaultOrg(t)
	owner := app
	if strings.Contains(playbook, "idp") {
		owner = idp
	}
	kid, _ := org.InactiveKey(owner, now)
	return kid
}

// undoing is a step type like another but for its undo.
type undoing struct {
	steps.UpdateAppKid
	env  *steps.Env
	undo func(context.Context, *undoing) ([]runner.Residue, error)
}

func (s *undoing) Undo(ctx context.Context) ([]runner.Residue, error) { return s.undo(ctx, s) }

// set writes the app with one value changed.
func (s *undoing) set(ctx context.Context, pointer string, value any) error {
	object, err := s.env.Okta.Object(ctx, app)
	if err != nil {
		return err
	}
	next, change := object.Changed(pointer, value)
	return s.env.Okta.Replace(ctx, app, next, change)
}

// A step type whose undo is broken fails its plan, whatever it leaves behind.
func TestBrokenUndoInAnOverlay(t *testing.T) {
	const text = "rekey: 1\nplaybook: broken\nversion: 1.0.0\ninputs: {app: {type: string}, kid: {type: string}}\nsteps:\n- id: gen\n  generate_key: {app: $<inputs.app>, validity_years: 2}\n- id: switch\n  broken: {app: $<inputs.app>, kid: $<inputs.kid>}\n"
	sample := sampleCA(t)
	kid := inactiveKid(t, "app")
	const secret = "a-secret-of-the-app"
	for _, test := range []struct {
		name string
		undo func(context.Context, *undoing) ([]runner.Residue, error)
		want string
	}{
		{"right", func(ctx context.Context, s *undoing) ([]runner.Residue, error) { return s.UpdateAppKid.Undo(ctx) }, ""},
		{"nothing", func(context.Context, *undoing) ([]runner.Residue, error) { return nil, nil },
			"app/" + app.ID + ": /credentials/signing/kid is not what it was (it was JjdtKxuyNv_bEhg3fhf_YMYygkgKFlmBAkp-DedRtyg, and is " + kid + ")"},
		{"another field", func(ctx context.Context, s *undoing) ([]runner.Residue, error) {
			return nil, s.set(ctx, "/settings/app/password", secret)
		}, "/settings/app/password is not what it was"},
		{"a key of its own", func(ctx context.Context, s *undoing) ([]runner.Residue, error) {
			_, err := s.env.Okta.GenerateKey(ctx, app, 2)
			return nil, err
		}, "is there, which was not"},
		{"a CSR", func(ctx context.Context, s *undoing) ([]runner.Residue, error) {
			_, err := s.env.Okta.GenerateCSR(ctx, app, okta.CSRRequest{Subject: okta.Subject{CommonName: "a"}})
			return nil, err
		}, "csr rehearsed-csr-"},
		{"a file", func(ctx context.Context, s *undoing) ([]runner.Residue, error) {
			if _, err := s.UpdateAppKid.Undo(ctx); err != nil {
				return nil, err
			}
			return nil, s.env.Files.Create(filepath.Join(t.TempDir(), "left.pem"), []byte("x"))
		}, "left.pem is there, which was not"},
		{"error", func(context.Context, *undoing) ([]runner.Residue, error) { return nil, errors.New("no way") }, "it cannot be undone: no way"},
	} {
		t.Run(test.name, func(t *testing.T) {
			plan, _, _ := rehearsed(t, text, map[string]any{"kid": kid}, sample, func(env *steps.Env) runner.Type {
				typ := *steps.Catalogue(env).Type("update_app_kid")
				like := typ.New
				typ.Name = "broken"
				typ.New = func() any {
					return &undoing{UpdateAppKid: *like().(*steps.UpdateAppKid), env: env, undo: test.undo}
				}
				return typ
			})
			f := plan.Body.Failure
			switch {
			case test.want == "" && f != nil:
				t.Errorf("failure %+v", f)
			case test.want == "":
			case f == nil || f.Step != "switch" || !strings.Contains(f.Message, test.want):
				t.Errorf("failure %+v, want %q at switch", f, test.want)
			case strings.Contains(f.Message, secret):
				t.Errorf("a value of the app's settings is in %q", f.Message)
			}
			for _, u := range plan.Body.Rollback.Steps {
				if u.Step == "gen" && u.Failure != "" {
					t.Errorf("the step before is blamed: %s", u.Failure)
				}
			}
		})
	}
}

// A file of the disk that is removed in a rehearsal is told of, and stays on
// the disk; one that was made and removed leaves no trace.
func TestFilesThatDiffer(t *testing.T) {
	dir := t.TempDir()
	f := &files{}
	before := f.mark()
	made := filepath.Join(dir, "made.pem")
	if err := errors.Join(f.Create(made, nil), f.Remove(made), f.Create(made, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	between := f.mark()
	if got := f.since(before); len(got) != 1 || got[0].ID != made || got[0].Effect != runner.Added {
		t.Errorf("created: %v", got)
	}
	if err := f.Remove(made); err != nil {
		t.Fatal(err)
	}
	if got := f.since(before); len(got) != 0 {
		t.Errorf("created and removed: %v", got)
	}
	if got := f.since(between); len(got) != 1 || got[0].Effect != runner.Destroyed {
		t.Errorf("removed: %v", got)
	}
	if err := f.Create(made, []byte("y")); err != nil {
		t.Fatal(err)
	}
	if got := f.since(between); len(got) != 1 || got[0].Effect != runner.Changed {
		t.Errorf("changed: %v", got)
	}
	if err := f.Remove(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there was removed")
	}
}

// Each step says which scopes its own requests need.
func TestScopesOfEachStep(t *testing.T) {
	plan, _, _ := rehearsed(t, embedded(t, "rotate-app-key"), nil, sampleCA(t))
	want := map[string][]string{
		"before": {"okta.apps.read"}, "generate": {"okta.apps.manage", "okta.apps.read"}, "export": nil,
		"activate": {"okta.apps.manage", "okta.apps.read"},
	}
	for _, s := range plan.Body.Steps {
		if !slices.Equal(s.Scopes, want[s.Step]) {
			t.Errorf("%s needs %q, want %q", s.Step, s.Scopes, want[s.Step])
		}
	}
}
