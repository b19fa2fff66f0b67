package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Moved reads parts of one owner again and names those that differ from their
// digests, as [PlanBody.Bases] holds them, in words for a person: in what they
// differ as far as what was seen of them tells.
type Moved func(ctx context.Context, bases map[string]string, seen map[string]Seen) (parts []string, err error)

// drift holds a run against the plan that was approved for it. What it
// compares has passed through the same replacement by sources as the plan, so
// that the run's own earlier changes compare equal.
//
// A run differs from its plan in a decision (a condition, the items of a loop,
// a step that the plan does not have), in what a step is given or sees, in a
// part of an owner before the run's first write to it, or in a request about
// to be sent. Each fails the step before it writes.
type drift struct {
	plan  *Plan
	steps map[string]*PlannedStep
	loops map[string]*PlannedLoop
	bases map[string]map[string]string // by owner

	mu      sync.Mutex
	learned sources
	claims  map[string][]string // of each step begun
	changed map[string][]string // by owner: the steps that wrote to it, or may have
}

// newDrift prepares the comparison of the run with that id.
func newDrift(plan *Plan, run string) *drift {
	d := &drift{
		plan: plan, steps: map[string]*PlannedStep{}, loops: map[string]*PlannedLoop{},
		bases: map[string]map[string]string{}, claims: map[string][]string{}, changed: map[string][]string{},
	}
	body := &plan.Body
	for i := range body.Steps {
		d.steps[body.Steps[i].Step] = &body.Steps[i]
	}
	for i := range body.Loops {
		d.loops[body.Loops[i].Step] = &body.Loops[i]
	}
	for part, digest := range body.Bases {
		owner := ownerOf(part)
		if d.bases[owner] == nil {
			d.bases[owner] = map[string]string{}
		}
		d.bases[owner][part] = digest
	}
	d.learned.keep(body.Inputs)
	d.learned.add(run, "$<run.id>")
	return d
}

// ownerOf is the owner that a part, such as "app/0oa1/keys", belongs to.
func ownerOf(part string) string { return part[:max(strings.LastIndexByte(part, '/'), 0)] }

// check returns an event as it is, or in its place the failure of its step,
// because the plan has it otherwise. A nil drift has no plan.
func (d *drift) check(e Event, step *Step) Event {
	if d == nil || step == nil {
		return e
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if what := d.differs(e, step); what != "" {
		return Event{Kind: EvFailed, Step: e.Step, Drift: true, Calls: e.Calls, Requests: e.Requests, Error: "not as the plan has it: " + what}
	}
	return e
}

// differs says in what an event differs from the plan; empty: in nothing.
func (d *drift) differs(e Event, step *Step) string {
	name := d.learned.replace(e.Step)
	s := d.steps[name]
	switch e.Kind {
	case EvItems:
		l := d.loops[name]
		if l == nil {
			return "the plan does not come to this loop"
		}
		return d.items(l.Items, e.Keys)
	case EvCondition, EvInputs, EvObserved:
		if s == nil {
			return "the plan does not come to this step"
		}
	}
	switch e.Kind {
	case EvCondition:
		if s.Condition == nil || *s.Condition != *e.Value {
			return fmt.Sprintf("its condition is %t now", *e.Value)
		}
	case EvInputs:
		if what := d.values("input", s.In, e.In, nil); what != "" {
			return what
		}
		return difference("what it may change", s.Claims, d.learned.replaceAll(anyTexts(e.Claims)), d.plan.Header.MadeAt)
	case EvObserved:
		var loose []string
		for _, f := range step.Type.saw {
			if f.Loose {
				loose = append(loose, f.Name)
			}
		}
		return d.values("", s.Saw, e.Saw, loose)
	}
	return ""
}

// items compares the keys of a loop's items. The order among assigned ids is an
// accident.
func (d *drift) items(planned, keys []string) string {
	now, assigned := make([]string, len(keys)), false
	for i, key := range keys {
		now[i] = d.learned.replace(key)
		assigned = assigned || now[i] != key
	}
	if assigned {
		planned = slices.Sorted(slices.Values(planned))
		slices.Sort(now)
	}
	return difference("its list", planned, now, d.plan.Header.MadeAt)
}

// values compares the data of a step, all but those that may differ.
func (d *drift) values(kind string, planned, now map[string]any, loose []string) string {
	replaced, _ := d.learned.replaceAll(now).(map[string]any)
	names := slices.AppendSeq(slices.Collect(maps.Keys(planned)), maps.Keys(replaced))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if slices.Contains(loose, name) {
			continue
		}
		if what := difference(strings.TrimSpace(kind+" "+name), planned[name], replaced[name], d.plan.Header.MadeAt); what != "" {
			return what
		}
	}
	return ""
}

// took takes up what is on record: what the run yielded, and what it changed.
func (d *drift) took(e Event, step *Step) {
	if d == nil || step == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	name := d.learned.replace(e.Step)
	switch {
	case e.Kind == EvInputs:
		d.claims[e.Step] = e.Claims
	case e.Write != nil, e.Kind == EvUnknown, e.Kind == EvRecovered && e.Verdict.Outcome != Not:
		d.changes(e.Step, d.claims[e.Step])
	case e.Kind == EvRecovered && e.Verdict.Decided == "":
		// It did not happen. A person who says so has looked at the owner.
		for _, c := range d.claims[e.Step] {
			d.changed[c] = slices.DeleteFunc(d.changed[c], func(s string) bool { return s == e.Step })
		}
	}
	done := e.Kind == EvDone || e.Kind == EvRecovered && e.Verdict.Outcome == Happened
	if s := d.steps[name]; done && s != nil && step.Leaf() && step.Type.action {
		d.learned.learn(step, name, s.In, e.Out)
	}
}

