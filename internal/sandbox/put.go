package sandbox

import (
	"net/http"
	"reflect"
	"time"

	"example.com/rekey/internal/okta"
)

// readOnly lists, by JSON pointer, the members of an owner that only Okta sets
// (Okta: Apps API, IdPs API): what a PUT's body says about them is ignored.
func readOnly(kind okta.Kind) []string {
	common := []string{"/id", "/status", "/created", "/lastUpdated", "/_links", "/_embedded"}
	if kind == okta.IdP {
		return common
	}
	return append(common, "/name", "/features", "/orn", "/expressConfiguration", "/universalLogout",
		"/settings/emOptInStatus", "/credentials/signing/lastRotated", "/credentials/signing/nextRotation")
}

// required lists the members without which a PUT is refused, and the one that
// a PUT cannot change. Okta's contract says so of an app's label and
// signOnMode; an IdP without these would be none.
func required(kind okta.Kind) (members []string, fixed string) {
	if kind == okta.IdP {
		return []string{"name", "type", "protocol"}, "type"
	}
	return []string{"label", "signOnMode"}, "signOnMode"
}

// putOwner replaces an owner in the harshest reading: a writable member that
// the body omits is gone afterwards, an explicit null stays a null.
func (s *Server) putOwner(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	if w.object == nil {
		return answer{}, notFound(ownerKind(rq.kind), rq.owner.ID)
	}
	if p := rq.jsonBody(); p != nil {
		return answer{}, p
	}
	body, err := okta.DecodeObject(rq.body)
	if err != nil {
		return answer{}, malformed(err)
	}
	if p := rq.wantsJSON(); p != nil {
		return answer{}, p // before the effect
	}
	var replaced okta.Object
	err = s.org.update(rq.owner, func(w *owner) error {
		if err := checkPut(rq.kind, w, body); err != nil {
			return err
		}
		replaced = s.merge(rq.kind, w.object, body)
		s.signedBefore(rq.owner, w.object, replaced)
		w.object = replaced
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return rq.jsonAnswer(http.StatusOK, rq.linked(rq.owner, replaced))
}

func checkPut(kind okta.Kind, w *owner, body okta.Object) error {
	members, fixed := required(kind)
	for _, name := range members {
		switch v := body[name].(type) {
		case nil:
			return invalid(name, "%s: it is required; send the whole object back with what shall change", name)
		case string:
			if v == "" {
				return invalid(name, "%s: it must not be empty", name)
			}
		case map[string]any:
			if name != "protocol" {
				return invalid(name, "%s: it must be a text", name)
			}
		default:
			return invalid(name, "%s: it is of the wrong kind", name)
		}
	}
	if was, is := w.object.Text("/"+fixed), body.Text("/"+fixed); is != was {
		return invalid(fixed, "%s: it cannot change from %q to %q", fixed, clip(was), clip(is))
	}
	return checkKid(kind, w, body)
}

// checkKid refuses a signing key that the owner does not have. None at all is
// allowed.
func checkKid(kind okta.Kind, w *owner, body okta.Object) error {
	pointer := okta.SigningPointer(kind)
	v, _ := body.At(pointer)
	if v == nil {
		return nil
	}
	name := okta.SigningPointer(kind)[1:]
	kid, ok := v.(string)
	if !ok {
		return invalid(name, "%s: it must be a text", name)
	}
	if _, ok := w.key(kid); !ok {
		return invalid(name, "%s: %q is none of the owner's keys; list them with GET …/credentials/keys, or clone the key first", name, clip(kid))
	}
	return nil
}

// merge is the body with the read-only members that stood before.
func (s *Server) merge(kind okta.Kind, before, body okta.Object) okta.Object {
	after := body
	for _, pointer := range readOnly(kind) {
		was, had := before.At(pointer)
		is, has := after.At(pointer)
		if had == has && reflect.DeepEqual(was, is) {
			continue // each of the following copies the whole
		}
		after = after.Without(pointer)
		if had && parentIn(after, pointer) {
			after = after.With(pointer, was)
		}
	}
	now := s.opt.Now()
	if last, err := okta.ParseTime(before.Text("/lastUpdated")); err == nil && okta.FormatTime(now) <= okta.FormatTime(last) {
		now = last.Add(time.Millisecond) // lastUpdated moves even if the clock does not
	}
	after = after.With("/lastUpdated", okta.FormatTime(now))
	const rotated = "/credentials/signing/lastRotated"
	was, is := before.Text(okta.SigningPointer(kind)), after.Text(okta.SigningPointer(kind))
	if _, ok := after.At(rotated); ok && was != is {
		after = after.With(rotated, okta.FormatTime(now))
	}
	return after
}

// parentIn tells whether the member above a pointer is an object: a read-only
// member cannot stay where the body leaves nothing around it.
func parentIn(o okta.Object, pointer string) bool {
	at := len(pointer)
	for at--; pointer[at] != '/'; at-- {
	}
	v, _ := o.At(pointer[:at])
	_, ok := v.(map[string]any)
	return ok
}
