package view

import (
	"bytes"
	"os"
	"testing"

	"example.com/rekey/internal/typeschema"
)

// The schemas are those of the types of which what is shown as JSON is made.
func TestSchemasAreFresh(t *testing.T) {
	sources := []string{".", "../../runner"}
	for name, spec := range map[string]typeschema.Spec{
		"report.schema.json": {Title: "rekey run", Comment: "printed by rekey schema --of run", Sample: Report{}, Sources: sources,
			Constants: map[string]any{"Report.format": ReportFormat}},
		"diff.schema.json": {Title: "rekey diff", Comment: "printed by rekey schema --of diff", Sample: PlanDiff{}, Sources: sources,
			Constants: map[string]any{"PlanDiff.format": DiffFormat}},
	} {
		got, err := typeschema.Make(spec)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if want, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say now (%v): run go test ./internal/view -run SchemasAreFresh -update", name, err)
		}
	}
}
