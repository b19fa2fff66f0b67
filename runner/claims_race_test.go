package runner

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/rekey/runner/journal"
)

// Of those that ask at the same time exactly one gets it, whoever they are.
func TestClaimRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // nobody's patience ends while anything is at work
		l := &Local{Dir: t.TempDir()}
		const many = 40
		got := make(chan *Claims, many)
		start := make(chan struct{})
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				<-start
				c, err := claim(l, fmt.Sprint("run", i), "app/1", fmt.Sprint("app/x", i))
				if err == nil {
					got <- c
				} else if !errors.As(err, new(*ClaimedError)) {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		if len(got) != 1 {
			t.Fatalf("%d of %d got it", len(got), many)
		}
		if claims := owners(t, l); len(claims) != 1 {
			t.Errorf("the claims are %v", claims)
		}
	})
}

// Sets of owners that overlap are never held at a time, and each is got in the
// end.
func TestClaimsExcludeEachOther(t *testing.T) {
	synctest.Test(t, claimsExcludeEachOther) // nobody's patience ends while anything is at work
}

func claimsExcludeEachOther(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	var mu sync.Mutex
	held := map[string]string{}
	var all sync.WaitGroup
	for i := range 6 {
		random := rand.New(rand.NewPCG(7, uint64(i)))
		all.Go(func() {
			for n := range 8 {
				id := fmt.Sprintf("run-%d-%d", i, n)
				var mine []string
				for _, o := range random.Perm(6)[:1+random.IntN(3)] {
					mine = append(mine, fmt.Sprint("app/", o))
				}
				c, err := l.Claim(context.Background(), ClaimSpec{Run: id, Org: claimOrg, Owners: mine, Wait: time.Minute})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, o := range mine {
					if by := held[o]; by != "" {
						t.Errorf("%s has %s, and %s too", by, o, id)
					}
					held[o] = id
				}
				mu.Unlock()
				time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
				mu.Lock()
				maps.DeleteFunc(held, func(_, by string) bool { return by == id })
				mu.Unlock()
				if err := c.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if claims := owners(t, l); len(claims) != 0 {
		t.Errorf("there are left: %v", claims)
	}
}

// TestClaimProcess is no test: it is another process of TestClaimProcesses,
// which claims an owner, says so, and holds it until it is told to let go.
func TestClaimProcess(t *testing.T) {
	dir := os.Getenv("REKEY_TEST_CLAIM_DIR")
	if dir == "" {
		return
	}
	stdin := bufio.NewReader(os.Stdin)
	stdin.ReadString('\n')
	l := &Local{Dir: dir}
	id := cmp.Or(os.Getenv("REKEY_TEST_CLAIM_RUN"), fmt.Sprint("run-", os.Getpid()))
	c, err := claim(l, id, "app/1")
	var claimed *ClaimedError
	if errors.As(err, &claimed) {
		fmt.Println("refused", claimed.PID)
		os.Exit(0)
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if os.Getenv("REKEY_TEST_CLAIM_BEGIN") != "" {
		stored(t, l, id, "")
	}
	fmt.Println("got", os.Getpid())
	stdin.ReadString('\n')
	runtime.KeepAlive(c)
	os.Exit(0) // without a release
}

// Of many processes exactly one gets an owner, and the others are told which.
// When it is killed before its run began, the owner is free; after that, it is
// not.
func TestClaimProcesses(t *testing.T) {
	if journal.OutlivesCrash {
		t.Skip("the locks of this system outlive a process that is killed")
	}
	const many = 6
	l := &Local{Dir: t.TempDir()}
	for _, begin := range []string{"", "1"} {
		var all []*claimer
		for range many {
			all = append(all, newClaimer(t, l.Dir, []string{"REKEY_TEST_CLAIM_BEGIN=" + begin}))
		}
		for _, c := range all {
			fmt.Fprintln(c.in)
		}
		got, refused := map[string]*claimer{}, map[string]int{}
		for _, c := range all {
			what, pid, _ := strings.Cut(c.line(), " ")
			switch what {
			case "got":
				got[pid] = c
			case "refused":
				refused[pid]++
			default:
				t.Fatalf("%s %s", what, pid)
			}
		}
		if len(got) != 1 || len(refused) != 1 {
			t.Fatalf("%d got it, the others were refused by %v", len(got), refused)
		}
		for pid, c := range got {
			if refused[pid] != many-1 {
				t.Errorf("process %s has it, and the others were refused by %v", pid, refused)
			}
			c.cmd.Process.Kill()
			c.cmd.Wait()
		}
		_, err := claim(l, "next"+begin, "app/1")
		var claimed *ClaimedError
		if begin == "" {
			if err != nil {
				t.Fatalf("after a kill before the run began: %v", err)
			}
			if _, err := l.Abandon(context.Background(), "next", "", "x"); err == nil {
				t.Error("a run at work was abandoned")
			}
			stored(t, l, "next", StateDone)
			l = &Local{Dir: t.TempDir()}
		} else if !errors.As(err, &claimed) || claimed.Alive || claimed.State != StateInterrupted {
			t.Fatalf("after a kill: %v", err)
		}
	}
}

type claimer struct {
	t   *testing.T
	cmd *exec.Cmd
	in  interface{ Write([]byte) (int, error) }
	out *bufio.Scanner
}

// newClaimer starts another process, by another program if one is given.
func newClaimer(t *testing.T, dir string, env []string, by ...string) *claimer {
	t.Helper()
	args := append(by, os.Args[0], "-test.run", "^TestClaimProcess$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(append(os.Environ(), "REKEY_TEST_CLAIM_DIR="+dir, "GORACE=atexit_sleep_ms=1"), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return &claimer{t, cmd, in, bufio.NewScanner(out)}
}

func (c *claimer) line() string {
	c.t.Helper()
	if !c.out.Scan() {
		c.t.Fatal("the other process says nothing")
	}
	return c.out.Text()
}

// crowd fills a state folder: many unfinished runs, one of them over a
// thousand owners. Their journals cannot even be read: nobody looks.
func crowd(tb testing.TB) *Local {
	tb.Helper()
	l := &Local{Dir: tb.TempDir()}
	for i := range 200 {
		n := 5
		if i == 100 {
			n = 1000
		}
		var mine []string
		for o := range n {
			mine = append(mine, fmt.Sprintf("app/0oa%05d-%04d", i, o))
		}
		id := fmt.Sprintf("20260101-000000-%06d", i)
		data := fmt.Sprintf(`{"format": 1, "run": %q, "org": %q, "owners": ["%s"], "pid": 1}`, id, claimOrg, strings.Join(mine, `", "`))
		write(tb, l.claimFile(id), data)
		write(tb, l.journalFile(id), "damaged\n")
	}
	return l
}

func thousand() (owners []string) {
	for o := range 1000 {
		owners = append(owners, fmt.Sprintf("app/0oa9-%05d", o))
	}
	return owners
}

// To claim beside many takes a second at most, where the disk is quick, and the
// best of several tries counts.
func TestClaimsInACrowd(t *testing.T) {
	took := func(l *Local) time.Duration {
		began := time.Now()
		c, err := claim(l, "new", thousand()...)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Release(); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	l, empty := crowd(t), &Local{Dir: t.TempDir()}
	var beside, alone time.Duration
	for range 10 {
		if alone, beside = took(empty), took(l); beside <= time.Second+20*alone {
			break
		}
	}
	if beside > time.Second+20*alone {
		t.Errorf("to claim beside 200 others takes %v, and %v where there are none", beside, alone)
	}
	t.Log(beside, alone)
	if _, err := claim(l, "new", "app/0oa00100-0999"); err == nil || !strings.Contains(err.Error(), "20260101-000000-000100") {
		t.Errorf("one of a thousand: %v", err)
	}
}

func BenchmarkClaim(b *testing.B) {
	l := crowd(b)
	mine := thousand()
	for b.Loop() {
		c, err := claim(l, "new", mine...)
		if err != nil {
			b.Fatal(err)
		}
		c.Release()
	}
}
