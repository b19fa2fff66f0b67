package okta

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// SigningKey is the private key with which a service app proves who it is.
// Printing one shows its kind alone.
type SigningKey struct {
	key       func() crypto.Signer // a function, so that no way of printing reaches it
	algorithm jose.SignatureAlgorithm
	kind      string // "RSA 2048", "EC P-256"
	kid       string // of a JWK
}

// Format keeps every verb of fmt from printing the key.
func (k *SigningKey) Format(s fmt.State, _ rune) {
	if k == nil {
		io.WriteString(s, "okta.SigningKey(nil)")
		return
	}
	io.WriteString(s, "okta.SigningKey("+k.kind+")")
}

// Kind is what the key is, as "RSA 2048" or "EC P-256".
func (k *SigningKey) Kind() string { return k.kind }

// KeyID is the kid that a JWK brings; "" for PEM.
func (k *SigningKey) KeyID() string { return k.kid }

// minRSA is the least RSA modulus that signs, in bits (RFC 7518, section 3.3).
const minRSA = 2048

// keyFault says what is wrong with the text of a private key.
func keyFault(problem, cure string) error {
	return &SettingsError{Setting: SettingPrivateKey, Problem: problem, Cure: cure}
}

// ParseSigningKey reads a private key: PEM (PKCS#1, PKCS#8 or SEC 1) or a JWK
// (RFC 7517); RSA of 2048 bits or more, which signs with RS256 unless the alg
// of a JWK names RS384 or RS512, or EC on the curve P-256, P-384 or P-521,
// which signs with ES256, ES384 or ES512. The line ends of PEM in one line may
// be written as \n. An error is a *[SettingsError] and shows nothing of the text.
func ParseSigningKey(text []byte) (*SigningKey, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return nil, keyFault("is empty", "give the private key of the service app as PEM or JWK")
	case text[0] == '{':
		return parseJWK(text)
	case text[0] == '[':
		return nil, keyFault("holds a list", "give one private JWK alone, from { to }")
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return parsePEM(text)
	case text[0] == 0x30: // a sequence, as every key in DER is
		return nil, keyFault("holds DER or bare base64", "give it as PEM (openssl pkey -inform DER -in FILE) or as a JWK")
	}
	return nil, keyFault("holds neither PEM nor a JWK", `give the text from "-----BEGIN" to the end of "-----END …-----", or a JWK from { to }`)
}

// parsePEM takes the one private key out of a PEM text; a certificate beside it
// is of no account.
func parsePEM(text []byte) (*SigningKey, error) {
	if !bytes.ContainsRune(text, '\n') {
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`\r`), nil), []byte(`\n`), []byte("\n"))
	}
	var found *pem.Block
	var others []string
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		switch {
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
			others = append(others, block.Type)
		case found != nil:
			return nil, keyFault("holds more than one private key", "give the one that is registered with the service app")
		default:
			found = block
		}
	}
	if found == nil {
		return nil, noPrivateKey(others)
	}
	if strings.Contains(found.Headers["Proc-Type"], "ENCRYPTED") || found.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, keyFault("is encrypted", "give it without a passphrase (openssl pkey -in FILE), from a file or a command that only you can read")
	}
	return parseBlock(found)
}

// noPrivateKey says what a PEM text holds instead.
func noPrivateKey(types []string) error {
	const cure = "give the private key that belongs to it: the public one alone is registered with Okta"
	for _, t := range types {
		switch {
		case strings.HasSuffix(t, "PUBLIC KEY"):
			return keyFault("holds a public key", cure)
		case strings.HasSuffix(t, "CERTIFICATE"):
			return keyFault("holds a certificate", cure)
		case strings.HasSuffix(t, "REQUEST"):
			return keyFault("holds a certificate request", cure)
		}
	}
	if len(types) > 0 {
		return keyFault("holds no private key", "give the PEM block that ends with PRIVATE KEY-----")
	}
	return keyFault("holds PEM that is cut or mangled", `copy it once more, from "-----BEGIN" to the end of "-----END …-----", with its line ends (or \n for each)`)
}

func parseBlock(block *pem.Block) (*SigningKey, error) {
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "OPENSSH PRIVATE KEY":
		return nil, keyFault("is in OpenSSH's own form", "convert a copy of it (ssh-keygen -p -m PEM -f COPY), or make a key for the service app in the admin console")
	default:
		return nil, keyFault("is of a kind that cannot sign here", onlyKinds)
	}
	switch {
	case err == nil:
		return newSigningKey(key, "", "")
	case strings.Contains(err.Error(), "elliptic curve"):
		return nil, keyFault("is on a curve that Okta does not take", onlyKinds)
	case strings.Contains(err.Error(), "unknown algorithm"):
		return nil, keyFault("is of a kind that cannot sign here", onlyKinds)
	case strings.Contains(err.Error(), "key size"), strings.Contains(err.Error(), "too small"):
		return nil, tooShort("fewer than 1024")
	}
	return nil, damaged()
}

