package runner

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
)

// Broken playbooks of every kind neither panic nor pass silently into a run.
func TestBrokenPlaybooks(t *testing.T) {
	w := newWorld(nil)
	c := w.catalogue(t)
	base := strings.Split(`rekey: 1
playbook: test
version: 1.0.0
inputs: {names: {type: list(string), default: [a]}, s: {type: string, secret: true, default: null}}
vars: {teams: [{id: red, apps: [a, b]}, {id: blue, apps: [c]}]}
ignore: {unused-output: x}
steps:
  - id: first
    if: $<len(inputs.names) > 0>
    look: {name: shared}
  - id: outer
    for_each: $<vars.teams>
    as: team
    key: id
    concurrency: 2
    batches: [1, 50%]
    max_failures: 1
    rollback: skip
    assert: $<(steps.inner?.total ?? 0) > 0>
    steps:
      - id: inner
        if: $<team.id != "">
        for_each: $<team.apps>
        as: app
        assert: [$<steps.inner.value == "x">]
        retry: {attempts: 3, delay: 2s, max_delay: 3s}
        timeout: 3s
        put: {name: "$<app>", value: x, note: $<inputs.s ?? "">}
        ignore: {switch-after-publish: y}
      - id: block
        steps:
          - id: deep
            put: {name: '$<steps.first?.value ?? "q">', value: "$<team.id>"}
  - id: last
    put: {name: c, value: "n$<steps.outer.total>"}
outputs: {o: $<steps.last.value>}`, "\n")
	junk := []string{"", "null", "[]", "{}", "1", "true", "x", "$<x>", "$<team>", "$<steps.inner>", "n$<steps.outer.total>", "$<app.id>", "[null]", "[[a]]", "[{id: 1}, {id: 1}]", "[{id: a}, {x: b}]", "$<inputs.s>", "[$<inputs.s>]", "$<steps>", "$<vars>", "-1", "1.5", "skip", "{a: b}", "inputs", "steps", "len", "$<[]>", "$<nil>", "$<map([1], nil)>", "$<steps.deep.value>", "$<steps.block>"}
	r := rand.New(rand.NewPCG(1, 2))
	passed := 0
	if p, faults := ParsePlaybook("t.yaml", []byte(strings.Join(base, "\n"))); true {
		_, more := Check(p, c)
		t.Log(faults, more)
	}
	for i := range 5000 {
		lines := append([]string(nil), base...)
		for range 1 + r.IntN(3) {
			at := r.IntN(len(lines))
			switch r.IntN(4) {
			case 0:
				lines = append(lines[:at], lines[at+1:]...)
			case 1:
				other := r.IntN(len(lines))
				lines[at], lines[other] = lines[other], lines[at]
			case 2:
				lines = append(lines[:at+1], lines[at:]...)
			default:
				if key, _, ok := strings.Cut(lines[at], ": "); ok {
					lines[at] = key + ": " + junk[r.IntN(len(junk))]
				}
			}
		}
		text := strings.Join(lines, "\n")
		func() {
			defer func() {
				if e := recover(); e != nil {
					t.Fatalf("%d panics: %v\n%s", i, e, text)
				}
			}()
			p, faults := ParsePlaybook("t.yaml", []byte(text))
			prog, more := Check(p, c)
			if faults.Err() != nil || more.Err() != nil {
				return
			}
			passed++
			if passed%5 != 0 {
				return
			}
			public, secret, bound := prog.Bind(nil, false)
			if bound.Err() != nil {
				return
			}
			ww := newWorld(map[string]string{"shared": "s"})
			if _, err := Rehearse(context.Background(), prog, RehearsalSpec{Catalogue: ww.catalogue(t), Clock: ww.clock(), Inputs: public, Secrets: secret}); err != nil {
				t.Errorf("rehearsal: %v\n%s", err, text)
			}
		}()
	}
	t.Log(passed, "passed")
}
