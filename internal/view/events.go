package view

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/rekey/runner"
)

// EventsFormat is the version of the form in which a run's events are told to
// programs. Another number means that a program may have to be changed; what is
// added does not change it.
const EventsFormat = 1

//go:embed events.schema.json
var eventsSchema []byte

// EventsSchema is the JSON Schema, of draft 7, of a line of what [Told.Line]
// renders.
func EventsSchema() []byte { return slices.Clone(eventsSchema) }

// Told is one event of a run as programs are told of it: a JSON object on a line
// of its own. Which members it has depends on Event.
type Told struct {
	Format int       `json:"rekey_events"` // [EventsFormat]
	Seq    int       `json:"seq"`          // counts from 1, without a gap
	Time   time.Time `json:"time"`
	Event  ToldKind  `json:"event"`
	Run    string    `json:"run,omitempty"` // its id, once there is one

	// started
	Verb     string `json:"verb,omitempty"` // run, resume, rollback
	Tool     string `json:"tool,omitempty"`
	Playbook string `json:"playbook,omitempty"`
	Version  string `json:"version,omitempty"`
	Org      string `json:"org,omitempty"`
	Who      string `json:"who,omitempty"` // begun, rollback, step: whose doing or word it is

	// planned, begun
	Plan    string `json:"plan,omitempty"`    // SHA-256 of its body
	Changes *bool  `json:"changes,omitempty"` // the plan has some

	// step, loop, item, warning
	Step     string        `json:"step,omitempty"`   // "fleet[0oa1].activate"; of an item "fleet[0oa1]"
	Type     string        `json:"type,omitempty"`   // of the step
	Status   string        `json:"status,omitempty"` // of a step, a loop or an item
	Change   string        `json:"change,omitempty"` // what the step changes, in words
	Write    *ToldWrite    `json:"write,omitempty"`
	Said     runner.Saying `json:"said,omitempty"`    // what a person said of its write; Message is how that person knows
	Found    string        `json:"found,omitempty"`   // what was there instead when it was looked at then
	Tried    int           `json:"tried,omitempty"`   // again: tries so far
	Seconds  *float64      `json:"seconds,omitempty"` // again, wait: until it goes on; alive, ended: since it began
	Total    *int          `json:"total,omitempty"`   // loop: its items
	Failed   *int          `json:"failed,omitempty"`  // loop: how many of them failed
	Residues []ToldResidue `json:"residues,omitempty"`

	// wait
	Bucket string `json:"bucket,omitempty"`
	Why    string `json:"why,omitempty"`

	// ended
	State string `json:"state,omitempty"` // of the run, if there is one
	Exit  *int   `json:"exit,omitempty"`

	Message string `json:"message,omitempty"` // in words, for a person
}

// ToldKind says what an event tells of.
type ToldKind string

// The kinds of events, in the order in which a run meets them.
const (
	ToldStarted     ToldKind = "started"     // the command began; always first
	ToldPlanned     ToldKind = "planned"     // there is a plan; nothing was written
	ToldBegun       ToldKind = "begun"       // the run began, or was taken up again
	ToldLoop        ToldKind = "loop"        // status: begun, done, partly (some items failed, and may)
	ToldStep        ToldKind = "step"        // status: see ToldStatus
	ToldItem        ToldKind = "item"        // status: failed; its steps are undone now
	ToldWait        ToldKind = "wait"        // for a rate limit of the org
	ToldWarning     ToldKind = "warning"     // of a step, or of the run
	ToldRollback    ToldKind = "rollback"    // from here on what was done is undone
	ToldInterrupted ToldKind = "interrupted" // the run was told to stop
	ToldAlive       ToldKind = "alive"       // nothing else has happened for a while
	ToldEnded       ToldKind = "ended"       // the command is over; always last
)

// ToldWrite is the request that a step made.
type ToldWrite struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// ToldResidue is an effect that stays after an undo.
type ToldResidue struct {
	Owner   string `json:"owner,omitempty"`
	Kind    string `json:"kind"`
	ID      string `json:"id,omitempty"`
	Effect  string `json:"effect"`
	Perhaps bool   `json:"perhaps,omitempty"`
}

// Line is the event as its line. No text in it is taken for a command by what
// reads logs.
func (t *Told) Line() ([]byte, error) {
	var b bytes.Buffer
	if err := encode(&b, t, ""); err != nil {
		return nil, err
	}
	return harmlessJSON(b.Bytes()), nil
}

// What a log of GitHub takes for a command wherever it is (actions/runner,
// ActionCommand.cs), and what stands for it in a string of JSON, the only place
// where it can be. No encoder of ours writes the latter.
const (
	logCommand        = "##["
	logCommandEscaped = `##\u005b`
)

func harmlessJSON(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte(logCommand), []byte(logCommandEscaped))
	return []byte(runner.PrintableJSON(string(text)))
}

