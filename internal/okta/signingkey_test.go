package okta

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// rsaKey is made once: it takes its time.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func pemOf(t testing.TB, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pemOf(t, "PRIVATE KEY", der, err)
}

func jwk(t testing.TB, key any, change func(map[string]any)) string {
	t.Helper()
	data, err := jose.JSONWebKey{Key: key, KeyID: "of-jwk"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]any{}
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(members)
	}
	data, _ = json.MarshalIndent(members, "", "  ")
	return string(data)
}

func curveKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signs checks that the key signs for its algorithm what its public half verifies.
func signs(t *testing.T, k *SigningKey, algorithm string) {
	t.Helper()
	signer, err := k.signer("a-kid")
	if err != nil {
		t.Fatal(err)
	}
	text, err := sign(signer, map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	claims, header, err := jws(text, "JWT", k.key().Public(), jose.SignatureAlgorithm(algorithm))
	if err != nil || claims["a"] != "b" || header.KeyID != "a-kid" {
		t.Errorf("%v %v, %v", claims, header, err)
	}
}

func TestParseSigningKey(t *testing.T) {
	p256 := curveKey(t, elliptic.P256())
	sec1, err := x509.MarshalECPrivateKey(p256)
	ec := pemOf(t, "EC PRIVATE KEY", sec1, err)
	pkcs1 := pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()), nil)
	certificate := pemOf(t, "CERTIFICATE", []byte("x"), nil)
	for _, tt := range []struct{ name, text, algorithm, kind, kid string }{
		{"PKCS#1", pkcs1, "RS256", "RSA 2048", ""},
		{"PKCS#8 RSA", pkcs8(t, rsaKey()), "RS256", "RSA 2048", ""},
		{"PKCS#8 EC", pkcs8(t, p256), "ES256", "EC P-256", ""},
		{"SEC 1", ec, "ES256", "EC P-256", ""},
		{"P-384", pkcs8(t, curveKey(t, elliptic.P384())), "ES384", "EC P-384", ""},
		{"P-521", pkcs8(t, curveKey(t, elliptic.P521())), "ES512", "EC P-521", ""},
		{"after its parameters", "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + ec, "ES256", "EC P-256", ""},
		{"beside a certificate", certificate + pkcs1, "RS256", "RSA 2048", ""},
		{"in one line", strings.ReplaceAll(pkcs1, "\n", `\n`), "RS256", "RSA 2048", ""},
		{"in one line of DOS", strings.ReplaceAll(pkcs1, "\n", `\r\n`), "RS256", "RSA 2048", ""},
		{"with DOS line ends and a mark", "\ufeff\r\n" + strings.ReplaceAll(pkcs1, "\n", "\r\n"), "RS256", "RSA 2048", ""},
		{"JWK RSA", jwk(t, rsaKey(), nil), "RS256", "RSA 2048", "of-jwk"},
		{"JWK of RS512", jwk(t, rsaKey(), func(m map[string]any) { m["alg"], m["use"] = "RS512", "sig" }), "RS512", "RSA 2048", "of-jwk"},
		{"JWK without what can be computed", jwk(t, rsaKey(), func(m map[string]any) { delete(m, "dp"); delete(m, "dq"); delete(m, "qi"); delete(m, "kid") }), "RS256", "RSA 2048", ""},
		{"JWK EC", jwk(t, p256, nil), "ES256", "EC P-256", "of-jwk"},
		{"JWK P-521", jwk(t, curveKey(t, elliptic.P521()), func(m map[string]any) { m["alg"] = "ES512" }), "ES512", "EC P-521", "of-jwk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := ParseSigningKey([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if k.Kind() != tt.kind || k.KeyID() != tt.kid || string(k.algorithm) != tt.algorithm {
				t.Errorf("%s, kid %q, %s", k.Kind(), k.KeyID(), k.algorithm)
			}
			signs(t, k, tt.algorithm)
		})
	}
}

