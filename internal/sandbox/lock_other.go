//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// fileLock is a lock where the system has no flock: the one who makes the file
// has the lock. A crash leaves it behind.
type fileLock struct{ path string }

func openLock(path string) (fileLock, error) { return fileLock{path}, nil }

// lock waits up to ten seconds, then takes the lock for left behind.
func (l fileLock) lock() error {
	for range 1000 {
		f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("it is locked; if no other sandbox runs, delete %s", l.path)
}

func (l fileLock) unlock() { os.Remove(l.path) }

func (l fileLock) close() error { return nil }
