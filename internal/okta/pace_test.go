package okta

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// keysOf is a call to the bucket of app credentials.
func keysOf(ctx context.Context, c *Client, n int) error {
	_, err := c.Key(ctx, Owner{App, fmt.Sprint(n)}, "k")
	return err
}

// TestPaceNeverOverTheShare sends calls at random moments, with random delays
// on their ways, skewed clocks and several clients: none ever uses more than
// its share of any window, all are answered, and nobody is refused.
func TestPaceNeverOverTheShare(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			m := newMeter()
			time.Sleep(time.Duration(rnd.Int64N(int64(2 * time.Minute))))
			m.floats, m.ahead = seed%2 == 1, time.Duration(rnd.Int64N(int64(10*time.Minute)))-5*time.Minute
			limit := 1 + rnd.IntN(150)
			m.limit = func(string) int { return limit }
			var mu sync.Mutex
			upTo := func(d time.Duration) time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return time.Duration(rnd.Int64N(int64(d)))
			}
			way := 1 + upTo(3*time.Second)
			m.latency = func() (time.Duration, time.Duration) { return upTo(way), upTo(way) }
			share := map[string]int{"a": 1 + rnd.IntN(60)}
			share["b"] = 1 + rnd.IntN(100-share["a"])
			quota := func(name string) int { return max(1, limit*share[name]/100) }
			if quota("a")+quota("b") > limit {
				return // two that may each use one of one
			}
			var all sync.WaitGroup
			for name, percent := range share {
				pace := NewPacer(percent)
				clients := []*Client{m.client(t, name, pace), m.client(t, name, pace)}
				for i := range min(300, 8*quota(name)) {
					at := upTo(4 * time.Minute)
					all.Go(func() {
						time.Sleep(at)
						ctx, done := clients[i%2].Together(t.Context(), 1+i%3)
						defer done()
						for range 1 + i%2 {
							if err := keysOf(ctx, clients[i%2], i); err != nil {
								t.Error(err)
							}
						}
					})
				}
			}
			all.Wait()
			b := m.only(t)
			for name := range share {
				if b.most[name] > quota(name) {
					t.Errorf("seed %d: %s used %d of %d in a window, its share is %d%%", seed, name, b.most[name], limit, share[name])
				}
			}
			if b.refused > 0 {
				t.Errorf("seed %d: %d calls were refused", seed, b.refused)
			}
		})
	}
}

// TestPaceUsesTheShare: under load at least 95% of the share is used, whether
// the windows of a bucket begin by the clock or with their first call.
func TestPaceUsesTheShare(t *testing.T) {
	for _, floats := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const calls, share, workers = 1000, 50, 20
			m := newMeter()
			m.floats = floats
			c := m.client(t, "a", NewPacer(share))
			begun := time.Now()
			work := make(chan int)
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for i := range work {
						if err := keysOf(t.Context(), c, i); err != nil {
							t.Error(err)
						}
					}
				})
			}
			for i := range calls {
				work <- i
			}
			close(work)
			all.Wait()
			b, took := m.only(t), time.Since(begun)
			// The last window is over with the last call.
			used := float64(b.served-share) / (took.Minutes() * share)
			if used < 0.95 || b.refused > 0 || b.most["a"] > share {
				t.Errorf("windows that float %v: %d calls in %s: %.1f%% of the share; %d refused, at most %d in a window", floats, b.served, took, 100*used, b.refused, b.most["a"])
			}
		})
	}
}

// TestPaceStartsAlone: until an answer has shown the limit one call goes at a
// time, so that even a limit of a few is kept.
func TestPaceStartsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter()
		m.limit = func(string) int { return 4 }
		c := m.client(t, "a", NewPacer(50))
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if err := keysOf(t.Context(), c, i); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if m.mu.Lock(); len(m.order) > 1 || m.now > 1 {
			t.Errorf("%d at once", m.now)
		}
		m.mu.Unlock()
		all.Wait()
		if b := m.only(t); b.most["a"] != 2 || b.refused > 0 {
			t.Errorf("%d in a window, %d refused", b.most["a"], b.refused)
		}
	})
}

// TestPaceInOrder: calls are let through in the order in which they came. Those
// that go at the same moment may overtake each other on their way.
func TestPaceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const quota = 7
		m := newMeter()
		m.limit = func(string) int { return 2 * quota }
		c := m.client(t, "a", NewPacer(50))
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() { keysOf(t.Context(), c, i) })
			synctest.Wait()
		}
		all.Wait()
		for at, path := range m.order {
			if i, _ := strconv.Atoi(strings.Split(path, "/")[4]); i/quota != at/quota {
				t.Errorf("call %d was sent as number %d", i, at)
			}
		}
	})
}

