package steps

import (
	"context"

	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "get_csr",
	Doc:  "Reads one CSR of an app or an IdP.",
}, func(env *Env) any { return &GetCSR{env: env} })

// GetCSR is the step type get_csr (Okta: Retrieve a CSR).
type GetCSR struct {
	env   *Env
	Owner `oneof:"app,idp"`
	CSRID string `in:"csr_id" doc:"id of the CSR"`
	CSROut
}

// Read reads the CSR.
func (s *GetCSR) Read(ctx context.Context) error {
	csr, err := s.env.Okta.CSR(ctx, s.owner(), s.CSRID)
	if err != nil {
		return err
	}
	return s.take(csr)
}
