package runner

import (
	_ "embed"
	"slices"
)

//go:embed plan.schema.json
var planSchema []byte

// PlanSchema is the JSON Schema, of draft 7, of what [Plan.Encode] renders: of
// format [PlanFormat].
func PlanSchema() []byte { return slices.Clone(planSchema) }