// TestPaceLeavesOthersTheRest: where a stranger uses more than what is left to
// it, calls wait rather than be refused.
func TestPaceLeavesOthersTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter()
		stranger := m.client(t, "stranger", nil)
		for i := range 80 {
			keysOf(t.Context(), stranger, i)
		}
		var waits []Wait
		c := m.client(t, "a", NewPacer(50), func(c *Config) { c.OnWait = func(_ context.Context, w Wait) { waits = append(waits, w) } })
		for i := range 40 {
			if err := keysOf(t.Context(), c, i); err != nil {
				t.Fatal(err)
			}
		}
		if b := m.only(t); b.refused > 0 || b.windows != 2 {
			t.Errorf("%d refused in %d windows", b.refused, b.windows)
		}
		if len(waits) != 1 || waits[0].Why != WaitEmpty || waits[0].Used != 100 {
			t.Errorf("waits %+v", waits)
		}
	})
}

// TestPaceShowsEachWaitOnce: however many calls wait.
func TestPaceShowsEachWaitOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter()
		var mu sync.Mutex
		var waits []string
		c := m.client(t, "a", NewPacer(50), func(c *Config) {
			c.OnWait = func(_ context.Context, w Wait) {
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, w.String())
			}
		})
		var all sync.WaitGroup
		for i := range 120 {
			all.Go(func() { keysOf(t.Context(), c, i) })
		}
		all.Wait()
		if len(waits) != 2 || !strings.HasSuffix(waits[0], "for Okta's rate limit of apps (50 of 100 a minute used)") {
			t.Errorf("shown:\n%s", strings.Join(waits, "\n"))
		}
	})
}

// TestPaceEndsWithTheContext: who gives up holds nobody up.
func TestPaceEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter()
		m.limit = func(string) int { return 2 }
		c := m.client(t, "a", NewPacer(50))
		if err := keysOf(t.Context(), c, 0); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 3 { // the first of them sleeps for the others
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Second)
			defer cancel()
			all.Go(func() {
				err := keysOf(ctx, c, 1)
				var n *NetworkError
				if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &n) || n.Sent || n.OutcomeUnknown() {
					t.Errorf("call %d: %v", i, err)
				}
			})
			synctest.Wait()
		}
		begun := time.Now()
		if err := keysOf(t.Context(), c, 2); err != nil || time.Since(begun) > 62*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		all.Wait()
		if len(m.order) != 2 {
			t.Errorf("sent %v", m.order)
		}
	})
}

// TestPaceCrowded: too many calls at once lower their number, not the bucket.
func TestPaceCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter()
		m.limit, m.atOnce = func(string) int { return 10_000 }, 10
		var waits []Wait
		var mu sync.Mutex
		c := m.client(t, "a", NewPacer(50), func(c *Config) {
			c.OnWait = func(_ context.Context, w Wait) { mu.Lock(); waits = append(waits, w); mu.Unlock() }
		})
		begun := time.Now()
		var all sync.WaitGroup
		for i := range 400 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 4 * time.Millisecond)
				if err := keysOf(t.Context(), c, i); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		b := m.only(t)
		if b.crowded == 0 || b.crowded > 60 || b.refused > 0 || b.served != 400 {
			t.Errorf("%d crowded, %d refused, %d served", b.crowded, b.refused, b.served)
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("it took %s: the bucket is not to blame", took)
		}
		if len(waits) == 0 || len(waits) > 12 || waits[0].Why != WaitCrowded {
			t.Errorf("%d waits, %+v", len(waits), waits)
		}
	})
}

// TestPaceTogether: between a read and the write that follows from it no rate
// limit is waited for, and the share is kept all the same.
func TestPaceTogether(t *testing.T) {
	for _, limit := range []int{2, 5, 11, 40} {
		synctest.Test(t, func(t *testing.T) {
			m := newMeter()
			m.limit = func(string) int { return limit }
			c := m.client(t, "a", NewPacer(50))
			if err := keysOf(t.Context(), c, 0); err != nil {
				t.Fatal(err)
			}
			quota := max(1, limit/2)
			var all sync.WaitGroup
			for i := range 25 {
				all.Go(func() {
					ctx, done := c.Together(t.Context(), 2)
					defer done()
					if err := keysOf(ctx, c, i); err != nil {
						t.Error(err)
					}
					begun := time.Now()
					if i%5 == 0 {
						return // what is not needed is given back
					}
					if err := keysOf(ctx, c, i); err != nil {
						t.Error(err)
					}
					if gap := time.Since(begun); gap > time.Second && quota > 1 {
						t.Errorf("limit %d: the second call came %s later", limit, gap)
					}
				})
			}
			all.Wait()
			b := m.only(t)
			if b.served != 46 || b.most["a"] > quota || b.refused > 0 {
				t.Errorf("limit %d: %d served, %d in a window, %d refused", limit, b.served, b.most["a"], b.refused)
			}
			if o := c.pace.orgOf(c); o.lanes[0].flying != 0 || o.crowd.inFlight != 0 {
				t.Errorf("limit %d: %d calls are kept, %d fly", limit, o.lanes[0].flying, o.crowd.inFlight)
			}
		})
	}
}
