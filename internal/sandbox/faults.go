package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Fault makes chosen requests fail. Its text form, which [ParseFault] reads,
// is
//
//	METHOD GLOB[@N]=STATUS[:before|:after]
//
// such as "POST */keys/generate@2=500:after": the second POST whose path ends
// so takes effect and is answered 500 nevertheless.
type Fault struct {
	// Method of the requests, in capitals; "*" means any.
	Method string
	// Glob matches a whole path as the client sent it, "*" any run of
	// characters, slashes included. A glob with a "?" in it is matched against
	// path and query.
	Glob string
	// N is which match fails, counted from 1; 0 means each.
	N int
	// Status of the answer, 400 to 599. A 429 carries rate-limit headers that
	// say when to come back: a second later.
	Status int
	// After lets the request take effect first.
	After bool
}

// String is the form that [ParseFault] reads.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", f.Method, f.Glob)
	if f.N > 0 {
		fmt.Fprintf(&b, "@%d", f.N)
	}
	fmt.Fprintf(&b, "=%d", f.Status)
	if f.After {
		b.WriteString(":after")
	}
	return b.String()
}

const faultForm = "write METHOD GLOB[@N]=STATUS[:before|:after], such as 'POST */keys/generate=500:after'"

// ParseFault reads "METHOD GLOB[@N]=STATUS[:before|:after]"; the default is
// each match, before the effect.
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
		return f, errors.New("it has no '=' before the status")
	}
	glob, answer := strings.TrimSpace(rest[:at]), strings.TrimSpace(rest[at+1:])
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
	status, when, _ := strings.Cut(answer, ":")
	switch {
	case when == "after":
		f.After = true
	case when != "before" && strings.Contains(answer, ":"):
		return f, errors.New("after the status only ':before' or ':after' may stand")
	}
	f.Status, problem = strconv.Atoi(status)
	if problem != nil || f.Status < 400 || f.Status > 599 || len(status) != 3 {
		return f, errors.New("the status must be 400 to 599")
	}
	return f, nil
}

// cutCount takes "@N" off a glob's end.
func cutCount(glob string) (string, int, error) {
	at := strings.LastIndexByte(glob, '@')
	if at < 0 || strings.Trim(glob[at+1:], "0123456789") != "" {
		return glob, 0, nil
	}
	n, err := strconv.Atoi(glob[at+1:])
	if err != nil || n < 1 {
		return "", 0, errors.New("'@' must be followed by which match fails, 1 or more")
	}
	return glob[:at], n, nil
}

// matches tells whether the fault concerns a request.
func (f Fault) matches(r *http.Request) bool {
	if f.Method != "*" && f.Method != r.Method {
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
