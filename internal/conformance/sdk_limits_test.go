package conformance

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"

	sdk "github.com/okta/okta-sdk-golang/v6/okta"

	"example.com/rekey/internal/okta"
)

// limit is something that the SDK cannot do, and why.
type limit struct {
	what, reason string
	op           operation             // that it keeps the SDK from; none: just not in each case
	occurs       func(d *driver) error // nil if it does, otherwise what came of it instead
}

const (
	catalogApp = "an app from the catalog lacks members that the contract requires of a custom one (allowMultipleAcsEndpoints)"
	allMatch   = "the protocol of an IdP is one of several schemas, all of which take any member: the SDK finds that more than one fits and gives up"
	oneType    = "the SDK labels every file with the first of the types that the contract names, and the org refuses PEM under that name"
)

// What the SDK complains of then.
const (
	customOnly = "no value given for required property allowMultipleAcsEndpoints"
	severalFit = "more than one schema in oneOf(IdentityProviderProtocol)"
)

// limits is the whole of what the SDK cannot do here.
var limits = []limit{
	{what: "the port of the org's address", reason: "the SDK keeps the address's host alone; the tests give it the port", occurs: func(d *driver) error {
		address := must(url.Parse(d.base))(d.bench)
		if c, err := sdk.NewConfiguration(sdk.WithOrgUrl(d.base)); err != nil || c.Host != address.Hostname() {
			return fmt.Errorf("the host is %q, %v", c.Host, err)
		}
		return nil
	}},
	{what: "nulls", reason: "its types leave out what is not set, and a null is read as not set", occurs: func(d *driver) error {
		got, _, err := d.api.ApplicationAPI.GetApplication(d.Context(), d.owner.ID).Execute()
		if err != nil {
			return err
		}
		back := must(okta.DecodeObject(must(json.Marshal(got))(d.bench)))(d.bench)
		const null = "/settings/signOn/destinationOverride"
		if v, there := must(d.client.Object(d.Context(), d.owner))(d.bench).At(null); v != nil || !there {
			return fmt.Errorf("the seeded app has %v at %s", v, null)
		}
		if v, there := back.At(null); there {
			return fmt.Errorf("%v is sent back at %s", v, null)
		}
		return nil
	}},
	{what: "reading an app from the catalog", reason: catalogApp, occurs: func(d *driver) error {
		id := d.named("examplecrm")
		_, a, err := d.api.ApplicationAPI.GetApplication(d.Context(), id).Execute()
		return d.undecodable(a, err, apps+"/"+id, customOnly)
	}},
	{what: "a list with an app from the catalog", reason: catalogApp, occurs: func(d *driver) error {
		_, a, err := d.api.ApplicationAPI.ListApplications(d.Context()).Execute()
		return d.undecodable(a, err, apps, customOnly)
	}},
	{what: "publishing a certificate as PEM, for an app", reason: oneType, occurs: func(d *driver) error {
		csr := d.newCSR()
		_, a, err := d.appKeys().PublishCsrFromApplication(d.Context(), d.owner.ID, csr.ID).Body(d.pemFile(csr)).Execute()
		return mislabelled(a, err, okta.TypeCER)
	}},
	{what: "publishing a certificate as PEM, for an IdP", reason: oneType, occurs: func(d *driver) error {
		d.of(okta.IdP)
		csr := d.newCSR()
		_, a, err := d.idpKeys().PublishCsrForIdentityProvider(d.Context(), d.owner.ID, csr.ID).Body(d.pemFile(csr)).Execute()
		return mislabelled(a, err, okta.TypeDER)
	}},
	{what: "reading an IdP", reason: allMatch, op: operation{method: get, path: idp}, occurs: func(d *driver) error {
		_, a, err := d.api.IdentityProviderAPI.GetIdentityProvider(d.Context(), d.owner.ID).Execute()
		return d.undecodable(a, err, d.owner.Path(), severalFit)
	}},
	{what: "listing IdPs", reason: allMatch, op: operation{method: get, path: idps}, occurs: func(d *driver) error {
		for _, of := range []string{"SAML2", "OIDC"} {
			_, a, err := d.api.IdentityProviderAPI.ListIdentityProviders(d.Context()).Type_(of).Execute()
			if err := d.undecodable(a, err, idps+"?type="+of, severalFit); err != nil {
				return err
			}
		}
		return nil
	}},
	{what: "replacing an IdP", reason: allMatch + ", on the answer of what took effect; and what to send back it has never read", op: operation{method: put, path: idp},
		occurs: replaceIdP},
	{what: "the metadata of an IdP", reason: "the contract does not name its address, so the SDK has no call for it", op: operation{method: get, path: idp + "/metadata.xml", outside: true},
		occurs: func(*driver) error {
			for _, api := range []any{(*sdk.IdentityProviderAPI)(nil), (*sdk.IdentityProviderKeysAPI)(nil), (*sdk.IdentityProviderSigningKeysAPI)(nil)} {
				calls := reflect.TypeOf(api).Elem()
				for i := range calls.NumMethod() {
					if name := calls.Method(i).Name; strings.Contains(strings.ToLower(name), "metadata") {
						return fmt.Errorf("there is %s", name)
					}
				}
			}
			return nil
		}},
}

