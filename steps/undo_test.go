package steps_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// residues are what stays of each action, by its step type, and the parts of
// the org that then differ.
func residues(f *fixture, step string, out data) (list, parts []string) {
	o, t := f.owner.String(), f.target
	kid, _ := out["kid"].(string)
	keys, csrs := f.owner.Path()+"/credentials/keys", f.owner.Path()+"/credentials/csrs"
	switch step {
	case "generate_key":
		return []string{o + " key " + kid + " added"}, []string{keys}
	case "publish_csr":
		return []string{o + " key " + kid + " added", o + " csr " + f.csr.ID + " consumed"}, []string{keys, csrs}
	case "clone_key":
		return []string{t.String() + " key " + kid + " added"}, []string{t.Path() + "/credentials/keys"}
	case "revoke_csr":
		return []string{o + " csr " + f.csr.ID + " destroyed"}, []string{csrs}
	}
	return nil, nil
}

// Undo leaves every owner, its keys and its CSRs as before, apart from just the
// residues that the kind of undo allows; and undoing twice changes no more.
func TestUndo(t *testing.T) {
	catalogue := steps.Catalogue(nil)
	forAll(t, func(t *testing.T, a action, f *fixture) {
		before := f.snapshot()
		r := f.act(a).done()
		f.advance(time.Minute)
		list, parts := residues(f, a.step, r.out())
		if exact := catalogue.Type(f.expand(a.step)).Undo == runner.UndoExact; exact != (len(list) == 0) {
			t.Errorf("undo is exact: %v, residues %q", exact, list)
		}
		r.undone(list...)
		f.asBefore(before, parts...)
		again := f.undoAgain(t, r)
		if got := f.residuesOf(again); !slices.Equal(got, list) {
			t.Errorf("the second time %q stay, want %q", got, list)
		}
		f.asBefore(before, parts...)
	})
}

// undoAgain undoes once more, as the next rollback does after one that was cut
// off between its effect and the record of it.
func (w *world) undoAgain(t *testing.T, r *run) runner.Event {
	t.Helper()
	r.cut(runner.EvUndone)
	r.rollback()
	e := r.event(runner.EvUndone)
	if e.Step == "" {
		t.Errorf("not undone again: %v", r.machine.UndoErr())
	}
	return e
}

func (w *world) residuesOf(e runner.Event) (texts []string) {
	for _, x := range e.Residues {
		texts = append(texts, strings.Join([]string{x.Owner, x.Kind, x.ID, string(x.Effect)}, " "))
	}
	return texts
}

// What was found after a lost answer is undone like what Do yielded; but a CSR
// that was adopted may be somebody else's and stays.
func TestUndoAfterRecover(t *testing.T) {
	forAll(t, func(t *testing.T, a action, f *fixture) {
		before := f.snapshot()
		r := f.act(a).done()
		list, parts := residues(f, a.step, r.out())
		if a.step == "create_csr" {
			list, parts = []string{f.owner.String() + " csr " + r.text("id") + " added"}, []string{f.owner.Path() + "/credentials/csrs"}
		}
		log := r.undone(list...)
		f.asBefore(before, parts...)
		if a.step != "create_csr" {
			return
		}
		if len(writes(log)) > 0 {
			t.Errorf("%v", log)
		}
		contains(t, r.machine.Residues()[0].Note, "somebody else's")
		f.publishAll()
		if e := f.undoAgain(t, r); len(e.Residues) > 0 {
			t.Errorf("the CSR is used up, and still a residue: %v", e.Residues)
		}
	}, "WRITE@1=500:after")
}

// publishAll has somebody use up the CSRs of the fixture's owner.
func (f *fixture) publishAll() {
	for _, c := range f.csrs(f.owner) {
		f.csr = c
		f.publish(certify(f.t, c, 365))
	}
}

// A CSR that was published since is none to revoke.
func TestUndoCreateAfterPublish(t *testing.T) {
	for _, o := range both {
		f := newFixture(t, o)
		r := f.act(actions[indexOf("create_csr")]).done()
		f.publishAll()
		r.undone()
	}
}

// Undo of a switch never overwrites a kid that somebody else has set since.
func TestUndoKeepsAForeignKid(t *testing.T) {
	for _, o := range both {
		f := newFixture(t, o)
		f.plant(o, "third", start, 3)
		r := f.act(actions[indexOf("update")]).done()
		f.set(o, "third")
		before := f.snapshot()
		if log := r.rollback(); len(writes(log)) > 0 || r.machine.State() != runner.StateRollbackIncomplete {
			t.Errorf("%s %v", r.machine.State(), log)
		}
		f.asBefore(before)
		contains(t, fmt.Sprint(r.machine.UndoErr()), "third", "not overwritten", r.text("previous_kid"))
	}
}

