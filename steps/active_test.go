package steps_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
)

// answered has what the org answers to a path altered.
func (w *world) answered(suffix string, change func(body string) string) {
	w.after = func(s sent, rec *httptest.ResponseRecorder) {
		if path, _, _ := strings.Cut(s.path, "?"); strings.HasSuffix(path, suffix) {
			body := change(rec.Body.String())
			rec.Body.Reset()
			rec.Body.WriteString(body)
		}
	}
}

// certificateOf is a key's certificate, parsed.
func certificateOf(t *testing.T, k okta.Key) (*x509.Certificate, []byte) {
	t.Helper()
	der, err := k.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, der
}

// facts holds a query's outputs against the key's certificate.
func facts(t *testing.T, r *run, k okta.Key) {
	t.Helper()
	cert, der := certificateOf(t, k)
	for name, want := range map[string]string{
		"kid": k.Kid, "sha256": pki.Fingerprint(der), "serial": fmt.Sprintf("%x", cert.SerialNumber),
		"not_before": cert.NotBefore.UTC().Format("2006-01-02T15:04:05Z"), "not_after": cert.NotAfter.UTC().Format("2006-01-02T15:04:05Z"),
	} {
		if got := r.text(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if block, _ := pem.Decode([]byte(r.text("certificate"))); block == nil || string(block.Bytes) != string(der) {
		t.Errorf("certificate %q", r.text("certificate"))
	}
	if len(r.text("sha1")) != 40 {
		t.Errorf("sha1 %q", r.text("sha1"))
	}
	contains(t, r.text("subject"), "emailAddress=info@okta.com,CN=", ",OU=SSOProvider,O=Okta,L=San Francisco,ST=California,C=US")
	if r.text("issuer") != r.text("subject") {
		t.Errorf("issuer %q, subject %q", r.text("issuer"), r.text("subject"))
	}
}

func (w *world) key(o okta.Owner, kid string) okta.Key {
	w.t.Helper()
	for _, k := range w.keys(o) {
		if k.Kid == kid {
			return k
		}
	}
	w.t.Fatalf("%s has no key %s", o, kid)
	return okta.Key{}
}

// The active key is the one that the owner names: an app's is looked up by its
// kid, an IdP's has a call of its own.
func TestActiveKey(t *testing.T) {
	for _, o := range both {
		w := newWorld(t)
		r := w.run("get_active_key", ownerIn(o, nil)).done()
		facts(t, r, w.key(o, w.active(o)))
		want := "[GET " + o.Path() + "/credentials/keys/active]"
		if o.Kind == okta.App {
			want = "[GET " + o.Path() + " GET " + o.Path() + "/credentials/keys/" + w.active(o) + "]"
		}
		if got := fmt.Sprint(r.log); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		facts(t, w.run("get_key", ownerIn(o, data{"kid": w.inactive(o)})).done(), w.key(o, w.inactive(o)))
	}
}

// An owner that signs with no key yet has none to read, and is told how it gets
// one.
func TestNoActiveKey(t *testing.T) {
	w := newWorld(t)
	none := okta.Owner{}
	for _, o := range w.org.Owners() {
		if o.Kind == okta.IdP && w.active(o) == "" {
			none = o
		}
	}
	for _, o := range []okta.Owner{appFresh, none} {
		contains(t, w.run("get_active_key", ownerIn(o, nil)).failure(), o.String()+" signs with no key yet", "update_"+string(o.Kind)+"_kid")
	}
	contains(t, w.run("get_saml_metadata", ownerIn(appFresh, nil)).failure(), "signs with no key yet")
	w.answered("/keys/active", func(body string) string { return `[{"kid":"b"},{"kid":"a"}]` })
	contains(t, w.run("get_active_key", ownerIn(idp, nil)).failure(), "several active keys, a, b", "get_key")
}

// The metadata is that of the key asked for, else of the active one, with what
// its certificate says.
func TestMetadata(t *testing.T) {
	for _, o := range both {
		w := newWorld(t)
		kids := []string{"", w.active(o)}
		if o.Kind == okta.App {
			kids = append(kids, w.inactive(o))
		}
		for _, kid := range kids {
			in := data{}
			if kid != "" {
				in["kid"] = kid
			} else {
				kid = w.active(o)
			}
			r := w.run("get_saml_metadata", ownerIn(o, in)).done()
			key := w.key(o, kid)
			facts(t, r, key)
			_, der := certificateOf(t, key)
			contains(t, r.text("xml"), base64.StdEncoding.EncodeToString(der), "EntityDescriptor")
			contains(t, r.text("entity_id"), o.ID)
			if len(r.log) != 3 || len(writes(r.log)) > 0 {
				t.Errorf("%v", r.log)
			}
		}
	}
}

// Metadata that would have a service provider refuse what the key signs is not
// handed out, nor is any from elsewhere than the org.
func TestMetadataRefused(t *testing.T) {
	w := newWorld(t)
	other := strings.TrimSpace(w.key(app, w.inactive(app)).X5c[0])
	for says, change := range map[string]func(string) string{
		"a certificate that is not that of key " + w.active(app): func(s string) string {
			before, rest, _ := strings.Cut(s, "X509Certificate>")
			_, after, _ := strings.Cut(rest, "</ds:X509Certificate>")
			return before + "X509Certificate>" + other + "</ds:X509Certificate>" + after
		},
		"no certificate for signing":       func(s string) string { return strings.ReplaceAll(s, `use="signing"`, `use="encryption"`) },
		"no SAML metadata of one entity":   func(string) string { return "<html></html>" },
		"it is no XML":                     func(string) string { return "{}" },
		"has a document type":              func(s string) string { return strings.Replace(s, "<md:", "<!DOCTYPE md><md:", 1) },
		"one app or IdP has at most 10485": func(s string) string { return s + strings.Repeat(" ", 1<<20) },
	} {
		w.answered("/sso/saml/metadata", change)
		r := w.run("get_saml_metadata", ownerIn(app, nil))
		contains(t, r.failure(), says)
	}
	w.after = nil
	contains(t, w.run("get_saml_metadata", ownerIn(app, data{"kid": "nobody's"})).failure(), "404")
	contains(t, w.run("get_saml_metadata", ownerIn(idp, data{"kid": w.inactive(idp)})).failure(), "for its active key", "activate")
	contains(t, w.run("get_saml_metadata", ownerIn(appOIDC, nil)).failure(), "OPENID_CONNECT")
	contains(t, w.run("get_saml_metadata", ownerIn(idpOIDC, nil)).failure(), "OIDC")
	w.answered(idp.ID, func(s string) string {
		return strings.ReplaceAll(s, w.url+"/api/v1/idps/"+idp.ID+"/metadata.xml", "https://evil.example/m")
	})
	r := w.run("get_saml_metadata", ownerIn(idp, nil))
	contains(t, r.failure(), "https://evil.example instead of")
	if len(r.log) != 1 {
		t.Errorf("%v", r.log)
	}
}
