package pki

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxIterations bounds what a file may make this process compute: some
	// seconds. openssl writes 2048 by default, careful people 600,000.
	maxIterations = 10_000_000

	saltBytes = 16
	maxSalt   = 1024
	keyBytes  = 32 // AES-256
)

// The algorithms of PBES2 that are read and written (RFC 8018, appendix A and
// B; AES: NIST).
var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

type encryptedKey struct { // EncryptedPrivateKeyInfo, RFC 5958
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	KDF    pkix.AlgorithmIdentifier
	Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"` // absent: HMAC-SHA-1
}

// decryptPKCS8 opens an EncryptedPrivateKeyInfo. The form is judged before
// the passphrase, so that nobody is asked for one that cannot help.
func decryptPKCS8(der, passphrase []byte, iterations int) ([]byte, error) {
	var outer encryptedKey
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		return nil, errors.New("the encrypted private key cannot be read; the file is damaged, restore it or export the key again")
	}
	kdf, iv, err := parsePBES2(outer.Algorithm)
	if err != nil {
		return nil, err
	}
	switch {
	case kdf.Iterations < 1 || kdf.Iterations > iterations:
		return nil, &UnsupportedError{What: fmt.Sprintf("PBKDF2 with %d iterations (1 to %d are allowed)", kdf.Iterations, iterations), Cure: reencrypt}
	case len(kdf.Salt) == 0 || len(kdf.Salt) > maxSalt:
		return nil, &UnsupportedError{What: fmt.Sprintf("PBKDF2 with a salt of %d bytes (1 to %d are allowed)", len(kdf.Salt), maxSalt), Cure: reencrypt}
	case kdf.KeyLength != 0 && kdf.KeyLength != keyBytes, len(outer.Data) == 0, len(outer.Data)%aes.BlockSize != 0:
		return nil, errors.New("the encrypted private key contradicts itself in its lengths; the file is damaged, restore it or export the key again")
	case len(passphrase) == 0:
		return nil, ErrPassphraseNeeded
	}
	block, err := deriveCipher(passphrase, kdf.Salt, kdf.Iterations)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(outer.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, outer.Data)
	plain, ok := unpad(plain)
	// By chance a wrong passphrase leaves good padding, once in 256 times;
	// what it leaves is no PrivateKeyInfo then.
	if rest, err := asn1.Unmarshal(plain, new(pkcs8)); !ok || err != nil || len(rest) > 0 {
		return nil, ErrWrongPassphrase
	}
	return plain, nil
}

// parsePBES2 accepts one combination and names the part that differs.
func parsePBES2(scheme pkix.AlgorithmIdentifier) (kdf pbkdf2Params, iv []byte, err error) {
	unsupported := func(what string) (pbkdf2Params, []byte, error) {
		cure := reencrypt
		if strings.HasPrefix(what, oldScheme) {
			cure += " (add -provider legacy -provider default if openssl refuses)"
		}
		return pbkdf2Params{}, nil, &UnsupportedError{What: "encryption with " + what, Cure: cure}
	}
	damaged := errors.New("the encrypted private key has malformed parameters; the file is damaged, restore it or export the key again")
	if !scheme.Algorithm.Equal(oidPBES2) {
		return unsupported(encryptionName(scheme.Algorithm.String()))
	}
	var params pbes2Params
	if rest, err := asn1.Unmarshal(scheme.Parameters.FullBytes, &params); err != nil || len(rest) > 0 {
		return kdf, nil, damaged
	}
	if !params.KDF.Algorithm.Equal(oidPBKDF2) {
		return unsupported(encryptionName(params.KDF.Algorithm.String()))
	}
	if rest, err := asn1.Unmarshal(params.KDF.Parameters.FullBytes, &kdf); err != nil || len(rest) > 0 {
		return kdf, nil, damaged
	}
	if len(kdf.PRF.Algorithm) == 0 {
		return unsupported("PBKDF2-HMAC-SHA-1")
	}
	if !kdf.PRF.Algorithm.Equal(oidHMACSHA256) {
		return unsupported("PBKDF2-" + encryptionName(kdf.PRF.Algorithm.String()))
	}
	if !params.Cipher.Algorithm.Equal(oidAES256CBC) {
		return unsupported(encryptionName(params.Cipher.Algorithm.String()))
	}
	if rest, err := asn1.Unmarshal(params.Cipher.Parameters.FullBytes, &iv); err != nil || len(rest) > 0 || len(iv) != aes.BlockSize {
		return kdf, nil, damaged
	}
	return kdf, iv, nil
}

// oldScheme begins the names of schemes older than PBES2, some of which
// OpenSSL 3 reads only with its legacy provider.
const oldScheme = "an old scheme "

