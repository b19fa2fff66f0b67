package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/playbooks"
)

// promiseNow is the clock of these orgs.
var promiseNow = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// What a plan says is what the run sends: method, path, content type, body or
// its digest, and of a PUT the one value that it changes, for every write of
// every playbook, once what Okta and the CA assigned is replaced by its source.
// The org keeps what reaches it, and this test compares, without the code that
// makes plans.
func TestPromisePlanIsSent(t *testing.T) {
	orgs := map[string]func(*testing.T) promiseOrg{"default org": plainOrg, "odd ids": oddOrg}
	for name, open := range orgs {
		for _, playbook := range append(playbooks.Names(), "every-write") {
			t.Run(name+"/"+playbook, func(t *testing.T) {
				t.Parallel()
				o := open(t)
				w := watch(t, o.org, o.ids)
				args := o.inputs(t, w, playbook)
				if args == nil {
					t.Fatalf("there are no inputs for the playbook %s: add some to this test", playbook)
				}
				if playbook == "every-write" {
					playbook = filepath.Join(w.dir, "every-write.yaml")
				}
				planned, sent := w.carryOut(playbook, args)
				for _, difference := range compareWrites(planned, sent) {
					t.Error(difference)
				}
				if len(sent.requests) == 0 {
					t.Error("nothing was sent")
				}
				checkFiles(t, sent)
			})
		}
	}
}

// everyWrite has the writes that the embedded playbooks have not.
const everyWrite = `rekey: 1
playbook: every-write
version: 1.0.0
inputs:
  app: {type: string}
  target: {type: string}
  ca: {type: string}
  key: {type: string}
  pass: {type: string, secret: true}
steps:
  - id: encodings
    for_each:
      - {id: der, as: der}
      - {id: pem, as: pem}
      - {id: cer, as: cer}
      - {id: base64, as: base64}
      - {id: base64-cer, as: cer_base64}
    as: form
    steps:
      - id: csr
        create_csr:
          app: $<inputs.app>
          subject: {common_name: "<&> ü $<form.id>", country: DE, locality: "K\"ö\\ln", organization: Acme, organizational_unit: U, state: S}
          dns_names: ["$<form.id>.example.com", "*.example.org"]
      - id: cert
        sign_with_local_ca:
          csr: $<steps.csr.csr>
          ca: {certificate: $<inputs.ca>, key: $<inputs.key>, passphrase: $<inputs.pass>}
          days: 365
          dns_names: ["$<form.id>.example.com", "*.example.org"]
      - id: publish
        publish_csr: {app: $<inputs.app>, csr_id: $<steps.csr.id>, certificate: $<steps.cert.certificate>, encoding: $<form.as>}
      - id: switch
        update_app_kid: {app: $<inputs.app>, kid: $<steps.publish.kid>}
  - id: again
    generate_key: {app: $<inputs.target>, validity_years: 10}
  - id: back
    clone_key: {app: $<inputs.target>, kid: $<steps.again.kid>, target: $<inputs.app>}
  - id: there
    update_app_kid: {app: $<inputs.app>, kid: $<steps.back.kid>}
  - id: spare
    create_csr: {app: $<inputs.target>, subject: {common_name: "$<steps.again.kid> spare"}}
  - id: away
    revoke_csr: {app: $<inputs.target>, csr_id: $<steps.spare.id>}
`

// promiseOrg is an org, and its owners by the names of inputs.
type promiseOrg struct {
	org              *sandbox.Org
	ids              func(kind string) string
	app, target, idp string
	fleet            []string
}

func plainOrg(t *testing.T) promiseOrg {
	org, err := sandbox.DefaultOrg(promiseNow)
	if err == nil {
		err = org.AddApps(5)
	}
	if err != nil {
		t.Fatal(err)
	}
	o := promiseOrg{org: org}
	for input, into := range map[string]*string{"app": &o.app, "target": &o.target, "idp": &o.idp} {
		*into, _ = org.Default(input)
	}
	for _, id := range org.Owners() {
		if strings.HasPrefix(id.ID, "0oaFleet") {
			o.fleet = append(o.fleet, id.ID)
		}
	}
	return o
}

