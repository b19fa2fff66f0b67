package okta

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// documented are Okta's error codes of the credential API with their statuses
// (Okta: error codes).
var documented = map[string]int{
	"E0000001": 400, "E0000003": 400, "E0000021": 400, "E0000028": 400,
	"E0000004": 401, "E0000011": 401, "E0000015": 401,
	"E0000005": 403, "E0000006": 403, "E0000038": 403,
	"E0000007": 404, "E0000008": 404, "E0000022": 405, "E0000096": 409, "E0000047": 429,
	"E0000009": 500, "E0000010": 503,
}

// Each code has a row, each row is complete, and none stands behind one that
// takes its answers.
func TestEveryCodeHasAdvice(t *testing.T) {
	rows := advices()
	seen := map[string]bool{}
	for i, row := range rows {
		name := fmt.Sprintf("%t %s %s %d %s %s", row.app, row.fault, row.code, row.status, row.method, row.path)
		if row.code != "" {
			if documented[row.code] == 0 {
				t.Errorf("%s is about a code that is not documented", name)
			}
			seen[row.code] = true
		}
		for _, text := range []string{row.Happened, row.Means, row.Do} {
			if text == "" || strings.HasSuffix(text, ".") || strings.ContainsAny(text[:1], "ABCDEFGHIJKLMNPQRSTUVWXYZ") {
				t.Errorf("%s: %q is no part of a sentence", name, text)
			}
		}
		for _, before := range rows[:i] {
			if (!before.app || row.app) && (before.fault == "" || before.fault == row.fault) && (before.code == "" || before.code == row.code) && (before.status == 0 || before.status == row.status) &&
				(before.method == "" || before.method == row.method) && strings.HasSuffix(row.path, before.path) {
				t.Errorf("%s is never reached: %t %s %s %d %s %s comes first", name, before.app, before.fault, before.code, before.status, before.method, before.path)
			}
		}
	}
	for code := range documented {
		if !seen[code] {
			t.Errorf("%s has no advice", code)
		}
	}
}

// Every answer that is no success says what happened, what it means, what to do
// and by which id Okta knows it, and nothing of the token.
func TestErrorsAdvise(t *testing.T) {
	ask := func(answer reply) string {
		o := newOrg(t, nil, answer)
		_, err := o.client.GenerateKey(context.Background(), anIdP, 2)
		if err == nil {
			t.Fatal("no error")
		}
		return err.Error()
	}
	header := map[string]string{"X-Okta-Request-Id": "the-request"}
	for code, status := range documented {
		text := ask(reply{status, `{"errorCode":"` + code + `","errorSummary":"","errorCauses":[{"errorSummary":"because of ` + secretToken + `"}]}`, header})
		e := Error{Status: status, Code: code, Method: http.MethodPost, Path: anIdP.Path() + "/credentials/keys/generate?validityYears=2"}
		a := e.Advice()
		for _, says := range []string{code, a.Happened, a.Means, a.Do, "because of", "[request the-request]"} {
			if says == "" || !strings.Contains(text, says) {
				t.Errorf("%s: %q does not say %q", code, text, says)
			}
		}
		if lasting := Lasting("twice: " + text + ", " + text); lasting != strings.ReplaceAll("twice: "+text+", "+text, " [request the-request]", "") {
			t.Errorf("%s: %q lasts", code, lasting)
		}
		if strings.Contains(text, secretToken) || strings.ContainsAny(text, "{}") {
			t.Errorf("%s: %q", code, text)
		}
	}
	for status := 400; status < 600; status++ {
		if status != http.StatusTooManyRequests {
			e := Error{Status: status, Method: http.MethodGet, Path: "/api/v1/apps"}
			if a := e.Advice(); a.Means == "" || a.Do == "" || strings.Contains(e.Error(), "API itself") {
				t.Errorf("%d: %s", status, e.Error())
			}
		}
	}
}

// The same code means something else where something else was asked.
func TestAdviceIsAboutTheRequest(t *testing.T) {
	for _, tt := range []struct {
		e    Error
		says string
	}{
		{Error{Status: 400, Code: "E0000001", Method: "POST", Path: "/api/v1/apps/a/credentials/csrs/c/lifecycle/publish"}, "valid for 90 days or more"},
		{Error{Status: 400, Code: "E0000001", Method: "POST", Path: "/api/v1/apps/a/credentials/keys/k/clone?targetAid=b"}, "the target has it already"},
		{Error{Status: 400, Code: "E0000001", Method: "POST", Path: "/api/v1/apps/a/credentials/keys/generate?validityYears=1"}, "2 to 10 years"},
		{Error{Status: 400, Code: "E0000001", Method: "PUT", Path: "/api/v1/idps/a"}, "the identity provider as it would be with the other key"},
		{Error{Status: 400, Code: "E0000001", Method: "GET", Path: "/api/v1/apps?limit=0"}, "a filter, a limit or a page"},
		{Error{Status: 400, Code: "E0000099", Method: "POST", Path: "/api/v1/apps/a"}, "change what the answer names; this request wrote nothing"},
		{Error{Status: 403, Code: "E0000006", Method: "GET", Path: "/api/v1/apps"}, "the token's admin the right to read apps"},
		{Error{Status: 403, Code: "E0000006", Method: "DELETE", Path: "/api/v1/idps/a/credentials/csrs/c"}, "the token's admin the right to manage identity providers"},
		{Error{Status: 403, Method: "GET", Path: "/api/v1/apps"}, "a network zone"},
		{Error{Status: 503, Code: "E0000010", Method: "PUT", Path: "/api/v1/apps/a"}, "read-only mode; Okta takes no changes for now"},
		{Error{Status: 503, Method: "GET", Path: "/api/v1/apps/a"}, "the service is not available"},
		{Error{Status: 500, Code: "E0000009", Method: "PUT", Path: "/api/v1/apps/a"}, "; whether Okta did it is not known"},
		{Error{Status: 418, Method: "GET", Path: "/api/v1/apps/a"}, "the request is not allowed as it is"},
		{Error{Status: 599, Method: "GET", Path: "/api/v1/apps/a"}, "failed at this request"},
		{Error{Status: 302, Method: "GET", Path: "/api/v1/apps/a"}, "the address that answers the API itself"},
	} {
		if text := tt.e.Error(); !strings.Contains(text, tt.says) {
			t.Errorf("%q does not say %q", text, tt.says)
		}
	}
}

