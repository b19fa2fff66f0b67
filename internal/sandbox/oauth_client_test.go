package sandbox

import (
	"context"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/rekey/internal/okta"
)

// appOrg is a sandbox with a service app, and the ordinary client of one.
type appOrg struct {
	*httptest.Server
	clock  *clock
	oauth  *okta.OAuth
	client *okta.Client

	mu   sync.Mutex
	seen []string // "POST /oauth2/v1/token 200", in order
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (o *appOrg) log() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := o.seen
	o.seen = nil
	return seen
}

func newAppOrg(t *testing.T, app ServiceApp, off time.Duration) *appOrg {
	t.Helper()
	pair := ecPair(t, elliptic.P384())
	der, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	key, err := okta.ParseSigningKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	o := &appOrg{clock: &clock{at: testNow}}
	o.oauth = &okta.OAuth{ClientID: testClient, Key: key, KeyID: "k1", Scopes: Scopes()}
	app.ClientID, app.Keys = testClient, []jose.JSONWebKey{{Key: &pair.PublicKey, KeyID: "k1"}}
	opt := testOptions()
	opt.Now, opt.Auth = o.clock.now, &app
	server := New(testOrg(t), opt)
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock() // until it is noted: the client may have its answer before that
		defer o.mu.Unlock()
		s := &statusWriter{w, http.StatusOK}
		server.ServeHTTP(s, r)
		o.seen = append(o.seen, fmt.Sprint(r.Method, " ", r.URL.Path, " ", s.status))
	}))
	t.Cleanup(o.Close)
	o.client, err = okta.New(okta.Config{
		OrgURL: o.URL, OAuth: o.oauth, Now: func() time.Time { return o.clock.now().Add(off) },
		Sleep:   func(context.Context, time.Duration) error { return nil },
		Timeout: time.Hour, // as long as a busy machine takes
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *appOrg) own(t *testing.T, path string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodDelete, o.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// TestServiceApp: the ordinary client signs in, works, and goes on after
// whatever can happen to its token and its proofs, in as few requests as that
// takes.
func TestServiceApp(t *testing.T) {
	const (
		token  = "POST /oauth2/v1/token "
		object = "GET /api/v1/apps/"
	)
	for _, dpop := range []bool{false, true} {
		t.Run(fmt.Sprint("dpop ", dpop), func(t *testing.T) {
			o := newAppOrg(t, ServiceApp{DPoP: dpop}, 0)
			ctx := context.Background()
			check := func(what string, bearer, proof string) {
				t.Helper()
				_, err := o.client.Object(ctx, testApp)
				var got []string
				for _, line := range o.log() {
					line = strings.Replace(line, object+testApp.ID, "app", 1)
					if !strings.Contains(line, "_sandbox") {
						got = append(got, strings.Replace(line, token, "token ", 1))
					}
				}
				want := bearer
				if dpop {
					want = proof
				}
				if err != nil || strings.Join(got, ", ") != want {
					t.Errorf("%s: %v, want %s (%v)", what, got, want, err)
				}
			}
			check("first", "token 200, app 200", "token 400, token 200, app 200")
			check("again", "app 200", "app 200")
			o.own(t, "/_sandbox/tokens")
			check("revoked", "app 401, token 200, app 200", "app 401, token 200, app 200")
			o.own(t, "/_sandbox/nonces")
			check("a stale nonce", "app 200", "app 401, app 200")
			o.clock.pass(time.Hour)
			check("an hour later", "token 200, app 200", "token 400, token 200, app 401, app 200")
			// A write that meets a stale nonce had no effect, and is sent again.
			o.own(t, "/_sandbox/nonces")
			o.log()
			if _, err := o.client.GenerateKey(ctx, testApp, 2); err != nil {
				t.Error(err)
			}
			want := []string{"POST " + testApp.Path() + "/credentials/keys/generate 201"}
			if dpop {
				want = []string{"POST " + testApp.Path() + "/credentials/keys/generate 401", want[0]}
			}
			if got := o.log(); !slices.Equal(got, want) {
				t.Errorf("a write with a stale nonce: %v, want %v", got, want)
			}
		})
	}
}

func TestServiceAppClock(t *testing.T) {
	for _, dpop := range []bool{false, true} {
		for _, off := range []time.Duration{-26 * time.Hour, -time.Hour, time.Second, 10 * time.Minute, 26 * time.Hour} {
			o := newAppOrg(t, ServiceApp{DPoP: dpop}, off)
			if _, err := o.client.GenerateKey(context.Background(), testApp, 2); err != nil {
				t.Errorf("off by %s: %v", off, err)
			}
		}
	}
}

func TestServiceAppRefused(t *testing.T) {
	ctx := context.Background()
	o := newAppOrg(t, ServiceApp{DPoP: true, Scopes: []string{"okta.apps.read", "okta.idps.manage"}}, 0)
	_, err := o.client.Object(ctx, testApp)
	var scope *okta.ScopeError
	if !errors.As(err, &scope) || !slices.Equal(scope.Missing, []string{"okta.apps.manage", "okta.idps.read"}) {
		t.Errorf("%v", err)
	}
	other, err := okta.New(okta.Config{OrgURL: o.URL, OAuth: &okta.OAuth{ClientID: "0oaOTHER", Key: o.oauth.Key, KeyID: "k1", Scopes: Scopes()}, Now: o.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Object(ctx, testApp)
	var refused *okta.SignInError
	if !errors.As(err, &refused) || refused.Code != "invalid_client" || refused.RequestID == "" {
		t.Errorf("%v", err)
	}
	narrow, err := okta.New(okta.Config{OrgURL: o.URL, OAuth: &okta.OAuth{ClientID: testClient, Key: o.oauth.Key, KeyID: "k1", Scopes: []string{"okta.apps.read"}}, Now: o.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = narrow.Object(ctx, testApp); err != nil {
		t.Error(err)
	}
	if _, err = narrow.GenerateKey(ctx, testApp, 2); err == nil || !strings.Contains(err.Error(), "grant the service app okta.apps.manage") {
		t.Error(err)
	}
}
