package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"example.com/rekey/internal/failpoint"
	"example.com/rekey/runner/journal"
)

// EndedError tells that a run has ended, so that there is nothing to give up.
type EndedError struct {
	Run   string
	State State
}

// Error says so.
func (e *EndedError) Error() string {
	return fmt.Sprintf("run %s has ended (%s): there is nothing to give up", e.Run, e.State)
}

// Abandonment is the note beside a journal that takes no more events because
// it cannot be read: who gave the run up, and why. A run whose journal is
// sound is given up in that.
type Abandonment struct {
	Format  int       `json:"format"`
	Run     string    `json:"run"`
	At      time.Time `json:"at"`
	Who     string    `json:"who,omitempty"`
	Because string    `json:"because"`
	Problem string    `json:"problem"` // of the journal
}

// Leftover is a write of a run that is not undone, or that may be there.
type Leftover struct {
	Step  string
	Owner string         // the first that the step claims; may be empty
	Write *Write         // as far as it is recorded
	Out   map[string]any // what it yielded
	Doubt bool           // nobody knows whether it happened
}

// Leftovers are what a run leaves if nobody undoes it, in the order in which
// its steps began.
func (r *StoredRun) Leftovers() (left []Leftover) {
	at, happened, owner := map[string]*Leftover{}, map[string]bool{}, map[string]string{}
	var order []string
	for _, e := range r.Events {
		if len(e.Claims) > 0 {
			owner[e.Step] = e.Claims[0]
		}
		l := at[e.Step]
		found := e.Kind == EvRecovered && e.Verdict != nil && e.Verdict.Outcome == Happened
		if l == nil && e.Kind != EvObserved && !found { // it was said not to have happened, perhaps
			continue // nothing of it can have left
		}
		if l == nil {
			l = &Leftover{Step: e.Step, Owner: owner[e.Step]}
			at[e.Step] = l
			order = append(order, e.Step)
		}
		if e.Kind != EvUndone && e.Kind != EvUndoFail { // what undid it is no write of the step
			l.Write = cmp.Or(e.Write, l.Write)
		}
		switch e.Kind {
		case EvObserved, EvUnknown:
			l.Doubt = true
		case EvDone:
			l.Doubt, l.Out = false, e.Out
		case EvFailed:
			l.Doubt = e.Write != nil
		case EvRecovered:
			if e.Verdict != nil && e.Verdict.Outcome == Not {
				delete(at, e.Step)
				break
			}
			happened[e.Step] = e.Verdict != nil && e.Verdict.Outcome == Happened
			l.Doubt, l.Out = !happened[e.Step], e.Out
		case EvUndone:
			delete(at, e.Step)
		}
	}
	for _, step := range slices.Compact(order) {
		if l := at[step]; l != nil && (l.Doubt || l.Write != nil || happened[step]) {
			left = append(left, *l)
			delete(at, step)
		}
	}
	return left
}

// Abandon gives an unfinished run up as it stands: nothing is undone, it
// cannot be gone on with, and others may change what it claimed. It can still
// be rolled back. Because is why, for the record; who is the person.
//
// A process at work on it yields a *ClaimedError, one that has ended an
// *EndedError. A journal that cannot be read takes no event: it stays as it
// is, an [Abandonment] is written beside it, and noted is true. If that
// journal is replaced by a sound one later, that counts again.
func (l *Local) Abandon(ctx context.Context, id, who, because string) (noted bool, err error) {
	done, err := l.lockClaims(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if err := l.atWork(id); err != nil {
		return false, err
	}
	run, problem := l.ReadRun(id)
	run.Alive = false
	switch {
	case errors.Is(problem, ErrNeverBegan):
		return false, problem
	case problem != nil:
		noted, err = true, l.noteAbandoned(Abandonment{Run: id, At: l.Clock.now().UTC(), Who: who, Because: because, Problem: problem.Error()})
	case !run.Summary().State.Unfinished():
		return false, &EndedError{id, run.Summary().State}
	default:
		err = l.recordAbandoned(id, &run, who, because)
	}
	if err != nil {
		return noted, err
	}
	return noted, l.free(id) // a crash before it: the run has ended, and its claim falls by itself
}

// recordAbandoned ends a run in its journal. A write of which nobody knows
// whether it happened stays, perhaps.
func (l *Local) recordAbandoned(id string, run *StoredRun, who, because string) (err error) {
	ended := Event{Kind: EvEnded, State: StateAbandoned, Who: who, Reason: because, Residues: run.perhaps()}
	j, _, err := journal.Open(l.journalFile(id), journal.Options{Now: l.Clock.now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	raw, _, err := canonical(ended)
	if err == nil {
		_, err = j.Append(json.RawMessage(raw))
	}
	if err != nil {
		return &JournalError{Begun: true, Err: err}
	}
	return nil
}

func (l *Local) abandonedFile(run string) string {
	return filepath.Join(l.runDir(run), "abandoned.json")
}

func (l *Local) noteAbandoned(a Abandonment) error {
	a.Format = 1
	data, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	failpoint.Hit("abandon.note.before")
	err = journal.WriteFile(l.abandonedFile(a.Run), append(data, '\n'), 0o600)
	failpoint.Hit("abandon.note.after")
	return err
}

// ReadAbandoned reads the note that a run whose journal cannot be read was
// given up; nil if it was not.
func (l *Local) ReadAbandoned(id string) (*Abandonment, error) {
	data, err := journal.ReadFile(l.abandonedFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var a Abandonment
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}
