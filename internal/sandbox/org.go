package sandbox

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/rekey/internal/okta"
)

// Org is the state of an org: owners with their objects, keys and CSRs, and
// the private keys of those key pairs that the sandbox made itself.
//
// It is safe for concurrent use, by a [Server] and by others at once: what a
// method hands out is never changed afterwards. An owner may be there in part,
// as a rehearsal copies parts one by one: its object, its keys and its CSRs
// are then absent or empty on their own.
type Org struct {
	mu      sync.RWMutex
	owners  map[okta.Owner]*owner // what a pointer leads to never changes: a write stores another
	pairs   map[string]string     // thumbprint of the public key → PKCS#8 PEM
	version int                   // grows with each change
}

// owner is what the org holds of one app or IdP. Treat every slice and map in
// it as read-only; a change makes new ones.
type owner struct {
	object   okta.Object       // nil: unknown
	keys     []okta.Object     // JWKs in the order of their making
	csrs     []okta.Object     // pending CSRs in the order of their making
	metadata map[string]string // SAML metadata copied from a live org, by kid
	*derivations
}

// derivations are what follows from an owner's content, found when it is first
// needed and then kept: an org of a thousand apps is written after each change
// of one of them.
type derivations struct {
	writing  sync.Once
	text     []byte // the owner in an org's file
	textErr  error
	printing sync.Once
	prints   []string // the thumbprints of its keys and CSRs
}

// hasPair tells whether a key or CSR of the owner has that public key.
func (w *owner) hasPair(print string) bool {
	w.printing.Do(func() {
		for _, doc := range slices.Concat(w.keys, w.csrs) {
			w.prints = append(w.prints, docThumbprint(doc))
		}
	})
	return slices.Contains(w.prints, print)
}

// NewOrg is an org without any owner, to copy parts of another into.
func NewOrg() *Org {
	return &Org{owners: map[okta.Owner]*owner{}, pairs: map[string]string{}}
}

// get is an owner as it is now; the result stays as it is.
func (o *Org) get(id okta.Owner) (*owner, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	w, ok := o.owners[id]
	return w, ok
}

// update replaces an owner by what change makes of a copy of it, with no other
// change in between. An error leaves everything as it was.
func (o *Org) update(id okta.Owner, change func(*owner) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var w owner
	if old, ok := o.owners[id]; ok {
		w = *old
	}
	if err := change(&w); err != nil {
		return err
	}
	w.derivations = new(derivations)
	o.owners[id] = &w
	o.version++
	return nil
}

// ids lists the owners of a kind, sorted by id, which is the order of lists.
func (o *Org) ids(kind okta.Kind) []okta.Owner {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var ids []okta.Owner
	for id := range o.owners {
		if id.Kind == kind {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b okta.Owner) int { return strings.Compare(a.ID, b.ID) })
	return ids
}

// keep remembers the private key of a pair that the sandbox made.
func (o *Org) keep(pair *rsa.PrivateKey) error {
	text, err := pairPEM(pair)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pairs[thumbprint(&pair.PublicKey)] = text
	o.version++
	return nil
}

// forget drops a private key unless a key or CSR of any owner still has its
// public half.
func (o *Org) forget(print string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.pairs[print]; !ok {
		return
	}
	for _, w := range o.owners {
		if w.hasPair(print) {
			return
		}
	}
	delete(o.pairs, print)
	o.version++
}

// Clone is an org of its own with the same content.
func (o *Org) Clone() *Org {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return &Org{owners: maps.Clone(o.owners), pairs: maps.Clone(o.pairs), version: o.version}
}

// replace gives the org the content of another, which must not be used again.
func (o *Org) replace(by *Org) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.owners, o.pairs = by.owners, by.pairs
	o.version++
}

func (o *Org) currentVersion() int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.version
}

// Owners lists the apps, then the IdPs, each sorted by id.
func (o *Org) Owners() []okta.Owner { return slices.Concat(o.ids(okta.App), o.ids(okta.IdP)) }

// Has tells whether the org knows an owner, if only in part.
func (o *Org) Has(id okta.Owner) bool {
	_, ok := o.get(id)
	return ok
}

// PutObject sets an owner's object to the JSON that GET on it returned.
func (o *Org) PutObject(id okta.Owner, raw json.RawMessage) error {
	object, err := okta.DecodeObject(raw)
	if err != nil {
		return fmt.Errorf("the object of %s cannot be taken over: %w", id, err)
	}
	if own := object.Text("/id"); own != id.ID {
		return fmt.Errorf("the object of %s cannot be taken over: its id is %q; read it from %s", id, clip(own), id.Path())
	}
	return o.update(id, func(w *owner) error {
		w.object = object
		return nil
	})
}

