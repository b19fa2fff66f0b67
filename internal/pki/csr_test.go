package pki

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The sample CSR of Okta's API reference is the one published request that
// Okta itself made.
func TestParseCSROfOkta(t *testing.T) {
	der, err := DecodePEM(string(read(t, "testdata", "okta-sample-csr.pem")), "CERTIFICATE REQUEST")
	wantError(t, err)
	csr, err := ParseCSR(der)
	wantError(t, err)
	if csr.Subject.CommonName != "SP Issuer" {
		t.Errorf("common name %q", csr.Subject.CommonName)
	}
	names, err := requestedNames(csr)
	wantError(t, err)
	if !slices.Equal(names, []string{"dev.okta.com"}) {
		t.Errorf("names %q", names)
	}
	// A CSR with the same fields must come out with the same subject bytes.
	ours, err := NewCSR(leafKey(), csr.Subject, names)
	wantError(t, err)
	again, err := ParseCSR(ours)
	wantError(t, err)
	if !bytes.Equal(again.RawSubject, csr.RawSubject) {
		t.Errorf("subject %x, Okta's %x", again.RawSubject, csr.RawSubject)
	}
}

func TestParseCSRRefuses(t *testing.T) {
	good := newCSR(t, "a.example.com")
	tampered := bytes.Clone(good)
	tampered[bytes.Index(tampered, []byte("app.saml"))] = 'b'
	badSignature := bytes.Clone(good)
	badSignature[len(badSignature)-1] ^= 1
	// The outer length, two octets, written with a leading zero octet.
	longLength := join([]byte{0x30, 0x83, 0x00}, good[2:])
	cases := []struct {
		name string
		der  []byte
		want []string
	}{
		{"good", good, nil},
		{"empty", nil, []string{"strict DER", "cut short"}},
		{"cut", good[:len(good)-1], []string{"strict DER", "cut short"}},
		{"trailing data", join(good, []byte{0}), []string{"strict DER", "1 bytes follow its end"}},
		{"BER length", longLength, []string{"strict DER", "shortest form"}},
		{"huge", make([]byte, maxCSR+1), []string{"more than 16384"}},
		{"no CSR", []byte{0x30, 0x00}, []string{"cannot be read"}},
		{"other subject", tampered, []string{"signature is not by its own key"}},
		{"bad signature", badSignature, []string{"signature is not by its own key"}},
		{"EC", bentCSR(t, &x509.CertificateRequest{}, newEC(t, elliptic.P256())), []string{"EC P-256", "not RSA"}},
		{"version 1", bytes.Replace(good, []byte{2, 1, 0, 0x30}, []byte{2, 1, 1, 0x30}, 1), []string{"version 1"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseCSR(c.der)
			wantError(t, err, c.want...)
		})
	}
}

func TestParseCSRKeySize(t *testing.T) {
	cases := []struct {
		bits uint
		e    int
		want string
	}{
		{2047, 65537, "2047 bits"}, {2048, 65537, ""}, {4096, 65537, ""}, {4097, 65537, "4097 bits"},
		{2048, 3, "exponent 3"}, {2048, 65539, "exponent 65539"},
	}
	for _, c := range cases {
		n := new(big.Int).Lsh(big.NewInt(1), c.bits-1)
		wantError(t, checkCSRKey(&x509.CertificateRequest{PublicKey: &rsa.PublicKey{N: n, E: c.e}}), c.want)
	}
}

