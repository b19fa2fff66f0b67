package okta

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// The names of the settings of a service app, as Okta's own tools read them.
const (
	SettingAuthorizationMode = "OKTA_CLIENT_AUTHORIZATIONMODE" // SSWS or PrivateKey
	SettingClientID          = "OKTA_CLIENT_CLIENTID"
	SettingScopes            = "OKTA_CLIENT_SCOPES"
	SettingPrivateKey        = "OKTA_CLIENT_PRIVATEKEY" // PEM or JWK
	SettingPrivateKeyID      = "OKTA_CLIENT_PRIVATEKEYID"
)

// OAuth is how a service app signs in: by access tokens of the org's own
// authorization server, for which it asks in its own name (client credentials,
// RFC 6749) with an assertion that its private key signs (private_key_jwt, RFC
// 7523). Whether the tokens are bound to a key of the client (DPoP, RFC 9449)
// is a setting of the app: the answer says it.
//
// The clients that are made with the same *OAuth share its token, so that one
// process signs in once to an org; it must not be changed any more then.
// ClientID, Key and Scopes are required. Printing one shows neither the key nor
// a token.
type OAuth struct {
	ClientID string
	Key      *SigningKey `json:"-"`
	KeyID    string      // the key's id in the app's settings; default: the kid of a JWK
	Scopes   []string    // such as okta.apps.read; an org that grants fewer is a *[ScopeError]

	mu       sync.Mutex
	sessions []*session // one for each org
}

// Format keeps every verb of fmt from printing more than names.
func (o *OAuth) Format(s fmt.State, _ rune) {
	if o == nil {
		io.WriteString(s, "okta.OAuth(nil)")
		return
	}
	fmt.Fprintf(s, "okta.OAuth{ClientID: %q, Scopes: %q}", o.ClientID, o.Scopes)
}

// kid is the id that the app's settings know the key by; "" if nobody gave one.
func (o *OAuth) kid() string {
	if o.KeyID != "" {
		return o.KeyID
	}
	return o.Key.kid
}

// check looks at the form of the settings; it never shows the key.
func (o *OAuth) check() error {
	fault := func(setting, problem, cure string) error {
		return &SettingsError{Setting: setting, Problem: problem, Cure: cure}
	}
	switch {
	case o.ClientID == "":
		return fault(SettingClientID, "is not set", "set it to the client id of the service app (admin console, Applications)")
	case odd(o.ClientID):
		return fault(SettingClientID, "is no client id", "give the id alone, such as 0oa1b2c3d4, without blanks, braces or a line end")
	case o.Key == nil || o.Key.key == nil:
		return fault(SettingPrivateKey, "is not set", "set it to the private key of the service app: PEM or JWK, or the name of a file that holds one")
	case odd(o.KeyID):
		return fault(SettingPrivateKeyID, "is no key id", "give the id (kid) that the service app's settings show for the key, without blanks or braces")
	case len(o.Scopes) == 0:
		return fault(SettingScopes, "names no scope", "name those that are needed, such as okta.apps.manage")
	}
	for _, scope := range o.Scopes {
		if scope == "" || odd(scope) || strings.ContainsAny(scope, `,"\`) {
			return fault(SettingScopes, "holds "+quote(scope)+", which is no scope", "name scopes such as okta.apps.manage, with one blank or comma between two")
		}
	}
	return nil
}

// odd tells that a text holds what no id and no scope does.
func odd(s string) bool {
	return strings.ContainsAny(s, "{}<>$") || strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsPrint(r) || unicode.IsSpace(r)
	})
}

func quote(s string) string { return fmt.Sprintf("%q", clip(s, 80)) }

// asked are the scopes, each once and sorted, as a token request names them.
func (o *OAuth) asked() []string {
	scopes := slices.Clone(o.Scopes)
	slices.Sort(scopes)
	return slices.Compact(scopes)
}
