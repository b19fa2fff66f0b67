package runner

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Waiting ends when the owner is free, when the time is over, and when it is
// told to.
func TestWaitForClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands still while anything is at work
		l := &Local{Dir: t.TempDir()}
		first, err := claim(l, "first", "app/1")
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		spec := ClaimSpec{Run: "second", Org: claimOrg, Owners: []string{"app/1"}, Wait: 200 * time.Millisecond, Waiting: func(e *ClaimedError) {
			if told++; e.Run != "first" {
				t.Error(e)
			}
		}}
		began := time.Now()
		if _, err := l.Claim(context.Background(), spec); !errors.As(err, new(*ClaimedError)) || told != 1 || time.Since(began) < spec.Wait {
			t.Errorf("%v after %v, told %d times", err, time.Since(began), told)
		}
		ctx, stop := context.WithCancel(context.Background())
		spec.Wait, spec.Waiting = time.Hour, func(*ClaimedError) { time.AfterFunc(50*time.Millisecond, stop) }
		if _, err := l.Claim(ctx, spec); !errors.Is(err, context.Canceled) {
			t.Errorf("told to stop: %v", err)
		}
		spec.Waiting = func(*ClaimedError) { time.AfterFunc(50*time.Millisecond, func() { first.Release() }) }
		second, err := l.Claim(context.Background(), spec)
		if err != nil || !second.Waited() {
			t.Fatal(err)
		}
		if third, err := claim(l, "third", "app/2"); err != nil || third.Waited() {
			t.Error(err)
		}
	})
}

// Who planned while another run came to its end plans anew, although the owner
// is free by now.
func TestRunsThatEndWhileOthersPlan(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	ask := func(id, turn string) *Claims {
		t.Helper()
		c, err := l.Claim(context.Background(), ClaimSpec{Run: id, Org: claimOrg, Owners: []string{"app/1"}, Turn: turn})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	release := func(c *Claims) {
		t.Helper()
		if err := c.Release(); err != nil {
			t.Fatal(err)
		}
	}
	turn := l.Turn()
	first := ask("first", turn)
	stored(t, l, "first", StateDone)
	release(first)
	second := ask("second", turn)
	if first.Waited() || !second.Waited() {
		t.Errorf("the first: %v, the second: %v", first.Waited(), second.Waited())
	}
	turn = l.Turn()
	release(second) // never began
	third := ask("third", turn)
	if third.Waited() {
		t.Error("a run that never began has changed nothing")
	}
	stored(t, l, "third", StateDone)
	if err := third.unlock(); err != nil { // killed before it could let go
		t.Fatal(err)
	}
	if fourth := ask("fourth", turn); !fourth.Waited() {
		t.Error("the end of a run that was killed then counts for nothing")
	} else {
		release(fourth)
	}
	if fifth := ask("fifth", ""); fifth.Waited() {
		t.Error("nobody asked")
	}
}

// Nobody waits for the lock on the claims longer than he is told to.
func TestClaimsAreLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock stands still while anything is at work
		l := &Local{Dir: t.TempDir()}
		done, err := l.lockClaims(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer stop()
		if _, err := l.Claim(ctx, ClaimSpec{Run: "r", Org: claimOrg}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("claimed: %v", err)
		}
		if _, err := l.Abandon(ctx, "r", "ada", "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("abandoned: %v", err)
		}
		time.AfterFunc(20*time.Millisecond, func() { done() })
		if _, err := claim(l, "r", "app/1"); err != nil {
			t.Error(err)
		}
		kept, err := l.lockClaims(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithTimeout(context.Background(), 2*patience)
		defer end()
		if _, err := l.Claim(ctx, ClaimSpec{Run: "r", Org: claimOrg}); err == nil || ctx.Err() != nil {
			t.Errorf("while others keep the lock: %v", err)
		}
		kept()
	})
}

// A run that nobody is at work on is not waited for, nor for any longer once
// that is so: its claim falls by nothing but what somebody does.
func TestNobodyWaitsForAnInterruptedRun(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	at, err := claim(l, "old", "app/1")
	if err != nil {
		t.Fatal(err)
	}
	slept := 0
	l.Clock.Sleep = func(context.Context, time.Duration) error {
		if slept++; slept == 3 {
			stored(t, l, "old", "")
			if err := at.Release(); err != nil { // interrupted
				t.Error(err)
			}
		}
		if slept > 3 {
			return errors.New("it is still waited for")
		}
		return nil
	}
	for range 2 {
		_, err := l.Claim(context.Background(), ClaimSpec{Run: "new", Org: claimOrg, Owners: []string{"app/1"}, Wait: time.Hour})
		var claimed *ClaimedError
		if !errors.As(err, &claimed) || claimed.Alive || claimed.State != StateInterrupted || slept != 3 {
			t.Errorf("%v after %d looks", err, slept)
		}
	}
	if _, err := l.Abandon(context.Background(), "old", "ada", "because"); err != nil {
		t.Error(err)
	}
	if _, err := claim(l, "new", "app/1"); err != nil {
		t.Error(err)
	}
}
