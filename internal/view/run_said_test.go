package view

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner"
)

// decided is a run that was taken up again by somebody else than who began it,
// with a word about a write, undone and given up.
func decided(who, because string) *runner.StoredRun {
	at := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	run := &runner.StoredRun{Head: strings.Repeat("a", 64)}
	for _, e := range []runner.Event{
		{Kind: runner.EvCreated, Run: &runner.RunInfo{ID: "r1", Playbook: "p", Version: "1.0.0", Org: "https://acme.okta.com", OnFailure: "rollback", Who: "ada@host", Tool: "rekey 1", StartedAt: at}},
		{Kind: runner.EvInputs, Step: "switch", Claims: []string{"app/a"}},
		{Kind: runner.EvObserved, Step: "switch"},
		{Kind: runner.EvRecovered, Step: "switch", Verdict: &runner.Verdict{Outcome: runner.Ambiguous, Reason: "nobody knows"}},
		{Kind: runner.EvEnded, State: runner.StateStuck},
		{Kind: runner.EvOpened, Who: who},
		{Kind: runner.EvRecovered, Step: "switch", Who: who, Verdict: &runner.Verdict{Outcome: runner.Happened, Decided: runner.SayDone, Reason: because}},
		{Kind: runner.EvEnded, State: runner.StateInterrupted, Reason: "told to stop"},
		{Kind: runner.EvOpened, Who: who},
		{Kind: runner.EvRollback, Who: who, Reason: "asked for"},
		{Kind: runner.EvEnded, State: runner.StateRollbackIncomplete},
		{Kind: runner.EvEnded, State: runner.StateAbandoned, Who: who, Reason: "it is mended by hand"},
	} {
		run.Events = append(run.Events, runner.Timed{Time: at, Event: e})
	}
	return run
}

