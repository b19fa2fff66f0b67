package runner

import (
	"strings"
	"testing"
)

// recordOf is a run of the events.
func recordOf(events ...Event) *StoredRun {
	run := &StoredRun{}
	for _, e := range append([]Event{{Kind: EvCreated, Run: &RunInfo{ID: "r1", Format: JournalFormat}}}, events...) {
		run.Events = append(run.Events, Timed{Event: e})
	}
	return run
}

// TestWhy: a run tells why it stands where it stands, and not why it once did.
func TestWhy(t *testing.T) {
	ended := func(s State, why string) Event { return Event{Kind: EvEnded, State: s, Reason: why} }
	not := func(said Saying) Event {
		return Event{Kind: EvRecovered, Step: "a", Verdict: &Verdict{Outcome: Not, Decided: said}}
	}
	var (
		observed  = Event{Kind: EvObserved, Step: "a"}
		lost      = Event{Kind: EvUnknown, Step: "a", Error: "no answer"}
		failed    = Event{Kind: EvFailed, Step: "a", Error: "refused"}
		done      = Event{Kind: EvDone, Step: "a"}
		opened    = Event{Kind: EvOpened}
		asked     = Event{Kind: EvRollback, Reason: "asked for"}
		ambiguous = Event{Kind: EvRecovered, Step: "a", Verdict: &Verdict{Outcome: Ambiguous, Reason: "two"}}
		stuck     = ended(StateStuck, "step a: nobody can tell")
		undone    = ended(StateRolledBack, "")
	)
	for name, c := range map[string]struct {
		events []Event
		want   string
	}{
		"its write did not happen":         {[]Event{observed, lost, not(""), ended(StateFailed, "x")}, "step a: no answer (and its write did not happen)"},
		"stuck":                            {[]Event{observed, lost, ambiguous, stuck}, "step a: nobody can tell"},
		"stuck, then done":                 {[]Event{observed, lost, ambiguous, stuck, opened, not(SayNotDone), observed, done, ended(StateDone, "")}, ""},
		"stuck, then done, then undone":    {[]Event{observed, lost, ambiguous, stuck, opened, not(SayNotDone), observed, done, ended(StateDone, ""), opened, asked, undone}, ""},
		"said not to be done, interrupted": {[]Event{observed, lost, ambiguous, stuck, opened, not(SayNotDone), ended(StateInterrupted, "interrupted")}, "interrupted"},
		"lost in an earlier try": {[]Event{observed, lost, {Kind: EvRecovered, Step: "a", Verdict: &Verdict{Outcome: Not}, Again: &Again{Tried: 1}},
			observed, opened, not(""), observed, done, ended(StateInterrupted, "interrupted")}, "interrupted"},
		"failed, undone":                 {[]Event{failed, {Kind: EvRollback, Reason: "step a failed"}, undone}, "step a: refused"},
		"given up, then undone":          {[]Event{observed, done, ended(StateInterrupted, "interrupted"), ended(StateAbandoned, "no time"), opened, asked, undone}, "interrupted"},
		"failed, given up, then undone":  {[]Event{failed, asked, ended(StateRollbackIncomplete, ""), ended(StateAbandoned, "no time"), opened, asked, undone}, "step a: refused"},
		"failed, given up":               {[]Event{failed, asked, ended(StateRollbackIncomplete, ""), ended(StateAbandoned, "no time")}, "no time"},
		"failed to be undone, then done": {[]Event{failed, asked, ended(StateRollbackIncomplete, ""), opened, asked, undone}, "step a: refused"},
	} {
		if got := recordOf(c.events...).Summary().Reason; got != c.want {
			t.Errorf("%s: why %q, want %q", name, got, c.want)
		}
	}
}

