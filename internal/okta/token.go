package okta

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/rekey/internal/failpoint"
)

const (
	tokenPath     = "/oauth2/v1/token" // of an org's own authorization server
	assertionLife = 5 * time.Minute    // Okta takes an hour at most
	assertionAge  = 5 * time.Second    // its iat: of the future by a clock that is a little behind ours it would be refused
	maxTokenLife  = 24 * time.Hour     // Okta gives an hour; the longest that is believed
	maxTokenText  = 16 << 10           // bytes
	tokenBucket   = "access tokens"    // in what is said of waits for its rate limit
)

// assertion is how the app proves who it is (RFC 7523, section 3).
type assertion struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`
}

// tokenBody is an answer of the authorization server: a token (RFC 6749,
// section 5.1), an error (5.2), or one in the form of Okta's API.
type tokenBody struct {
	Type    string      `json:"token_type"`
	Token   string      `json:"access_token"`
	Expires json.Number `json:"expires_in"`
	Scope   string      `json:"scope"`

	Error       string `json:"error"`
	Description string `json:"error_description"`
	Code        string `json:"errorCode"`
	Summary     string `json:"errorSummary"`
}

// grant is what the authorization server gave.
type grant struct {
	token     *token
	scopes    []string // granted; nil: those that were asked for
	requestID string
}

// tokenTry is one request for a token, and what came of it.
type tokenTry struct {
	status int
	header http.Header
	proved bool   // with a proof
	nonce  string // that the proof held
	learnt bool   // Okta's clock proved to be another than was thought
	grant  grant
}

// askToken asks for a token with all scopes of the app.
func (c *Client) askToken(ctx context.Context, s *session) (*token, error) {
	scopes := s.app.asked()
	g, err := c.grant(ctx, s, scopes)
	if err == nil {
		if missing := g.lacks(scopes); len(missing) > 0 {
			return nil, &ScopeError{Missing: missing, ClientID: s.app.ClientID, RequestID: g.requestID}
		}
		return g.token, nil
	}
	var e *SignInError
	if errors.As(err, &e) && e.ofScopes() {
		return nil, c.scopeError(ctx, s, scopes, e)
	}
	return nil, err
}

// lacks are the scopes of those asked for that were not granted.
func (g grant) lacks(asked []string) []string {
	if g.scopes == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return slices.Contains(g.scopes, s) })
}

// scopeError finds out which scopes were refused, by asking for each alone: the
// server's words need not name them, or name others as well. The tokens that it
// gives on the way are not kept.
func (c *Client) scopeError(ctx context.Context, s *session, scopes []string, e *SignInError) error {
	result := &ScopeError{ClientID: e.ClientID, RequestID: e.RequestID, Text: e.Text}
	if len(scopes) == 1 {
		result.Missing = scopes
		return result
	}
	for _, scope := range scopes {
		g, err := c.grant(ctx, s, []string{scope})
		var refused *SignInError
		switch {
		case err == nil && len(g.lacks([]string{scope})) == 0:
			continue
		case err == nil, errors.As(err, &refused) && refused.ofScopes():
			result.Missing = append(result.Missing, scope)
		default: // what was answered is known all the same, if not in full
			result.Missing, result.Vague = scopes, true
			return result
		}
	}
	if len(result.Missing) == 0 { // each alone, and not together
		result.Missing, result.Vague = scopes, true
	}
	return result
}

// grant asks for a token with some scopes until it is answered. A request for
// a token has no effect that matters, so that it is repeated like a GET; and
// once for each thing that the answer has taught: a nonce, the clock, that
// proofs are wanted after all.
func (c *Client) grant(ctx context.Context, s *session, scopes []string) (grant, error) {
	var limited, failed int
	var waited time.Duration
	var hope hope
	for {
		t, err := c.tryToken(ctx, s, scopes)
		var wait time.Duration
		switch {
		case err == nil || ctx.Err() != nil:
			return t.grant, err
		case t.status == http.StatusTooManyRequests:
			limited++
			wait = c.pause(t.header, limited)
			if waited += wait; limited == maxLimited || waited > maxWaiting {
				return t.grant, err
			}
			c.showWait(ctx, c.waitAfter(tokenBucket, t.header, wait))
		case t.status/100 == 4:
			if !hope.again(s.refused(t, err), false) {
				return t.grant, err
			}
		case worthRepeating(err) || t.status >= 500:
			if failed++; failed == maxFailed {
				return t.grant, err
			}
			wait = firstBackoff << (failed - 1)
		default:
			return t.grant, err
		}
		if wait > 0 {
			if stop := c.pace.sleep(ctx, c, wait); stop != nil {
				return t.grant, fmt.Errorf("%w; waiting to try again ended: %w", err, stop)
			}
		}
	}
}

// refused tells what another request for a token can do better.
func (s *session) refused(t tokenTry, err error) refusal {
	var e *SignInError
	if !errors.As(err, &e) {
		return refusedForGood
	}
	switch {
	case e.Code == useNonce && s.nonce(authorizationServer) != t.nonce:
		return refusedForNonce
	case e.Code == badProof:
		s.prefer(true)
		return refusedForProof
	case t.learnt:
		return refusedForToken
	}
	return refusedForGood
}

// asksKey marks the one request that is no GET and changes nothing.
type asksKey struct{}

// asksToken recognises the request that tryToken sends, and no other.
func asksToken(r *http.Request) bool {
	ours, _ := r.Context().Value(asksKey{}).(bool)
	return ours && r.Method == http.MethodPost && r.URL.Path == tokenPath && r.URL.RawQuery == ""
}

// tryToken asks once. The try is told of even with an error.
func (c *Client) tryToken(ctx context.Context, s *session, scopes []string) (t tokenTry, err error) {
	call := Call{Method: http.MethodPost, Path: tokenPath}
	tctx, cancel := context.WithTimeout(context.WithValue(ctx, asksKey{}, true), c.timeout)
	defer cancel()
	sent := c.now()
	req, err := c.tokenRequest(tctx, s, scopes, sent, &t)
	if err != nil {
		return t, err
	}
	failpoint.Hit("token.send.before")
	resp, err := c.http.Do(req)
	failpoint.Hit("token.send.after")
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		if errors.Is(err, ErrReadOnly) {
			return t, err
		}
		return t, c.networkError(call, true, err)
	}
	defer resp.Body.Close()
	t.status, t.header = resp.StatusCode, resp.Header
	t.learnt = s.learnClock(resp.Header, sent, c.now())
	s.learnNonce(authorizationServer, resp.Header)
	failpoint.Hit("token.read.before")
	body, err := readAll(resp.Body, resp.ContentLength, maxRefuse)
	failpoint.Hit("token.read.after")
	t.grant, err = c.readGrant(s, &t, body, err, sent)
	return t, err
}

// tokenRequest makes one request: with an assertion of its own and, unless the
// org wants none, a proof (RFC 9449, section 5).
func (c *Client) tokenRequest(ctx context.Context, s *session, scopes []string, now time.Time, t *tokenTry) (*http.Request, error) {
	okta := s.clock(now)
	proof := assertion{
		Issuer: s.app.ClientID, Subject: s.app.ClientID, Audience: s.base + tokenPath,
		Issued: okta.Add(-assertionAge).Unix(), Expires: okta.Add(assertionLife).Unix(), ID: rand.Text(),
	}
	signed, err := sign(s.signer, proof)
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {strings.Join(scopes, " ")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {signed},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+tokenPath, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", typeJSON)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if t.proved = s.proves(); t.proved {
		t.nonce = s.nonce(authorizationServer)
		proof, err := s.prove(req, "", t.nonce, now)
		if err != nil {
			return nil, err
		}
		req.Header.Set("DPoP", proof)
	}
	return req, nil
}

// readGrant makes a token of an answer. Nothing in it is taken on trust.
func (c *Client) readGrant(s *session, t *tokenTry, text []byte, unread error, sent time.Time) (grant, error) {
	e := &SignInError{
		Status: t.status, RequestID: c.clean(t.header.Get(requestIDHeader), 80), org: s.base,
		ClientID: s.app.ClientID, KeyID: s.app.kid(), skew: s.skew(),
	}
	var body tokenBody
	wrong := json.Unmarshal(text, &body)
	e.Code = c.clean(cmp.Or(body.Error, body.Code), 80)
	e.Text = c.clean(cmp.Or(body.Description, body.Summary), 300)
	if t.status != http.StatusOK {
		if e.Code == "" {
			e.Text = c.strange(t.status, t.header, text)
		}
		return grant{}, e
	}
	e.Code = ""
	life, err := strconv.ParseInt(string(body.Expires), 10, 64)
	switch {
	case unread != nil:
		return grant{}, c.unreadable(Call{Method: http.MethodPost, Path: tokenPath}, unread)
	case wrong != nil:
		e.Text = "the answer is no JSON of an authorization server"
	case body.Token == "" || len(body.Token) > maxTokenText || odd(body.Token):
		e.Text = "the answer holds no usable token"
	case err != nil || life <= 0:
		e.Text = "the answer does not say for how long its token holds"
	case strings.EqualFold(body.Type, "DPoP") && !t.proved:
		e.Text = "the answer binds its token to a key that was not shown"
	case !strings.EqualFold(body.Type, "DPoP") && !strings.EqualFold(body.Type, "Bearer"):
		e.Text = "the answer holds a token of the type " + quote(c.clean(body.Type, 40)) + ", neither Bearer nor DPoP"
	default:
		return c.accept(s, body, life, sent, e.RequestID), nil
	}
	return grant{}, e
}

// accept takes a token over. It is renewed a minute before it expires, or a
// tenth of its life if that is less, as counted from before it was asked for.
func (c *Client) accept(s *session, body tokenBody, seconds int64, sent time.Time, requestID string) grant {
	life := maxTokenLife
	if seconds < int64(maxTokenLife/time.Second) {
		life = time.Duration(seconds) * time.Second
	}
	value := func() string { return body.Token }
	s.hide(value)
	t := &token{
		value: value, dpop: strings.EqualFold(body.Type, "DPoP"),
		// Round takes the monotonic clock away, which stands still while a machine sleeps.
		renew: sent.Round(0).Add(life - min(time.Minute, life/10)),
	}
	s.prefer(t.dpop)
	g := grant{token: t, requestID: requestID}
	if body.Scope != "" {
		g.scopes = strings.Fields(body.Scope)
	}
	return g
}
