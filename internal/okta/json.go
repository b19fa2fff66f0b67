package okta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of an object: deeper ones are no app of Okta's
// but an attempt on the stack.
const maxDepth = 500

// decodeValue reads one JSON value, refusing what a map cannot hold.
func decodeValue(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the JSON is no UTF-8")
	}
	if !json.Valid(data) {
		var probe json.RawMessage
		return nil, fmt.Errorf("this is no JSON: %w", json.Unmarshal(data, &probe))
	}
	if loneSurrogate(data) {
		return nil, errors.New("the JSON holds half a surrogate pair, which cannot be sent back as it came")
	}
	if v, ok := decodePlain(data); ok {
		return v, nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return readValue(dec, 0)
}

// decodePlain reads a JSON value that holds no member twice and is not deep,
// several times faster than token by token. A map takes the last of several
// members in silence, but it then has fewer than there are colons.
func decodePlain(data []byte) (v any, ok bool) {
	colons, deepest := shape(data)
	if deepest > maxDepth {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err := dec.Decode(&v)
	return v, err == nil && membersIn(v) == colons
}

// shape counts the colons outside strings of a valid JSON text, one for each
// member, and its levels of nesting.
func shape(data []byte) (colons, deepest int) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case ':':
			colons++
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return colons, deepest
}

// membersIn counts the members of all objects in a decoded value.
func membersIn(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, e := range v {
			n += membersIn(e)
		}
	case []any:
		for _, e := range v {
			n += membersIn(e)
		}
	}
	return n
}

// readValue reads the next value of a text known to be one JSON value.
func readValue(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("the JSON is nested deeper than %d", maxDepth)
	}
	switch t {
	case json.Delim('{'):
		return readMap(dec, depth)
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			e, err := readValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		_, err := dec.Token()
		return list, err
	}
	return t, nil
}

func readMap(dec *json.Decoder, depth int) (any, error) {
	m := map[string]any{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("the JSON holds the member %s twice", clip(strconv.Quote(name), 80))
		}
		if m[name], err = readValue(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return m, err
}

// loneSurrogate looks for an escape such as \ud800 without its other half,
// which encoding/json would quietly replace. The input is valid JSON, so that
// a backslash occurs in strings only.
func loneSurrogate(data []byte) bool {
	unit := func(i int) (rune, bool) {
		if i+6 > len(data) || data[i] != '\\' || data[i+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(data[i+2:i+6]), 16, 32)
		return rune(n), err == nil
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		r, ok := unit(i)
		if !ok || !utf16.IsSurrogate(r) {
			i++ // over the escaped character
			continue
		}
		low, ok := unit(i + 6)
		if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
			return true
		}
		i += 11
	}
	return false
}

// normal is a deep copy of v made of the types that decoding yields. What has
// no JSON form becomes a text that says so: nothing here may fail.
func normal(v any) any {
	switch v := v.(type) {
	case nil, bool:
		return v
	case string:
		if utf8.ValidString(v) {
			return v
		}
		return string([]rune(v)) // a stray byte becomes U+FFFD, as in encoding/json
	case json.Number:
		if isNumber(string(v)) {
			return v
		}
		return normal(string(v))
	case Object:
		return normal(map[string]any(v))
	case map[string]any:
		if v == nil {
			return nil
		}
		return normalMap(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = normal(e)
		}
		return list
	case Key:
		if v.Raw != nil {
			return normal(v.Raw)
		}
	case []Key:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = normal(e)
		}
		return list
	case json.RawMessage:
		if d, err := decodeValue(v); err == nil {
			return d
		}
		return normal(string(v))
	}
	return normalOther(v)
}

// isNormal reports whether v is in normal form already, as what was decoded is.
func isNormal(v any) bool {
	switch v := v.(type) {
	case nil, bool:
		return true
	case string:
		return utf8.ValidString(v)
	case json.Number:
		return isNumber(string(v))
	case []any:
		return v != nil && !slices.ContainsFunc(v, func(e any) bool { return !isNormal(e) })
	case map[string]any:
		for name, e := range v {
			if !utf8.ValidString(name) || !isNormal(e) {
				return false
			}
		}
		return v != nil
	}
	return false
}

func normalMap(v map[string]any) any {
	m := make(map[string]any, len(v))
	for name, e := range v {
		if !utf8.ValidString(name) {
			return normalNames(v)
		}
		m[name] = normal(e)
	}
	return m
}

// normalNames is normalMap where names change: two may become one, the same
// one each time.
func normalNames(v map[string]any) any {
	m := make(map[string]any, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		m[string([]rune(name))] = normal(v[name])
	}
	return m
}

func normalOther(v any) any {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.String {
		return normal(rv.String())
	}
	data, err := json.Marshal(v)
	if err == nil {
		if d, err := decodeValue(data); err == nil {
			return d
		}
	}
	return fmt.Sprintf("a %T, which has no JSON form", v)
}

func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || '0' <= s[0] && s[0] <= '9') && '0' <= s[len(s)-1] && s[len(s)-1] <= '9' && json.Valid([]byte(s))
}

// encode writes a value in normal form.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil // not for a value in normal form
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func kindName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a bool"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}
