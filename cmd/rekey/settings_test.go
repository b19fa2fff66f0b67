package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"example.com/rekey/internal/sandbox"
)

// newpem FILE NAME: writes a new private key to a file that nobody else can
// read, and sets a variable to it as files of variables have it, in one line.
func cmdNewPEM(ts *testscript.TestScript, _ bool, args []string) {
	text, err := newPEM()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
	ts.Setenv(args[1], strings.ReplaceAll(text, "\n", `\n`))
}

func newPEM() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
}

// grants is an org with an authorization server that takes every assertion for
// good. Tests of the real one are elsewhere: this one is about what is asked.
type grants struct {
	refuses string // a scope that is not granted
	asked   []string
	written int
	org     http.Handler
}

func newGrants(t *testing.T) (*grants, string) {
	t.Helper()
	org, err := sandbox.DefaultOrg(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	g := &grants{org: sandbox.New(org, sandbox.Options{Token: "of-the-sandbox", Keys: &sandbox.Pool{}})}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return g, server.URL
}

func (g *grants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/oauth2/v1/token" {
		if r.Method != http.MethodGet {
			g.written++
		}
		r.Header.Set("Authorization", "SSWS of-the-sandbox")
		g.org.ServeHTTP(w, r)
		return
	}
	scope := r.PostFormValue("scope")
	g.asked = append(g.asked, scope)
	w.Header().Set("Content-Type", "application/json")
	if g.refuses != "" && strings.Contains(scope, g.refuses) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_scope","error_description":"One or more scopes are not configured for the authorization server resource."}`)
		return
	}
	fmt.Fprintf(w, `{"token_type":"Bearer","access_token":"an-access-token","expires_in":3600,"scope":%q}`, scope)
}

// rekeyWith runs the program with these variables and nothing else of the
// environment.
func rekeyWith(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	a := testApp()
	var out, errs bytes.Buffer
	a.stdout, a.stderr, a.stdin = &out, &errs, strings.NewReader("")
	a.lookupEnv = func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	a.environ = func() []string { return nil }
	code = a.main(context.Background(), args)
	return code, out.String(), errs.String()
}

func serviceEnv(t *testing.T, url string) map[string]string {
	t.Helper()
	key, err := newPEM()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"OKTA_CLIENT_ORGURL": url, "OKTA_CLIENT_CLIENTID": "0oa1Service", "OKTA_CLIENT_PRIVATEKEY": key,
		"OKTA_CLIENT_PRIVATEKEYID": "k1", "REKEY_STATE_DIR": t.TempDir(),
	}
}

// A plan asks for the scopes to read, a run for what the plan names, and neither
// for more.
func TestScopesAsked(t *testing.T) {
	g, url := newGrants(t)
	env := serviceEnv(t, url)
	args := []string{"-i", "app=0oa8ae1t5yev2ajDs0h7", "-i", "out=" + t.TempDir()}
	if code, _, stderr := rekeyWith(t, env, append([]string{"plan", "rotate-app-key"}, args...)...); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if want := []string{"okta.apps.read"}; !reflect.DeepEqual(g.asked, want) {
		t.Errorf("a plan asked for %q, not %q", g.asked, want)
	}
	g.asked = nil
	if code, _, stderr := rekeyWith(t, env, append([]string{"run", "rotate-app-key", "--yes"}, args...)...); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if want := []string{"okta.apps.read", "okta.apps.manage okta.apps.read"}; !reflect.DeepEqual(g.asked, want) {
		t.Errorf("a run asked for %q, not %q", g.asked, want)
	}
}

