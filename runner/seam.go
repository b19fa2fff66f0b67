package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Call is one request that a step is about to send, or one local effect that
// it is about to have.
type Call struct {
	Method, Path string // as sent, the path with its query
	Write        bool   // it may change something
	Again        bool   // another try of the request before it, not another request
	ContentType  string
	Body         []byte  // not recorded of a step that a secret reaches
	Change       *Change // of a PUT: the one place that differs
	Bucket       string  // the rate-limit bucket, "" for a local effect
	PerMinute    int     // what the bucket holds by default
	Scope        string  // what an access token must allow for it, "" for a local effect
}

// Change is what a request that replaces a whole object changes in it: one
// value. The object itself is never recorded, it may hold secrets.
type Change struct {
	Pointer string `json:"pointer"` // RFC 6901
	From    any    `json:"from"`
	To      any    `json:"to"`
	Rest    string `json:"rest_sha256"` // digest of the object without that value
}

// ErrRefused is the cause of every error by which the runner keeps a request
// from being sent.
var ErrRefused = errors.New("refused by the runner, nothing was sent")

// Report tells the runner of a request before each try of it. An error means
// that the request must not be sent. A write is refused outside Do and Undo,
// and so is a second one within them.
func Report(ctx context.Context, c Call) error {
	g, ok := ctx.Value(guardKey{}).(*guard)
	if !ok {
		if c.Write {
			return fmt.Errorf("%s %s outside a step: %w", c.Method, c.Path, ErrRefused)
		}
		return nil
	}
	return g.report(c)
}

// Request is a request that a step sent, and how it was answered: by its ID the
// org's own log, and its support, know it. Each try of it is one.
type Request struct {
	Method string `json:"method"`
	Path   string `json:"path"`             // with its query
	Status int    `json:"status,omitempty"` // 0: no answer came
	ID     string `json:"id,omitempty"`
}

// Answered tells the runner how a request was answered that it was told of by
// [Report].
func Answered(ctx context.Context, r Request) {
	if g, ok := ctx.Value(guardKey{}).(*guard); ok {
		g.answer(r)
	}
}

// Warn records what a person should read about this step.
func Warn(ctx context.Context, format string, args ...any) {
	if g, ok := ctx.Value(guardKey{}).(*guard); ok {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.warnings = append(g.warnings, fmt.Sprintf(format, args...))
	}
}

// NotChecked records what a rehearsal could not check, and why.
func NotChecked(ctx context.Context, format string, args ...any) {
	if g, ok := ctx.Value(guardKey{}).(*guard); ok {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.unchecked = append(g.unchecked, fmt.Sprintf(format, args...))
	}
}

// Missing names the inputs of the step, as "ca.passphrase", whose secret is
// not at hand in this rehearsal.
func Missing(ctx context.Context) []string {
	if g, ok := ctx.Value(guardKey{}).(*guard); ok {
		return g.missing
	}
	return nil
}

// LastSend is, within Recover, the latest instant at which the write whose
// answer was lost can have taken effect: settle after it could last have left.
func LastSend(ctx context.Context) time.Time {
	if g, ok := ctx.Value(guardKey{}).(*guard); ok {
		return g.lastSend
	}
	return time.Time{}
}

// Undoing reports whether, within Recover, what the write did is to be undone:
// then a part of it is as much as all of it.
func Undoing(ctx context.Context) bool {
	g, ok := ctx.Value(guardKey{}).(*guard)
	return ok && g.undoing
}

// Here names the run and the step that are being carried out; the key of a
// loop's item belongs to the step.
func Here(ctx context.Context) (run, step string) {
	if g, ok := ctx.Value(guardKey{}).(*guard); ok {
		return g.run, g.step
	}
	return "", ""
}

type guardKey struct{}

// guard watches over one call of a step's method.
type guard struct {
	run, step string
	writes    bool   // Do and Undo
	private   bool   // a secret reaches the step: no body is kept
	plan      *drift // what the plan says of the write; nil: nothing
	missing   []string
	lastSend  time.Time
	undoing   bool // of Recover: an undo follows
	planning  bool // a rehearsal, in which certificates are told of

	mu        sync.Mutex
	write     *Call
	over      bool // the method returned
	drifted   bool // its write was not the planned one
	answered  bool // the step went on after its write: it knows the answer
	calls     map[string]Bucket
	requests  []Request
	warnings  []string
	unchecked []string

	certificates []certified
	scopes       []string // that its requests need, each once; of a rehearsal
}

// Bucket counts the requests to one rate-limit bucket.
type Bucket struct {
	Calls     int  `json:"calls"`
	PerMinute int  `json:"per_minute"`
	Told      bool `json:"told,omitempty"` // by the org, in the rehearsal; else that is what orgs have by default
}

// Wait is how long the limit keeps the last of the requests waiting, if only so
// many percent of it are used, and nobody else makes any.
func (b Bucket) Wait(share int) time.Duration {
	if b.PerMinute <= 0 || b.Calls <= 0 {
		return 0
	}
	ours := max(1, b.PerMinute*share/100)
	return time.Duration((b.Calls-1)/ours) * time.Minute
}

func (g *guard) report(c Call) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.over:
		return fmt.Errorf("%s %s after its step had ended: %w", c.Method, c.Path, ErrRefused)
	case c.Write && !g.writes:
		return fmt.Errorf("%s %s: a step writes in Do and Undo alone: %w", c.Method, c.Path, ErrRefused)
	case c.Write && g.write != nil && (!c.Again || c.Method != g.write.Method || c.Path != g.write.Path):
		return fmt.Errorf("%s %s after %s %s: an action makes one write at most: %w",
			c.Method, c.Path, g.write.Method, g.write.Path, ErrRefused)
	}
	if g.private {
		c.Body = nil
	}
	if c.Write && !c.Again && g.plan != nil {
		if err := g.plan.sends(g.step, &c); err != nil {
			g.drifted = true
			return err
		}
	}
	if c.Write {
		g.write = &c
	} else if g.write != nil {
		g.answered = true
	}
	if c.Bucket != "" {
		g.requests = append(g.requests, Request{Method: c.Method, Path: c.Path})
	}
	if g.planning && c.Scope != "" && !slices.Contains(g.scopes, c.Scope) {
		g.scopes = append(g.scopes, c.Scope)
	}
	if c.Bucket != "" && !c.Again {
		if g.calls == nil {
			g.calls = map[string]Bucket{}
		}
		b := g.calls[c.Bucket]
		g.calls[c.Bucket] = Bucket{Calls: b.Calls + 1, PerMinute: c.PerMinute}
	}
	return nil
}

// answer completes the record of a request: of several that are alike and on
// their way at once, that of the first.
func (g *guard) answer(r Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return // its event is on record
	}
	for i := range g.requests {
		if q := &g.requests[i]; q.Status == 0 && q.Method == r.Method && q.Path == r.Path {
			*q = r
			return
		}
	}
}

func (g *guard) attach(ctx context.Context) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}
