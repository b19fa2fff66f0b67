package view

import (
	"fmt"
	"slices"

	"example.com/rekey/runner"
)

// noticed reports whether users notice a step of the run.
func noticed(s *runner.PlannedStep) bool { return s.Notice != "" && s.Write != nil && !s.Undone }

// notices are what users notice.
func (t *planTree) notices() []planNote {
	return t.notes(func(s *runner.PlannedStep, note func(kind, text string)) {
		if noticed(s) {
			note("Users notice", s.Notice)
		}
	})
}

// noticed says from when on users notice the run; empty: they notice nothing.
func (t *planTree) noticed() string {
	writes := 0
	for i := range t.body.Steps {
		s := &t.body.Steps[i]
		if s.Write == nil || s.Undone {
			continue
		}
		if !noticed(s) {
			writes++
			continue
		}
		after := fmt.Sprintf("after %s", count(writes, "write"))
		if writes == 0 {
			after = "which is the first write"
		}
		items := enclosing(s.Step)
		at := slices.IndexFunc(t.top, func(e planEntry) bool {
			if e.loop != nil {
				return len(items) > 0 && e.loop.Step == loopOf(items[0])
			}
			return e.step == s
		})
		if at < 0 {
			return after
		}
		where := fmt.Sprintf("step %d of %d", at+1, len(t.top))
		if l := t.top[at].loop; l != nil {
			item := "the first item"
			if n := slices.IndexFunc(l.items, func(i *planItem) bool { return i.name == items[0] }); n > 0 {
				item = fmt.Sprintf("item %s of %s", number(n+1), number(len(l.items)))
			}
			if where = item + " in " + where; len(t.top) == 1 {
				where = item
			}
		}
		return "from " + where + " on, " + after
	}
	return ""
}
