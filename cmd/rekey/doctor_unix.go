//go:build linux || darwin

package main

import (
	"errors"
	"os"
	"syscall"

	"example.com/rekey/internal/failpoint"
	"example.com/rekey/steps"
)

// lookAt asks the system what may be done in a folder (faccessat(2), flock(2),
// statfs(2)).
func lookAt(dir string) (f folder) {
	if err := steps.MayWrite(dir); err != nil {
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
