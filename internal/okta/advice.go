package okta

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// Advice is what an answer that is no success tells a person.
type Advice struct {
	Happened string // what Okta did, for an answer without a summary of its own
	Means    string // what that means here
	Do       string // what to do about it
}

// advice is a row of the table: the answers that it is about, and what it says
// of them. In its texts {scope} stands for the OAuth scope that the request
// needs, {right} for the right that an admin needs for it, {kind} for the kind
// of owner that it is about, {token} for where the API token was given.
type advice struct {
	app    bool   // the answer is to a service app
	fault  string // that its challenge names; "" for any
	code   string // Okta's errorCode; "" for an answer without one that the table has
	status int    // HTTP status; 0 for any, 4 for any 4xx and so on
	method string // "" for any
	path   string // what the path ends in; "" for any
	Advice
}

// of reports whether the row is about an answer.
func (row advice) of(e *Error) bool {
	path, _, _ := strings.Cut(e.Path, "?")
	return (!row.app || e.oauth) && (row.fault == "" || row.fault == e.fault) && (row.code == "" || row.code == e.Code) &&
		(row.status == 0 || row.status == e.Status || row.status == e.Status/100) &&
		(row.method == "" || row.method == e.Method) && strings.HasSuffix(path, row.path)
}

// Advice says what the answer means and what to do about it: of the first row
// that is about it.
func (e *Error) Advice() Advice {
	fill := strings.NewReplacer("{scope}", ScopeOf(e.Method, e.Path), "{right}", e.right(), "{kind}", e.kind(), "{token}", cmp.Or(e.tokenFrom, SettingToken))
	for _, row := range advices() {
		if row.of(e) {
			return Advice{Happened: row.Happened, Means: fill.Replace(row.Means), Do: fill.Replace(row.Do)}
		}
	}
	return Advice{}
}

// Cure is what to do about the answer; a part of Error's text.
func (e *Error) Cure() string { return e.Advice().Do }

func (e *Error) right() string {
	if e.Method == http.MethodGet {
		return "read " + e.kind() + "s"
	}
	return "manage " + e.kind() + "s"
}

func (e *Error) kind() string {
	if e.ofIdP() {
		return "identity provider"
	}
	return "app"
}

func (e *Error) ofIdP() bool { return strings.HasPrefix(e.Path, "/api/v1/idps") }

const (
	sameOrg   = "check the ids, and that OKTA_CLIENT_ORGURL is the org they belong to"
	goodToken = "check that {token} gives a valid token of the org in OKTA_CLIENT_ORGURL, or make a new one (admin console, Security, API, Tokens)"
	goodRight = "give the token's admin the right to {right}"
	later     = "try again later; https://status.okta.com tells of outages"
	report    = "show this error, with the id of the request, to whoever maintains rekey"
)

// advices is the table, the narrower rows first. The codes are Okta's (Okta:
// error codes).
func advices() []advice {
	return slices.Concat(toApps(), codes(), narrowStatuses(), statuses())
}

// toApps are the rows for what is wrong with the access token of a service app,
// and with its proofs.
func toApps() []advice {
	const (
		proxy  = "check the clock of this machine, and that no proxy changes the address of requests or sends them twice"
		active = "check that the service app is still active in the org, and try again"
	)
	row := func(fault string, status int, happened, means, do string) advice {
		return advice{app: true, fault: fault, status: status, Advice: Advice{happened, means, do}}
	}
	return []advice{
		row("insufficient_scope", 0, "the scope is missing", "the access token lacks what this request needs",
			"grant the service app {scope} (admin console, Applications, the app, Okta API Scopes), and name it in "+SettingScopes+" if that is set"),
		row(badProof, 0, "the proof was refused", "Okta has seen the proof of this request before, or takes it for one of another time or request", proxy),
		row(useNonce, 0, "the proof was refused", "Okta asks for a nonce, and does not take the one that it gave", proxy),
		row("", http.StatusForbidden, "the request was forbidden", "the access token is valid, but the service app may not do this; or a network zone of the org keeps this machine out",
			"give the service app an admin role that may manage this app or identity provider, and the scope {scope}"),
		row("", http.StatusUnauthorized, "the access token was refused", "the org gave the access token a moment ago, and does not take it any more", active),
		{app: true, code: "E0000011", Advice: Advice{"the access token was refused", "the org does not take the access token, or the proof that came with it", active}},
	}
}

