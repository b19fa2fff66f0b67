package okta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The table of operations: what each sends, for both kinds of owner.
func TestOperations(t *testing.T) {
	ctx := context.Background()
	kid := "k_-1"
	key := reply{201, `{"kid":"` + kid + `"}`, nil}
	csr := reply{201, `{"id":"c1","csr":"YWI="}`, nil}
	obj := reply{200, `{"id":"x"}`, nil}
	ok := func(r reply) reply { r.status = 200; return r }
	list := func(r reply) reply { return reply{200, "[" + r.body + "]", nil} }
	for _, tt := range []struct {
		name   string
		do     func(*Client, Owner) error
		answer reply
		want   string // method, path below the owner, content type, body
	}{
		{"list CSRs", func(c *Client, o Owner) error { _, _, err := c.CSRs(ctx, o); return err }, list(csr), "GET /credentials/csrs"},
		{"generate CSR", func(c *Client, o Owner) error {
			_, err := c.GenerateCSR(ctx, o, CSRRequest{Subject{CommonName: "<a>"}, &AltNames{DNSNames: []string{"b"}}})
			return err
		}, csr, `POST /credentials/csrs application/json {"subject":{"commonName":"<a>"},"subjectAltNames":{"dnsNames":["b"]}}`},
		{"retrieve CSR", func(c *Client, o Owner) error { _, err := c.CSR(ctx, o, "c1"); return err }, ok(csr), "GET /credentials/csrs/c1"},
		{"revoke CSR", func(c *Client, o Owner) error { return c.RevokeCSR(ctx, o, "c1") }, reply{204, "", nil}, "DELETE /credentials/csrs/c1"},
		{"publish CSR", func(c *Client, o Owner) error {
			_, err := c.PublishCSR(ctx, o, "c1", CertificateBody{TypeCER, Base64, []byte("YWI=")})
			return err
		}, key, "POST /credentials/csrs/c1/lifecycle/publish application/x-x509-ca-cert base64 YWI="},
		{"list keys", func(c *Client, o Owner) error { _, _, err := c.Keys(ctx, o); return err }, list(key), "GET /credentials/keys"},
		{"generate key", func(c *Client, o Owner) error { _, err := c.GenerateKey(ctx, o, 3); return err }, ok(key), "POST /credentials/keys/generate?validityYears=3 application/json"},
		{"retrieve key", func(c *Client, o Owner) error { _, err := c.Key(ctx, o, kid); return err }, ok(key), "GET /credentials/keys/" + kid},
		{"clone key", func(c *Client, o Owner) error { _, err := c.CloneKey(ctx, o, kid, "-t&1"); return err }, key, "POST /credentials/keys/" + kid + "/clone?{target}=-t%261 application/json"},
		{"read", func(c *Client, o Owner) error { _, err := c.Object(ctx, o); return err }, obj, "GET "},
		{"replace", func(c *Client, o Owner) error {
			body, change := Object{"n": nil, "h": "<&>"}.Changed("/k", "v")
			return c.Replace(ctx, o, body, change)
		}, obj, `PUT  application/json {"h":"<&>","k":"v","n":null}`},
	} {
		for _, owner := range []Owner{anApp, anIdP} {
			o := newOrg(t, nil, tt.answer)
			if err := tt.do(o.client, owner); err != nil {
				t.Errorf("%s of %s: %v", tt.name, owner, err)
				continue
			}
			r, call := o.got[0], o.calls[0]
			got := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), owner.Path())
			for _, s := range []string{r.Header.Get("Content-Type"), r.Header.Get("Content-Transfer-Encoding"), o.bodies[0]} {
				if s != "" {
					got += " " + s
				}
			}
			want := strings.ReplaceAll(tt.want, "{target}", map[Kind]string{App: "targetAid", IdP: "targetIdpId"}[owner.Kind])
			if got != want {
				t.Errorf("%s of %s:\nsent %s\nwant %s", tt.name, owner, got, want)
			}
			if call.Method != r.Method || call.Path != r.URL.RequestURI() || string(call.Body) != o.bodies[0] || call.Write != (r.Method != "GET") ||
				call.ContentType != r.Header.Get("Content-Type") || call.TransferEncoding != r.Header.Get("Content-Transfer-Encoding") ||
				call.Bucket == "" || call.PerMinute == 0 || (call.Change != nil) != (r.Method == "PUT") {
				t.Errorf("%s of %s: OnCall saw %+v", tt.name, owner, call)
			}
		}
	}
}

