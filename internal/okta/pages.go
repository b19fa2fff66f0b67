package okta

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// maxPages ends a list that never does.
const maxPages = 10_000

// pages reads a list page by page. Okta names the next one in the answer's
// Link header, to be followed as it stands (Okta: Pagination).
func (c *Client) pages(ctx context.Context, path string) iter.Seq2[answer, error] {
	return func(yield func(answer, error) bool) {
		seen := map[string]bool{}
		for path != "" {
			if seen[path] || len(seen) == maxPages {
				yield(answer{}, fmt.Errorf("okta: GET %s: the pages of this list lead in a circle", c.clean(path, 200)))
				return
			}
			seen[path] = true
			a, err := c.read(ctx, get(path), func([]byte) error { return nil })
			if err != nil {
				yield(answer{}, err)
				return
			}
			if !yield(a, nil) {
				return
			}
			next := nextLink(a.header)
			if next == "" {
				return
			}
			if path, err = c.local(next); err != nil {
				yield(answer{}, fmt.Errorf("okta: GET %s: the link to the next page is refused: %w", c.clean(a.call.Path, 200), err))
				return
			}
		}
	}
}

// local turns a link of Okta's into path and query. It must lead to the org
// itself, since the token goes along.
func (c *Client) local(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil || link == "" {
		return "", errors.New("there is no usable address")
	}
	if origin(u) != c.base || u.User != nil || u.Opaque != "" {
		return "", fmt.Errorf("it leads to %s instead of %s: set %s to the address under which Okta knows the org",
			c.clean(u.Scheme+"://"+u.Host, 100), c.base, SettingOrgURL)
	}
	return u.RequestURI(), nil
}

// nextLink is the target of the link with rel="next" (RFC 8288); "" if none.
func nextLink(h http.Header) string {
	for _, line := range h.Values("Link") {
		for line != "" {
			_, rest, ok := strings.Cut(line, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			params, line = cutLink(params)
			if isNext(params) {
				return target
			}
		}
	}
	return ""
}

// cutLink ends a link's parameters at the first comma outside quotes.
func cutLink(s string) (params, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func isNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
				if strings.EqualFold(rel, "next") {
					return true
				}
			}
		}
	}
	return false
}

// Page is one page of a list of owners.
type Page struct {
	Objects []Object
	Next    string // the next page's address as Okta gave it; "" on the last
}

// Page reads the one page at path, which may carry a query.
func (c *Client) Page(ctx context.Context, path string) (Page, error) {
	a, err := c.read(ctx, get(path), func([]byte) error { return nil })
	if err != nil {
		return Page{}, err
	}
	return c.page(a)
}

// page decodes an answer's objects. With an error it holds those before it.
func (c *Client) page(a answer) (Page, error) {
	page := Page{Next: nextLink(a.header)}
	for item, err := range items(a.body) {
		var object Object
		if err == nil {
			object, err = DecodeObject(item)
		}
		if err != nil {
			return page, c.undecodable(a, err)
		}
		page.Objects = append(page.Objects, object)
	}
	return page, nil
}
