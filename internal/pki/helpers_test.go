package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// now is the clock of every test.
var now = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

// RSA keys cost tens of milliseconds each, so the tests share three.
var (
	caKey    = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	leafKey  = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	otherKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// openssl runs the independent judge in dir and returns its output.
func openssl(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := tryOpenSSL(t, dir, args...)
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryOpenSSL(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the tool openssl is missing")
		}
		t.Skip("the tool openssl is missing")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// caTemplate is a root that certifies for ten years; tests bend it.
func caTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject:      pkix.Name{Organization: []string{"Acme"}, CommonName: "Acme SAML CA"},
		SerialNumber: big.NewInt(1),
		NotBefore:    wholeSeconds(now.AddDate(-1, 0, 0)), NotAfter: wholeSeconds(now.AddDate(10, 0, 0)),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// certify signs template by parent; a nil parent makes it self-signed.
func certify(t testing.TB, template, parent *x509.Certificate, public any, key crypto.Signer) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newIssuer(t testing.TB, key crypto.Signer, bend func(*x509.Certificate)) *Issuer {
	t.Helper()
	template := caTemplate()
	if bend != nil {
		bend(template)
	}
	return &Issuer{Certificate: certify(t, template, nil, key.Public(), key), key: key}
}

var leafSubject = pkix.Name{
	Country: []string{"US"}, Province: []string{"California"}, Locality: []string{"San Francisco"},
	Organization: []string{"Acme"}, OrganizationalUnit: []string{"Dév"}, CommonName: "app.saml.example.com",
}

func newCSR(t testing.TB, names ...string) []byte {
	t.Helper()
	der, err := NewCSR(leafKey(), leafSubject, names)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// bentCSR signs any template, valid or not by this package's rules.
func bentCSR(t testing.TB, template *x509.CertificateRequest, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pkcs8PEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(encodePEM("PRIVATE KEY", der))
}

// wantError holds an error to the words a user needs; no words: no error.
func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if len(words) == 0 || words[0] == "" {
		if err != nil {
			t.Fatalf("error %q, want none", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Fatalf("error %q lacks %q", err, word)
		}
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
