package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What `rekey check` may take of a machine, whatever it is given.
const (
	checkTime = time.Second
	checkCPU  = 3 * checkTime / 2 // see try
	checkPeak = 256 << 20         // bytes of resident memory
	checkHung = patience
)

// TestLimits gives hostile and large documents to the real command, in a
// process of its own: those that a plain mistake or a plain attack would be,
// and those that were found to cost most. TestLongLimits gives it all of them.
func TestLimits(t *testing.T) {
	l := &limits{T: t, scales: newScales(t), rekey: build(t, "example.com/rekey/cmd/rekey"), only: []string{
		"empty", "brackets", "braces", "dashes", "expressions", "aliases", "single quotes", "double quotes", "NUL", "invalid UTF-8",
		"keys in lines", "tags", "a late quote", "chained steps", "absent chain",
		"misspelt steps", "misspelt among inputs", "long expressions", "patterns",
		"a pattern against a default", "vars that double", "too many vars in braces",
		"a large var in lists", "loops with everything", "blocks too deep",
	}}
	refusedAtOnce(l.try)
	large(l.try)
	loops(l.try)
	for _, name := range l.only {
		if !slices.Contains(l.tried, name) {
			t.Errorf("there is no document of the name %q", name)
		}
	}
	l.report()
}

// TestLongLimits takes a minute or more, so it runs only when asked to.
func TestLongLimits(t *testing.T) {
	if !*long {
		t.Skip("this takes long: run it with -long")
	}
	l := &limits{T: t, scales: newScales(t), rekey: build(t, "example.com/rekey/cmd/rekey")}
	refusedAtOnce(l.try)
	large(l.try)
	loops(l.try)
	l.report()
}

// limits tries documents and keeps the worst that it measured.
type limits struct {
	*testing.T
	scales scales
	rekey  string
	only   []string // names; nil: all
	tried  []string
	worst  [3]string // by wall time, CPU time, memory
	most   [3]int64
}

// try checks one document. Where a machine does other things beside, the clock
// says little; the time of the CPU, no less than that of the clock where nothing
// else runs, then still tells what grows too fast. It grows by half itself while
// two programs share a core. So either may hold, once in three times; and on a
// slow machine the time of the CPU may be as much longer as it is slower.
func (l *limits) try(name string, exit int, text string) {
	if l.only != nil && !slices.Contains(l.only, name) {
		return
	}
	l.tried = append(l.tried, name)
	var wall, cpu time.Duration
	for range 3 {
		var peak int64
		var out string
		var code int
		wall, cpu, peak, code, out = l.check(name, text)
		if code != exit || strings.Contains(out, "goroutine ") {
			l.Errorf("%s: it exits with %d, not %d, after %v (%v of the CPU) and says %.300s", name, code, exit, wall, cpu, out)
			return
		}
		if peak > checkPeak {
			l.Errorf("%s: it takes %d MiB", name, peak>>20)
		}
		faults := 1 + strings.Count(out, "\n  cure: ")
		if len(out) > faults<<10 || exit == exitInvalid && len(out) == 0 {
			l.Errorf("%s: %d bytes for %d faults", name, len(out), faults)
		}
		for i, value := range []int64{int64(wall), int64(cpu), peak} {
			if value > l.most[i] {
				l.most[i], l.worst[i] = value, name
			}
		}
		if wall <= checkTime || cpu <= checkCPU || float64(cpu) <= float64(checkCPU)*slowness() {
			return
		}
	}
	l.Errorf("%s: it takes %v, %v of the CPU", name, wall, cpu)
}

// searchTime is what slowness computes takes of a CPU on which the limits hold.
const searchTime = 300 * time.Millisecond

// slowness is how many times slower a CPU is right now than that, by something
// that has nothing to do with rekey: a text is searched in vain, on one thread.
func slowness() float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	text := strings.Repeat("- {id: a, get_app: {app: $<inputs.app>}}\n", 200_000)
	vain := regexp.MustCompile(`(?:[a-z]+(?:_[a-z]+)*: ?)+\{nothing`)
	began := threadTime()
	vain.MatchString(text)
	return float64(threadTime()-began) / float64(searchTime)
}

// threadTime is how long this thread was at work, 0 where that is not known.
func threadTime() time.Duration {
	const thisThread = 1 // RUSAGE_THREAD of getrusage(2), on Linux
	var usage syscall.Rusage
	if syscall.Getrusage(thisThread, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// check runs the command, on a file or its standard input.
func (l *limits) check(name, text string) (wall, cpu time.Duration, peak int64, code int, out string) {
	ctx, cancel := context.WithTimeout(context.Background(), checkHung)
	defer cancel()
	document := "-"
	if len(name)%2 == 0 {
		document = filepath.Join(l.TempDir(), "playbook.yaml")
		if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
			l.Fatal(err)
		}
	}
	cmd, weigh := l.scales.command(ctx, l.rekey, "check", document)
	cmd.Stdin = strings.NewReader(text)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	began := time.Now()
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	cmd.Wait() // which an exit code of 3 is an error for
	wall = time.Since(began)
	took := weigh()
	return wall, took.cpu, took.peak, cmd.ProcessState.ExitCode(), b.String()
}

func (l *limits) report() {
	l.Logf("slowness %.2f; %d documents; at most %v (%s), %v of the CPU (%s), %d MiB (%s)", slowness(), len(l.tried), time.Duration(l.most[0]).Round(time.Millisecond), l.worst[0],
		time.Duration(l.most[1]).Round(time.Millisecond), l.worst[1], l.most[2]>>20, l.worst[2])
}
