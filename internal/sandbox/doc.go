// Package sandbox is an Okta org in memory: the part of Okta's API that
// concerns signing keys, as an http.Handler. Tests, tutorials and rehearsals
// talk to it through the ordinary client over real HTTP, so that nothing needs
// a stand-in for the client.
//
// # What is real
//
// Keys, CSRs, certificates and JWKs are real ones, and the rules that Okta
// documents are kept: what a certificate must be to be published, which keys
// may be cloned, what a PUT needs. Where Okta's documents leave something
// open, the sandbox takes the harshest reading: a PUT replaces, so a writable
// member that its body omits is gone afterwards. A client that survives the
// sandbox loses nothing in a real org.
//
// Rate limits are those of Okta's default buckets, if Options.RateLimit asks for
// them; GET /_sandbox/limits counts what each has served and refused.
// PUT /_sandbox/clock puts the clock ahead, so that tokens and keys expire.
//
// Not there: users, groups, policies, their sign-ins, and the org-wide store of
// partners' certificates.
//
// # The pieces
//
// An [Org] is the state: apps and identity providers with their keys and
// CSRs. [DefaultOrg] seeds one, [ReadOrg] and [Org.Write] give it a form on
// disk, [Org.PutObject], [Org.PutKeys], [Org.PutCSRs] and [Org.PutMetadata]
// copy parts of a live org into it. A [Server] serves an Org; a [Store] serves
// one that lives in a file and is shared by processes. [Transport] calls
// either without a socket. A [Fault] befalls chosen requests: they fail before or
// after their effect, lose their answer, take effect late, are held, or a stranger
// changes things in between.
//
// Clock, key pairs and ids come in through [Options]: with a fixed clock, a
// [Pool] and a counter for ids, every answer is the same in every run. Only
// waiting is real: Options.Now may stand still, so Options.Latency, and the
// delays of faults unless Options.After is set, take the system's clock.
package sandbox
