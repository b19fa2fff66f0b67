package conformance

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// canned answers every request alike.
type canned struct {
	status    int
	mediaType string
	body      string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: c.status, Header: http.Header{"Content-Type": {c.mediaType}},
		Body: io.NopCloser(strings.NewReader(c.body)), Request: r,
	}, nil
}

// TestJudgeSees shows the judge exchanges that deviate, each in one way: a
// judge that finds nothing would let everything pass.
func TestJudgeSees(t *testing.T) {
	const json = "application/json;charset=UTF-8"
	tests := []struct {
		name         string
		method, path string
		send         string // the body if our client sends it, "none" if it has none; "" = not our client
		answer       canned
		want         []string
	}{
		{"nothing wrong", get, apps + "/0oa1/credentials/keys/k1", "", canned{200, json, `{"kid": "k1", "unknown": 1}`}, nil},
		{"a member of the wrong kind", get, apps + "/0oa1/credentials/keys/k1", "", canned{200, json, `{"kid": 7}`},
			[]string{"answer 200 GET /api/v1/apps/{appId}/credentials/keys/{keyId}: /kid: value must be a string"}},
		{"a time that is none, in a list", get, idps + "/0oa1/credentials/keys", "", canned{200, json, `[{}, {"expiresAt": "tomorrow"}]`},
			[]string{"answer 200 GET /api/v1/idps/{idpId}/credentials/keys: /expiresAt: string doesn't match the format"}},
		{"no JSON", get, apps + "/0oa1/credentials/csrs", "", canned{200, json, `[`},
			[]string{"answer 200 GET /api/v1/apps/{appId}/credentials/csrs: failed to decode"}},
		{"another media type", get, apps + "/0oa1/credentials/csrs", "", canned{200, "text/html", `[]`},
			[]string{"answer 200 GET /api/v1/apps/{appId}/credentials/csrs: response header Content-Type has unexpected value"}},
		{"the other owner's status", post, apps + "/0oa1/credentials/keys/generate?validityYears=2", "", canned{200, json, `{}`},
			[]string{"answer 200 POST /api/v1/apps/{appId}/credentials/keys/generate: the status is not declared"}},
		{"a refusal of another form", get, apps + "/0oa1", "", canned{404, json, `{"errorCode": 7}`},
			[]string{"answer 404 GET /api/v1/apps/{appId}: /errorCode: value must be a string"}},
		{"an undeclared refusal of another form", get, apps + "/0oa1", "", canned{418, json, `{"errorCauses": "many"}`},
			[]string{"answer 418 GET /api/v1/apps/{appId}: /errorCauses: value must be an array", "answer 418 GET /api/v1/apps/{appId}: the status is not declared"}},
		{"an unknown path", get, "/api/v1/users", "", canned{200, json, `{}`}, []string{"answer 200 GET elsewhere: the path is not declared"}},
		{"a refusal there of another form", http.MethodPatch, apps, "", canned{405, "text/plain", `no`},
			[]string{"answer 405 PATCH elsewhere: response header Content-Type has unexpected value"}},
		{"a body where there is none", http.MethodDelete, idps + "/0oa1/credentials/csrs/c1", "", canned{204, json, `{}`},
			[]string{"answer 204 DELETE /api/v1/idps/{idpId}/credentials/csrs/{idpCsrId}: it has a body"}},
		{"an app of an unknown mode", get, apps + "/0oa1", "", canned{200, json, `{"name": "n", "label": "l", "signOnMode": "MAGIC"}`},
			[]string{"answer 200 GET /api/v1/apps/{appId}: discriminator property \"signOnMode\" has invalid value"}},
		{"an app's mode decides", get, apps, "", canned{200, json, `[{"name": "n", "label": "l", "signOnMode": "SAML_2_0", "settings": {"signOn": 1}}]`},
			[]string{"answer 200 GET /api/v1/apps: [n] /settings/signOn: value must be an object"}},
		{"an IdP's closest protocol", get, idps + "/0oa1", "", canned{200, json, `{"name": "n", "protocol": {"type": "SAML2", "relayState": 1}}`},
			[]string{"answer 200 GET /api/v1/idps/{idpId}: [n] /protocol/relayState: value must be an object"}},
		{"a query out of bounds", post, idps + "/0oa1/credentials/keys/generate?validityYears=11", "none", canned{200, json, `{}`},
			[]string{"request POST /api/v1/idps/{idpId}/credentials/keys/generate: parameter validityYears: number must be at most 10"}},
		{"a request of another form", post, idps + "/0oa1/credentials/csrs", `{"subject": 7}`, canned{201, json, `{}`},
			[]string{"request POST /api/v1/idps/{idpId}/credentials/csrs: /subject: value must be an object"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := newJudge(t)
			var send io.Reader
			if tt.send != "none" {
				send = strings.NewReader(tt.send)
			}
			req, err := http.NewRequest(tt.method, "http://127.0.0.1"+tt.path, send)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "SSWS "+token)
			from := newSender(ourClient, ssws)
			if tt.send == "" {
				from = newSender("", ssws)
			}
			if _, err := j.watch(tt.answer, from).RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			found(t, j, tt.want)
		})
	}
}

