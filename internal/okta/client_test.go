package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// secretToken is looked for in everything that the tests print.
const secretToken = "00secretSECRETsecret-_42"

func TestNewRefusesAddresses(t *testing.T) {
	for _, tt := range []struct{ url, cure string }{
		{"", "https://dev-1234.okta.com"},
		{"  \n", "set it"},
		{"https://{yourOktaDomain}", "address of your org"},
		{"https://yourOktaDomain.okta.com", "address of your org"},
		{"https://${DOMAIN}", "address of your org"},
		{"https://<org>.okta.com/", "address of your org"},
		{"dev-1.okta.com", "https://"},
		{"https://", "address of your org"},
		{"https://:443", "address of your org"},
		{"https:// a b", "address of your org"},
		{"https://h:port", "address of your org"},
		{"https://user:" + secretToken + "@dev-1.okta.com", "OKTA_CLIENT_TOKEN"},
		{"https://user:" + secretToken + "@dev-1.okta.com:x", "address of your org"},
		{"https://dev-1.okta.com:99999", "give https://dev-1.okta.com, with a port from 1 to 65535"},
		{"https://dev-1.okta.com:0", "give https://dev-1.okta.com, with a port from 1 to 65535"},
		{"http://127.0.0.1:", "give http://127.0.0.1, with a port from 1 to 65535"},
		{"https://[::1]:/", "give https://[::1], with a port from 1 to 65535"},
		{"https://dev-1.okta.com/api/v1", "https://dev-1.okta.com alone"},
		{"https://dev-1.okta.com/?x", "https://dev-1.okta.com alone"},
		{"https://dev-1.okta.com/#", "https://dev-1.okta.com alone"},
		{"https://dev-1-admin.okta.com", "use https://dev-1.okta.com"},
		{"https://acme-admin.oktapreview.com/", "use https://acme.oktapreview.com"},
		{"HTTPS://Acme-ADMIN.Okta.com:8443", "use https://acme.okta.com"},
		{"http://dev-1.okta.com", "use https://dev-1.okta.com"},
		{"http://127.0.0.1.example.com", "https://"},
		{"http://10.0.0.1", "https://"},
		{"ftp://127.0.0.1", "https://"},
	} {
		_, err := New(Config{OrgURL: tt.url, Token: secretToken})
		var s *SettingsError
		if !errors.As(err, &s) || s.Setting != SettingOrgURL || s.Problem == "" {
			t.Errorf("%q: %v", tt.url, err)
			continue
		}
		if !strings.Contains(s.Cure, tt.cure) {
			t.Errorf("%q: the cure %q lacks %q", tt.url, s.Cure, tt.cure)
		}
		noSecret(t, err)
	}
}

func TestNewTakesAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"https://dev-1.okta.com//":         "https://dev-1.okta.com",
		" HTTPS://Dev-1.okta.com:443\n":    "https://dev-1.okta.com",
		"https://sso-admin.example.com:81": "https://sso-admin.example.com:81",
		"http://localhost:8080":            "http://localhost:8080",
		"http://127.3.2.1":                 "http://127.3.2.1",
		"http://[::1]:80/":                 "http://[::1]",
	} {
		c, err := New(Config{OrgURL: url, Token: "t"})
		if err != nil {
			t.Errorf("%q: %v", url, err)
		} else if c.Org() != want {
			t.Errorf("%q became %q, want %q", url, c.Org(), want)
		}
	}
}

func TestNewRefusesTokens(t *testing.T) {
	for _, token := range []string{
		"", " ", "SSWS " + secretToken, secretToken + "\n", secretToken + " x", "{" + secretToken + "}", "${TOKEN}",
		`"` + secretToken + `"`, "'" + secretToken + "'", "`" + secretToken + "`",
		secretToken + "\x00", secretToken + "\x7f", secretToken + "é", secretToken + "\u200b",
	} {
		_, err := New(Config{OrgURL: "https://dev-1.okta.com", Token: token})
		var s *SettingsError
		if !errors.As(err, &s) || s.Setting != SettingToken || s.Cure == "" {
			t.Errorf("%q: %v", token, err)
		}
		noSecret(t, err)
	}
}

// noSecret prints v in every way that a careless caller may choose.
func noSecret(t testing.TB, v any) {
	t.Helper()
	data, _ := json.Marshal(v)
	text := string(data)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		text += "\n" + fmt.Sprintf(verb, v)
	}
	hex := fmt.Sprintf("%x", secretToken)
	if strings.Contains(text, secretToken) || strings.Contains(strings.ToLower(text), hex) {
		t.Errorf("a secret shows in %T: %s", v, text)
	}
	if e, ok := v.(error); ok && errors.Unwrap(e) != nil {
		noSecret(t, fmt.Sprintf("%v %+v", errors.Unwrap(e), errors.Unwrap(e)))
	}
}

