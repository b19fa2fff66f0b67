package steps

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"example.com/rekey/internal/failpoint"
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
	failpoint.Hit("export.link.before")
	err := os.Link(temporary, path) // unlike a rename it never replaces a file
	failpoint.Hit("export.link.after")
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = writeNew(path, data) // a file system without links
	}
	failpoint.Hit("export.unlink.before")
	gone := os.Remove(temporary)
	failpoint.Hit("export.unlink.after")
	if err != nil {
		return err
	} else if gone != nil {
		return errors.Join(gone, os.Remove(path))
	}
	failpoint.Hit("export.folder.before")
	err = syncFolder(filepath.Dir(path))
	failpoint.Hit("export.folder.after")
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writeNew writes a file that must not exist and syncs it. After an error
// there is no file, unless it was there before.
func writeNew(path string, data []byte) error {
	failpoint.Hit("export.create.before")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	failpoint.Hit("export.create.after")
	if err != nil {
		return err
	}
	failpoint.Hit("export.write.before")
	_, err = f.Write(data)
	failpoint.Hit("export.write.after")
	if err == nil {
		failpoint.Hit("export.fsync.before")
		err = f.Sync()
		failpoint.Hit("export.fsync.after")
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
	failpoint.Hit("export.mkdir.before")
	err := os.MkdirAll(dir, 0o755)
	failpoint.Hit("export.mkdir.after")
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(missing) {
		failpoint.Hit("export.parent.before")
		err := syncFolder(filepath.Dir(d))
		failpoint.Hit("export.parent.after")
		if err != nil {
			return err
		}
	}
	return nil
}

// Remove removes a file; one that is gone is no error.
func (OSFiles) Remove(path string) error {
	failpoint.Hit("export.remove.before")
	err := os.Remove(path)
	failpoint.Hit("export.remove.after")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	failpoint.Hit("export.gone.before")
	err = syncFolder(filepath.Dir(path))
	failpoint.Hit("export.gone.after")
	return err
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
