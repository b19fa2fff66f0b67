package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/rekey/internal/failpoint"
	"example.com/rekey/runner/journal"
)

// Two runs that change the same owner would each take the other's changes for
// a stranger's, and undo what the other stands on. So a run claims the owners
// that it is about to change, and within one state folder no other run has
// them until it has ended, is rolled back or given up:
//
//	Dir/claims/<id>.json   what the run claims; locked while a process is at work on it
//	Dir/claims/lock        held for the moments in which claims are looked at and changed
//	Dir/claims/ended       the run whose claim fell last, and when
//
// A crash leaves the claim and no lock. Whether it then stands is told by the
// run's journal: it falls if the run has ended or never began, for then there
// is nothing to go on with.

// ClaimFormat is the version of the claims that this package writes and reads.
const ClaimFormat = 1

// Claim is what a run claims, as it stands in the state folder.
type Claim struct {
	Format int       `json:"format"`
	Run    string    `json:"run"`
	Org    string    `json:"org"`
	Owners []string  `json:"owners"` // as steps name them: "app/0oa1"
	PID    int       `json:"pid"`    // of the process that claimed it
	Host   string    `json:"host,omitempty"`
	Since  time.Time `json:"since"`

	Alive bool `json:"-"` // a process has the claim right now
}

// Unfinished reports whether a run in this state keeps what it claims: it can
// be gone on with, or a person must first do something about it.
func (s State) Unfinished() bool { return s.Resumable() || s == StateRollbackIncomplete }

// ClaimSpec is what a run asks for.
type ClaimSpec struct {
	Run    string   // its id; that of a run taken up again takes its claim over
	Org    string   // runs in different orgs have nothing to do with each other
	Owners []string // what it will change
	Host   string   // the name of this machine, for those who are refused; may be empty

	Turn    string              // as Turn was before the run was planned; empty: it was not, or that does not matter
	Wait    time.Duration       // how long to wait for others at work; 0: not at all
	Waiting func(*ClaimedError) // is called once when that begins; may be nil
}

// Claims are the claims of a run in the hands of this process. Its methods are
// not for concurrent use.
type Claims struct {
	local  *Local
	spec   ClaimSpec
	unlock func() error // of the claim's file; nil while it is not held
	waited bool
}

// Claim takes what a run claims, or waits for it. A *ClaimedError tells who
// has it; ctx ends the waiting with its own error. A run that nobody is at work
// on is not waited for: its claim does not fall by itself. What the claim of the
// same run held before stays held: after a crash that is what it may have
// changed.
func (l *Local) Claim(ctx context.Context, spec ClaimSpec) (*Claims, error) {
	const first, most = 50 * time.Millisecond, 500 * time.Millisecond
	c := &Claims{local: l, spec: spec}
	until := l.Clock.now().Add(spec.Wait)
	for pause := first; ; pause = min(2*pause, most) {
		err := c.take(ctx, spec.Owners)
		var claimed *ClaimedError
		left := until.Sub(l.Clock.now())
		switch {
		case err == nil:
			return c, nil
		case !errors.As(err, &claimed) || !claimed.Alive || left <= 0:
			return nil, err
		case !c.waited && spec.Waiting != nil:
			spec.Waiting(claimed)
		}
		c.waited = true
		if err := l.Clock.sleep(ctx, min(pause, left)); err != nil {
			return nil, err
		}
	}
}

// Waited reports whether others had to be waited for, or ended since the turn
// that the run asked with: what was found out before may be wrong by now.
func (c *Claims) Waited() bool { return c.waited }

// Change has the run claim these owners and no others, without waiting. After
// an error it claims what it did before. It is for a run that has changed
// nothing yet.
func (c *Claims) Change(ctx context.Context, owners []string) error {
	return c.take(ctx, owners)
}

