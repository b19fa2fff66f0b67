package runner

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/rekey/runner/journal"
)

// diskFault is how an append fails.
type diskFault struct {
	name  string
	err   error
	whole bool   // the line is on the disk all the same: its fsync failed
	torn  string // what is there of it instead
}

var diskFaults = []diskFault{
	{name: "full, nothing written", err: syscall.ENOSPC},
	{name: "full, a part written", err: syscall.ENOSPC, torn: `{"seq":7,"time":"2026-03-01T12:0`},
	{name: "write fails", err: syscall.EIO, torn: "{"},
	{name: "fsync fails", err: syscall.EIO, whole: true},
	{name: "full, noticed by fsync", err: syscall.ENOSPC, whole: true},
}

// failingDisk is a journal of which one append fails, and all after it.
type failingDisk struct {
	*journal.Journal
	path   string
	fault  diskFault
	at     int    // which append, from 1; 0: none
	count  int    // appends so far
	failed func() // is called when it does
}

func (d *failingDisk) Append(event any) (journal.Record, error) {
	d.count++
	if d.at == 0 || d.count < d.at {
		return d.Journal.Append(event)
	}
	if d.count == d.at {
		if d.fault.whole {
			if _, err := d.Journal.Append(event); err != nil {
				return journal.Record{}, err
			}
		}
		if err := d.tear(); err != nil {
			return journal.Record{}, err
		}
		d.failed()
	}
	return journal.Record{}, errors.Join(journal.ErrBroken, d.fault.err)
}

// tear leaves a part of a line at the end, as a write does that is cut short.
func (d *failingDisk) tear() error {
	f, err := os.OpenFile(d.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(d.fault.torn)
	return errors.Join(err, f.Close())
}

// contacts are what steps asked of the world, in their order.
type contacts struct {
	mu  sync.Mutex
	all []string
}

func (c *contacts) note(what, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, what+" "+name)
}

func (c *contacts) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// did reports whether some Do was begun.
func (c *contacts) did() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.all, func(s string) bool { return strings.HasPrefix(s, "do ") })
}

// The world's step types, watched.
type (
	watchedPut struct {
		put
		c *contacts
	}
	watchedAdd struct {
		add
		c *contacts
	}
	watchedLook struct {
		look
		c *contacts
	}
)

func (s *watchedPut) Observe(ctx context.Context) error {
	s.c.note("observe", s.Name)
	return s.put.Observe(ctx)
}
func (s *watchedPut) Do(ctx context.Context) error { s.c.note("do", s.Name); return s.put.Do(ctx) }
func (s *watchedPut) Undo(ctx context.Context) ([]Residue, error) {
	s.c.note("undo", s.Name)
	return s.put.Undo(ctx)
}
func (s *watchedPut) Recover(ctx context.Context) (Verdict, error) {
	s.c.note("recover", s.Name)
	return s.put.Recover(ctx)
}

func (s *watchedAdd) Observe(ctx context.Context) error {
	s.c.note("observe", s.Name)
	return s.add.Observe(ctx)
}
func (s *watchedAdd) Do(ctx context.Context) error { s.c.note("do", s.Name); return s.add.Do(ctx) }
func (s *watchedAdd) Undo(ctx context.Context) ([]Residue, error) {
	s.c.note("undo", s.Name)
	return s.add.Undo(ctx)
}
func (s *watchedAdd) Recover(ctx context.Context) (Verdict, error) {
	s.c.note("recover", s.Name)
	return s.add.Recover(ctx)
}

func (s *watchedLook) Read(ctx context.Context) error {
	s.c.note("look", s.Name)
	return s.look.Read(ctx)
}

// diskWorld is a world, a state folder and what steps asked.
type diskWorld struct {
	t       *testing.T
	local   *Local
	world   *world
	program *Program
	types   *Catalogue
	asked   contacts
	inputs  map[string]any
}

func newDiskWorld(t *testing.T, body string, faults map[string]fault) *diskWorld {
	t.Helper()
	w := newWorld(map[string]string{"a": "old"})
	maps.Copy(w.faults, faults)
	d := &diskWorld{t: t, world: w, local: newLive(t, w).Local, inputs: map[string]any{}}
	d.local.Watch = nil
	types := w.types()
	for i, t := range types {
		types[i].New = map[string]func() any{
			"put":  func() any { return &watchedPut{put{w: w}, &d.asked} },
			"add":  func() any { return &watchedAdd{add{w: w}, &d.asked} },
			"look": func() any { return &watchedLook{look{w: w}, &d.asked} },
		}[t.Name]
	}
	var err error
	if d.types, err = NewCatalogue(types...); err != nil {
		t.Fatal(err)
	}
	d.program = program(t, d.types, body)
	return d
}

// run carries the program out with the append at failing; 0: none does.
func (d *diskWorld) run(fault diskFault, at int) (*Machine, error) {
	d.t.Helper()
	j, err := journal.Create(d.local.journalFile("r1"), journal.Options{Now: d.local.Clock.now})
	if err != nil {
		d.t.Fatal(err)
	}
	return d.drive(j, nil, fault, at, func(r *loop) error {
		public, _, faults := d.program.Bind(d.inputs, true)
		if faults.Err() != nil {
			d.t.Fatal(faults)
		}
		if err := r.record(Event{Kind: EvCreated, Run: newRunInfo(d.program, Spec{ID: "r1", Inputs: public, StartedAt: d.world.now})}); err != nil {
			return err
		}
		return r.loop(context.Background())
	})
}

