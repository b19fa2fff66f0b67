package okta

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// rates are the rate-limit headers of an answer.
type rates struct {
	limit, left int
	reset       int64 // by Okta's clock, in seconds; 0: none that can be believed
}

// ratesOf reads the headers; ok is false where the answer tells of no limit.
// That too many calls ran at once says nothing of a bucket.
func ratesOf(h http.Header, date time.Time) (r rates, ok bool) {
	limit, err := strconv.ParseInt(h.Get("X-Rate-Limit-Limit"), 10, 32)
	left, err2 := strconv.ParseInt(h.Get("X-Rate-Limit-Remaining"), 10, 32)
	if err != nil || err2 != nil || limit <= 0 || left < 0 {
		return rates{}, false
	}
	reset, err := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64)
	if err != nil || reset < date.Unix()-1 || reset > date.Add(maxWaiting).Unix() {
		reset = 0
	}
	return rates{limit: int(limit), left: int(left), reset: reset}, true
}

// LimitOf is the rate-limit bucket that a request to a path of the API draws on,
// and how many a minute it holds, as the answer's header tells.
func LimitOf(path string, header http.Header) (name string, perMinute int, ok bool) {
	r, ok := ratesOf(header, time.Time{})
	if ok = ok && strings.HasPrefix(path, "/api/v1/"); !ok {
		return "", 0, false
	}
	name, _ = bucket(path)
	return name, r.limit, true
}

// crowded reports whether a 429 is about too many calls at once: then limit
// and remaining are 0, and reset is a hint at most (Okta: Rate limits).
func crowded(h http.Header) bool {
	return h.Get("X-Rate-Limit-Limit") == "0" && h.Get("X-Rate-Limit-Remaining") == "0"
}

// learn takes up what an answer shows.
func (o *pacedOrg) learn(l *lane, g *pass) {
	date, err := http.ParseTime(g.header.Get("Date"))
	if err == nil {
		o.clock.learn(g.sent, g.got, date)
	} else {
		date = o.clock.okta(g.got)
	}
	refused := g.status == http.StatusTooManyRequests
	if refused && crowded(g.header) {
		o.crowd.refused(g.let, o.let)
		return
	}
	o.crowd.answered()
	r, ok := ratesOf(g.header, date)
	if !ok { // of a proxy, say; only Okta knows whether there are limits
		if g.status/100 == 2 {
			l.known, l.shown[g.class] = true, true
		}
		l.window.used++
		return
	}
	if l.teacher != "" && l.teacher != g.class && l.differs(r, date) {
		l = o.split(l, g.class)
	}
	if !l.known || l.limit == 0 {
		l.known, l.teacher = true, g.class
		l.window.begin(g.got)
	}
	l.limit, l.shown[g.class] = r.limit, true
	l.window.see(r, date.Unix(), g.got, refused)
}

// window is the time in which a bucket is filled once. Which one a call fell
// into its answer tells by its reset.
type window struct {
	reset  int64     // when it ends, by Okta's clock, in seconds; 0: no answer has shown that yet
	last   int64     // when the one before has ended
	latest time.Time // when it is over at the latest, by the client's clock
	used   int       // our calls in it that were answered, or lost
	left   int       // the least that an answer said to remain for all; -1: none has
	told   bool      // that calls wait for its end was shown
	named  bool      // a refusal has named its end
}

// longestWindow is how long a window lasts that no answer has told of: Okta
// fills its buckets every minute.
const longestWindow = time.Minute + time.Second

func (w *window) begin(now time.Time) {
	w.reset, w.left, w.latest, w.named = 0, -1, now.Add(longestWindow), false
}

// next begins the window after one that is over.
func (w *window) next(now time.Time) {
	w.last, w.used, w.told = max(w.last, w.reset), 0, false
	w.begin(now)
}

// end is when it is certainly over, by the client's clock: a second after the
// reset, which is cut to whole seconds.
func (w *window) end(clock skew) time.Time {
	if w.reset == 0 {
		return w.latest
	}
	return clock.local(time.Unix(w.reset+1, 0))
}

// see takes up the headers of an answer to one of our calls.
func (w *window) see(r rates, date int64, now time.Time, refused bool) {
	switch {
	case r.reset == 0 && !refused: // of this one, for all that we know
	case r.reset <= w.last:
		return // it fell into one that is over, or tells nothing
	case w.reset != 0 && r.reset > w.reset && date >= w.reset:
		w.next(now)
		w.reset = r.reset
	case refused: // it names the moment to come back
		w.reset, w.named = r.reset, true
	case w.named: // for all calls, whatever those on their way are told
	default: // the same one, though not every server may round alike
		w.reset = max(w.reset, r.reset)
	}
	if w.left < 0 || r.left < w.left {
		w.left = r.left
	}
	if refused {
		w.left = 0
		return
	}
	w.used++
}

// laneOf makes a class of paths draw on the bucket of that name.
func (o *pacedOrg) laneOf(class, name string) *lane {
	for _, l := range o.lanes {
		if l.name == name {
			o.of[class] = l
			return l
		}
	}
	l := newLane(name)
	o.lanes = append(o.lanes, l)
	o.of[class] = l
	return l
}

