package steps_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// signing is a world with a CSR to sign and the inputs that sign it.
func signing(t *testing.T, dnsNames ...string) (*fixture, data) {
	f := newFixture(t, app)
	f.csr = f.world.csr(app, "saml-signing", dnsNames...)
	sample := ca(t)
	return f, data{"csr": f.csrPEM(), "days": 365, "ca": data{
		"certificate": sample.CertificatePath, "key": sample.KeyPath, "passphrase": "$<inputs.pass>"}}
}

func (f *fixture) sign(in data) *run {
	return f.start("sign_with_local_ca", in, "keep", pki.SamplePassphrase)
}

func (f *fixture) ledger(r *run) (pki.Entry, bool) {
	f.t.Helper()
	ledger, err := pki.OpenLedger(filepath.Join(f.local.Dir, "ca", "ledger.jsonl"))
	if err != nil {
		f.t.Fatal(err)
	}
	entry, ok, err := ledger.Find(r.id, "s")
	if err != nil {
		f.t.Fatal(err)
	}
	return entry, ok
}

// watchedCA looks at the CA between what it did and what its caller learns.
type watchedCA struct {
	steps.LocalCA
	issued func(pki.Issued, error) (pki.Issued, error)
}

func (c watchedCA) Issue(ctx context.Context, ca steps.CAFiles, r pki.Request, run, step string) (pki.Issued, error) {
	return c.issued(c.LocalCA.Issue(ctx, ca, r, run, step))
}

// The ledger has the certificate, with run and step, before the step learns of
// it; the step yields what the ledger has.
func TestSignIsOnRecordFirst(t *testing.T) {
	f, in := signing(t)
	local := f.env.CA.(steps.LocalCA)
	looked := false
	f.env.CA = watchedCA{local, func(cert pki.Issued, err error) (pki.Issued, error) {
		text, ok, found := local.Issued("run-1", "s")
		looked = ok && found == nil && text == pki.CertificatePEM(cert.DER)
		return cert, err
	}}
	r := f.sign(in).done()
	entry, ok := f.ledger(r)
	if !looked || !ok || entry.Certificate != r.text("certificate") || entry.Serial != r.text("serial") || entry.SHA256 != r.text("sha256") {
		t.Errorf("looked: %v, entry %+v", looked, entry)
	}
	info, err := os.Stat(local.Ledger)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	block, _ := pem.Decode([]byte(r.text("certificate")))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.KeyUsage != x509.KeyUsageDigitalSignature || cert.Subject.CommonName != "saml-signing" {
		t.Errorf("%v %+v", err, cert)
	}
	if r.text("not_before") != "2026-07-01T11:55:00Z" || r.text("expires_at") != "2027-07-01T12:00:00Z" {
		t.Errorf("%v", r.out())
	}
	issuer, _ := os.ReadFile(ca(t).CertificatePath)
	if r.text("chain") != string(issuer) || len(r.log) > 0 {
		t.Errorf("%v %v", r.out()["chain"], r.log)
	}
	r.undone("ca/" + r.event(runner.EvObserved).Saw["issuer"].(string) + " certificate " + entry.Serial + " added")
	if _, ok := f.ledger(r); !ok {
		t.Error("the ledger forgot it")
	}
}

func TestSignProfile(t *testing.T) {
	f, in := signing(t, "a.example.com")
	in["profile"], in["dns_names"] = "idp-sign-and-decrypt", []string{"A.example.com"}
	block, _ := pem.Decode([]byte(f.sign(in).done().text("certificate")))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment || len(cert.DNSNames) != 1 {
		t.Errorf("%v %v", err, cert.KeyUsage)
	}
}

