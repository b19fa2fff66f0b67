package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"example.com/rekey/internal/failpoint"
)

// Options are the settings of Create and Open; the zero value is the default.
type Options struct {
	Now func() time.Time // stamps the records; nil means time.Now

	wrap func(*os.File) file // lets a test stand between a journal and its disk; nil means nothing does
}

// file is what a journal needs of its file after it is open.
type file interface {
	io.Writer
	Sync() error
	Truncate(size int64) error
	Close() error
}

func (o Options) file(f *os.File) file {
	if o.wrap == nil {
		return f
	}
	return o.wrap(f)
}

// Journal is an open journal, of which there is one at a time for a file. Its methods may be called concurrently.
type Journal struct {
	path  string
	now   func() time.Time
	aside string

	mu      sync.Mutex
	f       file
	release func() error
	seq     int
	head    string
	broken  error
	closed  bool
}

// Create makes a new, empty journal and locks it: the file with mode 0600, folders that are missing with 0700, all of them
// on disk when it returns. A file that exists is an error (errors.Is fs.ErrExist) and stays as it is.
func Create(path string, opt Options) (*Journal, error) {
	folder := filepath.Dir(path)
	if err := makeFolders(folder); err != nil {
		return nil, fmt.Errorf("create journal %s: %w; choose a folder that you may write to", path, err)
	}
	failpoint.Hit("journal.create.before")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	failpoint.Hit("journal.create.after")
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create journal %s: %w; open that one, or choose another name", path, fs.ErrExist)
	}
	if err != nil {
		return nil, fmt.Errorf("create journal %s: %w; choose a folder that you may write to", path, err)
	}
	release, err := acquire(path, f)
	if err != nil {
		f.Close()
		if !errors.As(err, new(*LockedError)) { // who holds it, opened it since: then the file is theirs
			os.Remove(path)
		}
		return nil, err
	}
	j := newJournal(path, opt, f, release)
	failpoint.Hit("journal.create.fsync.before")
	err = j.f.Sync()
	failpoint.Hit("journal.create.fsync.after")
	if err == nil {
		failpoint.Hit("journal.create.folder.before")
		err = syncFolder(folder)
		failpoint.Hit("journal.create.folder.after")
	}
	if err != nil {
		os.Remove(path)
		j.Close()
		return nil, fmt.Errorf("create journal %s: %w; check the disk", path, err)
	}
	return j, nil
}

func newJournal(path string, opt Options, f *os.File, release func() error) *Journal {
	j := &Journal{path: path, now: opt.Now, f: opt.file(f), release: release}
	if j.now == nil {
		j.now = time.Now
	}
	return j
}

// Open locks a journal, verifies every line of it and returns their records; the next Append continues it. A last line
// without its newline is first copied to a file beside it, see SetAside, and cut. When Open returns, all records are on
// disk: also those that an earlier process wrote and had no time to sync.
//
// A journal in use yields a *LockedError, one that does not verify a *DamageError; neither changes it. A missing file
// yields an error that is fs.ErrNotExist.
func Open(path string, opt Options) (*Journal, []Record, error) {
	f, err := openRegular(path, os.O_RDWR)
	if err != nil {
		return nil, nil, err
	}
	release, err := acquire(path, f)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	j := newJournal(path, opt, f, release)
	s, err := scan(path, f)
	if err == nil {
		err = j.mend(f, s)
	}
	if err != nil {
		j.Close()
		return nil, nil, err
	}
	j.seq, j.head = len(s.records), s.head
	return j, s.records, nil
}

// mend takes a torn line away, makes sure that the rest is on disk, and leaves the position at the end.
func (j *Journal) mend(f *os.File, s scanned) error {
	fail := func(err error) error {
		return fmt.Errorf("open journal %s: %w; check the space on its disk and that you may write there, then try again", j.path, err)
	}
	if len(s.tail) > 0 {
		aside, err := setAside(j.path, s.tail)
		if err != nil {
			return fail(fmt.Errorf("set its torn last line aside: %w", err))
		}
		j.aside = aside
		failpoint.Hit("journal.cut.before")
		err = j.f.Truncate(s.end)
		failpoint.Hit("journal.cut.after")
		if err != nil {
			return fail(err)
		}
	}
	// The last line is written over itself with the same bytes: if its fsync failed once, the kernel takes its pages for
	// clean, and another fsync alone would not write them.
	if _, err := f.Seek(s.end-int64(len(s.last)), io.SeekStart); err != nil {
		return fail(err)
	}
	failpoint.Hit("journal.again.write.before")
	err := writeAll(j.f, s.last)
	failpoint.Hit("journal.again.write.after")
	if err != nil {
		return fail(err)
	}
	failpoint.Hit("journal.again.fsync.before")
	err = j.f.Sync()
	failpoint.Hit("journal.again.fsync.after")
	if err != nil {
		return fail(err)
	}
	failpoint.Hit("journal.again.folder.before")
	err = syncFolder(filepath.Dir(j.path))
	failpoint.Hit("journal.again.folder.after")
	if err != nil {
		return fail(err)
	}
	return nil
}

