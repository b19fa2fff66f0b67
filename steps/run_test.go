package steps_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// run is a run of a playbook with one step, s.
type run struct {
	w       *world
	id      string
	program *runner.Program
	secrets map[string]any
	machine *runner.Machine
	events  []runner.Event
	log     []sent
}

type data = map[string]any

// playbook checks a playbook of one step.
func (w *world) playbook(stepType string, in data) *runner.Program {
	w.t.Helper()
	program, faults := checkWith(w.t, w.catalogue(), stepType, in)
	if err := faults.Err(); err != nil {
		w.t.Fatal(err)
	}
	return program
}

func check(t *testing.T, stepType string, in data) (*runner.Program, runner.Faults) {
	t.Helper()
	return checkWith(t, steps.Catalogue(nil), stepType, in)
}

// checkWith checks a playbook of one step, s, with one secret input, pass.
func checkWith(t *testing.T, c *runner.Catalogue, stepType string, in data) (*runner.Program, runner.Faults) {
	t.Helper()
	text, err := json.MarshalIndent(struct {
		Rekey    int    `json:"rekey"`
		Playbook string `json:"playbook"`
		Version  string `json:"version"`
		Inputs   data   `json:"inputs"`
		Steps    []data `json:"steps"`
	}{1, "test", "1.0.0", data{"pass": data{"type": "string", "secret": true, "default": nil}},
		[]data{{"id": "s", stepType: in}}}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(`\u003c`), []byte("<"))
	text = bytes.ReplaceAll(text, []byte(`\u003e`), []byte(">"))
	playbook, faults := runner.ParsePlaybook("test.yaml", text)
	if err := faults.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return runner.Check(playbook, c)
}

// run carries one step out and stops there, whatever came of it.
func (w *world) run(stepType string, in data) *run {
	w.t.Helper()
	return w.start(stepType, in, "keep", nil)
}

func (w *world) start(stepType string, in data, onFailure string, secret any) *run {
	w.t.Helper()
	w.runs++
	r := &run{w: w, id: fmt.Sprintf("run-%d", w.runs), program: w.playbook(stepType, in), secrets: data{"pass": secret}}
	w.requests()
	w.local.Watch = func(e runner.Event) { r.events = append(r.events, e) }
	var err error
	r.machine, err = w.local.Run(context.Background(), r.program, w.catalogue(), runner.Spec{
		ID: r.id, Org: w.url, Inputs: data{}, Secrets: r.secrets, OnFailure: onFailure, StartedAt: w.clock(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	r.log = w.requests()
	return r
}

// rollback undoes the run and returns what was sent for it.
func (r *run) rollback() []sent {
	r.w.t.Helper()
	r.w.requests()
	var err error
	r.machine, err = r.w.local.Rollback(context.Background(), r.id, r.program, r.w.catalogue(), runner.TakeUp{Secrets: r.secrets})
	if err != nil {
		r.w.t.Fatal(err)
	}
	return r.w.requests()
}

// resume goes on with the run.
func (r *run) resume() {
	r.w.t.Helper()
	var err error
	r.machine, err = r.w.local.Resume(context.Background(), r.id, r.program, r.w.catalogue(), runner.TakeUp{Secrets: r.secrets})
	if err != nil {
		r.w.t.Fatal(err)
	}
}

// event is the last event of a kind; the zero Event if there was none.
func (r *run) event(kind runner.EventKind) runner.Event {
	for _, e := range slices.Backward(r.events) {
		if e.Kind == kind {
			return e
		}
	}
	return runner.Event{}
}

// cut forgets the first event of a kind and all after it, as if the process
// had been killed before it could record that.
func (r *run) cut(kind runner.EventKind) {
	r.w.t.Helper()
	path := filepath.Join(r.w.local.Dir, "runs", r.id, "journal.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		r.w.t.Fatal(err)
	}
	at := bytes.Index(text, []byte(`"kind":"`+kind+`"`))
	at = bytes.LastIndexByte(text[:max(at, 0)], '\n') + 1
	if err := os.Truncate(path, int64(at)); at == 0 || err != nil {
		r.w.t.Fatalf("the event %s is not in the journal, or %v", kind, err)
	}
	r.events = nil
}

func (r *run) failure() string {
	_, message := r.machine.Failure()
	return message
}

// out is what the step yielded.
func (r *run) out() data {
	if out := r.event(runner.EvRecovered).Out; out != nil {
		return out
	}
	return r.event(runner.EvDone).Out
}

func (r *run) text(name string) string {
	r.w.t.Helper()
	s, ok := r.out()[name].(string)
	if !ok {
		r.w.t.Errorf("the output %s is %v", name, r.out()[name])
	}
	return s
}

// done requires that the step succeeded.
func (r *run) done() *run {
	r.w.t.Helper()
	if r.machine.State() != runner.StateDone {
		r.w.t.Fatalf("the run is %s: %s", r.machine.State(), r.failure())
	}
	return r
}

// undone rolls the run back and requires these residues, each as
// "owner kind id effect".
func (r *run) undone(residues ...string) []sent {
	r.w.t.Helper()
	log := r.rollback()
	if r.machine.State() != runner.StateRolledBack {
		r.w.t.Fatalf("the run is %s: %v", r.machine.State(), r.machine.UndoErr())
	}
	var got []string
	for _, x := range r.machine.Residues() {
		got = append(got, fmt.Sprintf("%s %s %s %s", x.Owner, x.Kind, x.ID, x.Effect))
	}
	if !slices.Equal(got, residues) {
		r.w.t.Errorf("the residues are %q\nwant %q", got, residues)
	}
	return log
}

// switchType is the step type that switches an owner's kid.
func switchType(o okta.Owner) string { return "update_" + string(o.Kind) + "_kid" }

// contains requires each of the texts in s.
func contains(t *testing.T, s string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(s, text) {
			t.Errorf("%q does not say %q", s, text)
		}
	}
}

// ca is the sample CA.
func ca(t *testing.T) pki.Sample {
	t.Helper()
	sample, err := pki.SampleCA(samples, start)
	if err != nil {
		t.Fatal(err)
	}
	return sample
}

var issuer = sync.OnceValues(func() (*pki.Issuer, error) {
	sample, err := pki.SampleCA(samples, start)
	if err != nil {
		return nil, err
	}
	return (*steps.Issuers)(nil).Load(steps.CAFiles{Certificate: sample.CertificatePath, Key: sample.KeyPath, Passphrase: sample.Passphrase})
})

// certify signs a CSR of Okta's for some days, outside any step.
func certify(t *testing.T, csr okta.CSR, days int) string {
	t.Helper()
	issuer, err := issuer()
	if err != nil {
		t.Fatal(err)
	}
	der, err := csr.DER()
	if err != nil {
		t.Fatal(err)
	}
	asked, err := pki.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := issuer.Issue(pki.Request{CSR: der, Days: days, DNSNames: asked.DNSNames, Now: start})
	if err != nil {
		t.Fatal(err)
	}
	return pki.CertificatePEM(cert.DER)
}
