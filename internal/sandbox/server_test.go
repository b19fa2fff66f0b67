package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
)

// TestSharingGuide sends the five requests of Okta's guide "Share application
// key credentials for IdPs across Apps" in order. Its PUT bodies lack the
// label, which the contract requires by now.
func TestSharingGuide(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	kid := c.want(201, "POST", "/api/v1/apps/0oa8ae1t5yev2ajDs0h7/credentials/keys/generate?validityYears=2", nil).key(t).Kid
	body := func(name, label string) string {
		return fmt.Sprintf(`{"name":%q,%s"signOnMode":"SAML_2_0","credentials":{"signing":{"kid":%q}}}`, name, label, kid)
	}
	put := func(id, name string) {
		t.Helper()
		c.do("PUT", "/api/v1/apps/"+id, body(name, "")).refused(t, 400, "E0000001", "label")
		o := c.want(200, "PUT", "/api/v1/apps/"+id, body(name, `"label":"App",`)).object(t)
		if o.Text("/credentials/signing/kid") != kid || o.Text("/id") != id || o.Text("/status") != "ACTIVE" || o.Text("/label") != "App" {
			t.Errorf("the answer is %s", o.Encode())
		}
	}
	put("0oa8ae1t5yev2ajDs0h7", "myorg_app1")
	c.do("PUT", "/api/v1/apps/0oa8ae0dv4RGQvjyZ0h7", body("x", `"label":"App",`)).refused(t, 400, "E0000001", kid) // not cloned yet
	c.want(201, "POST", "/api/v1/apps/0oa8ae1t5yev2ajDs0h7/credentials/keys/"+kid+"/clone?targetAid=0oa8ae0dv4RGQvjyZ0h7", nil)
	put("0oa8ae0dv4RGQvjyZ0h7", "myorg_app2")
	list := c.want(200, "GET", `/api/v1/apps?filter=credentials.signing.kid+eq+%22`+kid+`%22`, nil).objects(t)
	if len(list) != 2 {
		t.Errorf("%d apps use the key, want 2", len(list))
	}
}

// TestActiveKey reads the one key endpoint that only IdPs have.
func TestActiveKey(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	active := c.want(200, "GET", testIdP.Path()+"/credentials/keys/active", nil).keys(t)
	if kid := c.want(200, "GET", testIdP.Path(), nil).object(t).Text("/protocol/credentials/signing/kid"); len(active) != 1 || active[0].Kid != kid {
		t.Errorf("the active keys are %v, want %s", active, kid)
	}
	if r := c.want(204, "GET", "/api/v1/idps/0oaulob4BFVa4zQvt0g3/credentials/keys/active", nil); len(r.body) > 0 || r.header.Get("Content-Type") != "" {
		t.Errorf("204 with %q, %v", r.body, r.header)
	}
	c.do("GET", testApp.Path()+"/credentials/keys/active", nil).refused(t, 404, "E0000007", "active")
}

