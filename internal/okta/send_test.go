package okta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// reply is one prepared answer. Zero status: the connection is cut.
type reply struct {
	status int
	body   string
	header map[string]string
}

// org is a server that gives prepared answers, the last one for ever, and
// remembers what it was asked.
type org struct {
	*httptest.Server
	mu      sync.Mutex
	replies []reply
	got     []*http.Request
	bodies  []string
	slept   []time.Duration
	calls   []Call
	answers []string
	client  *Client
}

// newOrg starts a server and a client for it. adjust may change the settings.
func newOrg(t testing.TB, adjust func(*Config), replies ...reply) *org {
	t.Helper()
	o := &org{replies: replies}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	cfg := Config{
		OrgURL: o.URL, Token: secretToken, Now: func() time.Time { return day },
		Sleep:  func(ctx context.Context, d time.Duration) error { o.slept = append(o.slept, d); return ctx.Err() },
		OnCall: func(_ context.Context, c Call) error { o.calls = append(o.calls, c); return nil },
		OnAnswer: func(_ context.Context, _ Call, s int, id string) {
			o.answers = append(o.answers, fmt.Sprintf("%d %s", s, id))
		},
		Timeout: time.Hour, // as long as a busy machine takes
	}
	if adjust != nil {
		adjust(&cfg)
	}
	var err error
	if o.client, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	o.got, o.bodies = append(o.got, r), append(o.bodies, string(body))
	rep := o.replies[0]
	if len(o.replies) > 1 {
		o.replies = o.replies[1:]
	}
	if rep.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Date", day.Format(http.TimeFormat))
	for k, v := range rep.header {
		w.Header().Set(k, strings.ReplaceAll(v, "{org}", o.URL))
	}
	w.WriteHeader(rep.status)
	io.WriteString(w, strings.ReplaceAll(rep.body, "{org}", o.URL))
}

// sent counts the requests that arrived.
func (o *org) sent() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.got)
}

const (
	oneKey = `{"kid":"k1","x5c":["YWI="]}`
	refuse = `{"errorCode":"E0000001","errorSummary":"Api validation failed: label","errorLink":"E0000001","errorId":"oae1","errorCauses":[{"errorSummary":"label: needed"}]}`
)

var (
	anApp  = Owner{App, "0oa1"}
	anIdP  = Owner{IdP, "0oa2"}
	fullAt = map[string]string{"X-Rate-Limit-Limit": "100", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": strconv.FormatInt(day.Unix()+7, 10)}
)

func TestTriesOfWrites(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replies []reply
		sent    int
		status  int // of the Error; 0: success, -1: a NetworkError
		unknown bool
	}{
		{"201", []reply{{201, oneKey, nil}}, 1, 0, false},
		{"200", []reply{{200, oneKey, nil}}, 1, 0, false},
		{"429, 201", []reply{{429, "", fullAt}, {201, oneKey, nil}}, 2, 0, false},
		{"429, 500", []reply{{429, "", fullAt}, {500, "", nil}, {201, oneKey, nil}}, 2, 500, true},
		{"429 for ever", []reply{{429, refuse, fullAt}}, 6, 429, false},
		{"400", []reply{{400, refuse, nil}, {201, oneKey, nil}}, 1, 400, false},
		{"401", []reply{{401, refuse, nil}}, 1, 401, false},
		{"403", []reply{{403, refuse, nil}}, 1, 403, false},
		{"404", []reply{{404, refuse, nil}}, 1, 404, false},
		{"500", []reply{{500, refuse, nil}, {201, oneKey, nil}}, 1, 500, true},
		{"502", []reply{{502, "<html>", nil}, {201, oneKey, nil}}, 1, 502, true},
		{"503", []reply{{503, refuse, nil}, {201, oneKey, nil}}, 1, 503, true},
		{"302", []reply{{302, "", map[string]string{"Location": "{org}/else"}}, {201, oneKey, nil}}, 1, 302, true},
		{"307", []reply{{307, "", map[string]string{"Location": "{org}/else"}}, {201, oneKey, nil}}, 1, 307, true},
		{"cut", []reply{{}, {201, oneKey, nil}}, 1, -1, true},
		{"empty", []reply{{201, "", nil}}, 1, -1, true},
		{"HTML", []reply{{200, "<html>", nil}}, 1, -1, true},
		{"no kid", []reply{{201, "{}", nil}}, 1, -1, true},
		{"a list", []reply{{201, "[" + oneKey + "]", nil}}, 1, -1, true},
		{"202", []reply{{202, oneKey, nil}}, 1, -1, true},
		{"204", []reply{{204, "", nil}}, 1, -1, true},
		{"half", []reply{{201, oneKey[:9], map[string]string{"Content-Length": "80"}}}, 1, -1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t, nil, tt.replies...)
			k, err := o.client.GenerateKey(context.Background(), anApp, 2)
			if o.sent() != tt.sent {
				t.Errorf("sent %d times, want %d", o.sent(), tt.sent)
			}
			checkFailure(t, err, tt.status, tt.unknown)
			if err == nil && k.Kid != "k1" || err != nil && k.Raw != nil {
				t.Errorf("key %+v with error %v", k, err)
			}
			for i, c := range o.calls {
				if c.Again != (i > 0) || !c.Write {
					t.Errorf("call %d: %+v", i, c)
				}
			}
		})
	}
}

