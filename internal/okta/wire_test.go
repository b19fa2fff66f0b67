package okta

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

func TestOwner(t *testing.T) {
	for _, tt := range []struct {
		o          Owner
		text, path string
	}{
		{Owner{App, "0oa8ae1t5yev2ajDs0h7"}, "app/0oa8ae1t5yev2ajDs0h7", "/api/v1/apps/0oa8ae1t5yev2ajDs0h7"},
		{Owner{IdP, "-oa1"}, "idp/-oa1", "/api/v1/idps/-oa1"},
		{Owner{App, "a?b#c%d"}, "app/a?b#c%d", "/api/v1/apps/a%3Fb%23c%25d"},
	} {
		if got := tt.o.String(); got != tt.text {
			t.Errorf("String = %q, want %q", got, tt.text)
		}
		if got := tt.o.Path(); got != tt.path {
			t.Errorf("Path = %q, want %q", got, tt.path)
		}
		if back, err := ParseOwner(tt.text); err != nil || back != tt.o {
			t.Errorf("ParseOwner(%q) = %v, %v", tt.text, back, err)
		}
	}
	for _, s := range []string{"", "app", "app/", "apps/0oa", "app/.", "idp/..", "app/a/b", "app/a b", "app/a\x00", "app/\u202e", "idp/a\\b", "app/" + strings.Repeat("x", 600)} {
		if o, err := ParseOwner(s); err == nil {
			t.Errorf("ParseOwner(%q) = %v, want an error", s, o)
		}
	}
}

// The first key of Okta's guide "Share application key credentials for IdPs
// across Apps"; its thumbprint is the guide's too.
func TestKeyOfTheGuide(t *testing.T) {
	data, err := os.ReadFile("testdata/guide-key.json")
	if err != nil {
		t.Fatal(err)
	}
	var k Key
	if err := json.Unmarshal(data, &k); err != nil {
		t.Fatal(err)
	}
	if !strings.ContainsAny(k.X5c[0], "\n ") {
		t.Fatal("the guide's certificate is wrapped; the test's is not")
	}
	der, err := k.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	if got := base64.RawURLEncoding.EncodeToString(sum[:]); got != k.X5tS256 {
		t.Errorf("thumbprint %s, the guide says %s", got, k.X5tS256)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if exp, err := ParseTime(k.ExpiresAt); err != nil || !exp.Equal(cert.NotAfter) {
		t.Errorf("expires %v (%v), the certificate %v", exp, err, cert.NotAfter)
	}
}

func TestKeyDecoding(t *testing.T) {
	const text = ` {"kid": "k<1>", "n": 123456789012345678901234567890, "x5c": null, "use":null,
		"KID": "other", "x5t#S256": "th", "key_ops": ["sign"], "_links": {"self": {}}, "new": 1.50} `
	var k Key
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		t.Fatal(err)
	}
	if k.Kid != "k<1>" || k.N != "123456789012345678901234567890" || k.Use != "" || k.X5tS256 != "th" || len(k.KeyOps) != 1 {
		t.Errorf("decoded %+v", k)
	}
	want := `{"kid":"k<1>","n":123456789012345678901234567890,"x5c":null,"use":null,"KID":"other","x5t#S256":"th","key_ops":["sign"],"_links":{"self":{}},"new":1.50}`
	if string(k.Raw) != want {
		t.Errorf("Raw = %s\nwant  %s", k.Raw, want)
	}
	for _, bad := range []string{`null`, `[]`, `"k"`, `{"kid":true}`, `{"kid":{}}`, `{"x5c":"a"}`, `{"x5c":[1]}`, `{`} {
		var k Key
		if err := json.Unmarshal([]byte(bad), &k); err == nil {
			t.Errorf("%s was taken for a key", bad)
		}
	}
}

func TestKeyAsJSON(t *testing.T) {
	data, err := json.Marshal(Key{Kid: "a", X5tS256: "b", X5c: []string{"c"}, ExpiresAt: "d"})
	if want := `{"kid":"a","x5c":["c"],"x5t#S256":"b","expiresAt":"d"}`; err != nil || string(data) != want {
		t.Errorf("%s, %v; want %s", data, err, want)
	}
	data, err = json.Marshal(CSRRequest{Subject: Subject{CommonName: "x"}})
	if want := `{"subject":{"commonName":"x"}}`; err != nil || string(data) != want {
		t.Errorf("%s, %v; want %s", data, err, want)
	}
}

func TestBase64Faults(t *testing.T) {
	for _, k := range []Key{{}, {X5c: []string{""}}, {X5c: []string{"_-"}}, {X5c: []string{"YQ"}}} {
		if der, err := k.Certificate(); err == nil {
			t.Errorf("%v: certificate %x", k.X5c, der)
		}
	}
	for _, c := range []CSR{{}, {CSR: " \n"}, {CSR: "-----BEGIN"}} {
		if der, err := c.DER(); err == nil {
			t.Errorf("%q: DER %x", c.CSR, der)
		}
	}
	if der, err := (CSR{CSR: " Y W\r\nI=\t"}).DER(); err != nil || string(der) != "ab" {
		t.Errorf("wrapped: %q, %v", der, err)
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2017, 3, 15, 0, 3, 43, 0, time.UTC)
	if got := FormatTime(at.In(time.FixedZone("x", 3600))); got != "2017-03-15T00:03:43.000Z" {
		t.Errorf("FormatTime = %s", got)
	}
	for _, s := range []string{"2017-03-15T00:03:43.000Z", "2017-03-15T00:03:43Z", "2017-03-15T01:03:43+01:00"} {
		if got, err := ParseTime(s); err != nil || !got.Equal(at) || got.Location() != time.UTC {
			t.Errorf("ParseTime(%s) = %v, %v", s, got, err)
		}
	}
	if _, err := ParseTime("yesterday\n"); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("ParseTime: %v", err)
	}
}

func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"kid":"a","x5c":["YWI="],"n":1}`))
	f.Add([]byte(`{"_links":null,"key_ops":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var k Key
		if json.Unmarshal(data, &k) != nil {
			return
		}
		_, _ = k.Certificate()
		var again Key
		if err := json.Unmarshal(k.Raw, &again); err != nil {
			t.Fatalf("Raw %q is no key: %v", k.Raw, err)
		}
		if again.Kid != k.Kid || string(again.Raw) != string(k.Raw) {
			t.Fatalf("Raw %q changed to %q", k.Raw, again.Raw)
		}
	})
}
