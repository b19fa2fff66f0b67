package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A secret is found however it is written, wherever in a larger text it stands,
// and what only looks like it is not.
func TestFinder(t *testing.T) {
	const secret = "canary \"p<a>s&s+w/o%rd é\\ of-one"
	f := newFinder([]canary{{"passphrase", []byte(secret)}})
	sum := sha256.Sum256([]byte(secret))
	inJSON, err := json.Marshal(map[string]string{"pass": secret})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"raw": secret, "JSON": string(inJSON), "HTML": html.EscapeString(secret), "Go": fmt.Sprintf("%q", secret),
		"query": url.Values{"p": {secret}}.Encode(), "path": url.PathEscape(secret),
		"hex": hex.EncodeToString([]byte("x" + secret)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"digest": hex.EncodeToString(sum[:]), "digest in base64": base64.StdEncoding.EncodeToString(sum[:]),
		"cut": secret[:piece] + "…", "end": "…" + secret[len(secret)-piece:],
		"wrapped": strings.ReplaceAll(secret, " ", "\n        "), "broken": secret[:9] + "\n" + secret[9:],
	}
	for shift := range 3 {
		around := strings.Repeat("x", shift) + secret + strings.Repeat("y", shift)
		texts[fmt.Sprint("base64 at ", shift)] = base64.StdEncoding.EncodeToString([]byte(around))
		texts[fmt.Sprint("base64 for URLs at ", shift)] = base64.RawURLEncoding.EncodeToString([]byte(around))
		texts[fmt.Sprint("base64 in lines at ", shift)] = strings.Join(strings.SplitAfter(base64.StdEncoding.EncodeToString([]byte(around)), "a"), "\n")
	}
	for name, text := range texts {
		for _, around := range [][2]string{{"", ""}, {"before ", " after"}, {`{"a":"`, `"}`}} {
			if f.find([]byte(around[0]+text+around[1])) == "" {
				t.Errorf("%s is not found in %q", name, around[0]+text+around[1])
			}
		}
	}
	if f.find([]byte("Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwcyJ9.c2lnbmF0dXJlIG9m")) == "" {
		t.Error("a signed token is not found")
	}
	paths, err := filepath.Glob("../../testdata/faces/*")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if found := f.find(append(data, "canary of another kind"...)); found != "" {
			t.Errorf("%s: found %s", path, found)
		}
	}
}
