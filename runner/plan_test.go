package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// rehearse plans a program in the world given.
func rehearse(t *testing.T, w *world, p *Program, inputs map[string]any) *Plan {
	t.Helper()
	public, secret, faults := p.Bind(inputs, false)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	plan, err := Rehearse(context.Background(), p, RehearsalSpec{
		Catalogue: w.catalogue(t), Clock: Clock{Now: func() time.Time { return w.now }},
		Inputs: public, Secrets: secret, Org: "test",
		Bases: func() map[string]string { return map[string]string{"thing/a": "digest"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func planned(t *testing.T, plan *Plan, id string) PlannedStep {
	t.Helper()
	for _, s := range plan.Body.Steps {
		if s.Step == id {
			return s
		}
	}
	t.Fatalf("the plan has no step %s", id)
	return PlannedStep{}
}

// How long a run takes is reckoned with its share of the rate limits.
func TestPlanReckonsWithTheShare(t *testing.T) {
	w := newWorld(nil)
	body := "inputs: {names: {type: list(string)}}\nsteps:\n  - id: fleet\n    for_each: $<inputs.names>\n    as: name\n    steps:\n      - id: mark\n        put: {name: $<name>, value: new}\n"
	p := program(t, w.catalogue(t), body)
	for share, want := range map[int]string{0: "1m0s", 100: "1m0s", 50: "3m0s", 25: "6m0s", 1: "1h39m0s"} {
		plan, err := Rehearse(context.Background(), p, RehearsalSpec{
			Catalogue: w.catalogue(t), Clock: Clock{Now: func() time.Time { return w.now }}, Inputs: map[string]any{"names": names(100)}, RateShare: share,
		})
		if err != nil || plan.Body.Failure != nil || plan.Body.Calls["writes"] != (Bucket{Calls: 100, PerMinute: 60}) {
			t.Fatal(err, plan)
		}
		if plan.Body.Expected != want || plan.Body.RateShare != cmp.Or(share, 100) {
			t.Errorf("with %d%% it is expected to take %s with %d%%, want %s", share, plan.Body.Expected, plan.Body.RateShare, want)
		}
		w.things = map[string]string{}
	}
}

func TestPlanSaysWhatHappens(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	p := program(t, w.catalogue(t), threeSteps)
	plan := rehearse(t, w, p, map[string]any{"also": true})
	if f := plan.Body.Failure; f != nil {
		t.Fatal(f)
	}
	first := planned(t, plan, "first")
	if first.Change != "set thing/a to one instead of old" || first.Notice != "they notice" || first.Undo != UndoExact {
		t.Errorf("first: %+v", first)
	}
	if first.Write == nil || first.Write.Method != "PUT" || first.Write.Path != "/put a=one" || first.Assertions != 1 {
		t.Errorf("first writes %+v", first.Write)
	}
	third := planned(t, plan, "third")
	if len(third.Residues) != 1 || third.Residues[0].ID != "c" || third.Caution != "it stays" {
		t.Errorf("third: %+v", third)
	}
	if got := plan.Body.Calls; got["reads"].Calls != 1 || got["writes"] != (Bucket{Calls: 3, PerMinute: 60}) {
		t.Errorf("calls %v; the undo in the rehearsal must not count", got)
	}
	if !plan.Body.Changes() || plan.Body.Bases["thing/a"] != "digest" {
		t.Errorf("body %+v", plan.Body)
	}
}

func TestPlanOfNoChange(t *testing.T) {
	w := newWorld(map[string]string{"a": "one"})
	p := program(t, w.catalogue(t), "steps:\n- id: first\n  put: {name: a, value: one}\n- id: second\n  if: $<steps.first.previous == nil>\n  add: {name: b}\n")
	plan := rehearse(t, w, p, nil)
	if first := planned(t, plan, "first"); !first.Unchanged || first.Write != nil || plan.Body.Changes() {
		t.Errorf("first: %+v", first)
	}
	if second := planned(t, plan, "second"); second.Condition == nil || *second.Condition {
		t.Errorf("second: %+v", second)
	}
}

// The rehearsal really runs: what would fail half-way fails in review.
func TestPlanFailsWhereTheRunWould(t *testing.T) {
	for _, test := range []struct{ name, body, step, message string }{
		{"observe", "steps:\n- id: first\n  put: {name: forbidden, value: x}\n", "first", "may not be touched"},
		{"assertion", "steps:\n- id: first\n  put: {name: a, value: x}\n  assert: $<steps.first.value == \"y\">\n", "first", "does not hold"},
		{"empty", "vars: {v: \"\"}\nsteps:\n- id: first\n  put: {name: $<vars.v>, value: x}\n", "first", "empty"},
		{"infinity", "vars: {n: 0}\nsteps:\n- id: first\n  if: $<1 / vars.n > 1>\n  add: {name: x}\n", "first", "condition"},
		{"undo", "steps:\n- id: first\n  put: {name: a, value: x}\n", "first", "cannot be undone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(map[string]string{"a": "old"})
			if test.name == "undo" {
				w.faults["back a=old"] = refused
			}
			plan := rehearse(t, w, program(t, w.catalogue(t), test.body), nil)
			f := plan.Body.Failure
			if f == nil || f.Step != test.step || !strings.Contains(f.Message, test.message) {
				t.Errorf("failure %+v, want %s at %s", f, test.message, test.step)
			}
		})
	}
}

// What the world assigned appears as its source, wherever it occurs, and the
// plan does not depend on what it was.
func TestAssignedValuesAppearAsTheirSource(t *testing.T) {
	const body = `
steps:
  - id: first
    put: {name: a, value: x}
  - id: second
    put: {name: b, value: $<steps.first.serial>}
  - id: third
    put: {name: $<steps.second.value>, value: "run $<run.id>"}
outputs:
  serial: $<steps.first.serial>
  text: "is $<steps.first.serial>"
`
	var bodies []string
	for _, next := range []int{1, 77777} {
		w := newWorld(map[string]string{})
		w.next = next
		plan := rehearse(t, w, program(t, w.catalogue(t), body), nil)
		if f := plan.Body.Failure; f != nil {
			t.Fatal(f)
		}
		text, err := json.Marshal(plan.Body)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(text))
		if got := planned(t, plan, "second").Write.Path; got != "/put b=$<steps.first.serial>" {
			t.Errorf("second writes %s", got)
		}
		if got := planned(t, plan, "third"); got.Claims[0] != "thing/$<steps.first.serial>" || got.In["value"] != "run $<run.id>" {
			t.Errorf("third: %+v", got)
		}
		if want := map[string]any{"serial": "$<steps.first.serial>", "text": "is $<steps.first.serial>"}; !maps.Equal(plan.Body.Outputs, want) {
			t.Errorf("outputs %v", plan.Body.Outputs)
		}
	}
	if bodies[0] != bodies[1] {
		t.Errorf("two bodies:\n%s\n%s", bodies[0], bodies[1])
	}
}

func TestSourcesReplaceEveryForm(t *testing.T) {
	var s sources
	s.add("an id/with=signs", "$<id>")
	s.add("an id/with=signs and more", "$<longer>")
	s.add("short", "$<never>")
	for text, want := range map[string]string{
		"x an id/with=signs y":        "x $<id> y",
		"an id/with=signs and more":   "$<longer>",
		"/a/an%20id%2Fwith=signs/b":   "/a/$<id>/b",
		"?q=an+id%2Fwith%3Dsigns":     "?q=$<id>",
		"a short text stays as it is": "a short text stays as it is",
	} {
		if got := s.replace(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	got, _ := json.Marshal(s.replaceAll([]any{"zz", "an id/with=signs", "aa"}))
	if string(got) != `["$\u003cid\u003e","aa","zz"]` {
		t.Errorf("a set of ids becomes %s", got)
	}
	got, _ = json.Marshal(s.replaceAll([]any{"zz", "aa"}))
	if string(got) != `["zz","aa"]` {
		t.Errorf("a list without ids becomes %s", got)
	}
}

// A secret that is not at hand is neither asked for nor a fault.
func TestPlanWithoutASecret(t *testing.T) {
	w := newWorld(map[string]string{})
	p := program(t, w.catalogue(t), `
inputs:
  pass: {type: string, secret: true}
  tail: {type: string, secret: true, default: null}
steps:
  - id: first
    put: {name: a, value: one, note: $<inputs.pass>}
  - id: second
    put: {name: b, value: one, note: $<inputs.tail>}
`)
	plan := rehearse(t, w, p, nil)
	if f := plan.Body.Failure; f != nil {
		t.Fatal(f)
	}
	for _, id := range []string{"first", "second"} {
		if got := planned(t, plan, id).NotChecked; len(got) != 1 || got[0] != "without note" {
			t.Errorf("%s: not checked %v", id, got)
		}
	}
	if got := fmt.Sprint(plan.Body.Secrets, plan.Body.NotGiven); got != "[pass tail] [pass tail]" {
		t.Errorf("secrets, and those not given: %s", got)
	}
	plan = rehearse(t, w, p, map[string]any{"pass": "hush"})
	if got := fmt.Sprint(plan.Body.Secrets, plan.Body.NotGiven); got != "[pass tail] [tail]" {
		t.Errorf("secrets, and those not given: %s", got)
	}
	if _, _, faults := p.Bind(nil, true); len(faults) != 1 || !strings.Contains(faults[0].Message, "pass") {
		t.Errorf("a run without the secret: %v", faults)
	}
}

func TestRehearsalInterrupted(t *testing.T) {
	w := newWorld(nil)
	p := program(t, w.catalogue(t), threeSteps)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, err := Rehearse(ctx, p, RehearsalSpec{Catalogue: w.catalogue(t), Inputs: map[string]any{"value": "one", "also": false}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What is not, byte for byte, a plan as it is written is refused, with the
// reason.
func TestDecodePlan(t *testing.T) {
	plan := &Plan{Header: PlanHeader{Format: PlanFormat}, Body: PlanBody{Playbook: "p", Secrets: []string{"pass"}, Steps: []PlannedStep{{
		Step: "a", In: map[string]any{"n": 1, "text": "<&>"}, Write: &Write{Method: "POST", Body: json.RawMessage(`{"a":[1,2]}`)},
	}}}}
	data, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodePlan(data)
	if err != nil || back.Digest() != plan.Digest() {
		t.Errorf("%v; it reads back as another: %+v", err, back)
	}
	for text, says := range map[string]string{
		"": "empty", "{": "no plan, or was cut short", "[]": "it is JSON, but no plan: it is an array", "{}": "no header with a format",
		`{"header":{"format":2}}`:                       "of format 2",
		`"x"`:                                           "it is JSON, but no plan: it is a string",
		`{"header":{"format":"x"}}`:                     "it is JSON, but no plan: header.format is a string",
		`{"header":{"format":1,"more":1}}`:              "another version made, or that was changed: unknown field \"more\"",
		`{"header":{"format":1},"body":{"steps":{}}}`:   "another version made, or that was changed: body.steps is an object",
		`{"header":{"format":1},"body":{"steps":[3]}}`:  "another version made, or that was changed: body.steps is a number",
		strings.Replace(string(data), `"p"`, `"p" `, 1): "changed since",
		string(data[:len(data)/2]):                      "no plan, or was cut short",
		string(data) + "{}":                             "no plan, or was cut short",
	} {
		if _, err := DecodePlan([]byte(text)); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "json:") {
			t.Errorf("%.40q: %v, which does not say %q", text, err, says)
		}
	}
}

// Of a saved plan nothing may be changed, not even in the form in which plans
// are written: neither what it does nor until when, by whom and with which seal.
func TestSealedPlan(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	plan := &Plan{Header: PlanHeader{Format: PlanFormat, MadeAt: at, Tool: "rekey 1", Who: "ada@host"}, Body: PlanBody{
		Playbook: "p", Org: "https://a.example", Inputs: map[string]any{"years": 2, "text": "<&>"}, Secrets: []string{"pass"}, NotGiven: []string{"pass"},
		Steps: []PlannedStep{{Step: "a", Write: &Write{Method: "POST", Path: "/keys?years=2"}}},
	}}
	unsaved, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	plan.Save(at.Add(time.Hour))
	data, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodePlan(data)
	if err != nil || back.Digest() != plan.Digest() {
		t.Fatalf("%v; it reads back as another: %+v", err, back)
	}
	if back.Save(at.Add(time.Hour)); back.Header.Seal != plan.Header.Seal {
		t.Error("saved again it has another seal")
	}
	if back, err = DecodePlan(unsaved); err != nil || back.Header.Seal != "" {
		t.Errorf("a plan that was not saved: %v, sealed by %q", err, back.Header.Seal)
	}
	for _, change := range [][2]string{
		{"12:00:00Z", "12:00:01Z"}, {"13:00:00Z", "14:00:00Z"}, {"ada@host", "bob@host"}, {"rekey 1", "rekey 2"},
		{"years=2", "years=9"}, {`"years": 2`, `"years": 9`}, {"a.example", "b.example"}, {plan.Header.Seal[:8], "00000000"},
		{",\n    \"secrets_not_given\": [\n      \"pass\"\n    ]", ""},
		{",\n    \"seal\": \"" + plan.Header.Seal + `"`, ""},
	} {
		text := strings.Replace(string(data), change[0], change[1], 1)
		if text == string(data) {
			t.Fatalf("there is no %s in %s", change[0], data)
		}
		if _, err := DecodePlan([]byte(text)); err == nil || !strings.Contains(err.Error(), "changed since it was written") {
			t.Errorf("%s for %s: %v", change[1], change[0], err)
		}
	}
}
