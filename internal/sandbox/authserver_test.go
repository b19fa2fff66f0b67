package sandbox

import (
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/rekey/internal/okta"
)

func claim(name string, v any) edit { return func(_, claims m) { claims[name] = v } }
func head(name string, v any) edit  { return func(head, _ m) { head[name] = v } }

// TestSignIn: a token is given, and reaches what its scopes are for.
func TestSignIn(t *testing.T) {
	c := newAppClient(t, ServiceApp{})
	r := c.post(c.form("okta.apps.read  okta.idps.read okta.apps.read"))
	r.oauthHeaders(t)
	g := r.granted(t)
	if g.Type != "Bearer" || g.Expires != 3600 || g.Scope != "okta.apps.read okta.idps.read" || r.header.Get("DPoP-Nonce") != "" {
		t.Errorf("granted %+v, %v", g, r.header)
	}
	if got := r.header.Get("Content-Type"); got != oauthType {
		t.Errorf("Content-Type %s", got)
	}
	for _, path := range []string{testApp.Path(), testIdP.Path(), "/api/v1/apps", testIdP.Path() + "/credentials/keys/active"} {
		if r := c.call("GET", path, g.Token); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(g.Token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	claims, err := okta.DecodeObject(payload)
	if err != nil || claims.Text("/cid") != testClient || claims["cnf"] != nil {
		t.Errorf("%v %v", claims, err)
	}
	// A proof that nobody asked for is none of the sandbox's business.
	if r := c.do("GET", testApp.Path(), nil, "Authorization", "Bearer "+g.Token, "DPoP", "nonsense"); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	c.post(c.form("okta.apps.read"), "DPoP", "nonsense").granted(t)
}

// TestSignInKeys: each kind of key signs with each alg that fits it, and with
// no other.
func TestSignInKeys(t *testing.T) {
	for _, tt := range []struct {
		key  any
		own  string // the alg member of the JWK
		alg  jose.SignatureAlgorithm
		want bool
	}{
		{pairOf(t, 1), "", jose.RS256, true},
		{pairOf(t, 1), "", jose.RS384, true},
		{pairOf(t, 1), "", jose.RS512, true},
		{pairOf(t, 1), "", jose.PS256, false},
		{pairOf(t, 1), "RS256", jose.RS256, true},
		{pairOf(t, 1), "RS256", jose.RS512, false},
		{ecPair(t, elliptic.P256()), "", jose.ES256, true},
		{ecPair(t, elliptic.P384()), "ES384", jose.ES384, true},
		{ecPair(t, elliptic.P521()), "", jose.ES512, true},
	} {
		t.Run(fmt.Sprintf("%T %s %s", tt.key, tt.own, tt.alg), func(t *testing.T) {
			c := newAppClient(t, ServiceApp{Keys: []jose.JSONWebKey{
				{Key: &pairOf(t, 2).PublicKey, KeyID: "other"}, {Key: publicOf(tt.key), KeyID: "k1", Algorithm: tt.own},
			}})
			c.key, c.alg = tt.key, tt.alg
			r := c.post(c.form("okta.apps.read"))
			if tt.want {
				r.granted(t)
			} else {
				r.oauthRefused(t, 401, "invalid_client", "its alg is '"+string(tt.alg)+"'")
			}
		})
	}
}

// TestAssertionRefused: one thing is wrong with the assertion.
func TestAssertionRefused(t *testing.T) {
	c := newAppClient(t, ServiceApp{})
	c.pass(-testNow.Sub(testNow.Truncate(time.Second))) // dates in a JWT are whole seconds
	at := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	for _, tt := range []struct {
		name string
		edit edit
		text string
	}{
		{"no kid", head("kid", nil), "no kid"},
		{"another kid", head("kid", "k2"), "no key with the kid 'k2'"},
		{"kid is no text", head("kid", ""), "no kid"},
		{"no sub", claim("sub", nil), "sub of the client_assertion"},
		{"another sub", claim("sub", "0oaOther"), "sub of the client_assertion is '0oaOther'"},
		{"no aud", claim("aud", nil), "aud of the client_assertion"},
		{"aud is the org", claim("aud", c.base), "send the URL of the token endpoint, " + c.base + tokenPath},
		{"aud with a slash", claim("aud", c.base+tokenPath+"/"), "aud of"},
		{"aud of another server", claim("aud", c.base+"/oauth2/default/v1/token"), "aud of"},
		{"two aud", claim("aud", []string{c.base + tokenPath, c.base}), "and nothing else"},
		{"aud is a number", claim("aud", 7), "aud of"},
		{"no exp", claim("exp", nil), "has no exp"},
		{"exp is text", claim("exp", "soon"), "exp is no number"},
		{"exp is huge", claim("exp", 1e30), "exp is no number"},
		{"expired", claim("exp", at(-time.Second)), "expired at 2026-03-14T15:09:25Z"},
		{"expires now", claim("exp", testNow.Unix()), "expired at"},
		{"expires in over an hour", claim("exp", at(time.Hour+time.Second)), "over an hour after"},
		{"iat ahead", claim("iat", at(time.Second)), "iat of the client_assertion is 2026-03-14T15:09:27Z"},
		{"iat is text", claim("iat", "now"), "iat is no number"},
		{"nbf ahead", claim("nbf", at(time.Minute)), "nbf of the client_assertion"},
		{"jti is empty", claim("jti", ""), "jti of the client_assertion is no text"},
		{"jti is a number", claim("jti", 1), "jti of the client_assertion is no text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := c.form("okta.apps.read", tt.edit)
			r := c.post(form)
			r.oauthRefused(t, 401, "invalid_client", tt.text)
			r.secretless(t, form.Get("client_assertion"))
		})
	}
	c.post(c.form("okta.apps.read", claim("iss", "0oaOther"))).refused(t, 401, "invalid_client", "iss of the client_assertion")
	c.post(c.form("okta.apps.read", claim("iss", nil))).refused(t, 401, "invalid_client", "iss of the client_assertion")
	if n := len(c.server.auth.tokens); n != 0 {
		t.Errorf("%d tokens were given", n)
	}
	for name, e := range map[string]edit{
		"an hour": claim("exp", at(time.Hour)), "no iat": claim("iat", nil), "no jti": claim("jti", nil),
		"aud in a list": claim("aud", []string{c.base + tokenPath}), "iat with a fraction": claim("iat", float64(testNow.Unix())-0.25),
	} {
		t.Run(name, func(t *testing.T) { c.post(c.form("okta.apps.read", e)).granted(t) })
	}
}

// TestAssertionForged: what is no assertion by the registered key.
func TestAssertionForged(t *testing.T) {
	c := newAppClient(t, ServiceApp{})
	claims := func() m {
		return m{"iss": testClient, "sub": testClient, "aud": c.base + tokenPath, "exp": testNow.Unix() + 60}
	}
	sign := func(alg jose.SignatureAlgorithm, key any) string {
		return signJWT(t, alg, key, m{"kid": "k1"}, claims())
	}
	good := sign(jose.RS256, c.key)
	parts := strings.Split(good, ".")
	secret := []byte(strings.Repeat("k", 64))
	for _, tt := range []struct{ name, text, want string }{
		{"no JWT", "nonsense", "1 parts"},
		{"five parts", "a.b.c.d.e", "5 parts"},
		{"padded header", "e30=.e30.AA", "no base64url"},
		{"header is no object", "W10.e30.AA", "no JSON object"},
		{"another key", sign(jose.RS256, pairOf(t, 2)), "does not verify"},
		{"alg none", sign("none", nil), "its alg is 'none'"},
		{"a shared secret", sign(jose.HS256, secret), "its alg is 'HS256'"},
		{"an EC key", sign(jose.ES256, ecPair(t, elliptic.P256())), "its alg is 'ES256'"},
		{"no signature", parts[0] + "." + parts[1] + ".", "does not verify"},
		{"other claims", parts[0] + ".e30." + parts[2], "does not verify"},
		{"unknown crit", signJWT(t, jose.RS256, c.key, m{"kid": "k1", "crit": []string{"x"}, "x": 1}, claims()), "does not verify"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := c.form("okta.apps.read")
			form.Set("client_assertion", tt.text)
			r := c.post(form)
			r.oauthRefused(t, 401, "invalid_client", tt.want)
			r.secretless(t, tt.text)
		})
	}
	form := c.form("okta.apps.read")
	form.Set("client_assertion", good)
	c.post(form).granted(t)
	c.post(form).granted(t) // without a jti nothing tells them apart
}

