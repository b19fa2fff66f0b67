package pki

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func request(t testing.TB) Request {
	return Request{CSR: newCSR(t, "a.example.com"), Days: 365, DNSNames: []string{"A.example.com"}, Now: now}
}

func issue(t testing.TB, i *Issuer, r Request) (Issued, *x509.Certificate) {
	t.Helper()
	issued, err := i.Issue(r)
	wantError(t, err)
	c, err := x509.ParseCertificate(issued.DER)
	wantError(t, err)
	return issued, c
}

func TestIssue(t *testing.T) {
	issuer := newIssuer(t, caKey(), nil)
	r := request(t)
	r.Random = bytes.NewReader(bytes.Repeat([]byte{0xff}, 64))
	issued, c := issue(t, issuer, r)
	csr, err := ParseCSR(r.CSR)
	wantError(t, err)

	if !bytes.Equal(c.RawSubject, csr.RawSubject) {
		t.Error("the subject is not the CSR's, byte for byte")
	}
	if !samePublicKey(c.PublicKey, csr.PublicKey) {
		t.Error("the key is not the CSR's")
	}
	if want := strings.Repeat("ff", 16); issued.Serial != want || c.SerialNumber.Text(16) != want {
		t.Errorf("serial %s, in the certificate %x", issued.Serial, c.SerialNumber)
	}
	second := now.Truncate(time.Second)
	if want := second.Add(-5 * time.Minute); !issued.NotBefore.Equal(want) || !c.NotBefore.Equal(want) {
		t.Errorf("not before %s, want %s", issued.NotBefore, want)
	}
	if want := second.Add(365 * 24 * time.Hour); !issued.NotAfter.Equal(want) || !c.NotAfter.Equal(want) {
		t.Errorf("not after %s, want %s", issued.NotAfter, want)
	}
	if issued.NotAfter.Location() != time.UTC || issued.NotBefore.Location() != time.UTC {
		t.Error("the times are not in UTC")
	}
	if c.KeyUsage != x509.KeyUsageDigitalSignature || c.IsCA || !c.BasicConstraintsValid {
		t.Errorf("usage %b, CA %t", c.KeyUsage, c.IsCA)
	}
	if !slices.Equal(c.DNSNames, []string{"a.example.com"}) {
		t.Errorf("names %q", c.DNSNames)
	}
	if len(c.SubjectKeyId) != 20 || !bytes.Equal(c.AuthorityKeyId, issuer.Certificate.SubjectKeyId) {
		t.Errorf("subject key id %x, authority key id %x", c.SubjectKeyId, c.AuthorityKeyId)
	}
	if issued.SHA256 != Fingerprint(issued.DER) || issued.Chain != CertificatePEM(issuer.Certificate.Raw) {
		t.Error("digest or chain is wrong")
	}
	critical := map[string]bool{}
	for _, e := range c.Extensions {
		critical[e.Id.String()] = e.Critical
	}
	want := map[string]bool{"2.5.29.14": false, "2.5.29.15": true, "2.5.29.17": false, "2.5.29.19": true, "2.5.29.35": false}
	if len(critical) != len(want) {
		t.Errorf("extensions %v, want %v", critical, want)
	}
	for id, flag := range want {
		if got, ok := critical[id]; !ok || got != flag {
			t.Errorf("extension %s: there %t, critical %t, want %t", id, ok, got, flag)
		}
	}
}

// Nothing that a CSR asks for beyond its names reaches the certificate.
func TestIssueCopiesNoWish(t *testing.T) {
	csr := bentCSR(t, &x509.CertificateRequest{
		Subject: leafSubject,
		ExtraExtensions: []pkix.Extension{
			{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}, // CA:TRUE
			{Id: []int{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 2, 4}},          // keyCertSign
			{Id: []int{2, 5, 29, 37}, Value: []byte{0x30, 6, 6, 4, 0x55, 0x1d, 0x25, 0}},  // any extended usage
			{Id: []int{1, 2, 3}, Value: []byte{5, 0}},
		},
	}, leafKey())
	_, c := issue(t, newIssuer(t, caKey(), nil), Request{CSR: csr, Days: 91, Now: now})
	if c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature || len(c.ExtKeyUsage) > 0 || len(c.Extensions) != 4 {
		t.Errorf("CA %t, usage %b, %d extensions", c.IsCA, c.KeyUsage, len(c.Extensions))
	}
}

