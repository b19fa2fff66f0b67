package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// Store serves an org that lives in a file and that several processes share.
// Each request holds a lock on the file (a file beside it, with ".lock" added
// to the name), reads the org anew if another process has changed it, and
// after a change replaces the file before its answer leaves. A crash leaves
// the old file or the new one, never a part.
//
// It is safe for concurrent use. Requests that wait while a file is being
// replaced are then carried out one after the other and share the next
// replacement: the disk is asked once for all of them, and no answer leaves
// before what it says is there.
type Store struct {
	path   string
	server *Server
	lock   fileLock

	queue   sync.Mutex
	waiting []*work // what nobody has taken up yet

	mu     sync.Mutex  // of everything below, and of the lock
	loaded os.FileInfo // the file that the org in memory came from or went to
}

// work is what a request does with the org. All but do belongs to the
// goroutine that has [Store].mu.
type work struct {
	do       func()
	done     bool
	panicked any // what do ended with instead of returning
	err      error
}

// Open opens the org in the file path; if there is none, it makes the default
// org, dated by opt.Now, and the folders above it. Close the Store when done.
func Open(path string, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("the sandbox has no place for its org: %w; choose another state folder", err)
	}
	lock, err := openLock(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("the sandbox org cannot be locked: %w; choose another state folder", err)
	}
	s := &Store{path: path, lock: lock, server: New(NewOrg(), opt)}
	s.server.around = s.transact
	if err := s.whileLocked(func() error { return s.loadOrSeed(opt) }); err != nil {
		lock.close()
		return nil, err
	}
	return s, nil
}

// ServeHTTP answers one request from the org in the file.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.server.ServeHTTP(w, r) }

// Org is a copy of the org as it is now in the file.
func (s *Store) Org() (*Org, error) {
	var o *Org
	err := s.transact(func() { o = s.server.org.Clone() })
	return o, err
}

// Close gives the file up. The Store must not be used afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lock.close()
}

// transact calls do with the file locked and the org up to date, and saves
// what do has changed. Whoever has the lock does the work of all who wait.
func (s *Store) transact(do func()) error {
	own := &work{do: do}
	s.queue.Lock()
	s.waiting = append(s.waiting, own)
	s.queue.Unlock()
	s.mu.Lock()
	if !own.done {
		s.queue.Lock()
		all := s.waiting
		s.waiting = nil
		s.queue.Unlock()
		s.carryOut(all)
	}
	s.mu.Unlock()
	if own.panicked != nil {
		panic(own.panicked)
	}
	return own.err
}

// carryOut does the works in turn and saves the org if they changed it. If it
// cannot be saved, all that happened from the first change on did not.
func (s *Store) carryOut(all []*work) {
	ended := 0 // works whose end is known
	err := s.whileLocked(func() error {
		if err := s.load(); err != nil {
			return err
		}
		before := s.server.org.currentVersion()
		for i, w := range all {
			w.run()
			if s.server.org.currentVersion() == before {
				ended = i + 1
			}
		}
		if ended == len(all) {
			return nil
		}
		if err := s.save(); err != nil {
			s.loaded = nil // memory is ahead of the file: read that again
			return err
		}
		return nil
	})
	for i, w := range all {
		if w.done = true; i >= ended {
			w.err = err
		}
	}
}

// run calls do; a panic is for the goroutine that asked.
func (w *work) run() {
	defer func() { w.panicked = recover() }()
	w.do()
}

// whileLocked calls do with the file locked against other processes.
func (s *Store) whileLocked(do func() error) error {
	if err := s.lock.lock(); err != nil {
		return fmt.Errorf("the sandbox org %s cannot be locked: %w", s.path, err)
	}
	defer s.lock.unlock()
	return do()
}

func (s *Store) loadOrSeed(opt Options) error {
	err := s.load()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	o, err := DefaultOrg(opt.Now())
	if err != nil {
		return err
	}
	s.server.org.replace(o)
	return s.save()
}

// load reads the file unless it is the one that was read or written last.
func (s *Store) load() error {
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("the sandbox org is gone: %w; start the command again for a new one", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if s.loaded != nil && os.SameFile(s.loaded, info) && s.loaded.ModTime().Equal(info.ModTime()) && s.loaded.Size() == info.Size() {
		return nil
	}
	o, err := ReadOrg(f)
	if err != nil {
		return fmt.Errorf("%s: %w, or delete it to start afresh", s.path, err)
	}
	s.server.org.replace(o)
	s.loaded = info
	return nil
}

func (s *Store) save() error {
	var b bytes.Buffer
	if err := s.server.org.Write(&b); err != nil {
		return err
	}
	info, err := replaceFile(s.path, b.Bytes())
	if err != nil {
		return fmt.Errorf("the sandbox org cannot be saved: %w", err)
	}
	s.loaded = info
	return nil
}

// replaceFile puts data in place of a file durably: into a temporary file
// beside it, to the disk, over the old name, and the folder to the disk too.
// Only the user may read it. It returns what the new file is known by.
func replaceFile(path string, data []byte) (info os.FileInfo, err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		info, err = f.Stat()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, err
	}
	return info, syncDir(dir)
}

// syncDir makes a rename in a folder durable, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
