package steps_test

import (
	"context"
	"encoding/json"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// inPlace has somebody bring each action's effect about beforehand; what it
// yields must still be right.
var inPlace = []struct {
	step    string
	prepare func(f *fixture)
}{
	{"update", func(f *fixture) { f.set(f.owner, f.kid) }},
	{"clone_key", func(f *fixture) {
		if _, err := f.admin.CloneKey(context.Background(), f.owner, f.kid, f.target.ID); err != nil {
			f.t.Error(err)
		}
	}},
	{"revoke_csr", func(f *fixture) {
		if err := f.admin.RevokeCSR(context.Background(), f.owner, f.csr.ID); err != nil {
			f.t.Error(err)
		}
	}},
}

// unchanged requires that the step succeeded without a write and that undoing
// it does nothing, also when the process was killed before it could record
// that the step was done.
func (f *fixture) unchanged(before map[string]json.RawMessage, r *run) {
	f.t.Helper()
	if e := r.done().event(runner.EvDone); e.Write != nil || r.machine.Written() || len(writes(r.log)) > 0 {
		f.t.Errorf("%+v %v", e.Write, r.log)
	}
	r.cut(runner.EvDone)
	if log := r.undone(); len(writes(log)) > 0 || r.verdict().Outcome != runner.Happened {
		f.t.Errorf("%v %+v", log, r.verdict())
	}
	f.asBefore(before)
}

func TestNoChange(t *testing.T) {
	for _, o := range both {
		for _, tt := range inPlace {
			t.Run(tt.step+"/"+string(o.Kind), func(t *testing.T) {
				f := newFixture(t, o)
				tt.prepare(f)
				before, a := f.snapshot(), actions[indexOf(tt.step)]
				r := f.act(a)
				switch tt.step {
				case "update":
					if r.text("kid") != f.kid || r.text("previous_kid") != f.kid {
						t.Errorf("%v", r.out())
					}
				default:
					if !a.effect(f, r.out()) {
						t.Errorf("%v", r.out())
					}
				}
				f.unchanged(before, r)
			})
		}
	}
}

// A certificate that is published already is found by its bytes.
func TestNoChangePublish(t *testing.T) {
	for _, o := range both {
		f := newFixture(t, o)
		a, certificate := actions[indexOf("publish_csr")], f.certificate()
		f.publish(certificate)
		before := f.snapshot()
		r := f.run("publish_csr", ownerIn(o, data{"csr_id": f.csr.ID, "certificate": certificate}))
		if !a.effect(f, r.out()) {
			t.Errorf("%v", r.out())
		}
		f.unchanged(before, r)
	}
}

// A key that is cloned already, and gone by the time of the write, or a
// certificate: nothing is sent, nothing is claimed.
func TestNoChangeThatVanishes(t *testing.T) {
	f := newFixture(t, app)
	keys := f.get(f.target.Path() + "/credentials/keys")
	inPlace[1].prepare(f)
	lists := 0
	f.before = func(s sent) {
		if s.path == f.target.Path()+"/credentials/keys" {
			if lists++; lists == 2 {
				if err := f.org.PutKeys(f.target, keys); err != nil {
					t.Error(err)
				}
			}
		}
	}
	f.act(actions[indexOf("clone_key")]).refused("has it no more", "run again")

	f = newFixture(t, app)
	certificate := f.certificate()
	keys = f.get(app.Path() + "/credentials/keys")
	f.publish(certificate)
	lists = 0
	f.before = func(s sent) {
		if s.path == app.Path()+"/credentials/keys" {
			if lists++; lists == 2 {
				if err := f.org.PutKeys(app, keys); err != nil {
					t.Error(err)
				}
			}
		}
	}
	f.run("publish_csr", data{"app": app.ID, "csr_id": f.csr.ID, "certificate": certificate}).refused("no longer among the keys", "run again")
}

// An expired key may be cloned; the plan warns.
func TestCloneOfAnExpiredKey(t *testing.T) {
	f := newFixture(t, app)
	r := f.run("clone_key", data{"app": app.ID, "kid": f.expired(), "target": appTwo.ID}).done()
	if w := r.event(runner.EvObserved).Warnings; len(w) != 1 {
		t.Errorf("%q", w)
	} else {
		contains(t, w[0], "expired")
	}
	if _, err := f.admin.Key(context.Background(), okta.Owner{Kind: okta.App, ID: appTwo.ID}, "expired"); err != nil {
		t.Error(err)
	}
}
