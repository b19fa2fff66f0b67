package sandbox

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"

	"example.com/rekey/internal/okta"
)

// newJWK is the key credential for a certificate as Okta answers it (RFC 7517;
// Okta: Application Key Credential). n, e and the thumbprint are base64url
// without padding, x5c is standard base64.
func newJWK(kid string, der []byte, created time.Time) (okta.Object, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	public, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("its key is not RSA")
	}
	digest := sha256.Sum256(der)
	n, e := publicParts(public)
	stamp := okta.FormatTime(created)
	return okta.Object{
		"created": stamp, "lastUpdated": stamp, "expiresAt": okta.FormatTime(cert.NotAfter),
		"kid": kid, "kty": "RSA", "use": "sig", "n": n, "e": e,
		"x5c": []any{base64.StdEncoding.EncodeToString(der)}, "x5t#S256": base64.RawURLEncoding.EncodeToString(digest[:]),
	}, nil
}

func publicParts(public *rsa.PublicKey) (n, e string) {
	return base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes())
}

// thumbprint is the RFC 7638 thumbprint of a public key, by which the org
// files its private keys. It has nothing to do with kids, which are opaque.
func thumbprint(public *rsa.PublicKey) string {
	n, e := publicParts(public)
	return partsThumbprint(n, e)
}

func partsThumbprint(n, e string) string {
	sum := sha256.Sum256([]byte(`{"e":"` + e + `","kty":"RSA","n":"` + n + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// docThumbprint is the thumbprint of a JWK's or a CSR's public key; "" when it
// cannot be told.
func docThumbprint(doc okta.Object) string {
	if n, e := doc.Text("/n"), doc.Text("/e"); n != "" && e != "" {
		return partsThumbprint(n, e)
	}
	request, err := requestOf(doc)
	if err != nil {
		return ""
	}
	if public, ok := request.PublicKey.(*rsa.PublicKey); ok {
		return thumbprint(public)
	}
	return ""
}

// requestOf parses the PKCS#10 request of a CSR.
func requestOf(doc okta.Object) (*x509.CertificateRequest, error) {
	der, err := okta.CSR{ID: doc.Text("/id"), CSR: doc.Text("/csr")}.DER()
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificateRequest(der)
}

// certificateOf is the DER of a JWK's certificate.
func certificateOf(doc okta.Object) ([]byte, error) {
	chain, _ := doc["x5c"].([]any)
	key := okta.Key{Kid: kidOf(doc)}
	if len(chain) > 0 {
		first, _ := chain[0].(string)
		key.X5c = []string{first}
	}
	return key.Certificate()
}

func kidOf(doc okta.Object) string { return doc.Text("/kid") }

// validity is the period of a key: its certificate's, or up to expiresAt when
// it carries none. It is false when neither can be read.
func validity(doc okta.Object) (from, to time.Time, ok bool) {
	if der, err := certificateOf(doc); err == nil {
		if cert, err := x509.ParseCertificate(der); err == nil {
			return cert.NotBefore, cert.NotAfter, true
		}
	}
	to, err := okta.ParseTime(doc.Text("/expiresAt"))
	return time.Time{}, to, err == nil
}

// derived is an opaque id of 43 characters, like those that Okta assigns, that
// is always the same for the same seed.
func derived(format string, args ...any) string {
	sum := sha256.Sum256(fmt.Appendf([]byte("rekey sandbox "), format, args...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// derivedSerial is a positive serial number that is always the same for the
// same seed.
func derivedSerial(format string, args ...any) *big.Int {
	sum := sha256.Sum256(fmt.Appendf([]byte("rekey sandbox serial "), format, args...))
	return new(big.Int).SetUint64(binary.BigEndian.Uint64(sum[:])>>1 | 1)
}
