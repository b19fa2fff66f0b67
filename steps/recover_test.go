package steps_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// action is an action on an owner, and what shows its effect.
type action struct {
	step   string
	write  string // the write as METHOD GLOB
	in     func(f *fixture) data
	effect func(f *fixture, out data) bool // done, with the right outputs
}

func (f *fixture) certificate() string { return certify(f.t, f.csr, 365) }

// actions are Okta's seven.
var actions = []action{
	{"generate_key", "POST */keys/generate", func(*fixture) data { return data{"validity_years": 2} },
		func(f *fixture, out data) bool { return f.isKey(f.owner, out) && out["kid"] != f.kid }},
	{"create_csr", "POST */csrs", func(*fixture) data {
		return data{"subject": data{"common_name": "new", "country": "US"}, "dns_names": []string{"a.example.com"}}
	}, func(f *fixture, out data) bool {
		csrs := f.csrs(f.owner)
		return len(csrs) == 2 && out["id"] == csrs[1].ID && out["kty"] == "RSA"
	}},
	{"publish_csr", "POST */lifecycle/publish", func(f *fixture) data {
		return data{"csr_id": f.csr.ID, "certificate": f.certificate(), "encoding": "pem"}
	}, func(f *fixture, out data) bool { return f.isKey(f.owner, out) && len(f.csrs(f.owner)) == 0 }},
	{"clone_key", "POST */clone", func(f *fixture) data { return data{"kid": f.kid, "target": f.target.ID} },
		func(f *fixture, out data) bool {
			return f.isKey(f.target, out) && out["kid"] == f.kid && out["target"] == f.target.ID
		}},
	{"update_{kind}_kid", "PUT *", func(f *fixture) data { return data{"kid": f.kid} }, func(f *fixture, out data) bool {
		return f.active(f.owner) == f.kid && out["kid"] == f.kid && out["previous_kid"] != f.kid && out["previous_kid"] != ""
	}},
	{"revoke_csr", "DELETE */csrs/*", func(f *fixture) data { return data{"csr_id": f.csr.ID} },
		func(f *fixture, out data) bool { return len(f.csrs(f.owner)) == 0 && len(out) == 0 }},
}

// isKey reports whether out is all that Okta knows of one key of o.
func (f *fixture) isKey(o okta.Owner, out data) bool {
	for _, k := range f.keys(o) {
		if k.Kid == out["kid"] {
			end, _ := okta.ParseTime(k.ExpiresAt)
			cert, _ := out["certificate"].(string)
			return out["key"] == string(k.Raw) && out["x5t_s256"] == k.X5tS256 && strings.HasPrefix(cert, "-----BEGIN CERTIFICATE-----") &&
				out["expires_at"] == end.Format(time.RFC3339Nano)
		}
	}
	return false
}

// forAll runs a test for each action and kind of owner, with faults in which
// WRITE stands for the action's write.
func forAll(t *testing.T, test func(t *testing.T, a action, f *fixture), faults ...string) {
	for _, o := range both {
		for _, a := range actions {
			t.Run(string(o.Kind)+"/"+a.step, func(t *testing.T) {
				t.Parallel()
				var own []string
				for _, fault := range faults {
					own = append(own, strings.ReplaceAll(fault, "WRITE", a.write))
				}
				f := newFixture(t, o, own...)
				test(t, a, f)
			})
		}
	}
}

func (f *fixture) act(a action) *run { return f.run(f.expand(a.step), ownerIn(f.owner, a.in(f))) }

// verdict is what Recover said; the zero one if it was not asked.
func (r *run) verdict() runner.Verdict {
	if v := r.event(runner.EvRecovered).Verdict; v != nil {
		return *v
	}
	return runner.Verdict{}
}

// The effect is there and the answer is lost: Recover finds it, with the same
// outputs as ever, and the run goes on. What is created is marked as adopted.
func TestRecoverDone(t *testing.T) {
	check := func(t *testing.T, a action, f *fixture) {
		r := f.act(a).done()
		if r.event(runner.EvUnknown).Error == "" || r.verdict().Outcome != runner.Happened || !a.effect(f, r.out()) {
			t.Errorf("%+v %v", r.verdict(), r.out())
		}
		if adopted, ok := r.out()["adopted"]; ok && adopted != true {
			t.Error("it is not marked as adopted")
		}
		if n := len(writes(r.log)); n != 1 {
			t.Errorf("%d writes", n)
		}
		// What is new may be a stranger's until ours can no longer come.
		if _, creates := r.out()["adopted"]; f.clock().Equal(start) == creates {
			t.Errorf("it creates: %v; it is %s", creates, f.clock())
		}
		if w := r.event(runner.EvRecovered).Warnings; len(w) > 0 {
			t.Errorf("%q", w)
		}
	}
	t.Run("500", func(t *testing.T) { forAll(t, check, "WRITE=500:after") })
	t.Run("reset", func(t *testing.T) {
		forAll(t, func(t *testing.T, a action, f *fixture) {
			f.after = func(s sent, _ *httptest.ResponseRecorder) {
				if s.method != http.MethodGet {
					panic(http.ErrAbortHandler)
				}
			}
			check(t, a, f)
		})
	})
}

// Without a fault the same check holds for what Do yields.
func TestDo(t *testing.T) {
	forAll(t, func(t *testing.T, a action, f *fixture) {
		r := f.act(a).done()
		if !a.effect(f, r.out()) || r.event(runner.EvUnknown).Error != "" {
			t.Errorf("%v", r.out())
		}
		if adopted, ok := r.out()["adopted"]; ok && adopted != false {
			t.Error("it is marked as adopted")
		}
	})
}

