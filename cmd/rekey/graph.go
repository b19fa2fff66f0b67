package main

import (
	"io"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// graphFaces are the formats of a playbook's graph.
func graphFaces() faces[*runner.Program] {
	return faces[*runner.Program]{
		{"mermaid", view.GraphMermaid},
		{"svg", view.GraphSVG},
	}
}

const graphHelp = `Draw a playbook: its steps in the order of a run, the blocks and loops that they
are in, and what each takes of those before it. Needs no org and no inputs.

Formats:
  mermaid  a flowchart in mermaid's language; GitHub draws it in a comment or a
           README, between a line ` + "```mermaid and a line ```" + `
  svg      a picture`

func (a *app) graphCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "graph PLAYBOOK", Short: "draw a playbook", Long: graphHelp, Args: takes(1, 1, "a PLAYBOOK"),
		RunE: func(_ *cobra.Command, args []string) error { return a.graph(a.stdout, args[0], format) },
	}
	cmd.Flags().StringVar(&format, "format", "mermaid", graphFaces().usage())
	return cmd
}

func (a *app) graph(w io.Writer, playbook, format string) error {
	if err := graphFaces().check(format); err != nil {
		return err
	}
	program, err := a.load(playbook)
	if err != nil {
		return err
	}
	return graphFaces().show(w, format, program)
}
