package sandbox

import (
	"fmt"
	"net/http"

	"example.com/rekey/internal/okta"
)

// problem is an answer that is no success: a status, one of Okta's error codes
// and what a user has to know. It travels as an error to the one place that
// writes answers.
type problem struct {
	status  int
	code    string
	summary string
	causes  []string
	header  http.Header // further headers of the answer
}

func (p *problem) Error() string {
	return fmt.Sprintf("%d %s: %s %v", p.status, p.code, p.summary, p.causes)
}

// The codes are Okta's (Okta: error codes). The causes say what to do.

// invalid is E0000001: what names the part of the request that is refused.
func invalid(what, cause string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "E0000001", summary: "Api validation failed: " + what, causes: []string{fmt.Sprintf(cause, args...)}}
}

func malformed(err error) *problem {
	return &problem{status: http.StatusBadRequest, code: "E0000003", summary: "The request body was not well-formed.", causes: []string{err.Error()}}
}

func badMediaType(cause string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "E0000021", summary: "Bad request. Accept and/or Content-Type headers likely do not match supported values.", causes: []string{fmt.Sprintf(cause, args...)}}
}

func missingParameter(name, cure string) *problem {
	return &problem{status: http.StatusBadRequest, code: "E0000028", summary: "The request is missing a required parameter.", causes: []string{name + ": " + cure}}
}

func badToken(cause string) *problem {
	return &problem{status: http.StatusUnauthorized, code: "E0000011", summary: "Invalid token provided", causes: []string{cause}}
}

func forbidden(cause string) *problem {
	return &problem{status: http.StatusForbidden, code: "E0000006", summary: "You do not have permission to perform the requested action", causes: []string{cause}}
}

func notFound(what, id string) *problem {
	return &problem{status: http.StatusNotFound, code: "E0000007", summary: fmt.Sprintf("Not found: Resource not found: %s (%s)", id, what)}
}

func noSuchPath(path string) *problem {
	return &problem{status: http.StatusNotFound, code: "E0000008", summary: "The requested path was not found", causes: []string{path + " is no operation of the sandbox"}}
}

func wrongMethod(allow string) *problem {
	return &problem{
		status: http.StatusMethodNotAllowed, code: "E0000022", summary: "The endpoint does not support the provided HTTP method",
		causes: []string{"this path takes " + allow}, header: http.Header{"Allow": {allow}},
	}
}

func internal(err error) *problem {
	return &problem{status: http.StatusInternalServerError, code: "E0000009", summary: "Internal Server Error", causes: []string{err.Error()}}
}

const toldToFail = "the sandbox was told to fail here"

// problemOf is the answer of a status that a fault asks for.
func problemOf(status int) *problem {
	known := map[int]problem{
		http.StatusBadRequest:          {code: "E0000001", summary: "Api validation failed: fault"},
		http.StatusUnauthorized:        {code: "E0000011", summary: "Invalid token provided"},
		http.StatusForbidden:           {code: "E0000006", summary: "You do not have permission to perform the requested action"},
		http.StatusNotFound:            {code: "E0000007", summary: "Not found: Resource not found"},
		http.StatusMethodNotAllowed:    {code: "E0000022", summary: "The endpoint does not support the provided HTTP method"},
		http.StatusConflict:            {code: "E0000096", summary: "Conflict"},
		http.StatusTooManyRequests:     {code: "E0000047", summary: "API call exceeded rate limit due to too many requests."},
		http.StatusServiceUnavailable:  {code: "E0000010", summary: "Service is in read only mode"},
		http.StatusInternalServerError: {code: "E0000009", summary: "Internal Server Error"},
	}
	p, ok := known[status]
	switch {
	case !ok && status >= 500:
		p = known[http.StatusInternalServerError]
	case !ok:
		p = known[http.StatusBadRequest]
	}
	p.status = status
	p.causes = []string{toldToFail}
	return &p
}

// body is the JSON of the answer. A problem without causes has an empty list.
func (p *problem) body(id string) okta.ErrorBody {
	b := okta.ErrorBody{Code: p.code, Summary: p.summary, Link: p.code, ID: id, Causes: []okta.ErrorCause{}}
	for _, c := range p.causes {
		b.Causes = append(b.Causes, okta.ErrorCause{Summary: c})
	}
	return b
}
