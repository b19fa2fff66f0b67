package binding

import (
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
)

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`steps.maybe?.kid ?? "none"`, `filter(steps.list.keys, .kid == item.id)[0].created`, `map(inputs.names, upper(#) + string(#index))`, `inputs.activate ? [1, 2] : []`,
		`{a: inputs.pass, b: [nil]}.b`, `find(inputs.pairs, true)?.[0]`, `inputs.app matches "^a+$" && 1 < 2 < 3`, `sortBy(inputs.nums, -#, "desc")[1:]`, `((1 ?: 2) ?: 3)`,
		`duration("3h") * 2 < inputs.wait`, `sum(inputs.names, len(#)) / 0`, `let x = 1; x`, `$env["a"]`, `inputs["a" + "b"]`, `min(1, 2.5) ** 3`, `vars.broken.x`, "`a``b` + b'c'", `inputs.names | filter(# != "é") | join(",")`,
	} {
		f.Add(s)
	}
	root, env := testRoot(), testEnv()
	f.Fuzz(func(t *testing.T, source string) {
		s, err := NewScope(root) // which counts what is compiled in it
		if err != nil {
			t.Fatal(err)
		}
		began := cputime.Spent()
		x, faults := s.Compile(source, 7, View{})
		for i, fault := range faults {
			if fault.Offset < 7 || fault.Offset > 7+runes(source) || i > 0 && faults[i-1].Offset > fault.Offset {
				t.Fatalf("%q: fault at %d", source, fault.Offset)
			}
			if fault.Message == "" || fault.Cure == "" || len(fault.Error()) > 1000 || strings.HasPrefix(fault.Message, notCompiled) {
				t.Fatalf("%q: %v", source, fault)
			}
		}
		v, err := x.Eval(env)
		if len(faults) > 0 && err == nil {
			t.Fatalf("%q has faults and is %v", source, v)
		}
		if err == nil {
			if _, err := x.Type.Decode(v); err != nil {
				t.Fatalf("%q is %s but yields %#v", source, x.Type, v)
			}
		} else if len(faults) == 0 && (strings.Contains(err.Error(), "not of the kind") || strings.Contains(err.Error(), "the result is") && !strings.Contains(err.Error(), "UTF-8")) {
			t.Fatalf("%q is %s: %v", source, x.Type, err)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Fatalf("%q tells a secret: %v", source, err)
		}
		if d := cputime.Spent() - began; d > 2*time.Second {
			t.Fatalf("%q took %v", source, d)
		}
	})
}
