package sandbox

import (
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
)

// TestChange: each change moves what it says, and lastUpdated where the owner's
// object is concerned.
func TestChange(t *testing.T) {
	for _, owner := range []okta.Owner{testApp, testIdP} {
		label := map[okta.Kind]string{okta.App: "/label", okta.IdP: "/name"}[owner.Kind]
		for _, tt := range []struct {
			rule       string
			moved      []string
			keys, csrs int
		}{
			{"GET *@2=change:label", []string{label}, 0, 0},
			{"GET *@2=change:label:before", []string{label}, 0, 0},
			{"GET *@2=change:key", nil, 1, 0},
			{"GET *@2=change:csr", nil, 0, 1},
			{"GET *@2=change:revoke", nil, 0, -1},
			{"GET *@2=change:kid", []string{okta.SigningPointer(owner.Kind)}, 0, 0},
			{"GET *@2=change:date", nil, 0, 0},
		} {
			org, srv, _ := befallenBy(t, tt.rule)
			c := serve(t, srv)
			c.want(201, "POST", owner.Path()+"/credentials/csrs", `{}`)
			first := c.want(200, "GET", owner.Path(), nil).object(t)
			keys, csrs := org.counts(owner)
			second := c.want(200, "GET", owner.Path(), nil).object(t)
			third := c.want(200, "GET", owner.Path(), nil).object(t)
			if got := okta.Differences(first, third); !slices.Equal(got, tt.moved) {
				t.Errorf("%s: %s has changed in %v", tt.rule, owner, got)
			}
			touched := tt.moved != nil || strings.HasSuffix(tt.rule, "date")
			if was, is := first.Text("/lastUpdated"), third.Text("/lastUpdated"); (was < is) != touched || was > is {
				t.Errorf("%s: %s: lastUpdated went from %s to %s", tt.rule, owner, was, is)
			}
			if seen := len(okta.Differences(first, second)) > 0; seen != strings.HasSuffix(tt.rule, "before") {
				t.Errorf("%s: the request itself sees it: %t", tt.rule, seen)
			}
			nowKeys, nowCSRs := org.counts(owner)
			if nowKeys-keys != tt.keys || nowCSRs-csrs != tt.csrs {
				t.Errorf("%s: %s has %d keys and %d CSRs more", tt.rule, owner, nowKeys-keys, nowCSRs-csrs)
			}
		}
	}
}

// TestChangeKid: a stranger's key is neither the one just switched to nor the one
// before it, if there is a third.
func TestChangeKid(t *testing.T) {
	org, srv, _ := befallenBy(t, "PUT *=change:kid")
	c := serve(t, srv)
	before := c.want(200, "GET", testApp.Path(), nil).object(t)
	keys := c.want(200, "GET", testApp.Path()+"/credentials/keys", nil).keys(t)
	made := c.want(201, "POST", testApp.Path()+generateTwo, nil).key(t)
	pointer := okta.SigningPointer(okta.App)
	answer := c.want(200, "PUT", testApp.Path(), before.With(pointer, made.Kid)).object(t)
	if answer.Text(pointer) != made.Kid {
		t.Error("the answer shows the stranger's change")
	}
	object, _ := org.Object(testApp)
	if got := object.Text(pointer); got != keys[1].Kid || got == before.Text(pointer) {
		t.Errorf("it signs with %s", got)
	}
}

// TestChangeNothing: a request that names no owner, or one that is not there,
// or that has nothing to change, changes nothing.
func TestChangeNothing(t *testing.T) {
	noKeys := okta.Owner{Kind: okta.IdP, ID: "0oaulob4BFVa4zQvt0g3"}
	org, srv, _ := befallenBy(t, "GET *=change:kid", "GET *=change:revoke")
	before := dump(t, org)
	c := serve(t, srv)
	c.want(200, "GET", "/api/v1/apps", nil)
	c.want(404, "GET", "/api/v1/apps/0oaNobody", nil)
	c.want(404, "GET", "/nowhere", nil)
	c.want(200, "GET", noKeys.Path(), nil)
	if dump(t, org) != before {
		t.Error("the org has changed")
	}
	if err := srv.Change(okta.Owner{Kind: okta.App, ID: "0oaNobody"}, ChangeLabel); err == nil {
		t.Error("nobody was changed")
	}
}

// TestChangeRevokeNamed: of several CSRs the one goes that the path names.
func TestChangeRevokeNamed(t *testing.T) {
	_, srv, _ := befallenBy(t, "GET */csrs/*@1=change:revoke")
	c := serve(t, srv)
	csrs := testApp.Path() + "/credentials/csrs"
	first := c.want(201, "POST", csrs, `{}`).csr(t)
	second := c.want(201, "POST", csrs, `{}`).csr(t)
	c.want(200, "GET", csrs+"/"+first.ID, nil)
	c.want(404, "GET", csrs+"/"+first.ID, nil)
	c.want(200, "GET", csrs+"/"+second.ID, nil)
}
