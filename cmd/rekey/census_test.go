package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

// unreachable names the sites of faults that no playbook in testdata/check can
// show, by function and message, with the reason.
func unreachable() map[string]string {
	const (
		evaluated = "expressions are evaluated in a plan and a run, and not by check"
		value     = "a fault of a value that -i, --inputs or a file gives, which check does not take"
		scanned   = "the scanner refuses it before; for callers that compile without it"
		refused   = "expr's parser refuses it before"
		goccy     = "no document is known of which goccy's parser says this; for another version of it"
		fixed     = "the names that it looks at are fixed, or were looked at before"
	)
	return map[string]string{
		"(*runner/binding.Expr).Eval: the expression has faults and cannot be evaluated":                      evaluated,
		"(*runner/binding.Expr).Eval: …":                                                                      evaluated,
		"(*runner/binding.Expr).Eval: … (2)":                                                                  evaluated,
		"(*runner/binding.Expr).Eval: the result is …":                                                        evaluated,
		"(*runner/binding.Expr).failed: the expression failed; why is not shown, because it uses a secret":    evaluated,
		"(*runner/binding.Expr).failed: a value that is read here is null: …":                                 evaluated,
		"(*runner/binding.Expr).failed: division by zero":                                                     evaluated,
		"(*runner/binding.Expr).failed: the expression makes more than it may: its lists are too long":        evaluated,
		"(*runner/binding.Expr).failed: a value is not of the kind that was declared for it":                  evaluated,
		"runner/binding.inside: …: …":                                                                         evaluated,
		"(*runner.Program).Bind: the input … is not given":                                                    value,
		"(*runner.Program).Bind: the playbook has no input …":                                                 value,
		"(*runner.Input).readJSON: the input …, …, is given as JSON, and this is none…":                       value,
		"(*runner.Input).check: the input … is null":                                                          value,
		"(*runner.Input).convert: the input … is nested deeper than 32 levels":                                value,
		"(*runner.Input).convert: the input … is no text: it holds NUL or invalid UTF-8":                      value,
		"runner.ReadInputs: a file of inputs is a mapping of names, this is …":                                value,
		"(*runner.Field).validate: it is required and has no value":                                           value,
		"(*runner.Field).validate: it is required and its list is empty":                                      value,
		"(*runner.Field).validate: item …: …":                                                                 value,
		"(*runner/binding.Scope).precheck: the expression is empty":                                           scanned,
		"(*runner/binding.Scope).precheck: the text that starts here has no closing quote":                    scanned,
		"(*runner/binding.Scope).precheck: the expression is longer than 2 KiB":                               scanned,
		"runner/binding.parseTree: the expression is longer than 2 KiB":                                       scanned,
		"runner/binding.parseTree: the expression is empty":                                                   scanned,
		"runner/binding.parseTree: the parser failed: …":                                                      "for a panic of expr's parser, and none is known",
		"runner/binding.clip120: …":                                                                           "for an error of expr's parser that nobody has met; syntaxFault words the others",
		"(*runner/binding.Scope).Compile: the expression cannot be compiled: …":                               "expr's own check finds nothing that ours does not; TestLaws of package binding looks for it",
		"(*runner/binding.descent).unsupported: this form is not part of the language":                        refused,
		"(*runner/binding.descent).pointer: `#` outside a predicate":                                          refused,
		"(*runner/binding.descent).callNode: this cannot be called":                                           refused,
		"(*runner/binding.descent).usable: the kind of … is not declared, so nothing can be computed from it": "nothing that a playbook names is of unknown kind",
		"runner/binding.NewScope: binding: the root of a scope must be an object, not …":                      fixed,
		"runner/binding.checkName: the name … cannot be used in expressions: …; choose another":               fixed,
		"(*runner.checker).rescope: the names of this playbook cannot be used together: …":                    fixed,
		"(*runner.parser).tree: YAML that cannot be read":                                                     goccy,
		"(*runner.parser).syntax: YAML that cannot be read":                                                   goccy,
		"(*runner.parser).syntax: a list item where a key should stand":                                       goccy,
		"(*runner.parser).mapping: a key that readers of YAML understand in different ways":                   goccy,
	}
}

