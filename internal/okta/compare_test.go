package okta

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

func TestDifferences(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		want       []string
	}{
		{"equal", `{"a":1,"b":[null]}`, `{"b":[null],"a":1}`, nil},
		{"ignored at the top", `{"a":1,"lastUpdated":1,"_links":{},"created":2}`, `{"a":1,"_embedded":3}`, nil},
		{"not ignored below", `{"x":{"created":1,"_links":1}}`, `{"x":{"created":2}}`, []string{"/x/_links", "/x/created"}},
		{"rotation", `{"credentials":{"signing":{"kid":"k","lastRotated":"a","nextRotation":"b"}}}`, `{"credentials":{"signing":{"kid":"k","lastRotated":"c"}}}`, nil},
		{"rotation of others", `{"credentials":{"oauth":{"lastRotated":"a"}},"lastRotated":1}`, `{"credentials":{"oauth":{}}}`, []string{"/credentials/oauth/lastRotated", "/lastRotated"}},
		{"null is no absence", `{"a":null}`, `{}`, []string{"/a"}},
		{"null is no value", `{"a":null}`, `{"a":false}`, []string{"/a"}},
		{"numbers by their text", `{"a":1.0,"b":9007199254740993,"c":1e2}`, `{"a":1,"b":9007199254740992,"c":100}`, []string{"/a", "/b", "/c"}},
		{"a number is no text", `{"a":1}`, `{"a":"1"}`, []string{"/a"}},
		{"kinds", `{"a":{},"b":[],"c":{}}`, `{"a":[],"b":1,"c":null}`, []string{"/a", "/b", "/c"}},
		{"lists", `{"a":[1,2,3],"b":[1]}`, `{"a":[1,9],"b":[1,2]}`, []string{"/a/1", "/a/2", "/b/1"}},
		{"names escaped", `{"a/b":1,"m~n":1}`, `{}`, []string{"/a~1b", "/m~0n"}},
		{"lists as they are", `[{"kid":"a","created":1}]`, `[{"kid":"a","created":2,"lastUpdated":1}]`, []string{"/0/created", "/0/lastUpdated"}},
		{"the root", `[]`, `{}`, []string{""}},
		{"scalars", `1`, `1`, nil},
	} {
		a, b := json.RawMessage(tt.a), json.RawMessage(tt.b)
		if got := Differences(a, b); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if got := Differences(b, a); !slices.Equal(got, tt.want) {
			t.Errorf("%s, other way round: %q, want %q", tt.name, got, tt.want)
		}
		if (Digest(a) == Digest(b)) != (tt.want == nil) {
			t.Errorf("%s: the digests say otherwise", tt.name)
		}
	}
}

func TestDifferencesOfTypes(t *testing.T) {
	const text = `[{"kid":"a","new":1.50}]`
	var keys []Key
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		t.Fatal(err)
	}
	if d := Differences(keys, json.RawMessage(text)); d != nil {
		t.Errorf("keys differ from their own text at %q", d)
	}
	if d := Differences([]CSR{{ID: "a"}}, []any{map[string]any{"id": "a"}}); d != nil {
		t.Errorf("CSRs: %q", d)
	}
	if d := Differences(map[string]any{"n": 1, "f": 0.5}, mustObject(t, `{"n":1,"f":0.5}`)); d != nil {
		t.Errorf("Go numbers: %q", d)
	}
	if d := Differences(nil, nil); d != nil {
		t.Errorf("nil: %q", d)
	}
}

// A digest that moves breaks plans and journals already written.
func TestDigestIsFixed(t *testing.T) {
	// printf '%s' '{"a":[1.50,null,"<é>"],"b":{}}' | sha256sum
	const want = "e17813c65a481eb9d63fc3547ad3f7b15646ac73418e08f4940f6bbb472a3e9e"
	if got := Digest(json.RawMessage(`{"created":1,"b":{},"a":[1.50,null,"<\u00e9>"]}`)); got != want {
		t.Errorf("Digest = %s, want %s", got, want)
	}
}

// Differences and Digest agree on what is equal, for values that are nearly so.
func TestDigestAgreesWithDifferences(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	same := 0
	for range 20_000 {
		a := randomValue(rnd, 0)
		b := normal(a)
		if rnd.IntN(2) == 0 {
			b = disturb(rnd, b)
		}
		equal := Differences(a, b) == nil
		if equal {
			same++
		}
		if equal != (Digest(a) == Digest(b)) {
			t.Fatalf("%s\n%s\nDifferences %q, digests %s %s", encode(a), encode(b), Differences(a, b), Digest(a), Digest(b))
		}
	}
	if same < 1000 || same > 19_000 {
		t.Errorf("%d of 20000 pairs were equal: the test tries too little", same)
	}
}

var someNames = []string{"created", "lastUpdated", "_links", "credentials", "signing", "lastRotated", "nextRotation", "kid", "a/b", "~"}

func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(10); {
	case n < 5 && depth < 4 || depth == 0:
		m := map[string]any{}
		for range r.IntN(4) {
			m[someNames[r.IntN(len(someNames))]] = randomValue(r, depth+1)
		}
		return m
	case n < 6 && depth < 4:
		list := []any{}
		for range r.IntN(3) {
			list = append(list, randomValue(r, depth+1))
		}
		return list
	case n < 7:
		return nil
	case n < 8:
		return json.Number(strconv.Itoa(r.IntN(3)))
	case n < 9:
		return strconv.Itoa(r.IntN(3))
	}
	return r.IntN(2) == 0
}

// disturb changes one place of v, in place.
func disturb(r *rand.Rand, v any) any {
	switch c := v.(type) {
	case map[string]any:
		name := someNames[r.IntN(len(someNames))]
		if e, ok := c[name]; ok && r.IntN(3) > 0 {
			c[name] = disturb(r, e)
		} else if ok {
			delete(c, name)
		} else {
			c[name] = nil
		}
		return c
	case []any:
		if len(c) > 0 && r.IntN(2) == 0 {
			return c[1:]
		}
		return append(c, nil)
	}
	return randomValue(r, 3)
}

// What is written and what is compared of it come of one pass, and are what
// each alone would be.
func TestEncodeApart(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"created": 1}`, `{"a": 1, "created": {"b": 2}, "z": [1, {"created": 3}]}`,
		`{"credentials": null}`, `{"credentials": {"signing": 5, "scheme": "x"}}`,
		`{"_links": {}, "credentials": {"signing": {"kid": "k", "lastRotated": "t", "nextRotation": null}, "a": ["<&>", "é"]}, "label": "x"}`,
		`{"lastUpdated": "t", "protocol": {"credentials": {"signing": {"kid": "k"}}}}`,
	} {
		o, err := DecodeObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := Digest(o), digestOf(encode(compared(o))); got != want {
			t.Errorf("%s: digest %s, want %s", text, got, want)
		}
		for _, p := range []string{"", "/a", "/z/0", "/z/1/created", "/created", "/created/b", "/credentials", "/credentials/signing", "/credentials/signing/kid", "/protocol/credentials/signing/kid", "malformed"} {
			for _, rest := range []string{Digest(o.Without(p)), Digest(o), Digest(Object{})} {
				written, same := o.encodeAs(p, rest)
				if _, want := o.WithoutAs(p, rest); same != want || string(written) != string(o.Encode()) {
					t.Errorf("%s at %q: %t %s, want %t %s", text, p, same, written, want, o.Encode())
				}
			}
		}
	}
}
