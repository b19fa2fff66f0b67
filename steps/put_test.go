package steps_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// canonical is JSON with sorted names and every number's digits as they were,
// with another kid if one is given.
func canonical(t *testing.T, text []byte, kind okta.Kind, kid string) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v data
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	place := v
	if kind == okta.IdP {
		place = v["protocol"].(data)
	}
	if kid != "" {
		place["credentials"].(data)["signing"].(data)["kid"] = kid
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// For every seeded owner that the update steps accept, the PUT's body is the
// body that GET returned but for the kid: nulls, unknown fields and numbers
// beyond 2^53 included. Afterwards nothing else of the owner has changed.
func TestPutSendsEverythingBack(t *testing.T) {
	var all strings.Builder
	accepted := 0
	for _, o := range newWorld(t).org.Owners() {
		if o == appOIDC || o == idpOIDC {
			continue
		}
		accepted++
		w := newWorld(t)
		var read []byte
		w.after = func(s sent, rec *httptest.ResponseRecorder) {
			if s.String() == "GET "+o.Path() {
				read = slices.Clone(rec.Body.Bytes())
			}
			if s.method == http.MethodPut {
				w.after = nil
			}
		}
		kid := w.inactive(o)
		before := w.snapshot()
		r := w.run(switchType(o), ownerIn(o, data{"kid": kid})).done()
		put := writes(r.log)[0]
		want := canonical(t, read, o.Kind, kid)
		if got := canonical(t, put.body, o.Kind, ""); got != want {
			t.Errorf("%s: sent\n%s\nread\n%s", o, got, want)
		}
		change := r.event(runner.EvDone).Write.Change
		if object, _ := okta.DecodeObject(read); change == nil || change.Pointer != okta.SigningPointer(o.Kind) || change.To != kid ||
			change.From != r.out()["previous_kid"] || change.Rest != okta.Digest(object.Without(change.Pointer)) {
			t.Errorf("the record says %+v", change)
		}
		if put.path != o.Path() || put.contentType != "application/json" {
			t.Errorf("%+v", put)
		}
		for _, e := range r.events {
			if len(e.Warnings) > 0 {
				t.Errorf("%s: %q", o, e.Warnings)
			}
		}
		if diff := okta.Differences(before[o.Path()], w.get(o.Path())); !slices.Equal(diff, []string{okta.SigningPointer(o.Kind)}) {
			t.Errorf("%s differs at %v", o, diff)
		}
		w.asBefore(before, o.Path())
		all.Write(put.body)
	}
	if accepted != 10 {
		t.Errorf("%d owners", accepted)
	}
	contains(t, all.String(), "null", "9007199254740993", "18446744073709551617", "1.10", "-2.50e-3", `"futureField"`, "partner-trust-kid-2", "& more")
}

// The sandbox takes no mercy on a body that lacks something: each field that
// can be left out of a PUT is gone afterwards. So the test above can fail.
func TestPutLosesWhatItLacks(t *testing.T) {
	for _, o := range both {
		object, err := okta.DecodeObject(newWorld(t).get(o.Path()))
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for name := range object {
			w := newWorld(t)
			req := httptest.NewRequest("PUT", orgURL+o.Path(), bytes.NewReader(object.Without("/"+name).Encode()))
			req.Header.Set("Content-Type", "application/json")
			rec := httptest.NewRecorder()
			w.other.ServeHTTP(rec, req)
			after, _ := okta.DecodeObject(w.get(o.Path()))
			if _, there := after[name]; rec.Code == http.StatusOK && !there && slices.Contains(okta.Differences(object, after), "/"+name) {
				lost++
			}
		}
		if lost < 1 || o == app && lost < 6 {
			t.Errorf("%s loses %d fields", o, lost)
		}
	}
}

// A kid that is not the one that was written fails the step, in doubt: the
// rollback looks, finds a kid that nobody here has set, and leaves it.
func TestReadBackFindsAnotherKid(t *testing.T) {
	for _, o := range both {
		f := newFixture(t, o)
		f.plant(o, "third", start, 3)
		f.after = func(s sent, _ *httptest.ResponseRecorder) {
			if s.method == http.MethodPut {
				f.set(o, "third")
			}
		}
		r := f.start(f.expand("update_{kind}_kid"), ownerIn(o, data{"kid": f.kid}), "rollback", nil)
		contains(t, r.failure(), "third", f.kid, "admin console")
		if r.event(runner.EvFailed).Write == nil || r.machine.State() != runner.StateRollbackIncomplete || f.active(o) != "third" {
			t.Errorf("%s, it signs with %s", r.machine.State(), f.active(o))
		}
	}
}

// Anything else that moves is a warning with its JSON pointers.
func TestReadBackFindsAnotherChange(t *testing.T) {
	for _, o := range both {
		f := newFixture(t, o)
		f.after = func(s sent, _ *httptest.ResponseRecorder) {
			if s.method == http.MethodPut {
				f.rename(o)
			}
		}
		r := f.act(actions[indexOf("update")]).done()
		if w := r.event(runner.EvDone).Warnings; len(w) != 1 || !strings.Contains(w[0], "/a~1b, /label") {
			t.Errorf("%q", w)
		}
	}
}

// rename has somebody change two other things of an owner.
func (w *world) rename(o okta.Owner) {
	object, _ := okta.DecodeObject(w.get(o.Path()))
	if err := w.org.PutObject(o, object.With("/label", "renamed").With("/a~1b", 1).Encode()); err != nil {
		w.t.Error(err)
	}
}

// After a lost answer the read-back is Recover's, which knows of the rest its
// digest alone.
func TestRecoverFindsAnotherChange(t *testing.T) {
	f := newFixture(t, app, "PUT *=500:after")
	f.after = func(s sent, _ *httptest.ResponseRecorder) {
		if s.method == http.MethodPut {
			f.rename(app)
		}
	}
	r := f.act(actions[indexOf("update")]).done()
	if w := r.event(runner.EvRecovered).Warnings; len(w) != 1 || !strings.Contains(w[0], "differs from before") {
		t.Errorf("%q", w)
	}
}

// A read-back that fails leaves the write in doubt, not unwritten: the
// rollback finds it and undoes it.
func TestReadBackFails(t *testing.T) {
	for _, o := range both {
		f := newFixture(t, o)
		before := f.snapshot()
		written, failing := false, 0
		f.after = func(s sent, rec *httptest.ResponseRecorder) {
			if s.method == http.MethodPut {
				written = true
				return
			}
			if written && failing < 4 { // as often as the client tries
				failing++
				rec.Code, rec.Body = http.StatusInternalServerError, bytes.NewBufferString("{}")
			}
		}
		r := f.start(f.expand("update_{kind}_kid"), ownerIn(o, data{"kid": f.kid}), "rollback", nil)
		contains(t, r.failure(), "was written but cannot be read back", "500")
		e := r.event(runner.EvFailed)
		if e.Write == nil || e.Write.Method != http.MethodPut || !r.machine.Written() {
			t.Errorf("%+v", e)
		}
		if r.verdict().Outcome != runner.Happened || r.machine.State() != runner.StateRolledBack {
			t.Errorf("%+v, %s", r.verdict(), r.machine.State())
		}
		if n := len(writes(r.log)); n != 2 {
			t.Errorf("%d writes", n)
		}
		f.asBefore(before)
	}
}

// An answer to the PUT that says nothing is a lost answer.
func TestPutAnsweredWithNonsense(t *testing.T) {
	f := newFixture(t, app)
	f.after = func(s sent, rec *httptest.ResponseRecorder) {
		if s.method == http.MethodPut {
			rec.Body.Reset()
			io.WriteString(rec.Body, "<html>")
		}
	}
	r := f.act(actions[indexOf("update")]).done()
	if r.event(runner.EvUnknown).Error == "" || r.verdict().Outcome != runner.Happened {
		t.Errorf("%+v", r.verdict())
	}
}
