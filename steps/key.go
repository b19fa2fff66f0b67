package steps

import (
	"context"
	"crypto/x509"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

// KeyOut is what a step yields of a key.
type KeyOut struct {
	Kid         string    `out:"kid" is:"assigned" doc:"the key's id"`
	Key         string    `out:"key" is:"assigned" doc:"the key as JSON Web Key, JSON text"`
	Certificate string    `out:"certificate" is:"assigned" doc:"its certificate, PEM"`
	Created     time.Time `out:"created" doc:"when Okta made it"`
	ExpiresAt   time.Time `out:"expires_at" doc:"when its certificate ends"`
	X5tS256     string    `out:"x5t_s256" is:"assigned" doc:"SHA-256 of the certificate, base64url (RFC 7517 §4.9)"`
}

// take fills the outputs from a key. A member that the key lacks stays empty;
// its times then come from the certificate.
func (out *KeyOut) take(k okta.Key) {
	out.Kid, out.Key, out.X5tS256 = k.Kid, string(k.Raw), k.X5tS256
	if der, err := k.Certificate(); err == nil {
		out.Certificate = pki.CertificatePEM(der)
		if out.X5tS256 == "" {
			out.X5tS256 = pki.Thumbprint(der)
		}
	}
	out.Created, out.ExpiresAt = validity(k)
}

// certify tells the plan of a key's certificate.
func certify(ctx context.Context, o okta.Owner, role string, k okta.Key) {
	der, err := k.Certificate()
	if err != nil {
		der = nil // the kid alone is known
	}
	runner.Certify(ctx, runner.PlannedCertificate{Owner: o.String(), Role: role, Kid: k.Kid}, der)
}

// KeyFacts is what a query yields of a key: also what its certificate says.
// Actions yield [KeyOut] alone: a plan puts the source of what an action made
// in the place of each such text, and a name that stands in many certificates
// comes from none of them.
type KeyFacts struct {
	KeyOut
	CertificateFacts
}

// take fills the outputs from a key.
func (out *KeyFacts) take(k okta.Key) {
	out.KeyOut.take(k)
	if der, err := k.Certificate(); err == nil {
		out.CertificateFacts.take(der)
	}
}

// validity is a key's created and expiresAt, else its certificate's
// notBefore and notAfter.
func validity(k okta.Key) (from, to time.Time) {
	from, err1 := okta.ParseTime(k.Created)
	to, err2 := okta.ParseTime(k.ExpiresAt)
	if err1 == nil && err2 == nil {
		return from, to
	}
	der, err := k.Certificate()
	if err != nil {
		return from, to
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return from, to
	}
	if err1 != nil {
		from = cert.NotBefore.UTC()
	}
	if err2 != nil {
		to = cert.NotAfter.UTC()
	}
	return from, to
}
