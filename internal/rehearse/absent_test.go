package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

// An app that signs with no key yet is as before after the rehearsed rollback,
// in whatever form it says so.
func TestUndoToNoKey(t *testing.T) {
	pointer := okta.SigningPointer(okta.App)
	for name, without := range map[string]func(okta.Object) okta.Object{
		"no kid":         func(o okta.Object) okta.Object { return o.Without(pointer) },
		"null":           func(o okta.Object) okta.Object { return o.With(pointer, nil) },
		"empty signing":  func(o okta.Object) okta.Object { return o.With("/credentials/signing", map[string]any{}) },
		"no signing":     func(o okta.Object) okta.Object { return o.Without("/credentials/signing") },
		"null signing":   func(o okta.Object) okta.Object { return o.With("/credentials/signing", nil) },
		"no credentials": func(o okta.Object) okta.Object { return o.Without("/credentials") },
	} {
		t.Run(name, func(t *testing.T) {
			org := defaultOrg(t)
			object, _ := org.Object(app)
			if err := org.PutObject(app, without(object).Encode()); err != nil {
				t.Fatal(err)
			}
			transport := sandbox.Transport(sandbox.New(org, sandbox.Options{Now: func() time.Time { return now }}))
			o, err := New(Options{Now: now, Live: okta.Config{OrgURL: "http://127.0.0.1", Token: "t", HTTP: transport}})
			if err != nil {
				t.Fatal(err)
			}
			plan := rehearsedIn(t, o, embedded(t, "activate-app-key"), map[string]any{"app": app.ID, "kid": inactiveKid(t, "app")})
			if r := plan.Body.Rollback; len(r.Steps) != 1 || r.Steps[0].Write == nil || len(r.Residues) > 0 {
				t.Errorf("rollback %+v", r)
			}
		})
	}
}

// That the org has no metadata of a key of its own is told as the org says it,
// and none is made up.
func TestNoMetadataInTheWordsOfTheOrg(t *testing.T) {
	ctx := context.Background()
	l := newLive(t)
	o, c := rehearsal(t, l)
	cfg := l.config()
	cfg.HTTP = roundTrip(func(r *http.Request) (*http.Response, error) {
		a, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && strings.Contains(r.URL.Path, "metadata") {
			a.Body.Close()
			a.StatusCode, a.Header, a.Body = http.StatusNotFound, http.Header{}, io.NopCloser(strings.NewReader(`{"errorSummary":"It went west"}`))
		}
		return a, err
	})
	var err error
	if o.live, err = okta.New(cfg); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []okta.Owner{app, idp} {
		object, err := c.Object(ctx, owner)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Metadata(ctx, owner, object.Text(okta.SigningPointer(owner.Kind))); !okta.NotFound(err) || !strings.Contains(err.Error(), "It went west") {
			t.Errorf("%s: %v", owner, err)
		}
	}
	key, err := c.GenerateKey(ctx, app, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Metadata(ctx, app, key.Kid); err != nil || !strings.Contains(string(got), key.X5c[0]) {
		t.Errorf("the rehearsed key's metadata is %q (%v)", got, err)
	}
}

// An owner that is not there is told of in the words of the org, which is asked
// once, whatever is asked of it; and drift is held against that.
func TestAbsentInTheWordsOfTheOrg(t *testing.T) {
	ctx := context.Background()
	asked := 0
	live := sandbox.Transport(sandbox.New(defaultOrg(t), sandbox.Options{Now: func() time.Time { return now }}))
	gone := okta.Owner{Kind: okta.App, ID: "0oaGone"}
	o, err := New(Options{Now: now, Live: okta.Config{OrgURL: "http://127.0.0.1", Token: "t", HTTP: roundTrip(func(r *http.Request) (*http.Response, error) {
		if !strings.Contains(r.URL.Path, gone.ID) {
			return live.RoundTrip(r)
		}
		asked++
		return &http.Response{
			StatusCode: http.StatusNotFound, Header: http.Header{"X-Okta-Request-Id": {fmt.Sprint("req-", asked)}}, Request: r,
			Body: io.NopCloser(strings.NewReader(`{"errorCode":"E0000048","errorSummary":"It went west","errorCauses":[{"errorSummary":"in May"}]}`)),
		}, nil
	})}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := okta.New(okta.Config{OrgURL: "http://127.0.0.1", Token: "rehearsal", HTTP: o})
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"read":  func() error { _, err := c.Object(ctx, gone); return err },
		"keys":  func() error { _, _, err := c.Keys(ctx, gone); return err },
		"CSRs":  func() error { _, _, err := c.CSRs(ctx, gone); return err },
		"write": func() error { _, err := c.GenerateKey(ctx, gone, 2); return err },
		"clone": func() error { _, err := c.CloneKey(ctx, app, inactiveKid(t, "app"), gone.ID); return err },
	} {
		err := ask()
		var told *okta.Error
		if !errors.As(err, &told) || !okta.NotFound(err) || okta.OutcomeUnknown(err) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if says := "Okta answered 404 E0000048: It went west (in May) [request req-1]; "; !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want one that says %s", name, err, says)
		}
	}
	if asked != 1 {
		t.Errorf("the org was asked %d times", asked)
	}
	bases := o.Bases()
	maps.DeleteFunc(bases, func(name, _ string) bool { return !strings.HasPrefix(name, gone.String()) })
	if len(bases) != 1 || bases[gone.String()+"/object"] != absent {
		t.Errorf("bases %v", bases)
	}
	if moved, err := Moved(ctx, o.live, bases, nil); len(moved) > 0 || err != nil {
		t.Errorf("moved: %v, %v", moved, err)
	}
	bases[app.String()+"/object"] = absent
	if moved, err := Moved(ctx, o.live, bases, nil); err != nil || !slices.Equal(moved, []string{app.String() + " exists by now"}) {
		t.Errorf("moved: %v, %v", moved, err)
	}
	bases = map[string]string{gone.String() + "/object": "a digest"}
	if moved, err := Moved(ctx, o.live, bases, nil); err != nil || !slices.Equal(moved, []string{gone.String() + " is gone"}) {
		t.Errorf("moved: %v, %v", moved, err)
	}
}
