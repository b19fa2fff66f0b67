package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/rekey/internal/okta"
)

// maxAssertion is how far ahead an assertion may expire (Okta: Token endpoint).
const maxAssertion = time.Hour

// unknownClient is the one refusal that Okta's token endpoint words like those
// of its API, with a code that is none of theirs.
func unknownClient(cause string) *problem {
	return &problem{status: http.StatusUnauthorized, code: "invalid_client", summary: "Invalid value for 'client_id' parameter.", causes: []string{cause}}
}

// checkAssertion checks the JWT by which the service app proves who it is (RFC
// 7523, section 3; Okta: Client authentication with private_key_jwt). Its jti
// is used up even if the request is refused later.
func (s *authServer) checkAssertion(text, audience string) error {
	jwt, err := readJWT(text)
	if err != nil {
		return invalidClient("the client_assertion is no signed JWT: %v", err)
	}
	kid := jwt.header.Text("/kid")
	if kid == "" {
		return invalidClient("the client_assertion has no kid in its header; send that of the service app's key")
	}
	at := slices.IndexFunc(s.app.Keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
	if at < 0 {
		return invalidClient("the service app has no key with the kid '%s' of the client_assertion; send that of the registered key", clip(kid))
	}
	claims, err := jwt.verify(s.app.Keys[at])
	if err != nil {
		return invalidClient("the client_assertion was not signed by the service app's key '%s': %v", clip(kid), err)
	}
	if claims.Text("/iss") != s.app.ClientID {
		return unknownClient("iss of the client_assertion does not name the sandbox's service app; send the client id that was printed when the sandbox started")
	}
	if claims.Text("/sub") != s.app.ClientID {
		return invalidClient("sub of the client_assertion is '%s'; send the client id, as in iss", clip(claims.Text("/sub")))
	}
	if aud := audiences(claims); len(aud) != 1 || aud[0] != audience {
		return invalidClient("aud of the client_assertion is '%s'; send the URL of the token endpoint, %s, and nothing else", clip(strings.Join(aud, " ")), audience)
	}
	expires, err := s.checkDates(claims)
	if err != nil {
		return err
	}
	if jti, there := claims["jti"]; there {
		if text, _ := jti.(string); text == "" {
			return invalidClient("jti of the client_assertion is no text; send a unique one, or none")
		} else if !s.once("assertion", text, expires) {
			return invalidClient("the jti of the client_assertion was used before; sign a new one for each request")
		}
	}
	return nil
}

// checkDates checks when an assertion is good and returns when it expires.
func (s *authServer) checkDates(claims okta.Object) (expires time.Time, err error) {
	now := s.now()
	exp, there, err := moment(claims, "exp")
	switch {
	case err != nil:
		return exp, invalidClient("in the client_assertion, %v", err)
	case !there:
		return exp, invalidClient("the client_assertion has no exp; send when it expires, an hour ahead at most")
	case !exp.After(now):
		return exp, invalidClient("the client_assertion expired at %s, and it is %s; sign a new one, and check the clock", stamp(exp), stamp(now))
	case exp.After(now.Add(maxAssertion)):
		return exp, invalidClient("exp of the client_assertion is %s, over an hour after %s; let it expire sooner, and check the clock", stamp(exp), stamp(now))
	}
	for _, name := range []string{"iat", "nbf"} {
		switch at, _, err := moment(claims, name); {
		case err != nil:
			return exp, invalidClient("in the client_assertion, %v", err)
		case at.After(now):
			return exp, invalidClient("%s of the client_assertion is %s, and it is %s; check the clock", name, stamp(at), stamp(now))
		}
	}
	return exp, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// audiences are those that a JWT is for; nil when aud is no text or list of
// such (RFC 7519, section 4.1.3).
func audiences(claims okta.Object) (all []string) {
	list, ok := claims["aud"].([]any)
	if !ok {
		list = []any{claims["aud"]}
	}
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil
		}
		all = append(all, text)
	}
	return all
}

// moment reads a date claim, seconds since 1970 (RFC 7519, section 2).
func moment(claims okta.Object, name string) (at time.Time, there bool, err error) {
	v, there := claims[name]
	if !there {
		return time.Time{}, false, nil
	}
	number, _ := v.(json.Number)
	seconds, err := number.Float64()
	if err != nil || math.Abs(seconds) > 1e11 {
		return time.Time{}, true, fmt.Errorf("%s is no number of seconds since 1970", name)
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true, nil
}

// jwt is a signed JWT in its compact form. Nothing in it is verified yet.
type jwt struct {
	text   string
	header okta.Object
}

func readJWT(text string) (jwt, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return jwt{}, fmt.Errorf("it has %d parts between dots instead of 3", len(parts))
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return jwt{}, errors.New("its header is no base64url without padding")
	}
	header, err := okta.DecodeObject(data)
	if err != nil {
		return jwt{}, errors.New("its header is no JSON object")
	}
	return jwt{text, header}, nil
}

// verify checks the signature and returns the claims.
func (j jwt) verify(key jose.JSONWebKey) (okta.Object, error) {
	alg, fit := jose.SignatureAlgorithm(j.header.Text("/alg")), algorithms(key)
	if !slices.Contains(fit, alg) {
		return nil, fmt.Errorf("its alg is '%s', but the key takes %s", clip(string(alg)), spaced(fit))
	}
	jws, err := jose.ParseSignedCompact(j.text, fit)
	if err != nil {
		return nil, errors.New("it cannot be read")
	}
	payload, err := jws.Verify(key.Key)
	if err != nil {
		return nil, errors.New("the signature does not verify")
	}
	claims, err := okta.DecodeObject(payload)
	if err != nil {
		return nil, errors.New("its payload is no JSON object")
	}
	return claims, nil
}

// allAlgorithms are those that Okta takes in assertions and proofs.
var allAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// algorithms are those by which a public key may sign; none for a key that
// Okta does not take.
func algorithms(key jose.JSONWebKey) (fit []jose.SignatureAlgorithm) {
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		fit = allAlgorithms[:3]
	case *ecdsa.PublicKey:
		at := slices.Index([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, public.Curve)
		if at >= 0 {
			fit = allAlgorithms[3+at : 4+at]
		}
	}
	if own := jose.SignatureAlgorithm(key.Algorithm); own != "" {
		if !slices.Contains(fit, own) {
			return nil
		}
		return []jose.SignatureAlgorithm{own}
	}
	return fit
}

func spaced(algorithms []jose.SignatureAlgorithm) string {
	var names []string
	for _, a := range algorithms {
		names = append(names, string(a))
	}
	return strings.Join(names, " ")
}