// TestAssertionReplayed: a jti counts once, also where the request failed.
func TestAssertionReplayed(t *testing.T) {
	c := newAppClient(t, ServiceApp{})
	form := c.form("okta.apps.read")
	c.post(form).granted(t)
	c.post(form).oauthRefused(t, 401, "invalid_client", "jti of the client_assertion was used before")
	form = c.form("none.such")
	c.post(form).oauthRefused(t, 400, "invalid_scope", "")
	form.Set("scope", "okta.apps.read")
	c.post(form).oauthRefused(t, 401, "invalid_client", "jti of the client_assertion was used before")
}

// TestTokenRequestRefused: one thing is wrong with the request beside the
// assertion.
func TestTokenRequestRefused(t *testing.T) {
	c := newAppClient(t, ServiceApp{Scopes: []string{"okta.apps.read", "okta.apps.manage"}})
	set := func(name, value string) func(url.Values) { return func(v url.Values) { v.Set(name, value) } }
	for _, tt := range []struct {
		name       string
		change     func(url.Values)
		status     int
		code, text string
	}{
		{"no grant_type", set("grant_type", ""), 400, "invalid_request", "send grant_type=client_credentials"},
		{"another grant_type", set("grant_type", "password"), 400, "unsupported_grant_type", "'password'"},
		{"no client_assertion_type", set("client_assertion_type", ""), 401, "invalid_client", assertionType},
		{"another client_assertion_type", set("client_assertion_type", "saml"), 401, "invalid_client", "'saml'"},
		{"no client_assertion", set("client_assertion", ""), 401, "invalid_client", "client_assertion is missing"},
		{"a secret", set("client_secret", "s3cret"), 401, "invalid_client", "client_secret"},
		{"twice", func(v url.Values) { v.Add("scope", "okta.apps.read") }, 400, "invalid_request", "'scope' is there 2 times"},
		{"no scope", set("scope", ""), 400, "invalid_scope", "names none"},
		{"blank scope", set("scope", "  "), 400, "invalid_scope", "names none"},
		{"unknown scope", set("scope", "okta.apps.read okta.users.read"), 400, "invalid_scope", "'okta.users.read' is not known"},
		{"scope not granted", set("scope", "okta.apps.read okta.idps.read"), 400, "invalid_scope", "'okta.idps.read' was not granted"},
		{"odd characters", set("scope", "\"ö\\\n"), 400, "invalid_scope", "not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := c.form("okta.apps.read")
			tt.change(form)
			c.post(form).oauthRefused(t, tt.status, tt.code, tt.text)
		})
	}
	form := c.form("okta.apps.read")
	form.Set("client_id", "0oaOther")
	c.post(form).refused(t, 401, "invalid_client", "client_id does not name")
	form = c.form("okta.apps.read")
	form.Set("client_id", testClient)
	c.post(form).granted(t)
	c.post(c.form("okta.apps.read"), "Authorization", "Basic eDp5").oauthRefused(t, 400, "invalid_request", "Authorization header")
	c.do("POST", tokenPath, "%zz", "Content-Type", formType).oauthRefused(t, 400, "invalid_request", "no form")
	c.do("POST", tokenPath, "{}").refused(t, 400, "E0000021", formType)
	c.post(form, "Accept", "text/html").refused(t, 400, "E0000021", "Accept")
	r := c.do("GET", tokenPath, nil)
	r.refused(t, 405, "E0000022", "POST")
	r.oauthHeaders(t)
	c.do("POST", "/oauth2/v1/authorize", nil).refused(t, 404, "E0000008", "/oauth2/v1/authorize")
}