// oddOrg has owners whose ids must be escaped in paths, and assigns such.
func oddOrg(t *testing.T) promiseOrg {
	o := plainOrg(t)
	var text bytes.Buffer
	if err := o.org.Write(&text); err != nil {
		t.Fatal(err)
	}
	odd := text.String()
	for _, at := range []*string{&o.app, &o.target, &o.idp, &o.fleet[0], &o.fleet[3]} {
		id := "-" + (*at)[:8] + "~+é=%2F&?#" + (*at)[8:]
		odd = strings.ReplaceAll(odd, *at, id)
		*at = id
	}
	org, err := sandbox.ReadOrg(strings.NewReader(odd))
	if err != nil {
		t.Fatal(err)
	}
	o.org, o.ids = org, oddIDs()
	return o
}

// oddIDs assigns ids of which some begin like others.
func oddIDs() func(kind string) string {
	counts := make(chan int, 1)
	counts <- 0
	return func(kind string) string {
		n := <-counts
		counts <- n + 1
		switch kind {
		case "csr":
			return fmt.Sprintf("-csr%%2F&?#%sü", strings.Repeat("x", n))
		case "kid":
			return fmt.Sprintf("-kid+%%41&=%sü", strings.Repeat("x", n))
		}
		return fmt.Sprintf("%s%d", kind, n)
	}
}

// inputs are the arguments that give a playbook its inputs; nil: it is not
// known here.
func (o *promiseOrg) inputs(t *testing.T, w *watched, playbook string) []string {
	inactive := func(id okta.Owner) string {
		kid, ok := o.org.InactiveKey(id, promiseNow)
		if !ok {
			t.Fatalf("%s has no inactive key", id)
		}
		return "kid=" + kid
	}
	app, idp, on, out := "app="+o.app, "idp="+o.idp, "activate=true", "out="+filepath.Join(w.dir, "out")
	switch playbook {
	case "activate-app-key":
		return []string{"-i", app, "-i", inactive(okta.Owner{Kind: okta.App, ID: o.app})}
	case "activate-idp-key":
		return []string{"-i", idp, "-i", inactive(okta.Owner{Kind: okta.IdP, ID: o.idp})}
	case "rotate-app-csr":
		return append([]string{"-i", app, "-i", on, "-i", out}, w.authority()...)
	case "rotate-idp-csr":
		return append([]string{"-i", idp, "-i", on, "-i", out, "-i", "days=91", "-i", "organization=A & B <ü>"}, w.authority()...)
	case "rotate-app-key":
		return []string{"-i", app, "-i", on, "-i", out, "-i", "years=10"}
	case "rotate-idp-key":
		return []string{"-i", idp, "-i", on, "-i", out}
	case "share-app-key":
		return []string{"-i", app, "-i", "target=" + o.target, "-i", on, "-i", out}
	case "rotate-fleet-key":
		apps, _ := json.Marshal(o.fleet)
		return []string{"-i", "apps=" + string(apps), "-i", on, "-i", out}
	case "every-write":
		if err := os.WriteFile(filepath.Join(w.dir, "every-write.yaml"), []byte(everyWrite), 0o600); err != nil {
			t.Fatal(err)
		}
		w.authority()
		return []string{"-i", app, "-i", "target=" + o.target, "-i", "ca=" + w.ca.CertificatePath, "-i", "key=" + w.ca.KeyPath,
			"--input-file", "pass=" + w.passphrase}
	}
	return nil
}

// checkFiles holds the files that a run wrote against what it says of them.
func checkFiles(t *testing.T, sent *sentWrites) {
	for path, sum := range sent.files {
		data, err := os.ReadFile(path)
		block, _ := pem.Decode(data)
		if block == nil {
			t.Fatalf("%s: %v: %q", path, err, data)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(block.Bytes)); got != sum {
			t.Errorf("%s: %v, its digest is %s, and %s in the journal", path, err, got, sum)
		}
	}
}

