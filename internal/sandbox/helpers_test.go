package sandbox

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
)

// testNow is the clock of the tests.
var testNow = time.Date(2026, 3, 14, 15, 9, 26, 535e6, time.UTC)

var (
	testApp    = okta.Owner{Kind: okta.App, ID: defaultApp}
	testTarget = okta.Owner{Kind: okta.App, ID: defaultTarget}
	testIdP    = okta.Owner{Kind: okta.IdP, ID: defaultIdP}
	otherIdP   = okta.Owner{Kind: okta.IdP, ID: "0oa62bc8wppPw0UGr0h7"}
)

var seeded = sync.OnceValues(func() (*Org, error) { return DefaultOrg(testNow) })

// testOrg is a default org of the test's own.
func testOrg(t testing.TB) *Org {
	t.Helper()
	o, err := seeded()
	if err != nil {
		t.Fatal(err)
	}
	return o.Clone()
}

// counter is a scheme of ids that no two calls share.
func counter() func(string) string {
	var n atomic.Int64
	return func(kind string) string { return fmt.Sprintf("%s-%d", kind, n.Add(1)) }
}

func testOptions() Options {
	return Options{Now: func() time.Time { return testNow }, Keys: new(Pool), IDs: counter()}
}

// caller sends requests to a handler over real HTTP.
type caller struct {
	t    testing.TB
	base string
	head http.Header
}

func serve(t testing.TB, h http.Handler) *caller {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &caller{t: t, base: srv.URL, head: http.Header{}}
}

// result is an answer with its body.
type result struct {
	status int
	header http.Header
	body   []byte
}

func (c *caller) do(method, path string, body any, headers ...string) result {
	c.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	case string:
		r = strings.NewReader(b)
	case okta.Object:
		r = bytes.NewReader(b.Encode())
	default:
		c.t.Fatalf("a body of the type %T", body)
	}
	req, err := http.NewRequest(method, c.base+path, r)
	if err != nil {
		c.t.Fatal(err)
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	for name, values := range c.head {
		req.Header[name] = values
	}
	return answerTo(c.t, req)
}

// answerTo sends a request and reads what it is answered.
func answerTo(t testing.TB, req *http.Request) result {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return result{resp.StatusCode, resp.Header, data}
}

// want is do with the status that must come.
func (c *caller) want(status int, method, path string, body any, headers ...string) result {
	c.t.Helper()
	r := c.do(method, path, body, headers...)
	if r.status != status {
		c.t.Fatalf("%s %s: status %d, want %d: %s", method, path, r.status, status, r.body)
	}
	return r
}

func (r result) object(t testing.TB) okta.Object {
	t.Helper()
	o, err := okta.DecodeObject(r.body)
	if err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return o
}

func (r result) key(t testing.TB) okta.Key {
	t.Helper()
	var k okta.Key
	if err := json.Unmarshal(r.body, &k); err != nil {
		t.Fatal(err)
	}
	return k
}

func (r result) keys(t testing.TB) []okta.Key {
	t.Helper()
	var k []okta.Key
	if err := json.Unmarshal(r.body, &k); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return k
}

func (r result) csr(t testing.TB) okta.CSR {
	t.Helper()
	var c okta.CSR
	if err := json.Unmarshal(r.body, &c); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return c
}

func (r result) objects(t testing.TB) []okta.Object {
	t.Helper()
	var raws []json.RawMessage
	if err := json.Unmarshal(r.body, &raws); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	var list []okta.Object
	for _, raw := range raws {
		o, err := okta.DecodeObject(raw)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	return list
}

// refused checks an error's form and that code and text are in it.
func (r result) refused(t testing.TB, status int, code, text string) {
	t.Helper()
	var b struct {
		Code    string                          `json:"errorCode"`
		Summary string                          `json:"errorSummary"`
		Link    string                          `json:"errorLink"`
		ID      string                          `json:"errorId"`
		Causes  []struct{ ErrorSummary string } `json:"errorCauses"`
	}
	if err := json.Unmarshal(r.body, &b); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	if r.status != status || b.Code != code || b.Link != code || b.ID == "" || b.Summary == "" || b.Causes == nil {
		t.Errorf("status %d, want %d with %s: %s", r.status, status, code, r.body)
	}
	if !strings.Contains(string(r.body), text) {
		t.Errorf("the error does not say %q: %s", text, r.body)
	}
}

// certify signs a certificate for a CSR with one of the embedded keys as CA.
func certify(t testing.TB, csr okta.CSR, validity time.Duration) []byte {
	t.Helper()
	ca, err := embeddedPair("org", 1)
	if err != nil {
		t.Fatal(err)
	}
	der, err := csr.DER()
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	start := testNow.Truncate(time.Second)
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(77), RawSubject: request.RawSubject, NotBefore: start, NotAfter: start.Add(validity)}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, issuer, request.PublicKey, ca)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

const days = 24 * time.Hour

func b64(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

// dump is the org as text.
func dump(t testing.TB, o *Org) string {
	t.Helper()
	var b bytes.Buffer
	if err := o.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
