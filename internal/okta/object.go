package okta

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Object is an app or an IdP as JSON. Its values are nil, bool, string,
// json.Number, []any and map[string]any; a number keeps the digits with which
// it arrived. Treat it as immutable: [Object.With] and [Object.Without] copy.
type Object map[string]any

// SigningPointer is where an owner keeps the kid of its active key: an app in
// "/credentials/signing/kid", an IdP in "/protocol/credentials/signing/kid".
func SigningPointer(kind Kind) string {
	if kind == IdP {
		return "/protocol/credentials/signing/kid"
	}
	return "/credentials/signing/kid"
}

// DecodeObject reads one JSON object. What could not be sent back as it came
// is refused: a member twice, text that is no UTF-8, half a surrogate pair.
func DecodeObject(data []byte) (Object, error) {
	v, err := decodeValue(data)
	if err != nil {
		return nil, fmt.Errorf("okta: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("okta: the JSON is %s instead of an object", kindName(v))
	}
	return m, nil
}

// Encode is the object as JSON with sorted names, without HTML escaping and
// without a final newline.
func (o Object) Encode() []byte { return encode(o) }

// At looks a value up by its JSON pointer (RFC 6901); "" is the object itself.
// The value is the object's own: do not change it.
func (o Object) At(pointer string) (any, bool) {
	path, ok := splitPointer(pointer)
	if !ok {
		return nil, false
	}
	var v any = map[string]any(o)
	for _, name := range path {
		if v, ok = member(v, name); !ok {
			return nil, false
		}
	}
	return v, true
}

// Text is the string at a pointer; "" when there is none.
func (o Object) Text(pointer string) string {
	v, _ := o.At(pointer)
	s, _ := v.(string)
	return s
}

// With is a copy with the value at pointer set. What is not on the way to it
// may be shared with the original: change neither. Parents that are missing
// or null become objects; in a list a name is the index of an element there,
// or "-" to append. Where a parent is of a kind that has no such member, the
// copy equals the original: [Object.At] tells.
func (o Object) With(pointer string, value any) Object {
	path, ok := splitPointer(pointer)
	root := o.copied(path)
	if !ok {
		return root
	}
	if m, ok := set(root, path, normal(value)).(map[string]any); ok {
		return m
	}
	return root
}

// Without is a copy without the value at pointer, if there is one. What is not
// on the way to it may be shared with the original: change neither.
func (o Object) Without(pointer string) Object {
	path, ok := splitPointer(pointer)
	root := o.copied(path)
	if !ok || len(path) == 0 {
		return root
	}
	m, _ := remove(root, path).(map[string]any)
	return m
}

// copied is a copy of which what lies on a path may be changed: it is in normal
// form.
func (o Object) copied(path []string) map[string]any {
	root, _ := copyAlong(map[string]any(o), path).(map[string]any)
	return root
}

func copyAlong(v any, path []string) any {
	switch c := plain(v).(type) {
	case map[string]any:
		c = maps.Clone(c)
		if len(path) > 0 {
			if e, ok := c[path[0]]; ok {
				c[path[0]] = copyAlong(e, path[1:])
			}
		}
		return c
	case []any:
		c = slices.Clone(c)
		if len(path) > 0 {
			if i, ok := index(path[0], len(c)); ok {
				c[i] = copyAlong(c[i], path[1:])
			}
		}
		return c
	default:
		return c
	}
}

// Changed is a copy of o in which the value at pointer is to, and the
// [Change] that says so. A nil to takes the value away.
func (o Object) Changed(pointer string, to any) (Object, Change) {
	from, _ := o.At(pointer)
	rest := o.Without(pointer)
	c := Change{Pointer: pointer, From: normal(from), To: normal(to), Rest: Digest(rest)}
	if to == nil {
		return rest, c
	}
	return o.With(pointer, to), c
}

// WithoutAs is a copy without the value at pointer whose [Digest] is rest:
// parents that the removal leaves empty go too, or become null again, as far
// as rest asks for it. So what [Object.With] made on the way to a value can be
// taken back exactly. Where no such copy has that digest the result is that of
// [Object.Without], and false.
func (o Object) WithoutAs(pointer, rest string) (Object, bool) {
	plain := o.Without(pointer)
	for c := plain; ; {
		if Digest(c) == rest {
			return c, true
		}
		cut := strings.LastIndexByte(pointer, '/')
		if cut <= 0 {
			return plain, false
		}
		pointer = pointer[:cut]
		v, _ := c.At(pointer)
		if m, ok := v.(map[string]any); !ok || len(m) > 0 {
			return plain, false
		}
		if n := c.With(pointer, nil); Digest(n) == rest {
			return n, true
		}
		c = c.Without(pointer)
	}
}

// encodeAs is Encode, and whether [Object.WithoutAs] finds rest.
func (o Object) encodeAs(pointer, rest string) ([]byte, bool) {
	if path, ok := splitPointer(pointer); ok && len(path) > 0 && !o.throughList(path) {
		if text, digest := encodeApart(o, moved().and(path)); digest == rest {
			return text, true
		}
	}
	_, ok := o.WithoutAs(pointer, rest)
	return o.Encode(), ok
}

// throughList reports whether a path leads into a list.
func (o Object) throughList(path []string) bool {
	var v any = map[string]any(o)
	for _, name := range path {
		if _, list := v.([]any); list {
			return true
		}
		v, _ = member(v, name)
	}
	return false
}

// splitPointer takes a JSON pointer apart; false for one that is malformed.
func splitPointer(pointer string) ([]string, bool) {
	if pointer == "" {
		return nil, true
	}
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil, false
	}
	path := strings.Split(rest, "/")
	for i, s := range path {
		for t := s; ; {
			at := strings.IndexByte(t, '~')
			if at < 0 {
				break
			}
			if t = t[at+1:]; t == "" || t[0] != '0' && t[0] != '1' {
				return nil, false
			}
		}
		path[i] = strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
	}
	return path, true
}

// escapeName makes a name fit for a JSON pointer.
func escapeName(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func member(v any, name string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		e, ok := v[name]
		return e, ok
	case Object:
		e, ok := v[name]
		return e, ok
	case []any:
		if i, ok := index(name, len(v)); ok {
			return v[i], true
		}
	}
	return nil, false
}

// index reads an array index: decimal digits without a leading zero.
func index(name string, n int) (int, bool) {
	if name == "" || len(name) > 1 && name[0] == '0' || strings.Trim(name, "0123456789") != "" {
		return 0, false
	}
	i, err := strconv.Atoi(name)
	return i, err == nil && i < n
}

// set changes v, which must be in normal form, in place where it can.
func set(v any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	switch c := v.(type) {
	case nil:
		return map[string]any{path[0]: set(nil, path[1:], value)}
	case map[string]any:
		if c == nil {
			c = map[string]any{}
		}
		c[path[0]] = set(c[path[0]], path[1:], value)
		return c
	case []any:
		if path[0] == "-" {
			return append(c, set(nil, path[1:], value))
		}
		if i, ok := index(path[0], len(c)); ok {
			c[i] = set(c[i], path[1:], value)
		}
	}
	return v
}

func remove(v any, path []string) any {
	switch c := v.(type) {
	case map[string]any:
		if len(path) == 1 {
			delete(c, path[0])
		} else if e, ok := c[path[0]]; ok {
			c[path[0]] = remove(e, path[1:])
		}
	case []any:
		i, ok := index(path[0], len(c))
		switch {
		case ok && len(path) == 1:
			return slices.Delete(c, i, i+1)
		case ok:
			c[i] = remove(c[i], path[1:])
		}
	}
	return v
}
