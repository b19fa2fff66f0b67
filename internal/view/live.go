package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/rekey/runner"
)

// Live is how a run stands while it goes on: how much of it is done, what is at
// work, what is waited for. It is folded from the events of the run; the waits
// of the Okta client, which are no events, are told to it.
type Live struct {
	Rehearsal bool // it goes on in a copy of the org: nothing is written

	began   time.Time
	settle  time.Duration
	items   *itemFold
	single  []string        // the steps outside of loops, loops included
	inside  map[string]int  // of a block outside of loops: how many of those are in it
	ended   map[string]bool // those that are over
	loops   []*tally        // those outside of others that go on
	at      []*activity     // the steps at work, in the order in which they began
	waits   []wait          // for rate limits
	acted   map[string]bool // actions of which something may be left to undo
	undoing bool
	undone  int
	stopped bool
}

// tally counts the items of a loop.
type tally struct {
	name                string
	total, done, failed int
	over                map[string]bool // items that were counted
}

// activity is a step at work.
type activity struct {
	step, what, text string
	since            time.Time
	until            time.Time // when it is over at the latest; zero: nobody knows
}

type wait struct {
	text  string
	until time.Time
}

// NewLive is how a run stands that begins now. Settle is how long is waited until
// a write whose answer was lost counts as not done.
func NewLive(playbook *runner.Playbook, now time.Time, settle time.Duration) *Live {
	l := &Live{
		began: now, settle: settle, items: itemFoldOf(playbook),
		inside: map[string]int{}, ended: map[string]bool{}, acted: map[string]bool{},
	}
	l.declare(playbook.Steps)
	return l
}

func (l *Live) declare(decls []*runner.StepDecl) {
	for _, d := range decls {
		if d.Loop != nil || len(d.Steps) == 0 {
			l.single = append(l.single, d.ID)
			continue
		}
		before := len(l.single)
		l.declare(d.Steps)
		l.inside[d.ID] = len(l.single) - before
	}
}

// Take takes up an event.
func (l *Live) Take(e runner.Event, now time.Time) {
	switch {
	case e.Kind == runner.EvOpened:
		l.reopened(now)
	case e.Kind == runner.EvRollback && e.Step == "":
		l.undoing, l.undone, l.loops = true, 0, nil
	}
	if e.Step == "" {
		return
	}
	l.items.take(e)
	l.count(e)
	l.work(e, now)
	switch e.Kind {
	case runner.EvObserved:
		l.acted[e.Step] = true
	case runner.EvUndone, runner.EvKept, runner.EvUndoFail:
		if l.undoing && l.acted[e.Step] {
			l.undone++
		}
		delete(l.acted, e.Step)
	case runner.EvFailed:
		if e.Write == nil {
			delete(l.acted, e.Step)
		}
	case runner.EvRecovered:
		if e.Verdict.Outcome == runner.Not {
			delete(l.acted, e.Step)
		}
	}
}

// count takes up which steps and items are over.
func (l *Live) count(e runner.Event) {
	items := enclosing(e.Step)
	switch over := e.Kind == runner.EvDone || l.items.skipped[e.Step] || l.items.over[e.Step]; {
	case len(items) > 0:
		l.countItem(items[0], e)
	case e.Kind == runner.EvItems:
		l.loops = append(l.loops, &tally{name: e.Step, total: len(e.Keys), over: map[string]bool{}})
	case over && l.inside[e.Step] > 0:
		at := slices.Index(l.single, firstIn(l.items.decls[e.Step]))
		for _, step := range l.single[at : at+l.inside[e.Step]] {
			l.ended[step] = true
		}
	case over:
		l.ended[e.Step] = true
	}
	if e.Kind == runner.EvDone || e.Kind == runner.EvFailed {
		l.loops = slices.DeleteFunc(l.loops, func(t *tally) bool { return t.name == e.Step })
	}
}

// firstIn is the first step of a block that is counted.
func firstIn(d *runner.StepDecl) string {
	for d.Loop == nil && len(d.Steps) > 0 {
		d = d.Steps[0]
	}
	return d.ID
}

func (l *Live) countItem(item string, e runner.Event) {
	i := slices.IndexFunc(l.loops, func(t *tally) bool { return t.name == loopOf(item) })
	if i < 0 {
		return
	}
	switch t := l.loops[i]; {
	case e.Kind == runner.EvRollback && e.Step == item:
		t.failed++
		if t.over[item] {
			t.done--
		}
		t.over[item] = true
	case !t.over[item] && l.items.done(item):
		t.over[item] = true
		t.done++
	}
}

