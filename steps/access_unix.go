//go:build linux || darwin

package steps

import "golang.org/x/sys/unix"

// MayWrite asks the system whether this process may make files in a folder
// (faccessat(2)): whether its effective user may write to it and search it, and
// whether its file system takes writes.
func MayWrite(dir string) error {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}
