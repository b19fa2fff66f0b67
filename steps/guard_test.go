package steps_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// doors counts the connections to a server: what is refused before the socket
// opens none.
type doors struct {
	net.Listener
	opened atomic.Int32
}

func (d *doors) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err == nil {
		d.opened.Add(1)
	}
	return c, err
}

// rogue is a step type that does in each method what a test says.
type rogue struct {
	Note                 string `in:"note" is:"optional" doc:"nothing"`
	observe, do, recover func(context.Context) error
}

func call(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	return f(ctx)
}

func (r *rogue) Observe(ctx context.Context) error              { return call(ctx, r.observe) }
func (r *rogue) Do(ctx context.Context) error                   { return call(ctx, r.do) }
func (r *rogue) Undo(context.Context) ([]runner.Residue, error) { return nil, nil }
func (r *rogue) Claims() []string                               { return nil }
func (r *rogue) Recover(ctx context.Context) (runner.Verdict, error) {
	return runner.Verdict{Outcome: runner.Happened}, call(ctx, r.recover)
}

// rogueQuery is one that reads.
type rogueQuery struct {
	Note string `in:"note" is:"optional" doc:"nothing"`
	read func(context.Context) error
}

func (q *rogueQuery) Read(ctx context.Context) error { return call(ctx, q.read) }

// lost is an error after which nobody knows.
type lost struct{ error }

func (lost) OutcomeUnknown() bool { return true }

// door is a world of which each connection is counted.
func door(t *testing.T) (*world, *doors) {
	w := newWorld(t)
	server := httptest.NewUnstartedServer(w.watched(sandbox.New(w.org, sandbox.Options{Now: w.clock, Keys: &pairs})))
	d := &doors{Listener: server.Listener}
	server.Listener = d
	server.Start()
	t.Cleanup(server.Close)
	w.url = server.URL
	return w, d
}

// A write in Observe, Read or Recover, and a second one in Do, are refused
// before the socket; so is one outside any step.
func TestWritesOutOfPlace(t *testing.T) {
	w, d := door(t)
	client := w.client(okta.Config{OrgURL: w.url, OnCall: steps.Report, HTTP: &http.Transport{DisableKeepAlives: true}})
	errs := map[string]error{}
	write := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			opened := d.opened.Load()
			_, err := client.GenerateKey(ctx, app, 2)
			if errs[name] = err; d.opened.Load() > opened {
				t.Errorf("%s: a connection", name)
			}
			return err
		}
	}
	types := func(r rogue, q rogueQuery) *runner.Catalogue {
		c, err := runner.NewCatalogue(
			runner.Type{Name: "rogue", Doc: "Does what it must not.", Change: "nothing", Undo: runner.UndoExact, New: func() any { c := r; return &c }},
			runner.Type{Name: "rogue_query", Doc: "Writes.", New: func() any { c := q; return &c }})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct {
		name   string
		action rogue
		opened int32 // connections that are fine
		state  runner.State
	}{
		{"Observe", rogue{observe: write("Observe")}, 0, runner.StateFailed},
		{"Recover", rogue{do: func(context.Context) error { return lost{errors.New("lost")} }, recover: write("Recover")}, 0, runner.StateStuck},
		{"Do", rogue{do: func(ctx context.Context) error {
			if _, err := client.GenerateKey(ctx, app, 2); err != nil {
				t.Error(err)
			}
			return write("Do")(ctx)
		}}, 1, runner.StateFailed},
	} {
		w.types = types(tt.action, rogueQuery{})
		before := d.opened.Load()
		r := w.run("rogue", data{})
		if n := d.opened.Load() - before; n != tt.opened || r.machine.State() != tt.state {
			t.Errorf("%s: %d connections, %s: %s", tt.name, n, r.machine.State(), r.failure())
		}
	}
	before := d.opened.Load()
	w.types = types(rogue{}, rogueQuery{read: write("Read")})
	w.run("rogue_query", data{})
	write("nowhere")(t.Context())
	if n := d.opened.Load() - before; n != 0 {
		t.Errorf("%d connections", n)
	}
	for _, name := range []string{"Observe", "Recover", "Do", "Read", "nowhere"} {
		if !errors.Is(errs[name], runner.ErrRefused) {
			t.Errorf("%s: %v", name, errs[name])
		}
	}
	if n := len(w.keys(app)); n != 3 { // the one write that Do may make
		t.Errorf("%d keys", n)
	}
}

// The client of a rehearsal refuses a write before the socket, whatever a step
// tries; reading works.
func TestRehearsalClientOnlyReads(t *testing.T) {
	w, d := door(t)
	w.env.Okta = w.client(okta.Config{OrgURL: w.url, OnCall: steps.Report, HTTP: okta.ReadOnly(&http.Transport{DisableKeepAlives: true})})
	ctx := t.Context()
	w.types = nil
	before := w.snapshot()
	var refused error
	catalogue, err := runner.NewCatalogue(runner.Type{Name: "rogue", Doc: "Writes.", Change: "nothing", Undo: runner.UndoExact,
		New: func() any {
			return &rogue{do: func(ctx context.Context) error {
				_, refused = w.env.Okta.GenerateKey(ctx, app, 2)
				return refused
			}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	w.types = catalogue
	if r := w.run("rogue", data{}); !errors.Is(refused, okta.ErrReadOnly) || d.opened.Load() != 0 || len(r.log) != 0 {
		t.Errorf("%v, %d connections", refused, d.opened.Load())
	}
	if _, err := w.env.Okta.Object(ctx, app); err != nil || d.opened.Load() != 1 {
		t.Errorf("%v, %d connections", err, d.opened.Load())
	}
	w.types = nil
	for _, o := range both {
		r := w.run("generate_key", ownerIn(o, data{"validity_years": 2}))
		contains(t, r.failure(), "this client can only read")
		if len(writes(r.log)) > 0 {
			t.Errorf("%v", r.log)
		}
	}
	w.asBefore(before)
}
