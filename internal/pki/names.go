package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Object identifiers of RFC 5280 (names, extensions) and RFC 2985 (e-mail).
// They are functions' data, never changed.
var (
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidLocality     = asn1.ObjectIdentifier{2, 5, 4, 7}
	oidState        = asn1.ObjectIdentifier{2, 5, 4, 8}
	oidStreet       = asn1.ObjectIdentifier{2, 5, 4, 9}
	oidOrganization = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidUnit         = asn1.ObjectIdentifier{2, 5, 4, 11}
	oidPostalCode   = asn1.ObjectIdentifier{2, 5, 4, 17}
	oidEmail        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	oidSAN          = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// subjectDER encodes name in the order that Okta's CSRs and certificates use:
// C, ST, L, O, OU, CN, then the rest. pkix.Name alone would put O and OU
// before L and ST.
func subjectDER(name pkix.Name) ([]byte, error) {
	var rdns pkix.RDNSequence
	var fault error
	add := func(oid asn1.ObjectIdentifier, values ...string) {
		for _, v := range values {
			if !utf8.ValidString(v) && fault == nil {
				fault = fmt.Errorf("the subject's field %q is not UTF-8; write it as UTF-8 text", v)
			}
			if v != "" {
				rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: oid, Value: nameValue(oid, v)}})
			}
		}
	}
	add(oidCountry, name.Country...)
	add(oidState, name.Province...)
	add(oidLocality, name.Locality...)
	add(oidStreet, name.StreetAddress...)
	add(oidPostalCode, name.PostalCode...)
	add(oidOrganization, name.Organization...)
	add(oidUnit, name.OrganizationalUnit...)
	add(oidCommonName, name.CommonName)
	add(oidSerialNumber, name.SerialNumber)
	for _, extra := range name.ExtraNames {
		rdns = append(rdns, pkix.RelativeDistinguishedNameSET{extra})
	}
	if fault != nil {
		return nil, fault
	}
	der, err := asn1.Marshal(rdns)
	if err != nil {
		return nil, fmt.Errorf("the subject cannot be encoded; use plain text in its fields: %w", err)
	}
	return der, nil
}

// nameValue picks the string type: RFC 5280 wants a PrintableString for
// country and serial number and an IA5String for e-mail, and UTF8String
// elsewhere.
func nameValue(oid asn1.ObjectIdentifier, text string) any {
	tag := asn1.TagUTF8String
	switch {
	case oid.Equal(oidCountry), oid.Equal(oidSerialNumber):
		return text // encoding/asn1 takes PrintableString where it fits
	case oid.Equal(oidEmail):
		tag = asn1.TagIA5String
	}
	return asn1.RawValue{Tag: tag, Bytes: []byte(text)}
}

// checkDNSName accepts what may stand in a certificate's dNSName (RFC 5280,
// section 4.2.1.6): letters, digits and hyphens in labels, at most a "*" as
// the whole first label. Other scripts are written as their xn-- form.
func checkDNSName(name string) error {
	bad := func(problem string) error {
		return fmt.Errorf("%q is no DNS name: %s; write it as in sso.example.com", name, problem)
	}
	if name == "" || len(name) > 253 {
		return bad("it has no or more than 253 characters")
	}
	for i, label := range strings.Split(name, ".") {
		if label == "*" && i == 0 && strings.Contains(name, ".") {
			continue
		}
		if label == "" || len(label) > 63 {
			return bad("a label has no or more than 63 characters")
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return bad("a label begins or ends with a hyphen")
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return bad("only letters, digits, hyphens and dots are allowed")
			}
		}
	}
	return nil
}

// generalNames are the choices of GeneralName by tag (RFC 5280, 4.2.1.6).
var generalNames = [...]string{"another-name", "e-mail address", "DNS name", "X.400 address", "directory name", "EDI party name", "URI", "IP address", "registered id"}

const dnsNameTag = 2

// requestedNames lists the DNS names that a CSR asks for. Go ignores the
// kinds of name that it does not know, so the extension is read here.
func requestedNames(csr *x509.CertificateRequest) ([]string, error) {
	var names []string
	for _, ext := range csr.Extensions {
		if !ext.Id.Equal(oidSAN) {
			continue
		}
		var all []asn1.RawValue
		if rest, err := asn1.Unmarshal(ext.Value, &all); err != nil || len(rest) > 0 {
			return nil, errors.New("the CSR's subjectAltName is malformed; revoke the CSR and create another")
		}
		for _, name := range all {
			if name.Class != asn1.ClassContextSpecific || name.Tag != dnsNameTag {
				return nil, fmt.Errorf("the CSR asks for a subjectAltName that is no DNS name (%s); only DNS names are certified: revoke the CSR and create one without it", nameKind(name))
			}
			if err := checkDNSName(string(name.Bytes)); err != nil {
				return nil, fmt.Errorf("the CSR's subjectAltName: %w", err)
			}
			names = append(names, string(name.Bytes))
		}
	}
	return names, nil
}

func nameKind(name asn1.RawValue) string {
	if name.Class == asn1.ClassContextSpecific && name.Tag < len(generalNames) {
		return generalNames[name.Tag]
	}
	return "unknown kind"
}

// grantedNames are the names that go into the certificate: the CSR's, in its
// order and spelling, each once. Both lists must name the same set: a name
// that only one side wants is somebody's mistake.
func grantedNames(requested, allowed []string) ([]string, error) {
	open := map[string]bool{}
	for _, name := range allowed {
		if err := checkDNSName(name); err != nil {
			return nil, fmt.Errorf("dns_names: %w", err)
		}
		open[strings.ToLower(name)] = true
	}
	var granted []string
	seen := map[string]bool{}
	for _, name := range requested {
		key := strings.ToLower(name)
		if !open[key] {
			return nil, fmt.Errorf("the CSR asks for the DNS name %q, which dns_names does not list; add it to dns_names, or create a CSR without it", name)
		}
		if !seen[key] {
			seen[key] = true
			granted = append(granted, name)
		}
	}
	for _, name := range allowed {
		if !seen[strings.ToLower(name)] {
			return nil, fmt.Errorf("dns_names lists %q, which the CSR does not ask for; create the CSR with it, or take it out of dns_names", name)
		}
	}
	return granted, nil
}
