package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

const checkHelp = `Check playbooks without an org: their syntax, the types of every expression,
where secrets may go. A PLAYBOOK is a file, - for stdin, or the name of one
that comes with rekey, with @VERSION to refuse any other version of it.

The report goes to stdout. --format chooses its form:

  text    for people: each fault with its line, a caret and the cure
  json    one document: {"format": 1, "files": [{file, ok, playbook, version,
          faults: [{line, column, end_column, severity, name, message, cure,
          source}]}]}. Lines and columns count from 1, columns in runes;
          severity is error or warning; name is a warning's. A fault without a
          place, such as a file that cannot be read, has no line.
  sarif   SARIF 2.1.0, for code scanning
  github  commands of a GitHub workflow, which GitHub shows beside the lines

It exits with 3 if a playbook has faults or cannot be read. Warnings do not
count, unless --strict is given. --explain NAME tells what a warning means and
how a playbook silences it; it takes no PLAYBOOK.`

// checkOptions are the flags of check.
type checkOptions struct {
	format  string
	strict  bool
	explain string
}

func (a *app) checkCommand() *cobra.Command {
	var opt checkOptions
	cmd := &cobra.Command{
		Use: "check PLAYBOOK…", Short: "check playbooks: syntax, types, labels; needs no org", Long: checkHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("explain") {
				return explainAlone(cmd, args)
			}
			return takes(1, math.MaxInt, "a PLAYBOOK")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("explain") {
				return a.explainWarning(opt.explain)
			}
			return a.check(args, opt)
		},
	}
	cmd.Flags().StringVar(&opt.format, "format", "text", "text, json, sarif or github")
	cmd.Flags().BoolVar(&opt.strict, "strict", false, "exit with 3 on warnings too")
	cmd.Flags().StringVar(&opt.explain, "explain", "", "explain the warning of this `name`, and check nothing")
	return cmd
}

// explainAlone refuses what --explain would not heed.
func explainAlone(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("--explain takes no PLAYBOOK, and %q is one", args[0])
	}
	for _, flag := range []string{"format", "strict"} {
		if cmd.Flags().Changed(flag) {
			return errors.New("--explain checks nothing: leave out --" + flag)
		}
	}
	return nil
}

func (a *app) explainWarning(name string) error {
	var names []string
	for _, w := range runner.Warnings() {
		if w.Name == name {
			return view.WarningText(a.stdout, w)
		}
		names = append(names, w.Name)
	}
	return usage(fmt.Sprintf("there is no warning %q", name), didYouMean(name, names, "there are "+strings.Join(names, ", ")))
}

// check reports on every playbook, whatever is wrong with those before it.
func (a *app) check(args []string, opt checkOptions) error {
	if err := oneOf("format", opt.format, "text", "json", "sarif", "github"); err != nil {
		return err
	}
	code := exitOK
	var checks []view.Check
	for _, arg := range args {
		c, err := a.checkOne(arg)
		code = max(code, checkCode(c, opt.strict))
		switch {
		case opt.format != "text":
			checks = append(checks, c)
		case err != nil:
			a.report(err)
		default:
			if err := view.CheckText(a.stdout, c); err != nil {
				return err
			}
		}
	}
	if err := a.showChecks(a.faceTo(opt.format), checks, opt.format); err != nil {
		return err
	}
	return exit(code)
}

// checkCode is the exit code that a playbook asks for.
func checkCode(c view.Check, strict bool) int {
	if !c.OK() || strict && c.Warnings() > 0 {
		return exitInvalid
	}
	return exitOK
}

// checkOne checks a playbook. An error says why it cannot be read; the check
// tells the same as a fault.
func (a *app) checkOne(arg string) (view.Check, error) {
	name, text, err := a.source(arg)
	c := view.Check{File: name, Stdin: arg == "-"}
	if err != nil {
		c.Unread = true
		message, cure := explain(err)
		c.Faults.Add(runner.Position{}, message, cure)
		return c, err
	}
	c.Program, c.Faults = compile(name, text)
	if len(c.Faults) > 0 {
		c.Source = text
	}
	return c, nil
}

// showChecks writes the formats that hold all playbooks at once.
func (a *app) showChecks(w io.Writer, checks []view.Check, format string) error {
	switch format {
	case "json":
		return view.CheckJSON(w, checks)
	case "sarif":
		dir, err := os.Getwd()
		if err != nil {
			dir = "" // paths stay as they were given
		}
		return view.CheckSARIF(w, checks, view.SARIF{Version: strings.TrimPrefix(a.tool(), "rekey "), Dir: dir})
	case "github":
		return view.CheckGitHub(w, checks)
	}
	return nil
}
