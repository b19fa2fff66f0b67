package pki

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLoadIssuer(t *testing.T) {
	issuer := newIssuer(t, caKey(), nil)
	own := CertificatePEM(issuer.Certificate.Raw)
	stranger := CertificatePEM(newIssuer(t, otherKey(), func(c *x509.Certificate) { c.Subject.CommonName = "Stranger" }).Certificate.Raw)
	sub := caTemplate()
	sub.Subject.CommonName = "Sub"
	below := CertificatePEM(certify(t, sub, issuer.Certificate, &otherKey().PublicKey, caKey()).Raw)
	key, other := string(pkcs8PEM(t, caKey())), string(pkcs8PEM(t, otherKey()))
	cases := []struct {
		name, cert, key string
		want            []string
		is              error
	}{
		{"pair", own, key, nil, nil},
		{"combined file", key + own, key + own, nil, nil},
		{"chain", below + own, other, nil, nil},
		{"other key", own, other, []string{"Acme SAML CA", "RSA 2048", "give the key that was made"}, ErrKeyMismatch},
		{"key of the second", below + own, key, []string{"belongs to certificate 2", "put that one first"}, ErrKeyMismatch},
		{"wrong order", own + below, key, []string{"number 2", "did not issue the one before it", "in order"}, nil},
		{"a stranger in the chain", below + stranger, other, []string{"number 2", "Stranger"}, nil},
		{"key as certificate", key, key, []string{`holds "PRIVATE KEY" and no CERTIFICATE`}, nil},
		{"certificate as key", own, own, []string{"no private key"}, nil},
		{"damaged certificate", CertificatePEM([]byte("x")), key, []string{"number 1", "cannot be read"}, nil},
		{"trusted", strings.ReplaceAll(own, "CERTIFICATE", "TRUSTED CERTIFICATE"), key, []string{"TRUSTED CERTIFICATE", "openssl x509 -in"}, nil},
		{"nothing", "", key, []string{"no PEM block"}, nil},
		{"huge", strings.Repeat("x", maxCertificateFile+1), key, []string{"more than 262144"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadIssuer([]byte(c.cert), []byte(c.key), []byte("needless"))
			wantError(t, err, c.want...)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	wantError(t, err)
	with := func(bend func(*x509.Certificate)) func() *Issuer {
		return func() *Issuer { return newIssuer(t, caKey(), bend) }
	}
	// Go signs nothing with SHA-1, so the parsed field is bent.
	sha1 := func(issuerName string) func() *Issuer {
		return func() *Issuer {
			i := newIssuer(t, caKey(), nil)
			c := *i.Certificate
			c.SignatureAlgorithm = x509.SHA1WithRSA
			if issuerName != "" {
				c.RawIssuer = []byte(issuerName)
			}
			return &Issuer{Certificate: &c}
		}
	}
	of := func(key crypto.Signer) func() *Issuer { return func() *Issuer { return newIssuer(t, key, nil) } }
	cases := []struct {
		name   string
		issuer func() *Issuer
		want   []string
	}{
		{"good", with(nil), nil},
		{"no key usage", with(func(c *x509.Certificate) { c.KeyUsage = 0 }), nil},
		{"EC", of(newEC(t, elliptic.P521())), nil},
		{"leaf", with(func(c *x509.Certificate) { c.IsCA = false }), []string{"Acme SAML CA", "is no CA", "CA:TRUE"}},
		{"no constraints", with(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = false, false }), []string{"is no CA"}},
		{"no certSign", with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), []string{"keyCertSign"}},
		{"early", with(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }), []string{"not valid before 2026-03-14T16:09:26Z", "clock"}},
		{"late", with(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }), []string{"expired on 2026-03-14T14:09:26Z", "renewed"}},
		{"empty subject", with(func(c *x509.Certificate) { c.Subject = pkix.Name{} }), []string{"empty subject"}},
		{"critical", with(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), []string{"critical extension 1.2.3"}},
		{"Ed25519", of(ed), []string{"Ed25519", "not supported", "P-256"}},
		{"P-224", of(newEC(t, elliptic.P224())), []string{"P-224", "not supported"}},
		{"SHA-1 root", sha1(""), nil},
		{"SHA-1 below a root", sha1("other"), []string{"signed with SHA1-RSA", "SHA-256"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { wantError(t, c.issuer().Check(now), c.want...) })
	}
}