func TestParseSigningKeyRefuses(t *testing.T) {
	p256 := curveKey(t, elliptic.P256())
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	public, err := x509.MarshalPKIXPublicKey(p256.Public())
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()), nil)
	short := shortKey(t)
	other, err := curveKey(t, elliptic.P256()).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(map[string]any) {
		return func(m map[string]any) {
			if m[name] = value; value == nil {
				delete(m, name)
			}
		}
	}
	for _, tt := range []struct{ name, text, problem, cure string }{
		{"nothing", " \n", "is empty", "PEM or JWK"},
		{"a file name", "/home/me/key.pem", "neither PEM nor a JWK", "-----BEGIN"},
		{"DER", string(x509.MarshalPKCS1PrivateKey(rsaKey())), "DER", "openssl pkey"},
		{"public PEM", pemOf(t, "PUBLIC KEY", public, nil), "public key", "the private key that belongs to it"},
		{"public PKCS#1", pemOf(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey), nil), "public key", "the private key"},
		{"a certificate", pemOf(t, "CERTIFICATE", []byte("x"), nil), "certificate", "the private key"},
		{"a CSR", pemOf(t, "CERTIFICATE REQUEST", []byte("x"), nil), "certificate request", "the private key"},
		{"something", pemOf(t, "DH PARAMETERS", []byte("x"), nil), "no private key", "PRIVATE KEY"},
		{"encrypted PKCS#8", pemOf(t, "ENCRYPTED PRIVATE KEY", []byte("x"), nil), "encrypted", "openssl pkey"},
		{"encrypted PKCS#1", strings.Replace(pkcs1, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1), "encrypted", "openssl pkey"},
		{"of OpenSSH", pemOf(t, "OPENSSH PRIVATE KEY", []byte("x"), nil), "OpenSSH", "ssh-keygen"},
		{"of DSA", pemOf(t, "DSA PRIVATE KEY", []byte("x"), nil), "cannot sign", "RSA key of 2048"},
		{"Ed25519", pkcs8(t, ed), "cannot sign", "P-256"},
		{"P-224", pkcs8(t, curveKey(t, elliptic.P224())), "P-224", "P-256, P-384 or P-521"},
		{"short", pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short), nil), "1024 bits", "2048 bits"},
		{"two", pkcs1 + pkcs8(t, p256), "more than one", "registered"},
		{"cut", pkcs1[:len(pkcs1)/2], "cut or mangled", "line ends"},
		{"cut inside", pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())[:400], nil), "damaged", "once more"},
		{"line ends gone", strings.ReplaceAll(pkcs1, "\n", " "), "cut or mangled", "line ends"},
		{"a JWK that is cut", jwk(t, p256, nil)[:60], "no JSON", "once more"},
		{"a JWK set", `{"keys": [` + jwk(t, p256, nil) + `]}`, "JWK set", "one private key"},
		{"a list", `[` + jwk(t, p256, nil) + `]`, "a list", "one private JWK"},
		{"a public JWK", jwk(t, p256.Public(), nil), "public key", "with a d"},
		{"a shared secret", jwk(t, []byte(secretToken), nil), "shared secret", "RSA"},
		{"a JWK of Ed25519", jwk(t, ed, nil), "cannot sign", "RSA"},
		{"no JWK", `{"type": "service_account", "private_key": "` + secretToken + `"}`, "no kty", "PEM"},
		{"an odd kty", jwk(t, p256, set("kty", 5)), "kty is no text", "once more"},
		{"a JWK to encrypt with", jwk(t, rsaKey(), set("use", "enc")), "another use", "sig"},
		{"a JWK of another alg", jwk(t, rsaKey(), set("alg", "PS256")), "PS256", "RS256"},
		{"a JWK of another curve's alg", jwk(t, p256, set("alg", "ES384")), "ES384", "ES256"},
		{"a JWK on another curve", jwk(t, p256, set("crv", "secp256k1")), "curve", "P-256"},
		{"a JWK without primes", jwk(t, rsaKey(), set("p", nil)), "incomplete", "p and q"},
		{"a JWK of two keys", jwk(t, rsaKey(), set("n", base64.RawURLEncoding.EncodeToString(short.N.Bytes()))), "damaged", "once more"},
		{"an EC JWK of two keys", jwk(t, p256, set("d", base64.RawURLEncoding.EncodeToString(other))), "damaged", "once more"},
		{"a short JWK", jwk(t, short, nil), "1024 bits", "2048 bits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseSigningKey([]byte(tt.text))
			var s *SettingsError
			if !errors.As(err, &s) || s.Setting != SettingPrivateKey {
				t.Fatal(err)
			}
			if !strings.Contains(s.Problem, tt.problem) || !strings.Contains(s.Cure, tt.cure) {
				t.Errorf("%q lacks %q, or %q", err, tt.problem, tt.cure)
			}
			for _, word := range strings.FieldsFunc(tt.text, func(r rune) bool { return strings.ContainsRune("\n\r \" ", r) }) {
				if len(word) > 20 && strings.Contains(err.Error(), word) {
					t.Errorf("the text shows: %v", err)
				}
			}
		})
	}
}

// shortKey is of 1024 bits, which Go would not make by itself.
func shortKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func FuzzParseSigningKey(f *testing.F) {
	f.Add([]byte(jwk(f, aKey(), nil)))
	f.Add([]byte(pkcs8(f, aKey())))
	f.Add([]byte(`{"kty":"RSA","d":"AQAB","n":"AA","e":"AQAB"}`))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseSigningKey(text)
		var s *SettingsError
		switch {
		case err == nil:
			if _, err := k.signer(""); err != nil {
				t.Fatalf("a key that does not sign: %v", err)
			}
		case !errors.As(err, &s) || s.Problem == "" || s.Cure == "":
			t.Fatalf("%v", err)
		}
	})
}

