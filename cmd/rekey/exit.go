package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
)

// What the process exits with.
const (
	exitOK         = 0
	exitFailed     = 1  // the org is as before, apart from listed residues
	exitChanges    = 2  // --detailed-exitcode: the plan has changes, or the plans differ
	exitInvalid    = 3  // playbook, inputs or settings
	exitStopped    = 4  // part-way
	exitStale      = 5  // the plan is stale, nothing was written
	exitIncomplete = 6  // a person must act
	exitBusy       = 7  // a run is at work, or a journal is damaged
	exitUsage      = 64 // sysexits.h: EX_USAGE
)

// exitError is an error that knows its exit code. One without a text was
// explained already.
type exitError struct {
	code    int
	message string
	hint    string
	cause   error
}

func (e *exitError) Error() string {
	if e.cause != nil && e.message == "" {
		return e.cause.Error()
	}
	return e.message
}

func (e *exitError) Unwrap() error { return e.cause }

// Silent reports that there is nothing more to say.
func (e *exitError) Silent() bool { return e.message == "" && e.cause == nil }

func usage(message, hint string) error {
	return &exitError{code: exitUsage, message: message, hint: hint}
}

func invalid(message, hint string) error {
	return &exitError{code: exitInvalid, message: message, hint: hint}
}

func failed(message, hint string) error {
	return &exitError{code: exitFailed, message: message, hint: hint}
}

// coded gives an error a code of its own.
func coded(code int, err error) error { return &exitError{code: code, cause: err} }

// exit ends with a code after everything was said.
func exit(code int) error {
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

// exitCode is what the process exits with after an error.
func exitCode(err error) int {
	var (
		own      *exitError
		setting  *okta.SettingsError
		faults   runner.Faults
		locked   *journal.LockedError
		damaged  *journal.DamageError
		inputErr *runner.Fault
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &setting), errors.As(err, &faults), errors.As(err, &inputErr):
		return exitInvalid
	case errors.As(err, &locked), errors.As(err, &damaged):
		return exitBusy
	case errors.Is(err, runner.ErrNoRun):
		return exitUsage
	}
	return exitFailed
}

// explain takes an error apart into what is wrong and its cure.
func explain(err error) (message, hint string) {
	var own *exitError
	var setting *okta.SettingsError
	switch {
	case errors.As(err, &own) && own.message != "":
		return own.message, own.hint
	case errors.As(err, &setting):
		return setting.Setting + " " + setting.Problem, setting.Cure
	}
	return cured(err)
}

// cured takes the cure out of an error that knows it.
func cured(err error) (message, cure string) {
	var curable interface{ Cure() string }
	if message = err.Error(); !errors.As(err, &curable) {
		return message, ""
	}
	cure = curable.Cure()
	return strings.Replace(message, "; "+cure, "", min(len(cure), 1)), cure
}

// mend is what to do about an error, before what else is to be said.
func mend(err error, rest string) (message, hint string) {
	message, cure := cured(err)
	switch {
	case cure == "":
		cure = "mend that, and try again"
	case !strings.HasPrefix(cure, "try again"):
		cure += ", and try again"
	}
	return message, rest + ": " + cure
}

// isStale reports whether a run ended because the org is not as the plan saw
// it, before it wrote anything.
func isStale(m *runner.Machine) bool {
	return m.Drifted() && !m.Written() && (m.State() == runner.StateFailed || m.State() == runner.StateRolledBack)
}

// codeOf is the exit code of a run, or of its rollback, that stopped in this
// state.
func codeOf(state runner.State, remains, rollback bool) int {
	switch state {
	case runner.StateDone:
		return exitOK
	case runner.StateFailed:
		if !remains {
			return exitFailed
		}
	case runner.StateRolledBack:
		if rollback {
			return exitOK
		}
		return exitFailed
	case runner.StateRollbackIncomplete:
		return exitIncomplete
	}
	return exitStopped
}

// replayError gives the error of a record that this version cannot have made
// its exit code and its cure.
func replayError(err error) error {
	return &exitError{code: exitBusy, message: err.Error(), hint: "use the version of rekey that recorded it"}
}

// journalCode is the exit code when a run ended with an error of its record;
// wrote: it had written something before.
func (a *app) journalCode(err error, id string, m *runner.Machine, wrote bool) error {
	var broken *runner.JournalError
	takeUp := fmt.Sprintf("`%s` goes on with the run, `%s` undoes it", a.runLine("resume", id), a.rollbackLine(id))
	switch {
	case errors.As(err, new(*runner.ReplayError)):
		return replayError(err)
	case errors.As(err, new(*runner.DecisionError)):
		return a.decisionCode(err, id)
	case errors.As(err, new(*runner.PlanError)):
		return coded(exitBusy, err)
	case !errors.As(err, &broken):
		return err
	case wrote || m != nil && m.Written():
		return &exitError{code: exitStopped, message: err.Error(), hint: "the run stopped part-way: make room, or mend the state folder; then " + takeUp}
	case (m == nil || m.Info() == nil) && !broken.Begun:
		return &exitError{code: exitFailed, message: err.Error(), hint: "nothing was written to the org, and there is no such run; make room, or give another state folder with --state-dir FOLDER"}
	case m == nil || m.Info() == nil:
		return &exitError{code: exitFailed, message: err.Error(), hint: fmt.Sprintf("nothing was written to the org, but run %s may be on record as begun, and keep others from what it claims; make room, or mend the state folder; then `%s` carries it out, `%s --because \"…\"` gives it up",
			id, a.runLine("resume", id), a.runLine("abandon", id))}
	}
	return &exitError{code: exitFailed, message: err.Error(), hint: "nothing was written to the org; make room, or mend the state folder; then " + takeUp}
}

// decisionCode is the exit code of a decision that the org contradicts, or of
// which it could not be asked.
func (a *app) decisionCode(err error, id string) error {
	refused := (*okta.Error)(nil)
	switch {
	case errors.Is(err, context.Canceled):
		return errInterrupted
	case errors.As(err, new(*okta.NetworkError)), okta.NotSignedIn(err), errors.As(err, &refused) && !okta.NotFound(err):
		message, hint := mend(err, "nothing was recorded, and the run stays as it is")
		return &exitError{code: exitStopped, message: message, hint: hint}
	}
	return usage(err.Error(), "nothing was recorded; `"+a.runLine("show", id)+"` tells what there is to choose from")
}
