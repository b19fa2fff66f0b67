package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	askedToken = "POST /oauth2/v1/token 200"
	readKey    = "GET /api/v1/apps/0oa1/credentials/keys/k1 200"
	wroteKey   = "POST /api/v1/apps/0oa1/credentials/keys/generate 201"
)

func lines(s ...string) string { return strings.Join(s, "\n") }

func read(c *Client) error {
	_, err := c.Key(context.Background(), anApp, "k1")
	return err
}

func generate(c *Client) error {
	_, err := c.GenerateKey(context.Background(), anApp, 2)
	return err
}

// check compares what was asked with what ought to have been.
func (a *authority) check(what string, err error, want ...string) {
	a.t.Helper()
	if err != nil {
		a.t.Errorf("%s: %v", what, err)
	}
	if got := a.log(); got != lines(want...) {
		a.t.Errorf("%s:\n%s\nwant\n%s", what, got, lines(want...))
	}
}

func TestBearer(t *testing.T) {
	a := newAuthority(t, false)
	c := a.client(a.app(), nil)
	a.check("the first", read(c), askedToken, readKey)
	if a.proofs != 1 {
		t.Errorf("%d proofs with the first request for a token, which must offer one", a.proofs)
	}
	a.check("the second", generate(c), wroteKey)
	a.passes(3600*time.Second - 59*time.Second)
	a.check("a minute before it expires", generate(c), askedToken, wroteKey)
	if a.proofs != 1 {
		t.Errorf("%d proofs: the org wants none", a.proofs)
	}
	// Somebody makes the app use DPoP.
	a.set(func() { a.dpop, a.tokenNonce = true, "nonce-1"; clear(a.live) })
	a.check("the app is made to prove", generate(c),
		"POST /api/v1/apps/0oa1/credentials/keys/generate 401",
		"POST /oauth2/v1/token 400", "POST /oauth2/v1/token 400", askedToken, wroteKey)
}

func TestDPoP(t *testing.T) {
	a := newAuthority(t, true)
	c := a.client(a.app(), nil)
	a.check("the first", read(c), "POST /oauth2/v1/token 400", askedToken, readKey)
	a.check("a write", generate(c), wroteKey)
	a.set(func() { a.apiNonce = "nonce-of-the-api" })
	a.check("the API wants a nonce", generate(c), strings.Replace(wroteKey, "201", "401", 1), wroteKey)
	a.check("and keeps it", generate(c), wroteKey)
	a.passes(2 * time.Hour)
	a.check("the other server has its own", generate(c), askedToken, wroteKey)
	a.set(func() { a.tokenNonce, a.apiNonce = "nonce-2", "another"; clear(a.live) })
	a.check("all changes at once", read(c), strings.Replace(readKey, "200", "401", 1),
		"POST /oauth2/v1/token 400", askedToken, strings.Replace(readKey, "200", "401", 1), readKey)
	tries := 0
	a.set(func() {
		a.api = func(w http.ResponseWriter, _ *http.Request) bool {
			if tries++; tries > 1 {
				return false
			}
			w.WriteHeader(429)
			return true
		}
	})
	a.check("a fresh proof after 429", generate(c), strings.Replace(wroteKey, "201", "429", 1), wroteKey)
}

// Any answer may bring the next nonce.
func TestNonceOfAnyAnswer(t *testing.T) {
	a := newAuthority(t, true)
	c := a.client(a.app(), nil)
	n := 0
	a.api = func(w http.ResponseWriter, _ *http.Request) bool {
		n++
		w.Header().Set("DPoP-Nonce", fmt.Sprint("next-", n+1))
		a.apiNonce = ""
		if n > 1 {
			a.apiNonce = fmt.Sprint("next-", n)
		}
		return false
	}
	for range 3 {
		if err := read(c); err != nil {
			t.Fatal(err)
		}
	}
	a.check("no detour", nil, "POST /oauth2/v1/token 400", askedToken, readKey, readKey, readKey)
}

