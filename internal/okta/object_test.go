package okta

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

func mustObject(t testing.TB, s string) Object {
	t.Helper()
	o, err := DecodeObject([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestObjectLosesNothing(t *testing.T) {
	const text = `{"big":9007199254740993,"e":1E400,"empty":{},"exp":1.0e+2,"html":"<a & b>","list":[],"neg":-0,"none":null,"prec":0.10,"uni":"é😀"}`
	if got := string(mustObject(t, " "+text+"\n").Encode()); got != text {
		t.Errorf("came back as\n%s\nwas\n%s", got, text)
	}
	if got := string(mustObject(t, `{"a":"\ud83d\ude00\\ud800"}`).Encode()); got != `{"a":"😀\\ud800"}` {
		t.Errorf("surrogates: %s", got)
	}
}

func TestDecodeObjectRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": ``, "null": `null`, "a list": `[]`, "a text": `"x"`, "two values": `{} {}`, "cut": `{"a":`, "no JSON": `<html>`,
		"twice": `{"a":1,"b":{"c":1,"c":1}}`, "no UTF-8": "{\"a\":\"\xff\"}", "half a pair": `{"a":"\ud83d x"}`, "the other half": `{"a":"\udc00"}`,
		"a comma": `{"a":1,}`, "deep": strings.Repeat(`{"a":`, 501) + `1` + strings.Repeat(`}`, 501), "very deep": strings.Repeat(`[`, 1<<20),
	} {
		if o, err := DecodeObject([]byte(text)); err == nil {
			t.Errorf("%s: decoded %v", name, o)
		} else if len(err.Error()) > 300 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

func TestAt(t *testing.T) {
	// The document and pointers of RFC 6901 §5, as far as they name members.
	o := mustObject(t, `{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}`)
	for pointer, want := range map[string]string{
		"/foo": `["bar","baz"]`, "/foo/0": `"bar"`, "/": `0`, "/a~1b": `1`, "/c%d": `2`, "/e^f": `3`, "/g|h": `4`, `/i\j`: `5`, `/k"l`: `6`, "/ ": `7`, "/m~0n": `8`,
	} {
		v, ok := o.At(pointer)
		if got := string(encode(v)); !ok || got != want {
			t.Errorf("At(%q) = %s, %v; want %s", pointer, got, ok, want)
		}
	}
	if v, ok := o.At(""); !ok || Digest(v) != Digest(o) {
		t.Error(`At("") is not the object`)
	}
	for _, pointer := range []string{"foo", "/foo/2", "/foo/01", "/foo/-", "/foo/-1", "/foo/+1", "/foo/0/x", "/x", "/a~b", "/m~", "/m~2n", "/foo/99999999999999999999"} {
		if v, ok := o.At(pointer); ok {
			t.Errorf("At(%q) = %v", pointer, v)
		}
	}
	if _, ok := Object(nil).At("/a"); ok {
		t.Error("a nil object has a member")
	}
	if o.Text("/foo/1") != "baz" || o.Text("/foo") != "" || o.Text("/x") != "" {
		t.Error("Text")
	}
}

func TestWithAndWithout(t *testing.T) {
	const text = `{"a":{"b":1},"l":[1,{"x":2}],"n":null,"s":"t"}`
	o := mustObject(t, text)
	for _, tt := range []struct{ got, want string }{
		{string(o.With("/a/b", "v").Encode()), `{"a":{"b":"v"},"l":[1,{"x":2}],"n":null,"s":"t"}`},
		{string(o.With("/n/x/y", nil).Encode()), `{"a":{"b":1},"l":[1,{"x":2}],"n":{"x":{"y":null}},"s":"t"}`},
		{string(o.With("/l/1/x", 3).Encode()), `{"a":{"b":1},"l":[1,{"x":3}],"n":null,"s":"t"}`},
		{string(o.With("/l/-", Object{"q": nil}).Encode()), `{"a":{"b":1},"l":[1,{"x":2},{"q":null}],"n":null,"s":"t"}`},
		{string(o.With("/l/9", 3).Encode()), text},
		{string(o.With("/s/x", 3).Encode()), text},
		{string(o.With("bad", 3).Encode()), text},
		{string(o.With("", 3).Encode()), text},
		{string(o.With("", map[string]any{"z": true}).Encode()), `{"z":true}`},
		{string(Object(nil).With("/z", true).Encode()), `{"z":true}`},
		{string(o.Without("/a/b").Encode()), `{"a":{},"l":[1,{"x":2}],"n":null,"s":"t"}`},
		{string(o.Without("/l/0").Encode()), `{"a":{"b":1},"l":[{"x":2}],"n":null,"s":"t"}`},
		{string(o.Without("/l/1/x").Encode()), `{"a":{"b":1},"l":[1,{}],"n":null,"s":"t"}`},
		{string(o.Without("/n/x").Encode()), text},
		{string(o.Without("/q").Encode()), text},
		{string(o.Without("").Encode()), text},
	} {
		if tt.got != tt.want {
			t.Errorf("got  %s\nwant %s", tt.got, tt.want)
		}
	}
	if got := string(o.Encode()); got != text {
		t.Errorf("the original is now %s", got)
	}
}

func TestChangedAndBack(t *testing.T) {
	p := SigningPointer(App)
	for _, text := range []string{
		`{"label":"x"}`, `{"credentials":null}`, `{"credentials":{}}`, `{"credentials":{"signing":null}}`, `{"credentials":{"signing":{}}}`,
		`{"credentials":{"u":1}}`, `{"credentials":{"signing":{"use":"sig"}}}`,
	} {
		before := mustObject(t, text)
		after, c := before.Changed(p, "k2")
		if c.Pointer != p || c.From != nil || c.To != "k2" || after.Text(p) != "k2" {
			t.Errorf("%s: %+v", text, c)
		}
		back, ok := after.WithoutAs(p, c.Rest)
		if got := string(back.Encode()); !ok || got != text {
			t.Errorf("%s came back as %s, %v", text, got, ok)
		}
		if _, ok := after.With("/other", 1).WithoutAs(p, c.Rest); ok {
			t.Errorf("%s: another member was overlooked", text)
		}
	}
	gone, c := mustObject(t, `{"credentials":{"signing":{"kid":"k1"}}}`).Changed(p, nil)
	if string(gone.Encode()) != `{"credentials":{"signing":{}}}` || c.From != "k1" || c.To != nil {
		t.Errorf("taken away: %s, %+v", gone.Encode(), c)
	}
}

func TestValuesWithoutJSON(t *testing.T) {
	o := Object{"f": math.NaN(), "c": make(chan int), "n": json.Number("1 2"), "e": json.Number(""), "r": json.RawMessage("{"), "s": "\xff", "k": Kind("app")}
	again := mustObject(t, string(o.Encode()))
	if d := Differences(o, again); d != nil {
		t.Errorf("differ at %v", d)
	}
	if again["e"] != "" || again["n"] != "1 2" || again["k"] != "app" {
		t.Errorf("%v", again)
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,2,{"c":null}]}}`), "/a/b/2/c", []byte(`{"x":[1e5,"\ud83d\ude00"]}`))
	f.Add([]byte(`{"":{"~":0}}`), "//~0", []byte(`null`))
	f.Add([]byte(`{"credentials":{"signing":{"lastRotated":1}}}`), "/credentials/signing/kid", []byte(`"k"`))
	f.Fuzz(func(t *testing.T, data []byte, pointer string, value []byte) {
		o, err := DecodeObject(data)
		if err != nil {
			return
		}
		text := string(o.Encode())
		if again := mustObject(t, text); string(again.Encode()) != text {
			t.Fatalf("%s became %s", text, again.Encode())
		}
		if d := Differences(o, json.RawMessage(data)); d != nil {
			t.Fatalf("differs from its own text at %v", d)
		}
		v, _ := decodeValue(value)
		with := o.With(pointer, v)
		if at, ok := with.At(pointer); ok && !strings.HasSuffix(pointer, "-") && pointer != "" {
			if string(encode(at)) != string(encode(v)) {
				t.Fatalf("With(%q, %s) holds %s", pointer, encode(v), encode(at))
			}
		}
		without := o.Without(pointer)
		_, c := o.Changed(pointer, v)
		_, _ = without.WithoutAs(pointer, c.Rest)
		if string(o.Encode()) != text {
			t.Fatal("the original changed")
		}
		if (Differences(o, with) == nil) != (Digest(o) == Digest(with)) {
			t.Fatalf("Differences %v, digests %s %s", Differences(o, with), Digest(o), Digest(with))
		}
		if d := Differences(with, without); !slices.IsSorted(d) {
			t.Fatalf("not sorted: %q", d)
		}
	})
}
