package sandbox

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
)

// TestPutRoundTrip sends every seeded owner back as it came, with another kid
// of its own: nothing but the kid and the dates may change.
func TestPutRoundTrip(t *testing.T) {
	org := testOrg(t)
	c := serve(t, New(org, testOptions()))
	for _, owner := range org.Owners() {
		before := c.want(200, "GET", owner.Path(), nil).object(t)
		body := before
		kid, ok := org.InactiveKey(owner, testNow)
		if ok {
			body = before.With(okta.SigningPointer(owner.Kind), kid)
		}
		answer := c.want(200, "PUT", owner.Path(), body).object(t)
		after := c.want(200, "GET", owner.Path(), nil)
		if string(after.body) != string(answer.Encode())+"\n" {
			t.Errorf("%s: PUT answered %s, GET answers %s", owner, answer.Encode(), after.body)
		}
		var want []string
		if ok {
			want = []string{okta.SigningPointer(owner.Kind)}
		}
		if d := okta.Differences(before, answer); !slices.Equal(d, want) {
			t.Errorf("%s: differences %v, want %v", owner, d, want)
		}
		if answer.Text("/lastUpdated") <= before.Text("/lastUpdated") || answer.Text("/created") != before.Text("/created") {
			t.Errorf("%s: lastUpdated %s after %s", owner, answer.Text("/lastUpdated"), before.Text("/lastUpdated"))
		}
		again := c.want(200, "PUT", owner.Path(), answer).object(t)
		if again.Text("/lastUpdated") <= answer.Text("/lastUpdated") {
			t.Errorf("%s: lastUpdated does not move while the clock stands", owner)
		}
	}
}

// TestPutLosesWhatIsOmitted drops each top-level member in turn, and some
// below: the writable ones are gone afterwards, Okta's own stay.
func TestPutLosesWhatIsOmitted(t *testing.T) {
	stay := map[okta.Kind][]string{
		okta.App: {"/id", "/name", "/status", "/created", "/lastUpdated", "/_links", "/features"},
		okta.IdP: {"/id", "/status", "/created", "/lastUpdated", "/_links"},
	}
	refused := []string{"/label", "/signOnMode", "/type", "/protocol"}
	for _, owner := range []okta.Owner{testApp, testIdP} {
		whole := serve(t, New(testOrg(t), testOptions())).want(200, "GET", owner.Path(), nil).object(t)
		pointers := []string{"/settings/signOn/audience", "/settings/signOn/destinationOverride", "/credentials/userNameTemplate", "/credentials/signing/kid", "/protocol/credentials/trust", "/protocol/credentials/signing"}
		for name := range maps.Keys(whole) {
			pointers = append(pointers, "/"+name)
		}
		for _, pointer := range pointers {
			if _, ok := whole.At(pointer); !ok {
				continue
			}
			c := serve(t, New(testOrg(t), testOptions()))
			r := c.do("PUT", owner.Path(), whole.Without(pointer))
			if slices.Contains(refused, pointer) || owner.Kind == okta.IdP && pointer == "/name" {
				r.refused(t, 400, "E0000001", pointer[1:])
				continue
			}
			after := c.want(200, "GET", owner.Path(), nil).object(t)
			_, there := after.At(pointer)
			if want := slices.Contains(stay[owner.Kind], pointer); there != want || r.status != 200 {
				t.Errorf("%s without %s: status %d, there afterwards: %t, want %t", owner, pointer, r.status, there, want)
			}
		}
	}
}

