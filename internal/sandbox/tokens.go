package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/rekey/internal/okta"
)

// token is what the org knows of an access token.
type token struct {
	id      string
	scopes  []string
	expires time.Time
	jkt     string // thumbprint of the key that it is bound to; "" of a bearer token
	revoked bool
}

// issue makes an access token and answers it (RFC 6749, section 5.1). To the
// client it is opaque; that it is a JWT helps who debugs one.
func (s *authServer) issue(rq *request, scopes []string, jkt string) (answer, error) {
	now := s.now()
	t := &token{id: "AT." + s.ids("token"), scopes: scopes, expires: now.Add(s.app.TokenLifetime), jkt: jkt}
	claims := okta.Object{
		"ver": 1, "jti": t.id, "iss": rq.base, "aud": rq.base, "sub": s.app.ClientID, "cid": s.app.ClientID,
		"iat": now.Unix(), "exp": t.expires.Unix(), "scp": scopes,
	}
	kind := "Bearer"
	if jkt != "" {
		kind, claims["cnf"] = headerDPoP, map[string]string{"jkt": jkt} // RFC 9449, section 6.1
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return answer{}, err
	}
	jws, err := s.signer.Sign(payload)
	if err != nil {
		return answer{}, err
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		return answer{}, err
	}
	s.keep(text, t, now)
	return newAnswer(http.StatusOK, oauthType, encodeJSON(struct {
		Type    string `json:"token_type"`
		Expires int64  `json:"expires_in"` // seconds
		Token   string `json:"access_token"`
		Scope   string `json:"scope"`
	}{kind, int64(s.app.TokenLifetime / time.Second), text, strings.Join(scopes, " ")})), nil
}

// keep remembers a token until an hour after it has expired.
func (s *authServer) keep(text string, t *token, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text, old := range s.tokens {
		if old.expires.Add(time.Hour).Before(now) {
			delete(s.tokens, text)
		}
	}
	s.tokens[text] = t
}

// admit decides whether a call to the API may go on.
func (s *authServer) admit(rq *request) *problem {
	err := s.checkToken(rq)
	if err == nil {
		return nil
	}
	r := (*refusal)(nil)
	if !errors.As(err, &r) {
		return internal(err)
	}
	p := badToken(r.description)
	switch r.code {
	case "insufficient_scope":
		p = forbidden(r.description)
	case invalidProof:
		p.status = http.StatusBadRequest // as Okta does; RFC 9449 has 401 in its samples
	}
	p.header = http.Header{"Www-Authenticate": {s.challenge(rq, r)}}
	return p
}

// checkToken checks the access token of a call to the API, the proof that
// belongs to it, and its scopes (RFC 6750, section 2.1; RFC 9449, section 7).
func (s *authServer) checkToken(rq *request) error {
	refused := func(code, cause string) error { return refuse(http.StatusUnauthorized, code, "%s", cause) }
	const invalid = "invalid_token"
	scheme, text, _ := strings.Cut(rq.Header.Get("Authorization"), " ")
	switch want := s.scheme(); {
	case scheme == "" || strings.EqualFold(scheme, "SSWS"):
		return refused("", "the request carries no access token; ask "+tokenPath+" for one and send the header Authorization: "+want+" <token>")
	case !strings.EqualFold(scheme, want):
		return refused(invalid, "the service app's access tokens are not sent as "+clip(scheme)+"; send the header Authorization: "+want+" <token>")
	}
	t, found := s.find(text)
	switch {
	case !found:
		return refused(invalid, "the access token is none of this org's; ask "+tokenPath+" for one")
	case t.revoked:
		return refused(invalid, "the access token was revoked; ask "+tokenPath+" for another")
	case !s.now().Before(t.expires):
		return refused(invalid, "the access token expired at "+stamp(t.expires)+"; ask "+tokenPath+" for another")
	}
	if s.app.DPoP {
		jkt, err := s.checkProof(rq, text)
		if err != nil {
			return err
		}
		if jkt != t.jkt {
			return refused(invalid, "the access token is bound to another key than the proof's; prove with the key that it was asked for with")
		}
	}
	if need := scopeOf(rq.Request); need != "" && !slices.Contains(t.scopes, need) {
		return refuse(http.StatusForbidden, "insufficient_scope", "the access token lacks the scope %s; it has %s", need, strings.Join(t.scopes, ", "))
	}
	return nil
}