// A kid that somebody has set back already is left alone.
func TestUndoFindsItDone(t *testing.T) {
	f := newFixture(t, app)
	r := f.act(actions[indexOf("update")]).done()
	f.set(app, r.text("previous_kid"))
	if log := r.undone(); len(writes(log)) > 0 {
		t.Errorf("%v", log)
	}
}

// signings are the forms in which an owner may have no active key.
var signings = []string{`{"signing":{}}`, `{"signing":{"kid":null}}`, `{"signing":null}`, `{}`, `{"signing":{"use":"sig"}}`}

// Where no kid was before, Undo restores its absence in the form that it had.
func TestUndoRestoresAbsence(t *testing.T) {
	for _, o := range []okta.Owner{appFresh, idp} {
		for _, form := range append(signings, "null", "") {
			t.Run(string(o.Kind)+form, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, o)
				kid := f.inactive(o)
				parent := strings.TrimSuffix(okta.SigningPointer(o.Kind), "/signing/kid")
				object, err := okta.DecodeObject(f.get(o.Path()))
				if err != nil {
					t.Fatal(err)
				}
				if object = object.Without(parent); form != "" {
					object = object.With(parent, json.RawMessage(form))
				}
				if err := f.org.PutObject(o, object.Encode()); err != nil {
					t.Fatal(err)
				}
				before := f.snapshot()
				r := f.run(switchType(o), ownerIn(o, data{"kid": kid})).done()
				if r.out()["previous_kid"] != nil || f.active(o) != kid {
					t.Errorf("%v", r.out())
				}
				r.undone()
				f.asBefore(before)
			})
		}
	}
}

// Recover does not take for a change what had to be made around the kid.
func TestRecoverWhereNoKidWas(t *testing.T) {
	for _, form := range signings {
		f := newFixture(t, appFresh, "PUT *=500:after")
		object, err := okta.DecodeObject(f.get(appFresh.Path()))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.org.PutObject(appFresh, object.With("/credentials", json.RawMessage(form)).Encode()); err != nil {
			t.Fatal(err)
		}
		r := f.run("update_app_kid", data{"app": appFresh.ID, "kid": f.kid}).done()
		if w := r.event(runner.EvRecovered).Warnings; len(w) > 0 || r.verdict().Outcome != runner.Happened {
			t.Errorf("%s: %q", form, w)
		}
	}
}

// An Okta that does not go back to no kid is an error that says so, whether it
// refuses the request or keeps the kid.
func TestUndoAbsenceThatOktaRefuses(t *testing.T) {
	f := newFixture(t, appFresh, "PUT *@2=400")
	r := f.run("update_app_kid", data{"app": appFresh.ID, "kid": f.kid}).done()
	r.rollback()
	contains(t, fmt.Sprint(r.machine.UndoErr()), "had no kid before", "did not go back", "400")

	f = newFixture(t, appFresh)
	r = f.run("update_app_kid", data{"app": appFresh.ID, "kid": f.kid}).done()
	f.after = func(s sent, _ *httptest.ResponseRecorder) {
		if s.method == http.MethodPut {
			f.set(appFresh, f.kid)
		}
	}
	r.rollback()
	contains(t, fmt.Sprint(r.machine.UndoErr()), "had no kid before", "did not go back", f.kid)
	if r.machine.State() != runner.StateRollbackIncomplete {
		t.Error(r.machine.State())
	}
}

// A key whose certificate had expired before the run is put back, with a
// warning.
func TestUndoPutsAnExpiredKeyBack(t *testing.T) {
	f := newFixture(t, app)
	f.plant(app, "old", start.AddDate(-3, 0, 0), 2)
	f.set(app, "old")
	before := f.snapshot()
	r := f.run("update_app_kid", data{"app": app.ID, "kid": f.kid}).done()
	r.undone()
	f.asBefore(before)
	contains(t, strings.Join(r.event(runner.EvUndone).Warnings, ""), "old", "had expired before the run")

	f = newFixture(t, appTwo) // another key of it has expired
	r = f.run("update_app_kid", data{"app": appTwo.ID, "kid": f.kid}).done()
	if r.undone(); len(r.event(runner.EvUndone).Warnings) > 0 {
		t.Errorf("%q", r.event(runner.EvUndone).Warnings)
	}
}

// An undo whose own answer is lost is finished by the next rollback.
func TestUndoIsTakenUpAgain(t *testing.T) {
	// The answer of its write is lost: it is done again by itself.
	for _, when := range []string{"before", "after"} {
		f := newFixture(t, app, "PUT *@2=500:"+when)
		before := f.snapshot()
		f.act(actions[indexOf("update")]).done().undone()
		f.asBefore(before)
	}
	// It is refused: the next rollback does it.
	f := newFixture(t, app, "PUT *@2=403")
	before := f.snapshot()
	r := f.act(actions[indexOf("update")]).done()
	r.rollback()
	contains(t, fmt.Sprint(r.machine.UndoErr()), "403")
	r.undone()
	f.asBefore(before)
}
