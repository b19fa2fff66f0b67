package sandbox

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/rekey/internal/okta"
)

// Options configure a [Server] or a [Store]. The zero value is a sandbox with
// the wall clock, new key pairs, random ids and no token, faults or log.
type Options struct {
	// Now is the clock: of dates, of the Date header, of what has expired.
	Now func() time.Time
	// Keys makes the key pairs of generated keys and of CSRs; nil = [RealKeys].
	Keys KeySource
	// IDs makes up what Okta assigns. The kind is "kid", "csr", "error" (an
	// errorId), "request" (an X-Okta-Request-Id), "token" (the jti of an access
	// token) or "nonce" (of DPoP); each call must yield another id. It may be
	// called by several requests at once. Nil = random.
	IDs func(kind string) string
	// Token is what requests must carry as "Authorization: SSWS <token>";
	// empty = any request is served.
	Token string
	// Auth makes the org one that is reached by OAuth 2.0: requests need an
	// access token, which the service app gets at /oauth2/v1/token. Token, if
	// there is one, is then taken as well. Nil = the org has no service app. Its
	// tokens and nonces are the Server's own and end with it.
	Auth *ServiceApp
	// Faults befall requests; of several whose turn it is, the first that
	// decides about the answer does. Each counts its own matches.
	Faults []Fault
	// After calls do once d has passed, for what faults put off: it must not
	// call it before it returns. Nil = by the system's clock, whatever Now says.
	After func(d time.Duration, do func())
	// Latency is waited out before each request is handled. One that a rate
	// limit refuses does not wait. A client that
	// gives up meanwhile does not stop the request: as in a real org, a late
	// write takes effect.
	Latency time.Duration
	// RateLimit makes it refuse calls as Okta does once the limits of such an
	// org are reached; empty = there are none, and the X-Rate-Limit headers
	// tell of one that nobody reaches.
	RateLimit Tier
	// RateWindow is how long a window of the rate limits lasts, in whole
	// seconds; 0 = a minute, as in Okta.
	RateWindow time.Duration
	// Log gets one line of JSON for each request to the org, in one Write,
	// before its answer leaves: method, path (with the query), status and
	// body_sha256, the SHA-256 of the request's body in lower hex. The status is
	// 0 where the connection ends without an answer. What is asked of the sandbox
	// itself, below /_sandbox/, leaves none.
	Log io.Writer
	// BaseURL is the org's URL in links, without a final slash, for a request;
	// nil = the URL under which the request came.
	BaseURL func(*http.Request) string
	// Changed is called after each change of the org, before its answer
	// leaves, by the goroutine of the request. Nil = nothing.
	Changed func()
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keys == nil {
		o.Keys = RealKeys{}
	}
	if o.IDs == nil {
		o.IDs = randomID
	}
	if o.After == nil {
		o.After = func(d time.Duration, do func()) { time.AfterFunc(d, do) }
	}
	if o.BaseURL == nil {
		o.BaseURL = requestBase
	}
	return o
}

// randomID makes ids of the length that Okta's have.
func randomID(kind string) string {
	n := 32
	if kind == "error" || kind == "request" {
		n = 18
	}
	b := make([]byte, n)
	rand.Read(b) // never fails
	id := base64.RawURLEncoding.EncodeToString(b)
	if kind == "error" {
		return "oae" + id
	}
	return id
}

func requestBase(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.URL.Scheme == "https" {
		scheme = "https"
	}
	return scheme + "://" + cmp.Or(r.Host, r.URL.Host)
}

// Server serves an org. It is an http.Handler, safe for concurrent use: two
// writes to one org happen one after the other, and each sees the rules of
// Okta hold against what the other left.
type Server struct {
	org    *Org
	opt    Options
	routes []route
	auth   *authServer // nil = none
	limits *limits
	clock  *orgClock             // whose time opt.Now tells
	around func(do func()) error // surrounds what reads or changes the org; nil = nothing

	mu     sync.Mutex            // of the log and of all below
	counts []int                 // matches of each fault so far
	hidden map[hidden]int        // what lists do not show, as often as that was asked for
	held   []*held               // whose answers are held back, the longest held first
	signed map[okta.Owner]string // the kid before the last switch
}

