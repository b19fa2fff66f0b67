package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// What a start of `rekey version` may take: nobody should notice it, and scripts
// start it often.
const (
	startTime   = 15 * time.Millisecond // or
	startRatio  = 6                     // times an empty Go program, on a slow machine
	startMemory = 20 << 20              // bytes of peak resident memory
	starts      = 50
)

// BenchmarkStart starts `rekey version`. It reports the median of its starts,
// that of an empty Go program, and the peak of resident memory.
func BenchmarkStart(b *testing.B) {
	rekey, empty := build(b, "example.com/rekey/cmd/rekey"), buildEmpty(b)
	for b.Loop() {
		run(b, rekey, "version")
	}
	m := measure(b, rekey, empty)
	b.ReportMetric(float64(m.rekey.Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(m.empty.Microseconds())/1000, "ms/empty")
	b.ReportMetric(float64(m.memory)/(1<<20), "MiB/peak")
}

// TestLongStart holds the limits. It measures, so it runs only when asked to.
func TestLongStart(t *testing.T) {
	if !*long {
		t.Skip("this measures: run it with -long")
	}
	// On Linux the peak of a process counts what its parent had when it was
	// started (getrusage(2)), and other tests have made this one large.
	const fresh = "REKEY_TEST_FRESH"
	if os.Getenv(fresh) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLongStart$", "-test.v", "-long")
		cmd.Env = append(os.Environ(), fresh+"=1")
		out, err := cmd.CombinedOutput()
		if t.Logf("%s", out); err != nil {
			t.Error(err)
		}
		return
	}
	m := measure(t, build(t, "example.com/rekey/cmd/rekey"), buildEmpty(t))
	t.Logf("rekey version: median %v, an empty Go program %v, peak %.1f MiB", m.rekey, m.empty, float64(m.memory)/(1<<20))
	if limit := max(startTime, startRatio*m.empty); m.rekey > limit {
		t.Errorf("a start takes %v, more than %v", m.rekey, limit)
	}
	if m.memory > startMemory {
		t.Errorf("a start takes %d bytes of memory, more than %d", m.memory, startMemory)
	}
}

type measured struct {
	rekey, empty time.Duration // medians
	memory       int64         // peak of resident memory, bytes
}

// measure starts both programs in turn, so that both meet the same machine.
func measure(tb testing.TB, rekey, empty string) measured {
	var m measured
	var ours, theirs []time.Duration
	for range starts {
		took, memory := run(tb, rekey, "version")
		ours, m.memory = append(ours, took), max(m.memory, memory)
		took, _ = run(tb, empty)
		theirs = append(theirs, took)
	}
	m.rekey, m.empty = median(ours), median(theirs)
	return m
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func run(tb testing.TB, program string, args ...string) (time.Duration, int64) {
	cmd := exec.Command(program, args...)
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v: %s", program, err, out)
	}
	return time.Since(began), peakMemory(cmd.ProcessState)
}

// peakMemory is the peak of resident memory of a process that has ended, in
// bytes; 0 where that is not known. A process begins with what this one has at
// most, for they share it until the program is loaded: that is no peak of it.
func peakMemory(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	var own syscall.Rusage
	if !ok || syscall.Getrusage(syscall.RUSAGE_SELF, &own) != nil || usage.Maxrss <= own.Maxrss {
		return 0
	}
	unit := int64(1 << 10) // getrusage(2): kibibytes, but on macOS bytes
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return int64(usage.Maxrss) * unit
}

func build(tb testing.TB, what string) string {
	out := filepath.Join(tb.TempDir(), "program")
	if text, err := exec.Command("go", "build", "-buildvcs=false", "-o", out, what).CombinedOutput(); err != nil {
		tb.Fatalf("go build %s: %v: %s", what, err, text)
	}
	return out
}

func buildEmpty(tb testing.TB) string {
	file := filepath.Join(tb.TempDir(), "main.go")
	if err := os.WriteFile(file, fmt.Appendf(nil, "package main\n\nfunc main() {}\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return build(tb, file)
}
