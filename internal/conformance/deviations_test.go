package conformance

// deviation is what may differ from the contract, and why. In finding * stands
// for any run of characters.
type deviation struct{ finding, reason string }

// Reasons that several deviations share.
const (
	everywhere = "Okta's list of error codes has it for every operation; the contract leaves it out everywhere"
	sampleNull = "the contract's schemas know no null, but Okta's samples of apps and IdPs show this one"
	seededNull = "no sample of Okta's shows this null; the sandbox holds it so that a client that drops explicit nulls is found out"
)

// deviations is the whole of what may differ.
var deviations = []deviation{
	// Statuses.
	{"answer 401 *: the status is not declared", everywhere},
	{"answer 500 *: the status is not declared", everywhere},
	{"answer 503 *: the status is not declared", everywhere},
	{"answer 400 GET *: the status is not declared",
		"the contract declares 400 for writes only; Okta's error codes have E0000021 for an Accept header, E0000001 for a filter or limit, and E0000028 for a missing parameter"},
	{"answer 400 DELETE *: the status is not declared",
		"the contract knows nothing of DPoP: a call without the proof that its token asks for is answered 400 with invalid_dpop_proof"},
	{"answer 400 POST /api/v1/idps/{idpId}/credentials/keys/generate: the status is not declared",
		"the contract bounds validityYears to 2 to 10, yet declares no answer to other values"},
	{"answer 400 POST /api/v1/idps/{idpId}/credentials/keys/{kid}/clone: the status is not declared",
		"the operation's own description promises a 400 for a key that the target has already"},
	{"answer 403 GET /api/v1/idps/{idpId}/credentials/keys/active: the status is not declared",
		"declared for every other operation; the token's rights are no other here"},
	{"answer 404 GET /api/v1/idps/{idpId}/credentials/keys/active: the status is not declared",
		"declared for every other operation on one IdP; an unknown IdP must be answered somehow"},

	// Paths.
	{"answer 200 GET /api/v1/idps/{idpId}/metadata.xml: the path is not declared",
		"Okta names the address of an IdP's metadata in its _links.metadata alone"},

	// What our client sends.
	{"request PUT /api/v1/apps/{appId}: * readOnly property * in request",
		"a PUT sends the whole object back so that nothing is lost; the operation's description says that such values are ignored"},
	{"request PUT /api/v1/idps/{idpId}: * readOnly property * in request",
		"a PUT sends the whole object back so that nothing is lost; an IdP knows no partial update"},

	// Members of apps and IdPs, in answers and in what is sent back.
	{"* [examplecrm] /settings/signOn/*: property * is missing",
		"an app from the catalog has overrides in place of what a custom app must have: Okta's samples show that shape, the contract requires the other"},

	{"* /accessibility/errorRedirectUrl: Value is not nullable", sampleNull},
	{"* /accessibility/loginRedirectUrl: Value is not nullable", sampleNull},
	{"* /settings/notes/admin: Value is not nullable", sampleNull},
	{"* /settings/notes/enduser: Value is not nullable", sampleNull},
	{"* /settings/notifications/vpn/helpUrl: Value is not nullable", sampleNull},
	{"* /settings/notifications/vpn/message: Value is not nullable", sampleNull},
	{"* /settings/signOn/attributeStatements: Value is not nullable", seededNull},
	{"* /settings/signOn/audienceOverride: Value is not nullable", sampleNull},
	{"* /settings/signOn/defaultRelayState: Value is not nullable", sampleNull},
	{"* /settings/signOn/destinationOverride: Value is not nullable", sampleNull},
	{"* /settings/signOn/recipientOverride: Value is not nullable", sampleNull},
	{"* /settings/signOn/ssoAcsUrlOverride: Value is not nullable", sampleNull},
	{"* /settings/app/groupFilter: Value is not nullable", sampleNull},
	{"* /policy/accountLink/filter: Value is not nullable", sampleNull},
	{"* /policy/subject/filter: Value is not nullable", sampleNull},
	{"* /policy/subject/matchAttribute: Value is not nullable", sampleNull},

	{"* /credentials/signing/nextRotation: Value is not nullable", seededNull},
	{"* /protocol/relayState: Value is not nullable", seededNull},
	{"* /settings/app/attributeStatements: Value is not nullable", sampleNull},
	{"* /settings/app/groupName: Value is not nullable", seededNull},
	{"* /settings/inlineHookId: Value is not nullable", seededNull},
	{"* /settings/oauthClient/client_uri: Value is not nullable", seededNull},
	{"* /settings/oauthClient/logo_uri: Value is not nullable", seededNull},
	{"* /settings/signOn/spIssuer: Value is not nullable", seededNull},
}
