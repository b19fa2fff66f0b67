package runner

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// declared is one input made from its declaration.
func declared(t *testing.T, declaration string) *Input {
	t.Helper()
	p, faults := ParsePlaybook("", []byte("rekey: 1\nplaybook: p\nversion: 1.0.0\ninputs:\n  x: "+declaration+"\nsteps: [{id: a, t: }]\n"))
	if len(faults) > 0 {
		t.Fatalf("%s: %v", declaration, faults)
	}
	return p.Inputs[0]
}

func TestInputParse(t *testing.T) {
	for _, c := range []struct {
		declaration, text string
		want              any
		fault             string
	}{
		{"{type: string}", "a $<b> ", "a $<b> ", ""},
		{"{type: string}", "", "", ""},
		{"{type: string}", "12", "12", ""},
		{"{type: string}", "a\x00", nil, "the input x is no text"},
		{"{type: string}", "a\xff", nil, "the input x is no text"},
		{"{type: int}", "12", 12, ""},
		{"{type: int}", "-3", -3, ""},
		{"{type: int}", "+3", 3, ""},
		{"{type: int}", "010", nil, `the input x must be an int, not "010" (give a whole number`},
		{"{type: int}", "1.0", nil, "the input x must be an int"},
		{"{type: int}", "0x10", nil, "the input x must be an int"},
		{"{type: int}", "99999999999999999999", nil, "the input x must be an int"},
		{"{type: int, min: 91, max: 100}", "90", nil, "the input x (90) is less than its minimum (give at least 91)"},
		{"{type: int, min: 91, max: 100}", "101", nil, "the input x (101) is more than its maximum (give at most 100)"},
		{"{type: int, min: 91, max: 100}", "91", 91, ""},
		{"{type: int, enum: [1, 2]}", "3", nil, "the input x is none of the values allowed (give one of 1, 2)"},
		{"{type: bool}", "true", true, ""},
		{"{type: bool}", "yes", nil, `the input x must be a bool, not "yes" (give true or false)`},
		{"{type: duration}", "1h30m", 90 * time.Minute, ""},
		{"{type: duration}", "5", nil, "the input x must be a duration"},
		{"{type: duration, min: 1m}", "30s", nil, "the input x (30s) is less than its minimum (give at least 1m0s)"},
		{"{type: list(string)}", `["a", "b"]`, l{"a", "b"}, ""},
		{"{type: list(string)}", `["a", 1]`, nil, "the input x must be a list(string); an item is 1"},
		{"{type: list(string)}", `[null]`, nil, "the input x must be a list(string); an item is null"},
		{"{type: list(string)}", `a`, nil, "the input x, a list(string), is given as JSON, and this is none"},
		{"{type: list(string)}", `[] []`, nil, "the input x, a list(string), is given as JSON, and this is none"},
		{"{type: list(int)}", `[1, 9007199254740993]`, l{1, 9007199254740993}, ""},
		{"{type: list(duration)}", `["5m"]`, l{5 * time.Minute}, ""},
		{"{type: list(list(bool))}", `[[true]]`, l{l{true}}, ""},
		{"{type: object}", `{"a": [1, 2.5, null], "b": {"c": true}}`, m{"a": l{1, 2.5, nil}, "b": m{"c": true}}, ""},
		{"{type: object}", `[]`, nil, "the input x must be an object, not a list"},
		{"{type: object}", `null`, nil, "the input x is null"},
		{"{type: object, default: null}", `null`, nil, ""},
		{"{type: object}", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), nil, "the input x is nested deeper"},
		{"{type: string, enum: [pem, der]}", "pme", nil, `the input x ("pme") is none of the values allowed (give one of pem, der)`},
		{"{type: string, enum: [aa, bb, cc, dd, ee, gold]}", "golf", nil, `the input x ("golf") is none of the values allowed (did you mean gold?)`},
		{"{type: string, pattern: 'a|b'}", "ab", nil, `the input x ("ab") does not match its pattern (give a text of the form a|b)`},
		{"{type: string, pattern: 'a|b'}", "b", "b", ""},
		{"{type: string, pattern: '[a-z]+'}", "a\n", nil, "the input x"},
	} {
		got, err := declared(t, c.declaration).Parse(c.text)
		if c.fault == "" && (err != nil || !reflect.DeepEqual(got, c.want)) {
			t.Errorf("%s, %q: %#v, %v; want %#v", c.declaration, c.text, got, err, c.want)
		}
		if c.fault != "" && (err == nil || !strings.HasPrefix(err.Error(), c.fault)) {
			t.Errorf("%s, %q: %v; want %s", c.declaration, c.text, err, c.fault)
		}
		var fault *Fault
		if err != nil && (!errors.As(err, &fault) || fault.Cure == "") {
			t.Errorf("%s, %q: no cure: %v", c.declaration, c.text, err)
		}
	}
}