// Whatever keeps the CA from signing leaves the ledger as it was, and nothing
// in doubt: no settling, no rollback of what was not done.
func TestSignRefuses(t *testing.T) {
	sample := ca(t)
	for _, tt := range []struct {
		name    string
		change  func(f *fixture, in data)
		secret  any
		setting bool
		texts   []string
	}{
		{"past the issuer's end", func(_ *fixture, in data) { in["days"] = 4000 }, pki.SamplePassphrase, false, []string{"days"}},
		{"a name that is not in dns_names", func(f *fixture, in data) {
			f.csr = f.world.csr(app, "saml-signing", "b.example.com")
			in["csr"] = f.csrPEM()
		}, pki.SamplePassphrase, false, []string{`"b.example.com"`, "dns_names"}},
		{"a name that the CSR lacks", func(_ *fixture, in data) { in["dns_names"] = []string{"c.example.com"} }, pki.SamplePassphrase, false, []string{"c.example.com"}},
		{"no PEM", func(_ *fixture, in data) { in["csr"] = "x" }, pki.SamplePassphrase, false, []string{"csr:", "no PEM block"}},
		{"a certificate for a CSR", func(f *fixture, in data) { in["csr"] = f.certificate() }, pki.SamplePassphrase, false, []string{"csr:", "CERTIFICATE REQUEST"}},
		{"a wrong passphrase", func(*fixture, data) {}, "wrong-passphrase-of-somebody", true, []string{sample.KeyPath, "passphrase"}},
		{"no passphrase", func(*fixture, data) {}, nil, true, []string{sample.KeyPath, "passphrase"}},
		{"no key", func(_ *fixture, in data) { in["ca"].(data)["key"] = sample.KeyPath + "x" }, pki.SamplePassphrase, true, []string{"CA's key cannot be read", "PEM file"}},
		{"no certificate", func(_ *fixture, in data) { in["ca"].(data)["certificate"] = "/nowhere/ca.pem" }, pki.SamplePassphrase, true, []string{"CA's certificate cannot be read"}},
		{"files exchanged", func(_ *fixture, in data) { in["ca"].(data)["certificate"] = sample.KeyPath }, pki.SamplePassphrase, true, []string{sample.KeyPath}},
		{"an issuer that has ended", func(f *fixture, _ data) { f.advance(11 * 365 * 24 * 3600 * 1e9) }, pki.SamplePassphrase, true, []string{"expired"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, in := signing(t)
			tt.change(f, in)
			began := f.clock()
			r := f.start("sign_with_local_ca", in, "rollback", tt.secret)
			e := r.event(runner.EvFailed)
			if e.Setting != tt.setting || e.Write != nil || r.machine.State() != runner.StateFailed || r.machine.Written() {
				t.Errorf("%+v, %s", e, r.machine.State())
			}
			contains(t, r.failure(), tt.texts...)
			if strings.Contains(r.failure(), "wrong-passphrase-of-somebody") {
				t.Error("the passphrase is in the message")
			}
			if _, ok := f.ledger(r); ok || !f.clock().Equal(began) {
				t.Error("the ledger has an entry, or it waited")
			}
		})
	}
}

// InvalidSetting is what tells the caller's mistakes from others.
func TestSettingErrors(t *testing.T) {
	sample := ca(t)
	_, err := (*steps.Issuers)(nil).Load(steps.CAFiles{Certificate: sample.CertificatePath, Key: sample.KeyPath, Passphrase: "x"})
	var setting interface{ InvalidSetting() bool }
	if !errors.As(err, &setting) || !setting.InvalidSetting() || !errors.Is(err, pki.ErrWrongPassphrase) {
		t.Error(err)
	}
}

// 90 days are refused before anything runs.
func TestSignDaysAreChecked(t *testing.T) {
	_, in := signing(t)
	for days, fine := range map[int]bool{90: false, 91: true, 36525: true, 36526: false} {
		in["days"] = days
		_, faults := check(t, "sign_with_local_ca", in)
		if err := faults.Err(); (err == nil) != fine {
			t.Errorf("%d days: %v", days, err)
		} else if !fine {
			contains(t, err.Error(), "days", "between 91 and 36525")
		}
	}
}