func TestProofIsNotRefusedForEver(t *testing.T) {
	for _, tt := range []struct{ name, challenge, nonce string }{
		{"a new nonce each time", `DPoP error="use_dpop_nonce"`, "n-%d"},
		{"no nonce", `DPoP error="use_dpop_nonce"`, ""},
		{"the same nonce", `DPoP error="use_dpop_nonce"`, "n"},
		{"a proof that never fits", `DPoP error="invalid_dpop_proof"`, ""},
		{"a token that never fits", `DPoP error=invalid_token`, ""},
		{"a challenge of another kind", `DPoP error="insufficient_user_authentication"`, ""},
		{"no challenge", ``, ""},
	} {
		a := newAuthority(t, true)
		c := a.client(a.app(), nil)
		n := 0
		a.api = func(w http.ResponseWriter, r *http.Request) bool {
			n++
			w.Header().Set("WWW-Authenticate", tt.challenge)
			if strings.Contains(tt.nonce, "%") {
				w.Header().Set("DPoP-Nonce", fmt.Sprintf(tt.nonce, n))
			} else if tt.nonce != "" {
				w.Header().Set("DPoP-Nonce", tt.nonce)
			}
			w.WriteHeader(401)
			return true
		}
		err := generate(c)
		var e *Error
		mayHaveComeTwice := strings.Contains(tt.challenge, badProof)
		if !errors.As(err, &e) || e.Status != 401 || OutcomeUnknown(err) != mayHaveComeTwice || strings.Contains(err.Error(), SettingToken) || n > 4 {
			t.Errorf("%s: %d times: %v", tt.name, n, err)
		}
	}
}

func TestTokenIsRenewedOnce(t *testing.T) {
	a := newAuthority(t, true)
	var calls []Call
	c := a.client(a.app(), func(cfg *Config) {
		cfg.OnCall = func(_ context.Context, call Call) error { calls = append(calls, call); return nil }
	})
	if err := read(c); err != nil {
		t.Fatal(err)
	}
	a.log()
	a.revoke()
	calls = nil
	a.check("a revoked token", generate(c), strings.Replace(wroteKey, "201", "401", 1), askedToken, wroteKey)
	if len(calls) != 2 || calls[0].Again || !calls[1].Again || !calls[1].Write {
		t.Errorf("OnCall saw %+v", calls)
	}
	a.set(func() {
		a.token = func(_ http.ResponseWriter, b map[string]any) bool {
			b["access_token"] = "other-" + secretToken
			return false
		}
	})
	a.revoke()
	err := read(c)
	var e *Error
	if !errors.As(err, &e) || e.Status != 401 || strings.Contains(err.Error(), SettingToken) {
		t.Error(err)
	}
	noSecret(t, err)
	if got := a.log(); strings.Count(got, askedToken) != 1 {
		t.Errorf("asked for a token again and again:\n%s", got)
	}
}

// Clients of one process share a token; a hundred steps that need one at the
// same time cause one request.
func TestTokenIsShared(t *testing.T) {
	a := newAuthority(t, true)
	app := a.app()
	clients := []*Client{a.client(app, nil), a.client(app, func(c *Config) { c.HTTP = ReadOnly(nil) })}
	for round := range 3 {
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				if err := read(clients[i%2]); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if len(a.issued) != round+1 {
			t.Errorf("%d tokens after round %d", len(a.issued), round)
		}
		switch round {
		case 0:
			a.passes(time.Hour)
		case 1:
			a.revoke()
		}
	}
	other := newAuthority(t, true)
	if err := read(other.client(app, nil)); err == nil || len(other.issued) != 0 {
		t.Errorf("the key is another's: %v", err) // and no token of the first org is shown to the second
	}
}

