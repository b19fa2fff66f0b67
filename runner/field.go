package runner

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/rekey/runner/binding"
)

// Field is one datum of a step type in one role.
type Field struct {
	Name     string
	Doc      string
	Type     *binding.Type
	Required bool
	Secret   bool
	Assigned bool
	Loose    bool
	Default  any  // nil: none
	Min, Max *int // of an int
	Enum     []string
	Fields   []Field // of an object, or of the objects in a list

	index []int
}

// role is why a field is read or written; its text is the struct tag's key.
type role string

const (
	roleIn  role = "in"
	roleSaw role = "saw"
	roleOut role = "out"
)

// fields derives t's fields from the struct that New returns.
func (t *Type) fields(sample any) error {
	v := reflect.TypeOf(sample)
	if v == nil || v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return errors.New("its New must return a pointer to a struct")
	}
	var err error
	for _, r := range []struct {
		role role
		into *[]Field
	}{{roleIn, &t.in}, {roleSaw, &t.saw}, {roleOut, &t.out}} {
		if *r.into, err = fieldsOf(v.Elem(), r.role, nil); err != nil {
			return err
		}
	}
	for f := range v.Elem().Fields() {
		group := f.Tag.Get("oneof")
		if group == "" {
			continue
		}
		names := strings.Split(group, ",")
		for _, name := range names {
			if in := fieldNamed(t.in, name); in == nil || in.Required {
				return fmt.Errorf("oneof:%q: %s is no optional input", group, name)
			}
		}
		t.oneOf = append(t.oneOf, names)
	}
	return nil
}

// fieldsOf lists the fields of a struct that have the role, embedded structs
// flattened.
func fieldsOf(st reflect.Type, r role, prefix []int) ([]Field, error) {
	var out []Field
	seen := map[string]bool{}
	for sf := range st.Fields() {
		index := append(slices.Clone(prefix), sf.Index...)
		var more []Field
		switch name, tagged := sf.Tag.Lookup(string(r)); {
		case sf.Anonymous && sf.Type.Kind() == reflect.Struct:
			inner, err := fieldsOf(sf.Type, r, index)
			if err != nil {
				return nil, err
			}
			more = inner
		case tagged && sf.IsExported():
			f, err := fieldOf(sf, name, r, index)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", sf.Name, err)
			}
			more = []Field{f}
		}
		for _, f := range more {
			if seen[f.Name] {
				return nil, fmt.Errorf("two fields are called %s as %q", f.Name, r)
			}
			seen[f.Name] = true
			out = append(out, f)
		}
	}
	return out, nil
}

func fieldOf(sf reflect.StructField, name string, r role, index []int) (Field, error) {
	f := Field{Name: name, Doc: sf.Tag.Get("doc"), Required: true, index: index}
	if f.Doc == "" {
		return f, errors.New("it has no doc")
	}
	for _, word := range strings.Fields(sf.Tag.Get("is")) {
		switch word {
		case "optional":
			f.Required = false
		case "secret":
			f.Secret = true
		case "assigned":
			f.Assigned = true
		case "loose":
			f.Loose = true
		default:
			return f, fmt.Errorf("is:%q is not known", word)
		}
	}
	var err error
	if f.Type, f.Fields, err = typeOf(sf.Type, r); err != nil {
		return f, err
	}
	if f.Secret && r != roleIn {
		return f, fmt.Errorf("a secret cannot be %q: what a step saw and yielded is recorded as it is", r)
	}
	if f.Assigned {
		f.Type = labelled(f.Type, binding.Opaque)
	}
	if err := f.constrain(sf.Tag); err != nil || f.Default == nil {
		return f, err
	}
	return f, f.validate(f.Default)
}

// constrain reads the tags that bound the value of an input.
func (f *Field) constrain(tag reflect.StructTag) error {
	if enum := tag.Get("enum"); enum != "" {
		f.Enum = strings.Split(enum, ",")
	}
	if bounds := tag.Get("range"); bounds != "" {
		low, high, ok := strings.Cut(bounds, "-")
		if !ok {
			return fmt.Errorf("range:%q has no dash", bounds)
		}
		var err error
		if f.Min, err = bound(low); err != nil {
			return err
		}
		if f.Max, err = bound(high); err != nil {
			return err
		}
	}
	text, ok := tag.Lookup("default")
	if !ok {
		return nil
	}
	f.Required = false
	switch f.Type.Kind {
	case binding.String:
		f.Default = text
	case binding.Int:
		n, err := strconv.Atoi(text)
		f.Default = n
		return err
	case binding.List:
		f.Default = []any{}
		for _, item := range strings.Split(text, ",") {
			f.Default = append(f.Default.([]any), item)
		}
	default:
		return fmt.Errorf("a %s can have no default", f.Type)
	}
	return nil
}

// bound is an end of a range; an empty one is open.
func bound(text string) (*int, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	return &n, err
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// typeOf maps a Go type to the language's, with the fields of a struct.
func typeOf(t reflect.Type, r role) (*binding.Type, []Field, error) {
	switch {
	case t == timeType:
		return &binding.Type{Kind: binding.Time}, nil, nil
	case t == durationType:
		return &binding.Type{Kind: binding.Duration}, nil, nil
	}
	switch t.Kind() {
	case reflect.String:
		return &binding.Type{Kind: binding.String}, nil, nil
	case reflect.Int:
		return &binding.Type{Kind: binding.Int}, nil, nil
	case reflect.Bool:
		return &binding.Type{Kind: binding.Bool}, nil, nil
	case reflect.Slice:
		elem, fields, err := typeOf(t.Elem(), r)
		return &binding.Type{Kind: binding.List, Elem: elem}, fields, err
	case reflect.Struct:
		fields, err := fieldsOf(t, r, nil)
		return objectOf(fields), fields, err
	}
	return nil, nil, fmt.Errorf("a step type has no data of type %s", t)
}

// objectOf is the type of an object with these fields. A field that need not
// be given may be absent.
func objectOf(fields []Field) *binding.Type {
	o := &binding.Type{Kind: binding.Object, Fields: make(map[string]*binding.Type, len(fields))}
	for _, f := range fields {
		o.Fields[f.Name] = f.Type
		if !f.Required {
			o.Fields[f.Name] = labelled(f.Type, binding.Absent)
		}
	}
	return o
}

// labelled returns t with the label, and so are the items of a list: what is
// assigned is each of them.
func labelled(t *binding.Type, l binding.Label) *binding.Type {
	if t.Kind == binding.List && l == binding.Opaque {
		list := *t
		list.Elem = t.Elem.With(l)
		return &list
	}
	return t.With(l)
}
