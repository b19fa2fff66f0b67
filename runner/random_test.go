package runner

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/runner/journal"
)

var seeds = flag.Uint64("seeds", 600, "how many random runs TestRandomRuns makes")

// Whatever program, whatever goes wrong, wherever it is stopped or killed, once
// and again: a run ends done, or undone apart from stated residues, or says why
// not; and no step sends its write twice.
func TestRandomRuns(t *testing.T) {
	ends := map[State]int{}
	for seed := range *seeds {
		r := &randomRun{t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 7)), ends: ends}
		r.run()
		if t.Failed() {
			t.Fatalf("seed %d; the program:\n%s\nits events:\n%s", seed, r.body, r.record())
		}
	}
	for _, s := range []State{StateDone, StateDoneWithFailures, StateFailed, StateRolledBack, StateRollbackIncomplete, StateInterrupted, StateStuck} {
		if ends[s] < 5 {
			t.Errorf("only %d ended %s", ends[s], s)
		}
	}
}

// memory is a journal that is not on disk.
type memory []journal.Record

// Append keeps an event in the run's journal.
func (r *randomRun) Append(event any) (journal.Record, error) {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	rec := journal.Record{Seq: len(r.journal) + 1, Event: slices.Clone(event.(json.RawMessage))}
	r.journal = append(r.journal, rec)
	return rec, nil
}

// moment is what a kill at some instant leaves behind.
type moment struct {
	records memory
	things  map[string]string
	pending []func()
	sent    map[string]int
	took    map[string]int
}

type randomRun struct {
	t       *testing.T
	seed    uint64
	rand    *rand.Rand
	ends    map[State]int
	body    string
	world   *world
	start   map[string]string // the world before
	program *Program
	foreign map[string]string // what a stranger overwrote: thing by name
	journal memory
	moments []moment
	stop    func()
}

func (r *randomRun) chance(of int) bool { return r.rand.IntN(of) == 0 }

func (r *randomRun) pick(from ...string) string { return from[r.rand.IntN(len(from))] }

// steps makes up a program.
func (r *randomRun) steps() string {
	var b strings.Builder
	fmt.Fprintf(&b, "on_failure: %s\ninputs:\n  yes: {type: bool, default: true}\n  no: {type: bool, default: false}\nsteps:\n", r.pick("rollback", "rollback", "keep"))
	for i := range 1 + r.rand.IntN(5) {
		r.step(&b, "  ", fmt.Sprintf("s%d", i), "", 2)
	}
	return b.String()
}

// step makes up a step, a block or a loop, in which what is touched carries a
// suffix in most cases: items of a loop touch things of their own.
func (r *randomRun) step(b *strings.Builder, indent, id, suffix string, depth int) {
	fmt.Fprintf(b, "%s- id: %s\n", indent, id)
	indent += "  "
	if r.chance(3) {
		fmt.Fprintf(b, "%sif: '$<%s>'\n", indent, r.pick("inputs.yes", "inputs.no", "not inputs.no", "1 / (inputs.no ? 0 : 1) > 0"))
	}
	if depth > 0 && r.chance(3) {
		if r.chance(2) {
			as := "x" + fmt.Sprint(depth)
			fmt.Fprintf(b, "%sfor_each: %s\n%sas: %s\n", indent, r.pick("[1]", "[1, 2, 3]", "[k, l, m, n, o]", `'$<filter([1, 2, 3], # > 5)>'`), indent, as)
			fmt.Fprintf(b, "%sconcurrency: %d\n%smax_failures: %d\n", indent, 1+r.rand.IntN(3), indent, r.rand.IntN(3))
			if r.chance(2) {
				fmt.Fprintf(b, "%sbatches: %s\n", indent, r.pick("[1, 100%]", "[2]", "[1, 50%]"))
			}
			suffix += "-$<" + as + ">"
		}
		if r.chance(4) {
			fmt.Fprintf(b, "%sassert: $<%s>\n", indent, r.pick("true", "true", "inputs.yes", "inputs.no"))
		}
		fmt.Fprintf(b, "%ssteps:\n", indent)
		for i := range 1 + r.rand.IntN(3) {
			r.step(b, indent+"  ", fmt.Sprintf("%s_%d", id, i), suffix, depth-1)
		}
		return
	}
	if r.chance(4) {
		fmt.Fprintf(b, "%sretry: {attempts: 3}\n", indent)
	}
	switch r.rand.IntN(6) {
	case 0:
		fmt.Fprintf(b, "%slook: {name: %q}\n", indent, r.pick("a", "b", "c")+suffix)
		if r.chance(3) {
			fmt.Fprintf(b, "%sassert: $<steps.%s.size %s 0>\n", indent, id, r.pick(">", "=="))
		}
	case 1:
		fmt.Fprintf(b, "%sadd: {name: %q}\n", indent, "new"+id+suffix)
	case 2:
		fmt.Fprintf(b, "%sput: {name: forbidden, value: x}\n", indent)
	default:
		name := r.pick("a", "b", "c") + suffix
		if r.chance(3) {
			name = r.pick("a", "b") // which other items and steps touch as well
		}
		fmt.Fprintf(b, "%sput: {name: %q, value: %s}\n", indent, name, r.pick("v"+id+suffix, "v"+id, "old"))
		if r.chance(3) {
			fmt.Fprintf(b, "%sassert: [$<true>, $<steps.%s.value %s \"old\">]\n", indent, id, r.pick("==", "!=", "!="))
		}
	}
}

