package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// PlanFormat is the version of the plans that this package makes.
const PlanFormat = 1

// Plan is what a dry run yields: data, from which every view is made. The
// body depends on the playbook, the inputs, the org and the one clock reading
// alone; what else belongs to a plan stands in the header.
type Plan struct {
	Header PlanHeader `json:"header"`
	Body   PlanBody   `json:"body"`
}

// PlanHeader says who made the plan, when and with what.
type PlanHeader struct {
	Format int       `json:"format"`
	MadeAt time.Time `json:"made_at"`
	Tool   string    `json:"tool"`
	Who    string    `json:"who,omitempty"`
}

// PlanBody is the plan itself. A value that Okta or a CA will assign stands
// as its source, such as "$<steps.publish.kid>".
type PlanBody struct {
	Playbook  string            `json:"playbook"`
	Version   string            `json:"version"`
	Digest    string            `json:"digest"` // of the playbook's text
	Org       string            `json:"org"`
	Offline   bool              `json:"offline,omitempty"` // the owners were invented
	OnFailure string            `json:"on_failure"`
	Inputs    map[string]any    `json:"inputs"`            // without secrets
	Secrets   []string          `json:"secrets,omitempty"` // their names
	Steps     []PlannedStep     `json:"steps"`
	Outputs   map[string]any    `json:"outputs,omitempty"`
	Bases     map[string]string `json:"bases,omitempty"` // digest of each part of an owner that was read
	Calls     map[string]Bucket `json:"calls"`           // requests by rate-limit bucket
	Expected  string            `json:"expected"`        // how long a run takes, as a Go duration
	Warnings  []string          `json:"warnings,omitempty"`
	Failure   *PlanFailure      `json:"failure,omitempty"` // why the run would fail
}

// PlannedStep is what a step will do.
type PlannedStep struct {
	Step       string            `json:"step"`
	Name       string            `json:"name,omitempty"`
	Type       string            `json:"type"`
	Action     bool              `json:"action"`
	Condition  *bool             `json:"condition,omitempty"` // what its if came to
	Assertions int               `json:"assertions,omitempty"`
	Change     string            `json:"change,omitempty"`
	Unchanged  bool              `json:"unchanged,omitempty"` // its effect is in place already: nothing is written
	In         map[string]any    `json:"in,omitempty"`
	Saw        map[string]any    `json:"saw,omitempty"`
	Write      *Write            `json:"write,omitempty"`
	Claims     []string          `json:"claims,omitempty"`
	Notice     string            `json:"notice,omitempty"`
	Caution    string            `json:"caution,omitempty"`
	Undo       UndoClass         `json:"undo,omitempty"`
	Residues   []Residue         `json:"residues,omitempty"` // what stays after undo
	Calls      map[string]Bucket `json:"calls,omitempty"`
	Warnings   []string          `json:"warnings,omitempty"`
	NotChecked []string          `json:"not_checked,omitempty"`
}

// PlanFailure says at which step the rehearsal failed. Setting means that a
// setting of the caller is at fault and nothing about the org.
type PlanFailure struct {
	Step    string `json:"step,omitempty"`
	Message string `json:"message"`
	Setting bool   `json:"setting,omitempty"`
}

// Changes reports whether the run would write anything.
func (b *PlanBody) Changes() bool {
	return slices.ContainsFunc(b.Steps, func(s PlannedStep) bool { return s.Write != nil })
}

// Encode renders the plan as indented JSON with sorted keys.
func (p *Plan) Encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(p)
	return buf.Bytes(), err
}

// RehearsalSpec is what a program is rehearsed with.
type RehearsalSpec struct {
	Catalogue *Catalogue // with the capabilities of a rehearsed org
	Clock     Clock      // stands still
	Tool, Who string
	Org       string
	Offline   bool
	Inputs    map[string]any
	Secrets   map[string]any // those at hand; what needs another is noted as not checked
	OnFailure string
	Bases     func() map[string]string // asked at the end
}

