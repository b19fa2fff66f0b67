package okta

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// SignInError is a token that the org's authorization server did not give. It
// shows neither a token nor an assertion. No request was sent to the API.
type SignInError struct {
	Status    int    // of the answer
	Code      string // its error (RFC 6749, section 5.2; RFC 9449, section 12.2); "" if it was no such answer
	Text      string // what the server says, or what is wrong with the answer
	RequestID string // X-Okta-Request-Id, which Okta's support asks for
	ClientID  string
	KeyID     string // kid in the assertion; "" if there was none

	org  string
	skew time.Duration // of Okta's clock, before ours
}

func (e *SignInError) Error() string {
	s := fmt.Sprintf("signing in as %s: Okta answered %d", e.ClientID, e.Status)
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s + ofRequest(e.RequestID) + "; " + e.Cure()
}

func ofRequest(id string) string {
	if id == "" {
		return ""
	}
	return " [request " + id + "]"
}

// OutcomeUnknown is false: nothing but requests for a token was sent, or what
// was sent before had no effect.
func (e *SignInError) OutcomeUnknown() bool { return false }

// Cure is what to do about it; a part of Error's text.
func (e *SignInError) Cure() string {
	switch {
	case e.Code == "invalid_client":
		return e.cureOfClient()
	case e.Code == "unauthorized_client", e.Code == "unsupported_grant_type":
		return "make " + e.ClientID + " a service app (API Services), which may use client credentials"
	case e.Code == badProof, e.Code == useNonce:
		return "check the clock of this machine" + e.ofClock() + ", and that no proxy answers in place of " + e.org
	case e.Status == http.StatusTooManyRequests:
		return "the org's rate limit is used up: try again in a minute"
	case e.Status >= 500:
		return "try again later; https://status.okta.com tells of outages"
	case e.Code != "":
		return "change what the answer names in the settings of the service app"
	}
	return "check that " + SettingOrgURL + " (" + e.org + ") is the org itself and no page in front of it"
}

// What the server says of an assertion, where it says more than that it refuses
// it.
var (
	ofAudience = regexp.MustCompile(`(?i)\baud(ience)?\b`)
	ofReplay   = regexp.MustCompile(`(?i)\bjti\b|\bused (before|already)|\balready (been )?used`)
	ofTime     = regexp.MustCompile(`(?i)\bexpired\b|\bexpir(y|es|ation)\b|\b(exp|iat|nbf)\b|\bfuture\b`)
)

// cureOfClient follows what the server says. If that is as little as Okta says
// of most faults, it goes through what Okta compares.
func (e *SignInError) cureOfClient() string {
	switch {
	case ofAudience.MatchString(e.Text):
		return "set " + SettingOrgURL + " to the address under which the org knows itself, and to no proxy's: the assertion is for " + e.org + tokenPath
	case ofReplay.MatchString(e.Text):
		return "look for a proxy in between that sends requests twice: each assertion is sent once"
	case ofTime.MatchString(e.Text):
		return "set the clock of this machine" + e.ofClock()
	}
	key := "with no id: set " + SettingPrivateKeyID + ", or give the key as a JWK with its kid"
	if e.KeyID != "" {
		key = "under the id " + e.KeyID
	}
	return fmt.Sprintf("check that %s (%s) is a service app of %s, active, that signs in by public key and private key; "+
		"that the public key to %s is among its keys (the assertion named it %s); and the clock of this machine%s",
		SettingClientID, e.ClientID, e.org, SettingPrivateKey, key, e.ofClock())
}

// ofClock says how wrong our clock is, if it is.
func (e *SignInError) ofClock() string {
	switch {
	case e.skew > 0:
		return fmt.Sprintf(" (it is %s behind Okta's)", e.skew.Round(time.Second))
	case e.skew < 0:
		return fmt.Sprintf(" (it is %s ahead of Okta's)", -e.skew.Round(time.Second))
	}
	return ""
}

// ofScopes reports whether the scopes are what was refused. Okta calls it
// consent_required if an app is granted none of them.
func (e *SignInError) ofScopes() bool {
	return e.Code == "invalid_scope" || e.Code == "consent_required"
}

// ScopeError says that the authorization server does not grant all scopes that
// were asked for. No request was sent to the API.
type ScopeError struct {
	Missing   []string // of those that were asked for
	Vague     bool     // the server refuses Missing together: some of them it may grant
	ClientID  string
	RequestID string // X-Okta-Request-Id
	Text      string // what the server says; "" if it granted the others
}

func (e *ScopeError) Error() string {
	what := strings.Join(e.Missing, ", ")
	if e.Vague && len(e.Missing) > 1 {
		what = "all of " + what
	}
	s := "the service app " + e.ClientID + " is not granted " + what
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s + ofRequest(e.RequestID) + "; " + e.Cure()
}

// Cure is what to do about it; a part of Error's text.
func (e *ScopeError) Cure() string {
	return "grant it (admin console, Applications, the app, Okta API Scopes), or ask for others in " + SettingScopes
}

// OutcomeUnknown is false: no request was sent to the API, or what was sent
// before had no effect.
func (e *ScopeError) OutcomeUnknown() bool { return false }

// NotSignedIn reports whether err is that of a service app that got no token: a
// [SignInError] or a [ScopeError]. No answer at all is a [NetworkError].
func NotSignedIn(err error) bool {
	return errors.As(err, new(*SignInError)) || errors.As(err, new(*ScopeError))
}