// work takes up what a step is at.
func (l *Live) work(e runner.Event, now time.Time) {
	switch {
	case e.Again != nil:
		after, _ := time.ParseDuration(e.Again.After)
		l.begin(e.Step, "waiting", fmt.Sprintf("try %d follows", e.Again.Tried+1), now, now.Add(after))
	case e.Kind == runner.EvInputs:
		l.begin(e.Step, "reading", "", now, time.Time{})
	case e.Kind == runner.EvObserved:
		l.begin(e.Step, "writing", "", now, time.Time{})
	case e.Kind == runner.EvUnknown:
		l.begin(e.Step, "looking", "whether its write happened", now, now.Add(l.settle))
	default:
		l.at = slices.DeleteFunc(l.at, func(a *activity) bool { return a.step == e.Step })
	}
}

func (l *Live) begin(step, what, text string, now, until time.Time) {
	if l.Rehearsal {
		what = "rehearsing"
	}
	a := &activity{step: step, what: what, text: text, since: now, until: until}
	if i := slices.IndexFunc(l.at, func(a *activity) bool { return a.step == step }); i >= 0 {
		l.at[i] = a
		return
	}
	l.at = append(l.at, a)
}

// reopened takes up that a process has died or was stopped: what was about to
// be written is looked for first.
func (l *Live) reopened(now time.Time) {
	l.stopped = false
	for _, a := range slices.Clone(l.at) {
		if a.what == "writing" || a.what == "looking" {
			l.begin(a.step, "looking", "whether its write happened", now, now.Add(l.settle))
		}
	}
}

// Wait takes up that calls wait for a rate limit until then.
func (l *Live) Wait(text string, until time.Time) { l.waits = append(l.waits, wait{text, until}) }

// Stop takes up that the run was told to stop.
func (l *Live) Stop() { l.stopped = true }

// How many lines a view of a run has at most, beside its first.
const liveLines = 6

// Lines is the view at a time, in as many lines as there is room for: how far
// the run is, what is waited for, and what has been at work longest.
func (l *Live) Lines(now time.Time, most int, colors Colors) []string {
	l.pass(now)
	lines := []line{{l.word(), l.how(now)}}
	for _, w := range l.waits {
		lines = append(lines, w.line(now))
	}
	for _, a := range l.at {
		lines = append(lines, a.line(now))
	}
	if most = min(most, 1+liveLines); len(lines) > most {
		more := len(lines) - most + 1
		lines = lines[:max(most-1, 1)]
		if most > 1 {
			lines = append(lines, line{"", "and " + number(more) + " more"})
		}
	}
	var out []string
	for _, l := range lines {
		out = append(out, "  "+l.painted(colors))
	}
	return out
}

// pass drops the waits that are over.
func (l *Live) pass(now time.Time) {
	l.waits = slices.DeleteFunc(l.waits, func(w wait) bool { return !w.until.After(now) })
}

// Sentence is the view in one line, for a log.
func (l *Live) Sentence(now time.Time) (what, text string) {
	l.pass(now)
	text = l.how(now)
	for _, w := range l.waits {
		text += "; " + w.line(now).what + " " + w.line(now).text
	}
	const most = 3
	for i, a := range l.at {
		if i == most {
			text += fmt.Sprintf("; and %s more", number(len(l.at)-most))
			break
		}
		text += "; " + a.what + " " + a.line(now).text
	}
	return l.word(), text
}

func (l *Live) word() string {
	switch {
	case l.stopped:
		return "stopping"
	case l.Rehearsal:
		return "planning"
	case l.undoing:
		return "undoing"
	case len(l.single) == 0:
		return "waiting" // for what is to be run
	}
	return "running"
}

// how says how far the run is.
func (l *Live) how(now time.Time) string {
	parts := []string{seconds(now.Sub(l.began))}
	switch {
	case l.undoing:
		if all := l.undone + len(l.acted); all > 0 {
			text := fmt.Sprintf("%s of %s undone", number(l.undone), number(all))
			if l.Rehearsal {
				text = "its rollback is rehearsed: " + text
			}
			parts = append(parts, text)
		}
	case len(l.single) > 1:
		parts = append(parts, fmt.Sprintf("%s of %s done", number(len(l.ended)), count(len(l.single), "step")))
	}
	for _, t := range l.loops {
		text := fmt.Sprintf("%s: %s of %s", t.name, number(t.done+t.failed), number(t.total))
		if t.failed > 0 {
			text += fmt.Sprintf(", %s failed", number(t.failed))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " · ")
}

func (w wait) line(now time.Time) line {
	return line{"waiting", seconds(w.until.Sub(now)) + " more · " + w.text}
}

func (a *activity) line(now time.Time) line {
	text := a.step
	if a.text != "" {
		text += ": " + a.text
	}
	if left := a.until.Sub(now); left > 0 {
		return line{a.what, seconds(left) + " more · " + text}
	}
	if !a.until.IsZero() && a.what == "waiting" {
		return line{"reading", a.step}
	}
	return line{a.what, seconds(now.Sub(a.since)) + " · " + text}
}

// seconds is how long something lasts, to a second.
func seconds(d time.Duration) string { return max(d, 0).Round(time.Second).String() }

// Elapsed is how long the run goes on by then.
func (l *Live) Elapsed(now time.Time) time.Duration { return now.Sub(l.began) }
