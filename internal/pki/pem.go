package pki

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
)

// The PEM labels of RFC 7468 that rekey writes.
const (
	certificateBlock = "CERTIFICATE"
	csrBlock         = "CERTIFICATE REQUEST"
	encryptedBlock   = "ENCRYPTED PRIVATE KEY"
)

// CertificatePEM is the certificate der in PEM armour (RFC 7468), ending in a
// newline.
func CertificatePEM(der []byte) string { return encodePEM(certificateBlock, der) }

// CSRPEM is the certificate signing request der in PEM armour (RFC 7468),
// ending in a newline.
func CSRPEM(der []byte) string { return encodePEM(csrBlock, der) }

func encodePEM(blockType string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}))
}

// DecodePEM returns the content of the one PEM block in text, which must be
// of the type blockType, such as "CERTIFICATE" or "CERTIFICATE REQUEST" (for
// the latter the older label "NEW CERTIFICATE REQUEST" is read too).
// Explanatory text around the block is allowed, a second block is not.
func DecodePEM(text, blockType string) ([]byte, error) {
	blocks, err := pemBlocks([]byte(text))
	if err != nil {
		return nil, err
	}
	if len(blocks) != 1 {
		return nil, fmt.Errorf("expected one PEM block %q, found %d blocks; give exactly one", blockType, len(blocks))
	}
	if got := blocks[0].Type; got != blockType && !(blockType == csrBlock && got == "NEW "+csrBlock) {
		return nil, fmt.Errorf("expected a PEM block %q, found %q; give text that begins with -----BEGIN %s-----", blockType, got, blockType)
	}
	return blocks[0].Bytes, nil
}

// pemBlocks decodes every block of text. encoding/pem skips blocks that it
// cannot read, so the armour lines are counted as well: a damaged file is an
// error, never a shorter file.
func pemBlocks(text []byte) ([]*pem.Block, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // the mark of some editors would hide the first line
	var blocks []*pem.Block
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	begun := 0
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("-----BEGIN ")) {
			begun++
		}
	}
	switch {
	case begun != len(blocks):
		return nil, fmt.Errorf("of the %d PEM blocks begun only %d can be read; the file is damaged or cut, copy it again", begun, len(blocks))
	case len(blocks) == 0 && !isText(text):
		return nil, fmt.Errorf("there is no PEM block but binary data; convert DER with 'openssl x509 -inform DER' or 'openssl pkey -inform DER', and PKCS#12 with 'openssl pkcs12 -in FILE -out FILE.pem'")
	case len(blocks) == 0:
		return nil, fmt.Errorf("there is no PEM block; give a file that holds a line such as -----BEGIN %s-----", certificateBlock)
	}
	return blocks, nil
}

func isText(b []byte) bool {
	return !strings.ContainsFunc(string(b), func(r rune) bool {
		return r == '\uFFFD' || (r < ' ' && r != '\n' && r != '\r' && r != '\t')
	})
}

// Thumbprint is the JWK member x5t#S256 of a certificate: SHA-256 over its
// DER, base64url without padding (RFC 7517, section 4.9).
func Thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Fingerprint is SHA-256 over der in lower-case hexadecimal, the form in
// which the ledger and the export of certificates name a certificate.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
