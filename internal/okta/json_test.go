package okta

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// judged is what encoding/json makes of a JSON text.
func judged(data []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// wantAgreement has encoding/json judge how a text is read and written.
func wantAgreement(t *testing.T, data []byte) (read bool) {
	t.Helper()
	got, err := decodeValue(data)
	if err != nil {
		return false
	}
	if !json.Valid(data) {
		t.Fatalf("%q is no JSON, and was read", data)
	}
	want, err := judged(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%q was read as %#v instead of %#v, %v", data, got, want, err)
	}
	text := encode(got)
	back, err := judged(text)
	if err != nil || !reflect.DeepEqual(back, want) || bytes.ContainsAny(text, "\n\t") {
		t.Fatalf("%q was written as %q, %v", data, text, err)
	}
	return true
}

var readable = []string{
	`{}`, `[]`, `null`, `true`, ` "a:b" `, `{"a": [], "b": {}, "c": null, "d": "\"{:[\\", "e": 1.50, "f": [{"a": 1}, {"a": 2}]}`,
	`{"a\\": ":", "a\"": 1, "\u0062": "\ud83d\ude00 \u2028 <&>"}`, "\t[ 1e400 , -0 ]\n", `{"z": 1, "a": {"y": 1, "b": 2}}`,
	strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
}

var unreadable = []string{
	``, ` `, `{`, `[1,]`, `{"a"}`, `1 2`, `01`, `nul`, `"\x"`, "\"\x00\"", "\"\xff\"", `{"a": 1, "a": 1}`, `{"a": {"b": 1, "b": 2}}`,
	`[{"a": [{"b": 1, "\u0062": 2}]}]`, `"\ud800"`, `"\ud800\u0041"`, `{"\udc00": 1}`,
	strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2), strings.Repeat(`{"a":`, 20_000),
}

func TestValuesAreReadAndWritten(t *testing.T) {
	for _, text := range readable {
		if !wantAgreement(t, []byte(text)) {
			t.Errorf("%.80q was refused", text)
		}
	}
	for _, text := range unreadable {
		if wantAgreement(t, []byte(text)) {
			t.Errorf("%.80q was read", text)
		}
	}
}

func FuzzDecodeValue(f *testing.F) {
	for _, text := range append(readable, unreadable...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { wantAgreement(t, data) })
}

func TestListsAreTakenApart(t *testing.T) {
	for text, want := range map[string]int{"[]": 0, ` [ {"a": 1} , null, [2] ] `: 3, "null": -1, "": -1, "{}": -1, "[1": -1, "[1,]": -1, "[1] 2": -1, "[x]": -1} {
		n := 0
		for item, err := range items([]byte(text)) {
			if err != nil {
				n = -1
				break
			}
			if !json.Valid(item) {
				t.Errorf("%q holds %q", text, item)
			}
			n++
		}
		if n != want {
			t.Errorf("%q: %d items instead of %d", text, n, want)
		}
	}
}
