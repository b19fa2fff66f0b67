package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/rekey/runner"
)

// DiffFormat is the version of the differences that this package makes.
const DiffFormat = 1

// PlanDiff is in what a plan differs from one before it, as data. That it was
// made at another time, by somebody else, or when its values are those of a
// later clock, is no difference: plans are equal that have a run do the same.
type PlanDiff struct {
	Format       int           `json:"format"`
	Equal        bool          `json:"equal"`
	Unrelated    []string      `json:"unrelated,omitempty"` // playbook, org: of which the plans are not of the same one; then they are not two versions of one plan
	Before       DiffedPlan    `json:"before"`
	After        DiffedPlan    `json:"after"`
	Plan         []DiffedPlace `json:"plan,omitempty"` // of the plan as a whole
	Steps        []DiffedStep  `json:"steps,omitempty"`
	Order        *DiffedOrder  `json:"order,omitempty"` // of what is in both
	Loops        []DiffedLoop  `json:"loops,omitempty"`
	Certificates []DiffedThing `json:"certificates,omitempty"`
	Rollback     []DiffedThing `json:"rollback,omitempty"` // the steps of the rehearsed one
	Bases        []DiffedPart  `json:"bases,omitempty"`    // parts of owners that moved
}

// DiffedPlan says which plan it is that was compared.
type DiffedPlan struct {
	Playbook string    `json:"playbook"`
	Version  string    `json:"version"`
	Org      string    `json:"org"`
	MadeAt   time.Time `json:"made_at"`
	Who      string    `json:"who,omitempty"`
	Tool     string    `json:"tool,omitempty"`
	Digest   string    `json:"digest"` // of the plan
}

// Happening says what became of a thing from one plan to the next.
type Happening string

// The happenings.
const (
	DiffAdded   Happening = "added"
	DiffRemoved Happening = "removed"
	DiffChanged Happening = "changed"
)

// DiffedPlace is one place at which plans differ. Of a list whose order says
// nothing, Before and After are what the other does not have.
type DiffedPlace struct {
	At     string    `json:"at"` // RFC 6901, in the plan's body or in the step, loop or certificate
	Kind   Happening `json:"kind"`
	Before any       `json:"before,omitempty"`
	After  any       `json:"after,omitempty"`
}

// DiffedStep is a step that is not the same in both plans.
type DiffedStep struct {
	Kind        Happening           `json:"kind"`
	Step        string              `json:"step"`
	Type        string              `json:"type"`
	Differences []DiffedPlace       `json:"differences,omitempty"`
	Planned     *runner.PlannedStep `json:"planned,omitempty"` // of one that was added or removed
}

// DiffedOrder is an order in which what is in both plans comes.
type DiffedOrder struct {
	Before []string `json:"before"`
	After  []string `json:"after"`
}

// DiffedLoop is a loop that is not over the same in both plans.
type DiffedLoop struct {
	Kind        Happening     `json:"kind"`
	Step        string        `json:"step"`
	Added       []string      `json:"added,omitempty"`     // keys of items
	Removed     []string      `json:"removed,omitempty"`   // keys of items
	Reordered   bool          `json:"reordered,omitempty"` // those that are in both
	Differences []DiffedPlace `json:"differences,omitempty"`
}

// DiffedThing is anything else that has a name.
type DiffedThing struct {
	Kind        Happening     `json:"kind"`
	Name        string        `json:"name"`
	Step        string        `json:"step,omitempty"`
	Differences []DiffedPlace `json:"differences,omitempty"`
}

// DiffedPart is a part of an owner, such as its keys, that is not as the plan
// before saw it.
type DiffedPart struct {
	Kind  Happening `json:"kind"`
	Owner string    `json:"owner"`
	Part  string    `json:"part"`
}

// differ compares plans.
type differ struct {
	PlanDiff
	types *runner.Catalogue // nil: whatever a step saw counts
	since [2]time.Time      // the clock readings of both
}