// TestErrors goes through what has no owner, no path, no method.
func TestErrors(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	for _, tt := range []struct {
		method, path string
		status       int
		code         string
		allow        string
	}{
		{"GET", "/api/v1/apps/0oaNobody", 404, "E0000007", ""},
		{"GET", "/api/v1/apps/" + defaultIdP, 404, "E0000007", ""},
		{"PUT", "/api/v1/idps/0oaNobody", 404, "E0000007", ""},
		{"GET", "/api/v1/apps/0oaNobody/credentials/keys", 404, "E0000007", ""},
		{"GET", "/api/v1/apps/0oaNobody/credentials/csrs", 404, "E0000007", ""},
		{"POST", "/api/v1/apps/0oaNobody/credentials/csrs", 404, "E0000007", ""},
		{"POST", "/api/v1/idps/0oaNobody/credentials/keys/generate?validityYears=2", 404, "E0000007", ""},
		{"GET", testApp.Path() + "/credentials/keys/nokid", 404, "E0000007", ""},
		{"GET", "/api/v1/users", 404, "E0000008", ""},
		{"GET", "/", 404, "E0000008", ""},
		{"GET", "/api/v1/apps//credentials/keys", 404, "E0000008", ""},
		{"GET", "/api/v1/idps/credentials/keys", 404, "E0000008", ""}, // the org-wide store is not there
		{"POST", "/api/v1/idps/credentials/keys", 404, "E0000008", ""},
		{"DELETE", testApp.Path(), 405, "E0000022", "GET, PUT"},
		{"POST", "/api/v1/apps", 405, "E0000022", "GET"},
		{"PATCH", testApp.Path() + "/credentials/csrs", 405, "E0000022", "GET, POST"},
		{"DELETE", testApp.Path() + "/credentials/keys/x", 405, "E0000022", "GET"},
		{"PUT", testApp.Path() + "/credentials/keys/generate", 405, "E0000022", "POST, GET"},
	} {
		r := c.do(tt.method, tt.path, nil)
		r.refused(t, tt.status, tt.code, "")
		if got := r.header.Get("Allow"); got != tt.allow {
			t.Errorf("%s %s: Allow %q, want %q", tt.method, tt.path, got, tt.allow)
		}
	}
	put := func(body string, headers ...string) result { return c.do("PUT", testApp.Path(), body, headers...) }
	put("{}", "Content-Type", "text/plain").refused(t, 400, "E0000021", "application/json")
	put(`{"label":`).refused(t, 400, "E0000003", "")
	put(`[]`).refused(t, 400, "E0000003", "")
	c.do("POST", testApp.Path()+"/credentials/csrs", "{").refused(t, 400, "E0000003", "")
	c.do("POST", testApp.Path()+"/credentials/csrs", `{"subject":{"commonName":5}}`).refused(t, 400, "E0000001", "subject.commonName")
	c.do("POST", testApp.Path()+"/credentials/csrs", `{"subjectAltNames":{"dnsNames":["bad name"]}}`).refused(t, 400, "E0000001", "bad name")
	c.do("POST", testApp.Path()+"/credentials/csrs", "{}", "Content-Type", "text/plain").refused(t, 400, "E0000021", "application/json")
	c.do("GET", testApp.Path(), nil, "Accept", "text/html").refused(t, 400, "E0000021", "Accept")
	c.do("POST", testApp.Path()+"/credentials/csrs", "{}", "Accept", "text/html").refused(t, 400, "E0000021", "Accept")
	if csrs := c.want(200, "GET", testApp.Path()+"/credentials/csrs", nil).body; string(csrs) != "[]\n" {
		t.Errorf("refused requests left %s", csrs)
	}
}

// TestAccept: a CSR comes as an object, or bare if asked so.
func TestAccept(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	csrs := testApp.Path() + "/credentials/csrs"
	r := c.want(201, "POST", csrs, csrBody, "Accept", "application/pkcs10")
	if got := r.header.Get("Content-Type") + " " + r.header.Get("Content-Transfer-Encoding"); got != "application/pkcs10; filename=okta.p10 base64" {
		t.Errorf("headers %s", got)
	}
	made := c.want(200, "GET", csrs, nil, "Accept", "application/json, */*;q=0.1").objects(t)
	if len(made) != 1 || made[0].Text("/csr") != string(r.body) {
		t.Errorf("the list is %v, the bare CSR %s", made, r.body)
	}
	one := csrs + "/" + made[0].Text("/id")
	for accept, want := range map[string]string{
		"application/json":    "application/json;charset=UTF-8",
		"*/*":                 "application/json;charset=UTF-8",
		"application/*;q=0.5": "application/json;charset=UTF-8",
		"application/pkcs10":  "application/pkcs10; filename=okta.p10",
		"application/json;q=0.2, application/pkcs10;q=0.9": "application/pkcs10; filename=okta.p10",
	} {
		if got := c.want(200, "GET", one, nil, "Accept", accept).header.Get("Content-Type"); got != want {
			t.Errorf("Accept %s: %s, want %s", accept, got, want)
		}
	}
}

