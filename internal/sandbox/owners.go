package sandbox

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.com/rekey/internal/okta"
)

func (s *Server) getOwner(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	if w.object == nil {
		return answer{}, notFound(ownerKind(rq.kind), rq.owner.ID)
	}
	return rq.jsonAnswer(http.StatusOK, rq.linked(rq.owner, w.object))
}

// linked is an owner's object with its links, unless it has some of its own.
func (rq *request) linked(id okta.Owner, object okta.Object) okta.Object {
	if _, ok := object["_links"]; ok {
		return object
	}
	self := rq.link(id.Path())
	links := map[string]any{
		"users":      href(self+"/users", "GET"),
		"deactivate": href(self+"/lifecycle/deactivate", "POST"),
	}
	switch {
	case object.Text("/type") == "SAML2":
		links["metadata"] = xmlHref(self + "/metadata.xml")
		links["acs"] = href(rq.link("/sso/saml2/"+id.ID), "POST")
	case id.Kind == okta.App:
		links["self"] = href(self, "GET", "PUT")
		links["groups"] = href(self+"/groups", "GET")
		if kid := object.Text(okta.SigningPointer(okta.App)); kid != "" && object.Text("/signOnMode") == "SAML_2_0" {
			links["metadata"] = xmlHref(self + "/sso/saml/metadata?kid=" + url.QueryEscape(kid))
		}
	}
	object = maps.Clone(object)
	object["_links"] = links
	return object
}

func xmlHref(url string) map[string]any {
	link := href(url, "GET")
	link["type"] = "application/xml"
	return link
}

const defaultLimit, maxLimit = 20, 200

// listOwners answers a page of the apps or IdPs, sorted by id. The next page
// is behind the Link header (Okta: pagination); its cursor is opaque.
func (s *Server) listOwners(rq *request) (answer, error) {
	matches, err := rq.selection()
	if err != nil {
		return answer{}, err
	}
	limit, err := rq.limit()
	if err != nil {
		return answer{}, err
	}
	after, err := rq.cursor()
	if err != nil {
		return answer{}, err
	}
	page, more := []okta.Object{}, false
	var last string
	for _, id := range s.org.ids(rq.kind) {
		w, ok := s.org.get(id)
		if !ok || w.object == nil || after != "" && id.ID <= after || !matches(w.object) {
			continue
		}
		if more = len(page) == limit; more {
			break
		}
		page = append(page, rq.linked(id, w.object))
		last = id.ID
	}
	a, err := rq.jsonAnswer(http.StatusOK, page)
	if err != nil {
		return a, err
	}
	a.header.Add("Link", fmt.Sprintf("<%s>; rel=\"self\"", rq.link(pathOf(rq.Request))))
	if more {
		query := rq.URL.Query()
		query.Set("after", base64.RawURLEncoding.EncodeToString([]byte(last)))
		query.Set("limit", strconv.Itoa(limit))
		a.header.Add("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", rq.link(rq.URL.EscapedPath()), query.Encode()))
	}
	return a, nil
}

// selection is what the query lists: apps by filter and q, IdPs by type and q.
func (rq *request) selection() (func(okta.Object) bool, error) {
	query := rq.URL.Query()
	q := strings.ToLower(query.Get("q"))
	starts := func(o okta.Object, pointer string) bool {
		return strings.HasPrefix(strings.ToLower(o.Text(pointer)), q)
	}
	if rq.kind == okta.IdP {
		wanted := query.Get("type")
		return func(o okta.Object) bool {
			return (wanted == "" || o.Text("/type") == wanted) && starts(o, "/name")
		}, nil
	}
	filter, err := ParseFilter(query.Get("filter"))
	if err != nil {
		return nil, invalid("filter", "%v", err)
	}
	return func(o okta.Object) bool {
		return filter.Match(o) && (starts(o, "/name") || starts(o, "/label"))
	}, nil
}

func (rq *request) limit() (int, error) {
	query := rq.URL.Query()
	text := query.Get("limit")
	if !query.Has("limit") || rq.kind == okta.App && text == "-1" {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, invalid("limit", "limit must be a whole number from 1 to %d, not %q", maxLimit, clip(text))
	}
	return limit, nil
}

func (rq *request) cursor() (string, error) {
	after, err := base64.RawURLEncoding.DecodeString(rq.URL.Query().Get("after"))
	if err != nil {
		return "", invalid("after", "this is no cursor of a Link header: follow the link verbatim")
	}
	return string(after), nil
}

// signs tells the sign-on modes of apps for which Okta signs with the app's
// key (Okta: Share application key credentials).
func signs(mode string) bool {
	return slices.Contains([]string{"SAML_2_0", "SAML_1_1", "WS_FEDERATION"}, mode)
}
