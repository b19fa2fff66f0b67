package view

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner"
)

// certificatePEM is a certificate of that name.
func certificatePEM(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: at, NotAfter: at.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// reported is a run that made two certificates, the second of which it also
// published, and lost a third; and the plan of it.
func reported(t *testing.T) *runner.StoredRun {
	t.Helper()
	var events []runner.Timed
	add := func(e runner.Event) { events = append(events, runner.Timed{Time: at, Event: e}) }
	did := func(step, owner string, out map[string]any, requests ...runner.Request) {
		in := runner.Event{Kind: runner.EvInputs, Step: step, In: map[string]any{}}
		if owner != "" {
			in.Claims = []string{owner}
		}
		add(in)
		add(runner.Event{Kind: runner.EvObserved, Step: step, Requests: requests[:len(requests)/2]})
		add(runner.Event{Kind: runner.EvDone, Step: step, Out: out, Requests: requests[len(requests)/2:],
			Write: &runner.Write{Method: "POST", Path: "/api/v1/x"}})
	}
	add(runner.Event{Kind: runner.EvCreated, Run: &runner.RunInfo{ID: "r1", Tool: "rekey test", Who: "ada@host", Playbook: "p", Version: "1.0.0",
		Digest: "d1", Plan: "d2", Org: "https://x.okta.com", OnFailure: "keep", StartedAt: at}})
	issued := certificatePEM(t, "issued")
	did("spare", "", map[string]any{"certificate": certificatePEM(t, "spare")})
	did("sign", "", map[string]any{"certificate": issued, "sha256": certificateOf(map[string]any{"certificate": issued}).SHA256})
	did("publish", "app/0oa1", map[string]any{"certificate": issued, "kid": "k2"},
		runner.Request{Method: "GET", Path: "/api/v1/x", Status: 200, ID: "i1"}, runner.Request{Method: "POST", Path: "/api/v1/x", Status: 200, ID: "i2\x1b"})
	add(runner.Event{Kind: runner.EvEnded, State: runner.StateDone})
	return &runner.StoredRun{Events: events, Head: "d3", Plan: &runner.Plan{Body: runner.PlanBody{Certificates: []runner.PlannedCertificate{
		{Owner: "app/0oa1", Role: "signs now", Step: "publish", Kid: "k1", SHA256: "aa", NotAfter: at, DaysLeft: new(3)},
		{Owner: "app/0oa1", Role: "will sign", Step: "sign", Kid: "$<steps.publish.kid>", SHA256: "$<steps.sign.sha256>", NotAfter: at.Add(time.Hour)},
		{Owner: "app/0oa1", Role: "new key", Step: "later", Kid: "$<steps.later.kid>"},
		{Owner: "app/0oa1", Role: "new key", Step: "later", SHA256: "$<steps.later.sha256>"},
	}}}}
}

// The certificates of a run are those of its plan that came to be, as they are,
// and what it made besides, each once.
func TestReportCertificates(t *testing.T) {
	r := NewReport(reported(t), nil, "rekey rollback r1")
	var got [][4]string
	for _, c := range r.Certificates {
		got = append(got, [4]string{c.Role, c.Owner, c.Kid, c.Subject})
		if c.SHA256 == "" || strings.Contains(c.SHA256, "$") || c.DaysLeft != nil {
			t.Errorf("%+v", c)
		}
		if c.Role == "was to sign" && (!c.NotAfter.Equal(at.AddDate(1, 0, 0)) || len(c.SHA256) != 64 || len(c.SHA1) != 40) {
			t.Errorf("%+v", c)
		}
	}
	want := [][4]string{
		{"signed before", "app/0oa1", "k1", ""}, {"was to sign", "app/0oa1", "k2", "CN=issued"}, {"made by the step", "ca/CN=spare", "", "CN=spare"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A report says who ran what, which texts it knew, and each request.
func TestReport(t *testing.T) {
	run := reported(t)
	r := NewReport(run, nil, "rekey rollback r1")
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back.Who != "ada@host" || back.Tool != "rekey test" || back.Digests != (ReportDigests{"d1", "d2", "d3"}) || back.Outcome != "done" || back.Inputs == nil {
		t.Errorf("%+v", back)
	}
	want := []ReportRequest{
		{at, runner.EvObserved, "publish", runner.Request{Method: "GET", Path: "/api/v1/x", Status: 200, ID: "i1"}},
		{at, runner.EvDone, "publish", runner.Request{Method: "POST", Path: "/api/v1/x", Status: 200, ID: "i2\x1b"}},
	}
	if !reflect.DeepEqual(back.Requests, want) {
		t.Errorf("the requests are %+v", back.Requests)
	}
	for i, e := range r.Timeline {
		if e.Requests != nil || e.Kind != run.Events[i].Kind {
			t.Errorf("%+v", e)
		}
	}
	if len(run.Events[6].Requests)+len(run.Events[8].Requests)+len(run.Events[9].Requests) == 0 {
		t.Error("the report took the requests from the run")
	}
	var b bytes.Buffer
	if err := Show(&b, run, nil, "rekey rollback r1"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"SHA-256     playbook  d1", "plan      d2", "journal   d3", "POST /api/v1/x [request i2␛]", "made by the step  ca/CN=spare: from 2026-01-15 to 2027-01-15"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("the text has no %q:\n%s", text, b.String())
		}
	}
}
