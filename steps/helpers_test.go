package steps_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// The owners of the sandbox's default org that the tests use.
var (
	app      = okta.Owner{Kind: okta.App, ID: "0oa8ae1t5yev2ajDs0h7"}
	appTwo   = okta.Owner{Kind: okta.App, ID: "0oa8ae0dv4RGQvjyZ0h7"} // has an expired key
	appFresh = okta.Owner{Kind: okta.App, ID: "0oaNoActiveKeyYet0h7"} // has no active key
	appOIDC  = okta.Owner{Kind: okta.App, ID: "0oaOidcPortalWeb70h7"}
	idp      = okta.Owner{Kind: okta.IdP, ID: "0oa62bfdjnK55Z5x80h7"}
	idpTwo   = okta.Owner{Kind: okta.IdP, ID: "0oa62bc8wppPw0UGr0h7"}
	idpOIDC  = okta.Owner{Kind: okta.IdP, ID: "0oaulob4BFVa4zQvt0g3"}
	both     = []okta.Owner{app, idp}
)

const (
	settle = 30 * time.Second
	orgURL = "http://127.0.0.1" // of clients that need no socket
)

var (
	start   = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	seed    = sync.OnceValues(func() (*sandbox.Org, error) { return sandbox.DefaultOrg(start) })
	pairs   sandbox.Pool
	samples string // folder of the sample CA
)

func TestMain(m *testing.M) {
	var err error
	if samples, err = os.MkdirTemp("", "steps-ca-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(samples)
	os.Exit(code)
}

// sent is one request that came to the sandbox.
type sent struct {
	method, path, contentType, encoding string
	body                                []byte
}

func (s sent) String() string { return s.method + " " + s.path }

// world is an org behind real HTTP, and everything that steps reach.
type world struct {
	t     *testing.T
	org   *sandbox.Org
	url   string
	env   *steps.Env
	local *runner.Local
	admin *okta.Client // somebody else, whose requests no log and no fault sees
	other http.Handler // serves the same org to that somebody

	mu     sync.Mutex
	now    time.Time
	log    []sent
	before func(sent)                             // called before a request is served
	after  func(sent, *httptest.ResponseRecorder) // may change the answer
	asleep func(time.Duration)                    // called instead of waiting, after the clock went on
	runs   int
	theirs string            // what somebody else made meanwhile
	types  *runner.Catalogue // instead of the package's own
}

func (w *world) catalogue() *runner.Catalogue {
	if w.types != nil {
		return w.types
	}
	return steps.Catalogue(w.env)
}

// newWorld is the default org with faults in the form of sandbox.ParseFault.
func newWorld(t *testing.T, faults ...string) *world {
	t.Helper()
	seeded, err := seed()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, org: seeded.Clone(), now: start}
	opt := sandbox.Options{Now: w.clock, Keys: &pairs}
	w.other = sandbox.New(w.org, opt)
	for _, text := range faults {
		f, err := sandbox.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		opt.Faults = append(opt.Faults, f)
	}
	server := httptest.NewServer(w.watched(sandbox.New(w.org, opt)))
	t.Cleanup(server.Close)
	w.url = server.URL
	state, transport := stateFolder(t), &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	w.local = &runner.Local{Dir: state, Settle: settle, Clock: runner.Clock{Now: w.clock, Sleep: w.sleep}}
	w.env = &steps.Env{
		Okta: w.client(okta.Config{OrgURL: server.URL, OnCall: steps.Report, HTTP: transport}),
		CA:   steps.LocalCA{Ledger: filepath.Join(state, "ca", "ledger.jsonl"), Now: w.clock}, Files: steps.OSFiles{},
		Now: w.clock, Ours: w.local.Yielded,
	}
	w.admin = w.client(okta.Config{OrgURL: orgURL, HTTP: sandbox.Transport(w.other)})
	return w
}

