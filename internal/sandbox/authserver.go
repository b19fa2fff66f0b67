package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ServiceApp is the OAuth 2.0 client that may sign in to the org (Okta: API
// service app): it asks for access tokens at /oauth2/v1/token by
// client_credentials, and proves who it is by private_key_jwt.
type ServiceApp struct {
	// ClientID is what its assertions name as iss and sub.
	ClientID string
	// Keys verify its assertions; [ReadClientKeys] reads them. Each has a kid.
	Keys []jose.JSONWebKey
	// Scopes were granted to it; nil = all of [Scopes].
	Scopes []string
	// DPoP asks for proofs and binds tokens to the keys of these (RFC 9449);
	// without it tokens are bearer tokens, and a proof is ignored.
	DPoP bool
	// TokenLifetime is how long tokens are good for, at least a second; 0 = an
	// hour.
	TokenLifetime time.Duration
	// NonceLifetime is how long a nonce is handed out. The one before it is
	// taken as long again. 0 = five minutes: less than Okta's day, so that
	// clients meet a new one.
	NonceLifetime time.Duration
}

func (a ServiceApp) withDefaults() ServiceApp {
	if a.Scopes == nil {
		a.Scopes = Scopes()
	}
	if a.TokenLifetime <= 0 {
		a.TokenLifetime = time.Hour
	}
	if a.NonceLifetime <= 0 {
		a.NonceLifetime = 5 * time.Minute
	}
	return a
}

// Scopes are all that the sandbox's API asks for: "manage" for what writes and
// "read" for the rest, of apps and of IdPs (Okta: OAuth 2.0 scopes). Okta's
// contract gives each operation one scope, so none includes another.
func Scopes() []string {
	return []string{"okta.apps.read", "okta.apps.manage", "okta.idps.read", "okta.idps.manage"}
}

const (
	oauthPaths = "/oauth2/"
	tokenPath  = oauthPaths + "v1/token"

	grantType     = "client_credentials"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523, section 2.2
)

// authServer is the org authorization server, and what the API knows of its
// tokens.
type authServer struct {
	app    ServiceApp
	now    func() time.Time
	ids    func(kind string) string
	signer jose.Signer // of access tokens

	mu      sync.Mutex
	seen    map[string]time.Time // the jti of assertions and proofs, until these have expired
	sweepAt int                  // so many in seen are looked through for what has expired
	tokens  map[string]*token
	nonce   string // handed out
	before  string // handed out before that, still taken
	rotated time.Time
}

func newAuthServer(opt Options) *authServer {
	if opt.Auth == nil {
		return nil
	}
	s := &authServer{app: opt.Auth.withDefaults(), now: opt.Now, ids: opt.IDs, seen: map[string]time.Time{}, tokens: map[string]*token{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err == nil {
		s.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	}
	if err != nil {
		panic(err) // not for such a key
	}
	return s
}

// refusal is how the token endpoint says no (RFC 6749, section 5.2). Of a call
// to the API it is what the challenge says.
type refusal struct {
	status            int
	code, description string
}

func (r *refusal) Error() string { return r.code + ": " + r.description }

// refuse words a refusal; the characters that RFC 6749 leaves out of a
// description are replaced.
func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status, code, strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ' || r > '~' || r == '\\':
			return '?'
		}
		return r
	}, fmt.Sprintf(format, args...))}
}

func invalidRequest(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "invalid_request", format, args...)
}

func invalidClient(format string, args ...any) *refusal {
	return refuse(http.StatusUnauthorized, "invalid_client", format, args...)
}

func invalidScope(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "invalid_scope", format, args...)
}

// oauthType is without a charset, as the answers of Okta's token endpoint.
const oauthType = "application/json"

func (r *refusal) answer() answer {
	return newAnswer(r.status, oauthType, encodeJSON(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{r.code, r.description}))
}

// oauth answers a request to the authorization server.
func (s *Server) oauth(rq *request) answer {
	a, err := s.auth.answer(rq)
	if r := (*refusal)(nil); errors.As(err, &r) {
		a = r.answer()
	} else if err != nil {
		a = s.answerTo(err)
	}
	a.header.Set("Pragma", "no-cache")
	return a
}

