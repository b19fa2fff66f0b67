package steps_test

import (
	"encoding/base64"
	"testing"

	"example.com/rekey/internal/pki"
)

// Every encoding goes over the wire as Okta documents it, and is taken: the
// new key has just this certificate.
func TestEncodings(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	for _, tt := range []struct {
		encoding, contentType, transfer string
		body                            func(der []byte) string
	}{
		{"", "application/pkix-cert", "", func(der []byte) string { return string(der) }},
		{"der", "application/pkix-cert", "", func(der []byte) string { return string(der) }},
		{"cer", "application/x-x509-ca-cert", "", func(der []byte) string { return string(der) }},
		{"pem", "application/x-pem-file", "", func(der []byte) string {
			return "-----BEGIN CERTIFICATE-----\n" + wrapped(b64(der)) + "-----END CERTIFICATE-----\n"
		}},
		{"base64", "application/pkix-cert", "base64", func(der []byte) string { return b64(der) }},
		{"cer_base64", "application/x-x509-ca-cert", "base64", func(der []byte) string { return b64(der) }},
	} {
		for _, o := range both {
			t.Run(tt.encoding+"/"+string(o.Kind), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, o)
				certificate := f.certificate()
				in := ownerIn(o, data{"csr_id": f.csr.ID, "certificate": certificate})
				if tt.encoding != "" {
					in["encoding"] = tt.encoding
				}
				r := f.run("publish_csr", in).done()
				der, err := pki.DecodePEM(certificate, "CERTIFICATE")
				if err != nil {
					t.Fatal(err)
				}
				got := writes(r.log)[0]
				if got.contentType != tt.contentType || got.encoding != tt.transfer || string(got.body) != tt.body(der) {
					t.Errorf("sent %q %q\n%q", got.contentType, got.encoding, got.body)
				}
				keys := f.keys(o)
				last := keys[len(keys)-1]
				if have, err := last.Certificate(); err != nil || string(have) != string(der) || last.Kid != r.text("kid") {
					t.Errorf("the key is not the certificate's: %v", err)
				}
				if r.text("certificate") != certificate || r.text("x5t_s256") != pki.Thumbprint(der) {
					t.Errorf("%v", r.out())
				}
			})
		}
	}
}

// wrapped is text in lines of 64 characters (RFC 7468).
func wrapped(text string) (lines string) {
	for len(text) > 64 {
		lines, text = lines+text[:64]+"\n", text[64:]
	}
	return lines + text + "\n"
}

// Okta's own refusal leaves everything as it was, and is shown with its cure.
func TestRefusedByOkta(t *testing.T) {
	forAll(t, func(t *testing.T, a action, f *fixture) {
		before := f.snapshot()
		r := f.act(a)
		if r.machine.Written() || len(r.machine.Residues()) > 0 {
			t.Error("it counts as written")
		}
		contains(t, r.failure(), "400 E0000001", "this request wrote nothing")
		r.undone()
		f.asBefore(before)
	}, "WRITE=400")
}

// A 429 is waited out: one write, however often it was tried.
func TestTriedAgain(t *testing.T) {
	forAll(t, func(t *testing.T, a action, f *fixture) {
		r := f.act(a).done()
		if n := len(writes(r.log)); n != 2 || !a.effect(f, r.out()) {
			t.Errorf("%d requests", n)
		}
	}, "WRITE@1=429")
}
