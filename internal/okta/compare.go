package okta

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
)

// Differences lists, sorted, the JSON pointers at which a and b differ as
// JSON; none when b is "as before". Numbers are compared as text (1.0 is not
// 1) and a null is not an absent member. Of an object that stands at the top,
// what Okta itself moves is ignored: lastUpdated, created, _links, _embedded,
// and lastRotated and nextRotation of credentials.signing. A list, of keys
// say, is compared as it is.
//
// Values may be what decoding yields, json.RawMessage, [Object], [Key] (by its
// Raw text, if it has one) or anything that encoding/json takes.
func Differences(a, b any) []string {
	if found := differences(compared(a), compared(b)); len(found) == 0 {
		return nil
	}
	// Two ways of writing one text or name in Go are no difference.
	return differences(compared(normal(a)), compared(normal(b)))
}

func differences(a, b any) (found []string) {
	differ("", a, b, &found)
	slices.Sort(found)
	return found
}

// Digest is the SHA-256, in lower hex, of the JSON of v with sorted names and
// without what [Differences] ignores: two values have the same digest exactly
// if there are no differences between them.
func Digest(v any) string {
	if m, ok := plain(v).(map[string]any); ok {
		_, digest := encodeApart(m, moved())
		return digest
	}
	return digestOf(encode(v))
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// members are some of those of an object: each whole, if it has none itself, or
// of its value those that it has.
type members map[string]members

// moved is what Okta itself moves in an owner.
func moved() members {
	return members{
		"lastUpdated": nil, "created": nil, "_links": nil, "_embedded": nil,
		"credentials": {"signing": {"lastRotated": nil, "nextRotation": nil}},
	}
}

// and adds the member that a path leads to.
func (ms members) and(path []string) members {
	if ms == nil || len(path) == 0 { // it is among them whole
		return ms
	}
	inner, there := ms[path[0]]
	switch {
	case len(path) == 1:
		ms[path[0]] = nil
	case !there:
		ms[path[0]] = members{}.and(path[1:])
	default:
		ms[path[0]] = inner.and(path[1:])
	}
	return ms
}

// compared is v without what is ignored. It may share parts with v: it is only
// looked at.
func compared(v any) any {
	if m, ok := plain(v).(map[string]any); ok {
		return without(m, moved())
	}
	return plain(v)
}

// without is a copy of m, but not of what stays as it is, without some members.
func without(m map[string]any, omit members) map[string]any {
	m = maps.Clone(m)
	for name, inner := range omit {
		if inner == nil {
			delete(m, name)
		} else if c, ok := plain(m[name]).(map[string]any); ok {
			m[name] = without(c, inner)
		}
	}
	return m
}

func differ(at string, a, b any, found *[]string) {
	if same(a, b) {
		return
	}
	switch x := plain(a).(type) {
	case map[string]any:
		if y, ok := plain(b).(map[string]any); ok {
			differMaps(at, x, y, found)
			return
		}
	case []any:
		if y, ok := plain(b).([]any); ok {
			differLists(at, x, y, found)
			return
		}
	}
	*found = append(*found, at)
}

// same reports whether two values are equal; where is asked only of the few
// that are not.
func same(a, b any) bool {
	b = plain(b)
	switch x := plain(a).(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, v := range x {
			if w, ok := y[name]; !ok || !same(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, same)
	default:
		switch b.(type) {
		case map[string]any, []any: // not to be compared with ==
			return false
		}
		return x == b
	}
}

func differMaps(at string, a, b map[string]any, found *[]string) {
	for name, x := range a {
		p := at + "/" + escapeName(name)
		if y, ok := b[name]; ok {
			differ(p, x, y, found)
		} else {
			*found = append(*found, p)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			*found = append(*found, at+"/"+escapeName(name))
		}
	}
}

func differLists(at string, a, b []any, found *[]string) {
	for i := range max(len(a), len(b)) {
		p := at + "/" + strconv.Itoa(i)
		if i < len(a) && i < len(b) {
			differ(p, a[i], b[i], found)
		} else {
			*found = append(*found, p)
		}
	}
}
