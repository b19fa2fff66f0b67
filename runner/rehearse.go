package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// RehearsalSpec is what a program is rehearsed with.
type RehearsalSpec struct {
	Catalogue *Catalogue // with the capabilities of a rehearsed org
	Clock     Clock      // stands still
	Tool, Who string
	Org       string
	Offline   bool
	RateShare int // of each bucket, in percent; 0: all of it
	Inputs    map[string]any
	Secrets   map[string]any // those at hand; what needs another is noted as not checked
	OnFailure string
	Bases     func() map[string]string // asked at the end
	Seen      func() map[string]Seen   // asked at the end; nil: nothing was
	Moved     Moved                    // what a run will read again before it writes; nil: nothing
	Standing  Standing                 // what each undo is held against; nil: nothing
	// InUse is the key, and its certificate in DER, that an owner signed with
	// before the rehearsal, as far as that was read; asked at the end.
	InUse  func(owner string) (kid string, der []byte, ok bool)
	Access func() *Access        // asked at the end, rehearsed undo included; nil: not known
	Limits func() map[string]int // that the org told, a minute, by bucket; asked at the end; nil: none
	Watch  func(Event)           // sees each event; nil: nobody does
	// Lasting is an error's text without what differs whenever it occurs, which a
	// plan that can be carried out is without; nil: the text.
	Lasting func(text string) string
}

// rehearsedRunID stands for the id that the run will have.
const rehearsedRunID = "00000000-000000-rehearsal"

