package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"example.com/rekey/runner/journal"
)

// ClaimedError tells that another run has what is to be claimed, or that
// another process is at work on the very run.
type ClaimedError struct {
	Owners []string // what both name; none if the other's claim cannot be read, or for the run itself
	Run    string   // who has it
	State  State    // where that run stands; empty if it cannot be read
	Alive  bool     // a process is at work on it
	PID    int      // that process, or the one that was; 0 if not known
	Host   string   // its machine, if known
	Since  time.Time
	Err    error // why the run or its claim cannot be read

	mark string // a file that a crash may have left behind
}

// Error tells who has what, and the cure.
func (e *ClaimedError) Error() string {
	return e.Problem() + "; " + e.Cure(func(verb string) string { return "rekey " + verb + " " + e.Run })
}

// Problem tells who has what.
func (e *ClaimedError) Problem() string {
	what := "run " + e.Run
	if len(e.Owners) > 0 {
		what = someNames(e.Owners) + " is claimed by run " + e.Run
		if len(e.Owners) > 1 {
			what = someNames(e.Owners) + " are claimed by run " + e.Run
		}
	}
	switch {
	case e.Alive && len(e.Owners) == 0:
		return what + " is at work" + e.process()
	case e.Alive:
		return what + ", which is at work" + e.process()
	case e.Err != nil && len(e.Owners) == 0:
		return what + " may have claimed the same: " + e.Err.Error()
	case e.Err != nil:
		return what + ", which cannot be read: " + e.Err.Error()
	}
	return fmt.Sprintf("%s, which is unfinished (%s)", what, strings.ReplaceAll(string(e.State), "_", " "))
}

// process names the process, as far as it is known.
func (e *ClaimedError) process() string {
	switch {
	case e.PID > 0 && e.Host != "":
		return fmt.Sprintf(" (process %d on %s)", e.PID, e.Host)
	case e.PID > 0:
		return fmt.Sprintf(" (process %d)", e.PID)
	}
	return ""
}

// Cure tells what can be done. Line is the command of a verb about the run.
func (e *ClaimedError) Cure(line func(verb string) string) string {
	abandon := "give it up as it is: `" + line("abandon") + ` --because "…"` + "`"
	switch {
	case e.Alive && e.mark != "":
		return "wait until it ends, with --lock-timeout for one; if there is no such process any more (a crash leaves the mark), delete " + e.mark
	case e.Alive:
		return "wait until it ends, with --lock-timeout for one, or stop it"
	case e.Err != nil:
		return "mend that, then resume it or roll it back; or look at what it changed and " + abandon
	case e.State == StateRollbackIncomplete:
		return "once the cause is gone, try its rollback again: `" + line("rollback") + "`; or " + abandon
	}
	return "go on with it: `" + line("resume") + "`; undo it: `" + line("rollback") + "`; or " + abandon
}

// someNames are the first few of many.
func someNames(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// standing is where a run stands on which nobody is at work; empty if it never
// began.
func (l *Local) standing(run string) (State, error) {
	stored, err := l.ReadRun(run)
	if errors.Is(err, ErrNeverBegan) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	stored.Alive = false
	return stored.Summary().State, nil
}

// Idle answers with a *ClaimedError if a process is at work on a run.
func (l *Local) Idle(run string) error { return l.atWork(run) }

// atWork refuses a run on which a process is at work. What it says holds for
// as long as the claims are locked.
func (l *Local) atWork(run string) error {
	claimed := journal.Held(l.claimFile(run))
	if claimed == nil {
		claimed = journal.Held(l.journalFile(run))
	}
	var locked *journal.LockedError
	if claimed == nil || !errors.As(claimed, &locked) {
		return claimed
	}
	e := &ClaimedError{Run: run, State: StateRunning, Alive: true, PID: locked.PID, mark: locked.Mark()}
	if claim, err := l.readClaim(run); err == nil {
		e.Since = claim.Since
		if claim.PID == e.PID {
			e.Host = claim.Host
		}
	}
	return e
}

// othersClaim refuses what the claims of others hold, and removes those that
// nobody needs any more where they are in the way: then some fell. The claims
// are locked.
func (l *Local) othersClaim(claim Claim) (fell bool, err error) {
	ids, err := l.claimIDs()
	if err != nil {
		return false, err
	}
	wanted := map[string]bool{}
	for _, owner := range claim.Owners {
		wanted[owner] = true
	}
	for _, id := range ids {
		if id == claim.Run {
			continue
		}
		other, unread := l.readClaim(id)
		if errors.Is(unread, fs.ErrNotExist) {
			continue
		}
		shared := slices.DeleteFunc(slices.Clone(other.Owners), func(owner string) bool { return !wanted[owner] })
		if unread == nil && (other.Org != claim.Org || len(shared) == 0) {
			continue
		}
		if err := l.stands(other, shared, unread); err != nil {
			return fell, err
		}
		fell = true
		if err := l.free(id); err != nil {
			return fell, fmt.Errorf("the claim of run %s, which has ended, cannot be removed: %w; check the folder's owner and mode", id, err)
		}
	}
	return fell, nil
}

// Holders tells which unfinished runs claim some of these owners, in the order
// of the runs' ids. Nothing is claimed, and nothing changed: by the time that
// somebody claims them it may be different.
func (l *Local) Holders(org string, owners []string) (holders []*ClaimedError, err error) {
	ids, err := l.claimIDs()
	named := map[string]bool{}
	for _, owner := range owners {
		named[owner] = true
	}
	for _, id := range ids {
		other, unread := l.readClaim(id)
		shared := slices.DeleteFunc(slices.Clone(other.Owners), func(owner string) bool { return !named[owner] })
		if unread != nil || other.Org != org || len(shared) == 0 {
			continue // one that cannot be read may have nothing to do with them
		}
		var claimed *ClaimedError
		if errors.As(l.stands(other, shared, nil), &claimed) {
			holders = append(holders, claimed)
		}
	}
	return holders, err
}

// stands tells that a claim is rightly held; nil if it is not.
func (l *Local) stands(other Claim, shared []string, unread error) error {
	err := l.atWork(other.Run)
	var alive *ClaimedError
	if errors.As(err, &alive) {
		alive.Owners = shared
		return alive
	}
	if err != nil {
		return err
	}
	state, err := l.standing(other.Run)
	if err == nil && !state.Unfinished() {
		return nil
	}
	return &ClaimedError{Owners: shared, Run: other.Run, State: state, PID: other.PID, Host: other.Host, Since: other.Since, Err: errors.Join(err, unread)}
}