// TestHeaders: what every answer carries, good or bad.
func TestHeaders(t *testing.T) {
	opt := testOptions()
	opt.Token = "s3cret"
	c := serve(t, New(testOrg(t), opt))
	c.head.Set("Authorization", "SSWS s3cret")
	ids := map[string]bool{}
	for path, status := range map[string]int{testApp.Path(): 200, "/api/v1/apps": 200, "/nothing": 404, testIdP.Path() + "/credentials/keys/active": 200} {
		h := c.want(status, "GET", path, nil).header
		if got, want := h.Get("Date"), "Sat, 14 Mar 2026 15:09:26 GMT"; got != want {
			t.Errorf("Date %s, want %s", got, want)
		}
		if h.Get("X-Rate-Limit-Limit") == "" || h.Get("X-Rate-Limit-Remaining") == "" || h.Get("X-Rate-Limit-Reset") != fmt.Sprint(testNow.Truncate(time.Minute).Unix()+60) {
			t.Errorf("%s: rate limits %v", path, h)
		}
		id := h.Get("X-Okta-Request-Id")
		if id == "" || ids[id] {
			t.Errorf("%s: the request id %q", path, id)
		}
		ids[id] = true
		if got := h.Get("Content-Type"); got != "application/json;charset=UTF-8" {
			t.Errorf("Content-Type %s", got)
		}
	}
	for _, header := range []string{"", "SSWS wrong", "SSWS", "Bearer s3cret", "s3cret"} {
		c.head = http.Header{}
		if header != "" {
			c.head.Set("Authorization", header)
		}
		r := c.do("GET", testApp.Path(), nil)
		r.refused(t, 401, "E0000011", "")
		if strings.Contains(string(r.body), "s3cret") {
			t.Error("the answer tells the token")
		}
	}
}

// TestLog: one line for each request, with what the client sent.
func TestLog(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	opt := testOptions()
	opt.Log = writerFunc(func(p []byte) { mu.Lock(); lines = append(lines, string(p)); mu.Unlock() })
	c := serve(t, New(testOrg(t), opt))
	c.do("POST", testApp.Path()+"/credentials/csrs?a=b%20c", csrBody)
	c.do("GET", "/api/v1/apps/-x%2Fy", nil)
	if len(lines) != 2 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	var got struct {
		Method, Path string
		Status       int
		Body         string `json:"body_sha256"`
	}
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || !strings.HasSuffix(lines[0], "}\n") {
		t.Fatal(err, lines[0])
	}
	sum := sha256.Sum256([]byte(csrBody))
	if got.Method != "POST" || got.Path != testApp.Path()+"/credentials/csrs?a=b%20c" || got.Status != 201 || got.Body != hex.EncodeToString(sum[:]) {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(lines[1], `"path":"/api/v1/apps/-x%2Fy","status":404`) {
		t.Error(lines[1])
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(bytes.Clone(p)); return len(p), nil }

// TestMetadata previews metadata per key and follows an IdP's link.
func TestMetadata(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	keys := c.want(200, "GET", testApp.Path()+"/credentials/keys", nil).keys(t)
	var docs [][]byte
	for _, k := range keys {
		r := c.want(200, "GET", testApp.Path()+"/sso/saml/metadata?kid="+k.Kid, nil, "Accept", "application/xml")
		if !strings.Contains(string(r.body), ">"+k.X5c[0]+"<") || r.header.Get("Content-Type") != "text/xml" {
			t.Errorf("%s: %s", r.header, r.body)
		}
		docs = append(docs, r.body)
	}
	c.do("GET", testApp.Path()+"/sso/saml/metadata", nil).refused(t, 400, "E0000028", "kid")
	c.do("GET", testApp.Path()+"/sso/saml/metadata?kid=nokid", nil).refused(t, 404, "E0000007", "nokid")
	c.do("GET", "/api/v1/apps/0oaOidcPortalWeb70h7/sso/saml/metadata?kid=x", nil).refused(t, 404, "E0000007", "OPENID_CONNECT")
	c.do("GET", "/api/v1/idps/0oaulob4BFVa4zQvt0g3/metadata.xml", nil).refused(t, 404, "E0000007", "OIDC")
	idp := c.want(200, "GET", testIdP.Path(), nil).object(t)
	link := strings.TrimPrefix(idp.Text("/_links/metadata/href"), c.base)
	active := c.want(200, "GET", testIdP.Path()+"/credentials/keys/active", nil).keys(t)[0]
	r := c.want(200, "GET", link, nil)
	if !strings.Contains(string(r.body), ">"+active.X5c[0]+"<") {
		t.Errorf("%s", r.body)
	}
	docs = append(docs, r.body)
	for _, doc := range docs {
		var entity struct {
			XMLName xml.Name
			ID      string `xml:"entityID,attr"`
			Role    []struct {
				XMLName  xml.Name
				Protocol string `xml:"protocolSupportEnumeration,attr"`
				Keys     []struct {
					Certificate string `xml:"KeyInfo>X509Data>X509Certificate"`
				} `xml:"urn:oasis:names:tc:SAML:2.0:metadata KeyDescriptor"`
			} `xml:",any"`
		}
		if err := xml.Unmarshal(doc, &entity); err != nil {
			t.Fatalf("%v: %s", err, doc)
		}
		name := xml.Name{Space: "urn:oasis:names:tc:SAML:2.0:metadata", Local: "EntityDescriptor"}
		if entity.XMLName != name || entity.ID == "" || len(entity.Role) != 1 || entity.Role[0].Protocol == "" || len(entity.Role[0].Keys) == 0 || entity.Role[0].Keys[0].Certificate == "" {
			t.Errorf("%+v in %s", entity, doc)
		}
	}
}

// TestConcurrent: many requests at once leave each its effect. It is worth
// most under the race detector.
func TestConcurrent(t *testing.T) {
	var changes sync.Map
	opt := testOptions()
	opt.Changed = func() { changes.Store(new(int), true) }
	org := testOrg(t)
	snapshot := dump(t, org)
	copied := org.Clone()
	srv := New(org, opt)
	client := &http.Client{Transport: Transport(srv)}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			owner := []okta.Owner{testApp, testIdP}[i%2]
			for _, path := range []string{owner.Path(), owner.Path() + "/credentials/keys", "/api/v1/apps", "/_sandbox/org"} {
				if resp, err := client.Get("https://acme.okta.example" + path); err != nil || resp.StatusCode != 200 {
					t.Error(path, err, resp)
				}
			}
			resp, err := client.Post("https://acme.okta.example"+owner.Path()+"/credentials/keys/generate?validityYears=2", "", nil)
			if err != nil || resp.StatusCode >= 300 {
				t.Error(err, resp)
			}
		}()
	}
	wg.Wait()
	for _, owner := range []okta.Owner{testApp, testIdP} {
		w, _ := org.get(owner)
		if old, _ := copied.get(owner); len(w.keys) != len(old.keys)+12 {
			t.Errorf("%s has %d keys, want 12 more than %d", owner, len(w.keys), len(old.keys))
		}
	}
	if dump(t, copied) != snapshot {
		t.Error("requests changed a clone of the org")
	}
	n := 0
	changes.Range(func(any, any) bool { n++; return true })
	if n < 24 {
		t.Errorf("Changed was called %d times for 24 writes", n)
	}
}