// setAside keeps a torn line in the first of path.torn-1, path.torn-2, … that does not exist.
func setAside(path string, tail []byte) (name string, err error) {
	var f *os.File
	for n := 1; ; n++ {
		name = fmt.Sprintf("%s.torn-%d", path, n)
		failpoint.Hit("torn.create.before")
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		failpoint.Hit("torn.create.after")
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	if err := finish(f, tail); err != nil {
		os.Remove(name)
		return "", err
	}
	failpoint.Hit("torn.folder.before")
	err = syncFolder(filepath.Dir(path))
	failpoint.Hit("torn.folder.after")
	return name, err
}

// SetAside is the name of the file to which Open moved a torn last line; "" if there was none.
func (j *Journal) SetAside() string { return j.aside }

// Append records an event, any value that encoding/json can encode, as the next line. When it returns without an error
// the line is on disk. A line over MaxLine is refused. After an error, of whatever cause, the journal is broken: this and
// every later Append answers ErrBroken, wrapping the first cause, and writes nothing.
func (j *Journal) Append(event any) (Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return Record{}, j.broken
	}
	line, rec, err := j.encode(event)
	if err == nil {
		failpoint.Hit("journal.write.before")
		err = writeAll(j.f, line)
		failpoint.Hit("journal.write.after")
	}
	if err == nil {
		failpoint.Hit("journal.fsync.before")
		err = j.f.Sync()
		failpoint.Hit("journal.fsync.after")
	}
	if err != nil {
		j.broken = &brokenError{path: j.path, seq: j.seq + 1, cause: err}
		return Record{}, j.broken
	}
	j.seq, j.head = rec.Seq, rec.Hash
	return rec, nil
}

// encode renders an event as the next line, and reads it back: nothing is written that a later Open would refuse.
func (j *Journal) encode(event any) ([]byte, Record, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(event); err != nil {
		return nil, Record{}, fmt.Errorf("encode the event: %w", err)
	}
	line := appendLine(nil, j.seq+1, j.now(), bytes.TrimSuffix(text.Bytes(), []byte("\n")), j.head)
	if len(line) > MaxLine {
		return nil, Record{}, fmt.Errorf("its line has %d bytes, over the limit of %d MiB; record less at once", len(line), MaxLine>>20)
	}
	rec, reason := parseLine(line[:len(line)-1], j.seq+1, j.head)
	if reason != "" {
		return nil, Record{}, fmt.Errorf("the line could not be read back: it %s", reason)
	}
	return line, rec, nil
}

// Head is the hash of the last line, and so of the whole journal; "" while it is empty.
func (j *Journal) Head() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head
}

// Close gives the lock back and closes the file. Nothing is written: every line that was acknowledged is on disk already.
// A second Close does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if j.broken == nil {
		j.broken = &brokenError{path: j.path, seq: j.seq + 1, cause: fs.ErrClosed}
	}
	// Given back by name and not only by closing: a child between fork and exec may hold the descriptor a moment longer.
	if err := errors.Join(j.release(), j.f.Close()); err != nil {
		return fmt.Errorf("close journal %s: %w", j.path, err)
	}
	return nil
}

// Report is what Read finds beside the records.
type Report struct {
	Torn   int    // bytes of an unfinished last line: 0 in a journal that was left in peace
	Head   string // hash of the last whole line; "" if there is none
	Locked bool   // some process, maybe this one, has the journal open
}

// Read returns a journal's records without the lock and changes nothing, so it may run beside a writer: what is just
// being written counts as torn. Damage yields a *DamageError and the records before it.
func Read(path string) ([]Record, Report, error) {
	f, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, Report{}, err
	}
	defer f.Close()
	// Asked before the lines are read: a run that ends in between is then shown as alive with all its lines, never as dead
	// with some of them missing.
	locked, err := held(path, f)
	if err != nil {
		return nil, Report{}, err
	}
	s, err := scan(path, f)
	return s.records, Report{Torn: len(s.tail), Head: s.head, Locked: locked}, err
}

// openRegular opens a journal that exists. Pipes and devices are refused before they are opened, as that may block.
func openRegular(path string, flag int) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w; check the name, or restore the file from a backup", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open journal %s: it is %s and no regular file; move it away and restore the file from a backup", path, kindOf(info.Mode()))
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w; check the file's owner and mode", err)
	}
	return f, nil
}
