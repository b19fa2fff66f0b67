package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"example.com/rekey/runner/journal"
)

// Local is the embedded backend: it runs programs in this process and keeps
// each run's journal in a folder of its own,
//
//	Dir/runs/<id>/journal.jsonl   the events
//	Dir/runs/<id>/playbook.yaml   the playbook's text
//	Dir/runs/<id>/plan.json       the plan that was approved, if any
type Local struct {
	Dir    string        // the state folder
	Clock  Clock         // the zero Clock is the system's
	Settle time.Duration // how long after a lost answer a write may still take effect
	Watch  func(Event)   // sees each event once it is on disk; nil: nobody does
}

// Spec is what a run is started with.
type Spec struct {
	ID        string // unique; see NewRunID
	Tool, Who string
	Org       string
	Inputs    map[string]any // as Bind returned them
	Secrets   map[string]any
	OnFailure string // overrides the playbook's; empty: does not
	Plan      []byte // kept beside the journal; may be nil
	StartedAt time.Time
}

// NewRunID makes a run's id from the time, so that ids sort, and from random
// bytes, so that two runs of one second differ.
func NewRunID(now time.Time, random []byte) string {
	return fmt.Sprintf("%s-%x", now.UTC().Format("20060102-150405"), random)
}

// JournalError is a journal that could not be written. The run stopped where
// it was; Begun tells whether its folder exists.
type JournalError struct {
	Begun bool
	Err   error
}

