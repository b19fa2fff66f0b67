package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/rekey/internal/failpoint"
)

// Lock takes the lock that a journal has on a file that is none. The file is made with mode 0600 if it is missing, and
// folders above it with 0700, which are on disk then. It does not wait: a file that is locked yields a *LockedError.
// Release gives the lock back and leaves the file; a process that ends without it leaves the lock only where the system
// has no flock.
func Lock(path string) (release func() error, err error) {
	if err := makeFolders(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("lock %s: %w; choose a folder that you may write to", path, err)
	}
	failpoint.Hit("lockfile.create.before")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	failpoint.Hit("lockfile.create.after")
	if err != nil {
		return nil, fmt.Errorf("lock: %w; choose a folder that you may write to", err)
	}
	unlock, err := acquire(path, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error { return errors.Join(unlock(), f.Close()) }, nil
}

// Held answers with a *LockedError if somebody, maybe this process, has the lock of a journal or of a file that Lock
// took, and with nil if nobody has or there is no such file. It takes no lock that would keep anybody out.
func Held(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return lockFault(path, err)
	}
	defer f.Close()
	locked, err := held(path, f)
	if err == nil && locked {
		err = heldBy(path)
	}
	return err
}

// Remove removes a file that Lock took, whether it is still locked or was left by a process that ended. One that is not
// there is no error.
func Remove(path string) error {
	failpoint.Hit("lockfile.remove.before")
	err := os.Remove(path)
	failpoint.Hit("lockfile.remove.after")
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if !outlivesCrash {
		os.Remove(path + ".pid") // only a note
	}
	return err
}

// heldBy tells who has a lock, as acquire would.
func heldBy(path string) *LockedError {
	if outlivesCrash {
		return &LockedError{Path: path, PID: readPID(path + ".lock"), stale: path + ".lock"}
	}
	return &LockedError{Path: path, PID: readPID(path + ".pid")}
}

// Mark is the file that stands for the lock and that a crash may have left behind: if the process is gone, it has to be
// deleted by hand. It is empty where the kernel clears locks.
func (e *LockedError) Mark() string { return e.stale }

// OutlivesCrash tells that a process which is killed leaves its locks behind, because this system has no flock.
const OutlivesCrash = outlivesCrash
