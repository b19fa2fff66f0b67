package journal

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// faulty is a file of which one operation fails.
type faulty struct {
	*os.File
	op    string // "write", "sync", "truncate"
	after int    // operations of that name that succeed before
	keep  int    // bytes that a failing write writes all the same; below 0: all but so many
	err   error  // nil: a short write without an error

	log *[]string
}

func (f *faulty) fails(op string) bool {
	if f.log != nil {
		*f.log = append(*f.log, op)
	}
	if op != f.op {
		return false
	}
	f.after--
	return f.after < 0
}

func (f *faulty) Write(p []byte) (int, error) {
	if !f.fails("write") {
		return f.File.Write(p)
	}
	keep := min(f.keep, len(p))
	if keep < 0 {
		keep += len(p)
	}
	n, _ := f.File.Write(p[:keep])
	return n, f.err
}

func (f *faulty) Sync() error {
	if f.fails("sync") {
		return f.err
	}
	return f.File.Sync()
}

func (f *faulty) Truncate(size int64) error {
	if f.fails("truncate") {
		return f.err
	}
	return f.File.Truncate(size)
}

func with(f faulty) Options {
	return Options{Now: clock(), wrap: func(under *os.File) file {
		f.File = under
		return &f
	}}
}

func TestAppendFails(t *testing.T) {
	fourth := len(appendLine(nil, 4, clock()(), []byte(`"fourth"`), "")) - len(".5") // at a full second
	for name, c := range map[string]struct {
		fault faulty
		torn  int
		whole int // records on disk afterwards
	}{
		"disk full, nothing written":     {faulty{op: "write", after: 2, err: syscall.ENOSPC}, 0, 3},
		"disk full, a part written":      {faulty{op: "write", after: 2, keep: 17, err: syscall.ENOSPC}, 17, 3},
		"disk fails in writing":          {faulty{op: "write", after: 2, keep: 5, err: syscall.EIO}, 5, 3},
		"all but the newline written":    {faulty{op: "write", after: 2, keep: -1, err: syscall.EIO}, fourth - 1, 3},
		"short write without an error":   {faulty{op: "write", after: 2, keep: 40}, 40, 3},
		"disk fails in syncing":          {faulty{op: "sync", after: 2, err: syscall.EIO}, 0, 4},
		"disk full, noticed in syncing":  {faulty{op: "sync", after: 2, err: syscall.ENOSPC}, 0, 4},
		"whole line written, then error": {faulty{op: "write", after: 2, keep: 1 << 20, err: syscall.EIO}, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "j")
			// The rewritten last line of Open and one Append succeed, the second Append fails.
			data := small(t, path)
			put(t, path, data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1])
			j, _, err := Open(path, with(c.fault))
			if err != nil {
				t.Fatal(err)
			}
			last, err := j.Append("third")
			if err != nil {
				t.Fatal(err)
			}
			_, first := j.Append("fourth")
			_, second := j.Append("fifth")
			for _, err := range []error{first, second} {
				if !errors.Is(err, ErrBroken) || c.fault.err != nil && !errors.Is(err, c.fault.err) || !strings.Contains(err.Error(), "event 4") {
					t.Errorf("append: %v", err)
				}
			}
			if j.Head() != last.Hash {
				t.Error("the head moved")
			}
			j.Close()

			recs, report, err := Read(path)
			if err != nil || len(recs) != c.whole || report.Torn != c.torn {
				t.Fatalf("read %d records, %+v, %v", len(recs), report, err)
			}
			j, recs, err = Open(path, Options{})
			if err != nil || len(recs) != c.whole || (j.SetAside() != "") != (c.torn > 0) {
				t.Fatalf("open again: %d records, %v", len(recs), err)
			}
			defer j.Close()
			if rec, err := j.Append("again"); err != nil || rec.Seq != c.whole+1 {
				t.Errorf("append again: %+v, %v", rec, err)
			}
		})
	}
}

// Whichever append fails, and however much of its line reached the disk: nothing is asked of the disk after that, what was
// acknowledged is there, and whoever opens the journal again can record the rest.
func TestEveryAppendFails(t *testing.T) {
	const n = 5
	event := func(i int) string { return strings.Repeat("event ", i) }
	for failing := range n {
		length := len(appendLine(nil, failing+1, clock()(), []byte(`"`+event(failing)+`"`), ""))
		type variant struct {
			faulty
			whole bool // the line is on disk all the same
		}
		variants := []variant{
			{faulty{op: "sync", err: syscall.EIO}, true},
			{faulty{op: "sync", err: syscall.ENOSPC}, true},
			{faulty{op: "write", keep: 1 << 20, err: syscall.EIO}, true},
			{faulty{op: "write", keep: -1}, false},
		}
		for _, keep := range []int{0, 1, length / 2, length - 5} {
			for _, err := range []error{syscall.ENOSPC, syscall.EIO, nil} {
				variants = append(variants, variant{faulty{op: "write", keep: keep, err: err}, false})
			}
		}
		for _, v := range variants {
			path := filepath.Join(t.TempDir(), "j")
			var log []string
			fault := v.faulty
			if fault.log, fault.after = &log, failing; fault.op == "sync" {
				fault.after++ // that of Create
			}
			j, err := Create(path, with(fault))
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				ops := len(log)
				rec, err := j.Append(event(i))
				if (err == nil) != (i < failing) || err == nil && rec.Seq != i+1 {
					t.Fatalf("%+v: append %d: %+v, %v", v, i+1, rec, err)
				}
				if i >= failing && !errors.Is(err, ErrBroken) || i > failing && len(log) > ops {
					t.Fatalf("%+v: append %d: %v after %v", v, i+1, err, log[ops:])
				}
			}
			j.Close()
			onDisk := failing
			if v.whole {
				onDisk++
			}
			j, recs, err := Open(path, Options{Now: clock()})
			if err != nil || len(recs) != onDisk {
				t.Fatalf("%+v: %d records, want %d, %v", v, len(recs), onDisk, err)
			}
			for i := onDisk; i < n; i++ {
				if _, err := j.Append(event(i)); err != nil {
					t.Fatal(err)
				}
			}
			j.Close()
			recs, _, err = Read(path)
			for i, rec := range recs {
				if string(rec.Event) != `"`+event(i)+`"` {
					t.Fatalf("%+v: event %d is %s", v, i+1, rec.Event)
				}
			}
			if err != nil || len(recs) != n {
				t.Fatalf("%+v: in the end %d records, %v", v, len(recs), err)
			}
		}
	}
}

