package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"example.com/rekey/runner/journal"
)

const givenUp = `
steps:
  - id: first
    put: {name: a, value: one}
  - id: second
    put: {name: b, value: two}
`

// killedAt is a run whose process died once an event was recorded.
func killedAt(t *testing.T, last func(Event) bool) (*live, *Program) {
	t.Helper()
	w := newWorld(map[string]string{"a": "old"})
	l, p := newLive(t, w), program(t, w.catalogue(t), givenUp)
	l.run(context.Background(), p, nil)
	kept := killed(t, l.events, last)
	if err := os.Remove(l.journalFile("r1")); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Create(l.journalFile("r1"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, rec := range kept {
		if _, err := j.Append(rec.Event); err != nil {
			t.Fatal(err)
		}
	}
	l.trace = nil
	return l, p
}

// A run that was given up says what it leaves, cannot be gone on with, and can
// still be undone.
func TestAbandon(t *testing.T) {
	l, p := killedAt(t, func(e Event) bool { return e.Kind == EvObserved && e.Step == "second" })
	left(t, l.Local, "r1", "thing/a", "thing/b")
	run, err := l.ReadRun("r1")
	if err != nil {
		t.Fatal(err)
	}
	leftovers := run.Leftovers()
	if len(leftovers) != 2 || leftovers[0].Step != "first" || leftovers[0].Doubt || leftovers[0].Write == nil || leftovers[0].Out["previous"] != "old" ||
		leftovers[1].Step != "second" || !leftovers[1].Doubt || leftovers[1].Write != nil || leftovers[1].Owner == "" {
		t.Errorf("it leaves %+v", leftovers)
	}
	noted, err := l.Abandon(context.Background(), "r1", "ada", "moved to the new tenant")
	if err != nil || noted {
		t.Fatal(noted, err)
	}
	if run, err = l.ReadRun("r1"); err != nil {
		t.Fatal(err)
	}
	last := run.Events[len(run.Events)-1]
	if s := run.Summary(); s.State != StateAbandoned || last.Reason != "moved to the new tenant" || len(last.Residues) != 1 || !last.Residues[0].Perhaps || last.Residues[0].Owner != leftovers[1].Owner {
		t.Errorf("%+v, %+v", s, last)
	}
	if claims := owners(t, l.Local); len(claims) != 0 {
		t.Errorf("it claims %v", claims)
	}
	var ended *EndedError
	if _, err := l.Abandon(context.Background(), "r1", "ada", "again"); !errors.As(err, &ended) || ended.State != StateAbandoned {
		t.Errorf("abandoned twice: %v", err)
	}
	m, err := l.Resume(context.Background(), "r1", p, l.world.catalogue(t), TakeUp{})
	if err != nil || m.State() != StateAbandoned || len(l.trace) != 0 {
		t.Errorf("resumed: %v, %s, %v", err, m.State(), l.trace)
	}
	if m := l.rollback(p); m.State() != StateRolledBack || l.world.get("a") != "old" || l.world.get("b") != "" {
		t.Errorf("%s, the world is %v", m.State(), l.world.things)
	}
}

// A journal that cannot be read takes no event: the run is given up beside it.
func TestAbandonDamaged(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(line string) string // of the third line
		want  string
	}{
		{"a flipped byte", func(line string) string { return strings.Replace(line, "e", "f", 1) }, "line 3 "},
		{"no line", func(string) string { return "\n" }, "line 3 is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, _ := killedAt(t, func(e Event) bool { return e.Kind == EvObserved && e.Step == "second" })
			left(t, l.Local, "r1", "thing/a", "thing/b")
			text, err := os.ReadFile(l.journalFile("r1"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(text), "\n")
			lines[2] = test.spoil(lines[2])
			spoilt := strings.Join(lines, "")
			write(t, l.journalFile("r1"), spoilt)
			run, problem := l.ReadRun("r1")
			if problem == nil || !strings.Contains(problem.Error(), test.want) || len(run.Events) != 2 || len(run.Playbook) == 0 {
				t.Errorf("%d events, %v", len(run.Events), problem)
			}
			if note, err := l.ReadAbandoned("r1"); note != nil || err != nil {
				t.Errorf("%v, %v", note, err)
			}
			noted, err := l.Abandon(context.Background(), "r1", "ada", "a bad disk")
			if err != nil || !noted {
				t.Fatal(noted, err)
			}
			note, err := l.ReadAbandoned("r1")
			if err != nil || note.Because != "a bad disk" || note.Who != "ada" || !strings.Contains(note.Problem, test.want) || note.At.IsZero() {
				t.Errorf("%+v, %v", note, err)
			}
			if text, err := os.ReadFile(l.journalFile("r1")); err != nil || string(text) != spoilt {
				t.Error("the journal was changed")
			}
			if _, err := claim(l.Local, "new", "thing/a"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A journal that has lost all that it held is not one of a run that never
// began: its run keeps what it claims until it is given up.
func TestAbandonEmptied(t *testing.T) {
	l, _ := killedAt(t, func(e Event) bool { return e.Kind == EvObserved && e.Step == "second" })
	left(t, l.Local, "r1", "thing/a")
	write(t, l.journalFile("r1"), "")
	const want = "the journal of run r1 has lost its events, so nobody knows what it did"
	if _, err := l.ReadRun("r1"); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	var claimed *ClaimedError
	if _, err := claim(l.Local, "new", "thing/a"); !errors.As(err, &claimed) || claimed.Err == nil || !strings.Contains(claimed.Problem(), want) {
		t.Error(err)
	}
	if noted, err := l.Abandon(context.Background(), "r1", "ada", "a bad disk"); err != nil || !noted {
		t.Fatal(noted, err)
	}
	if _, err := claim(l.Local, "new", "thing/a"); err != nil {
		t.Error(err)
	}
}

// A journal of another version is as good as damaged to this one.
func TestAbandonOfAnotherVersion(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	j, err := journal.Create(l.journalFile("r"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []any{
		Event{Kind: EvCreated, Run: &RunInfo{ID: "r", Format: JournalFormat + 1}},
		map[string]any{"kind": "done", "step": 7},
	} {
		if _, err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	if _, err := l.ReadRun("r"); err == nil || !strings.Contains(err.Error(), "line 2 ") {
		t.Error(err)
	}
	if noted, err := l.Abandon(context.Background(), "r", "ada", "old"); err != nil || !noted {
		t.Error(noted, err)
	}
}

func TestAbandonRefuses(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	if _, err := l.Abandon(context.Background(), "none", "ada", "x"); !errors.Is(err, ErrNeverBegan) {
		t.Errorf("no run: %v", err)
	}
	for _, state := range []State{StateDone, StateDoneWithFailures, StateFailed, StateRolledBack} {
		stored(t, l, string(state), state)
		before, _ := os.ReadFile(l.journalFile(string(state)))
		var ended *EndedError
		if _, err := l.Abandon(context.Background(), string(state), "ada", "x"); !errors.As(err, &ended) || ended.State != state {
			t.Errorf("%s: %v", state, err)
		}
		if after, _ := os.ReadFile(l.journalFile(string(state))); string(after) != string(before) {
			t.Errorf("%s: its journal was changed", state)
		}
	}
	stored(t, l, "busy", "")
	j, _, err := journal.Open(l.journalFile("busy"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := l.Abandon(context.Background(), "busy", "ada", "x"); !errors.As(err, new(*ClaimedError)) {
		t.Errorf("a run at work: %v", err)
	}
}

// What a run leaves is told from its events alone.
func TestLeftovers(t *testing.T) {
	put := &Write{Method: "PUT", Path: "/a"}
	verdict := func(o Outcome) *Verdict { return &Verdict{Outcome: o} }
	observed := Event{Kind: EvObserved, Step: "s"}
	for _, test := range []struct {
		name   string
		events []Event
		want   string // "": nothing
	}{
		{"only looked at", []Event{{Kind: EvInputs, Step: "s", Claims: []string{"app/1"}}}, ""},
		{"read", []Event{{Kind: EvDone, Step: "s", Out: map[string]any{"kid": "k"}}}, ""},
		{"in flight", []Event{observed}, "s doubt"},
		{"done", []Event{observed, {Kind: EvDone, Step: "s", Write: put}}, "s"},
		{"done before", []Event{observed, {Kind: EvDone, Step: "s"}}, ""},
		{"done, then again and in place", []Event{observed, {Kind: EvDone, Step: "s", Write: put}, {Kind: EvAssertion, Step: "s", Again: &Again{}}, observed, {Kind: EvDone, Step: "s"}}, "s"},
		{"refused", []Event{observed, {Kind: EvFailed, Step: "s"}}, ""},
		{"failed after its write", []Event{observed, {Kind: EvFailed, Step: "s", Write: put}}, "s doubt"},
		{"lost", []Event{observed, {Kind: EvUnknown, Step: "s", Write: put}}, "s doubt"},
		{"lost, happened", []Event{observed, {Kind: EvUnknown, Step: "s", Write: put}, {Kind: EvRecovered, Step: "s", Verdict: verdict(Happened)}}, "s"},
		{"in flight, happened", []Event{observed, {Kind: EvRecovered, Step: "s", Verdict: verdict(Happened)}}, "s"},
		{"lost, did not happen", []Event{observed, {Kind: EvUnknown, Step: "s", Write: put}, {Kind: EvRecovered, Step: "s", Verdict: verdict(Not)}}, ""},
		{"lost, and again", []Event{observed, {Kind: EvUnknown, Step: "s", Write: put}, {Kind: EvRecovered, Step: "s", Verdict: verdict(Not), Again: &Again{}}, observed}, "s doubt"},
		{"ambiguous", []Event{observed, {Kind: EvUnknown, Step: "s", Write: put}, {Kind: EvRecovered, Step: "s", Verdict: verdict(Ambiguous)}}, "s doubt"},
		{"undone", []Event{observed, {Kind: EvDone, Step: "s", Write: put}, {Kind: EvUndone, Step: "s"}}, ""},
		{"not undone", []Event{observed, {Kind: EvDone, Step: "s", Write: put}, {Kind: EvUndoFail, Step: "s"}}, "s"},
		{"kept", []Event{observed, {Kind: EvDone, Step: "s", Write: put}, {Kind: EvKept, Step: "s"}}, "s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := &StoredRun{Events: []Timed{{Event: Event{Kind: EvCreated, Run: &RunInfo{}}}}}
			for _, e := range test.events {
				run.Events = append(run.Events, Timed{Event: e})
			}
			var got []string
			for _, l := range run.Leftovers() {
				text := l.Step
				if l.Doubt {
					text += " doubt"
				}
				got = append(got, text)
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("it leaves %q, want %q", got, test.want)
			}
			if run.Remains() != (test.want != "") {
				t.Errorf("Remains says %v", run.Remains())
			}
		})
	}
}

// The note of a run that was given up is read as it was written.
func TestAbandonmentIsJSON(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	write(t, l.journalFile("r"), "broken\n")
	if _, err := l.Abandon(context.Background(), "r", "", `a "quoted" text`); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(l.abandonedFile("r"))
	var a map[string]any
	if err != nil || json.Unmarshal(data, &a) != nil || fmt.Sprint(a["format"]) != "1" || a["because"] != `a "quoted" text` {
		t.Errorf("%v, %s", err, data)
	}
	write(t, l.abandonedFile("r"), "broken")
	if _, err := l.ReadAbandoned("r"); err == nil {
		t.Error("a broken note was read")
	}
}
