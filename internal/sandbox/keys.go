package sandbox

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
)

// orgName is the CN of the sandbox's own certificates.
const orgName = "rekey-sandbox"

// ownerOf is the owner that the path names.
func (s *Server) ownerOf(rq *request) (*owner, error) {
	w, ok := s.org.get(rq.owner)
	if !ok {
		return nil, notFound(ownerKind(rq.kind), rq.owner.ID)
	}
	return w, nil
}

// ownerKind is what Okta's messages call an owner.
func ownerKind(kind okta.Kind) string {
	if kind == okta.IdP {
		return "IdpTrust"
	}
	return "AppInstance"
}

func (s *Server) listKeys(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	return rq.jsonAnswer(http.StatusOK, list(s.listed(rq.owner, w.keys, "kid")))
}

// list is a JSON array, never null.
func list(docs []okta.Object) []okta.Object {
	if docs == nil {
		return []okta.Object{}
	}
	return docs
}

func (s *Server) getKey(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	key, ok := w.key(rq.item)
	if !ok {
		return answer{}, notFound("Key", rq.item)
	}
	return rq.jsonAnswer(http.StatusOK, key)
}

// activeKey answers an IdP's signing key as a list of one, or 204 without a
// body when there is none.
func (s *Server) activeKey(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	key, ok := w.key(w.active(rq.kind))
	if !ok {
		return answer{status: http.StatusNoContent, header: http.Header{}}, nil
	}
	return rq.jsonAnswer(http.StatusOK, []okta.Object{key})
}

const minYears, maxYears = 2, 10

func (s *Server) generateKey(rq *request) (answer, error) {
	if _, err := s.ownerOf(rq); err != nil {
		return answer{}, err
	}
	years, err := validityYears(rq.URL.Query())
	if err != nil {
		return answer{}, err
	}
	status := http.StatusCreated
	if rq.kind == okta.IdP {
		status = http.StatusOK
	}
	if p := rq.wantsJSON(); p != nil {
		return answer{}, p // before the effect
	}
	key, err := s.newKey(years)
	if err != nil {
		return answer{}, err
	}
	if err := s.addKey(rq.owner, key, rq.hide); err != nil {
		return answer{}, err
	}
	return rq.jsonAnswer(status, key)
}

func validityYears(query url.Values) (int, error) {
	if !query.Has("validityYears") {
		return 0, missingParameter("validityYears", "give the years that the key shall be valid, 2 to 10")
	}
	text := query.Get("validityYears")
	years, err := strconv.Atoi(text)
	if err != nil || years < minYears || years > maxYears {
		return 0, invalid("generateKey", "validityYears must be a whole number from %d to %d, not %q", minYears, maxYears, clip(text))
	}
	return years, nil
}

// newKey makes a key pair and its self-signed certificate, dated as Okta dates
// them: notBefore is a minute before now.
func (s *Server) newKey(years int) (okta.Object, error) {
	pair, err := s.opt.Keys.Key()
	if err != nil {
		return nil, err
	}
	now, kid := s.opt.Now().UTC(), s.opt.IDs("kid")
	der, err := pki.SelfSigned(pki.SelfSignedRequest{
		Key: pair, CommonName: orgName, NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(years, 0, 0),
		Serial: derivedSerial("key %s", kid),
	})
	if err != nil {
		return nil, err
	}
	if err := s.org.keep(pair); err != nil {
		return nil, err
	}
	return newJWK(kid, der, now)
}

// addKey gives an owner one more key, which lists do not show for a while.
func (s *Server) addKey(id okta.Owner, key okta.Object, hide time.Duration) error {
	return s.org.update(id, func(w *owner) error {
		if _, twice := w.key(kidOf(key)); twice {
			return invalid("cloneKey", "%s has the key %s already", id, kidOf(key))
		}
		s.hide(id, kidOf(key), hide)
		w.keys = with(w.keys, key)
		return nil
	})
}

// cloneKey gives the target the same key under the same kid; it does not make
// it the active one.
func (s *Server) cloneKey(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	key, ok := w.key(rq.item)
	if !ok {
		return answer{}, notFound("Key", rq.item)
	}
	name := "targetAid"
	if rq.kind == okta.IdP {
		name = "targetIdpId"
	}
	target := okta.Owner{Kind: rq.kind, ID: rq.URL.Query().Get(name)}
	if target.ID == "" {
		return answer{}, missingParameter(name, "give the id of the owner that shall get the key")
	}
	if !s.org.Has(target) {
		return answer{}, notFound(ownerKind(rq.kind), target.ID)
	}
	if p := rq.wantsJSON(); p != nil {
		return answer{}, p // before the effect
	}
	clone := maps.Clone(key)
	stamp := okta.FormatTime(s.opt.Now())
	clone["created"], clone["lastUpdated"] = stamp, stamp
	if err := s.addKey(target, clone, rq.hide); err != nil {
		return answer{}, err
	}
	return rq.jsonAnswer(http.StatusCreated, clone)
}