func TestCreateFails(t *testing.T) {
	dir := t.TempDir()
	_, err := Create(filepath.Join(dir, "j"), with(faulty{op: "sync", err: syscall.EIO}))
	if !errors.Is(err, syscall.EIO) || names(t, dir) != "" {
		t.Errorf("%v, left %q", err, names(t, dir))
	}
}

// An Open that fails half-way loses nothing and gives the lock back.
func TestOpenFails(t *testing.T) {
	for _, fault := range []faulty{
		{op: "truncate", err: syscall.EIO},
		{op: "write", err: syscall.ENOSPC},
		{op: "sync", err: syscall.EIO},
	} {
		t.Run(fault.op, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "j")
			data := small(t, path)
			put(t, path, data[:len(data)-1])
			if _, _, err := Open(path, with(fault)); !errors.Is(err, fault.err) || errors.Is(err, ErrBroken) {
				t.Fatalf("open: %v", err)
			}
			if !bytes.HasPrefix(data, get(t, path)) {
				t.Errorf("left %q", get(t, path))
			}
			j, recs, err := Open(path, Options{})
			if err != nil || len(recs) != 2 {
				t.Fatalf("open again: %d records, %v", len(recs), err)
			}
			j.Close()
		})
	}
}

// A line whose fsync is outstanding is written anew and synced before Open hands it out; a torn one is cut before that.
func TestOrderOfOperations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	var log []string
	j, err := Create(path, with(faulty{log: &log}))
	if err != nil {
		t.Fatal(err)
	}
	j.Append(1)
	j.Close()
	put(t, path, append(get(t, path), '{'))
	j, _, err = Open(path, with(faulty{log: &log}))
	if err != nil {
		t.Fatal(err)
	}
	j.Append(2)
	j.Close()
	if got, want := strings.Join(log, " "), "sync write sync truncate write sync write sync"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What stands beside a journal is read if it is a file, and nothing else is even opened: a pipe that nobody writes to would
// keep its reader for ever.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "playbook.yaml")
	if _, err := ReadFile(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("a missing file: %v", err)
	}
	put(t, path, []byte("text"))
	if data, err := ReadFile(path); err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err == nil {
		if data, err := ReadFile(filepath.Join(dir, "link")); err != nil || string(data) != "text" {
			t.Errorf("through a link: %q, %v", data, err)
		}
	}
	if _, err := ReadFile(dir); err == nil || !strings.Contains(err.Error(), "a folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := ReadFile("/dev/null"); runtime.GOOS != "windows" && (err == nil || !strings.Contains(err.Error(), "a device")) {
		t.Errorf("a device: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if text, err := exec.Command("mkfifo", pipe).CombinedOutput(); err != nil {
		t.Skipf("mkfifo: %v: %s", err, text)
	}
	for name, read := range map[string]func() error{
		"ReadFile": func() error { _, err := ReadFile(pipe); return err },
		"Read":     func() error { _, _, err := Read(pipe); return err },
		"Open":     func() error { _, _, err := Open(pipe, Options{}); return err },
	} {
		done := make(chan error, 1)
		go func() { done <- read() }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), "a pipe") {
				t.Errorf("%s of a pipe: %v", name, err)
			}
		case <-time.After(2 * time.Minute):
			t.Errorf("%s waits for a pipe", name)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plan.json")
	for _, perm := range []os.FileMode{0o600, 0o644, 0o666} {
		data := []byte(perm.String())
		if err := WriteFile(path, data, perm); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(get(t, path), data) || mode(t, path) != perm {
			t.Errorf("%s with mode %o, want %o", get(t, path), mode(t, path), perm)
		}
	}
	if err := WriteFile(filepath.Join(dir, "no", "x"), nil, 0o600); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into a folder that is not there: %v", err)
	}
	os.Mkdir(filepath.Join(dir, "folder"), 0o700)
	if err := WriteFile(filepath.Join(dir, "folder"), nil, 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if got := names(t, dir); got != "folder plan.json" {
		t.Errorf("left: %s", got)
	}
	target := filepath.Join(dir, "target")
	put(t, target, []byte("kept"))
	if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if err := WriteFile(filepath.Join(dir, "link"), []byte("new"), 0o600); err != nil || string(get(t, target)) != "kept" {
		t.Errorf("through a link: %v, target %q", err, get(t, target))
	}
}
