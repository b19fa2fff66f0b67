package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
	"example.com/rekey/internal/okta"
)

// fleetOrg is the default org with n apps more, and their owners.
func fleetOrg(t testing.TB, n int) (*Org, []okta.Owner) {
	t.Helper()
	o := testOrg(t)
	if err := o.AddApps(n); err != nil {
		t.Fatal(err)
	}
	var fleet []okta.Owner
	for _, id := range o.ids(okta.App) {
		if strings.HasPrefix(id.ID, "0oaFleet") {
			fleet = append(fleet, id)
		}
	}
	return o, fleet
}

// fleetStore is such an org in a file.
func fleetStore(t testing.TB, n int) (path string, fleet []okta.Owner) {
	t.Helper()
	o, fleet := fleetOrg(t, n)
	path = filepath.Join(t.TempDir(), "org.json")
	if err := os.WriteFile(path, []byte(dump(t, o)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, fleet
}

// serveOne answers one request in this goroutine.
func serveOne(h http.Handler, method, path string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// rotate does to an app what a rotation does, and more: a key, the switch to
// it, two CSRs, one of which is revoked. It returns what went wrong.
func rotate(t testing.TB, h http.Handler, id okta.Owner) error {
	send := func(method, path string, body []byte, want int) (okta.Object, error) {
		w := serveOne(h, method, id.Path()+path, body)
		if w.Code != want {
			return nil, fmt.Errorf("%s %s%s: status %d, want %d: %s", method, id.Path(), path, w.Code, want, w.Body)
		}
		if w.Body.Len() == 0 {
			return nil, nil
		}
		return okta.DecodeObject(w.Body.Bytes())
	}
	key, err := send("POST", "/credentials/keys/generate?validityYears=2", nil, 201)
	if err != nil {
		return err
	}
	object, err := send("GET", "", nil, 200)
	if err != nil {
		return err
	}
	if _, err := send("PUT", "", object.With(okta.SigningPointer(okta.App), key.Text("/kid")).Encode(), 200); err != nil {
		return err
	}
	var last string
	for range 2 {
		csr, err := send("POST", "/credentials/csrs", []byte(`{"subject": {"commonName": "x"}}`), 201)
		if err != nil {
			return err
		}
		last = csr.Text("/id")
	}
	if _, err := send("DELETE", "/credentials/csrs/"+last, nil, 204); err != nil {
		return err
	}
	object, err = send("GET", "", nil, 200)
	if err == nil && object.Text(okta.SigningPointer(okta.App)) != key.Text("/kid") {
		err = fmt.Errorf("%s signs with another key than it was switched to", id)
	}
	return err
}

// rotateFleet rotates the apps, workers at a time, while others read.
func rotateFleet(t testing.TB, fleet []okta.Owner, workers int, handlers ...http.Handler) {
	t.Helper()
	next := make(chan okta.Owner, len(fleet))
	for _, id := range fleet {
		next <- id
	}
	close(next)
	over := make(chan struct{})
	var work, reading sync.WaitGroup
	for i := range workers {
		work.Go(func() {
			for id := range next {
				if err := rotate(t, handlers[i%len(handlers)], id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 2 {
		reading.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(5 * time.Millisecond):
				}
				for _, path := range []string{"/api/v1/apps?limit=20", "/_sandbox/org"} {
					if w := serveOne(handlers[i%len(handlers)], "GET", path, nil); w.Code != 200 {
						t.Errorf("GET %s: %d", path, w.Code)
					}
				}
			}
		})
	}
	work.Wait()
	close(over)
	reading.Wait()
}

// wantRotated checks that each app has what rotate leaves.
func wantRotated(t testing.TB, o *Org, fleet []okta.Owner, keys int) {
	t.Helper()
	for _, id := range fleet {
		w, ok := o.get(id)
		if !ok || len(w.keys) != keys || len(w.csrs) != 1 || w.active(okta.App) != kidOf(w.keys[len(w.keys)-1]) {
			t.Errorf("%s: %d keys, %d CSRs, active %s", id, len(w.keys), len(w.csrs), w.active(okta.App))
		}
	}
	for _, text := range o.pairs {
		if _, err := parsePair(text); err != nil {
			t.Error(err)
		}
	}
}

// A Server serves many at once, and each write finds what the others left.
func TestServerConcurrently(t *testing.T) {
	o, fleet := fleetOrg(t, 20)
	opt := testOptions()
	opt.Log = io.Discard
	opt.Faults = []Fault{{Method: "GET", Glob: "/nowhere", Status: 500}}
	s := New(o, opt)
	rotateFleet(t, fleet, 8, s)
	wantRotated(t, o, fleet, 3)
	const more = 8 // for one and the same app
	var wg sync.WaitGroup
	for range more {
		wg.Go(func() {
			if w := serveOne(s, "POST", fleet[0].Path()+"/credentials/keys/generate?validityYears=2", nil); w.Code != 201 {
				t.Error(w.Code)
			}
		})
	}
	wg.Wait()
	if w, _ := o.get(fleet[0]); len(w.keys) != 3+more {
		t.Errorf("%d keys, want %d", len(w.keys), 3+more)
	}
}

// Two Stores of one file, each used by several at once: nothing is lost, and
// what is in the file at the end is the whole.
func TestStoreConcurrently(t *testing.T) {
	path, fleet := fleetStore(t, 4)
	opt := testOptions()
	one, two := open(t, path, opt), open(t, path, opt)
	rotateFleet(t, fleet, 8, one, two)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ReadOrg(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	wantRotated(t, o, fleet, 3)
	if dump(t, o) != string(text) {
		t.Error("the file is not what its org is written as")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// Works that wait together share one replacement of the file. If it fails,
// what came before the first change is answered; the change, and what may have
// seen it, is not.
func TestStoreSharesOneSave(t *testing.T) {
	for _, test := range []struct {
		name string
		file string
		want []bool // which of the works end well
	}{
		{"saved", "org.json", []bool{true, true, true, true}},
		{"cannot be saved", strings.Repeat("o", 248), []bool{true, false, false, false}}, // no temporary name fits
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.file)
			if err := os.WriteFile(path, []byte(dump(t, testOrg(t))), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, path, testOptions())
			saved := s.loaded
			read := func() { s.server.org.Owners() }
			write := func() {
				if s.loaded != saved {
					t.Error("the file was replaced before all was done")
				}
				serveOne(s.server, "POST", "/", nil) // routing alone
				s.server.org.update(testApp, func(w *owner) error { w.csrs = nil; return nil })
			}
			all := []*work{{do: read}, {do: write}, {do: read}, {do: write}}
			s.mu.Lock()
			s.carryOut(all)
			s.mu.Unlock()
			for i, w := range all {
				if !w.done || (w.err == nil) != test.want[i] {
					t.Errorf("work %d: done %t, %v", i, w.done, w.err)
				}
			}
			if _, err := s.Org(); err != nil {
				t.Error("afterwards:", err)
			}
		})
	}
}

// A panic ends the request that caused it, and no other.
func TestStorePanic(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "org.json"), testOptions())
	func() {
		defer func() {
			if got := recover(); got != "a mistake" {
				t.Errorf("recovered %v", got)
			}
		}()
		s.transact(func() { panic("a mistake") })
	}()
	if w := serveOne(s, "GET", testApp.Path(), nil); w.Code != 200 {
		t.Errorf("the next request: %d", w.Code)
	}
}

// A private key goes when the last of all owners that have it does.
func TestForgetLooksAtAllOwners(t *testing.T) {
	o, fleet := fleetOrg(t, 3)
	s := New(o, testOptions())
	var csrs []okta.Object
	for _, id := range fleet {
		w := serveOne(s, "POST", id.Path()+"/credentials/csrs", []byte(`{}`))
		csr, err := okta.DecodeObject(w.Body.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		csrs = append(csrs, csr)
	}
	print := docThumbprint(csrs[1])
	o.update(fleet[2], func(w *owner) error { w.csrs = with(w.csrs, csrs[1]); return nil })
	revoke := func(id okta.Owner) bool {
		if w := serveOne(s, "DELETE", id.Path()+"/credentials/csrs/"+csrs[1].Text("/id"), nil); w.Code != 204 {
			t.Fatal(w.Code, w.Body)
		}
		_, ok := o.pairs[print]
		return ok
	}
	if !revoke(fleet[1]) {
		t.Error("the pair is gone although another owner has it")
	}
	if revoke(fleet[2]) {
		t.Error("the pair stays although nobody has it")
	}
}

// BenchmarkStoreWrite is the time of one write to an org in a file, of which 8
// come at a time.
func BenchmarkStoreWrite(b *testing.B) {
	for _, n := range []int{0, 50, 1000} {
		for _, workers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%d/%d", n, workers), func(b *testing.B) {
				path, _ := fleetStore(b, n)
				s, err := Open(path, testOptions())
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				var wg sync.WaitGroup
				writes := make(chan bool)
				for range workers {
					wg.Go(func() {
						for range writes {
							w := serveOne(s, "POST", defaultPath+"/credentials/keys/generate?validityYears=2", nil)
							if w.Code != 201 {
								b.Error(w.Code, w.Body)
							}
						}
					})
				}
				for b.Loop() {
					writes <- true
				}
				close(writes)
				wg.Wait()
			})
		}
	}
}

var defaultPath = testApp.Path()

// BenchmarkAddApps makes a fleet of a thousand apps, as `rekey sandbox --apps
// 1000` does, and BenchmarkReadFleet reads it from its file.
func BenchmarkAddApps(b *testing.B) {
	for b.Loop() {
		fleetOrg(b, 1000)
	}
}

func BenchmarkReadFleet(b *testing.B) {
	o, _ := fleetOrg(b, 1000)
	text := dump(b, o)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ReadOrg(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}

// Starting with a thousand apps takes a moment; the bound leaves room for a
// slow machine and the race detector.
func TestThousandApps(t *testing.T) {
	began := cputime.Spent()
	_, fleet := fleetOrg(t, 1000)
	if took := cputime.Spent() - began; len(fleet) != 1000 || took > 10*time.Second {
		t.Errorf("%d apps in %s", len(fleet), took)
	}
}
