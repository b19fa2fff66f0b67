package okta

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// DefaultShare is the part of each rate limit, in percent, that a [Pacer] uses
// unless it is told otherwise.
const DefaultShare = 50

// Pacer keeps clients within their share of an org's rate limits, so that they
// wait until a bucket fills again instead of being refused. It learns from the
// X-Rate-Limit headers of the answers (Okta: Rate limits), knows nothing at the
// start, and lets the first call of a bucket go alone.
//
// All clients that have the same Pacer in their [Config] share what they may
// use. Calls of one bucket go in the order in which they came. A Pacer is safe
// for concurrent use; nil paces nothing.
type Pacer struct {
	share int

	mu   sync.Mutex // of all that hangs on orgs
	orgs map[string]*pacedOrg
}

// NewPacer makes a Pacer that uses share percent of each limit, of every bucket
// and in every window, and at least one call: 1 to 100, or 0 for
// [DefaultShare].
func NewPacer(share int) *Pacer {
	return &Pacer{share: min(max(cmp.Or(share, DefaultShare), 1), 100), orgs: map[string]*pacedOrg{}}
}

// Wait is one wait for a rate limit, of however many calls.
type Wait struct {
	Bucket string        // as in Call
	For    time.Duration // from now
	Until  time.Time     // by the client's clock
	Why    WaitReason
	Used   int // calls of the bucket's window that are used: our own of the share, else anybody's
	Limit  int // calls that a window of the bucket holds, for all; 0: not known
}

// WaitReason is why a call waits.
type WaitReason string

const (
	// WaitShare: our share of the bucket is used.
	WaitShare WaitReason = "share"
	// WaitEmpty: we and others have used all of the bucket.
	WaitEmpty WaitReason = "empty"
	// WaitCrowded: Okta has refused a call because of too many at once.
	WaitCrowded WaitReason = "crowded"
)

// String is the wait in words.
func (w Wait) String() string {
	took := max(w.For.Round(time.Second), time.Second)
	switch {
	case w.Why == WaitCrowded:
		return fmt.Sprintf("waiting %s: Okta answers no more calls at a time", took)
	case w.Limit == 0:
		return fmt.Sprintf("waiting %s for Okta's rate limit of %s", took, w.Bucket)
	}
	return fmt.Sprintf("waiting %s for Okta's rate limit of %s (%d of %d a minute used)", took, w.Bucket, w.Used, w.Limit)
}

// pacedOrg is what is known of one org.
type pacedOrg struct {
	share   int
	clock   skew
	slept   time.Time        // when the sleep that ended last must have ended
	lanes   []*lane          // one for each bucket
	of      map[string]*lane // by class of path
	crowd   crowd
	arrived int // calls that came
	let     int // calls that were let through
}

// lane is a bucket and the calls that draw on it.
type lane struct {
	name     string
	queue    []*waiter
	known    bool            // an answer has come; until then one call goes at a time
	limit    int             // calls in a window; 0: the answers tell of none
	teacher  string          // the class whose answers show the limit
	shown    map[string]bool // classes whose answers have shown that they draw on it
	inFlight map[string]int  // calls that are let through and not answered, by class
	flying   int             // their sum
	window   window
}

// waiter is a call that waits to be let through. The Pacer's mutex guards it.
type waiter struct {
	class  string
	bundle *bundle // that it begins, or nil
	number int     // the order of arrival
	let    int     // the order of leave; 0: not yet
	until  time.Time
	show   *Wait              // to be told of before sleeping
	wake   chan struct{}      // has room for one
	cancel context.CancelFunc // ends a sleep
}

func (w *waiter) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
	if w.cancel != nil {
		w.cancel()
	}
}

// pass is a call that was let through. All its methods take nil.
type pass struct {
	pacer  *Pacer
	org    *pacedOrg
	client *Client
	class  string
	let    int

	sent, got time.Time // when it was about to leave, and was answered; zero: it did not, it was not
	status    int
	header    http.Header
}

// org is what is known of a client's org.
func (p *Pacer) org(c *Client) *pacedOrg {
	o := p.orgs[c.base]
	if o == nil {
		o = &pacedOrg{share: p.share, of: map[string]*lane{}}
		p.orgs[c.base] = o
	}
	return o
}

func (p *Pacer) orgOf(c *Client) *pacedOrg {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.org(c)
}

// now is the client's clock, which stands nowhere before the end of a sleep.
func (o *pacedOrg) now(c *Client) time.Time {
	if at := c.now(); at.After(o.slept) {
		return at
	}
	return o.slept
}

