package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// schemas are the JSON Schemas that can be printed, by what they describe.
var schemas = map[string]func() ([]byte, error){
	"playbook": func() ([]byte, error) { return runner.Schema(steps.Catalogue(nil)) },
	"plan":     func() ([]byte, error) { return runner.PlanSchema(), nil },
	"run":      func() ([]byte, error) { return view.ReportSchema(), nil },
	"diff":     func() ([]byte, error) { return view.DiffSchema(), nil },
	"events":   func() ([]byte, error) { return view.EventsSchema(), nil },
}

func (a *app) schemaCommand() *cobra.Command {
	var of string
	cmd := &cobra.Command{
		Use: "schema", Short: "print the JSON Schema of playbooks, for editors, or of what rekey writes", Args: takes(0, 0, ""),
		Long: `Print the JSON Schema of playbooks, with which an editor completes their keys
and values, explains them, and marks what cannot be right. Save it beside the
playbooks and begin each of them with the line

  # yaml-language-server: $schema=./playbook.schema.json

What takes more than the shape of a value, such as expressions and their types,
remains with 'rekey check'.

For programs that read what rekey writes: with --of plan print that of 'rekey
plan --format json', with --of run that of 'rekey show --format json', with --of
diff that of 'rekey diff --format json', with --of events that of a line of what
'rekey run --events' writes.`,
		Example: "  rekey schema > playbook.schema.json\n  rekey schema --of plan > plan.schema.json",
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("of", of, slices.Sorted(maps.Keys(schemas))...); err != nil {
				return err
			}
			schema, err := schemas[of]()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(schema)
			return err
		},
	}
	cmd.Flags().StringVar(&of, "of", "playbook", "playbook, plan, run, diff or events")
	return cmd
}