// Diff compares a plan with one before it. The catalogue tells which of the
// values that a step saw may differ.
func Diff(before, after *runner.Plan, types *runner.Catalogue) (*PlanDiff, error) {
	d := &differ{types: types, since: [2]time.Time{before.Header.MadeAt, after.Header.MadeAt},
		PlanDiff: PlanDiff{Format: DiffFormat, Before: diffed(before), After: diffed(after)}}
	d.relate()
	was, err := tree(before.Body)
	if err != nil {
		return nil, err
	}
	is, err := tree(after.Body)
	if err != nil {
		return nil, err
	}
	d.compareSteps(&before.Body, &after.Body, was, is)
	d.compareLoops(&before.Body, &after.Body, was, is)
	d.compareBases(before.Body.Bases, after.Body.Bases)
	d.Certificates = d.things(was["certificates"], is["certificates"], "owner", "step")
	undo, redo := inside(was, "rollback"), inside(is, "rollback")
	d.Rollback = d.things(undo["steps"], redo["steps"], "step")
	for _, all := range []map[string]any{was, is} {
		for _, told := range []string{"steps", "loops", "bases", "seen", "certificates"} { // of what was seen the bases tell that it is another
			delete(all, told)
		}
	}
	delete(undo, "steps")
	delete(redo, "steps")
	d.Plan = d.between("", was, is)
	d.Equal = len(d.Plan)+len(d.Steps)+len(d.Loops)+len(d.Certificates)+len(d.Rollback)+len(d.Bases) == 0 && d.Order == nil
	return &d.PlanDiff, nil
}

// relate notes of which plans are not of the same one.
func (d *differ) relate() {
	if d.Before.Playbook != d.After.Playbook {
		d.Unrelated = append(d.Unrelated, "playbook")
	}
	if d.Before.Org != d.After.Org {
		d.Unrelated = append(d.Unrelated, "org")
	}
}

func diffed(p *runner.Plan) DiffedPlan {
	return DiffedPlan{Playbook: p.Body.Playbook, Version: p.Body.Version, Org: p.Body.Org,
		MadeAt: p.Header.MadeAt, Who: p.Header.Who, Tool: p.Header.Tool, Digest: p.Digest()}
}

// tree is a value as JSON has it: so nothing that a plan says is overlooked.
func tree(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	out := map[string]any{}
	return out, dec.Decode(&out)
}

func inside(v map[string]any, name string) map[string]any {
	in, _ := v[name].(map[string]any)
	return in
}

// compareSteps compares the steps by their names.
func (d *differ) compareSteps(before, after *runner.PlanBody, was, is map[string]any) {
	old, _ := was["steps"].([]any)
	now, _ := is["steps"].([]any)
	at := map[string][]int{} // one, but in a plan that nobody made
	for i := range before.Steps {
		at[before.Steps[i].Step] = append(at[before.Steps[i].Step], i)
	}
	for i := range after.Steps {
		s := &after.Steps[i]
		if len(at[s.Step]) == 0 {
			d.Steps = append(d.Steps, DiffedStep{Kind: DiffAdded, Step: s.Step, Type: s.Type, Planned: s})
			continue
		}
		j := at[s.Step][0]
		at[s.Step] = at[s.Step][1:]
		then, this := old[j].(map[string]any), now[i].(map[string]any)
		for _, name := range d.loose(s.Type) {
			delete(inside(then, "saw"), name)
			delete(inside(this, "saw"), name)
		}
		if all := d.between("", then, this); len(all) > 0 {
			d.Steps = append(d.Steps, DiffedStep{Kind: DiffChanged, Step: s.Step, Type: s.Type, Differences: all})
		}
	}
	for i := range before.Steps {
		if s := &before.Steps[i]; slices.Contains(at[s.Step], i) {
			d.Steps = append(d.Steps, DiffedStep{Kind: DiffRemoved, Step: s.Step, Type: s.Type, Planned: s})
		}
	}
	d.compareOrder(before.Steps, after.Steps)
}

// loose are the values that a step saw which say nothing about it.
func (d *differ) loose(name string) (names []string) {
	if d.types == nil || d.types.Type(name) == nil {
		return nil
	}
	for _, f := range d.types.Type(name).Saw() {
		if f.Loose {
			names = append(names, f.Name)
		}
	}
	return names
}

// compareOrder compares the order of the steps that are in both plans, as the playbook
// calls them: that of a loop's items is the loop's.
func (d *differ) compareOrder(before, after []runner.PlannedStep) {
	was, is := playbookOrder(before), playbookOrder(after)
	old, now := those(was, is), those(is, was)
	if !slices.Equal(old, now) {
		d.Order = &DiffedOrder{Before: old, After: now}
	}
}

// those are the names that are among others as well.
func those(names, others []string) []string {
	among := map[string]bool{}
	for _, name := range others {
		among[name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !among[name] })
}