// enter waits until a call may be sent. Whoever enters must leave.
func (p *Pacer) enter(ctx context.Context, c *Client, call Call) (*pass, error) {
	if p == nil {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.org(c)
	o.arrived++
	w := &waiter{class: class(call.Path), number: o.arrived, wake: make(chan struct{}, 1)}
	l := o.of[w.class]
	if l == nil {
		l = o.laneOf(w.class, call.Bucket)
	}
	if w.bundle = bundleOf(ctx, o); w.bundle.take(w.class) {
		o.let++
		o.crowd.inFlight++
		return &pass{pacer: p, org: o, client: c, class: w.class, let: o.let}, nil
	}
	l.queue = append(l.queue, w)
	o.dispatch(o.now(c))
	for w.let == 0 {
		if err := p.await(ctx, c, o, w); err != nil && w.let == 0 {
			l := o.of[w.class]
			l.queue = slices.DeleteFunc(l.queue, func(other *waiter) bool { return other == w })
			o.dispatch(o.now(c))
			return nil, fmt.Errorf("waiting for Okta's rate limit of %s ended: %w", call.Bucket, err)
		}
	}
	return &pass{pacer: p, org: o, client: c, class: w.class, let: w.let}, nil
}

// await waits until something has happened that concerns w. The mutex is free
// meanwhile.
func (p *Pacer) await(ctx context.Context, c *Client, o *pacedOrg, w *waiter) error {
	if w.until.IsZero() {
		p.mu.Unlock()
		defer p.mu.Lock()
		select {
		case <-w.wake:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	until, show := w.until, w.show
	w.show = nil
	begun := o.now(c)
	sleeping, cancel := context.WithCancel(ctx)
	w.cancel = cancel
	p.mu.Unlock()
	if show != nil {
		c.showWait(ctx, *show)
	}
	err := c.sleep(sleeping, until.Sub(begun))
	roused := sleeping.Err() != nil
	cancel()
	p.mu.Lock()
	w.cancel, w.until = nil, time.Time{}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !roused:
		return err
	case err == nil:
		o.hasSlept(until)
	}
	o.dispatch(o.now(c))
	return nil
}

func (o *pacedOrg) hasSlept(until time.Time) {
	if until.After(o.slept) {
		o.slept = until
	}
}

// sleep is the client's, taken note of.
func (p *Pacer) sleep(ctx context.Context, c *Client, d time.Duration) error {
	if p == nil {
		return c.sleep(ctx, d)
	}
	p.mu.Lock()
	until := p.org(c).now(c).Add(d)
	p.mu.Unlock()
	err := c.sleep(ctx, d)
	if err == nil {
		p.mu.Lock()
		p.org(c).hasSlept(until)
		p.mu.Unlock()
	}
	return err
}

// dispatch lets through what may go now, in the order of arrival, and tells
// the first of each lane how long it must wait.
func (o *pacedOrg) dispatch(now time.Time) {
	for !o.crowd.full() {
		var next *lane
		for _, l := range o.lanes {
			if len(l.queue) > 0 && (next == nil || l.queue[0].number < next.queue[0].number) && o.admits(l, now) {
				next = l
			}
		}
		if next == nil {
			break
		}
		o.letThrough(next)
	}
	for _, l := range o.lanes {
		if len(l.queue) > 0 && !o.admits(l, now) {
			o.delay(l, now)
		}
	}
}

func (o *pacedOrg) letThrough(l *lane) {
	n, w := o.weight(l), l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	o.let++
	w.let = o.let
	o.crowd.inFlight++
	l.inFlight[w.class] += n
	l.flying += n
	if t := w.bundle; t != nil && t.n > 0 {
		t.n, t.class, t.spare = 0, w.class, n-1
	}
	w.rouse()
}

// quota is how many calls of a window are ours.
func (o *pacedOrg) quota(l *lane) int { return max(1, l.limit*o.share/100) }

// admits reports whether a lane may send its first call now. What no answer has
// shown yet goes alone. A call in flight counts
// in whatever window it may fall into, and for what others have left as if
// Okta had not counted it yet.
func (o *pacedOrg) admits(l *lane, now time.Time) bool {
	class := l.queue[0].class
	if !l.known && l.flying > 0 || !l.shown[class] && l.inFlight[class] > 0 {
		return false
	}
	if !l.known || l.limit == 0 {
		return true
	}
	if w := &l.window; !now.Before(w.end(o.clock)) {
		w.next(now)
	}
	flying := l.flying + o.weight(l)
	return l.window.used+flying <= o.quota(l) && (l.window.left < 0 || flying <= l.window.left)
}

// delay tells the first of a lane until when there is nothing for it, unless
// an answer comes first that shows more.
func (o *pacedOrg) delay(l *lane, now time.Time) {
	w, head := &l.window, l.queue[0]
	if !l.known || !l.shown[head.class] && l.inFlight[head.class] > 0 {
		return
	}
	wait := Wait{Bucket: l.name, Until: w.end(o.clock), Limit: l.limit}
	wait.For = wait.Until.Sub(now)
	switch {
	case w.left >= 0 && w.left < o.weight(l):
		wait.Why, wait.Used = WaitEmpty, l.limit-w.left
	case w.used+o.weight(l) > o.quota(l):
		wait.Why, wait.Used = WaitShare, w.used
	}
	if wait.Why != "" && !w.told {
		w.told, head.show = true, &wait
	}
	if head.until.IsZero() || wait.Until.Before(head.until) || head.show != nil {
		head.until = wait.Until
		head.rouse()
	}
}

// leaving notes that the call is about to leave this machine.
func (g *pass) leaving() {
	if g == nil {
		return
	}
	g.pacer.mu.Lock()
	defer g.pacer.mu.Unlock()
	g.sent = g.org.now(g.client)
}

// answered notes the answer's status and header.
func (g *pass) answered(status int, header http.Header) {
	if g == nil {
		return
	}
	g.pacer.mu.Lock()
	defer g.pacer.mu.Unlock()
	g.got, g.status, g.header = g.org.now(g.client), status, header
}

// leave ends a call, learns from its answer, and lets others through.
func (g *pass) leave() {
	if g == nil {
		return
	}
	g.pacer.mu.Lock()
	defer g.pacer.mu.Unlock()
	o := g.org
	l := o.of[g.class]
	l.inFlight[g.class]--
	l.flying--
	switch {
	case g.sent.IsZero(): // Okta cannot have counted it
	case g.got.IsZero():
		l.window.used++
	default:
		o.learn(l, g)
	}
	o.crowd.inFlight--
	o.dispatch(o.now(g.client))
}
