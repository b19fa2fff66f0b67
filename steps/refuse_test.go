package steps_test

import (
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

// refused requires that a step failed before any write, as a failure of the
// step and of nothing else, and says why.
func (r *run) refused(texts ...string) {
	r.w.t.Helper()
	if r.machine.State() != runner.StateFailed || r.machine.Written() {
		r.w.t.Errorf("%s, written: %v", r.machine.State(), r.machine.Written())
	}
	if got := writes(r.log); len(got) > 0 {
		r.w.t.Errorf("%v was sent", got)
	}
	contains(r.w.t, r.failure(), texts...)
	r.undone()
}

// Every action refuses an owner that signs nothing, and one that is not there.
func TestRefusesOwners(t *testing.T) {
	for _, tt := range []struct {
		owner okta.Owner
		texts []string
	}{
		{appOIDC, []string{"app/" + appOIDC.ID, `"OPENID_CONNECT"`, "SAML_2_0, SAML_1_1, WS_FEDERATION"}},
		{idpOIDC, []string{"idp/" + idpOIDC.ID, `"OIDC"`, "SAML2"}},
		{okta.Owner{Kind: okta.App, ID: "0oaNobody"}, []string{"404", "0oaNobody", "check the ids"}},
		{okta.Owner{Kind: okta.IdP, ID: "0oaNobody"}, []string{"404", "0oaNobody", "check the ids"}},
	} {
		for _, a := range actions {
			f := newFixture(t, okta.Owner{Kind: tt.owner.Kind, ID: map[okta.Kind]okta.Owner{okta.App: app, okta.IdP: idp}[tt.owner.Kind].ID})
			before := f.snapshot()
			f.run(f.expand(a.step), ownerIn(tt.owner, a.in(f))).refused(tt.texts...)
			f.asBefore(before)
		}
	}
}

func TestRefuses(t *testing.T) {
	tests := []struct {
		name, step string
		in         func(f *fixture) data
		texts      []string
	}{
		{"foreign kid", "update_{kind}_kid", func(f *fixture) data { return data{"kid": f.foreign()} }, []string{"has no key", "clone_key or publish_csr"}},
		{"expired kid", "update_{kind}_kid", func(f *fixture) data { return data{"kid": f.expired()} }, []string{"expired on 2026-06-30", "generate or publish"}},
		{"certificate of another key", "publish_csr", func(f *fixture) data {
			return data{"csr_id": f.csr.ID, "certificate": certify(f.t, f.world.csr(f.owner, "other"), 365)}
		}, []string{"CN=other", "another key than CSR", "issued for this CSR"}},
		{"short certificate", "publish_csr", func(f *fixture) data {
			return data{"csr_id": f.csr.ID, "certificate": f.shortCertificate()}
		}, []string{"89 days", "90 at least"}},
		{"consumed CSR", "publish_csr", func(f *fixture) data {
			certificate := f.certificate()
			f.publish(certify(f.t, f.csr, 400))
			return data{"csr_id": f.csr.ID, "certificate": certificate}
		}, []string{"has no CSR", "create_csr"}},
		{"no PEM", "publish_csr", func(f *fixture) data { return data{"csr_id": f.csr.ID, "certificate": "x"} }, []string{"certificate:", "no PEM block"}},
		{"a CSR for a certificate", "publish_csr", func(f *fixture) data {
			return data{"csr_id": f.csr.ID, "certificate": f.csrPEM()}
		}, []string{"certificate:", `expected a PEM block "CERTIFICATE"`}},
		{"a damaged certificate", "publish_csr", func(f *fixture) data {
			return data{"csr_id": f.csr.ID, "certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}
		}, []string{"certificate: it cannot be read"}},
		{"clone onto itself", "clone_key", func(f *fixture) data { return data{"kid": f.kid, "target": f.owner.ID} }, []string{"the owner itself"}},
		{"clone of a kid that is not there", "clone_key", func(f *fixture) data { return data{"kid": "nobody", "target": f.target.ID} }, []string{`has no key "nobody"`}},
		{"clone onto nobody", "clone_key", func(f *fixture) data { return data{"kid": f.kid, "target": "0oaNobody"} }, []string{"404", "0oaNobody"}},
		{"clone onto one that does not sign", "clone_key", func(f *fixture) data {
			return data{"kid": f.kid, "target": map[okta.Kind]string{okta.App: appOIDC.ID, okta.IdP: idpOIDC.ID}[f.owner.Kind]}
		}, []string{"signing keys matter for"}},
		{"empty subject", "create_csr", func(*fixture) data { return data{"subject": data{}} }, []string{"subject is empty", "common_name"}},
	}
	for _, tt := range tests {
		for _, o := range both {
			t.Run(tt.name+"/"+string(o.Kind), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, o)
				in := ownerIn(o, tt.in(f))
				before := f.snapshot()
				f.run(f.expand(tt.step), in).refused(tt.texts...)
				f.asBefore(before)
			})
		}
	}
}

