package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxCertificateFile bounds an issuer's certificate file in bytes, chain
// included.
const maxCertificateFile = 256 << 10

// Issuer is a CA that certifies CSRs: its certificate, what leads from it
// towards a root, and, unless it was loaded without, its private key. It is
// immutable and safe for concurrent use if its key is.
type Issuer struct {
	Certificate *x509.Certificate

	chain []*x509.Certificate // what followed the certificate in its file
	key   crypto.Signer       // nil: the issuer cannot sign
}

// Format writes the issuer's subject for every verb: printing an Issuer must
// never print its key.
func (i Issuer) Format(f fmt.State, _ rune) {
	if i.Certificate == nil {
		_, _ = io.WriteString(f, "no issuer")
		return
	}
	_, _ = io.WriteString(f, i.Certificate.Subject.String())
}

// ErrKeyMismatch tells that a private key is not the one that a certificate
// names; errors.Is finds it in what [LoadIssuer] returns.
var ErrKeyMismatch = errors.New("the private key does not belong to the certificate")

// LoadIssuer reads an issuer from PEM files. The first certificate of certPEM
// is the issuer's own and must match the key; further ones are its chain, each
// certified by the next. A passphrase for a key that needs none is ignored.
// Errors that callers tell apart: [ErrPassphraseNeeded], [ErrWrongPassphrase],
// [ErrKeyMismatch] and [*UnsupportedError].
//
// Whether the issuer may certify now is another question: see [Issuer.Check].
func LoadIssuer(certPEM, keyPEM, passphrase []byte) (*Issuer, error) {
	issuer, err := LoadCertificate(certPEM)
	if err != nil {
		return nil, err
	}
	key, err := ParsePrivateKey(keyPEM, passphrase)
	if err != nil {
		return nil, fmt.Errorf("the CA's key: %w", err)
	}
	if !samePublicKey(key.Public(), issuer.Certificate.PublicKey) {
		return nil, mismatch(key, issuer)
	}
	issuer.key = key
	return issuer, nil
}

// mismatch says which certificate of the file the key does belong to, if any.
func mismatch(key crypto.Signer, issuer *Issuer) error {
	for i, c := range issuer.chain {
		if samePublicKey(key.Public(), c.PublicKey) {
			return fmt.Errorf("%w: it belongs to certificate %d of the file; put that one first and after it only what leads to its root", ErrKeyMismatch, i+2)
		}
	}
	return fmt.Errorf("%w (%s, key %s; the given key is %s); give the key that was made with this certificate",
		ErrKeyMismatch, issuer.Certificate.Subject, keyName(issuer.Certificate.PublicKey), keyName(key))
}

// LoadCertificate reads an issuer without its key: enough for [Issuer.Check]
// and, after [Issuer.WithKey], for signing in a rehearsal. certPEM is read as
// by [LoadIssuer]; private keys in it are passed over.
func LoadCertificate(certPEM []byte) (*Issuer, error) {
	if len(certPEM) > maxCertificateFile {
		return nil, fmt.Errorf("the CA's certificate: the file has %d bytes, more than %d; give the PEM file of the issuer and its chain alone", len(certPEM), maxCertificateFile)
	}
	blocks, err := pemBlocks(certPEM)
	if err != nil {
		return nil, fmt.Errorf("the CA's certificate: %w", err)
	}
	var certs []*x509.Certificate
	for _, block := range blocks {
		switch block.Type {
		case certificateBlock:
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("the CA's certificate: number %d of the file cannot be read; export it again from the CA: %w", len(certs)+1, err)
			}
			certs = append(certs, c)
		case "TRUSTED CERTIFICATE":
			return nil, &UnsupportedError{What: "a certificate with OpenSSL's trust settings (BEGIN TRUSTED CERTIFICATE)", Cure: "convert it: openssl x509 -in FILE -out NEW.pem"}
		}
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("the CA's certificate: the file holds %q and no CERTIFICATE; give the issuer's certificate", blocks[0].Type)
	}
	for i, c := range certs[1:] {
		if !bytes.Equal(certs[i].RawIssuer, c.RawSubject) {
			return nil, fmt.Errorf("the CA's certificate: number %d of the file (%s) did not issue the one before it (by %s); put the issuer first and after it only what leads to its root, in order", i+2, c.Subject, certs[i].Issuer)
		}
	}
	return &Issuer{Certificate: certs[0], chain: certs[1:]}, nil
}

