package okta

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"example.com/rekey/internal/failpoint"
)

const (
	maxAnswer = 32 << 20 // of a body of success: 200 large apps fit
	maxRefuse = 64 << 10 // of any other: more is no error of Okta's

	maxLimited   = 6               // tries that may be answered 429
	maxWaiting   = 5 * time.Minute // for the rate limit, in all tries together
	maxFailed    = 4               // tries of a GET that may fail otherwise
	firstBackoff = 250 * time.Millisecond

	requestIDHeader = "X-Okta-Request-Id"
	typeJSON        = "application/json"
)

// request is what an operation wants sent.
type request struct {
	method, path                  string
	accept, contentType, encoding string
	body                          []byte
	change                        *Change
	want                          []int // statuses of success
}

// answer is one of success, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
	call   Call
	oauth  bool // to a service app
}

// date is the answer's Date header; zero if there is none.
func (a answer) date() time.Time {
	t, _ := http.ParseTime(a.header.Get("Date"))
	return t
}

// do sends a request until it is answered, within the rules for trying again:
// any request after a 429, or a 4xx that another token or proof can mend, a GET
// also after a 5xx or without an answer.
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	call := Call{
		Method: r.method, Path: r.path, Write: r.method != http.MethodGet,
		ContentType: r.contentType, TransferEncoding: r.encoding, Body: r.body, Change: r.change,
	}
	call.Bucket, call.PerMinute = bucket(r.path)
	var limited, failed int
	var waited time.Duration
	var hope hope
	for {
		p, err := c.principal.credential(ctx, c) // before OnCall: what that lets pass leaves at once
		if err != nil {
			return answer{}, err
		}
		a, err := c.try(ctx, call, r, p)
		var wait time.Duration
		switch {
		case err == nil || ctx.Err() != nil:
			return a, err
		case a.status == http.StatusTooManyRequests:
			limited++
			wait = c.pause(a.header, limited)
			if waited += wait; limited == maxLimited || waited > maxWaiting {
				return a, err
			}
			c.pace.refusedWait(ctx, c, a, wait)
		case !call.Write && worthRepeating(err):
			if failed++; failed == maxFailed {
				return a, err
			}
			wait = firstBackoff << (failed - 1)
		case a.status/100 == 4 && hope.again(p.refused(err, a.header), call.Write):
		default:
			return a, err
		}
		if stop := c.pace.sleep(ctx, c, wait); stop != nil {
			return a, fmt.Errorf("%w; waiting to try again ended: %w", err, stop)
		}
		call.Again = true
	}
}

// try sends a request once. The answer's status and header are set even with
// an error, if there was an answer.
func (c *Client) try(ctx context.Context, call Call, r request, p credential) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, c.networkError(call, false, err)
	}
	pass, err := c.pace.enter(ctx, c, call)
	if err != nil {
		return answer{}, c.waitError(call, err)
	}
	defer pass.leave()
	if c.onCall != nil {
		if err := c.onCall(ctx, call); err != nil {
			return answer{}, fmt.Errorf("%s %s was not sent: %w", call.Method, call.Path, err)
		}
	}
	tctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var way way
	req, err := c.newRequest(httptrace.WithClientTrace(tctx, way.trace()), r, p)
	if err != nil {
		return answer{}, err
	}
	pass.leaving()
	failpoint.Hit("request.send.before")
	resp, err := c.http.Do(req)
	failpoint.Hit("request.send.after")
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // the message has method and path already
		}
		if errors.Is(err, ErrReadOnly) || NotSignedIn(err) { // of a client behind the transport
			return answer{}, err
		}
		return answer{}, c.networkError(call, way.mayHaveLeft(c.native), err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, call: call}
	pass.answered(a.status, a.header)
	if c.onAnswer != nil {
		c.onAnswer(ctx, call, a.status, c.clean(a.header.Get(requestIDHeader), 80))
	}
	p.answered(resp.Header)
	if resp.StatusCode/100 != 2 {
		a.oauth = p.oauth()
		failpoint.Hit("refusal.read.before")
		a.body, _ = io.ReadAll(io.LimitReader(resp.Body, maxRefuse))
		failpoint.Hit("refusal.read.after")
		return a, c.answerError(call, a)
	}
	failpoint.Hit("answer.read.before")
	a.body, err = readAll(resp.Body, resp.ContentLength, maxAnswer)
	failpoint.Hit("answer.read.after")
	if err != nil {
		return a, c.unreadable(call, err)
	}
	return a, nil
}

