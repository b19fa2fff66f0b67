package main

import (
	"fmt"
	"testing"
)

// TestLongCrashPairs kills a run, then kills the command that takes it up, and
// has it taken up again: 40 seeded pairs, or all pairs of one playbook.
func TestLongCrashPairs(t *testing.T) {
	if !*long {
		t.Skip("this takes long: run it with -long")
	}
	c := newCrashes(t, "failpoints")
	e := newEnumeration(c)
	if *allPairs {
		s := subjects()[0]
		full, sites := c.whole(t, s)
		for n := 1; n <= len(sites); n++ {
			for _, undo := range []bool{false, true} {
				e.add(crash{subject: s, full: full, at: n, of: len(sites), undo: undo, then: everyOne})
			}
		}
		e.run(t)
		return
	}
	for i, s := range subjects() {
		full, sites := c.whole(t, s)
		for j := range 5 {
			number := 5*i + j + 1
			random := seeded(t, number)
			k := crash{subject: s, full: full, at: len(sites)/2 + random.IntN(len(sites)/2) + 1, of: len(sites), undo: j%2 == 1}
			k.then = func(hits int) []int { return []int{1 + random.IntN(hits)} }
			if *only == 0 || *only == number {
				e.add(k)
			}
		}
	}
	e.run(t)
}

func everyOne(hits int) (all []int) {
	for n := range hits {
		all = append(all, n+1)
	}
	return all
}

// second kills the command that takes a run up as well, at each hit that the
// case asks for, and has the run taken up again: resumed, or rolled back if it
// was being rolled back or every other time.
func (e *enumeration) second(w *world, k crash, run *shown, fail failure) error {
	start, err := w.keep()
	if err != nil {
		return fail(err, "")
	}
	verb := "resume"
	if k.undo {
		verb = "rollback"
	}
	args := []string{verb, run.ID, "--yes", "--settle", crashSettle}
	if run.State == "rolled_back" || !k.undo && run.State == "done" {
		return nil
	}
	code := exitOK
	if !k.undo {
		code = k.code()
	}
	whole, err := w.spawn("log=again", args...)
	if err != nil || whole.code != code {
		return fail(fmt.Errorf("%s exits with %d, %v", verb, whole.code, err), whole.text)
	}
	sites, err := w.hits("again")
	if err != nil {
		return fail(err, "")
	}
	for _, m := range k.then(len(sites)) {
		if err := w.goBack(start); err != nil {
			return fail(err, "")
		}
		fail := func(err error, text string) error {
			return fail(fmt.Errorf("and killed again, in %s at hit %d of %d, at %s: %w", verb, m, len(sites), sites[min(m, len(sites))-1], err), text)
		}
		second, err := w.spawn(fmt.Sprintf("kill=%d", m), args...)
		if err == nil {
			err = w.quiet()
		}
		if err != nil || !second.killed && second.code != code {
			return fail(fmt.Errorf("it exits with %d, %v", second.code, err), second.text)
		}
		now, err := w.run()
		if err != nil {
			return fail(err, second.text)
		}
		e.count(verb + " killed too")
		if err := e.third(w, k, now, k.undo || m%2 == 0, fail); err != nil {
			return err
		}
	}
	return nil
}

// third takes a run up for good.
func (e *enumeration) third(w *world, k crash, run *shown, undo bool, fail failure) error {
	switch {
	case !undo:
		return e.resume(w, k, run, fail)
	case run.State == "rolled_back":
		if err := w.undone(k.full); err != nil {
			return fail(err, "")
		}
		return nil
	}
	return e.rollBack(w, k, fail)
}
