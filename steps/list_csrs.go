package steps

import (
	"context"

	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "list_csrs",
	Doc:  "Lists the CSRs of an app or an IdP that are neither published nor revoked.",
}, func(env *Env) any { return &ListCSRs{env: env} })

// ListCSRs is the step type list_csrs (Okta: List all CSRs).
type ListCSRs struct {
	env   *Env
	Owner `oneof:"app,idp"`
	CSRs  []CSROut `out:"csrs" doc:"the CSRs, in Okta's order"`
}

// Read lists the CSRs.
func (s *ListCSRs) Read(ctx context.Context) error {
	csrs, _, err := s.env.Okta.CSRs(ctx, s.owner())
	if err != nil {
		return err
	}
	for _, c := range csrs {
		var out CSROut
		if err := out.take(c); err != nil {
			return err
		}
		s.CSRs = append(s.CSRs, out)
	}
	return nil
}
