package conformance

import (
	"net/url"

	sdk "github.com/okta/okta-sdk-golang/v6/okta"

	"example.com/rekey/internal/okta"
)

func (d *driver) idpKeys() sdk.IdentityProviderSigningKeysAPI {
	return d.api.IdentityProviderSigningKeysAPI
}

// idpDrives are the operations on IdPs; limits has those that are missing.
var idpDrives = map[operation]drive{
	{method: get, path: idp + "/credentials/csrs"}: func(d *driver) (any, string, error) {
		d.newCSR()
		d.newCSR()
		got, _, err := d.idpKeys().ListCsrsForIdentityProvider(d.Context(), d.owner.ID).Execute()
		return got, d.credentials("csrs"), err
	},
	{method: post, path: idp + "/credentials/csrs"}: func(d *driver) (any, string, error) {
		got, _, err := d.idpKeys().GenerateCsrForIdentityProvider(d.Context(), d.owner.ID).Metadata(metadata()).Execute()
		if err != nil {
			return nil, "", err
		}
		d.checkCSR(got.GetCsr())
		return got, d.credentials("csrs", got.GetId()), nil
	},
	{method: get, path: idpCSR}: func(d *driver) (any, string, error) {
		csr := d.newCSR()
		got, _, err := d.idpKeys().GetCsrForIdentityProvider(d.Context(), d.owner.ID, csr.ID).Execute()
		if err == nil && got.GetCsr() != csr.CSR {
			d.Errorf("the CSR is %q, want %q", got.GetCsr(), csr.CSR)
		}
		return got, d.credentials("csrs", csr.ID), err
	},
	{method: del, path: idpCSR}: func(d *driver) (any, string, error) {
		csr := d.newCSR()
		_, err := d.idpKeys().RevokeCsrForIdentityProvider(d.Context(), d.owner.ID, csr.ID).Execute()
		d.checkGone(csr)
		return nil, "", err
	},
	{method: post, path: idpCSR + "/lifecycle/publish"}: func(d *driver) (any, string, error) {
		csr := d.newCSR()
		der := d.certify(csr, 365*day)
		got, _, err := d.idpKeys().PublishCsrForIdentityProvider(d.Context(), d.owner.ID, csr.ID).Body(d.file(der)).Execute()
		if err != nil {
			return nil, "", err
		}
		d.checkPublished(got, der, csr)
		return got, d.credentials("keys", got.GetKid()), nil
	},
	{method: get, path: idp + "/credentials/keys"}: func(d *driver) (any, string, error) {
		got, _, err := d.idpKeys().ListIdentityProviderSigningKeys(d.Context(), d.owner.ID).Execute()
		return got, d.credentials("keys"), err
	},
	{method: get, path: idp + "/credentials/keys/active"}: func(d *driver) (any, string, error) {
		got, _, err := d.idpKeys().ListActiveIdentityProviderSigningKey(d.Context(), d.owner.ID).Execute()
		object, _ := d.org.Object(d.owner)
		if active := object.Text(okta.SigningPointer(okta.IdP)); len(got) != 1 || got[0].GetKid() != active {
			d.Errorf("%d active keys, want %s alone", len(got), active)
		}
		none, _, empty := d.idpKeys().ListActiveIdentityProviderSigningKey(d.Context(), d.named("Customers (OpenID Connect)")).Execute()
		if empty != nil || len(none) > 0 {
			d.Errorf("an IdP without a key has %d active ones, %v", len(none), empty)
		}
		return got, d.credentials("keys", "active"), err
	},
	{method: post, path: idp + "/credentials/keys/generate"}: func(d *driver) (any, string, error) {
		got, _, err := d.idpKeys().GenerateIdentityProviderSigningKey(d.Context(), d.owner.ID).ValidityYears(3).Execute()
		if err != nil {
			return nil, "", err
		}
		d.checkNewKey(got)
		return got, d.credentials("keys", got.GetKid()), nil
	},
	{method: get, path: idpKey}: func(d *driver) (any, string, error) {
		got, _, err := d.idpKeys().GetIdentityProviderSigningKey(d.Context(), d.owner.ID, d.spare()).Execute()
		return got, d.credentials("keys", d.spare()), err
	},
	{method: post, path: idpKey + "/clone"}: func(d *driver) (any, string, error) {
		kid := d.spare()
		got, _, err := d.idpKeys().CloneIdentityProviderKey(d.Context(), d.owner.ID, kid).TargetIdpId(d.target.ID).Execute()
		if err != nil {
			return nil, "", err
		}
		d.checkCloned(got, kid)
		return got, d.target.Path() + "/credentials/keys/" + url.PathEscape(kid), nil
	},
}
