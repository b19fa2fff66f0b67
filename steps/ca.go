package steps

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"time"

	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

// LocalCA is the CA of a live run: it signs with the real key and keeps a
// ledger. It is safe for concurrent use if Now is, also by several processes
// that share the ledger.
type LocalCA struct {
	Ledger  string // path of ledger.jsonl
	Now     func() time.Time
	Issuers *Issuers // nil: every step opens the CA's key anew
}

// Issuers remembers issuers that were read, so that the steps of a loop need
// not each open an encrypted key, which takes up to a second by design. The
// files are read each time all the same, and other content is another issuer.
// The zero value is empty; an Issuers must not be copied. It is safe for
// concurrent use.
type Issuers struct {
	mu   sync.Mutex // held while a key is opened: others will want the same one
	read map[[sha256.Size]byte]*pki.Issuer
}

// settingError is about a file or a passphrase that the caller mends.
type settingError struct{ error }

func (e settingError) Unwrap() error        { return e.error }
func (e settingError) InvalidSetting() bool { return true }

// Load reads an issuer's files, unless they were read before; a nil i remembers
// none. Its errors are settings for the caller to mend.
func (i *Issuers) Load(ca CAFiles) (*pki.Issuer, error) {
	cert, err := readSetting("certificate", ca.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := readSetting("key", ca.Key)
	if err != nil {
		return nil, err
	}
	issuer, err := i.open(cert, key, []byte(ca.Passphrase))
	if err != nil {
		return nil, settingError{fmt.Errorf("the CA in %s and %s: %w", ca.Certificate, ca.Key, err)}
	}
	return issuer, nil
}

// open loads an issuer, or finds it by the digests of what it is made of.
func (i *Issuers) open(cert, key, passphrase []byte) (*pki.Issuer, error) {
	if i == nil {
		return pki.LoadIssuer(cert, key, passphrase)
	}
	var parts []byte
	for _, part := range [][]byte{cert, key, passphrase} {
		sum := sha256.Sum256(part)
		parts = append(parts, sum[:]...)
	}
	name := sha256.Sum256(parts)
	i.mu.Lock()
	defer i.mu.Unlock()
	if issuer, ok := i.read[name]; ok {
		return issuer, nil
	}
	issuer, err := pki.LoadIssuer(cert, key, passphrase)
	if err != nil {
		return nil, err
	}
	if i.read == nil {
		i.read = map[[sha256.Size]byte]*pki.Issuer{}
	}
	i.read[name] = issuer
	return issuer, nil
}

// LoadCACertificate reads an issuer's certificate alone.
func LoadCACertificate(ca CAFiles) (*pki.Issuer, error) {
	cert, err := readSetting("certificate", ca.Certificate)
	if err != nil {
		return nil, err
	}
	issuer, err := pki.LoadCertificate(cert)
	if err != nil {
		return nil, settingError{fmt.Errorf("the CA in %s: %w", ca.Certificate, err)}
	}
	return issuer, nil
}

func readSetting(what, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, settingError{fmt.Errorf("the CA's %s cannot be read, give the path of a PEM file that you may read: %w", what, err)}
	}
	return data, nil
}

// Issuer reads the issuer and checks that it may sign now.
func (c LocalCA) Issuer(ctx context.Context, ca CAFiles) (*pki.Issuer, error) {
	issuer, err := c.Issuers.Load(ca)
	if err != nil {
		return nil, err
	}
	return issuer, CheckCA(ctx, ca, issuer, c.Now())
}

// CheckCA checks that an issuer may sign now, and warns of a key that others
// on this machine can read.
func CheckCA(ctx context.Context, ca CAFiles, issuer *pki.Issuer, now time.Time) error {
	if info, err := os.Stat(ca.Key); err == nil && info.Mode().Perm()&0o077 != 0 {
		runner.Warn(ctx, "others on this machine can read the CA's key %s: take that away with chmod 600", ca.Key)
	}
	if err := issuer.Check(now); err != nil {
		return settingError{err}
	}
	return nil
}

// Issue signs and writes the certificate into the ledger before it returns it.
// An error before the ledger is touched says that nothing was issued.
func (c LocalCA) Issue(_ context.Context, ca CAFiles, r pki.Request, run, step string) (pki.Issued, error) {
	issuer, err := c.Issuers.Load(ca)
	if err != nil {
		return pki.Issued{}, unwritten{err}
	}
	ledger, err := pki.OpenLedger(c.Ledger)
	if err != nil {
		return pki.Issued{}, unwritten{err}
	}
	cert, err := issuer.Issue(r)
	if err != nil {
		return pki.Issued{}, unwritten{err}
	}
	err = ledger.Append(pki.Entry{
		Run: run, Step: step, Serial: cert.Serial, SHA256: cert.SHA256,
		Certificate: pki.CertificatePEM(cert.DER), Time: r.Now,
	})
	if err != nil {
		return pki.Issued{}, err
	}
	return cert, nil
}

// Issued looks the ledger up.
func (c LocalCA) Issued(run, step string) (string, bool, error) {
	ledger, err := pki.OpenLedger(c.Ledger)
	if err != nil {
		return "", false, err
	}
	entry, ok, err := ledger.Find(run, step)
	return entry.Certificate, ok, err
}
