package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"example.com/rekey/runner/binding"
)

// Clock is the time that a run lives in. The zero Clock is the system's.
type Clock struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error // returns early with ctx's error
}

func (c Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c Clock) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// executor carries out the commands of a machine that concern steps, several
// at a time. It is the same in a run and in a rehearsal; the catalogue's
// capabilities differ.
type executor struct {
	program   *Program
	run       string // its id
	who       string // has taken the run up again
	catalogue *Catalogue
	clock     Clock
	settle    time.Duration
	secrets   map[string]any // the secret inputs at hand
	rehearsal bool           // secrets may be missing, and the clock stands still
	drift     *drift         // nil: there is no plan to hold the run against
	moved     Moved          // nil: the parts of owners are not compared
	began     time.Time      // when it took up a run that an earlier process may have left

	mu      sync.Mutex
	lost    map[string]time.Time // when the answer to a step's write was lost
	tries   map[string]time.Time // when a step's try began
	decided map[string]Decision  // what a person says of writes in doubt
}

// unknown is implemented by errors after which a write may have happened: its
// answer was lost, or says nothing about it.
type unknown interface{ OutcomeUnknown() bool }

// invalidSetting is implemented by errors that are the caller's to mend before
// anything can run: an unreadable key, a wrong passphrase.
type invalidSetting interface{ InvalidSetting() bool }

// curable is implemented by errors that know what to do about them: a part of
// their text, as it can be told apart from what is wrong.
type curable interface{ Cure() string }

// cureOf is what an error says to do about it.
func cureOf(err error) string {
	var c curable
	if errors.As(err, &c) {
		return c.Cure()
	}
	return ""
}

// changed is implemented by errors that say that somebody else has just changed
// what was seen.
type changed interface{ Changed() bool }

// perform carries a command out and returns what came of it; a failure is an
// event as well. ctx ends waiting and reading, and then there is no event:
// what was asked for is asked for again when the run goes on. A write in
// flight is left to finish.
func (x *executor) perform(ctx context.Context, cmd Command) (e Event, finished bool) {
	g := &guard{run: x.run, step: cmd.Name, writes: cmd.Op == OpDo || cmd.Op == OpUndo, private: len(cmd.Deferred) > 0, planning: x.rehearsal}
	if cmd.Op == OpDo {
		g.plan = x.drift
	}
	e = Event{Step: cmd.Name}
	if cmd.After > 0 && !x.rehearsal && x.clock.sleep(ctx, cmd.After) != nil {
		return e, false
	}
	if cmd.late && !x.rehearsal && x.clock.sleep(ctx, x.settle) != nil {
		return e, false
	}
	if cmd.Op == OpRecover {
		if d, ok := x.decision(cmd.Name); ok {
			return x.decide(ctx, cmd, d), ctx.Err() == nil
		}
		return x.recover(ctx, cmd, g, e)
	}
	step, t, err := x.instance(cmd, g)
	if err != nil {
		x.result(&e, g, EvFailed, err)
		if cmd.Op == OpUndo {
			e.Kind = EvUndoFail
		}
		return e, true
	}
	reading, writing, done, late := x.timed(ctx, cmd)
	defer done()
	switch {
	case late != nil:
		x.result(&e, g, EvFailed, late)
	case cmd.Op == OpRead:
		x.result(&e, g, EvDone, overtime(cmd, reading, step.(Query).Read(g.attach(reading))))
	case cmd.Op == OpObserve:
		x.observe(reading, &e, g, cmd, step.(Action), t)
	case cmd.Op == OpDo:
		x.do(&e, g, overtime(cmd, writing, step.(Action).Do(g.attach(writing))))
	case cmd.Op == OpUndo:
		if !x.undo(ctx, writing, &e, g, cmd, step.(Action)) {
			return e, false
		}
	}
	switch e.Kind {
	case EvObserved:
		// Once this is on record the write follows: not if a person has said
		// stop in the meantime.
		return e, ctx.Err() == nil
	case EvDone:
		e.Out = encode(read(step, t.out))
	case EvFailed:
		if e.Saw = nil; !e.Drift {
			x.again(&e, cmd)
		}
		return e, cmd.Op == OpDo || ctx.Err() == nil
	}
	return e, true
}

