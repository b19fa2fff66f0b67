package steps

import (
	"crypto/x509"
	"fmt"
	"time"

	"example.com/rekey/runner"
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
	c := runner.ReadCertificate(der)
	out.SHA256, out.SHA1, out.Subject, out.Issuer = c.SHA256, c.SHA1, c.Subject, c.Issuer
	out.NotBefore, out.NotAfter = c.NotBefore, c.NotAfter
	if cert, err := x509.ParseCertificate(der); err == nil {
		out.Serial = fmt.Sprintf("%x", cert.SerialNumber)
	}
}
