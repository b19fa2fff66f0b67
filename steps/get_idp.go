package steps

import (
	"context"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "get_idp",
	Doc:  "Reads what identifies an IdP and the key with which Okta signs requests to it.",
}, func(env *Env) any { return &GetIdP{env: env} })

// GetIdP is the step type get_idp (Okta: Retrieve an IdP).
type GetIdP struct {
	env *Env
	IdP string `in:"idp" doc:"id of the identity provider"`
	IdPOut
}

// IdPOut is what a step yields of an identity provider.
type IdPOut struct {
	ID     string `out:"id" doc:"its id"`
	Name   string `out:"name" doc:"what people see"`
	Status string `out:"status" doc:"ACTIVE or INACTIVE"`
	Type   string `out:"type" doc:"SAML2 or a type without signing keys"`
	Kid    string `out:"kid" is:"optional assigned" doc:"the key that signs; none when Okta chose none yet"`
}

// take fills the outputs from an IdP.
func (out *IdPOut) take(o okta.Object) {
	out.ID, out.Name, out.Status, out.Type = o.Text("/id"), o.Text("/name"), o.Text("/status"), o.Text("/type")
	out.Kid = o.Text(okta.SigningPointer(okta.IdP))
}

// Read reads the IdP.
func (s *GetIdP) Read(ctx context.Context) error {
	o, err := s.env.Okta.Object(ctx, okta.Owner{Kind: okta.IdP, ID: s.IdP})
	s.take(o)
	return err
}
