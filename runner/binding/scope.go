package binding

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/types"
)

// namespaces are the names that only group others: an expression names a
// member of one, never the group itself, so that what it depends on is known.
var namespaces = map[string]string{"inputs": "input", "vars": "variable", "steps": "step", "run": "member"}

// keywords are the words that expr reads as operators and literals.
var keywords = []string{"and", "contains", "else", "endsWith", "false", "if", "in", "let", "matches", "nil", "not", "or", "startsWith", "true"}

// Reserved reports whether a name cannot be that of an input, a variable, a
// step or a loop variable because it is a keyword of expressions.
func Reserved(name string) bool { return slices.Contains(keywords, name) }

// Taken says what expressions know by a name already, "the name of a function"
// or "a group of names"; "" if a loop's variable may have it.
func Taken(name string) string {
	if namespaces[name] != "" {
		return "a group of names"
	}
	if _, isFunction := builtin.Index[name]; isFunction {
		return "the name of a function"
	}
	return ""
}

// Scope holds the names that expressions may use, and their types. It can be
// used by several goroutines.
type Scope struct {
	root   *Type
	config *conf.Config
	shared *shared
	over   *override // a member of a group that is another here; may be nil
}

// override gives a member of a group another type.
type override struct {
	group, name string
	member      *Type
}

// shared is what a scope has in common with those derived from it. Expr's type
// information, too, is shared by them and not safe for concurrent use.
type shared struct {
	sync.Mutex
	config   *conf.Config // without names
	natures  map[*Type]nature.Nature
	names    map[*Type][]string // the sorted members, made when first listed
	secrets  map[*Type]bool     // whether a secret is anywhere inside
	compared int                // the letters compared so far to suggest names
	patterns int                // the size of the patterns so far
	compiled int                // the expressions so far
}

// maxCompiled bounds the expressions of all scalars together.
const maxCompiled = 50_000

// maxCompared bounds the letters that are compared for suggestions, each of one
// name with each of another: thousands of misspelt names among thousands must
// not take minutes.
const maxCompared = 50_000_000

// secretIn is t.Any(Secret), which takes long for a large object that thousands
// of expressions pick a member of.
func (s *shared) secretIn(t *Type) bool {
	if t.Kind != Object && t.Kind != List {
		return t.Any(Secret)
	}
	in, ok := s.secrets[t]
	if !ok {
		if s.secrets == nil {
			s.secrets = make(map[*Type]bool)
		}
		in = t.Any(Secret)
		s.secrets[t] = in
	}
	return in
}

// alternatives lists an object's members beside a name that it lacks.
func (s *shared) alternatives(lead, name string, t *Type) string {
	names, ok := s.names[t]
	if !ok {
		if s.names == nil {
			s.names = make(map[*Type][]string)
		}
		names = t.names()
		s.names[t] = names
	}
	if s.compared += len(names) * min(len(name), maxName) * min(len(name), maxName); s.compared > maxCompared {
		name = ""
	}
	return alternatives(lead, name, names)
}

