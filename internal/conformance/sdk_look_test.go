package conformance

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"time"

	sdk "github.com/okta/okta-sdk-golang/v6/okta"

	"example.com/rekey/internal/okta"
)

// sdkKey is a key in either of the SDK's types.
type sdkKey interface {
	GetKid() string
	GetKty() string
	GetUse() string
	GetE() string
	GetN() string
	GetX5c() []string
	GetX5tS256() string
	GetCreated() time.Time
	GetLastUpdated() time.Time
	GetExpiresAt() time.Time
}

// sdkCSR is a CSR in either of them.
type sdkCSR interface {
	GetId() string
	GetKty() string
	GetCsr() string
	GetCreated() time.Time
}

// look checks what the SDK's types hold by themselves: of a key that it fits
// its certificate, of a CSR that it is one, of an app that it is the owner.
func (d *driver) look(got any) {
	d.Helper()
	switch got := got.(type) {
	case sdkKey:
		d.lookAtKey(got)
	case []sdk.JsonWebKey:
		for i := range got {
			d.lookAtKey(&got[i])
		}
	case []sdk.IdPKeyCredential:
		for i := range got {
			d.lookAtKey(&got[i])
		}
	case sdkCSR:
		d.lookAtCSR(got)
	case []sdk.Csr:
		for i := range got {
			d.lookAtCSR(&got[i])
		}
	case []sdk.IdPCsr:
		for i := range got {
			d.lookAtCSR(&got[i])
		}
	case *sdk.ListApplications200ResponseInner:
		d.lookAtApp(got.SamlApplication)
	case []sdk.ListApplications200ResponseInner:
		for _, app := range got {
			d.lookAtApp(app.SamlApplication)
		}
	case okta.Object, nil: // the drive has looked at it
	default:
		d.Errorf("nobody looks at a %T", got)
	}
}

func (d *driver) lookAtKey(k sdkKey) {
	d.Helper()
	leaf := must(parseLeaf(k.GetX5c()))(d.bench)
	public, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok {
		d.Fatalf("the certificate has a %T", leaf.PublicKey)
	}
	sum := sha256.Sum256(leaf.Raw)
	text := base64.RawURLEncoding.EncodeToString
	want := []string{"RSA", "sig", text(big.NewInt(int64(public.E)).Bytes()), text(public.N.Bytes()), text(sum[:])}
	if got := []string{k.GetKty(), k.GetUse(), k.GetE(), k.GetN(), k.GetX5tS256()}; !slices.Equal(got, want) || k.GetKid() == "" {
		d.Errorf("the key %q is %q, its certificate says %q", k.GetKid(), got, want)
	}
	if !k.GetExpiresAt().Equal(leaf.NotAfter) || k.GetCreated().IsZero() || k.GetCreated().After(d.now()) || k.GetLastUpdated().Before(k.GetCreated()) {
		d.Errorf("the key was made at %s, changed at %s and expires at %s, its certificate at %s", k.GetCreated(), k.GetLastUpdated(), k.GetExpiresAt(), leaf.NotAfter)
	}
}

func (d *driver) lookAtCSR(csr sdkCSR) {
	d.Helper()
	request := must(parseRequest(okta.CSR{CSR: csr.GetCsr()}))(d.bench)
	if err := request.CheckSignature(); err != nil || request.Subject.CommonName != "SP Issuer" {
		d.Errorf("the CSR is for %s, %v", request.Subject, err)
	}
	if csr.GetId() == "" || csr.GetKty() != "RSA" || csr.GetCreated().IsZero() || csr.GetCreated().After(d.now()) {
		d.Errorf("the CSR %q has a key of the type %q and was made at %s", csr.GetId(), csr.GetKty(), csr.GetCreated())
	}
}

func (d *driver) lookAtApp(app *sdk.SamlApplication) {
	d.Helper()
	object, _ := d.org.Object(d.owner)
	credentials, settings := app.GetCredentials(), app.GetSettings()
	signing, signOn := credentials.GetSigning(), settings.GetSignOn()
	for pointer, got := range map[string]string{
		"/id": app.GetId(), "/name": app.GetName(), "/label": app.GetLabel(), "/status": app.GetStatus(), "/signOnMode": app.GetSignOnMode(),
		okta.SigningPointer(okta.App): signing.GetKid(), "/settings/signOn/ssoAcsUrl": signOn.GetSsoAcsUrl(), "/settings/signOn/audience": signOn.GetAudience(),
	} {
		if want := object.Text(pointer); got != want || want == "" {
			d.Errorf("%s of the app is %q, want %q", pointer, got, want)
		}
	}
}

