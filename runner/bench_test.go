package runner

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goccy "github.com/goccy/go-yaml/parser"

	"example.com/rekey/internal/cputime"
)

// chainOf is a playbook of n steps, each of which uses what the one before it
// yielded, and asserts something of its own.
func chainOf(n int) []byte {
	var b strings.Builder
	b.WriteString("rekey: 1\nplaybook: chain\nversion: 1.0.0\nsteps:\n")
	for i := range n {
		value := "v"
		if i > 0 {
			value = fmt.Sprintf("$<steps.s%d.value>", i-1)
		}
		fmt.Fprintf(&b, "- id: s%d\n  put: {name: n, value: %s}\n  assert: $<steps.s%d.value != \"\">\n", i, value, i)
	}
	return []byte(b.String())
}

// checkOf is a whole check of text, which must have no faults.
func checkOf(tb testing.TB, c *Catalogue, text []byte) func() {
	return func() {
		p, faults := ParsePlaybook("", text)
		if faults.Err() == nil {
			_, faults = Check(p, c)
		}
		if faults.Err() != nil {
			tb.Fatal(faults)
		}
	}
}

// yamlOf is goccy's own parse of text.
func yamlOf(tb testing.TB, text []byte) func() {
	return func() {
		if _, err := goccy.ParseBytes(text, 0); err != nil {
			tb.Fatal(err)
		}
	}
}

func median[T cmp.Ordered](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// What a check may cost: of the time of goccy's own parse of the same bytes,
// and for twice as many steps.
const (
	maxOverParse = 4.0
	maxForTwice  = 2.2
)

// checkGarbage is how the command has garbage collected while it checks, in
// percent of what is in use. It holds for all that is measured.
const checkGarbage = 400

// checkCosts are the works whose times are compared. Each takes about as long
// as the others, so that no one finds more quiet moments: of two checks of
// 1,000 steps, five times goccy's parse of them, a check of 2,000.
func checkCosts(tb testing.TB) []func() {
	c := newWorld(nil).catalogue(tb)
	one, two := chainOf(1000), chainOf(2000)
	check, parse := checkOf(tb, c, one), yamlOf(tb, one)
	return []func(){
		func() { check(); check() },
		func() {
			for range 5 {
				parse()
			}
		},
		checkOf(tb, c, two),
	}
}

// costRatios are what a check costs of goccy's parse, and for twice the steps.
func costRatios(took []time.Duration) (over, twice float64) {
	check, parse := float64(took[0])/2, float64(took[1])/5
	return check / parse, float64(took[2]) / check
}

// The best of several tries counts, each the best of three rounds: a busy
// machine and its caches make some slow. What grows too fast does so each time.
func TestCheckStaysNearParsing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows the two sides differently")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(checkGarbage))
	works := checkCosts(t)
	over, twice := math.Inf(1), math.Inf(1)
	for range 10 {
		var least []time.Duration
		for _, took := range cputime.Interleaved(3, works...) {
			least = append(least, slices.Min(took))
		}
		o, w := costRatios(least)
		t.Logf("a check costs %.2f of goccy's parse, twice the steps %.2f", o, w)
		if over, twice = min(over, o), min(twice, w); over <= maxOverParse && twice <= maxForTwice {
			return
		}
	}
	t.Errorf("a check of 1,000 steps costs %.2f of goccy's parse (at most %.1f), one of 2,000 steps %.2f of it (at most %.1f)", over, maxOverParse, twice, maxForTwice)
}

// BenchmarkCheck reports what a check of 1,000 steps costs, in time and of
// goccy's own parse of the same bytes, and what one of 2,000 costs of it: the
// medians of rounds, in each of which the works stand side by side.
func BenchmarkCheck(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(checkGarbage))
	works := checkCosts(b)
	var took []time.Duration
	var over, twice []float64
	for b.Loop() {
		round := cputime.Interleaved(1, works...)
		o, t := costRatios([]time.Duration{round[0][0], round[1][0], round[2][0]})
		took, over, twice = append(took, round[0][0]/2), append(over, o), append(twice, t)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(took).Microseconds())/1000, "ms/1000-steps")
	b.ReportMetric(median(over), "of-goccy")
	b.ReportMetric(median(twice), "for-twice")
}

// The child of the tests of memory checks so many steps and tells its peak.
const stepsVariable = "REKEY_TEST_STEPS"

// checkAlone checks a chain of n steps in a process of its own, and returns
// the most memory that it ever had, in bytes. Steps of 0 are the process alone.
func checkAlone(tb testing.TB, n int) int {
	tb.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCheckMemory$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), stepsVariable+"="+strconv.Itoa(n))
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	// Its own word: what the parent is told includes memory from before exec.
	told := peakForm.FindSubmatch(out)
	if told == nil {
		tb.Skip("this system has no /proc to tell a process's memory")
	}
	peak, err := strconv.Atoi(string(told[1]))
	if err != nil {
		tb.Fatal(err)
	}
	return peak << 10
}

var peakForm = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// maxCheckMemory is what no check may take, 256 MiB.
const maxCheckMemory = 256 << 20

// A check of 5,000 steps keeps within the memory that any check may take.
func TestCheckMemory(t *testing.T) {
	if n, err := strconv.Atoi(os.Getenv(stepsVariable)); err == nil {
		if n > 0 {
			checkOf(t, newWorld(nil).catalogue(t), chainOf(n))()
		}
		status, _ := os.ReadFile("/proc/self/status")
		t.Logf("%s", status)
		return
	}
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	peak := checkAlone(t, 5000)
	for tries := 1; peak > maxCheckMemory && tries < 5; tries++ { // on a busy machine the collector may get behind
		peak = checkAlone(t, 5000)
	}
	t.Logf("a check of 5,000 steps takes %d MiB at most", peak>>20)
	if peak > maxCheckMemory {
		t.Errorf("a check of 5,000 steps takes %d MiB, more than %d", peak>>20, maxCheckMemory>>20)
	}
}

// BenchmarkCheckMemory reports the peak memory of a process that checks 5,000
// steps, and of one that does nothing.
func BenchmarkCheckMemory(b *testing.B) {
	var peaks, idle []int
	for b.Loop() {
		peaks, idle = append(peaks, checkAlone(b, 5000)), append(idle, checkAlone(b, 0))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(peaks))/(1<<20), "MiB/5000-steps")
	b.ReportMetric(float64(median(idle))/(1<<20), "MiB/idle")
}
