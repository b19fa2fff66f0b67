package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// walls says which packages of ours each package may import. What is not
// listed may import nothing of ours.
var walls = map[string][]string{
	"cmd/rekey":         {"internal/okta", "internal/pki", "internal/rehearse", "internal/sandbox", "internal/view", "playbooks", "runner", "runner/binding", "runner/journal", "steps"},
	"runner":            {"runner/binding", "runner/journal"},
	"steps":             {"internal/okta", "internal/pki", "runner"},
	"internal/sandbox":  {"internal/okta", "internal/pki"},
	"internal/rehearse": {"internal/okta", "internal/pki", "internal/sandbox", "runner", "steps"},
	"internal/view":     {"runner", "runner/binding"},
	"runner/binding":    {},
	"runner/journal":    {},
	"internal/okta":     {},
	"internal/pki":      {},
	"playbooks":         {},

	"internal/cputime":    {}, // for tests alone
	"internal/typeschema": {}, // for tests alone

	"internal/failpoint": {}, // nothing in an ordinary build: all may import it
}

func TestWalls(t *testing.T) {
	const module = "example.com/rekey/"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(strings.ReplaceAll(line, module, "./"))
		pkg := strings.TrimPrefix(words[0], "./")
		may, known := walls[pkg]
		if !known {
			t.Errorf("%s is a new package: say here what it may import", pkg)
		}
		for _, imported := range words[1:] {
			ours, ok := strings.CutPrefix(imported, "./")
			if ok && ours != "internal/failpoint" && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s: that goes through a wall", pkg, ours)
			}
		}
	}
}
