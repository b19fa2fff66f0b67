package runner

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// What is typed names a step whether it was copied from what is shown or has
// the characters themselves.
func TestStepName(t *testing.T) {
	for typed, want := range map[string]string{
		"generate":                        "generate",
		"fleet[0oa1].gen":                 "fleet[0oa1].gen",
		"fleet[12]":                       "fleet[12]",
		`each["a b"].gen`:                 `each["a b"].gen`,
		`each[a b].gen`:                   `each["a b"].gen`,
		`each["ab"].gen`:                  `each[ab].gen`,
		`each["Fin \u200fמ\u200B x"]`:     `each["Fin \u200fמ\u200b x"]`,
		"each[\"Fin \u200fמ\u200b x\"]":   `each["Fin \u200fמ\u200b x"]`,
		"each[Fin \u200fמ\u200b x]":       `each["Fin \u200fמ\u200b x"]`,
		"a[\"\u202e\u009b\x7f\"].b[\n].c": `a["\u202e\u009b\u007f"].b["\n"].c`,
		"a[\"x\ny\tz\"].b":                `a["x\ny\tz"].b`,
		"a[\"\U000e0041\"].b":             `a["\udb40\udc41"].b`,
		`a["x  y   z"]`:                   `a["x \u0020y \u0020 z"]`,
		`a["x \u0020y"]`:                  `a["x \u0020y"]`,
		`a["c].\"d"].b`:                   `a["c].\"d"].b`,
		`a["\u0041\/"]`:                   `a[A/]`,
		`a["\x"]`:                         `a["\"\\x\""]`,
		"a[b":                             "a[b", "": "", "[": "[", "a]": "a]",
	} {
		if got := StepName(typed); got != want {
			t.Errorf("StepName(%q) = %q, want %q", typed, got, want)
		}
	}
}

func FuzzStepName(f *testing.F) {
	for _, key := range []string{"0oa1", "a b", "\u202e\u009b\u200f", `"]\`, "x\n\t\x00\x7f", "\u2028  \U000e0041", "", "\ufffd"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if !utf8.ValidString(key) {
			return // no text of an org's is such
		}
		text := keyText(key)
		if at := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 || strings.Contains(text, "  ") {
			t.Errorf("%q stands in names as %q", key, text)
		}
		name, quoted := "loop["+text+"].step", `"`+inJSON(key)+`"`
		for _, typed := range []string{name, "loop[" + quoted + "].step"} {
			if got := StepName(typed); got != name {
				t.Errorf("StepName(%q) = %q, want %q", typed, got, name)
			}
		}
		if id, item := lastID(name); id != "step" || item {
			t.Errorf("the step of %q is %q", name, id)
		}
		var back string
		if text[0] == '"' && (json.Unmarshal([]byte(text), &back) != nil || back != key) {
			t.Errorf("%q stands in names as %q, which is %q", key, text, back)
		}
	})
}
