package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/internal/sandbox"
)

// watched is an org on loopback that keeps each write that reaches it.
type watched struct {
	t          *testing.T
	dir        string
	url        string
	clock      *stillClock
	ca         pki.Sample
	passphrase string // the file with the CA's

	mu       sync.Mutex
	requests []sentRequest
}

// sentRequest is a write as it came through the socket.
type sentRequest struct {
	method, path, contentType string
	body                      []byte
	before                    []byte // of a PUT: what stood there
	status                    int
}

func watch(t *testing.T, org *sandbox.Org, ids func(string) string) *watched {
	w := &watched{t: t, dir: t.TempDir(), clock: &stillClock{at: promiseNow}}
	served := sandbox.New(org, sandbox.Options{Now: w.clock.now, Keys: &sandbox.Pool{}, IDs: ids, Token: "token"})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.serve(served, rw, r) }))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// serve passes a request on. One write comes after the other, so that what it
// replaces is known.
func (w *watched) serve(served http.Handler, rw http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		served.ServeHTTP(rw, r)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	sent := sentRequest{method: r.Method, path: r.RequestURI, contentType: r.Header.Get("Content-Type"), body: body}
	if encoding := r.Header.Get("Content-Transfer-Encoding"); encoding != "" { // as plans write it
		sent.contentType += "; transfer-encoding=" + encoding
	}
	if r.Method == http.MethodPut {
		look := httptest.NewRequest(http.MethodGet, r.RequestURI, nil)
		look.Host = r.Host // it stands in the object's links
		look.Header = http.Header{"Authorization": r.Header["Authorization"], "Accept": {"application/json"}}
		answer := httptest.NewRecorder()
		served.ServeHTTP(answer, look)
		sent.before = answer.Body.Bytes()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	served.ServeHTTP(answer, r)
	sent.status = answer.Code
	w.requests = append(w.requests, sent)
	maps.Copy(rw.Header(), answer.Header())
	rw.WriteHeader(answer.Code)
	rw.Write(answer.Body.Bytes())
}

// rekey carries a command out in this process and returns what it printed.
func (w *watched) rekey(args ...string) []byte {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	env := map[string]string{"OKTA_CLIENT_ORGURL": w.url, "OKTA_CLIENT_TOKEN": "token", "REKEY_STATE_DIR": filepath.Join(w.dir, "state"), "HOME": w.dir, "USER": "ada"}
	a := newApp()
	a.version, a.keys, a.now, a.sleep = "test", &sandbox.Pool{}, w.clock.now, w.clock.sleep
	a.stdin, a.stdout, a.stderr = strings.NewReader(""), &stdout, &stderr
	a.lookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	a.environ = func() []string { return nil }
	a.hostname = func() (string, error) { return "host", nil }
	if code := a.main(context.Background(), args); code != exitOK {
		w.t.Fatalf("rekey %s: exit %d\n%s", args[0], code, stderr.Bytes())
	}
	return stdout.Bytes()
}

// plannedWrite is a write as a plan's JSON says it, or a journal's.
type plannedWrite struct {
	Method      string
	Path        string
	ContentType string `json:"content_type"`
	Body        json.RawMessage
	SHA256      string
	Change      *struct {
		Pointer  string
		From, To any
		Rest     string `json:"rest_sha256"`
	}
}

// sentWrites are the writes of a run: what reached the org, what the journal
// says of this machine, and where what was assigned came from.
type sentWrites struct {
	requests []sentRequest
	local    []plannedWrite
	files    map[string]string // SHA-256 of the certificate by path
	sources  map[string]string
	beside   bool // items were carried out beside each other
}

// carryOut plans a playbook, which must write nothing, and runs it.
func (w *watched) carryOut(playbook string, inputs []string) (planned []plannedWrite, sent *sentWrites) {
	w.t.Helper()
	text := w.rekey(append([]string{"plan", playbook, "--format", "json"}, inputs...)...)
	if len(w.requests) > 0 {
		w.t.Fatalf("the plan wrote: %s %s", w.requests[0].method, w.requests[0].path)
	}
	var plan struct {
		Body struct {
			Steps []struct{ Write *plannedWrite }
			Loops []struct{ Concurrency int }
		}
	}
	if err := json.Unmarshal(text, &plan); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range plan.Body.Steps {
		if s.Write != nil {
			planned = append(planned, *s.Write)
		}
	}
	w.rekey(append([]string{"run", playbook, "--yes"}, inputs...)...)
	runs, err := os.ReadDir(filepath.Join(w.dir, "state", "runs"))
	if err != nil || len(runs) != 1 {
		w.t.Fatalf("%v, %d runs", err, len(runs))
	}
	sent = w.recorded(w.rekey("show", runs[0].Name(), "--format", "json"), string(text))
	for _, l := range plan.Body.Loops {
		sent.beside = sent.beside || l.Concurrency > 1
	}
	return planned, sent
}

// recorded reads a run as show prints it. An output is assigned if the plan,
// made before, does not know its value; it comes from the step that yielded it
// first.
func (w *watched) recorded(shown []byte, plan string) *sentWrites {
	var run struct {
		Events []struct {
			Kind, Step string
			Out        map[string]any
			Write      *plannedWrite
		} `json:"timeline"`
	}
	if err := json.Unmarshal(shown, &run); err != nil {
		w.t.Fatal(err)
	}
	s := &sentWrites{requests: w.requests, files: map[string]string{}, sources: map[string]string{}}
	for _, e := range run.Events {
		if e.Kind != "done" {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(e.Out)) {
			if text, ok := e.Out[name].(string); ok && len(text) > 7 && !strings.Contains(plan, inQuotes(text)) {
				s.learn(text, "$<steps."+e.Step+"."+name+">")
			}
		}
		if e.Write != nil && !strings.HasPrefix(e.Write.Path, "/api/") {
			s.local = append(s.local, *e.Write)
		}
		if paths, ok := e.Out["paths"].([]any); ok {
			for _, path := range paths {
				s.files[path.(string)], _ = e.Out["sha256"].(string)
			}
		}
	}
	return s
}

// inQuotes is a text as JSON writes it between quotes.
func inQuotes(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(text)
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// learn takes a value up in the forms in which it can be sent: in paths, in
// JSON, and a certificate as DER and base64.
func (s *sentWrites) learn(value, source string) {
	forms := []string{value, strings.TrimSpace(value), inQuotes(value), url.PathEscape(value), url.QueryEscape(value)}
	if block, _ := pem.Decode([]byte(value)); block != nil {
		forms = append(forms, string(block.Bytes), base64.StdEncoding.EncodeToString(block.Bytes))
	}
	for _, form := range forms {
		if s.sources[form] == "" {
			s.sources[form] = source
		}
	}
}

// replacer puts sources in the place of what was assigned, the longest first.
func (s *sentWrites) replacer() *strings.Replacer {
	forms := slices.SortedFunc(maps.Keys(s.sources), func(a, b string) int {
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, s.sources[form])
	}
	return strings.NewReplacer(pairs...)
}

// compareWrites says in what the writes of a run are not those of its plan.
func compareWrites(planned []plannedWrite, sent *sentWrites) (found []string) {
	var here, there []plannedWrite
	for _, p := range planned {
		if strings.HasPrefix(p.Path, "/api/") {
			there = append(there, p)
		} else {
			here = append(here, p)
		}
	}
	requests, local, sources := slices.Clone(sent.requests), slices.Clone(sent.local), sent.replacer()
	for i := range local {
		local[i].Path = sources.Replace(local[i].Path)
	}
	if sent.beside { // the order among items is nobody's promise
		slices.SortStableFunc(there, func(a, b plannedWrite) int { return strings.Compare(ownerOf(a.Path), ownerOf(b.Path)) })
		slices.SortStableFunc(requests, func(a, b sentRequest) int { return strings.Compare(ownerOf(a.path), ownerOf(b.path)) })
		for _, all := range [][]plannedWrite{here, local} {
			slices.SortFunc(all, func(a, b plannedWrite) int { return strings.Compare(a.Path, b.Path) })
		}
	}
	if len(requests) != len(there) || len(local) != len(here) {
		return []string{fmt.Sprintf("%d writes were sent and %d planned, %d and %d on this machine", len(requests), len(there), len(local), len(here))}
	}
	for i := range here {
		if !reflect.DeepEqual(here[i], local[i]) {
			found = append(found, fmt.Sprintf("on this machine: %+v, and planned %+v", local[i], here[i]))
		}
	}
	for i, p := range there {
		for _, f := range compareWrite(p, requests[i], sources) {
			found = append(found, fmt.Sprintf("write %d, planned as %s %s: %s", i+1, p.Method, p.Path, f))
		}
	}
	return found
}

// ownerOf is the owner that a path is about.
func ownerOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return strings.Join(strings.SplitN(path, "/", 6)[:5], "/")
}

func compareWrite(p plannedWrite, r sentRequest, sources *strings.Replacer) (found []string) {
	differ := func(what string, sent, planned any) {
		if !reflect.DeepEqual(sent, planned) {
			found = append(found, fmt.Sprintf("%s: sent %v, planned %v", what, sent, planned))
		}
	}
	differ("method", r.method, p.Method)
	differ("path", sources.Replace(r.path), p.Path)
	differ("content type", r.contentType, p.ContentType)
	differ("success", r.status/100, 2)
	if (r.method == http.MethodPut) != (p.Change != nil) {
		return append(found, "a PUT has a change, and nothing else has")
	}
	if p.Change != nil {
		return append(found, compareChange(p, r, sources)...)
	}
	body := sources.Replace(string(r.body))
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(body))); len(r.body) > 0 || p.SHA256 != "" {
		differ("digest of the body", sum, p.SHA256)
	}
	if isJSON := strings.HasPrefix(r.contentType, "application/json"); isJSON || p.Body != nil {
		differ("body", decoded([]byte(body)), decoded(p.Body))
	}
	return found
}

