package steps

import (
	"context"
	"fmt"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "get_active_key",
	Doc: "Reads the key that an app or an IdP signs with. It fails where Okta chose none yet: " +
		"the kid of get_app or get_idp, which may be absent, tells beforehand.",
}, func(env *Env) any { return &GetActiveKey{env: env} })

// GetActiveKey is the step type get_active_key (Okta: List the active signing
// key credential for IdP; of an app, its signing kid and that key).
type GetActiveKey struct {
	env   *Env
	Owner `oneof:"app,idp"`
	KeyFacts
}

// Read reads the key.
func (s *GetActiveKey) Read(ctx context.Context) error {
	key, err := s.env.activeKey(ctx, s.owner())
	if err == nil {
		s.take(key)
		certify(ctx, s.owner(), runner.RoleSignsNow, key)
	}
	return err
}

// activeKey is the key that an owner signs with.
func (e *Env) activeKey(ctx context.Context, o okta.Owner) (okta.Key, error) {
	if o.Kind == okta.App {
		object, err := e.Okta.Object(ctx, o)
		if err != nil {
			return okta.Key{}, err
		}
		kid := object.Text(okta.SigningPointer(okta.App))
		if kid == "" {
			return okta.Key{}, noActiveKey(o)
		}
		return e.Okta.Key(ctx, o, kid)
	}
	keys, err := e.Okta.ActiveKeys(ctx, o)
	switch {
	case err != nil:
		return okta.Key{}, err
	case len(keys) == 0:
		return okta.Key{}, noActiveKey(o)
	case len(keys) > 1:
		return okta.Key{}, fmt.Errorf("%s has several active keys, %s: read the one that you mean with get_key", o, strings.Join(kidsOf(keys), ", "))
	}
	return keys[0], nil
}

func noActiveKey(o okta.Owner) error {
	return fmt.Errorf("%s signs with no key yet: choose one of its keys with update_%s_kid first", o, o.Kind)
}
