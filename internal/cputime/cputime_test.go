//go:build unix

package cputime

import (
	"testing"
	"time"
)

var sink uint64

// work takes processor time in proportion to n.
func work(n int) func() {
	return func() {
		for range n * 20_000 {
			sink = sink*6364136223846793005 + 1442695040888963407
		}
	}
}

// What is computed is spent, what is slept away is not.
func TestSpent(t *testing.T) {
	const asleep = 100 * time.Millisecond
	began := Spent()
	time.Sleep(asleep)
	if slept := Spent() - began; slept < 0 || slept >= asleep {
		t.Errorf("%s are spent in a sleep of %s", slept, asleep)
	}
	began = Spent()
	for wall := time.Now(); Spent()-began < asleep; work(100)() {
		if time.Since(wall) > 5*time.Minute {
			t.Fatal("no processor time is spent")
		}
	}
}

func TestGrowth(t *testing.T) {
	if got := Growth(12, work(20), work(120)); got > 12 {
		t.Errorf("six times the work takes %.1f times as long", got)
	}
	if got := Growth(12, work(5), work(320)); got <= 12 {
		t.Errorf("64 times the work takes %.1f times as long", got)
	}
}
