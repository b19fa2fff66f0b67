package sandbox

import "example.com/rekey/internal/okta"

// Object is an owner's object as GET on it would return it, without the links
// that the sandbox adds; false when the org does not have it. Do not change it.
func (o *Org) Object(id okta.Owner) (okta.Object, bool) {
	w, ok := o.get(id)
	if !ok {
		return nil, false
	}
	return w.object, w.object != nil
}

// Snapshot is an owner as it was at one moment, in whole or in part. Do not
// change what its methods return.
type Snapshot struct{ owner *owner }

// Snapshot notes how an owner is now, at no cost: what is written later is
// written to a copy.
func (o *Org) Snapshot(id okta.Owner) Snapshot {
	w, ok := o.get(id)
	if !ok {
		w = &owner{}
	}
	return Snapshot{w}
}

// Object is the owner's object; nil when there was none.
func (s Snapshot) Object() okta.Object { return s.owner.object }

// Keys are the owner's keys, as JWKs.
func (s Snapshot) Keys() []okta.Object { return s.owner.keys }

// CSRs are the owner's pending CSRs.
func (s Snapshot) CSRs() []okta.Object { return s.owner.csrs }
