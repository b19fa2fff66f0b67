package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/pflag"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner/journal"
)

// How requests to the sandbox prove that they may be made.
const (
	authSSWS  = "ssws"
	authOAuth = "oauth"
	authDPoP  = "dpop"
)

// authHelp explains authFlags.
const authHelp = `With --auth oauth the org has a service app in place of the API token, and plays
the org authorization server: POST /oauth2/v1/token gives access tokens for
client_credentials and a client_assertion (private_key_jwt) whose every claim
is checked. With --auth dpop tokens are bound to a key, and each request needs
a DPoP proof of its own with the last nonce. --client-jwk gives the service
app's public key as a JWK or JWK set, with its kid; without it a key pair is
made and its private key written to a file beside --env-file. An API token
works as well if --token gives one. The faults above befall /oauth2 too; a 401
there is that of a service app that the org does not know any more.

GET /_sandbox/tokens lists the access tokens that are good, and DELETE on it
revokes them; DELETE /_sandbox/nonces makes all nonces stale.`

// authFlags choose how clients sign in to the sandbox.
type authFlags struct {
	mode, clientJWK, clientID, grant string
	lifetime                         time.Duration

	set     func(flag string) bool // reports whether a flag was given
	keyFile string                 // of the private key that was made; "" = none was
	keyID   string
}

func (f *authFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.mode, "auth", authSSWS, "how clients sign in: `mode` ssws (API token), oauth (private_key_jwt) or dpop (and proofs)")
	flags.StringVar(&f.clientJWK, "client-jwk", "", "the service app's public key or keys, from a `file` with a JWK or JWK set (default a pair that is made)")
	flags.StringVar(&f.clientID, "client-id", "", "the service app's client `id` (default a made-up one)")
	flags.StringVar(&f.grant, "grant", strings.Join(sandbox.Scopes(), " "), "the `scopes` granted to the service app")
	flags.DurationVar(&f.lifetime, "token-lifetime", time.Hour, "how long access tokens are good for")
	f.set = flags.Changed
}

// options checks the flags and sets what they say. The service app has no key
// then if a pair is to be made.
func (f *authFlags) options(a *app, o *sandbox.Options, envFile string) error {
	if err := oneOf("auth", f.mode, authSSWS, authOAuth, authDPoP); err != nil {
		return err
	}
	if f.mode == authSSWS {
		for _, flag := range []string{"client-jwk", "client-id", "grant", "token-lifetime"} {
			if f.set(flag) {
				return usage("--"+flag+" is about a service app", "add --auth oauth or --auth dpop, or leave it out")
			}
		}
		return nil
	}
	scopes, err := f.scopes()
	if err != nil {
		return err
	}
	switch {
	case f.lifetime < time.Second || f.lifetime > 24*time.Hour:
		return usage(fmt.Sprintf("--token-lifetime %s is not from 1s to 24h", f.lifetime), "give such as 10m")
	case strings.Trim(f.clientID, idLetters+"-_") != "":
		return usage(fmt.Sprintf("--client-id %q is no id", f.clientID), "give one of letters, digits, - and _")
	case f.clientID == "":
		f.clientID = madeUpID(a)
	}
	keys, err := f.keys(envFile)
	if err != nil {
		return err
	}
	o.Auth = &sandbox.ServiceApp{ClientID: f.clientID, Keys: keys, Scopes: scopes, DPoP: f.mode == authDPoP, TokenLifetime: f.lifetime}
	return nil
}

func (f *authFlags) scopes() (scopes []string, err error) {
	cure := "name some of " + strings.Join(sandbox.Scopes(), ", ")
	for scope := range strings.FieldsFuncSeq(f.grant, func(r rune) bool { return r == ' ' || r == ',' }) {
		if !slices.Contains(sandbox.Scopes(), scope) {
			return nil, usage(fmt.Sprintf("--grant: the sandbox has no scope %q", scope), cure)
		}
		scopes = append(scopes, scope)
	}
	if scopes == nil {
		return nil, usage("--grant names no scope", cure)
	}
	return scopes, nil
}

// keys are the public keys of the service app that --client-jwk gives; nil
// without it.
func (f *authFlags) keys(envFile string) ([]jose.JSONWebKey, error) {
	switch {
	case f.clientJWK == "" && envFile == "":
		return nil, usage("there is no place for the service app's private key", "give its public key with --client-jwk, or --env-file: a pair is then made, and written beside that")
	case f.clientJWK == "":
		return nil, nil
	}
	data, err := os.ReadFile(f.clientJWK)
	if err != nil {
		return nil, invalid("--client-jwk cannot be read: "+err.Error(), "give a file with a JWK")
	}
	keys, err := sandbox.ReadClientKeys(data)
	if err != nil {
		return nil, invalid("--client-jwk "+f.clientJWK+": "+err.Error(), "")
	}
	return keys, nil
}

// makeKey makes a key pair for a service app that has none, and writes its
// private key beside the file of settings.
func (f *authFlags) makeKey(o *sandbox.Options, envFile string) error {
	if o.Auth == nil || o.Auth.Keys != nil {
		return nil
	}
	source := o.Keys
	if source == nil {
		source = sandbox.RealKeys{}
	} else {
		source = &sandbox.Pool{} // the org's own begins at its first pair all the same
	}
	pair, err := source.Key()
	if err != nil {
		return err
	}
	file, err := filepath.Abs(envFile + ".client-key.pem")
	if err == nil {
		err = writeKey(file, pair)
	}
	if err != nil {
		return failed(err.Error(), "give --env-file a file in a folder that you may write to")
	}
	f.keyFile, f.keyID = file, "rekey-sandbox-client"
	o.Auth.Keys = []jose.JSONWebKey{{Key: &pair.PublicKey, KeyID: f.keyID, Use: "sig"}}
	return nil
}

// writeKey writes a private key as PKCS#8 PEM, for its owner alone.
func writeKey(file string, pair *rsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return errors.New("the private key cannot be encoded")
	}
	return journal.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// settings are the lines that tell a client how to sign in.
func (f *authFlags) settings(o sandbox.Options) string {
	if o.Auth == nil {
		return fmt.Sprintf("%s=%s\n", okta.SettingToken, o.Token)
	}
	lines := fmt.Sprintf("%s=PrivateKey\n%s=%s\n", okta.SettingAuthorizationMode, okta.SettingClientID, o.Auth.ClientID)
	if f.keyFile != "" {
		lines += fmt.Sprintf("%s=%s\n%s=%s\n", okta.SettingPrivateKey, f.keyFile, okta.SettingPrivateKeyID, f.keyID)
	}
	return lines
}

const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// madeUpID is an id of the form that Okta's apps have.
func madeUpID(a *app) string {
	var random [17]byte
	a.random(random[:])
	for i, b := range random {
		random[i] = idLetters[int(b)%len(idLetters)]
	}
	return "0oa" + string(random[:])
}
