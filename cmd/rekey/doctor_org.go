package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/rekey/internal/okta"
)

// How far this machine's clock may be from Okta's: from the first on it is
// said, from the second on what a service app signs is refused at first.
const (
	skewNoted   = 30 * time.Second
	skewRefused = 5 * time.Minute
)

// probe is a transport that remembers the first answer that came through it.
type probe struct {
	next http.RoundTripper
	now  func() time.Time

	mu        sync.Mutex
	header    http.Header
	tls       *tls.ConnectionState
	sent, got time.Time
}

func (p *probe) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := p.now()
	answer, err := p.next.RoundTrip(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.header == nil {
		p.header, p.tls, p.sent, p.got = answer.Header, answer.TLS, sent, p.now()
	}
	return answer, err
}

// org asks the org with as few requests as tell something.
func (e *examination) org(ctx context.Context, config okta.Config, service *serviceApp) {
	seen := &probe{next: okta.ReadOnly(config.HTTP), now: e.app.now}
	config.HTTP = seen
	kinds := []okta.Kind{okta.App, okta.IdP}
	var granted []string
	var failure error
	if service != nil {
		granted, failure = e.scopes(ctx, config, service)
	}
	refused := map[okta.Kind]error{} // nil: it may be read
	for _, kind := range kinds {
		if failure != nil {
			break
		}
		scopes := okta.ScopesOf(kind, false)
		if service != nil {
			if len(okta.MissingScopes(scopes, granted)) > 0 {
				continue // said already
			}
			config.OAuth = service.with(granted)
		}
		err := e.list(ctx, config, kind)
		if err != nil && !refusedFor(err, http.StatusForbidden) {
			failure = err
			break
		}
		refused[kind] = err
	}
	e.reached(seen, config.OrgURL, failure)
	e.signedIn(seen, service, failure)
	nothing := !slices.Contains(slices.Collect(maps.Values(refused)), nil)
	for _, kind := range kinds {
		if err, asked := refused[kind]; asked {
			e.listed(kind, err, nothing)
		}
	}
	e.clock(seen, service != nil)
}

// signedIn says whether the org let the token, or the service app, in.
func (e *examination) signedIn(seen *probe, service *serviceApp, failure error) {
	switch {
	case seen.header == nil: // said already
	case failure != nil:
		e.fail(exitFailed, "sign-in", failure.Error(), "")
	case service != nil:
		e.ok("sign-in", "the service app gets tokens")
	default:
		e.ok("sign-in", "the API token is taken")
	}
}

// list reads one owner of a kind.
func (e *examination) list(ctx context.Context, config okta.Config, kind okta.Kind) error {
	client, err := okta.New(config)
	if err == nil {
		_, err = client.Page(ctx, "/api/v1/"+string(kind)+"s?limit=1")
	}
	return err
}

// listed says whether owners of a kind may be read. One that may not is of no
// account to playbooks for the other; if nothing may be read, it is a failure.
func (e *examination) listed(kind okta.Kind, err error, nothing bool) {
	what := map[okta.Kind]string{okta.App: "apps", okta.IdP: "identity providers"}[kind]
	switch {
	case err == nil:
		e.ok(what, "may be read")
	case nothing:
		e.fail(exitFailed, what, "may not be read: "+err.Error(), "")
	default:
		e.warn(what, "may not be read: "+err.Error(), "")
	}
}

// refusedFor reports whether err is an answer with that status.
func refusedFor(err error, status int) bool {
	var refused *okta.Error
	return errors.As(err, &refused) && refused.Status == status
}

// reached says whether anything answered; what it said is another check's.
func (e *examination) reached(seen *probe, url string, failure error) {
	switch {
	case seen.header == nil && failure != nil:
		e.fail(exitFailed, "org", failure.Error(), "")
	case seen.header == nil:
		e.warn("org", "was not asked", "")
	case seen.tls != nil:
		e.ok("org", "%s answers, over %s", url, tls.VersionName(seen.tls.Version))
	default:
		e.ok("org", "%s answers", url)
	}
}

// scopes finds out which scopes the service app is granted, by asking for them:
// a token that is not used changes nothing.
func (e *examination) scopes(ctx context.Context, config okta.Config, service *serviceApp) ([]string, error) {
	all := service.scopes
	if all == nil {
		all = append(okta.ScopesOf(okta.App, true), okta.ScopesOf(okta.IdP, true)...)
	}
	missing, err := e.refused(ctx, config, service, all)
	if err != nil {
		return nil, err
	}
	granted := okta.MissingScopes(all, missing)
	have := strings.Join(granted, ", ")
	const cure = "grant it (admin console, Applications, the app, Okta API Scopes), if a playbook is to need it"
	switch {
	case len(granted) == 0 || service.scopes != nil && len(missing) > 0:
		e.fail(exitFailed, "scopes", "the service app is not granted "+strings.Join(missing, ", "), strings.TrimSuffix(cure, ", if a playbook is to need it"))
		return granted, nil
	case service.scopes != nil:
		e.ok("scopes", "%s, as %s says", have, service.from)
	case len(missing) > 0:
		e.warn("scopes", "granted: "+have+"; not granted: "+strings.Join(missing, ", "), cure)
	default:
		e.ok("scopes", "granted: %s", have)
	}
	return granted, nil
}

// refused are those of scopes that the service app is not granted. A server
// that does not say which is asked for each.
func (e *examination) refused(ctx context.Context, config okta.Config, service *serviceApp, scopes []string) ([]string, error) {
	config.OAuth = service.with(scopes)
	client, err := okta.New(config)
	if err == nil {
		err = client.SignIn(ctx)
	}
	var refusal *okta.ScopeError
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &refusal):
		return nil, err
	case !refusal.Vague || len(scopes) == 1:
		return refusal.Missing, nil
	}
	var missing []string
	for _, scope := range scopes {
		one, err := e.refused(ctx, config, service, []string{scope})
		if err != nil {
			return nil, err
		}
		missing = append(missing, one...)
	}
	return missing, nil
}

// clock compares this machine's clock with the Date of an answer, which has
// whole seconds.
func (e *examination) clock(seen *probe, service bool) {
	if seen.header == nil {
		return
	}
	date, err := http.ParseTime(seen.header.Get("Date"))
	if err != nil {
		e.warn("clock", "the org's answers have no date to compare with", "check whether a proxy answers in its place")
		return
	}
	var skew time.Duration // of ours, beyond the span in which the answer was made
	switch {
	case date.Before(seen.sent.Add(-time.Second)):
		skew = seen.sent.Sub(date)
	case date.After(seen.got):
		skew = seen.got.Sub(date)
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	text := fmt.Sprintf("this machine's clock is %s %s Okta's", skew.Abs().Round(time.Second), direction)
	const cure = "set it by NTP"
	switch {
	case skew.Abs() >= skewRefused && service:
		e.warn("clock", text+": what a service app signs is refused at first, and signed again by Okta's clock", cure)
	case skew.Abs() >= skewNoted:
		e.warn("clock", text, cure)
	case skew.Abs() < time.Second:
		e.ok("clock", "this machine's clock is right to the second")
	default:
		e.ok("clock", "%s", text)
	}
}
