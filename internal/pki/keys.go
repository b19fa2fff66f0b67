package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// maxKeyFile bounds a key file in bytes; RSA 16384 takes 13 KB.
const maxKeyFile = 32 << 10

var (
	// ErrPassphraseNeeded tells that a key is encrypted and no passphrase
	// was given.
	ErrPassphraseNeeded = errors.New("the private key is encrypted and no passphrase was given; give its passphrase")

	// ErrWrongPassphrase tells that a key did not open with the passphrase
	// given. A file damaged in its encrypted part looks the same.
	ErrWrongPassphrase = errors.New("the passphrase does not open the private key; check it, and that the file is not damaged")
)

// UnsupportedError tells that a file is in a form that rekey does not read.
type UnsupportedError struct {
	What string // the form by its name, such as "encryption with scrypt"
	Cure string // what to do; often the openssl command that converts it
}

func (e *UnsupportedError) Error() string { return e.What + " is not supported; " + e.Cure }

// reencrypt turns every encrypted form that openssl can read into the one
// that rekey reads.
const reencrypt = "convert the file: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in KEY.pem -out NEW.pem"

// ParsePrivateKey reads the one private key of a PEM file: PKCS#1 ("RSA
// PRIVATE KEY", RFC 8017), SEC1 ("EC PRIVATE KEY", RFC 5915) or PKCS#8
// ("PRIVATE KEY" and, with a passphrase, "ENCRYPTED PRIVATE KEY", RFC 5958).
// It is an RSA key of 2048 bits or more or one on P-256, P-384 or P-521. EC
// parameters and certificates in the file are passed over, and so is a
// passphrase that the key does not need. Errors: [ErrPassphraseNeeded],
// [ErrWrongPassphrase], [*UnsupportedError], or what is wrong with the file.
func ParsePrivateKey(keyPEM, passphrase []byte) (crypto.Signer, error) {
	return parsePrivateKey(keyPEM, passphrase, maxIterations)
}

func parsePrivateKey(keyPEM, passphrase []byte, iterations int) (crypto.Signer, error) {
	block, err := keyBlock(keyPEM)
	if err != nil {
		return nil, err
	}
	if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		cipher, _, _ := strings.Cut(block.Headers["DEK-Info"], ",")
		return nil, &UnsupportedError{What: fmt.Sprintf("the old PEM encryption (Proc-Type: 4,ENCRYPTED; DEK-Info: %.40q)", cipher), Cure: reencrypt}
	}
	der := block.Bytes
	switch block.Type {
	case "RSA PRIVATE KEY":
		return usableKey(x509.ParsePKCS1PrivateKey(der))
	case "EC PRIVATE KEY":
		if err := checkSEC1Curve(der); err != nil {
			return nil, err
		}
		return usableKey(x509.ParseECPrivateKey(der))
	case encryptedBlock:
		if der, err = decryptPKCS8(der, passphrase, iterations); err != nil {
			return nil, err
		}
	}
	return parsePKCS8(der)
}

// keyBlock finds the one private key among the file's blocks.
func keyBlock(text []byte) (*pem.Block, error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("the file has %d bytes, more than %d; give the PEM file of one private key", len(text), maxKeyFile)
	}
	blocks, err := pemBlocks(text)
	if err != nil {
		return nil, err
	}
	var found *pem.Block
	for _, block := range blocks {
		switch block.Type {
		case "EC PARAMETERS", certificateBlock:
			continue
		case "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", encryptedBlock:
		case "OPENSSH PRIVATE KEY":
			return nil, &UnsupportedError{What: "OpenSSH's key format", Cure: "convert a copy of the file: ssh-keygen -p -m PKCS8 -f COPY"}
		default:
			return nil, &UnsupportedError{What: fmt.Sprintf("a PEM block %.60q", block.Type), Cure: "give a private key of RSA or EC, as openssl genpkey writes it"}
		}
		if found != nil {
			return nil, errors.New("the file holds several private keys; give a file with the one that belongs to the certificate")
		}
		found = block
	}
	if found == nil {
		return nil, fmt.Errorf("the file holds %q and no private key; give the file of the private key", blocks[0].Type)
	}
	return found, nil
}

