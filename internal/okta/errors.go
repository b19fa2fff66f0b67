package okta

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SettingsError says which setting of [Config] cannot be used. It never
// shows a token.
type SettingsError struct {
	Setting string // the name users set: OKTA_CLIENT_ORGURL or OKTA_CLIENT_TOKEN
	Problem string
	Cure    string
}

func (e *SettingsError) Error() string { return e.Setting + " " + e.Problem + ": " + e.Cure }

// Error is an answer that is no success.
type Error struct {
	Status    int      // HTTP status
	Code      string   // Okta's errorCode, "E0000001"; "" if the answer was not Okta's JSON
	Summary   string   // errorSummary, or the beginning of what came instead
	ID        string   // errorId
	RequestID string   // X-Okta-Request-Id, which Okta's support asks for
	Causes    []string // the summaries of errorCauses
	Method    string
	Path      string // with query, as sent

	oauth     bool   // the answer to a service app
	fault     string // that its challenge names, such as insufficient_scope
	tokenFrom string // where the API token was given
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: Okta answered %d", e.Method, e.Path, e.Status)
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	advice := e.Advice()
	if what := cmp.Or(e.Summary, advice.Happened); what != "" {
		b.WriteString(": " + what)
	}
	if len(e.Causes) > 0 {
		b.WriteString(" (" + strings.Join(e.Causes, "; ") + ")")
	}
	b.WriteString(ofRequest(e.RequestID))
	for _, part := range []string{advice.Means, advice.Do, e.outcome()} {
		if part != "" {
			b.WriteString("; " + part)
		}
	}
	return b.String()
}

// ofRequests matches what ofRequest says.
var ofRequests = regexp.MustCompile(` \[request [^]]+\]`)

// Lasting is the text of an error without the ids of requests: what it says of
// the org however often the org is asked.
func Lasting(text string) string { return ofRequests.ReplaceAllString(text, "") }

// outcome is what is known of a write.
func (e *Error) outcome() string {
	switch {
	case e.OutcomeUnknown():
		return "whether Okta did it is not known"
	case e.Method != http.MethodGet:
		return "this request wrote nothing"
	}
	return ""
}

// OutcomeUnknown reports whether this answers a write that may have happened
// all the same: a 5xx, an answer that is no word of Okta's on it at all, or a
// proof that was not taken: the one whose request came twice is refused, and
// the other may have been done. Any other 4xx, 429 included, says that nothing
// happened.
func (e *Error) OutcomeUnknown() bool {
	return e.Method != http.MethodGet && (e.Status >= 500 || e.Status < 400 || e.fault == badProof)
}

// NetworkError is a request without a usable answer: none came, or one of
// success that cannot be read.
type NetworkError struct {
	Method string
	Path   string // with query, as sent
	Write  bool   // not a GET
	Sent   bool   // false if the request provably never left this machine
	Reason string // the cause as text, without control characters or secrets
	cure   string
	err    error
}

// Cure is what to do about it; a part of Error's text.
func (e *NetworkError) Cure() string { return e.cure }

func (e *NetworkError) Error() string {
	s := fmt.Sprintf("%s %s: %s; %s", e.Method, e.Path, e.Reason, e.cure)
	if e.OutcomeUnknown() {
		s += "; whether Okta did it is not known"
	}
	return s
}

// Unwrap is the cause, for errors.Is with context.Canceled and the like.
func (e *NetworkError) Unwrap() error { return e.err }

// OutcomeUnknown reports whether this was a write that may have reached Okta.
func (e *NetworkError) OutcomeUnknown() bool { return e.Write && e.Sent }

// OutcomeUnknown reports whether err comes from a write that may have happened
// although it failed. It looks through wrapped errors.
func OutcomeUnknown(err error) bool {
	var u interface{ OutcomeUnknown() bool }
	return errors.As(err, &u) && u.OutcomeUnknown()
}

// Response is the answer that the error was made of, for who stands between a
// client and Okta and passes it on.
func (e *Error) Response(r *http.Request) *http.Response {
	body := ErrorBody{Code: e.Code, Summary: e.Summary, Link: e.Code, ID: e.ID, Causes: []ErrorCause{}}
	for _, cause := range e.Causes {
		body.Causes = append(body.Causes, ErrorCause{Summary: cause})
	}
	data := encode(body)
	header := http.Header{"Content-Type": {"application/json"}, requestIDHeader: {e.RequestID}}
	if e.oauth {
		header.Set(signedInHeader, "OAuth")
		header.Set("WWW-Authenticate", fmt.Sprintf("Bearer error=%q", e.fault))
	}
	return &http.Response{
		Status: http.StatusText(e.Status), StatusCode: e.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(data)), ContentLength: int64(len(data)), Request: r,
	}
}

