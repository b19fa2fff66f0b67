package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rogpeppe/go-internal/testscript"
)

// appKey is the value of a script that holds what the sandbox's service app
// has got so far.
type appKey struct{}

// scriptedApp is a client of the sandbox that is made of go-jose alone, for
// scripts about the sandbox itself.
type scriptedApp struct {
	prover      *ecdsa.PrivateKey
	kind, token string
	nonce       string
	jtis        atomic.Int64
}

func appOf(ts *testscript.TestScript) *scriptedApp {
	a := ts.Value(appKey{}).(*scriptedApp)
	if a.prover == nil {
		var err error
		a.prover, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
	}
	return a
}

// asktoken STATUS [-proof] SCOPE…: asks the sandbox for an access token by its
// settings, with a DPoP proof or without one. The answer's body is its output.
func cmdAskToken(ts *testscript.TestScript, _ bool, args []string) {
	status, args := args[0], args[1:]
	proof := len(args) > 0 && args[0] == "-proof"
	if proof {
		args = args[1:]
	}
	a, at := appOf(ts), ts.Getenv("OKTA_CLIENT_ORGURL")+"/oauth2/v1/token"
	client, now := ts.Getenv("OKTA_CLIENT_CLIENTID"), scriptNow(ts)
	assertion := signed(ts, clientKey(ts), jose.RS256, map[string]any{"kid": ts.Getenv("OKTA_CLIENT_PRIVATEKEYID")},
		map[string]any{"iss": client, "sub": client, "aud": at, "iat": now, "exp": now + 300, "jti": a.jti()})
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {strings.Join(args, " ")}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	request, err := http.NewRequest(http.MethodPost, at, strings.NewReader(form.Encode()))
	ts.Check(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if proof {
		request.Header.Set("DPoP", a.proof(ts, request, ""))
	}
	var granted struct {
		Type  string `json:"token_type"`
		Token string `json:"access_token"`
	}
	ts.Check(json.Unmarshal(a.send(ts, status, request), &granted))
	if granted.Token != "" {
		a.kind, a.token = granted.Type, granted.Token
	}
}

// callapi STATUS METHOD PATH [SCHEME]: calls the sandbox with the access token
// that asktoken got, and a proof if it is bound. The answer's body is its
// output, after its challenge.
func cmdCallAPI(ts *testscript.TestScript, _ bool, args []string) {
	a := appOf(ts)
	request, err := http.NewRequest(args[1], ts.Getenv("OKTA_CLIENT_ORGURL")+args[2], nil)
	ts.Check(err)
	kind := a.kind
	if len(args) > 3 {
		kind = args[3]
	}
	request.Header.Set("Authorization", kind+" "+a.token)
	if kind == "DPoP" {
		request.Header.Set("DPoP", a.proof(ts, request, a.token))
	}
	a.send(ts, args[0], request)
}

// send sends a request, whose answer must have that status.
func (a *scriptedApp) send(ts *testscript.TestScript, status string, request *http.Request) []byte {
	answer, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if nonce := answer.Header.Get("DPoP-Nonce"); nonce != "" {
		a.nonce = nonce
	}
	fmt.Fprintf(ts.Stdout(), "%s\n%s", answer.Header.Get("WWW-Authenticate"), body)
	if want, err := strconv.Atoi(status); err != nil || answer.StatusCode != want {
		ts.Fatalf("status %d, want %s: %s", answer.StatusCode, status, body)
	}
	return body
}

func (a *scriptedApp) jti() string { return strconv.FormatInt(a.jtis.Add(1), 10) }

func (a *scriptedApp) proof(ts *testscript.TestScript, request *http.Request, token string) string {
	claims := map[string]any{"htm": request.Method, "htu": request.URL.String(), "iat": scriptNow(ts), "jti": a.jti()}
	if a.nonce != "" {
		claims["nonce"] = a.nonce
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	head := map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: &a.prover.PublicKey}}
	return signed(ts, a.prover, jose.ES256, head, claims)
}

func signed(ts *testscript.TestScript, key any, alg jose.SignatureAlgorithm, head, claims map[string]any) string {
	options := &jose.SignerOptions{}
	for name, v := range head {
		options.WithHeader(jose.HeaderKey(name), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	ts.Check(err)
	payload, err := json.Marshal(claims)
	ts.Check(err)
	jws, err := signer.Sign(payload)
	ts.Check(err)
	text, err := jws.CompactSerialize()
	ts.Check(err)
	return text
}

// clientKey is the private key that the settings name.
func clientKey(ts *testscript.TestScript) *rsa.PrivateKey {
	file := ts.Getenv("OKTA_CLIENT_PRIVATEKEY")
	info, err := os.Stat(file)
	ts.Check(err)
	if info.Mode().Perm() != 0o600 {
		ts.Fatalf("%s has the mode %s", file, info.Mode())
	}
	block, rest := pem.Decode([]byte(ts.ReadFile(file)))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		ts.Fatalf("%s is no PEM", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	ts.Check(err)
	return key.(*rsa.PrivateKey)
}

// jwkfile FILE KID [private]: writes the service app's key as a JWK.
func cmdJWKFile(ts *testscript.TestScript, _ bool, args []string) {
	key := jose.JSONWebKey{Key: clientKey(ts), KeyID: args[1], Use: "sig"}
	if len(args) < 3 {
		key = key.Public()
	}
	data, err := json.Marshal(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// scriptNow is the script's clock, in seconds.
func scriptNow(ts *testscript.TestScript) int64 {
	at, err := time.Parse(time.RFC3339, ts.Getenv("REKEY_TEST_NOW"))
	ts.Check(err)
	return at.Unix()
}
