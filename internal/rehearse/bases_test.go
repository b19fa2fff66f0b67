package rehearse

import (
	"encoding/json"
	"testing"
)

// The base of a list is that of a set, without the dates that Okta moves.
func TestDigestOfAList(t *testing.T) {
	of := func(texts ...string) string {
		var list []any
		for _, text := range texts {
			list = append(list, json.RawMessage(text))
		}
		part, err := digested(list, nil)
		if err != nil {
			t.Fatal(err)
		}
		return part.digest
	}
	base := of(`{"kid":"a","n":"1"}`, `{"kid":"b","lastUpdated":"2026-01-01T00:00:00.000Z"}`)
	if got := of(`{"lastUpdated":"2026-02-02T00:00:00.000Z","kid":"b"}`, `{"kid":"a","n":"1"}`); got != base {
		t.Error("another order and another date count")
	}
	for _, other := range []string{of(`{"kid":"a","n":"1"}`), of(`{"kid":"a","n":"2"}`, `{"kid":"b"}`), of(`{"kid":"a","n":"1"}`, `{"kid":"b"}`, `{"kid":"c"}`)} {
		if other == base {
			t.Error("a key that is gone, changed or new does not count")
		}
	}
}
