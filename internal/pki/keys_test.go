package pki

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

const passphrase = "correct horse"

// keyForms are files that openssl writes: how, and the words of the refusal
// (none: read).
var keyForms = []struct {
	name string
	args string // IN is an RSA key, EC one on P-256; words are split at blanks
	want []string
}{
	{"PKCS#1", "rsa -in IN -traditional", nil},
	{"PKCS#8", "pkcs8 -topk8 -nocrypt -in IN", nil},
	{"SEC1", "ec -in EC", nil},
	{"EC PKCS#8", "pkcs8 -topk8 -nocrypt -in EC", nil},
	{"genpkey RSA", "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048", nil},
	{"genpkey P-384", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", nil},
	{"ecparam P-521, parameters first", "ecparam -name secp521r1 -genkey", nil},
	{"PBES2 by default", "pkcs8 -topk8 -in IN PASS", nil},
	{"PBES2 600000", "pkcs8 -topk8 -in IN -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 PASS", nil},
	{"PBES2 of EC", "pkcs8 -topk8 -in EC PASS", nil},
	{"genpkey -aes256", "genpkey -quiet -algorithm RSA -aes-256-cbc PASS2", nil},

	{"HMAC-SHA-1", "pkcs8 -topk8 -in IN -v2 aes-256-cbc -v2prf hmacWithSHA1 PASS", []string{"PBKDF2-HMAC-SHA-1", reencrypt}},
	{"HMAC-SHA-512", "pkcs8 -topk8 -in IN -v2 aes-256-cbc -v2prf hmacWithSHA512 PASS", []string{"PBKDF2-HMAC-SHA-512", reencrypt}},
	{"AES-128", "pkcs8 -topk8 -in IN -v2 aes-128-cbc PASS", []string{"AES-128-CBC", reencrypt}},
	{"AES-192", "pkcs8 -topk8 -in IN -v2 aes-192-cbc PASS", []string{"AES-192-CBC", reencrypt}},
	{"3DES", "pkcs8 -topk8 -in IN -v2 des3 PASS", []string{"3DES-CBC", reencrypt}},
	{"scrypt", "pkcs8 -topk8 -in IN -scrypt PASS", []string{"scrypt", reencrypt}},
	{"PKCS#12 3DES", "pkcs8 -topk8 -in IN -v1 PBE-SHA1-3DES PASS", []string{"(PKCS#12, SHA-1 with 3DES)", reencrypt}},
	{"PBES1", "pkcs8 -topk8 -in IN -v1 PBE-SHA1-DES -provider legacy -provider default PASS", []string{"PBES1", "-provider legacy", reencrypt}},
	{"old PEM", "rsa -in IN -traditional -aes256 PASS", []string{"Proc-Type: 4,ENCRYPTED", "AES-256-CBC", reencrypt}},
	{"old PEM of EC", "ec -in EC -aes128 PASS", []string{"Proc-Type: 4,ENCRYPTED", "AES-128-CBC", reencrypt}},

	{"Ed25519", "genpkey -algorithm ed25519", []string{"Ed25519", "RSA key or one on P-256"}},
	{"Ed448", "genpkey -algorithm ed448", []string{"Ed448"}},
	{"X25519", "genpkey -algorithm x25519", []string{"X25519"}},
	{"RSA-PSS", "genpkey -quiet -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", []string{"RSA-PSS"}},
	{"secp256k1", "ecparam -name secp256k1 -genkey -noout", []string{"curve secp256k1", "P-256"}},
	{"P-224", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224", []string{"curve P-224"}},
	{"explicit curve", "ecparam -name prime256v1 -genkey -noout -param_enc explicit", []string{"spells out its curve", "openssl ec -param_enc named_curve"}},
	{"public key", "pkey -in IN -pubout", []string{`"PUBLIC KEY"`, "give a private key"}},
}

func TestKeysOfOpenSSL(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "IN"), string(pkcs8PEM(t, caKey())))
	write(t, filepath.Join(dir, "EC"), string(pkcs8PEM(t, newEC(t, elliptic.P256()))))
	for _, form := range keyForms {
		t.Run(form.name, func(t *testing.T) {
			openssl(t, dir, opensslArgs(form.args+" -out k.pem")...)
			key, err := ParsePrivateKey(read(t, dir, "k.pem"), []byte(passphrase))
			wantError(t, err, form.want...)
			var unsupported *UnsupportedError
			if form.want != nil {
				if !errors.As(err, &unsupported) {
					t.Errorf("%T is no UnsupportedError", err)
				}
				convert(t, dir, form.name, unsupported)
				return
			}
			if strings.Contains(form.args, "-in IN") && !samePublicKey(key.Public(), &caKey().PublicKey) {
				t.Error("another key was read")
			}
		})
	}
}