// TestNoServiceApp: an org with API tokens alone says so.
func TestNoServiceApp(t *testing.T) {
	opt := testOptions()
	opt.Token = "t0ken"
	c := serve(t, New(testOrg(t), opt))
	c.do("POST", tokenPath, "", "Content-Type", formType).refused(t, 401, "invalid_client", "no service app")
	if got := string(c.want(200, "GET", "/_sandbox/tokens", nil).body); got != "[]\n" {
		t.Errorf("tokens: %q", got)
	}
	c.want(204, "DELETE", "/_sandbox/nonces", nil)
}

// TestSignInFaults: faults befall the authorization server too, and what they
// let happen has happened.
func TestSignInFaults(t *testing.T) {
	c := newAppClient(t, ServiceApp{}, func(o *Options) {
		for _, text := range []string{"POST /oauth2/v1/token@1=429", "POST /oauth2/*@2=503", "POST /oauth2/*@3=500:after", "POST */token@4=lost"} {
			f, err := ParseFault(text)
			if err != nil {
				t.Fatal(err)
			}
			o.Faults = append(o.Faults, f)
		}
	})
	form := c.form("okta.apps.read")
	c.post(form).refused(t, 429, "E0000047", "")
	c.post(form).refused(t, 503, "E0000010", "")
	c.post(form).refused(t, 500, "E0000009", "")
	if resp, err := http.PostForm(c.base+tokenPath, c.form("okta.apps.read")); err == nil {
		t.Errorf("it was answered %s", resp.Status)
	}
	c.post(form).oauthRefused(t, 401, "invalid_client", "used before")
	if n := len(c.server.auth.live(false)); n != 2 {
		t.Errorf("%d tokens were given, want 2", n)
	}
}

// TestOnceForgets: what has expired is not kept for ever.
func TestOnceForgets(t *testing.T) {
	c := newAppClient(t, ServiceApp{})
	s := c.server.auth
	for i := range 5000 {
		if !s.once("proof", fmt.Sprint(i), c.now().Add(time.Minute)) {
			t.Fatal(i)
		}
		c.pass(time.Second)
	}
	if len(s.seen) > 2000 {
		t.Errorf("%d are kept", len(s.seen))
	}
}
