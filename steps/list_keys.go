package steps

import (
	"context"

	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "list_keys",
	Doc:  "Lists the keys of an app or an IdP.",
}, func(env *Env) any { return &ListKeys{env: env} })

// ListKeys is the step type list_keys (Okta: List all key credentials).
type ListKeys struct {
	env   *Env
	Owner `oneof:"app,idp"`
	Keys  []KeyFacts `out:"keys" doc:"the keys, in Okta's order"`
}

// Read lists the keys.
func (s *ListKeys) Read(ctx context.Context) error {
	keys, _, err := s.env.Okta.Keys(ctx, s.owner())
	for _, k := range keys {
		var out KeyFacts
		out.take(k)
		s.Keys = append(s.Keys, out)
	}
	return err
}