func playbookOrder(steps []runner.PlannedStep) (names []string) {
	seen := map[string]bool{}
	for i := range steps {
		name := cmp.Or(unkeyed(steps[i].Step), steps[i].Step)
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// compareLoops compares the loops by their names.
func (d *differ) compareLoops(before, after *runner.PlanBody, was, is map[string]any) {
	old, _ := was["loops"].([]any)
	now, _ := is["loops"].([]any)
	at := map[string][]int{} // one, but in a plan that nobody made
	for i := range before.Loops {
		at[before.Loops[i].Step] = append(at[before.Loops[i].Step], i)
	}
	for i := range after.Loops {
		l := &after.Loops[i]
		if len(at[l.Step]) == 0 {
			d.Loops = append(d.Loops, DiffedLoop{Kind: DiffAdded, Step: l.Step, Added: l.Items})
			continue
		}
		j := at[l.Step][0]
		at[l.Step] = at[l.Step][1:]
		one := DiffedLoop{Kind: DiffChanged, Step: l.Step}
		one.items(before.Loops[j].Items, l.Items)
		then, this := old[j].(map[string]any), now[i].(map[string]any)
		delete(then, "items")
		delete(this, "items")
		one.Differences = d.between("", then, this)
		if len(one.Added)+len(one.Removed)+len(one.Differences) > 0 || one.Reordered {
			d.Loops = append(d.Loops, one)
		}
	}
	for i := range before.Loops {
		if l := &before.Loops[i]; slices.Contains(at[l.Step], i) {
			d.Loops = append(d.Loops, DiffedLoop{Kind: DiffRemoved, Step: l.Step, Removed: l.Items})
		}
	}
}

// items compares the items of a loop.
func (l *DiffedLoop) items(before, after []string) {
	in := func(keys []string) map[string]bool {
		set := map[string]bool{}
		for _, key := range keys {
			set[key] = true
		}
		return set
	}
	was, is := in(before), in(after)
	var old, now []string
	for _, key := range before {
		if is[key] {
			old = append(old, key)
		} else {
			l.Removed = append(l.Removed, key)
		}
	}
	for _, key := range after {
		if was[key] {
			now = append(now, key)
		} else {
			l.Added = append(l.Added, key)
		}
	}
	l.Reordered = !slices.Equal(old, now)
}

// compareBases compares the parts of owners that the plans saw.
func (d *differ) compareBases(before, after map[string]string) {
	for _, part := range slices.Sorted(maps.Keys(merged(before, after))) {
		was, known := before[part]
		is, still := after[part]
		i := max(strings.LastIndexByte(part, '/'), 0)
		one := DiffedPart{Kind: DiffChanged, Owner: part[:i], Part: strings.TrimPrefix(part[i:], "/")}
		switch {
		case !known:
			one.Kind = DiffAdded
		case !still:
			one.Kind = DiffRemoved
		case was == is:
			continue
		}
		d.Bases = append(d.Bases, one)
	}
}

// things compares lists of objects that are known by what the members say that
// names lists; of several of a name, the first is that of the first.
func (d *differ) things(before, after any, names ...string) (out []DiffedThing) {
	was, old := thingsBy(before, names)
	is, now := thingsBy(after, names)
	step := func(thing map[string]any) string { text, _ := thing["step"].(string); return text }
	for _, name := range now {
		if was[name] == nil {
			out = append(out, DiffedThing{Kind: DiffAdded, Name: name, Step: step(is[name]), Differences: d.between("", map[string]any{}, is[name])})
		} else if all := d.between("", was[name], is[name]); len(all) > 0 {
			out = append(out, DiffedThing{Kind: DiffChanged, Name: name, Step: step(is[name]), Differences: all})
		}
	}
	for _, name := range old {
		if is[name] == nil {
			out = append(out, DiffedThing{Kind: DiffRemoved, Name: name, Step: step(was[name]), Differences: d.between("", was[name], map[string]any{})})
		}
	}
	return out
}

func thingsBy(list any, names []string) (at map[string]map[string]any, order []string) {
	at = map[string]map[string]any{}
	all, _ := list.([]any)
	for _, v := range all {
		thing, _ := v.(map[string]any)
		var words []string
		for _, name := range names {
			if text := fmt.Sprint(thing[name]); thing[name] != nil {
				words = append(words, text)
			}
		}
		name := strings.Join(words, ", ")
		for n := 2; at[name] != nil; n++ {
			name = fmt.Sprintf("%s (%d)", strings.Join(words, ", "), n)
		}
		at[name] = thing
		order = append(order, name)
	}
	return at, order
}