// opensslArgs splits a command; the passphrase holds a blank and joins late.
func opensslArgs(line string) []string {
	var args []string
	for _, word := range strings.Fields(line) {
		switch word {
		case "PASS":
			args = append(args, "-passout", "pass:"+passphrase)
		case "PASS2":
			args = append(args, "-pass", "pass:"+passphrase)
		default:
			args = append(args, word)
		}
	}
	return args
}

// convert follows the cure of a refusal: what openssl writes then is read.
func convert(t *testing.T, dir, name string, refusal *UnsupportedError) {
	_, line, ok := strings.Cut(refusal.Cure, ": openssl ")
	if !ok {
		return
	}
	line, hint, legacy := strings.Cut(line, " (add ")
	line = strings.NewReplacer("KEY.pem", "k.pem", "NEW.pem", "new.pem").Replace(line)
	args := opensslArgs(line)
	if strings.HasPrefix(line, "pkcs8") {
		args = append(args, "-passin", "pass:"+passphrase, "-passout", "pass:"+passphrase)
	}
	if legacy {
		hint, _, _ = strings.Cut(hint, " if ")
		args = append(args, strings.Fields(hint)...)
	}
	openssl(t, dir, args...)
	_, err := ParsePrivateKey(read(t, dir, "new.pem"), []byte(passphrase))
	if err != nil {
		t.Errorf("after the cure for %s: %v", name, err)
	}
}

func encrypted(t testing.TB, key any, pass string, iterations int) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	wantError(t, err)
	text, err := encryptPKCS8(der, []byte(pass), iterations, rand.Reader)
	wantError(t, err)
	return []byte(text)
}

func TestParsePrivateKeyRefuses(t *testing.T) {
	plain := pkcs8PEM(t, caKey())
	locked := encrypted(t, caKey(), passphrase, 1000)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	wantError(t, err)
	block := func(kind, content string) []byte { return []byte(encodePEM(kind, []byte(content))) }
	cases := []struct {
		name string
		text []byte
		pass string
		want []string
		is   error
	}{
		{"plain", plain, "", nil, nil},
		{"plain with needless passphrase", plain, "x", nil, nil},
		{"encrypted", locked, passphrase, nil, nil},
		{"passphrase missing", locked, "", []string{"give its passphrase"}, ErrPassphraseNeeded},
		{"passphrase wrong", locked, "wrong", []string{"does not open"}, ErrWrongPassphrase},
		{"right passphrase, unsupported key", encrypted(t, ed, passphrase, 1000), passphrase, []string{"Ed25519"}, nil},
		{"two keys", join(plain, plain), "", []string{"several private keys"}, nil},
		{"OpenSSH", block("OPENSSH PRIVATE KEY", "x"), "", []string{"OpenSSH", "ssh-keygen -p -m PKCS8"}, nil},
		{"damaged PKCS#1", block("RSA PRIVATE KEY", "x"), "", []string{"damaged"}, nil},
		{"damaged SEC1", block("EC PRIVATE KEY", "x"), "", []string{"damaged"}, nil},
		{"damaged PKCS#8", block("PRIVATE KEY", "x"), "", []string{"damaged"}, nil},
		{"damaged encrypted", block("ENCRYPTED PRIVATE KEY", "x"), passphrase, []string{"damaged"}, nil},
		{"huge", bytes.Repeat([]byte("x"), maxKeyFile+1), "", []string{"more than 32768"}, nil},
		{"PKCS#12", []byte("\x30\x82\x00\x00"), "", []string{"openssl pkcs12"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParsePrivateKey(c.text, []byte(c.pass))
			wantError(t, err, c.want...)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
			if err != nil && c.pass != "" && strings.Contains(err.Error(), c.pass) {
				t.Errorf("the error tells the passphrase: %v", err)
			}
		})
	}
}

// Every wrong passphrase is told as such, also those that by chance leave
// good padding.
func TestWrongPassphraseAlwaysTold(t *testing.T) {
	locked := encrypted(t, newEC(t, elliptic.P256()), passphrase, 1)
	for i := range 2000 {
		wrong := big.NewInt(int64(i)).Text(36)
		if _, err := ParsePrivateKey(locked, []byte(wrong)); !errors.Is(err, ErrWrongPassphrase) {
			t.Fatalf("passphrase %q: %v", wrong, err)
		}
	}
}

