package steps_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// TestSuspected: of a write of which nobody can tell whether it happened a
// rollback says what it leaves then, where, and how to find out.
func TestSuspected(t *testing.T) {
	c := steps.Catalogue(nil)
	for _, name := range c.Names() {
		if kind := c.Type(name); kind.Action() {
			if _, ok := kind.New().(runner.Suspect); !ok {
				t.Errorf("%s cannot say it", name)
			}
		}
	}
	wrote := regexp.MustCompile(`^(key|csr|signing key)$`)
	forAll(t, func(t *testing.T, a action, f *fixture) {
		written := false
		f.after = func(s sent, rec *httptest.ResponseRecorder) {
			if written = written || s.method != http.MethodGet; written && s.method == http.MethodGet {
				rec.Code = http.StatusForbidden
				rec.Body.Reset()
			}
		}
		r := f.act(a)
		before := f.snapshot()
		if r.rollback(); r.machine.State() != runner.StateRollbackIncomplete {
			t.Fatalf("%s", r.machine.State())
		}
		f.asBefore(before)
		left := r.machine.Residues()
		if len(left) == 0 {
			t.Fatal("it leaves nothing")
		}
		for _, x := range left {
			owner := x.Owner == f.owner.String() || x.Owner == f.target.String()
			if !x.Perhaps || !owner || !wrote.MatchString(x.Kind) || !strings.HasPrefix(x.Note, "look ") {
				t.Errorf("%+v", x)
			}
		}
	}, "WRITE=500")
}

// TestSuspectedHere: the same of what is written on this machine.
func TestSuspectedHere(t *testing.T) {
	export := &steps.ExportCertificate{Certificate: certify(t, newFixture(t, app).csr, 365), Path: "out/x.crt",
		Formats: []string{"pem", "der"}, Present: []string{"out/x.der"}}
	if got := export.Suspected(""); len(got) != 1 || got[0].Owner != "file/out/x.pem" || got[0].ID != "out/x.pem" || got[0].Effect != runner.Added {
		t.Errorf("%+v", got)
	}
	if got := (&steps.SignWithLocalCA{Issuer: "CN=it"}).Suspected(""); len(got) != 1 || got[0].Owner != "ca/CN=it" || got[0].Kind != "certificate" {
		t.Errorf("%+v", got)
	}
}
