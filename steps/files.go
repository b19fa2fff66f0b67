package steps

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// OSFiles is the file system of a live run. It is safe for concurrent use:
// of several that create one file a single one succeeds, and folders that
// several need are made once.
type OSFiles struct{}

// Folder is the working directory.
func (OSFiles) Folder() (string, error) { return os.Getwd() }

// Read returns a file's content.
func (OSFiles) Read(path string) ([]byte, error) { return os.ReadFile(path) }

// Create writes a new file durably: under another name first, so that even a
// process that is killed leaves it whole or not at all. Folders that are
// missing are made.
func (OSFiles) Create(path string, data []byte) error {
	if err := makeFolders(filepath.Dir(path)); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	temporary := filepath.Join(filepath.Dir(path), ".rekey-"+rand.Text())
	if err := writeNew(temporary, data); err != nil {
		return err
	}
	err := os.Link(temporary, path) // unlike a rename it never replaces a file
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = writeNew(path, data) // a file system without links
	}
	if gone := os.Remove(temporary); err != nil {
		return err
	} else if gone != nil {
		return errors.Join(gone, os.Remove(path))
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writeNew writes a file that must not exist and syncs it. After an error
// there is no file, unless it was there before.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// making is held while folders are made. Without it, who finds a folder that
// another goroutine has just made would take it for durable before it is. It
// belongs to no value: the file system is one for the whole process.
var making sync.Mutex

// makeFolders makes a folder and those above it that are missing, each
// durably.
func makeFolders(dir string) error {
	making.Lock()
	defer making.Unlock()
	var missing []string
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		missing = append(missing, d)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range slices.Backward(missing) {
		if err := syncFolder(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes a file; one that is gone is no error.
func (OSFiles) Remove(path string) error {
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
