//go:build portablelock || !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

// The build tag portablelock chooses this lock on any system, to try it.

package journal

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"example.com/rekey/internal/failpoint"
)

const outlivesCrash = true

// acquire makes the file path.lock, which exactly one process can: O_EXCL fails where it exists. It is the portable
// second best, for after a crash nobody removes it; the *LockedError says how.
func acquire(path string, _ *os.File) (release func() error, err error) {
	name := path + ".lock"
	failpoint.Hit("lock.create.before")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	failpoint.Hit("lock.create.after")
	if errors.Is(err, fs.ErrExist) {
		return nil, &LockedError{Path: path, PID: readPID(name), stale: name}
	}
	if err != nil {
		return nil, lockFault(path, err)
	}
	failpoint.Hit("lock.write.before")
	_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	failpoint.Hit("lock.write.after")
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
		return nil, lockFault(path, err)
	}
	return func() error {
		failpoint.Hit("lock.remove.before")
		err := os.Remove(name)
		failpoint.Hit("lock.remove.after")
		return err
	}, nil
}

// held asks whether the lock file exists.
func held(path string, _ *os.File) (bool, error) {
	_, err := os.Lstat(path + ".lock")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, lockFault(path, err)
	}
	return true, nil
}
