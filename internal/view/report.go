package view

import (
	"strconv"
	"time"

	"example.com/rekey/runner"
)

// ReportFormat is the version of the reports that this package makes.
const ReportFormat = 1

// Report is all that is told of a run, as data: the faces of a run are made of
// it, and as JSON it is one of them. Texts in it are as they were recorded: a
// face that shows them escapes them.
type Report struct {
	Format int `json:"format"`
	runner.Summary
	Outcome      string                      `json:"outcome"`           // the state in words, and what it means for the org
	Loops        []string                    `json:"loops,omitempty"`   // how far each loop came, of a run that stopped part-way
	Who          string                      `json:"who,omitempty"`     // who started it, and where
	AlsoBy       []string                    `json:"also_by,omitempty"` // who else took it up again or gave it up
	Tool         string                      `json:"tool"`              // with what it was started
	OnFailure    string                      `json:"on_failure"`
	Inputs       map[string]any              `json:"inputs"`                      // without secrets
	Secrets      []string                    `json:"secrets,omitempty"`           // their names
	NotGiven     []string                    `json:"secrets_not_given,omitempty"` // those of them that the run began without
	Outputs      map[string]any              `json:"outputs,omitempty"`
	Digests      ReportDigests               `json:"digests"`
	Changes      []ReportChange              `json:"changes,omitempty"`      // what is not as it was before
	Certificates []runner.PlannedCertificate `json:"certificates,omitempty"` // that the run was about, as far as it came
	Undone       []ReportUndo                `json:"undone,omitempty"`       // in the order in which it was
	NotUndone    []ReportProblem             `json:"not_undone,omitempty"`   // what the last rollback could not undo
	Adopted      []ReportAdopted             `json:"adopted,omitempty"`
	Decisions    []ReportDecision            `json:"decisions,omitempty"` // what a person said of writes in doubt
	InDoubt      []runner.Doubt              `json:"in_doubt,omitempty"`  // writes of which a person must say whether they happened
	InFlight     []string                    `json:"in_flight,omitempty"` // steps whose writes may have been on their way at the end of the record
	Timeline     []ReportEvent               `json:"timeline"`
	Requests     []ReportRequest             `json:"requests,omitempty"` // in the order in which they were sent
	Flaws        []runner.Flaw               `json:"flaws,omitempty"`    // of the texts kept with it
	Next         []ReportNext                `json:"next,omitempty"`     // what can be done now
	Holds        string                      `json:"holds,omitempty"`    // which owners it keeps from other runs

	fold *runFold // of a long timeline; nil: it is short
}

// ReportDigests are what tells that a text is the one that the run knew; each
// is a SHA-256, in hex.
type ReportDigests struct {
	Playbook string `json:"playbook"`
	Plan     string `json:"plan,omitempty"` // that was approved
	Journal  string `json:"journal"`        // the hash of its last line, in which those of all before are
}

// ReportChange is a value that the run changed in place and that is not put
// back.
type ReportChange struct {
	Owner   string `json:"owner"`
	Pointer string `json:"pointer"` // RFC 6901
	Before  any    `json:"before"`
	After   any    `json:"after"`
}

// ReportUndo is an action that was undone, or left as it is by rollback: skip.
type ReportUndo struct {
	Time     time.Time        `json:"time"`
	Step     string           `json:"step"`
	Kept     bool             `json:"kept,omitempty"`
	Write    *runner.Write    `json:"write,omitempty"` // nil: nothing was left to undo
	Residues []runner.Residue `json:"residues,omitempty"`
}

// ReportProblem is what went wrong with a step.
type ReportProblem struct {
	Step    string         `json:"step"`
	Message string         `json:"message"`
	Remedy  *runner.Remedy `json:"remedy,omitempty"` // a playbook that brings the same about, if a person wants that
}

// ReportAdopted is what was found after a lost answer and taken for a step's
// own: it may be somebody else's.
type ReportAdopted struct {
	Step string `json:"step"`
	ID   string `json:"id"`
}

// ReportEvent is an event of the journal, and how a person is told of it. Its
// requests stand with those of the report.
type ReportEvent struct {
	runner.Timed
	Lines []ReportLine `json:"lines,omitempty"` // none: nobody need hear of it
}

// ReportLine is a line that tells of an event.
type ReportLine struct {
	What string `json:"what,omitempty"` // the outcome in a word, "ok" for one; empty: the line goes on with the one before
	Text string `json:"text"`
}

// ReportRequest is a request that a step sent.
type ReportRequest struct {
	Time time.Time        `json:"time"` // at which what came of it was recorded
	Kind runner.EventKind `json:"kind"` // of the event that it belongs to
	Step string           `json:"step"`
	runner.Request
}

