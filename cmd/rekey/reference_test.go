package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
	"example.com/rekey/steps"
)

// The reference beside the step types is what `rekey steps` prints.
func TestReferenceIsFresh(t *testing.T) {
	const file = "../../steps/REFERENCE.md"
	var got bytes.Buffer
	a := testApp()
	a.stdout = &got
	if err := a.steps(nil, "markdown"); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s is not what the step types say now (%v): run go test ./cmd/rekey -run Reference -update", file, err)
	}
}

// TestExamples holds that the example of each step type is right: in a
// playbook that declares the inputs it uses, neither the checker nor the schema
// finds a fault.
func TestExamples(t *testing.T) {
	catalogue, schema := steps.Catalogue(nil), compiledSchema(t)
	used := regexp.MustCompile(`\$<inputs\.([a-z0-9_]+)>`)
	for _, name := range catalogue.Names() {
		typ := catalogue.Type(name)
		example := view.StepExample(typ)
		playbook := "rekey: 1\nplaybook: example\nversion: 1.0.0\ninputs:\n"
		declared := map[string]bool{}
		for _, m := range used.FindAllStringSubmatch(example, -1) {
			if !declared[m[1]] {
				declared[m[1]] = true
				playbook += fmt.Sprintf("  %s: %s\n", m[1], declaration(typ.Inputs(), m[1]))
			}
		}
		playbook += "steps:\n" + example
		path := t.TempDir() + "/example.yaml"
		if err := os.WriteFile(path, []byte(playbook), 0o644); err != nil {
			t.Fatal(err)
		}
		if j := judge(t, path, schema, catalogue); j.errors != nil || j.schema != nil {
			t.Errorf("%s\n%v %v", playbook, j.errors, j.schema)
		}
	}
}

// declaration is how a playbook declares an input for the field of that name,
// at whatever depth.
func declaration(fields []runner.Field, name string) string {
	for _, f := range fields {
		if f.Name != name || f.Type.Kind == binding.Object {
			if inner := declaration(f.Fields, name); inner != "" {
				return inner
			}
			continue
		}
		of := f.Type
		if of.Kind == binding.List {
			of = of.Elem
		}
		return fmt.Sprintf("{type: %s, secret: %v}", of.Kind, f.Secret)
	}
	return ""
}

// Each step type is on the page, and with each of its inputs and outputs.
func TestReferenceIsComplete(t *testing.T) {
	catalogue := steps.Catalogue(nil)
	for _, name := range catalogue.Names() {
		typ := catalogue.Type(name)
		for _, format := range []string{"text", "markdown"} {
			var page bytes.Buffer
			a := testApp()
			a.stdout = &page
			if err := a.steps([]string{name}, format); err != nil {
				t.Fatal(err)
			}
			flat := strings.Join(strings.Fields(page.String()), " ")
			for _, f := range append(typ.Inputs(), typ.Outputs()...) {
				if !strings.Contains(flat, f.Name) || !strings.Contains(flat, f.Doc) {
					t.Errorf("%s of %s is missing in %s", f.Name, name, format)
				}
			}
			for _, text := range []string{typ.Notice, strings.ReplaceAll(typ.Caution, "{owner}", "the owner")} {
				if !strings.Contains(flat, text) {
					t.Errorf("%q of %s is missing in %s", text, name, format)
				}
			}
		}
	}
}
