package sandbox

import (
	"bytes"
	"crypto/rsa"
	_ "embed" // the default org
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
)

// The owners of the default org that inputs default to. The apps are those of
// Okta's guide "Share application key credentials for IdPs across Apps", the
// IdP is the one in the examples of Okta's IdP Signing Keys API.
const (
	defaultApp    = "0oa8ae1t5yev2ajDs0h7"
	defaultTarget = "0oa8ae0dv4RGQvjyZ0h7"
	defaultIdP    = "0oa62bfdjnK55Z5x80h7"
)

// defaultJSON is the default org as data: for each owner its object without
// dates, and its keys with days before and after the clock.
//
//go:embed default.json
var defaultJSON []byte

type seedOwner struct {
	Created int             `json:"created"` // days before now
	Updated int             `json:"updated"` // days before now
	Keys    []seedKey       `json:"keys"`
	Active  int             `json:"active"` // which key is the active one, counted from 1; 0 = none
	Object  json.RawMessage `json:"object"`
}

type seedKey struct {
	Pair    int    `json:"pair"`    // which of the embedded pairs, counted from 1
	Created int    `json:"created"` // days before now
	Expires int    `json:"expires"` // days after now
	Kid     string `json:"kid"`     // "" = derived
}

// DefaultOrg is the org that a sandbox starts with: apps and IdPs of every
// kind that rotating keys meets, with fixed ids, embedded key pairs and dates
// relative to now. One key expires 30 days after now and one has expired. The
// same now yields the same org, byte for byte.
func DefaultOrg(now time.Time) (*Org, error) {
	dec := json.NewDecoder(bytes.NewReader(defaultJSON))
	dec.DisallowUnknownFields()
	var file struct {
		Apps []seedOwner `json:"apps"`
		IdPs []seedOwner `json:"idps"`
	}
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("the default org is damaged: %w", err)
	}
	s := seeder{org: NewOrg(), now: now.UTC().Truncate(time.Second), pairs: map[int]*rsa.PrivateKey{}}
	for _, o := range file.Apps {
		if err := s.add(okta.App, o); err != nil {
			return nil, err
		}
	}
	for _, o := range file.IdPs {
		if err := s.add(okta.IdP, o); err != nil {
			return nil, err
		}
	}
	return s.org, nil
}

// seeder makes owners out of nothing but the embedded pairs and one clock.
type seeder struct {
	org   *Org
	now   time.Time
	pairs map[int]*rsa.PrivateKey
}

func (s *seeder) day(n int) time.Time { return s.now.AddDate(0, 0, n) }

func (s *seeder) add(kind okta.Kind, seed seedOwner) error {
	object, err := okta.DecodeObject(seed.Object)
	if err != nil {
		return fmt.Errorf("the default org is damaged: %w", err)
	}
	id := okta.Owner{Kind: kind, ID: object.Text("/id")}
	keys := []okta.Object{}
	for i, k := range seed.Keys {
		key, err := s.key(id, i, k)
		if err != nil {
			return fmt.Errorf("the key %d of %s: %w", i, id, err)
		}
		keys = append(keys, key)
	}
	object = object.With("/created", okta.FormatTime(s.day(-seed.Created))).With("/lastUpdated", okta.FormatTime(s.day(-seed.Updated)))
	const rotated = "/credentials/signing/lastRotated"
	if _, ok := object.At(rotated); ok {
		object = object.With(rotated, okta.FormatTime(s.day(-seed.Updated)))
	}
	if seed.Active > 0 {
		object = object.With(okta.SigningPointer(kind), kidOf(keys[seed.Active-1]))
	}
	return s.org.update(id, func(w *owner) error {
		*w = owner{object: object, keys: keys, csrs: []okta.Object{}}
		return nil
	})
}

