package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"example.com/rekey/runner"
)

// stateFolder is where runs, the CA's ledger and the sandbox are kept. It need
// not exist.
func (a *app) stateFolder() (string, error) {
	dir := a.stateDir
	if dir == "" {
		dir = a.getenv("REKEY_STATE_DIR")
	}
	if xdg := a.getenv("XDG_STATE_HOME"); dir == "" && filepath.IsAbs(xdg) { // a relative one is to be ignored (XDG base directories)
		dir = filepath.Join(xdg, "rekey")
	}
	if home := a.getenv("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".local", "state", "rekey")
	}
	if dir == "" {
		return "", failed("there is no state folder: HOME is not set", "give --state-dir FOLDER or set REKEY_STATE_DIR")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", failed("the state folder cannot be used: "+err.Error(), "give an absolute path with --state-dir")
	}
	return abs, nil
}

// makeState makes the state folder, so that a run does not begin that could
// not be recorded.
func (a *app) makeState() (string, error) {
	dir, err := a.stateFolder()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, "runs"), 0o700); err != nil {
		return "", failed("the state folder cannot be used: "+err.Error(), "nothing was done; give another with --state-dir FOLDER")
	}
	return dir, nil
}

// local is the backend over the state folder.
func (a *app) local(dir string) *runner.Local {
	return &runner.Local{Dir: dir, Clock: runner.Clock{Now: a.now, Sleep: a.sleep}}
}

// findRun reads the run that text names.
func (a *app) findRun(text string) (*runner.Local, runner.StoredRun, error) {
	dir, err := a.stateFolder()
	if err != nil {
		return nil, runner.StoredRun{}, err
	}
	local := a.local(dir)
	id, err := local.Find(text)
	if err != nil {
		return nil, runner.StoredRun{}, stateError(err)
	}
	run, err := readRun(local, id)
	return local, run, err
}

// stateError adds the cure to an error of a state folder that cannot be read.
func stateError(err error) error {
	if errors.Is(err, runner.ErrNoRun) {
		return err
	}
	return failed("the runs cannot be listed: "+err.Error(), "give another state folder with --state-dir")
}

// readRun reads a run; one that cannot be read is damaged.
func readRun(local *runner.Local, id string) (runner.StoredRun, error) {
	run, err := local.ReadRun(id)
	if err != nil {
		err = coded(exitBusy, err)
	}
	return run, err
}

// rollbackCommand line that undoes a run, as the user can type it.
func (a *app) rollbackLine(id string) string {
	return "rekey rollback " + id + a.stateFlag()
}

// stateFlag is what a command takes to find this state folder.
func (a *app) stateFlag() string {
	if a.stateDir == "" {
		return ""
	}
	return " --state-dir " + quoted(a.stateDir)
}

// quoted is a text as a shell takes it for one word.
func quoted(text string) string {
	plain := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r))
	}
	if text != "" && !strings.ContainsFunc(text, plain) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
