package pki

import (
	"strings"
	"testing"
)

func TestDecodePEM(t *testing.T) {
	one := CertificatePEM([]byte("one"))
	csr := CSRPEM([]byte("csr"))
	cases := []struct {
		name, text, blockType string
		want                  []string
	}{
		{"one", one, certificateBlock, nil},
		{"with text", "subject=x\n" + one + "bye\n", certificateBlock, nil},
		{"byte order mark", "\ufeff" + one, certificateBlock, nil},
		{"CRLF", strings.ReplaceAll(one, "\n", "\r\n"), certificateBlock, nil},
		{"older label", strings.ReplaceAll(csr, "CERTIFICATE", "NEW CERTIFICATE"), csrBlock, nil},
		{"two", one + one, certificateBlock, []string{"found 2 blocks", "exactly one"}},
		{"other type", csr, certificateBlock, []string{`found "CERTIFICATE REQUEST"`, "-----BEGIN CERTIFICATE-----"}},
		{"nothing", "hello", certificateBlock, []string{"no PEM block"}},
		{"binary", "\x30\x82\x01\x00", certificateBlock, []string{"binary", "openssl x509 -inform DER"}},
		{"cut", one[:len(one)-4], certificateBlock, []string{"damaged"}},
		{"second damaged", one + one[:40], certificateBlock, []string{"of the 2 PEM blocks begun only 1"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := DecodePEM(c.text, c.blockType)
			wantError(t, err, c.want...)
		})
	}
	der, err := DecodePEM(one, certificateBlock)
	if err != nil || string(der) != "one" {
		t.Errorf("decoded %q, %v", der, err)
	}
}

// The thumbprint is the one that Okta's guide shows for that certificate.
func TestThumbprint(t *testing.T) {
	der, err := DecodePEM(string(read(t, "testdata", "okta-guide-certificate.pem")), certificateBlock)
	wantError(t, err)
	if got := Thumbprint(der); got != "ypBvmMYkQGPqxKL4SMdH9B7IXrtGADrvgEc-GKGQ7XY" {
		t.Errorf("x5t#S256 %s", got)
	}
	if got := Fingerprint(der); got != "ca906f98c6244063eac4a2f848c747f41ec85ebb46003aef80473e18a190ed76" {
		t.Errorf("fingerprint %s", got)
	}
}
