package steps_test

import (
	"context"
	"encoding/json"
	"errors"
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

// maker is a step that creates an object whose id Okta assigns: a lost answer
// leaves nothing to find it by but when and how it was made.
type maker struct {
	action
	id     string                                         // the output that names the object
	make   func(f *fixture, id string, created time.Time) // somebody makes a like one
	unlike func(f *fixture, id string, created time.Time) // somebody makes another kind of one
	ids    func(f *fixture) []string                      // what is there
}

func makers() []maker {
	return []maker{
		{actions[0], "kid",
			func(f *fixture, id string, created time.Time) { f.plant(f.owner, id, created, 2) },
			func(f *fixture, id string, created time.Time) { f.plant(f.owner, id, created, 5) },
			func(f *fixture) (ids []string) {
				for _, k := range f.keys(f.owner) {
					ids = append(ids, k.Kid)
				}
				return ids
			}},
		{actions[1], "id",
			func(f *fixture, id string, created time.Time) {
				f.plantCSR(id, created, okta.Subject{CommonName: "new", CountryName: "US"}, "A.example.com")
			},
			func(f *fixture, id string, created time.Time) {
				f.plantCSR(id, created, okta.Subject{CommonName: "new", CountryName: "DE"}, "a.example.com")
				f.plantCSR(id+"2", created, okta.Subject{CommonName: "new", CountryName: "US"}, "b.example.com")
			},
			func(f *fixture) (ids []string) {
				for _, c := range f.csrs(f.owner) {
					ids = append(ids, c.ID)
				}
				return ids
			}},
	}
}

// plantCSR has somebody make a CSR, with an id and a date of our choice.
func (f *fixture) plantCSR(id string, created time.Time, subject okta.Subject, names ...string) {
	req := okta.CSRRequest{Subject: subject, SubjectAltNames: &okta.AltNames{DNSNames: names}}
	csr, err := f.admin.GenerateCSR(context.Background(), f.owner, req)
	if err != nil {
		f.t.Error(err)
	}
	all := f.csrs(f.owner)
	for i := range all {
		if all[i].ID == csr.ID {
			all[i].ID, all[i].Created = id, okta.FormatTime(created)
		}
	}
	raw, _ := json.Marshal(all)
	if err := f.org.PutCSRs(f.owner, raw); err != nil {
		f.t.Error(err)
	}
}

// forMakers runs a test for both makers and both kinds of owner; when says
// whether the write takes effect. At the write, meanwhile happens as well.
func forMakers(t *testing.T, when string, meanwhile func(m maker, f *fixture), test func(t *testing.T, m maker, f *fixture, r *run)) {
	for _, o := range both {
		for _, m := range makers() {
			t.Run(string(o.Kind)+"/"+m.step+"/"+when, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, o, m.write+"=500:"+when)
				f.before = func(s sent) {
					if s.method == http.MethodPost {
						meanwhile(m, f)
					}
				}
				test(t, m, f, f.act(m.action))
			})
		}
	}
}

func requireNot(t *testing.T, _ maker, _ *fixture, r *run) {
	t.Helper()
	if r.verdict().Outcome != runner.Not || r.machine.State() != runner.StateFailed {
		t.Errorf("%+v, %s", r.verdict(), r.machine.State())
	}
}

// One stranger's object cannot be told from ours: it is adopted and marked.
func TestRecoverAdoptsOneStranger(t *testing.T) {
	forMakers(t, "before", func(m maker, f *fixture) { m.make(f, "stranger", start) }, func(t *testing.T, m maker, f *fixture, r *run) {
		if r.done().text(m.id) != "stranger" || r.out()["adopted"] != true {
			t.Errorf("%v", r.out())
		}
	})
}

// Two are for a person to decide between; the run is stuck, and a rollback
// names both and touches neither.
func TestRecoverTwoIsAmbiguous(t *testing.T) {
	forMakers(t, "after", func(m maker, f *fixture) { m.make(f, "stranger", start) }, func(t *testing.T, m maker, f *fixture, r *run) {
		var ours string
		for _, id := range m.ids(f) {
			if id != "stranger" && !slices.Contains([]string{f.csr.ID, f.kid, f.active(f.owner)}, id) {
				ours = id
			}
		}
		want := []string{ours, "stranger"}
		slices.Sort(want)
		if v := r.verdict(); v.Outcome != runner.Ambiguous || !slices.Equal(v.Candidates, want) {
			t.Errorf("%+v, want %v", v, want)
		}
		contains(t, r.verdict().Reason, f.owner.String(), want[0], want[1])
		if r.machine.State() != runner.StateStuck {
			t.Error(r.machine.State())
		}
		before := f.snapshot()
		if log := r.rollback(); len(writes(log)) > 0 || r.machine.State() != runner.StateRollbackIncomplete {
			t.Errorf("%s %v", r.machine.State(), log)
		}
		f.asBefore(before)
		for _, x := range r.machine.Residues() {
			if !x.Perhaps || !slices.Contains(want, x.ID) || x.Kind != "key" && x.Kind != "csr" || !strings.Contains(x.Note, "may be somebody else's") {
				t.Errorf("%+v", x)
			}
		}
	})
}

// A stranger's object that is not what was asked for is not taken: a key of
// another validity, a CSR for another subject or other names.
func TestRecoverPassesOverOthers(t *testing.T) {
	unlike := func(m maker, f *fixture) { m.unlike(f, "stranger", start) }
	forMakers(t, "before", unlike, requireNot)
	forMakers(t, "after", unlike, func(t *testing.T, m maker, f *fixture, r *run) {
		if id := r.done().text(m.id); strings.HasPrefix(id, "stranger") {
			t.Error("the stranger's was taken")
		}
	})
}

