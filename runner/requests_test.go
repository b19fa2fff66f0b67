package runner

import (
	"context"
	"fmt"
	"reflect"
	"testing"
)

// asking is an action that looks, and whose write is refused once for coming
// too fast.
type asking struct{ put }

func (a *asking) Observe(ctx context.Context) error {
	for page := range 2 {
		path := fmt.Sprintf("/things?after=%d", page)
		if err := Report(ctx, Call{Method: "GET", Path: path, Bucket: "reads"}); err != nil {
			return err
		}
		Answered(ctx, Request{Method: "GET", Path: path, Status: 200, ID: fmt.Sprint("look-", page)})
	}
	return a.put.Observe(ctx)
}

func (a *asking) Do(ctx context.Context) error {
	for _, status := range []int{429, 200} {
		if err := Report(ctx, Call{Method: "POST", Path: "/things", Write: true, Again: status == 200, Bucket: "writes"}); err != nil {
			return err
		}
		Answered(ctx, Request{Method: "POST", Path: "/things", Status: status, ID: fmt.Sprint("write-", status)})
	}
	return nil
}

func (a *asking) Undo(ctx context.Context) ([]Residue, error) {
	if err := Report(ctx, Call{Method: "DELETE", Path: "/things", Write: true, Bucket: "writes"}); err != nil {
		return nil, err
	}
	Answered(ctx, Request{Method: "DELETE", Path: "/elsewhere", Status: 200, ID: "another's"})
	return nil, nil // its answer never came
}

// Each request that a step sends is on record, each try of it for itself, with
// the id that its answer had; also once the run is read again.
func TestRequestsAreRecorded(t *testing.T) {
	w := newWorld(map[string]string{"a": "none"})
	c, err := NewCatalogue(Type{Name: "ask", Doc: "Sets a thing.", Change: "set it", Undo: UndoExact, New: func() any { return &asking{put{w: w}} }})
	if err != nil {
		t.Fatal(err)
	}
	l := newLive(t, w)
	p := program(t, c, "steps:\n- id: first\n  ask: {name: a, value: one}\n")
	if m, err := l.Run(context.Background(), p, c, Spec{ID: "r1"}); err != nil || m.State() != StateDone {
		t.Fatal(m.State(), err)
	}
	if _, err := l.Rollback(context.Background(), "r1", p, c, TakeUp{}); err != nil {
		t.Fatal(err)
	}
	run, err := l.ReadRun("r1")
	if err != nil {
		t.Fatal(err)
	}
	got := map[EventKind][]Request{}
	for _, e := range run.Events {
		if e.Requests != nil {
			got[e.Kind] = append(got[e.Kind], e.Requests...)
		}
	}
	want := map[EventKind][]Request{
		EvObserved: {{"GET", "/things?after=0", 200, "look-0"}, {"GET", "/things?after=1", 200, "look-1"}},
		EvDone:     {{"POST", "/things", 429, "write-429"}, {"POST", "/things", 200, "write-200"}},
		EvUndone:   {{Method: "DELETE", Path: "/things"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// peeking is a query that does not wait for its answer.
type peeking struct{ reading *context.Context }

func (p *peeking) Read(ctx context.Context) error {
	*p.reading = ctx
	return Report(ctx, Call{Method: "GET", Path: "/things", Bucket: "reads"})
}

// An answer that comes when the step is over changes nothing of what is on
// record.
func TestLateAnswerIsNotRecorded(t *testing.T) {
	var reading context.Context
	c, err := NewCatalogue(Type{Name: "peek", Doc: "Looks at a thing.", New: func() any { return &peeking{&reading} }})
	if err != nil {
		t.Fatal(err)
	}
	l := newLive(t, newWorld(nil))
	if m, err := l.Run(context.Background(), program(t, c, "steps:\n- id: first\n  peek: {}\n"), c, Spec{ID: "r1"}); err != nil || m.State() != StateDone {
		t.Fatal(m.State(), err)
	}
	Answered(reading, Request{Method: "GET", Path: "/things", Status: 200, ID: "too late"})
	for _, e := range l.events {
		if len(e.Requests) > 0 && e.Requests[0] != (Request{Method: "GET", Path: "/things"}) {
			t.Errorf("%+v", e.Requests)
		}
	}
}
