package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// Playbook is a playbook as written: its structure with positions, before any
// type is known. What the text left out or got wrong is zero here; the faults
// of [ParsePlaybook] say so.
type Playbook struct {
	File        string
	Source      []byte // the text as given
	Name        string // the key playbook
	Version     string // semver of this playbook
	Description string
	OnFailure   string // "rollback" (default) or "keep"
	Inputs      []*Input
	Vars        []Entry // in the text's order; names are checked
	Steps       []*StepDecl
	Outputs     []Entry // in the text's order; names are checked
	Pos         Position
}

// StepDecl is one step as written.
type StepDecl struct {
	ID      string
	Name    string
	Type    string   // the step type's key; empty if a fault was reported
	TypePos Position // of that key
	With    *Node    // what stands under that key; an empty Map if nothing does
	If      *Node    // nil: no condition
	Assert  []*Node
	Pos     Position
}

// Digest is the SHA-256 of the text as given, in hex.
func (p *Playbook) Digest() string {
	sum := sha256.Sum256(p.Source)
	return hex.EncodeToString(sum[:])
}

// The keys of a playbook and of a step, in the order in which messages list
// them. laterKeys belong to the language but to no version that this parser
// reads; they are refused by name, so that none is taken for a step type.
var (
	playbookKeys = []string{"rekey", "playbook", "version", "description", "inputs", "vars", "on_failure", "steps", "outputs"}
	stepKeys     = []string{"id", "name", "if", "assert"}
	laterKeys    = []string{"retry", "timeout", "ignore", "rollback", "for_each", "as", "key", "concurrency", "batches", "max_failures", "steps"}
)

// exprKeywords are the words that expr-lang/expr reserves (its language
// definition, and the words its lexer makes operators); a name among them
// could not be used in an expression.
var exprKeywords = []string{"and", "or", "not", "in", "matches", "contains", "startsWith", "endsWith", "let", "if", "else", "true", "false", "nil"}

var (
	nameForm     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	playbookForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	// semver.org, 2.0.0: no leading zeros but in build metadata.
	semverForm = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
		`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
		`(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)
)

// ParsePlaybook reads a playbook and reports all its faults at once, sorted.
// With faults the playbook holds what was understood, so that a checker can
// go on and report more; it is never nil, nor is any step in it. Step types
// and expressions are not looked into.
func ParsePlaybook(file string, data []byte) (*Playbook, Faults) {
	r := &reader{playbook: &Playbook{File: file, Source: data, OnFailure: "rollback"}}
	root, faults := ParseDocument(file, data)
	r.faults = faults
	if root != nil {
		r.playbook.Pos = root.Pos
		r.root(root)
	}
	r.faults.Sort()
	if len(r.faults) > maxFaults {
		last := r.faults[maxFaults-1]
		r.faults = r.faults[:maxFaults]
		r.faults.Add(last.Position, "more faults follow, which are not shown", "correct these first")
	}
	return r.playbook, r.faults.InFile(file)
}

// reader turns nodes into a Playbook.
type reader struct {
	playbook *Playbook
	faults   Faults
}

func (r *reader) root(root *Node) {
	if root.Kind != Map {
		r.faults.Add(root.Pos, "a playbook is a mapping, this is "+root.Kind.String(), "begin with: rekey: 1")
		return
	}
	if !r.language(root) {
		return
	}
	r.known(root, playbookKeys)
	p := r.playbook
	p.Name = r.form(root, "playbook", playbookForm, "write lower-case letters, digits and hyphens, such as rotate-app-key")
	p.Version = r.form(root, "version", semverForm, "write a semantic version of three numbers, such as 1.0.0")
	p.Description = r.text(root.Get("description"), "description")
	if n := root.Get("on_failure"); n != nil {
		if text := r.text(n, "on_failure"); text == "rollback" || text == "keep" {
			p.OnFailure = text
		} else if n.Kind == String {
			r.faults.Add(n.Pos, "on_failure is "+quoted(text), "write rollback or keep")
		}
	}
	for _, e := range r.entries(root.Get("inputs"), "inputs") {
		p.Inputs = append(p.Inputs, r.input(e))
	}
	p.Vars = r.named(root.Get("vars"), "vars")
	p.Outputs = r.named(root.Get("outputs"), "outputs")
	r.steps(root)
}

