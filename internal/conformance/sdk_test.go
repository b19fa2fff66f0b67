package conformance

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	sdk "github.com/okta/okta-sdk-golang/v6/okta"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

// driver is the official SDK at work on a sandbox.
type driver struct {
	*bench
	kind
	api  *sdk.APIClient
	from *sender
}

// drive has the SDK carry out one operation. What it makes of the answer must
// be what the sandbox answers to a GET of path; "" where there is nothing to
// compare.
type drive func(d *driver) (got any, path string, err error)

// drives are the operations that the SDK can carry out.
var drives = func() map[operation]drive {
	all := maps.Clone(appDrives)
	maps.Copy(all, idpDrives)
	return all
}()

// driveSDK has the SDK carry out every operation of the table, and makes sure
// that what is said not to work does not.
func driveSDK(b *bench) {
	all := newDriver(b.T, b.judge, b.signIn)
	for _, op := range operations {
		do, driven := drives[op]
		if driven == limited(op) {
			b.Errorf("%s: the SDK drives it: %t, it is known not to be able to: %t; want one of both", op, driven, limited(op))
		}
		if !driven {
			continue
		}
		b.Run(op.String(), func(t *testing.T) {
			d := all.in(t, op)
			was := d.carriedOut(op)
			got, path, err := do(d)
			if err != nil {
				d.Fatal(err)
			}
			if d.carriedOut(op) == was {
				d.Errorf("the SDK sent no %s that succeeded", op)
			}
			if path != "" {
				d.same(got, path)
			}
			d.look(got)
		})
	}
	b.Run("refusals", func(t *testing.T) { all.in(t, operation{}).refusals() })
	all = newDriver(b.T, b.judge, b.signIn) // nothing was sent back to this one
	for _, l := range limits {
		b.Run("limit: "+l.what, func(t *testing.T) {
			d := all.in(t, l.op)
			if err := l.occurs(d); err != nil {
				d.Errorf("this limit of the SDK no longer occurs, take it off the list: %s: %v", l.what, err)
			}
			if l.reason == "" {
				d.Error("it is listed without a reason")
			}
		})
	}
}

// newDriver is the SDK, signed in to a sandbox of its own.
func newDriver(t *testing.T, j *judge, way signIn) *driver {
	t.Helper()
	// The assertions and proofs of a service app go by the machine's clock.
	d := &driver{bench: newBench(t, j, setup{signIn: way, ticks: way != ssws}), from: newSender(officialSDK, way)}
	d.api = sdk.NewAPIClient(d.configuration())
	return d
}

// in is the driver in a test about one operation, or else about apps.
func (d *driver) in(t *testing.T, op operation) *driver {
	b, c := *d.bench, *d
	b.T, c.bench = t, &b
	kind := okta.App
	if op.path != "" && !op.ofApp() {
		kind = okta.IdP
	}
	c.of(kind)
	return &c
}

// of has the driver work on an owner of a kind.
func (d *driver) of(kind okta.Kind) {
	for _, k := range kinds(d.bench) {
		if k.owner.Kind == kind {
			d.kind = k
		}
	}
}

// configuration are the SDK's settings, whatever else files and the environment say.
func (d *driver) configuration() *sdk.Configuration {
	d.Helper()
	set := []sdk.ConfigSetter{
		sdk.WithOrgUrl(d.base), sdk.WithCache(false), sdk.WithProxyHost(""), sdk.WithHttpClientPtr(&http.Client{Transport: d.judge.watch(http.DefaultTransport, d.from)}),
	}
	if d.signIn == ssws {
		set = append(set, sdk.WithAuthorizationMode("SSWS"), sdk.WithToken(token))
	} else {
		set = append(set, sdk.WithAuthorizationMode("PrivateKey"), sdk.WithClientId(clientID), sdk.WithScopes(sandbox.Scopes()),
			sdk.WithPrivateKey(pemOf(must(clientKey())(d.bench))), sdk.WithPrivateKeyId(clientKeyID))
	}
	config := must(sdk.NewConfiguration(set...))(d.bench)
	config.Host = must(url.Parse(d.base))(d.bench).Host // it leaves the port away: see limits
	return config
}

// carriedOut is how often the SDK carried an operation out.
func (d *driver) carriedOut(op operation) int {
	d.judge.mu.Lock()
	defer d.judge.mu.Unlock()
	return d.judge.seen[op.String()].sent[d.from.party]
}

// credentials is a path below those of the driver's owner.
func (d *driver) credentials(parts ...string) string {
	path := d.owner.Path() + "/credentials"
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// same compares a value of the SDK's with what the sandbox answers at path. The
// SDK knows no null and writes times its own way: neither counts here.
func (d *driver) same(got any, path string) {
	d.Helper()
	is := plainJSON(d.bench, must(json.Marshal(got))(d.bench))
	was := plainJSON(d.bench, d.do(http.StatusOK, get, path, ""))
	for _, l := range losses("", sameTimes(withoutNulls(was)), sameTimes(is)) {
		d.Errorf("the SDK got GET %s otherwise: %s", path, l)
	}
}

// withoutNulls is v without members that are null.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			if v[name] = withoutNulls(child); child == nil {
				delete(v, name)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return v
}

// sameTimes is v with each time written in one way.
func sameTimes(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = sameTimes(v[name])
		}
	case []any:
		for i := range v {
			v[i] = sameTimes(v[i])
		}
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return v
}

// file is an open file with a content, as the SDK wants to publish one.
func (d *driver) file(content []byte) *os.File {
	d.Helper()
	name := filepath.Join(d.TempDir(), "certificate")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		d.Fatal(err)
	}
	f := must(os.Open(name))(d.bench)
	d.Cleanup(func() { f.Close() })
	return f
}
