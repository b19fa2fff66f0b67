package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault makes chosen requests fail, or has something else befall them. Its text
// form, which [ParseFault] reads, is
//
//	METHOD GLOB[@N]=WHAT
//
// such as "POST */keys/generate@2=500:after": the second POST whose path ends
// so takes effect and is answered 500 nevertheless. WHAT is one of
//
//	STATUS[:before|:after]           answered so, before its effect or after it
//	429:concurrency                  answered as too many requests at once are
//	lost                             takes effect; the connection is closed without an answer
//	reset                            the connection is reset before any effect
//	late:D                           the connection is closed at once; the effect comes D later
//	delay:D                          of a POST: what it makes is listed only D later
//	hold:D                           takes effect; its answer is held back for D, or until it is let go
//	change:WHAT[:before|:after]      a stranger changes the owner that the path names
//
// D is a duration such as "150ms"; [Options].After says what clock it takes.
// The kinds that decide about the answer are STATUS, lost, reset and late; what
// delay, hold and change do comes on top of it.
type Fault struct {
	// Method of the requests, in capitals; "*" means any, and "WRITE" all but
	// GET and HEAD.
	Method string
	// Glob matches a whole path as the client sent it, "*" any run of
	// characters, slashes included. A glob with a "?" in it is matched against
	// path and query.
	Glob string
	// N is which match it concerns, counted from 1; 0 means each.
	N int
	// Kind is what happens.
	Kind FaultKind
	// Status of the answer, 400 to 599, of the kind [FaultStatus] alone. A 429
	// carries rate-limit headers that say when to come back: a second later. A
	// 401 of the token endpoint is that of a client that it does not know.
	Status int
	// Crowded makes a 429 the one for too many requests at once: limit and
	// remaining are 0, and the moment to come back says nothing (Okta: Rate
	// limits).
	Crowded bool
	// After lets the request take effect before it is answered a Status, or
	// before a stranger's change.
	After bool
	// Delay of the kinds [FaultLate], [FaultDelay] and [FaultHold].
	Delay time.Duration
	// Change of the kind [FaultChange].
	Change Change
}

// FaultKind is what befalls a request.
type FaultKind string

// The kinds of faults.
const (
	// FaultStatus answers Fault.Status.
	FaultStatus FaultKind = ""
	// FaultLost lets the request take effect and closes the connection.
	FaultLost FaultKind = "lost"
	// FaultReset resets the connection; the request has no effect.
	FaultReset FaultKind = "reset"
	// FaultLate closes the connection at once. The request takes effect
	// Fault.Delay later, if it then can: until that, nothing shows it. A
	// process that ends before has dropped it.
	FaultLate FaultKind = "late"
	// FaultDelay leaves the key or CSR that a POST makes out of the lists of
	// keys and CSRs until Fault.Delay has passed. All else has it at once: the
	// answer, GET by its id, PUT, the dumped org.
	FaultDelay FaultKind = "delay"
	// FaultHold lets the request take effect and keeps its answer, or the end
	// that another fault makes of it, back until Fault.Delay has passed or
	// somebody says DELETE /_sandbox/held, which lets go of all that are held and
	// lists them as GET on it does: "METHOD PATH" each, the longest held first. A
	// client that goes away meanwhile ends it at once, and so does a server whose
	// contexts end; such a request has no answer.
	FaultHold FaultKind = "hold"
	// FaultChange has a stranger change the owner right before the request is
	// handled or, with Fault.After, right after, before its answer leaves.
	FaultChange FaultKind = "change"
)

// String is the form that [ParseFault] reads.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", f.Method, f.Glob)
	if f.N > 0 {
		fmt.Fprintf(&b, "@%d", f.N)
	}
	switch f.Kind {
	case FaultStatus:
		fmt.Fprintf(&b, "=%d", f.Status)
		if f.Crowded {
			b.WriteString(":" + crowded)
		}
		if f.After {
			b.WriteString(":after")
		}
	case FaultLate, FaultDelay, FaultHold:
		fmt.Fprintf(&b, "=%s:%s", f.Kind, f.Delay)
	case FaultChange:
		fmt.Fprintf(&b, "=%s:%s", f.Kind, f.Change)
		if !f.After {
			b.WriteString(":before")
		}
	default:
		fmt.Fprintf(&b, "=%s", f.Kind)
	}
	return b.String()
}

const (
	methodWrite = "WRITE" // any that is not only read
	crowded     = "concurrency"

	faultForm = "write METHOD GLOB[@N]=WHAT, such as 'POST */keys/generate=500:after', where WHAT is " +
		"STATUS[:before|:after], 429:concurrency, lost, reset, late:DURATION, delay:DURATION, hold:DURATION or change:WHAT[:before|:after]"
)