// Requests that Go cannot make any more come from openssl.
func TestParseCSROfOpenSSL(t *testing.T) {
	dir := t.TempDir()
	openssl(t, dir, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "1024.pem")
	openssl(t, dir, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3", "-out", "e3.pem")
	write(t, filepath.Join(dir, "2048.pem"), string(pkcs8PEM(t, leafKey())))
	cases := []struct {
		key, hash string
		extra     []string
		want      []string
	}{
		{"2048.pem", "-sha256", nil, nil},
		{"2048.pem", "-sha384", nil, nil},
		{"2048.pem", "-sha512", nil, nil},
		{"2048.pem", "-sha256", []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"}, nil},
		{"2048.pem", "-sha256", []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:8"}, []string{"RSA-PSS with unusual parameters"}},
		{"2048.pem", "-sha1", nil, []string{"SHA-1", "SHA-256"}},
		{"2048.pem", "-md5", nil, []string{"MD5"}},
		{"2048.pem", "-sha224", nil, []string{"SHA-224"}},
		{"2048.pem", "-sha3-256", nil, []string{"2.16.840.1.101.3.4.3.14"}},
		{"1024.pem", "-sha256", nil, []string{"1024 bits"}},
		{"e3.pem", "-sha256", nil, []string{"exponent 3"}},
	}
	for _, c := range cases {
		t.Run(c.key+c.hash, func(t *testing.T) {
			args := append([]string{"req", "-new", "-subj", "/CN=x", "-key", c.key, c.hash, "-outform", "DER", "-out", "r.der"}, c.extra...)
			openssl(t, dir, args...)
			_, err := ParseCSR(read(t, dir, "r.der"))
			wantError(t, err, c.want...)
		})
	}
}

func TestNewCSRIsVerifiedByOpenSSL(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "r.pem"), CSRPEM(newCSR(t, "a.example.com", "*.b.example.com")))
	out := openssl(t, dir, "req", "-in", "r.pem", "-verify", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus")
	for _, want := range []string{"verify OK", "C=US,ST=California,L=San Francisco,O=Acme,OU=Dév,CN=app.saml.example.com", "DNS:a.example.com, DNS:*.b.example.com", "sha256WithRSAEncryption"} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl req does not say %q:\n%s", want, out)
		}
	}
}

func TestNewCSR(t *testing.T) {
	cases := []struct {
		name    string
		subject pkix.Name
		names   []string
		want    string
	}{
		{"no subject", pkix.Name{}, nil, ""},
		{"bad name", leafSubject, []string{"a b"}, `"a b" is no DNS name`},
		{"no UTF-8", pkix.Name{Country: []string{"\xff"}}, nil, "not UTF-8"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			der, err := NewCSR(leafKey(), c.subject, c.names)
			wantError(t, err, c.want)
			if c.want == "" {
				_, err = ParseCSR(der)
				wantError(t, err)
			}
		})
	}
}

func TestRequestedNames(t *testing.T) {
	san := func(names ...asn1.RawValue) *x509.CertificateRequest {
		value, err := asn1.Marshal(names)
		wantError(t, err)
		return &x509.CertificateRequest{ExtraExtensions: []pkix.Extension{{Id: oidSAN, Value: value}}}
	}
	name := func(tag int, text string) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: []byte(text)}
	}
	cases := []struct {
		template *x509.CertificateRequest
		want     string
	}{
		{&x509.CertificateRequest{DNSNames: []string{"a.example"}}, ""},
		{&x509.CertificateRequest{IPAddresses: []net.IP{{127, 0, 0, 1}}}, "IP address"},
		{&x509.CertificateRequest{EmailAddresses: []string{"a@example.com"}}, "e-mail address"},
		{san(name(6, "urn:x")), "URI"},
		{san(name(2, "a.example"), name(8, "\x2a\x03")), "registered id"},
		{san(name(2, "a.example\x00.evil")), "no DNS name"},
		{san(asn1.RawValue{Class: asn1.ClassUniversal, Tag: 22, Bytes: []byte("a.example")}), "unknown kind"},
	}
	for _, c := range cases {
		csr, err := x509.ParseCertificateRequest(bentCSR(t, c.template, leafKey()))
		wantError(t, err)
		_, err = requestedNames(csr)
		wantError(t, err, c.want)
	}
}

func TestGrantedNames(t *testing.T) {
	cases := []struct {
		requested, allowed, want string
		fault                    string
	}{
		{"", "", "", ""},
		{"a.x", "a.x", "a.x", ""},
		{"B.x a.X b.X", "A.x b.x", "B.x a.X", ""},
		{"a.x b.x", "a.x", "", `asks for the DNS name "b.x"`},
		{"a.x", "", "", `asks for the DNS name "a.x"`},
		{"a.x", "a.x b.x", "", `lists "b.x"`},
		{"a.x", "*.x", "", `asks for the DNS name "a.x"`},
		{"", "a_b.x", "", `dns_names: "a_b.x" is no DNS name`},
	}
	for _, c := range cases {
		got, err := grantedNames(strings.Fields(c.requested), strings.Fields(c.allowed))
		wantError(t, err, c.fault)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q and %q yield %q, want %q", c.requested, c.allowed, got, c.want)
		}
	}
}