// TestCensus holds that testdata/check has a playbook for every fault that the
// checker knows: each place in its sources where a message is written is
// executed by `rekey check` over these playbooks, and the message printed.
func TestCensus(t *testing.T) {
	t.Parallel()
	sites, err := findSites("../..", "example.com/rekey/runner/binding", "example.com/rekey/runner")
	if err != nil {
		t.Fatal(err)
	}
	if len(sites) < 250 {
		t.Fatalf("only %d sites of faults found", len(sites))
	}
	output, profile := checkAll(t)
	messages := regexp.MustCompile(`(?m)^\S.*?\.yaml:\d+:\d+: .*$`).FindAllString(output, -1)
	said := strings.Join(messages, "\n")
	was := reached(profile)
	listed, left := unreachable(), map[string]bool{}
	for _, s := range sites {
		executed, counted := was(s.at)
		if !counted {
			t.Errorf("%s: nothing is known of whether %q is reached", s.at, s.text)
		}
		shown := executed && s.shown().MatchString(said)
		why, known := listed[s.key]
		left[s.key] = true
		switch {
		case !shown && !known:
			how := "is never reached"
			if executed {
				how = "is reached, but never printed"
			}
			t.Errorf("%s:%d: %q %s: write a pair in testdata/check, or a reason in unreachable for\n\t%q", s.at.Filename, s.at.Line, s.text, how, s.key)
		case shown && known:
			t.Errorf("%s:%d: %q has a pair, take it out of unreachable (%s)", s.at.Filename, s.at.Line, s.key, why)
		}
	}
	for key := range listed {
		if !left[key] {
			t.Errorf("unreachable names a site that no longer exists: %q", key)
		}
	}
	for _, w := range runner.Warnings() {
		if !strings.Contains(said, ": warning "+w.Name+": ") {
			t.Errorf("no playbook in testdata/check shows the warning %s", w.Name)
		}
	}
	t.Logf("%d sites of faults, %d of them unreachable", len(sites), len(listed))
}

// oversized are the vars of playbooks that pass a bound of the checker's, too large
// to stand in testdata/check.
func oversized() map[string]string {
	var keys strings.Builder
	for i := range 5002 {
		fmt.Fprintf(&keys, "  k%d: 1\n", i)
	}
	return map[string]string{
		"bytes":       "  # " + strings.Repeat("x", 1<<20) + "\n",
		"signs":       "  a: x" + strings.Repeat("-", 250_001) + "\n",
		"tokens":      "  a: [" + strings.Repeat("x, ", 125_001) + "]\n",
		"keys":        keys.String(),
		"expressions": "  a:\n" + strings.Repeat("    - "+strings.Repeat("$<1>", 1000)+"\n", 51),
	}
}

// checkAll runs `rekey check` over the playbooks, and gives what it printed and
// which of its code was executed.
func checkAll(t *testing.T) (output, profile string) {
	dir := t.TempDir()
	program, counters, text := filepath.Join(dir, "rekey"), filepath.Join(dir, "counters"), filepath.Join(dir, "profile")
	if err := os.Mkdir(counters, 0o755); err != nil {
		t.Fatal(err)
	}
	// Without the main package among those counted nothing is written at the end.
	build := exec.Command("go", "build", "-buildvcs=false", "-cover", "-coverpkg=example.com/rekey/runner/...,example.com/rekey/cmd/rekey", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	paths, err := filepath.Glob("../../testdata/check/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"check"}
	for _, path := range paths {
		args = append(args, filepath.Base(path))
	}
	for name, vars := range oversized() {
		path := filepath.Join(dir, "large-"+name+".yaml")
		text := "rekey: 1\nplaybook: p\nversion: 1.0.0\nvars:\n" + vars + "steps:\n  - id: revoke\n    revoke_csr: {app: 0oa1, csr_id: ic1}\n"
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	check := exec.Command(program, args...)
	var stdout, stderr bytes.Buffer
	check.Dir, check.Stdout, check.Stderr, check.Env = "../../testdata/check", &stdout, &stderr, surroundings(dir, "GOCOVERDIR="+counters)
	var exit *exec.ExitError
	if err := check.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitInvalid || stderr.Len() > 0 {
		t.Fatalf("rekey check: %v\n%s", err, stderr.Bytes())
	}
	if out, err := exec.Command("go", "tool", "covdata", "textfmt", "-i", counters, "-o", text).CombinedOutput(); err != nil {
		t.Fatalf("go tool covdata: %v\n%s", err, out)
	}
	data, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	return stdout.String(), string(data)
}
