package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/sandbox"
	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// noting notes the requests to an org as the org answered them.
type noting struct {
	to  http.RoundTripper
	all []runner.Request
}

func (n *noting) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := n.to.RoundTrip(r)
	if err == nil {
		n.all = append(n.all, runner.Request{Method: r.Method, Path: r.URL.RequestURI(), Status: answer.StatusCode, ID: answer.Header.Get("X-Okta-Request-Id")})
	}
	return answer, err
}

// The report of a run has each request of its steps with the id that Okta gave
// it, each try for itself, and those of its undo.
func TestReportHasOktasRequestIDs(t *testing.T) {
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	org, err := sandbox.DefaultOrg(now)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := sandbox.ParseFault("POST */keys/generate*@1=429")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n := &noting{to: sandbox.Transport(sandbox.New(org, sandbox.Options{Now: func() time.Time { return now }, Keys: &sandbox.Pool{}, Faults: []sandbox.Fault{slow}}))}
	rekeyOn(t, n, now, dir, "run", "rotate-app-key", "--yes", "-i", "app="+lostApp.ID, "-i", "activate=true", "-i", "out="+filepath.Join(dir, "out"))
	runs, err := filepath.Glob(filepath.Join(dir, "state", "runs", "2*"))
	if err != nil || len(runs) != 1 {
		t.Fatal(runs, err)
	}
	rekeyOn(t, n, now, dir, "rollback", filepath.Base(runs[0]), "--yes")
	var report view.Report
	if err := json.Unmarshal(rekeyOn(t, n, now, dir, "show", filepath.Base(runs[0]), "--format", "json"), &report); err != nil {
		t.Fatal(err)
	}
	var told, writes []runner.Request
	for _, r := range report.Requests {
		if told = append(told, r.Request); r.ID == "" || r.Step == "" || r.Kind == "" || !r.Time.Equal(now) && r.Time.Before(now) {
			t.Errorf("something is missing: %+v", r)
		}
	}
	for _, r := range n.all {
		if r.Method != http.MethodGet {
			writes = append(writes, r)
		}
	}
	// The rehearsal asks as well, before: what is told is among all that was
	// sent, in its order, and no write is left out.
	i := 0
	for _, r := range n.all {
		if i < len(told) && told[i] == r {
			i++
		}
	}
	if i < len(told) || len(told) < 8 {
		t.Errorf("%d of %d requests were sent as they are told, up to %+v", i, len(told), told[min(i, len(told)-1)])
	}
	told = slices.DeleteFunc(told, func(r runner.Request) bool { return r.Method == http.MethodGet })
	if !slices.Equal(told, writes) || len(writes) != 4 || writes[0].Status != 429 || !strings.Contains(writes[0].Path, "generate?validityYears=2") {
		t.Errorf("the writes are %+v, and told are %+v", writes, told)
	}
}
