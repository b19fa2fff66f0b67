package steps

import (
	"context"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "get_app",
	Doc:  "Reads what identifies an app and the key that it signs with; never the whole app, which can hold secrets.",
}, func(env *Env) any { return &GetApp{env: env} })

// GetApp is the step type get_app (Okta: Retrieve an application).
type GetApp struct {
	env *Env
	App string `in:"app" doc:"id of the app"`
	AppOut
}

// AppOut is what a step yields of an app.
type AppOut struct {
	ID         string `out:"id" doc:"its id"`
	Name       string `out:"name" doc:"the name of its kind, such as a catalog app's"`
	Label      string `out:"label" doc:"what people see"`
	Status     string `out:"status" doc:"ACTIVE, INACTIVE or DELETED"`
	SignOnMode string `out:"sign_on_mode" doc:"SAML_2_0, SAML_1_1, WS_FEDERATION or a mode without signing keys"`
	Kid        string `out:"kid" is:"optional assigned" doc:"the key that signs; none when Okta chose none yet"`
}

// take fills the outputs from an app.
func (out *AppOut) take(o okta.Object) {
	out.ID, out.Name, out.Label, out.Status = o.Text("/id"), o.Text("/name"), o.Text("/label"), o.Text("/status")
	out.SignOnMode, out.Kid = o.Text("/signOnMode"), o.Text(okta.SigningPointer(okta.App))
}

// Read reads the app.
func (s *GetApp) Read(ctx context.Context) error {
	o, err := s.env.Okta.Object(ctx, okta.Owner{Kind: okta.App, ID: s.App})
	s.take(o)
	return err
}
