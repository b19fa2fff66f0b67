package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"example.com/rekey/internal/okta"
)

// orgFormat names the form of an org on disk and its version.
const orgFormat = "rekey-sandbox-org/1"

// maxOrgBytes bounds what ReadOrg takes: some 20,000 apps.
const maxOrgBytes = 256 << 20

type ownerFile struct {
	ID       string            `json:"id"`
	Object   okta.Object       `json:"object,omitempty"`
	Keys     []okta.Object     `json:"keys"`
	CSRs     []okta.Object     `json:"csrs"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Write writes the org as JSON, in the form that [ReadOrg] reads and GET
// /_sandbox/org answers. Equal orgs yield equal bytes: owners are sorted by
// id, members by name, keys and CSRs stand in the order of their making. It
// holds the private keys of the pairs that the sandbox made.
//
// What an owner looks like in the file is found once for each state of it, so
// that writing an org again costs little more than copying it.
func (o *Org) Write(w io.Writer) error {
	snapshot := o.Clone()
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n \"format\": %q,\n", orgFormat)
	for _, list := range []struct {
		name string
		kind okta.Kind
	}{{"apps", okta.App}, {"idps", okta.IdP}} {
		fmt.Fprintf(&b, " %q: [", list.name)
		ids := snapshot.ids(list.kind)
		for i, id := range ids {
			own, _ := snapshot.get(id)
			text, err := own.inFile(id.ID)
			if err != nil {
				return fmt.Errorf("the sandbox org cannot be written: %s: %w", id, err)
			}
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("\n  ")
			b.Write(text)
		}
		if len(ids) > 0 {
			b.WriteString("\n ")
		}
		b.WriteString("],\n")
	}
	pairs, err := indented(snapshot.pairs, " ")
	if err != nil {
		return fmt.Errorf("the sandbox org cannot be written: %w", err)
	}
	b.WriteString(" \"private_keys\": ")
	b.Write(pairs)
	b.WriteString("\n}\n")
	_, err = b.WriteTo(w)
	return err
}

// inFile is the owner as it stands in an org's file.
func (w *owner) inFile(id string) ([]byte, error) {
	w.writing.Do(func() {
		w.text, w.textErr = indented(ownerFile{ID: id, Object: w.object, Keys: list(w.keys), CSRs: list(w.csrs), Metadata: w.metadata}, "  ")
	})
	return w.text, w.textErr
}

// indented is v as JSON whose lines but the first begin with prefix.
func indented(v any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, " ")
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// ReadOrg reads what [Org.Write] wrote. What is damaged, unknown or does not
// fit together is refused with the place where it stands.
func ReadOrg(r io.Reader) (*Org, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxOrgBytes+1))
	if err == nil && len(data) > maxOrgBytes {
		err = fmt.Errorf("it is larger than %d MiB", maxOrgBytes>>20)
	}
	var o *Org
	if err == nil {
		o, err = decodeOrg(data)
	}
	if err != nil {
		return nil, fmt.Errorf("the sandbox org cannot be read: %w; use a file that GET /_sandbox/org or rekey wrote", err)
	}
	return o, nil
}

func decodeOrg(data []byte) (*Org, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the JSON is no UTF-8")
	}
	if !json.Valid(data) { // below, a text that breaks off would be read half way
		var v any
		return nil, fmt.Errorf("this is no JSON: %w", json.Unmarshal(data, &v))
	}
	top, err := members(data, "format", "apps", "idps", "private_keys")
	if err != nil {
		return nil, err
	}
	var format string
	if err := json.Unmarshal(top["format"], &format); err != nil || format != orgFormat {
		return nil, fmt.Errorf("its format is %s instead of %q", clip(string(top["format"])), orgFormat)
	}
	o := NewOrg()
	for _, list := range []struct {
		name string
		kind okta.Kind
	}{{"apps", okta.App}, {"idps", okta.IdP}} {
		var items []json.RawMessage
		if err := json.Unmarshal(top[list.name], &items); err != nil {
			return nil, fmt.Errorf("%s is no list: %w", list.name, err)
		}
		for i, item := range items {
			if err := o.decodeOwner(list.kind, item); err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", list.name, i, err)
			}
		}
	}
	if o.pairs, err = texts(top["private_keys"]); err != nil {
		return nil, fmt.Errorf("private_keys is no object of texts: %w", err)
	}
	return o, o.checkPairs()
}

func (o *Org) decodeOwner(kind okta.Kind, data []byte) error {
	m, err := members(data, "id", "object?", "keys", "csrs", "metadata?")
	if err != nil {
		return err
	}
	var id string
	if err := json.Unmarshal(m["id"], &id); err != nil {
		return errors.New("its id is no text")
	}
	owner, err := okta.ParseOwner(string(kind) + "/" + id)
	if err != nil {
		return err
	}
	if o.Has(owner) {
		return fmt.Errorf("the id %q occurs twice", clip(id))
	}
	if err := o.PutKeys(owner, m["keys"]); err != nil {
		return err
	}
	if err := o.PutCSRs(owner, m["csrs"]); err != nil {
		return err
	}
	if raw, ok := m["object"]; ok {
		if err := o.PutObject(owner, raw); err != nil {
			return err
		}
	}
	var metadata map[string]string
	if raw, ok := m["metadata"]; ok {
		if metadata, err = texts(raw); err != nil || len(metadata) == 0 {
			return errors.New("its metadata is no object of texts")
		}
	}
	for kid, xml := range metadata {
		if err := o.PutMetadata(owner, kid, []byte(xml)); err != nil {
			return err
		}
	}
	return nil
}

// checkPairs refuses private keys that are damaged or stand under the name of
// another key.
func (o *Org) checkPairs() error {
	for print, text := range o.pairs {
		pair, err := parsePair(text)
		if err != nil {
			return fmt.Errorf("private_keys: the key %q: %w", clip(print), err)
		}
		if own := thumbprint(&pair.PublicKey); own != print {
			return fmt.Errorf("private_keys: the key under %q is the one of %q", clip(print), own)
		}
	}
	return nil
}

// texts reads a JSON object of texts.
func texts(data []byte) (map[string]string, error) {
	object, err := okta.DecodeObject(data)
	if err != nil {
		return nil, err
	}
	m := make(map[string]string, len(object))
	for name, v := range object {
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%q is none", clip(name))
		}
		m[name] = text
	}
	return m, nil
}

// members takes a JSON object apart: it must have each name once, those with a
// "?" may be absent, and no other. What the members hold is not looked at.
func members(data []byte, names ...string) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	m := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("it has the member %q twice", clip(name))
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		m[name] = value
	}
	left := len(m)
	for _, name := range names {
		optional := name[len(name)-1] == '?'
		if optional {
			name = name[:len(name)-1]
		}
		if _, ok := m[name]; ok {
			left--
		} else if !optional {
			return nil, fmt.Errorf("the member %q is missing", name)
		}
	}
	if left > 0 {
		return nil, fmt.Errorf("it has a member besides %v", names)
	}
	return m, nil
}
