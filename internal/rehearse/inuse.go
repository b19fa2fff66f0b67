package rehearse

import (
	"encoding/json"
	"strings"

	"example.com/rekey/internal/okta"
)

// InUse is the key that an owner of the live org signs with, and its
// certificate in DER; no certificate when the owner's keys were not copied. It
// serves as InUse of a [runner.RehearsalSpec].
func (o *Org) InUse(owner string) (kid string, der []byte, ok bool) {
	kind, id, _ := strings.Cut(owner, "/")
	at := okta.Owner{Kind: okta.Kind(kind), ID: id}
	object, ok := o.firstCopy(at, "object")
	if !ok {
		return "", nil, false
	}
	if kid = object.Object().Text(okta.SigningPointer(at.Kind)); kid == "" {
		return "", nil, false
	}
	keys, ok := o.firstCopy(at, "keys")
	if !ok {
		return kid, nil, true
	}
	for _, doc := range keys.Keys() {
		var key okta.Key
		if doc.Text("/kid") == kid && json.Unmarshal(doc.Encode(), &key) == nil {
			der, _ = key.Certificate()
		}
	}
	return kid, der, true
}
