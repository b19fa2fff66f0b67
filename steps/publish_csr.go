package steps

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "publish_csr",
	Doc: "Publishes the certificate that was issued for a CSR: the CSR's key pair joins the owner's keys, and the CSR " +
		"is used up. The key is not used for signing until update_app_kid or update_idp_kid switches to it.",
	Change: "add the CSR's key to the keys of {owner}: {kid}",
	Undo:   runner.UndoStays,
}, func(env *Env) any { return &PublishCSR{env: env} })

// PublishCSR is the step type publish_csr (Okta: Publish a CSR).
type PublishCSR struct {
	env         *Env
	Owner       `oneof:"app,idp"`
	CSRID       string `in:"csr_id" doc:"id of the CSR"`
	Certificate string `in:"certificate" doc:"certificate issued for it, PEM"`
	Encoding    string `in:"encoding" default:"der" enum:"der,pem,cer,base64,cer_base64" doc:"how the certificate is sent; base64 is that of the DER"`
	Present     bool   `saw:"present" doc:"the certificate is among the owner's keys already"`
	KeyOut
}

// minValidity is the least validity of a certificate that Okta takes (Okta:
// Publish a CSR).
const minValidity = 90 * 24 * time.Hour

// Observe checks that the certificate fits the CSR and that Okta will take it.
func (s *PublishCSR) Observe(ctx context.Context) error {
	cert, err := s.certificate()
	if err != nil {
		return err
	}
	if d := cert.NotAfter.Sub(cert.NotBefore); d < minValidity {
		return fmt.Errorf("the certificate is valid for %d days, Okta takes 90 at least: issue it for more days", int(d.Hours()/24))
	}
	if _, err := s.env.signing(ctx, s.owner()); err != nil {
		return err
	}
	csr, err := s.env.Okta.CSR(ctx, s.owner(), s.CSRID)
	if err == nil {
		return s.matches(csr, cert)
	}
	if !okta.NotFound(err) {
		return err
	}
	key, err := s.published(ctx, cert)
	if err == nil && key == nil {
		err = fmt.Errorf("%s has no CSR %s: it was revoked, or published with another certificate; make a new one with create_csr", s.owner(), s.CSRID)
	}
	s.Present = key != nil
	return err
}

func (s *PublishCSR) certificate() (*x509.Certificate, error) {
	der, err := pki.DecodePEM(s.Certificate, "CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate: it cannot be read, give the PEM that your CA issued: %w", err)
	}
	return cert, nil
}

// matches checks that the certificate certifies the CSR's key.
func (s *PublishCSR) matches(csr okta.CSR, cert *x509.Certificate) error {
	der, err := csr.DER()
	if err != nil {
		return err
	}
	req, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return fmt.Errorf("CSR %s cannot be read: %w", s.CSRID, err)
	}
	if !bytes.Equal(req.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo) {
		return fmt.Errorf("the certificate (%s) is of another key than CSR %s: publish the one that was issued for this CSR", cert.Subject, s.CSRID)
	}
	return nil
}

// published finds the owner's key that has the certificate; nil if none has.
func (s *PublishCSR) published(ctx context.Context, cert *x509.Certificate) (*okta.Key, error) {
	keys, _, err := s.env.Okta.Keys(ctx, s.owner())
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if der, err := keys[i].Certificate(); err == nil && bytes.Equal(der, cert.Raw) {
			return &keys[i], nil
		}
	}
	return nil, nil
}

// Do publishes the certificate.
func (s *PublishCSR) Do(ctx context.Context) error {
	cert, err := s.certificate()
	if err != nil {
		return err
	}
	if s.Present {
		return s.find(ctx, cert)
	}
	key, err := s.env.Okta.PublishCSR(ctx, s.owner(), s.CSRID, s.body(cert.Raw))
	if err == nil {
		s.take(key)
		runner.Certify(ctx, runner.PlannedCertificate{Owner: s.owner().String(), Role: runner.RoleNewKey, Kid: s.Kid}, cert.Raw)
	}
	return err
}

func (s *PublishCSR) find(ctx context.Context, cert *x509.Certificate) error {
	key, err := s.published(ctx, cert)
	switch {
	case err != nil:
		return err
	case key == nil:
		return fmt.Errorf("the certificate is no longer among the keys of %s: run again", s.owner())
	}
	s.take(*key)
	return nil
}

// body is the certificate in the encoding asked for. Base64 goes in the
// standard alphabet, padded, on one line; CER are the same bytes as DER.
func (s *PublishCSR) body(der []byte) okta.CertificateBody {
	text := []byte(base64.StdEncoding.EncodeToString(der))
	switch s.Encoding {
	case "pem":
		return okta.CertificateBody{ContentType: okta.TypePEM, Body: []byte(pki.CertificatePEM(der))}
	case "cer":
		return okta.CertificateBody{ContentType: okta.TypeCER, Body: der}
	case "base64":
		return okta.CertificateBody{ContentType: okta.TypeDER, TransferEncoding: okta.Base64, Body: text}
	case "cer_base64":
		return okta.CertificateBody{ContentType: okta.TypeCER, TransferEncoding: okta.Base64, Body: text}
	}
	return okta.CertificateBody{ContentType: okta.TypeDER, Body: der}
}

// Undo leaves the key where it is; the CSR does not come back.
func (s *PublishCSR) Undo(context.Context) ([]runner.Residue, error) {
	if s.Present {
		return nil, nil
	}
	return []runner.Residue{
		keyStays(s.owner(), s.Kid),
		{Owner: s.owner().String(), Kind: "csr", ID: s.CSRID, Effect: runner.Consumed, Note: "publishing uses a CSR up"},
	}, nil
}

// Suspected is what publishing leaves if it happened.
func (s *PublishCSR) Suspected(string) []runner.Residue {
	key := keyStays(s.owner(), "")
	key.Note = fmt.Sprintf("look whether %s has a key with the certificate; inactive, it is harmless", s.owner())
	if cert, err := s.certificate(); err == nil {
		key.Note = fmt.Sprintf("look whether %s has a key whose certificate has the SHA-256 %s; inactive, it is harmless", s.owner(), pki.Fingerprint(cert.Raw))
	}
	return []runner.Residue{key,
		{Owner: s.owner().String(), Kind: "csr", ID: s.CSRID, Effect: runner.Consumed, Note: "look whether it is still among the CSRs"}}
}

// Recover looks for a key with the certificate. The CSRs are read first: one
// that was listed and whose key is not there has not been published yet.
func (s *PublishCSR) Recover(ctx context.Context) (runner.Verdict, error) {
	cert, err := s.certificate()
	if err != nil {
		return runner.Verdict{}, err
	}
	csrs, _, err := s.env.Okta.CSRs(ctx, s.owner())
	if err != nil {
		return runner.Verdict{}, err
	}
	key, err := s.published(ctx, cert)
	if err != nil {
		return runner.Verdict{}, err
	}
	if key == nil {
		v := runner.Verdict{Outcome: runner.Not}
		if !slices.Contains(idsOf(csrs), s.CSRID) {
			v.Reason = fmt.Sprintf("no key of %s has the certificate, and CSR %s is gone: somebody else revoked it, or published it with another certificate", s.owner(), s.CSRID)
		}
		return v, nil
	}
	s.take(*key)
	return runner.Verdict{Outcome: runner.Happened}, nil
}
