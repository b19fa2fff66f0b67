package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
)

// admin is somebody who runs rekey, with a state folder of their own.
type admin struct {
	world *lostWorld
	name  string
	live  http.RoundTripper

	mu   sync.Mutex
	sent []string // the writes, as "METHOD PATH"
	meet func()   // what happens the moment after the write number meets
	at   int
	slow time.Duration                              // how long the answer to a GET takes
	wait func(context.Context, time.Duration) error // instead of the clock's sleep

	attend func(*app) // has somebody be there; nil: nobody is
}

// admin is somebody to whose requests the faults happen, and to nobody else's.
func (w *lostWorld) admin(name string, faults ...string) *admin {
	w.t.Helper()
	opt := sandbox.Options{Now: w.clock.now, After: w.clock.after, Keys: w.keys}
	for _, text := range faults {
		f, err := sandbox.ParseFault(text)
		if err != nil {
			w.t.Fatal(err)
		}
		opt.Faults = append(opt.Faults, f)
	}
	return &admin{world: w, name: name, live: sandbox.Transport(sandbox.New(w.org, opt))}
}

// see has the admin reach the org by another way from now on.
func (a *admin) see(live http.RoundTripper) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.live = live
}

// RoundTrip notes writes on their way to the org.
func (a *admin) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return a.read(r)
	}
	a.mu.Lock()
	live := a.live
	a.sent = append(a.sent, r.Method+" "+r.URL.EscapedPath())
	meet := a.meet
	if len(a.sent) != a.at {
		meet = nil
	}
	a.mu.Unlock()
	resp, err := live.RoundTrip(r)
	if meet != nil {
		meet()
	}
	return resp, err
}

// slowed has answers to GETs take so long from now on.
func (a *admin) slowed(by time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slow = by
}

// read sends a GET, whose answer may come slowly.
func (a *admin) read(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	live, slow := a.live, a.slow
	a.mu.Unlock()
	resp, err := live.RoundTrip(r)
	if slow > 0 {
		a.world.clock.sleep(r.Context(), slow)
	}
	return resp, err
}

func (a *admin) state() string { return filepath.Join(a.world.dir, a.name, "state") }

// ended is how a command ended.
type ended struct {
	code           int
	stdout, stderr string
}

// shared is a buffer to which several may write at once.
type shared struct {
	mu sync.Mutex
	bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.Write(p)
}

// WriteString is there so that nobody takes the buffer's own.
func (s *shared) WriteString(p string) (int, error) { return s.Write([]byte(p)) }

// String is what a failed test shows of it: the result, and the course of the run
// without the plan.
func (e ended) String() string {
	course := e.stderr
	if at := strings.LastIndex(course, "\nRun "); at >= 0 {
		course = course[at:]
	}
	const most = 4000
	return e.stdout + course[:min(len(course), most)]
}

// do runs a command of rekey.
func (a *admin) do(args ...string) ended {
	return a.within(context.Background(), args...)
}

// within runs a command of rekey that is told to stop when ctx ends.
func (a *admin) within(ctx context.Context, args ...string) ended {
	var stdout, stderr shared
	env := map[string]string{
		"HOME": filepath.Join(a.world.dir, a.name), "USER": a.name, "REKEY_STATE_DIR": a.state(),
		okta.SettingOrgURL: "https://org.example.com", okta.SettingToken: "token-of-" + a.name,
	}
	p := testApp()
	p.stdin, p.stdout, p.stderr, p.http, p.keys = strings.NewReader(""), &stdout, &stderr, a, a.world.keys
	p.now, p.sleep = a.world.clock.now, a.world.clock.sleep
	if a.wait != nil {
		p.sleep = a.wait
	}
	p.lookupEnv = func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	p.environ = func() (list []string) {
		for name, value := range env {
			list = append(list, name+"="+value)
		}
		return list
	}
	if a.attend != nil {
		a.attend(p)
	}
	code := p.main(ctx, args)
	return ended{code, stdout.String(), stderr.String()}
}

// must runs a command that must end with that code.
func (a *admin) must(code int, args ...string) ended {
	a.world.t.Helper()
	e := a.do(args...)
	if e.code != code {
		a.world.t.Fatalf("%s: rekey %s: exit code %d, want %d\n%s", a.name, strings.Join(args, " "), e.code, code, e)
	}
	return e
}

// run is the record of the admin's latest run.
func (a *admin) run() (id string, run runner.StoredRun) {
	a.world.t.Helper()
	local := &runner.Local{Dir: a.state()}
	ids, err := local.IDs()
	if err != nil || len(ids) == 0 {
		a.world.t.Fatalf("%s has no run: %v", a.name, err)
	}
	id = ids[len(ids)-1]
	if run, err = local.ReadRun(id); err != nil {
		a.world.t.Fatal(err)
	}
	return id, run
}

// play runs a playbook that is written for the occasion; it must be done.
func (a *admin) play(steps string, args ...any) {
	a.world.t.Helper()
	path := filepath.Join(a.world.dir, a.name+".yaml")
	text := "rekey: 1\nplaybook: own\nversion: 1.0.0\nsteps:\n" + fmt.Sprintf(steps, args...)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		a.world.t.Fatal(err)
	}
	a.must(exitOK, "run", path, "--yes")
}

