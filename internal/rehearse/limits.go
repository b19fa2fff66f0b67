package rehearse

import (
	"net/http"
	"sync"

	"example.com/rekey/internal/okta"
)

// unlimited is a limit that stands for none: no org has so many requests.
const unlimited = 1_000_000

// limits are the rate limits that the live org told of, a minute, by bucket; of
// a bucket that turns out to be several the least.
type limits struct {
	mu   sync.Mutex
	told map[string]int
}

func (l *limits) note(path string, header http.Header) {
	name, perMinute, ok := okta.LimitOf(path, header)
	if !ok || perMinute >= unlimited {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		l.told = map[string]int{}
	}
	if before, known := l.told[name]; !known || perMinute < before {
		l.told[name] = perMinute
	}
}

// noting notes the limits that answers tell of.
type noting struct {
	to     http.RoundTripper
	limits *limits
}

func (n *noting) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := n.to.RoundTrip(r)
	if err == nil {
		n.limits.note(r.URL.Path, answer.Header)
	}
	return answer, err
}