// No error of a secret tells any of its value.
func TestSecretIsNeverEchoed(t *testing.T) {
	const secret = "7QX73173"
	for _, declaration := range []string{
		"{type: int, secret: true}", "{type: bool, secret: true}", "{type: duration, secret: true}", "{type: list(string), secret: true}",
		"{type: object, secret: true}", "{type: string, secret: true, enum: [a]}", "{type: string, secret: true, pattern: 'a'}",
		"{type: int, secret: true, max: 1}", "{type: int, secret: true, min: 99999999, enum: [99999999]}",
	} {
		in := declared(t, declaration)
		for _, text := range []string{secret, secret[3:], "[" + secret[3:] + "]", `["` + secret + `", 1]`, `{"` + secret + `": ` + secret + "}", secret + "\x00"} {
			if _, err := in.Parse(text); err != nil && (strings.Contains(err.Error(), "Q") || strings.Contains(err.Error(), "731")) {
				t.Errorf("%s: %v", declaration, err)
			}
		}
		for _, v := range []any{secret, 73173, 73173.5, json.Number("73173"), l{secret}, m{secret: 1}} {
			if _, err := in.Check(v); err != nil && (strings.Contains(err.Error(), "Q") || strings.Contains(err.Error(), "731")) {
				t.Errorf("%s: %v", declaration, err)
			}
		}
	}
}

func TestInputCheck(t *testing.T) {
	for _, v := range []any{5, int64(5), uint8(5), 5.0, json.Number("5"), json.Number("5.0")} {
		if got, err := declared(t, "{type: int}").Check(v); got != 5 || err != nil {
			t.Errorf("%T: %#v, %v", v, got, err)
		}
	}
	for _, v := range []any{"5", 5.5, true, nil, l{5}, 1e300, json.Number("1e999"), struct{}{}} {
		if got, err := declared(t, "{type: int}").Check(v); err == nil || got != nil {
			t.Errorf("%#v: %#v", v, got)
		}
	}
	if got, err := declared(t, "{type: string, default: null}").Check(nil); got != nil || err != nil {
		t.Errorf("an optional input: %v, %v", got, err)
	}
	if got, err := declared(t, "{type: string, default: a}").Check(nil); err == nil {
		t.Errorf("an input with a default is not null: %v", got)
	}
	if in := declared(t, "{type: duration, default: 90s, enum: [90s, 2m]}"); in.Default != 90*time.Second {
		t.Errorf("%#v", in.Default)
	}
}

func TestReadInputs(t *testing.T) {
	want := m{"app": "0oa1", "days": int64(91), "xs": l{"a", true}, "o": m{"k": nil}}
	for _, text := range []string{
		"app: 0oa1\ndays: 91\nxs: [a, true]\no: {k: }\n",
		"{\n\t\"app\": \"0oa1\",\n\t\"days\": 91,\n\t\"xs\": [\"a\", true],\n\t\"o\": {\"k\": null}\n}\n",
	} {
		if got, err := ReadInputs("f", []byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%#v, %v", got, err)
		}
	}
	for text, want := range map[string]string{
		"": "f:1:1: the document is empty", "[a]": "f:1:1: a file of inputs is a mapping of names", "a: 1\na: 2\n": "f:2:1: the key",
	} {
		if _, err := ReadInputs("f", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzInputParse(f *testing.F) {
	f.Add("5")
	f.Add(`{"a": [1, "x", null]}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, declaration := range []string{"{type: string}", "{type: int}", "{type: bool}", "{type: duration}", "{type: list(int)}", "{type: object}"} {
			in := declared(t, declaration)
			v, err := in.Parse(text)
			if err != nil {
				continue
			}
			if again, err := in.Check(v); err != nil || !reflect.DeepEqual(v, again) {
				t.Fatalf("%s: %#v becomes %#v, %v", declaration, v, again, err)
			}
		}
	})
}
