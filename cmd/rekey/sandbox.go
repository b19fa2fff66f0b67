package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner/journal"
)

type sandboxFlags struct {
	listen, envFile, org, token, keys, log string
	apps                                   int
	latency                                time.Duration
	rateLimit                              string
	rateWindow                             time.Duration
	fail                                   []string
	readOnly                               bool
	auth                                   authFlags
}

// maxApps bounds the apps that a sandbox is given: each takes some 20 KB.
const maxApps = 20_000

// sandboxHelp explains what is not about signing in.
const sandboxHelp = `Serve an embedded Okta on loopback until it is interrupted. When it is ready it
prints the settings that reach it. GET /_sandbox/org dumps the org in the
form that --org reads. --apps adds a fleet to try loops on: SAML apps with the
ids 0oaFleet00001Xs0h7, 0oaFleet00002Xs0h7 and so on, each with kids of its own.

--fail makes requests fail: 'METHOD GLOB[@N]=WHAT', where METHOD may be * for any
and WRITE for all but GET, * in GLOB crosses slashes, @N is the N-th match
(default: every one), and WHAT is one of

  STATUS[:before|:after]  answered so, before its effect (the default) or after it
  429:concurrency         answered as too many requests at once are
  lost                    takes effect; the connection ends without an answer
  reset                   the connection is reset before any effect
  late:D                  the connection ends at once; the effect comes D later
  delay:D                 of a POST: lists of keys and CSRs show what it makes
                          only D later; all else has it at once
  hold:D                  takes effect; its answer is held for D, or until it is
                          let go (below)
  change:WHAT[:before|:after]
                          right after the request (the default) or before it, a
                          stranger changes the owner that the path names: label
                          edits it, key and csr add one, revoke takes a CSR
                          away, kid switches to another key of the owner's, and
                          date moves lastUpdated alone

'POST */keys/generate=500:after' and 'WRITE *@2=lost' lose an answer. D is a
duration such as 150ms. Of several rules for an answer the first counts; delay,
hold and change come on top of it. --read-only refuses each write with 503
E0000010, as an org in read-only mode does; tokens it gives all the same.

To interrupt or kill a run in the middle of a write, hold that: 'PUT *=hold:25s'.
GET /_sandbox/held lists what is held, and DELETE /_sandbox/held lets go of it.
A run waits 30s for an answer. A request whose client goes away is held no more.

--rate-limit refuses calls, of all clients together, as Okta does above the
default limits of a kind of org:

          apps and all below an app   one app   IdPs   other   at once
  org     100 a minute                500       600    600     75
  free    20                          100       100    100     35

--rate-window scales that minute down. The X-Rate-Limit headers stay in whole
seconds, as Okta's are, and rekey waits until a second after the reset that they
tell: of windows below 3s some pass unused. GET /_sandbox/limits counts the
calls and the 429s of each. Without --rate-limit the headers tell of a limit
that nobody reaches.

PUT /_sandbox/clock?ahead=2h puts the org's clock two hours ahead of this
machine's: access tokens, nonces and keys expire. It is not put back.

`

