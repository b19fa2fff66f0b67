package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/user"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/rekey/internal/sandbox"
	"example.com/rekey/internal/view"
	"example.com/rekey/runner/binding"
)

// app is the program with everything that it reaches of the world.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	environ        func() []string // "NAME=value"
	now            func() time.Time
	sleep          func(context.Context, time.Duration) error // nil: the clients' own
	random         func([]byte)
	terminal       terminal
	http           http.RoundTripper // to live orgs; nil: the client's own
	timeout        time.Duration     // of a request to them; 0: the client's own
	keys           sandbox.KeySource // of the --sandbox org; nil: new keys
	version        string            // "": as the build says
	hostname       func() (string, error)
	window         func(io.Writer) (columns, rows int, ok bool) // of a terminal
	ticks          func() (<-chan time.Time, func())            // a few a second, until stopped

	stateDir string                 // --state-dir
	flags    map[string]*string     // of the settings, by their names
	inVerb   bool                   // the arguments were understood, a verb is at work
	unwatch  func()                 // ends the watch for interrupts; nil: there is none
	atOnce   atomic.Pointer[string] // what to say if a second interrupt comes; nil: nothing was begun

	color    string                    // --color
	quiet    bool                      // --quiet
	eventsTo string                    // --events
	events   *eventLog                 // nil: there is none
	raw      [2]io.Writer              // stdout and stderr as they were given
	screen   *view.Screen              // stderr as a terminal; nil: it is none
	actions  io.Writer                 // takes commands to GitHub; nil: this is not there
	followed atomic.Pointer[following] // what goes on

	playbook  string      // the file of the one that is carried out; "": it is in none
	annotated []view.Told // what is put beside the playbook's lines
}

func newApp() *app {
	return &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, lookupEnv: os.LookupEnv, environ: os.Environ,
		now: time.Now, random: func(b []byte) { rand.Read(b) }, terminal: tty{os.Stdin},
		hostname: os.Hostname, window: windowOf, ticks: tick,
	}
}

// main runs the verb that args name and returns the exit code.
func (a *app) main(ctx context.Context, args []string) int {
	a.dress()
	root := a.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if a.unwatch != nil {
		a.unwatch()
	}
	if err == nil {
		return exitOK
	}
	if !a.inVerb { // cobra speaks: the arguments do not fit
		err = usage(err.Error(), "`"+helpOf(root, args)+"` tells what it takes")
	}
	a.report(err)
	return exitCode(err)
}

// helpOf is the command that explains what args got wrong.
func helpOf(root *cobra.Command, args []string) string {
	if cmd, _, err := root.Find(args); err == nil && cmd != root {
		return cmd.CommandPath() + " --help"
	}
	return "rekey --help"
}

const rootHelp = `rekey rotates the SAML signing keys of an Okta org from playbooks.

A playbook is checked (check), rehearsed against the org without writing to it
(plan), carried out step by step (run), gone on with after a crash (resume) and
undone (rollback).

The org is named by OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN in the environment,
or by Okta's other settings: rekey config --help tells which, rekey doctor checks
them. With --sandbox it is an embedded one, to try things in.`

const exitHelp = `
Exit codes:
  0   done, or nothing to do
  1   failed; the org is as before, apart from residues that are listed
  2   with --detailed-exitcode: the plan has changes, or the plans differ
  3   invalid playbook, inputs or settings
  4   stopped part-way: interrupted, or kept after a failure
  5   the plan is stale: expired, used before, or the org has moved; nothing was written
  6   rollback incomplete: a person must act
  7   an owner is claimed by another run, a run is at work, or a journal is damaged
  64  wrong usage
`

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use: "rekey", Short: "rotate Okta's SAML signing keys", Long: rootHelp, Version: a.fullVersion(),
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              knownVerb,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if a.inVerb = true; slices.Contains(stoppable, cmd.Name()) {
				var ctx context.Context
				ctx, a.unwatch = a.untilStopped(cmd.Context())
				cmd.SetContext(ctx)
			}
			return a.checkColor()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetHelpTemplate(root.HelpTemplate() + "{{if not .HasParent}}" + exitHelp + "{{end}}")
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().StringVar(&a.stateDir, "state-dir", "", "`folder` of runs, CA ledger and sandbox (default $REKEY_STATE_DIR, else $XDG_STATE_HOME/rekey, else ~/.local/state/rekey)")
	root.PersistentFlags().StringVar(&a.color, "color", "auto", colorHelp)
	root.AddCommand(a.checkCommand(), a.planCommand(), a.graphCommand(), a.runCommand(), a.resumeCommand(), a.rollbackCommand(), a.abandonCommand(), a.runsCommand(),
		a.showCommand(), a.diffCommand(), a.stepsCommand(), a.schemaCommand(), a.playbooksCommand(), a.sandboxCommand(), a.configCommand(), a.doctorCommand(), a.versionCommand())
	root.SetHelpCommand(&cobra.Command{Use: "help [VERB]", Short: "explain a verb", RunE: func(_ *cobra.Command, args []string) error {
		cmd, _, err := root.Find(args)
		if err == nil && cmd == root {
			err = knownVerb(root, args)
		}
		if err != nil {
			return usage(err.Error(), "`rekey --help` lists the verbs")
		}
		return cmd.Help()
	}})
	return root
}

