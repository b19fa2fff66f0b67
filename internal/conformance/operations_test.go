package conformance

import (
	"net/http"
	"strings"
)

// operation is one that is judged. Its path is a template with the contract's
// names of parameters.
type operation struct {
	method, path string
	seed         bool // one that Okta's documents on signing keys describe
	outside      bool // the contract does not know its path
}

func (op operation) String() string { return op.method + " " + op.path }

const (
	apps   = "/api/v1/apps"
	app    = apps + "/{appId}"
	appCSR = app + "/credentials/csrs/{csrId}"
	appKey = app + "/credentials/keys/{keyId}"
	idps   = "/api/v1/idps"
	idp    = idps + "/{idpId}"
	idpCSR = idp + "/credentials/csrs/{idpCsrId}"
	idpKey = idp + "/credentials/keys/{kid}"

	get, put, post, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
)

// operations are those that the sandbox serves and the client calls. The seeds
// are Okta's Application SSO Credential Keys API, its IdP Signing Keys API and
// the guide on sharing application key credentials, whose PUT has its like for
// an IdP.
var operations = []operation{
	{method: get, path: app + "/credentials/csrs", seed: true},
	{method: post, path: app + "/credentials/csrs", seed: true},
	{method: get, path: appCSR, seed: true},
	{method: del, path: appCSR, seed: true},
	{method: post, path: appCSR + "/lifecycle/publish", seed: true},
	{method: get, path: app + "/credentials/keys", seed: true},
	{method: post, path: app + "/credentials/keys/generate", seed: true},
	{method: get, path: appKey, seed: true},
	{method: post, path: appKey + "/clone", seed: true},
	{method: put, path: app, seed: true},

	{method: get, path: idp + "/credentials/csrs", seed: true},
	{method: post, path: idp + "/credentials/csrs", seed: true},
	{method: get, path: idpCSR, seed: true},
	{method: del, path: idpCSR, seed: true},
	{method: post, path: idpCSR + "/lifecycle/publish", seed: true},
	{method: get, path: idp + "/credentials/keys", seed: true},
	{method: post, path: idp + "/credentials/keys/generate", seed: true},
	{method: get, path: idpKey, seed: true},
	{method: post, path: idpKey + "/clone", seed: true},
	{method: put, path: idp, seed: true},

	{method: get, path: apps},
	{method: get, path: app},
	{method: get, path: app + "/sso/saml/metadata"},
	{method: get, path: idps},
	{method: get, path: idp},
	{method: get, path: idp + "/credentials/keys/active"},
	{method: get, path: idp + "/metadata.xml", outside: true},
}

// fill puts values into the operation's template: the id of an owner and that
// of a key or CSR.
func (op operation) fill(owner, item string) string {
	parts := strings.Split(op.path, "/")
	for i, p := range parts {
		switch p {
		case "{appId}", "{idpId}":
			parts[i] = owner
		case "{csrId}", "{idpCsrId}", "{keyId}", "{kid}":
			parts[i] = item
		}
	}
	return strings.Join(parts, "/")
}

// ofApp tells an app's operation from an IdP's.
func (op operation) ofApp() bool { return strings.HasPrefix(op.path, apps) }

// ofOwner tells whether it is about one owner, not a list of them.
func (op operation) ofOwner() bool {
	return strings.HasPrefix(op.path, app) || strings.HasPrefix(op.path, idp)
}
