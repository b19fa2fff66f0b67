package binding

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTypeString(t *testing.T) {
	for _, c := range []struct {
		t    *Type
		want string
	}{
		{nil, "unknown"}, {&Type{}, "invalid"}, {tString.With(Secret), "string"}, {ListOf(ListOf(tInt)), "list(list(int))"}, {ListOf(nil), "empty list"},
		{&Type{Kind: Object}, "object"}, {obj(), "object {}"}, {obj("b", tInt, "a", tInt), "object {a, b}"},
		{obj("a", tInt, "b", tInt, "c", tInt, "d", tInt, "e", tInt, "f", tInt), "object {a, b, c, d, e, …}"}, {&Type{Kind: 200}, "invalid"},
	} {
		if got := c.t.String(); got != c.want {
			t.Errorf("%#v is %q, want %q", c.t, got, c.want)
		}
	}
	if got := (Secret | Absent).String(); got != "secret+absent" {
		t.Error(got)
	}
}

func TestWithLeavesTheOriginal(t *testing.T) {
	a := &Type{Kind: String}
	b := a.With(Secret)
	if a.Label != 0 || b.Label != Secret || b.Without(Secret).Label != 0 || b.Label != Secret {
		t.Error("a type was changed in place")
	}
	if !obj("x", ListOf(b)).Any(Secret) || obj("x", ListOf(a)).Any(Secret|Opaque) {
		t.Error("Any does not look inside")
	}
}

func TestAssignable(t *testing.T) {
	subject := obj("common_name", tString, "country", tString.With(Absent))
	for _, c := range []struct {
		want, got *Type
		ok        bool
	}{
		{tString, tString, true}, {tString, tInt, false}, {tFloat, tInt, false}, {tString, invalid, true}, {invalid, tInt, true}, {tString, tString.With(Secret | Opaque | Absent), true},
		{&Type{Kind: Unknown}, tInt, true}, {tInt, &Type{Kind: Unknown}, false}, {tInt, &Type{Kind: Null, Label: Absent}, true},
		{ListOf(tString), ListOf(tString), true}, {ListOf(tString), ListOf(tInt), false}, {ListOf(tString), ListOf(nil), true}, {ListOf(tString), ListOf(invalid), true}, {ListOf(tString), tString, false},
		{subject, obj("common_name", tString), true}, {subject, obj("common_name", tString, "country", tString), true}, {subject, obj("country", tString), false},
		{subject, obj("common_name", tString, "county", tString), false}, {subject, obj("common_name", tInt), false}, {subject, &Type{Kind: Object}, true}, {&Type{Kind: Object}, subject, true},
	} {
		if got := Assignable(c.want, c.got); got != c.ok {
			t.Errorf("Assignable(%s, %s) = %v", c.want, c.got, got)
		}
	}
}

