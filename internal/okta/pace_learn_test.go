package okta

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPaceTellsBucketsApart: paths whose answers show other limits than the
// bucket that they were thought to be in get one of their own.
func TestPaceTellsBucketsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeter()
		m.limit = func(path string) int {
			if strings.HasSuffix(path, "/keys/k") {
				return 20
			}
			return 60
		}
		c := m.client(t, "a", NewPacer(50))
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				o := Owner{IdP, fmt.Sprint(i)}
				if i%2 == 0 {
					c.Object(t.Context(), o)
				} else {
					c.Key(t.Context(), o, "k")
				}
			})
		}
		all.Wait()
		small, large := m.buckets["idps20"], m.buckets["idps60"]
		if small.most["a"] > 10 || large.most["a"] > 30 || small.refused+large.refused > 0 || large.windows > 5 {
			t.Errorf("%+v, %+v", small, large)
		}
	})
}

// TestPaceWithoutHeaders: where answers tell of no limit there is none.
func TestPaceWithoutHeaders(t *testing.T) {
	o := newOrg(t, func(c *Config) { c.Pace = NewPacer(1) }, reply{201, oneKey, nil})
	for range 50 {
		if _, err := o.client.GenerateKey(t.Context(), anApp, 2); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.slept) > 0 {
		t.Errorf("slept %v", o.slept)
	}
}

// TestPaceSurvivesNonsense: no header stops calls for good.
func TestPaceSurvivesNonsense(t *testing.T) {
	for _, header := range []map[string]string{
		{"X-Rate-Limit-Limit": "1", "X-Rate-Limit-Remaining": "0"},
		{"X-Rate-Limit-Limit": "1", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "99999999999"},
		{"X-Rate-Limit-Limit": "1", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1"},
		{"X-Rate-Limit-Limit": "1", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "-9223372036854775808"},
		{"X-Rate-Limit-Limit": "-7", "X-Rate-Limit-Remaining": "many", "X-Rate-Limit-Reset": "soon"},
		{"X-Rate-Limit-Limit": "0", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "0"},
		{"X-Rate-Limit-Limit": "1", "X-Rate-Limit-Remaining": "5", "Date": "yesterday", "X-Rate-Limit-Reset": strconv.FormatInt(day.Unix()+60, 10)},
	} {
		o := newOrg(t, func(c *Config) { c.Pace = NewPacer(1) }, reply{201, oneKey, header})
		for range 4 {
			if _, err := o.client.GenerateKey(t.Context(), anApp, 2); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range o.slept {
			if d > longestWindow+time.Second || d <= 0 {
				t.Errorf("%v: slept %v", header, o.slept)
			}
		}
	}
}

// TestSkew: many cut times show the skew more exactly than one, and a clock
// that was set is believed.
func TestSkew(t *testing.T) {
	var s skew
	learn := func(at, ahead time.Duration) {
		sent := day.Add(at)
		s.learn(sent, sent.Add(20*time.Millisecond), sent.Add(10*time.Millisecond+ahead).Truncate(time.Second))
	}
	const ahead = 90*time.Second + 400*time.Millisecond
	for i := range 50 {
		learn(time.Duration(i)*130*time.Millisecond, ahead)
		if s.least > ahead || s.most < ahead {
			t.Fatalf("after %d answers %s to %s", i+1, s.least, s.most)
		}
	}
	if s.most-s.least > 100*time.Millisecond {
		t.Errorf("%s to %s", s.least, s.most)
	}
	if learn(time.Minute, 0); s.least > 0 || s.most < 0 {
		t.Errorf("after the clock was set: %s to %s", s.least, s.most)
	}
}

// TestPaceCountsWhatIsLost: Okta may have counted a call that was not answered.
func TestPaceCountsWhatIsLost(t *testing.T) {
	head := map[string]string{"X-Rate-Limit-Limit": "4", "X-Rate-Limit-Remaining": "3", "X-Rate-Limit-Reset": strconv.FormatInt(day.Unix()+30, 10)}
	o := newOrg(t, func(c *Config) { c.Pace = NewPacer(50) }, reply{201, oneKey, head}, reply{}, reply{201, oneKey, head})
	for i, want := range []int{0, 0, 1} {
		_, err := o.client.GenerateKey(t.Context(), anApp, 2)
		if (err != nil) != (i == 1) || len(o.slept) != want {
			t.Errorf("call %d: %v, slept %v", i, err, o.slept)
		}
	}
}

// The moment to come back that a refusal names holds, also where the answers to
// calls that were on their way tell of a later one.
func TestRefusalNamesTheEnd(t *testing.T) {
	now := time.Date(2026, 1, 15, 12, 0, 10, 0, time.UTC)
	soon, later := now.Unix()+1, now.Unix()+50
	var w window
	w.begin(now)
	w.see(rates{limit: 100, left: 0, reset: soon}, now.Unix(), now, true)
	w.see(rates{limit: 100, left: 60, reset: later}, now.Unix(), now, false)
	if end := w.end(skew{}); w.reset != soon || w.left != 0 || end.After(now.Add(3*time.Second)) {
		t.Errorf("calls wait until %s, for reset %d, with %d left", end, w.reset, w.left)
	}
	w.see(rates{limit: 100, left: 99, reset: later}, soon, now.Add(time.Second), false)
	if w.reset != later || w.left != 99 || w.named {
		t.Errorf("the next window is %+v", w)
	}
}
