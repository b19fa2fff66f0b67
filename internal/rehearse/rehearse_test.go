package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

var (
	now = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	app = okta.Owner{Kind: okta.App, ID: "0oa8ae1t5yev2ajDs0h7"}
	two = okta.Owner{Kind: okta.App, ID: "0oa8ae0dv4RGQvjyZ0h7"}
	idp = okta.Owner{Kind: okta.IdP, ID: "0oa62bfdjnK55Z5x80h7"}
)

// liveOrg is a sandbox behind real HTTP that notes what it is asked.
type liveOrg struct {
	*okta.Client // reads and writes the live org
	url          string

	mu       sync.Mutex
	requests []string
	refuse   int // status for every request, 0: none
}

func newLive(t *testing.T) *liveOrg {
	t.Helper()
	org, err := sandbox.DefaultOrg(now)
	if err != nil {
		t.Fatal(err)
	}
	l := &liveOrg{}
	server := sandbox.New(org, sandbox.Options{Now: func() time.Time { return now }, Keys: &sandbox.Pool{}})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.requests = append(l.requests, r.Method+" "+r.URL.RequestURI())
		refuse := l.refuse
		l.mu.Unlock()
		if refuse != 0 {
			w.WriteHeader(refuse)
			fmt.Fprint(w, `{"errorCode":"E0000011","errorSummary":"Invalid token provided","errorLink":"E0000011","errorId":"oae1","errorCauses":[]}`)
			return
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	l.url = s.URL
	l.Client, err = okta.New(l.config())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *liveOrg) config() okta.Config {
	return okta.Config{OrgURL: l.url, Token: "a-token-of-the-test", Sleep: func(context.Context, time.Duration) error { return nil }, Timeout: time.Hour}
}

func (l *liveOrg) asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.requests
	l.requests = nil
	return asked
}

