package sandbox

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/rekey/internal/okta"
)

const (
	headerDPoP  = "DPoP"
	headerNonce = "DPoP-Nonce"

	invalidProof = "invalid_dpop_proof"
	useNonce     = "use_dpop_nonce"

	// proofWindow is how far iat may be off, either way (RFC 9449, section
	// 11.1).
	proofWindow = 5 * time.Minute
)

func badProof(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, invalidProof, format, args...)
}

// checkProof checks the DPoP proof of a request (RFC 9449, section 4.3), to
// the API with the access token that comes with it. It returns the thumbprint
// of the proof's key (RFC 7638). The jti of a proof that is good but for its
// nonce is used up.
func (s *authServer) checkProof(rq *request, accessToken string) (jkt string, err error) {
	proofs := rq.Header.Values(headerDPoP)
	switch {
	case len(proofs) == 0:
		return "", badProof("the request has no DPoP header; the service app must send a proof with each request")
	case len(proofs) > 1:
		return "", badProof("the request has %d DPoP headers; send one", len(proofs))
	}
	proof, err := readJWT(proofs[0])
	if err != nil {
		return "", badProof("the proof is no signed JWT: %v", err)
	}
	key, err := proofKey(proof.header)
	if err != nil {
		return "", err
	}
	claims, err := proof.verify(key)
	if err != nil {
		return "", badProof("the proof was not signed by the key in its header: %v", err)
	}
	if err := s.checkProofClaims(rq, claims, accessToken); err != nil {
		return "", err
	}
	return thumbprintOf(key), nil
}

// thumbprintOf is the thumbprint to which tokens are bound (RFC 7638; RFC
// 9449, section 6).
func thumbprintOf(key jose.JSONWebKey) string {
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		panic(err) // not for an RSA or EC key
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// proofKey is the key in a proof's header.
func proofKey(header okta.Object) (key jose.JSONWebKey, err error) {
	if typ := header.Text("/typ"); typ != "dpop+jwt" {
		return key, badProof("typ of the proof is '%s'; send dpop+jwt", clip(typ))
	}
	if alg := header.Text("/alg"); alg == "" || alg == "none" || strings.HasPrefix(alg, "HS") {
		return key, badProof("alg of the proof is '%s', which is not asymmetric; send one of %s", clip(alg), spaced(allAlgorithms))
	}
	doc, ok := header["jwk"].(map[string]any)
	if !ok {
		return key, badProof("the proof has no jwk in its header; send the public key that verifies it")
	}
	for _, private := range privateMembers {
		if _, there := doc[private]; there {
			return key, badProof("jwk in the proof's header holds the private member '%s'; send the public key alone, and take another pair: this one is known now", private)
		}
	}
	if key, err = publicKey(doc); err != nil {
		return key, badProof("jwk in the proof's header: %v", err)
	}
	return key, nil
}

func (s *authServer) checkProofClaims(rq *request, claims okta.Object, accessToken string) error {
	if htm := claims.Text("/htm"); htm != rq.Method {
		return badProof("htm of the proof is '%s', but the method is %s", clip(htm), rq.Method)
	}
	if htu, want := claims.Text("/htu"), rq.link(rq.URL.EscapedPath()); !sameURL(htu, want) {
		return badProof("htu of the proof is '%s'; send the URL without query and fragment, %s", clip(htu), want)
	}
	now := s.now()
	switch iat, there, err := moment(claims, "iat"); {
	case err != nil:
		return badProof("in the proof, %v", err)
	case !there:
		return badProof("the proof has no iat; send when it was made")
	case iat.Before(now.Add(-proofWindow)) || iat.After(now.Add(proofWindow)):
		return badProof("iat of the proof is %s, too far from %s; make a proof for each request, and check the clock", stamp(iat), stamp(now))
	}
	if accessToken != "" {
		if ath := claims.Text("/ath"); ath == "" {
			return badProof("the proof has no ath; send the SHA-256 of the access token, as base64url")
		} else if ath != tokenHash(accessToken) {
			return badProof("ath of the proof is not the SHA-256 of the access token")
		}
	}
	jti := claims.Text("/jti")
	switch {
	case jti == "":
		return badProof("the proof has no jti; send a unique one")
	case !s.once("proof", jti, now.Add(2*proofWindow)):
		return badProof("the jti of the proof was used before; make a proof for each request, also when it is sent again")
	}
	return s.checkNonce(claims)
}

// checkNonce asks for the nonce that was handed out last, or the one before.
func (s *authServer) checkNonce(claims okta.Object) error {
	nonce, there := claims["nonce"].(string)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate()
	switch {
	case !there || nonce == "":
		return refuse(http.StatusBadRequest, useNonce, "the proof has no nonce; make another with that of the %s header", headerNonce)
	case nonce != s.nonce && nonce != s.before:
		return refuse(http.StatusBadRequest, useNonce, "the nonce of the proof is stale or none of this server; make another with that of the %s header", headerNonce)
	}
	return nil
}

// rotate makes a new nonce if it is time. The caller has s.mu.
func (s *authServer) rotate() {
	now := s.now()
	age := now.Sub(s.rotated)
	switch life := s.app.NonceLifetime; {
	case s.nonce == "":
	case age >= 2*life:
		s.nonce = ""
	case age < life:
		return
	}
	s.before, s.nonce, s.rotated = s.nonce, s.ids("nonce"), now
}

// currentNonce is what clients are to send from now on.
func (s *authServer) currentNonce() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate()
	return s.nonce
}

// forgetNonces makes all nonces stale.
func (s *authServer) forgetNonces() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonce, s.before = "", ""
}

// tokenHash is what a proof must name as ath.
func tokenHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sameURL compares the URL that a proof claims with the one that was asked,
// but for the case of scheme and host and for the default port (RFC 3986,
// section 6.2). A query or fragment belongs into no htu.
func sameURL(claimed, asked string) bool {
	a, err := url.Parse(claimed)
	if err != nil || a.Scheme == "" || a.User != nil || strings.ContainsAny(claimed, "?#") {
		return false
	}
	b, err := url.Parse(asked)
	return err == nil && strings.EqualFold(a.Scheme, b.Scheme) && hostPort(a) == hostPort(b) && a.EscapedPath() == b.EscapedPath()
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if scheme := strings.ToLower(u.Scheme); scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}
