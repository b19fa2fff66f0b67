package runner

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// promised is the world of a history: owners, each with a value, and objects
// with ids that the world assigns, each of an owner. It outlives the processes
// that work on it, and what they sent may arrive after they have died.
type promised struct {
	seed    uint64
	strange bool // a stranger acts where a write's outcome is in doubt

	mu      sync.Mutex
	values  map[string]string    // by owner
	objects map[string]string    // the owner by the object's id
	foreign map[string]bool      // the objects that the stranger made
	before  map[string][2]string // by owner: what the value was where the stranger set it, and what it was to be
	next    int
	struck  map[trouble]int // how often something went wrong
}

// trouble is how a write goes wrong.
type trouble string

const (
	inFlight    trouble = "killed with a write in flight"
	isRefused   trouble = "refused"
	isNever     trouble = "not done, the answer lost"
	isLost      trouble = "done, the answer lost"
	isLate      trouble = "done late, the answer lost"
	isGarbled   trouble = "done, then an error after the answer"
	isMuddled   trouble = "not done, then an error after the answer"
	isStrangers trouble = "a stranger came between"
)

const theirs = "foreign" // the value that the stranger sets

func newPromised(seed uint64) *promised {
	return &promised{seed: seed, values: map[string]string{"a": "old", "b": "old"}, objects: map[string]string{},
		foreign: map[string]bool{}, before: map[string][2]string{}, struck: map[trouble]int{}}
}

// dice are random and depend on the seed and the key alone: not on which of
// two goroutines comes first.
func (w *promised) dice(key ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, key...)
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// mortal is a process, which can be killed at any instant: what it waits for
// then never comes, and what it has sent may arrive or not, now or later.
type mortal struct {
	*promised
	number int
	faulty bool // its writes may go wrong
	frail  bool // it may be killed while it writes
	kill   func()
	dead   chan struct{}

	asked map[string]int // how often a step has taken time, by its name
}

var errKilled = errors.New("killed")

// roll are the dice for what a step does next.
func (p *mortal) roll(step string) *rand.Rand {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[step]++
	return p.dice(p.number, step, p.asked[step])
}

// lasts lets something take between 1 and 20 ms; false means that the process
// is killed meanwhile.
func (p *mortal) lasts(r *rand.Rand) bool {
	return p.sleep(context.Background(), time.Millisecond+time.Duration(r.Int64N(int64(19*time.Millisecond)))) == nil
}

func (p *mortal) gone() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

func (p *mortal) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.dead:
		return errKilled
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// read is one request that changes nothing.
func (p *mortal) read(ctx context.Context, step string, look func()) error {
	r := p.roll(step)
	if !p.lasts(r) {
		return errKilled
	}
	p.mu.Lock()
	look()
	p.mu.Unlock()
	answer := time.Millisecond
	if r.IntN(20) == 0 { // what it tells may be old by then
		answer = time.Duration(r.Int64N(int64(2 * promisedSettle)))
	}
	if err := p.sleep(ctx, answer); err != nil {
		return err
	}
	return Report(ctx, Call{Method: "GET", Path: "/" + step})
}

// write is one request with an effect. In doubt is called, and with the lock
// held, if nobody will know whether it happened.
func (p *mortal) write(ctx context.Context, effect func(), inDoubt func()) error {
	_, step := Here(ctx)
	if err := Report(ctx, Call{Method: "POST", Path: "/" + step, Write: true}); err != nil {
		return err
	}
	r := p.roll(step)
	fate := trouble("")
	if p.faulty && r.IntN(5) == 0 {
		all := []trouble{isRefused, isNever, isLost, isLate, isGarbled, isMuddled}
		fate = all[r.IntN(len(all))]
	}
	if p.frail && r.IntN(12) == 0 {
		time.AfterFunc(time.Duration(r.Int64N(int64(20*time.Millisecond))), p.kill)
	}
	if !p.lasts(r) {
		fate = inFlight
	}
	err := p.befall(ctx, fate, r, effect, inDoubt)
	if err == nil && !p.lasts(r) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.struck[inFlight]++
		p.doubt(r, inDoubt)
		return errKilled
	}
	return err
}

