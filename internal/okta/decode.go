package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// list reads all pages of an owner's "keys" or "csrs".
func list[T any](ctx context.Context, c *Client, o Owner, what string, check func(T) error) ([]T, time.Time, error) {
	if err := o.check(); err != nil {
		return nil, time.Time{}, err
	}
	all := []T{}
	var date time.Time
	for page, err := range c.pages(ctx, credentials(o, what)) {
		if err != nil {
			return nil, time.Time{}, err
		}
		items, err := recently(c.recent, page.call.Path, page.body, func(data []byte) ([]T, error) { return decodeList(data, check) })
		if err != nil {
			return nil, time.Time{}, c.undecodable(page, err)
		}
		if date.IsZero() {
			date = page.date()
		}
		all = append(all, items...)
	}
	return all, date, nil
}

// one sends a request whose answer is a key or a CSR.
func one[T any](ctx context.Context, c *Client, r request, check func(T) error) (T, error) {
	var v, none T
	_, err := c.read(ctx, r, func(data []byte) error {
		if err := decodeItem(data, &v); err != nil {
			return err
		}
		return check(v)
	})
	if err != nil {
		return none, err
	}
	return v, nil
}

// read sends a request and has the answer decoded. An answer of success that
// is not what the operation yields leaves the outcome of a write unknown.
func (c *Client) read(ctx context.Context, r request, decode func([]byte) error) (answer, error) {
	a, err := c.do(ctx, r)
	if err != nil {
		return answer{}, err
	}
	if !slices.Contains(r.want, a.status) {
		err = fmt.Errorf("its status is %d", a.status)
	} else {
		err = decode(a.body)
	}
	if err != nil {
		return answer{}, c.undecodable(a, err)
	}
	return a, nil
}

func checkKey(k Key) error {
	if k.Kid == "" {
		return errors.New("a key in it has no kid")
	}
	return nil
}

func checkCSR(csr CSR) error {
	if csr.ID == "" {
		return errors.New("a CSR in it has no id")
	}
	return nil
}

// checkNewCSR also asks for the request itself: without it a new CSR is of no
// use, and the answer as good as lost.
func checkNewCSR(csr CSR) error {
	if csr.CSR == "" {
		return errors.New("the CSR in it has no text")
	}
	return checkCSR(csr)
}

// items takes a list apart, one text for each. A null is not an empty list:
// whoever looks for the trace of a write must not be told that there is none.
func items(data []byte) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		dec := jsontext.NewDecoder(bytes.NewBuffer(data))
		if dec.PeekKind() != '[' {
			yield(nil, errors.New("it is no list"))
			return
		}
		_, err := dec.ReadToken()
		for err == nil && dec.PeekKind() != ']' {
			var v jsontext.Value
			if v, err = dec.ReadValue(); err == nil && !yield(json.RawMessage(v), nil) {
				return
			}
		}
		if err == nil {
			_, err = dec.ReadToken()
		}
		if err != nil {
			yield(nil, notJSON(err))
			return
		}
		if err := wantEnd(dec); err != nil {
			yield(nil, err)
		}
	}
}

func decodeList[T any](data []byte, check func(T) error) (list []T, err error) {
	for item, err := range items(data) {
		if err != nil {
			return nil, err
		}
		var v T
		if err := decodeItem(item, &v); err != nil {
			return nil, err
		}
		if err := check(v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// decodeItem spares what reads itself a look that encoding/json takes first.
func decodeItem(data []byte, to any) error {
	if u, ok := to.(json.Unmarshaler); ok {
		return u.UnmarshalJSON(data)
	}
	return json.Unmarshal(data, to)
}