func TestDecodeEncode(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 5, time.UTC)
	deep := obj("at", tTime, "for", tDur, "n", tInt, "f", tFloat, "b", tBool, "s", tString, "list", ListOf(tInt), "opt", tString.With(Absent))
	var v any
	d := json.NewDecoder(strings.NewReader(`{"at":"2026-01-31T13:00:00.000000005+01:00","for":"1h30m0s","n":9007199254740993,"f":1,"b":true,"s":"x","list":[1,2]}`))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	got, err := deep.Decode(v)
	want := map[string]any{"at": at, "for": 90 * time.Minute, "n": 9007199254740993, "f": 1.0, "b": true, "s": "x", "list": []any{1, 2}, "opt": nil}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("Decode = %#v %v", got, err)
	}
	text, err := json.Marshal(Encode(got))
	if want := `{"at":"2026-01-31T12:00:00.000000005Z","b":true,"f":1,"for":"1h30m0s","list":[1,2],"n":9007199254740993,"opt":null,"s":"x"}`; err != nil || string(text) != want {
		t.Errorf("Encode = %s %v", text, err)
	}
	d = json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	again, err := deep.Decode(v)
	if err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("decoded again: %#v %v", again, err)
	}
	if same, err := deep.Decode(want); err != nil || !reflect.DeepEqual(same, want) {
		t.Errorf("final values: %#v %v", same, err)
	}
	if v, err := (&Type{Kind: Object}).Decode(map[string]any{"a": json.Number("1"), "b": []any{json.Number("1.0")}}); err != nil || !reflect.DeepEqual(v, map[string]any{"a": 1, "b": []any{1.0}}) {
		t.Errorf("members unknown: %#v %v", v, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		t    *Type
		v    any
		want string
	}{
		{tString, nil, "null where a string is needed"}, {tString, 1, "an int where a string is needed"}, {tInt, "1", "text where an int is needed"}, {tInt, json.Number("1.5"), "a number where an int is needed"},
		{tInt, json.Number("1e3"), "a number where an int is needed"}, {tInt, 1.5, "a number where an int is needed"}, {tInt, json.Number("99999999999999999999"), "a number where an int"}, {tInt, uint64(math.MaxUint64), "where an int"},
		{tFloat, math.Inf(1), "not finite"}, {tFloat, json.Number("1e999"), "a number where a float"}, {tBool, "true", "text where a bool"}, {tDur, "1d", "no duration"}, {tDur, 5, "an int where a duration"},
		{tTime, "yesterday", "no time"}, {tString, "\xff", "not UTF-8"}, {ListOf(tInt), "x", "text where a list(int)"}, {ListOf(tInt), []any{1, "x"}, "[1]: text where an int"},
		{obj("a", obj("b", tInt)), map[string]any{"a": map[string]any{"b": "x"}}, ".a.b: text where an int"}, {obj("a", tInt), map[string]any{}, `the member "a" is missing`},
		{obj("kid", tInt.With(Absent)), map[string]any{"kidd": 1}, `unknown member "kidd"; it has kid (did you mean "kid"?)`}, {&Type{Kind: Object}, map[string]any{"a": struct{}{}}, ".a: a Go struct {}, which no value can be"},
		{&Type{Kind: Null}, "x", "text where a null is needed"},
	} {
		v, err := c.t.Decode(c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s.Decode(%v) = %v %v, want %s", c.t, c.v, v, err, c.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{{"a", "a"}, {-3, "-3"}, {true, "true"}, {90 * time.Minute, "1h30m0s"}} {
		if got, err := Text(c.v); err != nil || got != c.want {
			t.Errorf("Text(%v) = %q %v", c.v, got, err)
		}
	}
	for _, v := range []any{nil, 1.5, time.Now(), []any{}, map[string]any{}} {
		if got, err := Text(v); err == nil {
			t.Errorf("Text(%v) = %q", v, got)
		}
	}
	for k, want := range map[Kind]bool{Invalid: true, String: true, Int: true, Bool: true, Duration: true, Float: false, Time: false, List: false, Object: false, Unknown: false, Null: false} {
		if Embeddable(&Type{Kind: k}) != want {
			t.Errorf("Embeddable(%s) is not %v", k, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	among := []string{"kid", "key", "certificate", "created", "expires_at", "x5t_s256", "created_at"}
	for name, want := range map[string]string{
		"kidd": "kid", "KID": "kid", "kdi": "kid", "expires-at": "expires_at", "certificat": "certificate", "creatd": "created", "x": "", "kid": "", "": "", "zzz": "",
		"created_a": "created_at created", strings.Repeat("k", 500): "", "keys": "key",
	} {
		if got := strings.Join(Suggest(name, among), " "); got != want {
			t.Errorf("Suggest(%.20q) = %q, want %q", name, got, want)
		}
	}
	if got := Suggest("ab", []string{"ac", "ad", "ae", "af", "ag", "ah", "b"}); len(got) != shownNames {
		t.Errorf("%d names, want %d", len(got), shownNames)
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b, 5); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