func TestIssueProfiles(t *testing.T) {
	issuer := newIssuer(t, caKey(), nil)
	cases := map[Profile]x509.KeyUsage{
		"":                x509.KeyUsageDigitalSignature,
		SAMLSigning:       x509.KeyUsageDigitalSignature,
		IdPSignAndDecrypt: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	for profile, want := range cases {
		r := request(t)
		r.Profile = profile
		if _, c := issue(t, issuer, r); c.KeyUsage != want {
			t.Errorf("%q: usage %b, want %b", profile, c.KeyUsage, want)
		}
	}
}

func TestIssueRefuses(t *testing.T) {
	issuer := newIssuer(t, caKey(), nil)
	soon := newIssuer(t, caKey(), func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 60) })
	constrained := newIssuer(t, caKey(), func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"other.example"}, true
	})
	noCA := newIssuer(t, caKey(), func(c *x509.Certificate) { c.IsCA = false })
	csrOf := func(subject pkix.Name) []byte {
		return bentCSR(t, &x509.CertificateRequest{Subject: subject}, leafKey())
	}
	plain := csrOf(leafSubject)
	left := int(issuer.Certificate.NotAfter.Sub(wholeSeconds(now)) / (24 * time.Hour))
	cases := []struct {
		name   string
		issuer *Issuer
		bend   func(*Request)
		want   []string
	}{
		{"good", issuer, func(*Request) {}, nil},
		{"no key", &Issuer{Certificate: issuer.Certificate}, func(*Request) {}, []string{"without its private key"}},
		{"no clock", issuer, func(r *Request) { r.Now = time.Time{} }, []string{"Request.Now"}},
		{"bad CSR", issuer, func(r *Request) { r.CSR = r.CSR[1:] }, []string{"strict DER"}},
		{"unasked name", issuer, func(r *Request) { r.DNSNames = nil }, []string{`"a.example.com"`, "add it to dns_names"}},
		{"missing name", issuer, func(r *Request) { r.CSR = plain }, []string{`lists "A.example.com"`}},
		{"other name kind", issuer, func(r *Request) {
			r.CSR = bentCSR(t, &x509.CertificateRequest{Subject: leafSubject, EmailAddresses: []string{"a@b.c"}}, leafKey())
		}, []string{"e-mail address"}},
		{"90 days", issuer, func(r *Request) { r.Days = 90 }, []string{"days is 90", "give 91 at least"}},
		{"no days", issuer, func(r *Request) { r.Days = 0 }, []string{"days is 0"}},
		{"91 days", issuer, func(r *Request) { r.Days = 91 }, nil},
		{"to the issuer's end", issuer, func(r *Request) { r.Days = left }, nil},
		{"past the issuer's end", issuer, func(r *Request) { r.Days = left + 1 }, []string{"ends on", "at most"}},
		{"endless", issuer, func(r *Request) { r.Days = 1 << 62 }, []string{"at most"}},
		{"issuer ends soon", soon, func(r *Request) { r.Days = 91 }, []string{"in 60 days", "renew the CA"}},
		{"expired issuer", issuer, func(r *Request) { r.Now = now.AddDate(20, 0, 0) }, []string{"expired on"}},
		{"no CA", noCA, func(*Request) {}, []string{"is no CA"}},
		{"profile", issuer, func(r *Request) { r.Profile = "tls" }, []string{`no profile "tls"`, "saml-signing"}},
		{"empty subject", issuer, func(r *Request) { r.CSR, r.DNSNames = csrOf(pkix.Name{}), nil }, []string{"empty subject", "common_name"}},
		{"issuer's name", issuer, func(r *Request) { r.CSR, r.DNSNames = csrOf(caTemplate().Subject), nil }, []string{"CA's own name"}},
		{"name constraints", constrained, func(*Request) {}, []string{"may not certify"}},
		{"no randomness", issuer, func(r *Request) { r.Random = iotest.ErrReader(errors.New("dry")) }, []string{"no randomness", "dry"}},
		{"zeros", issuer, func(r *Request) { r.Random = bytes.NewReader(make([]byte, 64)) }, []string{"zeros only"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := request(t)
			c.bend(&r)
			_, err := c.issuer.Issue(r)
			wantError(t, err, c.want...)
		})
	}
}

