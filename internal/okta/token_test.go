package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTokenIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*authority, *OAuth)
		code string
		says []string
	}{
		{"another key", func(a *authority, _ *OAuth) { a.public = strangersKey(a.t) }, "invalid_client", []string{"401 invalid_client", "key-1", SettingPrivateKey, "0oaSERVICE", "[request req-1]"}},
		{"another audience", answerToken(401, `{"error":"invalid_client","error_description":"The audience claim for client_assertion must be the endpoint invoked for the request."}`), "invalid_client", []string{"set " + SettingOrgURL + " to", "/oauth2/v1/token"}},
		{"seen before", answerToken(401, `{"error":"invalid_client","error_description":"The client_assertion token has already been used."}`), "invalid_client", []string{"a proxy in between that sends requests twice"}},
		{"too old", answerToken(401, `{"error":"invalid_client","error_description":"The client_assertion token is expired."}`), "invalid_client", []string{"; set the clock of this machine"}},
		{"too far ahead", answerToken(401, `{"error":"invalid_client","error_description":"The client_assertion token has an expiration too far into the future."}`), "invalid_client", []string{"; set the clock of this machine"}},
		{"another subject", answerToken(401, `{"error":"invalid_client","error_description":"The issuer and subject of the client_assertion must match the client_id."}`), "invalid_client", []string{"is among its keys"}},
		{"no client", answerToken(401, `{"errorCode":"invalid_client","errorSummary":"Invalid value for 'client_id' parameter.","errorLink":"invalid_client"}`), "invalid_client", []string{"Invalid value for 'client_id'", SettingClientID}},
		{"no service app", answerToken(400, `{"error":"unauthorized_client","error_description":"no"}`), "unauthorized_client", []string{"API Services"}},
		{"a proof", answerToken(400, `{"error":"invalid_dpop_proof","error_description":"no"}`), "invalid_dpop_proof", []string{"clock"}},
		{"something else", answerToken(400, `{"error":"invalid_request","error_description":"no"}`), "invalid_request", []string{"change what the answer names"}},
		{"always busy", answerToken(429, `{"errorCode":"E0000047","errorSummary":"too many"}`), "E0000047", []string{"in a minute"}},
		{"out of order", answerToken(503, `<html>`), "", []string{"status.okta.com"}},
		{"a page", answerToken(404, "<html>eyJhbGciOiJFUzI1NiJ9.SECRET."+secretToken), "", []string{SettingOrgURL}},
		{"a redirect", func(a *authority, _ *OAuth) {
			a.token = func(w http.ResponseWriter, _ map[string]any) bool {
				w.Header().Set("Location", "https://evil.example/?"+secretToken)
				w.WriteHeader(307)
				return true
			}
		}, "", []string{"redirect to https://evil.example", SettingOrgURL}},
		{"no JSON", answerToken(200, `<html>`), "", []string{"no JSON", SettingOrgURL}},
		{"no token", answerToken(200, `{"token_type":"Bearer","expires_in":3600}`), "", []string{"no usable token"}},
		{"an odd token", answerToken(200, `{"token_type":"Bearer","expires_in":3600,"access_token":"a\r\nX: y"}`), "", []string{"no usable token"}},
		{"no life", answerToken(200, `{"token_type":"Bearer","access_token":"`+secretToken+`"}`), "", []string{"for how long"}},
		{"a past life", answerToken(200, `{"token_type":"Bearer","expires_in":-1,"access_token":"`+secretToken+`"}`), "", []string{"for how long"}},
		{"an odd life", answerToken(200, `{"token_type":"Bearer","expires_in":1e9,"access_token":"`+secretToken+`"}`), "", []string{"for how long"}},
		{"a type", answerToken(200, `{"token_type":"mac","expires_in":3600,"access_token":"`+secretToken+`"}`), "", []string{"neither Bearer nor DPoP"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthority(t, false)
			app := a.app()
			tt.set(a, app)
			err := generate(a.client(app, nil))
			var e *SignInError
			if !errors.As(err, &e) || e.Code != tt.code || OutcomeUnknown(err) || e.ClientID != "0oaSERVICE" {
				t.Fatalf("%v (%+v)", err, e)
			}
			for _, want := range tt.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			noSecret(t, err)
			if strings.Contains(err.Error(), "eyJ") || strings.Contains(a.log(), "/api/") {
				t.Errorf("an assertion shows, or the API was asked: %v", err)
			}
		})
	}
}