func checkFailure(t *testing.T, err error, status int, unknown bool) {
	t.Helper()
	var e *Error
	var n *NetworkError
	switch {
	case status == 0 && err != nil:
		t.Errorf("error %v", err)
	case status > 0 && (!errors.As(err, &e) || e.Status != status):
		t.Errorf("error %v, want an Error of status %d", err, status)
	case status < 0 && !errors.As(err, &n):
		t.Errorf("error %v, want a NetworkError", err)
	}
	if OutcomeUnknown(err) != unknown {
		t.Errorf("OutcomeUnknown = %v for %v", !unknown, err)
	}
	noSecret(t, err)
}

func TestTriesOfReads(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replies []reply
		sent    int
		status  int
	}{
		{"200", []reply{{200, oneKey, nil}}, 1, 0},
		{"500s, 200", []reply{{500, "", nil}, {502, "<html>", nil}, {503, refuse, nil}, {200, oneKey, nil}}, 4, 0},
		{"500 for ever", []reply{{500, refuse, nil}}, 4, 500},
		{"cut, 200", []reply{{}, {200, oneKey, nil}}, 2, 0},
		{"half, 200", []reply{{200, oneKey[:9], map[string]string{"Content-Length": "80"}}, {200, oneKey, nil}}, 2, 0},
		{"429, 500, 429, 200", []reply{{429, "", fullAt}, {500, "", nil}, {429, "", fullAt}, {200, oneKey, nil}}, 4, 0},
		{"404", []reply{{404, refuse, nil}, {200, oneKey, nil}}, 1, 404},
		{"no JSON", []reply{{200, "<html>", nil}, {200, oneKey, nil}}, 1, -1},
		{"another key", []reply{{200, `{"kid":"k2"}`, nil}}, 1, -1},
		{"redirect within", []reply{{302, "", map[string]string{"Location": "/api/v1/else"}}, {200, oneKey, nil}}, 2, 0},
		{"redirect in a circle", []reply{{302, "", map[string]string{"Location": "/api/v1/else"}}}, 6, 302},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t, nil, tt.replies...)
			_, err := o.client.Key(context.Background(), anApp, "k1")
			if o.sent() != tt.sent {
				t.Errorf("sent %d times, want %d", o.sent(), tt.sent)
			}
			checkFailure(t, err, tt.status, false)
			if NotFound(err) != (tt.status == 404) {
				t.Errorf("NotFound(%v)", err)
			}
		})
	}
}

