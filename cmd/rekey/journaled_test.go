package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
	"example.com/rekey/steps"
)

// What a journaled step that writes should cost at most: the requests that it
// sends, sent by a bare client; so much of the appends that it makes, each on
// disk before anything goes on; and a little for all the rest.
const (
	maxOfAppends = 1.3
	maxBesides   = 300 * time.Microsecond
)

// journaledSteps is how many steps write in what is measured.
const journaledSteps = 200

// journaledPlaybook writes with each of its steps: CSRs are made and revoked,
// or, the heaviest of writes, an app is switched to and fro, which reads an
// owner whole, sends it back and reads it again.
func journaledPlaybook(kind, app string, kids []string) []byte {
	var b strings.Builder
	b.WriteString("rekey: 1\nplaybook: journaled\nversion: 1.0.0\nsteps:\n")
	for i := range journaledSteps {
		switch {
		case kind == "switch":
			fmt.Fprintf(&b, "  - {id: s%d, update_app_kid: {app: %s, kid: %s}}\n", i, app, kids[i%2])
		case i%2 == 0:
			fmt.Fprintf(&b, "  - {id: s%d, create_csr: {app: %s, subject: {common_name: x}}}\n", i, app)
		default:
			fmt.Fprintf(&b, "  - {id: s%d, revoke_csr: {app: %s, csr_id: $<steps.s%d.id>}}\n", i, app, i-1)
		}
	}
	return []byte(b.String())
}

// journaled is a run that is measured against its parts: all on loopback and
// in one folder, in one process.
type journaled struct {
	tb      testing.TB
	dir     string
	org     *sandbox.Org
	program *runner.Program
	plan    *runner.Plan
	runs    int

	mu    sync.Mutex
	parts []part // of a run, in their order
}

// part is a request of a run, or an event of its journal.
type part struct {
	request *recordedRequest
	event   json.RawMessage
}

type recordedRequest struct {
	method, path string
	header       http.Header
	body         []byte
}

func newJournaled(tb testing.TB, kind string) *journaled {
	org, err := sandbox.DefaultOrg(time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	j := &journaled{tb: tb, dir: tb.TempDir(), org: org}
	app, _ := org.Default("app")
	owner := okta.Owner{Kind: okta.App, ID: app}
	object, _ := org.Object(owner)
	idle, _ := org.InactiveKey(owner, time.Now())
	program, faults := compile("journaled.yaml", journaledPlaybook(kind, app, []string{idle, object.Text(okta.SigningPointer(okta.App))}))
	if faults.Err() != nil {
		tb.Fatal(faults)
	}
	j.program = program
	// One run that is not measured tells what is sent and recorded, and in
	// which order.
	server := j.server(func(r *recordedRequest) { j.note(part{request: r}) })
	defer server.Close()
	o := j.open(server.URL)
	if j.plan, err = o.rehearse(context.Background(), program, map[string]any{}, nil, ""); err != nil || j.plan.Body.Failure != nil {
		tb.Fatal(err, j.plan.Body.Failure)
	}
	j.parts = nil
	id := j.run(o, func(runner.Event) { j.note(part{event: json.RawMessage{}}) })
	records, _, err := journal.Read(filepath.Join(j.dir, "runs", id, "journal.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	n := 0
	for i := range j.parts {
		if j.parts[i].request == nil {
			j.parts[i].event = records[n].Event
			n++
		}
	}
	if n != len(records) {
		tb.Fatalf("%d events of %d were seen", n, len(records))
	}
	return j
}

func (j *journaled) note(p part) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.parts = append(j.parts, p)
}

// server serves the org as it is at first; seen, if it is not nil, is given
// each request.
func (j *journaled) server(seen func(*recordedRequest)) *httptest.Server {
	served := sandbox.New(j.org.Clone(), sandbox.Options{Keys: &sandbox.Pool{}, Token: "token", IDs: counted()})
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				j.tb.Error(err)
			}
			seen(&recordedRequest{r.Method, r.RequestURI, r.Header.Clone(), body})
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		served.ServeHTTP(w, r)
	}))
}

func (j *journaled) open(url string) *org {
	a := newApp()
	a.stdout, a.stderr, a.version = io.Discard, io.Discard, "test"
	config := okta.Config{OrgURL: url, Token: "token", HTTP: http.DefaultTransport.(*http.Transport).Clone()}
	client, err := okta.New(config)
	if err != nil {
		j.tb.Fatal(err)
	}
	return &org{app: a, config: config, name: client.Org(), dir: j.dir}
}

