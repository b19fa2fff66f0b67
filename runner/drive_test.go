package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
	"example.com/rekey/runner/journal"
)

// idle is an action that does nothing: what is left is the driver's own cost.
type idle struct {
	Name string `in:"name" out:"name" doc:"which"`
	Kid  string `out:"kid" is:"assigned" doc:"an id"`
}

func (s *idle) Claims() []string                         { return []string{"thing/" + s.Name} }
func (s *idle) Observe(context.Context) error            { return nil }
func (s *idle) Do(context.Context) error                 { s.Kid = "kid-of-" + s.Name; return nil }
func (s *idle) Undo(context.Context) ([]Residue, error)  { return nil, nil }
func (s *idle) Recover(context.Context) (Verdict, error) { return Verdict{Outcome: Not}, nil }

// discard is a journal that keeps nothing.
type discard struct{ events int }

func (d *discard) Append(any) (journal.Record, error) {
	d.events++
	return journal.Record{}, nil
}

const steadyLoop = `
inputs: {names: {type: list(string)}}
steps:
  - id: fleet
    for_each: $<inputs.names>
    as: name
    concurrency: 8
    steps:
      - {id: one, idle: {name: $<name>}}
      - {id: two, idle: {name: "$<name>-2"}}
      - {id: three, idle: {name: $<steps.two.name>}}
      - {id: four, if: $<steps.one.name == name>, idle: {name: $<name>}}
`

// drive carries a loop of four steps over n items out, without a disk.
func drive(tb testing.TB, n int) {
	tb.Helper()
	c, err := NewCatalogue(Type{Name: "idle", Doc: "Does nothing.", Change: "nothing", Undo: UndoExact, New: func() any { return &idle{} }})
	if err != nil {
		tb.Fatal(err)
	}
	p := program(tb, c, steadyLoop)
	list := make([]any, n)
	for i := range list {
		list[i] = fmt.Sprintf("0oa%05d", i)
	}
	d := &discard{}
	local := Local{}
	l := local.runner("r", p, c, TakeUp{}, d)
	err = l.record(Event{Kind: EvCreated, Run: newRunInfo(p, Spec{ID: "r", Inputs: map[string]any{"names": list}})})
	if err == nil {
		err = l.loop(context.Background())
	}
	if err != nil || l.machine.State() != StateDone || len(l.machine.root.started) != 4*n {
		tb.Fatalf("%v, %s, %d actions, %d events", err, l.machine.State(), len(l.machine.root.started), d.events)
	}
}

// What a live run goes on with is what its journal will say.
func TestEventsAreUsedAsTheyAreRead(t *testing.T) {
	yes := true
	for _, e := range []Event{
		{Kind: EvVars},
		{Kind: EvInputs, Step: "a", In: map[string]any{"n": 7, "s": "<&>\u2028", "l": []any{}, "o": map[string]any{"x": nil, "y": []any{true, -1}}}},
		{Kind: EvDone, Out: map[string]any{}, Saw: map[string]any{"bad": "\xff"}},
		{Kind: EvDone, Out: map[string]any{"f": 1.5, "big": 1 << 60, "t": []string{"a"}}},
		{Kind: EvItems, Keys: []string{"1"}, Items: []any{map[string]any{"id": 1}}},
		{Kind: EvAssertion, Value: &yes, Again: &Again{Tried: 1, After: "2s"}},
		{Kind: EvRecovered, Verdict: &Verdict{Outcome: Not}},
		{Kind: EvUndone, Residues: []Residue{{ID: "x"}}},
		{Kind: EvDone, Write: &Write{Method: "PUT", Path: "/a", Change: &Change{Pointer: "/k", To: "new", Rest: "00"}}},
		{Kind: EvDone, Write: &Write{Method: "PUT", Path: "/a\xff", Change: &Change{Pointer: "/k", From: []string{"a"}, To: 1}}},
		{Kind: EvDone, Write: &Write{Method: "POST", Path: "/a", Body: json.RawMessage(`{ "a": 1 }`)}},
		{Kind: EvUndone, Write: &Write{Method: "DELETE", Path: "/a"}},
	} {
		raw, used, err := canonical(e)
		if err != nil {
			t.Fatal(err)
		}
		read, err := DecodeEvent(raw)
		if err != nil || !reflect.DeepEqual(used, read) {
			t.Errorf("%v: used\n%#v\nread\n%#v", err, used, read)
		}
	}
}

