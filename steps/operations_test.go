package steps_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
)

// operation is one operation of Okta's that the project is about, for apps and
// IdPs alike, and the step that reaches it. {owner} stands for the owner's
// path; {csr}, {kid} and {target} for ids.
type operation struct {
	name, request, step string
	in                  func(f *fixture) data
}

// operations lists what the API's documents name: the references of the
// application credentials and of the identity providers' signing keys, the
// page on publishing a CSR, and the guide on sharing a key between apps, which
// adds the PUT of the owner.
var operations = []operation{
	{"list CSRs", "GET {owner}/credentials/csrs", "list_csrs", func(f *fixture) data { return data{} }},
	{"generate a CSR", "POST {owner}/credentials/csrs", "create_csr", func(f *fixture) data { return data{"subject": data{"common_name": "new"}} }},
	{"retrieve a CSR", "GET {owner}/credentials/csrs/{csr}", "get_csr", func(f *fixture) data { return data{"csr_id": f.csr.ID} }},
	{"revoke a CSR", "DELETE {owner}/credentials/csrs/{csr}", "revoke_csr", func(f *fixture) data { return data{"csr_id": f.csr.ID} }},
	{"publish a CSR", "POST {owner}/credentials/csrs/{csr}/lifecycle/publish", "publish_csr", func(f *fixture) data {
		return data{"csr_id": f.csr.ID, "certificate": certify(f.t, f.csr, 365)}
	}},
	{"list keys", "GET {owner}/credentials/keys", "list_keys", func(f *fixture) data { return data{} }},
	{"generate a key", "POST {owner}/credentials/keys/generate?validityYears=2", "generate_key", func(f *fixture) data { return data{"validity_years": 2} }},
	{"retrieve a key", "GET {owner}/credentials/keys/{kid}", "get_key", func(f *fixture) data { return data{"kid": f.kid} }},
	{"clone a key", "POST {owner}/credentials/keys/{kid}/clone?{target}", "clone_key", func(f *fixture) data { return data{"kid": f.kid, "target": f.target.ID} }},
	{"retrieve the owner", "GET {owner}", "get_{kind}", func(f *fixture) data { return data{} }},
	{"replace the owner", "PUT {owner}", "update_{kind}_kid", func(f *fixture) data { return data{"kid": f.kid} }},
}

// fixture is an owner with what operations on it need.
type fixture struct {
	*world
	owner, target okta.Owner
	kid           string
	csr           okta.CSR
}

func newFixture(t *testing.T, o okta.Owner, faults ...string) *fixture {
	f := &fixture{world: newWorld(t, faults...), owner: o, target: appTwo}
	if o.Kind == okta.IdP {
		f.target = idpTwo
	}
	f.kid, f.csr = f.inactive(o), f.world.csr(o, "saml-signing")
	return f
}

func (f *fixture) expand(request string) string {
	target := "targetAid=" + f.target.ID
	if f.owner.Kind == okta.IdP {
		target = "targetIdpId=" + f.target.ID
	}
	return strings.NewReplacer("{owner}", f.owner.Path(), "{csr}", f.csr.ID, "{kid}", f.kid, "{target}", target,
		"{kind}", string(f.owner.Kind)).Replace(request)
}

// Every operation is reached for both kinds of owner, by a step that is really
// run against the sandbox, which sees just that request. An action sends no
// other write.
func TestEveryOperationHasAStep(t *testing.T) {
	for _, o := range both {
		for _, op := range operations {
			t.Run(string(o.Kind)+"/"+op.name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, o)
				log := f.run(f.expand(op.step), ownerIn(o, op.in(f))).done().log
				want := f.expand(op.request)
				if !slices.ContainsFunc(log, func(s sent) bool { return s.String() == want }) {
					t.Errorf("%s was not sent, but %v", want, log)
				}
				if got := writes(log); strings.HasPrefix(want, "GET") && len(got) > 0 ||
					!strings.HasPrefix(want, "GET") && (len(got) != 1 || got[0].String() != want) {
					t.Errorf("the writes are %v", got)
				}
			})
		}
	}
}

// What queries yield is what Okta answered.
func TestQueries(t *testing.T) {
	for _, o := range both {
		f := newFixture(t, o)
		for _, q := range operations {
			if !strings.HasPrefix(q.request, "GET") {
				continue
			}
			r := f.run(f.expand(q.step), ownerIn(o, q.in(f))).done()
			switch q.name {
			case "list CSRs":
				contains(t, r.out()["csrs"].([]any)[0].(data)["csr"].(string), "BEGIN CERTIFICATE REQUEST")
			case "retrieve a CSR":
				if r.text("id") != f.csr.ID || r.text("kty") != "RSA" || r.text("created") != "2026-07-01T12:00:00Z" {
					t.Errorf("%v", r.out())
				}
			case "list keys":
				if n := len(r.out()["keys"].([]any)); n != len(f.keys(o)) {
					t.Errorf("%d keys", n)
				}
			case "retrieve a key":
				contains(t, r.text("key"), `"kid":"`+f.kid+`"`)
				contains(t, r.text("certificate"), "BEGIN CERTIFICATE")
			default:
				if r.text("id") != o.ID || r.text("kid") != f.active(o) || r.text("status") != "ACTIVE" {
					t.Errorf("%v", r.out())
				}
				if _, whole := r.out()["settings"]; whole || strings.Contains(strings.Join(r.values(), " "), "made-up-secret") {
					t.Errorf("more of the owner than identifies it: %v", r.out())
				}
			}
		}
	}
}

func (r *run) values() (texts []string) {
	for _, v := range r.out() {
		if s, ok := v.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}
