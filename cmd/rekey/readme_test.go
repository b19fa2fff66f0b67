package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// passing matches what differs from one making of a plan to the next: when, by
// whom and with what it was made, and the dates and days that depend on it.
var passing = regexp.MustCompile(`(?m)^  made .*$|\d{4}-\d{2}-\d{2}|\d+ days`)

// TestReadmePlan holds the README's sample of a plan against the plan.
func TestReadmePlan(t *testing.T) {
	t.Parallel()
	const command = "rekey plan rotate-app-key --sandbox -i activate=true -i out=certs"
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sample, _ := strings.Cut(string(readme), "$ "+command+"\n")
	sample, _, found := strings.Cut(sample, "```")
	if !found {
		t.Fatal("README shows no output of " + command)
	}
	cmd := newDesk(t).command(strings.Fields(command)[1:]...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	plain := func(text string) string { return passing.ReplaceAllString(text, "…") }
	if plain(sample) != plain(string(out)) {
		t.Errorf("README shows another plan than\n%s", out)
	}
}
