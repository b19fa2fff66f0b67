package rehearse

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// What somebody changed of an owner is told as far as the plan holds it: the
// keys by their ids, other values by their places, and no value that may be a
// secret, nor a digest of one alone.
func TestChangesSinceThePlan(t *testing.T) {
	object := func(kid, label, secret string) okta.Object {
		o := okta.Object{"label": label, "status": "ACTIVE", "settings": map[string]any{"password": secret}}
		if kid == "" {
			return o.With(okta.SigningPointer(okta.App), nil)
		}
		return o.With(okta.SigningPointer(okta.App), kid)
	}
	was := object("old", "Finance", "s3cret")
	for name, c := range map[string]struct {
		now  okta.Object
		want string
	}{
		"another key":      {object("new", "Finance", "s3cret"), "it signs with new, and not with old"},
		"no key":           {object("", "Finance", "s3cret"), "it signs with (none), and not with old"},
		"another label":    {object("old", "Finances", "s3cret"), "another value is at /label"},
		"no status":        {object("old", "Finance", "s3cret").Without("/status"), "another value is at /status"},
		"a name":           {object("old", "Finance", "s3cret").With("/name", "x"), "another value is at /name"},
		"key and label":    {object("new", "x", "s3cret"), "it signs with new, and not with old; another value is at /label"},
		"another password": {object("old", "Finance", "s3cret!"), "other settings than /label, /name, /signOnMode, /status and its key changed, of which the plan holds one digest alone"},
	} {
		if got := changes(okta.App, kept(t, seenObject(okta.App, was)), seenObject(okta.App, c.now)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if text, _ := json.Marshal(seenObject(okta.App, was)); strings.Contains(string(text), "s3cret") || strings.Contains(string(text), "password") {
		t.Errorf("the plan holds %s", text)
	}
	ids := func(ids ...string) runner.Seen { return runner.Seen{IDs: append([]string{}, ids...)} }
	for _, c := range []struct {
		was, is runner.Seen
		want    string
	}{
		{ids("a", "b"), ids("b", "c"), "new: c; gone: a"},
		{ids(), ids("a", "b", "c", "d", "e", "f", "g"), "new: a, b, c, d, e, 2 more"},
		{ids("a"), ids("a"), "the ids are the same, and what stands under them is not"},
		{runner.Seen{}, ids("a"), ""}, // of a plan that holds none
	} {
		if got := changes(okta.App, kept(t, c.was), c.is); got != c.want {
			t.Errorf("%v, %v: %q, want %q", c.was, c.is, got, c.want)
		}
	}
	if got := changes(okta.App, runner.Seen{}, seenObject(okta.App, was)); got != "" {
		t.Errorf("of a plan that holds nothing: %q", got)
	}
}

// kept is what a plan's file keeps.
func kept(t *testing.T, seen runner.Seen) (read runner.Seen) {
	t.Helper()
	text, err := json.Marshal(seen)
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read
}
