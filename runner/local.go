package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/rekey/internal/failpoint"
	"example.com/rekey/runner/journal"
)

// Local is the embedded backend: it runs programs in this process and keeps
// each run's journal in a folder of its own,
//
//	Dir/runs/<id>/journal.jsonl   the events
//	Dir/runs/<id>/playbook.yaml   the playbook's text
//	Dir/runs/<id>/plan.json       the plan that was approved, if any
//	Dir/runs/<id>/began           there once the first event is on disk
type Local struct {
	Dir    string        // the state folder
	Clock  Clock         // the zero Clock is the system's
	Settle time.Duration // how long after a lost answer a write may still take effect
	Watch  func(Event)   // sees each event once it is on disk; nil: nobody does

	disk func(*journal.Journal) recorder // lets a test stand between a new run and its journal; nil: nothing does
}

// Spec is what a run is started with.
type Spec struct {
	ID        string // unique; see NewRunID
	Tool, Who string
	Org       string
	Inputs    map[string]any // as Bind returned them
	Secrets   map[string]any
	OnFailure string // overrides the playbook's; empty: does not
	Plan      *Plan  // that was approved: kept beside the journal, and held against the run; may be nil
	Moved     Moved  // compares the owners with the plan before the first write to each; nil: nobody does
	StartedAt time.Time
}

// NewRunID makes a run's id from the time, so that ids sort, and from random
// bytes, so that two runs of one second differ.
func NewRunID(now time.Time, random []byte) string {
	return fmt.Sprintf("%s-%x", now.UTC().Format("20060102-150405"), random)
}

// JournalError is a journal that could not be written. The run stopped where
// it was; Begun tells whether it is on record: then it can be gone on with.
type JournalError struct {
	Begun bool
	Err   error
}

