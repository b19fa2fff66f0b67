package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// putOff is what faults have put off: it comes when the test says so.
type putOff struct {
	mu  sync.Mutex
	due []func()
}

// after is for Options.After.
func (p *putOff) after(_ time.Duration, do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = append(p.due, do)
}

// pass has come whatever was put off so far.
func (p *putOff) pass() {
	p.mu.Lock()
	due := p.due
	p.due = nil
	p.mu.Unlock()
	for _, do := range due {
		do()
	}
}

// holding is a server with faults, whose delays pass when the test says so.
type holding struct {
	putOff
	org    *Org
	log    lockedText
	client *http.Client
	base   string
	end    context.CancelFunc // of the contexts of all requests to the socket
}

// lockedText is a log that can be read at any time.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// holdingBy serves over a socket or in process.
func holdingBy(t *testing.T, socket bool, rules ...string) *holding {
	t.Helper()
	opt, h := testOptions(), &holding{org: testOrg(t)}
	for _, text := range rules {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		opt.Faults = append(opt.Faults, f)
	}
	opt.Log, opt.After = &h.log, h.after
	srv := New(h.org, opt)
	if h.client, h.base = (&http.Client{Transport: Transport(srv)}), "http://sandbox.invalid"; !socket {
		return h
	}
	var ctx context.Context
	ctx, h.end = context.WithCancel(context.Background())
	t.Cleanup(h.end)
	web := httptest.NewUnstartedServer(srv)
	web.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	web.Start()
	t.Cleanup(web.Close)
	h.client, h.base = web.Client(), web.URL
	return h
}

// send sends a request and tells later what came of it: a status, or an error.
func (h *holding) send(ctx context.Context, method, path string) <-chan string {
	came := make(chan string, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, method, h.base+path, nil)
		if err != nil {
			panic(err)
		}
		resp, err := h.client.Do(req)
		if err != nil {
			came <- "no answer"
			return
		}
		resp.Body.Close()
		came <- fmt.Sprint(resp.StatusCode)
	}()
	return came
}

