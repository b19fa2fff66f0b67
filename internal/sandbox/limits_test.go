package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// limited is a sandbox with limits whose clock the test sets.
func limited(t *testing.T, tier Tier, window time.Duration) (*caller, *time.Time) {
	t.Helper()
	now := testNow
	opt := testOptions()
	opt.Now, opt.RateLimit, opt.RateWindow = func() time.Time { return now }, tier, window
	return serve(t, New(testOrg(t), opt)), &now
}

// rateHeaders are limit, remaining and reset, the last less the time t.
func rateHeaders(h http.Header, t time.Time) string {
	reset, _ := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64)
	return fmt.Sprintf("%s %s %+d", h.Get("X-Rate-Limit-Limit"), h.Get("X-Rate-Limit-Remaining"), reset-t.Unix())
}

// TestRateLimit: a bucket that is used up refuses until the next window; the
// others do not, and the calls of all tokens count.
func TestRateLimit(t *testing.T) {
	c, now := limited(t, TierFree, 0)
	*now = testNow.Truncate(time.Minute).Add(12 * time.Second)
	keys, csrs := testApp.Path()+"/credentials/keys", testApp.Path()+"/credentials/csrs"
	for i := range 20 {
		path := []string{keys, csrs, "/api/v1/apps", testApp.Path() + "/credentials/keys/none"}[i%4]
		r := c.do("GET", path, nil, "Authorization", "SSWS "+fmt.Sprint(i))
		if got, want := rateHeaders(r.header, *now), fmt.Sprintf("20 %d +48", 19-i); got != want || r.status == 429 {
			t.Errorf("call %d: %d, %s, want %s", i, r.status, got, want)
		}
	}
	for range 2 {
		r := c.do("POST", keys+"/generate?validityYears=2", nil)
		r.refused(t, 429, "E0000047", "")
		if got := rateHeaders(r.header, *now); got != "20 0 +48" {
			t.Errorf("refused with %s", got)
		}
	}
	for path, want := range map[string]string{testApp.Path(): "100 99 +48", testIdP.Path(): "100 99 +48", "/api/v1/users": "100 99 +48"} {
		if got := rateHeaders(c.do("GET", path, nil).header, *now); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	*now = now.Add(48 * time.Second)
	if got := rateHeaders(c.want(200, "GET", keys, nil).header, *now); got != "20 19 +60" {
		t.Errorf("in the next window %s", got)
	}
	apps := limitsNow(t, c).Buckets["apps"]
	if apps.Limit != 20 || apps.Used != 1 || apps.Served != 21 || apps.Refused != (refusedCount{Rate: 2}) {
		t.Errorf("counted %+v", apps)
	}
}

func TestRateLimitTiers(t *testing.T) {
	for _, test := range []struct {
		tier   Tier
		window time.Duration
		want   [4]string // the list of apps, an app, an IdP, its keys
	}{
		{TierOrg, 0, [4]string{"100 99 +34", "500 499 +34", "600 599 +34", "600 598 +34"}},
		{TierFree, 5 * time.Second, [4]string{"20 19 +4", "100 99 +4", "100 99 +4", "100 98 +4"}},
		{TierNone, 0, [4]string{"1000000 999999 +34", "1000000 999999 +34", "1000000 999999 +34", "1000000 999999 +34"}},
	} {
		c, now := limited(t, test.tier, test.window)
		for i, path := range []string{"/api/v1/apps", testApp.Path(), testIdP.Path(), testIdP.Path() + "/credentials/keys"} {
			if got := rateHeaders(c.want(200, "GET", path, nil).header, *now); got != test.want[i] {
				t.Errorf("%q: %s: %s, want %s", test.tier, path, got, test.want[i])
			}
		}
	}
}

// TestConcurrencyLimit: more requests at once than the org takes are refused
// in the form that says nothing of a bucket, and use nothing of it.
func TestConcurrencyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opt := testOptions()
		opt.Now, opt.RateLimit, opt.Latency = time.Now, TierFree, time.Second
		s := New(testOrg(t), opt)
		rt := Transport(s)
		get := func() *http.Response {
			r, _ := http.NewRequest("GET", "http://org.example"+testApp.Path(), nil)
			resp, err := rt.RoundTrip(r)
			if err != nil {
				t.Error(err)
			}
			return resp
		}
		var all sync.WaitGroup
		for range 35 {
			all.Go(func() { get() })
		}
		synctest.Wait()
		resp := get()
		if got := rateHeaders(resp.Header, time.Now()); resp.StatusCode != 429 || got != "0 0 +60" {
			t.Errorf("%d, %s", resp.StatusCode, got)
		}
		all.Wait()
		if resp := get(); resp.StatusCode != 200 || resp.Header.Get("X-Rate-Limit-Remaining") != "64" {
			t.Errorf("%d, %v", resp.StatusCode, resp.Header)
		}
		b, c := s.limits.buckets[bucketApp], s.limits.concurrency
		if b.Refused != (refusedCount{Concurrency: 1}) || c.Most != 35 || c.Now != 0 {
			t.Errorf("%+v, %+v", b, c)
		}
	})
}

type limitsAnswer struct {
	Window  string                 `json:"window"`
	Buckets map[string]bucketCount `json:"buckets"`
}

func limitsNow(t *testing.T, c *caller) (l limitsAnswer) {
	t.Helper()
	if err := json.Unmarshal(c.want(200, "GET", "/_sandbox/limits", nil).body, &l); err != nil {
		t.Fatal(err)
	}
	c.want(405, "POST", "/_sandbox/limits", nil)
	return l
}

func TestCheckLimits(t *testing.T) {
	for _, ok := range []time.Duration{0, time.Second, time.Minute} {
		if err := CheckLimits(TierOrg, ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []time.Duration{-time.Second, time.Millisecond, 1500 * time.Millisecond} {
		if CheckLimits(TierOrg, bad) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	if CheckLimits("large", 0) == nil {
		t.Error("an unknown tier is accepted")
	}
}
