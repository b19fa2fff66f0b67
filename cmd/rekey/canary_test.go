package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// canary is a secret, or a part of one, that must not be found anywhere.
type canary struct {
	Kind  string `json:"kind"` // "token", "passphrase", "key", "input" or "app secret"
	Value []byte `json:"value"`
}

// needle is a form in which a canary could be written.
type needle struct {
	kind, form string
	text       []byte
}

// finder looks for canaries in all their forms, in one pass.
type finder struct {
	needles []needle
	starts  [1 << 16]bool // of two bytes: a needle begins with them
	at      map[[2]byte][]int
}

// shortest is the least of a form that is looked for: less is found anywhere.
const shortest = 8

// piece is how much of the beginning or the end of a secret is not shown either.
const piece = 12

func newFinder(all []canary) *finder {
	f := &finder{at: map[[2]byte][]int{}}
	for _, c := range all {
		for _, n := range c.forms() {
			if len(n.text) < shortest {
				continue
			}
			start := [2]byte(n.text[:2])
			f.starts[int(start[0])<<8|int(start[1])] = true
			f.at[start] = append(f.at[start], len(f.needles))
			f.needles = append(f.needles, n)
		}
	}
	return f
}

// forms are those in which a program could write a value without meaning to.
func (c canary) forms() (all []needle) {
	v := c.Value
	add := func(form string, text []byte) { all = append(all, needle{c.Kind, form, text}) }
	add("as it is", v)
	if len(v) >= 2*piece {
		add("its beginning", v[:piece])
		add("its end", v[len(v)-piece:])
	}
	add("without blanks", squeezed(v))
	quoted, _ := json.Marshal(string(v))
	add("as JSON", bytes.Trim(quoted, `"`))
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	enc.Encode(string(v))
	add("as JSON", bytes.Trim(bytes.TrimSpace(plain.Bytes()), `"`))
	goText := strconv.Quote(string(v))
	add("as Go", []byte(goText[1:len(goText)-1]))
	add("in a query", []byte(url.QueryEscape(string(v))))
	add("in a path", []byte(url.PathEscape(string(v))))
	add("as HTML", []byte(html.EscapeString(string(v))))
	add("in hex", []byte(hex.EncodeToString(v)))
	add("in hex", []byte(strings.ToUpper(hex.EncodeToString(v))))
	for shift := range 3 {
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, shift), v...))
			whole := (shift + len(v)) * 8 / 6 // what comes behind is in the next letter
			add("in base64", []byte(text[(shift*8+5)/6:whole]))
		}
	}
	long, short, old := sha256.Sum256(v), sha1.Sum(v), md5.Sum(v)
	for _, sum := range [][]byte{long[:], short[:], old[:]} {
		add("as a digest", []byte(hex.EncodeToString(sum)))
		add("as a digest", []byte(base64.RawStdEncoding.EncodeToString(sum)))
		add("as a digest", []byte(base64.RawURLEncoding.EncodeToString(sum)))
	}
	return all
}

// squeezed is a text without blanks and ends of lines, as it could have been
// wrapped or indented.
func squeezed(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, b := range text {
		if b != ' ' && b != '\n' && b != '\r' && b != '\t' {
			out = append(out, b)
		}
	}
	return out
}

// signedText matches a signed JWT: an access token, a client's assertion, a
// proof of possession. Nothing of the kind is ever shown.
var signedText = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`)

// find says what of the canaries data holds; empty: nothing.
func (f *finder) find(data []byte) string {
	if signedText.Match(data) {
		return "a signed token"
	}
	if found := f.scan(data); found != "" {
		return found
	}
	return f.scan(squeezed(data))
}

func (f *finder) scan(data []byte) string {
	for i := 0; i+1 < len(data); i++ {
		if !f.starts[int(data[i])<<8|int(data[i+1])] {
			continue
		}
		for _, n := range f.at[[2]byte(data[i:i+2])] {
			if bytes.HasPrefix(data[i:], f.needles[n].text) {
				return fmt.Sprintf("the %s, %s", f.needles[n].kind, f.needles[n].form)
			}
		}
	}
	return ""
}
