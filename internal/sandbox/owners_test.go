package sandbox

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
)

var linkForm = regexp.MustCompile(`^<([^>]+)>; rel="(self|next)"$`)

// pages follows the next links of a list verbatim and returns the ids.
func pages(c *caller, path string) (ids []string, requests int) {
	for path != "" {
		r := c.want(200, "GET", path, nil)
		requests++
		for _, o := range r.objects(c.t) {
			ids = append(ids, o.Text("/id"))
		}
		rels := map[string]string{}
		for _, link := range r.header.Values("Link") {
			m := linkForm.FindStringSubmatch(link)
			if m == nil {
				c.t.Fatalf("the link %q", link)
			}
			rels[m[2]] = strings.TrimPrefix(m[1], c.base)
		}
		if rels["self"] != path {
			c.t.Errorf("self is %q, want %q", rels["self"], path)
		}
		path = rels["next"]
	}
	return ids, requests
}

func TestListPages(t *testing.T) {
	org := testOrg(t)
	c := serve(t, New(org, testOptions()))
	if err := org.AddApps(31); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path     string
		kind     okta.Kind
		requests int
	}{
		{"/api/v1/apps", okta.App, 2},
		{"/api/v1/apps?limit=-1", okta.App, 2},
		{"/api/v1/apps?limit=7", okta.App, 6},
		{"/api/v1/apps?limit=40", okta.App, 1},
		{"/api/v1/apps?limit=200", okta.App, 1},
		{"/api/v1/idps?limit=1", okta.IdP, 3},
		{"/api/v1/idps", okta.IdP, 1},
	} {
		ids, requests := pages(c, tt.path)
		var want []string
		for _, id := range org.ids(tt.kind) {
			want = append(want, id.ID)
		}
		if !slices.Equal(ids, want) || requests != tt.requests {
			t.Errorf("%s: %d ids in %d requests, want %d in %d", tt.path, len(ids), requests, len(want), tt.requests)
		}
	}
	first := c.want(200, "GET", "/api/v1/apps?limit=1", nil).objects(t)[0]
	if got := c.want(200, "GET", "/api/v1/apps/"+first.Text("/id"), nil).object(t); string(got.Encode()) != string(first.Encode()) {
		t.Errorf("the list shows %s, GET %s", first.Encode(), got.Encode())
	}
	for _, bad := range []string{"apps?limit=0", "apps?limit=201", "apps?limit=x", "apps?limit=", "idps?limit=-1", "apps?after=!", "apps?filter=id", "apps?filter=label+eq+%22x%22"} {
		c.do("GET", "/api/v1/"+bad, nil).refused(t, 400, "E0000001", strings.Split(strings.Split(bad, "?")[1], "=")[0])
	}
}

func TestListFilters(t *testing.T) {
	org := testOrg(t)
	c := serve(t, New(org, testOptions()))
	if err := c.shareKid(org); err != nil {
		t.Fatal(err)
	}
	target, _ := org.get(testTarget)
	for _, tt := range []struct {
		filter string
		want   []string
	}{
		{`id eq "` + defaultApp + `"`, []string{defaultApp}},
		{`id eq "0oaNobody"`, nil},
		{`status eq "INACTIVE"`, []string{"-0aMinusLeads8rTz0h7"}},
		{`name eq "oidc_client"`, []string{"0oaOidcPortalWeb70h7"}},
		{`credentials.signing.kid eq "` + target.active(okta.App) + `"`, []string{defaultTarget, defaultApp}},
		{`credentials.signing.kid eq "nokid"`, nil},
	} {
		ids, _ := pages(c, "/api/v1/apps?"+url.Values{"filter": {tt.filter}, "limit": {"1"}}.Encode())
		if !slices.Equal(ids, tt.want) {
			t.Errorf("%s: %v, want %v", tt.filter, ids, tt.want)
		}
	}
	for path, want := range map[string][]string{
		"/api/v1/apps?q=finance":             {defaultTarget, defaultApp},
		"/api/v1/idps?type=OIDC":             {"0oaulob4BFVa4zQvt0g3"},
		"/api/v1/idps?type=SAML2&q=partner":  {defaultIdP},
		"/api/v1/idps?type=SAML2&q=nowhere%": nil,
	} {
		if strings.HasSuffix(path, "%") {
			path += "25"
		}
		if ids, _ := pages(c, path); !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v", path, ids, want)
		}
	}
}

// shareKid lets the default app sign with the target's key.
func (c *caller) shareKid(org *Org) error {
	target, _ := org.get(testTarget)
	key, _ := target.key(target.active(okta.App))
	return org.update(testApp, func(w *owner) error {
		w.keys = with(w.keys, key)
		w.object = w.object.With("/credentials/signing/kid", kidOf(key))
		return nil
	})
}

func TestParseFilter(t *testing.T) {
	for _, good := range []string{`id eq "a"`, `name EQ "a \"b\" c"`, `  status   eq   "ACTIVE"  `, `credentials.signing.kid eq "-_x"`, ""} {
		f, err := ParseFilter(good)
		if err != nil {
			t.Errorf("%s: %v", good, err)
		}
		if again, err := ParseFilter(f.String()); err != nil || again != f {
			t.Errorf("%s is written as %s", good, f)
		}
	}
	for _, bad := range []string{"id", `id eq`, `id eq a`, `id eq 5`, `id eq null`, `id ne "a"`, `label eq "a"`, `id eq "a" or id eq "b"`, `id eq "a`, `"a" eq id`} {
		if f, err := ParseFilter(bad); err == nil {
			t.Errorf("%s was read as %s", bad, f)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{`id eq "a"`, `name eq "\u00e9"`, `credentials.signing.kid eq "x"`, "", "id eq"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := ParseFilter(text)
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			return
		}
		two, err := ParseFilter(one.String())
		if err != nil || one != two {
			t.Errorf("%q became %q: %v", one, two, err)
		}
		one.Match(okta.Object{"id": "a"})
	})
}
