package runner

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// standing serves as Standing in a world: what is there, and what it is set to.
func (w *world) standing([]string) func() []Difference {
	was := w.copied()
	return func() (found []Difference) {
		now := w.copied()
		for _, name := range slices.Sorted(maps.Keys(now)) {
			switch before, there := was[name]; {
			case !there:
				found = append(found, Difference{Owner: "thing/" + name, Kind: "thing", ID: name, Effect: Added})
			case before != now[name]:
				found = append(found, Difference{Owner: "thing/" + name, ID: "value", Effect: Changed, Note: "it was " + before + ", and is " + now[name]})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(was)) {
			if _, there := now[name]; !there {
				found = append(found, Difference{Owner: "thing/" + name, Kind: "thing", ID: name, Effect: Destroyed})
			}
		}
		return found
	}
}

func (w *world) copied() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.things)
}

// brokenPut is a put whose undo is wrong on purpose.
type brokenPut struct {
	put
	undo func(*put, context.Context) ([]Residue, error)
}

func (s *brokenPut) Undo(ctx context.Context) ([]Residue, error) { return s.undo(&s.put, ctx) }

// rehearseBroken plans a playbook in a world of which nothing but the undo of
// the step type broken is wrong.
func rehearseBroken(t *testing.T, w *world, body string, undo func(*put, context.Context) ([]Residue, error)) *Plan {
	t.Helper()
	c, err := NewCatalogue(append(w.types(), Type{Name: "broken", Doc: "Sets a thing.", Change: "set {owner} to {value}", Undo: UndoExact,
		New: func() any { return &brokenPut{put{w: w}, undo} }})...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Rehearse(context.Background(), program(t, c, body), RehearsalSpec{
		Catalogue: c, Clock: Clock{Now: func() time.Time { return w.now }}, Standing: w.standing,
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// However an undo is broken, the plan fails at its step, says what is left
// behind, and that it must not be run; the steps before are not blamed.
func TestBrokenUndoFailsThePlan(t *testing.T) {
	residue := func(owner, kind, id string, effect Effect) []Residue {
		return []Residue{{Owner: owner, Kind: kind, ID: id, Effect: effect}}
	}
	for _, test := range []struct {
		name string
		undo func(*put, context.Context) ([]Residue, error)
		want string
	}{
		{"nothing", func(*put, context.Context) ([]Residue, error) { return nil, nil },
			"thing/a: value is not what it was (it was old, and is new)"},
		{"another value", func(s *put, ctx context.Context) ([]Residue, error) {
			return nil, s.w.write(ctx, "x", func() { s.w.things["a"] = "other" })
		}, "thing/a: value is not what it was (it was old, and is other)"},
		{"another thing", func(s *put, ctx context.Context) ([]Residue, error) {
			return nil, s.w.write(ctx, "x", func() { s.w.things["a"], s.w.things["b"] = "old", "changed" })
		}, "thing/b: value is not what it was (it was kept, and is changed)"},
		{"one more", func(s *put, ctx context.Context) ([]Residue, error) {
			return nil, s.w.write(ctx, "x", func() { s.w.things["a"], s.w.things["c"] = "old", "new" })
		}, "thing c is there, which was not"},
		{"one less", func(s *put, ctx context.Context) ([]Residue, error) {
			return nil, s.w.write(ctx, "x", func() { s.w.things["a"] = "old"; delete(s.w.things, "b") })
		}, "thing b is gone"},
		{"owns up to another", func(s *put, ctx context.Context) ([]Residue, error) {
			return residue("thing/d", "thing", "d", Added), s.w.write(ctx, "x", func() { s.w.things["a"], s.w.things["c"] = "old", "new" })
		}, "thing c is there, which was not"},
		{"owns up to the opposite", func(s *put, ctx context.Context) ([]Residue, error) {
			return residue("thing/b", "thing", "b", Added), s.w.write(ctx, "x", func() { s.w.things["a"] = "old"; delete(s.w.things, "b") })
		}, "thing b is gone"},
		{"error", func(*put, context.Context) ([]Residue, error) { return nil, errors.New("no way back") },
			"it cannot be undone: no way back"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(map[string]string{"a": "old", "b": "kept"})
			plan := rehearseBroken(t, w, "steps:\n- id: first\n  add: {name: z}\n- id: second\n  broken: {name: a, value: new}\n- id: third\n  put: {name: y, value: x}\n", test.undo)
			f := plan.Body.Failure
			if f == nil || f.Step != "second" || !strings.Contains(f.Message, test.want) {
				t.Fatalf("failure %+v, want %q at second", f, test.want)
			}
			if test.name != "error" && !strings.Contains(f.Message, "Do not run this: the undo of broken is broken") {
				t.Errorf("no cure in %q", f.Message)
			}
			for _, u := range plan.Body.Rollback.Steps {
				if (u.Failure != "") != (u.Step == "second") {
					t.Errorf("%s: failure %q", u.Step, u.Failure)
				}
			}
		})
	}
}

// What an undo owns up to is no failure, in whatever words it is gone.
func TestDeclaredResidueIsExcused(t *testing.T) {
	for _, effect := range []Effect{Consumed, Destroyed} {
		w := newWorld(map[string]string{"a": "old", "b": "kept"})
		plan := rehearseBroken(t, w, "steps:\n- id: first\n  broken: {name: a, value: new}\n", func(s *put, ctx context.Context) ([]Residue, error) {
			return []Residue{{Owner: "thing/b", Kind: "thing", ID: "b", Effect: effect}}, s.w.write(ctx, "x", func() { s.w.things["a"] = "old"; delete(s.w.things, "b") })
		})
		if f := plan.Body.Failure; f != nil {
			t.Errorf("%s: %+v", effect, f)
		}
	}
}

// The undo of a failed item is held to the same.
func TestBrokenUndoOfAFailedItem(t *testing.T) {
	w := newWorld(map[string]string{"a": "old", "b": "kept"})
	plan := rehearseBroken(t, w, `
steps:
  - id: all
    for_each: $<["a", "b"]>
    as: name
    max_failures: 1
    steps:
      - id: set
        broken: {name: $<name>, value: new}
        assert: $<name == "b">
`, func(*put, context.Context) ([]Residue, error) { return nil, nil })
	if f := plan.Body.Failure; f == nil || f.Step != "all[a].set" || !strings.Contains(f.Message, "it was old, and is new") {
		t.Errorf("failure %+v", f)
	}
}

// A step that the playbook leaves is not blamed, nor is what comes before it.
func TestKeptStepsAreExcused(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	plan := rehearseBroken(t, w, "steps:\n- id: first\n  add: {name: z}\n- id: second\n  put: {name: a, value: new}\n  rollback: skip\n", nil)
	if f := plan.Body.Failure; f != nil {
		t.Fatal(f)
	}
	steps := plan.Body.Rollback.Steps
	if len(steps) != 2 || !steps[0].Kept || steps[0].Write != nil || steps[1].Kept {
		t.Errorf("rollback %+v", steps)
	}
}

// The plan tells of the rollback what was really done.
func TestPlannedRollback(t *testing.T) {
	w := newWorld(map[string]string{"a": "old"})
	plan := rehearseBroken(t, w, "steps:\n- id: read\n  look: {name: a}\n- id: first\n  put: {name: a, value: new}\n- id: same\n  put: {name: a, value: new}\n- id: last\n  add: {name: z}\n", nil)
	b := plan.Body.Rollback
	if b == nil || len(b.Steps) != 2 || b.Steps[0].Step != "last" || b.Steps[1].Step != "first" {
		t.Fatalf("rollback %+v", b)
	}
	if b.Steps[0].Write != nil || len(b.Steps[0].Residues) != 1 || b.Steps[1].Write.Path != "/back a=old" {
		t.Errorf("steps %+v", b.Steps)
	}
	if len(b.Residues) != 1 || b.Residues[0].ID != "z" || b.Calls["writes"].Calls != 1 {
		t.Errorf("rollback %+v", b)
	}
	w = newWorld(nil)
	if plan = rehearseBroken(t, w, "steps:\n- id: first\n  put: {name: forbidden, value: x}\n", nil); plan.Body.Failure == nil || plan.Body.Rollback != nil {
		t.Errorf("a run that would fail has the rollback %+v", plan.Body.Rollback)
	}
}
