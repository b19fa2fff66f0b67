package steps

import (
	"context"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "revoke_csr",
	Doc: "Revokes a CSR and destroys its key pair: a certificate that was issued for it can never be published. " +
		"A CSR that is gone already is left alone.",
	Change:  "revoke the CSR {csr_id} of {owner} and destroy its key pair",
	Caution: "this cannot be undone",
	Undo:    runner.UndoIrreversible,
}, func(env *Env) any { return &RevokeCSR{env: env} })

// RevokeCSR is the step type revoke_csr (Okta: Revoke a CSR).
type RevokeCSR struct {
	env   *Env
	Owner `oneof:"app,idp"`
	CSRID string `in:"csr_id" doc:"id of the CSR"`
	Gone  bool   `saw:"gone" doc:"there was no such CSR any more"`
}

// Observe looks whether the CSR is there.
func (s *RevokeCSR) Observe(ctx context.Context) error {
	if _, err := s.env.signing(ctx, s.owner()); err != nil {
		return err
	}
	_, err := s.env.Okta.CSR(ctx, s.owner(), s.CSRID)
	if okta.NotFound(err) {
		s.Gone, err = true, nil
	}
	return err
}

// Do revokes it.
func (s *RevokeCSR) Do(ctx context.Context) error {
	if s.Gone {
		return nil
	}
	return s.env.Okta.RevokeCSR(ctx, s.owner(), s.CSRID)
}

// Undo can bring nothing back: the key pair is gone.
func (s *RevokeCSR) Undo(context.Context) ([]runner.Residue, error) {
	if s.Gone {
		return nil, nil
	}
	return []runner.Residue{{Owner: s.owner().String(), Kind: "csr", ID: s.CSRID, Effect: runner.Destroyed,
		Note: "its key pair is gone; make a new CSR if one is needed"}}, nil
}

// Suspected is the CSR that may be gone.
func (s *RevokeCSR) Suspected(string) []runner.Residue {
	return []runner.Residue{{Owner: s.owner().String(), Kind: "csr", ID: s.CSRID, Effect: runner.Destroyed,
		Note: "look whether it is still among the CSRs; if not, its key pair is gone as well"}}
}

// Recover looks whether the CSR is still listed.
func (s *RevokeCSR) Recover(ctx context.Context) (runner.Verdict, error) {
	csrs, _, err := s.env.Okta.CSRs(ctx, s.owner())
	if err != nil {
		return runner.Verdict{}, err
	}
	for _, c := range csrs {
		if c.ID == s.CSRID {
			return runner.Verdict{Outcome: runner.Not}, nil
		}
	}
	return runner.Verdict{Outcome: runner.Happened}, nil
}
