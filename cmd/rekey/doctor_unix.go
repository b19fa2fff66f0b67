//go:build linux || darwin

package main

import (
	"errors"
	"os"
	"syscall"

	"example.com/rekey/internal/failpoint"
)

// lookAt asks the system what may be done in a folder (access(2), flock(2),
// statfs(2)).
func lookAt(dir string) (f folder) {
	const write, enter = 2, 1 // W_OK, X_OK
	if err := syscall.Access(dir, write|enter); err != nil {
		return folder{readOnly: err}
	}
	if open, err := os.Open(dir); err == nil {
		failpoint.Hit("doctor.lock.before")
		err = syscall.Flock(int(open.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
		failpoint.Hit("doctor.lock.after")
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
			f.noLocks = err
		}
		open.Close() // and with it the lock
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err == nil {
		f.free, f.known = s.Bavail*uint64(s.Bsize), true
	}
	return f
}
