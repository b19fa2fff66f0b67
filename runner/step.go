package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// Query is a step that only reads. Read fills the fields tagged out.
type Query interface {
	Read(ctx context.Context) error
}

// Action is a step that makes at most one write. Every method is called on a
// fresh instance that holds recorded data only, by role:
//
//	Observe(in)           reads what Undo and Recover will need, fills saw
//	Do(in, saw)           makes the write, fills out; an effect that is in
//	                      place already is no write and no error
//	Undo(in, saw, out)    compensates; calling it again changes nothing more
//	Recover(in, saw)      finds out, by reading, whether the write of a Do
//	                      whose answer was lost happened; then it fills out
//	Claims(in)            names what the action may change, such as "app/0oa1"
//
// Claims is also called for an action whose Observe never ran.
type Action interface {
	Observe(ctx context.Context) error
	Do(ctx context.Context) error
	Undo(ctx context.Context) ([]Residue, error)
	Recover(ctx context.Context) (Verdict, error)
	Claims() []string
}

// Adopter is an Action that creates an object with an id of its own. Adopt
// fills out from the existing object with that id.
type Adopter interface {
	Action
	Adopt(ctx context.Context, id string) error
}

// Verdict is what Recover found out.
type Verdict struct {
	Outcome    Outcome  `json:"outcome"`
	Candidates []string `json:"candidates,omitempty"` // ids between which a person decides
	Creates    bool     `json:"creates,omitempty"`    // of an ambiguous one: what the write made has an id of its own
	Reason     string   `json:"reason,omitempty"`     // why, for a person
	Decided    Saying   `json:"decided,omitempty"`    // what a person said; empty: it was found out
	Found      string   `json:"found,omitempty"`      // of one that a person said happened: what was there instead of its effect when it was looked at then
}

// Outcome says whether a write happened.
type Outcome string

// The outcomes. Not counts only when nothing can still arrive late.
const (
	Happened  Outcome = "happened"
	Not       Outcome = "not"
	Ambiguous Outcome = "ambiguous"
)

// Residue is an effect that stays after undo.
type Residue struct {
	Owner   string `json:"owner"`
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Effect  Effect `json:"effect,omitempty"`  // none: what became of it nobody knows
	Perhaps bool   `json:"perhaps,omitempty"` // the outcome of the write is not known
	Note    string `json:"note,omitempty"`
}

// Effect is what a residue did to its owner.
type Effect string

// The effects.
const (
	Added     Effect = "added"
	Consumed  Effect = "consumed"
	Destroyed Effect = "destroyed"
	Kept      Effect = "kept" // not undone, because the playbook says so
)

// UndoClass says how exact the undo of an action is.
type UndoClass string

// The undo classes.
const (
	UndoExact        UndoClass = "exact"        // the state before comes back
	UndoStays        UndoClass = "stays"        // something harmless stays
	UndoIrreversible UndoClass = "irreversible" // something is gone for good
)

// Type describes a step type: the struct that New returns and what a reader
// of a plan must know of it. The struct's tagged fields are the step's data;
// a field may have several roles, and the same name in each:
//
//	in:"kid"       given by the playbook
//	saw:"kid"      read by Observe, for Undo and Recover
//	out:"kid"      yielded to later steps
//	doc:"…"        its meaning, a sentence without a full stop
//	is:"…"         of: optional, secret, assigned (made up by Okta or the CA:
//	               an id, a key, a certificate), loose (saw that only Recover
//	               needs and that may differ between plan and run)
//	default:"…"    the value of an input that is not given
//	range:"2-10"   the bounds of an int, either may be missing
//	enum:"a,b"     the values of a string
//
// Embedded structs are flattened; one tagged oneof:"app,idp" has exactly one
// of those inputs. What is untagged does not survive from one call to the
// next. Change and Caution may name data as {field}.
type Type struct {
	Name    string
	Doc     string    // what it does, one paragraph
	Change  string    // what it changes, a line in a plan; empty for a query
	Notice  string    // what users notice, and when; empty: nothing
	Caution string    // what a reviewer must weigh; empty: nothing
	Undo    UndoClass // of an action
	Local   bool      // an action on this machine: no write of it can arrive late
	New     func() any

	in, saw, out []Field
	oneOf        [][]string
	action       bool
	outType      *binding.Type
}

