package okta

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// slowly reads a JSON value token by token, as decodeValue does with what it
// must look at closely.
func slowly(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return readValue(dec, 0)
}

// wantSame checks that the quick way of reading and the close look agree.
func wantSame(t *testing.T, data []byte) {
	t.Helper()
	if !json.Valid(data) {
		return
	}
	close, err := slowly(data)
	if quick, ok := decodePlain(data); ok && (err != nil || !reflect.DeepEqual(quick, close)) {
		t.Errorf("%s: quickly %#v, closely %#v, %v", data, quick, close, err)
	}
}

var jsonTexts = []string{
	`{}`, `[]`, `null`, `"a:b"`, `{"a": [], "b": {}, "c": null, "d": "\"{:[\\", "e": 1.50, "f": [{"a": 1}, {"a": 2}]}`,
	`{"a": 1, "a": 1}`, `{"a": {"b": 1, "b": 2}}`, `[{"a": [{"b": 1, "\u0062": 2}]}]`, `{"a\\": ":", "a\"": 1}`, "\t[ 1e400 , -0 ]\n",
	strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2),
}

func TestQuickDecodingAgrees(t *testing.T) {
	quick := 0
	for _, text := range jsonTexts {
		wantSame(t, []byte(text))
		if _, ok := decodePlain([]byte(text)); ok {
			quick++
		}
	}
	if quick != len(jsonTexts)-4 { // three hold a member twice, one is too deep
		t.Errorf("%d of %d texts were read quickly", quick, len(jsonTexts))
	}
}

func FuzzQuickDecoding(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { wantSame(t, data) })
}
