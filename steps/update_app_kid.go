package steps

import (
	"context"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "update_app_kid",
	Doc: "Switches the key with which Okta signs an app's assertions. The app is read whole and sent back whole; " +
		"nothing but the kid changes. A kid that is active already is left alone.",
	Change: "{owner} signs with {kid} instead of {previous_kid}",
	Notice: "from this moment every service provider that has not loaded the new certificate refuses sign-ins",
	Undo:   runner.UndoExact,
}, func(env *Env) any { return &UpdateAppKid{env: env} })

// UpdateAppKid is the step type update_app_kid (Okta: Replace an application).
type UpdateAppKid struct {
	env *Env
	App string `in:"app" doc:"id of the app"`
	kidSwitch
}

func (s *UpdateAppKid) owner() okta.Owner { return okta.Owner{Kind: okta.App, ID: s.App} }

// Claims names the app.
func (s *UpdateAppKid) Claims() []string { return []string{s.owner().String()} }

// Observe notes the key that signs and everything else about the app.
func (s *UpdateAppKid) Observe(ctx context.Context) error { return s.observe(ctx, s.env, s.owner()) }

// Do switches to the key.
func (s *UpdateAppKid) Do(ctx context.Context) error { return s.do(ctx, s.env, s.owner()) }

// Undo switches back, unless somebody else has switched since.
func (s *UpdateAppKid) Undo(ctx context.Context) ([]runner.Residue, error) {
	return nil, s.undo(ctx, s.env, s.owner())
}

// Suspected is the key that may sign.
func (s *UpdateAppKid) Suspected(string) []runner.Residue {
	return suspectedKid(s.owner(), s.Kid, s.Previous)
}

// Recover looks which key signs.
func (s *UpdateAppKid) Recover(ctx context.Context) (runner.Verdict, error) {
	return s.recover(ctx, s.env, s.owner())
}
