package conformance

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// TestRoundTrip reads each owner of the default org and sends it back through
// our client. Nothing is lost, whatever the owner holds.
func TestRoundTrip(t *testing.T) {
	for _, way := range signIns {
		t.Run(string(way), func(t *testing.T) {
			b := newBench(t, newJudge(t), setup{signIn: way})
			for _, o := range b.org.Owners() {
				pointer := okta.SigningPointer(o.Kind)
				before := b.do(http.StatusOK, get, o.Path(), "")
				object := must(b.client.Object(b.Context(), o))(b)
				kid, _ := object.At(pointer)
				if err := b.client.Replace(b.Context(), o, object, okta.Change{Pointer: pointer, From: kid, To: kid}); err != nil {
					b.Fatal(err)
				}
				b.kept(o, before, "/lastUpdated")

				spare, ok := b.org.InactiveKey(o, b.now())
				if !ok || kid == nil {
					continue
				}
				for _, to := range []any{spare, kid} {
					b.replace(o, pointer, to)
				}
				b.kept(o, before, "/lastUpdated", "/credentials/signing/lastRotated")
			}
		})
	}
}

// kept checks that an owner is what it was, apart from the members that Okta
// moves.
func (b *bench) kept(o okta.Owner, before []byte, moves ...string) {
	b.Helper()
	after := b.do(http.StatusOK, get, o.Path(), "")
	if found := okta.Differences(json.RawMessage(before), json.RawMessage(after)); len(found) > 0 {
		b.Errorf("%s: there are differences at %q", o, found)
	}
	for _, l := range losses("", plainJSON(b, before), plainJSON(b, after)) {
		if pointer, _, _ := strings.Cut(l, ": "); !slices.Contains(moves, pointer) {
			b.Errorf("%s: %s", o, l)
		}
	}
}

const sdkLoses = "testdata/sdk_loses.golden"

// TestSDKLoses does the same with the types of the official SDK, and names what
// is lost: that is why the product does not use it.
func TestSDKLoses(t *testing.T) {
	d := newDriver(t, newJudge(t), ssws)
	var got bytes.Buffer
	lossless := 0
	for _, o := range d.org.Owners() {
		object, _ := d.org.Object(o)
		fmt.Fprintf(&got, "%s %s\n", o, cmp.Or(object.Text("/label"), object.Text("/name")))
		before := plainJSON(d.bench, d.do(http.StatusOK, get, o.Path(), ""))
		if err := d.roundTrip(o); err != nil {
			fmt.Fprintf(&got, "\tcannot be sent back: %v\n", err)
			continue
		}
		after := plainJSON(d.bench, d.do(http.StatusOK, get, o.Path(), ""))
		all := slices.DeleteFunc(losses("", before, after), func(l string) bool { return strings.HasPrefix(l, "/lastUpdated: ") })
		if len(all) == 0 {
			lossless++
			fmt.Fprintln(&got, "\tkeeps everything")
		}
		for _, l := range all {
			fmt.Fprintf(&got, "\t%s\n", l)
		}
	}
	if lossless == len(d.org.Owners()) {
		t.Error("the SDK loses nothing any more: there is no reason left not to use it")
	}
	if *update {
		if err := os.WriteFile(sdkLoses, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := must(os.ReadFile(sdkLoses))(d.bench)
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the SDK loses other things than %s says; `go test -run TestSDKLoses -update` rewrites it. It loses:\n%s", sdkLoses, got.Bytes())
	}
}

// roundTrip reads an owner and sends it back through the SDK's types.
func (d *driver) roundTrip(o okta.Owner) error {
	if o.Kind == okta.IdP {
		v, _, err := d.api.IdentityProviderAPI.GetIdentityProvider(d.Context(), o.ID).Execute()
		if err != nil {
			return err
		}
		_, _, err = d.api.IdentityProviderAPI.ReplaceIdentityProvider(d.Context(), o.ID).IdentityProvider(*v).Execute()
		return err
	}
	v, _, err := d.api.ApplicationAPI.GetApplication(d.Context(), o.ID).Execute()
	if err != nil {
		return err
	}
	_, _, err = d.api.ApplicationAPI.ReplaceApplication(d.Context(), o.ID).Application(*v).Execute()
	return err
}

// losses are the places where is does not have what was has, or has more: a
// JSON pointer each, and what happened there. Numbers count as texts, and a null
// is not an absent member.
func losses(at string, was, is any) (all []string) {
	add := func(at, format string, args ...any) { all = append(all, at+": "+fmt.Sprintf(format, args...)) }
	switch w := was.(type) {
	case map[string]any:
		m, ok := is.(map[string]any)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			below := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			if v, there := m[name]; there {
				all = append(all, losses(below, w[name], v)...)
			} else {
				add(below, "%s is gone", brief(w[name]))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if _, there := w[name]; !there {
				add(at+"/"+name, "%s has come", brief(m[name]))
			}
		}
		return all
	case []any:
		list, ok := is.([]any)
		if !ok || len(list) != len(w) {
			break
		}
		for i := range w {
			all = append(all, losses(fmt.Sprintf("%s/%d", at, i), w[i], list[i])...)
		}
		return all
	default:
		if _, deep := is.(map[string]any); deep {
			break
		}
		if _, deep := is.([]any); !deep && was == is {
			return nil
		}
	}
	add(at, "%s has become %s", brief(was), brief(is))
	return all
}

// brief is a value as JSON, not all of a long one.
func brief(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if r := []rune(string(text)); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return string(text)
}

// plainJSON decodes without our own code, and keeps each digit.
func plainJSON(b *bench, text []byte) (v any) {
	b.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	return v
}

// parseLeaf is the certificate of a key.
func parseLeaf(x5c []string) (*x509.Certificate, error) {
	if len(x5c) != 1 {
		return nil, errors.New("there is not one certificate")
	}
	der, err := base64.StdEncoding.DecodeString(x5c[0])
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// parseRequest is what a CSR asks for.
func parseRequest(csr okta.CSR) (*x509.CertificateRequest, error) {
	der, err := csr.DER()
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificateRequest(der)
}
