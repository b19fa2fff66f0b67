package okta

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Config is what a [Client] needs. OrgURL and one of Token and OAuth are
// required; the zero value of the rest is the default. Printing one never shows
// a token or a key.
type Config struct {
	OrgURL string // "https://dev-1.okta.com"; plain http for loopback only
	Token  string `json:"-"` // an API token (SSWS)
	// TokenFrom is where a user gave the token, for messages; default: OKTA_CLIENT_TOKEN.
	TokenFrom string
	OAuth     *OAuth                                           `json:"-"` // a service app
	HTTP      http.RoundTripper                                // default: net/http's, with proxies from the environment
	Now       func() time.Time                                 // default: time.Now
	Sleep     func(ctx context.Context, d time.Duration) error // waits, or returns ctx's error; default: a timer
	// OnCall sees each try before the socket; an error refuses it. Requests for a
	// token are none: they change nothing, and belong to no operation.
	OnCall func(ctx context.Context, call Call) error
	// OnAnswer sees the status and the X-Okta-Request-Id of each try that was
	// answered. It gets the context of the operation.
	OnAnswer func(ctx context.Context, call Call, status int, requestID string)
	// Pace keeps calls within a share of the rate limits; nil = they are sent
	// at once. Clients of one org should have the same.
	Pace *Pacer
	// OnWait sees each wait for a rate limit before it begins, one for all the
	// calls that wait for the same. It gets the context of one of them.
	OnWait    func(ctx context.Context, w Wait)
	Timeout   time.Duration // for one try, its answer's body included; default: 30 s
	UserAgent string        // default: "rekey"
}

// The names of the settings, as Okta's own tools read them.
const (
	SettingOrgURL = "OKTA_CLIENT_ORGURL"
	SettingToken  = "OKTA_CLIENT_TOKEN"
)

// DefaultTimeout is how long one try may take.
const DefaultTimeout = 30 * time.Second

// Call is one request about to be sent, or one more try of it.
type Call struct {
	Method string
	Path   string // with query, as sent
	Write  bool   // not a GET
	Again  bool   // a further try of the same request; of a write only after a 429, or a 4xx for its token or proof

	ContentType      string
	TransferEncoding string // Content-Transfer-Encoding, "" or Base64
	Body             []byte // as sent, not to be changed; an owner's can hold secrets of its own
	Change           *Change

	// Bucket is the rate-limit bucket that the call draws on, PerMinute the
	// calls that it holds each minute in an org with default limits; one
	// token gets half of it by default (Okta: Rate limits).
	Bucket    string
	PerMinute int
}

// Change is the one thing that a PUT changes.
type Change struct {
	Pointer string // JSON pointer of the value that differs
	From    any    // before; nil for null or nothing
	To      any    // after; nil for null or nothing
	Rest    string // Digest of the object without the value at Pointer
}

// Client talks to one org. It is safe for concurrent use if the functions of
// its Config are: nothing changes after [New] but what was decoded last, an
// operation that is refused waits for itself alone, what a [Pacer] has learnt is
// shared, and so are connections. Printing one shows the org's address only.
type Client struct {
	base      string // scheme://host[:port], no slash at the end
	http      *http.Client
	native    bool // the transport tells a request's way in full (net/http/httptrace)
	principal principal
	tokenFrom string // for messages
	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
	onCall    func(context.Context, Call) error
	onAnswer  func(context.Context, Call, int, string)
	pace      *Pacer
	onWait    func(context.Context, Wait)
	timeout   time.Duration
	agent     string
	recent    *recent
}

// New checks the settings and makes a client; it sends nothing. An error is a
// *[SettingsError].
func New(cfg Config) (*Client, error) {
	base, err := orgURL(cfg.OrgURL)
	if err != nil {
		return nil, err
	}
	principal, err := cfg.principal(base)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base:      base,
		principal: principal,
		tokenFrom: cmp.Or(cfg.TokenFrom, SettingToken),
		now:       cfg.Now,
		sleep:     cfg.Sleep,
		onCall:    cfg.OnCall,
		onAnswer:  cfg.OnAnswer,
		pace:      cfg.Pace,
		onWait:    cfg.OnWait,
		timeout:   cfg.Timeout,
		agent:     cfg.UserAgent,
		recent:    &recent{},
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.sleep == nil {
		c.sleep = sleep
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.agent == "" {
		c.agent = "rekey"
	}
	rt := cfg.HTTP
	if rt == nil {
		rt = defaultTransport()
	}
	_, c.native = rt.(*http.Transport)
	c.http = &http.Client{Transport: rt, CheckRedirect: checkRedirect}
	return c, nil
}

// principal checks how the client is to sign in.
func (cfg Config) principal(base string) (principal, error) {
	switch {
	case cfg.OAuth == nil:
		token := cfg.Token
		return ssws(func() string { return token }), checkToken(token)
	case cfg.Token != "":
		return nil, &SettingsError{
			Setting: SettingToken, Problem: "is set, and a service app as well",
			Cure: "leave one of them away: " + SettingToken + ", or " + SettingClientID + " and the key that belongs to it",
		}
	}
	return cfg.OAuth.session(base)
}

// Org is the address of the org, without a slash at its end.
func (c *Client) Org() string { return c.base }

// Timeout is how long one try may take: a write that was not answered can
// still have left that long after it began.
func (c *Client) Timeout() time.Duration { return c.timeout }

// Format keeps every verb of fmt from printing more than the org's address.
func (c *Client) Format(s fmt.State, _ rune) {
	if c == nil {
		io.WriteString(s, "okta.Client(nil)")
		return
	}
	io.WriteString(s, "okta.Client("+c.base+")")
}

// Format keeps every verb of fmt from printing the token.
func (cfg Config) Format(s fmt.State, _ rune) {
	token := "none"
	if cfg.Token != "" {
		token = "not shown"
	}
	fmt.Fprintf(s, "okta.Config{OrgURL: %q, Token: %s", withoutUserinfo(cfg.OrgURL), token)
	if cfg.OAuth != nil {
		fmt.Fprintf(s, ", OAuth: %v", cfg.OAuth)
	}
	io.WriteString(s, "}")
}

// redact takes a token out of a text. A short one, of a sandbox say, may be
// part of any word; it goes where it stands as a token.
func redact(s, token string) string {
	if len(token) < 8 {
		return strings.ReplaceAll(s, "SSWS "+token, "SSWS [token]")
	}
	return strings.ReplaceAll(s, token, "[token]")
}

func withoutUserinfo(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return "…" + s[at:]
	}
	return s
}