// With OKTA_CLIENT_SCOPES exactly those are asked for; what they lack is named
// before anything is written.
func TestScopesGiven(t *testing.T) {
	g, url := newGrants(t)
	env := serviceEnv(t, url)
	run := []string{"run", "rotate-app-key", "--yes", "-i", "app=0oa8ae1t5yev2ajDs0h7", "-i", "out=" + t.TempDir()}
	for _, test := range []struct {
		scopes string
		code   int
		says   string
		asked  []string
	}{
		{"okta.idps.read", 3, "OKTA_CLIENT_SCOPES lacks okta.apps.read, which this needs", nil},
		{"okta.apps.read", 3, "OKTA_CLIENT_SCOPES lacks okta.apps.manage, which this needs; nothing was written", []string{"okta.apps.read"}},
		{"okta.apps.read, okta.apps.manage okta.users.read", 0, "", []string{"okta.apps.manage okta.apps.read okta.users.read"}},
	} {
		g.asked, g.written = nil, 0
		env["OKTA_CLIENT_SCOPES"] = test.scopes
		code, _, stderr := rekeyWith(t, env, run...)
		if code != test.code || !strings.Contains(stderr, test.says) || test.code != 0 && g.written > 0 {
			t.Errorf("%s: exit %d, %d writes: %s", test.scopes, code, g.written, stderr)
		}
		if !reflect.DeepEqual(g.asked, test.asked) {
			t.Errorf("%s: asked for %q, not %q", test.scopes, g.asked, test.asked)
		}
	}
}

// A scope that the org does not grant is named before the run is on record.
func TestScopeRefused(t *testing.T) {
	g, url := newGrants(t)
	g.refuses = "okta.apps.manage"
	env := serviceEnv(t, url)
	code, _, stderr := rekeyWith(t, env, "run", "rotate-app-key", "--yes", "-i", "app=0oa8ae1t5yev2ajDs0h7", "-i", "out="+t.TempDir())
	if code != 1 || !strings.Contains(stderr, "is not granted") || !strings.Contains(stderr, "okta.apps.manage") || g.written > 0 {
		t.Errorf("exit %d, %d writes: %s", code, g.written, stderr)
	}
	if runs, _ := os.ReadDir(filepath.Join(env["REKEY_STATE_DIR"], "runs")); len(runs) > 0 {
		t.Errorf("%d runs are on record", len(runs))
	}
	code, stdout, _ := rekeyWith(t, env, "doctor")
	if code != 0 || !strings.Contains(stdout, "granted: okta.apps.read, okta.idps.read, okta.idps.manage; not granted: okta.apps.manage") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	env["OKTA_CLIENT_SCOPES"] = "okta.apps.read okta.apps.manage"
	code, stdout, _ = rekeyWith(t, env, "doctor")
	if code != 1 || !strings.Contains(stdout, "fail  scopes") || !strings.Contains(stdout, "is not granted okta.apps.manage;") || !strings.Contains(stdout, "ok    apps") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if strings.Contains(stdout+stderr, "an-access-token") {
		t.Error("the token is shown")
	}
}

