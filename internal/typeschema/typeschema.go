// Package typeschema makes the JSON Schema of data that Go types describe. What
// a member means is taken from the comments in the types' source, so that it
// is written down once; so are the values that a text may have, where they
// are constants of a type of their own. It is for tests that hold a committed
// schema against the types.
package typeschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Spec says of what a schema is made.
type Spec struct {
	Title   string
	Comment string // a remark for maintainers
	Sample  any    // a value of the struct that a document holds
	Sources []string
	// Constants are the values that members must have, by type and member, such
	// as "PlanHeader.format".
	Constants map[string]any
}

// Make returns the schema, of draft 7 and indented. Every member that the type
// does not omit when empty is required, and no other is allowed. Sources are
// the folders of the types' packages.
func Make(s Spec) ([]byte, error) {
	w := &writer{spec: s, docs: map[string]string{}, values: map[string][]string{}, defs: map[string]object{}, within: map[string]bool{}}
	for _, dir := range s.Sources {
		if err := w.read(dir); err != nil {
			return nil, err
		}
	}
	root := object{"$schema": "http://json-schema.org/draft-07/schema#", "title": s.Title, "$comment": s.Comment}
	top := reflect.TypeOf(s.Sample)
	w.define(top)
	maps.Copy(root, w.defs[top.Name()])
	if !w.within[top.Name()] {
		delete(w.defs, top.Name())
	}
	root["definitions"] = w.defs
	if w.err != nil {
		return nil, w.err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(root)
	return b.Bytes(), err
}

type object = map[string]any

type writer struct {
	spec   Spec
	docs   map[string]string   // by "Type" and "Type.Field"
	values map[string][]string // constants by their type
	defs   map[string]object
	within map[string]bool // the definitions that others refer to
	err    error
}

// read takes the comments and constants of a package's files.
func (w *writer) read(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if d, ok := decl.(*ast.GenDecl); ok {
				for _, spec := range d.Specs {
					w.declaration(d, spec)
				}
			}
		}
	}
	return nil
}

func (w *writer) declaration(d *ast.GenDecl, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		w.docs[spec.Name.Name] = sentence(spec.Name.Name, d.Doc, spec.Doc)
		st, ok := spec.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, f := range st.Fields.List {
			for _, name := range f.Names {
				w.docs[spec.Name.Name+"."+name.Name] = sentence("", f.Doc, f.Comment)
			}
		}
	case *ast.ValueSpec:
		typ, ok := spec.Type.(*ast.Ident)
		if !ok || d.Tok != token.CONST {
			return
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					w.values[typ.Name] = append(w.values[typ.Name], text)
				}
			}
		}
	}
}

// link matches a doc link, such as [Plan.Save].
var link = regexp.MustCompile(`\[([A-Z]\w*(?:\.\w+)?)\]`)

// sentence is a comment on one line, without the name that it begins with.
func sentence(name string, groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		text := strings.Join(strings.Fields(g.Text()), " ")
		if text == "" {
			continue
		}
		for _, begin := range []string{name + " is ", name + " says "} {
			if rest, ok := strings.CutPrefix(text, begin); ok && name != "" {
				text = rest
			}
		}
		return strings.TrimSuffix(link.ReplaceAllString(text, "$1"), ".")
	}
	return ""
}

// schema describes a type; a struct by a reference to its definition.
func (w *writer) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.schema(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		if values := w.values[t.Name()]; len(values) > 0 {
			return object{"type": "string", "enum": values}
		}
		return object{"type": "string"}
	case reflect.Slice:
		return object{"type": "array", "items": w.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": w.schema(t.Elem())}
	case reflect.Struct:
		w.define(t)
		w.within[t.Name()] = true
		return object{"$ref": "#/definitions/" + t.Name()}
	}
	if w.err == nil {
		w.err = fmt.Errorf("typeschema: %s has no JSON form known here", t)
	}
	return nil
}

// define describes a struct once.
func (w *writer) define(t reflect.Type) {
	if _, again := w.defs[t.Name()]; again {
		return
	}
	properties, required := object{}, []string{}
	def := object{"type": "object", "properties": properties, "additionalProperties": false}
	if doc := w.docs[t.Name()]; doc != "" {
		def["description"] = doc
	}
	w.defs[t.Name()] = def
	w.members(t, t.Name(), properties, &required)
	if len(required) > 0 {
		slices.Sort(required)
		def["required"] = required
	}
}

// members describes the fields of a struct, those of embedded ones among them.
func (w *writer) members(t reflect.Type, name string, properties object, required *[]string) {
	for f := range t.Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct:
			w.members(f.Type, f.Type.Name(), properties, required)
			continue
		case !f.IsExported() || tag == "-":
			continue
		case tag == "":
			tag = f.Name
		}
		member := w.schema(f.Type)
		if value, ok := w.spec.Constants[name+"."+tag]; ok {
			member["const"] = value
		}
		if doc := w.docs[name+"."+f.Name]; doc != "" {
			if _, isRef := member["$ref"]; isRef { // beside which draft 7 reads nothing
				member = object{"allOf": []any{member}}
			}
			member["description"] = doc
		}
		properties[tag] = member
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, tag)
		}
	}
}
