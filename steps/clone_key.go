package steps

import (
	"context"
	"errors"
	"fmt"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "clone_key",
	Doc: "Copies a key from one app to another, or from one IdP to another, so that both can sign with it. " +
		"A target that has the key already is left alone. Cloning does not switch the target to the key.",
	Change:  "add the key {kid} to the keys of {owner}",
	Caution: "sharing a key is discouraged: who gets hold of it can sign for {owner} as well, and both must be rotated together",
	Undo:    runner.UndoStays,
}, func(env *Env) any { return &CloneKey{env: env} })

// CloneKey is the step type clone_key (Okta: Clone a key credential).
type CloneKey struct {
	env     *Env
	Owner   `oneof:"app,idp"`
	Kid     string `in:"kid" doc:"key to copy; must be among the owner's keys"`
	Target  string `in:"target" out:"target" doc:"id of the app or IdP that gets the key; of the owner's kind"`
	Present bool   `saw:"present" doc:"the target has the key already"`
	KeyOut
}

// target is the owner that changes.
func (s *CloneKey) target() okta.Owner { return okta.Owner{Kind: s.owner().Kind, ID: s.Target} }

// Claims names the target alone: the source is only read.
func (s *CloneKey) Claims() []string { return []string{s.target().String()} }

// Observe checks both owners and whether the target has the key.
func (s *CloneKey) Observe(ctx context.Context) error {
	if s.Target == s.owner().ID {
		return errors.New("the target is the owner itself: name another one")
	}
	for _, o := range []okta.Owner{s.owner(), s.target()} {
		if _, err := s.env.signing(ctx, o); err != nil {
			return err
		}
	}
	keys, _, err := s.env.Okta.Keys(ctx, s.owner())
	if err != nil {
		return err
	}
	key, err := pick(s.owner(), keys, s.Kid)
	if err != nil {
		return err
	}
	if end := expiry(key); !end.IsZero() && !end.After(s.env.Now()) {
		runner.Warn(ctx, "the certificate of key %s has expired", s.Kid)
	}
	found, err := s.find(ctx)
	if s.Present = found; err == nil && !found {
		certify(ctx, s.target(), runner.RoleNewKey, key)
	}
	return err
}

// find looks for the key at the target and takes it as yielded.
func (s *CloneKey) find(ctx context.Context) (bool, error) {
	keys, _, err := s.env.Okta.Keys(ctx, s.target())
	if err != nil {
		return false, err
	}
	key, err := pick(s.target(), keys, s.Kid)
	if err != nil {
		return false, nil
	}
	s.take(key)
	return true, nil
}

// Do clones the key.
func (s *CloneKey) Do(ctx context.Context) error {
	if s.Present {
		found, err := s.find(ctx)
		if err == nil && !found {
			err = errors.New("the target had the key a moment ago and has it no more: run again")
		}
		return err
	}
	key, err := s.env.Okta.CloneKey(ctx, s.owner(), s.Kid, s.Target)
	if err == nil {
		s.take(key)
	}
	return err
}

// Undo leaves the key where it is: Okta has no way to delete one.
func (s *CloneKey) Undo(context.Context) ([]runner.Residue, error) {
	if s.Present {
		return nil, nil
	}
	return []runner.Residue{keyStays(s.target(), s.Kid)}, nil
}

// Suspected is the key that the target may have.
func (s *CloneKey) Suspected(string) []runner.Residue {
	r := keyStays(s.target(), s.Kid)
	r.Note = fmt.Sprintf("look whether %s has it; inactive, it is harmless", s.target())
	return []runner.Residue{r}
}

// Recover looks whether the target has the key.
func (s *CloneKey) Recover(ctx context.Context) (runner.Verdict, error) {
	found, err := s.find(ctx)
	if err != nil || !found {
		return runner.Verdict{Outcome: runner.Not}, err
	}
	return runner.Verdict{Outcome: runner.Happened}, nil
}