// PutKeys sets an owner's keys to the JSON array that GET on its keys
// returned. Their private keys stay where they are: in Okta.
func (o *Org) PutKeys(id okta.Owner, raw json.RawMessage) error {
	keys, err := documents(raw, "kid")
	if err != nil {
		return fmt.Errorf("the keys of %s cannot be taken over: %w", id, err)
	}
	return o.update(id, func(w *owner) error {
		w.keys = keys
		return nil
	})
}

// PutCSRs sets an owner's CSRs to the JSON array that GET on its CSRs
// returned. Publishing one needs no private key, only a certificate of the
// CSR's public key.
func (o *Org) PutCSRs(id okta.Owner, raw json.RawMessage) error {
	csrs, err := documents(raw, "id")
	if err != nil {
		return fmt.Errorf("the CSRs of %s cannot be taken over: %w", id, err)
	}
	return o.update(id, func(w *owner) error {
		w.csrs = csrs
		return nil
	})
}

// PutMetadata sets the SAML metadata that an owner has for a key to the XML
// that GET returned. For other keys the sandbox writes it itself.
func (o *Org) PutMetadata(id okta.Owner, kid string, xml []byte) error {
	return o.update(id, func(w *owner) error {
		w.metadata = maps.Clone(w.metadata)
		if w.metadata == nil {
			w.metadata = map[string]string{}
		}
		w.metadata[kid] = string(xml)
		return nil
	})
}

// documents reads a JSON array of objects, each with its own text under name.
func documents(raw json.RawMessage, name string) ([]okta.Object, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, fmt.Errorf("this is no JSON array: %w", err)
	}
	docs := make([]okta.Object, 0, len(items))
	seen := map[string]bool{}
	for i, item := range items {
		doc, err := okta.DecodeObject(item)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		id := doc.Text("/" + name)
		if id == "" || seen[id] {
			return nil, fmt.Errorf("element %d has no %s of its own", i, name)
		}
		seen[id] = true
		docs = append(docs, doc)
	}
	return docs, nil
}

// Default is the value that a playbook's input gets, by its name, when nobody
// gave one: ids of the default org for "app", "target" and "idp", and a list of
// the two apps, as JSON, for "apps". It is false for other names and for owners
// that the org does not have.
func (o *Org) Default(input string) (string, bool) {
	app, target := okta.Owner{Kind: okta.App, ID: defaultApp}, okta.Owner{Kind: okta.App, ID: defaultTarget}
	if input == "apps" {
		return fmt.Sprintf("[%q, %q]", app.ID, target.ID), o.Has(app) && o.Has(target)
	}
	id, ok := map[string]okta.Owner{"app": app, "target": target, "idp": {Kind: okta.IdP, ID: defaultIdP}}[input]
	if !ok || !o.Has(id) {
		return "", false
	}
	return id.ID, true
}

// InactiveKey is the kid of a key that the owner could switch to: valid at
// now, not the active one, and of several the one that expires last.
func (o *Org) InactiveKey(id okta.Owner, now time.Time) (string, bool) {
	w, ok := o.get(id)
	if !ok {
		return "", false
	}
	var best string
	var until time.Time
	for _, doc := range w.keys {
		from, to, ok := validity(doc)
		kid := kidOf(doc)
		if !ok || kid == w.active(id.Kind) || now.Before(from) || now.After(to) {
			continue
		}
		if to.After(until) {
			best, until = kid, to
		}
	}
	return best, best != ""
}

// active is the kid of the owner's signing key; "" when it has none.
func (w *owner) active(kind okta.Kind) string { return w.object.Text(okta.SigningPointer(kind)) }

// key finds a key by its kid.
func (w *owner) key(kid string) (okta.Object, bool) { return find(w.keys, "kid", kid) }

// csr finds a CSR by its id.
func (w *owner) csr(id string) (okta.Object, bool) { return find(w.csrs, "id", id) }

func find(docs []okta.Object, name, id string) (okta.Object, bool) {
	i := slices.IndexFunc(docs, func(d okta.Object) bool { return d[name] == any(id) })
	if i < 0 {
		return nil, false
	}
	return docs[i], true
}

// without is a copy of docs that lacks the one with that id.
func without(docs []okta.Object, name, id string) []okta.Object {
	return slices.DeleteFunc(slices.Clone(docs), func(d okta.Object) bool { return d[name] == any(id) })
}

// with is a copy of docs with one more at its end.
func with(docs []okta.Object, doc okta.Object) []okta.Object {
	return append(slices.Clip(slices.Clone(docs)), doc)
}

// encodeJSON writes JSON without HTML escaping, with a final newline. What the
// sandbox encodes always has a JSON form.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("null\n")
	}
	return b.Bytes()
}
