package sandbox

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/rekey/internal/okta"
)

// TestDPoP: proof, nonce, bound token, and calls with a proof each.
func TestDPoP(t *testing.T) {
	c := newAppClient(t, ServiceApp{DPoP: true})
	r := c.post(c.form("okta.apps.read"), "DPoP", c.proof("POST", tokenPath, "", claim("nonce", nil)))
	r.oauthRefused(t, 400, "use_dpop_nonce", "no nonce")
	nonce := r.header.Get("DPoP-Nonce")
	if nonce == "" {
		t.Fatalf("no nonce: %v", r.header)
	}
	r = c.post(c.form("okta.apps.read okta.apps.manage"), "DPoP", c.proof("POST", tokenPath, "", claim("nonce", nonce)))
	g := r.granted(t)
	if g.Type != "DPoP" || r.header.Get("DPoP-Nonce") != nonce {
		t.Errorf("granted %+v, %v", g, r.header)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(g.Token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	claims, err := okta.DecodeObject(payload)
	if jkt := claims.Text("/cnf/jkt"); err != nil || len(jkt) != 43 || c.server.auth.live(false)[0].JKT != jkt {
		t.Errorf("%v %v", claims, err)
	}
	for _, path := range []string{testApp.Path(), "/api/v1/apps?limit=1", testApp.Path() + "/credentials/keys"} {
		r := c.call("GET", path, g.Token)
		if r.status != http.StatusOK || r.header.Get("DPoP-Nonce") != nonce {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := c.call("POST", testApp.Path()+generateTwo, g.Token); r.status != http.StatusCreated {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestThumbprint: the jkt is that of RFC 7638, here for the key of RFC 9449,
// figures 5 and 8.
func TestThumbprint(t *testing.T) {
	key, err := publicKey(okta.Object{"kty": "EC", "crv": "P-256",
		"x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"})
	if err != nil {
		t.Fatal(err)
	}
	if got := thumbprintOf(key); got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Error(got)
	}
	// ath of RFC 9449, figure 12.
	if got := tokenHash("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"); got != "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" {
		t.Error(got)
	}
}

// refusedProofs are edits of a proof of which each makes it wrong.
func refusedProofs(c *appClient) []struct {
	name string
	edit edit
	text string
} {
	at := func(d time.Duration) int64 { return c.now().Add(d).Unix() }
	private := m{"kty": "EC", "crv": "P-256", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}
	return []struct {
		name string
		edit edit
		text string
	}{
		{"no typ", head("typ", nil), "typ of the proof is ''"},
		{"another typ", head("typ", "JWT"), "typ of the proof is 'JWT'"},
		{"no jwk", head("jwk", nil), "no jwk"},
		{"jwk is text", head("jwk", "key"), "no jwk"},
		{"another key", head("jwk", private), "does not verify"},
		{"a shared secret", head("jwk", m{"kty": "oct"}), "'oct'"},
		{"no point", head("jwk", m{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}), "do not make a public key"},
		{"another alg", head("jwk", jose.JSONWebKey{Key: publicOf(c.prover), Algorithm: "ES512"}), "does not fit"},
		{"no htm", claim("htm", nil), "htm of the proof is ''"},
		{"another htm", claim("htm", "PUT"), "htm of the proof is 'PUT'"},
		{"htm in small letters", func(_, claims m) { claims["htm"] = strings.ToLower(claims["htm"].(string)) }, "htm of the proof"},
		{"no htu", claim("htu", nil), "htu of the proof is ''"},
		{"another path", claim("htu", c.base+"/"), "htu of the proof"},
		{"another host", func(_, claims m) {
			claims["htu"] = strings.Replace(claims["htu"].(string), "127.0.0.1", "localhost", 1)
		}, "htu of the proof"},
		{"another scheme", func(_, claims m) { claims["htu"] = "https" + strings.TrimPrefix(claims["htu"].(string), "http") }, "htu of the proof"},
		{"a query", func(_, claims m) { claims["htu"] = claims["htu"].(string) + "?limit=1" }, "without query and fragment"},
		{"no iat", claim("iat", nil), "no iat"},
		{"iat is text", claim("iat", "now"), "iat is no number"},
		{"old", claim("iat", at(-proofWindow-time.Second)), "too far from"},
		{"ahead", claim("iat", at(proofWindow+time.Second)), "too far from"},
		{"no jti", claim("jti", nil), "no jti"},
		{"jti is a number", claim("jti", 7), "no jti"},
		{"jti used before", claim("jti", "jti-1"), "used before"},
	}
}

// TestProofRefused: one thing is wrong with the proof, at the token endpoint
// and at the API.
func TestProofRefused(t *testing.T) {
	c := newAppClient(t, ServiceApp{DPoP: true})
	token := c.token(allScopes) // with jti-1 or jti-2
	c.call("GET", testApp.Path(), token)
	c.server.auth.once("proof", "jti-1", c.now())
	for _, tt := range refusedProofs(c) {
		t.Run(tt.name, func(t *testing.T) {
			proof := c.proof("POST", tokenPath, "", tt.edit)
			r := c.post(c.form("okta.apps.read"), "DPoP", proof)
			r.oauthRefused(t, 400, "invalid_dpop_proof", tt.text)
			r.secretless(t, proof)
			proof = c.proof("GET", testApp.Path(), token, tt.edit)
			r = c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", proof)
			r.challenged(t, 400, "E0000011", "invalid_dpop_proof", tt.text)
			r.secretless(t, proof, token)
		})
	}
	for _, tt := range []struct {
		name string
		edit edit
		text string
	}{
		{"no ath", claim("ath", nil), "no ath"},
		{"another ath", claim("ath", tokenHash("another")), "ath of the proof is not"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", c.proof("GET", testApp.Path(), token, tt.edit))
			r.challenged(t, 400, "E0000011", "invalid_dpop_proof", tt.text)
		})
	}
	for name, e := range map[string]edit{
		"old": claim("iat", c.now().Add(-proofWindow).Unix()+1), "ahead": claim("iat", c.now().Add(proofWindow).Unix()),
		"scheme and host in capitals": func(_, claims m) { claims["htu"] = "HTTP" + strings.TrimPrefix(claims["htu"].(string), "http") },
	} {
		t.Run("good: "+name, func(t *testing.T) {
			if r := c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", c.proof("GET", testApp.Path(), token, e)); r.status != 200 {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

// TestProofForged: what is no proof by the key in its header.
func TestProofForged(t *testing.T) {
	c := newAppClient(t, ServiceApp{DPoP: true})
	good := c.proof("POST", tokenPath, "")
	parts := strings.Split(good, ".")
	claims := func() m {
		return m{"htm": "POST", "htu": c.base + tokenPath, "iat": c.now().Unix(), "jti": c.jti(), "nonce": c.server.auth.currentNonce()}
	}
	jwk := jose.JSONWebKey{Key: publicOf(c.prover)}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "." + parts[2]
	}
	for _, tt := range []struct{ name, proof, text string }{
		{"no JWT", "nonsense", "no signed JWT"},
		{"alg none", signJWT(t, "none", nil, m{"typ": "dpop+jwt", "jwk": jwk}, claims()), "'none', which is not asymmetric"},
		{"a shared secret", signJWT(t, jose.HS256, []byte(strings.Repeat("k", 64)), m{"typ": "dpop+jwt", "jwk": jwk}, claims()), "'HS256', which is not asymmetric"},
		{"alg of another key", signJWT(t, jose.RS256, pairOf(t, 1), m{"typ": "dpop+jwt", "jwk": jwk}, claims()), "its alg is 'RS256'"},
		{"alg of another curve", signJWT(t, jose.ES384, ecPair(t, elliptic.P384()), m{"typ": "dpop+jwt", "jwk": jwk}, claims()), "its alg is 'ES384'"},
		{"PS256", signJWT(t, jose.PS256, pairOf(t, 1), m{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: publicOf(pairOf(t, 1))}}, claims()), "its alg is 'PS256'"},
		{"a weak key", signJWT(t, jose.RS256, weak, m{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: publicOf(weak)}}, claims()), "1024 bits"},
		{"a private key", signJWT(t, jose.ES256, c.prover, m{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: c.prover}}, claims()), "private member 'd'"},
		{"a member twice", unsigned(`{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256"}`), "no JSON object"},
		{"other claims", parts[0] + ".e30." + parts[2], "does not verify"},
		{"no signature", parts[0] + "." + parts[1] + ".", "does not verify"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.post(c.form("okta.apps.read"), "DPoP", tt.proof).oauthRefused(t, 400, "invalid_dpop_proof", tt.text)
		})
	}
	c.post(c.form("okta.apps.read")).oauthRefused(t, 400, "invalid_dpop_proof", "no DPoP header")
	c.twice("POST", tokenPath, c.form("okta.apps.read").Encode(), "DPoP", good, good, "Content-Type", formType).
		oauthRefused(t, 400, "invalid_dpop_proof", "2 DPoP headers")
	c.post(c.form("okta.apps.read"), "DPoP", good).granted(t)
}

// TestProofReplayed: a proof counts once, there and at the API, also where it
// lacked a nonce.
func TestProofReplayed(t *testing.T) {
	c := newAppClient(t, ServiceApp{DPoP: true})
	proof := c.proof("POST", tokenPath, "")
	token := c.post(c.form(allScopes), "DPoP", proof).granted(t).Token
	c.post(c.form(allScopes), "DPoP", proof).oauthRefused(t, 400, "invalid_dpop_proof", "used before")
	proof = c.proof("GET", testApp.Path(), token)
	c.want(200, "GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", proof)
	c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", proof).challenged(t, 400, "E0000011", "invalid_dpop_proof", "used before")
	same := claim("jti", "the-same")
	r := c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", c.proof("GET", testApp.Path(), token, same, claim("nonce", nil)))
	r.challenged(t, 401, "E0000011", "use_dpop_nonce", "no nonce")
	r = c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", c.proof("GET", testApp.Path(), token, same))
	r.challenged(t, 400, "E0000011", "invalid_dpop_proof", "used before")
}

// TestNonces: they rotate; the one before is good, an older one is stale.
func TestNonces(t *testing.T) {
	c := newAppClient(t, ServiceApp{DPoP: true, NonceLifetime: time.Minute})
	token := c.token(allScopes)
	with := func(nonce string) result {
		c.t.Helper()
		return c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", c.proof("GET", testApp.Path(), token, claim("nonce", nonce)))
	}
	first := c.server.auth.currentNonce()
	c.pass(59 * time.Second)
	if r := with(first); r.status != 200 || r.header.Get("DPoP-Nonce") != first {
		t.Errorf("%d %v", r.status, r.header)
	}
	c.pass(time.Second)
	r := with(first)
	second := r.header.Get("DPoP-Nonce")
	if r.status != 200 || second == "" || second == first {
		t.Errorf("%d %v: the nonce before, %s", r.status, r.header, first)
	}
	c.pass(time.Minute)
	r = with(first)
	r.challenged(t, 401, "E0000011", "use_dpop_nonce", "stale")
	third := r.header.Get("DPoP-Nonce")
	if r := with(second); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	c.pass(2 * time.Minute) // nobody asked meanwhile
	with(third).challenged(t, 401, "E0000011", "use_dpop_nonce", "stale")
	last := c.server.auth.currentNonce()
	c.do("POST", "/_sandbox/nonces", nil).refused(t, 405, "E0000022", "DELETE")
	if r := c.want(204, "DELETE", "/_sandbox/nonces", nil); r.header.Get("DPoP-Nonce") != "" {
		t.Errorf("%v", r.header)
	}
	for _, nonce := range []string{last, "made-up"} {
		with(nonce).challenged(t, 401, "E0000011", "use_dpop_nonce", "stale")
	}
	r = c.post(c.form(allScopes), "DPoP", c.proof("POST", tokenPath, "", claim("nonce", last)))
	r.oauthRefused(t, 400, "use_dpop_nonce", "stale")
	if r := with(r.header.Get("DPoP-Nonce")); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestDPoPAtOnce: of many that send one proof at once, one gets through.
func TestDPoPAtOnce(t *testing.T) {
	c := newAppClient(t, ServiceApp{DPoP: true})
	token := c.token(allScopes)
	proof := c.proof("GET", testApp.Path(), token)
	var all sync.WaitGroup
	statuses := make(chan int, 20)
	for i := range 20 {
		all.Go(func() {
			if i%2 == 0 {
				statuses <- c.call("GET", testApp.Path(), token).status
				return
			}
			if r := c.do("GET", testApp.Path(), nil, "Authorization", "DPoP "+token, "DPoP", proof); r.status != 400 {
				statuses <- r.status
			}
		})
	}
	all.Wait()
	close(statuses)
	n := 0
	for status := range statuses {
		if n++; status != 200 {
			t.Errorf("status %d", status)
		}
	}
	if n != 11 {
		t.Errorf("%d got through, want 10 and 1", n)
	}
}

func TestSameURL(t *testing.T) {
	const asked = "https://org.okta.com/api/v1/apps/a%2Fb"
	for claimed, want := range map[string]bool{
		asked: true, "HTTPS://ORG.okta.com:443/api/v1/apps/a%2Fb": true, "https://org.okta.com:444/api/v1/apps/a%2Fb": false,
		"https://org.okta.com/api/v1/apps/a/b": false, "https://org.okta.com/API/v1/apps/a%2Fb": false, asked + "#": false, asked + "?": false,
		"https://u@org.okta.com/api/v1/apps/a%2Fb": false, "/api/v1/apps/a%2Fb": false, "": false, "://": false,
	} {
		if got := sameURL(claimed, asked); got != want {
			t.Errorf("%s: %v", claimed, got)
		}
	}
}