// compareChange holds a PUT against what it replaced: one value differs.
func compareChange(p plannedWrite, r sentRequest, sources *strings.Replacer) (found []string) {
	before, after := decoded(r.before), decoded(r.body)
	if at := differences("", before, after); !slices.Equal(at, []string{p.Change.Pointer}) {
		found = append(found, fmt.Sprintf("it changes %q, planned is %q", at, p.Change.Pointer))
	}
	for _, side := range []struct {
		what    string
		text    []byte
		value   any
		planned any
	}{{"from", r.before, before, p.Change.From}, {"to", r.body, after, p.Change.To}} {
		object, err := okta.DecodeObject(side.text)
		if err != nil {
			return append(found, err.Error())
		}
		value, _ := object.At(p.Change.Pointer)
		if text, ok := value.(string); ok {
			value = sources.Replace(text)
		}
		if !reflect.DeepEqual(value, side.planned) {
			found = append(found, fmt.Sprintf("%s: %v, planned %v", side.what, value, side.planned))
		}
		if rest := okta.Digest(object.Without(p.Change.Pointer)); rest != p.Change.Rest {
			found = append(found, fmt.Sprintf("%s: the digest of the rest is %s, planned %s", side.what, rest, p.Change.Rest))
		}
	}
	return found
}

func decoded(text []byte) (v any) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return err.Error()
	}
	return v
}

// differences are the places at which two JSON values differ, as RFC 6901
// writes them. Nothing is left out: a null is no missing member.
func differences(at string, a, b any) (found []string) {
	left, isObject := a.(map[string]any)
	right, areObjects := b.(map[string]any)
	if !isObject || !areObjects {
		if reflect.DeepEqual(a, b) {
			return nil
		}
		return []string{at}
	}
	names := slices.Concat(slices.Collect(maps.Keys(left)), slices.Collect(maps.Keys(right)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		pointer := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		l, has := left[name]
		r, have := right[name]
		if has != have {
			found = append(found, pointer)
			continue
		}
		found = append(found, differences(pointer, l, r)...)
	}
	return found
}