// key makes one key of an owner; its kid and serial depend on the owner and on
// its place alone.
func (s *seeder) key(id okta.Owner, place int, seed seedKey) (okta.Object, error) {
	pair, ok := s.pairs[seed.Pair]
	if !ok {
		var err error
		if pair, err = embeddedPair("org", seed.Pair); err != nil {
			return nil, err
		}
		s.pairs[seed.Pair] = pair
		if err := s.org.keep(pair); err != nil {
			return nil, err
		}
	}
	created := s.day(-seed.Created)
	der, err := pki.SelfSigned(pki.SelfSignedRequest{
		Key: pair, CommonName: orgName, NotBefore: created.Add(-time.Minute), NotAfter: s.day(seed.Expires),
		Serial: derivedSerial("%s key %d", id, place),
	})
	if err != nil {
		return nil, err
	}
	kid := seed.Kid
	if kid == "" {
		kid = derived("%s key %d", id, place)
	}
	return newJWK(kid, der, created)
}

// Invent adds a plausible SAML owner of that id: two keys valid at now, the
// elder of which is active, and others with the kids given. It is for reviews without an org to look at; an
// owner that is there already is replaced.
func (o *Org) Invent(id okta.Owner, now time.Time, kids ...string) error {
	text := `{"id": "", "name": "invented", "label": "Invented app", "status": "ACTIVE", "signOnMode": "SAML_2_0", "features": [],
		"credentials": {"userNameTemplate": {"template": "${source.login}", "type": "BUILT_IN"}, "signing": {}}}`
	if id.Kind == okta.IdP {
		text = `{"id": "", "type": "SAML2", "name": "Invented IdP", "status": "ACTIVE",
			"protocol": {"type": "SAML2", "credentials": {"trust": {"issuer": "https://idp.example.com", "audience": "https://sp.example.com"}, "signing": {}}}}`
	}
	object, err := okta.DecodeObject([]byte(text))
	if err != nil {
		return err
	}
	keys := []seedKey{
		{Pair: 1, Created: 400, Expires: 330, Kid: "invented-active-key"},
		{Pair: 2, Created: 20, Expires: 710, Kid: "invented-spare-key"},
	}
	for _, kid := range kids {
		keys = append(keys, seedKey{Pair: 3, Created: 20, Expires: 710, Kid: kid})
	}
	s := seeder{org: o, now: now.UTC().Truncate(time.Second), pairs: map[int]*rsa.PrivateKey{}}
	return s.add(id.Kind, seedOwner{
		Created: 800, Updated: 400, Active: 1, Object: object.With("/id", id.ID).Encode(),
		Keys: keys,
	})
}

// AddApps adds n SAML apps with ids 0oaFleet00001Xs0h7 and so on, each like
// the org's first app of the guide (or else its first SAML app) with kids of
// its own; the certificates are that app's. It fails when the org has no SAML
// app to go by.
func (o *Org) AddApps(n int) error {
	like, err := o.samlApp()
	if err != nil {
		return err
	}
	object := like.object.Without("/_links")
	for added, number := 0, 1; added < n; number++ {
		id := okta.Owner{Kind: okta.App, ID: fmt.Sprintf("0oaFleet%05dXs0h7", number)}
		if o.Has(id) {
			continue
		}
		w := owner{csrs: []okta.Object{}, object: maps.Clone(object)}
		for place, doc := range like.keys {
			key := maps.Clone(doc)
			key["kid"] = derived("%s key %d", id, place)
			if kidOf(doc) == like.active(okta.App) {
				w.object = object.With(okta.SigningPointer(okta.App), key["kid"]) // a copy, to be changed below
			}
			w.keys = append(w.keys, key)
		}
		w.object["id"], w.object["label"] = id.ID, fmt.Sprintf("Fleet app %d", number)
		if err := o.update(id, func(to *owner) error { *to = w; return nil }); err != nil {
			return err
		}
		added++
	}
	return nil
}

// samlApp is the app after which others are modelled.
func (o *Org) samlApp() (*owner, error) {
	for _, id := range append([]okta.Owner{{Kind: okta.App, ID: defaultApp}}, o.ids(okta.App)...) {
		w, ok := o.get(id)
		if ok && w.object.Text("/signOnMode") == "SAML_2_0" && len(w.keys) > 1 && w.active(okta.App) != "" {
			return w, nil
		}
	}
	return nil, errors.New("the org has no SAML app with two keys to model others after: start with the default org")
}
