package binding

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func testKey(kid, status string, created time.Time) map[string]any {
	return map[string]any{"kid": kid, "key": "{}", "certificate": "PEM", "created": created, "expires_at": created.AddDate(2, 0, 0), "x5t_s256": "x", "status": status}
}

func testEnv() map[string]any {
	return map[string]any{
		"inputs": map[string]any{"app": "0oa1", "days": 730, "ratio": 0.5, "activate": true, "wait": 90 * time.Minute, "names": []any{"a", "b", "c"}, "nums": []any{3, 1, 2},
			"floats": []any{1.5, 2.5}, "note": nil, "pass": "geheim", "pin": 1234, "any": map[string]any{"x": 1}, "flags": []any{true, false}, "maybes": []any{"x", nil}, "pairs": []any{[]any{1, 2}}},
		"vars": map[string]any{"subject": map[string]any{"common_name": "cn", "country": "US"}, "broken": 1},
		"steps": map[string]any{"gen": testKey("k0", "ACTIVE", noon), "maybe": nil,
			"list":      map[string]any{"keys": []any{testKey("k1", "ACTIVE", noon), testKey("k2", "INACTIVE", noon.Add(time.Hour))}},
			"secretive": map[string]any{"token": "t", "id": "i"}},
		"run":  map[string]any{"id": "r1", "started_at": noon},
		"item": map[string]any{"id": "i1", "tags": []any{"t"}},
	}
}

func TestEval(t *testing.T) {
	s, env := testScope(t), testEnv()
	for _, c := range []struct {
		source string
		want   any
	}{
		{`inputs.app`, "0oa1"}, {`inputs.days + 1`, 731}, {`inputs.days / 4`, 182.5}, {`2 ** 3`, 8.0}, {`7 % 4`, 3}, {`int(7 / 2)`, 3}, {`1 + 0.5`, 1.5},
		{`inputs.wait * 2`, 3 * time.Hour}, {`run.started_at + duration("1h")`, noon.Add(time.Hour)}, {`steps.list.keys[1].created - run.started_at`, time.Hour},
		{`steps.list.keys[-1].kid`, "k2"}, {`find(steps.list.keys, .status == "ACTIVE")?.kid`, "k1"}, {`find(steps.list.keys, .status == "x")?.kid`, nil},
		{`find(steps.list.keys, .status == "x")?.kid ?? "none"`, "none"}, {`steps.maybe?.kid`, nil}, {`steps.maybe == nil`, true}, {`steps.maybe?.kid ?? inputs.app`, "0oa1"},
		{`inputs.note ?? "x"`, "x"}, {`inputs.note`, nil}, {`first([1][:0])`, nil}, {`last(inputs.nums)`, 2}, {`first(inputs.names) ?? ""`, "a"},
		{`map(inputs.names, upper(#) + string(#index))`, []any{"A0", "B1", "C2"}}, {`filter(inputs.nums, # > 1)`, []any{3, 2}}, {`sortBy(inputs.nums, #)`, []any{1, 2, 3}},
		{`sortBy(steps.list.keys, .created, "desc")[0].kid`, "k2"}, {`sortBy(inputs.names, #, "desc")`, []any{"c", "b", "a"}}, {`map(sortBy(steps.list.keys, .expires_at - .created), .kid)`, []any{"k1", "k2"}},
		{`sum(inputs.nums)`, 6}, {`sum(inputs.floats)`, 4.0}, {`sum(filter(inputs.floats, false))`, 0.0}, {`sum(steps.list.keys, len(.status))`, 14}, {`count(inputs.flags)`, 1}, {`count(inputs.nums, # > 1)`, 2},
		{`one(inputs.nums, # == 1)`, true}, {`none(inputs.nums, # == 9)`, true}, {`any(inputs.nums, # == 9)`, false}, {`all(inputs.nums, # > 0)`, true},
		{`min(inputs.nums)`, 1}, {`max(inputs.nums)`, 3}, {`max(1, 5, 3)`, 5}, {`min(inputs.floats)`, 1.5}, {`max(inputs.wait, duration("2h"))`, 2 * time.Hour}, {`max(map(steps.list.keys, .created))`, noon.Add(time.Hour)},
		{`split("a,b", ",")`, []any{"a", "b"}}, {`split("a,b", ",") == ["a", "b"]`, true}, {`join(inputs.names, "-")`, "a-b-c"}, {`join(inputs.names)`, "abc"},
		{`trim(" x ")`, "x"}, {`trim("-x-", "-")`, "x"}, {`hasPrefix("abc", "ab") and hasSuffix("abc", "bc")`, true}, {`len("äö")`, 2}, {`len(inputs.names)`, 3},
		{`int("42")`, 42}, {`string(42) + string(true) + string(1.5) + string(inputs.wait)`, "42true1.51h30m0s"}, {`string(run.started_at)`, "2026-01-31T12:00:00Z"},
		{`"a" in inputs.names`, true}, {`"z" not in inputs.names`, true}, {`any(inputs.maybes, # == nil)`, true}, {`inputs.app matches "^0oa"`, true}, {`"abc"[1:]`, "bc"}, {`inputs.names[0:2]`, []any{"a", "b"}},
		{`inputs.activate ? "on" : "off"`, "on"}, {`[]`, []any{}}, {`{a: 1, b: ["x"]}`, map[string]any{"a": 1, "b": []any{"x"}}}, {`{a: 1}.a`, 1}, {`[{id: 1}, {id: 2}][1].id`, 2},
		{`map(inputs.nums, count(inputs.nums, # < 3))`, []any{2, 2, 2}}, {`all(inputs.nums, all(inputs.nums, all(inputs.nums, # > 0)))`, true},
		{`inputs.any`, map[string]any{"x": 1}}, {`inputs.pairs[0][1]`, 2}, {`map(inputs.pairs, len(#))`, []any{2}}, {`find(inputs.pairs, true)?.[0]`, 1}, {`inputs.nums | filter(# > 1) | len()`, 2},
		{`1 == 1.0`, true}, {`steps.gen == steps.gen`, true}, {`-inputs.days`, -730}, {`not inputs.activate`, false}, {`vars.broken`, 1}, {`"a" < "b" && 1 <= 2`, true}, {`false && 1 % 0 == 1`, false},
		{`max(1.5, 2.5) > 2`, true}, {`min(inputs.days, 3) == 3`, true}, {`nil`, nil}, {`inputs.pass == "geheim"`, true}, {`1 / 4 == 0.25`, true}, {`::len("ab")`, 2},
	} {
		x, faults := s.Compile(c.source, 0, View{})
		if len(faults) > 0 {
			t.Errorf("%s: %v", c.source, offsets(faults))
			continue
		}
		got, err := x.Eval(env)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s = %#v %v, want %#v", c.source, got, err, c.want)
		}
	}
	if !reflect.DeepEqual(env, testEnv()) {
		t.Error("an evaluation changed its environment")
	}
}

