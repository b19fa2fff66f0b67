// Package cputime holds work to a bound or a proportion, for tests alone.
//
// What a test waits for by the wall's clock depends on what else the machine
// does: a process that is stopped for seconds, a disk that is busy, a machine
// with fewer processors. So such a test measures the processor time that the
// process took, which stands still meanwhile, and where two works are compared
// it takes the best of several turns at both.
package cputime

import (
	"math"
	"runtime"
	"slices"
	"time"
)

// Interleaved measures the processor time of each work in turn, rounds times:
// noise hits all alike. On one processor the collector takes no time that
// nobody else wanted.
func Interleaved(rounds int, works ...func()) [][]time.Duration {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	took := make([][]time.Duration, len(works))
	for range rounds {
		for i, work := range works {
			runtime.GC()
			began := Spent()
			work()
			took[i] = append(took[i], Spent()-began)
		}
	}
	return took
}

// tries is how often Growth looks for a quiet moment.
const tries = 5

// Growth is how many times what the small work takes the large one does, where
// at most so many times are expected. The best of several tries counts, each the
// best of three rounds: a busy machine and its caches make some slow. What grows
// too fast does so each time.
func Growth(most float64, small, large func()) float64 {
	growth := math.Inf(1)
	for range tries {
		took := Interleaved(3, small, large)
		if growth = min(growth, float64(slices.Min(took[1]))/float64(slices.Min(took[0]))); growth <= most {
			break
		}
	}
	return growth
}