// language checks the language version, which stands first so that a reader
// knows how to read the rest. Of another version nothing else is judged.
func (r *reader) language(root *Node) bool {
	const cure = "begin the playbook with: rekey: 1"
	n := root.Get("rekey")
	switch {
	case n == nil:
		r.faults.Add(root.Pos, "rekey, the language version, is missing", cure)
		return true
	case n.Kind != Int:
		r.faults.Add(n.Pos, "the language version is a number, this is "+n.Kind.String(), "write: rekey: 1")
		return true
	case n.Value != int64(1):
		r.faults.Add(n.Pos, fmt.Sprintf("language version %d is not known here", n.Value), "write: rekey: 1, or use a rekey that knows this version")
		return false
	}
	if first := root.Entries[0].Key; first.Value != "rekey" {
		r.faults.Add(first.Pos, "rekey, the language version, does not come first", cure)
	}
	return true
}

// known refuses the keys of a mapping that are not among names.
func (r *reader) known(n *Node, names []string) {
	for _, e := range n.Entries {
		if key := e.Key.Value.(string); !slices.Contains(names, key) {
			r.faults.Add(e.Key.Pos, quoted(key)+" is unknown here", candidates(key, names))
		}
	}
}

// candidates is the cure for a name that is not among names: those that look
// like it, or else the first five.
func candidates(name string, names []string) string {
	if len(name) <= 64 {
		if near := binding.Suggest(name, names); len(near) > 0 {
			return "did you mean " + strings.Join(near[:min(len(near), 5)], " or ") + "?"
		}
	}
	if len(names) > 5 {
		return "it knows " + strings.Join(names[:5], ", ") + ", …"
	}
	return "it knows " + strings.Join(names, ", ")
}

// text is a String node's text; any other kind is a fault, a missing node the
// empty text.
func (r *reader) text(n *Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != String {
		cure := "put it in quotes"
		if n.Kind == List || n.Kind == Map || n.raw == "" {
			cure = "write a text"
		}
		r.faults.Add(n.Pos, what+" is a string, this is "+n.Kind.String(), cure)
		return ""
	}
	return n.Value.(string)
}

// form is the text of a required key, which must match.
func (r *reader) form(root *Node, key string, form *regexp.Regexp, cure string) string {
	n := root.Get(key)
	switch {
	case n == nil:
		r.faults.Add(root.Pos, key+" is missing", cure)
		return ""
	case n.Kind == Int || n.Kind == Float:
		r.faults.Add(n.Pos, key+" "+quoted(n.raw)+" is not of the right form", cure)
		return ""
	}
	text := r.text(n, key)
	if n.Kind == String && !form.MatchString(text) {
		r.faults.Add(n.Pos, key+" "+quoted(text)+" is not of the right form", cure)
		return ""
	}
	return text
}

// entries are the entries of an optional mapping. A key without a value under
// it is an empty one.
func (r *reader) entries(n *Node, what string) []Entry {
	if n != nil && n.Kind != Map && n.Kind != Null {
		r.faults.Add(n.Pos, what+" is a mapping of names, this is "+n.Kind.String(), "write 'name: value' for each, indented below "+what)
		return nil
	}
	if n == nil {
		return nil
	}
	return n.Entries
}

// named are the entries of an optional mapping whose keys are names.
func (r *reader) named(n *Node, what string) []Entry {
	entries := r.entries(n, what)
	for _, e := range entries {
		r.name(e.Key)
	}
	return entries
}

// name checks a name that expressions use.
func (r *reader) name(n *Node) {
	text, _ := n.Value.(string)
	switch {
	case slices.Contains(exprKeywords, text):
		r.faults.Add(n.Pos, quoted(text)+" is a word of the expression language", "choose another name, such as "+text+"_")
	case !nameForm.MatchString(text):
		r.faults.Add(n.Pos, quoted(text)+" is no name", "write a lower-case letter, then up to 62 of a-z, 0-9 and _")
	}
}

