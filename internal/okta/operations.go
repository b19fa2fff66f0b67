package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Object reads an app or IdP.
func (c *Client) Object(ctx context.Context, o Owner) (Object, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var obj Object
	r := get(o.Path())
	_, err := c.read(ctx, r, func(data []byte) (err error) {
		obj, err = recently(c.recent, r.path, data, DecodeObject)
		return err
	})
	if err != nil {
		return nil, err
	}
	return obj, nil
}

// ErrOtherChange is the cause when a body is not sent for what [Change.Rest] says.
var ErrOtherChange = errors.New("its body differs from what was read in more")

// Replace writes an app or IdP as a whole (PUT). Neither kind offers a guard
// against somebody else's change in between: read right before, and read back.
//
// The body must be what change says: To at Pointer and, if Rest is given, Rest
// as the digest of everything else, apart from parents made for the value.
// Another one is refused unsent. [Object.Changed] makes body and change.
func (c *Client) Replace(ctx context.Context, o Owner, body Object, change Change) error {
	if err := o.check(); err != nil {
		return err
	}
	at, _ := body.At(change.Pointer)
	if change.Rest == "" {
		change.Rest = Digest(body.Without(change.Pointer))
	}
	text, same := body.encodeAs(change.Pointer, change.Rest)
	switch {
	case !bytes.Equal(encode(at), encode(change.To)):
		return fmt.Errorf("okta: PUT %s was not sent: its body has another value at %s than the change says", o.Path(), change.Pointer)
	case !same:
		return fmt.Errorf("okta: PUT %s was not sent: %w than %s", o.Path(), ErrOtherChange, change.Pointer)
	}
	r := write(http.MethodPut, o.Path(), text, http.StatusOK)
	r.change = &change
	_, err := c.read(ctx, r, func(data []byte) error {
		if jsontext.Value(data).Kind() != '{' {
			return errors.New("it is no JSON object")
		}
		ahead(c.recent, r.path, data, DecodeObject) // what reading it back is likely to say
		return nil
	})
	return err
}

// Keys lists an owner's key credentials. The time is that of Okta's clock, the
// Date header of the (first) answer, in whole seconds; zero if there was none.
func (c *Client) Keys(ctx context.Context, o Owner) ([]Key, time.Time, error) {
	return list(ctx, c, o, "keys", checkKey)
}

// Key reads one key credential.
func (c *Client) Key(ctx context.Context, o Owner, kid string) (Key, error) {
	if err := errors.Join(o.check(), checkID("kid", kid)); err != nil {
		return Key{}, err
	}
	return one(ctx, c, get(credentials(o, "keys", kid)), func(k Key) error {
		if k.Kid != kid {
			return fmt.Errorf("it is about key %q", k.Kid)
		}
		return nil
	})
}

// ActiveKeys lists the active keys of an IdP: one, or none (Okta: List the
// active signing key credential for IdP, 200 or 204). Apps have no such call:
// their object holds the active kid, see [SigningPointer].
func (c *Client) ActiveKeys(ctx context.Context, o Owner) ([]Key, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Kind != IdP {
		return nil, fmt.Errorf("okta: %s: only an IdP has a call for its active key: read %s of the app instead", o, SigningPointer(App))
	}
	var keys []Key
	r := get(credentials(o, "keys", "active"))
	r.want = []int{http.StatusOK, http.StatusNoContent}
	_, err := c.read(ctx, r, func(data []byte) (err error) {
		if len(bytes.TrimSpace(data)) > 0 {
			keys, err = decodeList(data, checkKey)
		}
		return err
	})
	return keys, err
}

// CSRs lists the certificate signing requests that wait for their
// certificates; a published one is gone. The time is as for [Client.Keys].
func (c *Client) CSRs(ctx context.Context, o Owner) ([]CSR, time.Time, error) {
	return list(ctx, c, o, "csrs", checkCSR)
}

// CSR reads one certificate signing request.
func (c *Client) CSR(ctx context.Context, o Owner, id string) (CSR, error) {
	if err := errors.Join(o.check(), checkID("CSR id", id)); err != nil {
		return CSR{}, err
	}
	return one(ctx, c, get(credentials(o, "csrs", id)), func(csr CSR) error {
		if csr.ID != id {
			return fmt.Errorf("it is about CSR %q", csr.ID)
		}
		return nil
	})
}