// A file must not be able to keep the process busy for hours.
func TestKDFBounds(t *testing.T) {
	data := make([]byte, 32)
	cases := []struct {
		name       string
		salt, iv   int
		iterations int
		data       []byte
		want       string
	}{
		{"many iterations", 16, 16, maxIterations + 1, data, "10000001 iterations"},
		{"no iteration", 16, 16, 0, data, "0 iterations"},
		{"negative", 16, 16, -1, data, "-1 iterations"},
		{"no salt", 0, 16, 1, data, "salt of 0 bytes"},
		{"long salt", maxSalt + 1, 16, 1, data, "salt of 1025 bytes"},
		{"short vector", 16, 15, 1, data, "malformed parameters"},
		{"no data", 16, 16, 1, nil, "contradicts itself"},
		{"half a block", 16, 16, 1, data[:8], "contradicts itself"},
		{"all well, but zeros", 16, 16, 1, data, "passphrase does not open"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			der, err := marshalPBES2(make([]byte, c.salt), make([]byte, c.iv), c.iterations, c.data)
			wantError(t, err)
			_, err = ParsePrivateKey([]byte(encodePEM(encryptedBlock, der)), []byte(passphrase))
			wantError(t, err, c.want)
		})
	}
	wantError(t, readWithKeyLength(t, 16), "contradicts itself")
	wantError(t, readWithKeyLength(t, 32), "passphrase does not open")
}

// readWithKeyLength reads a key whose parameters state the key length.
func readWithKeyLength(t *testing.T, length int) error {
	der, err := marshalPBES2(make([]byte, 8), make([]byte, 16), 1, make([]byte, 32))
	wantError(t, err)
	var outer encryptedKey
	var params pbes2Params
	var kdf pbkdf2Params
	_, err = asn1.Unmarshal(der, &outer)
	wantError(t, err)
	_, err = asn1.Unmarshal(outer.Algorithm.Parameters.FullBytes, &params)
	wantError(t, err)
	_, err = asn1.Unmarshal(params.KDF.Parameters.FullBytes, &kdf)
	wantError(t, err)
	kdf.KeyLength = length
	marshal := func(v any) []byte {
		b, err := asn1.Marshal(v)
		wantError(t, err)
		return b
	}
	params.KDF.Parameters = asn1.RawValue{FullBytes: marshal(kdf)}
	outer.Algorithm.Parameters = asn1.RawValue{FullBytes: marshal(params)}
	_, err = ParsePrivateKey([]byte(encodePEM(encryptedBlock, marshal(outer))), []byte(passphrase))
	return err
}

func TestEncryptedKeyIsReadByOpenSSL(t *testing.T) {
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(caKey())
	wantError(t, err)
	text, err := encryptPKCS8(der, []byte(passphrase), sampleIterations, rand.Reader)
	wantError(t, err)
	key, err := ParsePrivateKey([]byte(text), []byte(passphrase))
	wantError(t, err)
	if !samePublicKey(key.Public(), &caKey().PublicKey) {
		t.Error("another key came back")
	}
	write(t, filepath.Join(dir, "k.pem"), text)
	openssl(t, dir, "pkcs8", "-in", "k.pem", "-passin", "pass:"+passphrase, "-out", "plain.pem")
	if !bytes.Equal(read(t, dir, "plain.pem"), pkcs8PEM(t, caKey())) {
		t.Error("openssl decrypts another key")
	}
	again, err := encryptPKCS8(der, []byte(passphrase), sampleIterations, rand.Reader)
	wantError(t, err)
	if again == text {
		t.Error("salt and vector repeat")
	}

	_, err = encryptPKCS8(der, nil, sampleIterations, rand.Reader)
	wantError(t, err, "without a passphrase")
	_, err = encryptPKCS8([]byte("x"), []byte(passphrase), sampleIterations, rand.Reader)
	wantError(t, err, "PKCS#8")
	_, err = encryptPKCS8(der, []byte(passphrase), 1, iotest.ErrReader(errors.New("dry")))
	wantError(t, err, "no randomness")
}

func FuzzParsePrivateKey(f *testing.F) {
	f.Add(pkcs8PEM(f, caKey()), []byte(nil))
	f.Add(encrypted(f, newEC(f, elliptic.P256()), "p", 2), []byte("p"))
	sec1, err := x509.MarshalECPrivateKey(newEC(f, elliptic.P384()))
	wantError(f, err)
	f.Add([]byte(encodePEM("EC PRIVATE KEY", sec1)), []byte(nil))
	f.Add([]byte(encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(caKey()))), []byte(nil))
	f.Fuzz(func(t *testing.T, text, pass []byte) {
		key, err := parsePrivateKey(text, pass, 1000)
		if err != nil {
			return
		}
		if _, err := signatureAlgorithm(key.Public()); err != nil {
			t.Fatalf("read a key that may not sign: %v", err)
		}
		if block, _ := pem.Decode(text); block == nil {
			t.Fatal("read a key from no PEM")
		}
	})
}
