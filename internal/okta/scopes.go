package okta

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// The scopes of the calls that this package makes (Okta: Apps API and Identity
// Providers API, each operation's OAuth 2.0 scope): a GET needs the first of a
// kind, everything else the second.
const (
	ScopeAppsRead   = "okta.apps.read"
	ScopeAppsManage = "okta.apps.manage"
	ScopeIdPsRead   = "okta.idps.read"
	ScopeIdPsManage = "okta.idps.manage"
)

// ScopeOf is the scope that a request needs; "" for one that is none of this
// package's.
func ScopeOf(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	rest, _ := strings.CutPrefix(path, "/api/v1/")
	first, _, _ := strings.Cut(rest, "/")
	read, manage := "", ""
	switch first {
	case "apps":
		read, manage = ScopeAppsRead, ScopeAppsManage
	case "idps":
		read, manage = ScopeIdPsRead, ScopeIdPsManage
	}
	if method == http.MethodGet {
		return read
	}
	return manage
}

// ScopesOf are the scopes that reading, or also changing, owners of a kind
// takes.
func ScopesOf(kind Kind, change bool) []string {
	scopes := []string{ScopeAppsRead, ScopeAppsManage}
	if kind == IdP {
		scopes = []string{ScopeIdPsRead, ScopeIdPsManage}
	}
	if !change {
		scopes = scopes[:1]
	}
	return scopes
}

// ReadScopes are those of scopes with which nothing can be changed.
func ReadScopes(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !strings.HasSuffix(s, ".read") })
}

// MissingScopes are those of needed that are not among given. A scope to manage
// does not stand for the one to read: the reference of each GET names the one
// to read alone.
func MissingScopes(needed, given []string) []string {
	return slices.DeleteFunc(slices.Clone(needed), func(s string) bool { return slices.Contains(given, s) })
}

// The standard roles that an admin, or a service app, needs for scopes: the
// least by Okta's documents.
const (
	roleReadOnly = "Read-Only Administrator"
	roleApps     = "Application Administrator"
	roleOrg      = "Organization Administrator"
)

// RolesFor are the least of Okta's standard admin roles that suffice together
// for scopes, sorted. Whoever has one that may do everything (Super
// Administrator) needs no other.
//
//   - To configure apps: Application Administrator (Okta help: Application
//     administrators, "Add and configure apps").
//   - For identity providers: Organization Administrator, who has the org-wide
//     settings but for those that are listed as exceptions, among which apps are
//     and identity providers are not (Okta help: Organization administrators).
//   - To read alone: Read-Only Administrator (Okta help: Standard administrator
//     roles and permissions).
func RolesFor(scopes []string) []string {
	var roles []string
	for _, s := range scopes {
		switch s {
		case ScopeAppsManage:
			roles = append(roles, roleApps)
		case ScopeIdPsManage:
			roles = append(roles, roleOrg)
		}
	}
	for _, s := range ReadScopes(scopes) {
		manage := strings.TrimSuffix(s, ".read") + ".manage"
		if !slices.Contains(scopes, manage) {
			roles = append(roles, roleReadOnly)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// PermissionsFor are the permissions of a custom admin role that do for scopes,
// sorted (Okta: Permissions catalog; one to manage includes the one to read).
func PermissionsFor(scopes []string) []string {
	names := map[string]string{"okta.apps": "okta.apps", "okta.idps": "okta.identityProviders"}
	var permissions []string
	for _, s := range scopes {
		resource, read := strings.CutSuffix(s, ".read")
		if !read {
			resource = strings.TrimSuffix(s, ".manage")
		}
		name, known := names[resource]
		switch {
		case !known, read && slices.Contains(scopes, resource+".manage"):
		case read:
			permissions = append(permissions, name+".read")
		default:
			permissions = append(permissions, name+".manage")
		}
	}
	slices.Sort(permissions)
	return slices.Compact(permissions)
}

// SignIn gets what the next request shows, should that not be at hand: of a
// service app a token with the scopes of its [OAuth]. An API token needs no
// request.
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.principal.credential(ctx, c)
	return err
}
