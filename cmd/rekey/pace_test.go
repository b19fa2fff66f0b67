package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

// pacedPlaybook is a loop that is bound by the bucket of what is below apps.
const pacedPlaybook = `rekey: 1
playbook: paced
version: 1.0.0
inputs:
  apps: {type: list(string)}
steps:
  - id: fleet
    for_each: $<inputs.apps>
    as: app
    concurrency: 20
    steps:
      - id: generate
        generate_key: {app: $<app>, validity_years: 2}
`

// turnstile counts, on the way to a sandbox, the calls to the bucket apps by
// the minute in which they come, and the refusals.
type turnstile struct {
	to http.RoundTripper

	mu      sync.Mutex
	minutes map[time.Time]int
	refused int
}

func (s *turnstile) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(30 * time.Millisecond)
	if name := strings.Split(r.URL.Path, "/"); name[3] == "apps" && len(name) > 5 {
		s.mu.Lock()
		s.minutes[time.Now().Truncate(time.Minute)]++
		s.mu.Unlock()
	}
	answer, err := s.to.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusTooManyRequests {
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
	}
	time.Sleep(30 * time.Millisecond)
	return answer, err
}

// judge wants nearly all of a share used in all minutes but the last, never
// more, and no refusal.
func (s *turnstile) judge(t *testing.T, share int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	minutes := slices.SortedFunc(maps.Keys(s.minutes), time.Time.Compare)
	first, last := minutes[0], minutes[len(minutes)-1]
	total, most := -s.minutes[last], 0
	for _, n := range s.minutes {
		total, most = total+n, max(most, n)
	}
	used := 100 * float64(total) / (last.Sub(first).Minutes() * float64(share))
	t.Logf("%d calls in %v and a bit: %.1f%% of the share", total, last.Sub(first), used)
	if used < 95 || most > share || s.refused > 0 {
		t.Errorf("%.1f%% of the share of %d a minute; at most %d in one; %d refused", used, share, most, s.refused)
	}
}

// paced is a rekey of its own, on a machine of its own, that works through
// apps of an org.
func paced(t *testing.T, org http.Handler, share string, apps ...int) (*turnstile, *bytes.Buffer, func()) {
	t.Helper()
	dir := t.TempDir()
	var ids []string
	for _, n := range apps {
		ids = append(ids, fmt.Sprintf("0oaFleet%05dXs0h7", n))
	}
	playbook := filepath.Join(dir, "paced.yaml")
	if err := os.WriteFile(playbook, []byte(pacedPlaybook), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &turnstile{to: sandbox.Transport(org), minutes: map[time.Time]int{}}
	var said bytes.Buffer
	a := testApp()
	a.now, a.sleep, a.http, a.stateDir = time.Now, nil, s, filepath.Join(dir, "state")
	a.stdout, a.stderr = &said, &lockedWriter{to: &said}
	settings := map[string]string{okta.SettingOrgURL: "https://org.example.com", okta.SettingToken: "token"}
	a.lookupEnv = func(name string) (string, bool) { v, ok := settings[name]; return v, ok }
	a.environ = func() []string { return nil }
	f := &runFlags{yes: true}
	f.format, f.org.rateShare, f.settle = "text", share, defaultSettle
	f.inputs.values = []string{`apps=["` + strings.Join(ids, `","`) + `"]`}
	return s, &said, func() {
		if err := a.run(t.Context(), playbook, f); err != nil {
			t.Errorf("%v\n%s", err, said.String())
		}
	}
}

// enforced is an org of that many apps that refuses calls above the limits.
func enforced(t *testing.T, apps int) *sandbox.Server {
	t.Helper()
	org, err := sandbox.DefaultOrg(time.Now())
	if err == nil {
		err = org.AddApps(apps)
	}
	if err != nil {
		t.Fatal(err)
	}
	return sandbox.New(org, sandbox.Options{Keys: &sandbox.Pool{}, RateLimit: sandbox.TierOrg})
}

func numbers(from, to int) (all []int) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

// TestPacedFleet: a loop over 300 apps uses its share of every minute and is
// never refused. Time is the bubble's.
func TestPacedFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, said, run := paced(t, enforced(t, 300), "50%", numbers(1, 300)...)
		run()
		s.judge(t, 50)
		const line = "for Okta's rate limit of apps (50 of 100 a minute used)\n"
		if n := strings.Count(said.String(), line); n < len(s.minutes)-2 || n > len(s.minutes) {
			t.Errorf("%d waits were shown in %d minutes", n, len(s.minutes))
		}
	})
}

// TestPacedSideBySide: two of them, with half of the limits each, meet no
// refusal either.
func TestPacedSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		org := enforced(t, 100)
		one, _, runOne := paced(t, org, "50%", numbers(1, 50)...)
		two, _, runTwo := paced(t, org, "50%", numbers(51, 100)...)
		var both sync.WaitGroup
		both.Go(runOne)
		both.Go(runTwo)
		both.Wait()
		one.judge(t, 50)
		two.judge(t, 50)
	})
}

func TestParseShare(t *testing.T) {
	for text, want := range map[string]int{"50%": 50, "1": 1, "100%": 100, "0%": 0, "101%": 0, "-5%": 0, "": 0, "half": 0, "5%%": 0, "12.5%": 0} {
		if got, err := parseShare(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

// limits FILE: writes what the sandbox counts of its rate limits to a file.
func cmdLimits(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := http.Get(ts.Getenv("OKTA_CLIENT_ORGURL") + "/_sandbox/limits")
	ts.Check(err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}
