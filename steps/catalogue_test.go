package steps_test

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

var update = flag.Bool("update", false, "write testdata/types.golden anew")

// The step types, one a line: a new one appears here and in its own file.
func TestTypes(t *testing.T) {
	const golden = "testdata/types.golden"
	got := strings.Join(steps.Catalogue(nil).Names(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("%v; the step types are\n%s\nwant\n%s\nif that is meant, run go test ./steps -update", err, got, want)
	}
}

// Everything about a step type is described: a reader of the reference, of a
// plan or of an error has nothing else.
func TestTypesAreDescribed(t *testing.T) {
	c := steps.Catalogue(nil)
	for _, name := range c.Names() {
		typ := c.Type(name)
		if !strings.HasSuffix(typ.Doc, ".") || strings.HasSuffix(typ.Change, ".") || strings.HasSuffix(typ.Notice+typ.Caution, ".") {
			t.Errorf("%s: a doc is sentences, the others are lines: %q %q %q %q", name, typ.Doc, typ.Change, typ.Notice, typ.Caution)
		}
		if typ.Action() != (typ.Undo != "") || typ.Action() != (typ.Change != "") {
			t.Errorf("%s: undo %q, change %q", name, typ.Undo, typ.Change)
		}
		for _, f := range append(typ.Inputs(), typ.Outputs()...) {
			described(t, name, f)
		}
		if _, err := os.Stat(name + ".go"); err != nil {
			t.Errorf("%s has no file of its own: %v", name, err)
		}
	}
	contains(t, c.Type("update_idp_kid").Caution, "decryption key changes too")
	contains(t, c.Type("clone_key").Caution, "discouraged")
	contains(t, c.Type("revoke_csr").Caution, "cannot be undone")
	for _, name := range []string{"update_app_kid", "update_idp_kid"} {
		contains(t, c.Type(name).Notice, "new certificate")
	}
}

func described(t *testing.T, path string, f runner.Field) {
	t.Helper()
	path += "." + f.Name
	if f.Doc == "" || strings.HasSuffix(f.Doc, ".") {
		t.Errorf("%s: the doc %q", path, f.Doc)
	}
	for _, inner := range f.Fields {
		described(t, path, inner)
	}
}

// What Okta or the CA assigns is opaque to expressions, and the one secret is
// marked.
func TestLabels(t *testing.T) {
	c := steps.Catalogue(nil)
	for path, want := range map[string]bool{
		"generate_key.kid": true, "generate_key.key": true, "generate_key.certificate": true, "generate_key.x5t_s256": true,
		"generate_key.expires_at": false, "generate_key.adopted": false, "create_csr.id": true, "create_csr.csr": true, "create_csr.kty": false,
		"sign_with_local_ca.certificate": true, "sign_with_local_ca.serial": true, "sign_with_local_ca.sha256": true,
		"export_certificate.sha256": true, "export_certificate.paths": false, "get_app.kid": true, "get_app.label": false,
	} {
		step, name, _ := strings.Cut(path, ".")
		for _, f := range c.Type(step).Outputs() {
			if f.Name == name && f.Assigned != want {
				t.Errorf("%s: assigned is %v", path, f.Assigned)
			}
		}
	}
	for _, f := range c.Type("sign_with_local_ca").Inputs() {
		for _, inner := range f.Fields {
			if inner.Secret != (inner.Name == "passphrase") {
				t.Errorf("%s.%s: secret is %v", f.Name, inner.Name, inner.Secret)
			}
		}
	}
}

// An owner is an app or an IdP, one of both; and each action claims the owner
// that it changes.
func TestOwnersAndClaims(t *testing.T) {
	for _, in := range []data{{"validity_years": 2}, {"validity_years": 2, "app": "a", "idp": "b"}} {
		_, faults := check(t, "generate_key", in)
		if err := faults.Err(); err == nil {
			t.Errorf("%v is fine", in)
		}
	}
	for _, years := range []int{1, 11} {
		_, faults := check(t, "generate_key", data{"app": "a", "validity_years": years})
		if err := faults.Err(); err == nil {
			t.Errorf("%d years are fine", years)
		}
	}
	forAll(t, func(t *testing.T, a action, f *fixture) {
		want := f.owner
		if a.step == "clone_key" {
			want = f.target
		}
		if claims := f.act(a).event(runner.EvInputs).Claims; len(claims) != 1 || claims[0] != want.String() {
			t.Errorf("%v, want %s", claims, want)
		}
	})
}

// What cannot be adopted is refused with what can be: not with what was there
// before, nor with what another run made.
func TestAdoptNamesWhatIsNew(t *testing.T) {
	f := newFixture(t, app)
	key, _ := steps.Catalogue(f.env).Type("generate_key").New().(*steps.GenerateKey)
	key.App = app.ID
	for _, k := range f.keys(app) {
		key.Kids = append(key.Kids, k.Kid)
	}
	csr, _ := steps.Catalogue(f.env).Type("create_csr").New().(*steps.CreateCSR)
	csr.App = app.ID
	for _, c := range f.csrs(app) {
		csr.IDs = append(csr.IDs, c.ID)
	}
	refused := func(a runner.Adopter, id, want string) {
		t.Helper()
		if err := a.Adopt(context.Background(), id); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", id, err, want)
		}
	}
	refused(key, "nosuch", app.String()+` has no key "nosuch", and nothing new is there that it may have made`)
	for _, id := range []string{"new-b", "new-a", "theirs"} {
		f.plant(app, id, f.env.Now(), 2)
		f.plantCSR(id, f.env.Now(), okta.Subject{CommonName: id})
	}
	f.env.Ours = func(id string) (bool, error) { return id == "theirs", nil }
	const fits = "; new since then, and perhaps what it made: new-a, new-b"
	refused(key, "nosuch", app.String()+` has no key "nosuch"`+fits)
	refused(key, key.Kids[0], "key "+key.Kids[0]+" was there before the step"+fits)
	refused(csr, "nosuch", app.String()+` has no CSR "nosuch"`+fits)
	refused(csr, csr.IDs[0], "CSR "+csr.IDs[0]+" was there before the step"+fits)
}

// Each created object can be adopted by its id, which is read from the org.
func TestAdopt(t *testing.T) {
	c := steps.Catalogue(newWorld(t).env)
	for _, name := range []string{"generate_key", "create_csr"} {
		adopter, ok := c.Type(name).New().(runner.Adopter)
		if !ok {
			t.Errorf("%s is no Adopter", name)
		} else if err := adopter.Adopt(context.Background(), "nobody"); err == nil {
			t.Errorf("%s adopts what is not there", name)
		}
	}
	w := newWorld(t)
	key, _ := steps.Catalogue(w.env).Type("generate_key").New().(*steps.GenerateKey)
	key.App = app.ID
	if err := key.Adopt(context.Background(), w.inactive(app)); err != nil || !key.Adopted || key.KeyOut.Kid != w.inactive(app) || key.ExpiresAt.IsZero() {
		t.Errorf("%v %+v", err, key)
	}
	csr, _ := steps.Catalogue(w.env).Type("create_csr").New().(*steps.CreateCSR)
	csr.IdP = idp.ID
	made := w.csr(okta.Owner{Kind: okta.IdP, ID: idp.ID}, "x")
	if err := csr.Adopt(context.Background(), made.ID); err != nil || !csr.Adopted || csr.ID != made.ID || csr.CSR == "" {
		t.Errorf("%v %+v", err, csr)
	}
}
