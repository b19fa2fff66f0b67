package runner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is one thing that happened in a run. Which of its fields are set
// depends on its kind. Its data are JSON values: times as RFC 3339 text,
// durations as Go writes them.
type Event struct {
	Kind EventKind `json:"kind"`
	Step string    `json:"step,omitempty"` // the step's name, such as "fleet[0oa1].activate"

	Run      *RunInfo          `json:"run,omitempty"`      // created
	Value    *bool             `json:"value,omitempty"`    // condition, assertion
	Index    int               `json:"index,omitempty"`    // assertion: which, from 0
	In       map[string]any    `json:"in,omitempty"`       // inputs: without what a secret touches
	Deferred []string          `json:"deferred,omitempty"` // inputs: what a secret touches, as "ca.passphrase"
	Keys     []string          `json:"keys,omitempty"`     // items: of each
	Items    []any             `json:"items,omitempty"`    // items of a loop
	Saw      map[string]any    `json:"saw,omitempty"`      // observed
	Out      map[string]any    `json:"out,omitempty"`      // done, recovered
	Again    *Again            `json:"again,omitempty"`    // failed, recovered, assertion: another try follows
	Values   map[string]any    `json:"values,omitempty"`   // vars, outputs
	Verdict  *Verdict          `json:"verdict,omitempty"`  // recovered
	Residues []Residue         `json:"residues,omitempty"` // undone, undo_failed
	Write    *Write            `json:"write,omitempty"`    // the one write, if there was one
	Calls    map[string]Bucket `json:"calls,omitempty"`    // requests by rate-limit bucket
	Requests []Request         `json:"requests,omitempty"` // each that was sent, and how it was answered
	Warnings []string          `json:"warnings,omitempty"`
	Error    string            `json:"error,omitempty"`  // failed, unknown, undo_failed
	Cure     string            `json:"cure,omitempty"`   // failed, unknown, undo_failed: what to do about it, which Error says as well
	Remedy   *Remedy           `json:"remedy,omitempty"` // undo_failed: how a person brings the same about
	Reason   string            `json:"reason,omitempty"` // rollback, ended
	State    State             `json:"state,omitempty"`  // ended
	Who      string            `json:"who,omitempty"`    // opened, rollback, recovered, ended: whose doing or word it was; a run's own doing names nobody

	Claims       []string    `json:"claims,omitempty"`  // inputs of an action
	Setting      bool        `json:"setting,omitempty"` // failed: a setting of the caller is missing or wrong
	Drift        bool        `json:"drift,omitempty"`   // failed: something is not as the plan, or the try before, saw it
	unchecked    []string    // of a rehearsal; never in a journal
	certificates []certified // told of in a rehearsal
	scopes       []string    // that the requests of a rehearsal need
	call         *Call       // the write as sent
}

// EventKind says what happened.
type EventKind string

// The kinds of events, in the order in which a step meets them.
const (
	EvCreated   EventKind = "created"   // the run began; always first
	EvOpened    EventKind = "opened"    // its journal was opened again
	EvVars      EventKind = "vars"      // the playbook's vars were evaluated
	EvCondition EventKind = "condition" // a step's if
	EvItems     EventKind = "items"     // a loop's list
	EvInputs    EventKind = "inputs"    // a step's inputs
	EvObserved  EventKind = "observed"  // an action looked; its Do comes next
	EvDone      EventKind = "done"      // an action, a query or a loop yielded its outputs
	EvUnknown   EventKind = "unknown"   // a write's answer was lost
	EvRecovered EventKind = "recovered" // what became of it
	EvAssertion EventKind = "assertion" // one assertion of a step
	EvFailed    EventKind = "failed"    // a step failed; with a Write, after that
	EvOutputs   EventKind = "outputs"   // the playbook's outputs
	EvRollback  EventKind = "rollback"  // from here on actions are undone: the run's, or those of the item named
	EvUndone    EventKind = "undone"    // one was
	EvKept      EventKind = "kept"      // one was not, as rollback: skip says
	EvUndoFail  EventKind = "undo_failed"
	EvEnded     EventKind = "ended" // the run stopped, in State
)

// Again says that a failed try is followed by another, and when.
type Again struct {
	Tried int    `json:"tried"` // tries so far
	After string `json:"after"` // a Go duration
}

// State is where a run stands.
type State string

// The states of a run.
const (
	StateRunning            State = "running"
	StateInterrupted        State = "interrupted"
	StateWaiting            State = "waiting"
	StateStuck              State = "stuck" // a person must say what became of a write
	StateDone               State = "done"
	StateDoneWithFailures   State = "done_with_failures"
	StateFailed             State = "failed"
	StateRolledBack         State = "rolled_back"
	StateRollbackIncomplete State = "rollback_incomplete"
	StateAbandoned          State = "abandoned"
)

// String is the state in words. As JSON a state keeps its name.
func (s State) String() string { return strings.ReplaceAll(string(s), "_", " ") }

// Resumable reports whether a run in this state can be gone on with.
func (s State) Resumable() bool {
	return s == StateRunning || s == StateInterrupted || s == StateWaiting || s == StateStuck
}