// View restricts a Scope for one place in a playbook.
type View struct {
	// Hidden says why a reference that exists may not be used here, and what
	// to do instead; an empty why means that it may. It is asked for each
	// prefix of a reference that names something: for `steps.gen.kid` the
	// paths [steps gen] and [steps gen kid]. A nil func hides nothing; it
	// must not compile anything itself.
	Hidden func(path []string) (why, cure string)
	// Present says that a reference labelled Absent is certainly there in this
	// place: a step's own outputs in its assertions. A nil func says so of
	// none.
	Present func(path []string) bool
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// NewScope declares names: root is an Object whose members are inputs, vars,
// steps, run and the loop variables. Each of the first four groups further
// names and cannot be used itself.
//
// Building one costs time for every member; [Scope.With] adds to one cheaply.
// The types, and whatever they hold, must not change any more.
func NewScope(root *Type) (*Scope, error) {
	if root == nil || root.Kind != Object {
		return nil, fmt.Errorf("binding: the root of a scope must be an object, not %s", root)
	}
	common := new(shared)
	fields := make(map[string]nature.Nature, len(root.Fields)+1)
	for name, t := range root.Fields {
		if err := checkName(name); err != nil {
			return nil, err
		}
		fields[name] = common.nature(t)
	}
	fields[budgetName] = types.Any.Nature()
	return newScope(&Type{Kind: Object, Fields: maps.Clone(root.Fields)}, fields, common), nil
}

// With is the scope with one more name, for a loop's variable, or with another
// type for a name that it has. It costs little however large the scope is.
func (s *Scope) With(name string, t *Type) (*Scope, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	root := &Type{Kind: Object, Fields: maps.Clone(s.root.Fields)}
	if root.Fields == nil {
		root.Fields = make(map[string]*Type, 1)
	}
	root.Fields[name] = t
	s.shared.Lock()
	defer s.shared.Unlock()
	fields := maps.Clone(s.config.Env.Fields)
	fields[name] = s.shared.nature(t)
	with := newScope(root, fields, s.shared)
	if s.over != nil && s.over.group != name {
		with.over = s.over
	}
	return with, nil
}

// WithMember is the scope with another type for one member of a group: for a
// step's own outputs. It costs little however many members the group has. Expr's
// own check knows nothing of the group then; ours does. A scope has one such
// member, the last that it was given.
func (s *Scope) WithMember(group, name string, t *Type) *Scope {
	s.shared.Lock()
	defer s.shared.Unlock()
	fields := maps.Clone(s.config.Env.Fields)
	fields[group] = types.Any.Nature()
	with := newScope(s.root, fields, s.shared)
	with.over = &override{group, name, t}
	return with
}

func newScope(root *Type, fields map[string]nature.Nature, common *shared) *Scope {
	if common.config == nil {
		common.config = newConfig()
	}
	c := *common.config // its tables are read only
	c.Env = types.Map{}.Nature()
	c.Env.Fields = fields
	return &Scope{root: root, config: &c, shared: common}
}

// newConfig is how expr reads and checks our language, whatever its names.
func newConfig() *conf.Config {
	c := conf.CreateNew()
	c.EnvObject = map[string]any{}
	c.Strict = true
	c.Optimize = false
	for _, f := range builtin.Builtins {
		if typing(f.Name) == nil {
			c.Disabled[f.Name] = true
			delete(c.Builtins, f.Name)
		}
	}
	for name, f := range ownFunctions {
		c.Functions[name] = &builtin.Function{Name: name, Func: f}
	}
	return c
}

func checkName(name string) error {
	why := ""
	switch {
	case !nameForm.MatchString(name):
		why = "it must match [a-z][a-z0-9_]{0,62}"
	case Reserved(name):
		why = "it is a keyword of expressions"
	case namespaces[name] == "" && Taken(name) != "":
		why = "it is " + Taken(name)
	default:
		return nil
	}
	return fmt.Errorf("the name %q cannot be used in expressions: %s; choose another", clip(name), why)
}

// nature is t as expr's checker sees it. It knows no null, so what may be absent
// is of any type there; our own descent is stricter. Members of objects are
// built once: a step's outputs stand in many scopes.
func (s *shared) nature(t *Type) nature.Nature {
	if t == nil || t.Label.Has(Absent) {
		return types.Any.Nature()
	}
	switch t.Kind {
	case String:
		return types.String.Nature()
	case Int:
		return types.Int.Nature()
	case Float:
		return types.Float64.Nature()
	case Bool:
		return types.Bool.Nature()
	case List:
		n, elem := types.Array(types.Any).Nature(), s.cached(t.Elem)
		n.Ref = &elem
		return n
	case Object:
		if t.Fields == nil {
			break
		}
		n := types.Map{}.Nature()
		n.Fields = make(map[string]nature.Nature, len(t.Fields))
		for name, f := range t.Fields {
			n.Fields[name] = s.cached(f)
		}
		return n
	}
	return types.Any.Nature()
}

// cached is the nature of something inside a type.
func (s *shared) cached(t *Type) nature.Nature {
	if t == nil || t.Kind != Object && t.Kind != List {
		return s.nature(t)
	}
	n, ok := s.natures[t]
	if !ok {
		if s.natures == nil {
			s.natures = make(map[*Type]nature.Nature)
		}
		n = s.nature(t)
		s.natures[t] = n
	}
	return n
}

// alternatives names what could have been meant: "it has a, b (did you mean
// "b"?)".
func alternatives(lead, name string, among []string) string {
	if len(among) == 0 {
		return lead + " none"
	}
	if len(among) == 1 && lead == "there are" {
		lead = "there is only"
	}
	s := lead + " " + listNames(among)
	if name == "" {
		return s
	}
	if near := Suggest(name, among); len(near) > 0 {
		s += fmt.Sprintf(" (did you mean %q?)", near[0])
	}
	return s
}

// dotted joins a path for a message.
func dotted(path []string) string { return clip(strings.Join(path, ".")) }
