package runner

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"example.com/rekey/internal/typeschema"
)

var updateSchema = flag.Bool("update", false, "write plan.schema.json anew")

// The schema is that of the types which a plan is made of.
func TestPlanSchemaIsFresh(t *testing.T) {
	got, err := typeschema.Make(typeschema.Spec{
		Title: "rekey plan", Comment: "printed by rekey schema --of plan", Sample: Plan{}, Sources: []string{"."},
		Constants: map[string]any{"PlanHeader.format": PlanFormat},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *updateSchema {
		if err := os.WriteFile("plan.schema.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, PlanSchema()) {
		t.Error("plan.schema.json is not what the types say now: run go test ./runner -run PlanSchema -update")
	}
}
