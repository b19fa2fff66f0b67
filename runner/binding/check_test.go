package binding

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expr-lang/expr/builtin"
)

// the types of the tests' scope
var (
	tString = &Type{Kind: String}
	tInt    = &Type{Kind: Int}
	tFloat  = &Type{Kind: Float}
	tBool   = &Type{Kind: Bool}
	tTime   = &Type{Kind: Time}
	tDur    = &Type{Kind: Duration}
	tID     = tString.With(Opaque)
)

func obj(pairs ...any) *Type {
	o := &Type{Kind: Object, Fields: map[string]*Type{}}
	for i := 0; i < len(pairs); i += 2 {
		o.Fields[pairs[i].(string)] = pairs[i+1].(*Type)
	}
	return o
}

func keyOut() *Type {
	return obj("kid", tID, "key", tID, "certificate", tID, "created", tTime, "expires_at", tTime, "x5t_s256", tID, "status", tString)
}

func testRoot() *Type {
	return obj(
		"inputs", obj("app", tString, "days", tInt, "ratio", tFloat, "activate", tBool, "wait", tDur, "names", ListOf(tString), "nums", ListOf(tInt),
			"floats", ListOf(tFloat), "note", tString.With(Absent), "pass", tString.With(Secret), "pin", tInt.With(Secret|Absent), "any", &Type{Kind: Object},
			"flags", ListOf(tBool), "maybes", ListOf(tString.With(Absent)), "pairs", ListOf(ListOf(tInt))),
		"vars", obj("subject", obj("common_name", tString, "country", tString), "broken", invalid),
		"steps", obj("gen", keyOut(), "maybe", keyOut().With(Absent), "list", obj("keys", ListOf(keyOut())), "secretive", obj("token", tString.With(Secret), "id", tID)),
		"run", obj("id", tID, "started_at", tTime),
		"item", obj("id", tString, "tags", ListOf(tString)),
	)
}

