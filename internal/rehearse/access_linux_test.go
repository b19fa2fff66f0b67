package rehearse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/rekey/internal/pki"
	"example.com/rekey/steps"
)

// asNobody calls f in a thread of its own that is an ordinary user's, and that
// ends with it: root may write everywhere.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	const nobody = 65534
	var errno syscall.Errno
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Geteuid() == 0 {
			runtime.LockOSThread() // and never unlocked, so that the thread is not used again
			_, _, errno = syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody)
		}
		if errno == 0 {
			f()
		}
	}()
	<-done
	if errno != 0 {
		t.Skipf("an ordinary user's thread: %v", errno)
	}
}

// What the user could not make on disk is not made in a rehearsal either.
func TestRehearsedFilesThatTheUserMayNotMake(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Mkdir(filepath.Join(dir, "locked"), 0o555), os.Mkdir(filepath.Join(dir, "open"), 0o777), os.Chmod(filepath.Join(dir, "open"), 0o777)); err != nil {
		t.Fatal(err)
	}
	f := &files{}
	asNobody(t, func() {
		for _, path := range []string{"locked/a.pem", "locked/below/it/a.pem"} {
			err := f.Create(filepath.Join(dir, path), []byte("x"))
			if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), filepath.Join(dir, "locked")) {
				t.Errorf("%s: %v", path, err)
			}
		}
		if err := f.Create(filepath.Join(dir, "open", "new", "a.pem"), []byte("x")); err != nil {
			t.Error(err)
		}
	})
}

// A certificate that the live run could not enter in its ledger is not issued.
func TestLedgerThatTheUserMayNotWrite(t *testing.T) {
	dir := t.TempDir()
	locked, closed := filepath.Join(dir, "locked"), filepath.Join(dir, "closed.jsonl")
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Mkdir(locked, 0o555), os.WriteFile(closed, nil, 0o444)); err != nil {
		t.Fatal(err)
	}
	for _, ledger := range []string{filepath.Join(locked, "ca", "ledger.jsonl"), closed, dir, filepath.Join(closed, "ledger.jsonl")} {
		c := &ca{now: func() time.Time { return now }, ledger: ledger}
		asNobody(t, func() {
			if _, err := c.Issue(t.Context(), steps.CAFiles{}, pki.Request{}, "", ""); err == nil || !strings.Contains(err.Error(), "ledger") {
				t.Errorf("with %s: %v", ledger, err)
			}
		})
	}
}
