package pki

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func entry(run, step, content string) Entry {
	return Entry{Run: run, Step: step, Serial: "0a", SHA256: Fingerprint([]byte(content)), Certificate: CertificatePEM([]byte(content)), Time: now}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	wantError(t, err)
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", path, got, want)
	}
}

func openLedger(t *testing.T) (*Ledger, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "ca", "ledger.jsonl")
	l, err := OpenLedger(path)
	wantError(t, err)
	return l, path
}

func wantFound(t *testing.T, l *Ledger, run, step, content string) {
	t.Helper()
	e, ok, err := l.Find(run, step)
	wantError(t, err)
	if ok != (content != "") || ok && e.Certificate != CertificatePEM([]byte(content)) {
		t.Errorf("%s/%s: found %t %+v, want %q", run, step, ok, e, content)
	}
}

func TestLedger(t *testing.T) {
	l, path := openLedger(t)
	wantFound(t, l, "r1", "cert", "")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("reading made a file")
	}
	local := entry("r1", "cert", "one")
	local.Time = now.In(time.FixedZone("", 3600))
	wantError(t, l.Append(local))
	wantError(t, l.Append(entry("r1", "fleet[0oa1].cert", "two")))
	wantError(t, l.Append(entry("r2", "cert", "three")))
	wantError(t, l.Append(entry("r2", "cert", "four")))
	wantMode(t, path, 0o600)
	wantMode(t, filepath.Dir(path), 0o700)

	reopened, err := OpenLedger(path)
	wantError(t, err)
	wantFound(t, reopened, "r1", "cert", "one")
	wantFound(t, reopened, "r1", "fleet[0oa1].cert", "two")
	wantFound(t, reopened, "r2", "cert", "four")
	wantFound(t, reopened, "r3", "cert", "")
	wantFound(t, reopened, "r1", "cer", "")
	if e, _, _ := reopened.Find("r1", "cert"); e != entry("r1", "cert", "one") {
		t.Errorf("read back %+v", e)
	}
	if lines := bytes.Count(read(t, path), []byte("\n")); lines != 4 {
		t.Errorf("%d lines", lines)
	}
}

// A crash leaves the beginning of a line; wherever it stops, the entries
// before it stay and the next one stands alone on its line.
func TestLedgerTornTail(t *testing.T) {
	l, path := openLedger(t)
	wantError(t, l.Append(entry("r1", "cert", "one")))
	first := read(t, path)
	wantError(t, l.Append(entry("r1", "torn", "two")))
	whole := read(t, path)
	for _, cut := range []int{len(first), len(first) + 1, len(first) + 100, len(whole) - 1} {
		wantError(t, os.WriteFile(path, whole[:cut], 0o600))
		wantFound(t, l, "r1", "cert", "one")
		wantFound(t, l, "r1", "torn", "")
		wantError(t, l.Append(entry("r1", "next", "three")))
		wantFound(t, l, "r1", "cert", "one")
		wantFound(t, l, "r1", "torn", "")
		wantFound(t, l, "r1", "next", "three")
	}
	// A first line can be torn as well, and a tail be longer than one block.
	wantError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), 10_000), 0o600))
	wantFound(t, l, "r1", "cert", "")
	wantError(t, l.Append(entry("r1", "cert", "one")))
	wantError(t, os.WriteFile(path, join(read(t, path), make([]byte, 10_000)), 0o600))
	wantFound(t, l, "r1", "cert", "one")
	wantError(t, l.Append(entry("r1", "next", "two")))
	wantFound(t, l, "r1", "cert", "one")
	wantFound(t, l, "r1", "next", "two")
}

