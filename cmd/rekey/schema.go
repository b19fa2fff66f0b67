package main

import (
	"github.com/spf13/cobra"

	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "print the JSON Schema of playbooks, for editors", Args: takes(0, 0, ""),
		Long: `Print the JSON Schema of playbooks, with which an editor completes their keys
and values, explains them, and marks what cannot be right. Save it beside the
playbooks and begin each of them with the line

  # yaml-language-server: $schema=./playbook.schema.json

What takes more than the shape of a value, such as expressions and their types,
remains with 'rekey check'.`,
		Example: "  rekey schema > playbook.schema.json",
		RunE: func(*cobra.Command, []string) error {
			schema, err := runner.Schema(steps.Catalogue(nil))
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(schema)
			return err
		},
	}
}
