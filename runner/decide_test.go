package runner

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// doubtedItem is a run of two items, of which the first failed, and nobody can
// tell whether its write happened; it was interrupted before the second.
func doubtedItem(t *testing.T, onFailure string) (*live, *Program) {
	t.Helper()
	w := newWorld(nil)
	p := program(t, w.catalogue(t), `
on_failure: `+onFailure+`
steps:
- id: each
  for_each: '$<["a", "b"]>'
  as: name
  max_failures: 1
  steps:
  - id: set
    put: {name: $<name>, value: one}
`)
	w.faults["put a=one"] = muddled
	l := newLive(t, w)
	ctx, stop := context.WithCancel(context.Background())
	l.Watch = func(e Event) {
		switch l.watch(e); e.Kind {
		case EvFailed:
			w.things["a"] = "foreign"
		case EvUndoFail:
			stop()
		}
	}
	if m := l.run(ctx, p, nil); m.State() != StateInterrupted {
		t.Fatalf("state %s", m.State())
	}
	return l, p
}

// Who goes on with a run under keep does not look at an item that is over: a
// decision about it is for a rollback, and refused otherwise.
func TestDecisionsThatOnlyARollbackUses(t *testing.T) {
	l, p := doubtedItem(t, "keep")
	said := []Decision{{Step: "each[a].set", Say: SayNotDone}}
	stored, err := l.ReadRun("r1")
	if err != nil {
		t.Fatal(err)
	}
	m, err := stored.Machine(p)
	if err != nil {
		t.Fatal(err)
	}
	if doubts := m.Doubts(); len(doubts) != 1 || !doubts[0].Undo {
		t.Errorf("in doubt are %+v", doubts)
	}
	if err := m.Decidable(said, true); err != nil {
		t.Error(err)
	}
	before := len(stored.Events)
	_, err = l.Resume(context.Background(), "r1", p, l.world.catalogue(t), TakeUp{Decisions: said})
	if err == nil || !strings.Contains(err.Error(), "step each[a].set is over") || !strings.Contains(err.Error(), "say it to a rollback") {
		t.Errorf("resumed: %v", err)
	}
	if stored, err = l.ReadRun("r1"); err != nil || len(stored.Events) != before {
		t.Errorf("%v; %d events, and before %d", err, len(stored.Events), before)
	}
	with := TakeUp{Decisions: said, Unused: func(d Decision) { t.Errorf("not used: %+v", d) }}
	if m, err = l.Rollback(context.Background(), "r1", p, l.world.catalogue(t), with); err != nil || m.State() != StateRolledBack {
		t.Errorf("%v, %v", m.State(), err)
	}
}

// A run that stops again before it asks for a decision says so.
func TestUnusedDecisions(t *testing.T) {
	l, p := doubtedItem(t, "rollback")
	said := []Decision{{Step: "each[a].set", Say: SayNotDone}}
	var unused []Decision
	resume := func(ctx context.Context, said []Decision) (*Machine, error) {
		unused = nil
		with := TakeUp{Decisions: said, Unused: func(d Decision) { unused = append(unused, d) }}
		return l.Resume(ctx, "r1", p, l.world.catalogue(t), with)
	}
	if _, err := resume(context.Background(), append(said, said...)); err == nil || unused != nil {
		t.Errorf("decided twice: %v, not used: %v", err, unused)
	}
	ctx, stop := context.WithCancel(context.Background())
	l.Watch = func(e Event) {
		if l.watch(e); e.Kind == EvOpened {
			stop()
		}
	}
	if m, err := resume(ctx, said); err != nil || m.State() != StateInterrupted || !slices.Equal(unused, said) {
		t.Errorf("%v, %v, not used: %v", m.State(), err, unused)
	}
	l.Watch = l.watch
	if m, err := resume(context.Background(), said); err != nil || m.State() != StateRolledBack || unused != nil {
		t.Errorf("%v, %v, not used: %v", m.State(), err, unused)
	}
}

// The record tells who took a run up again, asked for its rollback, said what
// became of a write, and gave it up. What the run does by itself names nobody.
func TestWhoIsOnRecord(t *testing.T) {
	l, p := doubtedItem(t, "rollback")
	ctx, stop := context.WithCancel(context.Background())
	l.Watch = func(e Event) {
		if l.watch(e); e.Kind == EvOpened {
			stop()
		}
	}
	if m, err := l.Resume(ctx, "r1", p, l.world.catalogue(t), TakeUp{Who: "amy"}); err != nil || m.State() != StateInterrupted {
		t.Fatalf("%v, %v", m.State(), err)
	}
	l.Watch = l.watch
	if _, err := l.Abandon(context.Background(), "r1", "eve", "it is mended by hand"); err != nil {
		t.Fatal(err)
	}
	with := TakeUp{Who: "bob", Decisions: []Decision{{Step: "each[a].set", Say: SayNotDone, Because: "I looked"}}}
	if m, err := l.Rollback(context.Background(), "r1", p, l.world.catalogue(t), with); err != nil || m.State() != StateRolledBack {
		t.Fatalf("%v, %v", m.State(), err)
	}
	stored, err := l.ReadRun("r1")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, e := range stored.Events {
		if e.Who != "" {
			named = append(named, string(e.Kind)+" "+e.Who)
		}
	}
	if want := []string{"opened amy", "ended eve", "opened bob", "rollback bob", "recovered bob"}; !slices.Equal(named, want) {
		t.Errorf("named are %q, want %q", named, want)
	}
}

