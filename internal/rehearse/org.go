// Package rehearse gives steps a world in which they can really be carried out
// without consequence: an overlay of the live org, a CA that signs with a
// throw-away key, and files that are never written.
//
// The overlay is an [http.RoundTripper] below the ordinary Okta client. Each
// part of an owner (its object, its keys, its CSRs) is copied from the live
// org when it is first used and kept as the base of the plan; from then on the
// embedded sandbox serves it and takes the writes. Only GETs ever reach the
// live org, and the transport to it has no means to send anything else.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// Options say what is rehearsed.
type Options struct {
	// Live is how the live org is reached: its URL, its token, its transport.
	// Only GETs are sent.
	Live okta.Config
	// Offline: there is no live org; the owners that are asked for are
	// invented. Only Live.OrgURL is used, as a name.
	Offline bool
	// Kids are the keys that invented owners have besides their active one.
	Kids []string
	// Ledger is the path of the CA's ledger that a live run would write to, to
	// see whether it could; "" sees nothing. It is not written to.
	Ledger string
	// Now is the one reading of the clock that the rehearsal has.
	Now time.Time
}

// Org is a rehearsed org. It is safe for concurrent use, though rehearsals are
// sequential: requests for parts that are not copied yet wait for each other.
type Org struct {
	now    time.Time
	kids   []string
	ledger string       // see Options
	live   *okta.Client // nil when offline
	copy   *sandbox.Org
	serve  http.RoundTripper
	client *okta.Client
	files  files

	mu     sync.Mutex
	copied map[string]error            // what became of copying each part
	bases  map[string]string           // digest of each part that was copied
	seen   map[string]runner.Seen      // of each part that was copied and is there
	first  map[string]sandbox.Snapshot // each part as it was copied
	scopes map[string]bool             // that the steps' requests need
	limits limits
}

// New prepares a rehearsal. Nothing is read yet.
func New(opt Options) (*Org, error) {
	o := &Org{now: opt.Now.UTC(), kids: opt.Kids, ledger: opt.Ledger, copied: map[string]error{}, bases: map[string]string{}, seen: map[string]runner.Seen{}, first: map[string]sandbox.Snapshot{}, scopes: map[string]bool{}, copy: sandbox.NewOrg()}
	still := func() time.Time { return o.now }
	inner := opt.Live
	if !opt.Offline {
		if inner.HTTP == nil {
			inner.HTTP = http.DefaultTransport
		}
		inner.HTTP = okta.ReadOnly(&noting{inner.HTTP, &o.limits})
		var err error
		if o.live, err = okta.New(inner); err != nil {
			return nil, err
		}
	}
	server := sandbox.New(o.copy, sandbox.Options{
		Now: still, Keys: &keys{}, IDs: ids(),
		BaseURL: func(*http.Request) string { return opt.Live.OrgURL },
	})
	o.serve = sandbox.Transport(server)
	var err error
	o.client, err = okta.New(okta.Config{
		OrgURL: opt.Live.OrgURL, Token: "rehearsal", TokenFrom: opt.Live.TokenFrom, HTTP: o, Now: still,
		Sleep:  func(context.Context, time.Duration) error { return nil },
		OnCall: o.report, Timeout: patience,
	})
	return o, err
}

// patience is how long a call of a rehearsal may take: each call to the live
// org that it needs has a timeout of its own, and may wait for a rate limit.
const patience = 24 * time.Hour

// report tells the runner of a request, and remembers the scope that it needs.
func (o *Org) report(ctx context.Context, c okta.Call) error {
	if scope := okta.ScopeOf(c.Method, c.Path); scope != "" {
		o.mu.Lock()
		o.scopes[scope] = true
		o.mu.Unlock()
	}
	return steps.Report(ctx, c)
}

// Scopes are the OAuth 2.0 scopes that the requests of the rehearsal needed,
// sorted: those of the run, of its undo and of what it reads again.
func (o *Org) Scopes() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.scopes))
}

// Limits are the rate limits that the live org told of, a minute, by bucket.
func (o *Org) Limits() map[string]int {
	o.limits.mu.Lock()
	defer o.limits.mu.Unlock()
	return maps.Clone(o.limits.told)
}

// Env is what steps reach in the rehearsal.
func (o *Org) Env() *steps.Env {
	now := func() time.Time { return o.now }
	return &steps.Env{Okta: o.client, CA: &ca{now: now, ledger: o.ledger}, Files: &o.files, Now: now}
}

// Bases are the digests of the parts of owners that were read from the live
// org, by names such as "app/0oa1/keys".
func (o *Org) Bases() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.bases)
}

// Seen is what tells what has changed of the parts, by the same names.
func (o *Org) Seen() map[string]runner.Seen {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.seen)
}

// ids makes up what Okta would assign: by a fixed scheme, so that the same
// program yields the same ids.
func ids() func(kind string) string {
	var mu sync.Mutex
	count := map[string]int{}
	return func(kind string) string {
		mu.Lock()
		defer mu.Unlock()
		if kind == "request" {
			return "" // nobody at Okta could find it
		}
		count[kind]++
		return fmt.Sprintf("rehearsed-%s-%04d", kind, count[kind])
	}
}

// answerOf turns the live org's refusal into the answer that it was.
func answerOf(r *http.Request, err error) (*http.Response, error) {
	var refused *okta.Error
	if errors.As(err, &refused) {
		return refused.Response(r), nil
	}
	var network *okta.NetworkError
	if errors.As(err, &network) && network.Unwrap() != nil {
		return nil, network.Unwrap()
	}
	return nil, err
}