// stateFolder is in memory where that is to be had: hundreds of short runs
// would otherwise wait for the disk at each event.
func stateFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "steps-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (w *world) client(cfg okta.Config) *okta.Client {
	w.t.Helper()
	cfg.Token, cfg.Now = "token-of-a-test", w.clock
	cfg.Sleep = func(context.Context, time.Duration) error { return nil }
	cfg.Timeout = time.Hour // as long as a busy machine takes
	c, err := okta.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// watched notes each request and lets a test interfere.
func (w *world) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s := sent{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("Content-Transfer-Encoding"), body}
		w.mu.Lock()
		w.log = append(w.log, s)
		w.mu.Unlock()
		if w.before != nil {
			w.before(s)
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if w.after != nil {
			w.after(s, rec)
		}
		maps.Copy(rw.Header(), rec.Header())
		rw.WriteHeader(rec.Code)
		rw.Write(rec.Body.Bytes())
	})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) sleep(_ context.Context, d time.Duration) error {
	w.advance(d)
	if w.asleep != nil {
		w.asleep(d)
	}
	return nil
}

// requests returns what was sent since the last call of it.
func (w *world) requests() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	return log
}

// writes returns the requests among log that may change something.
func writes(log []sent) []sent {
	return slices.DeleteFunc(slices.Clone(log), func(s sent) bool { return s.method == http.MethodGet })
}

// snapshot is the whole org as GET answers it, by path.
func (w *world) snapshot() map[string]json.RawMessage {
	w.t.Helper()
	all := map[string]json.RawMessage{}
	for _, o := range w.org.Owners() {
		for _, part := range []string{"", "/credentials/keys", "/credentials/csrs"} {
			all[o.Path()+part] = w.get(o.Path() + part)
		}
	}
	return all
}

// get reads a path as somebody else.
func (w *world) get(path string) json.RawMessage {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.other.ServeHTTP(rec, httptest.NewRequest("GET", orgURL+path, nil))
	if rec.Code != http.StatusOK {
		w.t.Fatalf("GET %s: %d", path, rec.Code)
	}
	return rec.Body.Bytes()
}

// asBefore requires that the org is as in the snapshot, but for the paths named.
func (w *world) asBefore(before map[string]json.RawMessage, but ...string) {
	w.t.Helper()
	for path, now := range w.snapshot() {
		var diff []string
		if !bytes.Equal(before[path], now) {
			diff = okta.Differences(before[path], now)
		}
		if changed := slices.Contains(but, path); changed != (len(diff) > 0) {
			w.t.Errorf("%s differs at %q, want a difference: %v", path, diff, changed)
		}
	}
}

// ownerIn is the input that names an owner, with more inputs.
func ownerIn(o okta.Owner, more data) data {
	in := data{string(o.Kind): o.ID}
	maps.Copy(in, more)
	return in
}

// inactive is a valid kid of the owner that does not sign.
func (w *world) inactive(o okta.Owner) string {
	w.t.Helper()
	kid, ok := w.org.InactiveKey(o, w.clock())
	if !ok {
		w.t.Fatalf("%s has no inactive key", o)
	}
	return kid
}

// active is the kid that signs.
func (w *world) active(o okta.Owner) string {
	w.t.Helper()
	object, err := w.admin.Object(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return object.Text(okta.SigningPointer(o.Kind))
}

func (w *world) keys(o okta.Owner) []okta.Key {
	w.t.Helper()
	keys, _, err := w.admin.Keys(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

func (w *world) csrs(o okta.Owner) []okta.CSR {
	w.t.Helper()
	csrs, _, err := w.admin.CSRs(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return csrs
}

// csr has somebody make a CSR.
func (w *world) csr(o okta.Owner, commonName string, dnsNames ...string) okta.CSR {
	w.t.Helper()
	req := okta.CSRRequest{Subject: okta.Subject{CommonName: commonName}}
	if len(dnsNames) > 0 {
		req.SubjectAltNames = &okta.AltNames{DNSNames: dnsNames}
	}
	csr, err := w.admin.GenerateCSR(context.Background(), o, req)
	if err != nil {
		w.t.Fatal(err)
	}
	return csr
}
