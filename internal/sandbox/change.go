package sandbox

import (
	"strings"

	"example.com/rekey/internal/okta"
)

// Change is what a stranger does to an owner, as somebody in the admin console
// would.
type Change string

// The changes. One that an owner offers nothing for does nothing.
const (
	// ChangeLabel edits the label of an app, the name of an IdP.
	ChangeLabel Change = "label"
	// ChangeKey generates a key that is valid for two years.
	ChangeKey Change = "key"
	// ChangeCSR generates a CSR for the common name saml-signing, which the
	// embedded playbooks ask for too.
	ChangeCSR Change = "csr"
	// ChangeRevoke revokes the CSR that the path names, else the newest.
	ChangeRevoke Change = "revoke"
	// ChangeKid switches to another key of the owner: a valid one, if it can be
	// neither the newest nor the one that signed before.
	ChangeKid Change = "kid"
	// ChangeDate moves lastUpdated, and nothing else.
	ChangeDate Change = "date"
)

var changes = []Change{ChangeLabel, ChangeKey, ChangeCSR, ChangeRevoke, ChangeKid, ChangeDate}

func changeNames() string {
	var names []string
	for _, c := range changes {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

// Change has a stranger change an owner; what cannot be changed stays.
func (s *Server) Change(id okta.Owner, what Change) error {
	return s.changeItem(id, "", what)
}

// change does so to the owner that a request names; nothing is changed where it
// names none.
func (s *Server) change(rq *request, all []Change) {
	if len(all) == 0 {
		return
	}
	if _, err := s.find(rq); err != nil {
		return
	}
	for _, what := range all {
		s.changeItem(rq.owner, rq.item, what)
	}
}

func (s *Server) changeItem(id okta.Owner, item string, what Change) error {
	return s.whole(func() error {
		if w, ok := s.org.get(id); !ok || w.object == nil {
			return notFound(ownerKind(id.Kind), id.ID)
		}
		switch what {
		case ChangeKey:
			key, err := s.newKey(minYears)
			if err != nil {
				return err
			}
			return s.addKey(id, key, 0)
		case ChangeCSR:
			csr, err := s.newCSR(okta.CSRRequest{Subject: okta.Subject{CommonName: "saml-signing"}})
			if err != nil {
				return err
			}
			return s.addCSR(id, csr, 0)
		case ChangeRevoke:
			return s.revokeNewest(id, item)
		}
		return s.org.update(id, func(w *owner) error {
			w.object = s.edited(id, w, what)
			return nil
		})
	})
}

func (s *Server) revokeNewest(id okta.Owner, item string) error {
	var print string
	err := s.org.update(id, func(w *owner) error {
		csr, ok := w.csr(item)
		if !ok && len(w.csrs) > 0 {
			csr, ok = w.csrs[len(w.csrs)-1], true
		}
		if ok {
			print = docThumbprint(csr)
			w.csrs = without(w.csrs, "id", csr.Text("/id"))
		}
		return nil
	})
	s.org.forget(print)
	return err
}

// edited is an owner's object after a change of it.
func (s *Server) edited(id okta.Owner, w *owner, what Change) okta.Object {
	body := w.object
	switch what {
	case ChangeLabel:
		pointer := "/label"
		if id.Kind == okta.IdP {
			pointer = "/name"
		}
		body = body.With(pointer, body.Text(pointer)+" (edited)")
	case ChangeKid:
		kid, ok := s.otherKid(id, w)
		if !ok {
			return body
		}
		body = body.With(okta.SigningPointer(id.Kind), kid)
	case ChangeDate:
	default:
		return body
	}
	return s.merge(id.Kind, w.object, body)
}

// otherKid is the kid of a key that the owner does not sign with.
func (s *Server) otherKid(id okta.Owner, w *owner) (kid string, ok bool) {
	s.mu.Lock()
	last := s.signed[id]
	s.mu.Unlock()
	best := -1
	for i, doc := range w.keys {
		if kidOf(doc) == w.active(id.Kind) {
			continue
		}
		from, to, known := validity(doc)
		points := 0
		if now := s.opt.Now(); known && !now.Before(from) && now.Before(to) {
			points += 4
		}
		if kidOf(doc) != last {
			points += 2
		}
		if i < len(w.keys)-1 {
			points++
		}
		if points > best {
			kid, best = kidOf(doc), points
		}
	}
	return kid, best >= 0
}

// signedBefore notes the key that an owner signed with until a PUT.
func (s *Server) signedBefore(id okta.Owner, before, after okta.Object) {
	pointer := okta.SigningPointer(id.Kind)
	if was := before.Text(pointer); was != after.Text(pointer) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.signed == nil {
			s.signed = map[okta.Owner]string{}
		}
		s.signed[id] = was
	}
}
