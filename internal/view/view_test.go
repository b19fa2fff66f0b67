package view

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"example.com/rekey/runner"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares a view with a file of testdata.
func golden(t *testing.T, name string, show func(*bytes.Buffer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := show(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got.Bytes(), want)
	}
	for _, r := range got.String() {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s holds the rune %U, which does not print", name, r)
		}
	}
	for line := range strings.Lines(got.String()) {
		if line != "\n" && strings.TrimRight(line, " \n")+"\n" != line {
			t.Errorf("%s: blanks at the end of %q", name, line)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain Ω é 漢":      "plain Ω é 漢",
		"a\x1b[31mred":     "a␛[31mred",
		"two\nlines\r\x00": "two␊lines␍␀",
		"tab\tstop":        "tab stop",
		"\u202egnp.exe":    "\ufffdgnp.exe",
		"bad \xff utf":     "bad \ufffd utf",
		"\x7f\u0085":       "␡\ufffd",
	} {
		if got := Visible(in); got != want {
			t.Errorf("Visible(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, "(none)"}, {"", `""`}, {"x", "x"}, {true, "true"}, {7, "7"},
		{[]any{}, "(none)"}, {[]any{"a", 1}, "a, 1"},
		{map[string]any{"b": 1, "a": "<x>"}, `{"a":"<x>","b":1}`},
	} {
		if got := Value(c.in); got != c.want {
			t.Errorf("Value(%v) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestFirstSentence(t *testing.T) {
	for in, want := range map[string]string{
		"One. Two.":       "One",
		"Only one.":       "Only one",
		"No stop":         "No stop",
		"On\n two lines.": "On two lines",
	} {
		if got := FirstSentence(in); got != want {
			t.Errorf("FirstSentence(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("some words to wrap", 10)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, text string, width int) {
		lines := wrap(text, width)
		if got, want := strings.Join(lines, " "), strings.Join(strings.Fields(text), " "); got != want {
			t.Errorf("wrapping lost something: %q, want %q", got, want)
		}
	})
}

var at = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// everything is a plan with one of each thing that a plan can tell.
func everything() *runner.Plan {
	no, yes := false, true
	return &runner.Plan{
		Header: runner.PlanHeader{Format: runner.PlanFormat, MadeAt: at, Tool: "rekey test", Who: "ada@host"},
		Body: runner.PlanBody{
			Playbook: "all", Version: "1.2.3", Org: "https://offline.rekey.invalid", Offline: true, OnFailure: "keep",
			Inputs: map[string]any{"app": "0oa1", "label": "evil\x1b[2J", "list": []any{"a", "b"}, "none": nil}, Secrets: []string{"pass", "word"}, NotGiven: []string{"word"},
			Warnings: []string{"a warning of the whole"},
			Steps: []runner.PlannedStep{
				{Step: "read", Name: "look first", Type: "get_app"},
				{Step: "skip", Type: "make", Action: true, Condition: &no},
				{Step: "same", Type: "make", Action: true, Change: "make x of app/0oa1", Condition: &yes},
				{Step: "gone", Type: "destroy", Action: true, Change: "destroy x", Undo: runner.UndoIrreversible, Caution: "this cannot be undone",
					Write:    &runner.Write{Method: "DELETE", Path: "/api/v1/x/1"},
					Residues: []runner.Residue{{Owner: "app/0oa1", Kind: "x", ID: "1", Effect: runner.Destroyed, Note: "it is gone"}}},
				{Step: "send", Type: "make", Action: true, Change: "make z", Undo: runner.UndoExact, In: map[string]any{"kid": "k", "text": strings.Repeat("long ", 30)},
					Saw: map[string]any{"before": []any{}}, Calls: map[string]runner.Bucket{"apps": {Calls: 3, PerMinute: 100}}, Scopes: []string{"x.manage", "x.read"},
					Write: &runner.Write{Method: "POST", Path: "/api/v1/z", ContentType: "application/json", SHA256: "00",
						Body: json.RawMessage(`{"credentials":{"password":{"value":"hunter2"},"signing":{"kid":"k"}},"label":"z\u001b","settings":{"app":[{"secret":"hunter3"}],"id":"$<steps.sign.serial>","on":true}}`)}},
				{Step: "sign", Type: "issue", Action: true, Change: "issue y", Undo: runner.UndoStays, Assertions: 2,
					Write: &runner.Write{Method: "ISSUE", Path: "CN=CA"}, Warnings: []string{"careful"}, NotChecked: []string{"the key"},
					Residues: []runner.Residue{{Owner: "ca/CN=CA", Kind: "certificate", ID: "$<steps.sign.serial>", Effect: runner.Added, Perhaps: true}}},
				{Step: "switch", Type: "update", Action: true, Change: "app/0oa1 signs with b", Undo: runner.UndoExact, Notice: "people notice",
					Write: &runner.Write{Method: "PUT", Path: "/api/v1/apps/0oa1", Change: &runner.Change{Pointer: "/kid", To: "b"}}},
			},
			Outputs: map[string]any{"kid": "$<steps.sign.serial>"},
			Calls:   map[string]runner.Bucket{"apps": {Calls: 3, PerMinute: 100}}, RateShare: 50, Expected: "0s",
			Certificates: []runner.PlannedCertificate{
				{Owner: "app/0oa1", Role: runner.RoleSignsNow, Step: "switch", Kid: "a", Subject: "CN=a", Issuer: "CN=a", NotBefore: at.AddDate(-3, 0, 0), NotAfter: at.AddDate(0, 0, -3), SHA256: "1a", SHA1: "1b", DaysLeft: new(-3)},
				{Owner: "ca/CN=CA", Role: runner.RoleIssuer, Step: "sign", Subject: "CN=CA", Issuer: "CN=CA", NotBefore: at.AddDate(-3, 0, 0), NotAfter: at.AddDate(0, 0, 1), SHA256: "2a", SHA1: "2b", DaysLeft: new(1)},
				{Owner: "app/0oa1", Role: runner.RoleWillSign, Step: "sign", Kid: "$<steps.sign.serial>", Subject: "O=Acme,CN=b\x1b", Issuer: "CN=CA", NotBefore: at, NotAfter: at.AddDate(2, 0, 0)},
				{Owner: "app/0oa2", Role: runner.RoleSignsNow, Step: "same", Kid: "c"},
			},
			Rollback: &runner.PlannedRollback{
				Steps: []runner.PlannedUndo{
					{Step: "switch", Write: &runner.Write{Method: "PUT", Path: "/api/v1/apps/0oa1", Change: &runner.Change{Pointer: "/kid", From: "b"}}},
					{Step: "sign"}, {Step: "gone"},
				},
				Residues: []runner.Residue{
					{Owner: "app/0oa1", Kind: "x", ID: "1", Effect: runner.Destroyed, Note: "it is gone"},
					{Owner: "ca/CN=CA", Kind: "certificate", ID: "$<steps.sign.serial>", Effect: runner.Added, Perhaps: true},
				},
			},
		},
	}
}

func TestPlanText(t *testing.T) {
	golden(t, "plan.txt", func(b *bytes.Buffer) error { return PlanText(b, everything()) })
	golden(t, "plan-details.txt", func(b *bytes.Buffer) error { return PlanDetails(b, everything()) })
	golden(t, "plan-failed.txt", func(b *bytes.Buffer) error {
		plan := everything()
		plan.Body.Offline = false
		plan.Body.Steps = plan.Body.Steps[:2]
		plan.Body.Rollback, plan.Body.Certificates = nil, nil
		plan.Body.Failure = &runner.PlanFailure{Step: "skip", Message: "the org says \x1b]0;no\a"}
		return PlanText(b, plan)
	})
	golden(t, "plan-not-undone.txt", func(b *bytes.Buffer) error {
		plan := everything()
		plan.Body.Rollback.Steps[0].Failure = "it left something"
		plan.Body.Failure = &runner.PlanFailure{Step: "switch", Message: "it left something"}
		return PlanText(b, plan)
	})
	golden(t, "plan-nothing.txt", func(b *bytes.Buffer) error {
		plan := everything()
		plan.Body.Steps = plan.Body.Steps[:3]
		plan.Body.Steps[2].Unchanged = true
		plan.Body.Rollback = &runner.PlannedRollback{}
		return PlanText(b, plan)
	})
}

// aRun is a run that lost an answer, failed and could not be undone in full.
func aRun() *runner.StoredRun {
	run := &runner.StoredRun{}
	add := func(e runner.Event) {
		run.Events = append(run.Events, runner.Timed{Time: at.Add(time.Duration(len(run.Events)) * time.Second), Event: e})
	}
	put := func(from, to string) *runner.Write {
		return &runner.Write{Method: "PUT", Path: "/api/v1/apps/0oa1", Change: &runner.Change{Pointer: "/kid", From: from, To: to}}
	}
	no := false
	add(runner.Event{Kind: runner.EvCreated, Run: &runner.RunInfo{ID: "r1", Format: 1, Tool: "rekey test", Who: "ada@host", Playbook: "all",
		Version: "1.2.3", Org: "https://x.okta.com", OnFailure: "rollback", StartedAt: at, Inputs: map[string]any{"app": "0oa1"}, Secrets: []string{"pass", "word"}, NotGiven: []string{"word"}}})
	add(runner.Event{Kind: runner.EvCondition, Step: "skip", Value: &no})
	add(runner.Event{Kind: runner.EvInputs, Step: "switch", Claims: []string{"app/0oa1"}})
	add(runner.Event{Kind: runner.EvObserved, Step: "switch"})
	add(runner.Event{Kind: runner.EvUnknown, Step: "switch", Error: "500", Write: put("a", "b")})
	add(runner.Event{Kind: runner.EvRecovered, Step: "switch", Verdict: &runner.Verdict{Outcome: runner.Happened}})
	add(runner.Event{Kind: runner.EvObserved, Step: "add"})
	add(runner.Event{Kind: runner.EvDone, Step: "add", Out: map[string]any{"id": "k1"}, Write: &runner.Write{Method: "POST", Path: "/api/v1/x"}, Warnings: []string{"odd\x1b"}})
	add(runner.Event{Kind: runner.EvFailed, Step: "last", Error: "refused"})
	add(runner.Event{Kind: runner.EvRollback, Reason: "step last failed"})
	add(runner.Event{Kind: runner.EvUndone, Step: "add", Residues: []runner.Residue{{Owner: "app/0oa1", Kind: "key", ID: "k1", Effect: runner.Added, Note: "it stays"}}})
	add(runner.Event{Kind: runner.EvUndoFail, Step: "switch", Error: "somebody else switched"})
	add(runner.Event{Kind: runner.EvEnded, State: runner.StateRollbackIncomplete})
	return run
}

func TestRunText(t *testing.T) {
	golden(t, "show.txt", func(b *bytes.Buffer) error { return Show(b, aRun(), nil, "rekey rollback r1") })
	golden(t, "result.txt", func(b *bytes.Buffer) error { return Result(b, aRun(), "rekey rollback r1") })
	golden(t, "runs.txt", func(b *bytes.Buffer) error {
		return Runs(b, []runner.Summary{aRun().Summary(), {ID: "r2-longer", Playbook: "p\n", Version: "1", State: runner.StateDone, StartedAt: at}})
	})
}

// TestUndoneChange: a value that was put back is no change.
func TestUndoneChange(t *testing.T) {
	run := aRun()
	for i, e := range run.Events {
		if e.Kind == runner.EvUndoFail {
			run.Events[i].Event = runner.Event{Kind: runner.EvUndone, Step: "switch",
				Write: &runner.Write{Method: "PUT", Path: "/api/v1/apps/0oa1", Change: &runner.Change{Pointer: "/kid", From: "b", To: "a"}}}
		}
		if e.Kind == runner.EvEnded {
			run.Events[i].State = runner.StateRolledBack
		}
	}
	var b bytes.Buffer
	if err := Result(&b, run, "rekey rollback r1"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "Changed") || strings.Contains(b.String(), "To undo") || !strings.Contains(b.String(), "rolled back") {
		t.Errorf("got\n%s", b.String())
	}
}

// TestChangeThatStands: an undo that was refused has put nothing back.
func TestChangeThatStands(t *testing.T) {
	run := aRun()
	for i, e := range run.Events {
		if e.Kind == runner.EvUndoFail {
			run.Events[i].Write = &runner.Write{Method: "PUT", Path: "/api/v1/apps/0oa1", Change: &runner.Change{Pointer: "/kid", From: "b", To: "a"}}
		}
	}
	var b bytes.Buffer
	if err := Result(&b, run, "rekey rollback r1"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "Changed  app/0oa1 /kid\n  before  a\n  after   b\n") {
		t.Errorf("got\n%s", b.String())
	}
}

// thing is a step type for tests.
type thing struct {
	App string `in:"app" doc:"an app"`
	ID  string `out:"id" is:"assigned" doc:"its id"`
}

func (*thing) Observe(context.Context) error                         { return nil }
func (*thing) Do(context.Context) error                              { return nil }
func (*thing) Undo(context.Context) ([]runner.Residue, error)        { return nil, nil }
func (*thing) Recover(context.Context) (v runner.Verdict, err error) { return v, err }
func (s *thing) Claims() []string                                    { return []string{"app/" + s.App} }

// toy is a program of two such steps.
func toy(t *testing.T) *runner.Program {
	return compiled(t, "rekey: 1\nplaybook: all\nversion: 1.2.3\nsteps:\n  - id: switch\n    thing: {app: a}\n  - id: add\n    thing: {app: b}\n")
}

// compiled is a program of such steps.
func compiled(t *testing.T, text string) *runner.Program {
	t.Helper()
	catalogue, err := runner.NewCatalogue(runner.Type{Name: "thing", Doc: "Makes a thing.", Change: "make {id} for {owner}",
		Undo: runner.UndoStays, New: func() any { return &thing{} }})
	if err != nil {
		t.Fatal(err)
	}
	p, faults := runner.ParsePlaybook("all", []byte(text))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	program, faults := runner.Check(p, catalogue)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	return program
}

func TestUndo(t *testing.T) {
	program := toy(t)
	plan := &runner.Plan{Body: runner.PlanBody{Steps: []runner.PlannedStep{
		{Step: "switch", Change: "make $<steps.switch.id> for app/a", Residues: []runner.Residue{{Owner: "app/a", Kind: "thing", ID: "$<steps.switch.id>", Effect: runner.Added}}},
		{Step: "add", Change: "make $<steps.add.id> for app/b", Residues: []runner.Residue{{Owner: "app/b", Kind: "thing", ID: "$<steps.add.id>", Effect: runner.Added}}},
	}}}
	golden(t, "undo-interrupted.txt", func(b *bytes.Buffer) error {
		run := aRun()
		run.Events = run.Events[:7] // add is in doubt
		run.Plan = plan
		return Undo(b, run, program)
	})
	golden(t, "undo-done.txt", func(b *bytes.Buffer) error {
		run := aRun()
		run.Events = run.Events[:8]
		run.Plan = plan
		return Undo(b, run, program)
	})
	golden(t, "undo-unplanned.txt", func(b *bytes.Buffer) error { // and what add made is not known
		run := aRun()
		run.Events = run.Events[:7]
		return Undo(b, run, program)
	})
	golden(t, "undo-rest.txt", func(b *bytes.Buffer) error { return Undo(b, aRun(), program) })
	golden(t, "undo-nothing.txt", func(b *bytes.Buffer) error {
		run := aRun()
		run.Events = run.Events[:3]
		return Undo(b, run, program)
	})
}

func TestWrote(t *testing.T) {
	if !aRun().Remains() {
		t.Error("a run that wrote is said not to have")
	}
	run := &runner.StoredRun{Events: []runner.Timed{
		{Event: runner.Event{Kind: runner.EvUnknown, Step: "a", Write: &runner.Write{Method: "POST"}}},
	}}
	if !run.Remains() {
		t.Error("a write whose answer is lost may have happened")
	}
	run.Events = append(run.Events, runner.Timed{Event: runner.Event{Kind: runner.EvRecovered, Step: "a", Verdict: &runner.Verdict{Outcome: runner.Not}}})
	if run.Remains() {
		t.Error("a write that did not happen is said to have")
	}
}

// The line of the limits says whose they are.
func TestWhoseLimits(t *testing.T) {
	told, not := runner.Bucket{Calls: 1, PerMinute: 20, Told: true}, runner.Bucket{Calls: 1, PerMinute: 500}
	for says, calls := range map[string]map[string]runner.Bucket{
		"1 of a (500 a minute); about 1s. The limits are those that an org has by default; the run":                                                                                              {"a": not},
		"1 of a (20 a minute as the org told); about 1s. The limits are those that the org told while this was rehearsed; the run":                                                               {"a": told},
		"1 of a (20 a minute as the org told), 1 of b (500 a minute); about 1s. The limits are those that the org told while this was rehearsed, else those that an org has by default; the run": {"a": told, "b": not},
	} {
		plan := &runner.Plan{Body: runner.PlanBody{Calls: calls, Expected: "1s", RateShare: 50}}
		for name, show := range map[string]func(io.Writer, *runner.Plan) error{"text": PlanText, "markdown": PlanMarkdown, "html": PlanHTML} {
			var b bytes.Buffer
			if err := show(&b, plan); err != nil {
				t.Fatal(err)
			}
			want := says
			if name == "html" {
				_, want, _ = strings.Cut(says, "about 1s. ")
			}
			if got := strings.ReplaceAll(strings.Join(strings.Fields(b.String()), " "), "`", ""); !strings.Contains(got, want) {
				t.Errorf("%s does not say %q:\n%s", name, want, got[:min(len(got), 3000)])
			}
		}
	}
}