func TestCheckRefusesSmallRSA(t *testing.T) {
	dir := t.TempDir()
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-days", "3650", "-subj", "/CN=Small")
	issuer, err := LoadCertificate(read(t, dir, "c.pem"))
	wantError(t, err)
	wantError(t, issuer.Check(issuer.Certificate.NotBefore), "Small", "1024 bits", "at least 2048")
	_, err = ParsePrivateKey(read(t, dir, "k.pem"), nil)
	wantError(t, err, "1024 bits")
}

// A rehearsal has the issuer's certificate and a key of its own.
func TestWithKey(t *testing.T) {
	real := newIssuer(t, newEC(t, elliptic.P384()), nil)
	loaded, err := LoadCertificate([]byte(CertificatePEM(real.Certificate.Raw)))
	wantError(t, err)
	_, err = loaded.Issue(request(t))
	wantError(t, err, "without its private key")
	for _, key := range []crypto.Signer{otherKey(), newEC(t, elliptic.P256())} {
		rehearsed := loaded.WithKey(key)
		issued, c := issue(t, rehearsed, request(t))
		if c.Issuer.String() != real.Certificate.Subject.String() || issued.Chain != real.ChainPEM() {
			t.Errorf("issuer %s", c.Issuer)
		}
		if c.CheckSignatureFrom(real.Certificate) == nil {
			t.Error("the throw-away key passes for the real one")
		}
		if err := c.CheckSignatureFrom(rehearsed.Certificate); err != nil {
			t.Error(err)
		}
	}
	if loaded.key != nil || !samePublicKey(loaded.Certificate.PublicKey, real.Certificate.PublicKey) {
		t.Error("WithKey changed the issuer it was called on")
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	wantError(t, err)
	_, err = loaded.WithKey(ed).Issue(request(t))
	wantError(t, err, "Ed25519")
}

func TestIssuerNeverPrintsItsKey(t *testing.T) {
	issuer := newIssuer(t, caKey(), nil)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, value := range []any{issuer, *issuer} {
			if got := fmt.Sprintf(verb, value); got != "CN=Acme SAML CA,O=Acme" {
				t.Errorf("%s prints %.80s", verb, got)
			}
		}
	}
	text, err := json.Marshal(issuer)
	wantError(t, err)
	if strings.Contains(string(text), caKey().D.String()) {
		t.Error("the JSON holds the private exponent")
	}
}

func TestSampleCA(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sandbox", "ca")
	sample, err := SampleCA(dir, now)
	wantError(t, err)
	for _, path := range []string{sample.CertificatePath, sample.KeyPath} {
		wantMode(t, path, 0o600)
	}
	wantMode(t, dir, 0o700)
	cert, key := read(t, sample.CertificatePath), read(t, sample.KeyPath)
	if !strings.Contains(string(key), "BEGIN ENCRYPTED PRIVATE KEY") {
		t.Error("the key is not encrypted")
	}
	issuer, err := LoadIssuer(cert, key, []byte(sample.Passphrase))
	wantError(t, err)
	if !strings.Contains(issuer.Certificate.Subject.CommonName, "not for production") {
		t.Errorf("subject %s", issuer.Certificate.Subject)
	}
	if want := wholeSeconds(now).AddDate(10, 0, 0); !issuer.Certificate.NotAfter.Equal(want) {
		t.Errorf("not after %s, want %s", issuer.Certificate.NotAfter, want)
	}
	issue(t, issuer, request(t))
	openssl(t, dir, "verify", "-x509_strict", "-no_check_time", "-CAfile", "ca.pem", "ca.pem")
	openssl(t, dir, "pkey", "-in", "ca-key.pem", "-passin", "pass:"+SamplePassphrase, "-noout")

	again, err := SampleCA(dir, now.AddDate(1, 0, 0))
	wantError(t, err)
	if again != sample || string(read(t, sample.CertificatePath)) != string(cert) || string(read(t, sample.KeyPath)) != string(key) {
		t.Error("a second call made another CA")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	_, err = SampleCA(dir, now.AddDate(20, 0, 0))
	wantError(t, err, "expired", "delete that folder")

	// A call cut off between the two files left a key without certificate.
	half := t.TempDir()
	write(t, filepath.Join(half, "ca-key.pem"), string(key))
	_, err = SampleCA(half, now)
	wantError(t, err)
	write(t, filepath.Join(half, "ca-key.pem"), string(key))
	_, err = SampleCA(half, now)
	wantError(t, err, "delete that folder", "does not belong")
}