// A person's word that a write happened counts though the org has something else
// by then. What it has is on record, and no rollback overwrites it.
func TestDoneThoughTheOrgHasAnother(t *testing.T) {
	l, p := doubtedItem(t, "rollback")
	with := TakeUp{Decisions: []Decision{{Step: "each[a].set", Say: SayDone, Because: "I saw it"}}}
	m, err := l.Rollback(context.Background(), "r1", p, l.world.catalogue(t), with)
	if err != nil || m.State() != StateRollbackIncomplete || l.world.things["a"] != "foreign" {
		t.Errorf("%v, %v; it is %s", m.State(), err, l.world.things["a"])
	}
	found := ""
	for _, e := range l.events {
		if e.Verdict != nil && e.Verdict.Decided == SayDone {
			found = e.Verdict.Found
		}
	}
	if found != "it has a third value" {
		t.Errorf("found %q", found)
	}
}

// A step that is over and in doubt is looked for by who goes on, or is not, as
// on_failure says.
func TestLooksFor(t *testing.T) {
	for _, c := range []struct {
		onFailure string
		undo      bool
		phase     phase
		want      bool
	}{
		{"keep", false, phUnknown, true}, {"keep", false, phObserved, true}, {"keep", false, phAmbiguous, true},
		{"keep", false, phDoubt, false}, {"keep", false, phUndoFailed, false}, {"keep", true, phDoubt, true},
		{"rollback", false, phDoubt, true}, {"rollback", false, phUndoFailed, true}, {"rollback", true, phUndoFailed, false},
	} {
		m := NewMachine(program(t, newWorld(nil).catalogue(t), "steps:\n- id: first\n  put: {name: b, value: x}\n"))
		m.info, m.undo = &RunInfo{OnFailure: c.onFailure}, c.undo
		if got := m.looksFor(&node{scope: m.root, phase: c.phase}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A person said that a write did not happen, and it shows when the step is tried
// again: it is taken for what it is, and not repeated. Somebody else's is not.
func TestWrongNotDone(t *testing.T) {
	for _, c := range []struct {
		there, says string
		want        State
	}{
		{"one", "", StateDone},
		{"foreign", "that its own write did not happen is a person's word", StateRolledBack},
		{"", "", StateDone},
	} {
		t.Run(c.there, func(t *testing.T) {
			w := newWorld(nil)
			p := program(t, w.catalogue(t), "steps:\n- id: first\n  put: {name: b, value: x}\n- id: second\n  put: {name: a, value: one}\n- id: third\n  put: {name: c, value: $<steps.second.serial>}\n")
			w.faults["put a=one"] = never
			l := newLive(t, w)
			ctx, stop := context.WithCancel(context.Background())
			l.Watch = func(e Event) {
				if l.watch(e); e.Kind == EvUnknown {
					stop()
				}
			}
			if m := l.run(ctx, p, nil); m.State() != StateInterrupted {
				t.Fatalf("state %s", m.State())
			}
			delete(w.faults, "put a=one")
			w.set("a", c.there)
			with := TakeUp{Decisions: []Decision{{Step: "second", Say: SayNotDone}}}
			m, err := l.Resume(context.Background(), "r1", p, w.catalogue(t), with)
			if err != nil || m.State() != c.want || !strings.Contains(m.failure, c.says) {
				t.Fatalf("%s, %v: %s", m.State(), err, m.failure)
			}
			stored, err := l.ReadRun("r1")
			if err != nil {
				t.Fatal(err)
			}
			if again, err := stored.Machine(p); err != nil || again.State() != c.want {
				t.Errorf("read again: %v, %v", again.State(), err)
			}
			if c.want != StateDone {
				return
			}
			repeated := map[string]int{"one": 1, "": 2}[c.there]
			if left := stored.Leftovers(); len(left) != 3 || !stored.Remains() || w.sent["second: put a=one"] != repeated {
				t.Errorf("it leaves %+v, and was sent %v", left, w.sent)
			}
			if m = l.rollback(p); m.State() != StateRolledBack || len(w.things) != 0 {
				t.Errorf("rolled back: %s, %v", m.State(), w.things)
			}
		})
	}
}
