package view

import (
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner"
)

// lived is a view of a run, with a clock to go by.
type lived struct {
	*Live
	t   *testing.T
	now time.Time
}

func live(t *testing.T, playbook *runner.Playbook) *lived {
	return &lived{Live: NewLive(playbook, at, 90*time.Second), t: t, now: at}
}

func (l *lived) after(d time.Duration, events ...runner.Event) *lived {
	l.now = l.now.Add(d)
	for _, e := range events {
		l.Take(e, l.now)
	}
	return l
}

func (l *lived) want(lines ...string) {
	l.t.Helper()
	if got := strings.Join(l.Lines(l.now, 20, false), "\n"); got != strings.Join(lines, "\n") {
		l.t.Errorf("it shows\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
}

func TestLive(t *testing.T) {
	l := live(t, toy(t).Playbook)
	not := &runner.Verdict{Outcome: runner.Not}
	l.want("  running    0s · 0 of 2 steps done")
	l.after(time.Second, runner.Event{Kind: runner.EvInputs, Step: "switch"}).after(2 * time.Second)
	l.want("  running    3s · 0 of 2 steps done", "  reading    2s · switch")
	l.after(0, runner.Event{Kind: runner.EvObserved, Step: "switch"})
	l.want("  running    3s · 0 of 2 steps done", "  writing    0s · switch")
	l.after(0, runner.Event{Kind: runner.EvFailed, Step: "switch", Again: &runner.Again{Tried: 1, After: "8s"}}).after(time.Second)
	l.want("  running    4s · 0 of 2 steps done", "  waiting    7s more · switch: try 2 follows")
	l.after(8 * time.Second)
	l.want("  running    12s · 0 of 2 steps done", "  reading    switch")
	l.after(0, runner.Event{Kind: runner.EvObserved, Step: "switch"}, runner.Event{Kind: runner.EvDone, Step: "switch", Write: &runner.Write{}})
	l.want("  running    12s · 1 of 2 steps done")
	l.after(0, runner.Event{Kind: runner.EvInputs, Step: "add"}, runner.Event{Kind: runner.EvObserved, Step: "add"})
	l.Wait("for Okta's rate limit of apps", l.now.Add(20*time.Second))
	l.after(5 * time.Second)
	l.want("  running    17s · 1 of 2 steps done", "  waiting    15s more · for Okta's rate limit of apps", "  writing    5s · add")
	l.after(15 * time.Second)
	l.want("  running    32s · 1 of 2 steps done", "  writing    20s · add")
	l.after(0, runner.Event{Kind: runner.EvUnknown, Step: "add", Write: &runner.Write{}}).after(30 * time.Second)
	l.want("  running    1m2s · 1 of 2 steps done", "  looking    1m0s more · add: whether its write happened")
	l.Stop()
	l.want("  stopping   1m2s · 1 of 2 steps done", "  looking    1m0s more · add: whether its write happened")
	l.after(time.Second, runner.Event{Kind: runner.EvOpened})
	l.want("  running    1m3s · 1 of 2 steps done", "  looking    1m30s more · add: whether its write happened")
	l.after(0, runner.Event{Kind: runner.EvRollback})
	l.want("  undoing    1m3s · 0 of 2 undone", "  looking    1m30s more · add: whether its write happened")
	l.after(0, runner.Event{Kind: runner.EvRecovered, Step: "add", Verdict: not})
	l.want("  undoing    1m3s · 0 of 1 undone")
	l.after(0, runner.Event{Kind: runner.EvUndone, Step: "switch"})
	l.want("  undoing    1m3s · 1 of 1 undone")

	l = live(t, toy(t).Playbook)
	l.after(0, runner.Event{Kind: runner.EvObserved, Step: "switch"}, runner.Event{Kind: runner.EvFailed, Step: "switch", Error: "no"}, runner.Event{Kind: runner.EvRollback})
	l.want("  undoing    0s") // it wrote nothing
}

// TestLiveFleet: of a fleet the items are counted, and of those at work some
// are named.
func TestLiveFleet(t *testing.T) {
	l := live(t, fleetProgram(t).Playbook)
	var shown []string
	for _, e := range fleetRun(1000, 100, runner.StateDoneWithFailures).Events {
		l.after(0, e.Event)
		if e.Kind == runner.EvEnded {
			break
		}
		shown = append(shown, l.Lines(l.now, 20, false)[0])
	}
	for _, want := range []string{"  running    0s · fleet: 0 of 1,000", "  running    0s · fleet: 412 of 1,000, 4 failed", "  running    0s · fleet: 1,000 of 1,000, 10 failed"} {
		if !strings.Contains(strings.Join(shown, "\n")+"\n", want+"\n") {
			t.Errorf("at no time it shows %q", want)
		}
	}
	if last := shown[len(shown)-1]; last != "  running    0s" {
		t.Errorf("when the loop is over it shows %q", last)
	}
	l = live(t, fleetProgram(t).Playbook)
	l.after(0, runner.Event{Kind: runner.EvItems, Step: "fleet", Keys: make([]string, 20)})
	for _, key := range strings.Split("abcdefghij", "") {
		l.after(time.Second, runner.Event{Kind: runner.EvInputs, Step: "fleet[" + key + "].gen"})
	}
	lines := l.Lines(l.now, 4, false)
	if got := strings.Join(lines, "\n"); got != "  running    10s · fleet: 0 of 20\n  reading    9s · fleet[a].gen\n  reading    8s · fleet[b].gen\n             and 8 more" {
		t.Errorf("got\n%s", got)
	}
	if got := l.Lines(l.now, 1, false); len(got) != 1 {
		t.Errorf("for one line it has %q", got)
	}
	what, text := l.Sentence(l.now)
	if got := what + " " + text; got != "running 10s · fleet: 0 of 20; reading 9s · fleet[a].gen; reading 8s · fleet[b].gen; reading 7s · fleet[c].gen; and 7 more" {
		t.Errorf("in a log it is %q", got)
	}
}

// TestLiveWait: what is waited for before there is a run.
func TestLiveWait(t *testing.T) {
	l := live(t, &runner.Playbook{})
	l.Wait("for run r1", at.Add(10*time.Minute))
	l.after(30 * time.Second)
	l.want("  waiting    30s", "  waiting    9m30s more · for run r1")
	if what, text := l.Sentence(l.now); what+" "+text != "waiting 30s; waiting 9m30s more · for run r1" {
		t.Errorf("in a log it is %s %s", what, text)
	}
}

// TestLiveRehearsal: of a rehearsal nothing is said that could be taken for a
// write.
func TestLiveRehearsal(t *testing.T) {
	l := live(t, toy(t).Playbook)
	l.Rehearsal = true
	l.after(0, runner.Event{Kind: runner.EvInputs, Step: "switch"}, runner.Event{Kind: runner.EvObserved, Step: "switch"})
	l.want("  planning   0s · 0 of 2 steps done", "  rehearsing 0s · switch")
	l.after(time.Second, runner.Event{Kind: runner.EvDone, Step: "switch", Write: &runner.Write{}}, runner.Event{Kind: runner.EvRollback})
	l.want("  planning   1s · its rollback is rehearsed: 0 of 1 undone")
}

// TestLiveBlocks: a block that is left out is over, with all that is in it.
func TestLiveBlocks(t *testing.T) {
	no, yes := false, true
	l := live(t, compiled(t, `rekey: 1
playbook: all
version: 1.2.3
inputs: {on: {type: bool, default: true}}
steps:
  - id: first
    thing: {app: a}
  - id: block
    if: $<inputs.on>
    steps:
      - id: one
        thing: {app: a}
      - id: two
        thing: {app: b}
  - id: last
    if: $<inputs.on>
    thing: {app: b}
`).Playbook)
	l.after(0, runner.Event{Kind: runner.EvDone, Step: "first"}, runner.Event{Kind: runner.EvCondition, Step: "block", Value: &no})
	l.want("  running    0s · 3 of 4 steps done")
	l.after(0, runner.Event{Kind: runner.EvCondition, Step: "last", Value: &yes})
	l.want("  running    0s · 3 of 4 steps done")
	l.after(0, runner.Event{Kind: runner.EvDone, Step: "last"})
	l.want("  running    0s · 4 of 4 steps done")
}