func (a *app) sandboxCommand() *cobra.Command {
	f := &sandboxFlags{}
	cmd := &cobra.Command{
		Use: "sandbox", Short: "serve an embedded Okta on this machine, to try and test against",
		Long: sandboxHelp + authHelp,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.sandbox(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:0", "loopback `address` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&f.envFile, "env-file", "", "write the settings to a `file` as well, once it is ready")
	cmd.Flags().StringVar(&f.org, "org", "", "start with the org in a `file` instead of the default one")
	cmd.Flags().IntVar(&f.apps, "apps", 0, "add `N` SAML apps to it")
	cmd.Flags().StringVar(&f.token, "token", "", "the API `token` to ask for (default a random one; with --auth oauth and dpop none)")
	f.auth.add(cmd.Flags())
	cmd.Flags().StringVar(&f.keys, "keys", "real", "`kind` of key pairs: real makes new ones, pool takes embedded ones, for speed")
	cmd.Flags().StringVar(&f.log, "log", "", "append a JSON line for each request to a `file`")
	cmd.Flags().DurationVar(&f.latency, "latency", 0, "wait so long before each answer")
	cmd.Flags().StringArrayVar(&f.fail, "fail", nil, "have something befall requests (`rule` above); repeatable")
	f.rateFlags(cmd)
	cmd.Flags().BoolVar(&f.readOnly, "read-only", false, "answer each write to the API 503 E0000010, read-only mode, without effect")
	return cmd
}

// sandbox serves until ctx is done.
func (a *app) sandbox(ctx context.Context, f *sandboxFlags) error {
	options, err := f.options(a)
	if err != nil {
		return err
	}
	org, err := f.loadOrg(a.now())
	if err != nil {
		return err
	}
	if f.log != "" {
		log, err := os.OpenFile(f.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return failed("the log cannot be written: "+err.Error(), "give --log a file that you may write")
		}
		defer log.Close()
		options.Log = log
	}
	if err := f.auth.makeKey(&options, f.envFile); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return failed("the sandbox cannot listen on "+f.listen+": "+err.Error(), "give --listen 127.0.0.1:0 to take a free port")
	}
	settings := fmt.Sprintf("%s=http://%s\n", okta.SettingOrgURL, listener.Addr()) + f.auth.settings(options)
	if f.envFile != "" {
		if err := journal.WriteFile(f.envFile, []byte(settings), 0o600); err != nil {
			listener.Close()
			return failed(err.Error(), "give --env-file a file in a folder that you may write to")
		}
	}
	fmt.Fprint(a.stdout, settings)
	a.say(fmt.Sprintf("rekey: the sandbox serves %s on this machine until it is interrupted", plural(len(org.Owners()), "owner")))
	return serve(ctx, listener, sandbox.New(org, options))
}

// options checks the flags.
func (f *sandboxFlags) options(a *app) (sandbox.Options, error) {
	o := sandbox.Options{Now: a.now, Latency: f.latency, Token: f.token}
	if err := loopback(f.listen); err != nil {
		return o, err
	}
	if err := oneOf("keys", f.keys, "real", "pool"); err != nil {
		return o, err
	}
	if f.keys == "pool" {
		o.Keys = &sandbox.Pool{}
	}
	if f.apps > maxApps {
		return o, usage(fmt.Sprintf("--apps %d is more than %d", f.apps, maxApps), "they are all kept in memory: give fewer")
	}
	if f.apps < 0 || f.latency < 0 {
		return o, usage("--apps and --latency cannot be negative", "leave them out, or give 0 or more")
	}
	if err := f.rates(&o); err != nil {
		return o, err
	}
	if err := f.auth.options(a, &o, f.envFile); err != nil {
		return o, err
	}
	if o.Token == "" && o.Auth == nil {
		var random [16]byte
		a.random(random[:])
		o.Token = fmt.Sprintf("sandbox-%x", random)
	}
	var setting *okta.SettingsError
	if _, err := okta.New(okta.Config{OrgURL: sandboxURL, Token: cmp.Or(o.Token, "none")}); errors.As(err, &setting) {
		return o, usage("--token "+setting.Problem, "give one of letters, digits, - and _")
	}
	rules := f.fail
	if f.readOnly {
		rules = append([]string{"WRITE /api/*=503"}, rules...)
	}
	for _, text := range rules {
		fault, err := sandbox.ParseFault(text)
		if err != nil {
			return o, usage(err.Error(), "")
		}
		o.Faults = append(o.Faults, fault)
	}
	return o, nil
}

// loopback refuses an address that other machines could reach: the sandbox
// hands its private keys out.
func loopback(address string) error {
	const hint = "give a loopback address, such as 127.0.0.1:0 or [::1]:0: the sandbox hands its keys out, and is for this machine alone"
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return usage(fmt.Sprintf("--listen %s is no address: %v", address, err), hint)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return usage(fmt.Sprintf("--listen %s is not on loopback", address), hint)
}

func (f *sandboxFlags) loadOrg(now time.Time) (*sandbox.Org, error) {
	org, err := f.baseOrg(now)
	if err == nil && f.apps > 0 {
		err = org.AddApps(f.apps)
	}
	if err != nil {
		return nil, coded(exitInvalid, err)
	}
	return org, nil
}

func (f *sandboxFlags) baseOrg(now time.Time) (*sandbox.Org, error) {
	if f.org == "" {
		return sandbox.DefaultOrg(now)
	}
	file, err := os.Open(f.org)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return sandbox.ReadOrg(file)
}

// grace is how long a request may still take when the sandbox ends.
const grace = 5 * time.Second

// serve serves until ctx is done, then lets requests in flight finish, but for
// those that the sandbox holds: these end with ctx.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: 10 * time.Minute, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(late) != nil {
		server.Close()
	}
	return nil
}