// BenchmarkDriver measures the driver's cost for each step, expressions, events
// and their JSON included, without a disk.
func BenchmarkDriver(b *testing.B) {
	for _, items := range []int{500, 5000} {
		b.Run(fmt.Sprint(items), func(b *testing.B) {
			began := cputime.Spent()
			for b.Loop() {
				drive(b, items)
			}
			b.ReportMetric(float64((cputime.Spent()-began).Microseconds())/float64(b.N*4*items), "µs/step")
		})
	}
}

// The driver costs less than 50 µs of processor time a step, or on a slow machine
// what goccy takes to parse four steps, and 5,000 items cost no more each than
// 500. The best of some rounds counts: other programs run beside.
func TestDriverIsLinear(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes most of the time")
	}
	const steps, parses = 4 * 5000, 10
	parse := yamlOf(t, chainOf(1000))
	few, many, parsed := time.Hour, time.Hour, time.Hour
	most := func() time.Duration { return max(50*time.Microsecond, 4*parsed) }
	for range 12 {
		took := cputime.Interleaved(1, func() {
			for range 10 {
				drive(t, 500)
			}
		}, func() { drive(t, 5000) }, func() {
			for range parses {
				parse()
			}
		})
		few, many, parsed = min(few, took[0][0]/steps), min(many, took[1][0]/steps), min(parsed, took[2][0]/(1000*parses))
		if many < most() && float64(many) < 1.4*float64(few) {
			break
		}
	}
	t.Logf("%s a step over 500 items, %s over 5,000, where goccy parses a step in %s", few, many, parsed)
	if many >= most() || float64(many) > 1.6*float64(few) {
		t.Errorf("a step takes %s over 500 items and %s over 5,000, at most %s", few, many, most())
	}
}

// A rehearsal, too, is linear, and so is its undoing.
func TestRehearsalIsLinear(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes most of the time")
	}
	rehearse := func(n int) {
		c, err := NewCatalogue(Type{Name: "idle", Doc: "Does nothing.", Change: "nothing", Undo: UndoExact, New: func() any { return &idle{} }})
		if err != nil {
			t.Fatal(err)
		}
		p := program(t, c, steadyLoop)
		list := make([]any, n)
		for i := range list {
			list[i] = fmt.Sprintf("0oa%05d", i)
		}
		plan, err := Rehearse(context.Background(), p, RehearsalSpec{Catalogue: c, Inputs: map[string]any{"names": list}})
		if err != nil || plan.Body.Failure != nil || len(plan.Body.Steps) != 4*n {
			t.Fatalf("%v, %+v, %d steps", err, plan.Body.Failure, len(plan.Body.Steps))
		}
		if _, err := json.Marshal(plan); err != nil {
			t.Fatal(err)
		}
	}
	few, many := time.Hour, time.Hour
	for range 6 {
		took := cputime.Interleaved(1, func() {
			for range 8 {
				rehearse(250)
			}
		}, func() { rehearse(2000) })
		if few, many = min(few, took[0][0]/2000), min(many, took[1][0]/2000); float64(many) < 1.4*float64(few) {
			break
		}
	}
	t.Logf("%s an item of 250, %s of 2,000", few, many)
	if float64(many) > 1.6*float64(few) {
		t.Errorf("an item takes %s among 250, and %s among 2,000", few, many)
	}
}
