package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// Profile says what a certified key is for; it decides the key usage
// (RFC 5280, section 4.2.1.3), which is always critical.
type Profile string

const (
	// SAMLSigning is for a key that signs assertions or requests:
	// digitalSignature. It is the default.
	SAMLSigning Profile = "saml-signing"
	// IdPSignAndDecrypt is for an IdP's key, with which Okta signs requests
	// and decrypts assertions as well: digitalSignature and keyEncipherment.
	IdPSignAndDecrypt Profile = "idp-sign-and-decrypt"
)

const (
	// minDays leaves a day of margin over the 90 that Okta demands when a CSR
	// is published (Okta: Apps API, Publish a CSR).
	minDays = 91
	maxDays = 36525 // a century; keeps the arithmetic of dates out of trouble

	// backdating lets peers whose clocks are slow accept a new certificate.
	backdating = 5 * time.Minute

	serialBytes = 16
)

// Request asks an issuer to certify a CSR.
type Request struct {
	CSR      []byte    // DER, judged by [ParseCSR]
	Days     int       // validity from Now in days of 24 hours, 91 at least
	Profile  Profile   // "" = SAMLSigning
	DNSNames []string  // the DNS names the CSR is meant to ask for, in any case and order
	Now      time.Time // required
	Random   io.Reader // for the serial; nil = crypto/rand
}

// Issued is a new certificate.
type Issued struct {
	DER       []byte
	Serial    string    // lower-case hexadecimal, two digits an octet
	NotBefore time.Time // UTC, whole seconds, as in the certificate
	NotAfter  time.Time // UTC, whole seconds, as in the certificate
	SHA256    string    // [Fingerprint] of DER
	Chain     string    // PEM of the issuer and what leads on from it, without this certificate
}

// Issue certifies the key of a CSR. The certificate takes the CSR's subject
// byte for byte and its DNS names, which must be just those of the request;
// it is no CA, begins five minutes before r.Now but never before the issuer,
// and ends r.Days after r.Now. A validity past the issuer's end is refused.
// Before it is returned the certificate is read back, compared with the CSR
// and verified against the issuer.
func (i *Issuer) Issue(r Request) (Issued, error) {
	if i.key == nil {
		return Issued{}, errors.New("the CA was loaded without its private key and cannot sign; give the key as well")
	}
	if r.Now.IsZero() {
		return Issued{}, errors.New("the time of issue is missing; set Request.Now")
	}
	if err := i.Check(r.Now); err != nil {
		return Issued{}, err
	}
	csr, err := ParseCSR(r.CSR)
	if err != nil {
		return Issued{}, err
	}
	template, err := i.template(csr, r)
	if err != nil {
		return Issued{}, err
	}
	random := r.Random
	if random == nil {
		random = rand.Reader
	}
	if template.SerialNumber, err = newSerial(random); err != nil {
		return Issued{}, err
	}
	der, err := x509.CreateCertificate(random, template, i.Certificate, csr.PublicKey, i.key)
	if err != nil {
		return Issued{}, fmt.Errorf("the CA's key did not sign; check that it is usable: %w", err)
	}
	issued, err := i.readBack(der, csr, r.Now)
	if err != nil {
		return Issued{}, err
	}
	return Issued{
		DER:       der,
		Serial:    hex.EncodeToString(issued.SerialNumber.Bytes()),
		NotBefore: issued.NotBefore.UTC(),
		NotAfter:  issued.NotAfter.UTC(),
		SHA256:    Fingerprint(der),
		Chain:     i.ChainPEM(),
	}, nil
}

