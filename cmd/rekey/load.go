package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"example.com/rekey/internal/view"
	"example.com/rekey/playbooks"
	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
	"example.com/rekey/steps"
)

// maxPlaybook bounds what is read of a playbook: a little more than the
// language allows, so that its parser can say so.
const maxPlaybook = 1<<20 + 1

// source reads a playbook: "-" is stdin, what looks like a path is a file, any
// other name is one of those that come with rekey, or else a file.
func (a *app) source(arg string) (name string, text []byte, err error) {
	if arg == "-" {
		text, err = io.ReadAll(io.LimitReader(a.stdin, maxPlaybook))
		return "(stdin)", text, err
	}
	if !strings.ContainsAny(arg, `/\`) && !strings.HasSuffix(arg, ".yaml") && !strings.HasSuffix(arg, ".yml") {
		name, version, pinned := strings.Cut(arg, "@")
		if text, err := playbooks.Text(name); err == nil {
			return name, text, pinnedTo(name, text, version, pinned)
		}
	}
	text, err = readPlaybook(arg)
	if errors.Is(err, fs.ErrNotExist) {
		hint := "give the path of a file, or a name that `rekey playbooks` lists"
		bare, _, _ := strings.Cut(arg, "@")
		if near := binding.Suggest(bare, playbooks.Names()); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "? " + hint
		}
		return arg, nil, invalid(fmt.Sprintf("there is no playbook %q", arg), hint)
	}
	if err != nil {
		return arg, nil, invalid("the playbook cannot be read: "+err.Error(), "give the path of a file that you may read")
	}
	a.playbook = arg
	return arg, text, nil
}

func readPlaybook(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPlaybook))
}

// pinnedTo refuses an embedded playbook of another version than asked for.
func pinnedTo(name string, text []byte, version string, pinned bool) error {
	if !pinned {
		return nil
	}
	p, _ := runner.ParsePlaybook(name, text)
	if p.Version != version {
		return invalid(fmt.Sprintf("the playbook %s has version %s here, not %s", name, p.Version, version),
			"use "+name+"@"+p.Version+", or the rekey that came with the other")
	}
	return nil
}

// load reads and checks a playbook. Its faults are printed with their places.
func (a *app) load(arg string) (*runner.Program, error) {
	name, text, err := a.source(arg)
	if err != nil {
		return nil, err
	}
	program, faults := compile(name, text)
	if faults.Err() != nil {
		return nil, a.faulty(faults, text, name)
	}
	return program, nil
}

// compile parses and checks a playbook. What was understood of a faulty text
// is checked as well, so that all faults are reported at once.
func compile(name string, text []byte) (*runner.Program, runner.Faults) {
	p, faults := runner.ParsePlaybook(name, text)
	if len(p.Steps) == 0 && faults.Err() != nil {
		return nil, faults
	}
	program, more := runner.Check(p, steps.Catalogue(nil))
	faults = append(faults, more...)
	faults.Sort()
	if faults.Err() != nil {
		return nil, faults
	}
	return program, faults
}

// faulty prints faults to stderr and returns the error that sums them up.
func (a *app) faulty(faults runner.Faults, text []byte, name string) error {
	faults.Render(a.stderr, text)
	if a.actions != nil && name == a.playbook {
		view.CheckGitHub(a.actions, []view.Check{{File: name, Faults: faults}})
	}
	return invalid(fmt.Sprintf("%s has %s; nothing was sent", name, countErrors(faults)), "")
}

func countErrors(faults runner.Faults) string {
	errs := len(slices.DeleteFunc(slices.Clone(faults), func(f *runner.Fault) bool { return f.Warning != "" }))
	return plural(errs, "fault")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