// TestTransport calls the handler without a socket.
func TestTransport(t *testing.T) {
	client := &http.Client{Transport: Transport(New(testOrg(t), testOptions()))}
	resp, err := client.Get("https://acme.okta.example" + testApp.Path() + "?x=1")
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		Links struct{ Self struct{ Href string } } `json:"_links"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
		t.Fatal(err)
	}
	if want := "https://acme.okta.example" + testApp.Path(); o.Links.Self.Href != want || resp.Request == nil {
		t.Errorf("self is %s, want %s", o.Links.Self.Href, want)
	}
}

// TestLatency: a client that gave up does not stop its write.
func TestLatency(t *testing.T) {
	opt := testOptions()
	opt.Latency = 50 * time.Millisecond
	org := testOrg(t)
	srv := New(org, opt)
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	gone := make(chan struct{})
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		giveUp() // the request is here
		<-gone
		srv.ServeHTTP(w, r)
	}))
	w, _ := org.get(testApp)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+testApp.Path()+"/credentials/keys/generate?validityYears=2", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(request); err == nil {
		t.Fatal("it was answered")
	}
	began := time.Now()
	close(gone)
	wait(t, "the late write takes effect", func() bool { after, _ := org.get(testApp); return len(after.keys) == len(w.keys)+1 })
	if took := time.Since(began); took < opt.Latency {
		t.Errorf("it took effect after %s", took)
	}
}

// TestSameInEveryRun: clock, pool and ids fixed, so are the answers.
func TestSameInEveryRun(t *testing.T) {
	var runs [2]string
	for i := range runs {
		client := &http.Client{Transport: Transport(New(testOrg(t), testOptions()))}
		for _, path := range []string{testApp.Path() + "/credentials/csrs", testApp.Path() + "/credentials/keys/generate?validityYears=2", "/api/v1/apps/x/credentials/csrs"} {
			resp, err := client.Post("http://sandbox"+path, "application/json", strings.NewReader(csrBody))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			runs[i] += fmt.Sprint(resp.Status, resp.Header, string(body))
		}
	}
	if runs[0] != runs[1] {
		t.Errorf("two runs differ:\n%s\n%s", runs[0], runs[1])
	}
}