// The effect is not there: that counts once settle has passed, nothing is sent
// again, and nothing is left to undo.
func TestRecoverNotDone(t *testing.T) {
	forAll(t, func(t *testing.T, a action, f *fixture) {
		before := f.snapshot()
		r := f.act(a)
		if r.machine.State() != runner.StateFailed || r.verdict().Outcome != runner.Not {
			t.Errorf("%s %+v", r.machine.State(), r.verdict())
		}
		if waited := f.clock().Sub(start); waited < settle || len(writes(r.log)) != 1 {
			t.Errorf("waited %s, wrote %v", waited, writes(r.log))
		}
		contains(t, r.failure(), "500", "did not happen")
		r.undone()
		f.asBefore(before)
	}, "WRITE=500:before")
}

// A write that takes effect only while Recover waits is found.
func TestRecoverLate(t *testing.T) {
	forAll(t, func(t *testing.T, a action, f *fixture) {
		f.asleep = func(time.Duration) {
			f.mu.Lock()
			late := writes(f.log)[0]
			f.mu.Unlock()
			rec := httptest.NewRecorder()
			req := httptest.NewRequest(late.method, orgURL+late.path, strings.NewReader(string(late.body)))
			req.Header.Set("Content-Type", late.contentType)
			f.other.ServeHTTP(rec, req)
			f.asleep = nil
		}
		if r := f.act(a).done(); r.verdict().Outcome != runner.Happened || !a.effect(f, r.out()) {
			t.Errorf("%+v %v", r.verdict(), r.out())
		}
	}, "WRITE=503:before")
}

// A step that cannot look does not say that nothing happened.
func TestRecoverCannotLook(t *testing.T) {
	forAll(t, func(t *testing.T, a action, f *fixture) {
		lost := false
		f.after = func(s sent, rec *httptest.ResponseRecorder) {
			if lost = lost || s.method != http.MethodGet; lost {
				rec.Code = http.StatusServiceUnavailable
				rec.Body.Reset()
			}
		}
		r := f.act(a)
		if r.machine.State() != runner.StateStuck || r.verdict().Outcome != runner.Ambiguous {
			t.Errorf("%s %+v", r.machine.State(), r.verdict())
		}
		contains(t, r.verdict().Reason, "503")
	})
}

// A stranger who publishes or switches in between.
func TestRecoverAmongStrangers(t *testing.T) {
	ctx := context.Background()
	tests := []struct {
		name, step string
		fault      string
		meanwhile  func(f *fixture)
		want       runner.Outcome
		reason     string
	}{
		{"another key", "publish_csr", "before", func(f *fixture) { f.plant(f.owner, "stranger", start, 2) }, runner.Not, ""},
		{"the CSR published with another certificate", "publish_csr", "before", func(f *fixture) {
			f.publish(certify(f.t, f.csr, 400))
		}, runner.Not, "is gone"},
		{"another key at the target", "clone_key", "before", func(f *fixture) { f.plant(f.target, "stranger", start, 2) }, runner.Not, ""},
		{"another kid after ours", "update", "after", func(f *fixture) {}, runner.Ambiguous, "neither the key of this step"},
		{"another CSR revoked", "revoke_csr", "before", func(f *fixture) {
			if err := f.admin.RevokeCSR(ctx, f.owner, f.world.csr(f.owner, "other").ID); err != nil {
				f.t.Error(err)
			}
		}, runner.Not, ""},
	}
	for _, tt := range tests {
		for _, o := range both {
			t.Run(tt.name+"/"+string(o.Kind), func(t *testing.T) {
				t.Parallel()
				a := actions[indexOf(tt.step)]
				f := newFixture(t, o, a.write+"=500:"+tt.fault)
				f.plant(o, "third", start.Add(-time.Hour), 3)
				f.after = func(s sent, _ *httptest.ResponseRecorder) {
					if s.method == http.MethodGet {
						return
					}
					tt.meanwhile(f)
					if tt.step == "update" {
						f.set(o, "third")
					}
				}
				r := f.act(a)
				if r.verdict().Outcome != tt.want {
					t.Errorf("%+v, %s", r.verdict(), r.failure())
				}
				contains(t, r.verdict().Reason, tt.reason)
			})
		}
	}
}

func indexOf(step string) int {
	for i, a := range actions {
		if strings.HasPrefix(a.step, step) {
			return i
		}
	}
	return -1
}

// plant gives an owner a key that is dated as somebody likes and lacks some
// members.
func (w *world) plant(o okta.Owner, kid string, created time.Time, years int, members ...string) {
	var keys []data
	if err := json.Unmarshal(w.get(o.Path()+"/credentials/keys"), &keys); err != nil {
		w.t.Error(err)
	}
	key := data{}
	for name, v := range keys[0] {
		key[name] = v
	}
	key["kid"], key["created"], key["expiresAt"] = kid, okta.FormatTime(created), okta.FormatTime(created.AddDate(years, 0, 0))
	for _, name := range members {
		delete(key, name)
	}
	raw, _ := json.Marshal(append(keys, key))
	if err := w.org.PutKeys(o, raw); err != nil {
		w.t.Error(err)
	}
}

// publish has somebody publish the fixture's CSR.
func (f *fixture) publish(certificate string) {
	body := okta.CertificateBody{ContentType: okta.TypePEM, Body: []byte(certificate)}
	if _, err := f.admin.PublishCSR(context.Background(), f.owner, f.csr.ID, body); err != nil {
		f.t.Error(err)
	}
}

// set has somebody switch an owner's kid.
func (w *world) set(o okta.Owner, kid string) {
	object, err := w.admin.Object(context.Background(), o)
	if err != nil {
		w.t.Error(err)
		return
	}
	next, change := object.Changed(okta.SigningPointer(o.Kind), kid)
	if err := w.admin.Replace(context.Background(), o, next, change); err != nil {
		w.t.Error(err)
	}
}
