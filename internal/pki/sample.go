package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// SamplePassphrase opens the key of every [SampleCA]. It is public, so the
// sample must never certify anything outside a sandbox.
const SamplePassphrase = "sample-not-for-production"

const (
	sampleCertificate = "ca.pem"
	sampleKey         = "ca-key.pem"
	sampleYears       = 10

	// sampleIterations is small on purpose: stretching a passphrase that
	// everybody knows protects nothing and would slow each sandbox command.
	sampleIterations = 10_000
)

// Sample tells where a [SampleCA] lies.
type Sample struct {
	CertificatePath string // ca.pem
	KeyPath         string // ca-key.pem, encrypted
	Passphrase      string // [SamplePassphrase]
}

// SampleCA finds the sample CA in the folder dir, or makes it there: a
// self-signed CA, RSA 2048, valid for ten years from a day before now, with
// its key in PKCS#8 encrypted with [SamplePassphrase]. Both files are for the
// owner alone. They are written whole, the certificate last, so that a call
// that was cut off is simply repeated by the next; a CA once made is never
// replaced. Calls from several processes wait for each other.
func SampleCA(dir string, now time.Time) (Sample, error) {
	sample := Sample{
		CertificatePath: filepath.Join(dir, sampleCertificate),
		KeyPath:         filepath.Join(dir, sampleKey),
		Passphrase:      SamplePassphrase,
	}
	if err := makeFolder(dir); err != nil {
		return Sample{}, sampleFailed(err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return Sample{}, sampleFailed(err)
	}
	defer folder.Close() // ends the lock
	if err := lock(folder, syscall.LOCK_EX); err != nil {
		return Sample{}, sampleFailed(err)
	}
	switch _, err := os.Stat(sample.CertificatePath); {
	case errors.Is(err, fs.ErrNotExist):
		err = makeSample(sample, now)
		if err != nil {
			return Sample{}, sampleFailed(err)
		}
	case err != nil:
		return Sample{}, sampleFailed(err)
	}
	if err := sample.check(now); err != nil {
		return Sample{}, fmt.Errorf("the sample CA in %s cannot be used; delete that folder, and the next sandbox command makes another: %w", dir, err)
	}
	return sample, nil
}

func sampleFailed(err error) error {
	return fmt.Errorf("the sample CA cannot be made; check the folder's permissions and free space: %w", err)
}

func (s Sample) check(now time.Time) error {
	certificate, err := os.ReadFile(s.CertificatePath)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(s.KeyPath)
	if err != nil {
		return err
	}
	issuer, err := LoadIssuer(certificate, key, []byte(s.Passphrase))
	if err != nil {
		return err
	}
	return issuer.Check(now)
}

// makeSample writes the key before the certificate: whoever sees the
// certificate may count on the key.
func makeSample(s Sample, now time.Time) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	certificate, err := sampleRoot(key, now)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	keyPEM, err := encryptPKCS8(der, []byte(s.Passphrase), sampleIterations, rand.Reader)
	if err != nil {
		return err
	}
	if err := writeFile(s.KeyPath, keyPEM); err != nil {
		return err
	}
	return writeFile(s.CertificatePath, CertificatePEM(certificate))
}

func sampleRoot(key *rsa.PrivateKey, now time.Time) ([]byte, error) {
	subject, err := subjectDER(pkix.Name{
		Organization: []string{"rekey"}, OrganizationalUnit: []string{"Sandbox"}, CommonName: "Sample CA (not for production)",
	})
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	id, err := keyID(spki)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial(rand.Reader)
	if err != nil {
		return nil, err
	}
	now = wholeSeconds(now)
	template := &x509.Certificate{
		RawSubject: subject, SerialNumber: serial,
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(sampleYears, 0, 0),
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		KeyUsage:     x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId: id, AuthorityKeyId: id,
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	return x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
}

// writeFile replaces path whole or not at all, for the owner alone.
func writeFile(path, content string) error {
	dir := filepath.Dir(path)
	temporary, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // fails once it is renamed, as it should
	_, err = temporary.WriteString(content)
	if err == nil {
		err = temporary.Sync()
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	return err
}