// Rehearse runs the program in a rehearsed org and returns the plan. Then it
// undoes every action there, the last first, to learn what would stay: what an
// undo leaves and does not say fails the plan. A plan with a Failure is still
// a plan: it says where the run would fail.
func Rehearse(ctx context.Context, p *Program, spec RehearsalSpec) (*Plan, error) {
	m := NewMachine(p)
	m.sequential = true
	r := &rehearsal{program: p, machine: m, spec: spec, plan: newPlan(p, spec), at: map[string]int{}, loops: map[string]int{}, check: undoCheck{standing: spec.Standing}}
	r.learned.keep(encode(p.public(spec.Inputs)))
	r.learned.add(rehearsedRunID, "$<run.id>")
	l := &loop{machine: m, watch: r.watch, executor: &executor{
		program: p, run: rehearsedRunID, catalogue: spec.Catalogue, clock: spec.Clock, secrets: spec.Secrets, rehearsal: true,
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
	if err := r.finish(ctx); err != nil {
		return nil, err
	}
	r.refuseKept()
	if r.plan.Body.Failure == nil {
		r.undoing, r.plan.Body.Rollback = true, &PlannedRollback{Steps: []PlannedUndo{}}
		if err := l.record(Event{Kind: EvRollback, Reason: "rehearsed"}); err != nil {
			return nil, err
		}
		if err := l.loop(ctx); err != nil {
			return nil, err
		}
		if m.State() == StateInterrupted {
			return nil, context.Cause(ctx)
		}
		r.undoneAll()
		r.limits()
	}
	if err := r.nameSources(); err != nil {
		return nil, err
	}
	if spec.Access != nil {
		r.plan.Body.Access = spec.Access()
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
	body.Secrets, body.NotGiven = p.secretInputs(spec.Secrets)
	for _, w := range p.Warnings { // without the file, which is named differently elsewhere
		body.Warnings = append(body.Warnings, fmt.Sprintf("line %d, %s: %s (%s)", w.Line, w.Warning, w.Message, w.Cure))
	}
	return &Plan{Body: body, Header: PlanHeader{
		Format: PlanFormat, MadeAt: spec.Clock.now().UTC(), Tool: spec.Tool, Who: spec.Who,
	}}
}

// rehearsal makes a plan of the events of a rehearsed run.
type rehearsal struct {
	program *Program
	machine *Machine
	spec    RehearsalSpec
	plan    *Plan
	learned sources
	at      map[string]int // position in plan.Body.Steps by the step's name
	loops   map[string]int // position in plan.Body.Loops by the loop's name
	undoing bool
	check   undoCheck

	residues     []Residue // as they are, without sources
	certificates certificates
	assigned     map[string]Assigned // by the name of the source
}

// step returns the planned step with that name, making it at first.
func (r *rehearsal) step(name string) *PlannedStep {
	i, ok := r.at[name]
	if !ok {
		s := r.program.Step(name)
		i = len(r.plan.Body.Steps)
		r.at[name] = i
		planned := PlannedStep{Step: r.learned.replace(name), Name: s.Name, Type: "steps", Kept: s.Keep}
		if t := s.Type; s.Leaf() {
			planned.Type, planned.Action, planned.Notice, planned.Undo = t.Name, t.action, t.Notice, t.Undo
		}
		if s.Retry != nil {
			planned.Tries = s.Retry.Attempts
		}
		if s.Timeout > 0 {
			planned.Timeout = s.Timeout.String()
		}
		for sc := r.machine.nodes[name].scope; sc != nil; sc = sc.around() {
			if sc.item() {
				planned.Loop, planned.Item = r.learned.replace(sc.owner.name), r.learned.replace(sc.key)
				break
			}
		}
		r.plan.Body.Steps = append(r.plan.Body.Steps, planned)
	}
	return &r.plan.Body.Steps[i]
}

func (r *rehearsal) watch(e Event) {
	if r.spec.Watch != nil {
		r.spec.Watch(e)
	}
	body := &r.plan.Body
	switch {
	case r.undoing && (e.Kind == EvUndone || e.Kind == EvUndoFail || e.Kind == EvKept):
		r.undone(e)
		return
	case r.undoing:
		return
	case e.Kind == EvOutputs:
		body.Outputs, _ = r.learned.replaceAll(e.Values).(map[string]any)
		body.Warnings = append(body.Warnings, r.texts(e.Warnings)...)
		return
	case e.Kind == EvEnded && e.State != StateDone && e.State != StateDoneWithFailures:
		r.failed(e)
		return
	case e.Kind == EvItems:
		r.loop(e)
		return
	case e.Kind == EvRollback: // of an item
		i := r.loops[r.machine.items[e.Step].owner.name]
		body.Loops[i].Failures = append(body.Loops[i].Failures, ItemFailure{r.learned.replace(e.Step), r.lasting(e.Reason)})
		return
	case e.Step == "", r.machine.nodes[e.Step] == nil, r.machine.nodes[e.Step].loop != nil && e.Kind != EvCondition:
		return
	}
	r.ofStep(e)
}

// ofStep takes up what a step does.
func (r *rehearsal) ofStep(e Event) {
	body := &r.plan.Body
	s := r.step(e.Step)
	s.Warnings = append(s.Warnings, r.texts(e.Warnings)...)
	s.NotChecked = append(s.NotChecked, r.texts(e.unchecked)...)
	s.Scopes = union(s.Scopes, e.scopes)
	s.Calls = addCalls(s.Calls, e.Calls)
	body.Calls = addCalls(body.Calls, e.Calls)
	switch e.Kind {
	case EvCondition:
		s.Condition = e.Value
	case EvInputs:
		s.In, _ = r.learned.replaceAll(e.In).(map[string]any)
		s.Claims = r.texts(e.Claims)
	case EvObserved:
		claims := r.machine.nodes[e.Step].claims
		r.check.noteBefore(e.Step, claims)
		for _, owner := range claims {
			r.certificates.inUse(owner, s.Step)
		}
		s.Saw, _ = r.learned.replaceAll(e.Saw).(map[string]any)
	case EvDone:
		r.done(s, e)
	case EvAssertion:
		if *e.Value {
			s.Assertions++
		} else if e.Again == nil {
			s.Failure = r.learned.replace(e.Reason)
		}
	case EvFailed, EvUnknown:
		if e.Again == nil {
			s.Failure = r.lasting(e.Error)
		}
	case EvUndone, EvUndoFail, EvKept:
		s.Undone = e.Kind == EvUndone
		r.undone(e)
	}
	r.certify(s, e)
}

// lasting is the text of an error as the plan has it.
func (r *rehearsal) lasting(text string) string {
	if r.spec.Lasting != nil {
		text = r.spec.Lasting(text)
	}
	return r.learned.replace(text)
}

// loop takes up what a loop is over.
func (r *rehearsal) loop(e Event) {
	n := r.machine.nodes[e.Step]
	l := PlannedLoop{
		Step: r.learned.replace(e.Step), Name: n.step.Name, As: n.step.Loop.As, Items: []string{},
		Concurrency: n.step.Loop.Concurrency, MaxFailures: n.step.Loop.MaxFailures,
	}
	for _, key := range e.Keys {
		l.Items = append(l.Items, r.learned.replace(key))
	}
	begin := 0
	for _, end := range n.step.Loop.bounds(len(e.Keys)) {
		if len(n.step.Loop.Batches) > 0 {
			l.Batches = append(l.Batches, end-begin)
		}
		begin = end
	}
	r.loops[e.Step] = len(r.plan.Body.Loops)
	r.plan.Body.Loops = append(r.plan.Body.Loops, l)
}

// failed takes up why the run would fail.
func (r *rehearsal) failed(e Event) {
	step, message := r.machine.Failure()
	r.plan.Body.Failure = &PlanFailure{
		Step: r.learned.replace(step), Message: r.learned.replace(message), Cure: r.learned.replace(r.machine.Cure()), Setting: r.machine.setting,
	}
}

// refuseKept refuses a step that a rollback leaves, after one that it undoes and
// that changed the same: to undo that one would undo both.
func (r *rehearsal) refuseKept() {
	before := map[undoKey]*node{}
	for _, n := range r.machine.root.started {
		if n.step.Type.Undo != UndoExact || !n.wrote || n.phase == phUndone {
			continue
		}
		for _, c := range n.claims {
			key := undoKey{n.step.Type, c}
			if !n.step.Keep {
				before[key] = n
			} else if b := before[key]; b != nil && r.plan.Body.Failure == nil {
				r.plan.Body.Failure = &PlanFailure{Step: r.learned.replace(n.name), Message: r.learned.replace(fmt.Sprintf(
					"rollback: skip leaves what it does to %s, but step %s before it changes the same and would be undone; give rollback: skip to both, or to neither", c, b.name))}
			}
		}
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
	r.learned.learn(step, s.Step, s.In, e.Out)
	r.assign(step, s.Step)
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

// finish adds what is known only at the end of the forward pass.
func (r *rehearsal) finish(ctx context.Context) error {
	body := &r.plan.Body
	if r.spec.Bases != nil {
		body.Bases = r.spec.Bases()
	}
	if r.spec.Seen != nil {
		body.Seen = r.spec.Seen()
	}
	body.Certificates = r.certified()
	if err := r.readAgain(ctx); err != nil {
		return err
	}
	body.RateShare = cmp.Or(r.spec.RateShare, 100)
	r.limits()
	body.Expected = r.expected().Round(time.Second).String()
	return nil
}

// readAgain counts what a run reads before its first write to each owner, to
// compare it with the plan.
func (r *rehearsal) readAgain(ctx context.Context) error {
	if r.spec.Moved == nil {
		return nil
	}
	d := newDrift(r.plan, rehearsedRunID)
	for i := range r.plan.Body.Steps {
		s := &r.plan.Body.Steps[i]
		if s.Write == nil {
			continue
		}
		g := &guard{run: rehearsedRunID, step: s.Step}
		for _, bases := range d.readAgain(s, s.Claims) {
			if _, err := r.spec.Moved(g.attach(ctx), bases, r.plan.Body.Seen); err != nil {
				return err
			}
		}
		d.changes(s.Step, s.Claims)
		s.Calls = addCalls(s.Calls, g.calls)
		r.plan.Body.Calls = addCalls(r.plan.Body.Calls, g.calls)
	}
	return nil
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

// union is a sorted set with more in it.
func union(set, more []string) []string {
	for _, text := range more {
		if at, there := slices.BinarySearch(set, text); !there {
			set = slices.Insert(set, at, text)
		}
	}
	return set
}