// TestKeysOfOpenSSL has openssl make the keys, in each form that it writes.
func TestKeysOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is missing")
		}
		t.Skip("openssl is missing")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa8")
	run("pkey", "-in", "rsa8", "-traditional", "-out", "rsa1")
	run("pkey", "-in", "rsa8", "-aes128", "-passout", "pass:x", "-out", "locked8")
	run("pkey", "-in", "rsa8", "-traditional", "-aes128", "-passout", "pass:x", "-out", "locked1")
	run("pkey", "-in", "rsa8", "-pubout", "-out", "public")
	run("pkey", "-in", "rsa8", "-outform", "DER", "-out", "der")
	run("req", "-x509", "-new", "-key", "rsa8", "-subj", "/CN=x", "-out", "certificate")
	run("req", "-new", "-key", "rsa8", "-subj", "/CN=x", "-out", "request")
	run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "short")
	run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512", "-out", "tiny")
	run("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "pss")
	run("genpkey", "-algorithm", "ED25519", "-out", "ed")
	for _, curve := range []string{"prime256v1", "secp384r1", "secp521r1", "secp256k1"} {
		run("ecparam", "-name", curve, "-genkey", "-out", curve)
		run("pkey", "-in", curve, "-out", curve+"-8")
	}
	for _, tt := range []struct{ file, algorithm, problem string }{
		{"rsa8", "RS256", ""}, {"rsa1", "RS256", ""},
		{"prime256v1", "ES256", ""}, {"prime256v1-8", "ES256", ""},
		{"secp384r1", "ES384", ""}, {"secp384r1-8", "ES384", ""},
		{"secp521r1", "ES512", ""}, {"secp521r1-8", "ES512", ""},
		{"secp256k1", "", "curve"}, {"secp256k1-8", "", "curve"},
		{"locked8", "", "encrypted"}, {"locked1", "", "encrypted"}, {"public", "", "public key"}, {"der", "", "DER"},
		{"certificate", "", "certificate"}, {"request", "", "certificate request"},
		{"short", "", "1024 bits"}, {"tiny", "", "too short"}, {"pss", "", "cannot sign"}, {"ed", "", "cannot sign"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParseSigningKey(text)
		switch {
		case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
			t.Errorf("%s: %v", tt.file, err)
		case tt.problem == "" && err != nil:
			t.Errorf("%s: %v", tt.file, err)
		case err == nil && string(k.algorithm) != tt.algorithm:
			t.Errorf("%s: %s", tt.file, k.algorithm)
		case err == nil:
			judge(t, run, dir, tt.file, k)
		}
	}
}

// judge has openssl verify what the key signed.
func judge(t *testing.T, run func(...string), dir, file string, k *SigningKey) {
	t.Helper()
	signer, err := k.signer("kid")
	if err != nil {
		t.Fatal(err)
	}
	text, err := sign(signer, 1)
	if err != nil {
		t.Fatal(err)
	}
	dot := strings.LastIndexByte(text, '.')
	signature, err := base64.RawURLEncoding.DecodeString(text[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	if ec, ok := k.key().(*ecdsa.PrivateKey); ok { // JWS joins r and s, openssl reads them as ASN.1
		signature = joined(t, signature, (ec.Params().BitSize+7)/8)
	}
	for name, data := range map[string][]byte{"signed": []byte(text[:dot]), "signature": signature} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("pkey", "-in", file, "-pubout", "-out", "its-public")
	run("dgst", "-sha"+string(k.algorithm[2:]), "-verify", "its-public", "-signature", "signature", "signed")
}

// joined is the ASN.1 form of an ECDSA signature.
func joined(t *testing.T, signature []byte, size int) []byte {
	t.Helper()
	if len(signature) != 2*size {
		t.Fatalf("a signature of %d bytes", len(signature))
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestPrintingShowsNoKey(t *testing.T) {
	pair, err := aKey().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secret := new(big.Int).SetBytes(pair)
	key, err := ParseSigningKey([]byte(pkcs8(t, aKey())))
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthority(t, true)
	app := a.app()
	app.Key = key
	c := a.client(app, nil)
	if err := read(c); err != nil {
		t.Fatal(err)
	}
	cfg := Config{OrgURL: a.URL, OAuth: app}
	for _, v := range []any{key, *key, app, cfg, &cfg, c, *c, app.sessions[0], struct{ k *SigningKey }{key}, struct{ k SigningKey }{*key}, struct{ o *OAuth }{app}, []any{cfg}} {
		noSecret(t, v)
		data, _ := json.Marshal(v)
		text := string(data) + strings.ToLower(fmt.Sprintf("%v %+v %#v %s %d %x %X", v, v, v, v, v, v, v))
		if strings.Contains(text, secret.String()) || strings.Contains(text, hex.EncodeToString(pair)) || strings.Contains(text, fmt.Sprint(secret.Bits())) {
			t.Errorf("the key shows in %T: %s", v, text)
		}
	}
	if got := fmt.Sprintf("%v", key); got != "okta.SigningKey(EC P-256)" {
		t.Error(got)
	}
}
