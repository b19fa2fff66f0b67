package steps

import (
	"context"
	"fmt"
	"os"
	"time"

	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

// LocalCA is the CA of a live run: it signs with the real key and keeps a
// ledger.
type LocalCA struct {
	Ledger string // path of ledger.jsonl
	Now    func() time.Time
}

// settingError is about a file or a passphrase that the caller mends.
type settingError struct{ error }

func (e settingError) Unwrap() error        { return e.error }
func (e settingError) InvalidSetting() bool { return true }

// LoadCA reads an issuer's files. Its errors are settings for the caller to
// mend.
func LoadCA(ca CAFiles) (*pki.Issuer, error) {
	cert, err := readSetting("certificate", ca.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := readSetting("key", ca.Key)
	if err != nil {
		return nil, err
	}
	issuer, err := pki.LoadIssuer(cert, key, []byte(ca.Passphrase))
	if err != nil {
		return nil, settingError{fmt.Errorf("the CA in %s and %s: %w", ca.Certificate, ca.Key, err)}
	}
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
	issuer, err := LoadCA(ca)
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
	issuer, err := LoadCA(ca)
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
