package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestMain lets the test binary play another process: one that holds a journal, or one that appends until it is killed.
func TestMain(m *testing.M) {
	path := os.Getenv("JOURNAL_TEST_PATH")
	if path == "" {
		os.Exit(m.Run())
	}
	j, recs, err := Open(path, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(len(recs))
	for os.Getenv("JOURNAL_TEST_APPEND") != "" {
		rec, err := j.Append(strings.Repeat("x", len(recs)))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(rec.Seq)
	}
	io.Copy(io.Discard, os.Stdin)
	j.Close()
	os.Exit(0)
}

// other starts another process on a journal, and returns once it has it.
func other(t *testing.T, path string, env ...string) (*exec.Cmd, *bufio.Scanner, io.Closer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "JOURNAL_TEST_PATH="+path), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() || strings.Trim(lines.Text(), "0123456789") != "" {
		t.Fatalf("the other process: %s", lines.Text())
	}
	return cmd, lines, in
}

func TestLockAgainstAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	small(t, path)
	cmd, _, in := other(t, path)
	_, _, err := Open(path, Options{})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Path != path || locked.PID != cmd.Process.Pid {
		t.Fatalf("open beside process %d: %#v", cmd.Process.Pid, err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("process %d: wait", cmd.Process.Pid)) {
		t.Error(err)
	}
	if recs, report, err := Read(path); err != nil || len(recs) != 3 || !report.Locked {
		t.Errorf("read beside: %d records, %+v, %v", len(recs), report, err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	j, _, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
}

// Killed with SIGKILL in the middle of its work, a process leaves every line that it had seen acknowledged, and no lock.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	put(t, path, nil)
	seen := 0
	for range 5 {
		cmd, lines, _ := other(t, path, "JOURNAL_TEST_APPEND=1")
		for range 20 {
			if !lines.Scan() {
				t.Fatal("the other process ended")
			}
			fmt.Sscan(lines.Text(), &seen)
		}
		cmd.Process.Kill()
		for lines.Scan() { // acknowledged before the signal
			fmt.Sscan(lines.Text(), &seen)
		}
		cmd.Wait()
		if outlivesCrash {
			var locked *LockedError
			if _, _, err := Open(path, Options{}); !errors.As(err, &locked) || !strings.Contains(err.Error(), "delete "+path+".lock") {
				t.Fatalf("after a kill: %v", err)
			}
			os.Remove(path + ".lock")
		}
		if recs, report, err := Read(path); err != nil || len(recs) < seen || report.Locked {
			t.Fatalf("%d records of %d seen, %+v, %v", len(recs), seen, report, err)
		}
	}
}

func TestLockWithinTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	for range 2 { // the refusal itself must not loosen the lock, nor may a Read
		if _, _, err := Open(path, Options{}); !errors.As(err, &locked) || locked.PID != os.Getpid() {
			t.Fatalf("second opener: %v", err)
		}
		if _, report, err := Read(path); err != nil || !report.Locked {
			t.Fatalf("read: %+v, %v", report, err)
		}
	}
	if _, err := j.Append(1); err != nil {
		t.Error(err)
	}
	j.Close()
	if j, _, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	j.Close()
}

// Those who only read never make an opener believe that the journal is in use.
func TestReadersDoNotLockOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	small(t, path)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := Read(path); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		j, _, err := Open(path, Options{})
		if err != nil {
			t.Error(err)
			break
		}
		if _, err := j.Append("x"); err != nil {
			t.Error(err)
		}
		j.Close()
	}
	close(stop)
	readers.Wait()
}

// Many openers at once: one at a time has it, and each line that was acknowledged is there.
func TestOpenersCompete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	small(t, path)
	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 8 {
		all.Go(func() {
			for range 10 {
				j, _, err := Open(path, Options{})
				if err != nil {
					if !errors.As(err, new(*LockedError)) {
						t.Error(err)
					}
					continue
				}
				if _, err := j.Append("x"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				done++
				mu.Unlock()
				j.Close()
			}
		})
	}
	all.Wait()
	recs, _, err := Read(path)
	if err != nil || done == 0 || len(recs) != 3+done {
		t.Errorf("%d records after %d appends, %v", len(recs), done, err)
	}
}
