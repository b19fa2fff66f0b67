package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/view"
	"example.com/rekey/playbooks"
	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
	"example.com/rekey/steps"
)

func (a *app) stepsCommand() *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use: "steps [TYPE]", Short: "list the step types, or describe them", Args: takes(0, 1, "a TYPE"),
		Long: `List the step types, or describe one: its inputs and outputs with their types
and rules, what its undo can do, and an example. With --format all of them are
described.`,
		RunE: func(_ *cobra.Command, args []string) error { return a.steps(args, format) },
	}
	cmd.Flags().StringVar(&format, "format", "", "describe all types, or TYPE, as `text|markdown`")
	return cmd
}

func (a *app) steps(args []string, format string) error {
	if format != "" {
		if err := oneOf("format", format, "text", "markdown"); err != nil {
			return err
		}
	}
	catalogue := steps.Catalogue(nil)
	var types []*runner.Type
	for _, name := range catalogue.Names() {
		if len(args) == 0 || args[0] == name {
			types = append(types, catalogue.Type(name))
		}
	}
	switch {
	case len(types) == 0:
		return usage(fmt.Sprintf("there is no step type %q", args[0]), didYouMean(args[0], catalogue.Names(), "`rekey steps` lists them"))
	case format == "markdown":
		return view.StepsMarkdown(a.stdout, types)
	case format == "" && len(args) == 0:
		return view.StepList(a.stdout, catalogue)
	}
	return view.StepsText(a.stdout, types)
}

func (a *app) playbooksCommand() *cobra.Command {
	return &cobra.Command{
		Use: "playbooks [NAME]", Short: "list the playbooks that come with rekey, or print one", Args: takes(0, 1, "a NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.printPlaybook(args[0])
			}
			return a.listPlaybooks()
		},
	}
}

func (a *app) printPlaybook(arg string) error {
	name, version, pinned := strings.Cut(arg, "@")
	text, err := playbooks.Text(name)
	if err != nil {
		return usage(fmt.Sprintf("there is no playbook %q", name), didYouMean(name, playbooks.Names(), "`rekey playbooks` lists them"))
	}
	if err := pinnedTo(name, text, version, pinned); err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

func (a *app) listPlaybooks() error {
	var list []view.Playbook
	for _, name := range playbooks.Names() {
		text, err := playbooks.Text(name)
		if err != nil {
			return err
		}
		p, _ := runner.ParsePlaybook(name, text)
		list = append(list, view.Playbook{Name: name, Version: p.Version, Description: p.Description})
	}
	return view.Playbooks(a.stdout, list)
}

func didYouMean(name string, names []string, otherwise string) string {
	if near := binding.Suggest(name, names); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "? " + otherwise
	}
	return otherwise
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version", Args: takes(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, a.fullVersion())
			return err
		},
	}
}

// fullVersion is the program's version with what it was built of.
func (a *app) fullVersion() string {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		commit = cmp.Or(setting(info, "vcs.revision"), commit)
		if setting(info, "vcs.modified") == "true" {
			commit += ", modified"
		}
	}
	return fmt.Sprintf("%s (commit %s, %s %s/%s)", a.tool(), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
