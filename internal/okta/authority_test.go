package okta

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// authority is an org for service apps that takes nothing on trust: its
// authorization server and an API of one key. What it finds wrong in a request
// beyond what it was told to refuse fails the test.
type authority struct {
	*httptest.Server
	t   testing.TB
	mu  sync.Mutex
	now time.Time // the org's clock

	dpop       bool
	life       int      // of tokens, in seconds; 0: an hour
	granted    []string // nil: whatever is asked for
	kid        string
	public     any
	tokenNonce string                                         // wanted in proofs; "": none
	apiNonce   string                                         // likewise
	token      func(http.ResponseWriter, map[string]any) bool // may answer a good request in another way
	api        func(http.ResponseWriter, *http.Request) bool  // likewise
	between    func()                                         // called before a token is given

	seen     map[string]bool   // jti of assertions and proofs
	live     map[string]string // tokens, and the thumbprints that they are bound to
	issued   []string
	requests []string // in order, as "POST /oauth2/v1/token 200"
	proofs   int
}

func newAuthority(t testing.TB, dpop bool) *authority {
	t.Helper()
	a := &authority{t: t, dpop: dpop, now: day, kid: "key-1", seen: map[string]bool{}, live: map[string]string{}}
	if dpop {
		a.tokenNonce = "nonce-1"
	}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

// aKey signs the assertions of all tests that do not care which key does.
var aKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

func strangersKey(t testing.TB) any {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

func (a *authority) app(scopes ...string) *OAuth {
	a.t.Helper()
	if a.public == nil {
		a.public = aKey().Public()
	}
	key, err := newSigningKey(aKey(), "", "")
	if err != nil {
		a.t.Fatal(err)
	}
	if scopes == nil {
		scopes = []string{"okta.apps.manage", "okta.apps.read"}
	}
	return &OAuth{ClientID: "0oaSERVICE", Key: key, KeyID: "key-1", Scopes: scopes}
}

// client makes one whose clock is the org's, unless adjust says otherwise.
func (a *authority) client(app *OAuth, adjust func(*Config)) *Client {
	a.t.Helper()
	cfg := Config{OrgURL: a.URL, OAuth: app, Now: a.clock, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, Timeout: time.Hour}
	if adjust != nil {
		adjust(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *authority) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

func (a *authority) passes(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

// log is what was asked since the last call, and how it was answered.
func (a *authority) log() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := strings.Join(a.requests, "\n")
	a.requests = nil
	return text
}

type noted struct {
	http.ResponseWriter
	status int
}

func (n *noted) WriteHeader(status int) { n.status = status; n.ResponseWriter.WriteHeader(status) }

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	between := a.between
	a.mu.Unlock()
	if between != nil && r.URL.Path == tokenPath {
		between()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out := &noted{w, 200}
	w.Header().Set("Date", a.now.UTC().Format(http.TimeFormat))
	w.Header().Set("X-Okta-Request-Id", fmt.Sprint("req-", len(a.requests)+1))
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == tokenPath {
		a.answerToken(out, r)
	} else {
		a.answerAPI(out, r)
	}
	a.requests = append(a.requests, fmt.Sprint(r.Method, " ", r.URL.Path, " ", out.status))
}

func refuseOAuth(w http.ResponseWriter, status int, code, text string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": text})
}

// jws verifies a JWT with the key, or with the one in its header.
func jws(text, typ string, key any, algorithms ...jose.SignatureAlgorithm) (map[string]any, jose.Header, error) {
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return nil, jose.Header{}, err
	}
	header := signed.Signatures[0].Protected
	if got := header.ExtraHeaders[jose.HeaderType]; got != typ {
		return nil, header, fmt.Errorf("typ %v", got)
	}
	if key == nil {
		if header.JSONWebKey == nil || !header.JSONWebKey.IsPublic() || !header.JSONWebKey.Valid() {
			return nil, header, fmt.Errorf("no public jwk")
		}
		key = header.JSONWebKey.Key
	}
	data, err := signed.Verify(key)
	if err != nil {
		return nil, header, err
	}
	claims := map[string]any{}
	return claims, header, json.Unmarshal(data, &claims)
}

// once reports that a jti was never seen before.
func (a *authority) once(claims map[string]any) bool {
	jti, _ := claims["jti"].(string)
	again := a.seen[jti]
	a.seen[jti] = true
	return len(jti) >= 16 && !again
}

func (a *authority) answerToken(w http.ResponseWriter, r *http.Request) {
	form := func(name string) string { return strings.Join(r.PostForm[name], "|") }
	if err := r.ParseForm(); err != nil || r.Method != "POST" || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" ||
		r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Accept") != "application/json" ||
		form("grant_type") != "client_credentials" || len(r.PostForm) != 4 ||
		form("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		a.t.Errorf("a strange request for a token: %v %v", r.Header, r.PostForm)
	}
	claims, header, err := jws(form("client_assertion"), "JWT", a.public, jose.RS256, jose.RS512, jose.ES256, jose.ES384, jose.ES512)
	number := func(name string) int64 { n, _ := claims[name].(float64); return int64(n) }
	now := a.now.Unix()
	switch {
	case err != nil:
		refuseOAuth(w, 401, "invalid_client", "The client_assertion signature is invalid: "+form("client_assertion"))
		return
	case header.KeyID != a.kid || claims["iss"] != "0oaSERVICE" || claims["sub"] != "0oaSERVICE" || claims["aud"] != a.URL+tokenPath || len(claims) != 6:
		a.t.Errorf("a strange assertion: %v %v", header, claims)
		refuseOAuth(w, 401, "invalid_client", "iss, sub, aud")
		return
	case number("iat") > now || number("exp") <= now || number("exp") > now+3600:
		refuseOAuth(w, 401, "invalid_client", "The client_assertion token has a wrong time.")
		return
	case !a.once(claims):
		a.t.Error("an assertion was sent twice")
	}
	thumbprint := ""
	if proof := r.Header.Get("DPoP"); a.dpop || proof != "" {
		if thumbprint = a.checkProof(w, r, a.tokenNonce, ""); thumbprint == "" && a.dpop {
			return
		}
	}
	a.give(w, strings.Fields(form("scope")), thumbprint)
}

func (a *authority) give(w http.ResponseWriter, scopes []string, thumbprint string) {
	for _, scope := range scopes {
		if a.granted != nil && !slices.Contains(a.granted, scope) {
			refuseOAuth(w, 400, "invalid_scope", "One or more scopes are not configured.")
			return
		}
	}
	token := fmt.Sprintf("eyJhbGciOiJFUzI1NiJ9.SECRET-of-%d.%s", len(a.issued)+1, secretToken)
	kind := "Bearer"
	if a.dpop {
		kind = "DPoP"
	} else {
		thumbprint = ""
	}
	life := a.life
	if life == 0 {
		life = 3600
	}
	body := map[string]any{"access_token": token, "token_type": kind, "expires_in": life, "scope": strings.Join(scopes, " ")}
	if a.token != nil && a.token(w, body) {
		return
	}
	a.issued = append(a.issued, token)
	a.live[token] = thumbprint
	json.NewEncoder(w).Encode(body)
}

// checkProof returns the thumbprint of the key of a good proof; it answers
// other ones as Okta does.
func (a *authority) checkProof(w http.ResponseWriter, r *http.Request, nonce, token string) string {
	refuse := func(status int, code, text string) string {
		if token != "" {
			w.Header().Set("WWW-Authenticate", `DPoP algs="ES256", error="`+code+`", error_description="`+text+`"`)
			w.WriteHeader(status)
			fmt.Fprint(w, `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`)
		} else {
			refuseOAuth(w, 400, code, text)
		}
		return ""
	}
	if len(r.Header.Values("DPoP")) != 1 {
		return refuse(400, "invalid_dpop_proof", "The DPoP proof JWT header is missing.")
	}
	a.proofs++
	claims, header, err := jws(r.Header.Get("DPoP"), "dpop+jwt", nil, jose.ES256)
	if err != nil {
		a.t.Errorf("a strange proof: %v", err)
		return refuse(400, "invalid_dpop_proof", err.Error())
	}
	wantATH := any(nil)
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		wantATH = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if claims["htm"] != r.Method || claims["htu"] != a.URL+r.URL.EscapedPath() || claims["ath"] != wantATH {
		a.t.Errorf("a proof of another request than %s %s: %v", r.Method, r.URL, claims)
	}
	iat, _ := claims["iat"].(float64)
	switch {
	case !a.once(claims):
		a.t.Error("a proof was sent twice")
	case nonce != "" && claims["nonce"] != nonce:
		w.Header().Set("DPoP-Nonce", nonce)
		return refuse(401, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof.")
	case int64(iat) > a.now.Unix()+30 || int64(iat) < a.now.Unix()-300:
		return refuse(400, "invalid_dpop_proof", "The DPoP proof JWT is of another time.")
	}
	sum, err := header.JSONWebKey.Thumbprint(5) // SHA-256
	if err != nil {
		a.t.Error(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

func (a *authority) answerAPI(w http.ResponseWriter, r *http.Request) {
	if a.api != nil && a.api(w, r) {
		return
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	thumbprint, ok := a.live[token]
	want := "Bearer"
	if a.dpop {
		want = "DPoP"
	} else if r.Header.Get("DPoP") != "" {
		a.t.Error("a proof beside a bearer token")
	}
	if !ok || scheme != want {
		w.Header().Set("WWW-Authenticate", want+` realm="x", error="invalid_token", error_description="The access token is expired."`)
		w.WriteHeader(401)
		fmt.Fprintf(w, `{"errorCode":"E0000011","errorSummary":"Invalid token provided: %s"}`, token)
		return
	}
	if a.dpop {
		got := a.checkProof(w, r, a.apiNonce, token)
		if got == "" {
			return
		}
		if got != thumbprint {
			a.t.Error("the token is bound to another key")
		}
	}
	if strings.HasSuffix(r.URL.Path, "/generate") {
		w.WriteHeader(201)
	}
	fmt.Fprint(w, oneKey)
}

// revoke makes all tokens invalid.
func (a *authority) revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.live)
}

func (a *authority) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}
