package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
)

// operation is one that is judged. Its path is a template with the contract's
// names of parameters.
type operation struct {
	method, path string
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

// row is one thing to do to an owner: the operation that does it to an app, and
// the one that does it to an IdP.
type row struct {
	name     string
	app, idp operation
}

// table is all that the sandbox serves and the client calls. The calls about
// CSRs and keys are Okta's Application SSO Credential Keys API and its IdP
// Signing Keys API; the others belong to the guide on sharing application key
// credentials, or are what rekey reads besides.
var table = []row{
	{"list CSRs", operation{method: get, path: app + "/credentials/csrs"}, operation{method: get, path: idp + "/credentials/csrs"}},
	{"generate CSR", operation{method: post, path: app + "/credentials/csrs"}, operation{method: post, path: idp + "/credentials/csrs"}},
	{"retrieve CSR", operation{method: get, path: appCSR}, operation{method: get, path: idpCSR}},
	{"revoke CSR", operation{method: del, path: appCSR}, operation{method: del, path: idpCSR}},
	{"publish CSR", operation{method: post, path: appCSR + "/lifecycle/publish"}, operation{method: post, path: idpCSR + "/lifecycle/publish"}},
	{"list keys", operation{method: get, path: app + "/credentials/keys"}, operation{method: get, path: idp + "/credentials/keys"}},
	// An app has no call of its own for that: its object names the key.
	{"active key", operation{method: get, path: app}, operation{method: get, path: idp + "/credentials/keys/active"}},
	{"generate key", operation{method: post, path: app + "/credentials/keys/generate"}, operation{method: post, path: idp + "/credentials/keys/generate"}},
	{"retrieve key", operation{method: get, path: appKey}, operation{method: get, path: idpKey}},
	{"clone key", operation{method: post, path: appKey + "/clone"}, operation{method: post, path: idpKey + "/clone"}},
	{"read owner", operation{method: get, path: app}, operation{method: get, path: idp}},
	{"replace owner", operation{method: put, path: app}, operation{method: put, path: idp}},
	{"list owners", operation{method: get, path: apps}, operation{method: get, path: idps}},
	{"SAML metadata", operation{method: get, path: app + "/sso/saml/metadata"}, operation{method: get, path: idp + "/metadata.xml", outside: true}},
}

// of is the operation for owners of a kind.
func (r row) of(kind okta.Kind) operation {
	if kind == okta.IdP {
		return r.idp
	}
	return r.app
}

// operations are those of the table, each once.
var operations = func() (all []operation) {
	for _, kind := range []okta.Kind{okta.App, okta.IdP} {
		for _, r := range table {
			if op := r.of(kind); !slices.Contains(all, op) {
				all = append(all, op)
			}
		}
	}
	return all
}()

// tags are those under which the contract has the calls about CSRs and keys.
var tags = []string{"ApplicationSSOCredentialKey", "IdentityProviderSigningKeys"}

// TestTable holds the table against the contract: it has all calls about CSRs
// and keys, and each row is about both owners.
func TestTable(t *testing.T) {
	for _, r := range table {
		if !r.app.ofApp() || r.idp.ofApp() || r.app.path == "" || r.idp.path == "" {
			t.Errorf("%s: %s and %s: want one operation for apps and one for IdPs", r.name, r.app, r.idp)
		}
	}
	whole, err := document()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for path, item := range whole["paths"].(map[string]any) {
		for verb, v := range item.(map[string]any) {
			o, _ := v.(map[string]any)
			in, _ := o["tags"].([]any)
			for _, tag := range in {
				if !slices.Contains(tags, tag.(string)) {
					continue
				}
				found[tag.(string)]++
				if op := (operation{method: strings.ToUpper(verb), path: path}); !slices.Contains(operations, op) {
					t.Errorf("the contract has %s under %s, the table does not", op, tag)
				}
			}
		}
	}
	for _, tag := range tags {
		if found[tag] < 9 {
			t.Errorf("the contract has %d operations under %s", found[tag], tag)
		}
	}
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
