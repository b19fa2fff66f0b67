package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// twin has the other admin do, the moment after, what the step does.
func (l *lostTrial) twin() {
	p := l.write()
	owner := p.owner(l.t)
	as := fmt.Sprintf("%s: %s", owner.Kind, owner.ID)
	switch p.Type {
	case "generate_key":
		l.twinCreate(func() { l.bea.play("  - id: own\n    generate_key: {%s, validity_years: 2}\n", as) })
	case "create_csr":
		l.twinCreate(func() { l.bea.play("  - id: own\n    create_csr: {%s, subject: {common_name: saml-signing}}\n", as) })
	case "update_app_kid", "update_idp_kid":
		l.twinSwitch(owner)
	case "publish_csr":
		l.twinRevoke(owner, as)
	case "clone_key":
		l.twinClone(owner)
	default:
		l.t.Fatalf("a write of %s: say what another admin could do", p.Type)
	}
}

// switches has bea make a key of her own and switch to it.
func (l *lostTrial) switches(owner okta.Owner) {
	as := fmt.Sprintf("%s: %s", owner.Kind, owner.ID)
	l.bea.play("  - id: own\n    generate_key: {%s, validity_years: 3}\n  - id: switch\n    update_%s_kid: {%[1]s, kid: $<steps.own.kid>}\n", as, owner.Kind)
}

// twinCreate: of two that may be it, a person chooses; the only one is adopted.
func (l *lostTrial) twinCreate(meet func()) {
	if l.effect == effectNone {
		e := l.lose(meet)
		l.found(runner.Happened)
		l.expect(e, exitOK)
		l.is(l.base.done) // hers is taken for ada's: there is one
		return
	}
	l.stuck(meet)
	id, _ := l.ada.run()
	l.ada.must(exitStopped, "resume", id, "--yes")
	ours := l.ours()
	l.ada.must(exitOK, "resume", id, "--yes", "--adopt", l.write().Step+"="+ours)
	l.adopted(ours)

	// Once more, with the other end.
	*l = lostTrial{lostCase: l.lostCase, lostWorld: newLostWorld(l.t), before: l.before}
	l.stuck(meet)
	id, _ = l.ada.run()
	stuck, sent := l.shape(), len(l.ada.sent)
	back := l.ada.must(exitIncomplete, "rollback", id, "--yes")
	l.is(l.lessThan(stuck))
	l.tells(back.stdout)
	for _, s := range l.ada.sent[sent:] {
		if strings.HasPrefix(s, "DELETE") {
			l.t.Errorf("the rollback has sent %s", s)
		}
	}
	l.ada.must(exitOK, "rollback", id, "--yes", "--adopt", l.write().Step+"="+l.ours())
	hers := owned{keys: 1}
	if l.write().Type == "create_csr" {
		hers = owned{csrs: 1}
	}
	l.undone(map[okta.Owner]owned{l.write().owner(l.t): hers})
}

// stuck has ada's run stop before two that may be hers.
func (l *lostTrial) stuck(meet func()) {
	l.t.Helper()
	e := l.lose(meet)
	l.found(runner.Ambiguous)
	l.expect(e, exitStopped)
	if v, _ := l.verdict(); len(v.Candidates) != 2 {
		l.t.Fatalf("the candidates are %v", v.Candidates)
	}
	l.tells(e.stdout)
}

// tells holds a text against the candidates: it must name them.
func (l *lostTrial) tells(text string) {
	l.t.Helper()
	v, _ := l.verdict()
	for _, id := range v.Candidates {
		if !strings.Contains(strings.Join(strings.Fields(text), ""), id) {
			l.t.Errorf("nobody is told of %s:\n%s", id, text)
		}
	}
}

// ours is the candidate that bea did not make.
func (l *lostTrial) ours() string {
	l.t.Helper()
	v, _ := l.verdict()
	_, run := l.bea.run()
	for _, e := range run.Events {
		for _, id := range []any{e.Out["kid"], e.Out["id"]} {
			v.Candidates = slices.DeleteFunc(v.Candidates, func(c string) bool { return c == id })
		}
	}
	if len(v.Candidates) != 1 {
		l.t.Fatalf("of the candidates, %v are ada's", v.Candidates)
	}
	return v.Candidates[0]
}

