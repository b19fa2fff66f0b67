package journal

import (
	"errors"
	"fmt"
)

// ErrBroken is what every Append answers, errors.Is says so, from the first one that failed on. The first failure's cause
// (a full disk, say) is wrapped beside it. The cure is in the message: end the process and open the journal again.
var ErrBroken = errors.New("the journal takes no more events")

// brokenError is the first failure of an Append and all that follow from it.
type brokenError struct {
	path  string
	seq   int
	cause error
}

func (e *brokenError) Error() string {
	return fmt.Sprintf("journal %s: event %d is not safely recorded, and no event after it will be: %v; "+
		"remove the cause and open the journal again, which keeps every line before it", e.path, e.seq, e.cause)
}

func (e *brokenError) Is(target error) bool { return target == ErrBroken }

func (e *brokenError) Unwrap() error { return e.cause }

// DamageError tells that a whole line of a journal does not verify. Nothing was changed in the file.
type DamageError struct {
	Path   string // the journal
	Line   int    // the number of the line, from 1
	Reason string // what is wrong with it, to follow "line N "
}

// Error names the line, the fault and the cure.
func (e *DamageError) Error() string {
	trust := fmt.Sprintf("only the lines before line %d can be trusted", e.Line)
	if e.Line == 1 {
		trust = "none of its lines can be trusted"
	}
	return fmt.Sprintf("journal %s is damaged: line %d %s; nothing was changed: restore the file from a backup, "+
		"or use the version that wrote it; %s", e.Path, e.Line, e.Reason, trust)
}

// LockedError tells that another opener, mostly another process, holds the journal.
type LockedError struct {
	Path string // the journal
	PID  int    // the process that holds it, as it noted itself; 0 when not known

	stale string // a lock file that a crash may have left behind; "" where the kernel clears the lock
}

// Error names the process, if known, and the cure.
func (e *LockedError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	text := fmt.Sprintf("journal %s is in use by %s: wait until it ends, or stop it", e.Path, who)
	if e.stale != "" {
		text += fmt.Sprintf("; if no such process exists (a crash leaves the mark), delete %s", e.stale)
	}
	return text
}
