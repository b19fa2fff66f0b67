package steps

import (
	"context"

	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "get_key",
	Doc:  "Reads one key of an app or an IdP.",
}, func(env *Env) any { return &GetKey{env: env} })

// GetKey is the step type get_key (Okta: Retrieve a key credential).
type GetKey struct {
	env   *Env
	Owner `oneof:"app,idp"`
	Kid   string `in:"kid" doc:"id of the key"`
	KeyFacts
}

// Read reads the key.
func (s *GetKey) Read(ctx context.Context) error {
	key, err := s.env.Okta.Key(ctx, s.owner(), s.Kid)
	if err == nil {
		s.take(key)
	}
	return err
}