// putFile writes a file with that mode, whatever the umask.
func putFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), mode)
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Faults of settings are found before anything is sent, and no secret is shown.
func TestSettingsRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		putFile(t, path, text, mode)
		return path
	}
	public := write("public.token", "00secretToken\n", 0o644)
	empty := write("empty.token", "\n", 0o600)
	key, err := newPEM()
	if err != nil {
		t.Fatal(err)
	}
	bare := strings.Split(key, "\n")[1] // of the key, without its armour
	const url = "OKTA_CLIENT_ORGURL"
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		says []string
	}{
		{"path", map[string]string{url: "https://a.okta.com/home"}, nil, []string{url + " holds a path", "give https://a.okta.com alone"}},
		{"admin", map[string]string{url: "https://a-admin.okta.com"}, nil, []string{"admin console", "use https://a.okta.com"}},
		{"plain", map[string]string{url: "http://a.okta.com"}, nil, []string{"is plain http"}},
		{"half", map[string]string{url: "", "OKTA_ORG_NAME": "dev-1"}, nil, []string{"OKTA_BASE_URL is not set, and OKTA_ORG_NAME is"}},
		{"names", map[string]string{url: "", "OKTA_ORG_NAME": "https://dev-1", "OKTA_BASE_URL": "okta.com"}, nil, []string{"OKTA_ORG_NAME and OKTA_BASE_URL are no names"}},
		{"public file", nil, []string{"--token-file", public}, []string{"OKTA_CLIENT_TOKEN_FILE (--token-file) names a file that others can read", "chmod 600 " + quoted(public)}},
		{"empty file", nil, []string{"--token-file", empty}, []string{"names a file that is empty", "write the token into it"}},
		{"folder", nil, []string{"--token-file", dir}, []string{"cannot be read", "it is a folder"}},
		{"token for a file", map[string]string{"OKTA_CLIENT_TOKEN": "", "OKTA_CLIENT_TOKEN_FILE": "00secretToken"}, nil, []string{"OKTA_CLIENT_TOKEN_FILE names a file that cannot be read: no such file"}},
		{"two ways", map[string]string{"REKEY_TOKEN_COMMAND": "true"}, nil, []string{"OKTA_CLIENT_TOKEN and REKEY_TOKEN_COMMAND both give the token"}},
		{"failed command", nil, []string{"--token-command", "echo 00secretToken; echo locked >&2; exit 7"}, []string{"locked\n", "REKEY_TOKEN_COMMAND (--token-command) is a command that failed with exit status 7"}},
		{"killed command", nil, []string{"--token-command", "kill -9 $$"}, []string{"failed with signal: killed"}},
		{"silent command", nil, []string{"--token-command", "echo; echo 00secretToken"}, []string{"whose first line is empty"}},
		{"odd token", nil, []string{"--token-command", "echo SSWS 00secretToken"}, []string{"OKTA_CLIENT_TOKEN (--token-command) begins with the word SSWS"}},
		{"mode", map[string]string{"OKTA_CLIENT_AUTHORIZATIONMODE": "Bearer"}, nil, []string{`is "Bearer", which rekey does not know`, "set it to SSWS"}},
		{"both", nil, []string{"--client-id", "0oa1"}, []string{"both an API token (OKTA_CLIENT_TOKEN) and a service app (--client-id) are given", "to PrivateKey to use the service app"}},
		{"no key", nil, []string{"--client-id", "0oa1", "--authorization-mode", "privateKey"}, []string{"OKTA_CLIENT_PRIVATEKEY is not set"}},
		{"bare key", map[string]string{"OKTA_CLIENT_TOKEN": "", "OKTA_CLIENT_CLIENTID": "0oa1", "OKTA_API_PRIVATE_KEY": bare}, nil, []string{"OKTA_CLIENT_PRIVATEKEY (OKTA_API_PRIVATE_KEY) is neither PEM nor a JWK"}},
		{"key as flag", map[string]string{"OKTA_CLIENT_TOKEN": ""}, []string{"--private-key", key}, []string{"OKTA_CLIENT_PRIVATEKEY (--private-key) holds the key itself"}},
		{"damaged key", map[string]string{"OKTA_CLIENT_TOKEN": "", "OKTA_CLIENT_CLIENTID": "0oa1", "OKTA_CLIENT_PRIVATEKEY": strings.Replace(key, bare, bare[:20], 1)}, nil, []string{"OKTA_CLIENT_PRIVATEKEY holds"}},
		{"token as key", map[string]string{"OKTA_CLIENT_TOKEN": "", "OKTA_CLIENT_CLIENTID": "0oa1", "OKTA_CLIENT_PRIVATEKEY": public}, nil, []string{"OKTA_CLIENT_PRIVATEKEY holds"}},
		{"no client id", map[string]string{"OKTA_CLIENT_TOKEN": "", "OKTA_CLIENT_PRIVATEKEY": key}, nil, []string{"OKTA_CLIENT_CLIENTID is not set"}},
		{"scopes", map[string]string{"OKTA_CLIENT_TOKEN": "", "OKTA_CLIENT_CLIENTID": "0oa1", "OKTA_CLIENT_PRIVATEKEY": key, "OKTA_CLIENT_SCOPES": "{scopes}"}, nil, []string{"OKTA_CLIENT_SCOPES holds"}},
	} {
		env := map[string]string{url: "https://a.okta.com", "OKTA_CLIENT_TOKEN": "00secretToken", "REKEY_STATE_DIR": dir}
		for name, value := range test.env {
			env[name] = value
		}
		code, stdout, stderr := rekeyWith(t, env, append([]string{"plan", "rotate-app-key", "-i", "app=0oa1"}, test.args...)...)
		if code != exitInvalid {
			t.Errorf("%s: exit %d: %s", test.name, code, stderr)
		}
		for _, text := range test.says {
			if !strings.Contains(stderr, text) {
				t.Errorf("%s: %q is not said: %s", test.name, text, stderr)
			}
		}
		if all := stdout + stderr; strings.Contains(all, "00secretToken") || strings.Contains(all, bare[:16]) {
			t.Errorf("%s: a secret is shown: %s", test.name, all)
		}
	}
}