// Error names the cause.
func (e *JournalError) Error() string { return "the journal cannot be written: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *JournalError) Unwrap() error { return e.Err }

// Run carries a program out and returns its machine as it stopped; the
// machine's State says how. When ctx is done the write in flight is finished
// and recorded, and the run stops as interrupted. An error means that the
// journal failed, not the run.
func (l *Local) Run(ctx context.Context, p *Program, c *Catalogue, spec Spec) (*Machine, error) {
	dir := l.runDir(spec.ID)
	j, err := journal.Create(filepath.Join(dir, "journal.jsonl"), journal.Options{Now: l.Clock.now})
	if err != nil {
		return nil, &JournalError{Err: err}
	}
	defer j.Close()
	for _, file := range []struct {
		name string
		data []byte
	}{{"playbook.yaml", p.Playbook.Source}, {"plan.json", spec.Plan}} {
		if file.data == nil {
			continue
		}
		if err := journal.WriteFile(filepath.Join(dir, file.name), file.data, 0o600); err != nil {
			return nil, &JournalError{Begun: true, Err: err}
		}
	}
	r := l.runner(spec.ID, p, c, spec.Secrets, j)
	created := Event{Kind: EvCreated, Run: newRunInfo(p, spec)}
	if err := r.record(created); err != nil {
		return r.machine, err
	}
	return r.machine, r.loop(ctx)
}

func newRunInfo(p *Program, spec Spec) *RunInfo {
	info := &RunInfo{
		ID: spec.ID, Format: JournalFormat, Tool: spec.Tool, Who: spec.Who, Org: spec.Org,
		Playbook: p.Playbook.Name, Version: p.Playbook.Version, Digest: p.Playbook.Digest(),
		Inputs: encode(p.public(spec.Inputs)), OnFailure: p.Playbook.OnFailure, StartedAt: spec.StartedAt,
	}
	if spec.OnFailure != "" {
		info.OnFailure = spec.OnFailure
	}
	for _, in := range p.Playbook.Inputs {
		if in.Secret {
			info.Secrets = append(info.Secrets, in.Name)
		}
	}
	return info
}

// Resume goes on with a run that was interrupted, killed or stuck, and returns
// its machine as it stopped again; one that has ended stays as it is. What was
// decided and read stays so. A write that may have been on its way is looked
// for. p must be the program of the run's own playbook; secrets are those that
// [Machine.Secrets] names.
func (l *Local) Resume(ctx context.Context, id string, p *Program, c *Catalogue, secrets map[string]any) (*Machine, error) {
	return l.takeUp(id, p, c, secrets, func(r *loop) error { return r.resume(ctx) })
}

// Rollback undoes a run in whatever state it is, and returns its machine.
// p must be the program of the run's own playbook.
func (l *Local) Rollback(ctx context.Context, id string, p *Program, c *Catalogue, secrets map[string]any) (*Machine, error) {
	return l.takeUp(id, p, c, secrets, func(r *loop) error { return r.rollback(ctx) })
}

// takeUp opens a run's journal again, folds what stands there, and goes on.
func (l *Local) takeUp(id string, p *Program, c *Catalogue, secrets map[string]any, goOn func(*loop) error) (*Machine, error) {
	j, records, err := journal.Open(filepath.Join(l.runDir(id), "journal.jsonl"), journal.Options{Now: l.Clock.now})
	if err != nil {
		return nil, err
	}
	defer j.Close()
	r := l.runner(id, p, c, secrets, j)
	if err := r.replay(records); err != nil {
		return r.machine, fmt.Errorf("run %s: %w", id, err)
	}
	return r.machine, goOn(r)
}

func (l *Local) runDir(id string) string { return filepath.Join(l.Dir, "runs", id) }

func (l *Local) runner(id string, p *Program, c *Catalogue, secrets map[string]any, j recorder) *loop {
	m := NewMachine(p)
	return &loop{
		machine: m, journal: j, watch: l.Watch,
		executor: &executor{program: p, run: id, catalogue: c, clock: l.Clock, settle: l.Settle, secrets: secrets},
	}
}

// recorder keeps events. The journal is one.
type recorder interface {
	Append(event any) (journal.Record, error)
}

// loop drives a machine: it carries commands out, records what came of them,
// and only then lets the machine know.
type loop struct {
	machine  *Machine
	executor *executor
	journal  recorder // nil: nothing is kept
	watch    func(Event)
}

func (r *loop) record(e Event) error {
	raw, back, err := canonical(e)
	if err != nil {
		return &JournalError{Begun: true, Err: err}
	}
	if r.journal != nil {
		if _, err := r.journal.Append(json.RawMessage(raw)); err != nil {
			return &JournalError{Begun: true, Err: err}
		}
	}
	if err := r.machine.Apply(back); err != nil {
		return err
	}
	if r.watch != nil {
		r.watch(back)
	}
	return nil
}

// replay folds what was recorded before.
func (r *loop) replay(records []journal.Record) error {
	if len(records) == 0 {
		return errors.New("it never began: there is nothing to go on with, or to undo")
	}
	for _, rec := range records {
		e, err := DecodeEvent(rec.Event)
		if err == nil {
			err = r.machine.Apply(e)
		}
		if err != nil {
			return fmt.Errorf("line %d of its journal: %w", rec.Seq, err)
		}
	}
	if r.machine.info.Digest != r.machine.program.Playbook.Digest() {
		return errors.New("it was started with another playbook than this")
	}
	return nil
}

// resume goes on with what was replayed; a run that has ended stays as it is.
func (r *loop) resume(ctx context.Context) error {
	if !r.machine.State().Resumable() {
		return nil
	}
	if err := r.record(Event{Kind: EvOpened}); err != nil {
		return err
	}
	return r.loop(ctx)
}

// rollback undoes what was replayed; a run that is rolled back stays as it is.
func (r *loop) rollback(ctx context.Context) error {
	if r.machine.State() == StateRolledBack {
		return nil
	}
	for _, e := range []Event{{Kind: EvOpened}, {Kind: EvRollback, Reason: "asked for"}} {
		if err := r.record(e); err != nil {
			return err
		}
	}
	return r.loop(ctx)
}

// loop goes on until nothing is left to do but to say so, or ctx is done: then
// what is in flight is finished, and nothing new begins. Commands are carried
// out side by side; what came of them is recorded one by one.
func (r *loop) loop(ctx context.Context) error {
	results, running := make(chan *result), 0
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop() // of waits and reads; writes are left to finish
		for ; running > 0; running-- {
			<-results // the journal failed: no answer is waited for longer than it takes
		}
	}()
	for {
		if ctx.Err() != nil {
			r.machine.Halt()
		}
		switch cmd := r.machine.Next(); cmd.Op {
		case OpFinish:
			return nil
		case OpRecord:
			if err := r.record(cmd.Event); err != nil {
				return err
			}
		case OpWait:
			done := <-results
			running--
			if !done.finished {
				r.machine.Drop(done.cmd)
			} else if err := r.record(done.event); err != nil {
				return err
			}
		default:
			running++
			r.begin(ctx, cmd, results)
		}
	}
}

// result is what came of a command; nothing, if it was not finished.
type result struct {
	cmd      Command
	event    Event
	finished bool
}

// begin has a command carried out.
func (r *loop) begin(ctx context.Context, cmd Command, results chan<- *result) {
	go func() {
		e, finished := r.executor.perform(ctx, cmd)
		results <- &result{cmd, e, finished}
	}()
}

// ReadRun reads a run's record without changing it: the text of its playbook
// and its events. Alive tells whether a process is at work on it.
func (l *Local) ReadRun(id string) (run StoredRun, err error) {
	run.Playbook, err = os.ReadFile(filepath.Join(l.runDir(id), "playbook.yaml"))
	if err != nil && !os.IsNotExist(err) {
		return run, err
	}
	records, report, err := journal.Read(filepath.Join(l.runDir(id), "journal.jsonl"))
	if err != nil {
		return run, err
	}
	run.Alive, run.Head = report.Locked, report.Head
	for _, rec := range records {
		e, err := DecodeEvent(rec.Event)
		if err != nil {
			return run, fmt.Errorf("run %s, line %d: %w", id, rec.Seq, err)
		}
		run.Events = append(run.Events, Timed{Time: rec.Time, Event: e})
	}
	if len(run.Events) == 0 || run.Events[0].Run == nil {
		return run, fmt.Errorf("run %s never began: its journal is empty", id)
	}
	return run, nil
}