// escaped matches what begins with a backslash in a string of JSON: a rune, or
// one in two halves.
var escaped = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)`)

// AsEncoded is JSON as it was before a [HarmlessJSON] wrote it.
func AsEncoded(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte(logCommandEscaped), []byte(logCommand))
	if !bytes.Contains(text, []byte(`\u`)) {
		return text
	}
	return escaped.ReplaceAllFunc(text, func(escape []byte) []byte {
		var one string
		if escape[1] != 'u' || json.Unmarshal([]byte(`"`+string(escape)+`"`), &one) != nil || runner.PrintableJSON(one) != string(escape) {
			return escape
		}
		var was bytes.Buffer
		if encode(&was, one, "") != nil {
			return escape
		}
		return bytes.Trim(was.Bytes(), "\"\n") // which escapes some itself
	})
}

// HarmlessJSON writes JSON that says the same, in which a log of GitHub Actions
// finds no command, and a terminal nothing that does not print. Each Write must
// be of a whole value.
type HarmlessJSON struct{ To io.Writer }

// Write writes JSON.
func (h HarmlessJSON) Write(p []byte) (int, error) {
	if _, err := h.To.Write(harmlessJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Told are the events that programs are told of for one of the run that Tell
// has told of.
func (p *Progress) Told(e runner.Event) []Told {
	var out []Told
	switch {
	case e.Kind == runner.EvRollback && e.Step == "":
		out = append(out, Told{Event: ToldRollback, Who: e.Who, Message: e.Reason})
	case e.Step != "":
		if t, ok := p.toldStep(e); ok {
			out = append(out, t)
		}
	}
	for _, text := range e.Warnings {
		out = append(out, Told{Event: ToldWarning, Step: e.Step, Message: text})
	}
	return out
}

// changed are the kinds of events by which it is known what a step changes.
var changed = []runner.EventKind{runner.EvDone, runner.EvUndone, runner.EvKept, runner.EvUndoFail}

func (p *Progress) toldStep(e runner.Event) (Told, bool) {
	t := Told{Event: ToldStep, Step: e.Step, Status: toldStatus(e), Who: e.Who, Message: e.Error + e.Reason}
	s := p.steps[e.Step]
	if step := p.step(e.Step); step != nil && step.Type != nil && step.Loop == nil {
		t.Type = step.Type.Name
	}
	if n, loop := p.loops[e.Step]; loop {
		t.Event, t.Type, t.Total = ToldLoop, "", &n
	}
	switch e.Kind {
	case runner.EvRollback:
		t.Event, t.Type = ToldItem, ""
	case runner.EvDone:
		if failed, ok := toldInt(e.Out["failed"]); ok && t.Event == ToldLoop {
			if t.Failed = &failed; failed > 0 {
				t.Status = "partly"
			}
		} else if e.Write == nil && p.action(e.Step) {
			t.Status = "unchanged"
		}
	case runner.EvRecovered:
		t.Message, t.Said, t.Found = e.Verdict.Reason, e.Verdict.Decided, e.Verdict.Found
	case runner.EvFailed:
		if t.Event == ToldLoop { // its items were told of
			t.Message, _, _ = strings.Cut(t.Message, "; "+e.Step+"[")
		}
	}
	if t.Status == "" {
		return t, false
	}
	known := slices.Contains(changed, e.Kind) || e.Verdict != nil && e.Verdict.Outcome == runner.Happened && e.Verdict.Found == ""
	if t.Event == ToldStep && s != nil && p.action(e.Step) && known {
		t.Change = p.change(e.Step, s)
	}
	if e.Write != nil {
		t.Write = &ToldWrite{e.Write.Method, e.Write.Path}
	}
	if e.Again != nil {
		after, _ := time.ParseDuration(e.Again.After)
		t.Status, t.Tried, t.Seconds = "again", e.Again.Tried, InSeconds(after)
	}
	for _, r := range e.Residues {
		t.Residues = append(t.Residues, ToldResidue{r.Owner, r.Kind, r.ID, string(r.Effect), r.Perhaps})
	}
	return t, true
}

// InSeconds is how long something lasts, to a thousandth of a second.
func InSeconds(d time.Duration) *float64 {
	s := d.Round(time.Millisecond).Seconds()
	return &s
}

func toldInt(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case interface{ Int64() (int64, error) }: // json.Number
		n, err := v.Int64()
		return int(n), err == nil
	}
	return 0, false
}

// toldStatus is what an event says of its step; empty: nothing.
func toldStatus(e runner.Event) string {
	switch e.Kind {
	case runner.EvCondition:
		if !*e.Value {
			return "skipped"
		}
	case runner.EvItems:
		return "begun"
	case runner.EvInputs:
		return "reading"
	case runner.EvObserved:
		return "writing"
	case runner.EvDone:
		return "done"
	case runner.EvUnknown:
		return "lost"
	case runner.EvRecovered:
		switch e.Verdict.Outcome {
		case runner.Happened:
			return "recovered"
		case runner.Not:
			return "not_done"
		}
		return "unclear"
	case runner.EvAssertion:
		if !*e.Value {
			return "failed"
		}
	case runner.EvFailed, runner.EvRollback:
		return "failed"
	case runner.EvUndone:
		return "undone"
	case runner.EvKept:
		return "kept"
	case runner.EvUndoFail:
		return "not_undone"
	}
	return ""
}
