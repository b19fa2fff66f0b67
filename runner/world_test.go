package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// world is what the test's step types act on: named things, each with a value.
type world struct {
	mu     sync.Mutex // several steps act at a time
	things map[string]string
	next   int

	// faults strike a write by its description, "put a=1", or any at "".
	faults map[string]fault
	now    time.Time

	pending []func()       // writes that are on their way
	sent    map[string]int // how often each step sent each write but those of its undo
	took    map[string]int // and how often that had or may still have an effect
	wrote   func()         // called after each write, with the lock held; may be nil

	inside, most int            // how many are at work now, and were at most
	busy         map[string]int // how many are at work on a thing
	overlaps     []string       // things on which two were at work at a time
	slow         time.Duration  // how long each write takes
}

// enter and leave stand around everything that an action does with a thing.
func (w *world) enter(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside++
	w.most = max(w.most, w.inside)
	if w.busy[name]++; w.busy[name] > 1 {
		w.overlaps = append(w.overlaps, name)
	}
}

func (w *world) leave(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside--
	w.busy[name]--
}

func (w *world) get(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.things[name]
}

func (w *world) serial(advance int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next += advance
	return fmt.Sprintf("serial-%06d", w.next-advance)
}

// fault is how a write goes wrong.
type fault string

const (
	refused fault = "refused" // certainly not done
	lost    fault = "lost"    // done, the answer lost
	never   fault = "never"   // not done, the answer lost
	late    fault = "late"    // done some time later, the answer lost
	garbled fault = "garbled" // done, then an error after the answer
	muddled fault = "muddled" // not done, then an error after the answer
)

