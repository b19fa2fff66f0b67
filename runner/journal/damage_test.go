package journal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// others are bytes that another may turn into: by one bit, by all, and those that mean something here.
func others(was byte) []byte {
	return []byte{was ^ 1, was ^ 2, was ^ 4, was ^ 8, was ^ 16, was ^ 32, was ^ 64, was ^ 128, ^was, 0, '\n', '\r', ' ', '"', '}', '0'}
}

// A byte turned into another, in the second line into any other, is damage, named with the line in which the byte stands,
// and only what stands before that line is read.
func TestFlippedAtEveryByte(t *testing.T) {
	data := small(t, filepath.Join(t.TempDir(), "j"))
	whole, err := scan("j", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	line := 1
	for at := range data {
		was := data[at]
		values := others(was)
		if line == 2 {
			values = all
		}
		for _, now := range values {
			if data[at] = now; now == was {
				continue
			}
			s, err := scan("j", bytes.NewReader(data))
			var damage *DamageError
			if !errors.As(err, &damage) || damage.Line != line || len(s.records) != line-1 {
				t.Fatalf("byte %d %q as %q: %v with %d records, want damage of line %d", at, was, data[at], err, len(s.records), line)
			}
			if line > 1 && s.head != whole.records[line-2].Hash {
				t.Fatalf("byte %d %q as %q: the records before have the head %s", at, was, data[at], s.head)
			}
		}
		data[at] = was
		if was == '\n' {
			line++
		}
	}
}

// Damage is refused by Open and Read with the line's number, and nothing is changed.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	lines := strings.SplitAfter(string(small(t, path)), "\n")
	foreignLine := func(line string) string { // a line of another form with a hash that fits
		return line + hashKey + chain("", []byte(line)) + lineEnd + "\n"
	}
	for name, c := range map[string]struct {
		text, reason string
		line         int
	}{
		"line lost":        {lines[0] + lines[2], "sequence number", 2},
		"line repeated":    {lines[0] + lines[0], "sequence number", 2},
		"lines swapped":    {lines[1] + lines[0], "sequence number", 1},
		"empty line":       {lines[0] + "\n" + lines[1], "is empty", 2},
		"no JSON":          {lines[0] + "hello\n", "not JSON", 2},
		"zeros":            {lines[0] + "\x00\x00\n", "not JSON", 2},
		"event changed":    {strings.Replace(lines[0], "started", "stopped", 1), "hash do not fit", 1},
		"key changed":      {strings.Replace(lines[0], `"event"`, `"Event"`, 1), "hash do not fit", 1},
		"upper-case hash":  {lines[0][:len(lines[0])-70] + strings.ToUpper(lines[0][len(lines[0])-70:]), "", 1},
		"CRLF":             {strings.ReplaceAll(lines[0]+lines[1], "\n", "\r\n"), "", 1},
		"blank at the end": {lines[0] + strings.TrimSpace(lines[1]) + " ", "no newline", 2},
		"lost newline":     {lines[0] + strings.TrimSpace(lines[1]) + lines[2][:20], "no newline", 2},
		"other version":    {foreignLine(`{"v":2,"seq":1,"event":{}`), "another version", 1},
		"other members":    {foreignLine(`{"seq":1,"time":"2026-03-01T09:00:00Z","who":"x","event":{}`), "another version", 1},
		"time not UTC":     {foreignLine(`{"seq":1,"time":"2026-03-01T09:00:00+01:00","event":{}`), "UTC", 1},
		"time not ours":    {foreignLine(`{"seq":1,"time":"2026-03-01T09:00:00.50Z","event":{}`), "UTC", 1},
		"event no JSON":    {foreignLine(`{"seq":1,"time":"2026-03-01T09:00:00Z","event":{{}`), "not JSON", 1},
		"two events":       {foreignLine(`{"seq":1,"time":"2026-03-01T09:00:00Z","event":1,"event":2`), "another version", 1},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, path, []byte(c.text))
			j, recs, openErr := Open(path, Options{})
			if j != nil || recs != nil {
				t.Errorf("opened with %v", recs)
			}
			before, report, readErr := Read(path)
			if len(before) != c.line-1 || report.Locked {
				t.Errorf("read %d records before the damage, %+v", len(before), report)
			}
			for _, err := range []error{openErr, readErr} {
				var damage *DamageError
				if !errors.As(err, &damage) {
					t.Fatalf("no damage: %v", err)
				}
				if damage.Line != c.line || damage.Path != path || !strings.Contains(damage.Reason, c.reason) {
					t.Errorf("%+v, want line %d: %s", damage, c.line, c.reason)
				}
				for _, part := range []string{path, fmt.Sprint("line ", c.line), "nothing was changed", "restore"} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q is missing in: %v", part, err)
					}
				}
			}
			if string(get(t, path)) != c.text || names(t, dir) != "j" {
				t.Errorf("something was changed: %s", names(t, dir))
			}
		})
	}
}
