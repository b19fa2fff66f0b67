package main

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/pki"
	"example.com/rekey/internal/sandbox"
)

// crashToken is the token of every org here.
const crashToken = "crash-token"

// subject is a playbook with the inputs that it is crashed with.
type subject struct {
	playbook string
	inputs   []string // as -i takes them; OUT is the folder of the case
	ca       bool     // it needs an issuer
	saved    bool     // its plan is made before, and saved
	fails    string   // a fault of the org that makes it fail and undo what it did
}

func (s subject) String() string {
	switch {
	case s.saved:
		return s.playbook + " by a saved plan"
	case s.fails != "":
		return s.playbook + ", which fails"
	}
	return s.playbook
}

// code is what a run of it exits with.
func (s subject) code() int {
	if s.fails != "" {
		return exitFailed
	}
	return exitOK
}

// subjects are all embedded playbooks, each with everything that it can do, or
// the one that is asked for.
func subjects() []subject {
	return slices.DeleteFunc(allSubjects(), func(s subject) bool { return *onePlaybook != "" && s.playbook != *onePlaybook })
}

func allSubjects() []subject {
	const app, target, idp = "app=0oa8ae1t5yev2ajDs0h7", "target=0oa8ae0dv4RGQvjyZ0h7", "idp=0oa62bfdjnK55Z5x80h7"
	const activate, out = "activate=true", "out=OUT"
	return []subject{
		{"activate-app-key", []string{app, "kid=mIU_7yDEWvc7auUwvNqaUuYnyqhhuKNIDUspTjZLuLM"}, false, false, ""},
		{"activate-idp-key", []string{idp, "kid=bV0ry0Lsk0LXk43GBe8IwLdxMIqYXn5XEs3WjP_oG7M"}, false, false, ""},
		{"rotate-app-key", []string{app, activate, out}, false, false, ""},
		{"rotate-idp-key", []string{idp, activate, out}, false, false, ""},
		{"rotate-app-csr", []string{app, activate, out}, true, false, ""},
		{"rotate-idp-csr", []string{idp, activate, out}, true, false, ""},
		{"share-app-key", []string{app, target, activate, out}, false, false, ""},
		{"rotate-fleet-key", []string{`apps=["0oaFleet00001Xs0h7", "0oaFleet00002Xs0h7", "0oaFleet00003Xs0h7"]`, activate, out}, false, false, ""},
		{"rotate-idp-csr", []string{idp, out}, true, true, ""},
		{"rotate-app-csr", []string{app, activate, out}, true, false, "PUT */api/v1/apps/*=403"},
	}
}

// crashes is what all cases of a test share.
type crashes struct {
	dir    string
	rekey  string       // the program that is killed
	base   *sandbox.Org // as it is before each case
	before []byte       // that org, dumped
	known  map[string]bool
	issuer pki.Sample
	pairs  []*rsa.PrivateKey
	met    map[string]bool // the sites that uninterrupted runs came to
}