// WithKey is an issuer of the same names, validity and chain that signs with
// key, which no certificate vouches for: the throw-away issuer of a rehearsal.
func (i *Issuer) WithKey(key crypto.Signer) *Issuer {
	c := *i.Certificate
	c.PublicKey = key.Public()
	switch c.PublicKey.(type) {
	case *rsa.PublicKey:
		c.PublicKeyAlgorithm = x509.RSA
	case *ecdsa.PublicKey:
		c.PublicKeyAlgorithm = x509.ECDSA
	default:
		c.PublicKeyAlgorithm = x509.UnknownPublicKeyAlgorithm
	}
	return &Issuer{Certificate: &c, chain: i.chain, key: key}
}

// ChainPEM is the issuer's certificate and what followed it in its file: what
// a peer needs to lead an issued certificate to a root.
func (i *Issuer) ChainPEM() string {
	text := CertificatePEM(i.Certificate.Raw)
	for _, c := range i.chain {
		text += CertificatePEM(c.Raw)
	}
	return text
}

// Check tells whether the issuer may certify at the time now: it is a CA by
// its basic constraints and key usage (RFC 5280, section 4.2.1), valid now,
// with a key that peers can verify, and not itself certified with a broken
// hash. A self-signed root's own signature proves nothing and is not judged.
func (i *Issuer) Check(now time.Time) error {
	c := i.Certificate
	fail := func(format string, args ...any) error {
		return fmt.Errorf("the CA %s %s", c.Subject, fmt.Sprintf(format, args...))
	}
	switch {
	case len(c.RawSubject) <= len(emptyName):
		return errors.New("the CA's certificate has an empty subject, so no certificate could name its issuer; give a CA with a subject")
	case !c.BasicConstraintsValid || !c.IsCA:
		return fail("is no CA: its certificate lacks basicConstraints CA:TRUE; give a CA's certificate")
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return fail("may not sign certificates: its keyUsage lacks keyCertSign; give a certificate that has it")
	case now.Before(c.NotBefore):
		return fail("is not valid before %s; check this machine's clock, or wait", stamp(c.NotBefore))
	case now.After(c.NotAfter):
		return fail("expired on %s; give its renewed certificate", stamp(c.NotAfter))
	case len(c.UnhandledCriticalExtensions) > 0:
		return fail("has the critical extension %s, which rekey cannot honour; give a CA without it", c.UnhandledCriticalExtensions[0])
	}
	if _, err := signatureAlgorithm(c.PublicKey); err != nil {
		return fmt.Errorf("the CA %s cannot be used: %w", c.Subject, err)
	}
	if weakHash(c.SignatureAlgorithm) && !selfIssued(c) {
		return fail("is itself signed with %s, which peers refuse; have it certified again with SHA-256", c.SignatureAlgorithm)
	}
	return nil
}

// emptyName is the DER of a distinguished name without any part.
const emptyName = "\x30\x00"

func weakHash(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
		return true
	}
	return false
}

// selfIssued goes by names and key identifiers: Go verifies no SHA-1
// signature, and for a root it would not matter.
func selfIssued(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) &&
		(len(c.AuthorityKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId))
}

// signatureAlgorithm is what an issuer with that public key signs with:
// SHA-256 with RSA PKCS#1 v1.5, which every SAML peer reads, or ECDSA with the
// hash as long as its curve. Ed25519 is refused: many SAML toolkits cannot
// verify it, so a certificate would work in one place and fail in another.
func signatureAlgorithm(public any) (x509.SignatureAlgorithm, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSABits {
			return x509.SHA256WithRSA, nil
		}
		return 0, fmt.Errorf("its RSA key has %d bits; give a CA with at least %d", key.N.BitLen(), minRSABits)
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return x509.ECDSAWithSHA256, nil
		case elliptic.P384():
			return x509.ECDSAWithSHA384, nil
		case elliptic.P521():
			return x509.ECDSAWithSHA512, nil
		}
	}
	return 0, &UnsupportedError{
		What: "a CA key " + keyName(public),
		Cure: "SAML peers verify RSA and EC signatures only: give a CA with RSA of 2048 bits or more, or EC P-256, P-384 or P-521",
	}
}

func samePublicKey(a, b any) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}
