package rehearse

import (
	"crypto/rsa"
	"sync"
	"testing"
)

// Pairs are sound RSA keys of 2048 bits, no two of which are the same, also
// when several steps ask at once; a thousand cost a fraction of what a
// thousand generated ones would.
func TestKeys(t *testing.T) {
	const each, workers = 50, 4
	var k keys
	var mu sync.Mutex
	seen := map[string]*rsa.PrivateKey{}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				key, err := k.Key()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[key.N.String()] = key
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != each*workers {
		t.Errorf("%d pairs, want %d", len(seen), each*workers)
	}
	if len(k.primes) > 22 {
		t.Errorf("%d primes for %d pairs", len(k.primes), each*workers)
	}
	for _, key := range seen {
		if err := key.Validate(); err != nil || key.N.BitLen() != 2048 {
			t.Fatalf("%d bits: %v", key.N.BitLen(), err)
		}
	}
}

func BenchmarkKeys(b *testing.B) {
	var k keys
	for b.Loop() {
		if _, err := k.Key(); err != nil {
			b.Fatal(err)
		}
	}
}