// take takes the claim, or changes it, unless others are in the way.
func (c *Claims) take(ctx context.Context, owners []string) (err error) {
	l := c.local
	done, err := l.lockClaims(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	claim := Claim{Format: ClaimFormat, Run: c.spec.Run, Org: c.spec.Org, Owners: slices.Clone(owners),
		PID: os.Getpid(), Host: c.spec.Host, Since: l.Clock.now().UTC()}
	var before []string
	has := false
	if c.unlock == nil {
		if err := l.atWork(c.spec.Run); err != nil {
			return err
		}
		if old, err := l.readClaim(c.spec.Run); err == nil && old.Org == claim.Org {
			before, has = old.Owners, true
		}
	}
	claim.Owners = append(claim.Owners, before...)
	slices.Sort(claim.Owners)
	claim.Owners = slices.Compact(claim.Owners)
	fell, err := l.othersClaim(claim)
	if err != nil {
		return err
	}
	if c.spec.Turn != "" && (fell || c.spec.Turn != l.Turn()) {
		c.waited = true
	}
	return c.write(claim, has && slices.Equal(claim.Owners, before))
}

// write replaces the claim's file, unless it says the same, and locks it;
// nobody looks on.
func (c *Claims) write(claim Claim, same bool) (err error) {
	path := c.local.claimFile(claim.Run)
	had := c.unlock != nil
	if had {
		if err := c.unlock(); err != nil {
			return err
		}
		c.unlock = nil
	}
	if !same {
		data, broken := json.MarshalIndent(claim, "", "  ")
		if broken != nil {
			return broken
		}
		failpoint.Hit("claims.write.before")
		err = journal.WriteFile(path, append(data, '\n'), 0o600)
		failpoint.Hit("claims.write.after")
	}
	if err != nil && !had {
		return err // what stands there counts as after a crash
	}
	failpoint.Hit("claims.take.before")
	unlock, locking := journal.Lock(path)
	failpoint.Hit("claims.take.after")
	if locking == nil {
		c.unlock = unlock
	}
	return errors.Join(err, locking)
}

// Release gives the claim out of this process's hands. What it claims stays
// claimed if the run is unfinished: until somebody goes on with it, undoes it
// or gives it up. A run that has ended, or never began, claims nothing any
// more. A second Release does nothing. An error leaves the claim for others to
// see through.
func (c *Claims) Release() error {
	if c.unlock == nil {
		return nil
	}
	unlock := c.unlock
	c.unlock = nil
	state, err := c.local.standing(c.spec.Run) // it is ours: nobody changes that
	if err != nil || state.Unfinished() {
		return unlock() // what cannot be read may be unfinished
	}
	done, err := c.local.lockClaims(context.Background())
	if err != nil {
		return errors.Join(err, unlock())
	}
	return errors.Join(c.local.turn(c.spec.Run, state), c.local.free(c.spec.Run), unlock(), done())
}

// Turn changes whenever the claim of a run falls that has ended. Between two
// reads that yield the same no run has changed what another may claim after
// the second.
func (l *Local) Turn() string {
	data, err := journal.ReadFile(l.turnFile())
	if err != nil {
		return "none"
	}
	return string(data)
}

func (l *Local) turnFile() string { return filepath.Join(l.claimsDir(), "ended") }

// turn notes that a run has ended. The note is for those who plan at this
// moment: it need not outlive a power cut.
func (l *Local) turn(run string, state State) error {
	if state == "" {
		return nil // it never began
	}
	text := run + " " + l.Clock.now().UTC().Format(time.RFC3339Nano) + "\n"
	failpoint.Hit("claims.turn.before")
	err := os.WriteFile(l.turnFile(), []byte(text), 0o600)
	failpoint.Hit("claims.turn.after")
	return err
}

// ReadClaims lists what runs claim, by the runs' ids. A claim may be one that
// nobody needs any more: its run has ended. One that cannot be read has no
// owners.
func (l *Local) ReadClaims() ([]Claim, error) {
	ids, err := l.claimIDs()
	var claims []Claim
	for _, id := range ids {
		claim, _ := l.readClaim(id)
		claim.Alive = journal.Held(l.claimFile(id)) != nil
		claims = append(claims, claim)
	}
	return claims, err
}

func (l *Local) claimsDir() string { return filepath.Join(l.Dir, "claims") }

func (l *Local) claimFile(run string) string { return filepath.Join(l.claimsDir(), run+".json") }

func (l *Local) journalFile(run string) string { return filepath.Join(l.runDir(run), "journal.jsonl") }

// claimIDs are the runs that have a claim's file.
func (l *Local) claimIDs() ([]string, error) {
	entries, err := os.ReadDir(l.claimsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the claims of runs cannot be read: %w; check the folder's owner and mode", err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// readClaim reads the claim of a run.
func (l *Local) readClaim(run string) (Claim, error) {
	claim := Claim{Run: run}
	data, err := journal.ReadFile(l.claimFile(run))
	if err != nil {
		return claim, err
	}
	if err := json.Unmarshal(data, &claim); err != nil || claim.Run != run {
		return Claim{Run: run}, fmt.Errorf("its claim %s is damaged", l.claimFile(run))
	}
	if claim.Format != ClaimFormat {
		return Claim{Run: run}, fmt.Errorf("its claim is of format %d, and this rekey reads %d", claim.Format, ClaimFormat)
	}
	return claim, nil
}

// patience is how long the lock on the claims is waited for. It is held for a
// few reads and a durable write.
const patience = 30 * time.Second

// lockClaims keeps all others from the claims. Other processes are waited for,
// and they know nothing of this one's clock.
func (l *Local) lockClaims(ctx context.Context) (done func() error, err error) {
	path := filepath.Join(l.claimsDir(), "lock")
	for began := time.Now(); ; {
		failpoint.Hit("claims.lock.before")
		done, err := journal.Lock(path)
		failpoint.Hit("claims.lock.after")
		var locked *journal.LockedError
		if !errors.As(err, &locked) {
			return done, err
		}
		if time.Since(began) > patience {
			return nil, fmt.Errorf("another process looks at the claims of runs, and does not come to an end: %w", err)
		}
		if err := (Clock{}).sleep(ctx, 2*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// free removes the claim of a run. If a power cut brings it back, it is seen
// through as before.
func (l *Local) free(run string) error {
	failpoint.Hit("claims.free.before")
	err := journal.Remove(l.claimFile(run))
	failpoint.Hit("claims.free.after")
	return err
}
