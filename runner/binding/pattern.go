package binding

import (
	"regexp/syntax"
)

// MaxPattern bounds the size of a regular expression, as [PatternSize] counts
// it, and of its text in bytes. MaxPatterns bounds those of a playbook together.
// Go's own bound is a thousand times as much, for each.
const (
	MaxPattern  = 2000
	MaxPatterns = 100_000
)

// PatternSize is the size of a regular expression once what it repeats is
// written out: `[a-z]{2,63}` is 63 letters and as many ends. A match takes time in
// proportion to it and to the text. The error is that of [syntax.Parse].
func PatternSize(text string) (int, error) {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return sizeOf(re), nil
}

func sizeOf(re *syntax.Regexp) int {
	size := 1
	switch re.Op {
	case syntax.OpRepeat:
		return (1 + sizeOf(re.Sub[0])) * max(re.Min, re.Max, 1)
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass:
		size = 1 + len(re.Rune)/8 // each range is looked at
	}
	for _, sub := range re.Sub {
		size += sizeOf(sub)
	}
	return size
}