func (s *authServer) find(text string) (token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, found := s.tokens[text]
	if !found {
		return token{}, false
	}
	return *t, true
}

// scheme is how access tokens are sent.
func (s *authServer) scheme() string {
	if s.app.DPoP {
		return headerDPoP
	}
	return "Bearer"
}

// scopeOf is the scope that a request needs: "manage" for all that does not
// only read (Okta's contract); "" below a path that is no operation.
func scopeOf(r *http.Request) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "/")
	if kind != "apps" && kind != "idps" {
		return ""
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return "okta." + kind + ".read"
	}
	return "okta." + kind + ".manage"
}

// challenge is the WWW-Authenticate header of a refused call (RFC 6750,
// section 3; RFC 9449, section 7.1) with the attributes that Okta's has.
func (s *authServer) challenge(rq *request, r *refusal) string {
	var b strings.Builder
	b.WriteString(s.scheme())
	separator := " "
	attribute := func(name, value string) {
		if value != "" {
			b.WriteString(separator + name + `="` + value + `"`)
			separator = ", "
		}
	}
	if s.app.DPoP {
		attribute("algs", spaced(allAlgorithms))
	}
	attribute("authorization_uri", rq.link(oauthPaths+"v1/authorize"))
	attribute("realm", rq.base)
	attribute("scope", scopeOf(rq.Request))
	if r.code != "" {
		attribute("error", r.code)
		attribute("error_description", r.description)
	}
	attribute("resource", rq.URL.EscapedPath())
	return b.String()
}

// finish adds the header that tells clients which nonce to send (RFC 9449,
// section 8.2).
func (s *authServer) finish(a *answer, r *http.Request) {
	if s != nil && s.app.DPoP && !strings.HasPrefix(r.URL.Path, ownPaths) {
		a.header.Set(headerNonce, s.currentNonce())
	}
}

// listedToken is a token as GET /_sandbox/tokens lists it: not the token
// itself.
type listedToken struct {
	ID      string    `json:"id"`
	Scopes  []string  `json:"scopes"`
	Expires time.Time `json:"expires_at"`
	JKT     string    `json:"jkt,omitempty"`
}

// live lists the tokens that are good, the one that expires first at the top,
// and revokes them if that is asked for.
func (s *authServer) live(revoke bool) []listedToken {
	list := []listedToken{} // [] and not null
	if s == nil {
		return list
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, t := range s.tokens {
		if !t.revoked && now.Before(t.expires) {
			t.revoked = revoke
			list = append(list, listedToken{t.id, t.scopes, t.expires.UTC(), t.jkt})
		}
	}
	slices.SortFunc(list, func(a, b listedToken) int {
		if c := a.Expires.Compare(b.Expires); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// answerTokens lists the access tokens that are good, and revokes them if that
// is asked for. Like the dump it needs no token.
func (s *Server) answerTokens(rq *request) answer {
	switch rq.Method {
	case http.MethodGet, http.MethodDelete:
		return newAnswer(http.StatusOK, jsonType, encodeJSON(s.auth.live(rq.Method == http.MethodDelete)))
	}
	return s.failed(wrongMethod(http.MethodGet + ", " + http.MethodDelete))
}

// answerNonces makes all nonces stale. Like the dump it needs no token.
func (s *Server) answerNonces(rq *request) answer {
	if rq.Method != http.MethodDelete {
		return s.failed(wrongMethod(http.MethodDelete))
	}
	if s.auth != nil {
		s.auth.forgetNonces()
	}
	return answer{status: http.StatusNoContent, header: http.Header{}}
}