func TestLedgerDamage(t *testing.T) {
	l, path := openLedger(t)
	wantError(t, l.Append(entry("r1", "a", "one")))
	wantError(t, l.Append(entry("r1", "b", "two")))
	whole := string(read(t, path))
	first, second, _ := strings.Cut(whole, "\n")
	cases := []struct {
		name, text string
		want       []string
	}{
		{"whole", whole, nil},
		{"empty", "", nil},
		{"no JSON", "x\n" + second, []string{"line 1 is damaged", "no JSON", "backup"}},
		{"empty line", first + "\n\n" + second, []string{"line 2 is damaged"}},
		{"last line", first + "\n{}\n", []string{"line 2 is damaged", "lacks its run"}},
		{"two on one line", first + second, []string{"line 1 is damaged", "more than one"}},
		{"unknown member", strings.Replace(whole, `"run"`, `"rum"`, 1), []string{"line 1 is damaged"}},
		{"other certificate", strings.Replace(whole, "dHdv", "dHdw", 1), []string{"line 2 is damaged", "sha256"}},
		{"serial", strings.Replace(whole, `"0a"`, `"0A"`, 1), []string{"line 1 is damaged", "serial"}},
		{"endless line", strings.Repeat("x", maxLedgerLine+5000) + "\n" + whole, []string{"line 1 is damaged", "longer than"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			write(t, path, c.text)
			_, _, err := l.Find("r1", "a")
			wantError(t, err, c.want...)
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
}

func TestLedgerRefusesWrongEntries(t *testing.T) {
	l, path := openLedger(t)
	cases := []struct {
		bend func(*Entry)
		want string
	}{
		{func(e *Entry) { e.Run = "" }, "lacks its run"},
		{func(e *Entry) { e.Step = "" }, "lacks its run"},
		{func(e *Entry) { e.Serial = "" }, "serial"},
		{func(e *Entry) { e.SHA256 = "00" }, "sha256"},
		{func(e *Entry) { e.Certificate = "x" }, "its certificate"},
		{func(e *Entry) { e.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) }, "cannot be encoded"},
	}
	for _, c := range cases {
		e := entry("r", "s", "one")
		c.bend(&e)
		wantError(t, l.Append(e), c.want)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused entry made a file")
	}
}

// Two handles stand for two processes: flock tells them apart.
func TestLedgerShared(t *testing.T) {
	_, path := openLedger(t)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			l, err := OpenLedger(path)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 5 {
				if err := l.Append(entry(fmt.Sprint(worker), fmt.Sprint(i), "x")); err != nil {
					t.Error(err)
				}
				if _, ok, err := l.Find(fmt.Sprint(worker), fmt.Sprint(i)); !ok || err != nil {
					t.Error(ok, err)
				}
			}
		})
	}
	group.Wait()
	if lines := bytes.Count(read(t, path), []byte("\n")); lines != 20 {
		t.Errorf("%d lines of 20", lines)
	}
}

func TestLedgerUnusable(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenLedger(dir)
	wantError(t, err, "no regular file")
	blocked := filepath.Join(dir, "file")
	write(t, blocked, "")
	l, err := OpenLedger(filepath.Join(dir, "new", "ledger.jsonl"))
	wantError(t, err)
	l.path = filepath.Join(blocked, "ca", "ledger.jsonl")
	wantError(t, l.Append(entry("r", "s", "one")), "cannot be created", "permissions")
}

func FuzzLedger(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed.jsonl")
	l, err := OpenLedger(path)
	wantError(f, err)
	wantError(f, l.Append(entry("r", "s", "one")))
	wantError(f, l.Append(entry("r", "t", "two")))
	whole := read(f, path)
	f.Add(whole)
	f.Add(whole[:len(whole)-20])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries := 0
		err := readLedger(bytes.NewReader(text), func(e Entry) {
			entries++
			if e.check() != nil {
				t.Fatal("yields a wrong entry")
			}
		})
		if lines := bytes.Count(text, []byte("\n")); err == nil && entries != lines {
			t.Fatalf("%d entries of %d whole lines, and no error", entries, lines)
		}
	})
}

// watchedFile notes what is done to it; what fails does so.
type watchedFile struct {
	done []string
	fail string
}

func (f *watchedFile) note(what string) error {
	f.done = append(f.done, what)
	if what == f.fail {
		return errors.New("no space left on device")
	}
	return nil
}

func (f *watchedFile) Truncate(size int64) error { return f.note(fmt.Sprintf("truncate %d", size)) }

func (f *watchedFile) WriteAt(data []byte, offset int64) (int, error) {
	return len(data), f.note(fmt.Sprintf("write %q at %d", data, offset))
}

func (f *watchedFile) Sync() error { return f.note("sync") }

// An entry counts once it is on disk, not before.
func TestLedgerSyncsBeforeItReturns(t *testing.T) {
	const write = `write "line" at 7`
	for _, test := range []struct {
		fail string
		want []string
	}{
		{"", []string{"truncate 7", write, "sync"}},
		{"truncate 7", []string{"truncate 7"}},
		{write, []string{"truncate 7", write, "truncate 7"}},
		{"sync", []string{"truncate 7", write, "sync", "truncate 7"}},
	} {
		f := &watchedFile{fail: test.fail}
		err := appendLine(f, 7, []byte("line"))
		if !slices.Equal(f.done, test.want) || (err != nil) != (test.fail != "") {
			t.Errorf("failing at %q: did %q and returned %v, want %q", test.fail, f.done, err, test.want)
		}
	}
}
