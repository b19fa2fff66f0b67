package runner

import (
	"context"
	"crypto/sha1" // names certificates as many service providers do, and protects nothing
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// PlannedCertificate is a certificate that the plan is about: one in use, one
// that is chosen, or one to come, of which only what is known stands here.
type PlannedCertificate struct {
	Owner     string    `json:"owner"`          // "app/0oa…", or "ca/" and the issuer's name
	Role      string    `json:"role"`           // what it is for: see the Role constants
	Step      string    `json:"step,omitempty"` // that met it first, or makes it
	Kid       string    `json:"kid,omitempty"`  // of its key, or the source of that
	Subject   string    `json:"subject,omitempty"`
	Issuer    string    `json:"issuer,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	SHA256    string    `json:"sha256,omitempty"` // fingerprints of the DER, in lower hex
	SHA1      string    `json:"sha1,omitempty"`
	DaysLeft  *int      `json:"days_left,omitempty"` // at the plan's clock; negative: expired
}

// What a certificate is for. A key that is made and then switched to will sign.
const (
	RoleSignsNow = "signs now" // of the key that the owner signs with before the run
	RoleWillSign = "will sign" // of the key that the run switches to
	RoleNewKey   = "new key"   // of a key that the run adds, and that does not sign yet
	RoleIssuer   = "issuer"    // the CA's own
	RoleIssued   = "issued"    // by the CA, and not published
)

// Certify tells the plan of a certificate. Outside of rehearsals it does
// nothing. The facts are taken from der, if there is one; of a certificate that
// only the run will make no fingerprint is planned.
func Certify(ctx context.Context, c PlannedCertificate, der []byte) {
	g, ok := ctx.Value(guardKey{}).(*guard)
	if !ok || !g.planning {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c.take(der)
	g.certificates = append(g.certificates, certified{c, string(der)})
}

// certified is a certificate with its DER, by which it is known whether the
// rehearsal made it up.
type certified struct {
	PlannedCertificate
	der string
}

// ReadCertificate is what a certificate, in DER, says of itself. Of one that
// cannot be parsed the fingerprints alone are known.
func ReadCertificate(der []byte) (c PlannedCertificate) {
	c.take(der)
	return c
}

func (c *PlannedCertificate) take(der []byte) {
	if len(der) == 0 {
		return
	}
	sum, short := sha256.Sum256(der), sha1.Sum(der)
	c.SHA256, c.SHA1 = hex.EncodeToString(sum[:]), hex.EncodeToString(short[:])
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	c.Subject, c.Issuer = distinguishedName(cert.RawSubject), distinguishedName(cert.RawIssuer)
	c.NotBefore, c.NotAfter = cert.NotBefore.UTC(), cert.NotAfter.UTC()
}

// oidEmail is the attribute emailAddress (RFC 2985, section 5.2.1), which
// certificates that an org signs by itself have and pkix writes as bytes.
var oidEmail = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

// distinguishedName is a name as RFC 4514 writes it, with emailAddress as a
// word; "" for one that is none.
func distinguishedName(der []byte) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return ""
	}
	var parts []string
	for _, set := range slices.Backward(rdns) {
		if len(set) == 1 && set[0].Type.Equal(oidEmail) {
			// The type is as long as a word, and the value is escaped as a CN's is.
			value := pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: set[0].Value}}}.String()
			parts = append(parts, "emailAddress="+strings.TrimPrefix(value, "CN="))
			continue
		}
		parts = append(parts, pkix.RDNSequence{set}.String())
	}
	return strings.Join(parts, ",")
}
