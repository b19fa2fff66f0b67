package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"example.com/rekey/internal/sandbox"
)

// judge holds what passes by against the contract.
type judge struct {
	doc    *openapi3.T
	router routers.Router

	mu       sync.Mutex
	findings map[string]string   // what deviates → where it was seen first
	seen     map[string]tally    // by operation
	tokens   map[string][]string // the scopes of each access token that was given out
}

// tally is what became of an operation.
type tally struct {
	sent     map[party]int // requests that succeeded, by who sent them
	answered map[int]int   // answers by status
}

func (n tally) good() bool    { return n.any(func(status int) bool { return status < 300 }) }
func (n tally) refused() bool { return n.any(func(status int) bool { return status >= 400 }) }

func (n tally) any(is func(status int) bool) bool {
	for status := range n.answered {
		if is(status) {
			return true
		}
	}
	return false
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	doc, err := contract()
	if err != nil {
		t.Fatalf("Okta's contract: %v", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	// These bodies are texts to the contract; kin-openapi has no decoder for
	// their types of its own, and its registry is one for the process.
	for _, mediaType := range []string{
		"application/pkix-cert", "application/x-x509-ca-cert", "application/x-pem-file", // publishing a CSR
		"application/pkcs10", "text/xml",
	} {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.FileBodyDecoder)
		t.Cleanup(func() { openapi3filter.UnregisterBodyDecoder(mediaType) })
	}
	return &judge{doc: doc, router: router, findings: map[string]string{}, seen: map[string]tally{}, tokens: map[string][]string{}}
}

// watch is a transport on whose way the judge sits. Answers are always judged,
// requests only if they are our own: others are not ours to mend, or meant to be
// bad.
func (j *judge) watch(next http.RoundTripper, from *sender) http.RoundTripper {
	return watched{j, next, from}
}

type watched struct {
	judge *judge
	next  http.RoundTripper
	from  *sender
}

func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	again := func() *http.Request {
		c := r.Clone(r.Context())
		c.Body = http.NoBody
		if sent != nil {
			c.Body, c.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
		}
		return c
	}
	a, err := w.next.RoundTrip(again())
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	w.judge.weigh(again(), sent, w.from, a, body)
	a.Body = io.NopCloser(bytes.NewReader(body))
	return a, nil
}

// stand is a server on whose way the judge sits, for programs that send what
// they send by themselves.
func (j *judge) stand(next http.Handler, from *sender) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := watched{j, sandbox.Transport(next), from}.RoundTrip(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer a.Body.Close()
		maps.Copy(w.Header(), a.Header)
		w.WriteHeader(a.StatusCode)
		io.Copy(w, a.Body)
	})
}

// options are how kin-openapi judges; the function says whether a request
// carries what the contract asks of it.
func options(authenticate openapi3filter.AuthenticationFunc) *openapi3filter.Options {
	return &openapi3filter.Options{
		MultiError: true, IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
		AuthenticationFunc: authenticate,
	}
}

// weigh judges one exchange.
func (j *judge) weigh(r *http.Request, sent []byte, from *sender, a *http.Response, body []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.URL.Path == j.flow().TokenURL {
		j.weighToken(r, sent, from, a, body)
		return
	}
	j.checkScheme(r, from)
	route, params, err := j.router.FindRoute(r)
	if err != nil {
		j.weighOutside(r, from, a, body)
		return
	}
	op := operation{method: r.Method, path: route.Path}
	j.count(op, from, a.StatusCode)
	asked := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options(j.authenticate(from))}
	if from.ours() {
		j.note(fmt.Sprintf("request %s", op), r, sent, openapi3filter.ValidateRequest(r.Context(), asked))
	}
	where := fmt.Sprintf("answer %d %s", a.StatusCode, op)
	if route.Operation.Responses.Status(a.StatusCode) == nil {
		j.add(where+": the status is not declared", r)
		j.note(where, r, body, j.asError(a, body))
		return
	}
	answered := &openapi3filter.ResponseValidationInput{RequestValidationInput: asked, Status: a.StatusCode, Header: a.Header, Options: asked.Options}
	answered.SetBodyBytes(body)
	j.note(where, r, body, openapi3filter.ValidateResponse(r.Context(), answered))
	if a.StatusCode == http.StatusNoContent && len(body) > 0 {
		j.add(where+": it has a body", r)
	}
}

// weighOutside judges an answer to a request that the contract has nothing to
// say of: anything but a refusal deviates.
func (j *judge) weighOutside(r *http.Request, from *sender, a *http.Response, body []byte) {
	where := fmt.Sprintf("answer %d %s elsewhere", a.StatusCode, r.Method)
	for _, op := range operations {
		if op.outside && op.method == r.Method && matches(op.fill("*", "*"), r.URL.Path) {
			j.count(op, from, a.StatusCode)
			where = fmt.Sprintf("answer %d %s", a.StatusCode, op)
		}
	}
	if a.StatusCode < 400 {
		j.add(where+": the path is not declared", r)
		return
	}
	j.note(where, r, body, j.asError(a, body))
}

// asError holds an answer against the contract's Error object.
func (j *judge) asError(a *http.Response, body []byte) error {
	schema := j.doc.Components.Schemas["Error"]
	media := openapi3.NewContentWithJSONSchemaRef(schema)
	description := "any refusal"
	operation := &openapi3.Operation{Responses: openapi3.NewResponses(
		openapi3.WithName("default", &openapi3.Response{Description: &description, Content: media}))}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: a.Request, Route: &routers.Route{Spec: j.doc, Operation: operation},
		},
		Status: a.StatusCode, Header: a.Header, Options: options(nil),
	}
	in.SetBodyBytes(body)
	return openapi3filter.ValidateResponse(a.Request.Context(), in)
}

func (j *judge) count(op operation, from *sender, status int) {
	n := j.seen[op.String()]
	if n.answered == nil {
		n.answered, n.sent = map[int]int{}, map[party]int{}
	}
	n.answered[status]++
	if status < 300 {
		n.sent[from.party]++
	}
	j.seen[op.String()] = n
}

// note adds what a verdict says about a body.
func (j *judge) note(where string, r *http.Request, body []byte, err error) {
	all := causes(err)
	if len(all) == 0 {
		return
	}
	var doc any // stays nil where the body is no JSON
	if json.Unmarshal(body, &doc) != nil {
		doc = nil
	}
	for _, c := range all {
		j.add(where+": "+c.text(doc), r)
	}
}

func (j *judge) add(finding string, r *http.Request) {
	if _, ok := j.findings[finding]; !ok {
		j.findings[finding] = r.Method + " " + r.URL.RequestURI()
	}
}

// matches tells whether text is what pattern says, with * for any run.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(text, parts[0])
	if len(parts) == 1 || !ok {
		return ok && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
