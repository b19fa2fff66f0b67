package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// kidSwitch is what update_app_kid and update_idp_kid have in common: reading
// an owner whole, changing the one kid, sending everything back and reading it
// again. Okta offers no guard against a change in between, such as an ETag;
// the window is one round trip.
type kidSwitch struct {
	Kid      string `in:"kid" out:"kid" doc:"key to sign with; must be among the owner's keys and not have expired"`
	Previous string `saw:"previous_kid" out:"previous_kid" is:"optional" doc:"key that signed before; none if there was none"`
	Rest     string `saw:"rest_sha256" doc:"digest of the owner without the kid and what Okta itself moves"`
	Null     bool   `saw:"previous_null" doc:"there was no key, and the kid stood there as null"`
	Expired  bool   `saw:"previous_expired" doc:"the key that signed before had expired already"`
}

func (s *kidSwitch) observe(ctx context.Context, env *Env, o okta.Owner) error {
	object, err := env.signing(ctx, o)
	if err != nil {
		return err
	}
	pointer := okta.SigningPointer(o.Kind)
	s.Previous = object.Text(pointer)
	kid, there := object.At(pointer)
	s.Null = there && kid == nil
	rest := make(chan string, 1)
	go func() { rest <- okta.Digest(object.Without(pointer)) }() // while the keys are on their way
	keys, _, err := env.Okta.Keys(ctx, o)
	if err != nil {
		return err
	}
	s.Rest = <-rest
	for _, k := range keys {
		if end := expiry(k); k.Kid == s.Previous && !end.IsZero() && !end.After(env.Now()) {
			s.Expired = true
		}
	}
	key, err := pick(o, keys, s.Kid)
	if err != nil {
		return err
	}
	if end := expiry(key); !end.IsZero() && !end.After(env.Now()) {
		return fmt.Errorf("the certificate of key %s of %s expired on %s: service providers would refuse it; generate or publish a new key",
			s.Kid, o, end.Format(time.DateOnly))
	}
	if s.Kid != s.Previous {
		certify(ctx, o, runner.RoleWillSign, key)
	}
	return nil
}

// changedSince is why a write did not follow what was seen.
type changedSince struct{ error }

func (changedSince) Changed() bool { return true }

// readAndWrite are the calls between which nobody else's change would be seen:
// no rate limit is waited for there.
const readAndWrite = 2

func (s *kidSwitch) do(ctx context.Context, env *Env, o okta.Owner) error {
	if s.Previous == s.Kid {
		return nil
	}
	ctx, done := env.Okta.Together(ctx, readAndWrite)
	defer done()
	object, err := env.Okta.Object(ctx, o)
	if err != nil {
		return err
	}
	pointer := okta.SigningPointer(o.Kind)
	before, _ := object.At(pointer)
	now := object.Text(pointer)
	if now == s.Previous {
		// What else the owner holds is compared with what was seen when it is sent.
		change := okta.Change{Pointer: pointer, From: before, To: s.Kid, Rest: s.Rest}
		err = replace(ctx, env, o, object.With(pointer, s.Kid), change)
	}
	if now != s.Previous || errors.Is(err, okta.ErrOtherChange) {
		return changedSince{fmt.Errorf("%s was changed by somebody else just now (its kid is %s): nothing was written; run again", o, orNone(now))}
	}
	return err
}

// replace sends an owner back and reads it again: another kid than the one
// sent is an error, any other difference a warning.
func replace(ctx context.Context, env *Env, o okta.Owner, next okta.Object, change okta.Change) error {
	if err := env.Okta.Replace(ctx, o, next, change); err != nil {
		return err
	}
	after, err := env.Okta.Object(ctx, o)
	if err != nil {
		return fmt.Errorf("%s was written but cannot be read back: %w", o, err)
	}
	want, _ := next.At(change.Pointer)
	if got, _ := after.At(change.Pointer); got != want {
		return fmt.Errorf("the write was taken, but %s signs with %s and not with %s: look at it in the admin console before anything else",
			o, orNone(after.Text(change.Pointer)), orNone(next.Text(change.Pointer)))
	}
	if moved := okta.Differences(next, after); len(moved) > 0 {
		runner.Warn(ctx, "%s differs after the write in more than its kid: %s", o, strings.Join(moved, ", "))
	}
	return nil
}