func TestIssueNeverBeforeTheIssuer(t *testing.T) {
	begin := wholeSeconds(now).Add(-time.Minute)
	issuer := newIssuer(t, caKey(), func(c *x509.Certificate) { c.NotBefore = begin })
	if issued, _ := issue(t, issuer, request(t)); !issued.NotBefore.Equal(begin) {
		t.Errorf("not before %s, the issuer's is %s", issued.NotBefore, begin)
	}
}

// Serials differ, are positive and, as RFC 5280 has it, at most 20 octets.
func TestSerials(t *testing.T) {
	issuer := newIssuer(t, newEC(t, elliptic.P256()), nil)
	seen := map[string]bool{}
	for range 5 {
		issued, c := issue(t, issuer, request(t))
		octets, err := hex.DecodeString(issued.Serial)
		if err != nil || len(octets) > 16 || c.SerialNumber.Sign() != 1 || new(big.Int).SetBytes(octets).Cmp(c.SerialNumber) != 0 {
			t.Errorf("serial %q, in the certificate %x", issued.Serial, c.SerialNumber)
		}
		seen[issued.Serial] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d different serials of 5", len(seen))
	}
}

// attime has openssl judge at the moment of issue, whatever day it is.
var attime = fmt.Sprint(now.Unix())

func TestIssuedIsVerifiedByOpenSSL(t *testing.T) {
	keys := map[string]crypto.Signer{
		"RSA": caKey(), "P-256": newEC(t, elliptic.P256()), "P-384": newEC(t, elliptic.P384()), "P-521": newEC(t, elliptic.P521()),
	}
	algorithms := map[string]string{"RSA": "sha256WithRSAEncryption", "P-256": "ecdsa-with-SHA256", "P-384": "ecdsa-with-SHA384", "P-521": "ecdsa-with-SHA512"}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			issuer := newIssuer(t, key, nil)
			r := request(t)
			r.Profile = IdPSignAndDecrypt
			issued, err := issuer.Issue(r)
			wantError(t, err)
			write(t, filepath.Join(dir, "ca.pem"), issued.Chain)
			write(t, filepath.Join(dir, "leaf.pem"), CertificatePEM(issued.DER))
			if out := openssl(t, dir, "verify", "-x509_strict", "-attime", attime, "-CAfile", "ca.pem", "leaf.pem"); !strings.Contains(out, "leaf.pem: OK") {
				t.Error(out)
			}
			text := openssl(t, dir, "x509", "-in", "leaf.pem", "-noout", "-text", "-fingerprint", "-sha256", "-serial")
			for _, want := range []string{"Signature Algorithm: " + algorithms[name], "CA:FALSE", "Digital Signature, Key Encipherment", "DNS:a.example.com"} {
				if !strings.Contains(text, want) {
					t.Errorf("openssl x509 does not say %q:\n%s", want, text)
				}
			}
			if flat := strings.ToLower(strings.ReplaceAll(text, ":", "")); !strings.Contains(flat, issued.SHA256) || !strings.Contains(flat, "serial="+issued.Serial) {
				t.Errorf("fingerprint %s or serial %s differs:\n%s", issued.SHA256, issued.Serial, text)
			}
		})
	}
}

