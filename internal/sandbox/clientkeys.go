package sandbox

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"

	"github.com/go-jose/go-jose/v4"

	"example.com/rekey/internal/okta"
)

// minRSA is how many bits an RSA key must have (RFC 7518, section 3.3).
const minRSA = 2048

// privateMembers are those of a JWK that only its owner may know (RFC 7518,
// sections 6.2.2, 6.3.2 and 6.4.1).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// ReadClientKeys reads the keys of a [ServiceApp] from a JWK or a JWK set (RFC
// 7517), RSA or EC. Each needs a kid. Of a private one the public part is
// used; nothing of the private part is kept, or in an error.
func ReadClientKeys(data []byte) ([]jose.JSONWebKey, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN")) {
		return nil, errors.New("this is PEM; give the public key as a JWK, as the service app's settings show it")
	}
	doc, err := okta.DecodeObject(data)
	if err != nil {
		return nil, errors.New("this is no JSON object; give a JWK or a JWK set")
	}
	docs, isSet := doc["keys"].([]any)
	if !isSet {
		docs = []any{map[string]any(doc)}
	}
	var keys []jose.JSONWebKey
	known := map[string]bool{}
	for i, v := range docs {
		key, err := readClientKey(v)
		if err == nil && known[key.KeyID] {
			err = fmt.Errorf("the kid %q is there twice; give each key a kid of its own", clip(key.KeyID))
		}
		if err != nil && isSet {
			err = fmt.Errorf("key %d of the set: %w", i+1, err)
		}
		if err != nil {
			return nil, err
		}
		known[key.KeyID] = true
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the set has no keys; give one at least")
	}
	return keys, nil
}

func readClientKey(v any) (jose.JSONWebKey, error) {
	doc, err := member(v)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	for _, private := range privateMembers {
		delete(doc, private)
	}
	key, err := publicKey(doc)
	switch {
	case err != nil:
		return key, err
	case key.KeyID == "":
		return key, errors.New(`the key has no kid; add "kid", the one that assertions will name in their header`)
	case key.Use != "" && key.Use != "sig":
		return key, fmt.Errorf(`the key's use is %q; give one for signatures, with "use":"sig" or without it`, clip(key.Use))
	}
	return key, nil
}

// member is a copy of a JSON object in a document.
func member(v any) (okta.Object, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the key is no JSON object; give a JWK")
	}
	return maps.Clone(object), nil
}

// publicKey reads a public JWK that may sign.
func publicKey(doc okta.Object) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	switch kty := doc.Text("/kty"); kty {
	case "RSA", "EC":
	default:
		return key, fmt.Errorf("the key's kty is %q; give an RSA or EC key", clip(kty))
	}
	if err := key.UnmarshalJSON(doc.Encode()); err != nil || !key.Valid() {
		return key, errors.New("the key's members do not make a public key; export it anew")
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSA {
		return key, fmt.Errorf("the key has %d bits; give one of %d at least", public.N.BitLen(), minRSA)
	}
	if algorithms(key) == nil {
		return key, fmt.Errorf("the key's alg %q does not fit it, or is none of %s", clip(key.Algorithm), spaced(allAlgorithms))
	}
	return key, nil
}
