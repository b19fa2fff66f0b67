package steps

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "generate_key",
	Doc: "Has Okta make a key pair with a self-signed certificate and add it to the owner's keys. " +
		"The key is not used for signing until update_app_kid or update_idp_kid switches to it.",
	Change: "add a new key to {owner}, valid for {validity_years} years: {kid}",
	Undo:   runner.UndoStays,
}, func(env *Env) any { return &GenerateKey{env: env} })

// GenerateKey is the step type generate_key (Okta: Generate a key credential).
type GenerateKey struct {
	env           *Env
	Owner         `oneof:"app,idp"`
	ValidityYears int       `in:"validity_years" range:"2-10" doc:"how many years the certificate is valid, 2 to 10"`
	Kids          []string  `saw:"kids" is:"loose" doc:"the keys before"`
	Looked        time.Time `saw:"looked" is:"loose" doc:"Okta's clock then"`
	KeyOut
	Adopted bool `out:"adopted" doc:"found after a lost answer, so that it may be somebody else's"`
}

// Observe notes the keys that are there before.
func (s *GenerateKey) Observe(ctx context.Context) error {
	if _, err := s.env.signing(ctx, s.owner()); err != nil {
		return err
	}
	keys, date, err := s.env.Okta.Keys(ctx, s.owner())
	s.Kids, s.Looked = kidsOf(keys), date
	return err
}

// Do generates the key.
func (s *GenerateKey) Do(ctx context.Context) error {
	key, err := s.env.Okta.GenerateKey(ctx, s.owner(), s.ValidityYears)
	if err == nil {
		s.take(key)
		// What else its certificate says is Okta's to choose.
		runner.Certify(ctx, runner.PlannedCertificate{Owner: s.owner().String(), Role: runner.RoleNewKey, Kid: s.Kid, NotBefore: s.Created, NotAfter: s.ExpiresAt}, nil)
	}
	return err
}

// Undo leaves the key where it is: Okta has no way to delete one.
func (s *GenerateKey) Undo(context.Context) ([]runner.Residue, error) {
	return []runner.Residue{keyStays(s.owner(), s.Kid)}, nil
}

// Suspected is the key that may be there.
func (s *GenerateKey) Suspected(kid string) []runner.Residue {
	r := keyStays(s.owner(), kid)
	if r.Note = newcomer + "; inactive, it is harmless"; kid == "" {
		r.Note = fmt.Sprintf("look whether %s has a key made since %s and valid for %d years; inactive, it is harmless",
			s.owner(), atSecond(s.Looked), s.ValidityYears)
	}
	return []runner.Residue{r}
}

// Recover adopts the one new key of the validity asked for that was made
// while the write can have taken effect.
func (s *GenerateKey) Recover(ctx context.Context) (runner.Verdict, error) {
	asked := s.env.Now()
	keys, date, err := s.env.Okta.Keys(ctx, s.owner())
	if err != nil {
		return runner.Verdict{}, err
	}
	var fit []string
	made := newWindow(ctx, s.Looked, asked, date)
	for _, k := range keys {
		if !slices.Contains(s.Kids, k.Kid) && fits(k, made, s.ValidityYears) {
			fit = append(fit, k.Kid)
		}
	}
	if fit, err = s.env.strangers(fit); err != nil {
		return runner.Verdict{}, err
	}
	v := verdict("keys", s.owner(), fit)
	if v.Outcome == runner.Happened {
		err = s.adopt(keys, fit[0])
	}
	return v, err
}

// Adopt takes the key with that kid for the one generated. One that was there
// before is not.
func (s *GenerateKey) Adopt(ctx context.Context, kid string) error {
	keys, _, err := s.env.Okta.Keys(ctx, s.owner())
	if err != nil {
		return err
	}
	if err := s.env.adoptable("key", s.owner(), kid, s.Kids, kidsOf(keys)); err != nil {
		return err
	}
	return s.adopt(keys, kid)
}

func (s *GenerateKey) adopt(keys []okta.Key, kid string) error {
	key, err := pick(s.owner(), keys, kid)
	if err == nil {
		s.take(key)
		s.Adopted = true
	}
	return err
}

// backdating is more than Okta makes a certificate begin before its key was
// made, which is a minute.
const backdating = 10 * time.Minute

// fits reports whether a key can be one that was made within a window and is
// valid for that many years, give or take a few days: Okta counts from a
// minute before, and years vary. What the key does not say speaks against
// nothing.
func fits(k okta.Key, made window, years int) bool {
	from, to := validity(k)
	if _, err := okta.ParseTime(k.Created); err != nil {
		made.from = made.from.Add(-backdating) // from is the certificate's notBefore
	}
	if !made.holds(from) {
		return false
	}
	off := to.Sub(from.AddDate(years, 0, 0))
	return from.IsZero() || to.IsZero() || off.Abs() < 5*24*time.Hour
}

// keyStays is the residue of a key that was added to an owner.
func keyStays(o okta.Owner, kid string) runner.Residue {
	return runner.Residue{Owner: o.String(), Kind: "key", ID: kid, Effect: runner.Added,
		Note: "Okta deletes no signing key; inactive, it is harmless"}
}