// TestJudgeSeesSignIns shows the judge requests that are signed in wrongly.
func TestJudgeSeesSignIns(t *testing.T) {
	const json = "application/json;charset=UTF-8"
	const scheme = "security requirements failed: "
	list, token := canned{200, json, `[]`}, canned{200, "application/json", `{"token_type": "Bearer", "access_token": "t2"}`}
	tests := []struct {
		name         string
		signIn       signIn
		method, path string
		send         string
		header       []string
		answer       canned
		want         []string
	}{
		{"an API token", ssws, get, apps, "", []string{"Authorization", "SSWS x"}, list, nil},
		{"nothing", ssws, get, apps, "", nil, list, []string{
			"request GET /api/v1/apps: " + scheme, "request of the client, who signs in by SSWS: it is sent with "}},
		{"a token with the scope", oauth, get, apps, "", []string{"Authorization", "Bearer t1"}, list, nil},
		{"one that is bound to a key", dpop, get, apps, "", []string{"Authorization", "DPoP t1", "DPoP", "proof"}, list, nil},
		{"one without its proof", dpop, get, apps, "", []string{"Authorization", "DPoP t1"}, list,
			[]string{"request of the client, who signs in by DPoP: it is sent with DPoP"}},
		{"a token without the scope", oauth, get, idps, "", []string{"Authorization", "Bearer t1"}, list,
			[]string{"request GET /api/v1/idps: " + scheme + "Bearer is no API token | the token lacks the scope okta.idps.read"}},
		{"a token that nobody gave out", oauth, get, apps, "", []string{"Authorization", "Bearer t3"}, list,
			[]string{"request GET /api/v1/apps: " + scheme + "Bearer is no API token | the token after Bearer was not given out"}},
		{"an API token in place of an access token", oauth, get, apps, "", []string{"Authorization", "SSWS x"}, list,
			[]string{"request of the client, who signs in by private_key_jwt: it is sent with SSWS"}},
		{"asking for a scope", oauth, post, "/oauth2/v1/token", "scope=okta.apps.read", nil, token, nil},
		{"asking for one that is none", oauth, post, "/oauth2/v1/token", "scope=okta.apps.read+okta.all", nil, token,
			[]string{"request POST /oauth2/v1/token: the scope okta.all is not declared"}},
		{"asking elsewhere", oauth, post, "/oauth2/v2/token", "scope=okta.apps.read", []string{"Authorization", "Bearer t1"}, token,
			[]string{"answer 200 POST elsewhere: the path is not declared"}},
		{"no token for an answer", oauth, post, "/oauth2/v1/token", "scope=okta.apps.read", nil, list,
			[]string{"answer 200 POST /oauth2/v1/token: no token"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := newJudge(t)
			j.tokens["t1"] = []string{"okta.apps.read"}
			req, err := http.NewRequest(tt.method, "http://127.0.0.1"+tt.path, strings.NewReader(tt.send))
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(tt.header); i += 2 {
				req.Header.Set(tt.header[i], tt.header[i+1])
			}
			if _, err := j.watch(tt.answer, newSender(ourClient, tt.signIn)).RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			found(t, j, tt.want)
		})
	}
}

// found compares what the judge found with the beginnings of what it should.
func found(t *testing.T, j *judge, want []string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(j.findings))
	if len(got) != len(want) {
		t.Fatalf("%d findings, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("found %q, want %q", got[i], want[i])
		}
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"", "", true}, {"a*", "abc", true}, {"*c", "abc", true}, {"*c", "abcd", false},
		{"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false}, {"ab*ba", "aba", false}, {"*", "", true},
	} {
		if got := matches(tt.pattern, tt.text); got != tt.want {
			t.Errorf("matches(%q, %q) = %t", tt.pattern, tt.text, got)
		}
	}
}