// TestFailedStep: a run names the step that it failed at, as long as that is why
// it ended.
func TestFailedStep(t *testing.T) {
	ended := func(s State, why string) Event { return Event{Kind: EvEnded, State: s, Reason: why} }
	var (
		failed = Event{Kind: EvFailed, Step: "a", Error: "refused"}
		done   = Event{Kind: EvDone, Step: "a"}
		opened = Event{Kind: EvOpened}
		asked  = Event{Kind: EvRollback, Reason: "asked for"}
		undone = ended(StateRolledBack, "")
	)
	for name, c := range map[string]struct {
		events []Event
		want   string
	}{
		"failed":                        {[]Event{failed, ended(StateFailed, "x")}, "a"},
		"failed, undone":                {[]Event{failed, {Kind: EvRollback, Reason: "step a failed"}, undone}, "a"},
		"done, undone":                  {[]Event{done, ended(StateDone, ""), opened, asked, undone}, ""},
		"interrupted, undone":           {[]Event{done, ended(StateInterrupted, "interrupted"), opened, asked, undone}, ""},
		"stuck":                         {[]Event{failed, ended(StateStuck, "step b: nobody can tell")}, ""},
		"failed, kept, undone":          {[]Event{failed, ended(StateFailed, "x"), opened, asked, undone}, "a"},
		"failed, given up":              {[]Event{failed, asked, ended(StateRollbackIncomplete, ""), ended(StateAbandoned, "no time")}, ""},
		"failed, given up, then undone": {[]Event{failed, asked, ended(StateRollbackIncomplete, ""), ended(StateAbandoned, "no time"), opened, asked, undone}, "a"},
		"an item failed, undone":        {[]Event{failed, {Kind: EvRollback, Step: "fleet[a]", Reason: "refused"}, ended(StateDoneWithFailures, ""), opened, asked, undone}, ""},
		"a variable failed":             {[]Event{ended(StateFailed, "var x: no")}, ""},
	} {
		if got := recordOf(c.events...).Summary().FailedStep; got != c.want {
			t.Errorf("%s: it failed at %q, want %q", name, got, c.want)
		}
	}
}

// TestEndedAt: a run that goes on has not ended.
func TestEndedAt(t *testing.T) {
	run := recordOf(Event{Kind: EvEnded, State: StateInterrupted})
	run.Events[1].Time = run.Events[1].Time.AddDate(1, 0, 0)
	if run.Summary().EndedAt.IsZero() {
		t.Error("it ended")
	}
	run.Events = append(run.Events, Timed{Event: Event{Kind: EvOpened}})
	if got := run.Summary(); !got.EndedAt.IsZero() || got.State != StateInterrupted {
		t.Errorf("%+v", got)
	}
}

// TestStateInWords: people read words, programs names.
func TestStateInWords(t *testing.T) {
	if got := StateRolledBack.String(); got != "rolled back" {
		t.Error(got)
	}
	if raw, _, err := canonical(Event{Kind: EvEnded, State: StateDoneWithFailures}); err != nil || !strings.Contains(string(raw), `"state":"done_with_failures"`) {
		t.Error(string(raw), err)
	}
}

// TestPerhapsOfAnAbandonedRun: whether anybody has looked for a write is told
// as it was.
func TestPerhapsOfAnAbandonedRun(t *testing.T) {
	run := recordOf(
		Event{Kind: EvInputs, Step: "a", Claims: []string{"thing/a"}}, Event{Kind: EvObserved, Step: "a"}, Event{Kind: EvUnknown, Step: "a"},
		Event{Kind: EvRecovered, Step: "a", Verdict: &Verdict{Outcome: Ambiguous, Reason: "there are two"}},
		Event{Kind: EvObserved, Step: "b"},
	)
	for _, e := range []Event{ // a rollback has told of this one
		{Kind: EvObserved, Step: "c"}, {Kind: EvRollback}, {Kind: EvRecovered, Step: "c", Verdict: &Verdict{Outcome: Ambiguous}},
		{Kind: EvUndoFail, Step: "c", Residues: []Residue{{Kind: "thing", Perhaps: true}}},
	} {
		run.Events = append(run.Events, Timed{Event: e})
	}
	got := run.perhaps()
	if len(got) != 2 || got[0].Owner != "thing/a" || !got[0].Perhaps || !strings.Contains(got[0].Note, "nobody can tell whether it happened: there are two") ||
		!strings.Contains(got[1].Note, "nobody has looked whether it happened") {
		t.Errorf("%+v", got)
	}
}