// limited tells that the SDK is known not to be able to carry an operation out.
func limited(op operation) bool {
	return slices.ContainsFunc(limits, func(l limit) bool { return l.op == op })
}

// undecodable checks that the sandbox answered the SDK as it answers a GET of
// path, and that the SDK could not read it.
func (d *driver) undecodable(a *sdk.APIResponse, err error, path, complaint string) error {
	d.Helper()
	switch {
	case err == nil:
		return errors.New("the answer was decoded")
	case a == nil || a.StatusCode != http.StatusOK || !strings.Contains(err.Error(), complaint):
		return fmt.Errorf("it failed in another way: %w", err)
	}
	is := plainJSON(d.bench, must(io.ReadAll(a.Body))(d.bench))
	was := plainJSON(d.bench, d.do(http.StatusOK, get, path, ""))
	for _, l := range losses("", was, is) {
		d.Errorf("the SDK was answered otherwise than GET %s: %s", path, l)
	}
	return nil
}

// mislabelled checks that a certificate was refused for how it was labelled.
func mislabelled(a *sdk.APIResponse, err error, as string) error {
	switch {
	case err == nil:
		return errors.New("it was published")
	case a == nil || a.StatusCode != http.StatusBadRequest || a.Request.Header.Get("Content-Type") != as:
		return fmt.Errorf("it failed in another way: %w", err)
	}
	return nil
}

// replaceIdP has the SDK send an IdP that was put together from nothing: the
// key is switched, and yet all that comes of it is an error.
func replaceIdP(d *driver) error {
	object, _ := d.org.Object(d.owner)
	body := sdk.IdentityProvider{
		Name: sdk.PtrString(object.Text("/name")), Type: sdk.PtrString(object.Text("/type")),
		Protocol: &sdk.IdentityProviderProtocol{ProtocolSaml: &sdk.ProtocolSaml{
			Type:        sdk.PtrString("SAML2"),
			Credentials: &sdk.SamlCredentials{Signing: &sdk.SamlSigningCredentials{Kid: sdk.PtrString(d.spare())}},
		}},
	}
	kid := d.spare()
	_, a, err := d.api.IdentityProviderAPI.ReplaceIdentityProvider(d.Context(), d.owner.ID).IdentityProvider(body).Execute()
	if object, _ := d.org.Object(d.owner); object.Text(okta.SigningPointer(okta.IdP)) != kid {
		return errors.New("the key was not switched")
	}
	return d.undecodable(a, err, d.owner.Path(), severalFit)
}

// named is the id of the app or IdP with that name.
func (d *driver) named(name string) string {
	d.Helper()
	for _, o := range d.org.Owners() {
		if object, _ := d.org.Object(o); object.Text("/name") == name {
			return o.ID
		}
	}
	d.Fatalf("the org has no %s", name)
	return ""
}

// pemFile is a certificate for a CSR as PEM.
func (d *driver) pemFile(csr okta.CSR) *os.File {
	d.Helper()
	return d.file(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.certify(csr, 365*day)}))
}
