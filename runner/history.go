package runner

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// StoredRun is the record of a run on disk.
type StoredRun struct {
	Playbook []byte // the playbook's text
	Events   []Timed
	Plan     *Plan  // that was approved, for who tells of the run; nil: none, or nobody asked for it
	Alive    bool   // a process is at work on it
	Head     string // hash of the journal's last line
	Torn     int    // bytes of a last line that was cut short
	Flaws    []Flaw // of the texts kept with it, for who tells of the run; none: nobody asked for them, perhaps
}

// Flaw is why a text kept with a run cannot be used. Without its plan a run
// cannot be gone on with, without its playbook it cannot be undone either.
type Flaw struct {
	Text    string `json:"text"` // FlawPlan or FlawPlaybook
	Problem string `json:"problem"`
	Cure    string `json:"cure"`
}

// The texts that are kept with a run.
const (
	FlawPlan     = "plan"
	FlawPlaybook = "playbook"
)

// PlanOf reads the plan that a run was started with; nil if it was started
// without one. The error is a *PlanError.
func (l *Local) PlanOf(info *RunInfo) (*Plan, error) {
	if info.Plan == "" {
		return nil, nil
	}
	plan, err := l.ReadPlan(info.ID)
	if err == nil && plan.Digest() != info.Plan {
		return nil, &PlanError{errors.New("it is not the one that the run was started with")}
	}
	return plan, err
}

// Machine is the run's machine as its record leaves it. p must be the program
// of its playbook.
func (r *StoredRun) Machine(p *Program) (*Machine, error) {
	m := NewMachine(p)
	for i, e := range r.Events {
		if err := m.Apply(e.Event); err != nil {
			return nil, &ReplayError{i + 1, err}
		}
	}
	return m, nil
}

// Timed is an event with the time at which it was recorded.
type Timed struct {
	Time time.Time `json:"time"`
	Event
}

// Info is what the run is a run of.
func (r *StoredRun) Info() *RunInfo { return r.Events[0].Run }

// Summary is a run in a line.
type Summary struct {
	ID         string        `json:"id"`
	Playbook   string        `json:"playbook"`
	Version    string        `json:"version"`
	Org        string        `json:"org"`
	Owners     []string      `json:"owners"`
	State      State         `json:"state"`
	StartedAt  time.Time     `json:"started_at"`
	EndedAt    time.Time     `json:"ended_at,omitzero"`     // none: it has not ended
	Reason     string        `json:"reason,omitempty"`      // why it failed or stopped
	FailedStep string        `json:"failed_step,omitempty"` // the step that the reason blames; a run that was stopped has none
	Residues   []Residue     `json:"residues,omitempty"`
	Failures   []ItemFailure `json:"failures,omitempty"` // of items of loops, in the order in which they failed
}

// Summary folds the run into a line. A run whose process ended without a word
// is interrupted.
func (r *StoredRun) Summary() Summary {
	info := r.Info()
	s := summing{residues: map[string][]Residue{}, lost: map[string]string{}, Summary: Summary{
		ID: info.ID, Playbook: info.Playbook, Version: info.Version, Org: info.Org,
		Owners: []string{}, StartedAt: info.StartedAt, State: StateRunning,
	}}
	for _, e := range r.Events {
		s.add(e)
	}
	for _, step := range slices.Sorted(maps.Keys(s.residues)) {
		s.Residues = append(s.Residues, s.residues[step]...)
	}
	s.Residues = r.stays(s.Residues)
	if s.State == StateRunning && !r.Alive {
		s.State = StateInterrupted
	}
	return s.Summary
}

// summing is a summary that is being made.
type summing struct {
	Summary
	residues map[string][]Residue // by step: an undo that is tried again says it anew
	lost     map[string]string    // why a step's write had no answer
	reason   string               // what the step that failed last says: it is why the run does
	blamed   string               // that step
	stopped  string               // why it stopped before it was opened again
}

// because blames a step for what comes.
func (s *summing) because(step, why string) {
	s.reason, s.blamed = fmt.Sprintf("step %s: %s", step, why), step
}

func (s *summing) add(e Timed) {
	for _, c := range e.Claims {
		if !slices.Contains(s.Owners, c) {
			s.Owners = append(s.Owners, c)
		}
	}
	if (e.Kind == EvDone || e.Kind == EvRecovered) && e.Step == s.blamed {
		s.reason, s.blamed = "", "" // it is done after all, or what comes of it is told anew
	}
	switch {
	case e.Kind == EvOpened && s.State.Resumable(): // what comes now tells why it ends
		s.stopped, s.Reason, s.FailedStep, s.State, s.EndedAt = s.Reason, "", "", StateRunning, time.Time{}
	case e.Kind == EvUndone, e.Kind == EvUndoFail, e.Kind == EvKept:
		s.residues[e.Step] = e.Residues
	case e.Kind == EvUnknown:
		s.lost[e.Step] = e.Error
	case e.Kind == EvRecovered:
		s.recovered(e)
	case e.Again != nil:
	case e.Kind == EvAssertion:
		if e.Reason != "" {
			s.because(e.Step, e.Reason)
		}
	case e.Kind == EvFailed:
		s.because(e.Step, e.Error)
	case e.Kind == EvRollback && e.Step != "":
		s.Failures = append(s.Failures, ItemFailure{Item: e.Step, Message: e.Reason})
		s.reason = ""
	case e.Kind == EvRollback:
		s.rolledBack()
	case e.Kind == EvEnded:
		s.ended(e)
	}
}

// recovered: what was perhaps there before is known now.
func (s *summing) recovered(e Timed) {
	delete(s.residues, e.Step)
	why, ok := s.lost[e.Step]
	delete(s.lost, e.Step)
	if ok && e.Again == nil && e.Verdict != nil && e.Verdict.Outcome == Not && e.Verdict.Decided == "" && s.Reason == "" {
		s.because(e.Step, why+" (and its write did not happen)")
	}
}

