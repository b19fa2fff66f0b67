package view

import (
	"fmt"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

func TestCommonBrackets(t *testing.T) {
	for _, c := range []struct {
		want  string
		texts []string
	}{
		{"x (2 or 3 in all)", []string{"x (2 in all)", "x (3 in all)"}},
		{"x (… in all)", []string{"x (2 in all)", "x (3 in all)", "x (4 in all)", "x (5 in all)"}},
		{"for 365 or 730, at most", []string{"for 365, at most", "for 730, at most"}},
		{"file (pem, der or base64)", []string{"file (pem, der)", "file (pem, base64)"}},
		{`is "a" or "b"`, []string{`is "a"`, `is "b"`}},
		{"of a or ü", []string{"of a", "of ü"}},
		{"write x …", []string{"write x (pem)", "write x (pem, der)"}},
		{"…", []string{"a, b … (2 in all)", "c (3 in all)"}},
		{"send … to y", []string{"send (a b) to y", "send a to y"}},
		{"send (a … c) to y", []string{"send (a b c) to y", "send (a c) to y"}},
		{"x …", []string{"x (2 in all)", "x 3 of (3 in all)"}},
	} {
		var got common
		for _, text := range c.texts {
			got.add(text)
		}
		if got.String() != c.want {
			t.Errorf("%q have in common %q, want %q", c.texts, got.String(), c.want)
		}
	}
}

// FuzzCommon: what texts whose brackets pair have in common has no bracket whose
// other one is missing.
func FuzzCommon(f *testing.F) {
	f.Add("a, b … (2 in all)", "c … (3 in all)", "d")
	f.Add("send (a b) to y", "send a to y", "send (c) (d) to z")
	pairs := func(text string) bool {
		open := 0
		for _, r := range text {
			switch r {
			case '(':
				open++
			case ')':
				open--
			}
			if open < 0 {
				return false
			}
		}
		return open == 0
	}
	f.Fuzz(func(t *testing.T, one, two, three string) {
		var c common
		for _, text := range []string{one, two, three} {
			if !pairs(text) {
				t.Skip("its brackets do not pair")
			}
			c.add(text)
		}
		if got := c.String(); !pairs(got) {
			t.Errorf("%q, %q and %q have in common %q", one, two, three, got)
		}
	})
}

// TestListsOfItems: lists that differ from item to item are told by how long
// they are, whole.
func TestListsOfItems(t *testing.T) {
	n := 0
	plan := fleet(12, func(key string, steps []runner.PlannedStep) []runner.PlannedStep {
		n++
		kids, owners := []any{}, []any{}
		for i := range 1 + n%3 {
			kids = append(kids, fmt.Sprintf("kid-%02d-%d-%s", n, i, strings.Repeat("x", 33)))
			owners = append(owners, fmt.Sprintf("o%d", i))
		}
		steps[1].Saw = map[string]any{"kids": kids, "owners": owners, "same": []any{"a", "b"}}
		return steps
	})
	for _, want := range []string{" kids = … (2 or 3 or 1 in all)\n", " same = a, b\n", " owners = … (2 or 3 or 1 in all)\n"} {
		if text := planDetails(t, plan); !strings.Contains(text, want) {
			t.Errorf("the plan does not say %q:\n%s", want, text)
		}
	}
	if page := planPageOf(t, plan); !strings.Contains(page, "<dd>… (2 or 3 or 1 in all)</dd>") {
		t.Error("the page does not say how long the lists are")
	}
}
