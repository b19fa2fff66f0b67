package okta

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// server names one of the two that an org has: each may hand out nonces for
// itself (RFC 9449, sections 8 and 9).
type server uint8

const (
	authorizationServer server = iota
	resourceServer
)

// proofClaims are what a proof says (RFC 9449, section 4.2).
type proofClaims struct {
	ID     string `json:"jti"`
	Method string `json:"htm"`
	URL    string `json:"htu"` // without query and fragment
	Issued int64  `json:"iat"` // seconds since 1970
	Token  string `json:"ath,omitempty"`
	Nonce  string `json:"nonce,omitempty"`
}

// newProver makes a key that lives as long as its session, and signs with it:
// the tokens that are bound to it are of no use to anybody else.
func newProver() (jose.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("okta: no key for DPoP can be made: %w", err)
	}
	opt := &jose.SignerOptions{EmbedJWK: true}
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, opt.WithType("dpop+jwt"))
}

// prove makes the proof of one try, by Okta's clock.
func (s *session) prove(r *http.Request, token, nonce string, now time.Time) (string, error) {
	claims := proofClaims{
		ID: rand.Text(), Method: r.Method, URL: origin(r.URL) + r.URL.EscapedPath(),
		Issued: s.clock(now).Unix(), Nonce: nonce,
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims.Token = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return sign(s.prover, claims)
}

// sign makes a JWT of claims. Its errors tell nothing of the key.
func sign(signer jose.Signer, claims any) (string, error) {
	data, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(data)
	if err != nil {
		return "", errors.New("okta: the key does not sign")
	}
	return signed.CompactSerialize()
}

// nonce is what the next proof for a server has to hold; "" if none is known.
// The API is tried with that of the authorization server until it names its own.
func (s *session) nonce(of server) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.nonces[of], s.nonces[authorizationServer])
}

// learnNonce keeps the nonce that an answer brings. Every answer may.
func (s *session) learnNonce(of server, h http.Header) {
	nonce := h.Get("DPoP-Nonce")
	if nonce == "" || len(nonce) > 1024 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonces[of] = nonce
}

// ticket is a token as one try of a request shows it.
type ticket struct {
	token *token
	s     *session
	now   func() time.Time
	sent  time.Time
	nonce string // that its last proof held
}

func (t *ticket) oauth() bool { return true }

// authorize shows the token and, if it is bound to our key, a proof of this
// very try (RFC 9449, section 7).
func (t *ticket) authorize(r *http.Request) error {
	value := t.token.value()
	if !t.token.dpop {
		r.Header.Set("Authorization", "Bearer "+value)
		return nil
	}
	t.sent, t.nonce = t.now(), t.s.nonce(resourceServer)
	proof, err := t.s.prove(r, value, t.nonce, t.sent)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "DPoP "+value)
	r.Header.Set("DPoP", proof)
	return nil
}

func (t *ticket) answered(h http.Header) { t.s.learnNonce(resourceServer, h) }

// refused reads a 4xx. Okta names the fault in the challenge; an expired or
// revoked token is E0000011 as well, and a bad proof can be a 400.
func (t *ticket) refused(err error, h http.Header) refusal {
	var e *Error
	if !errors.As(err, &e) {
		return refusedForGood
	}
	switch fault := challenged(h); {
	case fault == useNonce && t.token.dpop && t.s.nonce(resourceServer) != t.nonce:
		return refusedForNonce
	case fault == badProof && t.token.dpop:
		if t.s.learnClock(h, t.sent, t.now()) {
			return refusedForClock
		}
		return refusedForProof
	case e.Status == http.StatusUnauthorized && (fault == "invalid_token" || fault == "" && e.Code == "E0000011"):
		t.s.drop(t.token)
		return refusedForToken
	}
	return refusedForGood
}

// What servers call the faults of proofs (RFC 9449, section 12.2).
const (
	useNonce = "use_dpop_nonce"
	badProof = "invalid_dpop_proof"
)

var challengeError = regexp.MustCompile(`(?i)(?:^|[\s,])error\s*=\s*"?([a-z_]+)`)

// challenged is the fault that an answer's challenge names (RFC 6750, section
// 3); "" if none does. The one that another try can mend goes first.
func challenged(h http.Header) string {
	var faults []string
	for _, match := range challengeError.FindAllStringSubmatch(strings.Join(h.Values("WWW-Authenticate"), ", "), -1) {
		faults = append(faults, strings.ToLower(match[1]))
	}
	switch {
	case slices.Contains(faults, useNonce):
		return useNonce
	case len(faults) > 0:
		return faults[0]
	}
	return ""
}
