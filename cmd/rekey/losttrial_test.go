package main

import (
	"maps"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// lostTrial is a case that is being tried.
type lostTrial struct {
	lostCase
	*lostWorld
	before map[okta.Owner]owned
	ada    *admin
	bea    *admin
}

// write is the planned write whose answer is lost.
func (l *lostTrial) write() planned { return l.base.writes[l.n-1] }

// lose runs the playbook, with the fault and what happens the moment after it.
func (l *lostTrial) lose(meet func()) ended {
	l.t.Helper()
	l.ada, l.bea = l.admin("ada", l.rules()...), l.admin("bea")
	l.ada.meet, l.ada.at = meet, l.n
	e := l.ada.rotate(l.base.playbook)
	if meet == nil {
		return e
	}
	if len(l.bea.sent) == 0 {
		l.t.Error("the other admin has written nothing")
	}
	return e
}

// verdict is what was found out about the lost write at last.
func (l *lostTrial) verdict() (v runner.Verdict, adopted bool) {
	l.t.Helper()
	_, run := l.ada.run()
	lost := 0
	for _, e := range run.Events {
		if e.Step != l.write().Step {
			continue
		}
		if e.Kind == runner.EvUnknown {
			lost++
		}
		if e.Kind == runner.EvRecovered {
			v = *e.Verdict
			adopted, _ = e.Out["adopted"].(bool)
		}
	}
	if lost != 1 {
		l.t.Errorf("the journal has %d lost answers of %s", lost, l.write().Step)
	}
	return v, adopted
}

func (l *lostTrial) expect(e ended, code int) {
	l.t.Helper()
	if e.code != code {
		l.t.Errorf("exit code %d, want %d\n%s", e.code, code, e)
	}
}

func (l *lostTrial) found(want runner.Outcome) {
	l.t.Helper()
	v, adopted := l.verdict()
	if v.Outcome != want {
		l.t.Errorf("it was found: %+v, want %s", v, want)
	}
	if creates := l.write().creates(); want == runner.Happened && adopted != creates {
		l.t.Errorf("marked as adopted: %t, want %t", adopted, creates)
	}
}

// creates reports whether only a look at what is new tells whether the write
// happened.
func (p planned) creates() bool { return p.Type == "generate_key" || p.Type == "create_csr" }

// is compares the org by its structure.
func (l *lostTrial) is(want map[okta.Owner]owned) {
	l.t.Helper()
	for id, got := range l.shape() {
		if got != want[id] {
			l.t.Errorf("%s has %s, want %s", id, got, want[id])
		}
	}
}

// undone holds the org against what it was before, apart from what the latest
// run of ada says that stays, and from what bea made.
func (l *lostTrial) undone(bea map[okta.Owner]owned) {
	l.t.Helper()
	want := maps.Clone(l.before)
	_, run := l.ada.run()
	for _, r := range run.Summary().Residues {
		if r.Kind != "key" && r.Kind != "csr" {
			continue // a certificate that the CA has issued
		}
		id, err := okta.ParseOwner(r.Owner)
		if err != nil {
			l.t.Errorf("the residue %+v: %v", r, err)
		}
		o := want[id]
		switch {
		case r.Effect == runner.Added && r.Kind == "key":
			o.keys++
			if !slices.Contains(l.kids(id), r.ID) {
				l.t.Errorf("the key %s that is said to stay is not there", r.ID)
			}
		case r.Effect == runner.Added && r.Kind == "csr":
			o.csrs++
			if !slices.Contains(l.csrs(id), r.ID) {
				l.t.Errorf("the CSR %s that is said to stay is not there", r.ID)
			}
		}
		want[id] = o
	}
	for id, more := range bea {
		o := want[id]
		o.keys, o.csrs = o.keys+more.keys, o.csrs+more.csrs
		want[id] = o
	}
	l.is(want)
}

// sentOnce holds what ada sent against the plan: whatever was lost, a POST is
// sent once, so that there is never a second key or CSR.
func (l *lostTrial) sentOnce() {
	l.t.Helper()
	for _, p := range l.base.writes {
		if p.Method != "POST" {
			continue
		}
		var all, sent int
		for _, q := range l.base.writes {
			if q.Method == p.Method && q.Path == p.Path {
				all++
			}
		}
		for _, s := range l.ada.sent {
			if p.is(s) {
				sent++
			}
		}
		if sent > all {
			l.t.Errorf("%s %s was sent %d times: %v", p.Method, p.Path, sent, l.ada.sent)
		}
	}
}

// alone: what happened is found and the run goes on to its end, at once or
// after a second look; what did not fails the run, and all is undone. That
// something new is there, or nothing, counts only once the write has had its
// time.
func (l *lostTrial) alone() {
	e := l.lose(nil)
	waited := l.clock.now().Sub(lostStart)
	if l.effect == effectNone {
		l.found(runner.Not)
		l.expect(e, exitFailed)
		l.undone(nil)
		if waited < defaultSettle {
			l.t.Errorf("that it did not happen counted after %s", waited)
		}
		return
	}
	l.found(runner.Happened)
	l.expect(e, exitOK)
	l.is(l.base.done)
	if wait := l.effect != effectNow || l.write().creates(); wait != (waited > 0) {
		l.t.Errorf("it waited for %s", waited)
	}
	id, _ := l.ada.run()
	l.ada.must(exitOK, "rollback", id, "--yes")
	l.undone(nil)
}

// whole has the other admin run the same playbook to its end the moment after.
// However ada's run then ends, no key of hers is touched.
func (l *lostTrial) whole() {
	var hers map[okta.Owner]string
	e := l.lose(func() {
		if e := l.bea.rotate(l.base.playbook); e.code != exitOK {
			l.t.Errorf("the other admin's run: exit code %d\n%s", e.code, e)
		}
		hers = l.signing()
	})
	if !slices.Contains([]int{exitOK, exitFailed, exitStopped, exitIncomplete}, e.code) {
		l.t.Errorf("exit code %d\n%s", e.code, e)
	}
	l.clock.sleep(l.t.Context(), lateBy)
	id, run := l.ada.run()
	if run.Summary().State.Resumable() {
		l.ada.do("resume", id, "--yes")
	}
	l.ada.do("rollback", id, "--yes")
	ours := l.yielded()
	for owner, kid := range l.signing() {
		if kid != hers[owner] && ours[kid] {
			l.t.Errorf("after its rollback %s signs with ada's key", owner)
		}
		if now := l.owned(owner); now.rest != l.before[owner].rest {
			l.t.Errorf("%s has changed in more than its kid", owner)
		}
	}
	l.atMostTwo()
}

// signing is which key each owner signs with.
func (l *lostTrial) signing() map[okta.Owner]string {
	kids := map[okta.Owner]string{}
	for _, id := range l.org.Owners() {
		kids[id] = l.active(id)
	}
	return kids
}

// yielded are the kids that ada's runs made, and not bea's.
func (l *lostTrial) yielded() map[string]bool {
	kids := map[string]bool{}
	note := func(a *admin, is bool) {
		_, run := a.run()
		for _, e := range run.Events {
			if kid, ok := e.Out["kid"].(string); ok && e.Out["key"] != nil {
				kids[kid] = is
			}
		}
	}
	note(l.ada, true)
	note(l.bea, false)
	return kids
}

// atMostTwo: each of the two has made what the playbook makes once at most.
func (l *lostTrial) atMostTwo() {
	l.t.Helper()
	for id, now := range l.shape() {
		each := l.base.done[id].keys - l.before[id].keys
		if more := now.keys - l.before[id].keys; more > 2*each {
			l.t.Errorf("%s has %d keys more", id, more)
		}
		if now.csrs > 1 {
			l.t.Errorf("%s has %d CSRs", id, now.csrs)
		}
	}
}

// undoing loses the answer to a write of a rollback: once the lost write has
// had its time, the undo is repeated. It changes nothing that it finds undone,
// or that another admin has set.
func (l *lostTrial) undoing() {
	t := l.t
	l.ada, l.bea = l.admin("ada"), l.admin("bea")
	if e := l.ada.rotate(l.base.playbook); e.code != exitOK {
		t.Fatalf("exit code %d\n%s", e.code, e)
	}
	id, _ := l.ada.run()
	sent := l.ada.sent
	l.ada = l.admin("ada", l.rules()...)
	method, path, _ := strings.Cut(l.base.undo[l.n-1], " ")
	owner := undoOwner(path)
	if l.mode == lostAlone {
		l.ada.must(exitOK, "rollback", id, "--yes")
		if waited := l.clock.now().Sub(lostStart); waited < defaultSettle {
			t.Errorf("it was undone again after %s", waited)
		}
		l.undone(nil)
	} else {
		var hers string
		l.ada.meet, l.ada.at = func() { l.switches(owner); hers = l.active(owner) }, l.n
		l.undoTwin(id, method, owner, &hers)
	}
	l.ada.sent = append(sent, l.ada.sent...)
}

// undoTwin has the other admin switch to a key of hers while the answer to an
// undo is lost.
func (l *lostTrial) undoTwin(id, method string, owner okta.Owner, hers *string) {
	code := exitOK // a CSR is none of hers
	overtaken := method == "PUT" && l.effect == effectLate
	if method == "PUT" && !overtaken {
		code = exitIncomplete
	}
	l.ada.must(code, "rollback", id, "--yes")
	switch now := l.active(owner); {
	case overtaken: // the late write has taken her kid away: the API has no guard against it
	case now != *hers:
		l.t.Errorf("it signs with %s, the other admin has set %s", now, *hers)
	default:
		own, _ := l.bea.run()
		l.bea.must(exitOK, "rollback", own, "--yes")
		l.ada.must(exitOK, "rollback", id, "--yes")
	}
	l.undone(map[okta.Owner]owned{owner: {keys: 1}})
}

// undoOwner is the owner that a path names.
func undoOwner(path string) okta.Owner {
	parts := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	kind := okta.App
	if parts[0] == "idps" {
		kind = okta.IdP
	}
	return okta.Owner{Kind: kind, ID: parts[1]}
}
