package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// clock ticks 1.5 s at each reading, in a zone that is not UTC.
func clock() func() time.Time {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("CET", 3600))
	return func() time.Time {
		at = at.Add(1500 * time.Millisecond)
		return at
	}
}

// small writes a journal of three events, one of which imitates the end of a line, and returns its bytes.
func small(t testing.TB, path string) []byte {
	t.Helper()
	j, err := Create(path, Options{Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []any{
		map[string]any{"kind": "started", "text": "a<b>&\nc"},
		json.RawMessage(` { "a" : 1 , "hash" : "` + strings.Repeat("0", 64) + `" } `),
		"ende",
	} {
		if _, err := j.Append(event); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return get(t, path)
}

func get(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	now := clock()
	j, err := Create(path, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if j.Head() != "" {
		t.Errorf("head of an empty journal: %q", j.Head())
	}
	events := []struct {
		event any
		want  string
	}{
		{map[string]any{"x": "<&>"}, `{"x":"<&>"}`},
		{json.RawMessage("{\n\"n\": 12345678901234567890.10\n}"), `{"n":12345678901234567890.10}`},
		{nil, `null`},
		{"two\nlines\u2028", `"two\nlines\u2028"`},
		{struct {
			Kid string `json:"kid"`
		}{"k1"}, `{"kid":"k1"}`},
	}
	var written []Record
	for i, e := range events {
		rec, err := j.Append(e.event)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if json.Unmarshal(rec.Event, &got); json.Unmarshal([]byte(e.want), &want) != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("event %d: %s, want %s", i, rec.Event, e.want)
		}
		if rec.Seq != i+1 || rec.Hash != j.Head() || rec.Time.Location() != time.UTC {
			t.Errorf("record %d: %+v, head %s", i, rec, j.Head())
		}
		written = append(written, rec)
		if i == 2 { // close and continue half-way
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			var again []Record
			if j, again, err = Open(path, Options{Now: now}); err != nil {
				t.Fatal(err)
			}
			equal(t, again, written)
			if j.SetAside() != "" || j.Head() != rec.Hash {
				t.Errorf("opened again: set aside %q, head %q", j.SetAside(), j.Head())
			}
		}
	}
	got, report, err := Read(path)
	if err != nil || report != (Report{Head: j.Head(), Locked: true}) {
		t.Fatalf("read beside the writer: %+v, %v", report, err)
	}
	equal(t, got, written)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := j.Append(1); !errors.Is(err, ErrBroken) || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if _, report, err := Read(path); err != nil || report.Locked {
		t.Errorf("read after close: %+v, %v", report, err)
	}
	if got := names(t, filepath.Dir(path)); got != "journal.jsonl" {
		t.Errorf("left in the folder: %s", got)
	}
}

func equal(t *testing.T, got, want []Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.Seq != w.Seq || !g.Time.Equal(w.Time) || !bytes.Equal(g.Event, w.Event) || g.Hash != w.Hash {
			t.Errorf("record %d: %+v, want %+v", i, g, w)
		}
	}
}

// The form on disk is a promise to journals that exist: hashes computed by sha256sum.
func TestForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, err := Create(path, Options{Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	j.Append(map[string]int{"a": 1})
	j.Append("<>")
	want := `{"seq":1,"time":"2026-03-01T09:00:01.5Z","event":{"a":1},"hash":"bc3dc832831945252646f7ccc0efd4312d348e23d77e6259ee8003602c6c1e94"}
{"seq":2,"time":"2026-03-01T09:00:03Z","event":"<>","hash":"7bb8facdcc736febb77dbf149b5eac9584e4d816a97edb4971002e5c84b45b52"}
`
	if got := string(get(t, path)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMissingAndStrange(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	for _, name := range []string{path, filepath.Join(dir, "no", "j")} {
		if _, _, err := Open(name, Options{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %s: %v", name, err)
		}
		if _, _, err := Read(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read %s: %v", name, err)
		}
	}
	if _, _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("open a folder: %v", err)
	}
	if _, _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("read a folder: %v", err)
	}
	before := small(t, path)
	if _, err := Create(path, Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a journal: %v", err)
	}
	if _, err := Create(filepath.Join(path, "below", "j"), Options{}); err == nil {
		t.Error("created a journal below a file")
	}
	if !bytes.Equal(get(t, path), before) || names(t, dir) != "j" {
		t.Errorf("refusals changed something: %s", names(t, dir))
	}
}

// A journal whose maker died before its first event is an empty one.
func TestEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	put(t, path, nil)
	if recs, report, err := Read(path); err != nil || len(recs) != 0 || report != (Report{}) {
		t.Errorf("read: %v %+v %v", recs, report, err)
	}
	j, recs, err := Open(path, Options{})
	if err != nil || len(recs) != 0 {
		t.Fatalf("open: %v %v", recs, err)
	}
	defer j.Close()
	if rec, err := j.Append(1); err != nil || rec.Seq != 1 {
		t.Errorf("append: %+v %v", rec, err)
	}
}

// Cut at any byte, a journal reads as the longest prefix of whole lines.
func TestCutAtEveryByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	data := small(t, path)
	whole, _, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(data) + 1 {
		put(t, path, data[:cut])
		n := bytes.Count(data[:cut], []byte("\n"))
		torn := cut - (bytes.LastIndexByte(data[:cut], '\n') + 1)
		recs, report, err := Read(path)
		if err != nil || report.Torn != torn || report.Locked {
			t.Fatalf("cut at %d: %+v, %v; want %d torn", cut, report, err, torn)
		}
		equal(t, recs, whole[:n])
		if n > 0 && report.Head != whole[n-1].Hash {
			t.Errorf("cut at %d: head %s", cut, report.Head)
		}
	}
}

func TestTornTailSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	data := small(t, path)
	end := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	tails := [][]byte{data[end : end+1], data[end : len(data)-1], make([]byte, 4096), []byte("{")}
	for i, tail := range tails {
		put(t, path, append(bytes.Clone(data[:end]), tail...))
		j, recs, err := Open(path, Options{Now: clock()})
		if err != nil || len(recs) != 2 {
			t.Fatalf("tail %d: %d records, %v", i, len(recs), err)
		}
		aside := fmt.Sprintf("%s.torn-%d", path, i+1)
		if j.SetAside() != aside || !bytes.Equal(get(t, aside), tail) || mode(t, aside) != 0o600 {
			t.Errorf("tail %d: set aside as %q: %q", i, j.SetAside(), get(t, aside))
		}
		if !bytes.Equal(get(t, path), data[:end]) {
			t.Errorf("tail %d: left %q", i, get(t, path))
		}
		if rec, err := j.Append("next"); err != nil || rec.Seq != 3 {
			t.Errorf("tail %d: %+v, %v", i, rec, err)
		}
		j.Close()
		if recs, report, err := Read(path); err != nil || len(recs) != 3 || report.Torn != 0 {
			t.Errorf("tail %d: after it %d records, %+v, %v", i, len(recs), report, err)
		}
	}
}

func TestRefusedEvents(t *testing.T) {
	for name, c := range map[string]struct {
		event any
		now   func() time.Time
		want  string
	}{
		"too long":   {event: strings.Repeat("x", MaxLine), want: "16 MiB"},
		"NaN":        {event: math.NaN(), want: "NaN"},
		"no JSON":    {event: json.RawMessage(`{"a":`), want: "encode the event"},
		"two values": {event: json.RawMessage("1\n2"), want: "encode the event"},
		"year 10000": {event: 1, now: func() time.Time { return time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, want: "time"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "j")
			before := small(t, path)
			j, _, err := Open(path, Options{Now: c.now})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			_, first := j.Append(c.event)
			if !errors.Is(first, ErrBroken) || !strings.Contains(first.Error(), c.want) || len(first.Error()) > 1000 {
				t.Errorf("first: %v", first)
			}
			if _, err := j.Append("fine"); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("second: %v", err)
			}
			if !bytes.Equal(get(t, path), before) {
				t.Error("something was written")
			}
		})
	}
}

