package steps

import (
	"crypto/sha1" // names certificates as many service providers do, and protects nothing
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/rekey/internal/pki"
)

// CertificateFacts is what a certificate says of itself, for people to compare
// and for conditions. Okta or a CA chose all of it.
type CertificateFacts struct {
	Subject   string    `out:"subject" is:"assigned" doc:"whom the certificate names, such as CN=dev-1,O=Okta (RFC 4514)"`
	Issuer    string    `out:"issuer" is:"assigned" doc:"who signed it; Okta's own certificates are signed by their subject"`
	Serial    string    `out:"serial" is:"assigned" doc:"its serial number, hex"`
	NotBefore time.Time `out:"not_before" doc:"from when the certificate is valid"`
	NotAfter  time.Time `out:"not_after" doc:"until when the certificate is valid"`
	SHA256    string    `out:"sha256" is:"assigned" doc:"SHA-256 fingerprint of the certificate, hex"`
	SHA1      string    `out:"sha1" is:"assigned" doc:"SHA-1 fingerprint of the certificate, hex, as service providers show it"`
}

// take fills the outputs from a certificate. Of one that cannot be parsed the
// fingerprints alone are known.
func (out *CertificateFacts) take(der []byte) {
	sum := sha1.Sum(der)
	out.SHA256, out.SHA1 = pki.Fingerprint(der), hex.EncodeToString(sum[:])
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	out.Subject, out.Issuer = distinguishedName(cert.RawSubject), distinguishedName(cert.RawIssuer)
	out.Serial = fmt.Sprintf("%x", cert.SerialNumber)
	out.NotBefore, out.NotAfter = cert.NotBefore.UTC(), cert.NotAfter.UTC()
}

// oidEmail is the attribute emailAddress (RFC 2985, section 5.2.1), which
// Okta's own certificates have and pkix writes as bytes.
var oidEmail = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

// distinguishedName is a name as RFC 4514 writes it, with emailAddress as a
// word; "" for one that is none.
func distinguishedName(der []byte) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return ""
	}
	var parts []string
	for _, set := range slices.Backward(rdns) {
		if len(set) == 1 && set[0].Type.Equal(oidEmail) {
			// The type is as long as a word, and the value is escaped as a CN's is.
			value := pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: set[0].Value}}}.String()
			parts = append(parts, "emailAddress="+strings.TrimPrefix(value, "CN="))
			continue
		}
		parts = append(parts, pkix.RDNSequence{set}.String())
	}
	return strings.Join(parts, ",")
}