// changes notes that a step changed owners, or may have.
func (d *drift) changes(step string, owners []string) {
	for _, c := range owners {
		if !slices.Contains(d.changed[c], step) {
			d.changed[c] = append(d.changed[c], step)
		}
	}
}

// untouched reports whether the run changed nothing yet.
func (d *drift) untouched() bool {
	for _, by := range d.changed {
		if len(by) > 0 {
			return false
		}
	}
	return true
}

// moved reads the parts of the owners that a step is the first to write to
// again, and says what is no longer as the plan saw it.
func (d *drift) moved(ctx context.Context, read Moved, step string) (string, error) {
	if d == nil || read == nil {
		return "", nil
	}
	d.mu.Lock()
	var again []map[string]string
	if s := d.steps[d.learned.replace(step)]; s != nil {
		again = d.readAgain(s, d.claims[step])
	}
	d.mu.Unlock()
	for _, bases := range again {
		parts, err := read(ctx, bases, d.plan.Body.Seen)
		if err != nil {
			return "", fmt.Errorf("reading again what the plan saw: %w", err)
		}
		if len(parts) > 0 {
			return strings.Join(parts, "; "), nil
		}
	}
	return "", nil
}

// readAgain are the parts, as the plan saw them, that are compared before a
// step writes: of the owners that it is the first to write to. Before the
// first write of all they are those of every owner outside of loops, so that a
// run does not begin that is bound to stop half-way.
func (d *drift) readAgain(s *PlannedStep, owners []string) (again []map[string]string) {
	if s.Write == nil {
		return nil
	}
	if s.Loop == "" && d.untouched() {
		owners = slices.Clone(owners)
		for _, other := range d.plan.Body.Steps {
			if other.Write != nil && other.Loop == "" {
				owners = append(owners, other.Claims...)
			}
		}
	}
	seen := map[string]bool{}
	for _, owner := range owners {
		if bases := d.bases[owner]; len(bases) > 0 && len(d.changed[owner]) == 0 && !seen[owner] {
			seen[owner] = true
			again = append(again, bases)
		}
	}
	return again
}

// sends refuses a request that is not the one which the plan shows.
func (d *drift) sends(step string, c *Call) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.steps[d.learned.replace(step)]
	switch {
	case s == nil || s.Write == nil:
		return fmt.Errorf("%s %s is not in the plan: %w", c.Method, c.Path, ErrRefused)
	case !sameWrite(s.Write, writeOf(c, d.learned.replace), d.plan.Header.MadeAt):
		return fmt.Errorf("%s %s is not the request that the plan shows (%s %s): %w", c.Method, c.Path, s.Write.Method, s.Write.Path, ErrRefused)
	}
	return nil
}

// sameWrite compares a request with the planned one. The digest of a body that
// is there to be compared says no more than that.
func sameWrite(planned, sent *Write, since time.Time) bool {
	was, is := *planned, *sent
	if len(was.Body) > 0 && len(is.Body) > 0 {
		was.SHA256, is.SHA256 = "", ""
	}
	return difference("", was, is, since) == ""
}

// timestamp matches an RFC 3339 time.
var timestamp = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})`)

// difference says how a value differs from the planned one; empty if it does
// not. Where the plan has a time from its making on, the time is known only in
// the run, such as when a key that it makes ends, and whatever stands there in
// the run is that: the plan's times are this machine's, the run's are Okta's,
// and nobody has compared their clocks.
func difference(what string, planned, now any, since time.Time) string {
	if text, ok := planned.(string); ok && text == now {
		return "" // as most are: JSON of them is dear
	}
	was, is := jsonText(planned), jsonText(now)
	if was == is {
		return ""
	}
	if since.IsZero() || !sameButForTimes(was, is, since.Truncate(time.Second)) {
		return fmt.Sprintf("%s is %s, and the plan saw %s", what, cutEnd(is, 200), cutEnd(was, 200))
	}
	return ""
}

// sameButForTimes compares texts without the times that the first has from
// since on, and those that stand in their places in the second.
func sameButForTimes(was, is string, since time.Time) bool {
	const open = "(a later time)"
	var later []bool
	was = timestamp.ReplaceAllStringFunc(was, func(m string) string {
		at, err := time.Parse(time.RFC3339, m)
		if later = append(later, err == nil && !at.Before(since)); later[len(later)-1] {
			return open
		}
		return m
	})
	n := 0
	is = timestamp.ReplaceAllStringFunc(is, func(m string) string {
		if n++; n <= len(later) && later[n-1] {
			return open
		}
		return m
	})
	return was == is
}

// jsonText is a value as JSON, nothing where there is none or an empty one.
func jsonText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	text := strings.TrimSpace(b.String())
	if text == "null" || text == "[]" || text == "{}" || text == `""` {
		return "nothing"
	}
	return text
}

func anyTexts(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}
