package rehearse

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// rotation rotates the apps of a list, one after the other.
const rotation = `rekey: 1
playbook: fleet
version: 1.0.0
inputs:
  apps: {type: list(string)}
  certificate: {type: string}
  key: {type: string}
  pass: {type: string, secret: true}
steps:
  - id: fleet
    for_each: $<inputs.apps>
    as: app
    steps:
      - id: gen
        generate_key: {app: $<app>, validity_years: 2}
      - id: csr
        create_csr: {app: $<app>, subject: {common_name: $<app>}}
      - id: cert
        sign_with_local_ca: {csr: $<steps.csr.csr>, ca: {certificate: $<inputs.certificate>, key: $<inputs.key>, passphrase: $<inputs.pass>}, days: 365}
      - id: publish
        publish_csr: {app: $<app>, csr_id: $<steps.csr.id>, certificate: $<steps.cert.certificate>}
      - id: switch
        update_app_kid: {app: $<app>, kid: $<steps.publish.kid>}
`

// rehearseFleet plans the rotation of n apps; every key and CSR of the plan is
// another.
func rehearseFleet(tb testing.TB, sample pki.Sample, n int) {
	tb.Helper()
	live, err := sandbox.DefaultOrg(now)
	if err != nil {
		tb.Fatal(err)
	}
	if err := live.AddApps(n); err != nil {
		tb.Fatal(err)
	}
	var transport http.RoundTripper = sandbox.Transport(sandbox.New(live, sandbox.Options{Now: func() time.Time { return now }}))
	o, err := New(Options{Now: now, Live: okta.Config{OrgURL: "http://127.0.0.1", Token: "t", HTTP: transport}})
	if err != nil {
		tb.Fatal(err)
	}
	p, faults := runner.ParsePlaybook("", []byte(rotation))
	if faults.Err() != nil {
		tb.Fatal(faults)
	}
	catalogue := steps.Catalogue(o.Env())
	program, faults := runner.Check(p, catalogue)
	if faults.Err() != nil {
		tb.Fatal(faults)
	}
	apps := make([]any, n)
	for i := range apps {
		apps[i] = fmt.Sprintf("0oaFleet%05dXs0h7", i+1)
	}
	plan, err := runner.Rehearse(context.Background(), program, runner.RehearsalSpec{
		Catalogue: catalogue, Clock: runner.Clock{Now: func() time.Time { return now }},
		Inputs: map[string]any{"apps": apps, "certificate": sample.CertificatePath, "key": sample.KeyPath}, Secrets: map[string]any{"pass": sample.Passphrase}, Bases: o.Bases, Standing: o.Standing,
	})
	if err != nil || plan.Body.Failure != nil {
		tb.Fatal(err, plan.Body.Failure)
	}
	if got := len(plan.Body.Bases); got != 3*n { // object, keys and CSRs of each
		tb.Errorf("%d parts were copied, want %d", got, 3*n)
	}
}

func fleetCA(tb testing.TB) pki.Sample {
	tb.Helper()
	sample, err := pki.SampleCA(tb.TempDir(), now)
	if err != nil {
		tb.Fatal(err)
	}
	return sample
}

// Each owner is rehearsed at the same cost: six times as many take six times as
// long, with room for noise, not thirty-six times.
func TestFleetIsRehearsedInProportion(t *testing.T) {
	sample := fleetCA(t)
	growth := cputime.Growth(18, func() { rehearseFleet(t, sample, 6) }, func() { rehearseFleet(t, sample, 36) })
	t.Logf("36 apps take %.1f times as long as 6", growth)
	if growth > 18 {
		t.Errorf("36 apps take %.1f times as long as 6", growth)
	}
}

// BenchmarkFleet reports the time that the rehearsal of a rotation takes for
// each app, and the memory that it leaves in use.
func BenchmarkFleet(b *testing.B) {
	sample := fleetCA(b)
	for _, n := range []int{50, 200, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				rehearseFleet(b, sample, n)
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N*n), "ms/app")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<10)/float64(b.N*n), "KiB-allocated/app")
		})
	}
}