func TestImpossibleIDsAreNotSent(t *testing.T) {
	o := newOrg(t, nil, reply{200, oneKey, nil})
	ctx, c := context.Background(), o.client
	for _, bad := range []string{"", ".", "..", "a/b", "a b", "a\n"} {
		owner := Owner{App, bad}
		_, err1 := c.Object(ctx, owner)
		_, _, err2 := c.Keys(ctx, owner)
		_, err3 := c.Key(ctx, anApp, bad)
		_, err4 := c.CloneKey(ctx, anApp, "k", bad)
		_, err5 := c.CSR(ctx, anIdP, bad)
		_, err6 := c.PublishCSR(ctx, anApp, bad, CertificateBody{})
		_, err7 := c.Metadata(ctx, anApp, bad)
		_, err8 := c.ActiveKeys(ctx, Owner{IdP, bad})
		err9 := c.Replace(ctx, owner, Object{}, Change{})
		for i, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8, err9, c.RevokeCSR(ctx, anApp, bad)} {
			if err == nil || OutcomeUnknown(err) {
				t.Errorf("%q, operation %d: %v", bad, i+1, err)
			}
		}
	}
	if _, err := c.Object(ctx, Owner{"user", "x"}); err == nil {
		t.Error("a kind that does not exist")
	}
	if o.sent() != 0 {
		t.Errorf("%d requests were sent", o.sent())
	}
}

func TestReplaceChecksTheChange(t *testing.T) {
	before := mustObject(t, `{"label":"x","n":null,"credentials":{"signing":{"kid":"k1","lastRotated":"r"}}}`)
	p := SigningPointer(App)
	body, change := before.Changed(p, "k2")
	for name, tt := range map[string]struct {
		body   Object
		change Change
		ok     bool
	}{
		"as said":             {body, change, true},
		"rest not said":       {body, Change{Pointer: p, To: "k2"}, true},
		"made parents":        {Object{}.With(p, "k2"), Change{Pointer: p, To: "k2", Rest: Digest(Object{})}, true},
		"another kid":         {body.With(p, "k3"), change, false},
		"no kid":              {body.Without(p), change, false},
		"a label too":         {body.With("/label", "y"), change, false},
		"a null lost":         {body.Without("/n"), change, false},
		"a member more":       {body.With("/m", nil), change, false},
		"the kid as a number": {body.With(p, 2), Change{Pointer: p, To: "2", Rest: change.Rest}, false},
	} {
		o := newOrg(t, nil, reply{200, `{"id":"0oa1"}`, nil})
		err := o.client.Replace(context.Background(), anApp, tt.body, tt.change)
		if (err == nil) != tt.ok || o.sent() != map[bool]int{true: 1, false: 0}[tt.ok] || OutcomeUnknown(err) {
			t.Errorf("%s: %v, %d requests", name, err, o.sent())
		}
		if tt.ok && (o.bodies[0] != string(tt.body.Encode()) || o.calls[0].Change.Rest == "") {
			t.Errorf("%s: sent %s with %+v", name, o.bodies[0], o.calls[0].Change)
		}
	}
}

func TestListsAndTheirTime(t *testing.T) {
	ctx := context.Background()
	o := newOrg(t, nil, reply{200, "[]", nil})
	keys, at, err := o.client.Keys(ctx, anApp)
	if err != nil || keys == nil || len(keys) != 0 || !at.Equal(day) {
		t.Errorf("%v, %v, %v", keys, at, err)
	}
	for _, body := range []string{"", "null", "{}", "[null]", "[{}]", "[" + oneKey + ",", `[{"kid":""}]`, "[] []"} {
		o := newOrg(t, nil, reply{200, body, nil})
		if keys, _, err := o.client.Keys(ctx, anApp); err == nil {
			t.Errorf("%q was taken for the keys %v", body, keys)
		}
		if csrs, _, err := o.client.CSRs(ctx, anApp); err == nil {
			t.Errorf("%q was taken for the CSRs %v", body, csrs)
		}
	}
	o = newOrg(t, nil, reply{200, "[]", map[string]string{"Date": "today"}})
	if _, at, err := o.client.CSRs(ctx, anApp); err != nil || !at.IsZero() {
		t.Errorf("%v, %v", at, err)
	}
}

