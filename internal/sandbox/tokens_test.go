package sandbox

import (
	"crypto/elliptic"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/rekey/internal/okta"
)

// challenged checks a refusal of the API and its challenge. No error means that
// the challenge has none.
func (r result) challenged(t testing.TB, status int, code, oauthError, text string) {
	t.Helper()
	r.refused(t, status, code, text)
	challenge := r.header.Get("WWW-Authenticate")
	if want := `error="` + oauthError + `", error_description="`; oauthError != "" && (!strings.Contains(challenge, want) || !strings.Contains(challenge, text)) ||
		oauthError == "" && strings.Contains(challenge, "error") {
		t.Errorf("the challenge is %s, want %s %s", challenge, oauthError, text)
	}
}

// TestScopes: each operation needs its one scope, and no other one will do.
func TestScopes(t *testing.T) {
	for _, dpop := range []bool{false, true} {
		c := newAppClient(t, ServiceApp{DPoP: dpop})
		tokens := map[string]string{}
		for _, scope := range Scopes() {
			tokens[scope] = c.token(scope)
		}
		for _, tt := range []struct{ method, path, scope string }{
			{"GET", "/api/v1/apps", "okta.apps.read"},
			{"GET", "/api/v1/apps?limit=1", "okta.apps.read"},
			{"GET", testApp.Path(), "okta.apps.read"},
			{"PUT", testApp.Path(), "okta.apps.manage"},
			{"GET", testApp.Path() + "/credentials/keys", "okta.apps.read"},
			{"POST", testApp.Path() + "/credentials/csrs", "okta.apps.manage"},
			{"DELETE", testApp.Path() + "/credentials/csrs/x", "okta.apps.manage"},
			{"GET", testApp.Path() + "/sso/saml/metadata", "okta.apps.read"},
			{"GET", "/api/v1/idps", "okta.idps.read"},
			{"GET", testIdP.Path(), "okta.idps.read"},
			{"PUT", testIdP.Path(), "okta.idps.manage"},
			{"POST", testIdP.Path() + "/credentials/keys/generate", "okta.idps.manage"},
			{"GET", testIdP.Path() + "/credentials/keys/active", "okta.idps.read"},
		} {
			for scope, token := range tokens {
				r := c.call(tt.method, tt.path, token)
				if scope == tt.scope {
					if r.status == 401 || r.status == 403 {
						t.Errorf("%s %s with %s: %d %s", tt.method, tt.path, scope, r.status, r.body)
					}
					continue
				}
				r.challenged(t, 403, "E0000006", "insufficient_scope", "lacks the scope "+tt.scope+"; it has "+scope)
				if !strings.Contains(r.header.Get("WWW-Authenticate"), `scope="`+tt.scope+`"`) {
					t.Errorf("the challenge is %s", r.header.Get("WWW-Authenticate"))
				}
			}
		}
		c.call("GET", "/api/v1/users", tokens["okta.apps.read"]).refused(t, 404, "E0000008", "/api/v1/users")
	}
}

// TestTokenRefused: calls without a token that is good.
func TestTokenRefused(t *testing.T) {
	for _, tt := range []struct {
		dpop          bool
		name          string
		authorization func(token string) string
		oauthError    string
		text          string
	}{
		{false, "none", func(string) string { return "" }, "", "no access token"},
		{false, "an API token", func(string) string { return "SSWS x" }, "", "no access token"},
		{false, "another scheme", func(token string) string { return "DPoP " + token }, "invalid_token", "not sent as DPoP"},
		{false, "unknown", func(token string) string { return "Bearer " + token + "x" }, "invalid_token", "none of this org's"},
		{false, "empty", func(string) string { return "Bearer " }, "invalid_token", "none of this org's"},
		{true, "none", func(string) string { return "" }, "", "no access token"},
		{true, "bound, as a bearer token", func(token string) string { return "Bearer " + token }, "invalid_token", "not sent as Bearer"},
		{true, "unknown", func(string) string { return "DPoP x" }, "invalid_token", "none of this org's"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newAppClient(t, ServiceApp{DPoP: tt.dpop})
			token := c.token(allScopes)
			r := c.do("GET", testApp.Path(), nil, "Authorization", tt.authorization(token), "DPoP", c.proof("GET", testApp.Path(), token))
			r.challenged(t, 401, "E0000011", tt.oauthError, tt.text)
			r.secretless(t, token)
			scheme := `Bearer authorization_uri="` + c.base + `/oauth2/v1/authorize", realm="` + c.base + `", scope="okta.apps.read"`
			if tt.dpop {
				scheme = strings.Replace(scheme, "Bearer ", `DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", `, 1)
			}
			if got := r.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, scheme) || !strings.HasSuffix(got, `, resource="`+testApp.Path()+`"`) {
				t.Errorf("the challenge is %s", got)
			}
			if (r.header.Get("DPoP-Nonce") != "") != tt.dpop {
				t.Errorf("the headers are %v", r.header)
			}
		})
	}
}