func newLane(name string) *lane {
	return &lane{name: name, shown: map[string]bool{}, inFlight: map[string]int{}}
}

// differs reports whether an answer speaks of another bucket than the lane's:
// its limit is another, or its window ends at another time while both are
// open. Some seconds are left for servers whose clocks do not agree.
func (l *lane) differs(r rates, date time.Time) bool {
	apart := r.reset - l.window.reset
	return r.limit != l.limit || date.Unix() < min(r.reset, l.window.reset) && (apart > 2 || apart < -2)
}

// split gives a class of paths a lane of its own, with all its calls.
func (o *pacedOrg) split(l *lane, class string) *lane {
	n := l.inFlight[class]
	own := newLane(l.name)
	own.inFlight[class], own.flying = n, n
	delete(l.inFlight, class)
	l.flying -= n
	var stay []*waiter
	for _, w := range l.queue {
		if w.class == class {
			own.queue = append(own.queue, w)
		} else {
			stay = append(stay, w)
		}
	}
	l.queue = stay
	o.lanes = append(o.lanes, own)
	o.of[class] = own
	return own
}

// class is the finest part of the API that may have a bucket of its own. Which
// ones share a bucket [bucket] says, until answers show otherwise.
func class(path string) string {
	path, _, _ = strings.Cut(path, "?")
	s := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	switch {
	case s[0] != "apps" && s[0] != "idps":
		return "other"
	case len(s) < 3:
		return s[0] + strings.Repeat("/{id}", len(s)-1)
	}
	return s[0] + "/{id}/" + s[2]
}

// skew is how far Okta's clock is ahead of ours. Its Date headers are cut to
// seconds: each shows the skew to a second and the time that the call took, all
// of them together more exactly.
type skew struct {
	least, most time.Duration
	known       bool
}

// learn takes up the Date of an answer to a call that was sent and answered
// then. What contradicts all before stands alone: a clock was set.
func (s *skew) learn(sent, got, date time.Time) {
	least, most := date.Sub(got), date.Add(time.Second).Sub(sent)
	if s.known && max(least, s.least) <= min(most, s.most) {
		least, most = max(least, s.least), min(most, s.most)
	}
	s.least, s.most, s.known = least, most, true
}

// okta is what Okta's clock shows at least.
func (s skew) okta(local time.Time) time.Time { return local.Add(s.least) }

// local is when Okta's clock certainly shows a time.
func (s skew) local(okta time.Time) time.Time { return okta.Add(-s.least) }

// crowd bounds the calls at a time once Okta has refused one for that: half of
// what was in flight then, and one more each time that so many were answered.
type crowd struct {
	most     int // 0: no bound
	inFlight int
	since    int // calls up to this one were sent before the bound was lowered
	good     int // answers since most was changed
	told     bool
}

func (c *crowd) full() bool { return c.most > 0 && c.inFlight >= c.most }

// refused lowers the bound, once for all the calls that flew together.
func (c *crowd) refused(let, last int) {
	if let <= c.since {
		return
	}
	c.most, c.since, c.good, c.told = max(1, c.inFlight/2), last, 0, false
}

func (c *crowd) answered() {
	if c.most == 0 {
		return
	}
	if c.good++; c.good >= c.most {
		c.most, c.good = c.most+1, 0
	}
}

// refusedWait shows the wait after a 429, once for all calls that wait for the
// same.
func (p *Pacer) refusedWait(ctx context.Context, c *Client, a answer, d time.Duration) {
	wait := c.waitAfter(a.call.Bucket, a.header, d)
	if p == nil || p.first(c, class(a.call.Path), wait.Why) {
		c.showWait(ctx, wait)
	}
}

// waitAfter is the wait after a 429.
func (c *Client) waitAfter(bucket string, h http.Header, d time.Duration) Wait {
	wait := Wait{Bucket: bucket, For: d, Until: c.now().Add(d), Why: WaitEmpty}
	date, _ := http.ParseTime(h.Get("Date"))
	if r, ok := ratesOf(h, date); ok {
		wait.Used, wait.Limit = r.limit, r.limit
	}
	if crowded(h) {
		wait.Why = WaitCrowded
	}
	return wait
}

// first reports whether a wait was not shown yet.
func (p *Pacer) first(c *Client, class string, why WaitReason) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.org(c)
	told := &o.of[class].window.told
	if why == WaitCrowded {
		told = &o.crowd.told
	}
	first := !*told
	*told = true
	return first
}

func (c *Client) showWait(ctx context.Context, w Wait) {
	if c.onWait != nil {
		c.onWait(ctx, w)
	}
}

// waitError is a call that was not sent because waiting for it ended.
func (c *Client) waitError(call Call, err error) error {
	e := c.networkError(call, false, err)
	if errors.Is(err, context.DeadlineExceeded) {
		e.Reason = "not sent, since no time was left (" + c.clean(err.Error(), 300) + ")"
		e.cure = "give it more time, or a larger share of the rate limit"
	}
	return e
}