func TestActiveKeys(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		rep  reply
		want int // -1: an error
	}{{reply{204, "", nil}, 0}, {reply{200, "[]", nil}, 0}, {reply{200, "[" + oneKey + "]", nil}, 1}, {reply{200, oneKey, nil}, -1}, {reply{404, refuse, nil}, -1}} {
		o := newOrg(t, nil, tt.rep)
		keys, err := o.client.ActiveKeys(ctx, anIdP)
		if (err != nil) != (tt.want < 0) || err == nil && len(keys) != tt.want {
			t.Errorf("%+v: %v, %v", tt.rep, keys, err)
		}
		if o.got[0].URL.Path != anIdP.Path()+"/credentials/keys/active" {
			t.Errorf("asked %s", o.got[0].URL)
		}
	}
	o := newOrg(t, nil, reply{200, "[]", nil})
	if _, err := o.client.ActiveKeys(ctx, anApp); err == nil || o.sent() != 0 {
		t.Errorf("of an app: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	ctx := context.Background()
	xml := reply{200, "\ufeff <?xml version=\"1.0\"?><x/>", map[string]string{"Content-Type": "text/xml"}}
	o := newOrg(t, nil, xml)
	data, err := o.client.Metadata(ctx, anApp, "k&1")
	if err != nil || string(data) != xml.body || o.got[0].URL.RequestURI() != "/api/v1/apps/0oa1/sso/saml/metadata?kid=k%261" || !strings.Contains(o.got[0].Header.Get("Accept"), "xml") {
		t.Errorf("%q, %v, %v", data, err, o.got[0])
	}
	if _, err := newOrg(t, nil, reply{200, oneKey, nil}).client.Metadata(ctx, anApp, "k1"); err == nil {
		t.Error("JSON was taken for metadata")
	}
	idp := func(link string) reply {
		return reply{200, `{"protocol":{"credentials":{"signing":{"kid":"k1"}}},"_links":{"metadata":{"href":"` + link + `"}}}`, nil}
	}
	o = newOrg(t, nil, idp("{org}/api/v1/idps/0oa2/metadata.xml?a=b%2Fc"), xml)
	if data, err := o.client.Metadata(ctx, anIdP, "k1"); err != nil || string(data) != xml.body || o.got[1].URL.RequestURI() != "/api/v1/idps/0oa2/metadata.xml?a=b%2Fc" {
		t.Errorf("%q, %v", data, err)
	}
	for link, kid := range map[string]string{"{org}/x": "k2", "https://evil.example/x": "", "": "k1", "/relative": ""} {
		o := newOrg(t, nil, idp(link), xml)
		if _, err := o.client.Metadata(ctx, anIdP, kid); err == nil || o.sent() != 1 {
			t.Errorf("link %q, kid %q: %v after %d requests", link, kid, err, o.sent())
		}
	}
}

func TestPages(t *testing.T) {
	ctx := context.Background()
	link := func(to string) map[string]string {
		return map[string]string{"Link": `<{org}/api/v1/apps?limit=200>; rel="self", <` + to + `>; title="a,b"; rel="next"`}
	}
	next := "{org}/api/v1/apps?after=x%2Fy&limit=200"
	o := newOrg(t, nil, reply{200, `[{"id":"a","n":1.0},{"id":"b"}]`, link(next)}, reply{200, `[{"id":"c"}]`, nil})
	var ids []string
	for obj, err := range o.client.Apps(ctx, `credentials.signing.kid eq "k 1"`) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, obj.Text("/id"))
	}
	if strings.Join(ids, " ") != "a b c" {
		t.Errorf("read %v", ids)
	}
	if got := o.got[0].URL.RequestURI(); got != "/api/v1/apps?filter=credentials.signing.kid+eq+%22k+1%22&limit=200" {
		t.Errorf("first page: %s", got)
	}
	if got := o.got[1].URL.RequestURI(); got != "/api/v1/apps?after=x%2Fy&limit=200" {
		t.Errorf("second page: %s", got)
	}

	o = newOrg(t, nil, reply{200, `[{"id":"a"},{"id":"b"}]`, link(next)})
	for range o.client.IdPs(ctx, "SAML2") {
		break
	}
	if o.sent() != 1 || o.got[0].URL.RequestURI() != "/api/v1/idps?limit=200&type=SAML2" {
		t.Errorf("after a break: %d requests, %v", o.sent(), o.got[0].URL)
	}
	o = newOrg(t, nil, reply{200, "[" + oneKey + "]", link(next)}, reply{200, `[{"kid":"k2"}]`, nil})
	if keys, _, err := o.client.Keys(ctx, anApp); err != nil || len(keys) != 2 {
		t.Errorf("keys in pages: %v, %v", keys, err)
	}

	for name, replies := range map[string][]reply{
		"another host":   {{200, `[{"id":"a"}]`, link("https://evil.example/api/v1/apps")}},
		"another port":   {{200, `[{"id":"a"}]`, link("http://127.0.0.1:1/api/v1/apps")}},
		"a user":         {{200, `[{"id":"a"}]`, link(strings.Replace(next, "{org}", "http://u@127.0.0.1", 1))}},
		"a circle":       {{200, `[{"id":"a"}]`, link(next)}},
		"a failing page": {{200, `[{"id":"a"}]`, link(next)}, {403, refuse, nil}},
		"no list":        {{200, `[{"id":"a"}]`, link(next)}, {200, `{}`, nil}},
		"no object":      {{200, `[{"id":"a"},7]`, nil}},
		"an empty page":  {{200, `[{"id":"a"}]`, link(next)}, {204, "", nil}},
	} {
		o := newOrg(t, nil, replies...)
		var last error
		n := 0
		for obj, err := range o.client.Apps(ctx, "") {
			if last != nil {
				t.Errorf("%s: went on after an error", name)
			}
			if last = err; err == nil && obj.Text("/id") == "a" {
				n++
			}
		}
		if last == nil || n == 0 || n > 2 {
			t.Errorf("%s: %d apps, %v", name, n, last)
		}
		noSecret(t, last)
	}
}

func TestReadsAfterACancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := newOrg(t, nil, reply{200, "[]", nil})
	_, _, err := o.client.Keys(ctx, anApp)
	var n *NetworkError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &n) || n.Sent || o.sent() != 0 || len(o.calls) != 0 {
		t.Errorf("%v, %d requests", err, o.sent())
	}
}

func FuzzLink(f *testing.F) {
	f.Add(`<https://h/a>; rel="next"`)
	f.Add(`<a,b>; x="\",;"; rel=self, <c>; rel="prev next"`)
	f.Add(`<<>>,"`)
	f.Fuzz(func(t *testing.T, s string) {
		next := nextLink(http.Header{"Link": {s}})
		if next != "" && !strings.Contains(s, "<"+next+">") {
			t.Fatalf("%q is no link of %q", next, s)
		}
		c := &Client{base: "https://h", principal: ssws(func() string { return "" })}
		if path, err := c.local(next); err == nil && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "?") {
			t.Fatalf("path %q of %q", path, next)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	for _, s := range []string{oneKey, refuse, "[" + oneKey + "]", `{"id":"c"}`, "<x>", `{"errorCauses":null,"errorCode":"x"}`, "[null]"} {
		f.Add([]byte(s), 200)
		f.Add([]byte(s), 400)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if status < 200 || status > 599 {
			return
		}
		rt := roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body))), Request: r}, nil
		})
		c, err := New(Config{OrgURL: "https://h", Token: secretToken, HTTP: rt, Sleep: func(context.Context, time.Duration) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		_, _ = c.ActiveKeys(ctx, anIdP)
		_, _, _ = c.Keys(ctx, anApp)
		_, _ = c.CSR(ctx, anApp, "c")
		_, _ = c.Metadata(ctx, anIdP, "")
		for _, err := range c.Apps(ctx, "") {
			_ = err
		}
		k, err := c.GenerateKey(ctx, anApp, 2)
		if (err == nil) != (k.Kid != "") {
			t.Fatalf("key %+v, error %v", k, err)
		}
		if err != nil && strings.Contains(fmt.Sprintf("%+v", err), secretToken) {
			t.Fatalf("%v", err)
		}
	})
}
