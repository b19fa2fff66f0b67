package rehearse

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
)

// A plan counts on the limits that the org told while it was rehearsed: of a
// bucket the least, and of one that it told none of, or one that nobody
// reaches, those by default.
func TestLimitsThatTheOrgTold(t *testing.T) {
	for name, test := range map[string]struct {
		limits   map[string]int // by path
		apps     runner.Bucket
		app      runner.Bucket
		expected string
	}{
		"none":      {apps: runner.Bucket{PerMinute: 100}, app: runner.Bucket{PerMinute: 500}},
		"unlimited": {limits: map[string]int{app.Path(): 1000000, app.Path() + "/credentials/keys": 2000000}, apps: runner.Bucket{PerMinute: 100}, app: runner.Bucket{PerMinute: 500}},
		"one":       {limits: map[string]int{app.Path(): 3}, apps: runner.Bucket{PerMinute: 100}, app: runner.Bucket{PerMinute: 3, Told: true}, expected: "1m0s"},
		"both":      {limits: map[string]int{app.Path(): 1200, app.Path() + "/credentials/keys": 600}, apps: runner.Bucket{PerMinute: 600, Told: true}, app: runner.Bucket{PerMinute: 1200, Told: true}},
	} {
		t.Run(name, func(t *testing.T) {
			live := sandbox.Transport(sandbox.New(defaultOrg(t), sandbox.Options{Now: func() time.Time { return now }}))
			o, err := New(Options{Now: now, Live: okta.Config{OrgURL: "http://127.0.0.1", Token: "t", HTTP: roundTrip(func(r *http.Request) (*http.Response, error) {
				a, err := live.RoundTrip(r)
				if limit := test.limits[r.URL.Path]; err == nil && limit > 0 {
					a.Header.Set("X-Rate-Limit-Limit", fmt.Sprint(limit))
					a.Header.Set("X-Rate-Limit-Remaining", "1")
				}
				return a, err
			})}})
			if err != nil {
				t.Fatal(err)
			}
			plan := rehearsedIn(t, o, embedded(t, "activate-app-key"), map[string]any{"app": app.ID, "kid": inactiveKid(t, "app")})
			buckets := maps.Clone(plan.Body.Calls)
			for _, s := range plan.Body.Steps {
				maps.Copy(buckets, s.Calls)
			}
			maps.Copy(buckets, plan.Body.Rollback.Calls)
			for _, calls := range []map[string]runner.Bucket{buckets, plan.Body.Calls} {
				for name, want := range map[string]runner.Bucket{"apps": test.apps, "app": test.app} {
					if got := calls[name]; got.PerMinute != want.PerMinute || got.Told != want.Told {
						t.Errorf("%s: %+v, want %+v", name, got, want)
					}
				}
			}
			if test.expected != "" && plan.Body.Expected != test.expected {
				t.Errorf("%s are expected for %v, want %s", plan.Body.Expected, plan.Body.Calls, test.expected)
			}
		})
	}
}
