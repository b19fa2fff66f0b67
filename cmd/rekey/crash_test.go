package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/rekey/playbooks"
)

var (
	seed        = flag.Uint64("seed", 1, "of the tests that kill at random; they print it")
	only        = flag.Int("only", 0, "the one case of them, or the one hit, from 1, to kill at")
	onePlaybook = flag.String("playbook", "", "the one playbook to kill")
	allPairs    = flag.Bool("allpairs", false, "kill one playbook and its recovery at every pair of instants")
)

// TestCrashes kills a sample of what TestLongCrashes kills.
func TestCrashes(t *testing.T) {
	t.Parallel()
	c := newCrashes(t, "failpoints")
	random := seeded(t, 0)
	e := newEnumeration(c)
	for _, s := range subjects() {
		whole, sites := c.whole(t, s)
		for range 3 {
			e.add(crash{subject: s, full: whole, at: 1 + random.IntN(len(sites)), of: len(sites), undo: random.IntN(2) == 1})
		}
	}
	e.run(t)
}

// TestLongCrashes runs every embedded playbook and kills it at every
// failpoint; then the run is resumed, and of another like it undone. What is
// left is what an uninterrupted run leaves, or what was there before but for
// the residues that the run lists.
func TestLongCrashes(t *testing.T) {
	if !*long {
		t.Skip("this takes minutes: run it with -long")
	}
	c := newCrashes(t, "failpoints")
	e := newEnumeration(c)
	for _, s := range subjects() {
		whole, sites := c.whole(t, s)
		t.Logf("%s: %d instants", s, len(sites))
		for n := 1; n <= len(sites); n++ {
			if *only == 0 || *only == n {
				e.add(crash{subject: s, full: whole, at: n, of: len(sites), both: true})
			}
		}
	}
	for _, name := range playbooks.Names() {
		if !slices.ContainsFunc(allSubjects(), func(s subject) bool { return s.playbook == name }) {
			t.Errorf("%s is never killed", name)
		}
	}
	for _, site := range required {
		if *onePlaybook == "" && !(c.met[site+".before"] && c.met[site+".after"]) {
			t.Errorf("no run comes to %s", site)
		}
	}
	e.run(t)
}

// seeded are the random numbers of a case.
func seeded(t *testing.T, number int) *rand.Rand {
	if number <= 1 {
		t.Logf("-seed %d", *seed)
	}
	return rand.New(rand.NewPCG(*seed, uint64(number)))
}

// whole runs a playbook without any kill and returns what it leaves, and the
// sites that it came to.
func (c *crashes) whole(t *testing.T, s subject) (picture, []string) {
	t.Helper()
	w, err := c.newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	e, err := w.spawn("log=hits", w.start()...)
	if err != nil || e.code != s.code() {
		t.Fatalf("%s is not carried out: %v, exit %d\n%s", s, err, e.code, e.text)
	}
	p, err := w.picture()
	if err != nil {
		t.Fatal(err)
	}
	sites, err := w.hits("hits")
	if err != nil {
		t.Fatal(err)
	}
	for _, site := range sites {
		c.met[strings.TrimSpace(site)] = true
	}
	if len(p.Writes) == 0 || len(sites) < 50 || (p.State == "done") != (s.fails == "") {
		t.Fatalf("%s: %d sites, picture %+v", s, len(sites), p)
	}
	return p, sites
}

// crash is one case.
type crash struct {
	subject
	full   picture // what an uninterrupted run leaves
	at, of int     // the hit to be killed at, of how many
	undo   bool    // roll back; or else resume
	both   bool    // resume, then go back to the kill and roll back

	then func(hits int) []int // the hits at which what comes then is killed too; nil: it is not
}

func (k crash) String() string {
	then := "resumed"
	if k.undo {
		then = "rolled back"
	}
	return fmt.Sprintf("%s killed at hit %d of %d, then %s", k.subject, k.at, k.of, then)
}

// enumeration carries cases out, several at a time.
type enumeration struct {
	*crashes
	cases []crash

	mu     sync.Mutex
	faults []string
	tally  map[string]int
	seen   map[string]bool
}

func newEnumeration(c *crashes) *enumeration {
	return &enumeration{crashes: c, tally: map[string]int{}, seen: map[string]bool{}}
}

func (e *enumeration) add(k crash) { e.cases = append(e.cases, k) }

func (e *enumeration) count(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tally[what]++
}

func (e *enumeration) fault(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, err.Error())
}

// first tells whether this is the first time of something.
func (e *enumeration) first(what string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	again := e.seen[what]
	e.seen[what] = true
	return !again
}

// enough tells whether there are so many violations that the rest is left.
func (e *enumeration) enough() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.faults) >= 10
}

func (e *enumeration) run(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // it is much garbage of little memory
	next := make(chan crash)
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) { // a case waits as much as it computes
		wg.Go(func() {
			for k := range next {
				err := e.try(k)
				if err != nil {
					e.fault(err)
				}
				if *allPairs {
					t.Logf("%s, and killed again at each instant: %v", k, err == nil) // it takes long
				}
			}
		})
	}
	for _, k := range e.cases {
		if e.enough() {
			break
		}
		next <- k
	}
	close(next)
	wg.Wait()
	t.Logf("%d cases", len(e.cases))
	e.report(t)
}

