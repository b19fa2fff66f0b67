package okta

import (
	"reflect"
	"testing"
)

func TestScopeOf(t *testing.T) {
	for _, test := range []struct{ method, path, want string }{
		{"GET", "/api/v1/apps?limit=200", ScopeAppsRead},
		{"GET", "/api/v1/apps/0oa1/credentials/keys", ScopeAppsRead},
		{"GET", "/api/v1/apps/0oa1/sso/saml/metadata?kid=a", ScopeAppsRead},
		{"POST", "/api/v1/apps/0oa1/credentials/keys/generate?validityYears=2", ScopeAppsManage},
		{"PUT", "/api/v1/apps/0oa1", ScopeAppsManage},
		{"DELETE", "/api/v1/apps/0oa1/credentials/csrs/c", ScopeAppsManage},
		{"GET", "/api/v1/idps", ScopeIdPsRead},
		{"PUT", "/api/v1/idps/0oa2", ScopeIdPsManage},
		{"GET", "/api/v1/users", ""},
		{"POST", "/oauth2/v1/token", ""},
	} {
		if got := ScopeOf(test.method, test.path); got != test.want {
			t.Errorf("%s %s needs %q, not %q", test.method, test.path, test.want, got)
		}
	}
}

func TestRights(t *testing.T) {
	for _, test := range []struct{ scopes, roles, permissions []string }{
		{[]string{ScopeAppsRead}, []string{roleReadOnly}, []string{"okta.apps.read"}},
		{[]string{ScopeAppsRead, ScopeAppsManage}, []string{roleApps}, []string{"okta.apps.manage"}},
		{[]string{ScopeIdPsManage, ScopeIdPsRead}, []string{roleOrg}, []string{"okta.identityProviders.manage"}},
		{[]string{ScopeIdPsRead, ScopeAppsRead, ScopeAppsManage}, []string{roleApps, roleReadOnly}, []string{"okta.apps.manage", "okta.identityProviders.read"}},
		{[]string{"okta.users.manage"}, nil, nil},
		{nil, nil, nil},
	} {
		if got := RolesFor(test.scopes); !reflect.DeepEqual(got, test.roles) {
			t.Errorf("%v: roles %v", test.scopes, got)
		}
		if got := PermissionsFor(test.scopes); !reflect.DeepEqual(got, test.permissions) {
			t.Errorf("%v: permissions %v", test.scopes, got)
		}
	}
	if got := MissingScopes([]string{"a", "b"}, []string{"b"}); !reflect.DeepEqual(got, []string{"a"}) {
		t.Errorf("missing %v", got)
	}
}