// usableKey holds a key that was parsed to the kinds that may sign.
func usableKey[K crypto.Signer](key K, err error) (crypto.Signer, error) {
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read; the file is damaged, restore it or export the key again: %w", err)
	}
	if _, err := signatureAlgorithm(key.Public()); err != nil {
		return nil, fmt.Errorf("the private key cannot be used: %w", err)
	}
	return key, nil
}

// pkcs8 is PrivateKeyInfo (RFC 5958), as far as it is looked at here.
type pkcs8 struct {
	Version   int
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
}

func parsePKCS8(der []byte) (crypto.Signer, error) {
	var info pkcs8
	// What may follow (attributes) is left to crypto/x509 to judge.
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("the private key cannot be read; the file is damaged, restore it or export the key again: %w", err)
	}
	switch oid := info.Algorithm.Algorithm.String(); oid {
	case "1.2.840.113549.1.1.1": // RSA
	case "1.2.840.10045.2.1": // EC
		if err := checkCurve(info.Algorithm.Parameters); err != nil {
			return nil, err
		}
	default:
		return nil, &UnsupportedError{What: "a private key of the kind " + algorithmName(oid), Cure: "give a CA with an RSA key or one on P-256, P-384 or P-521"}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	signer, ok := key.(crypto.Signer)
	if err == nil && !ok {
		err = errors.New("it cannot sign")
	}
	return usableKey(signer, err)
}

// checkSEC1Curve looks for the curve in an ECPrivateKey (RFC 5915), where it
// is optional only in name: without it nobody can tell what the key is.
func checkSEC1Curve(der []byte) error {
	var key struct {
		Version int
		Key     []byte
		Curve   asn1.RawValue `asn1:"optional"` // [0] around the curve, else absent or the public key
	}
	var curve asn1.RawValue
	_, err := asn1.Unmarshal(der, &key)
	if err == nil && key.Curve.Class == asn1.ClassContextSpecific && key.Curve.Tag == 0 {
		_, err = asn1.Unmarshal(key.Curve.Bytes, &curve)
	}
	if err != nil {
		return fmt.Errorf("the private key cannot be read; the file is damaged, restore it or export the key again: %w", err)
	}
	return checkCurve(curve)
}

func checkCurve(params asn1.RawValue) error {
	const cure = "give a CA with a key on P-256, P-384 or P-521, or with RSA"
	if params.Class == asn1.ClassUniversal && params.Tag == asn1.TagSequence {
		return &UnsupportedError{What: "an EC key that spells out its curve instead of naming it", Cure: "convert the file: openssl ec -param_enc named_curve -in KEY.pem -out NEW.pem"}
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(params.FullBytes, &curve); err != nil {
		return &UnsupportedError{What: "an EC key without the name of its curve", Cure: cure}
	}
	switch oid := curve.String(); oid {
	case "1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35":
		return nil
	default:
		return &UnsupportedError{What: "an EC key on the curve " + algorithmName(oid), Cure: cure}
	}
}

// algorithmName names what a user may meet in a key file; anything else
// appears by its object identifier.
func algorithmName(oid string) string {
	switch oid {
	case "1.2.840.113549.1.1.10":
		return "RSA-PSS"
	case "1.2.840.10040.4.1":
		return "DSA"
	case "1.2.840.113549.1.3.1":
		return "Diffie-Hellman"
	case "1.3.101.110":
		return "X25519"
	case "1.3.101.111":
		return "X448"
	case "1.3.101.112":
		return "Ed25519"
	case "1.3.101.113":
		return "Ed448"
	case "1.3.132.0.33":
		return "P-224"
	case "1.3.132.0.10":
		return "secp256k1"
	case "1.2.840.10045.3.1.1":
		return "P-192"
	case "1.3.36.3.3.2.8.1.1.7":
		return "brainpoolP256r1"
	case "1.3.36.3.3.2.8.1.1.11":
		return "brainpoolP384r1"
	case "1.3.36.3.3.2.8.1.1.13":
		return "brainpoolP512r1"
	}
	return oid
}

// keyName names the kind of a public or private key for messages.
func keyName(key any) string {
	if signer, ok := key.(crypto.Signer); ok {
		key = signer.Public()
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "of an unknown kind"
}
