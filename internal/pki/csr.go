package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

const (
	// maxCSR bounds a CSR's DER in bytes; a request with an RSA 4096 key and
	// a dozen names has about 2 KiB.
	maxCSR = 16 << 10

	minRSABits  = 2048
	maxRSABits  = 4096
	rsaExponent = 65537
)

// ParseCSR reads a PKCS#10 request (RFC 2986) and holds it to what rekey
// certifies: at most 16 KiB of strict DER, an RSA key of 2048 to 4096 bits
// with the exponent 65537 (Okta makes no other), a hash of SHA-256 or better,
// and a signature by the request's own key. Names and extensions are not
// judged here; [Issuer.Issue] does that against what its caller asked for.
func ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	if len(der) > maxCSR {
		return nil, fmt.Errorf("the CSR has %d bytes, more than %d; revoke it and create one with fewer names", len(der), maxCSR)
	}
	if err := checkDER(der); err != nil {
		return nil, fmt.Errorf("the CSR is no strict DER: %w; fetch it again, and if it stays so revoke it and create another", err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("the CSR cannot be read; fetch it again, and if it stays so revoke it and create another: %w", err)
	}
	if csr.Version != 0 {
		return nil, fmt.Errorf("the CSR has version %d, not 0 (RFC 2986); revoke it and create another", csr.Version)
	}
	if err := checkCSRKey(csr); err != nil {
		return nil, err
	}
	if err := checkCSRHash(csr); err != nil {
		return nil, err
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, errors.New("the CSR's signature is not by its own key; revoke it and create another")
	}
	return csr, nil
}

func checkCSRKey(csr *x509.CertificateRequest) error {
	key, ok := csr.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return fmt.Errorf("the CSR's key is %s, not RSA; Okta signs SAML with RSA alone, so create the CSR at Okta", keyName(csr.PublicKey))
	case key.N.BitLen() < minRSABits || key.N.BitLen() > maxRSABits:
		return fmt.Errorf("the CSR's RSA key has %d bits; rekey certifies %d to %d, so revoke it and create another", key.N.BitLen(), minRSABits, maxRSABits)
	case key.E != rsaExponent:
		return fmt.Errorf("the CSR's RSA key has the exponent %d, not %d; revoke it and create another", key.E, rsaExponent)
	}
	return nil
}

func checkCSRHash(csr *x509.CertificateRequest) error {
	good := []x509.SignatureAlgorithm{
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	}
	if slices.Contains(good, csr.SignatureAlgorithm) {
		return nil
	}
	return fmt.Errorf("the CSR is signed with %s; only SHA-256, SHA-384 and SHA-512 with RSA are accepted, so revoke it and create another", signatureName(csr))
}

// signatureName names a refused algorithm; those that Go does not know appear
// by the object identifier, which a user can look up.
func signatureName(csr *x509.CertificateRequest) string {
	switch csr.SignatureAlgorithm {
	case x509.SHA1WithRSA:
		return "SHA-1 with RSA"
	case x509.MD5WithRSA:
		return "MD5 with RSA"
	case x509.MD2WithRSA:
		return "MD2 with RSA"
	case x509.UnknownSignatureAlgorithm:
	default:
		return csr.SignatureAlgorithm.String()
	}
	var outer struct {
		Request   asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(csr.Raw, &outer); err != nil {
		return "an unknown algorithm"
	}
	oid := outer.Algorithm.Algorithm.String()
	switch oid {
	case "1.2.840.113549.1.1.2":
		return "MD2 with RSA"
	case "1.2.840.113549.1.1.10":
		return "RSA-PSS with unusual parameters"
	case "1.2.840.113549.1.1.14":
		return "SHA-224 with RSA"
	}
	return "the algorithm " + oid
}

// NewCSR makes a PKCS#10 request over key, signed with SHA-256, as Okta's
// CSR endpoint answers it: subject in the order C, ST, L, O, OU, CN, the DNS
// names as subjectAltName when there are any. Fields of subject that are
// empty are left out; Okta requires none.
func NewCSR(key *rsa.PrivateKey, subject pkix.Name, dnsNames []string) ([]byte, error) {
	raw, err := subjectDER(subject)
	if err != nil {
		return nil, err
	}
	for _, name := range dnsNames {
		if err := checkDNSName(name); err != nil {
			return nil, err
		}
	}
	template := &x509.CertificateRequest{
		RawSubject:         raw,
		DNSNames:           dnsNames,
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key) // PKCS#1 v1.5 takes no randomness
	if err != nil {
		return nil, fmt.Errorf("the CSR cannot be made; check its subject and DNS names: %w", err)
	}
	return der, nil
}
