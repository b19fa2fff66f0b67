package steps

import (
	"bytes"
	"context"
	"fmt"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "get_saml_metadata",
	Doc: "Reads the SAML metadata of an app for one of its keys, or of an IdP for its active key. " +
		"An app's service provider needs that of the key to come before the key is switched. It fails unless the certificate in it is the key's.",
}, func(env *Env) any { return &GetSAMLMetadata{env: env} })

// GetSAMLMetadata is the step type get_saml_metadata (Okta: Preview the
// application SAML metadata; of an IdP, its link metadata).
type GetSAMLMetadata struct {
	env   *Env
	Owner `oneof:"app,idp"`
	Asked string `in:"kid" is:"optional" doc:"id of the key; without it the key that signs"`

	XML         string `out:"xml" is:"assigned" doc:"the metadata, XML"`
	EntityID    string `out:"entity_id" is:"assigned" doc:"the entity that it describes"`
	Kid         string `out:"kid" is:"assigned" doc:"id of the key whose certificate is in it"`
	Certificate string `out:"certificate" is:"assigned" doc:"that certificate, PEM"`
	CertificateFacts
}

// Read reads the metadata and compares its certificate with the key's.
func (s *GetSAMLMetadata) Read(ctx context.Context) error {
	o := s.owner()
	object, err := s.env.signing(ctx, o)
	if err != nil {
		return err
	}
	kid := s.Asked
	if kid == "" {
		kid = object.Text(okta.SigningPointer(o.Kind))
	}
	if kid == "" {
		return noActiveKey(o)
	}
	xml, err := s.env.Okta.MetadataOf(ctx, o, object, kid)
	if err != nil {
		return err
	}
	found, err := okta.ParseMetadata(xml)
	if err != nil {
		return fmt.Errorf("the metadata of %s: %w", o, err)
	}
	key, err := s.env.Okta.Key(ctx, o, kid)
	if err != nil {
		return err
	}
	der, err := key.Certificate()
	if err != nil {
		return err
	}
	if err := certifies(o, kid, found, der); err != nil {
		return err
	}
	s.XML, s.EntityID, s.Kid, s.Certificate = string(xml), found.EntityID, kid, pki.CertificatePEM(der)
	s.take(der)
	return nil
}

// certifies refuses metadata whose signing certificate is another than the
// key's: whoever loads it would refuse what the key signs.
func certifies(o okta.Owner, kid string, found okta.EntityMetadata, der []byte) error {
	const cure = "read it again; hand it to nobody as it is"
	if len(found.Signing) == 0 {
		return fmt.Errorf("the metadata of %s has no certificate for signing: %s", o, cure)
	}
	for _, other := range found.Signing {
		if !bytes.Equal(other, der) {
			return fmt.Errorf("the metadata of %s has a certificate that is not that of key %s (SHA-256 %s instead of %s): %s",
				o, kid, pki.Fingerprint(other), pki.Fingerprint(der), cure)
		}
	}
	return nil
}
