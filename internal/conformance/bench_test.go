package conformance

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

const (
	token = "conformance-token"
	day   = 24 * time.Hour
)

// now is what the clock of most sandboxes shows.
var now = time.Date(2026, 3, 14, 15, 9, 26, 535e6, time.UTC)

// bench is a sandbox of its own with both ways to talk to it.
type bench struct {
	*testing.T
	judge  *judge
	org    *sandbox.Org
	base   string
	now    func() time.Time
	signIn signIn
	client *okta.Client // its requests are judged too
	raw    *http.Client // sends what our client would not
}

var pool sandbox.Pool

// setup is what one bench has unlike others. The zero value is an org whose
// clock stands still, and a client with an API token.
type setup struct {
	signIn signIn // of the client; the API token is taken as well
	faults []string
	ticks  bool // its clock is the machine's, by which programs and the SDK go
	// program sends requests from a process of its own: the judge stands before
	// the server for it.
	program *sender
}

func newBench(t *testing.T, j *judge, s setup) *bench {
	t.Helper()
	b := &bench{T: t, judge: j, now: func() time.Time { return now }, signIn: cmp.Or(s.signIn, ssws)}
	if s.ticks {
		b.now = time.Now
	}
	b.org = must(sandbox.DefaultOrg(b.now()))(b)
	opt := sandbox.Options{Now: b.now, Keys: &pool, Token: token, Auth: b.signIn.app(must(clientKey())(b))}
	for _, text := range s.faults {
		opt.Faults = append(opt.Faults, must(sandbox.ParseFault(text))(b))
	}
	var handler http.Handler = sandbox.New(b.org, opt)
	if s.program != nil {
		handler = j.stand(handler, s.program)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	b.base = srv.URL
	wire := srv.Client().Transport
	config := okta.Config{
		OrgURL: srv.URL, HTTP: j.watch(wire, newSender(ourClient, b.signIn)),
		Now: opt.Now, Sleep: func(context.Context, time.Duration) error { return nil },
	}
	b.signIn.configure(b, &config)
	b.client = must(okta.New(config))(b)
	b.raw = &http.Client{Transport: j.watch(wire, newSender("", b.signIn))}
	return b
}

// do sends a request past the client, with the token and, if there is a body,
// as JSON, unless a header says otherwise (an empty value takes it away). The
// answer must have the status.
func (b *bench) do(status int, method, path, body string, headers ...string) []byte {
	b.Helper()
	var r io.Reader
	if body != "" {
		r = bytes.NewReader([]byte(body))
	}
	req, err := http.NewRequestWithContext(b.Context(), method, b.base+path, r)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "SSWS "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	a, err := b.raw.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	if err != nil {
		b.Fatal(err)
	}
	if a.StatusCode != status {
		b.Errorf("%s %s: status %d, want %d: %s", method, path, a.StatusCode, status, got)
	}
	return got
}

// must stops the test at an error.
func must[T any](v T, err error) func(*bench) T {
	return func(b *bench) T {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
}

// kind is what differs between the scenes for apps and those for IdPs.
type kind struct {
	owner, target okta.Owner
	clone         string   // the query that names a clone's target
	required      []string // members without which a PUT is refused
	path          string   // of the list
}

func kinds(b *bench) []kind {
	b.Helper()
	id := func(input string) string {
		v, ok := b.org.Default(input)
		if !ok {
			b.Fatalf("the sandbox has no default for %s", input)
		}
		return v
	}
	idp := okta.Owner{Kind: okta.IdP, ID: id("idp")}
	other := okta.Owner{}
	for _, o := range b.org.Owners() {
		if object, _ := b.org.Object(o); o.Kind == okta.IdP && o != idp && object.Text("/type") == "SAML2" {
			other = o
		}
	}
	return []kind{
		{okta.Owner{Kind: okta.App, ID: id("app")}, okta.Owner{Kind: okta.App, ID: id("target")}, "targetAid", []string{"label", "signOnMode"}, apps},
		{idp, other, "targetIdpId", []string{"name", "type", "protocol"}, idps},
	}
}

// ca signs with a key of its own.
var ca = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })

// certify is a certificate for a CSR's key.
func (b *bench) certify(csr okta.CSR, validity time.Duration) []byte {
	b.Helper()
	request := must(x509.ParseCertificateRequest(must(csr.DER())(b)))(b)
	start := b.now().Truncate(time.Second)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(77), RawSubject: request.RawSubject, NotBefore: start, NotAfter: start.Add(validity)}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Conformance CA"}}
	return must(x509.CreateCertificate(rand.Reader, leaf, issuer, request.PublicKey, must(ca())(b)))(b)
}

// forms are the five in which a certificate may be published.
func forms(der []byte) []okta.CertificateBody {
	text := []byte(base64.StdEncoding.EncodeToString(der))
	return []okta.CertificateBody{
		{ContentType: okta.TypeDER, Body: der},
		{ContentType: okta.TypeDER, TransferEncoding: okta.Base64, Body: text},
		{ContentType: okta.TypeCER, Body: der},
		{ContentType: okta.TypeCER, TransferEncoding: okta.Base64, Body: text},
		{ContentType: okta.TypePEM, Body: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})},
	}
}
