package view

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// differs stands for what is not the same in all of several texts.
const differs = "…"

// common is what several texts have in common, word by word. A short word of
// which there are a few is named, as in "for 365 or 730 days".
type common struct {
	words  []string
	values [][]string // of each word, as long as they are few
	last   string     // the text taken up last
	any    bool
}

const (
	fewValues  = 3
	shortValue = 12
)

func (c *common) add(text string) {
	if c.any && text == c.last {
		return
	}
	c.last = text
	words := strings.Split(text, " ")
	switch {
	case !c.any:
		c.any, c.words = true, words
		c.values = make([][]string, len(words))
		for i := range words {
			c.values[i] = []string{words[i]}
		}
	case len(words) == len(c.words):
		for i, word := range words {
			if c.values[i] != nil && !slices.Contains(c.values[i], word) {
				if c.values[i] = append(c.values[i], word); len(c.values[i]) > fewValues {
					c.values[i] = nil
				}
			}
			c.words[i] = commonWord(c.words[i], word)
		}
	default:
		c.words = commonEnds(c.words, words)
		c.values = make([][]string, len(c.words))
	}
}

// String is what the texts have in common.
func (c *common) String() string {
	words := slices.Clone(c.words)
	for i, values := range c.values {
		long := func(v string) bool { return utf8.RuneCountInString(v) > shortValue }
		if len(values) > 1 && !slices.ContainsFunc(values, long) {
			words[i] = either(values)
		}
	}
	if text := strings.Join(words, " "); paired(text) {
		return text
	}
	return strings.Join(ends(c.words, func(i int) bool { return !strings.Contains(c.words[i], differs) },
		func(i int) bool { return !strings.Contains(c.words[len(c.words)-1-i], differs) }, len(c.words)), " ")
}

// either names each of a few words. The brackets and the points that all of them
// have stand around all: "(2 or 3", as in "(2 or 3 in all)".
func either(words []string) string {
	head, tail := words[0], words[0]
	for _, word := range words[1:] {
		for !strings.HasPrefix(word, head) {
			head = head[:len(head)-1]
		}
		for !strings.HasSuffix(word, tail) {
			tail = tail[1:]
		}
	}
	head = head[:len(head)-len(strings.TrimLeft(head, "([{"))]
	tail = tail[len(strings.TrimRight(tail, ")]},;:")):]
	var bare []string
	for _, word := range words {
		bare = append(bare, word[len(head):len(word)-len(tail)])
	}
	return head + strings.Join(bare, " or ") + tail
}

// commonWord keeps how two words begin and end, up to where a name or a value
// in them begins.
func commonWord(a, b string) string {
	if a == b {
		return a
	}
	x, y := []rune(a), []rune(b)
	head := 0
	for head < len(x) && head < len(y) && x[head] == y[head] {
		head++
	}
	inWord := inWord
	if longID(x, head) {
		inWord = inID
	}
	for head > 0 && inWord(x[head-1]) {
		head--
	}
	tail := 0
	for tail < len(x)-head && tail < len(y)-head && x[len(x)-1-tail] == y[len(y)-1-tail] {
		tail++
	}
	for tail > 0 && inWord(x[len(x)-tail]) {
		tail--
	}
	return string(x[:head]) + differs + strings.TrimLeft(string(x[len(x)-tail:]), differs)
}

// inID reports whether a rune may stand in a long id, such as a key's.
func inID(r rune) bool { return inWord(r) || r == '-' || r == '_' }

// longID reports whether what stands around a place is so long that it is an
// id, of which no part says anything.
func longID(text []rune, at int) bool {
	const long = 20
	from, to := at, at
	for from > 0 && inID(text[from-1]) {
		from--
	}
	for to < len(text) && inID(text[to]) {
		to++
	}
	return to-from >= long
}

// commonEnds keeps the words with which two texts begin and end.
func commonEnds(a, b []string) []string {
	return ends(a, func(i int) bool { return a[i] == b[i] }, func(i int) bool { return a[len(a)-1-i] == b[len(b)-1-i] }, min(len(a), len(b)))
}

// ends keeps the words of a text that are the same in others, at its beginning
// and at its end, at most so many in all, without a bracket whose other one is
// not among them.
func ends(words []string, begins, end func(i int) bool, most int) []string {
	head, tail := 0, 0
	for head < most && begins(head) {
		head++
	}
	for tail < most-head && end(tail) {
		tail++
	}
	for {
		switch open := unclosed(strings.Join(slices.Concat(words[:head], words[len(words)-tail:]), " ")); {
		case open > 0 && head > 0:
			head--
		case open < 0 && tail > 0:
			tail--
		default:
			return slices.Concat(words[:head], []string{differs}, words[len(words)-tail:])
		}
	}
}

// unclosed is how many more brackets open in a text than close.
func unclosed(text string) int { return strings.Count(text, "(") - strings.Count(text, ")") }

// paired reports whether each bracket of a text has its other one.
func paired(text string) bool {
	open := 0
	for i := 0; i < len(text) && open >= 0; i++ {
		switch text[i] {
		case '(':
			open++
		case ')':
			open--
		}
	}
	return open == 0
}