func rehearsal(t *testing.T, l *liveOrg) (*Org, *okta.Client) {
	t.Helper()
	o, err := New(Options{Live: l.config(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	// The steps' client reports to the runner, which lets no write through
	// outside a step; the tests speak to the overlay directly.
	c, err := okta.New(okta.Config{OrgURL: l.url, Token: "rehearsal", HTTP: o, Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return o, c
}

func TestWritesStayInTheCopy(t *testing.T) {
	ctx := context.Background()
	l := newLive(t)
	before := map[okta.Owner]okta.Object{}
	for _, o := range []okta.Owner{app, two, idp} {
		object, err := l.Object(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		before[o] = object
	}
	keysBefore, _, err := l.Keys(ctx, app)
	if err != nil {
		t.Fatal(err)
	}
	l.asked()
	_, c := rehearsal(t, l)

	key, err := c.GenerateKey(ctx, app, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CloneKey(ctx, app, key.Kid, two.ID); err != nil {
		t.Fatal(err)
	}
	for _, o := range []okta.Owner{app, two} {
		object, err := c.Object(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		next, change := object.Changed(okta.SigningPointer(o.Kind), key.Kid)
		if err := c.Replace(ctx, o, next, change); err != nil {
			t.Fatal(err)
		}
		after, err := c.Object(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := after.Text(okta.SigningPointer(o.Kind)); got != key.Kid {
			t.Errorf("%s signs with %s in the rehearsal, want %s", o, got, key.Kid)
		}
	}
	csr, err := c.GenerateCSR(ctx, idp, okta.CSRRequest{Subject: okta.Subject{CommonName: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RevokeCSR(ctx, idp, csr.ID); err != nil {
		t.Fatal(err)
	}

	for _, r := range l.asked() {
		if !strings.HasPrefix(r, "GET ") {
			t.Errorf("the live org got %s", r)
		}
	}
	for o, want := range before {
		got, err := l.Object(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if d := okta.Differences(want, got); len(d) > 0 {
			t.Errorf("%s differs in the live org: %v", o, d)
		}
	}
	if keys, _, err := l.Keys(ctx, app); err != nil || len(keys) != len(keysBefore) {
		t.Errorf("the live org has %d keys, want %d (%v)", len(keys), len(keysBefore), err)
	}
}

func TestEachPartIsReadOnce(t *testing.T) {
	ctx := context.Background()
	l := newLive(t)
	o, c := rehearsal(t, l)
	for range 3 {
		if _, err := c.Object(ctx, app); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Keys(ctx, app); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.CSRs(ctx, app); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"GET " + app.Path(), "GET " + app.Path() + "/credentials/keys", "GET " + app.Path() + "/credentials/csrs"}
	if got := l.asked(); !slices.Equal(got, want) {
		t.Errorf("the live org got %v, want %v", got, want)
	}
	object, err := l.Object(ctx, app)
	if err != nil {
		t.Fatal(err)
	}
	bases := o.Bases()
	if len(bases) != 3 || bases["app/"+app.ID+"/object"] != okta.Digest(object) {
		t.Errorf("bases %v", bases)
	}
}

func TestMissingOwnerIsCopiedAndRefusalsArePassedOn(t *testing.T) {
	ctx := context.Background()
	l := newLive(t)
	_, c := rehearsal(t, l)
	nobody := okta.Owner{Kind: okta.App, ID: "0oaNobody"}
	for range 2 {
		if _, err := c.Object(ctx, nobody); !okta.NotFound(err) {
			t.Errorf("a missing owner yields %v", err)
		}
	}
	if got := l.asked(); len(got) != 1 {
		t.Errorf("the live org got %v, want one request", got)
	}
	l.refuse = http.StatusUnauthorized
	_, err := c.Object(ctx, app)
	var refused *okta.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || refused.Code != "E0000011" {
		t.Errorf("a refusal yields %v", err)
	}
}

func TestUnreachableOrg(t *testing.T) {
	l := newLive(t)
	config := l.config()
	config.OrgURL = "http://127.0.0.1:1"
	o, err := New(Options{Live: config, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.Env().Okta.Object(context.Background(), app)
	var network *okta.NetworkError
	if !errors.As(err, &network) {
		t.Fatalf("got %v", err)
	}
	if n := strings.Count(err.Error(), app.Path()); n > 1 {
		t.Errorf("the message tells the request %d times: %v", n, err)
	}
}

// A page of somebody else's in the org's place is told as the live client does.
func TestUnusableAnswerIsPassedOn(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Okta-Request-Id", "the-request")
		fmt.Fprint(w, "<html>Log in</html>")
	}))
	t.Cleanup(page.Close)
	config := okta.Config{OrgURL: page.URL, Token: "a-token-of-the-test"}
	live, err := okta.New(config)
	if err != nil {
		t.Fatal(err)
	}
	o, err := New(Options{Live: config, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	_, want := live.Object(context.Background(), app)
	if _, err = o.Env().Okta.Object(context.Background(), app); err == nil || err.Error() != want.Error() {
		t.Errorf("got %v, want %v", err, want)
	}
}

// A list shows the live org's owners with the rehearsed ones in their place,
// and the filter judges those anew.
func TestListsShowRehearsedOwners(t *testing.T) {
	ctx := context.Background()
	l := newLive(t)
	_, c := rehearsal(t, l)
	key, err := c.GenerateKey(ctx, app, 2)
	if err != nil {
		t.Fatal(err)
	}
	object, err := c.Object(ctx, app)
	if err != nil {
		t.Fatal(err)
	}
	old := object.Text(okta.SigningPointer(okta.App))
	next, change := object.Changed(okta.SigningPointer(okta.App), key.Kid)
	if err := c.Replace(ctx, app, next, change); err != nil {
		t.Fatal(err)
	}
	list := func(filter string) (ids []string) {
		for object, err := range c.Apps(ctx, filter) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, object.Text("/id"))
		}
		return ids
	}
	if got := list(fmt.Sprintf("credentials.signing.kid eq %q", key.Kid)); !slices.Equal(got, []string{app.ID}) {
		t.Errorf("the new kid finds %v", got)
	}
	if got := list(fmt.Sprintf("credentials.signing.kid eq %q", old)); len(got) != 0 {
		t.Errorf("the old kid finds %v", got)
	}
	all := list("")
	var liveIDs []string
	for object, err := range l.Apps(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		liveIDs = append(liveIDs, object.Text("/id"))
	}
	slices.Sort(all)
	slices.Sort(liveIDs)
	if !slices.Equal(all, liveIDs) {
		t.Errorf("all apps are %v, want %v", all, liveIDs)
	}
}

func TestMetadataOfLiveAndRehearsedKeys(t *testing.T) {
	ctx := context.Background()
	l := newLive(t)
	_, c := rehearsal(t, l)
	object, err := l.Object(ctx, app)
	if err != nil {
		t.Fatal(err)
	}
	kid := object.Text(okta.SigningPointer(okta.App))
	want, err := l.Metadata(ctx, app, kid)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Metadata(ctx, app, kid); err != nil || string(got) != string(want) {
		t.Errorf("the live key's metadata is %q (%v)", got, err)
	}
	key, err := c.GenerateKey(ctx, app, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Metadata(ctx, app, key.Kid); err != nil || !strings.Contains(string(got), key.X5c[0]) {
		t.Errorf("the rehearsed key's metadata is %q (%v)", got, err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An IdP's metadata is the live one as long as its active key is the live one;
// once the rehearsal has switched, it carries the other key's certificate.
func TestMetadataOfIdP(t *testing.T) {
	ctx := context.Background()
	l := newLive(t)
	o, c := rehearsal(t, l)
	cfg := l.config()
	const text = "<EntityDescriptor>only the live org has this</EntityDescriptor>"
	cfg.HTTP = roundTrip(func(r *http.Request) (*http.Response, error) {
		a, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && strings.HasSuffix(r.URL.Path, "/metadata.xml") {
			a.Body.Close()
			a.Body, a.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
		return a, err
	})
	var err error
	if o.live, err = okta.New(cfg); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Metadata(ctx, idp, ""); err != nil || string(got) != text {
		t.Errorf("the live key's metadata is %q (%v)", got, err)
	}
	key, err := c.GenerateKey(ctx, idp, 2)
	if err != nil {
		t.Fatal(err)
	}
	object, err := c.Object(ctx, idp)
	if err != nil {
		t.Fatal(err)
	}
	body, change := object.Changed(okta.SigningPointer(okta.IdP), key.Kid)
	if err := c.Replace(ctx, idp, body, change); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Metadata(ctx, idp, key.Kid); err != nil || !strings.Contains(string(got), key.X5c[0]) {
		t.Errorf("the rehearsed key's metadata is %q (%v)", got, err)
	}
}

func TestOffline(t *testing.T) {
	o, err := New(Options{Offline: true, Live: okta.Config{OrgURL: "https://offline.invalid"}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, owner := range []okta.Owner{app, idp} {
		object, err := o.Env().Okta.Object(context.Background(), owner)
		if err != nil || object.Text("/id") != owner.ID {
			t.Errorf("%s: %v, %v", owner, object, err)
		}
		if keys, _, err := o.Env().Okta.Keys(context.Background(), owner); err != nil || len(keys) != 2 {
			t.Errorf("%s has %d keys (%v)", owner, len(keys), err)
		}
	}
	if len(o.Bases()) != 0 {
		t.Errorf("bases %v of an org that is not there", o.Bases())
	}
}

// A step that bypasses the overlay and writes to the live transport is refused
// before the socket.
func TestNothingButGetReachesTheSocket(t *testing.T) {
	l := newLive(t)
	o, _ := rehearsal(t, l)
	_, err := o.live.GenerateKey(context.Background(), app, 2)
	if !errors.Is(err, okta.ErrReadOnly) {
		t.Errorf("a write to the live org yields %v", err)
	}
	if got := l.asked(); len(got) != 0 {
		t.Errorf("the live org got %v", got)
	}
}

func TestEachCSRHasItsOwnKeyPair(t *testing.T) {
	ctx := context.Background()
	_, c := rehearsal(t, newLive(t))
	seen := map[string]bool{}
	for i := range sandbox.PoolSize + 2 {
		csr, err := c.GenerateCSR(ctx, app, okta.CSRRequest{Subject: okta.Subject{CommonName: fmt.Sprint(i)}})
		if err != nil {
			t.Fatal(err)
		}
		der, err := csr.DER()
		if err != nil {
			t.Fatal(err)
		}
		req, err := pki.ParseCSR(der)
		if err != nil {
			t.Fatal(err)
		}
		public := string(req.RawSubjectPublicKeyInfo)
		if seen[public] {
			t.Errorf("CSR %d has a key pair that another has", i)
		}
		seen[public] = true
	}
}

func TestRehearsedFiles(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &files{}
	if data, err := f.Read(there); err != nil || string(data) != "content" {
		t.Errorf("read %q, %v", data, err)
	}
	if err := f.Create(there, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating over a file yields %v", err)
	}
	if err := f.Create(filepath.Join(there, "below"), nil); err == nil {
		t.Error("a file below a file was created")
	}
	deep := filepath.Join(dir, "a", "b", "c.pem")
	if err := f.Create(deep, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if data, err := f.Read(deep); err != nil || string(data) != "new" {
		t.Errorf("read %q, %v", data, err)
	}
	if _, err := os.Stat(filepath.Dir(deep)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is on disk: %v", err)
	}
	if err := f.Remove(deep); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(deep); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed file yields %v", err)
	}
}

// The plan of a program is the same bytes whenever it is made, since nothing
// in it comes from chance.
func TestPlanIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	sample, err := pki.SampleCA(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	text := `rekey: 1
playbook: both
version: 1.0.0
inputs:
  cert: {type: string}
  key:  {type: string}
  pass: {type: string, secret: true}
steps:
  - id: gen
    generate_key: {app: 0oa8ae1t5yev2ajDs0h7, validity_years: 3}
  - id: csr
    create_csr: {idp: 0oa62bfdjnK55Z5x80h7, subject: {common_name: a, organization: b}}
  - id: cert
    sign_with_local_ca: {csr: $<steps.csr.csr>, days: 100, ca: {certificate: $<inputs.cert>, key: $<inputs.key>, passphrase: $<inputs.pass>}}
  - id: publish
    publish_csr: {idp: 0oa62bfdjnK55Z5x80h7, csr_id: $<steps.csr.id>, certificate: $<steps.cert.certificate>, encoding: pem}
  - id: switch
    update_idp_kid: {idp: 0oa62bfdjnK55Z5x80h7, kid: $<steps.publish.kid>}
  - id: clone
    clone_key: {app: 0oa8ae1t5yev2ajDs0h7, kid: $<steps.gen.kid>, target: 0oa8ae0dv4RGQvjyZ0h7}
  - id: all
    list_keys: {app: 0oa8ae0dv4RGQvjyZ0h7}
outputs:
  kids: $<map(steps.all.keys, .kid)>
  sha256: $<steps.cert.sha256>
`
	playbook, faults := runner.ParsePlaybook("both.yaml", []byte(text))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	program, faults := runner.Check(playbook, steps.Catalogue(nil))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	public, secret, faults := program.Bind(map[string]any{"cert": sample.CertificatePath, "key": sample.KeyPath, "pass": sample.Passphrase}, true)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	l := newLive(t)
	var bodies []string
	for range 2 {
		o, err := New(Options{Live: l.config(), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := runner.Rehearse(context.Background(), program, runner.RehearsalSpec{
			Catalogue: steps.Catalogue(o.Env()), Clock: runner.Clock{Now: func() time.Time { return now }},
			Inputs: public, Secrets: secret, Bases: o.Bases, Standing: o.Standing, InUse: o.InUse,
		})
		if err != nil {
			t.Fatal(err)
		}
		if plan.Body.Failure != nil {
			t.Fatal(plan.Body.Failure)
		}
		body, err := json.MarshalIndent(plan.Body, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "rehearsed-") {
			t.Errorf("a made-up id is in the plan:\n%s", body)
		}
		bodies = append(bodies, string(body))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("two bodies:\n%s\n%s", bodies[0], bodies[1])
	}
}

func TestCAOfARehearsal(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	sample, err := pki.SampleCA(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	paths := steps.CAFiles{Certificate: sample.CertificatePath, Key: sample.KeyPath, Passphrase: sample.Passphrase}
	c := &ca{now: func() time.Time { return now }}
	if _, err := c.Issuer(ctx, paths); err != nil {
		t.Errorf("the right passphrase: %v", err)
	}
	paths.Passphrase = "wrong"
	if _, err := c.Issuer(ctx, paths); !errors.Is(err, pki.ErrWrongPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	paths.Passphrase = ""
	if _, err := c.Issuer(ctx, paths); !errors.Is(err, pki.ErrPassphraseNeeded) {
		t.Errorf("no passphrase, and none missing: %v", err)
	}
	late := &ca{now: func() time.Time { return now.AddDate(20, 0, 0) }}
	paths.Passphrase = sample.Passphrase
	if _, err := late.Issuer(ctx, paths); err == nil {
		t.Error("an expired issuer passes")
	}
}