// run carries the program out, as the command does, and returns the run's id.
func (j *journaled) run(o *org, watch func(runner.Event)) string {
	local := o.app.local(j.dir)
	local.Watch = watch
	env, err := o.env(local)
	if err != nil {
		j.tb.Fatal(err)
	}
	j.runs++
	id := fmt.Sprintf("run-%d", j.runs)
	m, err := local.Run(context.Background(), j.program, steps.Catalogue(env), runner.Spec{
		ID: id, Org: o.name, Inputs: map[string]any{}, Plan: j.plan, Moved: moved(env), StartedAt: time.Now(),
	})
	if err != nil || m.State() != runner.StateDone {
		_, why := m.Failure()
		j.tb.Fatal(err, m.State(), why)
	}
	return id
}

// cost is what the run costs and what its parts cost, each alone.
type cost struct{ run, requests, appends time.Duration }

// perStep is that for each step.
func (c cost) perStep() cost {
	return cost{c.run / journaledSteps, c.requests / journaledSteps, c.appends / journaledSteps}
}

// may is what a run should cost at most, by its parts.
func (c cost) may() time.Duration {
	return c.requests + time.Duration(maxOfAppends*float64(c.appends)) + maxBesides
}

// round measures both once, one after the other: the wall's clock counts, for
// most of the time is spent waiting for the disk.
func (j *journaled) round() cost {
	c := j.timeParts()
	c.run = j.timeRun()
	return c.perStep()
}

// timeRun times a run from its first event to its last: how it is set up is not
// its steps' cost.
func (j *journaled) timeRun() time.Duration {
	server := j.server(nil)
	defer server.Close()
	var times []time.Time // of what is on record
	j.run(j.open(server.URL), func(runner.Event) { times = append(times, time.Now()) })
	return times[len(times)-1].Sub(times[0])
}

// timeParts sends the same requests to an equal server, and reads each answer
// before the next, with nothing but net/http; and between them, as in the run,
// it puts the same lines on disk, in the same folder. What goes on in between
// makes the next request or append dearer, in the run as here.
func (j *journaled) timeParts() (c cost) {
	server := j.server(nil)
	defer server.Close()
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	defer client.CloseIdleConnections()
	j.runs++
	log, err := journal.Create(filepath.Join(j.dir, "runs", fmt.Sprintf("run-%d", j.runs), "journal.jsonl"), journal.Options{})
	if err != nil {
		j.tb.Fatal(err)
	}
	defer log.Close()
	for _, p := range j.parts {
		began := time.Now()
		if p.request != nil {
			j.send(client, server.URL, p.request)
			c.requests += time.Since(began)
			continue
		}
		rec, err := log.Append(p.event)
		if err != nil {
			j.tb.Fatal(err)
		}
		if rec.Seq > 1 {
			c.appends += time.Since(began)
		}
	}
	return c
}

func (j *journaled) send(client *http.Client, url string, r *recordedRequest) {
	req, err := http.NewRequest(r.method, url+r.path, bytes.NewReader(r.body))
	if err != nil {
		j.tb.Fatal(err)
	}
	req.Header = r.header
	answer, err := client.Do(req)
	if err != nil {
		j.tb.Fatal(err)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.Body.Close(); err != nil || answer.StatusCode > 299 {
		j.tb.Fatal(err, answer.Status)
	}
}

// counted makes up the same ids in each org.
func counted() func(kind string) string {
	var mu sync.Mutex
	n := map[string]int{}
	return func(kind string) string {
		mu.Lock()
		defer mu.Unlock()
		n[kind]++
		return fmt.Sprintf("%s%020d", kind, n[kind])
	}
}

// middle is the round of the middle ratio: the disk's and the machine's moods
// outlast a round, and so touch both sides of it.
func middle(rounds []cost) cost {
	by := func(c cost) float64 { return float64(c.run) / float64(c.may()) }
	slices.SortFunc(rounds, func(a, b cost) int { return cmp.Compare(by(a), by(b)) })
	return rounds[len(rounds)/2]
}

func (j *journaled) writes() (n int) {
	for _, p := range j.parts {
		if p.request != nil && p.request.method != http.MethodGet {
			n++
		}
	}
	return n
}

// BenchmarkJournaledStep reports what a journaled step that writes costs beside
// its requests, sent by a bare client, and its appends: the middle one of the
// rounds in which they stand side by side, and the ratio to what it should cost
// at most.
func BenchmarkJournaledStep(b *testing.B) {
	defer collectLess()()
	for _, kind := range []string{"csr", "switch"} {
		b.Run(kind, func(b *testing.B) {
			j := newJournaled(b, kind)
			if writes := j.writes(); writes != journaledSteps {
				b.Fatalf("%d steps write %d times", journaledSteps, writes)
			}
			var rounds []cost
			for b.Loop() {
				rounds = append(rounds, j.round())
			}
			mid := middle(rounds)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(mid.run.Microseconds()), "µs/step")
			b.ReportMetric(float64(mid.requests.Microseconds()), "µs/bare-requests")
			b.ReportMetric(float64(mid.appends.Microseconds()), "µs/appends")
			b.ReportMetric(float64(mid.run)/float64(mid.may()), "of-what-it-should")
		})
	}
}
