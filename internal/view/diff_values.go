package view

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// between lists the places at which two JSON values differ, as pointers from at
// on.
func (d *differ) between(at string, before, after any) (all []DiffedPlace) {
	switch was := before.(type) {
	case map[string]any:
		if is, ok := after.(map[string]any); ok {
			return d.betweenObjects(at, was, is)
		}
	case []any:
		if is, ok := after.([]any); ok {
			return d.betweenLists(at, was, is)
		}
	case string:
		if is, ok := after.(string); ok && (was == is || d.sameButForClock(was, is)) {
			return nil
		}
	default:
		if before == after { // a number, a truth value or null
			return nil
		}
	}
	return []DiffedPlace{{At: at, Kind: DiffChanged, Before: before, After: after}}
}

// byName are the places of objects that are compared by what they hold, even
// with one that is not there.
var byName = []string{"/inputs", "/outputs", "/access", "/calls", "/rollback", "/rollback/calls", "/assigned", "/in", "/saw"}

func (d *differ) betweenObjects(at string, was, is map[string]any) (all []DiffedPlace) {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, name := range slices.Sorted(maps.Keys(merged(was, is))) {
		before, known := was[name]
		after, still := is[name]
		place := at + "/" + escape.Replace(name)
		if slices.Contains(byName, place) {
			after, _ := after.(map[string]any)
			before, _ := before.(map[string]any)
			all = append(all, d.betweenObjects(place, before, after)...)
			continue
		}
		switch {
		case place == "/days_left": // follows from the clock, and from what stands beside it
		case !known:
			all = append(all, DiffedPlace{At: place, Kind: DiffAdded, After: after})
		case !still:
			all = append(all, DiffedPlace{At: place, Kind: DiffRemoved, Before: before})
		default:
			all = append(all, d.between(place, before, after)...)
		}
	}
	return all
}

// betweenLists says what one list has and the other has not; if that is
// nothing, and the order is another, it is both. It is both of numbers as well.
func (d *differ) betweenLists(at string, was, is []any) []DiffedPlace {
	same := func(a, b any) bool { return len(d.between("", a, b)) == 0 }
	if slices.EqualFunc(was, is, same) {
		return nil
	}
	count := map[string]int{}
	for _, v := range was {
		count[text(v)]++
	}
	added, removed := []any{}, []any{}
	for _, v := range is {
		if count[text(v)]--; count[text(v)] < 0 {
			added = append(added, v)
		}
	}
	for _, v := range slices.Backward(was) {
		if count[text(v)] > 0 {
			count[text(v)]--
			removed = append(removed, v)
		}
	}
	slices.Reverse(removed)
	number := func(v any) bool { _, ok := v.(json.Number); return ok }
	if len(added)+len(removed) == 0 || slices.ContainsFunc(added, number) || slices.ContainsFunc(removed, number) {
		added, removed = is, was
	}
	return []DiffedPlace{{At: at, Kind: DiffChanged, Before: removed, After: added}}
}

// text is a JSON value as one text.
func text(v any) string {
	var b bytes.Buffer
	if encode(&b, v, "") != nil {
		return ""
	}
	return b.String()
}

// timestamp matches an RFC 3339 time.
var timestamp = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})`)

// sameButForClock reports whether two texts differ in times alone, and those
// are as far from the clocks of their plans, to a second: then the later ones
// say no more than that the plan is later.
func (d *differ) sameButForClock(was, is string) bool {
	before, after := timestamp.FindAllString(was, -1), timestamp.FindAllString(is, -1)
	if len(before) == 0 || len(before) != len(after) || timestamp.ReplaceAllString(was, "") != timestamp.ReplaceAllString(is, "") {
		return false
	}
	for i := range before {
		then, err := time.Parse(time.RFC3339, before[i])
		if err != nil {
			return false
		}
		now, err := time.Parse(time.RFC3339, after[i])
		if moved := now.Sub(d.since[1]) - then.Sub(d.since[0]); err != nil || before[i] != after[i] && moved.Abs() > time.Second {
			return false
		}
	}
	return true
}

// merged has the names of both maps.
func merged[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return all
}
