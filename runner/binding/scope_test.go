package binding

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
)

func TestNewScopeRefuses(t *testing.T) {
	for name, want := range map[string]string{"App": "must match", "filter": "name of a function", "now": "name of a function", "not": "keyword", "in": "keyword", "a-b": "must match", "": "must match", "$env": "must match"} {
		if _, err := NewScope(obj(name, tInt)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewScope with %q: %v", name, err)
		}
		if _, err := testScope(t).With(name, tInt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("With %q: %v", name, err)
		}
	}
	for _, root := range []*Type{nil, tInt} {
		if _, err := NewScope(root); err == nil {
			t.Errorf("NewScope(%s): no error", root)
		}
	}
	if !Reserved("let") || Reserved("filter") || Reserved("kid") {
		t.Error("Reserved")
	}
}

func TestScopeWith(t *testing.T) {
	s := testScope(t)
	inner, err := s.With("app", obj("id", tString))
	if err != nil {
		t.Fatal(err)
	}
	if x, faults := inner.Compile("app.id + inputs.app", 0, View{}); len(faults) > 0 || x.Type.Kind != String {
		t.Errorf("%v", offsets(faults))
	} else if v, err := x.Eval(map[string]any{"app": map[string]any{"id": "a"}, "inputs": map[string]any{"app": "b"}}); v != "ab" || err != nil {
		t.Errorf("%v %v", v, err)
	}
	if _, faults := s.Compile("app.id", 0, View{}); len(faults) != 1 {
		t.Error("the outer scope has the inner name")
	}
	changed, err := inner.With("app", tInt)
	if err != nil {
		t.Fatal(err)
	}
	if x, faults := changed.Compile("app + 1", 0, View{}); len(faults) > 0 || x.Type.Kind != Int {
		t.Errorf("%v", offsets(faults))
	}
	empty, err := NewScope(&Type{Kind: Object})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.With("x", tInt); err != nil {
		t.Error(err)
	}
	if _, faults := empty.Compile("x", 0, View{}); len(faults) != 1 || !strings.Contains(faults[0].Error(), "there are none") {
		t.Errorf("%v", offsets(faults))
	}
}

func TestConcurrentUse(t *testing.T) {
	s := testScope(t)
	inner, err := s.With("n", tInt)
	if err != nil {
		t.Fatal(err)
	}
	shared, _ := s.Compile(`map(inputs.nums, count(inputs.nums, # < 3))`, 0, View{})
	env := testEnv()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 50 {
				if _, faults := s.Compile(`steps.list.keys[0].created + inputs.wait > run.started_at`, 0, View{}); len(faults) > 0 {
					t.Error(offsets(faults))
				}
				if _, faults := inner.Compile(`n + inputs.days`, i, View{}); len(faults) > 0 {
					t.Error(offsets(faults))
				}
				if v, err := shared.Eval(env); err != nil || fmt.Sprint(v) != "[2 2 2]" {
					t.Errorf("%v %v", v, err)
				}
			}
		}()
	}
	wg.Wait()
}

// largeRoot has n steps.
func largeRoot(n int) *Type {
	root := testRoot()
	steps := obj()
	for i := range n {
		steps.Fields[fmt.Sprintf("step_%d", i)] = keyOut()
	}
	root.Fields["steps"] = steps
	return root
}

func TestThousandOfEverything(t *testing.T) {
	began := cputime.Spent()
	s, err := NewScope(largeRoot(1000))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if _, faults := s.Compile(fmt.Sprintf("steps.step_%d.kid == inputs.app", i), 0, View{}); len(faults) > 0 {
			t.Fatal(offsets(faults))
		}
	}
	right := cputime.Spent() - began
	began = cputime.Spent()
	for i := range 1000 {
		_, faults := s.Compile(fmt.Sprintf("steps.stpe_%d.kid", i), 0, View{})
		if len(faults) != 1 || len(faults[0].Error()) > 1000 {
			t.Fatal(offsets(faults))
		}
	}
	wrong := cputime.Spent() - began
	t.Logf("right: %v, wrong: %v", right, wrong)
	// Generous, for the race detector on a slow machine; a search without
	// bounds takes minutes.
	if limit := 15 * time.Second; right > limit || wrong > limit {
		t.Errorf("right: %v, wrong: %v, each more than %v", right, wrong, limit)
	}
}

func BenchmarkNewScope1000(b *testing.B) {
	root := largeRoot(1000)
	for b.Loop() {
		if _, err := NewScope(root); err != nil {
			b.Fatal(err)
		}
	}
}

