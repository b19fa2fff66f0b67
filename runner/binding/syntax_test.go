package binding

import (
	"strings"
	"testing"
)

// Where the parser of expr names no place, or another than the mistake's, the
// fault finds it.
func TestSyntaxFaults(t *testing.T) {
	scope := testScope(t)
	for _, c := range []struct {
		source  string
		offset  int
		message string
	}{
		{"true | false", 5, "`|` hands a value to a function"},
		{`"é|" + "|" | true`, 11, "`|` hands a value to a function"},
		{"true || ", 8, "the expression ends too early"},
		{`"|" +`, 5, "the expression ends too early"},
		{"1 + 99999999999999999999 + 2", 4, "a number that is too large"},
		{`"é" + 1e400`, 6, "a number that is too large"},
		{"1 + 0x1G", 4, "a number that cannot be read"},
		{`"a" + "\q"`, 7, "an escape in this text"},
		{`"\400"`, 1, "an escape in this text"},
		{"filter([1], .)", 13, "a name is missing behind `.`"},
		{"{: 1}", 1, "a member's name is missing"},
		{"1 § 2", 2, "a character that no expression has: U+00A7"},
		{`("x")()`, 5, "`(` cannot stand here"},
		{`("é"; 2)`, 4, "`;` is not part of the language"},
		{`";" + "a"; ((2))`, 9, "`;` is not part of the language"},
		{`1 + (let x = 1; x)`, 5, "`let` is not part of the language"},
		{`len(if true {"a"} else {"b"})`, 4, "`if` is not part of the language"},
	} {
		_, faults := scope.Compile(c.source, 0, View{})
		if len(faults) != 1 || faults[0].Offset != c.offset || !strings.HasPrefix(faults[0].Message, c.message) {
			t.Errorf("%s: %v at %d, want %q at %d", c.source, faults, offsetOf(faults), c.message, c.offset)
		}
	}
}

func offsetOf(faults []*Fault) int {
	if len(faults) == 0 {
		return -1
	}
	return faults[0].Offset
}
