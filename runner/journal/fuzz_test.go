package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// Whatever a file holds, Read says what of it is sound, and that, written anew, is the same bytes.
func FuzzRead(f *testing.F) {
	data := small(f, filepath.Join(f.TempDir(), "j"))
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add(data[:200])
	f.Add(append(bytes.Clone(data), data...))
	f.Add([]byte("\n"))
	f.Add([]byte(`{"seq":1,"time":"","event":,"hash":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "j")
		put(t, path, data)
		recs, report, err := Read(path)
		if err != nil && !errors.As(err, new(*DamageError)) {
			t.Fatal(err)
		}
		var again []byte
		prev := ""
		for _, rec := range recs {
			again = appendLine(again, rec.Seq, rec.Time, rec.Event, prev)
			prev = rec.Hash
		}
		if !bytes.HasPrefix(data, again) || err == nil && len(again)+report.Torn != len(data) || report.Head != prev {
			t.Fatalf("%q reads as %q and %+v, %v", data, again, report, err)
		}
	})
}

// Any event survives the way to the file and back, is damaged by any flip, and torn by any cut.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,{"b":null}]}`), uint(40), byte(1))
	f.Add([]byte(` "\u2028\n" `), uint(100), byte(0x80))
	f.Add([]byte(`{"hash":"`+chain("", nil)+`"}`), uint(60), byte(3))
	f.Fuzz(func(t *testing.T, event []byte, at uint, flip byte) {
		j := &Journal{now: func() time.Time { return time.Unix(1772355600, int64(at)) }}
		line, rec, err := j.encode(json.RawMessage(event))
		if err != nil {
			if json.Valid(event) {
				t.Fatalf("%q: %v", event, err)
			}
			return
		}
		s, err := scan("j", bytes.NewReader(line))
		if err != nil || len(s.records) != 1 || !bytes.Equal(s.records[0].Event, rec.Event) || s.head != rec.Hash {
			t.Fatalf("%q reads as %+v, %v", line, s, err)
		}
		i := int(at % uint(len(line)))
		if s, err := scan("j", bytes.NewReader(line[:i])); err != nil || len(s.records) != 0 || len(s.tail) != i {
			t.Fatalf("%q cut at %d: %+v, %v", line, i, s, err)
		}
		if line[i] ^= flip; flip != 0 {
			if s, err := scan("j", bytes.NewReader(line)); !errors.As(err, new(*DamageError)) || len(s.records) != 0 {
				t.Fatalf("%q flipped at %d: %+v, %v", line, i, s, err)
			}
		}
	})
}
