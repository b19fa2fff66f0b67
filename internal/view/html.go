package view

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// htmlFiles are the templates and the styles of pages.
//
//go:embed html
var htmlFiles embed.FS

// htmlPage is a page by itself: one file that loads nothing and runs nothing.
// The browser is told so as well, by a policy under which only the styles of
// this very text apply.
type htmlPage struct {
	Title   string
	Content any
	Style   template.CSS
	Policy  template.HTMLAttr
}

// writeHTML writes a page by the template of that name. Every text in content
// is data: here it is made visible, in its place, and the template escapes it.
func writeHTML(w io.Writer, name, title string, content any) error {
	style, err := htmlFiles.ReadFile("html/page.css")
	if err != nil {
		return err
	}
	sheet := "\n" + string(style) + svgStyle
	sum := sha256.Sum256([]byte(sheet))
	page := htmlPage{Title: Visible(title), Content: content, Style: template.CSS(sheet)}
	page.Policy = template.HTMLAttr(`content="default-src 'none'; style-src 'sha256-` + base64.StdEncoding.EncodeToString(sum[:]) +
		`'; base-uri 'none'; form-action 'none'"`)
	makeVisible(reflect.ValueOf(content))
	all, err := template.New("").ParseFS(htmlFiles, "html/*.tmpl")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := all.ExecuteTemplate(&b, name, page); err != nil {
		return err
	}
	_, err = b.WriteTo(w)
	return err
}

// makeVisible passes every text that a value leads to through Visible. Texts
// with a type of their own, such as a picture, were made here.
func makeVisible(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			makeVisible(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			makeVisible(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			makeVisible(v.Index(i))
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(Visible(v.String()))
		}
	}
}

// htmlPair is a name with its value.
type htmlPair struct{ Name, Value string }

// htmlPairs are values by their names, sorted.
func htmlPairs(values map[string]any) (pairs []htmlPair) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		pairs = append(pairs, htmlPair{name, fitting(values[name])})
	}
	return pairs
}

// fitting is a value that fits on a page: of a certificate or a long list the
// beginning.
func fitting(v any) string {
	const most = 600
	text := Value(v)
	if len(text) > most {
		text = short(v)
	}
	if len(text) > most {
		text = fmt.Sprintf("%s … (%s characters in all)", strings.ToValidUTF8(text[:most/4], ""), number(len(text)))
	}
	return text
}

// htmlRequest is a write: where it goes, and what it says.
type htmlRequest struct {
	Line   string
	Here   bool // on this machine
	Change *htmlChange
	Body   []string // the lines of a JSON body
	Digest string   // of another: what is known of it
}

// htmlChange is the one value that a request changes.
type htmlChange struct{ Pointer, From, To string }

func newHTMLRequest(w *runner.Write) *htmlRequest {
	if w == nil {
		return nil
	}
	r := &htmlRequest{Line: requestLine(w), Here: !remote(w)}
	if w.Change != nil {
		r.Change = &htmlChange{w.Change.Pointer, Value(w.Change.From), Value(w.Change.To)}
	}
	var body bytes.Buffer
	switch {
	case len(w.Body) > 0 && json.Indent(&body, []byte(masked(w.Body)), "", "  ") == nil:
		r.Body = strings.Split(body.String(), "\n")
	case w.SHA256 != "":
		r.Digest = "SHA-256 of the body " + w.SHA256
	}
	return r
}

// htmlBucket is how many requests a rate limit counts.
type htmlBucket struct{ Name, Calls, PerMinute string }

func htmlBuckets(calls map[string]runner.Bucket) (out []htmlBucket) {
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		b := htmlBucket{Name: name, Calls: number(calls[name].Calls), PerMinute: perMinute(calls[name])}
		out = append(out, b)
	}
	return out
}

// htmlCertificate is a certificate with what tells it from others.
type htmlCertificate struct {
	Role, Owner, Step, Kid string
	Subject, Issuer        string
	Validity               string
	Left                   string // of the time that it is valid
	Class                  string // how urgent that is
	SHA256, SHA1           string
}

func newHTMLCertificate(c *runner.PlannedCertificate) htmlCertificate {
	h := htmlCertificate{Role: c.Role, Owner: c.Owner, Step: c.Step, Kid: c.Kid, Subject: c.Subject, Issuer: c.Issuer, SHA256: c.SHA256, SHA1: c.SHA1}
	if !c.NotAfter.IsZero() {
		h.Validity = "until " + clock(c.NotAfter)
		if !c.NotBefore.IsZero() {
			h.Validity = clock(c.NotBefore) + " to " + clock(c.NotAfter)
		}
	}
	if c.DaysLeft != nil {
		h.Left, h.Class = daysLeft(*c.DaysLeft)
	}
	return h
}

// daysLeft says how long a certificate is still valid, and how urgent that is.
func daysLeft(days int) (text, class string) {
	const soon = 60 // a rotation with several service providers takes weeks
	switch {
	case days < 0:
		return "expired " + count(-days, "day") + " ago", "failed"
	case days < soon:
		return count(days, "day") + " left", "notice"
	}
	return count(days, "day") + " left", ""
}
