//go:build !portablelock && (darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package journal

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"

	"example.com/rekey/internal/failpoint"
)

const outlivesCrash = false

// acquire locks the journal's own file with flock(2): the lock belongs to this opening of the file, so that it also
// keeps out another one in the same process, and the kernel drops it with the process. (A lock by fcntl would be lost as
// soon as this process closed any other descriptor of the file, as Read does.)
func acquire(path string, f *os.File) (release func() error, err error) {
	fd := int(f.Fd())
	for try := 0; ; try++ {
		err := flock(fd, syscall.LOCK_EX)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, lockFault(path, err)
		}
		// A shared lock is a reader's short question (see held), or another opener at this very place: soon over. Only a
		// writer's exclusive lock keeps a shared one out.
		if err := flock(fd, syscall.LOCK_SH); err != nil || try == 500 {
			return nil, &LockedError{Path: path, PID: readPID(path + ".pid")}
		}
		if err := flock(fd, syscall.LOCK_UN); err != nil {
			return nil, lockFault(path, err)
		}
		time.Sleep(time.Millisecond + time.Duration(os.Getpid()%16)*100*time.Microsecond)
	}
	// Only for the message of those who come later: without it, or with an old one, the lock is as good.
	failpoint.Hit("lock.note.before")
	noted := os.WriteFile(path+".pid", []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600) == nil
	failpoint.Hit("lock.note.after")
	if !noted {
		os.Remove(path + ".pid") // a full disk leaves an empty one
	}
	return func() error {
		var err error
		if noted {
			failpoint.Hit("lock.unnote.before")
			err = os.Remove(path + ".pid")
			failpoint.Hit("lock.unnote.after")
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
		return errors.Join(err, flock(fd, syscall.LOCK_UN))
	}, nil
}

// held asks by taking a shared lock for a moment, which a writer's lock alone prevents.
func held(path string, f *os.File) (bool, error) {
	err := flock(int(f.Fd()), syscall.LOCK_SH)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err == nil {
		err = flock(int(f.Fd()), syscall.LOCK_UN)
	}
	if err != nil {
		return false, lockFault(path, err)
	}
	return false, nil
}

func flock(fd, how int) error {
	for {
		failpoint.Hit("lock.flock.before")
		err := syscall.Flock(fd, how|syscall.LOCK_NB)
		failpoint.Hit("lock.flock.after")
		if err != syscall.EINTR {
			return err
		}
	}
}
