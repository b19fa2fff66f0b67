package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"example.com/rekey/runner/journal"
)

// TakeUp is what a run is taken up again with.
type TakeUp struct {
	Who       string         // takes it up, for the record
	Secrets   map[string]any // those that [Machine.Secrets] names
	Decisions []Decision     // about writes in doubt; see [Machine.Decidable]
	Unused    func(Decision) // is told of each of them that the run did not come to ask for; nil: nobody is
	Moved     Moved          // as in [Spec]
}

// Resume goes on with a run that was interrupted, killed or stuck, and returns
// its machine as it stopped again; one that has ended stays as it is. What was
// decided and read stays so. A write that may have been on its way is looked
// for. A *SettingError means that it stopped for a wrong setting. p must be the
// program of the run's own playbook.
func (l *Local) Resume(ctx context.Context, id string, p *Program, c *Catalogue, with TakeUp) (*Machine, error) {
	return l.takeUp(ctx, id, p, c, with, false, func(r *loop) error { return r.resume(ctx) })
}

// Rollback undoes a run in whatever state it is, and returns its machine.
// p must be the program of the run's own playbook.
func (l *Local) Rollback(ctx context.Context, id string, p *Program, c *Catalogue, with TakeUp) (*Machine, error) {
	return l.takeUp(ctx, id, p, c, with, true, func(r *loop) error { return r.rollback(ctx) })
}

// takeUp opens a run's journal again, folds what stands there, and goes on:
// as its plan has it, unless it is to be undone.
func (l *Local) takeUp(ctx context.Context, id string, p *Program, c *Catalogue, with TakeUp, undo bool, goOn func(*loop) error) (*Machine, error) {
	j, records, err := journal.Open(l.journalFile(id), journal.Options{Now: l.Clock.now})
	switch {
	case errors.As(err, new(*journal.LockedError)), errors.As(err, new(*journal.DamageError)), errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, &JournalError{Begun: true, Err: err}
	}
	defer j.Close()
	r := l.runner(id, p, c, with, j)
	if !undo {
		r.executor.drift, err = l.driftOf(id, records)
	}
	if err == nil {
		err = r.replay(records)
	}
	if err == nil {
		err = r.decidable(ctx, with.Decisions, undo)
	}
	if err != nil {
		return r.machine, fmt.Errorf("run %s: %w", id, err)
	}
	left := r.decisionsLeft(with.Decisions)
	err = goOn(r)
	for _, d := range left() {
		if with.Unused != nil {
			with.Unused(d)
		}
	}
	return r.machine, err
}

// PlanError is a plan beside a journal that is not the one which the run was
// started with, or cannot be read.
type PlanError struct{ Err error }

// Error says what is wrong, and the cure.
func (e *PlanError) Error() string {
	return fmt.Sprintf("the plan beside its journal: %v; put it back as it was, or give the run up with `rekey abandon`", e.Err)
}

// Unwrap returns the cause.
func (e *PlanError) Unwrap() error { return e.Err }

// ReadPlan reads the plan kept with a run. The error is a *PlanError.
func (l *Local) ReadPlan(id string) (*Plan, error) {
	data, err := journal.ReadFile(filepath.Join(l.runDir(id), "plan.json"))
	if err != nil {
		return nil, &PlanError{err}
	}
	plan, err := DecodePlan(data)
	if err != nil {
		return nil, &PlanError{err}
	}
	return plan, nil
}

// driftOf holds a run against the plan kept beside its journal; nil if it was
// started without one.
func (l *Local) driftOf(id string, records []journal.Record) (*drift, error) {
	if len(records) == 0 {
		return nil, nil
	}
	e, err := DecodeEvent(records[0].Event)
	if err != nil || e.Run == nil || e.Run.Plan == "" {
		return nil, err
	}
	plan, err := l.PlanOf(e.Run)
	if err != nil {
		return nil, err
	}
	return newDrift(plan, id), nil
}

// replay folds what was recorded before.
func (r *loop) replay(records []journal.Record) error {
	if len(records) == 0 {
		return ErrNeverBegan
	}
	for _, rec := range records {
		e, err := DecodeEvent(rec.Event)
		if err == nil {
			err = r.machine.Apply(e)
		}
		if err != nil {
			return &ReplayError{rec.Seq, err}
		}
		r.executor.drift.took(e, r.stepOf(e))
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
	if err := r.record(Event{Kind: EvOpened, Who: r.executor.who}); err != nil {
		return err
	}
	r.patient = true
	if err := r.loop(ctx); err != nil || r.wrong == nil {
		return err
	}
	return r.wrong
}

// rollback undoes what was replayed; a run that is rolled back stays as it is.
func (r *loop) rollback(ctx context.Context) error {
	if r.machine.State() == StateRolledBack {
		return nil
	}
	who := r.executor.who
	for _, e := range []Event{{Kind: EvOpened, Who: who}, {Kind: EvRollback, Who: who, Reason: "asked for"}} {
		if err := r.record(e); err != nil {
			return err
		}
	}
	return r.loop(ctx)
}