// knownVerb refuses what is no verb and names the one that it was meant to be.
func knownVerb(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var verbs []string
	for _, c := range root.Commands() {
		verbs = append(verbs, c.Name())
	}
	if near := binding.Suggest(args[0], verbs); len(near) > 0 {
		return fmt.Errorf("there is no verb %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return fmt.Errorf("there is no verb %q; there are %s", args[0], strings.Join(verbs, ", "))
}

// takes checks how many arguments a verb has; what names them.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 1 && least == 2:
			return fmt.Errorf("%s takes %s, and one is missing", cmd.Name(), what)
		case len(args) < least && least > 1:
			return fmt.Errorf("%s takes %s, which are missing", cmd.Name(), what)
		case len(args) < least:
			return fmt.Errorf("%s takes %s, which is missing", cmd.Name(), what)
		case len(args) > most && most == 0:
			return fmt.Errorf("%s takes no arguments, and %q is one", cmd.Name(), args[0])
		case len(args) > most:
			return fmt.Errorf("%s takes %s, and %q is one argument too many", cmd.Name(), what, args[most])
		}
		return nil
	}
}

// flagError names the flag that an unknown one was meant to be, and the units
// of a duration.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if errors.As(err, &value) && value.GetFlag().Value.Type() == "duration" {
		return fmt.Errorf("--%s=%s is no duration; write for instance 90s, 5m or 24h: there is no larger unit than hours", value.GetFlag().Name, value.GetValue())
	}
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := binding.Suggest(name, names); len(near) > 0 {
		return fmt.Errorf("unknown flag --%s; did you mean --%s?", name, strings.Join(near, " or --"))
	}
	return fmt.Errorf("unknown flag --%s", name)
}

// report prints an error and its cure.
func (a *app) report(err error) {
	var silent interface{ Silent() bool }
	if errors.As(err, &silent) && silent.Silent() || unread(err) {
		return
	}
	message, hint := explain(err)
	fmt.Fprintf(a.stderr, "rekey: %s %s\n", a.colors().Bad("error:"), view.Visible(message))
	if hint != "" {
		fmt.Fprintf(a.stderr, "rekey: hint: %s\n", view.Visible(hint))
	}
	a.annotateError(message, hint)
}

// unread reports whether an error says no more than that nobody reads on what
// goes to stdout, as behind `| head`.
func unread(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if path, ok := err.(*fs.PathError); ok {
			return path.Path == os.Stdout.Name() && errors.Is(path, syscall.EPIPE)
		}
	}
	return false
}

// inform tells the user something that --quiet does without.
func (a *app) inform(format string, args ...any) {
	if !a.quiet {
		a.note(format, args...)
	}
}

// note tells the user something that is no result.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.stderr, view.Visible("rekey: "+fmt.Sprintf(format, args...)))
}

func (a *app) getenv(name string) string {
	value, _ := a.lookupEnv(name)
	return value
}

// tool is the program's name with its version, as plans and journals record
// it.
func (a *app) tool() string {
	if a.version != "" {
		return "rekey " + a.version
	}
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		version = cmp.Or(info.Main.Version, version)
	}
	return "rekey " + version
}

// who is the user at this machine, for the record.
func (a *app) who() string {
	name := cmp.Or(a.getenv("USER"), a.getenv("LOGNAME"))
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	host, err := a.hostname()
	if err != nil || host == "" {
		return name
	}
	return name + "@" + host
}

// oneOf refuses a flag's value that is none of those it takes.
func oneOf(flag, value string, allowed ...string) error {
	for _, v := range allowed {
		if v == value {
			return nil
		}
	}
	hint := "it is one of " + strings.Join(allowed, ", ")
	if near := binding.Suggest(value, allowed); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "? " + hint
	}
	return usage(fmt.Sprintf("--%s=%s is not known", flag, value), hint)
}