// GenerateKey makes a key pair with a certificate that Okta signs itself,
// valid for 2 to 10 years. The key is not activated, and nothing deletes it.
func (c *Client) GenerateKey(ctx context.Context, o Owner, years int) (Key, error) {
	if err := o.check(); err != nil {
		return Key{}, err
	}
	path := credentials(o, "keys", "generate") + "?validityYears=" + strconv.Itoa(years)
	return one(ctx, c, write(http.MethodPost, path, nil, http.StatusOK, http.StatusCreated), checkKey)
}

// CloneKey gives the key kid of owner o to another owner of the same kind too,
// whose id is target. It is not activated there, and nothing deletes it.
func (c *Client) CloneKey(ctx context.Context, o Owner, kid, target string) (Key, error) {
	if err := errors.Join(o.check(), checkID("kid", kid), checkID("id of the target", target)); err != nil {
		return Key{}, err
	}
	query := "targetAid"
	if o.Kind == IdP {
		query = "targetIdpId"
	}
	path := credentials(o, "keys", kid, "clone") + "?" + url.Values{query: {target}}.Encode()
	return one(ctx, c, write(http.MethodPost, path, nil, http.StatusOK, http.StatusCreated), checkKey)
}

// GenerateCSR makes a key pair in Okta and its certificate signing request.
func (c *Client) GenerateCSR(ctx context.Context, o Owner, req CSRRequest) (CSR, error) {
	if err := o.check(); err != nil {
		return CSR{}, err
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(req); err != nil {
		return CSR{}, fmt.Errorf("okta: the CSR's subject has no JSON form: %w", err)
	}
	data := bytes.TrimSpace(body.Bytes())
	return one(ctx, c, write(http.MethodPost, credentials(o, "csrs"), data, http.StatusOK, http.StatusCreated), checkNewCSR)
}

// RevokeCSR deletes a CSR and its key pair, for good.
func (c *Client) RevokeCSR(ctx context.Context, o Owner, id string) error {
	if err := errors.Join(o.check(), checkID("CSR id", id)); err != nil {
		return err
	}
	r := write(http.MethodDelete, credentials(o, "csrs", id), nil, http.StatusNoContent, http.StatusOK)
	_, err := c.read(ctx, r, func([]byte) error { return nil })
	return err
}

// PublishCSR hands Okta the certificate for a CSR: the CSR is gone, its key
// pair becomes a key credential, which is not activated. Okta refuses a
// certificate of another key, and one valid for less than 90 days.
func (c *Client) PublishCSR(ctx context.Context, o Owner, id string, cert CertificateBody) (Key, error) {
	if err := errors.Join(o.check(), checkID("CSR id", id)); err != nil {
		return Key{}, err
	}
	r := write(http.MethodPost, credentials(o, "csrs", id, "lifecycle", "publish"), cert.Body, http.StatusCreated, http.StatusOK)
	r.contentType, r.encoding = cert.ContentType, cert.TransferEncoding
	return one(ctx, c, r, checkKey)
}

// Apps goes through the apps that match filter, all if it is "", reading page
// after page. A filter is an expression of Okta's over id, status, name and
// credentials.signing.kid: `credentials.signing.kid eq "…"`. An error ends it.
func (c *Client) Apps(ctx context.Context, filter string) iter.Seq2[Object, error] {
	return c.objects(ctx, "/api/v1/apps", "filter", filter)
}

// IdPs goes through the identity providers of a type ("SAML2"), all if it is
// "", as [Client.Apps] does.
func (c *Client) IdPs(ctx context.Context, idpType string) iter.Seq2[Object, error] {
	return c.objects(ctx, "/api/v1/idps", "type", idpType)
}

func (c *Client) objects(ctx context.Context, path, param, value string) iter.Seq2[Object, error] {
	q := url.Values{"limit": {"200"}} // the most that Okta gives at once
	if value != "" {
		q.Set(param, value)
	}
	return func(yield func(Object, error) bool) {
		for a, err := range c.pages(ctx, path+"?"+q.Encode()) {
			var page Page
			if err == nil {
				page, err = c.page(a)
			}
			for _, object := range page.Objects {
				if !yield(object, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func get(path string) request {
	return request{method: http.MethodGet, path: path, want: []int{http.StatusOK}}
}

func write(method, path string, body []byte, want ...int) request {
	r := request{method: method, path: path, body: body, want: want}
	if method != http.MethodDelete {
		r.contentType = typeJSON
	}
	return r
}

// credentials is a path below an owner's credentials, each part escaped.
func credentials(o Owner, parts ...string) string {
	path := o.Path() + "/credentials"
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}