// again opens the run's journal and goes on with it, with the append at failing
// of those from here on.
func (d *diskWorld) again(fault diskFault, at int, goOn func(*loop) error) (*Machine, error) {
	d.t.Helper()
	j, records, err := journal.Open(d.local.journalFile("r1"), journal.Options{Now: d.local.Clock.now})
	if err != nil {
		d.t.Fatal(err)
	}
	return d.drive(j, records, fault, at, goOn)
}

func (d *diskWorld) drive(j *journal.Journal, records []journal.Record, fault diskFault, at int, goOn func(*loop) error) (*Machine, error) {
	d.t.Helper()
	defer j.Close()
	asked := -1
	disk := &failingDisk{Journal: j, path: d.local.journalFile("r1"), fault: fault, at: at, failed: func() { asked = d.asked.count() }}
	r := d.local.runner("r1", d.program, d.types, TakeUp{}, disk)
	if len(records) > 0 {
		if err := r.replay(records); err != nil {
			d.t.Fatal(err)
		}
	}
	err := goOn(r)
	if asked >= 0 {
		if disk.count != at {
			d.t.Errorf("after append %d had failed %d more were tried", at, disk.count-at)
		}
		if n := d.asked.count(); n > asked {
			d.t.Errorf("after append %d had failed it asked for %q", at, d.asked.all[asked:n])
		}
		var broken *JournalError
		if !errors.As(err, &broken) || !broken.Begun || !errors.Is(err, journal.ErrBroken) || !errors.Is(err, fault.err) {
			d.t.Errorf("append %d failed, and the run ended with %v", at, err)
		}
	}
	return r.machine, err
}

// events are those on disk.
func (d *diskWorld) events() int {
	d.t.Helper()
	records, _, err := journal.Read(d.local.journalFile("r1"))
	if err != nil {
		d.t.Fatal(err)
	}
	return len(records)
}

// once fails the test if a step sent a write twice, unless it was refused the
// first time.
func (d *diskWorld) once() {
	d.t.Helper()
	for what, n := range d.world.sent {
		_, write, _ := strings.Cut(what, ": ")
		if n != 1 && d.world.faults[write] != refused || d.world.took[what] > 1 {
			d.t.Errorf("%s was sent %d times and took effect %d times", what, n, d.world.took[what])
		}
	}
}

// stops runs the program until the append at fails.
func (d *diskWorld) stops(f diskFault, at int) {
	d.t.Helper()
	before := maps.Clone(d.world.things)
	m, err := d.run(f, at)
	if err == nil {
		d.t.Fatalf("append %d did not fail", at)
	}
	if m.Written() != d.asked.did() {
		d.t.Errorf("written: %v, after %q", m.Written(), d.asked.all)
	}
	if !m.Written() && !maps.Equal(before, d.world.things) {
		d.t.Errorf("it says that nothing was written, and the world is %v", d.world.things)
	}
	want := at - 1
	if f.whole {
		want++
	}
	if n := d.events(); n != want {
		d.t.Errorf("%d events are on disk, want %d", n, want)
	}
}

// began reports whether anything is on record; if not, nothing happened and
// there is nothing to go on with.
func (d *diskWorld) began(goOn func() (*Machine, error)) bool {
	d.t.Helper()
	if d.events() > 0 {
		return true
	}
	if _, err := goOn(); !errors.Is(err, ErrNeverBegan) || d.asked.count() > 0 {
		d.t.Errorf("without a first event: %v after %q", err, d.asked.all)
	}
	return false
}

func (d *diskWorld) resumes(at int, ends State, things map[string]string) {
	d.t.Helper()
	resume := func() (*Machine, error) {
		return d.local.Resume(context.Background(), "r1", d.program, d.types, TakeUp{})
	}
	if !d.began(resume) {
		return
	}
	m, err := resume()
	if err != nil || m.State() != ends || !maps.Equal(things, d.world.things) {
		_, why := m.Failure()
		d.t.Errorf("resumed: %s (%s), %v; the world is %v, want %v", m.State(), why, err, d.world.things, things)
	}
	d.once()
}

func (d *diskWorld) undoes(at int) {
	d.t.Helper()
	rollback := func() (*Machine, error) {
		return d.local.Rollback(context.Background(), "r1", d.program, d.types, TakeUp{})
	}
	if !d.began(rollback) {
		return
	}
	m, err := rollback()
	d.asBefore(m, err)
}

// asBefore holds the world against what it was, apart from what is stated.
func (d *diskWorld) asBefore(m *Machine, err error) {
	d.t.Helper()
	want := map[string]string{"a": "old"}
	for _, r := range m.Residues() {
		want[r.ID] = "added"
	}
	if err != nil || m.State() != StateRolledBack || !maps.Equal(want, d.world.things) {
		d.t.Errorf("rolled back: %s, %v; the world is %v, want %v", m.State(), err, d.world.things, want)
	}
	d.once()
}