func (e *enumeration) report(t *testing.T) {
	t.Log(e.tally)
	slices.Sort(e.faults)
	for _, f := range e.faults {
		t.Error(f)
	}
}

// failure makes an error that tells the case; the text is what was printed.
type failure func(err error, text string) error

// try carries one case out.
func (e *enumeration) try(k crash) error {
	w, err := e.newWorld(k.subject)
	if err != nil {
		return err
	}
	defer w.close()
	site := "?"
	fail := func(err error, text string) error {
		return fmt.Errorf("%s, at %s: %w\n%s%s", k, site, err, lastOf(text), w.journal())
	}
	first, err := w.spawn(fmt.Sprintf("log=hits,kill=%d", k.at), w.start()...)
	if err != nil {
		return fail(err, "")
	}
	if err := w.quiet(); err != nil {
		return fail(err, first.text)
	}
	if sites, err := w.hits("hits"); err == nil && len(sites) > 0 {
		site = strings.TrimSpace(sites[len(sites)-1])
	}
	run, err := w.run()
	if err != nil {
		return fail(err, first.text)
	}
	switch {
	case !first.killed:
		e.count("not reached") // what runs side by side does not always take as many turns
		if first.code != k.code() {
			return fail(fmt.Errorf("it ends by itself with %d", first.code), first.text)
		}
	case run == nil:
		return e.startAgain(w, k, fail)
	}
	switch {
	case k.then != nil:
		return e.second(w, k, run, fail)
	case k.both:
		return e.both(w, k, run, fail)
	case k.undo:
		return e.rollBack(w, k, fail)
	}
	return e.resume(w, k, run, fail)
}

// both resumes a run, goes back to where it was killed, and rolls it back.
func (e *enumeration) both(w *world, k crash, run *shown, fail failure) error {
	killed, err := w.keep()
	if err != nil {
		return fail(err, "")
	}
	if err := e.resume(w, k, run, fail); err != nil {
		return err
	}
	if err := w.goBack(killed); err != nil {
		return fail(err, "")
	}
	return e.rollBack(w, k, func(err error, text string) error {
		return fail(fmt.Errorf("(not resumed, but rolled back) %w", err), text)
	})
}

// startAgain is what is left to do when the kill came before there was a run.
func (e *enumeration) startAgain(w *world, k crash, fail failure) error {
	e.count("started again")
	if err := w.undone(k.full); err != nil {
		return fail(fmt.Errorf("there is no run, but %w", err), "")
	}
	if left := w.left(); !e.first(k.subject.String() + left) {
		e.count("left the same as another")
		return nil
	}
	again, err := w.takeUp(w.start()...)
	if err != nil || again.code != k.code() {
		return fail(fmt.Errorf("started again it exits with %d, %v", again.code, err), again.text)
	}
	return e.compare(w, k, again.text, fail)
}

// lastOf is the end of what was printed.
func lastOf(text string) string { return text[max(0, len(text)-1500):] }

func (e *enumeration) resume(w *world, k crash, run *shown, fail failure) error {
	text := ""
	if run.State == k.full.State {
		e.count("done already")
	} else {
		e.count("resumed")
		again, err := w.takeUp("resume", run.ID, "--yes", "--settle", w.settle)
		if err != nil || again.code != k.code() {
			return fail(fmt.Errorf("rekey resume exits with %d, %v", again.code, err), again.text)
		}
		text = again.text
	}
	return e.compare(w, k, text, fail)
}

// compare holds what a run left against what it is to leave.
func (e *enumeration) compare(w *world, k crash, text string, fail failure) error {
	if k.fails != "" {
		if err := w.undone(k.full); err != nil {
			return fail(err, text)
		}
		return nil
	}
	got, err := w.picture()
	if err == nil {
		err = same(k.full, got)
	}
	if err != nil {
		return fail(err, text)
	}
	if !w.saved {
		return nil
	}
	again, err := w.takeUp(w.start()...) // a saved plan is carried out once
	if err != nil || again.code != exitStale {
		return fail(fmt.Errorf("the same plan once more exits with %d, %v", again.code, err), again.text)
	}
	if got, err = w.picture(); err == nil {
		err = same(k.full, got)
	}
	if err != nil {
		return fail(err, again.text)
	}
	return nil
}

func (e *enumeration) rollBack(w *world, k crash, fail failure) error {
	run, err := w.run()
	if err != nil {
		return fail(err, "")
	}
	if run.State == "rolled_back" {
		return e.compare(w, k, "", fail)
	}
	e.count("rolled back")
	back, err := w.takeUp("rollback", run.ID, "--yes", "--settle", w.settle)
	if err != nil || back.code != 0 {
		return fail(fmt.Errorf("rekey rollback exits with %d, %v", back.code, err), back.text)
	}
	if err := w.undone(k.full); err != nil {
		return fail(err, back.text)
	}
	return nil
}
