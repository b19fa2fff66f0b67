package binding

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Decode turns a value as JSON or YAML carries it into the one that
// expressions compute with: string, int, float64, bool, time.Duration,
// time.Time, []any, map[string]any, or nil.
//
// Times are RFC 3339 text, durations Go's (`720h`, `90m`), integers must be
// written without point and exponent. A value that has its final form already
// passes. Null is refused unless t carries Absent; an object's unknown and
// missing members are refused, missing ones that may be absent become null.
//
// Errors name the place inside the value (`[2].days: …`) but never its content,
// which may be secret.
func (t *Type) Decode(v any) (any, error) {
	if t == nil {
		return decodeAny(v)
	}
	if v == nil {
		if t.Label.Has(Absent) || t.Kind <= Null {
			return nil, nil
		}
		return nil, &ValueError{Problem: "null where " + t.Article() + " is needed"}
	}
	switch t.Kind {
	case List:
		return t.decodeList(v)
	case Object:
		return t.decodeObject(v)
	case Null:
		return nil, t.mismatch(v)
	case Invalid, Unknown:
		return decodeAny(v)
	}
	return t.decodeScalar(v)
}

// ValueError says why a value does not fit its type and where in it: Path is
// empty for the value itself, else like `.subject.country` or `[2].id`.
type ValueError struct {
	Path    string
	Problem string
}

// Error gives path and problem.
func (e *ValueError) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + ": " + e.Problem
}

// inside puts a step of the path before what an inner value complains of.
func inside(err error, step string) error {
	var e *ValueError
	if errors.As(err, &e) {
		return &ValueError{Path: step + e.Path, Problem: e.Problem}
	}
	return fmt.Errorf("%s: %w", step, err)
}

func (t *Type) mismatch(v any) error {
	return &ValueError{Problem: fmt.Sprintf("%s where %s is needed", kindOf(v), t.Article())}
}

// Article is the type with its article, for messages: "an int", "a
// list(string)".
func (t *Type) Article() string {
	s := t.String()
	switch s[0] {
	case 'a', 'e', 'i', 'o', 'u':
		return "an " + s
	}
	return "a " + s
}

func (t *Type) decodeList(v any) (any, error) {
	items, ok := v.([]any)
	if !ok {
		if texts, isText := v.([]string); isText {
			for _, s := range texts {
				items = append(items, s)
			}
		} else {
			return nil, t.mismatch(v)
		}
	}
	list := make([]any, len(items))
	for i, item := range items {
		x, err := t.Elem.Decode(item)
		if err != nil {
			return nil, inside(err, "["+strconv.Itoa(i)+"]")
		}
		list[i] = x
	}
	return list, nil
}

func (t *Type) decodeObject(v any) (any, error) {
	members, ok := v.(map[string]any)
	if !ok {
		return nil, t.mismatch(v)
	}
	if t.Fields == nil {
		return decodeAny(v)
	}
	object := make(map[string]any, len(t.Fields))
	for _, name := range t.names() {
		f := t.Fields[name]
		x, there := members[name]
		if !there && !f.Label.Has(Absent) && f.Kind != Invalid {
			return nil, &ValueError{Problem: fmt.Sprintf("the member %q is missing", name)}
		}
		x, err := f.Decode(x)
		if err != nil {
			return nil, inside(err, "."+name)
		}
		object[name] = x
	}
	for name := range members {
		if _, known := t.Fields[name]; !known {
			return nil, &ValueError{Problem: unknownMember(members, t)}
		}
	}
	return object, nil
}

// unknownMember words the first unknown member by name, so that the message
// does not depend on a map's order.
func unknownMember(members map[string]any, t *Type) string {
	first := ""
	for name := range members {
		if _, known := t.Fields[name]; !known && (first == "" || name < first) {
			first = name
		}
	}
	return fmt.Sprintf("unknown member %q; %s", clip(first), alternatives("it has", first, t.names()))
}

