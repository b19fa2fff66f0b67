package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
)

func TestExitCode(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("around: %w", err) }
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{errors.New("anything"), exitFailed},
		{wrap(&okta.SettingsError{Setting: "X", Problem: "is odd", Cure: "mend it"}), exitInvalid},
		{wrap(runner.Faults{{Message: "m"}}), exitInvalid},
		{wrap(&runner.Fault{Message: "m"}), exitInvalid},
		{wrap(&journal.LockedError{}), exitBusy},
		{wrap(&journal.DamageError{}), exitBusy},
		{wrap(runner.ErrNoRun), exitUsage},
		{coded(exitBusy, fs.ErrNotExist), exitBusy},
		{usage("m", ""), exitUsage},
		{exit(exitChanges), exitChanges},
		{exit(exitOK), exitOK},
		{testApp().journalCode(&runner.JournalError{Err: fs.ErrPermission}, "r", nil, false), exitFailed},
		{testApp().journalCode(&journal.LockedError{}, "r", nil, false), exitBusy},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}

// A run that could not be recorded says whether it is there all the same, and
// what is to be done.
func TestUnrecordedRun(t *testing.T) {
	m := runner.NewMachine(&runner.Program{})
	for _, c := range []struct {
		begun bool
		says  []string
		not   string
	}{
		{false, []string{"there is no such run", "--state-dir"}, "resume"},
		{true, []string{"run r may be on record as begun", "`rekey resume r` carries it out", "`rekey abandon r --because \"…\"` gives it up"}, "no such run"},
	} {
		err := testApp().journalCode(&runner.JournalError{Begun: c.begun, Err: fs.ErrPermission}, "r", m, false)
		_, hint := explain(err)
		for _, says := range append(c.says, "nothing was written to the org") {
			if !strings.Contains(hint, says) || strings.Contains(hint, c.not) || exitCode(err) != exitFailed {
				t.Errorf("%d, %q, which does not say %q, or does %q", exitCode(err), hint, says, c.not)
			}
		}
	}
}

// TestStateCode holds the exit code of every state in which a run can stop.
func TestStateCode(t *testing.T) {
	for _, c := range []struct {
		state             runner.State
		written, rollback bool
		want              int
	}{
		{runner.StateDone, true, false, exitOK},
		{runner.StateFailed, false, false, exitFailed},
		{runner.StateFailed, true, false, exitStopped},
		{runner.StateRolledBack, true, false, exitFailed},
		{runner.StateRolledBack, true, true, exitOK},
		{runner.StateRollbackIncomplete, true, false, exitIncomplete},
		{runner.StateRollbackIncomplete, true, true, exitIncomplete},
		{runner.StateInterrupted, false, false, exitStopped},
		{runner.StateInterrupted, true, true, exitStopped},
		{runner.StateStuck, true, false, exitStopped},
		{runner.StateWaiting, true, false, exitStopped},
		{runner.StateDoneWithFailures, true, false, exitStopped},
		{runner.StateRunning, true, false, exitStopped},
	} {
		if got := codeOf(c.state, c.written, c.rollback); got != c.want {
			t.Errorf("%s, written %v, rollback %v: exit code %d, want %d", c.state, c.written, c.rollback, got, c.want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{"/a/b-c": "/a/b-c", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'"} {
		if got := quoted(in); got != want {
			t.Errorf("quoted(%q) = %s, want %s", in, got, want)
		}
	}
}