// TestTokenEnds: tokens expire, are revoked, and belong to a key.
func TestTokenEnds(t *testing.T) {
	for _, dpop := range []bool{false, true} {
		c := newAppClient(t, ServiceApp{DPoP: dpop, TokenLifetime: 10 * time.Minute})
		token := c.token(allScopes)
		c.pass(10*time.Minute - time.Second)
		if r := c.call("GET", testApp.Path(), token); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
		c.pass(time.Second)
		c.call("GET", testApp.Path(), token).challenged(t, 401, "E0000011", "invalid_token", "expired at 2026-03-14T15:19:26Z")
		first, second := c.token("okta.apps.read"), c.token("okta.idps.read")
		c.pass(time.Second)
		third := c.token("okta.apps.manage")
		checkListed(t, c.want(200, "GET", "/_sandbox/tokens", nil), 3, dpop, token, first)
		checkListed(t, c.want(200, "DELETE", "/_sandbox/tokens", nil), 3, dpop, token, first)
		checkListed(t, c.want(200, "GET", "/_sandbox/tokens", nil), 0, dpop)
		for _, token := range []string{first, second, third} {
			c.call("GET", testApp.Path(), token).challenged(t, 401, "E0000011", "invalid_token", "revoked")
		}
		if r := c.call("GET", testApp.Path(), c.token("okta.apps.read")); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
		c.pass(2 * time.Hour)
		c.token("okta.apps.read")
		if n := len(c.server.auth.tokens); n != 1 {
			t.Errorf("%d tokens are kept", n)
		}
		c.do("POST", "/_sandbox/tokens", nil).refused(t, 405, "E0000022", "GET, DELETE")
	}
	c := newAppClient(t, ServiceApp{DPoP: true})
	token := c.token(allScopes)
	c.prover = pairOf(t, 3)
	jwk := jose.JSONWebKey{Key: publicOf(c.prover)}
	now := c.now().Unix()
	proof := signJWT(t, jose.RS256, c.prover, m{"typ": "dpop+jwt", "jwk": jwk}, m{
		"htm": "GET", "htu": c.base + testApp.Path(), "iat": now, "jti": c.jti(), "nonce": c.server.auth.currentNonce(), "ath": tokenHash(token),
	})
	c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", proof).challenged(t, 401, "E0000011", "invalid_token", "bound to another key")
}

func checkListed(t *testing.T, r result, want int, bound bool, secrets ...string) {
	t.Helper()
	var list []listedToken
	if err := json.Unmarshal(r.body, &list); err != nil || len(list) != want || list == nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	r.secretless(t, secrets...)
	for i, token := range list {
		if token.ID == "" || len(token.Scopes) != 1 || (token.JKT != "") != bound || i > 0 && token.Expires.Before(list[i-1].Expires) {
			t.Errorf("%s", r.body)
		}
	}
}

