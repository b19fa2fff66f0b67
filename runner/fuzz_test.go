package runner

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/rekey/internal/cputime"
)

// FuzzCheck reads and checks any bytes as a playbook: it must not panic or take
// long, each fault stands in the document and says what to do in less than
// 1 KB, and the same document gives the same faults again.
func FuzzCheck(f *testing.F) {
	for _, pattern := range []string{"../testdata/check/*.yaml", "../playbooks/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal("no playbooks in ", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			if len(text) < 8<<10 { // those at a bound are large, and make everything slow
				f.Add(text)
			}
		}
	}
	for seed := range 20 {
		text, _ := samplePlacer(uint64(seed))
		f.Add(text)
	}
	c := newWorld(nil).catalogue(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		began := cputime.Spent()
		program, faults := checkBytes(data, c)
		if took := cputime.Spent() - began; took > 5*time.Second {
			t.Fatalf("it took %v", took)
		}
		if (program == nil) != (faults.Err() != nil) {
			t.Fatalf("program %v, faults %v", program, faults)
		}
		lines := sourceLines(data)
		for _, fault := range faults {
			inside := fault.Line >= 1 && fault.Line <= len(lines) && fault.Column >= 1 && fault.Column <= utf8.RuneCountInString(lines[fault.Line-1])+1
			if !inside && utf8.Valid(data) || fault.Line < 1 || fault.Column < 1 {
				t.Fatalf("%d lines, and a fault at %v: %v", len(lines), fault.Position, fault)
			}
			var out strings.Builder
			Faults{fault}.Render(&out, data)
			if fault.Message == "" || fault.Cure == "" || fault.File != "f" || out.Len() > 1024 || !utf8.ValidString(out.String()) {
				t.Fatalf("%d bytes: %#v", out.Len(), fault)
			}
		}
		if _, again := checkBytes(data, c); !reflect.DeepEqual(faults, again) {
			t.Fatalf("once\n%v\nand then\n%v", faults, again)
		}
	})
}

// checkBytes is what a command does: parse, and check what was understood.
func checkBytes(data []byte, c *Catalogue) (*Program, Faults) {
	p, faults := ParsePlaybook("f", data)
	if len(p.Steps) == 0 && faults.Err() != nil {
		return nil, faults
	}
	program, more := Check(p, c)
	faults = append(faults, more...)
	if faults.Sort(); faults.Err() != nil {
		return nil, faults
	}
	return program, faults
}
