package steps

import (
	"slices"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// ofAll are the step types that name no owner: they go through all of a kind.
var ofAll = map[string]okta.Kind{"list_apps": okta.App, "list_idps": okta.IdP}

// Scopes are the OAuth 2.0 scopes that a program can need at most, sorted: by
// its step types and the kinds of owners that they are given, whatever its
// conditions come to. What it needs in an org the plan says.
func Scopes(p *runner.Program) []string {
	var scopes []string
	var each func([]*runner.Step)
	each = func(all []*runner.Step) {
		for _, s := range all {
			if each(s.Steps); s.Leaf() {
				scopes = append(scopes, scopesOf(s)...)
			}
		}
	}
	each(p.Steps)
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

func scopesOf(s *runner.Step) (scopes []string) {
	for _, kind := range []okta.Kind{okta.App, okta.IdP} {
		if s.Gives(string(kind)) || ofAll[s.Type.Name] == kind {
			scopes = append(scopes, okta.ScopesOf(kind, s.Type.Action())...)
		}
	}
	return scopes
}

// AccessOf is what scopes mean for whoever carries a plan out.
func AccessOf(scopes []string) *runner.Access {
	some := func(list []string) []string { return append([]string{}, list...) } // an empty list is no null
	return &runner.Access{Scopes: some(scopes), Roles: some(okta.RolesFor(scopes)), Permissions: some(okta.PermissionsFor(scopes))}
}
