package rehearse

import (
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

// An app that signs with no key yet is as before after the rehearsed rollback,
// in whatever form it says so.
func TestUndoToNoKey(t *testing.T) {
	pointer := okta.SigningPointer(okta.App)
	for name, without := range map[string]func(okta.Object) okta.Object{
		"no kid":         func(o okta.Object) okta.Object { return o.Without(pointer) },
		"null":           func(o okta.Object) okta.Object { return o.With(pointer, nil) },
		"empty signing":  func(o okta.Object) okta.Object { return o.With("/credentials/signing", map[string]any{}) },
		"no signing":     func(o okta.Object) okta.Object { return o.Without("/credentials/signing") },
		"null signing":   func(o okta.Object) okta.Object { return o.With("/credentials/signing", nil) },
		"no credentials": func(o okta.Object) okta.Object { return o.Without("/credentials") },
	} {
		t.Run(name, func(t *testing.T) {
			org := defaultOrg(t)
			object, _ := org.Object(app)
			if err := org.PutObject(app, without(object).Encode()); err != nil {
				t.Fatal(err)
			}
			transport := sandbox.Transport(sandbox.New(org, sandbox.Options{Now: func() time.Time { return now }}))
			o, err := New(Options{Now: now, Live: okta.Config{OrgURL: "http://127.0.0.1", Token: "t", HTTP: transport}})
			if err != nil {
				t.Fatal(err)
			}
			plan := rehearsedIn(t, o, embedded(t, "activate-app-key"), map[string]any{"app": app.ID, "kid": inactiveKid(t, "app")})
			if r := plan.Body.Rollback; len(r.Steps) != 1 || r.Steps[0].Write == nil || len(r.Residues) > 0 {
				t.Errorf("rollback %+v", r)
			}
		})
	}
}