// foreign is a kid of another owner.
func (f *fixture) foreign() string { return f.inactive(f.target) }

// expired is a kid of the owner whose certificate ended yesterday.
func (f *fixture) expired() string {
	f.plant(f.owner, "expired", start.AddDate(-2, 0, -1), 2)
	return "expired"
}

// csrPEM is the CSR where a certificate belongs.
func (f *fixture) csrPEM() string {
	der, err := f.csr.DER()
	if err != nil {
		f.t.Fatal(err)
	}
	return pki.CSRPEM(der)
}

// shortCertificate is one of 89 days, which no CA of ours would issue.
func (f *fixture) shortCertificate() string {
	key, err := pairs.Key()
	if err != nil {
		f.t.Fatal(err)
	}
	der, err := pki.SelfSigned(pki.SelfSignedRequest{
		Key: key, CommonName: "short", NotBefore: start, NotAfter: start.AddDate(0, 0, 89), Serial: big.NewInt(1),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return pki.CertificatePEM(der)
}

// Somebody changes the owner between the look and the write: nothing is
// written.
func TestRefusesAChangeInBetween(t *testing.T) {
	for _, o := range both {
		for name, change := range map[string]func(f *fixture){
			"kid": func(f *fixture) { f.set(o, "third") },
			"label": func(f *fixture) {
				object, _ := okta.DecodeObject(f.get(o.Path()))
				if err := f.org.PutObject(o, object.With("/label", "renamed").Encode()); err != nil {
					t.Error(err)
				}
			},
		} {
			f := newFixture(t, o)
			f.plant(o, "third", start, 3)
			gets := 0
			f.before = func(s sent) {
				if s.path == o.Path() {
					if gets++; gets == 2 {
						change(f)
					}
				}
			}
			r := f.act(actions[indexOf("update")])
			if len(writes(r.log)) > 0 || r.machine.Written() {
				t.Errorf("%s: %v", name, r.log)
			}
			contains(t, r.failure(), "changed by somebody else", "nothing was written", "run again")
			f.before = nil
			if name == "label" {
				r.undone()
			}
		}
	}
}

// An export never overwrites, and needs no org.
func TestRefusesToOverwrite(t *testing.T) {
	f := newFixture(t, app)
	certificate := f.certificate()
	dir := t.TempDir()
	path := filepath.Join(dir, "new.pem")
	for _, tt := range []struct {
		in    data
		texts []string
	}{
		{data{"path": path}, []string{path, "other content", "choose another path"}},
		{data{"path": path, "formats": []string{"der", "pem"}}, []string{path, "other content"}},
		{data{"path": dir}, []string{dir, "cannot be read"}},
		{data{"path": path, "certificate": "x"}, []string{"certificate:", "no PEM block"}},
		{data{"path": path, "formats": []string{"pem", "pem"}}, []string{"given twice"}},
		{data{"path": path, "formats": []string{}}, []string{"formats is empty"}},
	} {
		if err := os.WriteFile(path, []byte("somebody's"), 0o600); err != nil {
			t.Fatal(err)
		}
		in := data{"certificate": certificate}
		for k, v := range tt.in {
			in[k] = v
		}
		r := f.run("export_certificate", in)
		r.refused(tt.texts...)
		if len(r.log) > 0 {
			t.Errorf("%v", r.log)
		}
		if files, _ := os.ReadDir(dir); len(files) != 1 {
			t.Errorf("%v", files)
		}
		if text, _ := os.ReadFile(path); string(text) != "somebody's" {
			t.Errorf("%s", text)
		}
	}
}
