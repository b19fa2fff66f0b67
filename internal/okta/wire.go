package okta

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind tells the two kinds of owner apart.
type Kind string

const (
	App Kind = "app" // an app: Okta signs the assertions sent to it
	IdP Kind = "idp" // an identity provider: Okta signs the requests sent to it
)

// Owner is an app or an IdP that owns signing keys. ID is what Okta assigned;
// it may start with "-".
type Owner struct {
	Kind Kind
	ID   string
}

// String is the form of claims, residues and messages: "app/0oa…", "idp/0oa…".
func (o Owner) String() string { return string(o.Kind) + "/" + o.ID }

// Path is the owner's path in the API, "/api/v1/apps/…" or "/api/v1/idps/…",
// with the id escaped for use as one segment.
func (o Owner) Path() string {
	return "/api/v1/" + string(o.Kind) + "s/" + url.PathEscape(o.ID)
}

// ParseOwner reads the form that [Owner.String] writes.
func ParseOwner(s string) (Owner, error) {
	kind, id, _ := strings.Cut(s, "/")
	o := Owner{Kind: Kind(kind), ID: id}
	if err := o.check(); err != nil {
		return Owner{}, err
	}
	return o, nil
}

func (o Owner) check() error {
	if o.Kind != App && o.Kind != IdP {
		return fmt.Errorf("okta: %q is no kind of owner: use %q or %q", o.Kind, App, IdP)
	}
	return checkID(string(o.Kind)+" id", o.ID)
}

// checkID refuses what cannot be one segment of a path. "." and ".." survive
// escaping, and servers fold them away.
func checkID(what, id string) error {
	bad := func(r rune) bool {
		return r == '/' || r == '\\' || r == unicode.ReplacementChar || r == ' ' || !unicode.IsPrint(r)
	}
	switch {
	case id == "":
		return fmt.Errorf("okta: the %s is empty: give the id that Okta shows", what)
	case id == ".", id == "..", len(id) > 512, strings.ContainsFunc(id, bad):
		return fmt.Errorf("okta: %s is no %s: give the id that Okta shows, without path or blanks", clip(fmt.Sprintf("%q", id), 80), what)
	}
	return nil
}

// Key is a key credential: a JSON Web Key (RFC 7517) with Okta's additions
// (Okta: Application Key Credential). Any member may be absent. Times are as
// Okta writes them, see [ParseTime].
//
// Kid is opaque: it is not the thumbprint of anything. N and E of published
// samples do not always match the certificate; take the public key from
// [Key.Certificate].
type Key struct {
	Kid         string          `json:"kid,omitempty"`
	Kty         string          `json:"kty,omitempty"`
	Use         string          `json:"use,omitempty"`
	Alg         string          `json:"alg,omitempty"`
	KeyOps      []string        `json:"key_ops,omitempty"`
	Status      string          `json:"status,omitempty"`
	E           string          `json:"e,omitempty"` // base64url, no padding
	N           string          `json:"n,omitempty"` // base64url, no padding
	X5c         []string        `json:"x5c,omitempty"`
	X5t         string          `json:"x5t,omitempty"`
	X5tS256     string          `json:"x5t#S256,omitempty"` // base64url SHA-256 of x5c[0]'s DER
	X5u         string          `json:"x5u,omitempty"`
	Created     string          `json:"created,omitempty"`
	ExpiresAt   string          `json:"expiresAt,omitempty"`
	LastUpdated string          `json:"lastUpdated,omitempty"`
	Links       json.RawMessage `json:"_links,omitempty"`

	// Raw is the text of the JWK as it was received, white space between
	// tokens removed; nil in a key that was not decoded.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON reads a JWK. Names are matched exactly, a null counts as
// absent, and a number where a text belongs is taken by its digits: one
// published sample shows "n" so.
func (k *Key) UnmarshalJSON(data []byte) error {
	v, err := decodeValue(data)
	if err != nil {
		return err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("a key is %s instead of an object", kindName(v))
	}
	raw := jsontext.Value(bytes.Clone(data))
	if err := raw.Compact(); err != nil {
		return err
	}
	*k = Key{Raw: json.RawMessage(raw)}
	if l := m["_links"]; l != nil {
		k.Links = encode(l)
	}
	for _, t := range []struct {
		name string
		to   *string
	}{
		{"kid", &k.Kid}, {"kty", &k.Kty}, {"use", &k.Use}, {"alg", &k.Alg}, {"status", &k.Status}, {"e", &k.E}, {"n", &k.N},
		{"x5t", &k.X5t}, {"x5t#S256", &k.X5tS256}, {"x5u", &k.X5u},
		{"created", &k.Created}, {"expiresAt", &k.ExpiresAt}, {"lastUpdated", &k.LastUpdated},
	} {
		if *t.to, ok = textOf(m[t.name]); !ok {
			return fmt.Errorf("member %q is no text", t.name)
		}
	}
	if k.X5c, ok = textsOf(m["x5c"]); !ok {
		return errors.New(`member "x5c" is no list of texts`)
	}
	if k.KeyOps, ok = textsOf(m["key_ops"]); !ok {
		return errors.New(`member "key_ops" is no list of texts`)
	}
	return nil
}

func textOf(v any) (text string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case json.Number:
		return string(v), true
	}
	return "", false
}

