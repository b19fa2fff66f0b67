package sandbox

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
)

const csrBody = `{"subject":{"commonName":"SP Issuer","countryName":"US","localityName":"San Francisco","organizationName":"Okta, Inc.","organizationalUnitName":"Dev","stateOrProvinceName":"California"},"subjectAltNames":{"dnsNames":["dev.okta.com"]}}`

// TestCSRLife makes, reads, publishes and revokes CSRs of both owners.
func TestCSRLife(t *testing.T) {
	for _, owner := range []okta.Owner{testApp, testIdP} {
		t.Run(string(owner.Kind), func(t *testing.T) {
			org := testOrg(t)
			c := serve(t, New(org, testOptions()))
			csrs, keys := owner.Path()+"/credentials/csrs", owner.Path()+"/credentials/keys"
			if got := string(c.want(200, "GET", csrs, nil).body); got != "[]\n" {
				t.Errorf("no CSRs are %s, want an empty list", got)
			}
			keysBefore := c.want(200, "GET", keys, nil).body
			made := c.want(201, "POST", csrs, csrBody)
			csr := made.csr(t)
			der, err := csr.DER()
			if err != nil {
				t.Fatal(err)
			}
			request, err := x509.ParseCertificateRequest(der)
			if err != nil {
				t.Fatal(err)
			}
			if err := request.CheckSignature(); err != nil {
				t.Error(err)
			}
			if request.Subject.CommonName != "SP Issuer" || request.Subject.Organization[0] != "Okta, Inc." || len(request.DNSNames) != 1 {
				t.Errorf("subject %s, SANs %v", request.Subject, request.DNSNames)
			}
			if csr.Kty != "RSA" || csr.Created != "2026-03-14T15:09:26.535Z" {
				t.Errorf("%+v", csr)
			}
			self := made.object(t).Text("/_links/self/href")
			if self != c.base+csrs+"/"+csr.ID || made.object(t).Text("/_links/publish/href") != self+"/lifecycle/publish" {
				t.Errorf("links: %s", made.body)
			}
			if !bytes.Equal(made.body, c.want(200, "GET", csrs+"/"+csr.ID, nil).body) {
				t.Error("GET of the CSR differs from the answer to POST")
			}
			if list := c.want(200, "GET", csrs, nil).objects(t); len(list) != 1 || len(okta.Differences(list[0], made.object(t))) > 0 {
				t.Errorf("the list is %v", list)
			}
			if !bytes.Equal(keysBefore, c.want(200, "GET", keys, nil).body) {
				t.Error("the CSR's key is listed before it is published")
			}

			cert := certify(t, csr, 90*days)
			published := c.want(201, "POST", csrs+"/"+csr.ID+"/lifecycle/publish", cert, "Content-Type", okta.TypeDER)
			key := published.key(t)
			if got, err := key.Certificate(); err != nil || !bytes.Equal(got, cert) {
				t.Errorf("x5c is not the certificate: %v", err)
			}
			if got, want := published.header.Get("Location"), c.base+keys+"/"+key.Kid; got != want {
				t.Errorf("Location %s, want %s", got, want)
			}
			c.do("GET", csrs+"/"+csr.ID, nil).refused(t, 404, "E0000007", csr.ID)
			c.do("POST", csrs+"/"+csr.ID+"/lifecycle/publish", cert, "Content-Type", okta.TypeDER).refused(t, 404, "E0000007", csr.ID)
			c.want(200, "GET", keys+"/"+key.Kid, nil)

			second := c.want(201, "POST", csrs, "{}").csr(t)
			pairs := len(org.Clone().pairs)
			if r := c.want(204, "DELETE", csrs+"/"+second.ID, nil); len(r.body) != 0 {
				t.Errorf("204 with the body %s", r.body)
			}
			if after := len(org.Clone().pairs); after != pairs-1 {
				t.Errorf("revoking left %d private keys of %d", after, pairs)
			}
			c.do("DELETE", csrs+"/"+second.ID, nil).refused(t, 404, "E0000007", second.ID)
			c.do("GET", csrs+"/"+second.ID, nil).refused(t, 404, "E0000007", second.ID)
		})
	}
}