// encryptionName names the schemes, derivations and ciphers that openssl and
// Java write; anything else appears by its object identifier.
func encryptionName(oid string) string {
	switch oid {
	case "1.2.840.113549.1.5.1", "1.2.840.113549.1.5.3", "1.2.840.113549.1.5.4",
		"1.2.840.113549.1.5.6", "1.2.840.113549.1.5.10", "1.2.840.113549.1.5.11":
		return oldScheme + "(PBES1 with DES or RC2)"
	case "1.2.840.113549.1.12.1.1", "1.2.840.113549.1.12.1.2", "1.2.840.113549.1.12.1.5", "1.2.840.113549.1.12.1.6":
		return oldScheme + "(PKCS#12, SHA-1 with RC2 or RC4)"
	case "1.2.840.113549.1.12.1.3", "1.2.840.113549.1.12.1.4":
		return oldScheme + "(PKCS#12, SHA-1 with 3DES)"
	case "1.3.6.1.4.1.11591.4.11":
		return "scrypt"
	case "1.2.840.113549.2.7":
		return "HMAC-SHA-1"
	case "1.2.840.113549.2.8":
		return "HMAC-SHA-224"
	case "1.2.840.113549.2.10":
		return "HMAC-SHA-384"
	case "1.2.840.113549.2.11":
		return "HMAC-SHA-512"
	case "1.3.14.3.2.7":
		return "DES-CBC"
	case "1.2.840.113549.3.7":
		return "3DES-CBC"
	case "2.16.840.1.101.3.4.1.2":
		return "AES-128-CBC"
	case "2.16.840.1.101.3.4.1.22":
		return "AES-192-CBC"
	case "2.16.840.1.101.3.4.1.46":
		return "AES-256-GCM"
	}
	return "the algorithm " + oid
}

func deriveCipher(passphrase, salt []byte, iterations int) (cipher.Block, error) {
	key, err := pbkdf2.Key(sha256.New, string(passphrase), salt, iterations, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("the key cannot be derived from the passphrase; check this system's cryptographic policy: %w", err)
	}
	return aes.NewCipher(key)
}

// unpad takes off the padding of RFC 8018, section 6.1.1: n octets of value n.
func unpad(plain []byte) ([]byte, bool) {
	n := int(plain[len(plain)-1])
	if n == 0 || n > aes.BlockSize {
		return nil, false
	}
	body, padding := plain[:len(plain)-n], plain[len(plain)-n:]
	return body, bytes.Equal(padding, bytes.Repeat([]byte{byte(n)}, n))
}

// encryptPKCS8 encrypts der, a PKCS#8 PrivateKeyInfo, with PBES2
// (PBKDF2-HMAC-SHA-256, AES-256-CBC; RFC 8018) and returns it in PEM armour.
// [ParsePrivateKey] and openssl read it.
func encryptPKCS8(der, passphrase []byte, iterations int, random io.Reader) (string, error) {
	if len(passphrase) == 0 {
		return "", errors.New("a private key is not encrypted without a passphrase; give one")
	}
	if rest, err := asn1.Unmarshal(der, new(pkcs8)); err != nil || len(rest) > 0 {
		return "", errors.New("only a PKCS#8 private key is encrypted; give its DER")
	}
	salted := make([]byte, saltBytes+aes.BlockSize)
	if _, err := io.ReadFull(random, salted); err != nil {
		return "", fmt.Errorf("no randomness for the encryption; check the system's random source: %w", err)
	}
	salt, iv := salted[:saltBytes], salted[saltBytes:]
	block, err := deriveCipher(passphrase, salt, iterations)
	if err != nil {
		return "", err
	}
	n := aes.BlockSize - len(der)%aes.BlockSize
	data := append(bytes.Clone(der), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	outer, err := marshalPBES2(salt, iv, iterations, data)
	if err != nil {
		return "", fmt.Errorf("the encrypted private key cannot be encoded: %w", err)
	}
	return encodePEM(encryptedBlock, outer), nil
}

func marshalPBES2(salt, iv []byte, iterations int, data []byte) ([]byte, error) {
	kdf, err := asn1.Marshal(pbkdf2Params{
		Salt: salt, Iterations: iterations,
		PRF: pkix.AlgorithmIdentifier{Algorithm: oidHMACSHA256, Parameters: asn1.NullRawValue},
	})
	if err != nil {
		return nil, err
	}
	ivDER, err := asn1.Marshal(iv)
	if err != nil {
		return nil, err
	}
	params, err := asn1.Marshal(pbes2Params{
		KDF:    pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: kdf}},
		Cipher: pkix.AlgorithmIdentifier{Algorithm: oidAES256CBC, Parameters: asn1.RawValue{FullBytes: ivDER}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(encryptedKey{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: params}},
		Data:      data,
	})
}
