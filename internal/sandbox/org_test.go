package sandbox

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"crypto/x509"

	"example.com/rekey/internal/okta"
)

// TestDefaultOrg holds what the seeded org promises.
func TestDefaultOrg(t *testing.T) {
	org := testOrg(t)
	modes, in30, expired := map[string]int{}, 0, 0
	for _, owner := range org.Owners() {
		w, _ := org.get(owner)
		mode := w.object.Text("/signOnMode") + w.object.Text("/type")
		modes[mode]++
		valid := 0
		pairs := map[string]bool{}
		for _, key := range w.keys {
			from, to, ok := validity(key)
			if !ok || from.After(testNow) {
				t.Errorf("%s: the key %s is valid from %s", owner, kidOf(key), from)
			}
			left := to.Sub(testNow)
			switch {
			case left < 0:
				expired++
			case left < 31*days:
				in30++
				fallthrough
			default:
				valid++
			}
			if left > 0 && left < 29*days {
				t.Errorf("%s: %s expires in %s, not in 30 days", owner, kidOf(key), left)
			}
			pairs[docThumbprint(key)] = true
		}
		if len(pairs) != len(w.keys) {
			t.Errorf("%s: keys share a key pair", owner)
		}
		if (signs(mode) || mode == "SAML2") && valid < 2 {
			t.Errorf("%s has %d unexpired keys", owner, valid)
		}
		if active := w.active(owner.Kind); active != "" {
			if key, ok := w.key(active); !ok {
				t.Errorf("%s: its kid is none of its keys", owner)
			} else if _, to, _ := validity(key); to.Before(testNow) {
				t.Errorf("%s: its active key has expired", owner)
			}
		}
	}
	if in30 != 1 || expired != 1 {
		t.Errorf("%d keys expire in 30 days, %d have expired: want one each", in30, expired)
	}
	for mode, least := range map[string]int{"SAML_2_0": 4, "WS_FEDERATION": 1, "SAML_1_1": 1, "OPENID_CONNECT": 1, "SAML2": 2, "OIDC": 1} {
		if modes[mode] < least {
			t.Errorf("%d owners with %s, want %d", modes[mode], mode, least)
		}
	}
	catalog, _ := org.get(okta.Owner{Kind: okta.App, ID: "0oaCatalog4crmUq0h7x"})
	if v, ok := catalog.object.At("/settings/signOn/destinationOverride"); !ok || v != nil {
		t.Error("the catalog app has no explicit null for destinationOverride")
	}
	if _, ok := catalog.object.At("/settings/signOn/ssoAcsUrl"); ok {
		t.Error("the catalog app has more than the override shape")
	}
	if !slices.ContainsFunc(org.Owners(), func(o okta.Owner) bool { return o.ID[0] == '-' }) {
		t.Error("no id starts with '-'")
	}
	if most := largest(org); most.Cmp(big.NewInt(1<<53)) <= 0 {
		t.Errorf("no integer beyond 2^53, but %s", most)
	}
}

// largest is the largest integer in any owner.
func largest(org *Org) *big.Int {
	most := new(big.Int)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case okta.Object:
			walk(map[string]any(v))
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case json.Number:
			if n, ok := new(big.Int).SetString(v.String(), 10); ok && n.Cmp(most) > 0 {
				most.Set(n)
			}
		}
	}
	for _, id := range org.Owners() {
		w, _ := org.get(id)
		walk(w.object)
	}
	return most
}

