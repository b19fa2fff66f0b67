//go:build unix

package cputime

import (
	"syscall"
	"time"
)

// Spent is the processor time that this process has taken. Unlike the wall's
// clock it stands still while other processes have the machine.
func Spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