// TestPutKeepsNullsAndNumbers: an explicit null stays null, new and unknown
// members stay, digits stay.
func TestPutKeepsNullsAndNumbers(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	owner := okta.Owner{Kind: okta.App, ID: "0oaUnknownFlds7Qz0h7"}
	whole := c.want(200, "GET", owner.Path(), nil)
	for _, digits := range []string{"9007199254740993", "1.10", "-2.50e-3", "123456789012345678901234567890", "9223372036854775808", `"deep":null`, `\"Ω\" <beta> & more`} {
		if !strings.Contains(string(whole.body), digits) {
			t.Errorf("GET lost %s: %s", digits, whole.body)
		}
	}
	body := strings.Replace(string(whole.body), `"1.10"`, `1.10`, 1)
	body = strings.Replace(body, `"accessibility":{`, `"brandNew":[1e0,null],"accessibility":{"further":null,`, 1)
	answer := c.want(200, "PUT", owner.Path(), body)
	for _, kept := range []string{`"brandNew":[1e0,null]`, `"further":null`, "9007199254740993", `"share":1.10`, `"deep":null`} {
		if !strings.Contains(string(answer.body), kept) {
			t.Errorf("PUT lost %s: %s", kept, answer.body)
		}
	}
	null := c.want(200, "PUT", owner.Path(), answer.object(t).With("/settings/app", nil)).object(t)
	if v, ok := null.At("/settings/app"); !ok || v != nil {
		t.Errorf("an explicit null became %v, %t", v, ok)
	}
}

// TestPutIgnores sends other values for what only Okta sets.
func TestPutIgnores(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	for _, owner := range []okta.Owner{testApp, testIdP} {
		before := c.want(200, "GET", owner.Path(), nil).object(t)
		body := before.With("/id", "0oaOther").With("/status", "INACTIVE").With("/created", "2001-01-01T00:00:00.000Z").
			With("/lastUpdated", "2099-01-01T00:00:00.000Z").With("/_links/self/href", "http://x").With("/_embedded", map[string]any{"user": nil})
		if owner.Kind == okta.App {
			body = body.With("/name", "renamed").With("/credentials/signing/nextRotation", "2099-01-01T00:00:00.000Z").With("/settings/emOptInStatus", "ENABLED").With("/orn", "orn:made:up")
		}
		after := c.want(200, "PUT", owner.Path(), body).object(t)
		after = after.With("/lastUpdated", before["lastUpdated"])
		if string(after.Encode()) != string(before.Encode()) {
			t.Errorf("PUT changed what is read-only:\n%s\n%s", before.Encode(), after.Encode())
		}
	}
	body := c.want(200, "GET", testApp.Path(), nil).object(t)
	rotated := body.Text("/credentials/signing/lastRotated")
	keys := c.want(200, "GET", testApp.Path()+"/credentials/keys", nil).keys(t)
	after := c.want(200, "PUT", testApp.Path(), body.With("/credentials/signing/kid", keys[1].Kid).With("/credentials/signing/rotationMode", "AUTO")).object(t)
	if after.Text("/credentials/signing/lastRotated") <= rotated || after.Text("/credentials/signing/rotationMode") != "AUTO" {
		t.Errorf("a switch leaves signing as %s", after.Encode())
	}
}

// TestPutRefuses: what a PUT cannot say leaves the owner untouched.
func TestPutRefuses(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	foreign := c.want(200, "GET", testTarget.Path()+"/credentials/keys", nil).keys(t)[0].Kid
	for _, owner := range []okta.Owner{testApp, testIdP} {
		before := c.want(200, "GET", owner.Path(), nil)
		whole := before.object(t)
		kid := okta.SigningPointer(owner.Kind)
		mode := "signOnMode"
		if owner.Kind == okta.IdP {
			mode = "type"
		}
		for _, tt := range []struct {
			body okta.Object
			text string
		}{
			{whole.With(kid, foreign), foreign},
			{whole.With(kid, "nokid"), "nokid"},
			{whole.With(kid, 7), "must be a text"},
			{whole.With(kid, map[string]any{}), "must be a text"},
			{whole.With("/"+mode, "OTHER"), "cannot change"},
			{whole.With("/"+mode, nil), mode},
			{whole.With("/"+mode, 5), mode},
			{whole.With("/"+mode, ""), mode},
		} {
			c.do("PUT", owner.Path(), tt.body).refused(t, 400, "E0000001", tt.text)
		}
		if after := c.want(200, "GET", owner.Path(), nil); string(after.body) != string(before.body) {
			t.Errorf("a refused PUT changed %s", owner)
		}
		for _, none := range []okta.Object{whole.Without(kid), whole.With(kid, nil)} {
			after := c.want(200, "PUT", owner.Path(), none).object(t)
			if d := okta.Differences(none, after); len(d) > 0 {
				t.Errorf("taking the kid away: differences %v", d)
			}
		}
	}
}
