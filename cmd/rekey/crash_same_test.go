package main

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

// picture is everything that a run leaves, in a form in which two runs can be
// compared: what the org and the CA assign is replaced by where it stands.
type picture struct {
	Org     any
	Pairs   int      // private keys that the org has made
	Writes  []string // to the org, sorted
	Files   []string // exported
	Issued  []string // by the CA
	State   runner.State
	Outputs any
}

// csrInPath is a CSR that was published, and is gone.
var csrInPath = regexp.MustCompile(`csrs/[^/]+/`)

// painter replaces texts that the org did not have before.
type painter struct {
	known map[string]bool   // texts of the org as it was before
	dir   string            // of the case
	names map[string]string // of texts that are new, by their order in the org
}

// picture paints what there is after a run.
func (w *world) picture() (picture, error) {
	run, err := w.run()
	if err != nil {
		return picture{}, err
	}
	if run == nil {
		return picture{}, errors.New("there is no run on record")
	}
	text, err := w.dump()
	if err != nil {
		return picture{}, err
	}
	var org map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&org); err != nil {
		return picture{}, err
	}
	pairs, _ := org["private_keys"].(map[string]any)
	delete(org, "private_keys")
	p := &painter{known: w.known, dir: w.dir, names: map[string]string{}}
	got := picture{Pairs: len(pairs), State: run.State}
	got.Org = p.paint(org)
	got.Outputs = p.inside(run.Outputs)
	writes, err := w.written()
	if err != nil {
		return picture{}, err
	}
	for _, write := range writes {
		got.Writes = append(got.Writes, csrInPath.ReplaceAllString(p.text(write), "csrs/<CSR>/"))
	}
	slices.Sort(got.Writes)
	if got.Files, err = w.exported(p.text); err != nil {
		return picture{}, err
	}
	issued, err := w.issued()
	for _, e := range issued {
		block, _ := pem.Decode([]byte(e.Certificate))
		got.Issued = append(got.Issued, e.Step+": "+p.text(base64.StdEncoding.EncodeToString(block.Bytes)))
	}
	return got, err
}

// paint replaces what is new in a part of the org. Members are visited in the
// order of their names, so that like orgs yield like names.
func (p *painter) paint(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out[name] = p.paint(v[name])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = p.paint(e)
		}
		return out
	case string:
		return p.name(v)
	}
	return v
}

// name is what stands for a text of the org: itself, if it was there before.
func (p *painter) name(text string) string {
	if p.known[text] {
		return text
	}
	if _, err := okta.ParseTime(text); err == nil {
		return "a date"
	}
	if p.names[text] == "" {
		number := len(p.names) + 1
		p.names[text] = "?" // taken, while its content is named
		p.names[text] = fmt.Sprintf("<%d%s>", number, p.content(text))
	}
	return p.names[text]
}

// content describes a certificate or CSR.
func (p *painter) content(text string) string {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	modulus := func(key any) string {
		public, ok := key.(*rsa.PublicKey)
		if !ok {
			return "no RSA key"
		}
		return p.name(base64.RawURLEncoding.EncodeToString(public.N.Bytes()))
	}
	if c, err := x509.ParseCertificate(der); err == nil {
		days := c.NotAfter.Sub(c.NotBefore).Round(24*time.Hour) / (24 * time.Hour)
		return fmt.Sprintf(" certificate of %s: %s by %s for %d days, use %d %v", modulus(c.PublicKey), c.Subject, c.Issuer, days, c.KeyUsage, c.DNSNames)
	}
	if c, err := x509.ParseCertificateRequest(der); err == nil {
		return fmt.Sprintf(" CSR of %s: %s %v", modulus(c.PublicKey), c.Subject, c.DNSNames)
	}
	return ""
}

// text replaces, within a text, what was new in the org.
func (p *painter) text(text string) string {
	text = strings.ReplaceAll(text, p.dir, "DIR")
	for _, long := range slices.SortedFunc(maps.Keys(p.names), func(a, b string) int { return len(b) - len(a) }) {
		text = strings.ReplaceAll(text, long, p.names[long])
	}
	return text
}

// inside applies text to all texts of a value.
func (p *painter) inside(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			v[name] = p.inside(e)
		}
	case []any:
		for i, e := range v {
			v[i] = p.inside(e)
		}
	case string:
		return p.text(v)
	}
	return v
}

// textsIn are all texts in a JSON document.
func textsIn(document []byte) (map[string]bool, error) {
	found := map[string]bool{}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, e := range v {
				visit(e)
			}
		case []any:
			for _, e := range v {
				visit(e)
			}
		case string:
			found[v] = true
		}
	}
	var v any
	err := json.Unmarshal(document, &v)
	visit(v)
	return found, err
}

// exported are the files that steps wrote, each with its content, in the words
// of text. What a process that was killed left under a name of its own for the
// moment is nobody's file.
func (w *world) exported(text func(string) string) (found []string, err error) {
	err = filepath.WalkDir(w.out(), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == w.out() {
			return nil
		}
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".rekey-") {
			return err
		}
		data, err := os.ReadFile(path)
		if block, _ := pem.Decode(data); block != nil {
			data = []byte(base64.StdEncoding.EncodeToString(block.Bytes))
		}
		found = append(found, text(path+": "+string(data)))
		return err
	})
	slices.Sort(found)
	return found, err
}

// issued are the entries of the CA's ledger.
func (w *world) issued() (entries []pki.Entry, err error) {
	data, err := os.ReadFile(filepath.Join(w.state(), "ca", "ledger.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = data[:bytes.LastIndexByte(data, '\n')+1] // torn: nobody was told of it
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e pki.Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, lines.Err()
}

// same compares the picture of a run that was killed and resumed with that of
// one that was left in peace.
func same(want, got picture) error {
	var faults []string
	for _, part := range []struct {
		name      string
		want, got any
	}{
		{"the org", want.Org, got.Org}, {"the org's key pairs", want.Pairs, got.Pairs}, {"the writes", want.Writes, got.Writes},
		{"the exported files", want.Files, got.Files}, {"what the CA issued", want.Issued, got.Issued},
		{"the state", want.State, got.State}, {"the outputs", want.Outputs, got.Outputs},
	} {
		w, _ := json.Marshal(part.want)
		g, _ := json.Marshal(part.got)
		if bytes.Equal(w, g) {
			continue
		}
		at := 0
		for at < len(w) && at < len(g) && w[at] == g[at] {
			at++
		}
		from := max(0, at-200)
		faults = append(faults, fmt.Sprintf("%s differ at byte %d:\n  want …%.500s\n  got  …%.500s", part.name, at, w[min(from, len(w)):], g[min(from, len(g)):]))
	}
	if faults == nil {
		return nil
	}
	return errors.New(strings.Join(faults, "\n"))
}