// undo compensates an action. When the answer to its write was lost, it is
// done once more, after the time in which that write can still take effect:
// what is undone already it leaves as it is. Who stops the run meanwhile has
// it undone when it is taken up again.
func (x *executor) undo(ctx, writing context.Context, e *Event, g *guard, cmd Command, step Action) (finished bool) {
	for again := false; ; again = true {
		residues, err := step.Undo(g.attach(writing))
		first, calls, requests := e.Write, e.Calls, e.Requests
		x.result(e, g, EvUndone, err)
		e.Write, e.Calls, e.Requests = cmp.Or(e.Write, first), addCalls(calls, e.Calls), slices.Concat(requests, e.Requests)
		e.Residues = residues
		if err == nil {
			return true
		}
		e.Kind = EvUndoFail
		var r remediable
		if errors.As(err, &r) {
			remedy := r.Remedy()
			e.Remedy = &remedy
		}
		var u unknown
		if again || x.rehearsal || !errors.As(err, &u) || !u.OutcomeUnknown() {
			return true
		}
		if x.clock.sleep(ctx, x.settle) != nil {
			return false
		}
		g = &guard{run: g.run, step: g.step, writes: true, private: g.private}
		fresh, _, err := x.instance(cmd, g)
		if err != nil {
			return true
		}
		e.Error, e.Cure, step = "", "", fresh.(Action)
	}
}