// RunInfo is what a run is a run of.
type RunInfo struct {
	ID        string         `json:"id"`
	Format    int            `json:"format"` // of the events; this package reads 1
	Tool      string         `json:"tool"`
	Playbook  string         `json:"playbook"`
	Version   string         `json:"version"`
	Digest    string         `json:"digest"`         // of the playbook's text
	Plan      string         `json:"plan,omitempty"` // digest of the plan that was approved
	Org       string         `json:"org"`
	Inputs    map[string]any `json:"inputs"`                      // without secrets
	Secrets   []string       `json:"secrets,omitempty"`           // their names
	NotGiven  []string       `json:"secrets_not_given,omitempty"` // those of them that the run began without
	OnFailure string         `json:"on_failure"`
	Who       string         `json:"who,omitempty"`
	StartedAt time.Time      `json:"started_at"`
}

// JournalFormat is the version of the events that this package writes and
// reads.
const JournalFormat = 1

// Write is a request that changed something, as it is recorded and planned.
// Of a PUT only the change is kept; a JSON body is kept otherwise, anything
// else by its digest. Of a step that a secret reaches no body is kept, nor a
// digest of one.
type Write struct {
	Method      string          `json:"method"`
	Path        string          `json:"path"`
	ContentType string          `json:"content_type,omitempty"`
	Body        json.RawMessage `json:"body,omitempty"`
	SHA256      string          `json:"sha256,omitempty"` // of the body; none for a PUT; in a plan, of the body with sources in place of what the run assigns
	Change      *Change         `json:"change,omitempty"`
}

// writeOf describes a call, every text in it passed through rewrite.
func writeOf(c *Call, rewrite func(string) string) *Write {
	if c == nil {
		return nil
	}
	w := &Write{Method: c.Method, Path: rewrite(c.Path), ContentType: c.ContentType}
	if c.Change != nil {
		change := *c.Change
		change.From, change.To = rewriteAll(change.From, rewrite), rewriteAll(change.To, rewrite)
		w.Change = &change
		return w
	}
	if len(c.Body) == 0 {
		return w
	}
	body := []byte(rewrite(string(c.Body)))
	sum := sha256.Sum256(body)
	w.SHA256 = hex.EncodeToString(sum[:])
	if media, _, err := mime.ParseMediaType(c.ContentType); err == nil && strings.HasSuffix(media, "json") {
		var compact bytes.Buffer
		if json.Compact(&compact, body) == nil {
			w.Body = compact.Bytes()
		}
	}
	return w
}

// rewriteAll passes every text in a JSON-like value through rewrite.
func rewriteAll(v any, rewrite func(string) string) any {
	switch v := v.(type) {
	case string:
		return rewrite(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = rewriteAll(v[i], rewrite)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = rewriteAll(v[k], rewrite)
		}
		return out
	}
	return v
}

func same(s string) string { return s }

// canonical renders an event as its journal line and reads it back, so that a
// live run sees exactly what a resumed one would.
func canonical(e Event) (json.RawMessage, Event, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&e); err != nil {
		return nil, Event{}, err
	}
	raw := bytes.TrimSpace(buf.Bytes())
	if back, ok := e.asRead(); ok {
		return raw, back, nil
	}
	back, err := DecodeEvent(raw)
	back.unchecked, back.certificates, back.scopes, back.call = e.unchecked, e.certificates, e.scopes, e.call
	return raw, back, err
}

// asRead is the event as reading its line yields it, for the events whose data
// are of the common kinds: to read each line back costs more than all the rest
// of the driver.
func (e Event) asRead() (Event, bool) {
	if e.Run != nil || e.Verdict != nil || e.Residues != nil {
		return e, false
	}
	write, ok := e.Write.asRead()
	e.Write = write
	ok = ok && utf8.ValidString(e.Who)
	for _, r := range e.Requests {
		ok = ok && utf8.ValidString(r.Method) && utf8.ValidString(r.Path) && utf8.ValidString(r.ID)
	}
	for _, data := range []*map[string]any{&e.In, &e.Saw, &e.Out, &e.Values} {
		if len(*data) == 0 {
			*data = nil
			continue
		}
		read, plain := valueAsRead(*data)
		*data, _ = read.(map[string]any)
		ok = ok && plain
	}
	if len(e.Items) > 0 {
		read, plain := valueAsRead(e.Items)
		e.Items, _ = read.([]any)
		ok = ok && plain
	}
	return e, ok
}

// valueAsRead is a value as JSON yields it, if it is one of the common kinds.
func valueAsRead(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool:
		return v, true
	case string:
		return v, utf8.ValidString(v)
	case int:
		return json.Number(strconv.Itoa(v)), true
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var ok bool
			if list[i], ok = valueAsRead(v[i]); !ok {
				return nil, false
			}
		}
		return list, true
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			var ok bool
			if object[name], ok = valueAsRead(v[name]); !ok || !utf8.ValidString(name) {
				return nil, false
			}
		}
		return object, true
	}
	return nil, false
}

// asRead is [Event.asRead] for what a write is recorded as; those with a body
// are read back.
func (w *Write) asRead() (*Write, bool) {
	if w == nil || w.Change == nil {
		return w, w == nil
	}
	from, plain := valueAsRead(w.Change.From)
	to, also := valueAsRead(w.Change.To)
	read := *w
	read.Change = &Change{Pointer: w.Change.Pointer, From: from, To: to, Rest: w.Change.Rest}
	ok := plain && also && w.Body == nil
	for _, text := range []string{w.Method, w.Path, w.ContentType, w.Change.Pointer} {
		ok = ok && utf8.ValidString(text)
	}
	return &read, ok
}

// DecodeEvent reads an event of a journal. Numbers keep their digits.
func DecodeEvent(raw []byte) (Event, error) {
	var e Event
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	err := dec.Decode(&e)
	return e, err
}
