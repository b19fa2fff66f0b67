package runner

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
)

// The largest playbooks are checked in a second or so: not even a hostile one
// keeps a reviewer waiting. The bounds leave room for a busy machine and the
// race detector; what grows too fast takes minutes.
func TestLargePlaybooks(t *testing.T) {
	const head = "rekey: 1\nplaybook: big\nversion: 1.0.0\n"
	chain := func(n int, step func(b *strings.Builder, i int)) string {
		var b strings.Builder
		b.WriteString(head + "steps:\n")
		for i := range n {
			step(&b, i)
		}
		return b.String()
	}
	chained := func(b *strings.Builder, i int) {
		value := "v"
		if i > 0 {
			value = fmt.Sprintf("$<steps.s%d.value>", i-1)
		}
		fmt.Fprintf(b, "- id: s%d\n  put: {name: n, value: %s}\n  assert: $<steps.s%d.value != \"\">\n", i, value, i)
	}
	var vars strings.Builder
	vars.WriteString(head + "inputs: {p: {type: string, secret: true}}\nvars:\n  v0: {x: $<inputs.p>, y: $<inputs.p>}\n  v1: {x: $<inputs.p>, y: $<inputs.p>}\n")
	for i := 2; i < maxVars; i++ {
		fmt.Fprintf(&vars, "  v%d: {x: $<vars.v%d.x>, y: $<vars.v%d.x>}\n", i, i-1, i-2)
	}
	fmt.Fprintf(&vars, "steps:\n- id: s\n  put: {name: n, value: v, note: $<vars.v%d.x>}\n", maxVars-1)
	for _, test := range []struct {
		name, text string
		faults     bool
	}{
		{"chain", chain(5000, chained), false},
		{"misspelt", chain(600, func(b *strings.Builder, i int) {
			fmt.Fprintf(b, "- id: step_number_%d\n  put: {name: n, value: $<steps.step_numbr_%d.value>}\n", i, i)
		}), true},
		{"later", chain(5000, func(b *strings.Builder, i int) {
			fmt.Fprintf(b, "- id: s%d\n  if: $<steps.s%d.value == \"\">\n  put: {nam: n, valu: x}\n", i, i+1)
		}), true},
		{"vars", vars.String(), false},
		{"list", head + "vars:\n  l: [" + strings.Repeat("abcdefgh, ", 50_000) + "x]\nsteps:\n- id: s\n  look: {name: '$<vars.l[7]>'}\n", false},
		{"lists", head + "vars:\n  l: [" + strings.Repeat("[[{a: [x]}]], ", 10_000) + "[]]\nsteps:\n- id: s\n  look: {name: n}\n", false},
		{"expressions", head + "vars:\n  l: [" + strings.Repeat("$<1+1>, ", 20_000) + "1]\nsteps:\n- id: s\n  look: {name: n}\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(test.text) > 1<<20 {
				t.Fatalf("%d bytes", len(test.text))
			}
			w := newWorld(map[string]string{})
			c := w.catalogue(t)
			began := cputime.Spent()
			p, faults := ParsePlaybook("", []byte(test.text))
			parsed := cputime.Spent() - began
			var prog *Program
			if faults.Err() == nil {
				prog, faults = Check(p, c)
			}
			took := cputime.Spent() - began
			t.Logf("%d bytes, parsed in %s, checked in %s, %d faults", len(test.text), parsed.Round(time.Millisecond), (took - parsed).Round(time.Millisecond), len(faults))
			if (faults.Err() != nil) != test.faults {
				t.Errorf("%d faults, first %v", len(faults), faults[:min(1, len(faults))])
			}
			limit := 20 * time.Second
			if raceEnabled {
				limit = time.Minute
			}
			if took > limit {
				t.Errorf("it took %s", took)
			}
			if prog == nil || len(prog.Steps) > 1 && testing.Short() {
				return
			}
			began = cputime.Spent()
			public, secret, _ := prog.Bind(map[string]any{"p": "s"}, true)
			delete(public, "p")
			plan, err := Rehearse(context.Background(), prog, RehearsalSpec{Catalogue: c, Clock: w.clock(), Inputs: public, Secrets: secret})
			if err != nil || plan.Body.Failure != nil {
				t.Fatal(err, plan)
			}
			took = cputime.Spent() - began
			t.Logf("rehearsed in %s", took.Round(time.Millisecond))
			if took > limit {
				t.Errorf("its rehearsal took %s", took)
			}
		})
	}
}
