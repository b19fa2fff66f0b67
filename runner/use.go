package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"example.com/rekey/internal/failpoint"
	"example.com/rekey/runner/journal"
)

// UsedError says that a saved plan was used already, within this state folder:
// whatever came of it, it is not that of the org any more.
type UsedError struct{ Run string }

// Error names the run and the cure.
func (e *UsedError) Error() string {
	return "the plan was used already, by run " + e.Run + "; make a new one"
}

// began ends a mark of which the run is on record: from then on the plan is
// used, whatever becomes of that record.
const began = " began"

// Unused reports, as a *UsedError, that a saved plan was carried out before. A
// run that never came on record has not used its plan.
func (l *Local) Unused(plan *Plan) error {
	data, err := os.ReadFile(l.usePath(plan))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("whether the plan was carried out before cannot be told: %w; check the state folder", err)
	}
	run, used := strings.CutSuffix(strings.TrimSpace(string(data)), began)
	if used {
		return &UsedError{run}
	}
	records, _, err := journal.Read(filepath.Join(l.runDir(run), "journal.jsonl"))
	if run == "" || len(records) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		return nil
	}
	return &UsedError{run}
}

// use marks a saved plan as carried out by a run, durably, before the run
// begins. That no other process does so at the same time the run's claims see
// to; of a plan that claims nothing a second use does no harm.
func (l *Local) use(plan *Plan, run string) error {
	if plan.Header.Expires.IsZero() {
		return nil // nobody else has it
	}
	if err := l.Unused(plan); err != nil {
		return err
	}
	return l.mark(plan, run)
}

// used makes the mark of a saved plan outlive the run's record, now that there
// is one.
func (l *Local) used(plan *Plan, run string) error {
	if plan.Header.Expires.IsZero() {
		return nil
	}
	return l.mark(plan, run+began)
}

// mark names the run of a saved plan, durably.
func (l *Local) mark(plan *Plan, text string) error {
	path := l.usePath(plan)
	if err := journal.MakeFolders(filepath.Dir(path)); err != nil {
		return &JournalError{Err: err}
	}
	failpoint.Hit("plan.use.before")
	err := journal.WriteFile(path, []byte(text+"\n"), 0o600)
	failpoint.Hit("plan.use.after")
	if err != nil {
		return &JournalError{Err: err}
	}
	return nil
}

// usePath is the file that names the run which used a plan.
func (l *Local) usePath(plan *Plan) string { return filepath.Join(l.Dir, "plans", plan.Digest()) }
