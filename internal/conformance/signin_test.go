package conformance

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-jose/go-jose/v4"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

// signIn is a way to show that requests may be made.
type signIn string

const (
	ssws  signIn = "SSWS"            // an API token
	oauth signIn = "private_key_jwt" // a service app's access token
	dpop  signIn = "DPoP"            // one that is bound to a key
)

var signIns = []signIn{ssws, oauth, dpop}

// scheme is what stands before the token of a request.
func (s signIn) scheme() string {
	if s == oauth {
		return "Bearer"
	}
	return string(s)
}

// The service app, as its owner knows it.
const (
	clientID    = "0oaConformance7App0h7"
	clientKeyID = "conformance-key"
)

// clientKey is the private key of the service app, and its PEM.
var clientKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return pool.Key() })

func pemOf(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// app is the service app, as the org knows it; nil where none signs in.
func (s signIn) app(key *rsa.PrivateKey) *sandbox.ServiceApp {
	if s == ssws {
		return nil
	}
	public := jose.JSONWebKey{Key: &key.PublicKey, KeyID: clientKeyID}
	return &sandbox.ServiceApp{ClientID: clientID, Keys: []jose.JSONWebKey{public}, DPoP: s == dpop}
}

// configure has our client sign in.
func (s signIn) configure(b *bench, c *okta.Config) {
	b.Helper()
	if s == ssws {
		c.Token = token
		return
	}
	key := must(okta.ParseSigningKey([]byte(pemOf(must(clientKey())(b)))))(b)
	c.OAuth = &okta.OAuth{ClientID: clientID, Key: key, KeyID: clientKeyID, Scopes: sandbox.Scopes()}
}

// Who sends requests; "" is the tests themselves, whose requests are meant to
// be bad or only to look.
const (
	ourClient    = "the client"
	ourPlaybooks = "a playbook"
	officialSDK  = "the SDK"
)

// party is somebody who sends requests, and how they sign in.
type party struct {
	who    string
	signIn signIn
}

// sender is a party at work: what its requests took, and what it asked for.
type sender struct {
	party
	needed, asked map[string]bool // scopes
	token         string          // the last access token that it got
}

func newSender(who string, s signIn) *sender {
	return &sender{party: party{who, s}, needed: map[string]bool{}, asked: map[string]bool{}}
}

// ours tells that what is wrong with its requests is our fault.
func (s *sender) ours() bool { return s.who == ourClient || s.who == ourPlaybooks }

// flow is what the contract has about getting access tokens: an address and
// the scopes that there are.
func (j *judge) flow() *openapi3.OAuthFlow {
	return j.doc.Components.SecuritySchemes["oauth2"].Value.Flows.AuthorizationCode
}

// authenticate holds the credentials of a request against the contract: those
// of an API token, or a token with the scopes of the operation.
func (j *judge) authenticate(from *sender) openapi3filter.AuthenticationFunc {
	return func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
		scheme, token, _ := strings.Cut(in.RequestValidationInput.Request.Header.Get("Authorization"), " ")
		if in.SecuritySchemeName == "apiToken" {
			if scheme != ssws.scheme() {
				return fmt.Errorf("%s is no API token", scheme)
			}
			return nil
		}
		has, known := j.tokens[token]
		if !known {
			return fmt.Errorf("the token after %s was not given out", scheme)
		}
		for _, scope := range in.Scopes {
			from.needed[scope] = true
			if !slices.Contains(has, scope) {
				return fmt.Errorf("the token lacks the scope %s", scope)
			}
		}
		return nil
	}
}

// checkScheme makes sure that a party signs in as it is meant to.
func (j *judge) checkScheme(r *http.Request, from *sender) {
	if from.who == "" {
		return
	}
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != from.signIn.scheme() || (from.signIn == dpop) != (r.Header.Get("DPoP") != "") {
		j.add(fmt.Sprintf("request of %s, who signs in by %s: it is sent with %s", from.who, from.signIn, scheme), r)
	}
}

// weighToken judges a request for an access token. Of it the contract has only
// the address and the scopes that may be asked for.
func (j *judge) weighToken(r *http.Request, sent []byte, from *sender, a *http.Response, body []byte) {
	op := operation{method: r.Method, path: r.URL.Path}
	j.count(op, from, a.StatusCode)
	form, err := url.ParseQuery(string(sent))
	if err != nil && from.ours() {
		j.add(fmt.Sprintf("request %s: %v", op, err), r)
	}
	for _, scope := range strings.Fields(form.Get("scope")) {
		from.asked[scope] = true
		if _, known := j.flow().Scopes[scope]; !known && from.ours() {
			j.add(fmt.Sprintf("request %s: the scope %s is not declared", op, scope), r)
		}
	}
	if a.StatusCode >= 300 {
		return
	}
	var given struct {
		Token string `json:"access_token"`
		Scope string `json:"scope"`
	}
	if err := json.Unmarshal(body, &given); err != nil || given.Token == "" {
		j.add(fmt.Sprintf("answer %d %s: no token: %v", a.StatusCode, op, err), r)
		return
	}
	from.token, j.tokens[given.Token] = given.Token, strings.Fields(given.Scope)
}