// Action reports whether the type is an action and not a query.
func (t *Type) Action() bool { return t.action }

// Inputs returns the fields that a playbook gives, in the struct's order.
func (t *Type) Inputs() []Field { return t.in }

// Saw returns the fields that an action reads before it writes, in the struct's
// order.
func (t *Type) Saw() []Field { return t.saw }

// Outputs returns the fields that later steps may use, in the struct's order.
func (t *Type) Outputs() []Field { return t.out }

// OneOf returns the groups of inputs of which exactly one is given.
func (t *Type) OneOf() [][]string { return t.oneOf }

// Catalogue is the set of step types that a runner knows.
type Catalogue struct {
	types map[string]*Type
	names []string
}

// NewCatalogue checks the types and returns their catalogue. An error is a
// mistake in a step type's source.
func NewCatalogue(types ...Type) (*Catalogue, error) {
	c := &Catalogue{types: make(map[string]*Type)}
	var errs []error
	for _, t := range types {
		if err := t.prepare(); err != nil {
			errs = append(errs, fmt.Errorf("step type %s: %w", t.Name, err))
			continue
		}
		if c.types[t.Name] != nil {
			errs = append(errs, fmt.Errorf("step type %s is defined twice", t.Name))
			continue
		}
		c.types[t.Name] = &t
		c.names = append(c.names, t.Name)
	}
	slices.Sort(c.names)
	return c, errors.Join(errs...)
}

// Names returns the names of all types, sorted.
func (c *Catalogue) Names() []string { return slices.Clone(c.names) }

// Type returns the type of that name, or nil.
func (c *Catalogue) Type(name string) *Type { return c.types[name] }

var (
	typeName    = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	placeholder = regexp.MustCompile(`\{([a-z0-9_]+)\}`)
)

// prepare derives the fields from the struct and checks the description.
func (t *Type) prepare() error {
	switch {
	case !typeName.MatchString(t.Name):
		return errors.New("its name must match " + typeName.String())
	case t.Doc == "":
		return errors.New("it has no Doc")
	case t.New == nil:
		return errors.New("it has no New")
	}
	sample := t.New()
	if err := t.fields(sample); err != nil {
		return err
	}
	t.outType = objectOf(t.out)
	_, t.action = sample.(Action)
	_, query := sample.(Query)
	switch {
	case t.action == query:
		return errors.New("it must be either a Query or an Action")
	case t.action && (t.Change == "" || t.Undo == ""):
		return errors.New("an action needs Change and Undo")
	case query && (t.Change != "" || t.Undo != "" || len(t.saw) > 0):
		return errors.New("a query has no Change, no Undo and no saw fields")
	}
	for _, m := range placeholder.FindAllStringSubmatch(t.Change+t.Caution, -1) {
		if m[1] != "owner" && !t.has(m[1]) {
			return fmt.Errorf("{%s} names none of its fields", m[1])
		}
	}
	return nil
}

func (t *Type) has(name string) bool {
	for _, fields := range [][]Field{t.in, t.saw, t.out} {
		if slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			return true
		}
	}
	return false
}

// Describe fills the {placeholders} of text from recorded data; {owner} is
// the first claim. A value that is missing reads "(none)".
func (t *Type) Describe(text, owner string, data ...map[string]any) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := strings.Trim(m, "{}")
		if name == "owner" {
			return owner
		}
		for _, d := range data {
			if v, ok := d[name]; ok && v != nil && v != "" {
				return plain(v)
			}
		}
		return "(none)"
	})
}

// plain is a value as a sentence shows it.
func plain(v any) string {
	var texts []string
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			texts = append(texts, plain(e))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if v[name] != nil {
				texts = append(texts, name+"="+plain(v[name]))
			}
		}
	default:
		return fmt.Sprint(v)
	}
	if len(texts) == 0 {
		return "(none)"
	}
	return strings.Join(texts, ", ")
}