// The longest line that Append takes is one that Open takes, and one byte more is refused on both sides.
func TestLongestLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	now := func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	room := MaxLine - len(appendLine(nil, 1, now(), nil, "")) - len(`""`)
	j, err := Create(path, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(strings.Repeat("x", room)); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if recs, _, err := Read(path); err != nil || len(recs) != 1 || len(get(t, path)) != MaxLine {
		t.Errorf("%d records, %v", len(recs), err)
	}
	text := []byte(`"` + strings.Repeat("x", room+1) + `"`)
	var damage *DamageError
	put(t, path, appendLine(nil, 1, now(), text, ""))
	if _, _, err := Read(path); !errors.As(err, &damage) || damage.Line != 1 {
		t.Errorf("one byte more: %v", err)
	}
}

func mode(t *testing.T, name string) os.FileMode {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs Unix file modes")
	}
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	path := filepath.Join(dir, "state", "runs", "r1", "journal.jsonl")
	j, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if mode(t, path) != 0o600 {
		t.Errorf("journal has mode %o", mode(t, path))
	}
	for folder := filepath.Dir(path); folder != dir; folder = filepath.Dir(folder) {
		if mode(t, folder) != 0o700 {
			t.Errorf("%s has mode %o", folder, mode(t, folder))
		}
	}
	if mode(t, dir) != 0o755 {
		t.Error("a folder that existed got another mode")
	}
}

func BenchmarkAppend(b *testing.B) {
	j, err := Create(filepath.Join(b.TempDir(), "j"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	event := map[string]any{"kind": "outcome", "step": "publish", "out": map[string]any{"kid": strings.Repeat("k", 43)}}
	for b.Loop() {
		if _, err := j.Append(event); err != nil {
			b.Fatal(err)
		}
	}
}
