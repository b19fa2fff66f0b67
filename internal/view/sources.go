package view

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// anySource matches what stands for a value that the run assigns, whoever yields
// it.
var anySource = regexp.MustCompile(`\$<(?:[^"<>]|"(?:[^"\\]|\\.)*")+>`)

// inBody are the sources of what a step is given that are not in its request's
// path: they are in its body.
func inBody(s *runner.PlannedStep) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.In)) {
		for _, one := range anySource.FindAllString(Value(s.In[name]), -1) {
			if !strings.Contains(s.Write.Path, one) && !slices.Contains(out, one) {
				out = append(out, one)
			}
		}
	}
	return strings.Join(out, ", ")
}

// digest says by what a request's body is known that is not shown. One of which
// a part is assigned in the run has no digest before: that in the plan is of the
// body with a source in place of that part, and is there to compare plans.
func (r *planRow) digest() string {
	if sources := r.of.text(inBody); sources != "" {
		return "the body holds " + sources + ": its SHA-256 is known in the run"
	}
	return "SHA-256 of the body " + r.of.text(func(s *runner.PlannedStep) string { return s.Write.SHA256 })
}

// yields is what the steps of a run have yielded, by their names.
type yields map[string]map[string]any

// yieldsOf takes them from a run's record.
func yieldsOf(run *runner.StoredRun) yields {
	y := yields{}
	for _, e := range run.Events {
		if e.Out != nil {
			y[e.Step] = e.Out
		}
	}
	return y
}

// source matches what stands for a value that a step yields. A key in a
// step's name may hold quoted text.
var source = regexp.MustCompile(`\$<steps\.((?:[^"<>]|"(?:[^"\\]|\\.)*")+)\.([a-z0-9_]+)>`)

// text is a text of a plan with what the run has yielded since in place of its
// sources.
func (y yields) text(text string) string {
	if !strings.Contains(text, "$<") {
		return text
	}
	return source.ReplaceAllStringFunc(text, func(m string) string {
		names := source.FindStringSubmatch(m)
		if v := y[names[1]][names[2]]; v != nil {
			return fmt.Sprint(v)
		}
		return m
	})
}

// value is a value of a plan in the same way.
func (y yields) value(v any) any {
	if text, ok := v.(string); ok {
		return y.text(text)
	}
	return v
}

// body is a plan as the run has carried it out so far.
func (y yields) body(plan *runner.PlanBody) *runner.PlanBody {
	body := *plan
	body.Steps = append([]runner.PlannedStep(nil), plan.Steps...)
	for i := range body.Steps {
		s := &body.Steps[i]
		for _, text := range []*string{&s.Step, &s.Loop, &s.Item, &s.Change, &s.Failure} {
			*text = y.text(*text)
		}
		if s.Write != nil && s.Write.Change != nil {
			w, c := *s.Write, *s.Write.Change
			c.From, c.To = y.value(c.From), y.value(c.To)
			w.Change, s.Write = &c, &w
		}
		s.Residues = append([]runner.Residue(nil), s.Residues...)
		for j := range s.Residues {
			r := &s.Residues[j]
			r.ID, r.Owner = y.text(r.ID), y.text(r.Owner)
		}
	}
	body.Loops = append([]runner.PlannedLoop(nil), plan.Loops...)
	for i := range body.Loops {
		l := &body.Loops[i]
		l.Step, l.Items = y.text(l.Step), append([]string(nil), l.Items...)
		for j, key := range l.Items {
			l.Items[j] = y.text(key)
		}
	}
	return &body
}