func (s *authServer) answer(rq *request) (answer, error) {
	switch {
	case rq.URL.Path != tokenPath:
		return answer{}, noSuchPath(rq.URL.Path)
	case rq.Method != http.MethodPost:
		return answer{}, wrongMethod(http.MethodPost)
	case s == nil:
		return answer{}, unknownClient("the sandbox has no service app; start it with --auth oauth or --auth dpop")
	}
	if p := rq.wantsJSON(); p != nil {
		return answer{}, p
	}
	form, err := rq.form()
	if err != nil {
		return answer{}, err
	}
	if err := s.authenticate(rq, form); err != nil {
		return answer{}, err
	}
	jkt := ""
	if s.app.DPoP {
		if jkt, err = s.checkProof(rq, ""); err != nil {
			return answer{}, err
		}
	}
	scopes, err := s.grant(form["scope"])
	if err != nil {
		return answer{}, err
	}
	return s.issue(rq, scopes, jkt)
}

// form are the parameters in the body. One without a value counts as left out,
// and none may be there twice (RFC 6749, section 3.2).
func (rq *request) form() (map[string]string, error) {
	const formType = "application/x-www-form-urlencoded"
	mediaType, _, err := mime.ParseMediaType(rq.Header.Get("Content-Type"))
	if err != nil || mediaType != formType {
		return nil, badMediaType("Content-Type: send %s instead of %q", formType, clip(rq.Header.Get("Content-Type")))
	}
	values, err := url.ParseQuery(string(rq.body))
	if err != nil {
		return nil, invalidRequest("the body is no form of NAME=VALUE pairs joined by '&'; escape what is special in them")
	}
	form := map[string]string{}
	for name, all := range values {
		if len(all) > 1 {
			return nil, invalidRequest("the parameter '%s' is there %d times; send it once", clip(name), len(all))
		}
		form[name] = all[0]
	}
	return form, nil
}

// authenticate checks the grant and who asks for it.
func (s *authServer) authenticate(rq *request, form map[string]string) error {
	switch grant := form["grant_type"]; {
	case grant == "":
		return invalidRequest("the parameter grant_type is missing; send grant_type=%s", grantType)
	case grant != grantType:
		return refuse(http.StatusBadRequest, "unsupported_grant_type", "grant_type is '%s'; the service app may use %s only", clip(grant), grantType)
	case rq.Header.Get("Authorization") != "":
		return invalidRequest("an Authorization header was sent; the service app proves who it is by client_assertion alone")
	case form["client_secret"] != "":
		return invalidClient("a client_secret was sent; the service app proves who it is by client_assertion alone")
	case form["client_assertion_type"] != assertionType:
		return invalidClient("client_assertion_type is '%s'; send %s", clip(form["client_assertion_type"]), assertionType)
	case form["client_assertion"] == "":
		return invalidClient("the parameter client_assertion is missing; send a JWT that the private key of the service app has signed")
	case form["client_id"] != "" && form["client_id"] != s.app.ClientID:
		return unknownClient("client_id does not name the sandbox's service app; leave it out, or send the id that was printed when the sandbox started")
	}
	return s.checkAssertion(form["client_assertion"], rq.link(tokenPath))
}

// grant is what is asked for, if all of it was granted to the service app.
func (s *authServer) grant(asked string) ([]string, error) {
	var scopes []string
	for _, scope := range strings.Fields(asked) {
		switch {
		case !slices.Contains(Scopes(), scope):
			return nil, invalidScope("the scope '%s' is not known here; the sandbox has %s", clip(scope), strings.Join(Scopes(), ", "))
		case !slices.Contains(s.app.Scopes, scope):
			return nil, invalidScope("the scope '%s' was not granted to the service app, which has %s; grant it, or ask for less", scope, strings.Join(s.app.Scopes, ", "))
		case !slices.Contains(scopes, scope):
			scopes = append(scopes, scope)
		}
	}
	if scopes == nil {
		return nil, invalidScope("the parameter scope names none; the org authorization server has no default ones: name those that are needed")
	}
	return scopes, nil
}

// once reports whether a jti is new; it is not from now on, as long as what
// carries it could be sent again.
func (s *authServer) once(kind, jti string, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	jti = kind + " " + jti
	if _, again := s.seen[jti]; again {
		return false
	}
	if len(s.seen) >= s.sweepAt {
		now := s.now()
		for old, end := range s.seen {
			if end.Before(now) {
				delete(s.seen, old)
			}
		}
		s.sweepAt = max(1024, 2*len(s.seen))
	}
	s.seen[jti] = until
	return true
}