// maxIdle is how many idle connections are kept: as many as a loop may carry
// actions out at a time. net/http's two would close and open one for nearly
// each request, where HTTP/2 is not spoken.
const maxIdle = 100

// defaultTransport keeps idle connections for a short time only: a write on a
// connection that the other side is just closing has an unknown outcome.
func defaultTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.IdleConnTimeout = 20 * time.Second
	t.MaxIdleConns, t.MaxIdleConnsPerHost = maxIdle, maxIdle
	return t
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// orgURL checks the org's address and brings it into the form scheme://host.
func orgURL(raw string) (string, error) {
	const example = "https://dev-1234.okta.com"
	fault := func(problem, cure string) (string, error) {
		return "", &SettingsError{Setting: SettingOrgURL, Problem: problem, Cure: cure}
	}
	s := strings.TrimSpace(raw)
	switch {
	case s == "":
		return fault("is not set", "set it to the address of your org, such as "+example)
	case strings.ContainsAny(s, "{}<>$") || strings.Contains(strings.ToLower(s), "youroktadomain"):
		return fault("is a placeholder", "put the address of your org in its place, such as "+example)
	case !strings.Contains(s, "://"):
		return fault("has no scheme", "begin it with https://, such as "+example)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil: // its text repeats the address, and that can hold a password
		return fault("is no URL", "give the address of your org, such as "+example)
	case u.User != nil:
		return fault("holds a user name or password", "leave what stands before the @ away; the token goes into "+SettingToken)
	case u.Hostname() == "" || u.Opaque != "":
		return fault("names no host", "give the address of your org, such as "+example)
	case strings.ContainsAny(s, "?#"):
		return fault("holds a query or a fragment", "give "+u.Scheme+"://"+u.Host+" alone")
	case strings.HasSuffix(u.Host, ":") || !usablePort(u.Port()):
		return fault("names a port that there is not", "give "+u.Scheme+"://"+strings.TrimSuffix(u.Host, ":"+u.Port())+", with a port from 1 to 65535 if it needs one")
	case strings.Trim(u.Path, "/") != "":
		return fault("holds a path", "give "+u.Scheme+"://"+u.Host+" alone")
	}
	if host, ok := adminHost(u.Hostname()); ok {
		return fault("is the address of the admin console", "use https://"+host)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return fault("is plain http", "use https://"+u.Host+"; http is for servers on this machine alone")
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return fault("is of the scheme "+u.Scheme, "use https://"+u.Host)
	}
	return origin(u), nil
}

func usablePort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// origin is scheme://host[:port], without the port that the scheme implies.
func origin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme { // which url.Parse has made lower case
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

// adminHost recognises the admin console's host, "dev-1-admin.okta.com", and
// gives the org's own. A custom domain may end in -admin in good faith.
func adminHost(host string) (string, bool) {
	first, rest, _ := strings.Cut(strings.ToLower(host), ".")
	org, ok := strings.CutSuffix(first, "-admin")
	return org + "." + rest, ok && org != "" && strings.HasPrefix(rest, "okta")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// checkToken looks at the form of a token; it never shows it.
func checkToken(token string) error {
	fault := func(problem, cure string) error {
		return &SettingsError{Setting: SettingToken, Problem: problem, Cure: cure}
	}
	odd := func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }
	switch {
	case strings.TrimSpace(token) == "":
		return fault("is not set", "set it to an API token of the org (admin console, Security, API, Tokens), or sign in as a service app: "+SettingAuthorizationMode+" PrivateKey")
	case strings.ContainsAny(token, "{}<>$"):
		return fault("is a placeholder", "put an API token of the org in its place")
	case strings.HasPrefix(token, "SSWS "):
		return fault("begins with the word SSWS", "give the token alone")
	case strings.ContainsAny(token, "\"'`"):
		return fault("holds quotes", "give the token without them")
	case strings.ContainsFunc(token, unicode.IsSpace):
		return fault("holds white space", "give the token alone, without blanks or a line end")
	case strings.ContainsFunc(token, odd):
		return fault("holds characters that no token has", "copy it once more, as plain text")
	}
	return nil
}

// ReadOnly makes a transport that refuses every request but GET, with
// [ErrReadOnly], before it reaches rt. The one exception is the request for a
// token that a client of this package sends. A nil rt means net/http's own.
func ReadOnly(rt http.RoundTripper) http.RoundTripper {
	if rt == nil {
		rt = defaultTransport()
	}
	return readOnly{rt}
}

type readOnly struct{ next http.RoundTripper }

func (r readOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && req.Method != "" && !asksToken(req) { // "" is GET in net/http
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, ErrReadOnly)
	}
	return r.next.RoundTrip(req)
}
