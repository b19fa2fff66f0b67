package rehearse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// ca is the CA of a rehearsal: it checks the real issuer, and signs under its
// names with a key that nobody keeps. Nothing enters the ledger.
type ca struct {
	now     func() time.Time
	ledger  string // path of the live run's; "": none is known
	issuers steps.Issuers
}

// Issuer reads and checks the issuer. Without the passphrase of its key the
// certificate alone is checked.
func (c *ca) Issuer(ctx context.Context, paths steps.CAFiles) (*pki.Issuer, error) {
	missing := runner.Missing(ctx)
	issuer, err := c.issuers.Load(paths)
	if errors.Is(err, pki.ErrPassphraseNeeded) && len(missing) > 0 {
		runner.NotChecked(ctx, "the CA's key: %s is not at hand", strings.Join(missing, ", "))
		issuer, err = steps.LoadCACertificate(paths)
	}
	if err != nil {
		return nil, err
	}
	return issuer, steps.CheckCA(ctx, paths, issuer, c.now())
}

// Issue signs with a throw-away key, if the live run could keep its ledger.
func (c *ca) Issue(ctx context.Context, paths steps.CAFiles, r pki.Request, _, _ string) (pki.Issued, error) {
	if err := c.recordable(); err != nil {
		return pki.Issued{}, err
	}
	issuer, err := steps.LoadCACertificate(paths)
	if err != nil {
		return pki.Issued{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pki.Issued{}, err
	}
	return issuer.WithKey(key).Issue(r)
}

// recordable reports why the ledger would not take an entry.
func (c *ca) recordable() error {
	if c.ledger == "" {
		return nil
	}
	if _, err := os.Stat(c.ledger); errors.Is(err, fs.ErrNotExist) {
		if err := steps.Creatable(c.ledger); err != nil {
			return fmt.Errorf("the CA's ledger %s cannot be made; use another state folder: %w", c.ledger, err)
		}
		return nil
	}
	ledger, err := pki.OpenLedger(c.ledger)
	if err != nil {
		return err
	}
	return ledger.Check()
}

// Issued knows of nothing: no answer is lost in a rehearsal.
func (c *ca) Issued(string, string) (string, bool, error) { return "", false, nil }

// files is the file system of a rehearsal: what is there can be read, what is
// created is kept in memory, and what is removed is so here alone.
type files struct {
	mu   sync.Mutex
	made map[string][]byte // what was created; nil: removed
	log  []touch           // in the order in which it was
	sum  [32]byte          // of all that was created or removed, whatever the order
}

// Read returns what was created here, or else what the disk has.
func (f *files) Read(path string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read(path)
}

func (f *files) read(path string) ([]byte, error) {
	if data, ok := f.made[filepath.Clean(path)]; ok {
		if data == nil {
			return nil, fs.ErrNotExist
		}
		return data, nil
	}
	return os.ReadFile(path)
}

// held is a file as it is now, and whether there is one.
func (f *files) held(path string) ([]byte, bool) {
	data, err := f.read(path)
	return data, err == nil
}

// put has a file hold data, or be gone when that is nil.
func (f *files) put(path string, data []byte) {
	before, there := f.held(path)
	if there && before == nil {
		before = []byte{}
	}
	f.log = append(f.log, touch{path, before})
	f.weigh(path, before)
	f.weigh(path, data)
	if f.made == nil {
		f.made = map[string][]byte{}
	}
	f.made[filepath.Clean(path)] = data
}

// weigh adds a file to the sum of all, or takes it out again.
func (f *files) weigh(path string, data []byte) {
	if data == nil {
		return
	}
	sum := sha256.Sum256(append([]byte(filepath.Clean(path)+"\x00"), data...))
	for i := range sum {
		f.sum[i] ^= sum[i]
	}
}

// Create keeps a file in memory, if it could be made on disk.
func (f *files) Create(path string, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.read(path); err == nil {
		return fs.ErrExist
	}
	if err := steps.Creatable(path); err != nil {
		return err
	}
	f.put(path, append([]byte{}, data...))
	return nil
}

// Remove forgets a file.
func (f *files) Remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.read(path); err != nil {
		return err
	}
	f.put(path, nil)
	return nil
}