// TestDefaultOrgIsTheSame: the same clock yields the same bytes, another clock
// the same ids and kids.
func TestDefaultOrgIsTheSame(t *testing.T) {
	one, err := DefaultOrg(testNow)
	if err != nil {
		t.Fatal(err)
	}
	two, err := DefaultOrg(testNow.In(time.FixedZone("far", 12*3600)).Add(400 * time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if dump(t, one) != dump(t, two) {
		t.Error("the same second yields another org")
	}
	later, err := DefaultOrg(testNow.AddDate(5, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range one.Owners() {
		a, _ := one.get(id)
		b, ok := later.get(id)
		if !ok || a.active(id.Kind) != b.active(id.Kind) {
			t.Errorf("%s depends on the clock", id)
		}
	}
	if dump(t, one) == dump(t, later) {
		t.Error("the dates do not depend on the clock")
	}
}

// TestDefaults: the inputs that --sandbox fills.
func TestDefaults(t *testing.T) {
	org := testOrg(t)
	for input, want := range map[string]string{"app": defaultApp, "target": defaultTarget, "idp": defaultIdP, "kid": "", "": ""} {
		if got, ok := org.Default(input); got != want || ok != (want != "") {
			t.Errorf("Default(%q) = %q, %t", input, got, ok)
		}
	}
	if got, ok := NewOrg().Default("app"); ok {
		t.Errorf("an empty org has the app %s", got)
	}
	for _, owner := range org.Owners() {
		w, _ := org.get(owner)
		kid, ok := org.InactiveKey(owner, testNow)
		if ok != (len(w.keys) > 1) {
			t.Errorf("%s: the inactive key %q, %t", owner, kid, ok)
			continue
		}
		if !ok {
			continue
		}
		key, _ := w.key(kid)
		if from, to, _ := validity(key); kid == w.active(owner.Kind) || testNow.Before(from) || testNow.After(to) {
			t.Errorf("%s: %s is active or not valid", owner, kid)
		}
	}
	if kid, ok := org.InactiveKey(testApp, testNow.AddDate(20, 0, 0)); ok {
		t.Errorf("%s is valid in twenty years", kid)
	}
}

// TestInactiveKeyBare: keys copied from a live org may lack any member.
func TestInactiveKeyBare(t *testing.T) {
	org := NewOrg()
	if err := org.PutKeys(testApp, json.RawMessage(`[{"kid":"bare"},{"kid":"old","expiresAt":"2020-01-01T00:00:00.000Z"},{"kid":"good","expiresAt":"2030-01-01T00:00:00Z"},{"kid":"odd","x5c":[7],"expiresAt":"soon"}]`)); err != nil {
		t.Fatal(err)
	}
	if kid, ok := org.InactiveKey(testApp, testNow); kid != "good" || !ok {
		t.Errorf("InactiveKey is %q, %t", kid, ok)
	}
	c := serve(t, New(org, testOptions()))
	c.do("GET", testApp.Path()+"/sso/saml/metadata?kid=bare", nil).refused(t, 404, "E0000007", "bare")
	if _, ok := org.Object(testApp); ok {
		t.Error("an object came from nowhere")
	}
}

// TestOrgForm: what Write writes ReadOrg reads, and nothing else.
func TestOrgForm(t *testing.T) {
	org := testOrg(t)
	c := serve(t, New(org, testOptions()))
	c.want(201, "POST", testApp.Path()+"/credentials/csrs", csrBody)
	if err := org.PutMetadata(testApp, "kid", []byte("<x a=\"1\">&amp;</x>")); err != nil {
		t.Fatal(err)
	}
	text := dump(t, org)
	if got := string(c.want(200, "GET", "/_sandbox/org", nil).body); got != text {
		t.Error("GET /_sandbox/org differs from Write")
	}
	c.do("POST", "/_sandbox/org", nil).refused(t, 405, "E0000022", "GET")
	back, err := ReadOrg(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if dump(t, back) != text {
		t.Error("reading and writing changed the org")
	}

	mutate := func(old, by string) string {
		t.Helper()
		if !strings.Contains(text, old) {
			t.Fatalf("the org holds no %q", old)
		}
		return strings.Replace(text, old, by, 1)
	}
	for name, damaged := range map[string]string{
		"nothing":         "",
		"no JSON":         "{",
		"a list":          "[]",
		"cut off":         text[:len(text)/2],
		"trailing":        text + "{}",
		"another format":  mutate(orgFormat, "rekey-sandbox-org/9"),
		"no idps":         mutate(`"idps"`, `"idsp"`),
		"an own member":   mutate(`"idps"`, `"more": 1, "idps"`),
		"twice":           mutate(`"csrs": []`, `"csrs": [], "csrs": []`),
		"owner id":        mutate(`"id": "`+defaultApp+`"`, `"id": "`+defaultTarget+`"`),
		"key pair":        mutate(`-----BEGIN PRIVATE KEY-----\nMII`, `-----BEGIN PRIVATE KEY-----\nMIJ`),
		"kid not a text":  strings.ReplaceAll(text, `"kid": "-_`, `"kid2": "-_`),
		"keys not a list": mutate(`"keys": [`, `"keys": 5, "x": [`),
	} {
		if _, err := ReadOrg(strings.NewReader(damaged)); err == nil {
			t.Errorf("%s: it was read", name)
		} else if msg := err.Error(); len(msg) > 1000 || strings.Contains(msg, "BEGIN") || !strings.Contains(msg, "GET /_sandbox/org") {
			t.Errorf("%s: the message %q", name, msg)
		}
	}
}

// TestParts serves owners that were copied part by part, as a rehearsal does.
func TestParts(t *testing.T) {
	source := serve(t, New(testOrg(t), testOptions()))
	for _, owner := range []okta.Owner{testApp, testIdP} {
		csr := source.want(201, "POST", owner.Path()+"/credentials/csrs", csrBody).csr(t)
		org := NewOrg()
		c := serve(t, New(org, testOptions()))
		c.do("GET", owner.Path()+"/credentials/keys", nil).refused(t, 404, "E0000007", owner.ID)
		for _, part := range []struct {
			path string
			put  func(okta.Owner, json.RawMessage) error
		}{{"/credentials/keys", org.PutKeys}, {"/credentials/csrs", org.PutCSRs}, {"", org.PutObject}} {
			live := source.want(200, "GET", owner.Path()+part.path, nil).body
			if part.path == "" {
				c.do("GET", owner.Path(), nil).refused(t, 404, "E0000007", owner.ID)
			}
			if err := part.put(owner, live); err != nil {
				t.Fatal(err)
			}
			if got := c.want(200, "GET", owner.Path()+part.path, nil).body; !bytes.Equal(got, live) {
				t.Errorf("the copy is %s, want %s", got, live)
			}
		}
		key := c.want(201, "POST", owner.Path()+"/credentials/csrs/"+csr.ID+"/lifecycle/publish", certify(t, csr, 100*days), "Content-Type", okta.TypeDER).key(t)
		body := c.want(200, "GET", owner.Path(), nil).object(t)
		c.want(200, "PUT", owner.Path(), body.With(okta.SigningPointer(owner.Kind), key.Kid))
		if owner.Kind == okta.App {
			if err := org.PutMetadata(owner, "k", []byte("<live/>")); err != nil {
				t.Fatal(err)
			}
			if r := c.want(200, "GET", owner.Path()+"/sso/saml/metadata?kid=k", nil); string(r.body) != "<live/>" {
				t.Errorf("%s", r.body)
			}
			c.want(200, "GET", owner.Path()+"/sso/saml/metadata?kid="+key.Kid, nil)
		}
		for name, err := range map[string]error{
			"another id": org.PutObject(owner, json.RawMessage(`{"id":"other"}`)),
			"a list":     org.PutObject(owner, json.RawMessage(`[]`)),
			"no kid":     org.PutKeys(owner, json.RawMessage(`[{"kty":"RSA"}]`)),
			"kid twice":  org.PutKeys(owner, json.RawMessage(`[{"kid":"a"},{"kid":"a"}]`)),
			"no list":    org.PutCSRs(owner, json.RawMessage(`{}`)),
		} {
			if err == nil {
				t.Errorf("%s was taken over", name)
			}
		}
	}
}

// TestInvent makes owners out of nothing, the same each time.
func TestInvent(t *testing.T) {
	for _, owner := range []okta.Owner{{Kind: okta.App, ID: "0oaNew"}, {Kind: okta.IdP, ID: "-0oaNew"}} {
		one, two := NewOrg(), NewOrg()
		for _, o := range []*Org{one, two} {
			if err := o.Invent(owner, testNow); err != nil {
				t.Fatal(err)
			}
		}
		if dump(t, one) != dump(t, two) {
			t.Errorf("%s: invented otherwise", owner)
		}
		w, _ := one.get(owner)
		if _, ok := w.key(w.active(owner.Kind)); !ok || len(w.keys) != 2 {
			t.Errorf("%s: %s", owner, w.object.Encode())
		}
		if _, ok := one.InactiveKey(owner, testNow); !ok {
			t.Errorf("%s has no inactive key", owner)
		}
		c := serve(t, New(one, testOptions()))
		c.want(200, "PUT", owner.Path(), c.want(200, "GET", owner.Path(), nil).object(t))
	}
}

// TestAddApps makes a fleet quickly, each app with kids of its own.
func TestAddApps(t *testing.T) {
	org := testOrg(t)
	before := len(org.Owners())
	for range 2 {
		if err := org.AddApps(150); err != nil {
			t.Fatal(err)
		}
	}
	kids := map[string]okta.Owner{}
	for _, id := range org.Owners() {
		w, _ := org.get(id)
		for _, key := range w.keys {
			if other, twice := kids[kidOf(key)]; twice {
				t.Fatalf("%s and %s share the kid %s", id, other, kidOf(key))
			}
			kids[kidOf(key)] = id
		}
		if active := w.active(id.Kind); active != "" && kids[active] != id {
			t.Fatalf("%s: its kid is not its own", id)
		}
	}
	if got := len(org.Owners()) - before; got != 300 {
		t.Errorf("%d apps, want 300", got)
	}
	if err := NewOrg().AddApps(1); err == nil {
		t.Error("an empty org made an app")
	}
}

// TestSeededCertificates: every seeded key has a certificate of its own whose
// dates are the key's.
func TestSeededCertificates(t *testing.T) {
	org := testOrg(t)
	serials := map[string]bool{}
	for _, id := range org.Owners() {
		w, _ := org.get(id)
		for _, key := range w.keys {
			der, err := certificateOf(key)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if cert.SerialNumber.Sign() <= 0 || serials[cert.SerialNumber.String()] {
				t.Errorf("%s: the serial %s", id, cert.SerialNumber)
			}
			serials[cert.SerialNumber.String()] = true
			if got := key.Text("/expiresAt"); got != okta.FormatTime(cert.NotAfter) {
				t.Errorf("%s: expiresAt %s, notAfter %s", id, got, cert.NotAfter)
			}
		}
	}
}

func BenchmarkDefaultOrg(b *testing.B) {
	for b.Loop() {
		if _, err := DefaultOrg(testNow); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadOrg(b *testing.B) {
	o, err := DefaultOrg(testNow)
	if err != nil {
		b.Fatal(err)
	}
	text := dump(b, o)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ReadOrg(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
