package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// TestDiagnostics holds, for every playbook in testdata/check, what the
// checker says of it, to the column. A playbook without faults says nothing.
func TestDiagnostics(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/check/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no playbooks in testdata/check: ", err)
	}
	catalogue := steps.Catalogue(nil)
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			p, faults := runner.ParsePlaybook(name, text)
			if len(p.Steps) > 0 {
				_, more := runner.Check(p, catalogue)
				faults = append(faults, more...)
			}
			faults.Sort()
			faults.Render(&got, text)
			for _, f := range faults {
				var one bytes.Buffer
				runner.Faults{f}.Render(&one, text)
				if one.Len() > 1024 {
					t.Errorf("a message of %d bytes, more than 1 KB", one.Len())
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
		})
	}
}