// One operation compiles 1000 expressions over a scope of 1000 steps.
func BenchmarkCompile1000(b *testing.B) {
	s, err := NewScope(largeRoot(1000))
	if err != nil {
		b.Fatal(err)
	}
	var sources []string
	for i := range 1000 {
		sources = append(sources, fmt.Sprintf("steps.step_%d.kid == inputs.app", i))
	}
	for b.Loop() {
		for _, source := range sources {
			if _, faults := s.Compile(source, 0, View{}); len(faults) > 0 {
				b.Fatal(offsets(faults))
			}
		}
	}
}

func BenchmarkScopeWith1000(b *testing.B) {
	s, err := NewScope(largeRoot(1000))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.With("app", tString); err != nil {
			b.Fatal(err)
		}
	}
}

// The scope of an assertion differs from that of its step in one step's type.
func BenchmarkScopeWithOtherSteps1000(b *testing.B) {
	root := largeRoot(1000)
	s, err := NewScope(root)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		steps := &Type{Kind: Object, Fields: maps.Clone(root.Fields["steps"].Fields)}
		steps.Fields["step_0"] = keyOut()
		if _, err := s.With("steps", steps); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	x, _ := testScope(b).Compile(`steps.gen.kid`, 0, View{})
	env := testEnv()
	for b.Loop() {
		if _, err := x.Eval(env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for b.Loop() {
		Scan("CN=$<inputs.app>,O=$<vars.subject.common_name>")
	}
}

// A member may be another in one place, and the scopes made from that keep it.
func TestScopeWithMember(t *testing.T) {
	s := testScope(t)
	with := s.WithMember("steps", "gen", obj("total", tInt))
	loop, err := with.With("app", tString)
	if err != nil {
		t.Fatal(err)
	}
	env := testEnv()
	env["steps"].(map[string]any)["gen"] = map[string]any{"total": 3}
	env["app"] = "a"
	for _, c := range []struct {
		scope  *Scope
		source string
		fine   bool
	}{
		{s, "steps.gen.kid", true}, {s, "steps.gen.total", false},
		{with, "steps.gen.total + 1", true}, {with, "steps.gen.kid", false}, {with, "steps.list.keys[0].kid", true}, {with, "steps.gem.total", false},
		{loop, "string(steps.gen.total) + app", true}, {loop, "steps.gen.kid", false}, {loop, "filter(steps.list.keys, .kid == app)", true},
	} {
		x, faults := c.scope.Compile(c.source, 0, View{})
		if (len(faults) == 0) != c.fine {
			t.Errorf("%s: %v", c.source, faults)
		}
		if _, err := x.Eval(env); c.fine && c.scope != s && err != nil {
			t.Errorf("%s: %v", c.source, err)
		}
	}
}

// What is a member in one place is looked up by its path: a list of thousands
// of objects, or an object with thousands of members, is no value to hand on.
func TestLargeValuesAreRefused(t *testing.T) {
	wide := &Type{Kind: Object, Fields: map[string]*Type{}}
	for i := range maxParts + 1 {
		wide.Fields[fmt.Sprint("m", i)] = tString
	}
	double := obj("a", tString, "b", tString)
	for range 60 {
		double = obj("a", double, "b", double)
	}
	s, err := NewScope(obj("vars", obj("wide", wide, "double", double, "list", ListOf(wide), "narrow", obj("a", tString))))
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"vars.wide.m7": "", "vars.list[0].m7": "", "vars.narrow": "", "vars.double.a.b.a": "`vars.double.a.b.a` has more than 500 members in all",
		"vars.wide": "`vars.wide` has more than 500 members in all", "len(vars.list)": "`vars.list` has more than 500 members in all",
		"{a: vars.narrow, b: vars.double}": "`vars.double` has more than 500 members in all",
	} {
		_, faults := s.Compile(source, 0, View{})
		got := ""
		if len(faults) > 0 {
			got = faults[0].Message
		}
		if got != want || len(faults) > 1 {
			t.Errorf("%s: %v", source, faults)
		}
	}
}

func TestPatternSize(t *testing.T) {
	for text, want := range map[string]int{"": 1, "abc": 3, "a{1000}": 2000, "[a-z]{2,63}": 126, "(a|b)*": 4, "(x{10}){10}": 210} {
		if got, err := PatternSize(text); err != nil || got < want/2 || got > 2*want {
			t.Errorf("%s: %d, %v, want about %d", text, got, err, want)
		}
	}
	if _, err := PatternSize("(a"); err == nil {
		t.Error("(a has a size")
	}
	s := testScope(t)
	for i := range 60 {
		_, faults := s.Compile(`inputs.app matches "a{999}"`, 0, View{})
		if (len(faults) > 0) != (i >= 50) {
			t.Fatalf("pattern %d: %v", i, faults)
		}
	}
	if _, faults := s.Compile(`inputs.app matches "a{999}b{999}"`, 0, View{}); len(faults) != 1 || faults[0].Message != "the pattern is too large" {
		t.Error(faults)
	}
}