// The comparison sees each thing in which a write can differ from its plan.
func TestPromiseJudgeSees(t *testing.T) {
	o := plainOrg(t)
	w := watch(t, o.org, nil)
	planned, sent := w.carryOut("rotate-app-csr", o.inputs(t, w, "rotate-app-csr"))
	if found := compareWrites(planned, sent); len(found) > 0 {
		t.Fatal(found)
	}
	edit := func(text, from, to string) string {
		if !strings.Contains(text, from) {
			t.Fatalf("there is no %s in %s", from, text)
		}
		return strings.Replace(text, from, to, 1)
	}
	last := len(sent.requests) - 1 // the PUT
	for what, change := range map[string]func(p []plannedWrite, s *sentWrites){
		"another method":       func(p []plannedWrite, s *sentWrites) { s.requests[0].method = http.MethodPut },
		"another path":         func(p []plannedWrite, s *sentWrites) { s.requests[0].path += "/x" },
		"a query":              func(p []plannedWrite, s *sentWrites) { s.requests[1].path += "?x=y" },
		"another type":         func(p []plannedWrite, s *sentWrites) { s.requests[1].contentType = "application/x-pem-file" },
		"another body":         func(p []plannedWrite, s *sentWrites) { s.requests[0].body = append(s.requests[0].body, ' ') },
		"another value":        func(p []plannedWrite, s *sentWrites) { p[0].Body = json.RawMessage(`{"subject": {"commonName": "x"}}`) },
		"another digest":       func(p []plannedWrite, s *sentWrites) { p[2].SHA256 = p[0].SHA256 },
		"another certificate":  func(p []plannedWrite, s *sentWrites) { s.requests[1].body[0]++ },
		"another pointer":      func(p []plannedWrite, s *sentWrites) { p[4].Change.Pointer = "/label" },
		"another value before": func(p []plannedWrite, s *sentWrites) { p[4].Change.From = "x" },
		"another value after":  func(p []plannedWrite, s *sentWrites) { p[4].Change.To = "x" },
		"another rest":         func(p []plannedWrite, s *sentWrites) { p[4].Change.Rest = p[0].SHA256 },
		"more than the value": func(p []plannedWrite, s *sentWrites) {
			r := &s.requests[last]
			r.body = []byte(edit(string(r.body), "Finance EU", "Finance"))
		},
		"a member lost": func(p []plannedWrite, s *sentWrites) {
			r := &s.requests[last]
			r.before = []byte(edit(string(r.before), `{`, `{"a": null, `))
		},
		"a write too many":    func(p []plannedWrite, s *sentWrites) { s.requests = append(s.requests, s.requests[0]) },
		"a write too few":     func(p []plannedWrite, s *sentWrites) { s.requests = s.requests[1:] },
		"another order":       func(p []plannedWrite, s *sentWrites) { slices.Reverse(s.requests) },
		"another local write": func(p []plannedWrite, s *sentWrites) { s.local[1].Path += "x" },
		"a source too many": func(p []plannedWrite, s *sentWrites) {
			s.sources[`"activate"`] = "$<x>"
			s.sources["credentials"] = "$<x>"
		},
	} {
		p, s := slices.Clone(planned), sent.clone()
		for i := range p {
			if p[i].Change != nil {
				c := *p[i].Change
				p[i].Change = &c
			}
		}
		change(p, s)
		if found := compareWrites(p, s); len(found) == 0 {
			t.Errorf("%s: the comparison does not see it", what)
		}
	}
}

func (s *sentWrites) clone() *sentWrites {
	c := *s
	c.requests, c.local, c.sources = slices.Clone(s.requests), slices.Clone(s.local), maps.Clone(s.sources)
	for i := range c.requests {
		c.requests[i].body = slices.Clone(c.requests[i].body)
	}
	return &c
}

// authority makes a CA, and returns the arguments that give it to a playbook.
func (w *watched) authority() []string {
	var err error
	if w.ca, err = pki.SampleCA(filepath.Join(w.dir, "ca"), promiseNow); err != nil {
		w.t.Fatal(err)
	}
	w.passphrase = filepath.Join(w.dir, "passphrase")
	if err := os.WriteFile(w.passphrase, []byte(w.ca.Passphrase), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return []string{"-i", "ca_certificate=" + w.ca.CertificatePath, "-i", "ca_key=" + w.ca.KeyPath, "--input-file", "ca_pass=" + w.passphrase}
}