// adopted holds the org against the run's undisturbed end, with one more that
// is bea's.
func (l *lostTrial) adopted(id string) {
	l.t.Helper()
	owner := l.write().owner(l.t)
	want := maps.Clone(l.base.done)
	o := want[owner]
	if l.write().Type == "create_csr" {
		o.csrs++
		if slices.Contains(l.csrs(owner), id) {
			l.t.Errorf("the CSR %s that was adopted was not published", id)
		}
	} else {
		o.keys++
		if kids := l.kids(owner); o.active >= 0 && l.active(owner) != id {
			l.t.Errorf("%s signs with %s, not with %s that was adopted", owner, l.active(owner), id)
		} else if o.active >= 0 {
			o.active = slices.Index(kids, id)
		}
	}
	want[owner] = o
	l.is(want)
}

// lessThan is the org as a rollback leaves it that cannot undo the lost write:
// what was done before it is undone, and makes no difference to a structure
// where it stays.
func (l *lostTrial) lessThan(stuck map[okta.Owner]owned) map[okta.Owner]owned {
	want := maps.Clone(stuck)
	for _, p := range l.base.writes[:l.n-1] {
		if p.Method == "PUT" {
			id := p.owner(l.t)
			o := want[id]
			o.active = l.before[id].active
			want[id] = o
		}
	}
	return want
}

// twinSwitch: a kid that is neither ours nor the one before is for a person to
// look at, and is never overwritten.
func (l *lostTrial) twinSwitch(owner okta.Owner) {
	e := l.lose(func() { l.switches(owner) })
	id, _ := l.ada.run()
	if l.effect == effectLate { // ada's write overtakes hers: the API has no guard against it
		l.found(runner.Happened)
		l.expect(e, exitOK)
		l.ada.must(exitOK, "rollback", id, "--yes")
		l.undone(map[okta.Owner]owned{owner: {keys: 1}})
		return
	}
	l.found(runner.Ambiguous)
	l.expect(e, exitStopped)
	hers := l.active(owner)
	sent := len(l.ada.sent)
	l.ada.must(exitStopped, "resume", id, "--yes")
	if len(l.ada.sent) != sent {
		l.t.Errorf("resuming has sent %v", l.ada.sent[sent:])
	}
	l.ada.must(exitIncomplete, "rollback", id, "--yes")
	if now := l.active(owner); now != hers {
		l.t.Errorf("it signs with %s, the other admin has set %s", now, hers)
	}
	// Once she has gone back, so can ada.
	own, _ := l.bea.run()
	l.bea.must(exitOK, "rollback", own, "--yes")
	l.ada.must(exitOK, "rollback", id, "--yes")
	l.undone(map[okta.Owner]owned{owner: {keys: 1}})
}

// twinRevoke: a CSR that is revoked before the late publication is not
// published; where it was, there is nothing to revoke.
func (l *lostTrial) twinRevoke(owner okta.Owner, as string) {
	bea := map[okta.Owner]owned{}
	e := l.lose(func() {
		if csrs := l.csrs(owner); len(csrs) > 0 {
			l.bea.play("  - id: own\n    revoke_csr: {%s, csr_id: %q}\n", as, csrs[0])
			return
		}
		l.bea.play("  - id: own\n    generate_key: {%s, validity_years: 2}\n", as)
		bea[owner] = owned{keys: 1}
	})
	if l.effect == effectNone || l.effect == effectLate {
		l.found(runner.Not)
		l.expect(e, exitFailed)
	} else {
		l.found(runner.Happened)
		l.expect(e, exitOK)
		id, _ := l.ada.run()
		l.ada.must(exitOK, "rollback", id, "--yes")
	}
	l.undone(bea)
}

// twinClone: a key that the target has is there, whoever brought it.
func (l *lostTrial) twinClone(target okta.Owner) {
	e := l.lose(func() {
		kids := l.kids(lostApp)
		l.bea.play("  - id: own\n    clone_key: {app: %s, kid: %q, target: %s}\n  - id: other\n    generate_key: {app: %[3]s, validity_years: 2}\n",
			lostApp.ID, kids[len(kids)-1], target.ID)
	})
	l.found(runner.Happened)
	l.expect(e, exitOK)
	l.clock.sleep(l.t.Context(), lateBy)
	want := maps.Clone(l.base.done)
	o := want[target]
	o.keys++ // her other one
	want[target] = o
	l.is(want)
}
