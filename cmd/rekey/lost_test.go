package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/playbooks"
)

// lateBy is when a late effect comes, and a list catches up: well within the
// settling time.
const lateBy = 20 * time.Second

// effect is what becomes of a write whose answer is lost.
type effect uint8

const (
	effectNow    effect = iota
	effectNone          // never
	effectLate          // once the client has given up
	effectHidden        // at once, and lists show it later
)

// lostFaults are the ways in which an answer is lost.
var lostFaults = []struct {
	rule   string
	effect effect
}{
	{"500:before", effectNone},
	{"500:after", effectNow},
	{"lost", effectNow},
	{"reset", effectNone},
	{"late:" + lateBy.String(), effectLate},
	{"hidden", effectHidden},
}

// lostMode is who else is at work at the moment of the fault.
type lostMode string

const (
	lostAlone lostMode = "alone"
	lostTwin  lostMode = "twin"  // another admin does what this step does
	lostWhole lostMode = "whole" // another admin runs the same playbook
)

// lostCase is one write of one playbook whose answer is lost in one way.
type lostCase struct {
	base   *lostBase
	n      int  // which write, from 1; of the rollback if undo
	undo   bool // of a rollback after the run
	rule   string
	effect effect
	mode   lostMode
}

func (c lostCase) String() string {
	at := "undo"
	if !c.undo {
		at = c.base.writes[c.n-1].Step
	}
	return fmt.Sprintf("%s/%d_%s/%s/%s", c.base.playbook, c.n, at, c.rule, c.mode)
}

// like is what cases have in common that differ in the playbook alone, or in two
// ways to lose an answer that come to the same.
func (c lostCase) like() string {
	kind, _, _ := strings.Cut(c.base.undone(c.n, c.undo), " ")
	if !c.undo {
		kind = c.base.writes[c.n-1].Type
	}
	if c.mode == lostWhole {
		return fmt.Sprint(kind, c.mode)
	}
	return fmt.Sprint(kind, c.undo, c.effect, c.mode)
}

// rules make the fault befall the write.
func (c lostCase) rules() []string {
	if c.effect != effectHidden {
		return []string{fmt.Sprintf("WRITE *@%d=%s", c.n, c.rule)}
	}
	posts := 0
	for _, p := range c.base.writes[:c.n] {
		if p.Method == "POST" {
			posts++
		}
	}
	return []string{fmt.Sprintf("WRITE *@%d=lost", c.n), fmt.Sprintf("POST *@%d=delay:%s", posts, lateBy)}
}

// lostBase is how a playbook runs undisturbed, and is rolled back.
type lostBase struct {
	playbook string
	writes   []planned // of the plan
	undo     []string  // writes of a rollback afterwards
	done     map[okta.Owner]owned
}

// undone is a write of the rollback as it was sent; "" if undo is not asked for.
func (b *lostBase) undone(n int, undo bool) string {
	if !undo {
		return ""
	}
	return b.undo[n-1]
}

// lostBases keeps what is the same for all tests.
var lostBases sync.Map

func lostBaseOf(t *testing.T, playbook string) *lostBase {
	t.Helper()
	if b, ok := lostBases.Load(playbook); ok {
		return b.(*lostBase)
	}
	b := newLostBase(t, playbook)
	lostBases.Store(playbook, b)
	return b
}

func newLostBase(t *testing.T, playbook string) *lostBase {
	t.Helper()
	w := newLostWorld(t)
	ada := w.admin("ada")
	b := &lostBase{playbook: playbook, writes: ada.writes(playbook)}
	if e := ada.rotate(playbook); e.code != exitOK {
		t.Fatalf("%s: exit code %d\n%s", playbook, e.code, e)
	}
	if len(b.writes) == 0 || len(ada.sent) != len(b.writes) {
		t.Fatalf("%s: the plan has %d writes, the run has sent %v", playbook, len(b.writes), ada.sent)
	}
	for i, p := range b.writes {
		if !p.is(ada.sent[i]) {
			t.Fatalf("%s: the run has sent %s, the plan says %s %s", playbook, ada.sent[i], p.Method, p.Path)
		}
	}
	b.done = w.shape()
	id, _ := ada.run()
	ada.sent = nil
	ada.must(exitOK, "rollback", id, "--yes")
	b.undo = ada.sent
	return b
}

// lostCases are all that can be lost of the playbooks.
func lostCases(bases []*lostBase) (all []lostCase) {
	for _, b := range bases {
		for _, f := range lostFaults {
			for _, mode := range []lostMode{lostAlone, lostTwin, lostWhole} {
				for i, p := range b.writes {
					if f.effect == effectHidden && p.Method != "POST" {
						continue
					}
					all = append(all, lostCase{b, i + 1, false, f.rule, f.effect, mode})
				}
				for i := range b.undo {
					if f.effect != effectHidden && mode != lostWhole {
						all = append(all, lostCase{b, i + 1, true, f.rule, f.effect, mode})
					}
				}
			}
		}
	}
	return all
}

// TestLostAnswers loses the answer to a write of a playbook's run or of its
// rollback, in every way, with one admin and with two: one case each of half of
// the kinds. TestLongLostAnswers tries all.
func TestLostAnswers(t *testing.T) {
	cases := lostCases(allLostBases(t))
	draw := rand.New(rand.NewPCG(4, 3))
	draw.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	seen, odd := map[string]bool{}, false
	checkLost(t, slices.DeleteFunc(cases, func(c lostCase) bool {
		known := seen[c.like()]
		seen[c.like()] = true
		if !known {
			odd = !odd
		}
		return known || !odd
	}))
}

// TestLongLostAnswers loses the answer to every write of every playbook's run
// and of its rollback, in every way, with one admin and with two.
func TestLongLostAnswers(t *testing.T) {
	if !*long {
		t.Skip("this takes a while: run it with -long")
	}
	checkLost(t, lostCases(allLostBases(t)))
}

func allLostBases(t *testing.T) (bases []*lostBase) {
	t.Helper()
	for _, name := range playbooks.Names() {
		bases = append(bases, lostBaseOf(t, name))
	}
	return bases
}

func checkLost(t *testing.T, cases []lostCase) {
	for _, c := range cases {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func (c lostCase) check(t *testing.T) {
	w := newLostWorld(t)
	l := &lostTrial{lostCase: c, lostWorld: w, before: w.shape()}
	switch {
	case c.undo:
		l.undoing()
	case c.mode == lostAlone:
		l.alone()
	case c.mode == lostTwin:
		l.twin()
	default:
		l.whole()
	}
	l.sentOnce()
}