// runFaces are all faces of a run, by their names.
func runFaces(t *testing.T, run *runner.StoredRun) map[string]string {
	t.Helper()
	const rollback = "rekey rollback r1"
	r := NewReport(run, nil, rollback)
	faces := map[string]string{}
	for name, show := range map[string]func(*bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return Show(b, run, nil, rollback) },
		"markdown": func(b *bytes.Buffer) error { return RunMarkdown(b, r, rollback) },
		"html":     func(b *bytes.Buffer) error { return RunHTML(b, run, r, rollback) },
		"json":     func(b *bytes.Buffer) error { return JSON(b, r) },
	} {
		var b bytes.Buffer
		if err := show(&b); err != nil {
			t.Fatal(err)
		}
		faces[name] = strings.NewReplacer("**", "", "`", "", `\`, "", "</span>", "", "&#39;", "'").Replace(strings.Join(strings.Fields(b.String()), " "))
	}
	return faces
}

// Each face tells who took a run up, asked for its rollback, gave it up, and
// what was said of a write in doubt, and why.
func TestWhoAndBecause(t *testing.T) {
	for name, face := range runFaces(t, decided("bob@desk", "the org's log has it")) {
		want := []string{"ada@host", "bob@desk", "by bob@desk", "asked for by bob@desk", "by bob@desk: it is mended by hand", "as bob@desk said: the org's log has it"}
		switch name {
		case "json":
			want = append(want, `"also_by": [ "bob@desk" ]`, `"say": "done", "who": "bob@desk", "because": "the org's log has it"`)
		case "text":
			want = append(want, "by ada@host with rekey 1 then bob@desk", saidTitle+" - switch, 12:00:00: its write happened, as bob@desk said")
		case "markdown":
			want = append(want, "then by bob@desk", saidTitle)
		case "html":
			want = append(want, "Then by", "<h2>Said by a person</h2>")
		}
		for _, text := range want {
			if !strings.Contains(face, text) {
				t.Errorf("%s lacks %q:\n%s", name, text, face)
			}
		}
	}
}

// Where the org had something else when a person said that a write happened,
// each face says so, and none that the org has what the run wrote.
func TestSaidOtherwise(t *testing.T) {
	run := decided("bob@desk", "I clicked it")
	change := &runner.Write{Method: "PUT", Path: "/api/v1/apps/a", Change: &runner.Change{Pointer: "/kid", From: "old-kid", To: "new-kid"}}
	for i := range run.Events {
		switch e := &run.Events[i].Event; {
		case e.Kind == runner.EvObserved:
			run.Events = slices.Insert(run.Events, i+1, runner.Timed{Event: runner.Event{Kind: runner.EvUnknown, Step: "switch", Write: change}})
		case e.Verdict != nil && e.Verdict.Decided != "":
			e.Verdict.Found = "app/a signs with other-kid"
		}
	}
	const caution = "as bob@desk said: I clicked it; but when it was looked at then, app/a signs with other-kid"
	faces := runFaces(t, run)
	var end bytes.Buffer
	if err := Result(&end, run, "rekey rollback r1"); err != nil {
		t.Fatal(err)
	}
	faces["result"] = strings.Join(strings.Fields(end.String()), " ")
	for name, face := range faces {
		want := caution
		if name == "json" {
			want = `"found": "app/a signs with other-kid"`
		}
		if !strings.Contains(face, want) || strings.Contains(face, "Changed") || strings.Contains(face, `"changes"`) {
			t.Errorf("%s:\n%s", name, face)
		}
	}
	// A later write of the run is what is there.
	run.Events = slices.Insert(run.Events, 8, runner.Timed{Event: runner.Event{Kind: runner.EvDone, Step: "switch", Write: change}})
	if r := NewReport(run, nil, ""); len(r.Changes) != 1 || r.Changes[0].Before != "old-kid" || r.Changes[0].After != "new-kid" {
		t.Errorf("changes %+v", r.Changes)
	}
	for _, e := range run.Events {
		for _, told := range NewProgress(nil).Told(e.Event) {
			if told.Said != "" && (told.Found == "" || told.Change != "") {
				t.Errorf("told %+v", told)
			}
		}
	}
}

// A journal of an earlier version names nobody: its run is shown as well.
func TestNobodyNamed(t *testing.T) {
	for name, face := range runFaces(t, decided("", "")) {
		if !strings.Contains(face, "as a person said") || strings.Contains(face, "said:") || strings.Contains(face, "by :") || strings.Contains(face, "also_by") || strings.Contains(face, "Then by") {
			t.Errorf("%s:\n%s", name, face)
		}
	}
}

// Programs are told whose word it is that a write happened.
func TestToldDecision(t *testing.T) {
	p := NewProgress(nil)
	var told []Told
	for _, e := range decided("bob@desk", "the org's log has it").Events {
		told = append(told, p.Told(e.Event)...)
	}
	found := 0
	for _, one := range told {
		switch {
		case one.Event == ToldStep && one.Status == "recovered":
			found++
			if one.Said != runner.SayDone || one.Who != "bob@desk" || one.Message != "the org's log has it" {
				t.Errorf("%+v", one)
			}
		case one.Event == ToldRollback:
			found++
			if one.Who != "bob@desk" {
				t.Errorf("%+v", one)
			}
		}
	}
	if found != 2 {
		t.Errorf("found %d of 2: %+v", found, told)
	}
}

// A step in flight is in somebody's hands while a process is at work on the run,
// and nobody's after that; a run that has not ended has no end.
func TestInFlight(t *testing.T) {
	for alive, want := range map[bool]string{true: underWay, false: mayHaveLeft} {
		run := decided("bob@desk", "")
		run.Events, run.Alive = run.Events[:3], alive
		for name, face := range runFaces(t, run) {
			switch {
			case name == "json" && (strings.Contains(face, "0001-01-01") || !strings.Contains(face, `"in_flight": [ "switch" ]`)):
				t.Errorf("%s:\n%s", name, face)
			case name != "json" && !strings.Contains(face, "switch: "+want) && !strings.Contains(face, "switch</code>: "+want):
				t.Errorf("alive %v, %s lacks %q:\n%s", alive, name, want, face)
			}
		}
	}
}

// The members of a write in doubt are named as all others are.
func TestDoubtAsJSON(t *testing.T) {
	run := decided("bob@desk", "")
	run.Events = run.Events[:5]
	run.Events[3].Verdict.Candidates = []string{"a", "b"}
	want := `"in_doubt": [ { "step": "switch", "candidates": [ "a", "b" ], "reason": "nobody knows" } ]`
	if face := runFaces(t, run)["json"]; !strings.Contains(face, want) {
		t.Errorf("no %s in\n%s", want, face)
	}
}

// moved is a step type that sees what it yields.
type moved struct {
	thing
	Before string `saw:"before" out:"before" is:"optional" doc:"what was there"`
}

// What a write in flight makes is not known; what was seen not to be there is.
func TestNotKnownYet(t *testing.T) {
	catalogue, err := runner.NewCatalogue(runner.Type{Name: "moved", Doc: "Moves a thing.", Change: "{id} instead of {before} in {app}",
		Undo: runner.UndoStays, New: func() any { return &moved{} }})
	if err != nil {
		t.Fatal(err)
	}
	typ := catalogue.Type("moved")
	saw := map[string]any{"before": "", "app": "a"}
	if got, want := typ.Describe(typ.Change, "", saw, yielded(typ, nil)), "(not known yet) instead of (none) in a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := typ.Describe(typ.Change, "", saw, yielded(typ, map[string]any{})), "(none) instead of (none) in a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
