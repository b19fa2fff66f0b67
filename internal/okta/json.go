package okta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of an object: deeper ones are no app of Okta's
// but an attempt on the stack.
const maxDepth = 500

// decodeValue reads one JSON value, refusing what a map cannot hold: jsontext
// refuses text that is no UTF-8 and half a surrogate pair, readMap a member
// twice.
func decodeValue(data []byte) (any, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))
	v, err := readValue(dec, 0)
	if err == nil {
		err = wantEnd(dec)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

func wantEnd(dec *jsontext.Decoder) error {
	switch _, err := dec.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return errors.New("this is no JSON: more follows after its value")
	default:
		return notJSON(err)
	}
}

func notJSON(err error) error {
	return errors.New("this is no JSON: " + strings.TrimPrefix(err.Error(), "jsontext: "))
}

// readValue reads the next value.
func readValue(dec *jsontext.Decoder, depth int) (any, error) {
	t, err := dec.ReadToken()
	if err != nil {
		return nil, notJSON(err)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("the JSON is nested deeper than %d", maxDepth)
	}
	switch t.Kind() {
	case '{':
		return readMap(dec, depth)
	case '[':
		return readList(dec, depth)
	case '"':
		return t.String(), nil
	case '0':
		return json.Number(t.String()), nil
	case 't', 'f':
		return t.Bool(), nil
	}
	return nil, nil
}

func readList(dec *jsontext.Decoder, depth int) (any, error) {
	list := []any{}
	for dec.PeekKind() != ']' {
		e, err := readValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	_, err := dec.ReadToken()
	return list, err
}

func readMap(dec *jsontext.Decoder, depth int) (any, error) {
	m := map[string]any{}
	for dec.PeekKind() != '}' {
		t, err := dec.ReadToken()
		if err != nil {
			return nil, notJSON(err)
		}
		name := t.String()
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("the JSON holds the member %s twice", clip(strconv.Quote(name), 80))
		}
		if m[name], err = readValue(dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return m, err
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

// plain is v as one of the types that decoding yields; what is in it may be of
// others.
func plain(v any) any {
	switch m := v.(type) {
	case nil, bool, string, json.Number, []any:
		return v
	case Object:
		v = map[string]any(m)
	case map[string]any:
	default:
		return normal(v)
	}
	if m := v.(map[string]any); m == nil {
		return nil
	}
	return v
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

// encode writes the normal form of a value, members sorted by name.
func encode(v any) []byte { return appendValue(make([]byte, 0, 4096), v) }

func appendValue(b []byte, v any) []byte {
	switch v := plain(v).(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return appendText(b, v)
	case json.Number:
		if !isNumber(string(v)) {
			return appendText(b, string(v))
		}
		return append(b, v...)
	case []any:
		return appendList(b, v)
	case map[string]any:
		return appendMap(b, v)
	}
	return append(b, "null"...)
}

func appendList(b []byte, list []any) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, e)
	}
	return append(b, ']')
}

func appendMap(b []byte, m map[string]any) []byte {
	names, ok := sortedNames(m)
	if !ok {
		return appendValue(b, normalNames(m))
	}
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = appendValue(b, m[name])
	}
	return append(b, '}')
}

// sortedNames are the names of the members; false if one is no UTF-8.
func sortedNames(m map[string]any) ([]string, bool) {
	names := make([]string, 0, len(m))
	for name := range m {
		if !utf8.ValidString(name) {
			return nil, false
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, true
}

// encodeApart is encode, and in the same pass the digest of what encode writes
// without some members.
func encodeApart(m map[string]any, omit members) (whole []byte, digest string) {
	a := apart{make([]byte, 0, 4096), make([]byte, 0, 4096)}
	a.appendMap(m, omit)
	return a.whole, digestOf(a.rest)
}

// apart is a text being written, and the same text without some members.
type apart struct{ whole, rest []byte }

func (a *apart) appendMap(m map[string]any, omit members) {
	names, ok := sortedNames(m)
	if !ok {
		m, _ = normalNames(m).(map[string]any)
		names, _ = sortedNames(m)
	}
	a.whole, a.rest = append(a.whole, '{'), append(a.rest, '{')
	first := true
	for i, name := range names {
		if i > 0 {
			a.whole = append(a.whole, ',')
		}
		at := len(a.whole)
		a.whole = append(appendText(a.whole, name), ':')
		inner, special := omit[name]
		if special && inner == nil {
			a.whole = appendValue(a.whole, m[name])
			continue
		}
		if !first {
			a.rest = append(a.rest, ',')
		}
		first = false
		if v, ok := plain(m[name]).(map[string]any); ok && special {
			a.rest = append(a.rest, a.whole[at:]...)
			a.appendMap(v, inner)
			continue
		}
		a.whole = appendValue(a.whole, m[name])
		a.rest = append(a.rest, a.whole[at:]...)
	}
	a.whole, a.rest = append(a.whole, '}'), append(a.rest, '}')
}

// appendText quotes a text; a stray byte becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
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