func answerToken(status int, body string) func(*authority, *OAuth) {
	return func(a *authority, _ *OAuth) {
		a.token = func(w http.ResponseWriter, _ map[string]any) bool {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
}

func TestScopes(t *testing.T) {
	a := newAuthority(t, true)
	a.granted = []string{"okta.apps.read", "okta.idps.read"}
	app := a.app("okta.idps.read", "okta.apps.read", "okta.apps.manage", "okta.apps.read", "okta.idps.manage")
	err := generate(a.client(app, nil))
	var e *ScopeError
	if !errors.As(err, &e) || fmt.Sprint(e.Missing) != "[okta.apps.manage okta.idps.manage]" || e.Vague || e.RequestID == "" || OutcomeUnknown(err) {
		t.Fatalf("%v (%+v)", err, e)
	}
	if !strings.Contains(err.Error(), "okta.apps.manage, okta.idps.manage") || strings.Contains(err.Error(), "okta.apps.read") || !strings.Contains(err.Error(), SettingScopes) {
		t.Error(err)
	}
	if strings.Contains(a.log(), "/api/") {
		t.Error("the API was asked without all scopes")
	}
	a = newAuthority(t, true)
	a.granted = []string{}
	if err := generate(a.client(a.app("okta.apps.manage"), nil)); !errors.As(err, &e) || fmt.Sprint(e.Missing) != "[okta.apps.manage]" {
		t.Error(err)
	}
	a = newAuthority(t, false)
	a.token = func(_ http.ResponseWriter, body map[string]any) bool {
		body["scope"] = "okta.apps.read other"
		return false
	}
	if err := generate(a.client(a.app(), nil)); !errors.As(err, &e) || fmt.Sprint(e.Missing) != "[okta.apps.manage]" {
		t.Errorf("fewer are granted than were asked for: %v", err)
	}
	a.token = func(_ http.ResponseWriter, body map[string]any) bool { delete(body, "scope"); return false }
	if err := generate(a.client(a.app(), nil)); err != nil {
		t.Errorf("no word of the scopes means all (RFC 6749, section 5.1): %v", err)
	}
}

// A server that grants each scope alone and not both, or that stops answering
// while it is asked for each.
func TestScopesVaguely(t *testing.T) {
	for name, alone := range map[string]string{"granted": `{"token_type":"Bearer","expires_in":3600,"access_token":"tok"}`, "broken": `{}`} {
		a := newAuthority(t, false)
		n := 0
		a.token = func(w http.ResponseWriter, _ map[string]any) bool {
			if n++; n == 1 {
				refuseOAuth(w, 400, "consent_required", "You are not allowed any of the requested scopes.")
			} else {
				fmt.Fprint(w, alone)
			}
			return true
		}
		var e *ScopeError
		if err := read(a.client(a.app(), nil)); !errors.As(err, &e) || !e.Vague || len(e.Missing) != 2 || !strings.Contains(err.Error(), "all of") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokenLife(t *testing.T) {
	for _, tt := range []struct {
		life int
		good time.Duration // renewed only from then on
	}{{3600, 59 * time.Minute}, {300, 270 * time.Second}, {1, 900 * time.Millisecond}, {1 << 40, 24*time.Hour - time.Minute}} {
		a := newAuthority(t, false)
		a.life = tt.life
		c := a.client(a.app(), nil)
		if err := read(c); err != nil {
			t.Fatal(err)
		}
		a.passes(tt.good - time.Millisecond)
		a.log()
		a.check(fmt.Sprint(tt.life, " s, still good"), read(c), readKey)
		a.passes(time.Millisecond)
		a.check(fmt.Sprint(tt.life, " s, renewed"), read(c), askedToken, readKey)
	}
}

// What happens to a request for a token does not touch the write behind it.
func TestTokenAfterTrouble(t *testing.T) {
	a := newAuthority(t, true)
	n := 0
	a.token = func(w http.ResponseWriter, _ map[string]any) bool {
		switch n++; n {
		case 1:
			w.Header().Set("X-Rate-Limit-Limit", "20")
			w.Header().Set("X-Rate-Limit-Remaining", "0")
			w.WriteHeader(429)
		case 2:
			w.WriteHeader(500)
		case 3:
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	}
	var calls int
	var waits []string
	c := a.client(a.app(), func(cfg *Config) {
		cfg.OnCall = func(context.Context, Call) error { calls++; return nil }
		cfg.OnWait = func(_ context.Context, w Wait) { waits = append(waits, w.String()) }
	})
	if err := generate(c); err != nil || calls != 1 {
		t.Errorf("%v, %d calls", err, calls)
	}
	if want := []string{"waiting 1s for Okta's rate limit of access tokens (20 of 20 a minute used)"}; !slices.Equal(waits, want) {
		t.Errorf("waits were shown as %q, want %q", waits, want)
	}
}

func TestAuthorizationServerIsDown(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	a := newAuthority(t, true)
	c := a.client(a.app(), func(cfg *Config) { cfg.OrgURL = closed.URL })
	for _, op := range []func(*Client) error{read, generate} {
		err := op(c)
		var n *NetworkError
		if !errors.As(err, &n) || n.OutcomeUnknown() || n.Path != tokenPath || !strings.Contains(err.Error(), SettingOrgURL) {
			t.Error(err)
		}
	}
}

// No answer of an authorization server makes the client stumble, or shows a
// secret.
func FuzzTokenAnswers(f *testing.F) {
	for _, s := range []string{
		`{"token_type":"DPoP","expires_in":3600,"access_token":"` + secretToken + `","scope":"okta.apps.read"}`,
		`{"error":"use_dpop_nonce","error_description":"` + secretToken + `"}`, `{"errorCode":"invalid_client"}`, `null`, `[]`, `{"expires_in":"9e9"}`, "<x>",
	} {
		f.Add([]byte(s), 200)
		f.Add([]byte(s), 400)
	}
	app := &OAuth{ClientID: "0oa", Scopes: []string{"a", "b"}}
	var err error
	if app.Key, err = newSigningKey(aKey(), "", ""); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if status < 200 || status > 599 {
			return
		}
		tokens := 0
		rt := roundTrip(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if r.URL.Path == tokenPath {
				if tokens++; tokens > 20 {
					t.Fatal("asks for ever")
				}
				w.Header().Set("DPoP-Nonce", fmt.Sprint(tokens))
				w.WriteHeader(status)
				w.Write(body)
			} else {
				w.WriteString(oneKey)
			}
			return w.Result(), nil
		})
		c, err := New(Config{OrgURL: "https://h", OAuth: &OAuth{ClientID: app.ClientID, Key: app.Key, Scopes: app.Scopes}, HTTP: rt, Sleep: func(context.Context, time.Duration) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if err := read(c); OutcomeUnknown(err) || err != nil && strings.Contains(err.Error(), "eyJhbGciOi") {
			t.Fatal(err)
		}
	})
}