func TestEvalFails(t *testing.T) {
	s := testScope(t)
	for _, c := range []struct{ source, want string }{
		{`1 / 0`, "division by zero"}, {`inputs.days / (inputs.days - 730) > 3`, "division by zero"}, {`10 ** 400`, "no finite number"}, {`0 ** -1`, "no finite number"},
		{`1e308 * 10`, "a number that is not finite where a float is needed"}, {`1 % (inputs.days - 730)`, "division by zero"}, {`int(1e300)`, "too large for an int"}, {`int("x")`, `"x" is no int`},
		{`duration(inputs.app)`, `"0oa1" is no duration`}, {`inputs.names[7]`, "index out of range"}, {`max(filter(inputs.nums, false))`, "empty list"}, {`"ä"[0:1]`, "not UTF-8"},
		{`int(inputs.pass)`, "why is not shown"},
		{`join(map(inputs.names, join(map(inputs.names, "` + strings.Repeat("x", 1500) + `"))))`, ""},
	} {
		x, faults := s.Compile(c.source, 40, View{})
		if len(faults) > 0 {
			t.Errorf("%s: %v", c.source, offsets(faults))
			continue
		}
		v, err := x.Eval(testEnv())
		if c.want == "" {
			if err != nil {
				t.Errorf("%.40s: %v", c.source, err)
			}
			continue
		}
		var f *Fault
		if !errors.As(err, &f) || !strings.Contains(f.Message, c.want) || f.Cure == "" || f.Offset < 40 {
			t.Errorf("%s = %v %v, want %s", c.source, v, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error tells a secret", c.source)
		}
	}
	for _, c := range []struct {
		source string
		change func(map[string]any)
		want   string
	}{
		{`steps.gen.kid`, func(e map[string]any) { e["steps"] = map[string]any{} }, "is null"},
		{`steps.gen.kid`, func(e map[string]any) { e["steps"].(map[string]any)["gen"] = map[string]any{} }, "null where a string is needed"},
		{`inputs.days`, func(e map[string]any) { e["inputs"].(map[string]any)["days"] = "x" }, "text where an int is needed"},
		{`inputs.ratio`, func(e map[string]any) { e["inputs"].(map[string]any)["ratio"] = math.NaN() }, "not finite"},
		{`inputs.names`, func(e map[string]any) { e["inputs"].(map[string]any)["names"] = []any{"a", nil} }, "[1]: null where"},
		{`upper(inputs.app)`, func(e map[string]any) { e["inputs"].(map[string]any)["app"] = 1 }, "not of the kind"},
		{`run.id`, func(e map[string]any) { delete(e, "run") }, "is null"},
	} {
		env := testEnv()
		c.change(env)
		x, faults := s.Compile(c.source, 0, View{})
		if len(faults) > 0 {
			t.Fatal(offsets(faults))
		}
		if v, err := x.Eval(env); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v %v, want %s", c.source, v, err, c.want)
		}
	}
}