// A process that was killed after it had signed finds the certificate in the
// ledger; one that was killed before finds none.
func TestSignRecovers(t *testing.T) {
	f, in := signing(t)
	r := f.sign(in).done()
	out := r.out()
	r.cut(runner.EvDone)
	r.secrets = data{} // neither Recover nor Undo needs the passphrase
	r.undone("ca/CN=Sample CA (not for production),OU=Sandbox,O=rekey certificate " + out["serial"].(string) + " added")
	for name, want := range out {
		if got := r.event(runner.EvRecovered).Out[name]; got != want {
			t.Errorf("%s is %v, it was %v", name, got, want)
		}
	}

	f, in = signing(t)
	f.env.CA = watchedCA{f.env.CA.(steps.LocalCA), func(cert pki.Issued, err error) (pki.Issued, error) {
		return pki.Issued{}, errors.New("the disk is gone")
	}}
	r = f.start("sign_with_local_ca", in, "rollback", pki.SamplePassphrase)
	if e := r.event(runner.EvFailed); e.Write == nil || r.verdict().Outcome != runner.Happened || r.machine.State() != runner.StateRolledBack || len(r.machine.Residues()) != 1 {
		t.Errorf("%+v %+v %s", e, r.verdict(), r.machine.State())
	}

	f, in = signing(t)
	r = f.sign(in).done()
	r.cut(runner.EvDone)
	if err := os.Remove(filepath.Join(f.local.Dir, "ca", "ledger.jsonl")); err != nil {
		t.Fatal(err)
	}
	if r.undone(); r.verdict().Outcome != runner.Not {
		t.Errorf("%+v", r.verdict())
	}
}

// What the CA signed for a CSR is what Okta takes.
func TestSignThenPublish(t *testing.T) {
	for _, o := range []okta.Owner{app, idp} {
		f, in := signing(t)
		f.owner, f.csr = o, f.world.csr(o, "saml-signing")
		in["csr"] = f.csrPEM()
		certificate := f.sign(in).done().text("certificate")
		f.run("publish_csr", ownerIn(o, data{"csr_id": f.csr.ID, "certificate": certificate})).done()
	}
}

// A certificate that is not on record is none: nobody gets to see it.
func TestSignFailsWithoutItsRecord(t *testing.T) {
	f, in := signing(t)
	local := f.env.CA.(steps.LocalCA)
	if err := os.MkdirAll(local.Ledger, 0o700); err != nil { // a folder where the ledger belongs
		t.Fatal(err)
	}
	r := f.sign(in)
	if r.machine.State() != runner.StateFailed || r.machine.Written() {
		t.Errorf("state %s, written %v; want a failure that wrote nothing", r.machine.State(), r.machine.Written())
	}
	_, why := r.machine.Failure()
	contains(t, why, "ledger")

	// The ledger opens, and what is appended cannot be kept.
	if err := os.Remove(local.Ledger); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Dir(local.Ledger)+"-file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	local.Ledger = filepath.Join(filepath.Dir(local.Ledger)+"-file", "ledger.jsonl")
	sample := ca(t)
	der, err := pki.DecodePEM(f.csrPEM(), "CERTIFICATE REQUEST")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := local.Issue(context.Background(),
		steps.CAFiles{Certificate: sample.CertificatePath, Key: sample.KeyPath, Passphrase: pki.SamplePassphrase},
		pki.Request{CSR: der, Days: 365, Now: local.Now()}, "run", "step")
	if err == nil || cert.DER != nil {
		t.Errorf("a certificate was issued that no ledger has (%v)", err)
	}
}

func TestSignWarnsOfAKeyThatOthersCanRead(t *testing.T) {
	f, in := signing(t)
	sample := ca(t)
	text, err := os.ReadFile(sample.KeyPath)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, text, 0o600); err != nil {
		t.Fatal(err)
	}
	in["ca"] = data{"certificate": sample.CertificatePath, "key": key, "passphrase": "$<inputs.pass>"}
	for mode, warnings := range map[os.FileMode]int{0o600: 0, 0o640: 1, 0o604: 1} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		r := f.sign(in)
		if got := r.event(runner.EvObserved).Warnings; len(got) != warnings {
			t.Errorf("mode %v: warnings %q, want %d", mode, got, warnings)
		}
	}
}
