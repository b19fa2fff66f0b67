package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// fleetPlan is the plan that rotates the keys of n apps and switches them.
func fleetPlan(tb testing.TB, n int) *runner.Plan {
	tb.Helper()
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	org, err := sandbox.DefaultOrg(now)
	if err == nil {
		err = org.AddApps(n)
	}
	if err != nil {
		tb.Fatal(err)
	}
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("0oaFleet%05dXs0h7", i+1))
	}
	return planOf(tb, sandbox.New(org, sandbox.Options{Now: func() time.Time { return now }, Keys: &sandbox.Pool{}}), now,
		"rotate-fleet-key", "-i", "activate=true", "-i", "out=out", "-i", `apps=["`+strings.Join(ids, `","`)+`"]`)
}

// planOf makes a plan against an org.
func planOf(tb testing.TB, org http.Handler, now time.Time, args ...string) *runner.Plan {
	tb.Helper()
	text := rekeyOn(tb, sandbox.Transport(org), now, tb.TempDir(), append([]string{"plan", "--format", "json", "--rate-share", "100%"}, args...)...)
	plan, err := runner.DecodePlan(text)
	if err != nil {
		tb.Fatal(err)
	}
	return plan
}

// rekeyOn runs a command against an org, which must go well, and returns what it
// printed.
func rekeyOn(tb testing.TB, org http.RoundTripper, now time.Time, dir string, args ...string) []byte {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	clock := &stillClock{at: now}
	a := testApp()
	a.now, a.sleep, a.http = clock.now, clock.sleep, org
	a.stdout, a.stderr = &stdout, &stderr
	settings := map[string]string{okta.SettingOrgURL: "https://org.example.com", okta.SettingToken: "token", "USER": "ada", "REKEY_STATE_DIR": filepath.Join(dir, "state")}
	a.lookupEnv = func(name string) (string, bool) { v, ok := settings[name]; return v, ok }
	a.environ = func() []string { return nil }
	if code := a.main(context.Background(), args); code != exitOK {
		tb.Fatalf("rekey %v: exit code %d: %s", args, code, stderr.String())
	}
	return stdout.Bytes()
}

// A plan for many apps is as long as one for a few, for people: in 40 lines of
// text, and in a comment that GitHub takes.
func TestFacesOfAFleet(t *testing.T) { fleetFaces(t, 120) }

func TestLongFacesOfAFleet(t *testing.T) {
	if !*long {
		t.Skip("it takes a while: -long runs it")
	}
	fleetFaces(t, 1000)
}

func fleetFaces(t *testing.T, apps int) {
	plan := fleetPlan(t, apps)
	most := map[string]func(text string) error{
		"text": func(text string) error {
			if n := strings.Count(text, "\n"); n > 40 {
				return fmt.Errorf("%d lines", n)
			}
			return nil
		},
		"markdown": func(text string) error {
			if n := len([]rune(text)); n >= 65_000 {
				return fmt.Errorf("%d characters", n)
			}
			return nil
		},
	}
	for _, face := range planFaces() {
		var b bytes.Buffer
		if err := face.show(&b, plan); err != nil {
			t.Fatal(err)
		}
		if check := most[face.format]; check != nil {
			if err := check(b.String()); err != nil {
				t.Errorf("%s: %v\n%.6000s", face.format, err, b.String())
			}
		}
	}
	fewer := fleetPlan(t, apps-20)
	d, err := view.Diff(fewer, plan, steps.Catalogue(nil))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := view.DiffText(&b, d, fewer, plan); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n > 40 || !strings.Contains(b.String(), "20 items more") {
		t.Errorf("a difference of 20 apps: %d lines\n%s", n, b.String())
	}
}

// BenchmarkFaces measures each face of a plan for 1,000 apps: the time, the
// size of what is shown, and the most memory in use meanwhile beside the plan.
func BenchmarkFaces(b *testing.B) {
	plan := fleetPlan(b, 1000)
	for _, face := range planFaces() {
		b.Run(face.format, func(b *testing.B) {
			benchmarkFace(b, func(w io.Writer) error { return face.show(w, plan) })
		})
	}
	other := fleetPlan(b, 1000)
	for i := range other.Body.Steps {
		if w := other.Body.Steps[i].Write; w != nil && w.Change != nil {
			w.Change.From = fmt.Sprint("another ", i)
		}
	}
	for _, face := range diffFaces() {
		b.Run("diff-"+face.format, func(b *testing.B) {
			benchmarkFace(b, func(w io.Writer) error {
				d, err := view.Diff(plan, other, steps.Catalogue(nil))
				if err != nil {
					return err
				}
				return face.show(w, &planDiff{plan, other, d})
			})
		})
	}
}

// counter counts what is written.
type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func benchmarkFace(b *testing.B, show func(io.Writer) error) {
	runtime.GC()
	before, size := heap(), counter(0)
	peak := make(chan uint64)
	done := make(chan struct{})
	go func() {
		most := uint64(0)
		for {
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(200 * time.Microsecond):
				most = max(most, heap())
			}
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		size = 0
		if err := show(&size); err != nil {
			b.Fatal(err)
		}
	}
	close(done)
	most := <-peak
	b.ReportMetric(float64(max(most, before)-before)/(1<<20), "peak-MiB")
	b.ReportMetric(float64(size), "bytes-shown")
}

// heap is the memory that live and not yet collected objects take.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