// New makes a server of org. The server works on that very org: what others
// put into it later is served, and what requests change can be seen in it. Use
// [Org.Clone] for an org to compare with.
func New(org *Org, opt Options) *Server {
	opt = opt.withDefaults()
	c := &orgClock{of: opt.Now}
	opt.Now = c.now
	return &Server{
		org: org, opt: opt, routes: routes(), auth: newAuthServer(opt), limits: newLimits(opt), clock: c, counts: make([]int, len(opt.Faults)),
	}
}

// Org is the org that is served.
func (s *Server) Org() *Org { return s.org }

const (
	maxBody  = 4 << 20 // bounds the body of a request
	ownPaths = "/_sandbox/"
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var a answer
	switch {
	case err != nil:
		a = s.failed(malformed(fmt.Errorf("the body broke off: %w", err)))
	case len(body) > maxBody:
		a = s.failed(malformed(fmt.Errorf("the body is larger than %d MiB", maxBody>>20)))
	default:
		a = s.limited(&request{Request: r, body: body, base: s.opt.BaseURL(r)})
	}
	if a.cut != cutNot {
		s.log(r, 0, body)
		a.cut.end(w)
		return
	}
	s.finish(&a, r)
	s.log(r, a.status, body)
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	w.Write(a.body) // nobody is left to be told of an error
}

// request is an HTTP request with what routing found in it.
type request struct {
	*http.Request
	body  []byte
	base  string     // the org's URL, for links
	kind  okta.Kind  // of the owner or list
	owner okta.Owner // the owner that the path names
	item  string     // the kid or CSR id that the path names

	hide time.Duration // how long lists shall not show what it makes
}

// answer is what is sent back.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    cut // there is none: so the connection ends
}

func newAnswer(status int, mediaType string, body []byte) answer {
	return answer{status: status, header: http.Header{"Content-Type": {mediaType}}, body: body}
}

const jsonType = "application/json;charset=UTF-8"

// jsonAnswer answers with JSON, if the request accepts that.
func (rq *request) jsonAnswer(status int, v any) (answer, error) {
	if p := rq.wantsJSON(); p != nil {
		return answer{}, p
	}
	return newAnswer(status, jsonType, encodeJSON(v)), nil
}

// wantsJSON refuses a request that takes no JSON. Writes ask before their
// effect.
func (rq *request) wantsJSON() *problem {
	if !rq.accepts("application/json") {
		return badMediaType("Accept: send application/json, the form of this answer")
	}
	return nil
}

func (s *Server) failed(p *problem) answer {
	a := newAnswer(p.status, jsonType, encodeJSON(p.body(s.opt.IDs("error"))))
	for name, values := range p.header {
		a.header[name] = values
	}
	return a
}

// handle decides about one request: token, faults, operation.
func (s *Server) handle(rq *request) answer {
	switch rq.URL.Path {
	case ownPaths + "org":
		return s.dump(rq)
	case ownPaths + "held":
		return s.answerHeld(rq)
	case ownPaths + "limits":
		return s.answerLimits(rq)
	case ownPaths + "clock":
		return s.answerClock(rq)
	case ownPaths + "tokens":
		return s.answerTokens(rq)
	case ownPaths + "nonces":
		return s.answerNonces(rq)
	}
	if !strings.HasPrefix(rq.URL.Path, oauthPaths) {
		if err := s.authorize(rq); err != nil {
			return s.failed(err)
		}
	}
	return s.befallen(rq, s.fate(rq.Request))
}

