package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// SelfSignedRequest asks for a certificate like those that Okta makes for the
// keys it generates.
type SelfSignedRequest struct {
	Key        *rsa.PrivateKey // certified, and signs
	CommonName string          // the org's name, such as "example"
	NotBefore  time.Time       // Okta dates it a minute before creation
	NotAfter   time.Time       // whole seconds count, as in NotBefore
	Serial     *big.Int        // positive; nil = random
}

// SelfSigned makes a self-signed certificate (DER) in Okta's likeness:
// subject C=US, ST=California, L=San Francisco, O=Okta, OU=SSOProvider,
// CN=<org>, emailAddress=info@okta.com, and no extensions. Unlike some of
// Okta's own it is signed with SHA-256.
func SelfSigned(r SelfSignedRequest) ([]byte, error) {
	switch {
	case r.Key == nil:
		return nil, errors.New("a self-signed certificate needs a key; set SelfSignedRequest.Key")
	case !r.NotBefore.Before(r.NotAfter):
		return nil, fmt.Errorf("the certificate would end (%s) before it begins (%s); give a later NotAfter", stamp(r.NotAfter), stamp(r.NotBefore))
	case r.Serial != nil && r.Serial.Sign() <= 0:
		return nil, errors.New("the serial must be positive (RFC 5280, section 4.1.2.2); give another, or none for a random one")
	}
	subject, err := subjectDER(pkix.Name{
		Country: []string{"US"}, Province: []string{"California"}, Locality: []string{"San Francisco"},
		Organization: []string{"Okta"}, OrganizationalUnit: []string{"SSOProvider"}, CommonName: r.CommonName,
		ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidEmail, Value: nameValue(oidEmail, "info@okta.com")}},
	})
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		RawSubject:         subject,
		SerialNumber:       r.Serial,
		NotBefore:          wholeSeconds(r.NotBefore),
		NotAfter:           wholeSeconds(r.NotAfter),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &r.Key.PublicKey, r.Key)
	if err != nil {
		return nil, fmt.Errorf("the self-signed certificate cannot be made: %w", err)
	}
	return der, nil
}

// wholeSeconds is t as a certificate can carry it: in UTC, without fractions
// (RFC 5280, section 4.1.2.5).
func wholeSeconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
