package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// exception is a kind of fault that Check finds and the schema cannot, with
// the reason.
type exception struct {
	is  func(judged, *runner.Fault) bool
	why string
}

// exceptions are all of them. Every one must be needed: see TestSchema.
var exceptions = []exception{
	{refusedAsYAML, "YAML that other readers understand is refused here, and the schema sees what they understand"},
	{inExpression, "what stands in $<…> and what type it has: the schema sees a text that holds $<"},
	{says(`^the id .* is given again`), "ids are unique in the whole file, at any depth"},
	{says(`^max is less than min$`), "one value against another"},
	{says(`^the default does not fit: .* (is less than its minimum|is more than its maximum|does not match its pattern|is none of the values allowed)$`), "one value against another"},
	{says(`^a value of enum: .* (is less than its minimum|is more than its maximum)$`), "one value against another"},
	{says(`^max_delay is less than delay$`), "one value against another"},
	{says(`^(timeout|delay|max_delay) is longer than`), "a duration is a text, of which a schema knows the form and not the length"},
	{says(`^pattern is (no regular expression|too large)`), "a schema knows ECMAScript's regular expressions, not RE2's, and not what one costs"},
	{says(`^the default is too long to be held against its pattern`), "what a pattern costs depends on both"},
	{says(`^rekey, the language version, does not come first$`), "the members of a JSON object have no order"},
	{says(`^the item is .*, the one before is `), "the types of expressions may be among a list's items"},
	{says(`^the item .* is there twice$`), "two expressions of one text may not be refused, two such texts must be"},
	{says(`^(an item has no (id|member)|key names a member|.* may not tell items apart$)`), "the name of the member stands in another key"},
	{says(` is the variable of the loop .* around this one$`), "one value against another, at any depth"},
	{says(`^a playbook has at most \d+ loops$`), "a number of loops at any depth"},
	{inFile("beyond-int-float"), "JSON has one kind of number: 2.0 is an integer"},
	{inFile("beyond-language-float"), "JSON has one kind of number: 1.0 is an integer"},
	{inFile("beyond-deep-list"), "the items of defaults are looked at two lists deep"},
	{inFile("beyond-duration-overflow"), "a duration is a text, of which a schema knows the form and not the length"},
}

func says(form string) func(judged, *runner.Fault) bool {
	re := regexp.MustCompile(form)
	return func(_ judged, f *runner.Fault) bool { return re.MatchString(f.Message) }
}

func inFile(name string) func(judged, *runner.Fault) bool {
	return func(j judged, _ *runner.Fault) bool { return j.name == name+".yaml" }
}

func refusedAsYAML(j judged, f *runner.Fault) bool {
	for _, y := range j.yaml {
		if *y == *f {
			return true
		}
	}
	return false
}

func inExpression(j judged, f *runner.Fault) bool { return within(j.root, f.Position) }

// within tells whether a text with an expression stands at a place.
func within(n *runner.Node, at runner.Position) bool {
	if n == nil {
		return false
	}
	if text, ok := n.Value.(string); ok && strings.Contains(text, "$<") {
		end := n.At(len(text))
		after := at.Line > n.Pos.Line || at.Line == n.Pos.Line && at.Column >= n.Pos.Column
		before := at.Line < end.Line || at.Line == end.Line && at.Column <= end.Column
		if after && before {
			return true
		}
	}
	for _, item := range n.Items {
		if within(item, at) {
			return true
		}
	}
	for _, e := range n.Entries {
		if within(e.Value, at) {
			return true
		}
	}
	return false
}

// judged is a playbook with what Check and the schema say of it.
type judged struct {
	name   string
	root   *runner.Node
	yaml   runner.Faults // of ParseDocument alone
	errors runner.Faults // of everything
	schema error
}

