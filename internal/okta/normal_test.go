package okta

import (
	"encoding/json"
	"testing"
)

// What is in normal form stays as it is, what is not does not count as such.
func TestIsNormal(t *testing.T) {
	for _, v := range []any{nil, true, "é", json.Number("1.50"), []any{}, []any{nil, map[string]any{"a": "b"}}, map[string]any{}} {
		if !isNormal(v) {
			t.Errorf("%#v is in normal form", v)
		}
	}
	for _, v := range []any{1, 1.5, "\xff", json.Number("x"), []any(nil), map[string]any(nil), []string{"a"}, []any{1}, map[string]any{"a": Object{}},
		map[string]any{"\xff": nil}, Object{}, Key{}, json.RawMessage("1")} {
		if isNormal(v) {
			t.Errorf("%#v is not in normal form", v)
		}
	}
}
