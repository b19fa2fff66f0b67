package okta

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// document is metadata of an entity with what stands in its role.
func document(inside string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="http://www.okta.com/exk1">` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + inside + `</md:IDPSSODescriptor></md:EntityDescriptor>`
}

func descriptor(use, certificate string) string {
	if use != "" {
		use = ` use="` + use + `"`
	}
	return `<md:KeyDescriptor` + use + `><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + certificate + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
}

func TestParseMetadata(t *testing.T) {
	for name, tt := range map[string]struct {
		text                string
		signing, encryption string // certificates, separated by blanks
	}{
		"signing":            {document(descriptor("signing", "YQ==")), "a", ""},
		"both":               {document(descriptor("signing", "YQ==") + descriptor("encryption", "Yg==")), "a", "b"},
		"any use":            {document(descriptor("", "YQ==")), "a", "a"},
		"once each":          {document(descriptor("signing", "YQ==") + descriptor("signing", " Y\nQ = =\t")), "a", ""},
		"two":                {document(descriptor("signing", "YQ==") + descriptor("signing", "Yg==")), "a b", ""},
		"none":               {document(""), "", ""},
		"in a signature":     {document(`<ds:Signature><ds:X509Certificate>YQ==</ds:X509Certificate></ds:Signature>` + descriptor("signing", "Yg==")), "b", ""},
		"comment inside":     {document(descriptor("signing", "Y<!-- x -->Q==")), "a", ""},
		"byte order mark":    {"\ufeff" + document(descriptor("signing", "YQ==")), "a", ""},
		"another namespace":  {strings.ReplaceAll(document(descriptor("signing", "YQ==")), "xmldsig#", "other#"), "", ""},
		"an entity of XML's": {document(descriptor("signing", "&#89;Q==")), "a", ""},
	} {
		got, err := ParseMetadata([]byte(tt.text))
		if err != nil || got.EntityID != "http://www.okta.com/exk1" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if s, e := string(bytes.Join(got.Signing, []byte(" "))), string(bytes.Join(got.Encryption, []byte(" "))); s != tt.signing || e != tt.encryption {
			t.Errorf("%s: signing %q, encryption %q", name, s, e)
		}
	}
}

func TestParseMetadataRefuses(t *testing.T) {
	good := document(descriptor("signing", "YQ=="))
	for says, text := range map[string]string{
		"holds nothing":            " ",
		"XML cannot be read":       "<a <b>",
		"cannot be read":           good[:len(good)-9],
		"a document type":          `<!DOCTYPE x [<!ENTITY a "b">]>` + good,
		"no base64":                document(descriptor("signing", "%%")),
		"nothing in it":            document(descriptor("signing", "")),
		"no entityID":              strings.Replace(good, `entityID="http://www.okta.com/exk1"`, "", 1),
		"instead of":               strings.ReplaceAll(good, "EntityDescriptor", "EntitiesDescriptor"),
		"begins with EntityDescri": good + strings.TrimPrefix(good, `<?xml version="1.0" encoding="UTF-8"?>`),
		"nested deeper":            document(strings.Repeat("<x>", 64) + strings.Repeat("</x>", 64)),
		"more than 100000 parts":   document(strings.Repeat("<x/>", 60_000)),
		"not that of one app":      document(strings.Repeat(" ", maxMetadata)),
		"encoding":                 strings.Replace(good, "UTF-8", "UTF-16", 1),
		"invalid character entity": document("&unknown;"),
	} {
		if got, err := ParseMetadata([]byte(text)); err == nil || !strings.Contains(err.Error(), says) || len(got.Signing) > 0 {
			t.Errorf("%s: %v %+v", says, err, got)
		}
	}
}

// What is larger than any metadata is no answer to the question.
func TestMetadataIsBounded(t *testing.T) {
	o := newOrg(t, nil, reply{200, "<x>" + strings.Repeat(" ", maxMetadata) + "</x>", nil})
	if _, err := o.client.Metadata(context.Background(), anApp, "k1"); err == nil || !strings.Contains(err.Error(), "has at most 1048576") {
		t.Error(err)
	}
}

func FuzzParseMetadata(f *testing.F) {
	for _, inside := range []string{"", descriptor("signing", "YQ=="), descriptor("", "YQ==") + "<x>&lt;</x>", "<md:KeyDescriptor/>"} {
		f.Add([]byte(document(inside)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseMetadata(text)
		if err == nil && got.EntityID == "" || err != nil && (got.Signing != nil || got.EntityID != "") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