func judge(t *testing.T, path string, schema *jsonschema.Schema, c *runner.Catalogue) judged {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j := judged{name: filepath.Base(path)}
	j.root, j.yaml = runner.ParseDocument(j.name, text)
	p, faults := runner.ParsePlaybook(j.name, text)
	if len(p.Steps) > 0 {
		_, more := runner.Check(p, c)
		faults = append(faults, more...)
	}
	for _, f := range faults {
		if f.Warning == "" && !strings.HasPrefix(f.Message, "more faults follow") {
			j.errors = append(j.errors, f)
		}
	}
	var value any
	if j.schema = yaml.Unmarshal(text, &value); j.schema == nil {
		j.schema = schema.Validate(value)
	}
	return j
}

// TestSchema holds that the schema and the checker give the same verdict, but
// for the exceptions: the schema refuses nothing that Check takes, and takes
// what Check refuses only if every fault of it is an exception. The files of
// testdata/schema called good and bad have none, each called beyond has one.
func TestSchema(t *testing.T) {
	schema, catalogue := compiledSchema(t), steps.Catalogue(nil)
	needed := make([]bool, len(exceptions))
	corpus := 0
	for _, folder := range []string{"../../testdata/schema", "../../testdata/check", "../../playbooks"} {
		paths, err := filepath.Glob(folder + "/*.yaml")
		if err != nil || len(paths) == 0 {
			t.Fatalf("no playbooks in %s: %v", folder, err)
		}
		for _, path := range paths {
			j := judge(t, path, schema, catalogue)
			bad := len(j.errors) > 0
			kind := ""
			if folder == "../../testdata/schema" {
				kind, _, _ = strings.Cut(j.name, "-")
				if corpus++; kind == "good" && bad || kind == "bad" && !bad || kind == "beyond" && (!bad || j.schema != nil) {
					t.Errorf("%s is called %s; the checker says %v, the schema %v", j.name, kind, j.errors, j.schema)
				}
			}
			switch {
			case !bad && j.schema != nil:
				t.Errorf("%s: the schema refuses what the checker takes: %v", j.name, j.schema)
			case bad && j.schema == nil && (kind == "good" || kind == "bad"):
				t.Errorf("%s: the schema takes what the checker refuses: %v", j.name, j.errors)
			case bad && j.schema == nil:
				excuse(t, j, needed)
			case bad && excused(j):
				t.Errorf("%s: all its faults are exceptions, and the schema sees them: %v", j.name, j.errors)
			}
		}
	}
	for i, used := range needed {
		if !used {
			t.Errorf("the exception %d (%s) is not needed: take it out", i, exceptions[i].why)
		}
	}
	if corpus < 60 {
		t.Errorf("the corpus has only %d playbooks", corpus)
	}
}

// excuse finds an exception for each fault of a playbook that the schema takes.
func excuse(t *testing.T, j judged, needed []bool) {
	t.Helper()
	for _, f := range j.errors {
		found := false
		for i, e := range exceptions {
			if !found && e.is(j, f) {
				found, needed[i] = true, true
			}
		}
		if !found {
			t.Errorf("the schema takes a playbook with a fault that it could see, or add an exception with its reason:\n\t%v", f)
		}
	}
}

// excused tells whether every fault of a playbook is an exception, and none of
// one of the first two kinds: of what stands in an expression, or is no YAML
// for us, the schema may see a part.
func excused(j judged) bool {
	for _, f := range j.errors {
		found := false
		for _, e := range exceptions[2:] {
			found = found || e.is(j, f)
		}
		if !found {
			return false
		}
	}
	return true
}

// compiledSchema is the schema as a reader takes it that is not ours, and that
// holds it against the schema of schemas first.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := runner.Schema(steps.Catalogue(nil))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	meta, err := c.Compile("http://json-schema.org/draft-07/schema")
	if err == nil {
		err = meta.Validate(document)
	}
	if err == nil {
		err = c.AddResource("playbook.schema.json", document)
	}
	if err != nil {
		t.Fatalf("the schema is no JSON Schema: %v", err)
	}
	compiled, err := c.Compile("playbook.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}
