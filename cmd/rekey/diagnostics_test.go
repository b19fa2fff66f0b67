package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/rekey/runner"
)

// TestDiagnostics holds, for every playbook in testdata/check, what the
// checker says of it, to the column. One without faults, which is named good,
// says nothing.
func TestDiagnostics(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/check/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no playbooks in testdata/check: ", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) { diagnose(t, path) })
	}
	wants, err := filepath.Glob("../../testdata/check/*.want")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range wants {
		if _, err := os.Stat(strings.TrimSuffix(want, ".want") + ".yaml"); err != nil {
			t.Errorf("%s has no playbook: %v", want, err)
		}
	}
}

func diagnose(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, faults := compile(filepath.Base(path), text)
	if good := strings.HasPrefix(filepath.Base(path), "good"); good != (len(faults) == 0) {
		t.Errorf("%d faults, for a playbook of this name", len(faults))
	}
	var got bytes.Buffer
	faults.Render(&got, text)
	lines := runner.Lines(text)
	for _, f := range faults {
		var one bytes.Buffer
		runner.Faults{f}.Render(&one, text)
		if one.Len() > 1024 {
			t.Errorf("a message of %d bytes, more than 1 KB", one.Len())
		}
		if f.Cure == "" {
			t.Errorf("no cure for: %s", f.Message)
		}
		if f.Line < 1 || f.Line > len(lines) || f.Column < 1 || f.Column > utf8.RuneCountInString(lines[f.Line-1])+1 {
			t.Errorf("%d:%d is no place in the playbook: %s", f.Line, f.Column, f.Message)
		}
	}
	golden := strings.TrimSuffix(path, ".yaml") + ".want"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the checker says\n%s\nwant\n%s", got.Bytes(), want)
	}
}