func testScope(t testing.TB) *Scope {
	s, err := NewScope(testRoot())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// typed is a type with its labels.
func typed(t *Type) string {
	s := t.String()
	if t.Label != 0 {
		s += " " + t.Label.String()
	}
	if t.Kind == List && t.Elem != nil && t.Elem.Label != 0 {
		s += " of " + t.Elem.Label.String()
	}
	return s
}

func TestTypesAndLabels(t *testing.T) {
	s := testScope(t)
	for _, c := range []struct{ source, want string }{
		// references and literals
		{`inputs.app`, "string"},
		{`inputs["app"]`, "string"},
		{`vars.subject`, "object {common_name, country}"},
		{`steps.gen.kid`, "string opaque"},
		{`item.tags`, "list(string)"},
		{`1`, "int"}, {`1.5`, "float"}, {`"a"`, "string"}, {`true`, "bool"}, {`nil`, "null absent"},
		{`[1, 2]`, "list(int)"}, {`[]`, "empty list"}, {`{a: 1, "b": "x"}`, "object {a, b}"}, {`{a: 1}.a`, "int"},
		{`[steps.gen.kid]`, "list(string) of opaque"},
		{`[inputs.pass, "x"]`, "list(string) of secret"},
		{`[{id: 1}, {id: 2}][0].id`, "int"},

		// operators
		{`inputs.days + 1`, "int"}, {`inputs.days + 0.5`, "float"}, {`inputs.days / 2`, "float"}, {`2 ** 3`, "float"}, {`7 % 2`, "int"}, {`-inputs.days`, "int"},
		{`inputs.app + "x"`, "string"}, {`run.started_at + inputs.wait`, "time"}, {`steps.gen.expires_at - run.started_at`, "duration"},
		{`inputs.wait * 2`, "duration"}, {`inputs.days > 3 && not inputs.activate`, "bool"}, {`inputs.app contains "a" or inputs.app matches "^a+$"`, "bool"},
		{`inputs.app not in inputs.names`, "bool"}, {`inputs.activate ? 1 : 2`, "int"}, {`inputs.activate ? nil : 2`, "int absent"},
		{`inputs.activate ? [] : inputs.names`, "list(string)"}, {`inputs.names[1:]`, "list(string)"}, {`inputs.app[0:2]`, "string"},
		{`inputs.names[0]`, "string"}, {`inputs.names[-1]`, "string"}, {`inputs.pairs[0][1]`, "int"},
		{`inputs.names | filter(# != "a") | len()`, "int"},
		{`steps.gen.expires_at < run.started_at`, "bool"},

		// functions
		{`len(inputs.names)`, "int"}, {`all(inputs.names, # != "")`, "bool"}, {`map(inputs.names, upper(#))`, "list(string)"}, {`map(inputs.names, #index)`, "list(int)"},
		{`count(steps.list.keys, .status == "ACTIVE")`, "int"}, {`count(inputs.flags)`, "int"}, {`sum(inputs.nums)`, "int"}, {`sum(inputs.names, len(#))`, "int"},
		{`min(inputs.days, 3)`, "int"}, {`max(inputs.floats)`, "float"}, {`max(steps.gen.expires_at, run.started_at)`, "time"},
		{`sortBy(steps.list.keys, .created, "desc")[0].created`, "time"}, {`split(inputs.app, ",")`, "list(string)"}, {`join(inputs.names, ",")`, "string"},
		{`int("3")`, "int"}, {`string(inputs.days)`, "string"}, {`duration("3h")`, "duration"}, {`hasPrefix(inputs.app, "0o")`, "bool"}, {`trim(lower(inputs.app))`, "string"},

		// absent
		{`steps.maybe`, "object {certificate, created, expires_at, key, kid, …} absent"},
		{`steps.maybe?.kid`, "string opaque+absent"}, {`steps.maybe?.kid ?? ""`, "string opaque"}, {`inputs.note ?? "x"`, "string"}, {`inputs.note ?? nil`, "string absent"},
		{`inputs.note == nil`, "bool"}, {`steps.maybe != nil`, "bool"}, {`find(steps.list.keys, .status == "x")?.kid`, "string opaque+absent"},
		{`first(inputs.names)`, "string absent"}, {`last(steps.list.keys)?.created ?? run.started_at`, "time"}, {`inputs.activate ? inputs.note : "x"`, "string absent"},
		{`map(steps.list.keys, find(inputs.names, # == "x"))`, "list(string) of absent"}, {`find(inputs.maybes, # == nil)`, "string absent"},
		{`find(inputs.pairs, true)?.[0]`, "int absent"},

		// opaque
		{`inputs.activate ? steps.gen.kid : steps.gen.key`, "string opaque"}, {`steps.gen.kid == steps.gen.key`, "bool"}, {`steps.gen.kid in ["a"]`, "bool"},
		{`inputs.app in map(steps.list.keys, .kid)`, "bool"}, {`map(steps.list.keys, .kid)`, "list(string) of opaque"}, {`map(steps.list.keys, .kid)[0]`, "string opaque"},
		{`first(map(steps.list.keys, .kid)) ?? inputs.app`, "string opaque"}, {`any(steps.list.keys, .kid == steps.gen.kid)`, "bool"}, {`len(map(steps.list.keys, .kid))`, "int"},
		{`steps.gen == steps.gen`, "bool"},

		// secret
		{`inputs.pass`, "string secret"}, {`inputs.pass + "x"`, "string secret"}, {`inputs.pass == "x"`, "bool secret"}, {`len(inputs.pass)`, "int secret"},
		{`string(inputs.pass)`, "string secret"}, {`inputs.pin ?? 1`, "int secret"}, {`inputs.pin == nil`, "bool secret"}, {`inputs.pass == "x" ? 1 : 2`, "int secret"},
		{`filter(inputs.names, # == inputs.pass)`, "list(string) secret"}, {`find(inputs.names, # == inputs.pass)`, "string secret+absent"},
		{`map(inputs.names, # + inputs.pass)`, "list(string) of secret"}, {`any(inputs.names, # == inputs.pass)`, "bool secret"}, {`count(inputs.names, # == inputs.pass)`, "int secret"},
		{`inputs.names[len(inputs.pass)]`, "string secret"}, {`inputs.names[:len(inputs.pass)]`, "list(string) secret"}, {`join([inputs.pass], "")`, "string secret"},
		{`split(inputs.pass, ",")[0]`, "string secret"}, {`min(1, len(inputs.pass))`, "int secret"}, {`sum(inputs.names, len(inputs.pass))`, "int secret"},
		{`sortBy(inputs.names, # + inputs.pass)`, "list(string) secret"}, {`inputs.activate ? inputs.pass : ""`, "string secret"}, {`not (inputs.pass == "")`, "bool secret"},
		{`{a: inputs.pass}.a`, "string secret"}, {`{a: inputs.pass}`, "object {a}"}, {`"x" in [inputs.pass]`, "bool secret"}, {`steps.secretive == steps.secretive`, "bool secret"},
		{`steps.secretive != nil`, "bool"}, {`inputs.pass matches "a"`, "bool secret"}, {`duration(inputs.pass)`, "duration secret"}, {`hasSuffix("a", inputs.pass)`, "bool secret"},

		// what was reported elsewhere is not reported again
		{`vars.broken`, "invalid"}, {`vars.broken.x.y[0] + 1 > 3`, "bool"}, {`len(vars.broken)`, "int"}, {`vars.broken + "x"`, "invalid"}, {`filter(vars.broken, .x == 1)`, "invalid"},
	} {
		x, faults := s.Compile(c.source, 0, View{})
		if len(faults) > 0 || typed(x.Type) != c.want {
			t.Errorf("%s: %s %v, want %s", c.source, typed(x.Type), offsets(faults), c.want)
		}
	}
}

func TestFaults(t *testing.T) {
	s := testScope(t)
	for _, c := range []struct {
		source string
		offset int
		want   string // the whole text, or its beginning if it ends in …
	}{
		// names
		{`steps.gen.kidd`, 10, `unknown output "kidd" of steps.gen; it has certificate, created, expires_at, key, kid, … (did you mean "kid"?)`},
		{`steps["gen"].kidd`, 13, `unknown output "kidd" of steps.gen; it has certificate, …`},
		{`steps.gne.kid`, 6, `unknown step "gne"; there are gen, list, maybe, secretive (did you mean "gen"?)`},
		{`inputs.ap`, 7, `unknown input "ap"; there are activate, any, app, days, flags, … (did you mean "app"?)`},
		{`vars.sub`, 5, `unknown variable "sub"; there are broken, subject`},
		{`run.ids`, 4, `unknown member "ids" of run; it has id, started_at (did you mean "id"?)`},
		{`item.idd`, 5, `unknown member "idd" of item; it has id, tags (did you mean "id"?)`},
		{`stepz.gen.kid`, 0, `unknown name "stepz"; there are inputs, item, run, steps, vars (did you mean "steps"?); text needs quotes`},
		{`gen.kid`, 0, "unknown name \"gen\"; write `steps.gen`"},
		{`days`, 0, "unknown name \"days\"; write `inputs.days`"},
		{`upper`, 0, "unknown name \"upper\"; `upper` is a function: write `upper(…)`"},
		{`uper(inputs.app)`, 0, "unknown function \"uper\"; did you mean \"upper\"? it is called as `upper(text)`"},
		{`now()`, 0, "unknown function \"now\"; `run.started_at` is when …"},
		{`"é" + inputs.ap`, 13, `unknown input "ap"; …`},
		{`filter(steps.list.keys, .kidd == "x")`, 25, `unknown member "kidd"; it has certificate, …`},
		{`vars.subject.common_nam`, 13, `unknown member "common_nam" of vars.subject; it has common_name, country (did you mean "common_name"?)`},

		// the traps: what expr lets pass and the language does not
		{`steps["ge"+"n"]`, 6, "a member's name cannot be computed; …"},
		{`steps[inputs.app]`, 6, "a member's name cannot be computed; …"},
		{`$env`, 0, "`$env` is not part of the language; …"},
		{`$env["steps"]`, 0, "`$env` is not part of the language; …"},
		{`$env.steps.gen`, 0, "`$env` is not part of the language; …"},
		{`let s = steps; s.gen.kid`, 0, "`let` is not part of the language; declare the name under `vars`"},
		{`1; 2`, 1, "`;` is not part of the language; …"},
		{`values(steps)`, 0, `unknown function "values"; …`},
		{`get(inputs, "app")`, 0, `unknown function "get"; …`},
		{`reduce(inputs.nums, #acc + #)`, 0, `unknown function "reduce"; …`},
		{`groupBy(inputs.names, #)`, 0, `unknown function "groupBy"; …`},
		{`first(steps.list.keys).zzz`, 23, "the result of `first` may be absent, so there may be nothing to read `.zzz` from; …"},
		{`first(steps.list.keys)?.zzz`, 24, `unknown member "zzz"; …`},
		{`{a: 1}.b`, 7, `unknown member "b"; it has a`},
		{`steps.list.keys[0]['ki'+'d']`, 19, "a member's name cannot be computed; …"},
		{`run.started_at.Local()`, 15, "methods cannot be called; …"},
		{`run.started_at.Local`, 15, "`run.started_at` is a time and has no member \"Local\"; leave `.Local` out"},
		{`inputs.activate ? 1 : "x"`, 22, "one branch of `? :` is an int, the other a string; both must be of one kind"},
		{`[1, "x"]`, 4, "a list of int and string; all elements of a list must be of one kind"},
		{`1..5`, 1, "`..` is not part of the language; …"},
		{`b"abc"`, 0, "byte literals are not part of the language; …"},
		{`if true { 1 } else { 2 }`, 0, "`if` is not part of the language; …"},
		{`inputs.app ?: "x"`, 0, "`?:` is not part of the language; …"},
		{`((((((1 ?: 2) ?: 3) ?: 4) ?: 5) ?: 6) ?: 7)`, 6, "`?:` is not part of the language; …"},
		{`1 < 2 < 3`, 4, "comparisons cannot be chained; write `a < b && b < c`"},
		{`steps`, 0, "`steps` groups names and is no value; name a member, `steps.…`: there are gen, list, maybe, secretive"},
		{`[steps]`, 1, "`steps` groups names and is no value; …"},
		{`steps == nil`, 0, "`steps` groups names and is no value; …"},
		{`len(inputs)`, 4, "`inputs` groups names and is no value; …"},
		{`"gen" in steps`, 9, "`steps` groups names and is no value; …"},
		{`{(inputs.app): 1}`, 2, "a member's name cannot be computed; …"},
		{`{a: 1, a: 2}`, 7, `the member "a" stands twice; …`},
		{`inputs.any.x`, 11, "the members of `inputs.any` are not declared, so \"x\" cannot be checked; use the value as a whole"},
		{`inputs.any["x"]`, 11, "the members of `inputs.any` are not declared, …"},
		{`inputs.app matches inputs.names[0]`, 19, "the pattern of `matches` must be a literal; …"},
		{`inputs.app matches "("`, 19, "the pattern is no regular expression: …"},
		{`all(inputs.nums, all(inputs.nums, all(inputs.nums, all(inputs.nums, # > 0))))`, 68, "predicates nest more than 3 deep; …"},
		{`#`, 0, "`#` cannot stand here; …"},
		{`.kid`, 0, "`.` cannot stand here; …"},
		{`filter(inputs.nums, #index > 1)`, 20, "`#index` does not exist here; …"},
		{`inputs.app[0]`, 10, "text has no elements; …"},
		{`inputs.days[0]`, 11, "`inputs.days` is an int and has no elements; …"},
		{`inputs.names["a"]`, 13, "`inputs.names` is a list and has no member \"a\"; …"},
		{`steps.list.keys.kid`, 16, "`steps.list.keys` is a list and has no member \"kid\"; pick an element, `[0]` or `find(…)`, or take the member of each, `map(…, .kid)`"},
		{`inputs.names[1.5]`, 13, "a list's element is picked by an int, not by a float; …"},
		{`inputs.names["a":]`, 13, "a bound of a slice is an int, not a string; …"},
		{`inputs.days[1:]`, 11, "`inputs.days` is an int and cannot be cut; …"},
		{`nil.x`, 3, "`.` cannot stand here; …"},
		{`(nil).x`, 6, "`nil` has no members; …"},
		{`-inputs.wait`, 1, "`-` needs a number, not a duration; …"},

		// kinds
		{`inputs.app + 1`, 11, "`+` between a string and an int; convert with `string(…)`, or embed the parts in text: `a$<x>b`"},
		{`inputs.days == "1"`, 12, "`==` between an int and a string; …"},
		{`inputs.days && true`, 12, "`&&` between an int and a bool; …"},
		{`not inputs.app`, 4, "`not` needs a bool, not a string; …"},
		{`inputs.days ? 1 : 2`, 0, "a condition is a bool, not an int; …"},
		{`1 in inputs.names`, 2, "an int is never in a list(string); …"},
		{`"a" in inputs.app`, 4, "`in` needs a list on its right, not a string; search text with `text contains part`"},
		{`inputs.note ?? 1`, 12, "`??` between a string and an int; both sides must be of one kind"},
		{`len(inputs.days)`, 4, "`len` needs a list or text, not an int; …"},
		{`filter(inputs.app, true)`, 7, "`filter` needs a list, not a string; …"},
		{`filter(inputs.nums, #)`, 20, "the predicate of `filter` is a bool, not an int; …"},
		{`sum(inputs.names)`, 4, "`sum` adds numbers, not a string; …"},
		{`sortBy(inputs.flags, #)`, 21, "`sortBy` cannot order by a bool; …"},
		{`sortBy(inputs.nums, #, "up")`, 23, `the order of ` + "`sortBy`" + ` is neither "asc" nor "desc"; …`},
		{`min(1, 2.5)`, 7, "`min` of an int and a float; all must be of one kind"},
		{`max(inputs.names)`, 4, "`max` compares numbers, times or durations, not a string; …"},
		{`upper(1)`, 6, "`upper` needs text, not an int; …"},
		{`trim()`, 0, "`trim` takes 1 to 2 arguments, not 0; write `trim(text)`"},
		{`int(inputs.wait)`, 4, "`int` cannot convert a duration; it takes string, int, float"},
		{`duration("1d")`, 9, `"1d" is no duration; …`},
		{`join(inputs.nums)`, 5, "`join` needs a list(string), not a list(int); …"},
		{`count(inputs.nums)`, 6, "`count` without a predicate needs a list of bools, not a list(int); …"},
		{`nil + 1`, 0, "nothing can be computed from `nil`; …"},
		{`run.started_at + 1`, 15, "`+` between a time and an int; …"},
		{`inputs.nums == inputs.names`, 12, "`==` between a list(int) and a list(string); …"},

		// opaque
		{`steps.gen.kid + "x"`, 0, "`steps.gen.kid` is assigned when the playbook runs, so a plan cannot compute with it; use it as it is, embed it in text, `…$<steps.gen.kid>…`, or compare it with `==`, `!=` or `in`"},
		{`upper(steps.gen.kid)`, 6, "`steps.gen.kid` is assigned …"},
		{`len(steps.gen.kid)`, 4, "`steps.gen.kid` is assigned …"},
		{`steps.gen.kid[0:3]`, 0, "`steps.gen.kid` is assigned …"},
		{`steps.gen.kid matches "a"`, 0, "`steps.gen.kid` is assigned …"},
		{`steps.gen.kid contains "a"`, 0, "`steps.gen.kid` is assigned …"},
		{`steps.gen.kid < "a"`, 0, "`steps.gen.kid` is assigned …"},
		{`string(steps.gen.kid)`, 7, "`steps.gen.kid` is assigned …"},
		{`hasPrefix(steps.gen.kid, "a")`, 10, "`steps.gen.kid` is assigned …"},
		{`split(steps.gen.kid, "a")`, 6, "`steps.gen.kid` is assigned …"},
		{`sortBy(steps.list.keys, .kid)`, 24, "`.kid` is assigned …"},
		{`join(map(steps.list.keys, .kid), ",")`, 5, "the elements of the result of `map` are assigned …"},
		{`filter(steps.list.keys, .kid startsWith "a")`, 24, "`.kid` is assigned …"},

		// absent
		{`steps.maybe.kid`, 12, "`steps.maybe` may be absent, so there may be nothing to read `.kid` from; write `steps.maybe?.kid`, with a value for that case where one is needed: `(steps.maybe?.kid ?? …)`; a test with `!= nil` before it does not help"},
		{`steps.maybe != nil ? steps.maybe.kid : ""`, 33, "`steps.maybe` may be absent, …"},
		{`steps.maybe?.kid == "x"`, 0, "`steps.maybe?.kid` may be absent; say what holds then: `(steps.maybe?.kid ?? …)`; …"},
		{`inputs.note == "x"`, 0, "`inputs.note` may be absent; say what holds then: `(inputs.note ?? …)`; a test with `!= nil` before it does not help"},
		{`inputs.note + "x"`, 0, "`inputs.note` may be absent; …"},
		{`upper(inputs.note)`, 6, "`inputs.note` may be absent; …"},
		{`inputs.note in inputs.names`, 0, "`inputs.note` may be absent; …"},
		{`find(inputs.flags, #) ? 1 : 2`, 0, "the result of `find` may be absent; …"},
		{`find(inputs.pairs, true)[0]`, 24, "the result of `find` may be absent, so there may be nothing to read `[…]` from; …"},
		{`first(inputs.nums) + 1`, 0, "the result of `first` may be absent; …"},
		{`join(inputs.maybes)`, 5, "the elements of `inputs.maybes` may be absent; …"},
		{`max(inputs.maybes)`, 4, "the elements of `inputs.maybes` may be absent; …"},
		{`any(inputs.maybes, # == "x")`, 19, "the element may be absent; …"},
		{`inputs.names[find(inputs.nums, true)]`, 13, "the result of `find` may be absent; …"},

		// kinds that nobody knows
		{`first([])`, 6, "this list is always empty; …"},
		{`max([])`, 4, "this list is always empty; …"},
		{`inputs.nums[find([], true)]`, 17, "this list is always empty; …"},
		{`[][0]`, 2, "the list is empty; …"},
		{`map(inputs.nums, nil)`, 17, "`map` makes a list of nothing but `nil`; …"},
		{`nil in inputs.maybes`, 0, "nothing can be computed from `nil`; …"},
		{`inputs.wait * 0.5`, 12, "`*` between a duration and a float; …"},

		// syntax
		{``, 0, "the expression is empty; …"},
		{`inputs.days +`, 13, "the expression ends too early; an operand or a closing bracket is missing"},
		{`inputs.days = 1`, 12, "`=` cannot stand here; compare with `==`"},
		{`"abc`, 0, "the text that starts here has no closing quote; add it"},
		{`inputs.app + 'abc`, 13, "the text that starts here has no closing quote; add it"},
		{`inputs.app foo`, 11, "`foo` cannot stand here; …"},
		{`inputs.note ?? "a" + "b"`, 19, "`??` beside another operator; …"},
		{`inputs.days ~ 1`, 12, "a character that no expression has: …"},
		{`inputs.app // c`, 11, "a comment inside an expression; …"},
		{`inputs.days & 1`, 12, "`&` cannot stand here; write `&&`"},
		{`filter(inputs.nums)`, 18, "an argument is missing; …"},
		{`99999999999999999999`, 0, "a number that is too large; …"},
	} {
		x, faults := s.Compile(c.source, 0, View{})
		want, prefix := strings.CutSuffix(c.want, "…")
		ok := len(faults) == 1 && faults[0].Offset == c.offset && (faults[0].Error() == want || prefix && strings.HasPrefix(faults[0].Error(), want))
		if !ok {
			t.Errorf("%s: %q\nwant %d: %s", c.source, offsets(faults), c.offset, c.want)
		}
		if x == nil || x.Type == nil {
			t.Errorf("%s: no type", c.source)
		} else if _, err := x.Eval(nil); err == nil {
			t.Errorf("%s: faulty, but it can be evaluated", c.source)
		}
	}
	// Offsets count runes over line breaks and multi-byte text.
	for source, want := range map[string]int{"\"é\" +\n\n  inputs.ap": 16, "\"é\"\n + ": 7, "\"é\"\n = 1": 5, "\"日本\" +\r\n 'x": 9} {
		if _, faults := s.Compile(source, 0, View{}); len(faults) != 1 || faults[0].Offset != want {
			t.Errorf("%q: %v, want %d", source, offsets(faults), want)
		}
	}
	x, faults := s.Compile(`inputs.ap + steps.gen.kidd + upper(1)`, 100, View{})
	if len(faults) != 3 || faults[0].Offset != 107 || faults[1].Offset != 122 || faults[2].Offset != 135 || x.Type.Kind != Invalid {
		t.Errorf("three faults: %v, %s", offsets(faults), x.Type)
	}
}

func TestFunctionsHaveUsage(t *testing.T) {
	s := testScope(t)
	for name := range usage {
		if typing(name) == nil {
			t.Errorf("%s is no function", name)
		}
		if _, faults := s.Compile(name+"()", 0, View{}); len(faults) != 1 {
			t.Errorf("%s(): %v", name, offsets(faults))
		}
	}
	for _, f := range builtin.Builtins {
		if (typing(f.Name) != nil) != (usage[f.Name] != "") {
			t.Errorf("%s: how is it called?", f.Name)
		}
	}
}

// A list that is itself labelled opaque holds opaque elements.
func TestOpaqueList(t *testing.T) {
	root := testRoot()
	root.Fields["chain"] = ListOf(tString).With(Opaque)
	s, err := NewScope(root)
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{"len(chain)": "int", "chain[0]": "string opaque", "first(chain)": "string opaque+absent", "chain[1:]": "list(string) of opaque", `"a" in chain`: "bool", "filter(chain, # != inputs.app)[0]": "string opaque"} {
		if x, faults := s.Compile(source, 0, View{}); len(faults) > 0 || typed(x.Type) != want {
			t.Errorf("%s: %s %v, want %s", source, typed(x.Type), offsets(faults), want)
		}
	}
	if _, faults := s.Compile("upper(chain[0])", 0, View{}); len(faults) != 1 {
		t.Error("an element can be computed with")
	}
}

func TestRefs(t *testing.T) {
	s := testScope(t)
	for _, c := range []struct{ source, want string }{
		{`inputs.app`, "[[inputs app]]"},
		{`steps.gen.kid == steps.gen["kid"] || inputs.activate`, "[[steps gen kid] [inputs activate]]"},
		{`steps.list.keys[0].kid`, "[[steps list keys]]"},
		{`filter(steps.list.keys, .kid == item.id)[0]`, "[[steps list keys] [item id]]"},
		{`steps.maybe?.kid ?? inputs.app`, "[[steps maybe kid] [inputs app]]"},
		{`inputs.names[inputs.days]`, "[[inputs names] [inputs days]]"},
		{`inputs.app | upper`, "[]"},
		{`{a: vars.subject}.a.country`, "[[vars subject]]"},
		{`item`, "[[item]]"},
		{`1 + 2`, "[]"},
	} {
		x, _ := s.Compile(c.source, 0, View{})
		if got := fmt.Sprint(x.Refs); got != c.want {
			t.Errorf("%s: %s, want %s", c.source, got, c.want)
		}
	}
}

func TestHidden(t *testing.T) {
	s := testScope(t)
	view := View{Hidden: func(path []string) (string, string) {
		if len(path) < 2 && path[0] != "item" {
			t.Errorf("asked for %v", path)
		}
		if len(path) > 1 && path[1] == "maybe" {
			return "step \"maybe\" comes later", "move this step behind it"
		}
		if path[0] == "item" {
			return "no item here", ""
		}
		return "", ""
	}}
	for _, c := range []struct {
		source string
		want   string
	}{
		{`steps.maybe.kid`, `[6: step "maybe" comes later; move this step behind it]`},
		{`steps.maybe?.kidd ?? ""`, `[6: step "maybe" comes later; move this step behind it]`},
		{`steps["maybe"]`, `[6: step "maybe" comes later; move this step behind it]`},
		{`item.id + 1`, `[0: no item here]`},
		{`steps.gen.kid`, `[]`},
	} {
		_, faults := s.Compile(c.source, 0, view)
		if got := fmt.Sprint(offsets(faults)); got != c.want {
			t.Errorf("%s: %s, want %s", c.source, got, c.want)
		}
	}
}
