package rehearse

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/playbooks"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// told is a certificate in a line: what is known of it.
func told(c runner.PlannedCertificate) string {
	text := fmt.Sprintf("%s %s %s by %s", c.Role, c.Owner, c.Kid, c.Step)
	if c.Subject != "" {
		text += "; " + c.Subject
	}
	if c.Issuer != "" && c.Issuer != c.Subject {
		text += " from " + c.Issuer
	}
	if c.SHA256 != "" && strings.HasPrefix(c.SHA256, "$<") {
		text += "; " + c.SHA256
	} else if c.SHA256 != "" {
		text += "; known"
	}
	if (len(c.SHA1) == 40) != (len(c.SHA256) == 64) {
		text += "; one fingerprint alone: " + c.SHA256 + " " + c.SHA1
	}
	if c.DaysLeft != nil {
		text += fmt.Sprintf("; %d days", *c.DaysLeft)
	} else if !c.NotAfter.IsZero() {
		text += "; until " + c.NotAfter.Format(time.DateOnly)
	}
	return text
}

// The certificate in use is told of as it is, those that the run makes by what
// can be known of them, each once, whatever becomes of it.
func TestCertificatesOfEveryPlaybook(t *testing.T) {
	const (
		own = "emailAddress=info@okta.com,CN=rekey-sandbox,OU=SSOProvider,O=Okta,L=San Francisco,ST=California,C=US"
		ca  = "CN=Sample CA (not for production),OU=Sandbox,O=rekey"
		a   = "app/0oa8ae1t5yev2ajDs0h7"
		b   = "app/0oa8ae0dv4RGQvjyZ0h7"
		p   = "idp/0oa62bfdjnK55Z5x80h7"
		kid = "JjdtKxuyNv_bEhg3fhf_YMYygkgKFlmBAkp-DedRtyg"
	)
	sample := sampleCA(t)
	for name, test := range map[string]struct {
		activate bool
		want     []string
	}{
		"activate-app-key": {true, []string{
			"signs now " + a + " " + kid + " by activate; " + own + "; known; 30 days",
			"will sign " + a + " " + inactiveKid(t, "app") + " by activate; " + own + "; known; 718 days",
		}},
		"rotate-app-csr": {true, []string{
			"signs now " + a + " " + kid + " by csr; " + own + "; known; 30 days",
			"issuer ca/" + ca + "  by cert; " + ca + "; known; 3653 days",
			"will sign " + a + " $<steps.publish.kid> by cert; CN=saml-signing from " + ca + "; $<steps.cert.sha256>; until 2028-05-03",
		}},
		"rotate-idp-csr": {false, []string{
			"signs now " + p + " b7dwNOz01M-8zVCQ5GDWgOZZMX5X1aCb18q8NA7J_Ek by csr; " + own + "; known; 230 days",
			"issuer ca/" + ca + "  by cert; " + ca + "; known; 3653 days",
			"new key " + p + " $<steps.publish.kid> by cert; CN=saml-signing from " + ca + "; $<steps.cert.sha256>; until 2028-05-03",
		}},
		"rotate-app-key": {false, []string{
			"signs now " + a + " " + kid + " by generate; " + own + "; known; 30 days",
			"new key " + a + " $<steps.generate.kid> by generate; until 2028-05-04",
		}},
		"share-app-key": {true, []string{
			"signs now " + a + " " + kid + " by generate; " + own + "; known; 30 days",
			"will sign " + a + " $<steps.generate.kid> by generate; until 2028-05-04",
			"signs now " + b + " DdjFfVY5n2rNy4_y2KL3LcziVyYlWb4y0Swm61AyZEU by clone; " + own + "; known; 440 days",
			"will sign " + b + " $<steps.generate.kid> by clone; until 2028-05-04",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			plan, _, _ := rehearsed(t, embedded(t, name), map[string]any{"kid": inactiveKid(t, name), "activate": test.activate}, sample)
			var got []string
			for _, c := range plan.Body.Certificates {
				got = append(got, told(c))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// The fingerprints are those of the certificate that the org has.
func TestFingerprintsAreReal(t *testing.T) {
	plan, _, _ := rehearsed(t, embedded(t, "rotate-app-key"), nil, sampleCA(t))
	l := newLive(t)
	key, err := l.Key(context.Background(), app, plan.Body.Certificates[0].Kid)
	if err != nil {
		t.Fatal(err)
	}
	der, err := key.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	if c := plan.Body.Certificates[0]; c.SHA256 != fmt.Sprintf("%x", sha256.Sum256(der)) || c.SHA1 != fmt.Sprintf("%x", sha1.Sum(der)) {
		t.Errorf("%+v is not that of the key", c)
	}
}

// A key that is switched back to is told of in both roles, and what the
// rehearsal switched to in between is not in use.
func TestCertificatesOfASwitchBack(t *testing.T) {
	const text = "rekey: 1\nplaybook: back\nversion: 1.0.0\ninputs: {app: {type: string}}\nsteps:\n- id: key\n  get_active_key: {app: $<inputs.app>}\n- id: gen\n  generate_key: {app: $<inputs.app>, validity_years: 2}\n- id: switch\n  update_app_kid: {app: $<inputs.app>, kid: $<steps.gen.kid>}\n- id: again\n  get_active_key: {app: $<inputs.app>}\n- id: back\n  update_app_kid: {app: $<inputs.app>, kid: $<steps.key.kid>}\n"
	plan, _, _ := rehearsed(t, text, nil, sampleCA(t))
	if f := plan.Body.Failure; f != nil {
		t.Fatal(f)
	}
	var got []string
	for _, c := range plan.Body.Certificates {
		got = append(got, c.Role+" "+c.Kid)
	}
	kid := plan.Body.Certificates[0].Kid
	if want := []string{"signs now " + kid, "will sign $<steps.gen.kid>", "will sign " + kid}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A certificate that a person gives is known, though its key's id is not.
func TestGivenCertificateIsKnown(t *testing.T) {
	ctx := context.Background()
	l, sample := newLive(t), sampleCA(t)
	csr, err := l.GenerateCSR(ctx, app, okta.CSRRequest{Subject: okta.Subject{CommonName: "given"}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := csr.DER()
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := (*steps.Issuers)(nil).Load(steps.CAFiles{Certificate: sample.CertificatePath, Key: sample.KeyPath, Passphrase: sample.Passphrase})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := issuer.Issue(pki.Request{CSR: request, Days: 100, Profile: pki.SAMLSigning, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	o, err := New(Options{Live: l.config(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	const text = "rekey: 1\nplaybook: given\nversion: 1.0.0\ninputs: {app: {type: string}, csr: {type: string}, certificate: {type: string}}\nsteps:\n- id: publish\n  publish_csr: {app: $<inputs.app>, csr_id: $<inputs.csr>, certificate: $<inputs.certificate>}\n- id: switch\n  update_app_kid: {app: $<inputs.app>, kid: $<steps.publish.kid>}\n"
	plan := rehearsedIn(t, o, text, map[string]any{"app": app.ID, "csr": csr.ID, "certificate": pki.CertificatePEM(issued.DER)})
	c := plan.Body.Certificates[1]
	if c.Role != runner.RoleWillSign || c.Kid != "$<steps.publish.kid>" || c.SHA256 != issued.SHA256 || len(c.SHA1) != 40 || c.Subject != "CN=given" || c.DaysLeft == nil {
		t.Errorf("%+v", c)
	}
}

// Of invented owners no certificate is told of: the facts would be invented.
func TestNoInventedCertificates(t *testing.T) {
	o, err := New(Options{Offline: true, Now: now, Kids: []string{"the-other-key"}, Live: okta.Config{OrgURL: "https://offline.invalid"}})
	if err != nil {
		t.Fatal(err)
	}
	plan := rehearsedIn(t, o, embedded(t, "activate-app-key"), map[string]any{"app": "0oaX", "kid": "the-other-key"})
	if len(plan.Body.Certificates) != 1 || told(plan.Body.Certificates[0]) != "will sign app/0oaX the-other-key by activate" {
		t.Errorf("certificates %+v", plan.Body.Certificates)
	}
}

// A certificate that expired before is told of with negative days.
func TestExpiredCertificateInUse(t *testing.T) {
	org := defaultOrg(t)
	later := now.AddDate(0, 0, 40)
	transport := sandbox.Transport(sandbox.New(org, sandbox.Options{Now: func() time.Time { return later }}))
	o, err := New(Options{Now: later, Live: okta.Config{OrgURL: "http://127.0.0.1", Token: "t", HTTP: transport}})
	if err != nil {
		t.Fatal(err)
	}
	plan := rehearsedIn(t, o, embedded(t, "rotate-app-key"), map[string]any{"app": app.ID, "out": t.TempDir()})
	if c := plan.Body.Certificates[0]; c.DaysLeft == nil || *c.DaysLeft != -10 {
		t.Errorf("%+v", c)
	}
}

// embedded is the text of a playbook.
func embedded(t *testing.T, name string) string {
	t.Helper()
	text, err := playbooks.Text(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rehearsedIn plans a playbook in an overlay.
func rehearsedIn(t *testing.T, o *Org, text string, inputs map[string]any) *runner.Plan {
	t.Helper()
	p, faults := runner.ParsePlaybook("", []byte(text))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	catalogue := steps.Catalogue(o.Env())
	program, faults := runner.Check(p, catalogue)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	public, _, faults := program.Bind(inputs, true)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	plan, err := runner.Rehearse(context.Background(), program, runner.RehearsalSpec{
		Catalogue: catalogue, Clock: runner.Clock{Now: func() time.Time { return o.now }}, Inputs: public, Offline: o.live == nil,
		Standing: o.Standing, InUse: o.InUse, Limits: o.Limits,
	})
	if err != nil || plan.Body.Failure != nil {
		t.Fatal(err, plan.Body.Failure)
	}
	return plan
}