// Long lists under nested predicates end in an error, not in hours.
func TestEvalBounded(t *testing.T) {
	s := testScope(t)
	env := testEnv()
	var nums []any
	for i := range 3000 {
		nums = append(nums, i)
	}
	env["inputs"].(map[string]any)["nums"] = nums
	for _, source := range []string{
		`all(inputs.nums, all(inputs.nums, all(inputs.nums, # >= 0)))`,
		`map(inputs.nums, map(inputs.nums, #))`,
		`map(inputs.nums, join(map(inputs.nums, "` + strings.Repeat("x", 1000) + `")))`,
	} {
		x, faults := s.Compile(source, 0, View{})
		if len(faults) > 0 {
			t.Fatal(offsets(faults))
		}
		began := cputime.Spent()
		if _, err := x.Eval(env); err == nil {
			t.Errorf("%.60s: no error", source)
		}
		if d := cputime.Spent() - began; d > 20*time.Second {
			t.Errorf("%.60s took %v", source, d)
		}
	}
}

// Whatever kinds an operator or function is given: what the checker accepts can
// be computed, and yields what it said.
func TestCheckerAndMachineAgree(t *testing.T) {
	s, env := testScope(t), testEnv()
	operands := []string{`inputs.app`, `inputs.days`, `inputs.ratio`, `inputs.activate`, `inputs.wait`, `run.started_at`, `inputs.names`, `inputs.nums`, `inputs.floats`, `inputs.flags`,
		`vars.subject`, `inputs.any`, `nil`, `inputs.note`, `steps.gen.kid`, `inputs.maybes`, `steps.maybe`, `[]`, `steps.list.keys`, `{a: 1}`, `first(inputs.nums)`, `2.5`, `3`, `"a"`, `inputs.pairs`}
	var sources []string
	for _, l := range operands {
		for _, r := range operands {
			for _, op := range []string{"+", "-", "*", "/", "%", "**", "==", "!=", "<", ">=", "&&", "or", "in", "not in", "matches", "contains", "startsWith", "??"} {
				sources = append(sources, fmt.Sprintf("(%s) %s (%s)", l, op, r))
			}
			sources = append(sources, fmt.Sprintf("true ? %s : %s", l, r), fmt.Sprintf("[%s, %s]", l, r), fmt.Sprintf("(%s)[%s]", l, r), fmt.Sprintf("(%s)[%s:]", l, r))
			for name := range usage {
				sources = append(sources, fmt.Sprintf("%s(%s, %s)", name, l, r), fmt.Sprintf("%s(%s, #)", name, l))
			}
		}
		for name := range usage {
			sources = append(sources, fmt.Sprintf("%s(%s)", name, l))
		}
		sources = append(sources, "-("+l+")", "not ("+l+")", "("+l+").kid", "("+l+")?.kid", "find("+l+", true)", "map("+l+", [#])")
	}
	accepted := 0
	for _, source := range sources {
		x, faults := s.Compile(source, 0, View{})
		for _, f := range faults {
			if strings.HasPrefix(f.Message, notCompiled) {
				t.Errorf("%s: expr refuses what we accept: %v", source, f)
			}
		}
		if len(faults) > 0 {
			continue
		}
		accepted++
		v, err := x.Eval(env)
		if err == nil {
			continue
		}
		expected := false
		for _, part := range []string{"is no int", "is no duration", "out of range", "empty list", "no finite number"} {
			expected = expected || strings.Contains(err.Error(), part)
		}
		if !expected {
			t.Errorf("%s is %s: %v %v", source, typed(x.Type), v, err)
		}
	}
	if accepted < 500 {
		t.Errorf("only %d of %d expressions are accepted", accepted, len(sources))
	}
}
