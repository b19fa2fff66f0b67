package conformance

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	sdk "github.com/okta/okta-sdk-golang/v6/okta"

	"example.com/rekey/internal/okta"
)

func (d *driver) appKeys() sdk.ApplicationSSOCredentialKeyAPI {
	return d.api.ApplicationSSOCredentialKeyAPI
}

// appDrives are the operations on apps.
var appDrives = map[operation]drive{
	{method: get, path: app + "/credentials/csrs"}: func(d *driver) (any, string, error) {
		d.newCSR()
		d.newCSR()
		got, _, err := d.appKeys().ListCsrsForApplication(d.Context(), d.owner.ID).Execute()
		return got, d.credentials("csrs"), err
	},
	{method: post, path: app + "/credentials/csrs"}: func(d *driver) (any, string, error) {
		text, _, err := d.appKeys().GenerateCsrForApplication(d.Context(), d.owner.ID).Metadata(metadata()).Execute()
		if err != nil {
			return nil, "", err
		}
		got, err := okta.DecodeObject([]byte(text)) // the SDK hands out the answer as it came
		if err == nil {
			d.checkCSR(got.Text("/csr"))
		}
		return got, d.credentials("csrs", got.Text("/id")), err
	},
	{method: get, path: appCSR}: func(d *driver) (any, string, error) {
		csr := d.newCSR()
		got, _, err := d.appKeys().GetCsrForApplication(d.Context(), d.owner.ID, csr.ID).Execute()
		if err == nil && got.GetCsr() != csr.CSR {
			d.Errorf("the CSR is %q, want %q", got.GetCsr(), csr.CSR)
		}
		return got, d.credentials("csrs", csr.ID), err
	},
	{method: del, path: appCSR}: func(d *driver) (any, string, error) {
		csr := d.newCSR()
		_, err := d.appKeys().RevokeCsrFromApplication(d.Context(), d.owner.ID, csr.ID).Execute()
		d.checkGone(csr)
		return nil, "", err
	},
	{method: post, path: appCSR + "/lifecycle/publish"}: func(d *driver) (any, string, error) {
		csr := d.newCSR()
		der := d.certify(csr, 365*day)
		got, _, err := d.appKeys().PublishCsrFromApplication(d.Context(), d.owner.ID, csr.ID).Body(d.file(der)).Execute()
		if err != nil {
			return nil, "", err
		}
		d.checkPublished(got, der, csr)
		return got, d.credentials("keys", got.GetKid()), nil
	},
	{method: get, path: app + "/credentials/keys"}: func(d *driver) (any, string, error) {
		got, _, err := d.appKeys().ListApplicationKeys(d.Context(), d.owner.ID).Execute()
		return got, d.credentials("keys"), err
	},
	{method: post, path: app + "/credentials/keys/generate"}: func(d *driver) (any, string, error) {
		got, _, err := d.appKeys().GenerateApplicationKey(d.Context(), d.owner.ID).ValidityYears(3).Execute()
		if err != nil {
			return nil, "", err
		}
		d.checkNewKey(got)
		return got, d.credentials("keys", got.GetKid()), nil
	},
	{method: get, path: appKey}: func(d *driver) (any, string, error) {
		got, _, err := d.appKeys().GetApplicationKey(d.Context(), d.owner.ID, d.spare()).Execute()
		return got, d.credentials("keys", d.spare()), err
	},
	{method: post, path: appKey + "/clone"}: func(d *driver) (any, string, error) {
		kid := d.spare()
		got, _, err := d.appKeys().CloneApplicationKey(d.Context(), d.owner.ID, kid).TargetAid(d.target.ID).Execute()
		if err != nil {
			return nil, "", err
		}
		d.checkCloned(got, kid)
		return got, d.target.Path() + "/credentials/keys/" + url.PathEscape(kid), nil
	},
	{method: get, path: app}: func(d *driver) (any, string, error) {
		got, _, err := d.api.ApplicationAPI.GetApplication(d.Context(), d.owner.ID).Execute()
		return got, d.owner.Path(), err
	},
	{method: put, path: app}: func(d *driver) (any, string, error) {
		got, _, err := d.api.ApplicationAPI.GetApplication(d.Context(), d.owner.ID).Execute()
		if err != nil || got.SamlApplication == nil {
			return nil, "", errors.Join(err, errors.New("no SAML app"))
		}
		kid := d.spare()
		got.SamlApplication.Credentials.Signing.Kid = sdk.PtrString(kid)
		got, _, err = d.api.ApplicationAPI.ReplaceApplication(d.Context(), d.owner.ID).Application(*got).Execute()
		if object, _ := d.org.Object(d.owner); object.Text(okta.SigningPointer(okta.App)) != kid {
			d.Error("the app signs with another key")
		}
		return got, d.owner.Path(), err
	},
	{method: get, path: apps}: func(d *driver) (any, string, error) {
		filter := fmt.Sprintf(`id eq %q`, d.owner.ID)
		got, _, err := d.api.ApplicationAPI.ListApplications(d.Context()).Filter(filter).Execute()
		if len(got) != 1 || got[0].SamlApplication == nil || got[0].SamlApplication.GetId() != d.owner.ID {
			d.Errorf("%d apps were found by %s", len(got), filter)
		}
		d.pageApps()
		return got, apps + "?filter=" + url.QueryEscape(filter), err
	},
	{method: get, path: app + "/sso/saml/metadata"}: func(d *driver) (any, string, error) {
		kid := d.spare()
		got, _, err := d.api.ApplicationSSOAPI.PreviewSAMLmetadataForApplication(d.Context(), d.owner.ID).Kid(kid).Execute()
		want := string(d.do(http.StatusOK, get, d.owner.Path()+"/sso/saml/metadata?kid="+url.QueryEscape(kid), ""))
		if got != want || !strings.Contains(got, "EntityDescriptor") {
			d.Errorf("the metadata is %q, want %q", got, want)
		}
		return nil, "", err
	},
}

// pageApps follows the pages of a list of apps, all of which the SDK can
// decode.
func (d *driver) pageApps() {
	d.Helper()
	if err := d.org.AddApps(5); err != nil {
		d.Fatal(err)
	}
	const filter = `name eq "myorg_app1"`
	var want []string
	for app, err := range d.client.Apps(d.Context(), filter) {
		if err != nil {
			d.Fatal(err)
		}
		want = append(want, app.Text("/id"))
	}
	page, a, err := d.api.ApplicationAPI.ListApplications(d.Context()).Filter(filter).Limit(2).Execute()
	var got []string
	for {
		if err != nil {
			d.Fatal(err)
		}
		for _, app := range page {
			got = append(got, app.SamlApplication.GetId())
		}
		if !a.HasNextPage() {
			break
		}
		page = nil
		a, err = a.Next(&page)
	}
	if len(want) != 6 || !slices.Equal(got, want) {
		d.Errorf("the pages hold %q, want %q", got, want)
	}
}