func newCrashes(t *testing.T, tags string) *crashes {
	t.Helper()
	c := &crashes{dir: t.TempDir(), rekey: buildWith(t, tags, "example.com/rekey/cmd/rekey"), met: map[string]bool{}}
	now := time.Now()
	var err error
	if c.base, err = sandbox.DefaultOrg(now); err == nil {
		err = c.base.AddApps(3)
	}
	var b bytes.Buffer
	if err == nil {
		err = c.base.Write(&b)
	}
	if err == nil {
		c.before = b.Bytes()
		c.known, err = textsIn(c.before)
	}
	if err == nil {
		c.issuer, err = pki.SampleCA(filepath.Join(c.dir, "ca"), now)
	}
	var pool sandbox.Pool
	for range sandbox.PoolSize {
		pair, failed := pool.Key()
		c.pairs, err = append(c.pairs, pair), errors.Join(err, failed)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// turns hands out key pairs in turn, from the first in each org: one after
// another, never one twice among as many as there are.
type turns struct {
	mu    sync.Mutex
	pairs []*rsa.PrivateKey
	next  int
}

func (k *turns) Key() (*rsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.next++
	return k.pairs[(k.next-1)%len(k.pairs)], nil
}

// world is one case: an org of its own behind a server, a state folder, and
// what was written to the org so far.
type world struct {
	*crashes
	subject
	dir    string
	url    string
	server *httptest.Server // nil: the org is served by another process
	stop   func()           // ends that
	settle string           // how long a lost write is waited for
	keys   turns
	faults []sandbox.Fault

	mu     sync.Mutex
	org    *sandbox.Org
	open   map[net.Conn]bool
	writes []string // those that had an effect, as "METHOD path"
}

func (c *crashes) newWorld(s subject) (*world, error) {
	dir, err := os.MkdirTemp(c.dir, "case-")
	if err != nil {
		return nil, err
	}
	w := &world{crashes: c, subject: s, dir: dir, open: map[net.Conn]bool{}, org: c.base.Clone(), keys: turns{pairs: c.pairs}, settle: crashSettle}
	if s.fails != "" {
		fault, err := sandbox.ParseFault(s.fails)
		if err != nil {
			return nil, err
		}
		w.faults = []sandbox.Fault{fault}
	}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	w.server.Config.ConnState = w.connState
	w.server.Start()
	w.url = w.server.URL
	return w, w.plan()
}

func (w *world) close() {
	if w.server != nil {
		w.server.Close()
	}
	if w.stop != nil {
		w.stop()
	}
	for _, dir := range []string{w.dir, w.dir + "-state", w.dir + "-out"} {
		os.RemoveAll(dir)
	}
}

// serve has the org answer, and notes each write that had an effect.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	server := sandbox.New(w.org, sandbox.Options{Keys: &w.keys, Token: crashToken, Faults: w.faults})
	w.mu.Unlock()
	seen := &statusWriter{ResponseWriter: rw}
	server.ServeHTTP(seen, r)
	if r.Method != http.MethodGet && seen.status/100 == 2 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.writes = append(w.writes, r.Method+" "+r.URL.RequestURI())
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (w *world) connState(conn net.Conn, state http.ConnState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(w.open, conn)
	} else {
		w.open[conn] = true
	}
}

// unkept closes a connection after its answer.
var unkept = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// quiet waits until the server has taken up and finished whatever a process
// that died had sent. Connections are accepted in the order in which they were
// made, so that none of its is still to come once ours is answered.
func (w *world) quiet() error {
	answer, err := unkept.Get(w.url + "/_sandbox/quiet")
	if err != nil {
		return err
	}
	answer.Body.Close()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		n := len(w.open)
		w.mu.Unlock()
		if n == 0 {
			return nil
		}
	}
	return errors.New("the server does not get quiet")
}

// dump is the org as it is now.
func (w *world) dump() ([]byte, error) {
	answer, err := unkept.Get(w.url + "/_sandbox/org")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// left is what there is in the state folder: files and their sizes, whatever
// the run's id.
func (w *world) left() string {
	var b strings.Builder
	filepath.WalkDir(w.state(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, _ := d.Info()
			fmt.Fprintf(&b, "\n%s %d", runIDs.ReplaceAllString(path[len(w.dir):], "RUN"), info.Size())
		}
		return nil
	})
	return temporary.ReplaceAllString(b.String(), ".tmp")
}

var (
	runIDs    = regexp.MustCompile(`\d{8}-\d{6}-[0-9a-f]{6}`)
	temporary = regexp.MustCompile(`-\d+\.tmp`)
)

// moment is a case as it was at some time, to go back to.
type moment struct {
	org    *sandbox.Org
	next   int
	writes []string
	state  string // a copy of the state folder
	out    string
}

// keep notes how things stand; the server must be quiet.
func (w *world) keep() (*moment, error) {
	w.mu.Lock()
	m := &moment{org: w.org.Clone(), next: w.keys.next, writes: slices.Clone(w.writes), state: w.dir + "-state", out: w.dir + "-out"}
	w.mu.Unlock()
	return m, errors.Join(copyFolder(m.state, w.state()), copyFolder(m.out, w.out()))
}

// goBack makes everything as it was.
func (w *world) goBack(m *moment) error {
	w.mu.Lock()
	w.org, w.keys.next, w.writes = m.org.Clone(), m.next, slices.Clone(m.writes)
	w.mu.Unlock()
	return errors.Join(copyFolder(w.state(), m.state), copyFolder(w.out(), m.out))
}

// copyFolder replaces a folder by a copy of another, which need not exist.
func copyFolder(to, from string) error {
	err := os.RemoveAll(to)
	if _, none := os.Stat(from); none == nil && err == nil {
		err = os.CopyFS(to, os.DirFS(from))
	}
	return err
}
