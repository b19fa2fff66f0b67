package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/runner/journal"
)

const claimOrg = "https://org.example"

// stored writes the journal of a run that nobody is at work on. Without a
// state its process died part-way.
func stored(t testing.TB, l *Local, id string, state State) {
	t.Helper()
	j, err := journal.Create(l.journalFile(id), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	events := []Event{{Kind: EvCreated, Run: &RunInfo{ID: id, Format: JournalFormat, Org: claimOrg}}, {Kind: EvVars}}
	if state != "" {
		events = append(events, Event{Kind: EvEnded, State: state})
	}
	for _, e := range events {
		if _, err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// left leaves the claim of a run whose process died.
func left(t testing.TB, l *Local, id string, owners ...string) {
	t.Helper()
	c, err := l.Claim(context.Background(), ClaimSpec{Run: id, Org: claimOrg, Owners: owners, Host: "web1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.unlock(); err != nil { // as the kernel does
		t.Fatal(err)
	}
}

func claim(l *Local, id string, owners ...string) (*Claims, error) {
	return l.Claim(context.Background(), ClaimSpec{Run: id, Org: claimOrg, Owners: owners})
}

func owners(t testing.TB, l *Local) map[string]string {
	t.Helper()
	all, err := l.ReadClaims()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range all {
		out[c.Run] = strings.Join(c.Owners, " ")
	}
	return out
}

// What a run that is not at work any more keeps others from depends on how it
// stands.
func TestClaimsOfRunsThatStopped(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(l *Local)
		want string // in the refusal; empty: there is none
	}{
		{"killed", func(l *Local) { stored(t, l, "old", "") }, "is unfinished (interrupted)"},
		{"interrupted", func(l *Local) { stored(t, l, "old", StateInterrupted) }, "`rekey resume old`; undo it: `rekey rollback old`; or give it up as it is: `rekey abandon old --because"},
		{"waiting", func(l *Local) { stored(t, l, "old", StateWaiting) }, "(waiting)"},
		{"stuck", func(l *Local) { stored(t, l, "old", StateStuck) }, "(stuck)"},
		{"not undone", func(l *Local) { stored(t, l, "old", StateRollbackIncomplete) }, "(rollback incomplete); once the cause is gone, try its rollback again: `rekey rollback old`; or"},
		{"done", func(l *Local) { stored(t, l, "old", StateDone) }, ""},
		{"done with failures", func(l *Local) { stored(t, l, "old", StateDoneWithFailures) }, ""},
		{"failed", func(l *Local) { stored(t, l, "old", StateFailed) }, ""},
		{"rolled back", func(l *Local) { stored(t, l, "old", StateRolledBack) }, ""},
		{"abandoned", func(l *Local) { stored(t, l, "old", StateAbandoned) }, ""},
		{"no journal", func(*Local) {}, ""},
		{"an empty journal", func(l *Local) { write(t, l.journalFile("old"), "") }, ""},
		{"a torn first line", func(l *Local) { write(t, l.journalFile("old"), `{"seq":1,"ti`) }, ""},
		{"a damaged journal", func(l *Local) { write(t, l.journalFile("old"), "broken\n") }, "which cannot be read: journal "},
		{"a journal of another run", func(l *Local) {
			stored(t, l, "other", StateDone)
			copyTo(t, l.journalFile("other"), l.journalFile("old"))
		}, "is that of run other"},
		{"a damaged claim", func(l *Local) {
			stored(t, l, "old", "")
			write(t, l.claimFile("old"), "{}")
		}, "run old may have claimed the same: its claim "},
		{"a claim of another version", func(l *Local) {
			stored(t, l, "old", "")
			write(t, l.claimFile("old"), `{"run": "old", "format": 2}`)
		}, "its claim is of format 2"},
		{"a damaged claim, done", func(l *Local) {
			stored(t, l, "old", StateDone)
			write(t, l.claimFile("old"), "")
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &Local{Dir: t.TempDir()}
			left(t, l, "old", "app/1", "app/2")
			test.make(l)
			if _, err := claim(l, "else", "app/3"); err != nil && !strings.Contains(err.Error(), "its claim") {
				t.Errorf("other owners: %v", err)
			}
			if _, err := l.Claim(context.Background(), ClaimSpec{Run: "elsewhere", Org: "https://other", Owners: []string{"app/1"}}); err != nil && !strings.Contains(err.Error(), "its claim") {
				t.Errorf("another org: %v", err)
			}
			_, err := claim(l, "new", "app/0", "app/2")
			_, stands := owners(t, l)["old"]
			if test.want == "" {
				if err != nil || stands {
					t.Errorf("%v; the old claim stands: %v", err, stands)
				}
				return
			}
			var claimed *ClaimedError
			if !errors.As(err, &claimed) || claimed.Run != "old" || claimed.Alive || !strings.Contains(err.Error(), test.want) || !stands {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(test.want, "claim ") && (!slices.Equal(claimed.Owners, []string{"app/2"}) || claimed.Host != "web1" || claimed.PID != os.Getpid()) {
				t.Errorf("%+v", claimed)
			}
			if _, err := l.Abandon(context.Background(), "old", "ada", "it is in the way"); err != nil {
				t.Fatal(err)
			}
			if _, err := claim(l, "new", "app/2"); err != nil {
				t.Errorf("after it was abandoned: %v", err)
			}
		})
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func copyTo(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(data))
}

// A run at work is told by its process, and nobody takes it up beside that.
func TestClaimsOfARunAtWork(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	first, err := l.Claim(context.Background(), ClaimSpec{Run: "first", Org: claimOrg, Owners: []string{"idp/b", "app/a", "app/a"}, Host: "web1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ run, want string }{
		{"second", "app/a, idp/b are claimed by run first, which is at work (process %d on web1); wait until it ends, with --lock-timeout for one, or stop it"},
		{"first", "run first is at work (process %d on web1); wait until it ends, with --lock-timeout for one, or stop it"},
	} {
		_, err := claim(l, test.run, "app/a", "idp/b")
		var claimed *ClaimedError
		if !errors.As(err, &claimed) || !claimed.Alive || claimed.State != StateRunning || claimed.PID != os.Getpid() {
			t.Fatalf("%s: %+v", test.run, err)
		}
		want := fmt.Sprintf(test.want, os.Getpid())
		if journal.OutlivesCrash {
			want = strings.Replace(want, "or stop it", "if there is no such process any more (a crash leaves the mark), delete "+l.claimFile("first")+".lock", 1)
			want = strings.Replace(want, "one, if", "one; if", 1)
		}
		if err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if _, err := l.Abandon(context.Background(), "first", "ada", "no"); !errors.As(err, new(*ClaimedError)) {
		t.Errorf("abandoned: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := first.Release(); err != nil || len(owners(t, l)) != 0 {
		t.Errorf("%v, %v", err, owners(t, l))
	}
	if _, err := claim(l, "second", "app/a"); err != nil {
		t.Error(err)
	}
}

// A run whose journal is open is at work, claims or not.
func TestClaimsOfARunWithoutAClaim(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	left(t, l, "old", "app/1")
	j, err := journal.Create(l.journalFile("old"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, run := range []string{"new", "old"} {
		var claimed *ClaimedError
		if _, err := claim(l, run, "app/1"); !errors.As(err, &claimed) || !claimed.Alive || claimed.PID != os.Getpid() {
			t.Errorf("%s: %v", run, err)
		}
	}
}

// What becomes of a claim when its process lets go of it.
func TestRelease(t *testing.T) {
	for state, stays := range map[State]bool{
		"": true, StateInterrupted: true, StateWaiting: true, StateStuck: true, StateRollbackIncomplete: true,
		StateDone: false, StateDoneWithFailures: false, StateFailed: false, StateRolledBack: false, StateAbandoned: false,
	} {
		l := &Local{Dir: t.TempDir()}
		c, err := claim(l, "r", "app/1")
		if err != nil {
			t.Fatal(err)
		}
		stored(t, l, "r", state)
		if err := c.Release(); err != nil {
			t.Fatal(err)
		}
		if _, ok := owners(t, l)["r"]; ok != stays {
			t.Errorf("%q: the claim stays: %v", state, ok)
		}
		if err := l.Idle("r"); err != nil {
			t.Errorf("%q: %v", state, err)
		}
		files, _ := filepath.Glob(filepath.Join(l.claimsDir(), "*"))
		if len(files) != 2 { // the lock, and the claim or its end
			t.Errorf("%q: there are %q", state, files)
		}
	}
}

// What cannot be read may be unfinished.
func TestReleaseOfADamagedRun(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	c, err := claim(l, "r", "app/1")
	if err != nil {
		t.Fatal(err)
	}
	stored(t, l, "r", StateDone)
	write(t, l.journalFile("r"), "broken\n")
	if err := c.Release(); err != nil || owners(t, l)["r"] != "app/1" {
		t.Errorf("%v, %v", err, owners(t, l))
	}
}

// Who takes a run up again has what it had, and what is new.
func TestClaimIsTakenOver(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	left(t, l, "r", "app/1", "app/2")
	stored(t, l, "r", "")
	left(t, l, "other", "app/4")
	stored(t, l, "other", "")
	if _, err := claim(l, "r", "app/3", "app/4"); err == nil {
		t.Fatal("what another has was taken")
	}
	if got := owners(t, l)["r"]; got != "app/1 app/2" {
		t.Errorf("a refusal left %s", got)
	}
	c, err := claim(l, "r", "app/3", "app/1")
	if err != nil {
		t.Fatal(err)
	}
	if got := owners(t, l)["r"]; got != "app/1 app/2 app/3" {
		t.Errorf("it has %s", got)
	}
	if err := c.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(l, "new", "app/2"); err == nil {
		t.Error("an unfinished run lost its claim")
	}
}

// A run can be taken up where nothing can be written any more, as far as its
// claim is concerned: the process of this test may write no byte to a file.
func TestClaimIsTakenOverWithoutWriting(t *testing.T) {
	if journal.OutlivesCrash {
		t.Skip("a lock of this system is a file")
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("sh is missing, which limits what a process may write")
	}
	for _, test := range []struct{ run, has, want string }{{"r", "app/1 app/2", "got "}, {"r", "app/2", "error "}, {"new", "app/2", "error "}} {
		l := &Local{Dir: t.TempDir()}
		left(t, l, "r", strings.Fields(test.has)...)
		stored(t, l, "r", "")
		c := newClaimer(t, l.Dir, []string{"REKEY_TEST_CLAIM_RUN=" + test.run}, sh, "-c", `ulimit -f 0; exec "$0" "$@"`)
		fmt.Fprintln(c.in)
		if line := c.line(); !strings.HasPrefix(line, test.want) {
			t.Errorf("%s: %s", test.run, line)
		}
		if err := l.Idle(test.run); (err != nil) != (test.want == "got ") {
			t.Errorf("%s: %v", test.run, err)
		}
		c.cmd.Process.Kill()
		c.cmd.Wait()
		if got := owners(t, l); len(got) != 1 || got["r"] != test.has {
			t.Errorf("%s: the claims are %v", test.run, got)
		}
	}
}

// A run that changes no owner is in nobody's way, and is known to be at work.
func TestClaimOfNothing(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	for range 2 {
		c, err := claim(l, "r")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := claim(l, "r"); !errors.As(err, new(*ClaimedError)) {
			t.Errorf("it is taken up twice: %v", err)
		}
		other, err := claim(l, "other", "app/1")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(other.Release(), c.unlock()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChangeOfClaims(t *testing.T) {
	l := &Local{Dir: t.TempDir()}
	left(t, l, "other", "app/4")
	stored(t, l, "other", "")
	c, err := claim(l, "r", "app/1", "app/2")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		owners  []string
		refused bool
		want    string
	}{
		{[]string{"app/2", "app/3"}, false, "app/2 app/3"},
		{[]string{"app/4", "app/5"}, true, "app/2 app/3"},
		{[]string{"app/1"}, false, "app/1"},
	} {
		err := c.Change(context.Background(), test.owners)
		if got := owners(t, l)["r"]; errors.As(err, new(*ClaimedError)) != test.refused || got != test.want {
			t.Errorf("%v: %v, %s", test.owners, err, got)
		}
		if err := l.Idle("r"); err == nil {
			t.Errorf("%v: it is not locked any more", test.owners)
		}
	}
	if _, err := claim(l, "new", "app/2", "app/3"); err != nil {
		t.Errorf("what was given up is claimed: %v", err)
	}
}