// A command that does not end is given up, and its token is not waited for.
func TestTokenCommandEnds(t *testing.T) {
	var errs bytes.Buffer
	s := &orgSettings{app: &app{stderr: &errs}, unused: map[string]string{}}
	f := &found{orgSetting: orgSetting{name: settingTokenCommand}, origin: settingTokenCommand, value: "echo 00secretToken; exec sleep 60"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if token, ok := s.tokenCommand(ctx, f); ok || token != "" || !strings.Contains(s.problems[0].Problem, "did not end within") {
		t.Errorf("%q %v %v", token, ok, s.problems)
	}
}

// Of a command that prints without end the beginning is read, and no more.
func TestTokenCommandPrintsTooMuch(t *testing.T) {
	s := &orgSettings{app: &app{stderr: io.Discard}, unused: map[string]string{}}
	f := &found{orgSetting: orgSetting{name: settingTokenCommand}, origin: settingTokenCommand, value: "echo 00secretToken; cat /dev/zero"}
	if token, ok := s.tokenCommand(t.Context(), f); ok || token != "" || s.problems[0].Problem != "is a command that prints more than 64 KiB" {
		t.Errorf("%q %v %v", token, ok, s.problems)
	}
	f.value = "echo 00secretToken; head -c 60000 /dev/zero"
	if token, ok := s.tokenCommand(t.Context(), f); !ok || token != "00secretToken" {
		t.Errorf("%q %v %v", token, ok, s.problems)
	}
}

// seenText tells of the first that is written.
type seenText struct {
	text string
	seen func()
}

func (s *seenText) Write(text []byte) (int, error) {
	s.text += string(text)
	s.seen()
	return len(text), nil
}

// A command that takes its time is said to be waited for; this one until that
// was said.
func TestTokenCommandIsWaitedFor(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said")
	errs := &seenText{seen: func() { os.WriteFile(said, nil, 0o600) }}
	s := &orgSettings{app: &app{stderr: &lockedWriter{to: errs}}, unused: map[string]string{}, quiet: time.Nanosecond}
	f := &found{orgSetting: orgSetting{name: settingTokenCommand}, origin: "--token-command", value: "until [ -e " + said + " ]; do sleep 0.01; done; echo 00secretToken"}
	if token, ok := s.tokenCommand(t.Context(), f); !ok || token != "00secretToken" {
		t.Errorf("%q %v %v", token, ok, s.problems)
	}
	if want := "rekey: the command of REKEY_TOKEN_COMMAND (--token-command) is waited for, 1m0s at most\n"; errs.text != want {
		t.Errorf("it says %q, want %q", errs.text, want)
	}
}

// A settings file is refused where it says nothing usable, and with a secret in
// it where others can read it.
func TestSettingsFile(t *testing.T) {
	for _, test := range []struct {
		name, text string
		mode       os.FileMode
		says       string
	}{
		{"public", "okta:\n  client:\n    token: 00secretToken\n", 0o640, "OKTA_CLIENT_TOKEN (~/.okta/okta.yaml:3) stands in a file that others can read"},
		{"case", "okta:\n  client:\n    orgURL: https://b.okta.com\n", 0o600, "okta.client.orgURL (~/.okta/okta.yaml:3) is not read"},
		{"number", "okta:\n  client:\n    clientId: 12\n", 0o600, "OKTA_CLIENT_CLIENTID (~/.okta/okta.yaml:3) is no text"},
		{"anchor", "okta: &x\n  client: *x\n", 0o600, "~/.okta/okta.yaml has a fault in line 1"},
		{"secret fault", "okta:\n  client:\n    token: *00secretToken\n", 0o600, "has a fault in line 3: something that cannot be read"},
		{"large", strings.Repeat("# \n", maxSettings/2), 0o600, "cannot be read: it is too large"},
		{"private", "okta:\n  client:\n    token: 00secretToken\n", 0o600, ""},
		{"empty", "\n", 0o600, "OKTA_CLIENT_TOKEN is not set"},
		{"public without secrets", "okta:\n  client:\n    authorizationMode: SSWS\n", 0o644, "OKTA_CLIENT_TOKEN is not set"},
		{"other tools", "other: 1\n", 0o600, "rekey: ~/.okta/okta.yaml has no okta at its top, and nothing in it is read\nrekey: error: OKTA_CLIENT_TOKEN is not set"},
		{"other tools of Okta's", "okta:\n  oauth2: {issuer: x}\n", 0o600, "rekey: error: OKTA_CLIENT_TOKEN is not set"},
		{"nothing", "okta:\n", 0o600, "rekey: error: OKTA_CLIENT_TOKEN is not set"},
		{"a list", "[1, 2]\n", 0o600, "rekey: error: ~/.okta/okta.yaml:1 holds a list where okta should stand\nrekey: hint: write it as Okta's documents show it"},
		{"a text", "okta: 00secretToken\n", 0o600, "~/.okta/okta.yaml:1 holds a string where client should stand"},
		{"a text as client", "okta:\n  client: 00secretToken\n", 0o600, "~/.okta/okta.yaml:2 holds a string where the settings should stand"},
		{"client alone", "# mine\nclient:\n  token: 00secretToken\n", 0o600, "~/.okta/okta.yaml:2 holds client where okta should stand"},
		{"client beside okta", "okta:\nclient:\n  token: 00secretToken\n", 0o600, "~/.okta/okta.yaml:2 holds client where okta should stand"},
		{"misspelt okta", "Okta:\n  client:\n    token: 00secretToken\n", 0o600, "~/.okta/okta.yaml:1 holds Okta where okta should stand"},
		{"misspelt client", "okta:\n  clinet:\n    token: 00secretToken\n", 0o600, "~/.okta/okta.yaml:2 holds clinet where client should stand"},
		{"settings in okta", "okta:\n  token: 00secretToken\n", 0o600, "~/.okta/okta.yaml:2 holds token where client should stand"},
		{"a list as org", "okta:\n  client:\n    orgUrl: [a]\n", 0o600, "OKTA_CLIENT_ORGURL (~/.okta/okta.yaml:3) is no text"},
		{"misspelt member", "okta:\n  client:\n    tokenn: 00secretToken\n", 0o600, "okta.client.tokenn (~/.okta/okta.yaml:3) is no setting of Okta's, and is not read; did you mean token?\n"},
		{"another misspelt", "okta:\n  client:\n    autorizationMode: SSWS\n", 0o600, "okta.client.autorizationMode (~/.okta/okta.yaml:3) is no setting of Okta's, and is not read; did you mean authorizationMode?\n"},
		{"like nothing", "okta:\n  client:\n    colour: red\n", 0o600, "okta.client.colour (~/.okta/okta.yaml:3) is no setting of Okta's, and is not read\n"},
		{"a secret for a name", "okta:\n  client:\n    00secretToken:\n", 0o600, "~/.okta/okta.yaml:3 holds a key that is no setting of Okta's, and is not read\n"},
		{"members of Okta's tools", "okta:\n  client:\n    token: 00secretToken\n    connectionTimeout: 30\n    proxy: {port: 1}\n    rateLimit: {maxRetries: 4}\n  testing: {}\n", 0o600, ""},
		{"a list of scopes", "okta:\n  client:\n    token: 00secretToken\n    scopes: [okta.apps.read]\n", 0o600, ""},
	} {
		home := t.TempDir()
		if err := os.Mkdir(filepath.Join(home, ".okta"), 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(home, ".okta", "okta.yaml")
		putFile(t, path, test.text, test.mode)
		code, stdout, stderr := rekeyWith(t, map[string]string{"HOME": home, "OKTA_CLIENT_ORGURL": "https://a.okta.com"}, "config")
		if want := map[bool]int{true: exitOK, false: exitInvalid}[test.says == ""]; code != want || !strings.Contains(stderr, test.says) || test.says == "" && stderr != "" {
			t.Errorf("%s: exit %d: %s", test.name, code, stderr)
		}
		if strings.Contains(stdout+stderr, "secretToken") {
			t.Errorf("%s: the secret is shown: %s%s", test.name, stdout, stderr)
		}
	}
}

// Okta's variables and Terraform's for the same thing: which counts is said, and
// a warning given where the org is one's and the token the other's.
func TestVariablesInConflict(t *testing.T) {
	env := func(pairs ...string) map[string]string {
		all := map[string]string{"REKEY_STATE_DIR": "/nowhere"}
		for _, pair := range pairs {
			name, value, _ := strings.Cut(pair, "=")
			all[name] = value
		}
		return all
	}
	const url, name, base = "OKTA_CLIENT_ORGURL=https://dev-1.okta.com", "OKTA_ORG_NAME=dev-2", "OKTA_BASE_URL=okta.com"
	const token, alias = "OKTA_CLIENT_TOKEN=secret-1", "OKTA_API_TOKEN=secret-2"
	const notPair = "OKTA_CLIENT_ORGURL, not OKTA_ORG_NAME and OKTA_BASE_URL"
	for _, test := range []struct {
		env    map[string]string
		stdout []string
		stderr string // "": nothing
	}{
		{env(url, name, base, alias), []string{notPair + "\n", " OKTA_API_TOKEN\n"},
			"rekey: the org comes from " + notPair + ", and the token from OKTA_API_TOKEN: check that they belong together\n"},
		{env(name, base, token, alias), []string{" OKTA_ORG_NAME and OKTA_BASE_URL\n", " OKTA_CLIENT_TOKEN, not OKTA_API_TOKEN\n"},
			"rekey: the org comes from OKTA_ORG_NAME and OKTA_BASE_URL, and the token from OKTA_CLIENT_TOKEN, not OKTA_API_TOKEN: check that they belong together\n"},
		{env(url, name, base, token, alias), []string{notPair + "\n", " OKTA_CLIENT_TOKEN, not OKTA_API_TOKEN\n"}, ""},
		{env("OKTA_CLIENT_ORGURL=https://Dev-2.okta.com/", name, base, alias), []string{notPair + "\n"}, ""},
		{env(url, alias), []string{" OKTA_CLIENT_ORGURL\n", " OKTA_API_TOKEN\n"}, ""},
		{env(url, name, alias), []string{" OKTA_CLIENT_ORGURL\n"}, ""}, // half a pair that does not count
		{env(url, name, base, "OKTA_CLIENT_CLIENTID=0oa1Service", "OKTA_CLIENT_PRIVATEKEYID=k", "OKTA_API_PRIVATE_KEY=KEY"), []string{notPair + "\n"},
			"rekey: the org comes from " + notPair + ", and the key from OKTA_API_PRIVATE_KEY: check that they belong together\n"},
	} {
		if test.env["OKTA_API_PRIVATE_KEY"] != "" {
			test.env["OKTA_API_PRIVATE_KEY"] = serviceEnv(t, "")["OKTA_CLIENT_PRIVATEKEY"]
		}
		code, stdout, stderr := rekeyWith(t, test.env, "config")
		if code != exitOK || stderr != test.stderr || strings.Contains(stdout, "secret-") {
			t.Errorf("%v: exit code %d, %q, want %q", test.env, code, stderr, test.stderr)
		}
		for _, want := range test.stdout {
			if !strings.Contains(stdout, want) {
				t.Errorf("%v: no %q in\n%s", test.env, want, stdout)
			}
		}
	}
}