// template fills everything but the serial.
func (i *Issuer) template(csr *x509.CertificateRequest, r Request) (*x509.Certificate, error) {
	usage, err := r.Profile.keyUsage()
	if err != nil {
		return nil, err
	}
	notBefore, notAfter, err := i.validity(r.Now, r.Days)
	if err != nil {
		return nil, err
	}
	switch {
	case string(csr.RawSubject) == emptyName:
		return nil, errors.New("the CSR has an empty subject; create one with at least a common_name")
	case bytes.Equal(csr.RawSubject, i.Certificate.RawSubject):
		return nil, fmt.Errorf("the CSR's subject %s is the CA's own name, so the certificate would pass for self-signed; create the CSR with another common_name", csr.Subject)
	}
	requested, err := requestedNames(csr)
	if err != nil {
		return nil, err
	}
	names, err := grantedNames(requested, r.DNSNames)
	if err != nil {
		return nil, err
	}
	subjectID, err := keyID(csr.RawSubjectPublicKeyInfo)
	if err != nil {
		return nil, err
	}
	authorityID := i.Certificate.SubjectKeyId
	if len(authorityID) == 0 {
		if authorityID, err = keyID(i.Certificate.RawSubjectPublicKeyInfo); err != nil {
			return nil, err
		}
	}
	algorithm, err := signatureAlgorithm(i.key.Public())
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		RawSubject:            csr.RawSubject,
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		DNSNames:              names,
		KeyUsage:              usage,
		BasicConstraintsValid: true, // and IsCA false: CA:FALSE, critical
		SubjectKeyId:          subjectID,
		AuthorityKeyId:        authorityID,
		SignatureAlgorithm:    algorithm,
	}, nil
}

func (p Profile) keyUsage() (x509.KeyUsage, error) {
	switch p {
	case SAMLSigning, "":
		return x509.KeyUsageDigitalSignature, nil
	case IdPSignAndDecrypt:
		return x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, nil
	}
	return 0, fmt.Errorf("there is no profile %q; use %q or %q", string(p), string(SAMLSigning), string(IdPSignAndDecrypt))
}

// validity counts the days from now, so that the backdating is a gift and
// takes nothing away.
func (i *Issuer) validity(now time.Time, days int) (notBefore, notAfter time.Time, err error) {
	now = wholeSeconds(now)
	end := i.Certificate.NotAfter
	left := int(end.Sub(now) / (24 * time.Hour))
	switch {
	case days < minDays:
		return now, now, fmt.Errorf("days is %d; Okta publishes only certificates valid for 90 days or more, so give %d at least", days, minDays)
	case left < minDays:
		return now, now, fmt.Errorf("the CA %s ends on %s, in %d days: too soon for any certificate, which needs %d; renew the CA", i.Certificate.Subject, stamp(end), left, minDays)
	case days > maxDays, now.AddDate(0, 0, days).After(end):
		return now, now, fmt.Errorf("days is %d, but the CA %s ends on %s; give %d at most, or renew the CA", days, i.Certificate.Subject, stamp(end), min(left, maxDays))
	}
	notBefore = now.Add(-backdating)
	if first := i.Certificate.NotBefore.UTC(); notBefore.Before(first) {
		notBefore = first
	}
	return notBefore, now.AddDate(0, 0, days), nil
}

// keyID is the key identifier of a SubjectPublicKeyInfo: SHA-1 over the bits
// of the public key (RFC 5280, section 4.2.1.2, method 1). It is a name that
// others compute as well, not a protection, so the old hash does no harm.
func keyID(spki []byte) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, fmt.Errorf("the public key cannot be read; create another CSR: %w", err)
	}
	sum := sha1.Sum(info.Key.RightAlign())
	return sum[:], nil
}

// newSerial draws 128 bits: positive, not zero, and with the sign octet 17
// octets at most, where RFC 5280 (section 4.1.2.2) allows 20.
func newSerial(random io.Reader) (*big.Int, error) {
	octets := make([]byte, serialBytes)
	if _, err := io.ReadFull(random, octets); err != nil {
		return nil, fmt.Errorf("no randomness for the serial; check the system's random source: %w", err)
	}
	serial := new(big.Int).SetBytes(octets)
	if serial.Sign() == 0 {
		return nil, errors.New("the random source yields zeros only; repair it before issuing anything")
	}
	return serial, nil
}

// readBack holds the finished certificate to its purpose with the verifier
// instead of the signer: a broken key, constraint or template ends here and
// not at a service provider.
func (i *Issuer) readBack(der []byte, csr *x509.CertificateRequest, now time.Time) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("the new certificate cannot be read back; report this: %w", err)
	}
	if !samePublicKey(c.PublicKey, csr.PublicKey) || !bytes.Equal(c.RawSubject, csr.RawSubject) {
		return nil, errors.New("the new certificate is not for the CSR's key and subject; report this")
	}
	roots := x509.NewCertPool()
	roots.AddCert(i.Certificate)
	_, err = c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("the CA %s may not certify this CSR; change the CSR's names or use another CA: %w", i.Certificate.Subject, err)
	}
	return c, nil
}
