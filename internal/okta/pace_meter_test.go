package okta

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// meter is an org that counts calls in windows and refuses what is too much.
type meter struct {
	limit   func(path string) int
	window  time.Duration
	floats  bool // windows begin with their first call, not at multiples of their length
	ahead   time.Duration
	latency func() (there, back time.Duration)
	atOnce  int

	mu      sync.Mutex
	buckets map[string]*metered
	now     int // at work
	order   []string
}

type metered struct {
	ends    time.Time
	used    map[string]int // by client in this window
	most    map[string]int // by client in any window
	windows int
	served  int
	refused int
	crowded int
}

func newMeter() *meter {
	return &meter{
		limit: func(string) int { return 100 }, window: time.Minute, buckets: map[string]*metered{},
		latency: func() (time.Duration, time.Duration) { return 40 * time.Millisecond, 40 * time.Millisecond },
	}
}

func (m *meter) bucket(path string) *metered {
	name, _ := bucket(path)
	name += strconv.Itoa(m.limit(path))
	b := m.buckets[name]
	if b == nil {
		b = &metered{most: map[string]int{}}
		m.buckets[name] = b
	}
	return b
}

// only is the only bucket.
func (m *meter) only(t *testing.T) *metered {
	t.Helper()
	if len(m.buckets) != 1 {
		t.Fatalf("%d buckets", len(m.buckets))
	}
	for _, b := range m.buckets {
		return b
	}
	return nil
}

func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	there, back := m.latency()
	time.Sleep(there)
	resp := m.answer(r)
	time.Sleep(back)
	m.mu.Lock()
	m.now--
	m.mu.Unlock()
	return resp, r.Context().Err()
}

func (m *meter) answer(r *http.Request) *http.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now++
	now, client := time.Now().Add(m.ahead), r.Header.Get("User-Agent")
	m.order = append(m.order, r.URL.Path)
	b, limit := m.bucket(r.URL.Path), m.limit(r.URL.Path)
	if !now.Before(b.ends) {
		b.ends, b.used = now.Truncate(m.window).Add(m.window), map[string]int{}
		if m.floats {
			b.ends = now.Add(m.window)
		}
		b.windows++
	}
	total := 0
	for _, n := range b.used {
		total += n
	}
	header := http.Header{"Date": {now.UTC().Format(http.TimeFormat)}, "Content-Type": {typeJSON},
		"X-Rate-Limit-Limit": {strconv.Itoa(limit)}, "X-Rate-Limit-Reset": {strconv.FormatInt(b.ends.Unix(), 10)}}
	status := 200
	switch {
	case m.atOnce > 0 && m.now > m.atOnce:
		b.crowded++
		status = 429
		header.Set("X-Rate-Limit-Limit", "0")
		header.Set("X-Rate-Limit-Remaining", "0")
	case total >= limit:
		b.refused++
		status = 429
		header.Set("X-Rate-Limit-Remaining", "0")
	default:
		b.served++
		b.used[client]++
		b.most[client] = max(b.most[client], b.used[client])
		header.Set("X-Rate-Limit-Remaining", strconv.Itoa(limit-total-1))
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"kid":"k","id":%q}`, strings.Split(r.URL.Path, "/")[4]))), Request: r}
}

// client is a paced one of the meter's org.
func (m *meter) client(t testing.TB, name string, pace *Pacer, adjust ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{OrgURL: "https://org.example", Token: secretToken, HTTP: m, UserAgent: name, Pace: pace}
	for _, f := range adjust {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