// signedInHeader tells of how the client was signed in whose answer a
// [Error.Response] is. Okta sends no such header.
const signedInHeader = "Rekey-Signed-In"

// NotFound reports whether err is Okta's 404.
func NotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// ErrReadOnly is why a transport made by [ReadOnly] refuses a request.
var ErrReadOnly = errors.New("refused before it was sent: this client can only read")

// answerError makes an Error of an answer. A body that is not Okta's JSON (a
// proxy's page, say) is shown by its beginning.
func (c *Client) answerError(call Call, a answer) *Error {
	e := &Error{
		Status: a.status, Method: call.Method, Path: call.Path,
		RequestID: c.clean(a.header.Get(requestIDHeader), 80),
		oauth:     a.oauth || a.header.Get(signedInHeader) != "", fault: challenged(a.header), tokenFrom: c.tokenFrom,
	}
	var body ErrorBody
	if err := json.Unmarshal(a.body, &body); err == nil && (body.Code != "" || body.Summary != "") {
		e.Code, e.Summary, e.ID = c.clean(body.Code, 40), c.clean(body.Summary, 300), c.clean(body.ID, 80)
		for i, cause := range body.Causes {
			if i == 10 {
				break
			}
			e.Causes = append(e.Causes, c.clean(cause.Summary, 300))
		}
		return e
	}
	e.Summary = c.strange(a.status, a.header, a.body)
	return e
}

// strange describes an answer that is not in Okta's form.
func (c *Client) strange(status int, header http.Header, body []byte) string {
	if to := header.Get("Location"); status/100 == 3 && to != "" {
		return c.clean("a redirect to "+redirectTarget(to)+", which is not followed", 200)
	}
	summary := http.StatusText(status)
	if text := c.clean(string(body), 120); text != "" {
		summary = strings.TrimPrefix(summary+", and no error of Okta's but: "+text, ", ")
	}
	return summary
}

// networkError makes a NetworkError of what the transport or decoding says.
func (c *Client) networkError(call Call, sent bool, err error) *NetworkError {
	e := &NetworkError{Method: call.Method, Path: call.Path, Write: call.Write, Sent: sent, err: err}
	e.Reason = c.clean(err.Error(), 300)
	e.cure = "check OKTA_CLIENT_ORGURL (" + c.base + ") and the network"
	var (
		cert *tls.CertificateVerificationError
		dns  *net.DNSError
		late net.Error
		odd  *unusable
	)
	switch {
	case errors.As(err, &odd):
		e.cure = "check that OKTA_CLIENT_ORGURL (" + c.base + ") is the org itself, and no portal or proxy in front of it"
	case errors.Is(err, context.Canceled):
		e.Reason, e.cure = "stopped", "it was told to stop"
	case errors.As(err, &cert):
		e.cure = "make this machine trust the certificate of " + c.base + ", or check whether a proxy stands in between"
	case errors.As(err, &dns) && dns.IsNotFound:
		e.cure = "check the host name in OKTA_CLIENT_ORGURL (" + c.base + ")"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		e.Reason = "no answer in time (" + e.Reason + ")"
	}
	return e
}

// undecodable is an answer of success that is not what was asked for. The
// cause is kept as clean text alone: it may quote the answer.
func (c *Client) undecodable(a answer, err error) *NetworkError {
	text := c.clean(strings.TrimPrefix(err.Error(), "okta: "), 200)
	if strings.HasPrefix(http.DetectContentType(a.body), "text/html") {
		text = "it is a page of HTML, as a portal or a proxy sends it"
	}
	return c.unreadable(a.call, errors.New(text+ofRequest(c.clean(a.header.Get(requestIDHeader), 80))))
}

// unreadable is an answer of success that says nothing.
func (c *Client) unreadable(call Call, err error) *NetworkError {
	return c.networkError(call, true, &unusable{err})
}

// unusable is why an answer of success says nothing, for who passes that on as
// well.
type unusable struct{ err error }

func (u *unusable) Error() string { return "the answer cannot be used: " + u.err.Error() }
func (u *unusable) Unwrap() error { return u.err }

// clean makes a text from the wire fit for a message: printable, short, and
// without the token, should somebody echo it.
func (c *Client) clean(s string, limit int) string {
	return clip(strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, c.principal.redact(s))), " "), limit)
}

// clip cuts a text to at most limit runes.
func clip(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}
