package runner

import (
	"slices"
	"testing"
)

// What a run made and used up is not what stays of it; what was there before, or
// is perhaps somebody else's, is.
func TestStaysWithoutItsOwn(t *testing.T) {
	used := func(id string) Residue { return Residue{Owner: "app/a", Kind: "csr", ID: id, Effect: Consumed} }
	lost := Residue{Owner: "app/a", Kind: "csr", ID: "made", Effect: Destroyed}
	stays := Residue{Owner: "app/a", Kind: "key", ID: "made", Effect: Added}
	make := func(end Event) []Event {
		end.Step, end.Out = "make", map[string]any{"id": "made", "of": "given", "was": "seen"}
		return []Event{
			{Kind: EvInputs, Step: "make", In: map[string]any{"of": []any{"given"}}, Claims: []string{"app/a"}},
			{Kind: EvObserved, Step: "make", Saw: map[string]any{"was": "seen"}}, end,
		}
	}
	done := Event{Kind: EvDone, Write: &Write{Method: "POST"}}
	for name, c := range map[string]struct {
		end  Event
		left []Residue
		want []Residue
	}{
		"its own":                  {done, []Residue{used("made"), lost, stays}, []Residue{stays}},
		"another's":                {done, []Residue{used("other"), stays}, []Residue{used("other"), stays}},
		"given":                    {done, []Residue{used("given")}, []Residue{used("given")}},
		"seen":                     {done, []Residue{used("seen")}, []Residue{used("seen")}},
		"of another owner":         {done, []Residue{{Owner: "app/b", Kind: "csr", ID: "made", Effect: Consumed}}, []Residue{{Owner: "app/b", Kind: "csr", ID: "made", Effect: Consumed}}},
		"found in place":           {Event{Kind: EvDone}, []Residue{used("made")}, []Residue{used("made")}},
		"found after all, perhaps": {Event{Kind: EvRecovered, Verdict: &Verdict{Outcome: Happened}}, []Residue{used("made")}, []Residue{used("made")}},
	} {
		run := &StoredRun{Events: []Timed{{Event: Event{Kind: EvCreated, Run: &RunInfo{}}}}}
		for _, e := range append(make(c.end), Event{Kind: EvUndone, Step: "use", Residues: c.left}) {
			run.Events = append(run.Events, Timed{Event: e})
		}
		if got := run.Summary().Residues; !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v stay, want %+v", name, got, c.want)
		}
	}
}