func newWorld(things map[string]string) *world {
	if things == nil {
		things = map[string]string{}
	}
	return &world{things: maps.Clone(things), faults: map[string]fault{}, sent: map[string]int{}, took: map[string]int{}, busy: map[string]int{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

type lostAnswer bool

func (lostAnswer) Error() string          { return "no answer; ask again" }
func (lostAnswer) Cure() string           { return "ask again" }
func (l lostAnswer) OutcomeUnknown() bool { return bool(l) }

// write carries one write out.
func (w *world) write(ctx context.Context, what string, do func()) error {
	if err := Report(ctx, Call{Method: "PUT", Path: "/" + what, Write: true, Bucket: "writes", PerMinute: 60}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err // a write in flight that is cut off
	}
	if w.slow > 0 {
		select {
		case <-ctx.Done():
			return lostAnswer(true)
		case <-time.After(w.slow):
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.faults[what]
	if !ok {
		f = w.faults[""]
	}
	if _, step := Here(ctx); !strings.HasPrefix(what, "back ") {
		w.sent[step+": "+what]++
		if f != refused && f != never && f != muddled {
			w.took[step+": "+what]++
		}
	}
	if w.wrote != nil {
		defer w.wrote()
	}
	switch f {
	case refused:
		return lostAnswer(false)
	case never:
		return lostAnswer(true)
	case lost:
		do()
		return lostAnswer(true)
	case late:
		if strings.HasPrefix(what, "back ") {
			do() // nobody waits for a late undo
		} else {
			w.pending = append(w.pending, do)
		}
		return lostAnswer(true)
	case garbled, muddled:
		if f == garbled {
			do()
		}
		if err := Report(ctx, Call{Method: "GET", Path: "/after", Bucket: "reads"}); err != nil {
			return err
		}
		return lostAnswer(false)
	}
	do()
	return nil
}

// put sets a thing and undoes that exactly.
type put struct {
	w        *world
	Name     string    `in:"name" doc:"which"`
	Value    string    `in:"value" out:"value" doc:"its new value"`
	Note     string    `in:"note" is:"optional secret" doc:"not shown"`
	Tags     []string  `in:"tags" default:"a" enum:"a,b" doc:"tags"`
	Previous string    `saw:"previous" out:"previous" is:"optional" doc:"its value before"`
	Serial   string    `out:"serial" is:"assigned" doc:"made up by the world"`
	At       time.Time `out:"at" doc:"when"`
}

func (s *put) Claims() []string { return []string{"thing/" + s.Name} }

func (s *put) Observe(ctx context.Context) error {
	if s.Name == "forbidden" {
		return errors.New("this one may not be touched")
	}
	if missing := Missing(ctx); len(missing) > 0 {
		NotChecked(ctx, "without %s", strings.Join(missing, ", "))
	}
	s.w.enter(s.Name)
	defer s.w.leave(s.Name)
	s.Previous = s.w.get(s.Name)
	return nil
}

func (s *put) Do(ctx context.Context) error {
	s.w.enter(s.Name)
	defer s.w.leave(s.Name)
	s.At = s.w.clock().Now()
	if s.Previous == s.Value {
		s.Serial = s.w.serial(0)
		return nil
	}
	s.Serial = s.w.serial(1)
	return s.w.write(ctx, "put "+s.Name+"="+s.Value, func() { s.w.things[s.Name] = s.Value })
}

func (s *put) Undo(ctx context.Context) ([]Residue, error) {
	s.w.enter(s.Name)
	defer s.w.leave(s.Name)
	switch s.w.get(s.Name) {
	case s.Previous:
		return nil, nil
	case s.Value:
	default:
		return nil, errors.New("somebody else has set it since")
	}
	return nil, s.w.write(ctx, "back "+s.Name+"="+s.Previous, func() { s.w.set(s.Name, s.Previous) })
}

func (w *world) set(name, value string) {
	if value == "" {
		delete(w.things, name)
		return
	}
	w.things[name] = value
}

func (s *put) Recover(context.Context) (Verdict, error) {
	switch s.w.get(s.Name) {
	case s.Value:
		s.Serial, s.At = "serial-found", s.w.clock().Now()
		return Verdict{Outcome: Happened}, nil
	case s.Previous:
		return Verdict{Outcome: Not}, nil
	}
	return Verdict{Outcome: Ambiguous, Reason: "it has a third value", Candidates: []string{s.w.get(s.Name)}}, nil
}

// add adds a thing for good.
type add struct {
	w    *world
	Name string `in:"name" out:"name" doc:"which"`
}

func (s *add) Claims() []string              { return []string{"thing/" + s.Name} }
func (s *add) Observe(context.Context) error { return nil }
func (s *add) Do(ctx context.Context) error {
	return s.w.write(ctx, "add "+s.Name, func() { s.w.things[s.Name] = "added" })
}
func (s *add) Undo(context.Context) ([]Residue, error) {
	return []Residue{{Owner: "thing/" + s.Name, Kind: "thing", ID: s.Name, Effect: Added}}, nil
}
func (s *add) Recover(context.Context) (Verdict, error) {
	if s.w.get(s.Name) == "added" {
		return Verdict{Outcome: Happened}, nil
	}
	return Verdict{Outcome: Not}, nil
}

// look reads a thing.
type look struct {
	w     *world
	Name  string `in:"name" doc:"which"`
	Value string `out:"value" is:"optional" doc:"its value"`
	Size  int    `out:"size" doc:"of the value"`
}

func (s *look) Read(ctx context.Context) error {
	s.Value = s.w.get(s.Name)
	s.Size = len(s.Value)
	return Report(ctx, Call{Method: "GET", Path: "/" + s.Name, Bucket: "reads", PerMinute: 600})
}

func (w *world) catalogue(t testing.TB) *Catalogue {
	t.Helper()
	c, err := NewCatalogue(w.types()...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) types() []Type {
	return []Type{
		{Name: "put", Doc: "Sets a thing.", Change: "set {owner} to {value} instead of {previous}", Undo: UndoExact,
			Notice: "they notice", New: func() any { return &put{w: w} }},
		{Name: "add", Doc: "Adds a thing.", Change: "add {name}", Undo: UndoStays, Caution: "it stays",
			New: func() any { return &add{w: w} }},
		{Name: "look", Doc: "Reads a thing.", New: func() any { return &look{w: w} }},
	}
}

// program parses and checks the steps of a playbook.
func program(t testing.TB, c *Catalogue, body string) *Program {
	t.Helper()
	text := "rekey: 1\nplaybook: test\nversion: 1.0.0\n" + strings.TrimLeft(body, "\n")
	p, faults := ParsePlaybook("test.yaml", []byte(text))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	prog, faults := Check(p, c)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	return prog
}

// clock is the world's time. While somebody sleeps what is on its way arrives.
func (w *world) clock() Clock {
	return Clock{
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		},
		Sleep: func(_ context.Context, d time.Duration) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.now = w.now.Add(d)
			w.arrive()
			return nil
		},
	}
}

// arrive has happen what is on its way.
func (w *world) arrive() {
	for _, happen := range w.pending {
		happen()
	}
	w.pending = nil
}

// live runs programs in a world and keeps what is watched.
type live struct {
	*Local
	world  *world
	trace  []string
	events []Event
	t      testing.TB
}

func newLive(t testing.TB, w *world) *live {
	l := &live{world: w, t: t}
	l.Local = &Local{Dir: t.TempDir(), Settle: time.Minute, Clock: w.clock(), Watch: l.watch}
	return l
}

func (l *live) watch(e Event) {
	l.events = append(l.events, e)
	line := string(e.Kind)
	for _, part := range []string{e.Step, string(e.State)} {
		if part != "" {
			line += " " + part
		}
	}
	if e.Value != nil {
		line += fmt.Sprint(" ", *e.Value)
	}
	if e.Verdict != nil {
		line += " " + string(e.Verdict.Outcome)
	}
	if e.Write != nil {
		line += " [" + strings.TrimPrefix(e.Write.Path, "/") + "]"
	}
	l.trace = append(l.trace, line)
}

func (l *live) run(ctx context.Context, p *Program, inputs map[string]any) *Machine {
	l.t.Helper()
	public, secret, faults := p.Bind(inputs, true)
	if faults.Err() != nil {
		l.t.Fatal(faults)
	}
	m, err := l.Run(ctx, p, l.world.catalogue(l.t), Spec{ID: "r1", Inputs: public, Secrets: secret, StartedAt: l.world.now})
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

// runSlowly runs with writes that take a moment, in a bubble: its clock moves on
// only when everybody waits, so who is at work at a time is the same on every
// machine, however slow its disk is.
func (l *live) runSlowly(t *testing.T, p *Program, inputs map[string]any) (m *Machine) {
	t.Helper()
	l.world.slow = 2 * time.Millisecond
	synctest.Test(t, func(*testing.T) { m = l.run(context.Background(), p, inputs) })
	return m
}

func (l *live) rollback(p *Program) *Machine {
	l.t.Helper()
	m, err := l.Rollback(context.Background(), "r1", p, l.world.catalogue(l.t), TakeUp{})
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

func (l *live) expect(want ...string) {
	l.t.Helper()
	if !slices.Equal(l.trace, want) {
		l.t.Errorf("events\n%s\nwant\n%s", strings.Join(l.trace, "\n"), strings.Join(want, "\n"))
	}
	l.trace = nil
}
