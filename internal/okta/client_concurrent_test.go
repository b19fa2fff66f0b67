package okta

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fleetOrg answers about any app what only that app would be answered, each
// request at its second try.
type fleetOrg struct{ tried sync.Map }

func (f *fleetOrg) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", day.Format(http.TimeFormat))
	id := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/apps/"), "/")[0]
	if _, again := f.tried.LoadOrStore(r.Method+r.URL.Path, true); !again {
		w.Header().Set("X-Rate-Limit-Reset", fmt.Sprint(day.Unix()+1))
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/generate"):
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"kid": "new-of-%s", "kty": "RSA"}`, id)
	case strings.HasSuffix(r.URL.Path, "/keys"):
		fmt.Fprintf(w, `[{"kid": "old-of-%s", "kty": "RSA"}]`, id)
	default:
		fmt.Fprintf(w, `{"id": %q, "label": "x", "credentials": {"signing": {"kid": "old-of-%s"}}}`, id, id)
	}
}

// One client serves the steps of a loop, a hundred at a time: each gets its
// own answers, tries again on its own, and is told of in its own context.
func TestClientConcurrently(t *testing.T) {
	server := httptest.NewServer(new(fleetOrg))
	t.Cleanup(server.Close)
	type itemKey struct{}
	var mu sync.Mutex
	seen := map[string]int{}
	note := func(ctx context.Context, c Call) {
		id, _ := ctx.Value(itemKey{}).(string)
		if !strings.Contains(c.Path, "/"+id) {
			t.Errorf("a call for %s carries the context of %s", c.Path, id)
		}
		mu.Lock()
		seen[id]++
		mu.Unlock()
	}
	transport := defaultTransport().(*http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	client, err := New(Config{
		OrgURL: server.URL, Token: "t", HTTP: transport, Now: func() time.Time { return day },
		Sleep:    func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		OnCall:   func(ctx context.Context, c Call) error { note(ctx, c); return nil },
		OnAnswer: func(ctx context.Context, c Call, _ int, _ string) { note(ctx, c) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	const workers, each = 100, 3
	for worker := range workers {
		group.Go(func() {
			for i := range each {
				id := fmt.Sprintf("0oa%dx%dx", worker, i)
				ctx := context.WithValue(context.Background(), itemKey{}, id)
				if err := rotateOnce(ctx, client, Owner{Kind: App, ID: id}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if len(seen) != workers*each {
		t.Errorf("%d apps were asked about, want %d", len(seen), workers*each)
	}
}

// rotateOnce reads, generates and switches, and checks whose the answers are.
func rotateOnce(ctx context.Context, c *Client, o Owner) error {
	object, err := c.Object(ctx, o)
	if err != nil {
		return err
	}
	keys, at, err := c.Keys(ctx, o)
	if err != nil {
		return err
	}
	key, err := c.GenerateKey(ctx, o, 2)
	if err != nil {
		return err
	}
	body, change := object.Changed(SigningPointer(App), key.Kid)
	if err := c.Replace(ctx, o, body, change); err != nil {
		return err
	}
	after, err := c.Object(ctx, o)
	if err != nil {
		return err
	}
	if object.Text("/id") != o.ID || keys[0].Kid != "old-of-"+o.ID || key.Kid != "new-of-"+o.ID || after.Text("/id") != o.ID || !at.Equal(day) {
		return fmt.Errorf("%s got the answers of another: %s, %s, %s, %s", o, object.Text("/id"), keys[0].Kid, key.Kid, after.Text("/id"))
	}
	return nil
}

// Connections are kept for as many requests as a loop sends at a time.
func TestConnectionsAreKept(t *testing.T) {
	const workers = 40
	var arrived sync.WaitGroup // lets no request of a round end before all have begun
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		arrived.Wait()
		fmt.Fprint(w, `[]`)
	}))
	t.Cleanup(server.Close)
	transport := defaultTransport().(*http.Transport)
	transport.IdleConnTimeout = time.Hour // however long a round takes
	t.Cleanup(transport.CloseIdleConnections)
	client, err := New(Config{OrgURL: server.URL, Token: "t", HTTP: transport})
	if err != nil {
		t.Fatal(err)
	}
	var reused atomic.Int64
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if i.Reused {
			reused.Add(1)
		}
	}}
	for range 2 {
		arrived.Add(workers)
		var round sync.WaitGroup
		for range workers {
			round.Go(func() {
				ctx := httptrace.WithClientTrace(context.Background(), trace)
				if _, _, err := client.Keys(ctx, Owner{Kind: App, ID: "0oa1"}); err != nil {
					t.Error(err)
				}
			})
		}
		round.Wait()
	}
	if got := reused.Load(); got < workers/2 {
		t.Errorf("%d of %d requests found a connection open", got, workers)
	}
}
