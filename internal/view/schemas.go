package view

import (
	_ "embed"
	"slices"
)

var (
	//go:embed report.schema.json
	reportSchema []byte
	//go:embed diff.schema.json
	diffSchema []byte
)

// ReportSchema is the JSON Schema, of draft 7, of a [Report] as JSON: of format
// [ReportFormat].
func ReportSchema() []byte { return slices.Clone(reportSchema) }

// DiffSchema is that of a [PlanDiff], of format [DiffFormat].
func DiffSchema() []byte { return slices.Clone(diffSchema) }