// undosMayBeLate says whether the writes of undos arrive late as well.
const undosMayBeLate = true

// befall is what becomes of a write on its way.
func (p *mortal) befall(ctx context.Context, fate trouble, r *rand.Rand, effect, inDoubt func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fate != "" {
		p.struck[fate]++
	}
	late := func() {
		if inDoubt == nil && !undosMayBeLate {
			effect()
			return
		}
		time.AfterFunc(time.Duration(r.Int64N(int64(promisedSettle))), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			effect()
		})
	}
	switch fate {
	case inFlight:
		[]func(){func() {}, effect, late}[r.IntN(3)]()
		p.doubt(r, inDoubt)
		return errKilled
	case isRefused:
		return lostAnswer(false)
	case isNever, isLost, isLate:
		map[trouble]func(){isNever: func() {}, isLost: effect, isLate: late}[fate]()
		p.doubt(r, inDoubt)
		return lostAnswer(true)
	case isGarbled, isMuddled:
		if fate == isGarbled {
			effect()
		}
		if err := Report(ctx, Call{Method: "GET", Path: "/after"}); err != nil {
			return err
		}
		return lostAnswer(false)
	}
	effect()
	return nil
}

func (p *mortal) doubt(r *rand.Rand, inDoubt func()) {
	if p.strange && inDoubt != nil {
		p.struck[isStrangers]++
		inDoubt()
	}
}

// clear has a person put right what the stranger did, as far as it keeps the
// run from going on: that is one of the decisions that end a doubt.
func (w *promised) clear(r *rand.Rand, candidates []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, owner := range slices.Sorted(maps.Keys(w.before)) {
		if w.values[owner] == theirs {
			w.set(owner, w.before[owner][r.IntN(2)])
		}
	}
	for _, id := range candidates {
		if w.foreign[id] {
			delete(w.objects, id)
		}
	}
}

func (w *promised) set(owner, value string) {
	if value == "" {
		delete(w.values, owner)
		return
	}
	w.values[owner] = value
}

