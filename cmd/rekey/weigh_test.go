package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// weigher runs a program and writes down what that took. On Linux the peak of a
// process counts what its parent had when it was started (getrusage(2)): a test
// is a large parent, this is a small one.
const weigher = `package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Run()
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage)
	os.WriteFile(os.Args[1], fmt.Appendln(nil, usage.Utime.Nano()+usage.Stime.Nano(), usage.Maxrss), 0o600)
	os.Exit(cmd.ProcessState.ExitCode())
}
`

// weight is what a process took.
type weight struct {
	cpu  time.Duration
	peak int64 // of resident memory, bytes
}

// scales weigh programs.
type scales struct {
	testing.TB
	weigher string
}

func newScales(tb testing.TB) scales { return scales{tb, buildText(tb, weigher)} }

// command is a command that can be weighed when it is over.
func (s scales) command(ctx context.Context, program string, args ...string) (cmd *exec.Cmd, weigh func() weight) {
	file := filepath.Join(s.TempDir(), "weight")
	cmd = exec.CommandContext(ctx, s.weigher, append([]string{file, program}, args...)...)
	cmd.WaitDelay = time.Second // whatever it runs when it is killed has the output still open
	return cmd, func() (w weight) {
		s.Helper()
		text, err := os.ReadFile(file)
		if err == nil {
			_, err = fmt.Sscan(string(text), &w.cpu, &w.peak)
		}
		if err != nil {
			s.Fatalf("%s was not weighed: %v", program, err)
		}
		if runtime.GOOS != "darwin" {
			w.peak <<= 10 // getrusage(2) tells kibibytes, but on macOS bytes
		}
		return w
	}
}

// Another program's memory is not this one's.
func TestScales(t *testing.T) {
	const all = 256 << 20
	large := make([]byte, all) // which a child that is not weighed would count as its own
	for i := 0; i < len(large); i += 4096 {
		large[i] = 1
	}
	cmd, weigh := newScales(t).command(t.Context(), buildText(t, `package main

import "os"

func main() {
	own := make([]byte, 64<<20)
	for i := 0; i < len(own); i += 4096 {
		own[i] = 1
	}
	os.Exit(3 + int(own[1]))
}
`))
	out, _ := cmd.CombinedOutput()
	if w := weigh(); cmd.ProcessState.ExitCode() != 3 || w.peak < 64<<20 || w.peak > 96<<20 || w.cpu == 0 {
		t.Errorf("exit %d, %d MiB, %v: %s", cmd.ProcessState.ExitCode(), w.peak>>20, w.cpu, out)
	}
	runtime.KeepAlive(large)
}
