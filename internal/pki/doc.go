// Package pki is rekey's local certificate authority: it reads an issuer,
// checks what Okta asks it to certify, and signs.
//
// One certificate goes through five stations:
//
//	LoadIssuer   PEM certificate + PEM key (+ passphrase)  -> Issuer
//	ParseCSR     DER from Okta, distrusted                 -> request
//	Issue        request + validity + profile              -> Issued
//	Ledger       one durable line before anyone uses it
//	publish      (not here) the certificate goes back to Okta
//
// A CSR is a stranger's wish. What may reach the certificate is its subject,
// byte for byte, its public key, and those DNS names that the caller asked
// for as well. Key usage, basic constraints and validity come from the
// caller's [Request] alone, so a CSR that asks for CA:TRUE gets an ordinary
// leaf. What rekey cannot grant it refuses; it never shortens a validity or
// drops a name in silence.
//
// Private keys are read in the forms that openssl writes: PKCS#1, SEC1 and
// PKCS#8, the last also encrypted with PBES2 (PBKDF2-HMAC-SHA-256 and
// AES-256-CBC, RFC 8018), which is what OpenSSL 1.1 and later choose by
// themselves. Every other encryption is refused by its name, with the openssl
// command that converts the file; see [UnsupportedError].
//
// The rules on hashes and key sizes hold for CSRs and for the issuer. They do
// not hold for the certificates that Okta makes itself, some of which are
// still signed with SHA-1: those are data here, never trust anchors.
//
// The package also makes what a stand-in for Okta needs: [NewCSR],
// [SelfSigned] and [SampleCA]. Nothing here talks to a network.
package pki
