package conformance

import (
	"net/url"
	"strings"

	"example.com/rekey/internal/okta"
)

// readOwners reads everything of every owner of the default org, of whatever
// kind, and the lists of them.
func readOwners(b *bench) {
	for _, o := range b.org.Owners() {
		object := must(b.client.Object(b.Context(), o))(b)
		keys, _, err := b.client.Keys(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		for _, k := range keys {
			must(b.client.Key(b.Context(), o, k.Kid))(b)
		}
		if _, _, err := b.client.CSRs(b.Context(), o); err != nil {
			b.Fatal(err)
		}
		active := object.Text(okta.SigningPointer(o.Kind))
		if o.Kind == okta.IdP { // one of them has no active key: 204
			if got := must(b.client.ActiveKeys(b.Context(), o))(b); (len(got) == 0) != (active == "") {
				b.Errorf("%s: active %q, but %d active keys", o, active, len(got))
			}
		}
		if strings.HasPrefix(object.Text("/signOnMode"), "SAML_") || object.Text("/type") == "SAML2" && active != "" {
			kid := active
			if o.Kind == okta.App {
				kid = keys[0].Kid
			}
			must(b.client.Metadata(b.Context(), o, kid))(b)
		}
	}
	for _, list := range []func() int{
		func() int { return count(b, b.client.Apps(b.Context(), "")) },
		func() int { return count(b, b.client.Apps(b.Context(), `status eq "ACTIVE"`)) },
		func() int { return count(b, b.client.IdPs(b.Context(), "")) },
		func() int { return count(b, b.client.IdPs(b.Context(), "SAML2")) },
	} {
		if list() == 0 {
			b.Error("a list is empty")
		}
	}
}

func count(b *bench, owners func(func(okta.Object, error) bool)) int {
	n := 0
	for _, err := range owners {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	return n
}

// pageOwners follows the pages of short lists, and of one that is longer than
// the longest page.
func pageOwners(b *bench) {
	if err := b.org.AddApps(201); err != nil {
		b.Fatal(err)
	}
	if n := count(b, b.client.Apps(b.Context(), "")); n <= 201 {
		b.Errorf("%d apps", n)
	}
	for _, path := range []string{apps + "?limit=100", idps + "?limit=1", idps + "?q=Part&type=SAML2"} {
		for path != "" {
			page := must(b.client.Page(b.Context(), path))(b)
			path = strings.TrimPrefix(page.Next, b.base)
		}
	}
}

func generateKeys(b *bench) {
	for _, k := range kinds(b) {
		for _, years := range []int{2, 10} {
			key := must(b.client.GenerateKey(b.Context(), k.owner, years))(b)
			must(b.client.Key(b.Context(), k.owner, key.Kid))(b)
			must(b.client.CloneKey(b.Context(), k.owner, key.Kid, k.target.ID))(b)
			must(b.client.Key(b.Context(), k.target, key.Kid))(b)
		}
	}
}

func publishCSRs(b *bench) {
	subject := okta.Subject{
		CommonName: "SP Issuer", CountryName: "US", LocalityName: "San Francisco",
		OrganizationName: "Example", OrganizationalUnitName: "Sign-in", StateOrProvinceName: "California",
	}
	requests := []okta.CSRRequest{
		{Subject: subject, SubjectAltNames: &okta.AltNames{DNSNames: []string{"sp.example.com", "sp2.example.com"}}},
		{Subject: okta.Subject{CommonName: "SP Issuer"}},
		{},
	}
	for _, k := range kinds(b) {
		for i := range forms(nil) {
			csr := must(b.client.GenerateCSR(b.Context(), k.owner, requests[i%len(requests)]))(b)
			csr = must(b.client.CSR(b.Context(), k.owner, csr.ID))(b)
			if list, _, err := b.client.CSRs(b.Context(), k.owner); err != nil || len(list) != 1 {
				b.Fatalf("%d CSRs, %v", len(list), err)
			}
			key := must(b.client.PublishCSR(b.Context(), k.owner, csr.ID, forms(b.certify(csr, 90*day))[i]))(b)
			must(b.client.Key(b.Context(), k.owner, key.Kid))(b)
		}
		csr := must(b.client.GenerateCSR(b.Context(), k.owner, okta.CSRRequest{}))(b)
		if err := b.client.RevokeCSR(b.Context(), k.owner, csr.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// bareCSRs asks for PKCS#10 instead of the object, which our client never does.
func bareCSRs(b *bench) {
	for _, k := range kinds(b) {
		path := k.owner.Path() + "/credentials/csrs"
		b.do(201, post, path, "{}", "Accept", "application/pkcs10")
		csrs, _, err := b.client.CSRs(b.Context(), k.owner)
		if err != nil || len(csrs) != 1 {
			b.Fatalf("%d CSRs, %v", len(csrs), err)
		}
		b.do(200, get, path+"/"+url.PathEscape(csrs[0].ID), "", "Accept", "application/pkcs10")
	}
}

// switchKeys sends every owner back: changed by its kid if it has another key,
// as it is if not, and without an active key.
func switchKeys(b *bench) {
	for _, o := range b.org.Owners() {
		pointer := okta.SigningPointer(o.Kind)
		before := must(b.client.Object(b.Context(), o))(b)
		to := any(before.Text(pointer))
		if kid, ok := b.org.InactiveKey(o, now); ok {
			to = kid
		}
		if to == "" {
			to = nil // it never had any
		}
		b.replace(o, pointer, to)
		b.replace(o, pointer, nil)
	}
}

func (b *bench) replace(o okta.Owner, pointer string, to any) {
	b.Helper()
	body, change := must(b.client.Object(b.Context(), o))(b).Changed(pointer, to)
	if err := b.client.Replace(b.Context(), o, body, change); err != nil {
		b.Fatal(err)
	}
}
