package binding

import (
	"sort"
)

// Suggest gives the names among those given that a misspelt name was probably
// meant to be, the likeliest first, at most five. A name counts if it is the
// same but for upper and lower case or `-` and `_`, or if at most a third of
// its letters were mistyped, left out, added or swapped with a neighbour.
//
// The cost is bounded: it is linear in the number of names and small for each.
func Suggest(name string, among []string) []string {
	type match struct {
		name string
		cost int
	}
	var found []match
	limit := max(1, len(name)/3)
	for _, other := range among {
		switch {
		case other == name:
		case alike(name, other):
			found = append(found, match{other, 0})
		default:
			if d := distance(name, other, limit); d <= limit && d < max(len(name), len(other)) {
				found = append(found, match{other, d})
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		if found[i].cost != found[j].cost {
			return found[i].cost < found[j].cost
		}
		return found[i].name < found[j].name
	})
	var names []string
	for i := 0; i < len(found) && i < shownNames; i++ {
		names = append(names, found[i].name)
	}
	return names
}

// alike reports whether two names differ in case and in - and _ alone.
func alike(a, b string) bool {
	if len(a) != len(b) || len(a) > maxName {
		return false
	}
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case c == '-':
		return '_'
	}
	return c
}

// maxName bounds the names that are compared, in bytes; no declared name is
// longer.
const maxName = 64

// distance counts the edits from a to b: insertions, deletions, substitutions
// and swaps of neighbours (the restricted Damerau-Levenshtein distance, over
// bytes). Past limit it gives limit+1.
func distance(a, b string, limit int) int {
	over := limit + 1
	if len(a) > maxName || len(b) > maxName || abs(len(a)-len(b)) > limit {
		return over
	}
	var rows [3][maxName + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return over
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