// A connection used before may turn out to be closed. net/http repeats some
// requests by itself then; a write must not be among them.
func TestUsedConnectionIsCut(t *testing.T) {
	for name := range everyWrite(nil) {
		o := newOrg(t, nil, reply{200, oneKey, nil}, reply{}, reply{201, oneKey, nil})
		if _, err := o.client.Key(context.Background(), anApp, "k1"); err != nil {
			t.Fatal(err)
		}
		err := everyWrite(o.client)[name](context.Background())
		if checkFailure(t, err, -1, true); o.sent() != 2 {
			t.Errorf("%s: sent %d times", name, o.sent()-1)
		}
	}
}

func TestRedirectWithinKeepsTheToken(t *testing.T) {
	o := newOrg(t, nil, reply{302, "", map[string]string{"Location": "{org}/api/v1/else"}}, reply{200, oneKey, nil})
	if _, err := o.client.Key(context.Background(), anApp, "k1"); err != nil || o.got[1].Header.Get("Authorization") != "SSWS "+secretToken {
		t.Errorf("%v, %v", err, o.got)
	}
}

func TestSleep(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	if err := sleep(ctx, time.Millisecond); err != nil {
		t.Error(err)
	}
	cancel()
	if err := sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestErrorOfOkta(t *testing.T) {
	o := newOrg(t, nil, reply{400, refuse, map[string]string{"X-Okta-Request-Id": "req1"}})
	_, err := o.client.GenerateKey(context.Background(), anApp, 2)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e.Code != "E0000001" || e.Summary != "Api validation failed: label" || e.ID != "oae1" || e.RequestID != "req1" ||
		len(e.Causes) != 1 || e.Causes[0] != "label: needed" || e.Method != "POST" ||
		e.Path != "/api/v1/apps/0oa1/credentials/keys/generate?validityYears=2" {
		t.Errorf("%+v", *e)
	}
	if len(o.answers) != 1 || o.answers[0] != "400 req1" {
		t.Errorf("OnAnswer saw %q", o.answers)
	}
}

func TestErrorTexts(t *testing.T) {
	for name, rep := range map[string]reply{
		"a proxy":       {502, "<html>\x1b[31m\n" + strings.Repeat("x", 1<<20), nil},
		"an echo":       {400, `{"errorSummary":"bad SSWS ` + secretToken + `","errorCauses":[{"errorSummary":"` + secretToken + `"},null]}`, nil},
		"a page":        {403, "Authorization: SSWS " + secretToken, nil},
		"a strange":     {400, `{"errorCode":{}}`, nil},
		"an id":         {400, refuse, map[string]string{"X-Okta-Request-Id": secretToken}},
		"a redirect":    {302, "", map[string]string{"Location": "https://evil.example/?" + secretToken}},
		"a credential":  {302, "", map[string]string{"Location": "https://u:" + secretToken + "@evil.example/"}},
		"an echoed kid": {200, `{"kid":"` + secretToken + `"}`, nil},
	} {
		o := newOrg(t, nil, rep)
		_, err := o.client.Key(context.Background(), anApp, "k1")
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		noSecret(t, err)
		if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\x1b\n") {
			t.Errorf("%s: %d bytes: %q", name, len(text), text)
		}
		if strings.Contains(name, "re") && !strings.Contains(err.Error(), "evil.example") {
			t.Errorf("%s: the host is not named: %v", name, err)
		}
	}
}

func TestRedirectElsewhereIsRefused(t *testing.T) {
	hits := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer other.Close()
	o := newOrg(t, nil, reply{307, "", map[string]string{"Location": other.URL + "/api/v1/apps"}})
	_, err := o.client.Object(context.Background(), anApp)
	if err == nil || !strings.Contains(err.Error(), "redirect to "+other.URL) {
		t.Errorf("error %v", err)
	}
	for name, write := range everyWrite(o.client) {
		if err := write(context.Background()); err == nil {
			t.Errorf("%s: followed", name)
		}
	}
	if hits != 0 {
		t.Errorf("%d requests reached the other host", hits)
	}
}

