package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"example.com/rekey/internal/okta"
)

// orgFormat names the form of an org on disk and its version.
const orgFormat = "rekey-sandbox-org/1"

// maxOrgBytes bounds what ReadOrg takes: some 20,000 apps.
const maxOrgBytes = 256 << 20

type orgFile struct {
	Format      string            `json:"format"`
	Apps        []ownerFile       `json:"apps"`
	IdPs        []ownerFile       `json:"idps"`
	PrivateKeys map[string]string `json:"private_keys"`
}

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
func (o *Org) Write(w io.Writer) error {
	snapshot := o.Clone()
	f := orgFile{Format: orgFormat, PrivateKeys: snapshot.pairs, Apps: []ownerFile{}, IdPs: []ownerFile{}}
	for _, id := range snapshot.Owners() {
		own, _ := snapshot.get(id)
		e := ownerFile{ID: id.ID, Object: own.object, Keys: own.keys, CSRs: own.csrs, Metadata: own.metadata}
		if e.Keys == nil {
			e.Keys = []okta.Object{}
		}
		if e.CSRs == nil {
			e.CSRs = []okta.Object{}
		}
		if id.Kind == okta.App {
			f.Apps = append(f.Apps, e)
		} else {
			f.IdPs = append(f.IdPs, e)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(f); err != nil {
		return fmt.Errorf("the sandbox org cannot be written: %w", err)
	}
	return nil
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
	if err := json.Unmarshal(top["private_keys"], &o.pairs); err != nil || o.pairs == nil {
		return nil, errors.New("private_keys is no object of texts")
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
	if raw, ok := m["metadata"]; ok && (json.Unmarshal(raw, &metadata) != nil || len(metadata) == 0) {
		return errors.New("its metadata is no object of texts")
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

// members takes a JSON object apart: it must have each name, those with a "?"
// may be absent, and no other.
func members(data []byte, names ...string) (map[string]json.RawMessage, error) {
	if _, err := okta.DecodeObject(data); err != nil { // refuses what a map would hide, such as a name twice
		return nil, err
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
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
