package playbooks

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

var update = flag.Bool("update", false, "write playbook.schema.json anew")

// The schema beside the playbooks is what `rekey schema` prints.
func TestSchemaIsFresh(t *testing.T) {
	const file = "playbook.schema.json"
	got, err := runner.Schema(steps.Catalogue(nil))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the step types and the language make now (%v): run go test ./playbooks -update", file, err)
	}
}

// Each playbook names the schema beside it, so that an editor that opens it
// completes and checks it.
func TestModeline(t *testing.T) {
	for _, name := range Names() {
		text, err := Text(name)
		if err != nil {
			t.Fatal(err)
		}
		if line, _, _ := strings.Cut(string(text), "\n"); line != "# yaml-language-server: $schema=./playbook.schema.json" {
			t.Errorf("%s.yaml begins with %q", name, line)
		}
	}
}