// perform carries out the operation that the request names.
func (s *Server) perform(rq *request) answer {
	if strings.HasPrefix(rq.URL.Path, oauthPaths) {
		return s.oauth(rq)
	}
	handle, err := s.find(rq)
	if err != nil {
		return s.answerTo(err)
	}
	var a answer
	err = s.whole(func() (err error) {
		a, err = handle(s, rq)
		return err
	})
	if err != nil {
		return s.answerTo(err)
	}
	return a
}

// whole calls do within one transaction and tells who wants to know if it has
// changed the org.
func (s *Server) whole(do func() error) (err error) {
	changed := false
	failure := s.within(func() {
		before := s.org.currentVersion()
		err = do()
		changed = s.org.currentVersion() != before
	})
	if changed && s.opt.Changed != nil {
		s.opt.Changed()
	}
	return errors.Join(err, failure)
}

// within calls do with the org up to date and at rest, if that is anybody's
// business.
func (s *Server) within(do func()) error {
	if s.around == nil {
		do()
		return nil
	}
	return s.around(do)
}

// answerTo is the answer to a request that failed.
func (s *Server) answerTo(err error) answer {
	if p := (*problem)(nil); errors.As(err, &p) {
		return s.failed(p)
	}
	return s.failed(internal(err))
}

func (s *Server) authorize(rq *request) *problem {
	scheme, token, _ := strings.Cut(rq.Header.Get("Authorization"), " ")
	if s.auth != nil && (s.opt.Token == "" || !strings.EqualFold(scheme, "SSWS")) {
		return s.auth.admit(rq)
	}
	if s.opt.Token == "" {
		return nil
	}
	switch {
	case scheme == "":
		return badToken("the request carries no token; send the header Authorization: SSWS <token>")
	case !strings.EqualFold(scheme, "SSWS"):
		return badToken("the sandbox knows API tokens only; send the header Authorization: SSWS <token>")
	case strings.TrimSpace(token) != s.opt.Token:
		return badToken("this is not the sandbox's token; it was printed when the sandbox started")
	}
	return nil
}

// dump answers the whole org, without asking for a token: the sandbox listens
// on loopback only, and nothing in it is worth a token.
func (s *Server) dump(rq *request) answer {
	if rq.Method != http.MethodGet {
		return s.failed(wrongMethod(http.MethodGet))
	}
	var b bytes.Buffer
	var err error
	failure := s.within(func() { err = s.org.Write(&b) })
	if err := errors.Join(err, failure); err != nil {
		return s.answerTo(err)
	}
	return newAnswer(http.StatusOK, jsonType, b.Bytes())
}

// finish adds the headers that every answer of Okta's has.
func (s *Server) finish(a *answer, r *http.Request) {
	now := s.opt.Now()
	s.auth.finish(a, r)
	set := func(name, value string) {
		if a.header.Get(name) == "" {
			a.header.Set(name, value)
		}
	}
	set("Date", now.UTC().Format(http.TimeFormat))
	set("X-Okta-Request-Id", s.opt.IDs("request"))
	for name, value := range s.limits.headers(r, now) {
		set(name, value)
	}
	set("Cache-Control", "no-cache, no-store")
	if a.status == http.StatusNoContent {
		a.header.Del("Content-Type")
	}
}

// pathOf is path and query as the client sent them.
func pathOf(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return r.URL.EscapedPath()
	}
	return r.URL.EscapedPath() + "?" + r.URL.RawQuery
}

func (s *Server) log(r *http.Request, status int, body []byte) {
	if s.opt.Log == nil || strings.HasPrefix(r.URL.Path, ownPaths) {
		return
	}
	sum := sha256.Sum256(body)
	line, err := json.Marshal(struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		Status int    `json:"status"`
		Body   string `json:"body_sha256"`
	}{r.Method, pathOf(r), status, hex.EncodeToString(sum[:])})
	if err != nil {
		return // not for texts and numbers
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Log.Write(append(line, '\n')) // a log that cannot be written stops no request
}