func TestCheckDNSName(t *testing.T) {
	long := strings.Repeat("a", 63)
	good := []string{"localhost", "a.example.com", "*.example.com", "xn--bcher-kva.example", "1.2", "A-b.C", long + ".x"}
	bad := []string{"", "*", "a.*.com", "*a.com", ".a", "a.", "a..b", "-a.b", "a-.b", "a b", "a_b.c", "bücher.de", "a\x00.b", long + "a.x", strings.Repeat("a.", 126) + "aa"}
	for _, name := range good {
		wantError(t, checkDNSName(name))
	}
	for _, name := range bad {
		wantError(t, checkDNSName(name), "is no DNS name", "sso.example.com")
	}
}

func TestCheckDER(t *testing.T) {
	cases := []struct{ hex, want string }{
		{"3000", ""},
		{"0500", ""},
		{"0101ff", ""}, {"010100", ""}, {"010101", "boolean"}, {"01020000", "boolean"},
		{"020100", ""}, {"02020080", ""}, {"0202ff7f", ""}, {"02020001", "integer"}, {"0202ff80", "integer"}, {"0200", "integer"},
		{"030100", ""}, {"03020780", ""}, {"030207c0", "unused bits"}, {"03020880", "bit string"}, {"030101", "bit string"}, {"0300", "bit string"},
		{"0501ff", "null"},
		{"06032a0304", ""}, {"06032a8003", "object identifier"}, {"06022a83", "object identifier"}, {"0600", "object identifier"},
		{"3106020101020102", ""}, {"3106020102020101", "sorted"},
		{"2403040100", "constructed"},
		{"0000", "no value"}, {"1000", "no value"}, {"1100", "no value"},
		{"3080", "indefinite"}, {"30840000000100", "huge length"}, {"30820001ff", "shortest"}, {"30817f", "shortest"},
		{"1f2000", "above 30"}, {"30", "cut short"}, {"3001", "cut short"}, {"3082", "cut short"}, {"300101", "cut short"},
		{"300000", "follow its end"},
		{nested(33), "too deeply"}, {nested(32), ""},
	}
	for _, c := range cases {
		b, err := hex.DecodeString(c.hex)
		wantError(t, err)
		t.Run(c.hex, func(t *testing.T) { wantError(t, checkDER(b), c.want) })
	}
}

// nested is a sequence within n others, in hexadecimal.
func nested(n int) string {
	der := []byte{derSequence, 0}
	for range n {
		der = append([]byte{derSequence, byte(len(der))}, der...)
	}
	return hex.EncodeToString(der)
}

func FuzzParseCSR(f *testing.F) {
	sample, err := DecodePEM(string(read(f, "testdata", "okta-sample-csr.pem")), csrBlock)
	wantError(f, err)
	f.Add(sample)
	f.Add(newCSR(f, "a.example.com"))
	f.Add(newCSR(f))
	f.Fuzz(func(t *testing.T, der []byte) {
		csr, err := ParseCSR(der)
		if err != nil {
			return
		}
		if !bytes.Equal(csr.Raw, der) || checkDER(der) != nil {
			t.Fatal("accepted what is no strict DER")
		}
		if checkCSRKey(csr) != nil || csr.CheckSignature() != nil {
			t.Fatal("accepted a weak key or a false signature")
		}
	})
}

// Whatever passes the strict walk is one value for Go's parser as well.
func FuzzCheckDER(f *testing.F) {
	f.Add(newCSR(f, "a.example.com"))
	f.Add([]byte{0x30, 0x00})
	f.Fuzz(func(t *testing.T, der []byte) {
		if checkDER(der) != nil {
			return
		}
		var value asn1.RawValue
		if rest, err := asn1.Unmarshal(der, &value); err != nil || len(rest) > 0 {
			t.Fatalf("Go reads it otherwise: %v, %d bytes left", err, len(rest))
		}
	})
}
