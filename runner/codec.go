package runner

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/rekey/runner/binding"
)

// fill sets the fields of the struct at ptr from run-time values by name.
func fill(ptr any, fields []Field, data map[string]any) error {
	return fillStruct(reflect.ValueOf(ptr).Elem(), fields, data)
}

func fillStruct(st reflect.Value, fields []Field, data map[string]any) error {
	for _, f := range fields {
		v, ok := data[f.Name]
		if !ok || v == nil {
			continue
		}
		if err := set(st.FieldByIndex(f.index), f, v); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func set(into reflect.Value, f Field, v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		if into.Kind() != reflect.Slice {
			break
		}
		s := reflect.MakeSlice(into.Type(), len(v), len(v))
		for i, item := range v {
			if err := set(s.Index(i), f, item); err != nil {
				return err
			}
		}
		into.Set(s)
		return nil
	case map[string]any:
		if into.Kind() != reflect.Struct {
			break
		}
		return fillStruct(into, f.Fields, v)
	default:
		if rv := reflect.ValueOf(v); rv.Type().AssignableTo(into.Type()) {
			into.Set(rv)
			return nil
		}
	}
	return fmt.Errorf("%T is no %s", v, into.Type())
}

// read returns the fields of the struct at ptr as run-time values by name.
func read(ptr any, fields []Field) map[string]any {
	return readStruct(reflect.ValueOf(ptr).Elem(), fields)
}

func readStruct(st reflect.Value, fields []Field) map[string]any {
	out := make(map[string]any, len(fields))
	for _, f := range fields {
		out[f.Name] = get(st.FieldByIndex(f.index), f)
	}
	return out
}

func get(v reflect.Value, f Field) any {
	switch {
	case v.Type() == timeType && v.Interface().(time.Time).IsZero() && !f.Required:
		return nil
	case v.Kind() == reflect.String && v.Len() == 0 && !f.Required:
		return nil
	case v.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = get(v.Index(i), f)
		}
		return list
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		return readStruct(v, f.Fields)
	}
	return v.Interface()
}

// decode reads recorded data by the fields' types into run-time values. A
// member that waits for a secret is missing, and stays so.
func decode(fields []Field, data map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(data))
	for _, f := range fields {
		v, ok := data[f.Name]
		if !ok || v == nil && !f.Required {
			continue
		}
		var decoded any
		var err error
		if object, isObject := v.(map[string]any); isObject && f.Type.Kind == binding.Object {
			decoded, err = decode(f.Fields, object)
		} else {
			decoded, err = f.Type.Decode(v)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		out[f.Name] = decoded
	}
	return out, nil
}

// validate checks an evaluated input against its field: what types alone do
// not say. The value of a secret is never part of the message.
func (f *Field) validate(v any) error {
	switch v := v.(type) {
	case nil:
		if f.Required {
			return errors.New("it is required and has no value")
		}
	case string:
		if f.Required && strings.TrimSpace(v) == "" {
			return errors.New("it is required and its value is empty")
		}
		if len(f.Enum) > 0 && !slices.Contains(f.Enum, v) {
			return fmt.Errorf("%s is none of %s", f.shown(v), strings.Join(f.Enum, ", "))
		}
	case int:
		low, high := math.MinInt, math.MaxInt
		if f.Min != nil {
			low = *f.Min
		}
		if f.Max != nil {
			high = *f.Max
		}
		if v < low || v > high {
			return fmt.Errorf("%s is not %s", f.shown(v), f.bounds())
		}
	case []any:
		if f.Required && len(v) == 0 {
			return errors.New("it is required and its list is empty")
		}
		item := f.item()
		for i, e := range v {
			if err := item.validate(e); err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
	}
	return nil
}

// shown is a value in a message.
func (f *Field) shown(v any) string {
	if f.Secret {
		return "the secret"
	}
	if text, ok := v.(string); ok {
		return strconv.Quote(text)
	}
	return fmt.Sprint(v)
}

func (f *Field) bounds() string {
	switch {
	case f.Min != nil && f.Max != nil:
		return fmt.Sprintf("between %d and %d", *f.Min, *f.Max)
	case f.Min != nil:
		return fmt.Sprintf("at least %d", *f.Min)
	case f.Max != nil:
		return fmt.Sprintf("at most %d", *f.Max)
	}
	return "unbounded"
}

// complete fills defaults into evaluated inputs and checks them. Inputs that
// wait for a secret, named in deferred, are neither missing nor checked.
func (t *Type) complete(in map[string]any, deferred []string) error {
	waiting := make(map[string]bool)
	for _, path := range deferred {
		waiting[path] = true
	}
	if err := completeAll(t.in, in, "", waiting); err != nil {
		return err
	}
	for _, group := range t.oneOf {
		given := 0
		for _, name := range group {
			text, isText := in[name].(string)
			if in[name] != nil && !(isText && strings.TrimSpace(text) == "") {
				given++
			}
		}
		if given != 1 {
			return fmt.Errorf("exactly one of %s must have a value, %d have", strings.Join(group, " and "), given)
		}
	}
	return nil
}

func completeAll(fields []Field, in map[string]any, prefix string, waiting map[string]bool) error {
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if fieldNamed(fields, name) == nil {
			return fmt.Errorf("%s%s is unknown; it has %s", prefix, name, strings.Join(fieldNames(fields), ", "))
		}
	}
	for i := range fields {
		f := &fields[i]
		path := prefix + f.Name
		if waiting[path] {
			continue
		}
		v := in[f.Name]
		if v == nil && f.Default != nil {
			v = f.Default
			in[f.Name] = v
		}
		if object, ok := v.(map[string]any); ok && f.Type.Kind == binding.Object {
			if err := completeAll(f.Fields, object, path+".", waiting); err != nil {
				return err
			}
			continue
		}
		if v != nil {
			decoded, err := f.Type.Decode(v)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			v, in[f.Name] = decoded, decoded
		}
		if err := f.validate(v); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// claims asks the action, from its inputs alone, what it may change.
func (t *Type) claims(in map[string]any) ([]string, error) {
	action := t.New().(Action)
	if err := fill(action, t.in, in); err != nil {
		return nil, err
	}
	return action.Claims(), nil
}