func (r *randomRun) run() {
	r.start = map[string]string{"a": "old", "b": "old"}
	r.world = newWorld(r.start)
	r.body = r.steps()
	r.program = program(r.t, r.world.catalogue(r.t), r.body)
	r.foreign = map[string]string{}
	r.world.wrote = func() { r.world.faults[""] = ""; r.keep() }
	if r.chance(2) {
		r.fault()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.stop = cancel
	public, _, _ := r.program.Bind(nil, true)
	l := r.loop()
	err := l.record(Event{Kind: EvCreated, Run: newRunInfo(r.program, Spec{ID: "r", Inputs: public, StartedAt: r.world.now})})
	if err == nil {
		err = l.loop(ctx)
	}
	r.check(l.machine, err)
	r.stop = nil
	for range 3 {
		if r.t.Failed() {
			return
		}
		r.crash()
	}
}

// fault lets the next write, or one after it, go wrong; then things go well.
func (r *randomRun) fault() {
	kinds := []fault{refused, lost, never, late, garbled, muddled}
	f := kinds[r.rand.IntN(len(kinds))]
	if r.chance(2) {
		r.world.faults[""] = f
		return
	}
	what := r.pick("back a=old", "back b=old", "back c=", "put a=vs1", "put b=vs2", "put a-2=vs1_0", "add news4", "back a-1=", "back b-k=")
	r.world.faults[what] = f
}

// loop drives the run's program, with what was recorded so far.
func (r *randomRun) loop() *loop {
	local := Local{Clock: r.world.clock(), Settle: time.Minute, Watch: r.watch}
	return local.runner("r", r.program, r.world.catalogue(r.t), TakeUp{}, r)
}

func (r *randomRun) watch(e Event) {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	r.keep()
	if len(r.journal) > 600 {
		r.t.Fatalf("seed %d: it does not end:\n%s", r.seed, r.body)
	}
	if r.stop != nil && r.chance(25) {
		r.stop()
	}
	if e.Kind == EvUnknown && r.chance(4) && r.program.Step(e.Step).Type.Name == "put" {
		r.world.pending = nil
		s := r.journal.last(e.Step)
		name := s.In["name"].(string)
		before, _ := s.Saw["previous"].(string)
		r.foreign[name] = before
		r.world.things[name] = "foreign"
	}
}

// last is what a step recorded last as its inputs, and saw.
func (m memory) last(step string) (s struct{ In, Saw map[string]any }) {
	for _, rec := range m {
		if e, _ := DecodeEvent(rec.Event); e.Step == step && e.Kind == EvInputs {
			s.In = e.In
		} else if e.Step == step && e.Kind == EvObserved {
			s.Saw = e.Saw
		}
	}
	return s
}

func (r *randomRun) keep() {
	r.moments = append(r.moments, moment{slices.Clone(r.journal), maps.Clone(r.world.things), r.world.pending, maps.Clone(r.world.sent), maps.Clone(r.world.took)})
}

// crash goes back to some moment of the run or of its rollback, and rolls back
// from there.
func (r *randomRun) crash() {
	if r.chance(2) {
		r.resume()
		return
	}
	at := r.moments[r.rand.IntN(len(r.moments))]
	r.journal, r.world.things = slices.Clone(at.records), maps.Clone(at.things)
	r.world.pending, r.world.sent, r.world.took = at.pending, maps.Clone(at.sent), maps.Clone(at.took)
	if r.chance(3) {
		r.fault()
	}
	l := r.loop()
	err := l.replay(r.journal)
	if err == nil {
		err = l.rollback(context.Background())
	}
	r.check(l.machine, err)
	if s := l.machine.State(); s != StateRolledBack && s != StateRollbackIncomplete {
		r.t.Errorf("a rollback ended %s", s)
	}
	if l.machine.State() == StateRolledBack || r.t.Failed() {
		return
	}
	// What stood in the way is cleared up.
	r.world.faults = map[string]fault{}
	for name, before := range r.foreign {
		if r.world.things[name] == "foreign" {
			r.world.set(name, before)
		}
	}
	l = r.loop()
	if err = l.replay(r.journal); err == nil {
		err = l.rollback(context.Background())
	}
	r.check(l.machine, err)
	if s := l.machine.State(); s != StateRolledBack {
		r.t.Errorf("with nothing in the way a rollback ended %s: %v", s, l.machine.UndoErr())
	}
}

// check holds the end of a run against the world.
func (r *randomRun) check(m *Machine, err error) {
	if err != nil {
		r.t.Errorf("an error: %v", err)
		return
	}
	r.world.arrive() // if anything still could, the run ended too early
	r.ends[m.State()]++
	for write, n := range r.world.took {
		if n > 1 {
			r.t.Errorf("%s was done %d times", write, n)
		}
	}
	for write, n := range r.world.sent {
		step, _, _ := strings.Cut(write, ": ")
		looked := func(e Timed) bool { return e.Kind == EvRecovered && e.Step == step }
		if n > 1 && r.program.Step(step).Retry == nil && !slices.ContainsFunc(r.timed(), looked) {
			r.t.Errorf("%s was sent %d times", write, n)
		}
	}
	if len(r.world.overlaps) > 0 {
		r.t.Errorf("two at a time were at work on %v", r.world.overlaps)
	}
	_, why := m.Failure()
	switch m.State() {
	case StateDone, StateDoneWithFailures:
		if failed := r.failures(); (len(failed) > 0) != (m.State() == StateDoneWithFailures) {
			r.t.Errorf("%s, and failed are %v", m.State(), failed)
		}
		r.same(r.done(m), m)
	case StateRolledBack:
		r.same(r.start, m)
	case StateFailed:
		if why == "" {
			r.t.Error("it failed without a reason")
		}
		if m.info.OnFailure == "rollback" || !m.Remains() {
			r.same(r.start, m)
		} else if !slices.ContainsFunc(m.root.started, func(n *node) bool { return n.phase == phDoubt }) {
			r.same(r.done(m), m)
		}
	case StateStuck:
		if why == "" || !m.Written() {
			r.t.Errorf("stuck: %q, written %v", why, m.Written())
		}
	case StateInterrupted:
	case StateRollbackIncomplete:
		if m.UndoErr() == nil {
			r.t.Error("the rollback is incomplete without a reason")
		}
	default:
		r.t.Errorf("it ended %q", m.State())
	}
	if stored := (StoredRun{Events: r.timed(), Alive: true}); stored.Summary().State != m.State() || len(stored.Summary().Residues) != len(m.Residues()) {
		r.t.Errorf("the summary says %+v, the machine %s, %v", stored.Summary(), m.State(), m.Residues())
	}
}

// failures are the items that failed, by the record.
func (r *randomRun) failures() []ItemFailure {
	s := StoredRun{Events: r.timed(), Alive: true}
	return s.Summary().Failures
}

// done is the world after every action that was done and not undone.
func (r *randomRun) done(m *Machine) map[string]string {
	want := maps.Clone(r.start)
	for _, n := range m.root.started {
		name, _ := n.in["name"].(string)
		switch {
		case n.phase == phUndone || n.phase == phFailed || n.phase == phReady || n.phase == phDoubt:
		case n.phase != phDone && n.phase != phKept:
			r.t.Errorf("the run is over and step %s in phase %d", n.name, n.phase)
		case n.step.Type.Name == "put":
			want[name] = n.in["value"].(string)
		default:
			want[name] = "added"
		}
	}
	return want
}

// same holds the world against want; what is there beside it must be stated,
// and what is stated must be there.
func (r *randomRun) same(want map[string]string, m *Machine) {
	want = maps.Clone(want)
	for _, residue := range m.Residues() {
		if residue.Perhaps || want[residue.ID] != "" {
			r.t.Errorf("residue %+v at the end", residue)
		}
		want[residue.ID] = "added"
	}
	if !maps.Equal(want, r.world.things) {
		r.t.Errorf("%s, and the world is %v, want %v", m.State(), r.world.things, want)
	}
}

func (r *randomRun) timed() (out []Timed) {
	for _, rec := range r.journal {
		e, err := DecodeEvent(rec.Event)
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, Timed{Event: e})
	}
	return out
}

func (r *randomRun) record() string {
	var lines []string
	for _, rec := range r.journal {
		lines = append(lines, string(rec.Event))
	}
	return strings.Join(lines, "\n")
}

// resume goes back to some moment of the run and goes on from there.
func (r *randomRun) resume() {
	at := r.moments[r.rand.IntN(len(r.moments))]
	r.journal, r.world.things = slices.Clone(at.records), maps.Clone(at.things)
	r.world.pending, r.world.sent, r.world.took = at.pending, maps.Clone(at.sent), maps.Clone(at.took)
	r.world.faults = map[string]fault{}
	l := r.loop()
	err := l.replay(r.journal)
	if err != nil {
		r.t.Error(err)
		return
	}
	m := l.machine
	if !m.State().Resumable() {
		return
	}
	if err = l.record(Event{Kind: EvOpened}); err == nil {
		err = l.loop(context.Background())
	}
	r.check(m, err)
	if m.State() == StateInterrupted {
		r.t.Error("it was resumed and is interrupted")
	}
}
