package view

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// sentence is a run's state in words, and what that means for the org.
func sentence(run *runner.StoredRun, s runner.Summary) string {
	switch s.State {
	case runner.StateDone:
		return "done"
	case runner.StateDoneWithFailures:
		return fmt.Sprintf("done, but %s failed and %s undone; the others stand", failedItems(run, s), plural(len(s.Failures), "was", "were"))
	case runner.StateFailed:
		if acted := slices.ContainsFunc(run.Events, func(e runner.Timed) bool { return e.Kind == runner.EvUndone }); len(s.Failures) > 0 && acted {
			return failedAt(s, false) + failedItems(run, s) + " failed and " + plural(len(s.Failures), "was", "were") + " undone; " + rest(run, s)
		}
		if run.Remains() {
			return failedAt(s, true) + "what it wrote was kept"
		}
		return failedAt(s, true) + "nothing was written, the org is as before"
	case runner.StateRolledBack:
		if len(s.Residues) > 0 {
			return failedAt(s, true) + "rolled back; the org is as before, apart from what stays"
		}
		return failedAt(s, true) + "rolled back; the org is as before"
	case runner.StateRollbackIncomplete:
		return failedAt(s, true) + "rollback incomplete; a person must look at the org"
	case runner.StateInterrupted:
		if rolled(run, s) {
			return failedAt(s, true) + "its rollback was interrupted part-way"
		}
		return "interrupted part-way"
	case runner.StateAbandoned:
		if !run.Remains() {
			return "abandoned; nothing that it wrote is left"
		}
		return "abandoned; what it wrote was left as it is"
	case runner.StateStuck:
		return "stuck: nobody can tell whether a write happened"
	}
	return s.State.String()
}

// failedAt begins the sentence about a run that failed, with the step that did
// and, unless what follows says it, why; empty: it was told to stop.
func failedAt(s runner.Summary, why bool) string {
	switch {
	case s.FailedStep == "" && s.State == runner.StateFailed:
		return "failed; "
	case s.FailedStep == "":
		return ""
	}
	text := "failed at step " + Visible(s.FailedStep)
	if why {
		text += ": " + gist(s)
	}
	return text + "; "
}

// gist is why a run failed in a few words. What it leaves out, such as advice,
// is told below.
func gist(s runner.Summary) string {
	const most = 120
	text := Visible(strings.TrimPrefix(withoutItems(s), "step "+s.FailedStep+": "))
	for _, end := range []string{"; ", " [request "} {
		text, _, _ = strings.Cut(text, end)
	}
	if words := strings.SplitN(text, " ", 3); len(words) == 3 && strings.HasPrefix(words[1], "/") {
		text = words[2] // behind the request, which the step tells
	}
	short := beginningOf(text, most)
	if i := strings.LastIndexByte(short, ' '); i > 0 && short != text {
		return short[:i+1] + differs
	}
	return short
}

// withoutItems is why a run failed, without the items, which have a list of
// their own.
func withoutItems(s runner.Summary) string {
	reason := s.Reason
	for _, f := range s.Failures {
		reason, _, _ = strings.Cut(reason, "; "+f.Item+": ")
	}
	return reason
}

// rest is what is left where items that failed were undone.
func rest(run *runner.StoredRun, s runner.Summary) string {
	switch {
	case run.Remains():
		return "what the others wrote was kept"
	case len(s.Residues) > 0:
		return "the org is as before, apart from what stays"
	}
	return "the org is as before"
}

// failedItems is how many items failed. Of how many is said where one loop
// alone had items that did.
func failedItems(run *runner.StoredRun, s runner.Summary) string {
	total := map[string]int{}
	for _, e := range run.Events {
		if e.Kind == runner.EvItems {
			total[e.Step] = len(e.Keys)
		}
	}
	loop := loopOf(s.Failures[0].Item)
	for _, f := range s.Failures {
		if loopOf(f.Item) != loop {
			return count(len(s.Failures), "item")
		}
	}
	return fmt.Sprintf("%s of %s", number(len(s.Failures)), count(total[loop], "item"))
}