// of are an owner's objects.
func (w *promised) of(owner string) (ids []string) {
	for id, of := range w.objects {
		if of == owner {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (w *promised) add(owner string) string {
	w.next++
	id := fmt.Sprintf("object-%06d", w.next)
	w.objects[id] = owner
	return id
}

// turn sets an owner's value and undoes that exactly, as a switch of keys.
type turn struct {
	p        *mortal
	Owner    string `in:"owner" doc:"whose"`
	Value    string `in:"value" out:"value" doc:"its new value"`
	Previous string `saw:"previous" out:"previous" is:"optional" doc:"its value before"`
}

func (s *turn) Claims() []string { return []string{"owner/" + s.Owner} }

func (s *turn) look(ctx context.Context) (value string, err error) {
	_, step := Here(ctx)
	err = s.p.read(ctx, step, func() { value = s.p.values[s.Owner] })
	return value, err
}

func (s *turn) Observe(ctx context.Context) (err error) {
	s.Previous, err = s.look(ctx)
	return err
}

func (s *turn) Do(ctx context.Context) error {
	if s.Previous == s.Value {
		return nil
	}
	return s.p.write(ctx, func() { s.p.set(s.Owner, s.Value) }, func() {
		s.p.before[s.Owner] = [2]string{s.Previous, s.Value}
		s.p.set(s.Owner, theirs)
	})
}

func (s *turn) Undo(ctx context.Context) ([]Residue, error) {
	now, err := s.look(ctx)
	switch {
	case err != nil || now == s.Previous:
		return nil, err
	case now != s.Value:
		return nil, errors.New("somebody else has set it since")
	}
	return nil, s.p.write(ctx, func() { s.p.set(s.Owner, s.Previous) }, nil)
}

func (s *turn) Recover(ctx context.Context) (Verdict, error) {
	now, err := s.look(ctx)
	switch {
	case err != nil:
		return Verdict{}, err
	case now == s.Value:
		return Verdict{Outcome: Happened}, nil
	case now == s.Previous:
		return Verdict{Outcome: Not}, nil
	}
	return Verdict{Outcome: Ambiguous, Reason: s.Owner + " has a third value", Candidates: []string{now}}, nil
}

// mint makes an object; its undo deletes that, as a CSR is deleted.
type mint struct {
	p       *mortal
	Owner   string   `in:"owner" doc:"whose"`
	Before  []string `saw:"before" is:"loose" doc:"the objects before"`
	ID      string   `out:"id" is:"assigned" doc:"made up by the world"`
	Adopted bool     `out:"adopted" doc:"it may be somebody else's"`
}

func (s *mint) Claims() []string { return []string{"owner/" + s.Owner} }

func (s *mint) list(ctx context.Context) (ids []string, err error) {
	_, step := Here(ctx)
	err = s.p.read(ctx, step, func() { ids = s.p.of(s.Owner) })
	return ids, err
}

func (s *mint) Observe(ctx context.Context) (err error) {
	s.Before, err = s.list(ctx)
	return err
}

func (s *mint) Do(ctx context.Context) error {
	id := "" // and not the field: a late effect is nobody's answer
	err := s.p.write(ctx, func() { id = s.p.add(s.Owner) }, func() {
		for range 2 - s.p.next%2 {
			s.p.foreign[s.p.add(s.Owner)] = true
		}
	})
	if err == nil {
		s.ID = id
	}
	return err
}

func (s *mint) Undo(ctx context.Context) ([]Residue, error) {
	if s.Adopted {
		return []Residue{{Owner: s.Owner, Kind: "object", ID: s.ID, Effect: Added, Note: "it may be somebody else's"}}, nil
	}
	ids, err := s.list(ctx)
	if err != nil || !slices.Contains(ids, s.ID) {
		return nil, err
	}
	return nil, s.p.write(ctx, func() { delete(s.p.objects, s.ID) }, nil)
}

func (s *mint) Adopt(ctx context.Context, id string) error {
	ids, err := s.list(ctx)
	if err == nil && !slices.Contains(ids, id) {
		return errors.New("there is no object " + id)
	}
	s.ID, s.Adopted = id, true
	return err
}

func (s *mint) Recover(ctx context.Context) (Verdict, error) {
	ids, err := s.list(ctx)
	if err != nil {
		return Verdict{}, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(s.Before, id) })
	switch len(ids) {
	case 0:
		return Verdict{Outcome: Not}, nil
	case 1:
		s.ID, s.Adopted = ids[0], true
		return Verdict{Outcome: Happened}, nil
	}
	return Verdict{Outcome: Ambiguous, Reason: "several objects are new: " + strings.Join(ids, ", "), Candidates: ids}, nil
}

// cast makes an object for good, as a key is generated.
type cast struct{ mint }

func (s *cast) Undo(context.Context) ([]Residue, error) {
	return []Residue{{Owner: s.Owner, Kind: "object", ID: s.ID, Effect: Added}}, nil
}

// peek reads an owner's value.
type peek struct {
	p     *mortal
	Owner string `in:"owner" doc:"whose"`
	Size  int    `out:"size" doc:"how many objects it has"`
}

func (s *peek) Read(ctx context.Context) error {
	_, step := Here(ctx)
	return s.p.read(ctx, step, func() { s.Size = len(s.p.of(s.Owner)) })
}

// catalogue are the step types as a process has them.
func (p *mortal) catalogue(t testing.TB) *Catalogue {
	c, err := NewCatalogue(
		Type{Name: "turn", Doc: "Sets a value.", Change: "set {owner}", Undo: UndoExact, New: func() any { return &turn{p: p} }},
		Type{Name: "mint", Doc: "Makes an object.", Change: "make one", Undo: UndoExact, New: func() any { return &mint{p: p} }},
		Type{Name: "cast", Doc: "Makes an object for good.", Change: "make one", Undo: UndoStays, New: func() any { return &cast{mint{p: p}} }},
		Type{Name: "peek", Doc: "Reads a value.", New: func() any { return &peek{p: p} }},
	)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
