package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"fmt"
	"sync"
)

// KeySource makes the RSA key pairs of generated keys and CSRs. Key is called
// once for each, possibly by several requests at once; it returns a pair that
// the sandbox only reads.
type KeySource interface {
	Key() (*rsa.PrivateKey, error)
}

// RealKeys makes a new 2048-bit key pair at each call, which takes some
// 50 ms of processor time.
type RealKeys struct{}

// Key makes a key pair.
func (RealKeys) Key() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, keyBits) }

const keyBits = 2048

// PoolSize is how many key pairs a [Pool] has: keys/pool-01.pem …
const PoolSize = 6

// Pool hands out a few embedded key pairs in turn, for speed. Keys and CSRs
// that follow each other always differ; the one after the last pair of the
// pool has the same pair as the first. Two live keys may then share n and e,
// under different kids and certificates, and a certificate for one CSR would
// also be accepted for another with the same pair: use [RealKeys] where that
// matters. The pairs are public, like all of this repository.
//
// The zero value is ready for use, and safe for concurrent use; a Pool must not
// be copied.
type Pool struct {
	mu    sync.Mutex
	next  int
	pairs [PoolSize]*rsa.PrivateKey
}

// Key is the pool's next key pair.
func (p *Pool) Key() (*rsa.PrivateKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.next % len(p.pairs)
	if p.pairs[i] == nil {
		pair, err := embeddedPair("pool", i+1)
		if err != nil {
			return nil, err
		}
		p.pairs[i] = pair
	}
	p.next++
	return p.pairs[i], nil
}

//go:embed keys/*.pem
var keyFiles embed.FS

// orgPairs is how many key pairs the default org draws on: keys/org-01.pem …
const orgPairs = 6

// embeddedPair parses one of the embedded key pairs, counted from 1.
func embeddedPair(set string, n int) (*rsa.PrivateKey, error) {
	name := fmt.Sprintf("keys/%s-%02d.pem", set, n)
	text, err := keyFiles.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the embedded key pair is missing: %w", err)
	}
	pair, err := parsePair(string(text))
	if err != nil {
		return nil, fmt.Errorf("the embedded key pair %s: %w", name, err)
	}
	return pair, nil
}

// parsePair reads an RSA key pair from PKCS#8 PEM.
func parsePair(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("this is no PEM block of the type PRIVATE KEY")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("this is no PKCS#8 key: %w", err)
	}
	pair, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("this is no RSA key")
	}
	return pair, nil
}

// pairPEM writes an RSA key pair as PKCS#8 PEM.
func pairPEM(pair *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}