func textsOf(v any) (texts []string, ok bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, v == nil
	}
	texts = make([]string, len(list))
	for i, e := range list {
		if texts[i], ok = e.(string); !ok {
			return nil, false
		}
	}
	return texts, true
}

// Certificate is the DER of the key's certificate: x5c[0], which is base64 of
// the standard alphabet (RFC 7517 §4.7), white space removed.
func (k Key) Certificate() (der []byte, err error) {
	if len(k.X5c) == 0 {
		return nil, fmt.Errorf("okta: key %q carries no certificate (x5c): read it again with GET …/credentials/keys/{kid}", k.Kid)
	}
	if der, err = decodeBase64(k.X5c[0]); err != nil {
		return nil, fmt.Errorf("okta: the certificate (x5c) of key %q is no base64: %w", k.Kid, err)
	}
	return der, nil
}

// CSR is a certificate signing request whose key pair Okta holds (Okta: CSR
// object). CSR.CSR is base64 of the PKCS#10 DER in the standard alphabet,
// without PEM armour.
type CSR struct {
	ID      string `json:"id,omitempty"`
	Created string `json:"created,omitempty"`
	CSR     string `json:"csr,omitempty"`
	Kty     string `json:"kty,omitempty"`
}

// DER is the request as PKCS#10 DER (RFC 2986). White space in the text is
// tolerated.
func (c CSR) DER() ([]byte, error) {
	if c.CSR == "" {
		return nil, fmt.Errorf("okta: CSR %q carries no request: read it again with GET …/credentials/csrs/{id}", c.ID)
	}
	der, err := decodeBase64(c.CSR)
	if err != nil {
		return nil, fmt.Errorf("okta: the text of CSR %q is no base64: %w", c.ID, err)
	}
	return der, nil
}

func decodeBase64(s string) ([]byte, error) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	der, err := base64.StdEncoding.DecodeString(s)
	if err == nil && len(der) == 0 {
		return nil, errors.New("nothing in it")
	}
	return der, err
}

// CSRRequest asks Okta for a key pair and its CSR (Okta: CSR metadata). No
// member is required.
type CSRRequest struct {
	Subject         Subject   `json:"subject"`
	SubjectAltNames *AltNames `json:"subjectAltNames,omitempty"`
}

// Subject is the distinguished name of a [CSRRequest].
type Subject struct {
	CommonName             string `json:"commonName,omitempty"`
	CountryName            string `json:"countryName,omitempty"`
	LocalityName           string `json:"localityName,omitempty"`
	OrganizationName       string `json:"organizationName,omitempty"`
	OrganizationalUnitName string `json:"organizationalUnitName,omitempty"`
	StateOrProvinceName    string `json:"stateOrProvinceName,omitempty"`
}

// AltNames are the subject alternative names of a [CSRRequest].
type AltNames struct {
	DNSNames []string `json:"dnsNames,omitempty"`
}

// CertificateBody is what publishing a CSR sends: the certificate in one of
// the forms that Okta takes, as it goes over the wire. There is no JSON form.
type CertificateBody struct {
	ContentType      string // TypeDER, TypeCER or TypePEM
	TransferEncoding string // Content-Transfer-Encoding: "" or Base64, the latter for DER and CER only
	Body             []byte
}

// The content types of a published certificate (Okta: Publish a CSR), and the
// transfer encoding that announces base64 text instead of binary.
const (
	TypeDER = "application/pkix-cert"      // DER
	TypeCER = "application/x-x509-ca-cert" // CER: the same DER bytes
	TypePEM = "application/x-pem-file"     // PEM
	Base64  = "base64"
)

// ErrorBody is the JSON of an answer that is no success (Okta: Error object).
type ErrorBody struct {
	Code    string       `json:"errorCode"`
	Summary string       `json:"errorSummary"`
	Link    string       `json:"errorLink"`
	ID      string       `json:"errorId"`
	Causes  []ErrorCause `json:"errorCauses"`
}

// ErrorCause is one of an error's causes, often the member that was refused.
type ErrorCause struct {
	Summary string `json:"errorSummary"`
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime writes a time as Okta does: "2017-03-15T00:03:43.000Z".
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// ParseTime reads a time of Okta's, which is RFC 3339 with or without a
// fraction. The result is in UTC.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("okta: %s is no time such as %s", clip(fmt.Sprintf("%q", s), 80), timeLayout)
	}
	return t.UTC(), nil
}
