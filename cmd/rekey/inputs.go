package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
)

// inputFlags are the ways in which inputs are given on the command line.
type inputFlags struct {
	values []string // -i name=value
	yaml   []string // --inputs FILE
	files  []string // --input-file name=path
}

const inputHelp = `
Inputs, each overriding the ones before it: the playbook's default, --inputs,
REKEY_INPUT_NAME in the environment, --input-file, -i. A secret is given by
REKEY_INPUT_NAME, --input-file or at the prompt of run, never by -i or --inputs.`

func (f *inputFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.values, "input", "i", nil, "give an input as `name=value`; lists and objects as JSON")
	cmd.Flags().StringArrayVar(&f.yaml, "inputs", nil, "read inputs from a YAML or JSON `file`")
	cmd.Flags().StringArrayVar(&f.files, "input-file", nil, "read one input from a file, `name=path`; one newline at its end is dropped")
}

// given collects the inputs of a program and every fault in them.
type given struct {
	app     *app
	program *runner.Program
	values  map[string]any
	faults  runner.Faults
}

// gather reads the inputs from everywhere but the prompt.
func (a *app) gather(program *runner.Program, f inputFlags) (*given, error) {
	g := &given{app: a, program: program, values: map[string]any{}}
	for _, path := range f.yaml {
		if err := g.yaml(path); err != nil {
			return nil, err
		}
	}
	for _, in := range program.Playbook.Inputs {
		name := variable(in.Name)
		if text, ok := a.lookupEnv(name); ok {
			g.parse(in, text, name)
		}
	}
	g.strayVariables()
	for _, pair := range f.files {
		if err := g.file(pair); err != nil {
			return nil, err
		}
	}
	for _, pair := range f.values {
		name, text, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usage(fmt.Sprintf("-i %s has no '='", pair), "write -i name=value")
		}
		in := g.input(name)
		switch {
		case in == nil:
			g.unknown(name, "-i "+name)
		case in.Secret:
			g.fault("-i "+name, "a secret is given on the command line, where others can see it", howToGiveSecret(in))
			g.values[name] = nil
		default:
			g.parse(in, text, "-i "+name)
		}
	}
	return g, nil
}

// variablePrefix is what the environment variables of inputs begin with.
const variablePrefix = "REKEY_INPUT_"

// variable is the environment variable of an input.
func variable(input string) string { return variablePrefix + strings.ToUpper(input) }

// strayVariables notes variables that may be misspelt inputs of this playbook.
// Others are meant for another one.
func (g *given) strayVariables() {
	var names []string
	for _, in := range g.program.Playbook.Inputs {
		names = append(names, strings.ToUpper(in.Name))
	}
	for _, entry := range g.app.environ() {
		set, _, _ := strings.Cut(entry, "=")
		name, ok := strings.CutPrefix(set, variablePrefix) // which all share: it makes nothing alike
		if !ok || slices.Contains(names, name) {
			continue
		}
		if near := binding.Suggest(name, names); len(near) > 0 {
			g.app.note("%s is set and is no input of this playbook; did you mean %s?", set, variablePrefix+strings.Join(near, " or "+variablePrefix))
		}
	}
}

func howToGiveSecret(in *runner.Input) string {
	return fmt.Sprintf("set %s, or give --input-file %s=FILE", variable(in.Name), in.Name)
}

func (g *given) input(name string) *runner.Input {
	i := slices.IndexFunc(g.program.Playbook.Inputs, func(in *runner.Input) bool { return in.Name == name })
	if i < 0 {
		return nil
	}
	return g.program.Playbook.Inputs[i]
}

// fault notes a fault of an input; where says how it was given.
func (g *given) fault(where, message, cure string) {
	g.faults.Add(runner.Position{}, message, cure).File = where
}

func (g *given) unknown(name, where string) {
	var names []string
	for _, in := range g.program.Playbook.Inputs {
		names = append(names, in.Name)
	}
	cure := "it takes none"
	if len(names) > 0 {
		cure = "it has " + strings.Join(names, ", ")
	}
	if near := binding.Suggest(name, names); len(near) > 0 {
		cure = "did you mean " + strings.Join(near, " or ") + "? " + cure
	}
	g.fault(where, fmt.Sprintf("the playbook has no input %q", name), cure)
}