func (s *kidSwitch) undo(ctx context.Context, env *Env, o okta.Owner) error {
	if s.Previous == s.Kid {
		return nil
	}
	ctx, done := env.Okta.Together(ctx, readAndWrite)
	defer done()
	object, err := env.Okta.Object(ctx, o)
	if err != nil {
		return err
	}
	pointer := okta.SigningPointer(o.Kind)
	switch now := object.Text(pointer); now {
	case s.Previous:
		return nil
	case s.Kid:
	default:
		return s.overtaken(o, fmt.Errorf("%s signs with %s by now, which somebody else has set: it is not overwritten; to go back by hand set its kid to %s",
			o, orNone(now), orNone(s.Previous)))
	}
	if s.Expired {
		runner.Warn(ctx, "%s signs again with %s, whose certificate had expired before the run", o, s.Previous)
	}
	if s.Previous != "" {
		next, change := object.Changed(pointer, s.Previous)
		return replace(ctx, env, o, next, change)
	}
	next, change := s.absent(object, pointer)
	if err := replace(ctx, env, o, next, change); err != nil {
		return fmt.Errorf("%s had no kid before, and Okta did not go back to that: %w", o, err)
	}
	return nil
}

// overtaken is why a switch is not undone, with the playbook that switches back
// all the same. There is none to a key that no playbook switches to.
func (s *kidSwitch) overtaken(o okta.Owner, err error) error {
	if s.Previous == "" || s.Expired {
		return err
	}
	playbook := map[okta.Kind]string{okta.App: "activate-app-key", okta.IdP: "activate-idp-key"}[o.Kind]
	return remediedBy{err, runner.Remedy{Playbook: playbook, Inputs: map[string]string{string(o.Kind): o.ID, "kid": s.Previous}}}
}

// remediedBy is an error of an undo, with what a person can do instead.
type remediedBy struct {
	error
	remedy runner.Remedy
}

func (r remediedBy) Remedy() runner.Remedy { return r.remedy }

// absent is an owner without the kid in the form in which it was missing: null,
// or not there, or without what had to be made around it.
func (s *kidSwitch) absent(object okta.Object, pointer string) (okta.Object, okta.Change) {
	next, change := object.Changed(pointer, nil)
	if s.Null {
		return object.With(pointer, nil), change
	}
	if bare, ok := object.WithoutAs(pointer, s.Rest); ok {
		next, change.Rest = bare, s.Rest
	}
	return next, change
}

// recover stands in for the read-back as well, as far as the digest of what
// was read before allows.
func (s *kidSwitch) recover(ctx context.Context, env *Env, o okta.Owner) (runner.Verdict, error) {
	object, err := env.Okta.Object(ctx, o)
	if err != nil {
		return runner.Verdict{}, err
	}
	pointer := okta.SigningPointer(o.Kind)
	switch now := object.Text(pointer); now {
	case s.Kid:
		if _, same := object.WithoutAs(pointer, s.Rest); !same {
			runner.Warn(ctx, "%s has the kid, and differs from before in more than that: compare it with what you expect", o)
		}
		return runner.Verdict{Outcome: runner.Happened}, nil
	case s.Previous:
		return runner.Verdict{Outcome: runner.Not}, nil
	default:
		return runner.Verdict{Outcome: runner.Ambiguous, Reason: fmt.Sprintf(
			"%s signs with %s, which is neither the key of this step nor the one before it", o, orNone(now))}, nil
	}
}

func orNone(kid string) string {
	if kid == "" {
		return "(none)"
	}
	return kid
}
