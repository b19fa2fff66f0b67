package steps

import (
	"context"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "list_apps",
	Doc: "Lists the apps that fit everything given, all apps when nothing is, for a loop to go through. " +
		"Of each it yields what identifies it and the key that it signs with; never the whole app, which can hold secrets.",
}, func(env *Env) any { return &ListApps{env: env} })

// ListApps is the step type list_apps (Okta: List all applications).
type ListApps struct {
	env    *Env
	Label  string   `in:"label" default:"*" doc:"their label, as people see it; an asterisk stands for any text"`
	Name   string   `in:"name" default:"*" doc:"the name of their kind, such as a catalog app's; an asterisk stands for any text"`
	Kid    string   `in:"kid" default:"*" doc:"the key that they sign with; an asterisk is any, or none"`
	Mode   string   `in:"sign_on_mode" is:"optional" enum:"SAML_2_0,SAML_1_1,WS_FEDERATION,OPENID_CONNECT,AUTO_LOGIN,BASIC_AUTH,BOOKMARK,BROWSER_PLUGIN,SECURE_PASSWORD_STORE" doc:"their sign-on mode; only the first three have signing keys that matter"`
	Status string   `in:"status" is:"optional" enum:"ACTIVE,INACTIVE" doc:"their status; nobody signs in to an inactive app"`
	Apps   []AppOut `out:"apps" doc:"the apps, sorted by id"`
}

// Read goes through the apps, page after page, and keeps of each page no more
// than what it yields.
func (s *ListApps) Read(ctx context.Context) error {
	label, err1 := newPattern("label", s.Label)
	name, err2 := newPattern("name", s.Name)
	kid, err3 := newKidFilter(s.Kid)
	if err := firstOf(err1, err2, err3); err != nil {
		return err
	}
	fits := func(o okta.Object) bool {
		return label.matches(o.Text("/label")) && name.matches(o.Text("/name")) && kid.matches(o.Text(okta.SigningPointer(okta.App))) &&
			(s.Mode == "" || o.Text("/signOnMode") == s.Mode) && (s.Status == "" || o.Text("/status") == s.Status)
	}
	var err error
	s.Apps, err = collect(s.env.Okta.Apps(ctx, s.filter(kid, name)), fits, func(o okta.Object) (id string, out AppOut) {
		out.take(o)
		return out.ID, out
	})
	return err
}

// filter is what Okta can select by: one comparison, the narrowest. The rest
// is compared here, and so is that once more.
func (s *ListApps) filter(kid kidFilter, name pattern) string {
	switch {
	case kid != anyKid:
		return "credentials.signing.kid eq " + quoted(string(kid))
	case name.literal():
		return "name eq " + quoted(string(name))
	case s.Status != "":
		return "status eq " + quoted(s.Status)
	}
	return ""
}