func (t *Type) decodeScalar(v any) (any, error) {
	switch t.Kind {
	case String:
		if s, ok := v.(string); ok {
			if !utf8.ValidString(s) {
				return nil, &ValueError{Problem: "text that is not UTF-8"}
			}
			return s, nil
		}
	case Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case Int:
		if n, ok := toInt(v); ok {
			return n, nil
		}
	case Float:
		if f, ok := toFloat(v); ok {
			return f, nil
		}
	case Duration:
		return t.decodeDuration(v)
	case Time:
		return t.decodeTime(v)
	}
	return nil, t.mismatch(v)
}

func (t *Type) decodeDuration(v any) (any, error) {
	switch v := v.(type) {
	case time.Duration:
		return v, nil
	case string:
		d, err := time.ParseDuration(v)
		if err != nil {
			return nil, &ValueError{Problem: "text that is no duration; write one as `90m` or `720h`"}
		}
		return d, nil
	}
	return nil, t.mismatch(v)
}

func (t *Type) decodeTime(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return v.Round(0).UTC(), nil
	case string:
		at, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return nil, &ValueError{Problem: "text that is no time; write one as `2026-01-31T12:00:00Z`"}
		}
		return at.UTC(), nil
	}
	return nil, t.mismatch(v)
}

// toInt takes integers of every Go type, and floats that hold one exactly.
func toInt(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), int64(int(v)) == v
	case int32:
		return int(v), true
	case uint64:
		return int(v), v <= math.MaxInt
	case json.Number:
		n, err := strconv.Atoi(string(v))
		return n, err == nil
	case float64:
		const exact = 1 << 53
		return int(v), v == math.Trunc(v) && v > -exact && v < exact
	}
	return 0, false
}

// toFloat takes every number that is finite.
func toFloat(v any) (float64, bool) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case float32:
		f = float64(v)
	case json.Number:
		var err error
		if f, err = v.Float64(); err != nil {
			return 0, false
		}
	default:
		n, ok := toInt(v)
		return float64(n), ok
	}
	return f, !math.IsInf(f, 0) && !math.IsNaN(f)
}

// decodeAny gives a value of unknown type its final form by what it looks like.
func decodeAny(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, int, bool, time.Duration, time.Time:
		return v, nil
	case []any:
		return ListOf(nil).decodeList(v)
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, item := range v {
			x, err := decodeAny(item)
			if err != nil {
				return nil, inside(err, "."+name)
			}
			object[name] = x
		}
		return object, nil
	}
	if _, isFloat := v.(float64); !isFloat {
		if n, ok := toInt(v); ok {
			return n, nil
		}
	}
	if f, ok := toFloat(v); ok {
		return f, nil
	}
	return nil, &ValueError{Problem: kindOf(v) + ", which no value can be"}
}

// kindOf says what a Go value is, without showing it.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "a bool"
	case json.Number, float64, float32:
		if f, ok := v.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
			return "a number that is not finite"
		}
		return "a number"
	case time.Duration:
		return "a duration"
	case time.Time:
		return "a time"
	case []any, []string:
		return "a list"
	case map[string]any:
		return "an object"
	}
	if _, ok := toInt(v); ok {
		return "an int"
	}
	return fmt.Sprintf("a Go %T", v)
}

// Encode turns a value into the form that JSON carries and Decode reads: a time
// as RFC 3339 text in UTC, a duration as Go writes it.
func Encode(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		return v.String()
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = Encode(x)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, x := range v {
			object[name] = Encode(x)
		}
		return object
	}
	return v
}

// Text is how a value embeds in text: a string, an int, a bool, a duration as
// Go writes it. Anything else is an error, and so is null.
func Text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case time.Duration:
		return v.String(), nil
	}
	return "", &ValueError{Problem: kindOf(v) + " cannot be embedded in text; only a string, an int, a bool or a duration can"}
}

// Embeddable reports whether values of t's kind can be embedded in text. It
// does not look at labels: one that is Absent needs `??` first.
func Embeddable(t *Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind {
	case Invalid, String, Int, Bool, Duration:
		return true
	}
	return false
}