// Error names the cause.
func (e *JournalError) Error() string { return "the journal cannot be written: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *JournalError) Unwrap() error { return e.Err }

// ReplayError is an event on record that this program cannot have had.
type ReplayError struct {
	Line int
	Err  error
}

// Error names the line of the journal.
func (e *ReplayError) Error() string { return fmt.Sprintf("line %d of its journal: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *ReplayError) Unwrap() error { return e.Err }

// Run carries a program out and returns its machine as it stopped; the
// machine's State says how. When ctx is done the write in flight is finished
// and recorded, and the run stops as interrupted. An error means that the
// journal failed, not the run.
func (l *Local) Run(ctx context.Context, p *Program, c *Catalogue, spec Spec) (*Machine, error) {
	if spec.Plan != nil {
		if err := l.use(spec.Plan, spec.ID); err != nil {
			return nil, err
		}
	}
	j, err := journal.Create(l.journalFile(spec.ID), journal.Options{Now: l.Clock.now})
	if err != nil {
		l.discard(spec.ID)
		return nil, &JournalError{Err: err}
	}
	defer j.Close()
	r := l.runner(spec.ID, p, c, TakeUp{Secrets: spec.Secrets, Moved: spec.Moved}, j)
	if l.disk != nil {
		r.journal = l.disk(j)
	}
	err = l.keepTexts(p, spec)
	if err == nil {
		err = r.record(Event{Kind: EvCreated, Run: newRunInfo(p, spec)})
	}
	if err != nil && r.machine.Info() == nil {
		var broken *JournalError
		if gone := l.discard(spec.ID); errors.As(err, &broken) {
			broken.Begun = !gone
		}
	}
	if err != nil {
		return r.machine, err
	}
	if err := l.markBegan(spec.ID); err != nil {
		return r.machine, &JournalError{Begun: true, Err: err}
	}
	if spec.Plan != nil {
		if err := l.used(spec.Plan, spec.ID); err != nil {
			return r.machine, err
		}
		r.executor.drift = newDrift(spec.Plan, spec.ID)
	}
	return r.machine, r.loop(ctx)
}

// keepTexts keeps the playbook and the plan beside the journal.
func (l *Local) keepTexts(p *Program, spec Spec) error {
	files := map[string][]byte{"playbook.yaml": p.Playbook.Source}
	if spec.Plan != nil {
		plan, err := spec.Plan.Encode()
		if err != nil {
			return err
		}
		files["plan.json"] = plan
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := journal.WriteFile(filepath.Join(l.runDir(spec.ID), name), files[name], 0o600); err != nil {
			return &JournalError{Err: err}
		}
	}
	return nil
}

// markBegan notes, durably, that a run is on record: from then on a journal
// without an event has lost it.
func (l *Local) markBegan(id string) error {
	failpoint.Hit("run.began.before")
	err := journal.WriteFile(l.beganFile(id), []byte("the first event of this run was on disk\n"), 0o600)
	failpoint.Hit("run.began.after")
	return err
}

func (l *Local) beganFile(id string) string { return filepath.Join(l.runDir(id), "began") }

// hasBegun reports whether a run was on record once. A crash before its first
// event leaves a journal without any, or an empty folder.
func (l *Local) hasBegun(id string) bool {
	_, err := os.Lstat(l.beganFile(id))
	return err == nil
}

// discard removes the folder of a run of which no event came on record, and
// reports whether that is so: one of which only the fsync failed is there. What
// is in the folder and not ours stays, and the folder with it.
func (l *Local) discard(id string) bool {
	records, _, err := journal.Read(l.journalFile(id))
	if len(records) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for _, name := range []string{"plan.json", "playbook.yaml", "journal.jsonl", "journal.jsonl.pid"} {
		os.Remove(filepath.Join(l.runDir(id), name))
	}
	os.Remove(l.runDir(id))
	return true
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
	if spec.Plan != nil {
		info.Plan = spec.Plan.Digest()
	}
	info.Secrets, info.NotGiven = p.secretInputs(spec.Secrets)
	return info
}

func (l *Local) runDir(id string) string { return filepath.Join(l.Dir, "runs", id) }

func (l *Local) runner(id string, p *Program, c *Catalogue, with TakeUp, j recorder) *loop {
	x := &executor{
		program: p, run: id, who: with.Who, catalogue: c, clock: l.Clock, settle: l.Settle, secrets: with.Secrets,
		moved: with.Moved, began: l.Clock.now(), decided: map[string]Decision{},
	}
	for _, d := range with.Decisions {
		x.decided[d.Step] = d
	}
	return &loop{machine: NewMachine(p), journal: j, watch: l.Watch, executor: x}
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

	patient bool          // a wrong setting stops the run, and fails no step
	wrong   *SettingError // that did
}

func (r *loop) record(e Event) error {
	step := r.stepOf(e)
	if e.Kind != EvObserved { // which the executor has checked
		e = r.executor.drift.check(e, step)
	}
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
	r.executor.drift.took(back, step)
	if r.watch != nil {
		r.watch(back)
	}
	return nil
}

// stepOf is the step that an event is about; nil if it is about none.
func (r *loop) stepOf(e Event) *Step {
	if e.Step == "" {
		return nil
	}
	return r.machine.program.Step(e.Step)
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
			if r.stops(done) {
				r.machine.Halt()
				done.finished = false
			}
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

// SettingError is a setting of the caller's, such as a passphrase, by which a
// run that was taken up again could not go on. The run is as it was before that
// step, and can be taken up once more.
type SettingError struct{ Step, Problem string }

// Error names the step.
func (e *SettingError) Error() string { return "step " + e.Step + ": " + e.Problem }

// stops reports whether a run is to stop, rather than fail, for what came of a
// command: a wrong setting, seen before the step's write.
func (r *loop) stops(done *result) bool {
	before := done.cmd.Op == OpObserve || done.cmd.Op == OpRead
	if !r.patient || !done.finished || !before || done.event.Kind != EvFailed || !done.event.Setting {
		return false
	}
	r.wrong = &SettingError{done.cmd.Name, done.event.Error}
	return true
}

// begin has a command carried out.
func (r *loop) begin(ctx context.Context, cmd Command, results chan<- *result) {
	go func() {
		e, finished := r.executor.perform(ctx, cmd)
		results <- &result{cmd, e, finished}
	}()
}

// ErrNeverBegan is wrapped by the error for a run without a first event.
var ErrNeverBegan = errors.New("it never began: nothing was written to the org, and there is nothing to go on with, to undo or to give up")

// ReadRun reads a run's record without changing it: the text of its playbook
// and its events. Alive tells whether a process is at work on it. With an error
// comes what stands before the damage; the text is nil if it is missing. A run
// without a first event yields ErrNeverBegan.
func (l *Local) ReadRun(id string) (StoredRun, error) {
	var run StoredRun
	run.Playbook, _ = journal.ReadFile(filepath.Join(l.runDir(id), "playbook.yaml"))
	begun := l.hasBegun(id) // looked at before the journal, which another process may just begin
	records, report, err := journal.Read(l.journalFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		// No crash leaves that: the journal is made first, and discarded last.
		if _, noPlan := os.Lstat(filepath.Join(l.runDir(id), "plan.json")); begun || run.Playbook != nil || noPlan == nil {
			return run, l.lost(id, "is missing")
		}
		return run, fmt.Errorf("run %s: %w", id, ErrNeverBegan)
	}
	run.Alive, run.Head, run.Torn = report.Locked, report.Head, report.Torn
	for _, rec := range records {
		e, faulty := DecodeEvent(rec.Event)
		if faulty == nil && rec.Seq == 1 && (e.Kind != EvCreated || e.Run == nil) {
			faulty = errors.New("it does not say what the run is a run of")
		}
		if faulty != nil {
			return run, fmt.Errorf("run %s, line %d of its journal: %w; use the version that wrote it", id, rec.Seq, faulty)
		}
		run.Events = append(run.Events, Timed{Time: rec.Time, Event: e})
	}
	switch {
	case err != nil:
		return run, err
	case len(run.Events) == 0 && begun:
		return run, l.lost(id, "has lost its events")
	case len(run.Events) == 0:
		return run, fmt.Errorf("run %s: %w", id, ErrNeverBegan)
	case run.Info().ID != id:
		return run, fmt.Errorf("the journal in %s is that of run %s: work on that one; this is a copy", l.runDir(id), run.Info().ID)
	case run.Info().Format != JournalFormat:
		return run, fmt.Errorf("run %s was recorded in format %d, and this rekey reads %d: use the version that wrote it", id, run.Info().Format, JournalFormat)
	}
	return run, nil
}

// lost is the error for a journal that no crash leaves so.
func (l *Local) lost(id, what string) error {
	return fmt.Errorf("the journal of run %s %s, so nobody knows what it did; restore %s from a backup", id, what, l.journalFile(id))
}
