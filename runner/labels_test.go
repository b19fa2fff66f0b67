package runner

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// crate has an input of every shape, and tells what reached it.
type crate struct {
	got   *[]*crate
	Name  string   `in:"name" doc:"which"`
	Count int      `in:"count" is:"optional" range:"2-9" doc:"how many"`
	Mode  string   `in:"mode" is:"optional" enum:"soft,hard" doc:"how"`
	Tags  []string `in:"tags" is:"optional" doc:"tags"`
	Need  []string `in:"need" default:"a" doc:"needs"`
	Words []string `in:"words" is:"optional secret" doc:"secret words"`
	Pin   string   `in:"pin" is:"optional secret" enum:"pin-1234,pin-5678" doc:"secret"`
	Lid   lid      `in:"lid" is:"optional" doc:"the lid"`
	Hands `oneof:"left,right"`
	ID    string `out:"id" is:"assigned" doc:"made up"`
	Keys  []lock `out:"keys" doc:"its locks"`
}

type lid struct {
	Color string `in:"color" doc:"of the lid"`
	Label string `in:"label" is:"optional" doc:"on the lid"`
	Code  string `in:"code" is:"optional secret" doc:"opens it"`
}

type lock struct {
	ID string `out:"id" is:"assigned" doc:"made up"`
}

type Hands struct {
	Left  string `in:"left" is:"optional" doc:"the left one"`
	Right string `in:"right" is:"optional" doc:"the right one"`
}

func (*crate) Claims() []string              { return nil }
func (*crate) Observe(context.Context) error { return nil }
func (c *crate) Do(ctx context.Context) error {
	if c.got != nil {
		*c.got = append(*c.got, c)
	}
	c.ID, c.Keys = "crate-id-0001", []lock{{"lock-id-0001"}}
	return Report(ctx, Call{Method: "POST", Path: "/crates", Write: true, ContentType: "application/json",
		Body: []byte(`{"pin":"` + c.Pin + `"}`)})
}
func (*crate) Undo(context.Context) ([]Residue, error)  { return nil, nil }
func (*crate) Recover(context.Context) (Verdict, error) { return Verdict{Outcome: Happened}, nil }

