package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Tier is a kind of org by its default rate limits (Okta: Rate limits).
type Tier string

// The tiers.
const (
	// TierNone has no limits.
	TierNone Tier = ""
	// TierOrg has those of an ordinary org: 100 calls a minute to the list of
	// apps and below each app, 500 to read and replace apps, 600 to IdPs, 75
	// at once.
	TierOrg Tier = "org"
	// TierFree has those of a free org: 20, 100, 100, and 35 at once.
	TierFree Tier = "free"
)

// unlimited is the limit of an org that has none: the headers are always there.
const unlimited = 1_000_000

// The buckets.
const (
	bucketApps  = "apps" // the list, and what is below each app
	bucketApp   = "app"  // an app itself
	bucketIdPs  = "idps"
	bucketOther = "other"
)

// limitsOf are the calls that each bucket of a tier holds in a window, and
// those that may run at once.
func limitsOf(t Tier) (buckets map[string]int, atOnce int) {
	switch t {
	case TierOrg:
		return map[string]int{bucketApps: 100, bucketApp: 500, bucketIdPs: 600, bucketOther: 600}, 75
	case TierFree:
		return map[string]int{bucketApps: 20, bucketApp: 100, bucketIdPs: 100, bucketOther: 100}, 35
	}
	return map[string]int{bucketApps: unlimited, bucketApp: unlimited, bucketIdPs: unlimited, bucketOther: unlimited}, unlimited
}

// bucketOf is the bucket that a request draws on.
func bucketOf(r *http.Request) string {
	rest, app := strings.CutPrefix(r.URL.EscapedPath(), "/api/v1/apps/")
	switch {
	case app && !strings.Contains(rest, "/") && (r.Method == http.MethodGet || r.Method == http.MethodPut):
		return bucketApp
	case app, r.URL.Path == "/api/v1/apps":
		return bucketApps
	case strings.HasPrefix(r.URL.Path+"/", "/api/v1/idps/"):
		return bucketIdPs
	}
	return bucketOther
}

// limits counts the calls of all clients together, as Okta does for an org.
// Windows begin at multiples of their length, so that what Okta tells in whole
// seconds is exact.
type limits struct {
	window time.Duration

	mu          sync.Mutex
	buckets     map[string]*bucketCount
	concurrency concurrencyCount
}

// bucketCount is a bucket in the form of GET /_sandbox/limits.
type bucketCount struct {
	Limit   int          `json:"limit"`
	Used    int          `json:"used"`   // calls of this window
	Served  int          `json:"served"` // calls of all windows that were not refused
	Refused refusedCount `json:"refused"`
	began   time.Time
}

// refusedCount are the 429s by reason.
type refusedCount struct {
	Rate        int `json:"rate"`
	Concurrency int `json:"concurrency"`
}

type concurrencyCount struct {
	Limit int `json:"limit"`
	Now   int `json:"now"`
	Most  int `json:"most"` // that were at work at once so far
}

func newLimits(opt Options) *limits {
	l := &limits{window: opt.RateWindow, buckets: map[string]*bucketCount{}}
	if l.window <= 0 {
		l.window = time.Minute
	}
	buckets, atOnce := limitsOf(opt.RateLimit)
	for name, limit := range buckets {
		l.buckets[name] = &bucketCount{Limit: limit}
	}
	l.concurrency.Limit = atOnce
	return l
}

// current is the bucket of a request in its window now.
func (l *limits) current(name string, now time.Time) *bucketCount {
	b := l.buckets[name]
	if began := now.Truncate(l.window); !began.Equal(b.began) {
		b.began, b.Used = began, 0
	}
	return b
}

// take counts a call, or tells why it is refused. Header are those of its
// answer, as the moment of counting shows them.
func (l *limits) take(r *http.Request, now time.Time) (header http.Header, refused error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.current(bucketOf(r), now)
	switch {
	case l.concurrency.Now >= l.concurrency.Limit:
		b.Refused.Concurrency++
		header = l.headersOf(b, now)
		header.Set(limitHeader, "0")
		header.Set(remainingHeader, "0")
		return header, fmt.Errorf("%d requests are at work at once already", l.concurrency.Limit)
	case b.Used >= b.Limit && b.Limit < unlimited:
		b.Refused.Rate++
		return l.headersOf(b, now), fmt.Errorf("the %d calls of this window are used", b.Limit)
	}
	b.Used++
	b.Served++
	l.concurrency.Now++
	l.concurrency.Most = max(l.concurrency.Most, l.concurrency.Now)
	return l.headersOf(b, now), nil
}

// done ends a call that was taken.
func (l *limits) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.concurrency.Now--
}

const (
	limitHeader     = "X-Rate-Limit-Limit"
	remainingHeader = "X-Rate-Limit-Remaining"
	resetHeader     = "X-Rate-Limit-Reset"
)

func (l *limits) headersOf(b *bucketCount, now time.Time) http.Header {
	left := b.Limit - b.Used
	if b.Limit == unlimited {
		left = unlimited - 1
	}
	return http.Header{
		limitHeader: {strconv.Itoa(b.Limit)}, remainingHeader: {strconv.Itoa(left)},
		resetHeader: {strconv.FormatInt(now.Truncate(l.window).Add(l.window).Unix(), 10)},
	}
}

// headers are those of an answer to what was not counted.
func (l *limits) headers(r *http.Request, now time.Time) map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := map[string]string{}
	for name, values := range l.headersOf(l.current(bucketOf(r), now), now) {
		h[name] = values[0]
	}
	return h
}

// limited handles a request within the limits. What is asked of the sandbox
// itself has none.
func (s *Server) limited(rq *request) answer {
	if strings.HasPrefix(rq.URL.Path, ownPaths) {
		return s.handle(rq)
	}
	header, refused := s.limits.take(rq.Request, s.opt.Now())
	var a answer
	if refused != nil {
		a = s.failed(tooMany(refused))
	} else {
		defer s.limits.done()
		time.Sleep(s.opt.Latency)
		a = s.handle(rq)
	}
	for name, values := range header {
		if a.header != nil && a.header.Get(name) == "" { // a fault may have put another
			a.header[name] = values
		}
	}
	return a
}

func tooMany(why error) *problem {
	p := problemOf(http.StatusTooManyRequests)
	p.causes = []string{why.Error()}
	return p
}

// answerLimits tells of the calls so far, without asking for a token.
func (s *Server) answerLimits(rq *request) answer {
	if rq.Method != http.MethodGet {
		return s.failed(wrongMethod(http.MethodGet))
	}
	l := s.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.buckets {
		l.current(name, s.opt.Now())
	}
	return newAnswer(http.StatusOK, jsonType, encodeJSON(map[string]any{
		"window": l.window.String(), "buckets": l.buckets, "concurrency": l.concurrency,
	}))
}

// CheckLimits tells what is wrong with a tier and a window.
func CheckLimits(t Tier, window time.Duration) error {
	switch {
	case t != TierNone && t != TierOrg && t != TierFree:
		return fmt.Errorf("%q is no kind of org: it is %s or %s", t, TierOrg, TierFree)
	case window < 0 || window%time.Second != 0:
		return errors.New("a window of rate limits lasts whole seconds, one or more: Okta's headers tell of no smaller part")
	}
	return nil
}
