package okta

import (
	"encoding/json"
	"reflect"
	"testing"
)

type text string

// Whatever Go value stands somewhere in an object, it is written, compared and
// changed as its normal form.
func TestNormalForm(t *testing.T) {
	for _, v := range []any{
		nil, true, "é", json.Number("1.50"), []any{}, []any{nil, map[string]any{"a": "b"}}, map[string]any{},
		1, 1.5, text("a"), "\xff", "\u2028<&>", json.Number("x"), []any(nil), map[string]any(nil), []string{"a"}, []any{1},
		map[string]any{"a": Object{"b": 1}}, map[string]any{"\xff": nil, "\xfe": 1}, Object{}, Object(nil), Key{Kid: "a"},
		Key{Raw: []byte(`{"kid":"a"}`)}, []Key{{Kid: "a"}}, json.RawMessage(`{"b":1,"a":2}`), json.RawMessage("{"), make(chan int),
	} {
		want := encode(normal(v))
		if !json.Valid(want) {
			t.Fatalf("%#v: %s", v, want)
		}
		if got := encode(v); string(got) != string(want) {
			t.Errorf("%#v is written as %s instead of %s", v, got, want)
		}
		if d := Differences(v, normal(v)); d != nil {
			t.Errorf("%#v differs from its normal form: %q", v, d)
		}
		if Digest(v) != Digest(normal(v)) {
			t.Errorf("%#v has another digest than its normal form", v)
		}
		o := Object{"credentials": Object{"signing": map[string]any{"kid": "k", "lastRotated": v}, "v": v}, "l": []any{Object{"v": v}}}
		n := normal(o).(map[string]any)
		if d := Differences(o, Object(n)); d != nil {
			t.Errorf("with %#v in it an object differs from its normal form: %q", v, d)
		}
		if Digest(o) != Digest(Object(n)) {
			t.Errorf("with %#v in it an object has another digest than its normal form", v)
		}
		for _, pointer := range []string{"/credentials/signing/kid", "/credentials/v", "/l/0/v", "/l/0/w", "/new/er", "/l/-"} {
			if got, want := o.With(pointer, v), Object(n).With(pointer, v); string(got.Encode()) != string(want.Encode()) {
				t.Errorf("with %#v at %s: %s instead of %s", v, pointer, got.Encode(), want.Encode())
			}
			if got, want := o.Without(pointer), Object(n).Without(pointer); string(got.Encode()) != string(want.Encode()) {
				t.Errorf("without %s of %#v: %s instead of %s", pointer, v, got.Encode(), want.Encode())
			}
		}
		if !reflect.DeepEqual(normal(o), any(n)) {
			t.Errorf("an object with %#v in it was changed", v)
		}
	}
}

func TestOneNameInTwoWritings(t *testing.T) {
	a, b := map[string]any{"\xff": 1}, map[string]any{"\uFFFD": json.Number("1")}
	if d := Differences(a, b); d != nil || Digest(a) != Digest(b) {
		t.Errorf("%q, %s, %s", d, Digest(a), Digest(b))
	}
}
