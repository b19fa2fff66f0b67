package sandbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// clock is a clock that the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

const (
	testClient = "0oaTestServiceApp0h7"
	formType   = "application/x-www-form-urlencoded"
	allScopes  = "okta.apps.read okta.apps.manage okta.idps.read okta.idps.manage"
)

// m are members of a JWT's header or payload; nil stands for none.
type m = map[string]any

// edit changes the header and the payload of a JWT before it is signed.
type edit func(head, claims m)

// pairOf is one of the embedded key pairs.
func pairOf(t testing.TB, n int) *rsa.PrivateKey {
	t.Helper()
	pair, err := embeddedPair("org", n)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func ecPair(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	pair, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// signJWT signs a JWT with go-jose, or makes one that go-jose would not.
func signJWT(t testing.TB, alg jose.SignatureAlgorithm, key any, head, claims m) string {
	t.Helper()
	for name, v := range claims {
		if v == nil {
			delete(claims, name)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	if alg == "none" {
		head["alg"] = alg
		h, _ := json.Marshal(head)
		return base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	}
	opt := &jose.SignerOptions{}
	for name, v := range head {
		if v != nil {
			opt.WithHeader(jose.HeaderKey(name), v)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opt)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// appClient is a client of a sandbox that has a service app.
type appClient struct {
	*caller
	*clock
	server *Server
	alg    jose.SignatureAlgorithm
	key    any // signs assertions
	kid    string
	prover any // signs proofs, with ES256
	jtis   atomic.Int64
}

// newAppClient serves an org with a service app of an RSA key, the kid k1.
func newAppClient(t testing.TB, app ServiceApp, change ...func(*Options)) *appClient {
	t.Helper()
	pair := pairOf(t, 1)
	c := &appClient{clock: &clock{at: testNow}, alg: jose.RS256, key: pair, kid: "k1", prover: ecPair(t, elliptic.P256())}
	app.ClientID = testClient
	if app.Keys == nil {
		app.Keys = []jose.JSONWebKey{{Key: &pair.PublicKey, KeyID: c.kid}}
	}
	opt := testOptions()
	opt.Now, opt.Auth = c.now, &app
	for _, f := range change {
		f(&opt)
	}
	c.server = New(testOrg(t), opt)
	c.caller = serve(t, c.server)
	return c
}

func (c *appClient) jti() string { return fmt.Sprintf("jti-%d", c.jtis.Add(1)) }

func (c *appClient) assertion(edits ...edit) string {
	c.t.Helper()
	now := c.now().Unix()
	head := m{"kid": c.kid}
	claims := m{"iss": testClient, "sub": testClient, "aud": c.base + tokenPath, "iat": now, "exp": now + 300, "jti": c.jti()}
	for _, e := range edits {
		e(head, claims)
	}
	return signJWT(c.t, c.alg, c.key, head, claims)
}

func publicOf(key any) any {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return &k.PublicKey
	case *ecdsa.PrivateKey:
		return &k.PublicKey
	}
	return nil
}

// proof is a DPoP proof with the nonce that is current, and with ath if there
// is a token.
func (c *appClient) proof(method, path, token string, edits ...edit) string {
	c.t.Helper()
	head := m{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: publicOf(c.prover)}}
	path, _, _ = strings.Cut(path, "?")
	claims := m{"htm": method, "htu": c.base + path, "iat": c.now().Unix(), "jti": c.jti(), "nonce": c.server.auth.currentNonce()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for _, e := range edits {
		e(head, claims)
	}
	return signJWT(c.t, jose.ES256, c.prover, head, claims)
}

func (c *appClient) form(scope string, edits ...edit) url.Values {
	c.t.Helper()
	return url.Values{
		"grant_type": {"client_credentials"}, "scope": {scope}, "client_assertion_type": {assertionType},
		"client_assertion": {c.assertion(edits...)},
	}
}

// post asks for a token.
func (c *appClient) post(form url.Values, headers ...string) result {
	c.t.Helper()
	return c.do("POST", tokenPath, form.Encode(), append([]string{"Content-Type", formType}, headers...)...)
}

// granted is an answer of the token endpoint.
type granted struct {
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Token   string `json:"access_token"`
	Scope   string `json:"scope"`
}

func (r result) granted(t testing.TB) granted {
	t.Helper()
	var g granted
	if err := json.Unmarshal(r.body, &g); err != nil || r.status != http.StatusOK || g.Token == "" {
		t.Fatalf("status %d, %v: %s", r.status, err, r.body)
	}
	return g
}

// token signs in.
func (c *appClient) token(scope string) string {
	c.t.Helper()
	var headers []string
	if c.server.auth.app.DPoP {
		headers = []string{"DPoP", c.proof("POST", tokenPath, "")}
	}
	return c.post(c.form(scope), headers...).granted(c.t).Token
}

// call calls the API as it should be called.
func (c *appClient) call(method, path, token string) result {
	c.t.Helper()
	if c.server.auth.app.DPoP {
		return c.do(method, path, nil, "Authorization", "DPoP "+token, "DPoP", c.proof(method, path, token))
	}
	return c.do(method, path, nil, "Authorization", "Bearer "+token)
}

// oauthRefused checks a refusal of the token endpoint, and that its
// description is in the characters that RFC 6749 allows.
func (r result) oauthRefused(t testing.TB, status int, code, text string) {
	t.Helper()
	var b map[string]string
	if err := json.Unmarshal(r.body, &b); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	description := b["error_description"]
	if r.status != status || b["error"] != code || len(b) != 2 || !strings.Contains(description, text) {
		t.Errorf("status %d, want %d %s %q: %s", r.status, status, code, text, r.body)
	}
	for _, c := range description {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			t.Errorf("the description has %q: %s", c, description)
		}
	}
	r.oauthHeaders(t)
}

func (r result) oauthHeaders(t testing.TB) {
	t.Helper()
	if h := r.header; h.Get("X-Okta-Request-Id") == "" || h.Get("Date") == "" || !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Pragma") != "no-cache" {
		t.Errorf("the headers are %v", h)
	}
}

// secretless checks that an answer quotes no JWT.
func (r result) secretless(t testing.TB, jwts ...string) {
	t.Helper()
	all := append([]byte(fmt.Sprint(r.header)), r.body...)
	for _, text := range jwts {
		if part := text[strings.LastIndexByte(text, '.')+1:]; len(part) > 8 && bytes.Contains(all, []byte(part)) {
			t.Errorf("the answer holds a signature: %s", r.body)
		}
	}
}

// twice sends a request with two headers of a name.
func (c *appClient) twice(method, path, body, name, one, two string, headers ...string) result {
	c.t.Helper()
	req, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Header.Add(name, one)
	req.Header.Add(name, two)
	return answerTo(c.t, req)
}