func damaged() error {
	return keyFault("holds a damaged key", "copy it once more, or make a new key pair for the service app")
}

const onlyKinds = "use an RSA key of 2048 bits or more, or an EC key on P-256, P-384 or P-521"

func tooShort(bits string) error {
	return keyFault("is too short: RSA of "+bits+" bits", "make a new key pair for the service app, of 2048 bits or more")
}

// parseJWK reads one private key. The members are looked at first, so that the
// fault can be named; the library's errors are not shown, for they may quote.
func parseJWK(text []byte) (*SigningKey, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil, keyFault("begins like a JWK and is no JSON", "copy it once more, from { to }, in quotes that keep its own")
	}
	var kty, alg, use, kid string
	for name, into := range map[string]*string{"kty": &kty, "alg": &alg, "use": &use, "kid": &kid} {
		if raw, ok := members[name]; ok && json.Unmarshal(raw, into) != nil {
			return nil, keyFault("is a JWK whose "+name+" is no text", "copy it once more")
		}
	}
	switch {
	case members["keys"] != nil:
		return nil, keyFault("holds a JWK set", "give one private key of it alone, from { to }")
	case kty == "":
		return nil, keyFault("is JSON and no JWK: it has no kty", "give the private key as Okta shows it in JSON, or as PEM")
	case kty == "oct":
		return nil, keyFault("holds a shared secret", "give a private key: "+onlyKinds)
	case kty != "RSA" && kty != "EC":
		return nil, keyFault("is of a kind that cannot sign here", onlyKinds)
	case members["d"] == nil:
		return nil, keyFault("holds a public key", "give the private JWK, the one with a d: Okta shows it once, when the key is made")
	case use != "" && use != "sig":
		return nil, keyFault("is a key for another use than signing", `give one whose use is "sig"`)
	}
	var crv string
	if json.Unmarshal(members["crv"], &crv) == nil && !slices.Contains([]string{"P-256", "P-384", "P-521"}, crv) {
		return nil, keyFault("is on a curve that Okta does not take", onlyKinds)
	}
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(text); err != nil || !key.Valid() {
		cure := "copy it once more"
		if members["p"] == nil && kty == "RSA" {
			cure = "give it with its primes p and q, or as PEM"
		}
		return nil, keyFault("is a damaged or incomplete JWK", cure)
	}
	return newSigningKey(key.Key, kid, alg)
}

// newSigningKey decides how a key signs (RFC 7518, section 3.1).
func newSigningKey(key any, kid, alg string) (*SigningKey, error) {
	k := &SigningKey{kid: kid}
	may := []jose.SignatureAlgorithm{}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < minRSA {
			return nil, tooShort(fmt.Sprint(key.N.BitLen()))
		}
		if key.Validate() != nil {
			return nil, damaged()
		}
		k.key, k.kind = func() crypto.Signer { return key }, fmt.Sprint("RSA ", key.N.BitLen())
		may = append(may, jose.RS256, jose.RS384, jose.RS512)
	case *ecdsa.PrivateKey:
		by := map[string]jose.SignatureAlgorithm{"P-256": jose.ES256, "P-384": jose.ES384, "P-521": jose.ES512}
		curve := key.Curve.Params().Name
		if by[curve] == "" {
			return nil, keyFault("is on the curve "+curve+", which Okta does not take", onlyKinds)
		}
		if !belongs(key) {
			return nil, damaged()
		}
		k.key, k.kind = func() crypto.Signer { return key }, "EC "+curve
		may = append(may, by[curve])
	default:
		return nil, keyFault("is of a kind that cannot sign here", onlyKinds)
	}
	k.algorithm = may[0]
	if alg != "" {
		k.algorithm = jose.SignatureAlgorithm(alg)
	}
	if !slices.Contains(may, k.algorithm) {
		return nil, keyFault("is a JWK whose alg is "+quote(alg), fmt.Sprintf("a key of %s signs with %s: leave alg away, or register one with that alg", k.kind, may[0]))
	}
	return k, nil
}

// belongs reports whether the public half of a key is its own.
func belongs(key *ecdsa.PrivateKey) bool {
	private, err := key.ECDH()
	if err != nil {
		return false
	}
	public, err := key.PublicKey.ECDH()
	return err == nil && private.PublicKey().Equal(public)
}

// signer signs JWTs that name the key by kid, if there is one.
func (k *SigningKey) signer(kid string) (jose.Signer, error) {
	key := jose.SigningKey{Algorithm: k.algorithm, Key: jose.JSONWebKey{Key: k.key(), KeyID: kid}}
	return jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
}