func (c *Client) newRequest(ctx context.Context, r request, p credential) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, credentialKey{}, p), r.method, c.base+r.path, body)
	if err != nil {
		return nil, fmt.Errorf("okta: %s %s cannot be sent: %s", r.method, c.clean(r.path, 200), c.clean(err.Error(), 200))
	}
	if err := p.authorize(req); err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", r.accept)
	if r.accept == "" {
		req.Header.Set("Accept", typeJSON)
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.encoding != "" {
		req.Header.Set("Content-Transfer-Encoding", r.encoding)
	}
	return req, nil
}

var errTooLarge = errors.New("it is larger than any answer of Okta's")

// readAll reads a body into one piece of memory if it can: one of the announced
// length, or large enough for most owners where none is (-1).
func readAll(body io.Reader, length, limit int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(length, 8<<10), limit)) + bytes.MinRead)
	n, err := b.ReadFrom(io.LimitReader(body, limit+1))
	if err == nil && n > limit {
		return nil, errTooLarge
	}
	return b.Bytes(), err
}

// way follows how far a request came.
type way struct{ wanted, got atomic.Bool }

func (w *way) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { w.wanted.Store(true) },
		GotConn:      w.connected,
		WroteRequest: written,
	}
}

func (w *way) connected(httptrace.GotConnInfo) {
	w.got.Store(true)
	failpoint.Hit("request.write.before")
}

func written(httptrace.WroteRequestInfo) { failpoint.Hit("request.write.after") }

// mayHaveLeft is false only where it is certain: a transport that reports its
// connections never got one. One that reports nothing may have sent anything.
func (w *way) mayHaveLeft(native bool) bool {
	return w.got.Load() || !native && !w.wanted.Load()
}

// worthRepeating tells whether a failed GET may do better next time.
func worthRepeating(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Status >= 500
	}
	var n *NetworkError
	var cert *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case !errors.As(err, &n), errors.As(err, &cert), errors.Is(err, errTooLarge):
		return false
	case errors.As(err, &dns):
		return !dns.IsNotFound
	}
	return true
}

// pause is how long to wait after the n-th 429. Okta names the moment at which
// the bucket fills again in X-Rate-Limit-Reset, by its own clock, which its
// Date header shows. On too many calls at once, limit and remaining are 0 and
// the moment says nothing (Okta: Rate limits). More than maxWaiting means that
// waiting is of no use.
func (c *Client) pause(h http.Header, n int) time.Duration {
	return min(c.askedPause(h, n), maxWaiting+time.Second)
}

func (c *Client) askedPause(h http.Header, n int) time.Duration {
	backoff := time.Second << (n - 1)
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		date = c.now()
	}
	if after := h.Get("Retry-After"); after != "" {
		if s, err := strconv.ParseInt(after, 10, 32); err == nil && s >= 0 {
			return max(time.Duration(s)*time.Second, time.Second)
		}
		if t, err := http.ParseTime(after); err == nil {
			return max(t.Sub(date), time.Second)
		}
	}
	reset, err := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64)
	if err != nil || reset <= 0 || reset > 1<<40 || crowded(h) {
		return backoff
	}
	// A second later: both times are cut to whole seconds.
	return max(time.Unix(reset+1, 0).Sub(date), backoff)
}

// checkRedirect follows a GET within the org's own origin and nothing else;
// what is not followed comes back as an answer.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet || len(via) > 5 ||
		req.URL.Scheme != first.URL.Scheme || !strings.EqualFold(req.URL.Host, first.URL.Host) {
		return http.ErrUseLastResponse
	}
	if p, ok := req.Context().Value(credentialKey{}).(credential); ok {
		return p.authorize(req) // a proof names the address
	}
	return nil
}

// credentialKey is where a request's context has what it shows.
type credentialKey struct{}

// redirectTarget is the host of a Location, or its path within the same host.
func redirectTarget(location string) string {
	u, err := url.Parse(location)
	switch {
	case err != nil:
		return "an unreadable address"
	case u.Host != "":
		return u.Scheme + "://" + u.Host
	}
	return u.EscapedPath()
}

// bucket is the rate-limit bucket of a path, and its calls a minute by default
// (Okta: Rate limits). Every credential call of an app falls into "apps".
func bucket(path string) (name string, perMinute int) {
	path, _, _ = strings.Cut(path, "?")
	switch s := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/"); {
	case s[0] == "apps" && len(s) == 2:
		return "app", 500
	case s[0] == "apps":
		return "apps", 100
	case s[0] == "idps":
		return "idps", 600
	}
	return "other", 600
}