// TestTokenBesides: an API token that was given works beside access tokens.
func TestTokenBesides(t *testing.T) {
	c := newAppClient(t, ServiceApp{}, func(o *Options) { o.Token = "t0ken" })
	c.want(200, "GET", testApp.Path(), nil, "Authorization", "SSWS t0ken")
	c.do("GET", testApp.Path(), nil, "Authorization", "SSWS other").refused(t, 401, "E0000011", "not the sandbox's token")
	c.do("GET", testApp.Path(), nil).challenged(t, 401, "E0000011", "", "no access token")
	if r := c.call("GET", testApp.Path(), c.token("okta.apps.read")); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestRefusedDoesNothing: a call that is refused changes nothing, and is in
// the log.
func TestRefusedDoesNothing(t *testing.T) {
	log := &lockedText{}
	c := newAppClient(t, ServiceApp{DPoP: true}, func(o *Options) { o.Log = log })
	before := dump(t, c.server.Org())
	token := c.token("okta.apps.read")
	c.call("POST", testApp.Path()+generateTwo, token).refused(t, 403, "E0000006", "okta.apps.manage")
	c.do("POST", testApp.Path()+generateTwo, nil, "Authorization", "Bearer "+token).refused(t, 401, "E0000011", "")
	if dump(t, c.server.Org()) != before {
		t.Error("the org has changed")
	}
	if got := log.String(); strings.Count(got, "\n") != 3 || !strings.Contains(got, `"path":"/oauth2/v1/token","status":200,`) || strings.Contains(got, token) {
		t.Errorf("the log has\n%s", got)
	}
}

// TestReadClientKeys: JWKs and sets, public or private, and what is neither.
func TestReadClientKeys(t *testing.T) {
	pair, ec := pairOf(t, 1), ecPair(t, elliptic.P256())
	encode := func(v any) okta.Object {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		o, err := okta.DecodeObject(data)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	private := encode(jose.JSONWebKey{Key: pair, KeyID: "r1", Use: "sig", Algorithm: "RS256"})
	public := encode(jose.JSONWebKey{Key: publicOf(ec), KeyID: "e1"})
	set := okta.Object{"keys": []any{map[string]any(private), map[string]any(public)}}
	for name, data := range map[string][]byte{"r1": private.Encode(), "e1": public.Encode(), "r1 e1": set.Encode()} {
		keys, err := ReadClientKeys(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var kids []string
		for _, k := range keys {
			if kids = append(kids, k.KeyID); !k.IsPublic() {
				t.Errorf("%s is not public", k.KeyID)
			}
		}
		if strings.Join(kids, " ") != name {
			t.Errorf("%s: %s", name, kids)
		}
	}
	with := func(o okta.Object, member string, v any) string { return string(o.With("/"+member, v).Encode()) }
	for _, tt := range []struct{ name, data, want string }{
		{"PEM", "\n-----BEGIN PRIVATE KEY-----\n", "this is PEM"},
		{"no JSON", "{", "no JSON object"},
		{"a list", "[]", "no JSON object"},
		{"no kty", "{}", `kty is ""`},
		{"a shared secret", `{"kty":"oct","k":"c2VjcmV0","kid":"s"}`, `kty is "oct"`},
		{"Ed25519", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"o"}`, `kty is "OKP"`},
		{"no kid", string(public.Without("/kid").Encode()), "no kid"},
		{"kid is no text", with(public, "kid", 7), "do not make a public key"},
		{"for encryption", with(private, "use", "enc"), `use is "enc"`},
		{"another alg", with(private, "alg", "ES256"), `alg "ES256" does not fit`},
		{"an alg that Okta lacks", with(private, "alg", "PS256"), "none of RS256"},
		{"another curve", with(public, "crv", "secp256k1"), "do not make a public key"},
		{"no modulus", string(private.Without("/n").Encode()), "do not make a public key"},
		{"small", with(private, "n", "AQAB"), "give one of 2048"},
		{"an empty set", `{"keys":[]}`, "no keys"},
		{"a set of texts", `{"keys":["x"]}`, "key 1 of the set: the key is no JSON object"},
		{"a kid twice", string(okta.Object{"keys": []any{map[string]any(public), map[string]any(public)}}.Encode()), `key 2 of the set: the kid "e1" is there twice`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := ReadClientKeys([]byte(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.want) || keys != nil {
				t.Errorf("%v, %v", keys, err)
			}
			if d := private.Text("/d"); err != nil && strings.Contains(err.Error(), d[:20]) {
				t.Errorf("the error holds the private key: %v", err)
			}
		})
	}
}
