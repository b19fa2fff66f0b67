package journal

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Each lock_*.go gives:
//
//	acquire(path, f) takes the lock of the journal at path, open as f, or fails at once, with a *LockedError if it is held;
//	held(path, f)    tells whether somebody holds it;
//	outlivesCrash    whether a process that is killed leaves its lock behind.

// readPID reads the process id that a holder noted in a side file; 0 when there is none.
func readPID(name string) int {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// lockFault is an error of the lock itself, not a lock that is held.
func lockFault(path string, err error) error {
	return fmt.Errorf("lock journal %s: %w; put it on a local file system, one that has locks and that you may write to", path, err)
}
