package rehearse

import (
	"crypto/rsa"
	"errors"
	"math/big"
	"sync"

	"example.com/rekey/internal/sandbox"
)

// keys hands each key and CSR a key pair of its own: a certificate for one CSR
// must not pass for another's. A new pair takes some 50 ms to find, which a
// fleet does not have, and all of that goes into its two primes. So pairs are
// made of any two of a few primes, at first of those that are embedded in the
// sandbox: 46 of them yield a thousand. Such pairs betray each other's primes
// and would protect nothing; they protect nothing here.
//
// It is safe for concurrent use.
type keys struct {
	mu     sync.Mutex
	pool   sandbox.Pool
	taken  int // pairs whose primes were taken
	primes []*big.Int
	a, b   int // the primes of the last pair, a < b
}

const exponent = 65537

// Key makes the next pair.
func (k *keys) Key() (*rsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.a++; k.a >= k.b {
		k.a, k.b = 0, k.b+1
	}
	for len(k.primes) <= k.b {
		if err := k.more(); err != nil {
			return nil, err
		}
	}
	return pair(k.primes[k.a], k.primes[k.b])
}

// more takes the primes of one more pair.
func (k *keys) more() error {
	var source sandbox.KeySource = &k.pool
	if k.taken++; k.taken > sandbox.PoolSize {
		source = sandbox.RealKeys{}
	}
	found, err := source.Key()
	if err != nil {
		return err
	}
	k.primes = append(k.primes, found.Primes...)
	return nil
}

func less(n *big.Int) *big.Int { return new(big.Int).Sub(n, big.NewInt(1)) }

// pair is the RSA key pair of two primes (RFC 8017, section 3).
func pair(p, q *big.Int) (*rsa.PrivateKey, error) {
	key := &rsa.PrivateKey{Primes: []*big.Int{p, q}}
	key.N, key.E = new(big.Int).Mul(p, q), exponent
	key.D = new(big.Int).ModInverse(big.NewInt(exponent), new(big.Int).Mul(less(p), less(q)))
	if key.D == nil {
		return nil, errors.New("two primes of a rehearsal make no RSA key; try again")
	}
	key.Precompute()
	return key, nil
}