// status is how it was answered.
func (r *ReportRequest) status() string {
	if r.Status == 0 {
		return "no answer"
	}
	return strconv.Itoa(r.Status)
}

// ReportNext is something that can be done about a run.
type ReportNext struct {
	Text    string `json:"text"` // what the command is for, such as "To undo it"
	Command string `json:"command,omitempty"`
}

// NewReport makes the report of a run. The program may be nil: then steps are
// told without what they change. Rollback is the command that undoes the run.
func NewReport(run *runner.StoredRun, program *runner.Program, rollback string) *Report {
	info, s := run.Info(), run.Summary()
	p := &runPage{run: run, summary: s}
	s.Reason = p.why()
	r := &Report{
		Format: ReportFormat, Summary: s, Outcome: sentence(run, s), Loops: p.soFar(),
		Who: info.Who, AlsoBy: alsoBy(run), Tool: info.Tool, OnFailure: info.OnFailure, Inputs: info.Inputs, Secrets: info.Secrets, NotGiven: info.NotGiven,
		Outputs: outputs(run), Digests: ReportDigests{Playbook: info.Digest, Plan: info.Plan, Journal: run.Head},
		Certificates: certificates(run, program), Undone: undoneSteps(run), NotUndone: notUndone(run), Adopted: adopted(run), Decisions: decisions(run),
		InFlight: run.InFlight(), Timeline: timeline(run, program), Requests: requests(run), Flaws: run.Flaws, Next: p.nextSteps(rollback),
	}
	if r.Inputs == nil {
		r.Inputs = map[string]any{}
	}
	if p.stands() {
		r.Changes = changes(run)
	}
	r.fold = newRunFold(run, r.Timeline)
	if p.doubtful() {
		r.InDoubt = run.Unclear()
	}
	return r
}

// outputs are what a run yielded.
func outputs(run *runner.StoredRun) (values map[string]any) {
	for _, e := range run.Events {
		if e.Kind == runner.EvOutputs {
			values = e.Values
		}
	}
	return values
}

// What is said of a step whose write may have been on its way at the end of the
// record.
const (
	inFlight    = "in flight"
	mayHaveLeft = "its write may have left; whoever goes on with the run, or undoes it, finds out first"
	underWay    = "the process at work on the run is writing it, or looks whether it was written"
)

// flying says of a step in flight how that stands: somebody may be at it.
func flying(s runner.State) string {
	if s == runner.StateRunning {
		return underWay
	}
	return mayHaveLeft
}

// timeline retells a run from its journal, event by event.
func timeline(run *runner.StoredRun, program *runner.Program) []ReportEvent {
	progress := NewProgress(program)
	told := make([]ReportEvent, 0, len(run.Events))
	for _, e := range run.Events {
		var lines []line
		switch e.Kind {
		case runner.EvCreated:
			lines = []line{{"started", ""}}
		case runner.EvOpened:
			lines = []line{{"taken up again", byWhom(e.Who)}}
		case runner.EvEnded:
			lines = []line{{e.State.String(), byWhom(e.Who)}}
			if e.Who != "" && e.Reason != "" {
				lines[0].text += ": " + e.Reason
			}
		default:
			lines = progress.lines(e.Event)
		}
		e.Requests = nil
		event := ReportEvent{Timed: e}
		for _, l := range lines {
			event.Lines = append(event.Lines, ReportLine{What: l.what, Text: l.text})
		}
		told = append(told, event)
	}
	return told
}

// requests are those that the steps of a run sent.
func requests(run *runner.StoredRun) (sent []ReportRequest) {
	for _, e := range run.Events {
		for _, r := range e.Requests {
			sent = append(sent, ReportRequest{Time: e.Time, Kind: e.Kind, Step: e.Step, Request: r})
		}
	}
	return sent
}

// undoneSteps are the actions that were undone or kept.
func undoneSteps(run *runner.StoredRun) (steps []ReportUndo) {
	for _, e := range run.Events {
		if e.Kind == runner.EvUndone || e.Kind == runner.EvKept {
			steps = append(steps, ReportUndo{Time: e.Time, Step: e.Step, Kept: e.Kind == runner.EvKept, Write: e.Write, Residues: e.Residues})
		}
	}
	return steps
}

// notUndone is what the last rollback could not undo, and why.
func notUndone(run *runner.StoredRun) (problems []ReportProblem) {
	for _, e := range run.Events {
		switch {
		case e.Kind == runner.EvRollback && e.Step == "":
			problems = nil
		case e.Kind == runner.EvUndoFail:
			problems = append(problems, ReportProblem{Step: e.Step, Message: e.Error, Remedy: e.Remedy})
		}
	}
	return problems
}
