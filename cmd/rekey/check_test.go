package main

import (
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

func TestCheckCode(t *testing.T) {
	warning, fault := &runner.Fault{Warning: "unused-output"}, &runner.Fault{}
	for _, c := range []struct {
		faults       runner.Faults
		want, strict int
	}{
		{nil, exitOK, exitOK},
		{runner.Faults{warning}, exitOK, exitInvalid},
		{runner.Faults{fault}, exitInvalid, exitInvalid},
		{runner.Faults{warning, fault}, exitInvalid, exitInvalid},
	} {
		check := view.Check{Faults: c.faults}
		if got, strict := checkCode(check, false), checkCode(check, true); got != c.want || strict != c.strict {
			t.Errorf("%d faults: %d, with --strict %d; want %d, %d", len(c.faults), got, strict, c.want, c.strict)
		}
	}
}

// TestExplanations checks the fragments of playbooks in the explanations of
// warnings: the first one gives the warning, the others do not, the last of
// them because it is silenced.
func TestExplanations(t *testing.T) {
	for _, w := range runner.Warnings() {
		fragments := fragmentsOf(w.Explain)
		if len(fragments) < 2 || !strings.Contains(fragments[len(fragments)-1], w.Name+": ") {
			t.Errorf("%s: %d fragments, or the last does not silence it", w.Name, len(fragments))
		}
		for i, fragment := range fragments {
			_, faults := compile(w.Name, []byte("rekey: 1\nplaybook: p\nversion: 1.0.0\ninputs:\n"+
				"  app: {type: string}\n  kid: {type: string}\n  activate: {type: bool}\nsteps:\n"+fragment))
			if faults.Err() != nil {
				t.Errorf("%s: fragment %d: %v", w.Name, i+1, faults)
			}
			warned := slices.ContainsFunc(faults, func(f *runner.Fault) bool { return f.Warning == w.Name })
			if warned != (i == 0) {
				t.Errorf("%s: fragment %d: %v", w.Name, i+1, faults)
			}
			if i == len(fragments)-1 && slices.ContainsFunc(faults, func(f *runner.Fault) bool { return f.Warning == "unused-ignore" }) {
				t.Errorf("%s: what silences it does nothing: %v", w.Name, faults)
			}
		}
	}
}

// fragmentsOf are the indented parts of an explanation.
func fragmentsOf(text string) (all []string) {
	inside := false
	for line := range strings.Lines(text) {
		indented := strings.HasPrefix(line, "    ")
		switch {
		case indented && !inside:
			all = append(all, line)
		case indented:
			all[len(all)-1] += line
		}
		inside = indented
	}
	return all
}