// parse takes an input from a text.
func (g *given) parse(in *runner.Input, text, where string) {
	value, err := in.Parse(text)
	g.take(in, value, err, where)
}

// take notes a value, or why it is none. A value at fault counts as given: it
// is not missing as well.
func (g *given) take(in *runner.Input, value any, err error, where string) {
	g.values[in.Name] = value
	var fault *runner.Fault
	switch {
	case errors.As(err, &fault):
		g.fault(where, fault.Message, fault.Cure)
	case err != nil:
		g.fault(where, err.Error(), "")
	}
}

// yaml reads many inputs from a file.
func (g *given) yaml(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return invalid("the file of inputs cannot be read: "+err.Error(), "give the path of a file that you may read")
	}
	values, err := runner.ReadInputs(path, data)
	var faults runner.Faults
	if errors.As(err, &faults) {
		g.app.faulty(faults, data, path)
		return invalid(fmt.Sprintf("%s has %s; nothing was sent", path, countErrors(faults)), "")
	}
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		in := g.input(name)
		switch {
		case in == nil:
			g.unknown(name, path)
		case in.Secret:
			g.fault(path, "the secret "+name+" stands in a file of inputs", howToGiveSecret(in))
			g.values[name] = nil
		default:
			value, err := in.Check(values[name])
			g.take(in, value, err, path)
		}
	}
	return nil
}

// file reads one input from a file of its own.
func (g *given) file(pair string) error {
	name, path, ok := strings.Cut(pair, "=")
	if !ok {
		return usage(fmt.Sprintf("--input-file %s has no '='", pair), "write --input-file name=path")
	}
	in := g.input(name)
	if in == nil {
		g.unknown(name, "--input-file "+name)
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		g.fault("--input-file "+name, err.Error(), "give the path of a file that you may read")
		g.values[name] = nil
		return nil
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if in.Secret {
		g.app.mask(text)
	}
	g.parse(in, text, "--input-file "+name)
	return nil
}

// prompt asks for the secrets that are not given yet.
func (g *given) prompt(ctx context.Context) error {
	for _, in := range g.program.Playbook.Inputs {
		if _, ok := g.values[in.Name]; ok || !in.Secret || !g.app.terminal.Is() {
			continue
		}
		label := in.Name
		if in.Description != "" {
			label += " (" + in.Description + ")"
		}
		if in.HasDefault {
			label += ", empty for none"
		}
		text, err := g.app.askSecret(ctx, label+": ")
		if err != nil {
			return err
		}
		if text != "" || !in.HasDefault {
			g.parse(in, text, "the prompt for "+in.Name)
		}
	}
	return nil
}

// bind checks that nothing is missing and returns the values; with faults it
// prints all of them.
func (g *given) bind(requireSecrets bool) (public, secret map[string]any, err error) {
	public, secret, faults := g.program.Bind(g.values, requireSecrets)
	faults = append(g.faults, faults...)
	if faults.Err() != nil {
		return nil, nil, g.app.faulty(faults, g.program.Playbook.Source, "the input")
	}
	return public, secret, nil
}

// ownInputs are the values that a plan was made with, or a run started.
type ownInputs struct {
	values  map[string]any // as recorded: without secrets
	secrets []string       // the secrets that are still needed
	was     string         // "the run was started": it goes on "with another value of …"
}

// inputsOf are a plan's or a run's own inputs, with the secrets that are still
// needed. A value that is not its own, from the environment for one, is
// refused: it would be passed over.
func (a *app) inputsOf(ctx context.Context, program *runner.Program, o *org, own ownInputs, f inputFlags) (public, secret map[string]any, err error) {
	g, err := a.gather(program, f)
	if err == nil {
		err = o.fillSecret(g, own)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, in := range program.Playbook.Inputs {
		given, isGiven := g.values[in.Name]
		switch {
		case in.Secret && !isGiven && !slices.Contains(own.secrets, in.Name):
			g.values[in.Name] = nil
		case in.Secret:
		default:
			value, err := in.Check(own.values[in.Name])
			if isGiven && (err != nil || !reflect.DeepEqual(given, value)) {
				g.fault(in.Name, own.was+" with another value of "+in.Name, "leave it out: its own inputs hold")
			}
			g.values[in.Name] = value
		}
	}
	if g.faults.Err() == nil {
		if err := g.prompt(ctx); err != nil {
			return nil, nil, err
		}
	}
	return g.bind(true)
}
