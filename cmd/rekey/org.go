package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/internal/rehearse"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
	"example.com/rekey/steps"
)

// The addresses under which plans and runs name an org that is none. The
// domain is reserved (RFC 2606).
const (
	sandboxURL = view.SandboxOrg
	offlineURL = "https://offline.rekey.invalid"
)

// org is the org that a verb works on.
type org struct {
	app     *app
	config  okta.Config
	name    string         // its address, as plans and runs record it
	service *serviceApp    // that signs in; nil: an API token does
	store   *sandbox.Store // of --sandbox
	dir     string         // the state folder; "" where none is needed
	offline bool
	share   int // of its rate limits, in percent
}

// orgFlags choose the org.
type orgFlags struct {
	sandbox, offline bool
	rateShare        string // "": the default
}

// open finds the org and checks its settings; nothing is sent to it.
func (a *app) open(ctx context.Context, f orgFlags) (*org, error) {
	o := &org{app: a, offline: f.offline, share: shareOf(f.rateShare)}
	o.config = okta.Config{Now: a.now, Sleep: a.sleep, HTTP: a.http, Timeout: a.timeout, UserAgent: "rekey"}
	switch {
	case f.sandbox && f.offline:
		return nil, usage("--sandbox and --offline exclude each other", "--sandbox is an org to work on, --offline is none")
	case f.offline:
		o.config.OrgURL, o.name = offlineURL, offlineURL
		return o, nil
	case f.sandbox:
		return o, o.openSandbox()
	}
	s := a.readSettings()
	o.service = s.apply(ctx, &o.config, true)
	if ctx.Err() != nil {
		return nil, errInterrupted // while a command was asked for the token
	}
	if err := s.err(); err != nil {
		return nil, err
	}
	for _, note := range s.notes {
		a.note("%s", note)
	}
	a.pace(&o.config, o.share)
	client, err := okta.New(o.config)
	if err != nil {
		return nil, err
	}
	o.name = client.Org()
	return o, nil
}

// openSandbox opens the org that all --sandbox commands of a state folder
// share.
func (o *org) openSandbox() (err error) {
	if o.dir, err = o.app.makeState(); err != nil {
		return err
	}
	o.store, err = sandbox.Open(sandboxFile(o.dir), sandbox.Options{Now: o.app.now, Keys: o.app.keys})
	if err != nil {
		return err
	}
	o.name = sandboxURL
	o.config.OrgURL, o.config.Token, o.config.HTTP = sandboxURL, "in-process", sandbox.Transport(o.store)
	return nil
}

// sandboxFile is where a state folder keeps the org of --sandbox.
func sandboxFile(dir string) string { return filepath.Join(dir, "sandbox", "org.json") }

// hasSandbox reports whether the state folder holds an org already.
func (a *app) hasSandbox() bool {
	dir, err := a.stateFolder()
	if err != nil {
		return false
	}
	_, err = os.Stat(sandboxFile(dir))
	return err == nil
}

func (o *org) close() {
	if o.store != nil {
		o.store.Close()
	}
}

// rehearse makes the plan of a program.
func (o *org) rehearse(ctx context.Context, p *runner.Program, public, secret map[string]any, onFailure string) (*runner.Plan, error) {
	now := o.app.now().UTC()
	options := rehearse.Options{Live: o.config, Offline: o.offline, Now: now}
	if kid, ok := public["kid"].(string); ok {
		options.Kids = []string{kid}
	}
	if dir, err := o.app.stateFolder(); err == nil { // without one a run does not begin
		options.Ledger = ledgerFile(dir)
	}
	rehearsal, err := rehearse.New(options)
	if err != nil {
		return nil, err
	}
	still := runner.Clock{Now: func() time.Time { return now }}
	seen := o.app.followPlan(p)
	plan, err := runner.Rehearse(ctx, p, runner.RehearsalSpec{
		Catalogue: steps.Catalogue(rehearsal.Env()), Clock: still, Tool: o.app.tool(), Who: o.app.who(),
		Org: o.name, Offline: o.offline, RateShare: o.share, Inputs: public, Secrets: secret, OnFailure: onFailure, Bases: rehearsal.Bases, Seen: rehearsal.Seen, Moved: moved(rehearsal.Env()),
		Standing: rehearsal.Standing, InUse: rehearsal.InUse, Access: func() *runner.Access { return steps.AccessOf(rehearsal.Scopes()) },
		Watch: seen.take, Lasting: okta.Lasting, Limits: rehearsal.Limits,
	})
	seen.stop()
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	return plan, err
}

// moved compares owners with what a plan saw of them.
func moved(env *steps.Env) runner.Moved {
	return func(ctx context.Context, bases map[string]string, seen map[string]runner.Seen) ([]string, error) {
		return rehearse.Moved(ctx, env.Okta, bases, seen)
	}
}

