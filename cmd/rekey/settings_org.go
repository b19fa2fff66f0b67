package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// serviceApp is what a service app signs in with. Each set of scopes is a
// sign-in of its own.
type serviceApp struct {
	clientID, keyID string
	key             *okta.SigningKey
	scopes          []string // those that the settings name, and no others; nil: what is needed
	from            string   // where those come from
	signedIn        map[string]*okta.OAuth
}

// oauth is the sign-in for what needs scopes: with those, or with those that
// the settings name.
func (s *serviceApp) oauth(scopes []string) *okta.OAuth {
	if s.scopes != nil {
		scopes = s.scopes
	}
	return s.with(scopes)
}

// with is the sign-in with scopes, the same for the same ones.
func (s *serviceApp) with(scopes []string) *okta.OAuth {
	name := strings.Join(scopes, " ")
	if s.signedIn == nil {
		s.signedIn = map[string]*okta.OAuth{}
	}
	if s.signedIn[name] == nil {
		s.signedIn[name] = s.asking(scopes)
	}
	return s.signedIn[name]
}

// asking is a sign-in of its own with scopes.
func (s *serviceApp) asking(scopes []string) *okta.OAuth {
	return &okta.OAuth{ClientID: s.clientID, Key: s.key, KeyID: s.keyID, Scopes: scopes}
}

// missing names the scopes that are needed and that the settings leave out.
func (s *serviceApp) missing(needed []string) []string {
	if s == nil || s.scopes == nil {
		return nil
	}
	return okta.MissingScopes(needed, s.scopes)
}

// apply fills what was given into the config of a client and checks it; what is
// wrong is noted. Nothing is sent; a command that prints the token is run if
// run says so. The service app is nil unless the mode is [modeKey].
func (s *orgSettings) apply(ctx context.Context, config *okta.Config, run bool) (app *serviceApp) {
	config.OrgURL = s.value(okta.SettingOrgURL)
	if _, err := okta.New(okta.Config{OrgURL: config.OrgURL, Token: "of-the-right-form"}); err != nil {
		s.problems = append(s.problems, s.explain(err))
	}
	check := okta.Config{OrgURL: sandboxURL}
	switch s.mode {
	case modeToken:
		token, ok := s.readToken(ctx, run)
		if !ok {
			return nil
		}
		if config.Token, check.Token = token, token; s.token != nil {
			config.TokenFrom = s.token.origin
		}
	case modeKey:
		faults := len(s.problems)
		app = &serviceApp{clientID: s.value(okta.SettingClientID), keyID: s.value(okta.SettingPrivateKeyID), key: s.readKey()}
		if f := s.last(okta.SettingScopes); f != nil {
			app.from = f.from()
			app.scopes = strings.FieldsFunc(f.value, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' })
		}
		if len(s.problems) > faults { // the key's; what else is missing is looked at with another in its place
			return app
		}
		config.OAuth = app.oauth([]string{okta.ScopeAppsRead})
		check.OAuth = app.asking(config.OAuth.Scopes)
	default:
		return nil
	}
	if _, err := okta.New(check); err != nil {
		s.problems = append(s.problems, s.explain(err))
	}
	return app
}

// err is the first problem, in the order in which settings are looked at.
func (s *orgSettings) err() error {
	if len(s.problems) == 0 {
		return nil
	}
	err := s.problems[0].err().(*exitError)
	if more := len(s.problems) - 1; more > 0 {
		err.hint += fmt.Sprintf("; `rekey config` shows %s", plural(more, "further problem"))
	}
	return err
}

// allow has the org's clients ask for the scopes that are needed, of a service
// app; scopes that the settings leave out are named and nothing is sent.
func (o *org) allow(needed []string) error {
	if o.service == nil || len(needed) == 0 {
		return nil
	}
	if missing := o.service.missing(needed); len(missing) > 0 {
		return invalid(o.service.from+" lacks "+strings.Join(missing, ", ")+", which this needs; nothing was written",
			"add "+them(missing)+", or leave the setting out: then what is needed is asked for")
	}
	o.config.OAuth = o.service.oauth(needed)
	return nil
}

// signIn signs in to the org, so that a scope that is not granted is told
// before anything is asked or recorded. An API token needs no request.
func (o *org) signIn(ctx context.Context) error {
	client, err := okta.New(o.config)
	if err == nil {
		err = client.SignIn(ctx)
	}
	return err
}

func them(list []string) string {
	if len(list) == 1 {
		return "it"
	}
	return "them"
}

// allowReading has the org's clients ask for what a plan of the program reads.
func (o *org) allowReading(p *runner.Program) error {
	return o.allow(okta.ReadScopes(steps.Scopes(p)))
}

// allowRun has the org's clients ask for what the plan says that the run
// needs, its undo included.
func (o *org) allowRun(plan *runner.Plan, p *runner.Program) error {
	if plan != nil && plan.Body.Access != nil {
		return o.allow(slices.Clone(plan.Body.Access.Scopes))
	}
	return o.allow(steps.Scopes(p)) // a plan of an earlier version
}
