// Package okta speaks the part of Okta's REST API that concerns the keys with
// which an org signs SAML messages.
//
// An [Owner] is an app (outbound SAML: Okta signs assertions) or an identity
// provider (inbound SAML: Okta signs its requests and decrypts assertions with
// the same key). Both have key credentials, certificate signing requests and
// one active key, under the same names and a different path, so that one
// method serves both kinds.
//
// # Nothing is lost
//
// Okta replaces an app or IdP as a whole: what a PUT leaves out may be gone
// afterwards, and an explicit null means something else than an absent member.
// So an owner is not a struct here but an [Object], the JSON itself: unknown
// members, nulls and the digits of numbers survive the way from GET to PUT.
// [Client.Replace] is told which one value is meant to change and refuses a
// body in which anything else does. [Differences] and [Digest] define when two
// objects count as equal.
//
// # What a failure means
//
// Creating a key or a CSR is not idempotent, and Okta has no call that deletes
// a signing key. A write is therefore tried again only after the answer 429,
// which says that Okta did nothing, and for a token that had expired; a GET is
// also repeated after a 5xx and after network trouble. Every other failure of a write is handed to the
// caller, together with the one thing to know about it: whether the write may
// have happened all the same. [OutcomeUnknown] answers that for any error:
//
//   - an [Error] is an answer of Okta's that is no success; a 4xx says that
//     nothing happened, a 5xx to a write says nothing;
//   - a [NetworkError] is an answer that never came or cannot be read;
//   - a [SignInError] or [ScopeError] is a service app that got no token;
//   - everything else (settings, a refused call, an impossible id) was found
//     before the request left.
//
// # Signing in
//
// A client shows an API token (SSWS), or signs in as a service app, an [OAuth]:
// its private key signs an assertion, for which the org's authorization server
// gives an access token that holds for an hour or so. Most orgs bind it to a
// second key, which each client makes for itself and which signs a proof of
// every single request (DPoP). So a stolen token is of no use, and neither is
// a request that somebody has overheard. Servers hand out nonces for proofs and
// refuse old ones; the request is then sent again, as it is when its token has
// expired: such a refusal has no effect. The token stays in memory.
//
// # Seams
//
// [Config] takes the transport, the clock and the waiting as parameters. Its
// OnCall sees each request, body included, before the socket does and may
// refuse it. [ReadOnly] makes a transport that cannot send a write at all; it
// knows the requests for a token, and lets them through.
package okta
