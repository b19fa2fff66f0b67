// Package conformance holds the sandbox and the client against Okta's own
// contract, and against Okta's own SDK. It has no code for use, only tests, and
// is a module of its own, so that what it needs never reaches the product.
//
// One table, of rows as "publish CSR", names the operation that does each thing
// to an app and the one that does it to an IdP. It goes in both directions:
//
//   - What is ours is held against the contract, Okta's OpenAPI document as the
//     official Go SDK, okta-sdk-golang v6.0.1, ships it. It comes out of the
//     module cache (or the module proxy) when the tests run; no copy of it stands
//     here. The judge is kin-openapi (openapi3filter). Nothing of ours takes part
//     in the verdict but the bookkeeping.
//   - The sandbox is held against the SDK, which carries out each operation that
//     it can and must find the right values in the answers.
//
// Both are done under each sign-in: an API token (SSWS), a service app's access
// token (private_key_jwt), and one that is bound to a key (DPoP).
//
// Judged are every answer that internal/sandbox gives over HTTP on the loopback,
// successes and refusals, and every request of internal/okta's Client and of the
// command rekey while it runs and rolls back the playbooks that come with it,
// and one with all step types. The contract says which scopes an operation
// needs: requests are judged by those of their tokens, and a run must have asked
// for those of its calls and no others. Of the authorization server it has no
// more than the address and the scopes that there are. Of DPoP it knows nothing:
// the proofs are checked by the sandbox on one side and made by the SDK on the
// other. An answer with a status that the contract does not declare for the
// operation, or to a path that it does not know, is still held against the
// contract's Error object.
//
// What deviates from the contract stands in one list, deviations, and what the
// SDK cannot do in another, limits, each with its reason. What is not listed
// fails the tests, and so does what is listed and has ceased to occur. It also
// fails them when a row was left out by the client, by the playbooks or by the
// SDK, for an owner or under a sign-in; when an operation was not refused as
// well; and when a status that the contract declares was not among the answers.
// TestJudgeSees shows the judge exchanges that are wrong: it must find just that.
//
// TestRoundTrip reads every owner of the default org and sends it back through
// our client: nothing is lost. TestSDKLoses does so through the SDK's types:
// testdata/sdk_loses.golden names what is lost, which is why the product does
// not use the SDK.
//
// What `rekey check --format sarif` prints is judged here as well: by the JSON
// Schema of SARIF 2.1.0 that owenrumney/go-sarif ships, read from the module
// cache, over every playbook of testdata/check and hostile file names.
//
// The pages that `rekey plan --format html` and `rekey show --format html` print
// are opened in Chromium, which chromedp drives: nothing is loaded or run, no
// text lies on another or sticks out at the width of a telephone or of a desk,
// all can be read in light and in dark and on paper, and a hostile name stays a
// name.
//
// Not judged here: whether the sandbox does the right thing beyond that (its own
// tests do that), requests of the SDK, which are not ours to mend, and members of
// an app or IdP that the contract does not know, which it allows everywhere.
package conformance