func (r *reader) steps(root *Node) {
	n := root.Get("steps")
	const cure = "write at least one step: a list item with an id and a step type"
	switch {
	case n == nil:
		r.faults.Add(root.Pos, "steps is missing", cure)
		return
	case n.Kind != List && n.Kind != Null:
		r.faults.Add(n.Pos, "steps is a list, this is "+n.Kind.String(), "begin each step with a dash")
		return
	case len(n.Items) == 0:
		r.faults.Add(n.Pos, "steps is empty", cure)
		return
	}
	lines := map[string]int{} // where an id stands first
	for _, item := range n.Items {
		r.playbook.Steps = append(r.playbook.Steps, r.step(item, lines))
	}
}

func (r *reader) step(n *Node, lines map[string]int) *StepDecl {
	s := &StepDecl{Pos: n.Pos, TypePos: n.Pos, With: &Node{Kind: Map, Pos: n.Pos}}
	if n.Kind != Map {
		r.faults.Add(n.Pos, "a step is a mapping, this is "+n.Kind.String(), "write an id and a step type")
		return s
	}
	r.id(s, n, lines)
	s.Name = r.text(n.Get("name"), "name")
	if s.If = n.Get("if"); s.If != nil && s.If.Kind == Null {
		r.faults.Add(s.If.Pos, "if has no condition", "write one, such as $<inputs.activate>, or leave it out")
		s.If = nil
	}
	r.assert(s, n.Get("assert"))
	r.stepType(s, n)
	return s
}

func (r *reader) id(s *StepDecl, n *Node, lines map[string]int) {
	id := n.Get("id")
	if id == nil {
		r.faults.Add(n.Pos, "the step has no id", "add one: other steps, the plan and the journal name it by that")
		return
	}
	s.ID = r.text(id, "id")
	if id.Kind != String {
		return
	}
	r.name(id)
	if line, again := lines[s.ID]; again {
		r.faults.Add(id.Pos, "the id "+quoted(s.ID)+" is given again; it stands first in line "+itoa(line), "choose another id")
		return
	}
	lines[s.ID] = id.Pos.Line
}

func (r *reader) assert(s *StepDecl, n *Node) {
	switch {
	case n == nil:
		return
	case n.Kind == List:
		s.Assert = n.Items
	default:
		s.Assert = []*Node{n}
	}
	for _, a := range s.Assert {
		if a.Kind == Null {
			r.faults.Add(a.Pos, "assert has no condition", "write one, such as $<steps.gen.kid != \"\">, or leave it out")
		}
	}
	s.Assert = slices.DeleteFunc(slices.Clone(s.Assert), func(a *Node) bool { return a.Kind == Null })
	if n.Kind == List && len(n.Items) == 0 {
		r.faults.Add(n.Pos, "assert is an empty list", "write a condition, or leave assert out")
	}
}

// stepType finds the one key of a step that names its type: any that the
// language does not know.
func (r *reader) stepType(s *StepDecl, n *Node) {
	var types []Entry
	later := false
	for _, e := range n.Entries {
		key := e.Key.Value.(string)
		switch {
		case slices.Contains(stepKeys, key):
		case slices.Contains(laterKeys, key):
			later = true
			r.faults.Add(e.Key.Pos, key+" is not yet part of this version of the language", "leave it out")
		default:
			types = append(types, e)
		}
	}
	// A misspelt key of the language looks like a second step type.
	if len(types) > 1 {
		slices.SortStableFunc(types, func(a, b Entry) int { return misspelt(a) - misspelt(b) })
		first, second := types[0].Key, types[1].Key
		cure := "keep one, and move the other into a step of its own"
		if misspelt(types[1]) == 1 {
			cure = candidates(second.Value.(string), stepKeys)
		}
		r.faults.Add(second.Pos, "a step has one step type; this one has "+quoted(first.Value.(string))+" and "+quoted(second.Value.(string)), cure)
	}
	if len(types) == 0 {
		if !later || n.Get("steps") == nil {
			r.faults.Add(n.Pos, "the step has no step type", "add one as a key, with its inputs below; 'rekey steps' lists them")
		}
		return
	}
	s.Type, s.TypePos = types[0].Key.Value.(string), types[0].Key.Pos
	if types[0].Value.Kind != Null {
		s.With = types[0].Value
	}
}

// misspelt is 1 if the key looks like one of a step's own keys.
func misspelt(e Entry) int {
	key := e.Key.Value.(string)
	if len(key) <= 64 && len(binding.Suggest(key, stepKeys)) > 0 {
		return 1
	}
	return 0
}