// issuer makes a CA whose key is not encrypted, for speed.
func (w *lostWorld) issuer() (certificate, key string) {
	w.t.Helper()
	pair, err := w.keys.Key()
	if err != nil {
		w.t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Lost answers CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: lostStart.AddDate(-1, 0, 0), NotAfter: lostStart.AddDate(9, 0, 0),
	}
	cert, err := x509.CreateCertificate(rand.Reader, ca, ca, &pair.PublicKey, pair)
	if err != nil {
		w.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		w.t.Fatal(err)
	}
	certificate, key = filepath.Join(w.dir, "ca.pem"), filepath.Join(w.dir, "ca-key.pem")
	for _, file := range []struct {
		path, kind string
		der        []byte
	}{{certificate, "CERTIFICATE", cert}, {key, "PRIVATE KEY", der}} {
		text := pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.der})
		if err := os.WriteFile(file.path, text, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return certificate, key
}

// The owners that the playbooks work on.
var (
	lostApp    = okta.Owner{Kind: okta.App, ID: "0oa8ae1t5yev2ajDs0h7"}
	lostTarget = okta.Owner{Kind: okta.App, ID: "0oa8ae0dv4RGQvjyZ0h7"}
	lostIdP    = okta.Owner{Kind: okta.IdP, ID: "0oa62bfdjnK55Z5x80h7"}
)

// inputs are the arguments for a playbook: what switches is switched at once.
func (a *admin) inputs(playbook string) []string {
	w := a.world
	w.t.Helper()
	ca := func() []string {
		certificate, key := w.issuer()
		return []string{"ca_certificate=" + certificate, "ca_key=" + key}
	}
	spare := func(id okta.Owner) string {
		kid, ok := w.org.InactiveKey(id, w.clock.now())
		if !ok {
			w.t.Fatalf("%s has no spare key", id)
		}
		return kid
	}
	out := "out=" + filepath.Join(w.dir, a.name, "out")
	var list []string
	switch playbook {
	case "activate-app-key":
		list = []string{"app=" + lostApp.ID, "kid=" + spare(lostApp)}
	case "activate-idp-key":
		list = []string{"idp=" + lostIdP.ID, "kid=" + spare(lostIdP)}
	case "rotate-app-key":
		list = []string{"app=" + lostApp.ID, out, "activate=true"}
	case "rotate-idp-key":
		list = []string{"idp=" + lostIdP.ID, out, "activate=true"}
	case "rotate-app-csr":
		list = append(ca(), "app="+lostApp.ID, out, "activate=true")
	case "rotate-idp-csr":
		list = append(ca(), "idp="+lostIdP.ID, out, "activate=true")
	case "rotate-fleet-key":
		list = []string{fmt.Sprintf("apps=[%q, %q]", lostApp.ID, lostTarget.ID), out, "activate=true"}
	case "share-app-key":
		list = []string{"app=" + lostApp.ID, "target=" + lostTarget.ID, out, "activate=true"}
	default:
		w.t.Fatalf("there are no inputs for the playbook %s: add them", playbook)
	}
	var args []string
	for _, in := range list {
		args = append(args, "-i", in)
	}
	return args
}

func (a *admin) rotate(playbook string) ended {
	return a.do(append([]string{"run", playbook, "--yes"}, a.inputs(playbook)...)...)
}

// planned is a write that a plan has.
type planned struct {
	Step, Type   string
	Method, Path string
	Claims       []string
}

// owner is what the write changes.
func (p planned) owner(t *testing.T) okta.Owner {
	t.Helper()
	id, err := okta.ParseOwner(p.Claims[0])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// writes are those that the plan of a playbook has, as its JSON tells them.
func (a *admin) writes(playbook string) (all []planned) {
	a.world.t.Helper()
	e := a.must(exitOK, append([]string{"plan", playbook, "--format", "json"}, a.inputs(playbook)...)...)
	var plan struct {
		Body struct {
			Steps []struct {
				Step, Type string
				Claims     []string
				Write      *struct{ Method, Path string }
			}
		}
	}
	if err := json.Unmarshal([]byte(e.stdout), &plan); err != nil {
		a.world.t.Fatal(err)
	}
	for _, s := range plan.Body.Steps {
		if s.Write != nil && strings.HasPrefix(s.Write.Path, "/api/") {
			path, _, _ := strings.Cut(s.Write.Path, "?")
			all = append(all, planned{s.Step, s.Type, s.Write.Method, path, s.Claims})
		}
	}
	return all
}

var source = regexp.MustCompile(`\\\$<[^>]*>`)

// is reports whether a request that was sent is the planned one.
func (p planned) is(sent string) bool {
	pattern := source.ReplaceAllString(regexp.QuoteMeta(p.Method+" "+p.Path), `[^/]+`)
	return regexp.MustCompile("^" + pattern + "$").MatchString(sent)
}