func crates(t testing.TB, got *[]*crate) *Catalogue {
	t.Helper()
	c, err := NewCatalogue(Type{Name: "crate", Doc: "Makes a crate.", Change: "make {name}", Undo: UndoStays,
		New: func() any { return &crate{got: got} }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const crateInputs = `
inputs:
  pass: {type: string, secret: true}
  passes: {type: "list(string)", secret: true}
  open: {type: string, default: o}
  maybe: {type: string, default: null}
  many: {type: "list(string)", default: [a]}
  thing: {type: object, default: {color: red}}
  count: {type: int, default: 3}
`

// faultsOf checks a playbook of one crate.
func faultsOf(t *testing.T, body string) Faults {
	t.Helper()
	p, faults := ParsePlaybook("", []byte("rekey: 1\nplaybook: test\nversion: 1.0.0"+crateInputs+body))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	_, faults = Check(p, crates(t, nil))
	return faults
}

// What may reach which field, through expressions and vars of every shape; one
// mistake is one fault.
func TestWhatMayReachAField(t *testing.T) {
	for _, test := range []struct{ vars, with, want string }{
		{"", "pin: $<inputs.pass>", ""},
		{"", "words: $<inputs.passes>", ""},
		{"", "words: [$<inputs.pass>]", ""},
		{"", "words: [$<inputs.pass>, plain]", "a secret stands in the playbook"},
		{"", "pin: plain", "a secret stands in the playbook"},
		{"", "pin: 7", "a secret stands in the playbook"},
		{"", "pin: $<inputs.open>", "not marked as one"},
		{"v: plain", "pin: $<vars.v>", "not marked as one"},
		{"", "words: $<inputs.many>", "not marked as one"},
		{"", "pin: null", ""},
		{"", "tags: $<inputs.passes>", "would show a secret"},
		{"", "tags: [$<inputs.pass>]", "would show a secret"},
		{"", "tags: $<[inputs.pass]>", "would show a secret"},
		{"", `tags: ["x$<inputs.pass>"]`, "would show a secret"},
		{"v: [$<inputs.pass>]", "tags: $<vars.v>", "would show a secret"},
		{"v: [a, $<inputs.pass>]", "tags: $<vars.v>", "would show a secret"},
		{"v: [{a: x}, {a: $<inputs.pass>}]", "mode: '$<vars.v[1].a>'", "would show a secret"},
		{"v: [[x], [$<inputs.pass>]]", "tags: $<vars.v[1]>", "would show a secret"},
		{"v: {a: {b: $<inputs.pass>}}", "tags: [$<vars.v.a.b>]", "would show a secret"},
		{"v: {a: {b: $<inputs.pass>, c: x}}", "tags: [$<vars.v.a.c>]", ""},
		{"v: {color: red, code: $<inputs.pass>}", "lid: $<vars.v>", ""},
		{"v: {color: $<inputs.pass>}", "lid: $<vars.v>", "lid.color would show a secret"},
		{"", "lid: {color: $<inputs.maybe>}", "may be absent"},
		{"v: {color: $<inputs.maybe>}", "lid: $<vars.v>", "lid.color is required and the value may be absent"},
		{"v: {color: red, label: $<inputs.maybe>}", "lid: $<vars.v>", ""},
		{"v: {color: null}", "lid: $<vars.v>", "lid.color is required and has no value"},
		{"v: {color: red, b: x, a: y}", "lid: $<vars.v>", `lid has no "a"`},
		{"v: {label: x}", "lid: $<vars.v>", "lid.color is missing"},
		{"v: {color: 3}", "lid: $<vars.v>", "lid.color is a string, this is an int"},
		{"", "lid: $<inputs.thing>", ""},
		{"", "lid: {label: x}", "color is missing"},
		{"", "mode: {a: b}", "mode is a string, this is an object"},
		{"", "mode: [a]", "mode is a string, this is a list"},
		{"", "tags: x", "tags is a list(string), this is a string"},
		{"", "tags: [$<inputs.maybe>]", "required and the value may be absent"},
		{"v: [a, null]", "tags: $<vars.v>", "may be absent"},
		{"v: [null, a]", "tags: $<vars.v>", "may be absent"},
		{"v: [null, null]", "tags: $<vars.v>", "has no value"},
		{"v: [[], [a]]", "tags: $<vars.v[1]>", ""},
		{"v: [{a: []}, {a: [x]}]", "tags: $<vars.v[1].a>", ""},
		{"v: [{a: []}, {a: [1]}]", "tags: $<vars.v[1].a>", "tags is a list(string), this is a list(int)"},
		{"v: [a, 1, 2, b]", "tags: $<vars.v>", "give a list items of one type"},
		{"v: [{a: x}, {b: x}]", "tags: $<vars.v>", "give a list items of one type"},
		{"", "tags: []", ""},
		{"v: []", "tags: $<vars.v>", ""},
		{"v: null", "mode: $<vars.v>", ""},
		{"v: null", "left: $<vars.v>", ""},
		{"", "count: 12", "12 is not between 2 and 9"},
		{"", "mode: odd", `"odd" is none of`},
		{"v: $<inputs.nobody>", "tags: [$<vars.v>, $<vars.v + 1>]\n    assert: $<vars.v>", `unknown input "nobody"`},
		{"v: {a: $<inputs.nobody>}", "tags: $<vars.v.a>", `unknown input "nobody"`},
		{"v: [$<inputs.nobody>]", "tags: $<vars.v>", `unknown input "nobody"`},
	} {
		body := ""
		if test.vars != "" {
			body = "vars:\n  " + test.vars + "\n"
		}
		with := test.with
		if !strings.HasPrefix(with, "left") {
			with = "left: l\n      " + with
		}
		faults := faultsOf(t, body+"steps:\n  - id: a\n    crate:\n      name: n\n      "+with+"\n")
		switch {
		case test.want == "" && faults.Err() != nil:
			t.Errorf("%s; %s: %v", test.vars, test.with, faults)
		case test.want != "" && (len(faults) != 1 || !strings.Contains(faults.Error(), test.want)):
			t.Errorf("%s; %s: want one fault %q, have\n%v", test.vars, test.with, test.want, faults)
		}
	}
}

// What may be shown: conditions, assertions and outputs hold no secret.
func TestWhatMayBeShown(t *testing.T) {
	const step = "steps:\n  - id: a\n    crate: {name: n, left: l}\n"
	for _, test := range []struct{ body, want string }{
		{"vars: {v: [{a: x}, {a: $<inputs.pass>}]}\n" + step + "outputs: {o: $<vars.v>}\n", "an output would show a secret"},
		{"vars: {v: {a: {b: $<inputs.pass>}}}\n" + step + "outputs: {o: [$<vars.v>]}\n", "an output would show a secret"},
		{step + "outputs: {o: {a: [{b: \"-$<inputs.pass>\"}]}}\n", "an output would show a secret"},
		{step + "    if: $<inputs.pass == \"x\">\n", "if would show a secret"},
		{step + "    if: $<len(inputs.passes) > 0>\n", "if would show a secret"},
		{step + "    assert: $<steps.a.id != inputs.pass>\n", "assert would show a secret"},
		{step + "    if: $<steps.a.id == \"\">\n", "this step itself"},
		{step + "    if: yes\n", "if must be a bool, this is a string"},
		{step + "    assert: [$<true>, {a: b}]\n", "assert must be a bool, this is an object"},
		{step + "    if: $<inputs.open == \"x\">\noutputs: {o: $<steps.a.id>}\n", "may be absent"},
		{step + "    if: $<inputs.open == \"x\">\noutputs: {o: $<steps.a?.id>, p: [$<steps.a?.keys>]}\n", ""},
		{step + "    if: $<inputs.open == \"x\">\n    assert: $<steps.a.id != \"\">\n", ""},
		{step + "    assert: $<upper(steps.a.id) == \"X\">\n", "assigned when the playbook runs"},
		{step + "    assert: $<all(steps.a.keys, upper(.id) == \"X\")>\n", "assigned when the playbook runs"},
		{"vars: {v: {a: 1}}\n" + step + "    assert: $<vars.v.a == 1 && vars.v.b == 2>\n", `"b"`},
	} {
		faults := faultsOf(t, test.body)
		switch {
		case test.want == "" && faults.Err() != nil:
			t.Errorf("%s: %v", test.body, faults)
		case test.want != "" && (len(faults) != 1 || !strings.Contains(faults.Error(), test.want)):
			t.Errorf("%s: want one fault %q, have\n%v", test.body, test.want, faults)
		}
	}
}

// Secrets reach the step whatever way they take, and nothing of the record.
func TestSecretsOfEveryShape(t *testing.T) {
	const canary, pin = "c4nary", "pin-5678"
	w := newWorld(nil)
	var got []*crate
	c := crates(t, &got)
	p := program(t, c, crateInputs+`
vars:
  nested: {color: red, deep: {code: $<inputs.pass>, plain: p}}
  list: ["$<inputs.pass>!", $<inputs.pass>]
  lid: {color: $<vars.nested.color>, label: $<vars.nested.deep.plain>, code: $<vars.nested.deep.code>}
  pin: {is: "$<inputs.passes[1]>"}
steps:
  - id: a
    crate: {name: n, left: l, words: $<vars.list>, lid: $<vars.lid>, pin: $<vars.pin.is>}
  - id: b
    crate: {name: $<vars.nested.deep.plain>, right: r, words: [$<inputs.pass>, "$<vars.list[0]>?"], lid: {color: blue, code: $<vars.nested.deep.code>}}
  - id: c
    crate: {name: n, left: l, words: $<inputs.passes>}
outputs: {plain: $<vars.nested.deep.plain>}
`)
	public, secret, faults := p.Bind(map[string]any{"pass": canary, "passes": []any{canary, pin}}, true)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	l := newLive(t, w)
	m, err := l.Run(context.Background(), p, c, Spec{ID: "r1", Inputs: public, Secrets: secret, StartedAt: w.now})
	if err != nil || m.State() != StateDone {
		step, why := m.Failure()
		t.Fatal(m.State(), step, why, err)
	}
	a, b := got[0], got[1]
	if !slices.Equal(a.Words, []string{canary + "!", canary}) || a.Lid != (lid{"red", "p", canary}) || a.Pin != pin {
		t.Errorf("a got %+v", a)
	}
	if !slices.Equal(b.Words, []string{canary, canary + "!?"}) || b.Lid != (lid{"blue", "", canary}) || b.Name != "p" {
		t.Errorf("b got %+v", b)
	}
	if !slices.Equal(got[2].Words, []string{canary, pin}) {
		t.Errorf("c got %+v", got[2])
	}
	if _, err := l.Rollback(context.Background(), "r1", p, c, TakeUp{}); err != nil {
		t.Error(err)
	}
	files, _ := filepath.Glob(filepath.Join(l.Dir, "runs", "r1", "*"))
	if len(files) == 0 {
		t.Error("there is no record")
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil || bytes.Contains(data, []byte(canary)) || bytes.Contains(data, []byte(pin)) {
			t.Errorf("%s holds a secret: %s %v", path, data, err)
		}
	}

	// At hand or not, a rehearsal goes through, and shows none.
	for _, given := range []map[string]any{{}, {"pass": canary}, {"pass": canary, "passes": []any{canary, pin}}} {
		public, secret, _ := p.Bind(given, false)
		plan, err := Rehearse(context.Background(), p, RehearsalSpec{Catalogue: c, Clock: l.Clock, Inputs: public, Secrets: secret})
		if err != nil || plan.Body.Failure != nil {
			t.Fatal(plan, err)
		}
		text, _ := plan.Encode()
		if bytes.Contains(text, []byte(canary)) || bytes.Contains(text, []byte(pin)) {
			t.Errorf("the plan holds a secret: %s", text)
		}
	}
}

// A secret that does not keep its field's rules is refused without being told.
func TestErrorsTellNoSecret(t *testing.T) {
	const canary = "c4nary"
	c := crates(t, nil)
	for _, with := range []string{"pin: $<inputs.pass>", `pin: "$<inputs.passes[0]>"`, `lid: {color: c, code: "$<string(int(inputs.pass))>"}`} {
		w := newWorld(nil)
		p := program(t, c, crateInputs+"steps:\n  - id: a\n    crate: {name: n, left: l, "+with+"}\n")
		public, secret, _ := p.Bind(map[string]any{"pass": canary, "passes": []any{canary}}, true)
		m, err := newLive(t, w).Run(context.Background(), p, c, Spec{ID: "r1", Inputs: public, Secrets: secret})
		if _, why := m.Failure(); err != nil || m.State() != StateFailed || why == "" || strings.Contains(why, canary) {
			t.Errorf("%s: %s, %q, %v", with, m.State(), why, err)
		}
	}
}

// Nothing that is recorded as it is can be declared a secret.
func TestSecretsAreInputs(t *testing.T) {
	for _, sample := range []any{
		&struct {
			query
			A string `out:"a" is:"secret" doc:"a"`
		}{},
		&struct {
			query
			A string `in:"a" out:"a" is:"secret" doc:"a"`
		}{},
		&struct {
			query
			L []struct {
				A string `out:"a" is:"secret" doc:"a"`
			} `out:"l" doc:"l"`
		}{},
	} {
		if _, err := NewCatalogue(Type{Name: "x", Doc: "x", New: func() any { return sample }}); err == nil || !strings.Contains(err.Error(), "secret") {
			t.Errorf("%T: %v", sample, err)
		}
	}
}

type query struct{}

func (query) Read(context.Context) error { return nil }

// Computed values keep their fields' rules as literals do.
func TestComputedValuesKeepTheRules(t *testing.T) {
	for _, test := range []struct{ with, want string }{
		{"left: l, count: $<inputs.count + 9>", "12 is not between 2 and 9"},
		{"left: l, mode: $<inputs.open>", `"o" is none of soft, hard`},
		{"left: l, mode: $<inputs.maybe>, count: $<inputs.count>", ""},
		{"left: $<inputs.maybe>", "exactly one of left and right must have a value, 0 have"},
		{`left: '$<trim("  ")>'`, "exactly one of left and right must have a value, 0 have"},
		{`left: '$<" ">'`, "exactly one of left and right must have a value, 0 have"},
		{`left: l, lid: {color: '$<trim(" ")>'}`, "lid.color: it is required and its value is empty"},
		{`left: l, tags: [a, '$<trim(" ")>']`, "tags: item 2: it is required"},
	} {
		w := newWorld(nil)
		c := crates(t, nil)
		p := program(t, c, crateInputs+"steps:\n  - id: a\n    crate: {name: n, "+test.with+"}\n")
		public, secret, _ := p.Bind(map[string]any{"pass": "x", "passes": []any{}}, true)
		m, err := newLive(t, w).Run(context.Background(), p, c, Spec{ID: "r1", Inputs: public, Secrets: secret})
		if err != nil {
			t.Fatal(err)
		}
		if _, why := m.Failure(); test.want == "" && why != "" || !strings.Contains(why, test.want) {
			t.Errorf("%s: %q, want %q", test.with, why, test.want)
		}
	}
}