// An intermediate issuer: the chain that is handed out leads to the root.
func TestIssueBelowAnIntermediate(t *testing.T) {
	root := newIssuer(t, otherKey(), nil)
	template := caTemplate()
	template.Subject.CommonName, template.NotBefore = "Acme SAML CA 2", now.AddDate(0, -1, 0)
	middle := certify(t, template, root.Certificate, &caKey().PublicKey, otherKey())
	bundle := CertificatePEM(middle.Raw) + CertificatePEM(root.Certificate.Raw)
	issuer, err := LoadIssuer([]byte(bundle), pkcs8PEM(t, caKey()), nil)
	wantError(t, err)
	issued, err := issuer.Issue(request(t))
	wantError(t, err)
	if issued.Chain != bundle {
		t.Error("the chain is not the issuer's file")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.pem"), CertificatePEM(root.Certificate.Raw))
	write(t, filepath.Join(dir, "chain.pem"), issued.Chain)
	write(t, filepath.Join(dir, "leaf.pem"), CertificatePEM(issued.DER))
	openssl(t, dir, "verify", "-x509_strict", "-attime", attime, "-CAfile", "root.pem", "-untrusted", "chain.pem", "leaf.pem")
}

// An issuer without a subject key identifier still gets one named.
func TestIssueWithoutIssuersKeyID(t *testing.T) {
	full := newIssuer(t, caKey(), nil)
	bare := *full.Certificate
	bare.SubjectKeyId = nil
	_, c := issue(t, &Issuer{Certificate: &bare, key: caKey()}, request(t))
	want, err := keyID(full.Certificate.RawSubjectPublicKeyInfo)
	wantError(t, err)
	if !bytes.Equal(c.AuthorityKeyId, want) {
		t.Errorf("authority key id %x, want %x", c.AuthorityKeyId, want)
	}
}

func TestSelfSigned(t *testing.T) {
	begin := wholeSeconds(now)
	good := SelfSignedRequest{Key: leafKey(), CommonName: "example", NotBefore: now, NotAfter: now.AddDate(2, 0, 0), Serial: big.NewInt(77)}
	der, err := SelfSigned(good)
	wantError(t, err)
	c, err := x509.ParseCertificate(der)
	wantError(t, err)
	if !c.NotBefore.Equal(begin) || !c.NotAfter.Equal(begin.AddDate(2, 0, 0)) || c.SerialNumber.Int64() != 77 || len(c.Extensions) != 0 {
		t.Errorf("%s to %s, serial %s, %d extensions", c.NotBefore, c.NotAfter, c.SerialNumber, len(c.Extensions))
	}
	if err := c.CheckSignature(x509.SHA256WithRSA, c.RawTBSCertificate, c.Signature); err != nil {
		t.Error(err)
	}
	// Okta's own certificate has the same subject but for the org's name.
	okta, err := DecodePEM(string(read(t, "testdata", "okta-guide-certificate.pem")), certificateBlock)
	wantError(t, err)
	theirs, err := x509.ParseCertificate(okta)
	wantError(t, err)
	if want := bytes.Replace(theirs.RawSubject, []byte("\x09mysticorp"), []byte("\x07example"), 1); !bytes.Equal(lengthless(c.RawSubject), lengthless(want)) {
		t.Errorf("subject %x, want %x", c.RawSubject, want)
	}
	for _, bad := range []struct {
		bend func(*SelfSignedRequest)
		want string
	}{
		{func(r *SelfSignedRequest) { r.Key = nil }, "needs a key"},
		{func(r *SelfSignedRequest) { r.NotAfter = r.NotBefore }, "would end"},
		{func(r *SelfSignedRequest) { r.Serial = new(big.Int) }, "serial must be positive"},
		{func(r *SelfSignedRequest) { r.CommonName = "\xff" }, "not UTF-8"},
		{func(r *SelfSignedRequest) { r.Serial = nil }, ""},
	} {
		r := good
		bad.bend(&r)
		_, err := SelfSigned(r)
		wantError(t, err, bad.want)
	}
}

// lengthless blanks the lengths around the common name, which a shorter name
// changes as well.
func lengthless(subject []byte) []byte {
	b := bytes.Clone(subject)
	at := bytes.Index(b, []byte{6, 3, 0x55, 4, 3})
	b[1], b[2], b[at-1], b[at-3] = 0, 0, 0, 0
	return b
}