// rehearsedRunID stands for the id that the run will have.
const rehearsedRunID = "00000000-000000-rehearsal"

// Rehearse runs the program in a rehearsed org and returns the plan. Then it
// undoes every action there, to learn what would stay. A plan with a Failure
// is still a plan: it says where the run would fail.
func Rehearse(ctx context.Context, p *Program, spec RehearsalSpec) (*Plan, error) {
	m := NewMachine(p)
	r := &rehearsal{program: p, spec: spec, plan: newPlan(p, spec), at: map[string]int{}}
	r.learned.keep(encode(p.public(spec.Inputs)))
	r.learned.add(rehearsedRunID, "$<run.id>")
	l := &loop{machine: m, watch: r.watch, executor: &executor{
		machine: m, catalogue: spec.Catalogue, clock: spec.Clock, secrets: spec.Secrets, rehearsal: true,
	}}
	created := Event{Kind: EvCreated, Run: newRunInfo(p, Spec{
		ID: rehearsedRunID, Org: spec.Org, Inputs: spec.Inputs, OnFailure: "keep", StartedAt: spec.Clock.now(),
	})}
	if err := l.record(created); err != nil {
		return nil, err
	}
	if err := l.loop(ctx); err != nil {
		return nil, err
	}
	if m.State() == StateInterrupted {
		return nil, context.Cause(ctx)
	}
	r.finish()
	if r.plan.Body.Failure == nil {
		r.undoing = true
		if err := l.record(Event{Kind: EvRollback, Reason: "rehearsed"}); err != nil {
			return nil, err
		}
		if err := l.loop(ctx); err != nil {
			return nil, err
		}
		if m.State() == StateInterrupted {
			return nil, context.Cause(ctx)
		}
	}
	return r.plan, nil
}

func newPlan(p *Program, spec RehearsalSpec) *Plan {
	body := PlanBody{
		Playbook: p.Playbook.Name, Version: p.Playbook.Version, Digest: p.Playbook.Digest(),
		Org: spec.Org, Offline: spec.Offline, OnFailure: p.Playbook.OnFailure,
		Inputs: encode(p.public(spec.Inputs)), Calls: map[string]Bucket{}, Steps: []PlannedStep{},
	}
	if spec.OnFailure != "" {
		body.OnFailure = spec.OnFailure
	}
	for _, in := range p.Playbook.Inputs {
		if in.Secret {
			body.Secrets = append(body.Secrets, in.Name)
		}
	}
	for _, w := range p.Warnings {
		body.Warnings = append(body.Warnings, w.Error())
	}
	return &Plan{Body: body, Header: PlanHeader{
		Format: PlanFormat, MadeAt: spec.Clock.now().UTC(), Tool: spec.Tool, Who: spec.Who,
	}}
}

// rehearsal makes a plan of the events of a rehearsed run.
type rehearsal struct {
	program *Program
	spec    RehearsalSpec
	plan    *Plan
	learned sources
	at      map[string]int // position in plan.Body.Steps by step id
	undoing bool
}

// step returns the planned step with that id, making it at first.
func (r *rehearsal) step(id string) *PlannedStep {
	i, ok := r.at[id]
	if !ok {
		s := r.program.Step(id)
		i = len(r.plan.Body.Steps)
		r.at[id] = i
		r.plan.Body.Steps = append(r.plan.Body.Steps, PlannedStep{
			Step: id, Name: s.Name, Type: s.Type.Name, Action: s.Type.action,
			Notice: s.Type.Notice, Undo: s.Type.Undo,
		})
	}
	return &r.plan.Body.Steps[i]
}