// timed are the contexts of one try: what it reads ends with the run, what it
// writes does not, and both end with the step's timeout, which counts from the
// try's beginning. Late is why the try has no time left at all.
func (x *executor) timed(ctx context.Context, cmd Command) (reading, writing context.Context, done func(), late error) {
	writing = context.WithoutCancel(ctx)
	limit := cmd.Step.Timeout
	if limit == 0 || x.rehearsal || cmd.Op == OpUndo {
		return ctx, writing, func() {}, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	began, ok := x.tries[cmd.Name]
	if cmd.Op != OpDo || !ok {
		began = x.clock.now()
		if x.tries == nil {
			x.tries = map[string]time.Time{}
		}
		x.tries[cmd.Name] = began
	}
	left := limit - x.clock.now().Sub(began)
	if left <= 0 {
		return ctx, writing, func() {}, fmt.Errorf("it took longer than its timeout of %s, and nothing was written", limit)
	}
	reading, stopReading := context.WithTimeout(ctx, left)
	writing, stopWriting := context.WithTimeout(writing, left)
	return reading, writing, func() { stopReading(); stopWriting() }, nil
}

// timeoutError is a try that its timeout has ended.
type timeoutError struct {
	limit time.Duration
	error
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("it took longer than its timeout of %s: %v", e.limit, e.error)
}

func (e *timeoutError) Unwrap() error { return e.error }

// overtime says of an error that the step's timeout is its cause.
func overtime(cmd Command, ctx context.Context, err error) error {
	if err == nil || cmd.Step.Timeout == 0 || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return &timeoutError{cmd.Step.Timeout, err}
}

// again says of a failed try that another follows: if the step has one left,
// certainly nothing was written, and no setting is to blame.
func (x *executor) again(e *Event, cmd Command) {
	r := cmd.Step.Retry
	if r == nil || cmd.Tried+1 >= r.Attempts || e.Setting || e.Write != nil || cmd.undo {
		return
	}
	e.Again = &Again{Tried: cmd.Tried + 1, After: r.wait(cmd.Tried + 1).String()}
}

// observe has an action look, and compares what it saw with the plan and with
// the try before, and then the owners that it is the first to change with what
// the plan saw of them.
func (x *executor) observe(ctx context.Context, e *Event, g *guard, cmd Command, step Action, t *Type) {
	x.result(e, g, EvObserved, overtime(cmd, ctx, step.Observe(g.attach(ctx))))
	if e.Kind != EvObserved {
		return
	}
	e.Saw = encode(read(step, t.saw))
	if cmd.Saw != nil {
		x.compare(e, t, cmd.Saw, read(step, t.saw))
	}
	if e.Kind == EvFailed && cmd.said {
		x.happenedAfterAll(ctx, e, cmd)
	}
	if x.rehearsal || e.Kind != EvObserved {
		return
	}
	*e = x.drift.check(*e, cmd.Step)
	// What somebody changed of the owners tells more than in what the step sees
	// it.
	look := &guard{run: g.run, step: g.step}
	moved, err := x.drift.moved(look.attach(ctx), x.moved, cmd.Name)
	e.Calls, e.Requests = addCalls(e.Calls, look.calls), slices.Concat(e.Requests, look.requests)
	switch {
	case err != nil && e.Kind == EvFailed:
	case err != nil:
		e.Kind, e.Error, e.Cure = EvFailed, overtime(cmd, ctx, err).Error(), cureOf(err)
	case moved != "":
		e.Kind, e.Drift, e.Error = EvFailed, true, "not as the plan has it: "+moved
	}
}

// compare fails another try that does not see what the one before saw: the
// plan was for that, and somebody has changed it since.
func (x *executor) compare(e *Event, t *Type, before, now map[string]any) {
	for _, f := range t.saw {
		if f.Loose || reflect.DeepEqual(binding.Encode(before[f.Name]), binding.Encode(now[f.Name])) {
			continue
		}
		e.Kind, e.Drift, e.Error = EvFailed, true, fmt.Sprintf("between two tries somebody else changed what it is to change (%s is not what it was)", f.Name)
		return
	}
}

// result completes an event with what the guard saw, and with the error.
func (x *executor) result(e *Event, g *guard, kind EventKind, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	e.Kind, e.Calls, e.Requests = kind, g.calls, g.requests
	e.Warnings, e.unchecked, e.certificates, e.scopes = g.warnings, g.unchecked, g.certificates, g.scopes
	e.Write, e.call = writeOf(g.write, same), g.write
	e.Drift = g.drifted
	if err != nil {
		var setting invalidSetting
		var by changed
		e.Kind, e.Error, e.Cure = EvFailed, err.Error(), cureOf(err)
		e.Setting = errors.As(err, &setting) && setting.InvalidSetting()
		e.Drift = e.Drift || errors.As(err, &by) && by.Changed()
	}
}

// do takes up what Do returned. When the answer to its write was lost, the
// outcome is unknown. An error that says that nothing was written leaves no
// Write in the event; any other error after a write does, and with it a
// doubt.
func (x *executor) do(e *Event, g *guard, err error) {
	x.result(e, g, EvDone, err)
	var u unknown
	switch lost := err != nil && !g.answered && errors.As(err, &u); {
	case lost && u.OutcomeUnknown():
		e.Kind = EvUnknown
	case lost:
		e.Write = nil
		return
	case err == nil || e.Write == nil:
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.lost == nil {
		x.lost = map[string]time.Time{}
	}
	x.lost[e.Step] = x.clock.now()
}

// recover finds out what became of a write. That it did not happen counts
// only once settle has passed since it could last have left: a late write is
// real. Until then the executor waits and has the step look again.
func (x *executor) recover(ctx context.Context, cmd Command, g *guard, e Event) (Event, bool) {
	x.mu.Lock()
	since, ok := x.lost[cmd.Name]
	x.mu.Unlock()
	if !ok {
		since = x.began // a process that ended may have sent it until then
	}
	deadline := since.Add(x.settle)
	if cmd.Step.Type.Local {
		deadline = since
	}
	for {
		began := x.clock.now() // what the answer tells may be as old as that
		look := &guard{run: g.run, step: g.step, lastSend: deadline, undoing: cmd.undo}
		step, t, err := x.instance(cmd, look)
		var v Verdict
		if err == nil {
			v, err = step.(Action).Recover(look.attach(ctx))
		}
		if ctx.Err() != nil {
			return e, false
		}
		calls, requests := e.Calls, e.Requests
		x.result(&e, look, EvRecovered, nil)
		e.Calls, e.Requests = addCalls(calls, e.Calls), slices.Concat(requests, e.Requests)
		if err != nil {
			v = Verdict{Outcome: Ambiguous, Reason: "looking for it failed: " + err.Error()}
		}
		// That something new is there counts no earlier: it may be a stranger's,
		// and ours be on its way. Nor does a doubt: what a person is to decide
		// between must all be there.
		_, creates := step.(Adopter)
		if (v.Outcome != Happened || creates) && began.Before(deadline) {
			if wait := deadline.Sub(x.clock.now()); wait > 0 && x.clock.sleep(ctx, wait) != nil {
				return e, false
			}
			continue
		}
		v.Creates = creates && v.Outcome == Ambiguous
		switch e.Verdict = &v; v.Outcome {
		case Happened:
			e.Out = encode(read(step, t.out))
		case Not:
			x.again(&e, cmd)
		}
		return e, true
	}
}
