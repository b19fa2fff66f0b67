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
	Vars        []Entry  // in the text's order; names are checked
	Ignore      []Ignore // warnings silenced for the whole playbook
	Steps       []*StepDecl
	Outputs     []Entry // in the text's order; names are checked
	Pos         Position

	faulty bool // a fault was reported when it was read
}

// Digest is the SHA-256 of the text as given, in hex.
func (p *Playbook) Digest() string {
	sum := sha256.Sum256(p.Source)
	return hex.EncodeToString(sum[:])
}

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
	r.faults.cap()
	r.playbook.faulty = r.faults.Err() != nil
	return r.playbook, r.faults.InFile(file)
}

// reader turns nodes into a Playbook.
type reader struct {
	playbook *Playbook
	faults   Faults
	loops    int // how many there are so far
	patterns int // the size of the patterns so far
	matching int // what it took to hold defaults against them
}

func (r *reader) root(root *Node) {
	if root.Kind != Map {
		r.faults.Add(root.Pos, "a playbook is a mapping, this is "+root.Kind.String(), "begin with: rekey: 1")
		return
	}
	if !r.language(root) {
		return
	}
	r.known(root, playbookDocs.names())
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
	p.Ignore = r.ignore(root.Get("ignore"))
	r.playbook.Steps = r.steps(root, map[string]int{})
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
	return "it knows " + listed(names)
}

// listed are names in a sentence, the first five of them.
func listed(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + ", …"
	}
	return strings.Join(names, ", ")
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
		r.faults.Add(root.Pos, key+" is missing", "add "+key+": "+strings.TrimPrefix(cure, "write "))
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
