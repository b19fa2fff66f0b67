package main

import (
	"fmt"
	"math"

	"github.com/spf13/cobra"
)

func (a *app) checkCommand() *cobra.Command {
	strict := false
	cmd := &cobra.Command{
		Use: "check PLAYBOOK…", Short: "check playbooks: syntax, types, labels; needs no org",
		Long: `Check playbooks without an org: their syntax, the types of every expression,
where secrets may go. A PLAYBOOK is a file, - for stdin, or the name of one
that comes with rekey, with @VERSION to refuse any other version of it.`,
		Args: takes(1, math.MaxInt, "a PLAYBOOK"),
		RunE: func(_ *cobra.Command, args []string) error { return a.check(args, strict) },
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with 3 on warnings too")
	return cmd
}

// check reports on every playbook, whatever is wrong with those before it.
func (a *app) check(args []string, strict bool) error {
	code := exitOK
	for _, arg := range args {
		name, text, err := a.source(arg)
		if err != nil {
			a.report(err)
			code = exitInvalid
			continue
		}
		program, faults := compile(name, text)
		faults.Render(a.stdout, text)
		warnings := 0
		for _, f := range faults {
			if f.Warning != "" {
				warnings++
			}
		}
		switch {
		case faults.Err() != nil:
			fmt.Fprintf(a.stdout, "%s: %s\n", name, countErrors(faults))
			code = exitInvalid
		default:
			line := fmt.Sprintf("%s: ok (%s %s, %s)", name, program.Playbook.Name, program.Playbook.Version, plural(len(program.Steps), "step"))
			if warnings > 0 {
				line += ", " + plural(warnings, "warning")
				if strict {
					code = exitInvalid
				}
			}
			fmt.Fprintln(a.stdout, line)
		}
	}
	return exit(code)
}