// checkNewKey looks at a key that was made for 3 years, and finds it among the
// owner's.
func (d *driver) checkNewKey(k sdkKey) {
	d.Helper()
	if expires := k.GetExpiresAt(); expires.Before(d.now().AddDate(3, 0, -2)) || expires.After(d.now().AddDate(3, 0, 2)) {
		d.Errorf("the key expires at %s, 3 years were asked for", expires)
	}
	if kids := d.kids(d.owner); !slices.Contains(kids, k.GetKid()) {
		d.Errorf("%q is not among the owner's keys %q", k.GetKid(), kids)
	}
}

// checkPublished compares a key with the certificate that was published, and
// looks whether its CSR is gone.
func (d *driver) checkPublished(k sdkKey, der []byte, csr okta.CSR) {
	d.Helper()
	if leaf := must(parseLeaf(k.GetX5c()))(d.bench); !bytes.Equal(leaf.Raw, der) {
		d.Error("another certificate was published")
	}
	d.checkGone(csr)
}

// checkGone looks whether a CSR is gone.
func (d *driver) checkGone(csr okta.CSR) {
	d.Helper()
	d.do(404, get, d.credentials("csrs", csr.ID), "")
}

// checkCloned compares a clone with the key that was cloned.
func (d *driver) checkCloned(k sdkKey, kid string) {
	d.Helper()
	want := must(d.client.Key(d.Context(), d.owner, kid))(d.bench)
	if kids := d.kids(d.target); k.GetKid() != kid || !slices.Equal(k.GetX5c(), want.X5c) || !slices.Contains(kids, kid) {
		d.Errorf("%s was cloned as %s; the target has %q", kid, k.GetKid(), kids)
	}
}

// refusals has the SDK be refused, and looks at what it makes of that.
func (d *driver) refusals() {
	d.Helper()
	wants := func(code string, err error) {
		d.Helper()
		var refused *sdk.GenericOpenAPIError
		if !errors.As(err, &refused) {
			d.Errorf("%v, want a refusal with %s", err, code)
			return
		}
		if e, ok := refused.Model().(sdk.Error); !ok || e.GetErrorCode() != code || e.GetErrorSummary() == "" || e.GetErrorId() == "" {
			d.Errorf("it was refused with %s, want %s", refused.Body(), code)
		}
	}
	_, _, err := d.appKeys().GetApplicationKey(d.Context(), d.owner.ID, "nobodys").Execute()
	wants("E0000007", err)
	_, _, err = d.appKeys().GenerateApplicationKey(d.Context(), d.owner.ID).ValidityYears(11).Execute()
	wants("E0000001", err)
	d.of(okta.IdP)
	_, _, err = d.idpKeys().GetIdentityProviderSigningKey(d.Context(), d.owner.ID, "nobodys").Execute()
	wants("E0000007", err)
	_, _, err = d.idpKeys().CloneIdentityProviderKey(d.Context(), d.owner.ID, d.kids(d.owner)[0]).TargetIdpId("nobody").Execute()
	wants("E0000007", err)
}

// newCSR is a CSR that our client made.
func (d *driver) newCSR() okta.CSR {
	d.Helper()
	return must(d.client.GenerateCSR(d.Context(), d.owner, okta.CSRRequest{Subject: okta.Subject{CommonName: "SP Issuer"}}))(d.bench)
}

// metadata is what the SDK asks for CSRs by.
func metadata() sdk.CsrMetadata {
	return sdk.CsrMetadata{
		Subject:         &sdk.CsrMetadataSubject{CommonName: sdk.PtrString("SP Issuer"), CountryName: sdk.PtrString("US")},
		SubjectAltNames: &sdk.CsrMetadataSubjectAltNames{DnsNames: []string{"sp.example.com"}},
	}
}

// checkCSR looks at a CSR that was asked for by metadata.
func (d *driver) checkCSR(text string) {
	d.Helper()
	request := must(parseRequest(okta.CSR{CSR: text}))(d.bench)
	if got := request.Subject.String(); got != "CN=SP Issuer,C=US" || !slices.Equal(request.DNSNames, []string{"sp.example.com"}) {
		d.Errorf("the CSR is for %q and %q", got, request.DNSNames)
	}
}

// kids are those of an owner's keys.
func (d *driver) kids(o okta.Owner) (kids []string) {
	d.Helper()
	keys, _, err := d.client.Keys(d.Context(), o)
	if err != nil {
		d.Fatal(err)
	}
	for _, k := range keys {
		kids = append(kids, k.Kid)
	}
	return kids
}

// spare is a key of the owner's that is not the active one.
func (d *driver) spare() string {
	kid, _ := d.org.InactiveKey(d.owner, d.now())
	return kid
}
