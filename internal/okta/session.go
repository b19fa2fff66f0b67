package okta

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// principal is as whom a client signs in.
type principal interface {
	// credential is what the next try of a request shows; there may be a token to
	// be asked for first, in which case c sends that request.
	credential(ctx context.Context, c *Client) (credential, error)
	redact(string) string
}

// credential authorises a try.
type credential interface {
	// authorize writes what one try shows into its header: anew for each.
	authorize(*http.Request) error
	// answered takes from an answer what the next try needs.
	answered(http.Header)
	// refused tells why a try was answered 4xx, and thereby whether the next one
	// can do better.
	refused(err error, h http.Header) refusal
	// oauth reports whether it is a token of a service app.
	oauth() bool
}

// refusal is why a 4xx is worth another try. None of them had an effect.
type refusal uint8

const (
	refusedForGood  refusal = iota
	refusedForNonce         // the proof named none, or an old one; the answer brought another
	refusedForProof         // it was seen before, perhaps: then its request may be done
	refusedForClock         // the proof was made by a clock that proved wrong
	refusedForToken         // it is expired or revoked
)

// maxNonces is how often a try may be told to use another nonce: servers take
// turns with them while other requests are on their way.
const maxNonces = 3

// hope counts the tries of one request that were refused so.
type hope struct {
	nonces, proofs, tokens int
}

// again reports whether to try again after a refusal. A write whose proof may
// have been seen before is not: a proxy may have sent it twice.
func (h *hope) again(why refusal, write bool) bool {
	switch why {
	case refusedForNonce:
		h.nonces++
		return h.nonces <= maxNonces
	case refusedForProof, refusedForClock:
		h.proofs++
		return h.proofs == 1 && !(write && why == refusedForProof)
	case refusedForToken:
		h.tokens++
		return h.tokens == 1
	}
	return false
}

// ssws signs in with an API token. It is a function, so that no way of printing
// reaches the token.
type ssws func() string

func (t ssws) credential(context.Context, *Client) (credential, error) { return t, nil }
func (t ssws) redact(s string) string                                  { return redact(s, t()) }
func (t ssws) answered(http.Header)                                    {}
func (t ssws) refused(error, http.Header) refusal                      { return refusedForGood }
func (t ssws) oauth() bool                                             { return false }

func (t ssws) authorize(r *http.Request) error {
	r.Header.Set("Authorization", "SSWS "+t())
	return nil
}

// session is what the clients of one service app share at one org: the token,
// and how the next one is asked for.
type session struct {
	base   string // of the org
	app    *OAuth
	signer jose.Signer // signs assertions
	prover jose.Signer // signs proofs, with a key of this session alone

	mu      sync.Mutex
	token   *token
	flight  *flight         // of the token that is being asked for
	bearer  bool            // tokens are bound to no key: no proofs
	offset  time.Duration   // Okta's clock is that much ahead of ours
	secrets []func() string // the last tokens, to be taken out of texts
	nonces  [2]string       // the last one of each server
}

// token is an access token. It is never written anywhere.
type token struct {
	value func() string // a function, so that no way of printing reaches it
	dpop  bool          // bound to our key: shown with a proof
	renew time.Time     // from then on another one is asked for, by our clock
}

// flight is one request for a token, which all wait for who need one.
type flight struct {
	done  chan struct{}
	token *token
	err   error
	gone  bool // who asked was told to stop: somebody else must
}

// session finds what the clients of this app share at an org.
func (o *OAuth) session(base string) (*session, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.sessions {
		if s.base == base {
			return s, nil
		}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	signer, err := o.Key.signer(o.kid())
	if err != nil {
		return nil, keyFault("cannot sign", onlyKinds)
	}
	prover, err := newProver()
	if err != nil {
		return nil, err
	}
	s := &session{base: base, app: o, signer: signer, prover: prover}
	o.sessions = append(o.sessions, s)
	return s, nil
}

// credential is the token, or the one that is asked for now. Any number of
// callers cause one request.
func (s *session) credential(ctx context.Context, c *Client) (credential, error) {
	for {
		t, f, ours := s.board(c.now())
		if t != nil {
			return &ticket{token: t, s: s, now: c.now}, nil
		}
		if ours {
			f.token, f.err = c.askToken(ctx, s)
			f.gone = f.err != nil && ctx.Err() != nil
			s.land(f)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, c.networkError(Call{Method: http.MethodPost, Path: tokenPath}, false, ctx.Err())
		}
		switch {
		case f.err == nil:
			return &ticket{token: f.token, s: s, now: c.now}, nil
		case ours || !f.gone:
			return nil, f.err
		}
	}
}

// board returns the token if it is good for a while yet, or else the request
// for one, and whether it is the caller's to send.
func (s *session) board(now time.Time) (*token, *flight, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != nil && now.Before(s.token.renew) {
		return s.token, nil, false
	}
	if s.flight != nil {
		return nil, s.flight, false
	}
	s.flight = &flight{done: make(chan struct{})}
	return nil, s.flight, true
}

// land ends a request for a token.
func (s *session) land(f *flight) {
	s.mu.Lock()
	s.flight = nil
	if f.err == nil {
		s.token = f.token
	}
	s.mu.Unlock()
	close(f.done)
}

// drop forgets a token that was refused, unless there is another already.
func (s *session) drop(t *token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == t {
		s.token = nil
	}
}

// prefer says whether tokens are bound to our key: an org that gives others
// gets no more proofs.
func (s *session) prefer(dpop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bearer = !dpop
}

// proves reports whether requests for a token carry a proof.
func (s *session) proves() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.bearer
}

// hide has a secret taken out of texts from now on.
func (s *session) hide(secret func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const last = 4 // requests on their way may show an older one
	s.secrets = append(slices.Clone(s.secrets[max(0, len(s.secrets)-last+1):]), secret)
}

var jwtLike = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?`)

// redact takes tokens, assertions and proofs out of a text.
func (s *session) redact(text string) string {
	s.mu.Lock()
	secrets := s.secrets
	s.mu.Unlock()
	for _, hidden := range secrets {
		secret := hidden()
		if len(secret) < 8 { // may be part of any word
			text = strings.ReplaceAll(strings.ReplaceAll(text, "Bearer "+secret, "Bearer [token]"), "DPoP "+secret, "DPoP [token]")
			continue
		}
		text = strings.ReplaceAll(text, secret, "[token]")
	}
	return jwtLike.ReplaceAllString(text, "[token]")
}

// clock is Okta's clock, as far as it is known.
func (s *session) clock(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Add(s.offset)
}

// skew is how far Okta's clock is ahead of ours.
func (s *session) skew() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offset
}

// maxSkew is how far clocks may differ before it counts: the Date header has
// whole seconds.
const maxSkew = 2 * time.Second

// learnClock compares an answer's Date with the span in which it was made, and
// reports whether Okta's clock proved to be another than was thought.
func (s *session) learnClock(h http.Header, sent, got time.Time) bool {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return false
	}
	var offset time.Duration
	switch {
	case date.Before(sent.Add(-maxSkew)):
		offset = date.Sub(sent)
	case date.After(got.Add(maxSkew)):
		offset = date.Sub(got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	learnt := (offset - s.offset).Abs() > maxSkew
	s.offset = offset
	return learnt
}
