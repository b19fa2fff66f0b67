package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// Owner is the input that names the owner of keys: an app or an IdP.
type Owner struct {
	App string `in:"app" is:"optional" doc:"id of the app"`
	IdP string `in:"idp" is:"optional" doc:"id of the identity provider"`
}

func (o Owner) owner() okta.Owner {
	if o.IdP != "" {
		return okta.Owner{Kind: okta.IdP, ID: o.IdP}
	}
	return okta.Owner{Kind: okta.App, ID: o.App}
}

// Claims names the owner: every action on its parts may collide with another.
func (o Owner) Claims() []string { return []string{o.owner().String()} }

// signOnModes are the modes of apps for which Okta signs with a key of the
// app (Okta: Share application key credentials for IdPs across Apps).
var signOnModes = []string{"SAML_2_0", "SAML_1_1", "WS_FEDERATION"}

// idpType is the type of IdPs to which Okta signs requests.
const idpType = "SAML2"

// signing reads an owner and refuses one that signs nothing with its keys.
func (e *Env) signing(ctx context.Context, o okta.Owner) (okta.Object, error) {
	object, err := e.Okta.Object(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Kind == okta.IdP {
		if t := object.Text("/type"); t != idpType {
			return nil, fmt.Errorf("%s is of type %q: signing keys matter for IdPs of type %s alone; name another IdP", o, t, idpType)
		}
		return object, nil
	}
	if mode := object.Text("/signOnMode"); !slices.Contains(signOnModes, mode) {
		return nil, fmt.Errorf("%s has the sign-on mode %q: signing keys matter for %s alone; name another app",
			o, mode, strings.Join(signOnModes, ", "))
	}
	return object, nil
}

// pick returns the key with that kid from an owner's keys, and refuses one
// that the owner has not.
func pick(o okta.Owner, keys []okta.Key, kid string) (okta.Key, error) {
	if i := slices.IndexFunc(keys, func(k okta.Key) bool { return k.Kid == kid }); i >= 0 {
		return keys[i], nil
	}
	return okta.Key{}, fmt.Errorf("%s has no key %q; it has %s: use one of them, or bring the key there with clone_key or publish_csr",
		o, kid, orNone(strings.Join(kidsOf(keys), ", ")))
}

func kidsOf(keys []okta.Key) []string {
	kids := make([]string, len(keys))
	for i, k := range keys {
		kids[i] = k.Kid
	}
	slices.Sort(kids)
	return kids
}

// expiry is when a key's certificate ends: what Okta says, else what the
// certificate says; the zero time when neither does.
func expiry(k okta.Key) time.Time {
	_, end := validity(k)
	return end
}

// ours reports whether id was yielded by a recorded run.
func (e *Env) ours(id string) (bool, error) {
	if e.Ours == nil {
		return false, nil
	}
	return e.Ours(id)
}

// strangers drops what a recorded run yielded: the rest may be the trace of a
// write whose answer was lost.
func (e *Env) strangers(ids []string) ([]string, error) {
	var out []string
	for _, id := range ids {
		ours, err := e.ours(id)
		if err != nil {
			return nil, fmt.Errorf("looking for %s in the records of earlier runs: %w", id, err)
		}
		if !ours {
			out = append(out, id)
		}
	}
	return out, nil
}

// verdict says what the candidates for a lost create mean: one is adopted,
// more are for a person to choose from.
func verdict(what string, o okta.Owner, candidates []string) runner.Verdict {
	switch len(candidates) {
	case 0:
		return runner.Verdict{Outcome: runner.Not}
	case 1:
		return runner.Verdict{Outcome: runner.Happened}
	}
	slices.Sort(candidates)
	return runner.Verdict{
		Outcome: runner.Ambiguous, Candidates: candidates,
		Reason: fmt.Sprintf("%s has %d new %s that may be it: %s", o, len(candidates), what, strings.Join(candidates, ", ")),
	}
}

// adoptable refuses an id that cannot be of what a step made, because it was
// there before or is not there, and names those that can.
func (e *Env) adoptable(what string, o okta.Owner, id string, before, now []string) error {
	old := slices.Contains(before, id)
	if !old && slices.Contains(now, id) {
		return nil
	}
	came, err := e.strangers(slices.DeleteFunc(slices.Clone(now), func(id string) bool { return slices.Contains(before, id) }))
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s has no %s %q", o, what, id)
	if old {
		text = fmt.Sprintf("%s %s was there before the step", what, id)
	}
	if len(came) == 0 {
		return fmt.Errorf("%s, and nothing new is there that it may have made", text)
	}
	slices.Sort(came)
	return fmt.Errorf("%s; new since then, and perhaps what it made: %s", text, strings.Join(came, ", "))
}

// newcomer says of what may be the trace of a write why it may be.
const newcomer = "it came while the step was at it, and may be somebody else's"

// suspectedKid is a switch of which nobody can tell whether it happened.
func suspectedKid(o okta.Owner, kid, previous string) []runner.Residue {
	return []runner.Residue{{Owner: o.String(), Kind: "signing key", ID: kid, Effect: runner.Added,
		Note: fmt.Sprintf("look with which key %s signs: before the step it was %s", o, orNone(previous))}}
}

// atSecond is a time as people look for it in an org.
func atSecond(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// window is when a write whose answer was lost can have had its effect, by
// Okta's clock. A bound that is not known is zero.
type window struct{ from, to time.Time }

// newWindow begins at Okta's clock at the look before the write, which shows
// whole seconds, and ends when the write can have taken effect last. That end is
// known by our clock, which may be off by as much as date, Okta's clock in an
// answer, is later than asked, our clock when we asked for it: an answer that is
// slow makes it seem more, never less.
func newWindow(ctx context.Context, looked, asked, date time.Time) window {
	w := window{from: looked.Truncate(time.Second), to: runner.LastSend(ctx)}
	if !w.to.IsZero() && !date.IsZero() {
		w.to = w.to.Add(date.Sub(asked) + 2*time.Second) // whole seconds, twice
	}
	return w
}

// holds reports whether an object that was created then can be the write's
// effect. A time that is not known speaks against nothing: to take a write for
// one that did not happen makes a second key.
func (w window) holds(created time.Time) bool {
	return created.IsZero() || !created.Before(w.from) && (w.to.IsZero() || !created.After(w.to))
}
