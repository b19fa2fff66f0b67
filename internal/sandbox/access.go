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