// Nor is one that was there at the look, even if it was made in that second.
func TestRecoverPassesOverWhatWasThere(t *testing.T) {
	for _, o := range both {
		for _, m := range makers() {
			f := newFixture(t, o, m.write+"=500:before")
			m.make(f, "earlier", start)
			requireNot(t, m, f, f.act(m.action))
		}
	}
}

// Nor is one that was made before the look, or after the write can have had
// its effect last.
func TestRecoverPassesOverOtherTimes(t *testing.T) {
	forMakers(t, "before", func(m maker, f *fixture) { m.make(f, "stranger", start.Add(-time.Hour)) }, requireNot)
	forMakers(t, "before", func(m maker, f *fixture) {
		f.asleep = func(time.Duration) {
			f.advance(time.Hour) // a machine that was suspended
			m.make(f, "stranger", f.clock())
			f.asleep = nil
		}
	}, requireNot)
}

// Our clock may be off from Okta's, which dates what it makes.
func TestRecoverWithAClockThatIsOff(t *testing.T) {
	for _, off := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		for _, m := range makers() {
			f := newFixture(t, app, m.write+"=500:after")
			ours := func() time.Time { return f.clock().Add(off) }
			f.env.Now, f.local.Clock.Now = ours, ours
			if r := f.act(m.action); r.verdict().Outcome != runner.Happened {
				t.Errorf("%s, off by %s: %+v", m.step, off, r.verdict())
			}
		}
	}
}

// What a recorded run of ours yielded is no trace of a lost write: here
// another run made one of the same kind at the same time.
func TestRecoverPassesOverOurs(t *testing.T) {
	meanwhile := func(m maker, f *fixture) {
		env, local := *f.env, *f.local
		env.Okta, local.Watch = f.admin, nil
		program := f.playbook(f.expand(m.step), ownerIn(f.owner, m.in(f)))
		machine, err := local.Run(context.Background(), program, steps.Catalogue(&env), runner.Spec{
			ID: "another", Inputs: data{}, Secrets: data{"pass": nil}, OnFailure: "keep", StartedAt: start,
		})
		if err != nil || machine.State() != runner.StateDone {
			f.t.Error(err, machine.State())
		}
		ids := m.ids(f)
		f.theirs = ids[len(ids)-1]
	}
	forMakers(t, "before", meanwhile, requireNot)
	forMakers(t, "after", meanwhile, func(t *testing.T, m maker, f *fixture, r *run) {
		if r.done().text(m.id) == f.theirs {
			t.Error("the other run's was taken")
		}
	})
}

// A key of which Okta tells little may be the one that was lost: what is not
// known speaks against nothing.
func TestRecoverKeyWithoutDates(t *testing.T) {
	for _, members := range [][]string{{"created"}, {"created", "expiresAt"}, {"created", "expiresAt", "x5c"}} {
		f := newFixture(t, app, "POST */keys/generate=500:after")
		f.after = func(s sent, rec *httptest.ResponseRecorder) {
			if !strings.HasSuffix(s.path, "/keys") {
				return
			}
			var keys []data
			if err := json.Unmarshal(rec.Body.Bytes(), &keys); err != nil {
				t.Error(err)
			}
			for _, k := range keys {
				for _, name := range members {
					delete(k, name)
				}
			}
			rec.Body.Reset()
			json.NewEncoder(rec.Body).Encode(keys)
		}
		r := f.run("generate_key", data{"app": app.ID, "validity_years": 2})
		if r.verdict().Outcome != runner.Happened || r.out()["adopted"] != true {
			t.Errorf("without %v: %+v", members, r.verdict())
		}
	}
	f := newFixture(t, app, "POST */keys/generate=500:before")
	f.before = func(s sent) {
		if s.method == http.MethodPost { // a clone of an older key, its certificate of long ago
			f.plant(app, "clone", start, 2, "created", "expiresAt")
		}
	}
	requireNot(t, maker{}, f, f.run("generate_key", data{"app": app.ID, "validity_years": 2}))
}

// A new CSR that cannot be read may be ours, and records that cannot be read
// may name it: neither is proof that nothing happened.
func TestRecoverWithoutProof(t *testing.T) {
	f := newFixture(t, app, "POST */csrs=500:after")
	f.after = func(s sent, rec *httptest.ResponseRecorder) {
		if strings.HasSuffix(s.path, "/csrs") && s.method == http.MethodGet {
			text := strings.ReplaceAll(rec.Body.String(), `"csr":"`, `"csr":"AAAA`)
			rec.Body.Reset()
			rec.Body.WriteString(text)
		}
	}
	if r := f.act(actions[1]); r.verdict().Outcome == runner.Not {
		t.Errorf("%+v", r.verdict())
	}
	forMakers(t, "after", func(_ maker, f *fixture) {
		f.env.Ours = func(string) (bool, error) { return false, errors.New("a disk error") }
	}, func(t *testing.T, _ maker, _ *fixture, r *run) {
		if r.verdict().Outcome != runner.Ambiguous || r.machine.State() != runner.StateStuck {
			t.Errorf("%+v", r.verdict())
		}
		contains(t, r.verdict().Reason, "records of earlier runs", "a disk error")
	})
}
