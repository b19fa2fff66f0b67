// Package conformance holds the sandbox and the client against Okta's own
// contract. It has no code for use, only a test, and is a module of its own, so
// that what it needs never reaches the product.
//
// Who judges whom:
//
//   - The contract is Okta's OpenAPI document as the official Go SDK,
//     okta-sdk-golang v6.0.1, ships it. It comes out of the module cache (or the
//     module proxy) when the test runs; no copy of it stands here.
//   - The judge is kin-openapi (openapi3filter). Nothing of ours takes part in
//     the verdict but the bookkeeping.
//   - Judged are every answer that internal/sandbox gives, over HTTP on the
//     loopback, to every operation of the credential API, for apps and IdPs,
//     successes and refusals; and every request that internal/okta's Client
//     sends for those operations, with what the query steps ask of it.
//   - An answer with a status that the contract does not declare for the
//     operation, or to a path that it does not know, is still held against the
//     contract's Error object.
//
// What deviates stands in one list, deviations, each with its reason. An
// unlisted deviation fails the test, and so does a listed one that has ceased
// to occur. A table, operations, makes sure that each operation succeeded, was
// refused and was called by the client at least once, and that each status
// which the contract declares for it was among the answers. TestJudgeSees shows
// the judge exchanges that are wrong: it must find just that.
//
// What `rekey check --format sarif` prints is judged here as well: by the JSON
// Schema of SARIF 2.1.0 that owenrumney/go-sarif ships, read from the module
// cache, over every playbook of testdata/check and hostile file names.
//
// Not judged here: whether the sandbox does the right thing (its own tests do
// that), and members of an app or IdP that the contract does not know, which it
// allows everywhere.
package conformance