func TestPrintingShowsNoToken(t *testing.T) {
	cfg := Config{OrgURL: "https://user:" + secretToken + "@dev-1.okta.com", Token: secretToken}
	noSecret(t, cfg)
	noSecret(t, &cfg)
	noSecret(t, struct{ C Config }{cfg})
	noSecret(t, []any{map[string]Config{"a": cfg}})
	cfg.OrgURL = "https://dev-1.okta.com"
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	noSecret(t, c)
	noSecret(t, *c)
	noSecret(t, struct{ c *Client }{c})
	noSecret(t, struct{ c Client }{*c})
	if got := fmt.Sprintf("%v", c); got != "okta.Client(https://dev-1.okta.com)" {
		t.Errorf("%%v = %s", got)
	}
	_ = fmt.Sprint((*Client)(nil))
}

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ s, token, want string }{
		{"a " + secretToken + "b" + secretToken, secretToken, "a [token]b[token]"},
		{"this is not it: SSWS no", "no", "this is not it: SSWS [token]"},
	} {
		if got := redact(tt.s, tt.token); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestReadOnly(t *testing.T) {
	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hits++; fmt.Fprint(w, "[]") }))
	defer srv.Close()
	ctx := context.Background()
	c, err := New(Config{OrgURL: srv.URL, Token: secretToken, HTTP: ReadOnly(nil)})
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range everyWrite(c) {
		err := write(ctx)
		if !errors.Is(err, ErrReadOnly) || OutcomeUnknown(err) {
			t.Errorf("%s: %v", name, err)
		}
		noSecret(t, err)
	}
	if hits != 0 {
		t.Fatalf("%d writes reached the socket", hits)
	}
	if _, _, err := c.Keys(ctx, Owner{App, "a"}); err != nil || hits != 1 {
		t.Errorf("reading: %v, %d requests", err, hits)
	}
	for _, method := range []string{"HEAD", "OPTIONS", "PATCH", "get", "DELETE"} {
		req, _ := http.NewRequest(method, srv.URL, strings.NewReader("x"))
		if _, err := ReadOnly(http.DefaultTransport).RoundTrip(req); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", method, err)
		}
	}
	if hits != 1 {
		t.Errorf("%d requests", hits)
	}
}

// everyWrite is each operation that changes something, once for apps and once
// for IdPs.
func everyWrite(c *Client) map[string]func(context.Context) error {
	all := map[string]func(context.Context) error{}
	for _, o := range []Owner{{App, "0oa1"}, {IdP, "0oa2"}} {
		add := func(name string, f func(context.Context) error) { all[string(o.Kind)+" "+name] = f }
		add("generate", func(ctx context.Context) error { _, err := c.GenerateKey(ctx, o, 2); return err })
		add("clone", func(ctx context.Context) error { _, err := c.CloneKey(ctx, o, "k", "0oa3"); return err })
		add("csr", func(ctx context.Context) error { _, err := c.GenerateCSR(ctx, o, CSRRequest{}); return err })
		add("revoke", func(ctx context.Context) error { return c.RevokeCSR(ctx, o, "c") })
		add("publish", func(ctx context.Context) error {
			_, err := c.PublishCSR(ctx, o, "c", CertificateBody{ContentType: TypeDER, Body: []byte("x")})
			return err
		})
		add("replace", func(ctx context.Context) error {
			obj, change := Object{"label": "x"}.Changed(SigningPointer(o.Kind), "k")
			return c.Replace(ctx, o, obj, change)
		})
	}
	return all
}

func TestNewRefusesApps(t *testing.T) {
	key, err := newSigningKey(aKey(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	good := []string{"okta.apps.read"}
	for _, tt := range []struct {
		name, setting string
		app           *OAuth
		token         string
	}{
		{"a token too", SettingToken, &OAuth{ClientID: "0oa1", Key: key, Scopes: good}, secretToken},
		{"no client", SettingClientID, &OAuth{Key: key, Scopes: good}, ""},
		{"a placeholder", SettingClientID, &OAuth{ClientID: "{clientId}", Key: key, Scopes: good}, ""},
		{"a line end", SettingClientID, &OAuth{ClientID: "0oa1\n", Key: key, Scopes: good}, ""},
		{"no key", SettingPrivateKey, &OAuth{ClientID: "0oa1", Scopes: good}, ""},
		{"an empty key", SettingPrivateKey, &OAuth{ClientID: "0oa1", Key: &SigningKey{}, Scopes: good}, ""},
		{"an odd kid", SettingPrivateKeyID, &OAuth{ClientID: "0oa1", Key: key, KeyID: "a b", Scopes: good}, ""},
		{"no scope", SettingScopes, &OAuth{ClientID: "0oa1", Key: key}, ""},
		{"an empty scope", SettingScopes, &OAuth{ClientID: "0oa1", Key: key, Scopes: []string{""}}, ""},
		{"two in one", SettingScopes, &OAuth{ClientID: "0oa1", Key: key, Scopes: []string{"okta.apps.read,okta.apps.manage"}}, ""},
		{"a quote", SettingScopes, &OAuth{ClientID: "0oa1", Key: key, Scopes: []string{`"okta.apps.read"`}}, ""},
	} {
		_, err := New(Config{OrgURL: "https://dev-1.okta.com", Token: tt.token, OAuth: tt.app})
		var s *SettingsError
		if !errors.As(err, &s) || s.Setting != tt.setting || s.Problem == "" || s.Cure == "" {
			t.Errorf("%s: %v", tt.name, err)
		}
		noSecret(t, err)
	}
	if _, err := New(Config{OrgURL: "https://dev-1.okta.com"}); err == nil || !strings.Contains(err.Error(), SettingAuthorizationMode) {
		t.Errorf("nothing is set: %v", err)
	}
}