// asked is the answer to a request about what is held.
func (h *holding) asked(t *testing.T, method string) (list []string) {
	t.Helper()
	req, err := http.NewRequest(method, h.base+"/_sandbox/held", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || resp.StatusCode != http.StatusOK || list == nil {
		t.Fatalf("status %d, %q, %v", resp.StatusCode, list, err)
	}
	return list
}

func (h *holding) waitHeld(t *testing.T, want ...string) {
	t.Helper()
	wait(t, fmt.Sprintf("%q are held", want), func() bool { return slices.Equal(h.asked(t, http.MethodGet), want) })
}

func (h *holding) keys() int {
	keys, _ := h.org.counts(testApp)
	return keys
}

// ahead is what a request got, which must come without more ado.
func ahead(t *testing.T, came <-chan string) string {
	t.Helper()
	select {
	case got := <-came:
		return got
	case <-time.After(time.Minute):
		t.Fatal("it is still held")
		return ""
	}
}

// TestHold: what is held has happened, and is answered once it is let go of,
// all at once and in the order in which they came.
func TestHold(t *testing.T) {
	for _, socket := range []bool{true, false} {
		t.Run(fmt.Sprint(socket), func(t *testing.T) {
			t.Parallel()
			h := holdingBy(t, socket, "WRITE *=hold:25s", "WRITE *@2=418")
			ctx, before := t.Context(), h.keys()
			if list := h.asked(t, http.MethodDelete); len(list) != 0 {
				t.Errorf("%q were let go of", list)
			}
			first, second := "POST "+testApp.Path()+generateTwo, "DELETE "+testApp.Path()
			a := h.send(ctx, "POST", testApp.Path()+generateTwo)
			h.waitHeld(t, first)
			b := h.send(ctx, "DELETE", testApp.Path())
			h.waitHeld(t, first, second)
			if h.keys() != before+1 {
				t.Errorf("%d keys are there, want one more than %d", h.keys(), before)
			}
			if got := ahead(t, h.send(ctx, "GET", testApp.Path())); got != "200" {
				t.Errorf("what is not held: %s", got)
			}
			if len(a)+len(b) > 0 {
				t.Error("a request that is held was answered")
			}
			if list := h.asked(t, http.MethodDelete); !slices.Equal(list, []string{first, second}) {
				t.Errorf("%q were let go of", list)
			}
			if x, y := ahead(t, a), ahead(t, b); x != "201" || y != "418" {
				t.Errorf("the answers are %s and %s", x, y)
			}
			h.waitHeld(t)
			h.pass() // too late: nothing is held
			if got := h.log.String(); strings.Contains(got, "_sandbox") || strings.Count(got, "\n") != 3 {
				t.Errorf("the log has\n%s", got)
			}
		})
	}
}

// TestHoldEnds: by its time, by the client that goes away, by the server that
// ends.
func TestHoldEnds(t *testing.T) {
	pass := func(h *holding, _ func()) { h.pass() }
	for _, tt := range []struct {
		name   string
		rule   string // beside the hold
		socket bool
		end    func(h *holding, leave func())
		want   string
		status string // in the log
	}{
		{"time, socket", "", true, pass, "201", "201"},
		{"time", "", false, pass, "201", "201"},
		{"time, lost", "POST *=lost", true, pass, "no answer", "0"},
		{"time, failed", "POST *=500:after", false, pass, "500", "500"},
		{"client, socket", "", true, func(_ *holding, leave func()) { leave() }, "no answer", "0"},
		{"client", "", false, func(_ *holding, leave func()) { leave() }, "no answer", "0"},
		{"server", "", true, func(h *holding, _ func()) { h.end() }, "no answer", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules := []string{"POST *=hold:1h"}
			if tt.rule != "" {
				rules = append(rules, tt.rule)
			}
			h := holdingBy(t, tt.socket, rules...)
			before := h.keys()
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			came := h.send(ctx, "POST", testApp.Path()+generateTwo)
			h.waitHeld(t, "POST "+testApp.Path()+generateTwo)
			tt.end(h, leave)
			if got := ahead(t, came); got != tt.want {
				t.Errorf("it came to %s, want %s", got, tt.want)
			}
			if h.keys() != before+1 {
				t.Errorf("%d keys are there, want one more than %d", h.keys(), before)
			}
			if tt.name != "server" { // there is nobody to ask
				h.waitHeld(t)
				if got := ahead(t, h.send(t.Context(), "GET", testApp.Path())); got != "200" {
					t.Errorf("the next request: %s", got)
				}
			}
			wait(t, "it is in the log as "+tt.status, func() bool { return strings.Contains(h.log.String(), `"status":`+tt.status+`,`) })
		})
	}
}

// TestHeldMethods: there is no other method, and the path beside it is none.
func TestHeldMethods(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	c.do("POST", "/_sandbox/held", nil).refused(t, 405, "E0000022", "GET, DELETE")
	c.do("GET", "/_sandbox/helden", nil).refused(t, 404, "E0000008", "helden")
	if got := string(c.want(200, "GET", "/_sandbox/held", nil).body); got != "[]\n" {
		t.Errorf("nothing is held: %q", got)
	}
}

// TestHoldMany: many at once, let go of, gone and timed out all at once.
func TestHoldMany(t *testing.T) {
	h := holdingBy(t, false, "GET *=hold:1h")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	const n = 60
	var all []<-chan string
	for i := range n {
		of := t.Context()
		if i%3 == 0 {
			of = ctx
		}
		all = append(all, h.send(of, "GET", testApp.Path()))
	}
	wait(t, "all are held", func() bool { return len(h.asked(t, http.MethodGet)) == n })
	var ends sync.WaitGroup
	ends.Go(leave)
	ends.Go(h.pass)
	ends.Go(func() { h.asked(t, http.MethodDelete) })
	ends.Wait()
	for i, came := range all {
		if got := ahead(t, came); got != "200" && (i%3 != 0 || got != "no answer") {
			t.Errorf("request %d: %s", i, got)
		}
	}
	h.waitHeld(t)
}
