package steps

import (
	"context"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "list_idps",
	Doc: "Lists the identity providers that fit everything given, all of them when nothing is, for a loop to go through. " +
		"Of each it yields what identifies it and the key with which Okta signs requests to it.",
}, func(env *Env) any { return &ListIdPs{env: env} })

// ListIdPs is the step type list_idps (Okta: List all IdPs).
type ListIdPs struct {
	env  *Env
	Name string   `in:"name" default:"*" doc:"their name, as people see it; an asterisk stands for any text"`
	Type string   `in:"type" default:"*" doc:"their type, such as SAML2, the only one with signing keys; an asterisk is any"`
	Kid  string   `in:"kid" default:"*" doc:"the key with which Okta signs requests to them; an asterisk is any, or none"`
	IdPs []IdPOut `out:"idps" doc:"the identity providers, sorted by id"`
}

// Read goes through the IdPs as [ListApps.Read] does through the apps. Okta
// can select by type.
func (s *ListIdPs) Read(ctx context.Context) error {
	name, err1 := newPattern("name", s.Name)
	kid, err2 := newKidFilter(s.Kid)
	of, err3 := newPattern("type", s.Type)
	if err := firstOf(err1, err2, err3); err != nil {
		return err
	}
	fits := func(o okta.Object) bool {
		return name.matches(o.Text("/name")) && of.matches(o.Text("/type")) && kid.matches(o.Text(okta.SigningPointer(okta.IdP)))
	}
	asked := ""
	if of.literal() {
		asked = s.Type
	}
	var err error
	s.IdPs, err = collect(s.env.Okta.IdPs(ctx, asked), fits, func(o okta.Object) (id string, out IdPOut) {
		out.take(o)
		return out.ID, out
	})
	return err
}