func (s *summing) rolledBack() {
	delete(s.residues, "") // of the run as a whole: it was abandoned, and somebody changed their mind
	if s.State == StateAbandoned {
		s.Reason = ""
	}
	s.State, s.EndedAt = StateRunning, time.Time{}
	if s.Reason == "" {
		s.blame(s.stopped)
	}
}

// blame says why the run ends: the step that failed is to blame, if one did.
func (s *summing) blame(otherwise string) {
	if s.Reason, s.FailedStep = otherwise, ""; s.reason != "" {
		s.Reason, s.FailedStep = s.reason, s.blamed
	}
}

func (s *summing) ended(e Timed) {
	s.stopped = ""
	s.State, s.EndedAt = e.State, e.Time
	switch e.State {
	case StateDone:
		s.reason, s.blamed = "", ""
	case StateAbandoned:
		s.stopped, s.Reason, s.FailedStep, s.residues[""] = s.Reason, e.Reason, "", e.Residues
	}
	switch {
	case s.Reason != "", e.State == StateDone, e.State == StateDoneWithFailures:
	case e.State == StateStuck:
		s.Reason = e.Reason
	default:
		s.blame(e.Reason)
	}
}

// Remains reports whether anything that the run wrote, or may have, is not
// undone: not a write whose answer was lost and that provably did not happen.
func (r *StoredRun) Remains() bool {
	wrote := map[string]bool{}
	for _, e := range r.Events {
		switch {
		case e.Kind == EvRecovered && e.Verdict != nil && e.Verdict.Outcome == Not, e.Kind == EvUndone:
			delete(wrote, e.Step)
		case e.Kind == EvUndoFail, e.Kind == EvKept:
		case e.Write != nil || e.Kind == EvUnknown || e.Kind == EvRecovered:
			wrote[e.Step] = true
		}
	}
	return len(wrote) > 0 || len(r.InFlight()) > 0
}

// InFlight are the steps whose writes may have been on their way when the
// record ends.
func (r *StoredRun) InFlight() (steps []string) {
	for _, e := range r.Events {
		switch e.Kind {
		case EvObserved, EvUnknown:
			if !slices.Contains(steps, e.Step) {
				steps = append(steps, e.Step)
			}
		case EvDone, EvRecovered, EvFailed, EvUndone, EvUndoFail:
			steps = slices.DeleteFunc(steps, func(s string) bool { return s == e.Step })
		}
	}
	return steps
}

// Unclear are the writes of which looking did not tell whether they happened,
// in the order in which that was found out: a person has to say so.
func (r *StoredRun) Unclear() (out []Doubt) {
	for _, e := range r.Events {
		if e.Kind != EvUndoFail && e.Kind != EvUnknown || e.Verdict != nil {
			out = slices.DeleteFunc(out, func(d Doubt) bool { return d.Step == e.Step })
		}
		for i := range out {
			out[i].Undo = out[i].Undo || e.Kind == EvUndoFail && out[i].Step == e.Step
		}
		if v := e.Verdict; v != nil && v.Outcome == Ambiguous {
			out = append(out, Doubt{Step: e.Step, Candidates: v.Candidates, Reason: v.Reason, Creates: v.Creates})
		}
	}
	return out
}

// perhaps are the writes of which nobody knows whether they happened, as
// residues of a run that is given up.
func (r *StoredRun) perhaps() (out []Residue) {
	looked, told := map[string]string{}, map[string]bool{}
	for _, d := range r.Unclear() {
		looked[d.Step] = d.Reason
	}
	for _, e := range r.Events {
		told[e.Step] = e.Kind == EvUndoFail && len(e.Residues) > 0 // by a rollback, which knows more
	}
	for _, left := range r.Leftovers() {
		if !left.Doubt || told[left.Step] {
			continue
		}
		note := "nobody has looked whether it happened"
		if why, ok := looked[left.Step]; ok {
			note = "nobody can tell whether it happened: " + why
		}
		out = append(out, Residue{Owner: left.Owner, Kind: "write of step " + left.Step, Perhaps: true,
			Note: note + "; a rollback looks for it, and undoes it"})
	}
	return out
}

// ErrNoRun is wrapped by the error for an id that names no run, or several.
var ErrNoRun = errors.New("`rekey runs` lists the runs")

// Find returns the id of the run that text names: the id itself, or a
// beginning of it that no other run shares. The error wraps ErrNoRun.
func (l *Local) Find(text string) (string, error) {
	ids, err := l.IDs()
	if err != nil {
		return "", err
	}
	var found []string
	for _, id := range ids {
		if id == text {
			return id, nil
		}
		if text != "" && strings.HasPrefix(id, text) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no run %q: %w", text, ErrNoRun)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q is the beginning of %d runs, the first of them %s: %w", text, len(found), found[0], ErrNoRun)
}

// IDs lists the runs of the state folder, the oldest first.
func (l *Local) IDs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(l.Dir, "runs"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Yielded reports whether some recorded run has id among the outputs of its
// actions: then that object is no stranger's. A journal that cannot be read
// is passed over.
func (l *Local) Yielded(id string) (bool, error) {
	runs, err := l.IDs()
	if err != nil {
		return false, err
	}
	for _, run := range runs {
		stored, err := l.ReadRun(run)
		if err != nil {
			continue
		}
		acted := map[string]bool{}
		for _, e := range stored.Events {
			acted[e.Step] = acted[e.Step] || e.Kind == EvObserved
			if acted[e.Step] && slices.Contains(slices.Collect(maps.Values(e.Out)), any(id)) {
				return true, nil
			}
		}
	}
	return false, nil
}
