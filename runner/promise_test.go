package runner

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/rekey/runner/journal"
)

var (
	promises  = flag.Uint64("promises", 2000, "how many random histories TestPromise makes")
	promiseAt = flag.Uint64("promise", 0, "the first of them, by its seed")
)

// telling are seeds of histories that few others are like: one in which an undo
// arrives late, after another undo of the same has followed it.
var telling = []uint64{4552}

// promisedSettle is how long a write of the promised world may be on its way.
const promisedSettle = time.Minute

// Nothing is lost. Whatever program that undoes what it did when it fails,
// whichever of its writes go wrong, and wherever it is killed or stopped, once
// and again: when the trouble ceases and somebody goes on with the run, or
// rolls it back, everything is done, as if nothing had happened, or everything
// is undone apart from stated residues; or it stops and says at which step
// nobody can tell what happened, and between what a person must decide. That
// is so at once, and after the decision it comes to its end.
func TestPromise(t *testing.T) {
	n := *promises
	if raceEnabled {
		n = min(n, 200)
	}
	all, g := tally{}, &given{}
	seeds := slices.Clone(telling)
	for i := range n {
		seeds = append(seeds, *promiseAt+i)
	}
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			h := newHistory(t, seed, g, all)
			h.drive()
			for what, times := range h.world.struck {
				all[string(what)] += times
			}
			if t.Failed() {
				t.Fatalf("seed %d; the program:\n%s\nwhat happened:\n%s", seed, h.body, h.log())
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%v", all)
	if n < 2000 {
		return
	}
	for _, what := range []string{
		"done", "rolled_back", "failed", "stuck", "rollback_incomplete", "interrupted", "killed", "killed while undoing",
		string(inFlight), string(isRefused), string(isNever), string(isLost), string(isLate), string(isGarbled), string(isMuddled), string(isStrangers),
		"as if nothing had happened", "with residues", "adopted", "rolled back when done", "a decision ended it", "decided adopt", "decided not_done",
	} {
		if all[what] < 5 {
			t.Errorf("%s: only %d times", what, all[what])
		}
	}
}

// tally counts what the histories went through.
type tally map[string]int

// history is a run from its beginning to its end, over the processes that were
// at work on it.
type history struct {
	t       *testing.T
	all     tally
	rand    *rand.Rand
	seed    uint64
	body    string
	program *Program
	want    *uninterrupted // nil: this is that
	world   *promised
	records []journal.Record
	notes   []string // what happened between processes

	processes int
	faulty    int  // the processes before this one have writes that go wrong
	troubled  int  // those before this one are killed or stopped
	undo      bool // somebody has asked for a rollback
	afresh    bool // and just now: what could not be undone before is tried again
	decisions []Decision
}

// given is a program, and what comes of it when nothing goes wrong. Some
// histories in a row have the same.
type given struct {
	seed    uint64
	body    string
	program *Program
	want    *uninterrupted
}

const historiesEach = 4

func newHistory(t *testing.T, seed uint64, g *given, all tally) *history {
	if each := seed / historiesEach; g.program == nil || g.seed != each {
		made := &generator{rand: rand.New(rand.NewPCG(each, 3))}
		*g = given{seed: each, body: made.playbook()}
		g.program = program(t, (&mortal{}).catalogue(t), g.body)
		calm := &history{t: t, all: tally{}, seed: each, body: g.body, program: g.program, world: newPromised(each)}
		g.want = calm.peaceful()
	}
	h := &history{t: t, seed: seed, all: all, rand: rand.New(rand.NewPCG(seed, 11)),
		body: g.body, program: g.program, want: g.want, world: newPromised(seed)}
	h.world.strange = h.rand.IntN(3) == 0
	if h.rand.IntN(3) > 0 {
		h.faulty = h.rand.IntN(4)
	}
	if h.rand.IntN(4) > 0 {
		h.troubled = 1 + h.rand.IntN(4)
	}
	return h
}

// uninterrupted is what comes of a program when nothing goes wrong.
type uninterrupted struct {
	state State
	world []string
}

// peaceful is a history without trouble.
func (h *history) peaceful() *uninterrupted {
	m := h.process(h.start, 0, false)
	switch m.State() {
	case StateDone:
	case StateRolledBack, StateFailed:
		h.undone(m)
	default:
		h.t.Fatalf("without trouble it ends %s", m.State())
	}
	if h.t.Failed() {
		h.t.Fatalf("seed %d; the program:\n%s\nwhat happened:\n%s", h.seed, h.body, h.log())
	}
	return &uninterrupted{m.State(), h.sight(m)}
}

// drive is the history: processes one after the other, in trouble at first.
func (h *history) drive() {
	const most = 4 // processes that nothing befalls: to go on, to roll back, and each again after a decision
	goOn := h.start
	for calm := 0; !h.t.Failed(); {
		if h.processes >= max(h.faulty, h.troubled) {
			if calm++; calm > most {
				h.t.Errorf("it does not come to its end")
				return
			}
		}
		m := h.troubledProcess(goOn)
		if h.t.Failed() {
			return
		}
		state := m.State()
		h.all[string(state)]++
		h.notes = append(h.notes, string(state))
		switch {
		case len(h.records) == 0, state.Resumable() && state != StateStuck || state == StateStuck && h.rand.IntN(2) == 0 && calm == 0:
			goOn = h.resume
		case state == StateStuck, state == StateRollbackIncomplete:
			h.decide(m, calm)
			goOn = h.resume
		case h.undo || state != StateDone || h.rand.IntN(4) > 0:
			return
		default:
			h.all["rolled back when done"]++
			goOn = h.rollback
		}
		if state == StateRollbackIncomplete || h.rand.IntN(4) == 0 {
			goOn = h.rollback
		}
		// Whoever goes on does so at once, or hours later.
		time.Sleep(h.span(time.Microsecond, 3*promisedSettle))
	}
}

// decide has a person look at what a stopped run is about: say what became of
// a write, as it is, or put right what the stranger did.
func (h *history) decide(m *Machine, calm int) {
	if calm > 0 {
		h.all["a decision ended it"]++
	}
	byWord := h.rand.IntN(2) == 0
	var candidates []string
	for _, d := range m.Doubts() {
		if !byWord || !d.Creates {
			candidates = append(candidates, d.Candidates...)
			continue
		}
		decision := Decision{Step: d.Step, Say: SayNotDone}
		for _, id := range d.Candidates {
			if !h.world.foreign[id] {
				decision.Say, decision.ID = SayAdopt, id
			}
		}
		h.all["decided "+string(decision.Say)]++
		h.decisions = append(h.decisions, decision)
	}
	if err := m.Decidable(h.decisions, true); err != nil {
		h.t.Error(err)
	}
	h.notes = append(h.notes, fmt.Sprintf("a person decides %v", h.decisions))
	h.world.clear(h.rand, candidates)
}

// span is a random time between two, short ones as likely as long ones.
func (h *history) span(from, to time.Duration) time.Duration {
	return time.Duration(float64(from) * math.Exp(h.rand.Float64()*math.Log(float64(to)/float64(from))))
}

// troubledProcess is one process, which may be killed or told to stop, and what
// it left behind.
func (h *history) troubledProcess(goOn func(context.Context, *loop) error) *Machine {
	if h.processes >= h.troubled {
		return h.process(goOn, 0, false)
	}
	after := h.span(time.Millisecond, 2*promisedSettle)
	if h.rand.IntN(2) == 0 {
		after = h.span(5*time.Millisecond, time.Second)
	}
	return h.process(goOn, after, h.rand.IntN(5) == 0)
}

// process is one process until it ends or, after that time if it is not 0, is
// killed or only told to stop. It returns the machine as the journal leaves it.
func (h *history) process(goOn func(context.Context, *loop) error, after time.Duration, stop bool) *Machine {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &mortal{promised: h.world, number: h.processes, faulty: h.processes < h.faulty, dead: make(chan struct{}), asked: map[string]int{}}
	p.kill = sync.OnceFunc(func() { close(p.dead) })
	h.processes++
	h.afresh = false
	if after > 0 {
		end := p.kill
		if stop {
			end = cancel
		}
		p.frail = !stop
		timer := time.AfterFunc(after, end)
		defer timer.Stop()
	}
	local := Local{Settle: promisedSettle, Clock: Clock{Sleep: p.sleep}}
	l := local.runner("r", h.program, p.catalogue(h.t), TakeUp{Decisions: h.decisions}, &memoryOf{h, p})
	h.decisions = nil
	var err error
	if len(h.records) > 0 {
		err = l.replay(h.records)
	}
	if err == nil {
		err = goOn(ctx, l)
	}
	killed := p.gone()
	p.kill()
	m, folded := h.folded()
	switch {
	case folded != nil:
		h.t.Errorf("what was recorded is no run: %v", folded)
	case killed:
		h.all["killed"]++
		if m.undo {
			h.all["killed while undoing"]++
		}
		h.notes = append(h.notes, "killed")
	case err != nil:
		h.t.Errorf("an error: %v", err)
	default:
		h.check(m, stop && ctx.Err() != nil)
	}
	return m
}

func (h *history) start(ctx context.Context, l *loop) error {
	public, _, _ := h.program.Bind(nil, true)
	err := l.record(Event{Kind: EvCreated, Run: newRunInfo(h.program, Spec{ID: "r", Inputs: public, StartedAt: time.Now()})})
	if err != nil {
		return err
	}
	return l.loop(ctx)
}

func (h *history) resume(ctx context.Context, l *loop) error {
	if len(h.records) == 0 {
		return h.start(ctx, l)
	}
	h.notes = append(h.notes, "resume")
	return l.resume(ctx)
}

func (h *history) rollback(ctx context.Context, l *loop) error {
	if len(h.records) == 0 {
		return h.start(ctx, l)
	}
	h.notes = append(h.notes, "rollback")
	h.undo, h.afresh = true, true
	return l.rollback(ctx)
}

// memoryOf is the journal of a history as a process writes it.
type memoryOf struct {
	*history
	process *mortal
}

// Append takes its time. Of a process that is killed meanwhile the line is
// there or not.
func (m *memoryOf) Append(event any) (journal.Record, error) {
	if m.process.gone() {
		return journal.Record{}, errKilled
	}
	r := m.process.roll("its journal")
	alive := m.process.lasts(r)
	if !alive && r.IntN(2) == 0 {
		return journal.Record{}, errKilled
	}
	rec := journal.Record{Seq: len(m.records) + 1, Event: slices.Clone(event.(json.RawMessage))}
	if m.records = append(m.records, rec); len(m.records) > 1000 {
		m.t.Fatalf("seed %d: it does not end:\n%s\n%s", m.seed, m.body, m.log())
	}
	if !alive {
		return rec, errKilled
	}
	return rec, nil
}

func (h *history) folded() (*Machine, error) {
	m := NewMachine(h.program)
	for _, e := range h.events() {
		if err := m.Apply(e.Event); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (h *history) events() (out []Timed) {
	for _, rec := range h.records {
		e, err := DecodeEvent(rec.Event)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, Timed{Event: e})
	}
	return out
}

func (h *history) log() string {
	lines := []string{strings.Join(h.notes, ", "), fmt.Sprint(h.world.values, h.world.objects, " foreign ", h.world.foreign, h.world.struck)}
	for _, rec := range h.records {
		lines = append(lines, string(rec.Event))
	}
	return strings.Join(lines, "\n")
}
