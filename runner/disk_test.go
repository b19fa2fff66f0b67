package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/rekey/runner/journal"
)

// diskPrograms are run with every append failing.
var diskPrograms = []struct {
	name, body string
	faults     map[string]fault
	inputs     map[string]any
	ends       State
}{
	{"steps", threeSteps, nil, map[string]any{"also": true}, StateDone},
	{"a lost answer", threeSteps, map[string]fault{"put b=one-3": lost}, map[string]any{"also": true}, StateDone},
	{"a step that fails", threeSteps, map[string]fault{"add c": refused}, map[string]any{"also": true}, StateRolledBack},
	{"a step that fails, kept", "on_failure: keep\n" + strings.TrimLeft(threeSteps, "\n"), map[string]fault{"add c": refused}, nil, StateFailed},
	{"a loop", `
steps:
  - id: all
    for_each: ["x", "y", "z"]
    as: name
    steps:
      - {id: one, put: {name: $<name>, value: one}}
      - {id: two, put: {name: "$<name>2", value: $<steps.one.value>}}
  - id: last
    add: {name: c}
`, nil, nil, StateDone},
}

// Whichever append of a run fails, and however: the run stops there and asks
// nothing more of the world; it knows whether it may have written; and when
// there is room again it can be gone on with as if nothing had happened, or
// undone. No write is sent twice.
func TestEveryAppendOfARunFails(t *testing.T) {
	for i, p := range diskPrograms {
		t.Run(p.name, func(t *testing.T) {
			fresh := func(t *testing.T) *diskWorld {
				d := newDiskWorld(t, p.body, p.faults)
				d.inputs = p.inputs
				return d
			}
			d := fresh(t)
			m, err := d.run(diskFault{}, 0)
			if err != nil || m.State() != p.ends {
				t.Fatalf("%s, %v", m.State(), err)
			}
			events, things := d.events(), maps.Clone(d.world.things)
			d.once()
			for at := 1; at <= events; at++ {
				faults := diskFaults
				if i > 0 { // in turn: each takes a while
					faults = diskFaults[at%len(diskFaults):][:1]
				}
				for _, f := range faults {
					t.Run(fmt.Sprintf("%d of %d, %s", at, events, f.name), func(t *testing.T) {
						d := fresh(t)
						d.stops(f, at)
						d.resumes(at, p.ends, things)
						d = fresh(t)
						d.stops(f, at)
						d.undoes(at)
					})
				}
			}
		})
	}
}

// The same while a run is undone: whichever append fails, another rollback
// undoes the rest; and while it is resumed.
func TestEveryAppendOfARollbackFails(t *testing.T) {
	rollback := func(r *loop) error { return r.rollback(context.Background()) }
	resume := func(r *loop) error { return r.resume(context.Background()) }
	for name, goOn := range map[string]func(*loop) error{"rollback": rollback, "resume": resume} {
		t.Run(name, func(t *testing.T) {
			start := func(t *testing.T) (d *diskWorld, from int) {
				d = newDiskWorld(t, threeSteps, nil)
				d.inputs["also"] = true
				if name == "resume" { // it stopped after the second write, before that was on record
					d.stops(diskFault{err: syscall.ENOSPC}, 12)
				} else if _, err := d.run(diskFault{}, 0); err != nil {
					t.Fatal(err)
				}
				return d, d.events()
			}
			d, from := start(t)
			if _, err := d.again(diskFault{}, 0, goOn); err != nil {
				t.Fatal(err)
			}
			things, appends := maps.Clone(d.world.things), d.events()-from
			if appends < 6 {
				t.Fatalf("only %d events follow", appends)
			}
			for at := 1; at <= appends; at++ {
				for _, f := range diskFaults {
					t.Run(fmt.Sprintf("%d of %d, %s", at, appends, f.name), func(t *testing.T) {
						d, _ := start(t)
						if _, err := d.again(f, at, goOn); err == nil {
							t.Fatal("the append did not fail")
						}
						if name == "resume" {
							d.resumes(at, StateDone, things)
						}
						d.undoes(at)
					})
				}
			}
		})
	}
}

// Where several items are at work, those that are may finish what they began;
// no step begins that had not, and what was written unrecorded is found.
func TestEveryAppendOfItemsAtWorkFails(t *testing.T) {
	const body = `
steps:
  - id: all
    for_each: ["p", "q", "r", "s", "t"]
    as: name
    concurrency: 3
    steps:
      - {id: one, put: {name: $<name>, value: one}}
      - {id: two, put: {name: "$<name>2", value: $<steps.one.value>}}
`
	d := newDiskWorld(t, body, nil)
	if _, err := d.run(diskFault{}, 0); err != nil {
		t.Fatal(err)
	}
	events, things := d.events(), maps.Clone(d.world.things)
	for at := 1; at <= events; at++ {
		f := diskFaults[at%len(diskFaults)]
		for _, undo := range []bool{false, true} {
			d := newDiskWorld(t, body, nil)
			var seen []string // what was on record, or perhaps
			j, err := journal.Create(d.local.journalFile("r1"), journal.Options{Now: d.local.Clock.now})
			if err != nil {
				t.Fatal(err)
			}
			disk := &failingDisk{Journal: j, path: d.local.journalFile("r1"), fault: f, at: at, failed: func() {}}
			r := d.local.runner("r1", d.program, d.types, TakeUp{}, recorderFunc(func(event any) (journal.Record, error) {
				rec, err := disk.Append(event)
				if e, bad := DecodeEvent(event.(json.RawMessage)); err == nil && bad == nil && e.Kind == EvObserved {
					seen = append(seen, e.Step)
				}
				return rec, err
			}))
			err = r.record(Event{Kind: EvCreated, Run: newRunInfo(d.program, Spec{ID: "r1", StartedAt: d.world.now})})
			if err == nil {
				err = r.loop(context.Background())
			}
			j.Close()
			if !errors.As(err, new(*JournalError)) || disk.count != at {
				t.Fatalf("append %d of %d: %d were tried, %v", at, events, disk.count, err)
			}
			for what := range d.world.sent {
				if step, _, _ := strings.Cut(what, ": "); !slices.Contains(seen, step) {
					t.Errorf("append %d: %s was sent and never observed on record", at, what)
				}
			}
			if undo {
				d.undoes(at)
			} else {
				d.resumes(at, StateDone, things)
			}
		}
	}
}

type recorderFunc func(event any) (journal.Record, error)

func (f recorderFunc) Append(event any) (journal.Record, error) { return f(event) }
