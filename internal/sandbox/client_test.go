package sandbox

import (
	"bytes"
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
)

// client is the ordinary client, talking to a handler over real HTTP.
func client(t *testing.T, org *Org, faults ...string) *okta.Client {
	t.Helper()
	opt := testOptions()
	opt.Token = "sandbox-token"
	for _, text := range faults {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		opt.Faults = append(opt.Faults, f)
	}
	srv := httptest.NewServer(New(org, opt))
	t.Cleanup(srv.Close)
	c, err := okta.New(okta.Config{
		OrgURL: srv.URL, Token: opt.Token, Now: func() time.Time { return testNow },
		Sleep:   func(context.Context, time.Duration) error { return nil },
		Timeout: time.Hour, // as long as a busy machine takes
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClient lets the ordinary client do what a rotation does, for every
// seeded owner that has keys.
func TestClient(t *testing.T) {
	org := testOrg(t)
	c := client(t, org)
	ctx := context.Background()
	for _, owner := range org.Owners() {
		object, err := c.Object(ctx, owner)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := c.GenerateCSR(ctx, owner, okta.CSRRequest{Subject: okta.Subject{CommonName: "x"}, SubjectAltNames: &okta.AltNames{DNSNames: []string{"a.example"}}})
		if err != nil {
			t.Fatal(err)
		}
		der := certify(t, csr, 91*days)
		key, err := c.PublishCSR(ctx, owner, csr.ID, okta.CertificateBody{ContentType: okta.TypeDER, TransferEncoding: okta.Base64, Body: []byte(b64(der))})
		if err != nil {
			t.Fatal(err)
		}
		changed, change := object.Changed(okta.SigningPointer(owner.Kind), key.Kid)
		if err := c.Replace(ctx, owner, changed, change); err != nil {
			t.Fatal(err)
		}
		answer, err := c.Object(ctx, owner)
		if err != nil {
			t.Fatal(err)
		}
		if d := okta.Differences(object, answer); !slices.Equal(d, []string{okta.SigningPointer(owner.Kind)}) {
			if owner.Kind != okta.IdP || object.Text("/type") == "SAML2" { // an OIDC IdP has no signing object at all
				t.Errorf("%s: differences %v", owner, d)
			}
		}
		keys, date, err := c.Keys(ctx, owner)
		if err != nil || !date.Equal(testNow.Truncate(time.Second)) {
			t.Errorf("%s: %v, Date %s", owner, err, date)
		}
		last := keys[len(keys)-1]
		if got, err := last.Certificate(); err != nil || last.Kid != key.Kid || !bytes.Equal(got, der) {
			t.Errorf("%s: the last key is %s", owner, last.Kid)
		}
	}
	n := 0
	for _, err := range c.Apps(ctx, `status eq "ACTIVE"`) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(org.ids(okta.App))-1 {
		t.Errorf("%d active apps", n)
	}
	if xml, err := c.Metadata(ctx, testIdP, ""); err != nil || !strings.Contains(string(xml), "EntityDescriptor") {
		t.Errorf("%s, %v", xml, err)
	}
}

// TestClientFaults: what the client makes of the sandbox's failures.
func TestClientFaults(t *testing.T) {
	ctx := context.Background()
	org := testOrg(t)
	c := client(t, org, "POST *@1=429", "POST *@3=500:after", "GET *@1=503")
	if _, _, err := c.Keys(ctx, testApp); err != nil {
		t.Errorf("a GET is not tried again: %v", err)
	}
	if _, err := c.GenerateKey(ctx, testApp, 2); err != nil {
		t.Errorf("a 429 is not tried again: %v", err)
	}
	_, err := c.GenerateKey(ctx, testApp, 2)
	if !okta.OutcomeUnknown(err) {
		t.Errorf("the outcome of a write that was answered 500 is known: %v", err)
	}
	if w, _ := org.get(testApp); len(w.keys) != 4 {
		t.Errorf("%d keys, want 4: both were made", len(w.keys))
	}
	if _, err := c.Object(ctx, okta.Owner{Kind: okta.App, ID: "0oaNobody"}); !okta.NotFound(err) {
		t.Errorf("%v", err)
	}
}