// Who asks for a token may be told to stop; the others go on.
func TestAskingIsStopped(t *testing.T) {
	a := newAuthority(t, false)
	first, second := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a.between = func() {
		once.Do(func() { close(first); <-second })
	}
	c := a.client(a.app(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { _, err := c.Key(ctx, anApp, "k1"); stopped <- err }()
	<-first
	waiting := make(chan error, 3)
	for range 3 {
		go func() { waiting <- read(c) }()
	}
	late, end := context.WithCancel(context.Background())
	end()
	if _, err := c.Key(late, anApp, "k1"); !errors.Is(err, context.Canceled) {
		t.Errorf("one who may not wait: %v", err)
	}
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) || OutcomeUnknown(err) {
		t.Errorf("the one who was stopped: %v", err)
	}
	close(second)
	for range 3 {
		if err := <-waiting; err != nil {
			t.Error(err)
		}
	}
}

func TestClockOfOkta(t *testing.T) {
	for name, off := range map[string]time.Duration{"behind": -2 * time.Hour, "ahead": 2 * time.Hour, "a little": time.Second} {
		a := newAuthority(t, true)
		c := a.client(a.app(), func(cfg *Config) { cfg.Now = func() time.Time { return a.clock().Add(off) } })
		if err := generate(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := strings.Count(a.log(), "\n") + 1; n > 4 {
			t.Errorf("%s: %d requests", name, n)
		}
		if err := generate(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		a.check(name, nil, wroteKey)
	}
}

// A clock that is set while a token is good shows in proofs alone.
func TestClockIsSet(t *testing.T) {
	a := newAuthority(t, true)
	var off time.Duration
	c := a.client(a.app(), func(cfg *Config) { cfg.Now = func() time.Time { return a.clock().Add(off) } })
	a.check("before", read(c), "POST /oauth2/v1/token 400", askedToken, readKey)
	off = -20 * time.Minute
	a.check("after", generate(c), strings.Replace(wroteKey, "201", "400", 1), wroteKey)
}

// A proof that was seen before tells that its request came twice. A GET is sent
// with another proof; a write may have been done by the other copy.
func TestProofSeenBefore(t *testing.T) {
	a := newAuthority(t, true)
	c := a.client(a.app(), nil)
	a.check("before", read(c), "POST /oauth2/v1/token 400", askedToken, readKey)
	n := 0
	a.api = func(w http.ResponseWriter, r *http.Request) bool {
		if n++; n%2 == 0 {
			return false
		}
		w.Header().Set("WWW-Authenticate", `DPoP error="invalid_dpop_proof"`)
		w.WriteHeader(400)
		return true
	}
	a.check("a GET", read(c), strings.Replace(readKey, "200", "400", 1), readKey)
	if err := generate(c); !OutcomeUnknown(err) {
		t.Errorf("a write: %v", err)
	}
	a.check("a write", nil, strings.Replace(wroteKey, "201", "400", 1))
}

// A redirect is a request of its own to prove.
func TestRedirectIsProved(t *testing.T) {
	a := newAuthority(t, true)
	c := a.client(a.app(), nil)
	a.api = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/else") {
			return false
		}
		w.Header().Set("Location", "/api/v1/else?x=y")
		w.WriteHeader(302)
		return true
	}
	a.check("", read(c), "POST /oauth2/v1/token 400", askedToken, strings.Replace(readKey, "200", "302", 1), "GET /api/v1/else 200")
}

// The read-only transport lets the request for a token through, and nothing
// that only looks like it.
func TestReadOnlyAsksForTokens(t *testing.T) {
	a := newAuthority(t, true)
	c := a.client(a.app(), func(cfg *Config) { cfg.HTTP = ReadOnly(nil) })
	a.check("", read(c), "POST /oauth2/v1/token 400", askedToken, readKey)
	for name, write := range everyWrite(c) {
		if err := write(context.Background()); !errors.Is(err, ErrReadOnly) || OutcomeUnknown(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	own := context.WithValue(context.Background(), asksKey{}, true)
	for _, tt := range []struct {
		ctx          context.Context
		method, path string
	}{
		{context.Background(), "POST", tokenPath}, {own, "PUT", tokenPath}, {own, "POST", tokenPath + "?x"}, {own, "POST", "/api/v1/apps"},
	} {
		req, _ := http.NewRequestWithContext(tt.ctx, tt.method, a.URL+tt.path, strings.NewReader("x"))
		if _, err := ReadOnly(nil).RoundTrip(req); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s %s: %v", tt.method, tt.path, err)
		}
	}
	a.check("", nil)
}

// One client may stand behind the transport of another: what the inner one
// says of signing in arrives as it is.
func TestErrorsPassThrough(t *testing.T) {
	a := newAuthority(t, true)
	a.granted = []string{}
	inner := a.client(a.app(), nil)
	relay := roundTrip(func(r *http.Request) (*http.Response, error) {
		err := read(inner)
		if e := (*Error)(nil); errors.As(err, &e) {
			return e.Response(r), nil
		}
		return nil, err
	})
	outer, err := New(Config{OrgURL: a.URL, Token: "rehearsal", HTTP: relay})
	if err != nil {
		t.Fatal(err)
	}
	var scope *ScopeError
	if err := read(outer); !errors.As(err, &scope) || errors.As(err, new(*NetworkError)) {
		t.Error(err)
	}
	a.set(func() {
		a.granted = nil
		a.api = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", `DPoP error="insufficient_scope"`)
			w.WriteHeader(403)
			return true
		}
	})
	for _, c := range []*Client{inner, outer} {
		if err := read(c); err == nil || !strings.Contains(err.Error(), "grant the service app okta.apps.read") {
			t.Error(err)
		}
	}
}