// codes are the rows for Okta's error codes.
func codes() []advice {
	const (
		get  = http.MethodGet
		put  = http.MethodPut
		bad  = http.StatusBadRequest
		none = 0
	)
	row := func(code string, status int, method, path, happened, means, do string) advice {
		return advice{code: code, status: status, method: method, path: path, Advice: Advice{happened, means, do}}
	}
	return []advice{
		row("E0000001", none, "", "/lifecycle/publish", "the request failed Okta's checks",
			"Okta does not take this certificate for the CSR: it must be of the CSR's key and valid for 90 days or more", "issue one anew for just this CSR"),
		row("E0000001", none, "", "/clone", "the request failed Okta's checks",
			"Okta does not copy the key: most often the target has it already", "look at the target's keys with list_keys, and use the one that is there"),
		row("E0000001", none, "", "/generate", "the request failed Okta's checks",
			"Okta makes no such key", "give a validity of 2 to 10 years, and an owner that signs SAML messages"),
		row("E0000001", none, put, "", "the request failed Okta's checks",
			"Okta does not take the {kind} as it would be with the other key: something in its settings is invalid by now, or the kid is none of its keys",
			"mend what the answer names in the admin console, and save the {kind} there once"),
		row("E0000001", none, get, "", "the request failed Okta's checks", "Okta cannot look for this", "change what the answer names: a filter, a limit or a page"),
		row("E0000001", none, "", "", "the request failed Okta's checks", "a value in the request is not allowed", "change what the answer names"),
		row("E0000003", none, "", "", "the request's body was not well-formed", "what was sent was cut or changed on its way, or is a mistake of rekey's", "look for a proxy in between that changes requests; if there is none, "+report),
		row("E0000004", none, "", "", "Okta did not accept the credentials", "the token is wrong, or has been revoked", goodToken),
		row("E0000005", none, "", "", "the session is not valid", "the token belongs to no session any more: it, or its admin, was deactivated", goodToken),
		row("E0000006", none, "", "", "the permission is missing", "the token is valid, but may not do this", goodRight),
		row("E0000007", none, "", "", "something was not found", "what the answer names is not in this org, or not to be seen by the token's admin", sameOrg),
		row("E0000008", none, "", "", "the path was not found", "this org has no such call", sameOrg+"; the org may lack the feature"),
		row("E0000009", none, "", "", "Okta failed", "Okta failed at this request by itself", later),
		row("E0000010", none, "", "", "Okta is in read-only mode", "Okta takes no changes for now, as during its maintenance", "try again when https://status.okta.com says that it is over"),
		row("E0000011", none, "", "", "the token is not valid", "the token is wrong or of another org, has been revoked, or has expired: after 30 days without use", goodToken),
		row("E0000015", none, "", "", "the feature may not be used", "the org lacks the feature, or the token's admin may not use it", goodRight+"; ask Okta whether the org has the feature"),
		row("E0000021", none, "", "", "Okta does not know the form of the request", "the media type of the request or of the answer was changed on its way, or is a mistake of rekey's", "look for a proxy in between that changes headers; if there is none, "+report),
		row("E0000022", none, "", "", "the path does not take the method", "this call cannot be made there: OKTA_CLIENT_ORGURL may be a page in front of the org", "set OKTA_CLIENT_ORGURL to the org itself; if it is, "+report),
		row("E0000028", none, "", "", "a parameter is missing", "the request lost a parameter on its way, or that is a mistake of rekey's", "look for a proxy in between that changes addresses; if there is none, "+report),
		row("E0000038", none, "", "", "the operation is not allowed now", "the status of the token's admin, or of what the answer names, forbids this", "activate the admin and the {kind} in the admin console"),
		row("E0000047", none, "", "", "the rate limit was exceeded", "the org's rate limit for such requests is used up, by whoever uses it", "try again in a minute, with a smaller concurrency if other tools need the org"),
		row("E0000096", none, "", "", "the request conflicts with another change", "somebody changes the same at this moment", "look at what is there, and try again"),
	}
}

// narrowStatuses are rows for answers whose code says nothing, or is none of
// Okta's: a gateway's, say.
func narrowStatuses() []advice {
	row := func(status int, happened, means, do string) advice {
		return advice{status: status, Advice: Advice{happened, means, do}}
	}
	return []advice{
		row(http.StatusBadRequest, "the request was refused", "a value in the request is not allowed", "change what the answer names"),
		row(http.StatusUnauthorized, "the token was refused", "the token is wrong, expired or revoked, or lacks what this request needs", goodToken),
		row(http.StatusForbidden, "the request was forbidden", "the token is valid, but may not do this; or a network zone of the org keeps this machine out", goodRight),
		row(http.StatusNotFound, "something was not found", "what the request is about is not in this org, or not to be seen by the token's admin", sameOrg),
		row(http.StatusMethodNotAllowed, "the path does not take the method", "this call cannot be made there", "set OKTA_CLIENT_ORGURL to the org itself"),
		row(http.StatusNotAcceptable, "no form of answer fits", "a proxy may have changed the request's headers", "look for a proxy in between; if there is none, "+report),
		row(http.StatusProxyAuthRequired, "a proxy wants to know who asks", "the request did not get past the proxy", "give HTTPS_PROXY the proxy's user, or NO_PROXY the org's host"),
		row(http.StatusRequestTimeout, "the request took too long", "the request did not arrive in whole", "check the network, and try again"),
		row(http.StatusConflict, "the request conflicts with another change", "somebody changes the same at this moment", "look at what is there, and try again"),
		row(http.StatusRequestEntityTooLarge, "the request is too large", "something in between, or Okta, takes no request of this size", "look for a proxy in between"),
		row(http.StatusUnsupportedMediaType, "the form of the request is not known", "a proxy may have changed the request's headers", "look for a proxy in between; if there is none, "+report),
		row(http.StatusTooManyRequests, "the rate limit was exceeded", "the org's rate limit for such requests is used up, by whoever uses it", "try again in a minute, with a smaller concurrency if other tools need the org"),
		row(http.StatusBadGateway, "a gateway had no answer", "a gateway in front of Okta did not reach it", later),
		row(http.StatusServiceUnavailable, "the service is not available", "Okta, or a gateway in front of it, takes no requests for now", later),
		row(http.StatusGatewayTimeout, "a gateway had no answer in time", "a gateway in front of Okta did not reach it in time", later),
	}
}

// statuses are the rows for whatever is left.
func statuses() []advice {
	row := func(class int, happened, means, do string) advice {
		return advice{status: class, Advice: Advice{happened, means, do}}
	}
	return []advice{
		row(5, "the server failed", "Okta, or a gateway in front of it, failed at this request", later),
		row(4, "the request was refused", "the request is not allowed as it is", "change what the answer names"),
		row(0, "the answer is none of the API's", "something answers in the org's place, a portal or a proxy say", "set OKTA_CLIENT_ORGURL to the address that answers the API itself"),
	}
}
