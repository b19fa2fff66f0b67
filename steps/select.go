package steps

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
)

// pattern is a text in which * stands for any run of characters.
type pattern string

// newPattern refuses the empty text: a value that came out empty must not
// select everything, and selects nothing that there is.
func newPattern(input, text string) (pattern, error) {
	if text == "" {
		return "", emptyFilter(input)
	}
	return pattern(text), nil
}

func emptyFilter(input string) error {
	return fmt.Errorf("%s is empty: give what to look for, or leave it out to list whatever it is", input)
}

func (p pattern) literal() bool { return !strings.Contains(string(p), "*") }

// matches takes the shortest run for each *, which finds a match where there
// is one.
func (p pattern) matches(text string) bool {
	first, rest, wild := strings.Cut(string(p), "*")
	text, ok := strings.CutPrefix(text, first)
	if !wild || !ok {
		return ok && text == ""
	}
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		if _, text, ok = strings.Cut(text, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(text, last)
}

// kidFilter is one kid, taken by the letter, or any.
type kidFilter string

const anyKid kidFilter = "*"

func newKidFilter(kid string) (kidFilter, error) {
	if kid == "" {
		return "", emptyFilter("kid")
	}
	return kidFilter(kid), nil
}

func (k kidFilter) matches(kid string) bool { return k == anyKid || string(k) == kid }

// quoted is a text as a filter expression of Okta's has it.
func quoted(text string) string {
	data, _ := json.Marshal(text) // a string has a JSON form
	return string(data)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// collect keeps what it is told to of the owners that fit, sorted by their
// ids: neither the order of Okta's pages nor an owner that moved from one to
// the next while they were read tells a plan from its run.
func collect[T any](owners iter.Seq2[okta.Object, error], fits func(okta.Object) bool, take func(okta.Object) (string, T)) ([]T, error) {
	found := map[string]T{}
	for o, err := range owners {
		if err != nil {
			return nil, err
		}
		if fits(o) {
			id, out := take(o)
			found[id] = out
		}
	}
	list := make([]T, 0, len(found))
	for _, id := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[id])
	}
	return list, nil
}