func (r *rehearsal) watch(e Event) {
	body := &r.plan.Body
	switch {
	case r.undoing && (e.Kind == EvUndone || e.Kind == EvUndoFail):
		r.undone(e)
		return
	case r.undoing:
		return
	case e.Kind == EvOutputs:
		body.Outputs, _ = r.learned.replaceAll(e.Values).(map[string]any)
		body.Warnings = append(body.Warnings, r.texts(e.Warnings)...)
		return
	case e.Kind == EvEnded && e.State != StateDone:
		if body.Failure == nil {
			body.Failure = &PlanFailure{Message: r.learned.replace(e.Reason)}
		}
		return
	case e.Step == "":
		return
	}
	s := r.step(e.Step)
	s.Warnings = append(s.Warnings, r.texts(e.Warnings)...)
	s.NotChecked = append(s.NotChecked, r.texts(e.unchecked)...)
	s.Calls = addCalls(s.Calls, e.Calls)
	body.Calls = addCalls(body.Calls, e.Calls)
	switch e.Kind {
	case EvCondition:
		s.Condition = e.Value
	case EvInputs:
		s.In, _ = r.learned.replaceAll(e.In).(map[string]any)
		s.Claims = r.texts(e.Claims)
	case EvObserved:
		s.Saw, _ = r.learned.replaceAll(e.Saw).(map[string]any)
	case EvDone:
		r.done(s, e)
	case EvAssertion:
		if *e.Value {
			s.Assertions++
		} else {
			r.fail(e, e.Reason)
		}
	case EvFailed, EvUnknown:
		r.fail(e, e.Error)
	}
}

func (r *rehearsal) fail(e Event, message string) {
	if r.plan.Body.Failure == nil {
		r.plan.Body.Failure = &PlanFailure{Step: e.Step, Message: r.learned.replace(message), Setting: e.Setting}
	}
}

// done describes an action by what it was given, saw and yielded. What it
// yielded is learnt only after its own write: that could not know it.
func (r *rehearsal) done(s *PlannedStep, e Event) {
	step := r.program.Step(e.Step)
	if !step.Type.action {
		return
	}
	s.Write = writeOf(e.call, r.learned.replace)
	s.Unchanged = s.Write == nil
	r.learned.learn(step, s.In, e.Out)
	owner := ""
	if len(s.Claims) > 0 {
		owner = s.Claims[0]
	}
	out, _ := r.learned.replaceAll(e.Out).(map[string]any)
	s.Change = step.Type.Describe(step.Type.Change, owner, s.In, s.Saw, out)
	if !s.Unchanged {
		s.Caution = step.Type.Describe(step.Type.Caution, owner, s.In, s.Saw, out)
	}
}

// undone takes up what stays of an action. An undo that fails in the rehearsal
// would fail in earnest.
func (r *rehearsal) undone(e Event) {
	s := r.step(e.Step)
	for _, residue := range e.Residues {
		residue.Owner, residue.ID = r.learned.replace(residue.Owner), r.learned.replace(residue.ID)
		residue.Note = r.learned.replace(residue.Note)
		s.Residues = append(s.Residues, residue)
	}
	if e.Kind == EvUndoFail {
		r.fail(e, "it cannot be undone: "+e.Error)
	}
}

// callTime is what one request to Okta is reckoned to take.
const callTime = 300 * time.Millisecond

// finish adds what is known only at the end of the forward pass.
func (r *rehearsal) finish() {
	body := &r.plan.Body
	if r.spec.Bases != nil {
		body.Bases = r.spec.Bases()
	}
	var waits, sum time.Duration
	for _, b := range body.Calls {
		sum += time.Duration(b.Calls) * callTime
		if b.PerMinute > 0 {
			waits = max(waits, time.Duration((b.Calls-1)/b.PerMinute)*time.Minute)
		}
	}
	body.Expected = max(waits, sum).Round(time.Second).String()
}

func (r *rehearsal) texts(in []string) []string {
	out := make([]string, 0, len(in))
	for _, text := range in {
		out = append(out, r.learned.replace(text))
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func addCalls(sum, more map[string]Bucket) map[string]Bucket {
	for name, b := range more {
		if sum == nil {
			sum = map[string]Bucket{}
		}
		sum[name] = Bucket{Calls: sum[name].Calls + b.Calls, PerMinute: b.PerMinute}
	}
	return sum
}
