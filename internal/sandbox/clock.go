package sandbox

import (
	"net/http"
	"sync/atomic"
	"time"
)

// orgClock is the org's: that of the options, and as far ahead of it as somebody
// has put it.
type orgClock struct {
	of    func() time.Time
	ahead atomic.Int64 // a time.Duration
}

func (c *orgClock) now() time.Time { return c.of().Add(time.Duration(c.ahead.Load())) }

// maxAhead lets the longest-lived key expire: ten years, and some.
const maxAhead = 20 * 365 * 24 * time.Hour

// put puts the clock ahead, from where it would stand by itself. It is not put
// back: what has expired stays so.
func (c *orgClock) put(ahead time.Duration) bool {
	for {
		old := c.ahead.Load()
		if int64(ahead) < old || ahead > maxAhead {
			return false
		}
		if c.ahead.CompareAndSwap(old, int64(ahead)) {
			return true
		}
	}
}

// answerClock tells what time it is in the org, and puts its clock ahead if
// that is asked for: PUT /_sandbox/clock?ahead=2h. Like the dump it needs no
// token.
func (s *Server) answerClock(rq *request) answer {
	switch rq.Method {
	case http.MethodGet:
	case http.MethodPut:
		ahead, err := time.ParseDuration(rq.URL.Query().Get("ahead"))
		if err != nil || !s.clock.put(ahead) {
			return s.failed(invalid("ahead", "send a duration such as 2h, up to 20 years and not less than the one before"))
		}
	default:
		return s.failed(wrongMethod(http.MethodGet + ", " + http.MethodPut))
	}
	return newAnswer(http.StatusOK, jsonType, encodeJSON(struct {
		Now   time.Time `json:"now"`
		Ahead string    `json:"ahead"`
	}{s.clock.now().UTC(), time.Duration(s.clock.ahead.Load()).String()}))
}