// What to do can be told from the rest of an error: it is a part of the text.
func TestCureIsInTheText(t *testing.T) {
	for _, row := range advices() {
		for _, method := range []string{"GET", "DELETE"} {
			e := &Error{Status: max(row.status, 400), Code: row.code, Summary: "s", Method: method, Path: "/api/v1/idps/a" + row.path, oauth: row.app, fault: row.fault}
			if !strings.Contains(e.Error(), "; "+e.Cure()) || e.Cure() != e.Advice().Do || e.Cure() == "" {
				t.Errorf("%q does not hold %q", e.Error(), e.Cure())
			}
		}
	}
	for _, err := range []interface {
		error
		Cure() string
	}{
		&SignInError{Status: 401, Code: "invalid_client"}, &SignInError{Status: 503}, &ScopeError{Missing: []string{"okta.apps.read"}},
		&NetworkError{Method: "GET", Reason: "no", cure: "check it"},
	} {
		if err.Cure() == "" || !strings.Contains(err.Error(), "; "+err.Cure()) {
			t.Errorf("%q does not hold %q", err.Error(), err.Cure())
		}
	}
}

// A service app is told of its access token and of its rights, never of an API
// token; whoever has one is told where it was given.
func TestAdviceIsAboutTheSignIn(t *testing.T) {
	for _, tt := range []struct {
		e    Error
		says string
	}{
		{Error{Status: 401, Code: "E0000011", oauth: true, fault: "invalid_token"}, "the service app is still active"},
		{Error{Status: 400, Code: "E0000011", oauth: true, fault: badProof}, "sends them twice"},
		{Error{Status: 401, Code: "E0000011", oauth: true, fault: useNonce}, "the clock of this machine"},
		{Error{Status: 400, Code: "E0000011", oauth: true}, "the service app is still active"},
		{Error{Status: 403, Code: "E0000006", oauth: true, fault: "insufficient_scope"}, "okta.apps.manage (admin console"},
		{Error{Status: 403, Code: "E0000006", oauth: true}, "an admin role that may manage"},
		{Error{Status: 403, oauth: true}, "an admin role that may manage"},
		{Error{Status: 404, Code: "E0000007", oauth: true}, "check the ids"},
		{Error{Status: 401, Code: "E0000011", tokenFrom: "okta.yaml:3"}, "check that okta.yaml:3 gives a valid token"},
		{Error{Status: 401, Code: "E0000011"}, "check that OKTA_CLIENT_TOKEN gives a valid token"},
	} {
		tt.e.Method, tt.e.Path = "PUT", "/api/v1/apps/a"
		text := tt.e.Error()
		if !strings.Contains(text, tt.says) || tt.e.oauth && strings.Contains(text, "OKTA_CLIENT_TOKEN") {
			t.Errorf("%q does not say %q", text, tt.says)
		}
	}
}

// An answer of success that is none of the API's says what came in its place
// and by which id it is known, and nothing of how it was read.
func TestUnusableAnswers(t *testing.T) {
	const place = " is the org itself, and no portal or proxy in front of it"
	ask := map[string]func(*Client) error{
		"object": func(c *Client) error { _, err := c.Object(context.Background(), anIdP); return err },
		"keys":   func(c *Client) error { _, _, err := c.Keys(context.Background(), anIdP); return err },
		"page":   func(c *Client) error { _, err := c.Page(context.Background(), "/api/v1/apps"); return err },
		"write":  func(c *Client) error { _, err := c.GenerateKey(context.Background(), anIdP, 2); return err },
	}
	for body, says := range map[string]string{
		"<!DOCTYPE html><p>Log in": "it is a page of HTML, as a portal or a proxy sends it [request the-request]; ",
		"\n <html>":                "it is a page of HTML, as a portal or a proxy sends it [request the-request]; ",
		"true":                     " [request the-request]; ",
		`[{"a" 1}]`:                " [request the-request]; ",
		`{"a" 1}`:                  " [request the-request]; ",
		"":                         " [request the-request]; ",
	} {
		for name, ask := range ask {
			status := http.StatusOK
			if name == "write" {
				status = http.StatusCreated
			}
			o := newOrg(t, nil, reply{status, body, map[string]string{"X-Okta-Request-Id": "the-request", "Content-Type": "application/json"}})
			err := ask(o.client)
			if err == nil || !strings.Contains(err.Error(), ": the answer cannot be used: ") || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), place) {
				t.Errorf("%s of %q: %v", name, body, err)
				continue
			}
			if strings.Contains(err.Error(), "okta:") || strings.Contains(err.Error(), "jsontext") || OutcomeUnknown(err) != (name == "write") {
				t.Errorf("%s of %q: %v", name, body, err)
			}
		}
	}
}
