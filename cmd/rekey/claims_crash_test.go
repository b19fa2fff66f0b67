package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

// claimCrash is a run that was killed, and what others want of its owner.
type claimCrash struct {
	*testing.T
	*world
	id string // of the killed run; empty if it never began
}

// TestClaimsAfterCrashes kills a run at each failpoint around its claims, and
// at a few others; with -long at every third of them. What it had begun is then
// claimed until it is given up, and nothing else is; and that cannot be lost by
// killing the command that gives it up.
func TestClaimsAfterCrashes(t *testing.T) {
	t.Parallel()
	c := newCrashes(t, "failpoints")
	s := subjects()[2]
	_, sites := c.whole(t, s)
	random := seeded(t, 0)
	var at []int
	abandoned := 1 + random.IntN(len(sites)/2) + len(sites)/4 // at one of them each instant of the giving up, too
	for n, site := range sites {
		if *long && n%3 == 0 || strings.HasPrefix(site, "claims.") || random.IntN(len(sites)) < 6 || n+1 == abandoned {
			at = append(at, n+1)
		}
	}
	stands, free := 0, 0
	for _, n := range at {
		w, err := c.newWorld(s)
		if err != nil {
			t.Fatal(err)
		}
		k := &claimCrash{T: t, world: w}
		t.Run(fmt.Sprintf("%d %s", n, strings.TrimSpace(sites[n-1])), func(t *testing.T) {
			k.T = t
			switch k.kill(n); {
			case k.state() == "" || !k.state().Unfinished():
				free++
				k.another(exitOK)
			default:
				stands++
				k.refused()
				every := len(sites)
				if n == abandoned {
					if every = 5; *long {
						every = 1
					}
				}
				k.giveUp(every)
			}
		})
		w.close()
	}
	if t.Logf("%d instants: %d runs claimed the owner, %d did not", len(at), stands, free); stands == 0 || free == 0 {
		t.Error("it takes both")
	}
}

// kill starts the playbook and kills it at a hit.
func (k *claimCrash) kill(n int) {
	k.Helper()
	first, err := k.spawn(fmt.Sprintf("kill=%d", n), k.start()...)
	if err == nil {
		err = k.quiet()
	}
	if err != nil || !first.killed {
		k.Fatalf("%v, exit %d\n%s", err, first.code, first.text)
	}
	run, err := k.run()
	if err != nil {
		k.Fatal(err)
	}
	if run != nil {
		k.id = run.ID
	}
}

// state is where the killed run stands; empty if it never began.
func (k *claimCrash) state() runner.State {
	k.Helper()
	if k.id == "" {
		return ""
	}
	var s shown
	got := k.call("show", k.id, "--format", "json")
	if err := json.Unmarshal([]byte(got.stdout), &s); err != nil || got.code != exitOK {
		k.Fatalf("%v, exit %d\n%s", err, got.code, got.text)
	}
	return s.State
}

// another starts another run of the same owner.
func (k *claimCrash) another(code int) string {
	k.Helper()
	got := k.call(k.start()...)
	if got.code != code {
		k.Errorf("another run exits with %d, want %d:\n%s", got.code, code, got.text)
	}
	return got.text
}

func (k *claimCrash) refused() {
	k.Helper()
	before := len(k.writes)
	text := k.another(exitBusy)
	if want := "app/0oa8ae1t5yev2ajDs0h7 is claimed by run " + k.id + ", which is unfinished"; !strings.Contains(text, want) || len(k.writes) != before {
		k.Errorf("%d writes; it says\n%s\nwant %s", len(k.writes)-before, text, want)
	}
}

// giveUp abandons the run and tries another afterwards; then again, with a
// command that is killed, at instants so many apart.
func (k *claimCrash) giveUp(every int) {
	k.Helper()
	abandon := []string{"abandon", k.id, "--because", "it was killed", "--yes"}
	moment, err := k.keep()
	if err != nil {
		k.Fatal(err)
	}
	done, err := k.spawn("log=abandoning", abandon...)
	if err != nil || done.code != exitOK || k.state() != runner.StateAbandoned {
		k.Fatalf("%v, exit %d, %s\n%s", err, done.code, k.state(), done.text)
	}
	k.another(exitOK)
	sites, err := k.hits("abandoning")
	if err != nil || !slices.ContainsFunc(sites, func(s string) bool { return strings.HasPrefix(s, "claims.free.") }) {
		k.Fatalf("%v, %q", err, sites)
	}
	for n := every; n <= len(sites); n += every {
		if err := k.goBack(moment); err != nil {
			k.Fatal(err)
		}
		if done, err = k.spawn(fmt.Sprintf("kill=%d", n), abandon...); err != nil || !done.killed {
			k.Fatalf("%v, exit %d\n%s", err, done.code, done.text)
		}
		again := exitOK
		switch state := k.state(); state {
		case runner.StateAbandoned:
			again = exitInvalid
		case runner.StateInterrupted:
			k.refused()
		default:
			k.Errorf("killed at %s: %s", sites[n-1], state)
		}
		if got := k.call(abandon...); got.code != again {
			k.Errorf("killed at %s, it exits with %d, want %d:\n%s", sites[n-1], got.code, again, got.text)
		}
		k.another(exitOK)
	}
}
