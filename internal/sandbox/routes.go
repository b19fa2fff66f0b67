package sandbox

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.com/rekey/internal/okta"
)

// handler carries out one operation.
type handler func(*Server, *request) (answer, error)

// route is an operation: a method and a path below /api/v1/apps or
// /api/v1/idps. In the path "{owner}" and "{item}" stand for one segment.
type route struct {
	kind   okta.Kind // "" = apps and IdPs alike
	method string
	path   []string
	handle handler
}

// routes lists the operations (Okta: Apps API, Application SSO Credential Keys
// and IdP Signing Keys). Where two paths fit, the first row counts.
func routes() []route {
	const get, put, post, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	row := func(kind okta.Kind, method, path string, h handler) route {
		r := route{kind: kind, method: method, handle: h}
		if path != "" {
			r.path = strings.Split(path, "/")
		}
		return r
	}
	return []route{
		row("", get, "", (*Server).listOwners),
		row("", get, "{owner}", (*Server).getOwner),
		row("", put, "{owner}", (*Server).putOwner),
		row("", get, "{owner}/credentials/csrs", (*Server).listCSRs),
		row("", post, "{owner}/credentials/csrs", (*Server).generateCSR),
		row("", get, "{owner}/credentials/csrs/{item}", (*Server).getCSR),
		row("", del, "{owner}/credentials/csrs/{item}", (*Server).revokeCSR),
		row("", post, "{owner}/credentials/csrs/{item}/lifecycle/publish", (*Server).publishCSR),
		row("", get, "{owner}/credentials/keys", (*Server).listKeys),
		row("", post, "{owner}/credentials/keys/generate", (*Server).generateKey),
		row(okta.IdP, get, "{owner}/credentials/keys/active", (*Server).activeKey),
		row("", get, "{owner}/credentials/keys/{item}", (*Server).getKey),
		row("", post, "{owner}/credentials/keys/{item}/clone", (*Server).cloneKey),
		row(okta.App, get, "{owner}/sso/saml/metadata", (*Server).appMetadata),
		row(okta.IdP, get, "{owner}/metadata.xml", (*Server).idpMetadata),
	}
}

// find is the handler of the request's operation; it notes in rq what the path
// names.
func (s *Server) find(rq *request) (handler, error) {
	path := rq.URL.EscapedPath()
	segments := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	kind, ok := map[string]okta.Kind{"apps": okta.App, "idps": okta.IdP}[segments[0]]
	if !ok || !strings.HasPrefix(path, "/api/v1/") {
		return nil, noSuchPath(rq.URL.Path)
	}
	var allow []string
	for _, r := range s.routes {
		if r.kind != "" && r.kind != kind || !rq.match(kind, r.path, segments[1:]) {
			continue
		}
		if r.method == rq.Method {
			return r.handle, nil
		}
		if !slices.Contains(allow, r.method) {
			allow = append(allow, r.method)
		}
	}
	if allow != nil {
		return nil, wrongMethod(strings.Join(allow, ", "))
	}
	return nil, noSuchPath(rq.URL.Path)
}

// match compares segments of a path, as they were sent, with a route's and
// takes the owner and item out of them.
func (rq *request) match(kind okta.Kind, pattern, segments []string) bool {
	if len(pattern) != len(segments) {
		return false
	}
	owner, item := okta.Owner{Kind: kind}, ""
	for i, p := range pattern {
		segment, err := url.PathUnescape(segments[i])
		if err != nil || segment == "" {
			return false
		}
		switch p {
		case "{owner}":
			owner.ID = segment
		case "{item}":
			item = segment
		case segment:
		default:
			return false
		}
	}
	rq.kind, rq.owner, rq.item = kind, owner, item
	return true
}

// link is an absolute URL of the org, for _links and headers.
func (rq *request) link(path string) string { return rq.base + path }

// accepts tells whether the client takes an answer of that media type.
func (rq *request) accepts(mediaType string) bool {
	return rq.preferred(mediaType) != ""
}

// preferred is the one of the offered media types that the Accept header likes
// best, the earlier of equals; "" when it takes none. Without the header, all
// are welcome (RFC 9110, section 12.5.1).
func (rq *request) preferred(offers ...string) string {
	values := rq.Header.Values("Accept")
	if len(values) == 0 {
		return offers[0]
	}
	best, bestQ := "", 0.0
	for _, offer := range offers {
		if q := quality(strings.Join(values, ","), offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// quality is the weight that an Accept header gives to a media type: that of
// the most specific range that fits.
func quality(accept, offer string) float64 {
	q, exactness := 0.0, -1
	for _, part := range strings.Split(accept, ",") {
		rng, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		fits := -1
		main, _, _ := strings.Cut(offer, "/")
		switch rng {
		case offer:
			fits = 2
		case main + "/*":
			fits = 1
		case "*/*":
			fits = 0
		}
		if fits <= exactness {
			continue
		}
		exactness, q = fits, 1
		if w, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(w, 64); err != nil || q < 0 || q > 1 {
				q = 1
			}
		}
	}
	return q
}

// jsonBody refuses a body that is not announced as JSON.
func (rq *request) jsonBody() *problem {
	mediaType, _, err := mime.ParseMediaType(rq.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return badMediaType("Content-Type: send application/json instead of %q", clip(rq.Header.Get("Content-Type")))
	}
	return nil
}
