package steps

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"time"

	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "sign_with_local_ca",
	Doc: "Issues a certificate for a CSR with a CA whose certificate and key are PEM files on this machine. " +
		"The CSR is checked strictly, and every certificate is recorded in the CA's ledger before it is used.",
	Change: "issue a certificate for {days} days ({profile}), signed by {issuer}",
	Undo:   runner.UndoStays,
	Local:  true,
}, func(env *Env) any { return &SignWithLocalCA{env: env} })

// CAInput names the files of a CA.
type CAInput struct {
	Certificate string `in:"certificate" doc:"PEM file with the issuer's certificate, its chain after it"`
	Key         string `in:"key" doc:"PEM file with the issuer's private key"`
	Passphrase  string `in:"passphrase" is:"optional secret" doc:"what the key is encrypted with"`
}

// SignWithLocalCA is the step type sign_with_local_ca.
type SignWithLocalCA struct {
	env          *Env
	CSR          string   `in:"csr" doc:"the request, PEM"`
	CA           CAInput  `in:"ca" doc:"the issuer"`
	Days         int      `in:"days" range:"91-36525" doc:"how many days the certificate is valid, 91 at least"`
	Profile      string   `in:"profile" default:"saml-signing" enum:"saml-signing,idp-sign-and-decrypt" doc:"what the key is for; the key of an IdP decrypts as well"`
	DNSNames     []string `in:"dns_names" is:"optional" doc:"DNS names that the request may ask for, and must"`
	Issuer       string   `saw:"issuer" doc:"the issuer's name"`
	IssuerSHA256 string   `saw:"issuer_sha256" doc:"SHA-256 of the issuer's certificate, hex"`

	Certificate string    `out:"certificate" is:"assigned" doc:"the certificate, PEM"`
	Chain       string    `saw:"chain" out:"chain" doc:"the issuer's certificate and what follows it in its file, PEM"`
	Serial      string    `out:"serial" is:"assigned" doc:"its serial number, hex"`
	NotBefore   time.Time `out:"not_before" doc:"when it begins"`
	ExpiresAt   time.Time `out:"expires_at" doc:"when it ends"`
	SHA256      string    `out:"sha256" is:"assigned" doc:"SHA-256 of the certificate, hex"`
}

func (s *SignWithLocalCA) files() CAFiles {
	return CAFiles{Certificate: s.CA.Certificate, Key: s.CA.Key, Passphrase: s.CA.Passphrase}
}

// Claims is empty: certificates do not collide.
func (s *SignWithLocalCA) Claims() []string { return nil }

// Observe reads the issuer and checks the request.
func (s *SignWithLocalCA) Observe(ctx context.Context) error {
	issuer, err := s.env.CA.Issuer(ctx, s.files())
	if err != nil {
		return err
	}
	s.Issuer, s.IssuerSHA256 = issuer.Certificate.Subject.String(), pki.Fingerprint(issuer.Certificate.Raw)
	s.Chain = issuer.ChainPEM()
	runner.Certify(ctx, runner.PlannedCertificate{Owner: "ca/" + s.Issuer, Role: runner.RoleIssuer}, issuer.Certificate.Raw)
	der, err := s.request()
	if err != nil {
		return err
	}
	_, err = pki.ParseCSR(der)
	return err
}

func (s *SignWithLocalCA) request() ([]byte, error) {
	der, err := pki.DecodePEM(s.CSR, "CERTIFICATE REQUEST")
	if err != nil {
		return nil, fmt.Errorf("csr: %w", err)
	}
	return der, nil
}

// Do issues the certificate.
func (s *SignWithLocalCA) Do(ctx context.Context) error {
	der, err := s.request()
	if err != nil {
		return err
	}
	if err := runner.Report(ctx, runner.Call{Method: "ISSUE", Path: s.Issuer, Write: true}); err != nil {
		return err
	}
	run, step := runner.Here(ctx)
	cert, err := s.env.CA.Issue(ctx, s.files(), pki.Request{
		CSR: der, Days: s.Days, Profile: pki.Profile(s.Profile), DNSNames: s.DNSNames, Now: s.env.Now(),
	}, run, step)
	if err != nil {
		return err
	}
	runner.Certify(ctx, runner.PlannedCertificate{Owner: "ca/" + s.Issuer, Role: runner.RoleIssued}, cert.DER)
	return s.take(cert.DER)
}

func (s *SignWithLocalCA) take(der []byte) error {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	s.Certificate, s.SHA256 = pki.CertificatePEM(der), pki.Fingerprint(der)
	s.Serial = hex.EncodeToString(cert.SerialNumber.Bytes())
	s.NotBefore, s.ExpiresAt = cert.NotBefore.UTC(), cert.NotAfter.UTC()
	return nil
}

// Undo leaves the certificate in the ledger: what was signed stays signed.
func (s *SignWithLocalCA) Undo(context.Context) ([]runner.Residue, error) {
	return []runner.Residue{{Owner: "ca/" + s.Issuer, Kind: "certificate", ID: s.Serial, Effect: runner.Added,
		Note: "what was issued stays valid; its key is Okta's, or gone with the CSR"}}, nil
}

// Suspected is the certificate that may have been issued.
func (s *SignWithLocalCA) Suspected(string) []runner.Residue {
	return []runner.Residue{{Owner: "ca/" + s.Issuer, Kind: "certificate", Effect: runner.Added,
		Note: "look into the CA's ledger, ca/ledger.jsonl in the state folder, for this run and step"}}
}

// Recover looks into the ledger.
func (s *SignWithLocalCA) Recover(ctx context.Context) (runner.Verdict, error) {
	run, step := runner.Here(ctx)
	text, ok, err := s.env.CA.Issued(run, step)
	if err != nil || !ok {
		return runner.Verdict{Outcome: runner.Not}, err
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return runner.Verdict{}, fmt.Errorf("the ledger's certificate for this step is no PEM")
	}
	return runner.Verdict{Outcome: runner.Happened}, s.take(block.Bytes)
}
