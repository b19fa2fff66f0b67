package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

// lostStart is the clock at which each lost-answer world begins.
var lostStart = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// worldClock stands still but for sleeps, which it takes for granted: what was
// put off until then happens before a sleep ends.
type worldClock struct {
	turn  sync.Mutex // of who sleeps: what comes before is over when a sleep ends
	mu    sync.Mutex
	at    time.Time
	later []timer
}

type timer struct {
	at time.Time
	do func()
}

func (c *worldClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *worldClock) after(d time.Duration, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.later = append(c.later, timer{c.at.Add(d), do})
}

func (c *worldClock) sleep(ctx context.Context, d time.Duration) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	end := c.at.Add(d)
	c.mu.Unlock()
	for c.next(end) {
	}
	return ctx.Err()
}

// next goes on to what comes next until end, or to end.
func (c *worldClock) next(end time.Time) bool {
	c.mu.Lock()
	first := -1
	for i, t := range c.later {
		if !t.at.After(end) && (first < 0 || t.at.Before(c.later[first].at)) {
			first = i
		}
	}
	if first < 0 {
		if end.After(c.at) {
			c.at = end
		}
		c.mu.Unlock()
		return false
	}
	t := c.later[first]
	c.later = slices.Delete(c.later, first, first+1)
	if t.at.After(c.at) {
		c.at = t.at
	}
	c.mu.Unlock()
	t.do()
	return true
}

// lostWorld is an org with the people who rotate its keys, on one clock.
type lostWorld struct {
	t     *testing.T
	clock *worldClock
	org   *sandbox.Org
	keys  *sandbox.Pool
	dir   string
}

// lostOrg is the org of each world before anybody does anything.
var lostOrg = sync.OnceValues(func() (*sandbox.Org, error) { return sandbox.DefaultOrg(lostStart) })

func newLostWorld(t *testing.T) *lostWorld {
	t.Helper()
	org, err := lostOrg()
	if err != nil {
		t.Fatal(err)
	}
	return &lostWorld{t: t, clock: &worldClock{at: lostStart}, org: org.Clone(), keys: &sandbox.Pool{}, dir: t.TempDir()}
}

// owned is an owner by its structure: what is assigned, issued and dated is
// left out.
type owned struct {
	keys, csrs int
	active     int    // which key it signs with; -1: none of them
	rest       string // digest of all else in the object
}

func (o owned) String() string {
	return fmt.Sprintf("%d keys, %d CSRs, signs with #%d, %.6s", o.keys, o.csrs, o.active, o.rest)
}

// shape is the org by the structure of its owners.
func (w *lostWorld) shape() map[okta.Owner]owned {
	w.t.Helper()
	shape := map[okta.Owner]owned{}
	for _, id := range w.org.Owners() {
		shape[id] = w.owned(id)
	}
	return shape
}

func (w *lostWorld) owned(id okta.Owner) owned {
	w.t.Helper()
	object, _ := w.org.Object(id)
	pointer := okta.SigningPointer(id.Kind)
	rest := object
	if _, ok := object.At(pointer); ok {
		rest = object.Without(pointer)
	}
	kids := w.kids(id)
	return owned{len(kids), len(w.csrs(id)), slices.Index(kids, object.Text(pointer)), okta.Digest(rest)}
}

// client reads the org past all faults.
func (w *lostWorld) client() *okta.Client {
	c, err := okta.New(okta.Config{
		OrgURL: "https://org.example.com", Token: "token", Now: w.clock.now,
		HTTP: sandbox.Transport(sandbox.New(w.org, sandbox.Options{Now: w.clock.now})),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *lostWorld) kids(id okta.Owner) (kids []string) {
	w.t.Helper()
	keys, _, err := w.client().Keys(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range keys {
		kids = append(kids, k.Kid)
	}
	return kids
}

func (w *lostWorld) csrs(id okta.Owner) (ids []string) {
	w.t.Helper()
	csrs, _, err := w.client().CSRs(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range csrs {
		ids = append(ids, c.ID)
	}
	return ids
}

func (w *lostWorld) active(id okta.Owner) string {
	object, _ := w.org.Object(id)
	return object.Text(okta.SigningPointer(id.Kind))
}