// TestPublishForms sends the certificate in each form that Okta takes and in
// those that it does not.
func TestPublishForms(t *testing.T) {
	org := testOrg(t)
	c := serve(t, New(org, testOptions()))
	wrap := func(s string) string { return s[:64] + "\r\n" + s[64:128] + "\n  " + s[128:] + "\n" }
	armour := func(der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	der := func(der []byte) string { return string(der) }
	url := func(der []byte) string { return base64.RawURLEncoding.EncodeToString(der) }
	std := func(der []byte) string { return b64(der) }
	for i, tt := range []struct {
		mediaType, encoding string
		form                func([]byte) string
		status              int
		code                string
	}{
		{okta.TypeDER, "", der, 201, ""},
		{okta.TypeCER, "", der, 201, ""},
		{okta.TypeCER + "; charset=binary", "binary", der, 201, ""},
		{okta.TypePEM, "", armour, 201, ""},
		{okta.TypeDER, "base64", std, 201, ""},
		{okta.TypeCER, "base64", std, 201, ""},
		{okta.TypeDER, "Base64", url, 201, ""},
		{okta.TypeDER, "base64", func(d []byte) string { return wrap(std(d)) }, 201, ""},
		{okta.TypeDER, "base64", func(d []byte) string { return base64.URLEncoding.EncodeToString(d) }, 201, ""},
		{okta.TypeDER, "", std, 400, "E0000001"},
		{okta.TypeCER, "", std, 400, "E0000001"},
		{okta.TypeDER, "", armour, 400, "E0000001"},
		{okta.TypePEM, "", der, 400, "E0000001"},
		{okta.TypePEM, "", std, 400, "E0000001"},
		{okta.TypePEM, "base64", armour, 400, "E0000001"},
		{okta.TypePEM, "", func(d []byte) string { return armour(d) + armour(d) }, 400, "E0000001"},
		{okta.TypeDER, "base64", func([]byte) string { return "no base64!" }, 400, "E0000001"},
		{okta.TypeDER, "quoted-printable", der, 400, "E0000001"},
		{okta.TypeDER, "", func(d []byte) string { return der(d) + "x" }, 400, "E0000001"},
		{okta.TypeDER, "", func([]byte) string { return "" }, 400, "E0000001"},
		{"application/json", "", func(d []byte) string { return `{"x5c":["` + std(d) + `"]}` }, 400, "E0000021"},
		{"text/plain", "", std, 400, "E0000021"},
	} {
		owner := []okta.Owner{testApp, testIdP}[i%2]
		csrs := owner.Path() + "/credentials/csrs"
		csr := c.want(201, "POST", csrs, csrBody).csr(t)
		head := []string{"Content-Type", tt.mediaType}
		if tt.encoding != "" {
			head = append(head, "Content-Transfer-Encoding", tt.encoding)
		}
		cert := certify(t, csr, 400*days)
		r := c.do("POST", csrs+"/"+csr.ID+"/lifecycle/publish", tt.form(cert), head...)
		if r.status != tt.status {
			t.Errorf("%d: %s %s: status %d, want %d: %s", i, tt.mediaType, tt.encoding, r.status, tt.status, r.body)
		} else if tt.code != "" {
			r.refused(t, tt.status, tt.code, "")
			c.want(200, "GET", csrs+"/"+csr.ID, nil) // still there
		} else if got, _ := r.key(t).Certificate(); !bytes.Equal(got, cert) {
			t.Errorf("%d: the key has another certificate", i)
		}
	}
}

// TestPublishRules checks the key and the 90 days, for both owners.
func TestPublishRules(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	for _, owner := range []okta.Owner{testApp, testIdP} {
		csrs := owner.Path() + "/credentials/csrs"
		one, two := c.want(201, "POST", csrs, csrBody).csr(t), c.want(201, "POST", csrs, csrBody).csr(t)
		publish := func(cert []byte) result {
			return c.do("POST", csrs+"/"+one.ID+"/lifecycle/publish", cert, "Content-Type", okta.TypeDER)
		}
		publish(certify(t, two, 400*days)).refused(t, 400, "E0000001", "not for the CSR's key")
		publish(certify(t, one, 90*days-time.Second)).refused(t, 400, "E0000001", "90 days")
		if r := publish(certify(t, one, 90*days)); r.status != 201 {
			t.Errorf("exactly 90 days: %s", r.body)
		}
		c.do("POST", csrs+"/nobody/lifecycle/publish", []byte("x"), "Content-Type", okta.TypeDER).refused(t, 404, "E0000007", "nobody")
	}
}