// ParseFault reads "METHOD GLOB[@N]=WHAT". Without @N it is each match; a
// status comes before the effect, and a change after it, unless it is said
// otherwise.
func ParseFault(text string) (Fault, error) {
	f, problem := parseFault(text)
	if problem != nil {
		return Fault{}, fmt.Errorf("the fault %q cannot be read: %w; %s", clip(text), problem, faultForm)
	}
	return f, nil
}

func parseFault(text string) (f Fault, problem error) {
	method, rest, ok := strings.Cut(strings.TrimSpace(text), " ")
	if !ok {
		return f, errors.New("it has no blank between method and path")
	}
	at := strings.LastIndexByte(rest, '=')
	if at < 0 {
		return f, errors.New("it has no '=' before what is to happen")
	}
	glob, what := strings.TrimSpace(rest[:at]), strings.TrimSpace(rest[at+1:])
	f.Method = strings.ToUpper(method)
	if strings.Trim(f.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" && f.Method != "*" {
		return f, errors.New("the method is no word such as POST")
	}
	if f.Glob, f.N, problem = cutCount(glob); problem != nil {
		return f, problem
	}
	if f.Glob == "" || strings.ContainsAny(f.Glob, " \t\r\n") || f.Glob[0] != '/' && f.Glob[0] != '*' {
		return f, errors.New("the path must start with '/' or '*' and hold no blank")
	}
	kind, more, colon := strings.Cut(what, ":")
	switch f.Kind = FaultKind(kind); f.Kind {
	case FaultLost, FaultReset:
		if colon {
			problem = fmt.Errorf("nothing may stand after %s", kind)
		}
	case FaultLate, FaultDelay, FaultHold:
		problem = f.parseDelay(more)
	case FaultChange:
		problem = f.parseChange(more)
	default:
		f.Kind = FaultStatus
		problem = f.parseStatus(kind, more, colon)
	}
	return f, problem
}

func (f *Fault) parseStatus(status, when string, colon bool) (problem error) {
	f.Status, problem = strconv.Atoi(status)
	if problem != nil || f.Status < 400 || f.Status > 599 || len(status) != 3 {
		return errors.New("what is to happen is no status from 400 to 599, nor one of lost, reset, late, delay, hold, change")
	}
	switch {
	case when == "after":
		f.After = true
	case when == crowded && f.Status == http.StatusTooManyRequests:
		f.Crowded = true
	case when == crowded:
		return errors.New("':concurrency' may stand after 429 alone")
	case when != "before" && colon:
		return errors.New("after the status only ':before' or ':after' may stand")
	}
	return nil
}

func (f *Fault) parseDelay(text string) (problem error) {
	f.Delay, problem = time.ParseDuration(text)
	if problem != nil || f.Delay <= 0 {
		return fmt.Errorf("after %s a duration must stand, such as %[1]s:150ms", f.Kind)
	}
	if f.Kind == FaultDelay && f.Method != http.MethodPost {
		return errors.New("delay is about what a POST makes: give the method POST")
	}
	return nil
}

func (f *Fault) parseChange(text string) error {
	what, when, colon := strings.Cut(text, ":")
	f.Change, f.After = Change(what), when != "before"
	if !slices.Contains(changes, f.Change) {
		return fmt.Errorf("after change one of %s must stand, such as change:label", changeNames())
	}
	if colon && f.After && when != "after" {
		return errors.New("after the change only ':before' or ':after' may stand")
	}
	return nil
}

// cutCount takes "@N" off a glob's end.
func cutCount(glob string) (string, int, error) {
	at := strings.LastIndexByte(glob, '@')
	if at < 0 || strings.Trim(glob[at+1:], "0123456789") != "" {
		return glob, 0, nil
	}
	n, err := strconv.Atoi(glob[at+1:])
	if err != nil || n < 1 {
		return "", 0, errors.New("'@' must be followed by which match it is about, 1 or more")
	}
	return glob[:at], n, nil
}

// matches tells whether the fault concerns a request.
func (f Fault) matches(r *http.Request) bool {
	switch {
	case f.Method == "*" || f.Method == r.Method:
	case f.Method != methodWrite || r.Method == http.MethodGet || r.Method == http.MethodHead:
		return false
	}
	path := r.URL.EscapedPath()
	if strings.Contains(f.Glob, "?") {
		path = pathOf(r)
	}
	return globMatch(f.Glob, path)
}

// globMatch tells whether s is what pattern says, with "*" for any run.
func globMatch(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// clip shortens text that is quoted in a message.
func clip(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
