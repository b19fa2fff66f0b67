package steps

import (
	"context"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "update_idp_kid",
	Doc: "Switches the key with which Okta signs requests to an identity provider and decrypts its assertions. " +
		"The IdP is read whole and sent back whole; nothing but the kid changes. A kid that is active already is left alone.",
	Change:  "{owner} signs and decrypts with {kid} instead of {previous_kid}",
	Notice:  "from this moment sign-ins fail at an identity provider that has not loaded the new certificate",
	Caution: "the decryption key changes too: assertions that the identity provider still encrypts for the old certificate can no longer be read",
	Undo:    runner.UndoExact,
}, func(env *Env) any { return &UpdateIdPKid{env: env} })

// UpdateIdPKid is the step type update_idp_kid (Okta: Replace an IdP). The
// partner's certificates, protocol.credentials.trust, are sent back as read.
type UpdateIdPKid struct {
	env *Env
	IdP string `in:"idp" doc:"id of the identity provider"`
	kidSwitch
}

func (s *UpdateIdPKid) owner() okta.Owner { return okta.Owner{Kind: okta.IdP, ID: s.IdP} }

// Claims names the IdP.
func (s *UpdateIdPKid) Claims() []string { return []string{s.owner().String()} }

// Observe notes the key that signs and everything else about the IdP.
func (s *UpdateIdPKid) Observe(ctx context.Context) error { return s.observe(ctx, s.env, s.owner()) }

// Do switches to the key.
func (s *UpdateIdPKid) Do(ctx context.Context) error { return s.do(ctx, s.env, s.owner()) }

// Undo switches back, unless somebody else has switched since.
func (s *UpdateIdPKid) Undo(ctx context.Context) ([]runner.Residue, error) {
	return nil, s.undo(ctx, s.env, s.owner())
}

// Suspected is the key that may sign.
func (s *UpdateIdPKid) Suspected(string) []runner.Residue {
	return suspectedKid(s.owner(), s.Kid, s.Previous)
}

// Recover looks which key signs.
func (s *UpdateIdPKid) Recover(ctx context.Context) (runner.Verdict, error) {
	return s.recover(ctx, s.env, s.owner())
}
