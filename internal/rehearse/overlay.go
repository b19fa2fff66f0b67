package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

// RoundTrip serves a request from the copy, after copying the parts that it
// concerns. A refusal or a failure of the live org is passed on in its own
// words. That an owner does not exist is a base of the plan like anything else.
func (o *Org) RoundTrip(r *http.Request) (*http.Response, error) {
	kind, segments, ok := parse(r.URL)
	if !ok {
		return o.serve.RoundTrip(r)
	}
	if len(segments) == 0 {
		return o.list(r, kind)
	}
	owners := []okta.Owner{{Kind: kind, ID: segments[0]}}
	query := r.URL.Query()
	if target := query.Get("targetAid") + query.Get("targetIdpId"); target != "" {
		owners = append(owners, okta.Owner{Kind: kind, ID: target})
	}
	for _, owner := range owners {
		for _, part := range partsOf(r.Method, segments[1:]) {
			if err := o.ensure(r.Context(), owner, part); err != nil {
				return answerOf(r, err)
			}
		}
		if kid := o.described(owner, segments[1:], query); kid != "" {
			if err := o.ensure(r.Context(), owner, "metadata?"+kid); err != nil {
				return answerOf(r, err)
			}
		}
	}
	return o.serve.RoundTrip(r)
}

// described is the key whose SAML metadata a request asks for: an app's by its
// kid, an IdP's the one that is active now; "" for any other request.
func (o *Org) described(owner okta.Owner, rest []string, query url.Values) string {
	switch {
	case owner.Kind == okta.App && slices.Contains(rest, "metadata"):
		return query.Get("kid")
	case owner.Kind == okta.IdP && slices.Equal(rest, []string{"metadata.xml"}):
		object, _ := o.copy.Object(owner)
		return object.Text(okta.SigningPointer(okta.IdP))
	}
	return ""
}

// parse takes the path of an owner, or of the list of owners, apart.
func parse(u *url.URL) (kind okta.Kind, segments []string, ok bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), "/api/v1/")
	if !ok {
		return "", nil, false
	}
	all := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	for i := range all {
		text, err := url.PathUnescape(all[i])
		if err != nil {
			return "", nil, false
		}
		all[i] = text
	}
	switch all[0] {
	case "apps":
		return okta.App, all[1:], true
	case "idps":
		return okta.IdP, all[1:], true
	}
	return "", nil, false
}

// partsOf names the parts of an owner that a request reads or checks. The
// object is always among them: without it there is no owner.
func partsOf(method string, rest []string) []string {
	switch {
	case len(rest) == 0 && method == http.MethodGet:
		return []string{"object"}
	case len(rest) > 1 && rest[1] == "csrs" && len(rest) == 5:
		return []string{"object", "csrs", "keys"}
	case len(rest) > 1 && rest[1] == "csrs":
		return []string{"object", "csrs"}
	}
	return []string{"object", "keys"}
}

// ensure copies a part of an owner once.
func (o *Org) ensure(ctx context.Context, owner okta.Owner, part string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := owner.String() + "/" + part
	if err, done := o.copied[name]; done {
		return err
	}
	err := o.fetch(ctx, owner, part)
	o.copied[name] = err
	if _, again := o.first[name]; err == nil && !again {
		o.first[name] = o.copy.Snapshot(owner)
	}
	return err
}

// fetch copies a part from the live org, or invents its owner.
func (o *Org) fetch(ctx context.Context, owner okta.Owner, part string) error {
	if o.live == nil {
		if o.copy.Has(owner) {
			return nil
		}
		if err := o.copy.Invent(owner, o.now, o.kids...); err != nil {
			return err
		}
		for _, part := range parts { // all at once
			o.first[owner.String()+"/"+part] = o.copy.Snapshot(owner)
		}
		return nil
	}
	if xml, ok := strings.CutPrefix(part, "metadata?"); ok {
		return o.metadata(ctx, owner, xml)
	}
	read, err := readPart(ctx, o.live, owner, part)
	if read.digest != "" {
		o.bases[owner.String()+"/"+part] = read.digest
	}
	if err != nil {
		return err
	}
	o.seen[owner.String()+"/"+part] = read.seen()
	switch part {
	case "object":
		return o.copy.PutObject(owner, read.data)
	case "keys":
		return o.copy.PutKeys(owner, read.data)
	}
	return o.copy.PutCSRs(owner, read.data)
}

// metadata copies the metadata of a key that the live org has; of a rehearsed
// key the sandbox writes it.
func (o *Org) metadata(ctx context.Context, owner okta.Owner, kid string) error {
	var object okta.Object
	if owner.Kind == okta.IdP {
		var err error
		if object, err = o.live.Object(ctx, owner); err != nil {
			return err
		}
		if object.Text(okta.SigningPointer(okta.IdP)) != kid { // switched in the rehearsal
			return nil
		}
	}
	xml, err := o.live.MetadataOf(ctx, owner, object, kid)
	switch {
	case okta.NotFound(err) && o.rehearsed(owner, kid):
		return nil
	case err != nil:
		return err
	}
	return o.copy.PutMetadata(owner, kid, xml)
}

// rehearsed reports whether a key came to its owner in the rehearsal.
func (o *Org) rehearsed(owner okta.Owner, kid string) bool {
	among := func(keys []okta.Object) bool {
		return slices.ContainsFunc(keys, func(key okta.Object) bool { return key.Text("/kid") == kid })
	}
	return among(o.copy.Snapshot(owner).Keys()) && !among(o.first[owner.String()+"/keys"].Keys())
}

// list serves a page of owners: the live org's page without the owners that
// were copied, and on the last page those of them that the filter matches as
// they are now.
func (o *Org) list(r *http.Request, kind okta.Kind) (*http.Response, error) {
	if o.live == nil {
		return o.serve.RoundTrip(r)
	}
	page, err := o.live.Page(r.Context(), r.URL.RequestURI())
	if err != nil {
		return answerOf(r, err)
	}
	kept := []okta.Object{}
	for _, object := range page.Objects {
		if !o.copy.Has(okta.Owner{Kind: kind, ID: object.Text("/id")}) {
			kept = append(kept, object)
		}
	}
	if page.Next == "" {
		matching, err := o.matching(r, kind)
		if err != nil {
			return nil, err
		}
		kept = append(kept, matching...)
	}
	body, err := json.Marshal(kept)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if page.Next != "" {
		header.Set("Link", fmt.Sprintf("<%s>; rel=\"next\"", page.Next))
	}
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// matching are the copied owners that the list's filter matches.
func (o *Org) matching(r *http.Request, kind okta.Kind) ([]okta.Object, error) {
	filter, err := sandbox.ParseFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	var out []okta.Object
	idpType := r.URL.Query().Get("type")
	for _, owner := range o.copy.Owners() {
		object, ok := o.copy.Object(owner)
		if ok && owner.Kind == kind && filter.Match(object) && (idpType == "" || object.Text("/type") == idpType) {
			out = append(out, object)
		}
	}
	return out, nil
}