func TestPauseAfter429(t *testing.T) {
	at := func(s int64) string { return strconv.FormatInt(day.Unix()+s, 10) }
	for _, tt := range []struct {
		name   string
		header map[string]string
		want   time.Duration
	}{
		{"reset", map[string]string{"X-Rate-Limit-Limit": "100", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": at(40)}, 41 * time.Second},
		{"reset has passed", map[string]string{"X-Rate-Limit-Reset": at(-5)}, time.Second},
		{"too many at once", map[string]string{"X-Rate-Limit-Limit": "0", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": at(40)}, time.Second},
		{"nothing said", nil, time.Second},
		{"nonsense", map[string]string{"X-Rate-Limit-Reset": "soon", "Retry-After": "-4"}, time.Second},
		{"retry after", map[string]string{"Retry-After": "9", "X-Rate-Limit-Reset": at(40)}, 9 * time.Second},
		{"retry after a date", map[string]string{"Retry-After": day.Add(12 * time.Second).Format(http.TimeFormat)}, 12 * time.Second},
		{"no date", map[string]string{"Date": "", "X-Rate-Limit-Reset": at(3)}, 4 * time.Second},
	} {
		o := newOrg(t, nil, reply{429, "", tt.header}, reply{201, oneKey, nil})
		if _, err := o.client.GenerateKey(context.Background(), anApp, 2); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if len(o.slept) != 1 || o.slept[0] != tt.want {
			t.Errorf("%s: slept %v, want %v", tt.name, o.slept, tt.want)
		}
	}
	for _, far := range []map[string]string{{"Retry-After": "301"}, {"X-Rate-Limit-Reset": at(3600)}, {"Retry-After": "2147483647"}, {"X-Rate-Limit-Reset": "1099511627776"}, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}} {
		o := newOrg(t, nil, reply{429, "", far}, reply{201, oneKey, nil})
		_, err := o.client.GenerateKey(context.Background(), anApp, 2)
		if checkFailure(t, err, 429, false); len(o.slept) != 0 {
			t.Errorf("%v: slept %v", far, o.slept)
		}
	}
}

func TestWaitingCanBeStopped(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	o := newOrg(t, func(c *Config) {
		c.Sleep = func(ctx context.Context, d time.Duration) error { stop(); return ctx.Err() }
	}, reply{429, refuse, fullAt})
	_, err := o.client.GenerateKey(ctx, anApp, 2)
	if checkFailure(t, err, 429, false); !errors.Is(err, context.Canceled) || o.sent() != 1 {
		t.Errorf("%v after %d requests", err, o.sent())
	}
}

func TestOnCallRefuses(t *testing.T) {
	why := errors.New("a second write")
	dialled := 0
	o := newOrg(t, func(c *Config) {
		c.OnCall = func(context.Context, Call) error { return why }
		c.HTTP = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { dialled++; return nil, why }}
	}, reply{200, oneKey, nil})
	for name, write := range everyWrite(o.client) {
		if err := write(context.Background()); !errors.Is(err, why) || OutcomeUnknown(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := o.client.Key(context.Background(), anApp, "k1"); !errors.Is(err, why) {
		t.Errorf("reading: %v", err)
	}
	if dialled != 0 || o.sent() != 0 {
		t.Errorf("%d connections, %d requests", dialled, o.sent())
	}
}

func TestSent(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		name string
		url  string
		http http.RoundTripper
		ctx  context.Context
		wait time.Duration // 0: the default
		sent bool
		is   error
	}{
		{"nobody listens", closed.URL, nil, nil, 0, false, nil},
		{"cancelled before", other.URL, nil, cancelled, 0, false, context.Canceled},
		{"no connection in time", "http://127.0.0.1", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, nil, 20 * time.Millisecond, false, context.DeadlineExceeded},
		{"no TLS there", strings.Replace(other.URL, "http:", "https:", 1), nil, nil, 0, false, nil},
		{"a transport that says nothing", other.URL, roundTrip(func(*http.Request) (*http.Response, error) { return nil, broken }), nil, 0, true, broken},
		{"one around net/http's", closed.URL, roundTrip(http.DefaultTransport.RoundTrip), nil, 0, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.ctx == nil {
				tt.ctx = context.Background()
			}
			checkSent(tt.ctx, t, Config{OrgURL: tt.url, HTTP: tt.http, Timeout: tt.wait}, tt.sent, tt.is)
		})
	}
}

// checkSent sends a write that fails, and holds what is said of it against what
// became of it.
func checkSent(ctx context.Context, t *testing.T, cfg Config, sent bool, is error) {
	t.Helper()
	cfg.Token = secretToken
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.GenerateKey(ctx, anApp, 2)
	var n *NetworkError
	if !errors.As(err, &n) || n.Sent != sent || !n.Write || n.OutcomeUnknown() != sent || n.Cure() == "" {
		t.Fatalf("%v (%+v)", err, n)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("%v is not %v", err, is)
	}
	noSecret(t, err)
}

// An answer that does not come in time: the request was sent. Time passes only
// while everybody waits.
func TestSentWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		var came bytes.Buffer
		var reading sync.WaitGroup
		reading.Go(func() { io.Copy(&came, there) }) // and never answers
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return here, nil }}
		checkSent(t.Context(), t, Config{OrgURL: "http://127.0.0.1", HTTP: transport, Timeout: time.Second}, true, context.DeadlineExceeded)
		reading.Wait() // for the connection's end
		if !strings.HasPrefix(came.String(), "POST /api/v1/apps/0oa1/") {
			t.Errorf("there came %q", came.String())
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestUnknownHostIsTriedOnce(t *testing.T) {
	tries := 0
	dial := func(context.Context, string, string) (net.Conn, error) {
		tries++
		return nil, &net.DNSError{Err: "no such host", Name: "dev-1.okta.com", IsNotFound: true}
	}
	c, _ := New(Config{OrgURL: "https://dev-1.okta.com", Token: "t", HTTP: &http.Transport{DialContext: dial}})
	_, err := c.Object(context.Background(), anApp)
	if err == nil || !strings.Contains(err.Error(), "check the host name in OKTA_CLIENT_ORGURL") || tries != 1 {
		t.Errorf("%d tries: %v", tries, err)
	}
}

func TestCertificateOfAStranger(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	c, _ := New(Config{OrgURL: srv.URL, Token: secretToken, Sleep: func(context.Context, time.Duration) error { t.Error("tried again"); return nil }})
	_, err := c.Object(context.Background(), anApp)
	if err == nil || !strings.Contains(err.Error(), "trust the certificate") {
		t.Error(err)
	}
}

func TestTooLargeAnAnswer(t *testing.T) {
	if _, err := readAll(bytes.NewReader(make([]byte, 11)), -1, 10); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
	if data, err := readAll(bytes.NewReader(make([]byte, 10)), -1, 10); err != nil || len(data) != 10 {
		t.Error(len(data), err)
	}
}

func TestHeaders(t *testing.T) {
	o := newOrg(t, nil, reply{200, `{}`, nil})
	if _, err := o.client.Object(context.Background(), anApp); err != nil {
		t.Fatal(err)
	}
	h := o.got[0].Header
	if h.Get("Authorization") != "SSWS "+secretToken || h.Get("Accept") != "application/json" || h.Get("User-Agent") != "rekey" || h.Get("Content-Type") != "" {
		t.Errorf("%v", h)
	}
}

func TestBuckets(t *testing.T) {
	for path, want := range map[string]string{
		"/api/v1/apps?limit=200": "apps 100", "/api/v1/apps/0oa1": "app 500", "/api/v1/apps/0oa1/credentials/keys": "apps 100",
		"/api/v1/idps": "idps 600", "/api/v1/idps/0oa1/credentials/csrs": "idps 600", "/oauth2/v1/token": "other 600", "": "other 600",
	} {
		name, n := bucket(path)
		if got := fmt.Sprint(name, " ", n); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
