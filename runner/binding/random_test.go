package binding

import (
	"math/rand"
	"reflect"
	"strings"
	"testing"
)

// generator writes expressions that are mostly well formed, so that a good part
// of them passes the checker. Kinds are chosen with a hint only.
type generator struct{ r *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.r.Intn(len(from))] }

func (g generator) text(d int) string {
	if d == 0 {
		return g.pick(`inputs.app`, `"a"`, `inputs.pass`, `item.id`, `vars.subject.country`, `inputs.names[0]`, `steps.gen.kid`, `inputs.note`, `steps.secretive.token`, `steps.gen.status`)
	}
	switch g.r.Intn(12) {
	case 0:
		return g.text(d-1) + " + " + g.text(d-1)
	case 1:
		return "(" + g.bool(d-1) + " ? " + g.text(d-1) + " : " + g.text(d-1) + ")"
	case 2:
		return "(" + g.text(d-1) + " ?? " + g.text(d-1) + ")"
	case 3:
		return g.pick("upper", "lower", "trim") + "(" + g.text(d-1) + ")"
	case 4:
		return "string(" + g.int(d-1) + ")"
	case 5:
		return "join(" + g.texts(d-1) + ", " + g.text(0) + ")"
	case 6:
		return "(" + g.pick("first", "last") + "(" + g.texts(d-1) + ") ?? " + g.text(d-1) + ")"
	case 7:
		return "(find(" + g.texts(d-1) + ", # == " + g.text(d-1) + ") ?? " + g.text(0) + ")"
	case 8:
		return g.texts(d-1) + "[" + g.int(d-1) + "]"
	case 9:
		return "find(steps.list.keys, .status == " + g.text(d-1) + ")?.status"
	case 10:
		return "{a: " + g.text(d-1) + ", b: " + g.int(d-1) + "}." + g.pick("a", "b")
	}
	return g.text(0)
}

func (g generator) int(d int) string {
	if d == 0 {
		return g.pick(`inputs.days`, `1`, `0`, `inputs.nums[0]`, `(inputs.pin ?? 2)`, `2`)
	}
	switch g.r.Intn(8) {
	case 0:
		return g.int(d-1) + g.pick(" + ", " - ", " * ", " % ") + g.int(d-1)
	case 1:
		return "len(" + g.text(d-1) + ")"
	case 2:
		return "len(" + g.texts(d-1) + ")"
	case 3:
		return "count(" + g.texts(d-1) + ", " + g.predicate(d-1) + ")"
	case 4:
		return "sum(" + g.texts(d-1) + ", len(#))"
	case 5:
		return g.pick("min", "max") + "(" + g.int(d-1) + ", " + g.int(d-1) + ")"
	case 6:
		return "int(" + g.int(d-1) + " / " + g.int(d-1) + ")"
	}
	return g.int(0)
}

func (g generator) bool(d int) string {
	if d == 0 {
		return g.pick(`inputs.activate`, `true`, `inputs.flags[0]`, `inputs.pass == "x"`, `inputs.note == nil`, `steps.maybe != nil`)
	}
	switch g.r.Intn(7) {
	case 0:
		return "(" + g.bool(d-1) + g.pick(" && ", " or ") + g.bool(d-1) + ")"
	case 1:
		return "not " + g.bool(d-1)
	case 2:
		return "(" + g.text(d-1) + g.pick(" == ", " != ", " < ", " contains ") + g.text(d-1) + ")"
	case 3:
		return "(" + g.int(d-1) + g.pick(" == ", " < ", " >= ") + g.int(d-1) + ")"
	case 4:
		return "(" + g.text(d-1) + g.pick(" in ", " not in ") + g.texts(d-1) + ")"
	case 5:
		return g.pick("all", "any", "none", "one") + "(" + g.texts(d-1) + ", " + g.predicate(d-1) + ")"
	}
	return g.bool(0)
}

func (g generator) predicate(d int) string {
	return g.pick("#", g.text(d), "upper(#)") + g.pick(" == ", " != ", " >= ") + g.pick("#", g.text(d))
}

func (g generator) texts(d int) string {
	if d == 0 {
		return g.pick(`inputs.names`, `item.tags`, `["a", "b"]`, `[inputs.pass, "b"]`, `map(steps.list.keys, .status)`, `inputs.maybes`, `[]`)
	}
	switch g.r.Intn(7) {
	case 0:
		return "filter(" + g.texts(d-1) + ", " + g.predicate(d-1) + ")"
	case 1:
		return "map(" + g.texts(d-1) + ", " + g.pick("#", "upper(#)", g.text(d-1), "# ?? "+g.text(0)) + ")"
	case 2:
		return "[" + g.text(d-1) + ", " + g.text(d-1) + "]"
	case 3:
		return "split(" + g.text(d-1) + ", " + g.text(0) + ")"
	case 4:
		return "sortBy(" + g.texts(d-1) + ", " + g.pick("#", "len(#)", g.text(d-1)) + ")"
	case 5:
		return g.texts(d-1) + "[" + g.int(d-1) + ":]"
	}
	return g.texts(0)
}

// Three laws over random expressions that the checker accepts: expr accepts
// them, too; a result fits its type; and a result that is not labelled secret
// does not depend on a secret's value.
func TestLaws(t *testing.T) {
	s := testScope(t)
	env, other := testEnv(), testEnv()
	other["inputs"].(map[string]any)["pass"] = "x"
	other["inputs"].(map[string]any)["pin"] = 0
	other["steps"].(map[string]any)["secretive"].(map[string]any)["token"] = "a"
	g := generator{rand.New(rand.NewSource(1))}
	accepted, public := 0, 0
	for range 8_000 {
		d := 1 + g.r.Intn(3)
		source := []func(int) string{g.text, g.int, g.bool, g.texts}[g.r.Intn(4)](d)
		if len(source) > maxSource {
			continue
		}
		x, faults := s.Compile(source, 0, View{})
		for _, f := range faults {
			if strings.HasPrefix(f.Message, notCompiled) {
				t.Fatalf("%s: %v", source, f)
			}
		}
		if len(faults) > 0 {
			continue
		}
		accepted++
		v, err := x.Eval(env)
		if err != nil {
			known := false
			for _, part := range []string{"index out of range", "division by zero", "not shown", "too large for an int"} {
				known = known || strings.Contains(err.Error(), part)
			}
			if !known {
				t.Fatalf("%s is %s: %v", source, typed(x.Type), err)
			}
		}
		if x.Type.Any(Secret) {
			continue
		}
		public++
		w, err2 := x.Eval(other)
		if err == nil && err2 == nil && !reflect.DeepEqual(v, w) {
			t.Fatalf("%s is %s, but a secret makes it %v or %v", source, typed(x.Type), v, w)
		}
	}
	if accepted < 2000 || public < 1000 {
		t.Errorf("%d accepted, %d of them without secrets: too few to tell anything", accepted, public)
	}
	t.Logf("%d accepted, %d of them without secrets", accepted, public)
}