// env is what the steps of a live run reach, and how long a write may take to
// be answered.
func (o *org) env(local *runner.Local) (*steps.Env, error) {
	config := o.config
	config.OnCall, config.OnAnswer = steps.Report, steps.Answered
	client, err := okta.New(config)
	if err != nil {
		return nil, err
	}
	return &steps.Env{
		Okta: client, Files: steps.OSFiles{}, Now: o.app.now, Ours: local.Yielded,
		CA: steps.LocalCA{Ledger: ledgerFile(local.Dir), Now: o.app.now, Issuers: &steps.Issuers{}},
	}, nil
}

// ledgerFile is where a state folder keeps the ledger of its CA.
func ledgerFile(dir string) string { return filepath.Join(dir, "ca", "ledger.jsonl") }

// fill gives the inputs that nobody gave a value by their name, so that a
// sandbox can be tried without looking ids up. Each is printed, of a secret
// the name.
func (o *org) fill(g *given) error {
	if o.store == nil {
		return nil
	}
	current, err := o.store.Org()
	if err != nil {
		return err
	}
	f := filler{org: o, given: g, current: current}
	for _, in := range g.program.Playbook.Inputs {
		if _, ok := g.values[in.Name]; !ok && (in.Type.Kind == binding.String || takesApps(in)) {
			f.open = append(f.open, in.Name)
		}
	}
	if ids, ok := current.Default("apps"); ok {
		f.give("apps", ids, "")
	}
	for _, name := range []string{"app", "target", "idp"} {
		if id, ok := current.Default(name); ok {
			f.give(name, id, f.label(name, id))
		}
	}
	if owner, ok := f.owner(); ok {
		if kid, ok := current.InactiveKey(owner, o.app.now()); ok {
			f.give("kid", kid, "valid, inactive key of "+owner.String())
		}
	}
	f.give("out", filepath.Join(o.dir, "sandbox", "out"), "")
	return f.ca()
}

// fillSecret gives the passphrase of the sample CA to a run, or a saved plan, of
// the sandbox that was given the CA's key.
func (o *org) fillSecret(g *given, own ownInputs) error {
	const name = "ca_pass"
	in, key := g.input(name), own.values["ca_key"]
	_, isGiven := g.values[name]
	if o.store == nil || in == nil || !in.Secret || isGiven || key == nil || !slices.Contains(own.secrets, name) {
		return nil
	}
	sample, err := pki.SampleCA(filepath.Join(o.dir, "sandbox", "ca"), o.app.now())
	if err == nil && key == sample.KeyPath {
		g.parse(in, sample.Passphrase, "the sandbox")
		o.app.say("sandbox: " + name + " (secret)")
	}
	return err
}

// takesApps reports whether an input takes the ids of several apps.
func takesApps(in *runner.Input) bool {
	return in.Name == "apps" && in.Type.Kind == binding.List && in.Type.Elem.Kind == binding.String
}

type filler struct {
	org     *org
	given   *given
	current *sandbox.Org
	open    []string // names of the inputs that have no value
}

// give gives an input a value if it is open.
func (f *filler) give(name, value, remark string) {
	if !slices.Contains(f.open, name) {
		return
	}
	in := f.given.input(name)
	f.given.parse(in, value, "the sandbox")
	shown := name + " = " + value
	if in.Secret {
		shown = name + " (secret)"
	}
	if remark != "" {
		shown += " (" + remark + ")"
	}
	f.org.app.say("sandbox: " + shown)
}

// label is what people call an owner of the sandbox.
func (f *filler) label(name, id string) string {
	kind := okta.App
	if name == "idp" {
		kind = okta.IdP
	}
	object, _ := f.current.Object(okta.Owner{Kind: kind, ID: id})
	if label := object.Text("/label"); label != "" {
		return label
	}
	return object.Text("/name")
}

// owner is the app, or else the IdP, that the inputs name.
func (f *filler) owner() (okta.Owner, bool) {
	for _, kind := range []okta.Kind{okta.App, okta.IdP} {
		if id, ok := f.given.values[string(kind)].(string); ok {
			return okta.Owner{Kind: kind, ID: id}, true
		}
	}
	return okta.Owner{}, false
}

// ca gives the files of the sample CA, which is made when it is needed. Its
// passphrase goes with its key alone.
func (f *filler) ca() error {
	if !slices.Contains(f.open, "ca_certificate") && !slices.Contains(f.open, "ca_key") {
		return nil
	}
	sample, err := pki.SampleCA(filepath.Join(f.org.dir, "sandbox", "ca"), f.org.app.now())
	if err != nil {
		return err
	}
	f.give("ca_certificate", sample.CertificatePath, "")
	f.give("ca_key", sample.KeyPath, "")
	if slices.Contains(f.open, "ca_key") {
		f.give("ca_pass", sample.Passphrase, "")
	}
	return nil
}

// say prints a line that is no result, unless it is to be quiet; "" is an empty
// one.
func (a *app) say(text string) {
	if !a.quiet {
		fmt.Fprintln(a.stderr, view.Visible(text))
	}
}
