package view

import (
	"testing"

	"example.com/rekey/runner"
)

// TestMarkdownNames has names of several words in sentences.
func TestMarkdownNames(t *testing.T) {
	ca := "ca/CN=Sample CA (not for production),OU=Sandbox"
	for _, c := range []struct {
		text  string
		names []string
		want  string
	}{
		{"certificate 1 of " + ca + " stays", []string{ca}, "certificate 1 of `" + ca + "` stays"},
		{ca, []string{ca}, "`" + ca + "`"},
		{ca + ca, []string{ca}, "`" + ca + "` `" + ca + "`"},
		{"of (" + ca + "), a b", []string{"a b", ca}, "of (`" + ca + "`), `a b`"},
		{"`x`" + "a b" + "#1", []string{"a b"}, "`` `x` `` `a b` `#1`"},
		{"a b c", []string{"a b", "a b c"}, "`a b c`"},
		{"key #1 stays", []string{"a b"}, "key `#1` stays"},
	} {
		if got := mdSentence(c.text, c.names); got != c.want {
			t.Errorf("mdSentence(%q) is %s, want %s", c.text, got, c.want)
		}
	}
	effect := runner.Residue{Owner: ca, Kind: "certificate", ID: "7", Effect: runner.Added, Note: "see #1"}
	if got, want := mdResidue(effect), "certificate 7 of `"+ca+"` stays (see `#1`)"; got != want {
		t.Errorf("the effect is %s, want %s", got, want)
	}
}
