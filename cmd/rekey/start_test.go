package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
		started(b, rekey, "version")
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
	scales := newScales(tb)
	for range starts {
		ours, theirs = append(ours, started(tb, rekey, "version")), append(theirs, started(tb, empty))
		cmd, weigh := scales.command(tb.Context(), rekey, "version")
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("%v: %s", err, out)
		}
		m.memory = max(m.memory, weigh().peak)
	}
	m.rekey, m.empty = median(ours), median(theirs)
	return m
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// started is how long a program takes from its start to its end.
func started(tb testing.TB, program string, args ...string) time.Duration {
	cmd := exec.Command(program, args...)
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v: %s", program, err, out)
	}
	return time.Since(began)
}

func build(tb testing.TB, what string) string {
	out := filepath.Join(tb.TempDir(), "program")
	if text, err := exec.Command("go", "build", "-buildvcs=false", "-o", out, what).CombinedOutput(); err != nil {
		tb.Fatalf("go build %s: %v: %s", what, err, text)
	}
	return out
}

func buildEmpty(tb testing.TB) string { return buildText(tb, "package main\n\nfunc main() {}\n") }

// buildText builds a program of one file.
func buildText(tb testing.TB, text string) string {
	file := filepath.Join(tb.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return build(tb, file)
}
