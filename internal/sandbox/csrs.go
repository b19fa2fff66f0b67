package sandbox

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
)

const pkcs10Type = "application/pkcs10"

func (s *Server) listCSRs(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	csrs := []okta.Object{}
	for _, csr := range s.listed(rq.owner, w.csrs, "id") {
		csrs = append(csrs, rq.linkedCSR(csr))
	}
	return rq.jsonAnswer(http.StatusOK, csrs)
}

func (s *Server) getCSR(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	csr, ok := w.csr(rq.item)
	if !ok {
		return answer{}, notFound("CSR", rq.item)
	}
	return rq.csrAnswer(http.StatusOK, csr)
}

// csrAnswer answers a CSR as an object, or as bare PKCS#10 in base64 if the
// client prefers that. The latter carries no id.
func (rq *request) csrAnswer(status int, csr okta.Object) (answer, error) {
	switch rq.preferred("application/json", pkcs10Type) {
	case "":
		return answer{}, badMediaType("Accept: send application/json or %s", pkcs10Type)
	case pkcs10Type:
		a := newAnswer(status, pkcs10Type+"; filename=okta.p10", []byte(csr.Text("/csr")))
		a.header.Set("Content-Transfer-Encoding", "base64")
		return a, nil
	}
	return rq.jsonAnswer(status, rq.linkedCSR(csr))
}

// linkedCSR is a CSR with its links, unless it has some of its own.
func (rq *request) linkedCSR(csr okta.Object) okta.Object {
	if _, ok := csr["_links"]; ok {
		return csr
	}
	self := rq.link(rq.owner.Path() + "/credentials/csrs/" + url.PathEscape(csr.Text("/id")))
	csr = maps.Clone(csr)
	csr["_links"] = map[string]any{"self": href(self, "GET", "DELETE"), "publish": href(self+"/lifecycle/publish", "POST")}
	return csr
}

func href(url string, allow ...any) map[string]any {
	return map[string]any{"href": url, "hints": map[string]any{"allow": allow}}
}

func (s *Server) generateCSR(rq *request) (answer, error) {
	if _, err := s.ownerOf(rq); err != nil {
		return answer{}, err
	}
	if p := rq.jsonBody(); p != nil {
		return answer{}, p
	}
	metadata, err := csrMetadata(rq.body)
	if err != nil {
		return answer{}, err
	}
	if rq.preferred("application/json", pkcs10Type) == "" {
		return answer{}, badMediaType("Accept: send application/json or %s", pkcs10Type) // before the effect
	}
	csr, err := s.newCSR(metadata)
	if err != nil {
		return answer{}, err
	}
	if err := s.addCSR(rq.owner, csr, rq.hide); err != nil {
		return answer{}, err
	}
	return rq.csrAnswer(http.StatusCreated, csr)
}

// newCSR makes a key pair and a CSR for it.
func (s *Server) newCSR(metadata okta.CSRRequest) (okta.Object, error) {
	pair, err := s.opt.Keys.Key()
	if err != nil {
		return nil, err
	}
	var names []string
	if metadata.SubjectAltNames != nil {
		names = metadata.SubjectAltNames.DNSNames
	}
	der, err := pki.NewCSR(pair, subjectName(metadata.Subject), names)
	if err != nil {
		return nil, invalid("csr", "%v", err)
	}
	if err := s.org.keep(pair); err != nil {
		return nil, err
	}
	return okta.Object{
		"id": s.opt.IDs("csr"), "created": okta.FormatTime(s.opt.Now()), "kty": "RSA",
		"csr": base64.StdEncoding.EncodeToString(der),
	}, nil
}

// addCSR gives an owner one more CSR, which lists do not show for a while.
func (s *Server) addCSR(id okta.Owner, csr okta.Object, hide time.Duration) error {
	return s.org.update(id, func(w *owner) error {
		s.hide(id, csr.Text("/id"), hide)
		w.csrs = with(w.csrs, csr)
		return nil
	})
}

// csrMetadata reads the body of a CSR request; nothing in it is required, and
// unknown members are ignored.
func csrMetadata(body []byte) (okta.CSRRequest, error) {
	var m okta.CSRRequest
	if _, err := okta.DecodeObject(body); err != nil {
		return m, malformed(err)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return m, invalid("csr", "%s must not be a JSON %s", wrong.Field, wrong.Value)
		}
		return m, malformed(err)
	}
	return m, nil
}

func subjectName(s okta.Subject) pkix.Name {
	some := func(value string) []string {
		if value == "" {
			return nil
		}
		return []string{value}
	}
	return pkix.Name{
		CommonName: s.CommonName, Country: some(s.CountryName), Locality: some(s.LocalityName),
		Organization: some(s.OrganizationName), OrganizationalUnit: some(s.OrganizationalUnitName), Province: some(s.StateOrProvinceName),
	}
}

func (s *Server) revokeCSR(rq *request) (answer, error) {
	print, err := s.takeCSR(rq, func(*owner) error { return nil })
	if err != nil {
		return answer{}, err
	}
	s.org.forget(print)
	return answer{status: http.StatusNoContent, header: http.Header{}}, nil
}

// takeCSR removes the CSR that the path names, together with what change does
// to its owner, and returns the thumbprint of its public key.
func (s *Server) takeCSR(rq *request, change func(*owner) error) (string, error) {
	if _, err := s.ownerOf(rq); err != nil {
		return "", err
	}
	var print string
	err := s.org.update(rq.owner, func(w *owner) error {
		csr, ok := w.csr(rq.item)
		if !ok {
			return notFound("CSR", rq.item)
		}
		print = docThumbprint(csr)
		w.csrs = without(w.csrs, "id", rq.item)
		return change(w)
	})
	return print, err
}

// minValidity is the shortest validity, notAfter − notBefore, of a certificate
// that may be published (Okta: Publish a CSR).
const minValidity = 90 * 24 * time.Hour

// publishCSR turns a CSR and a certificate for it into a key. The CSR is gone
// afterwards; the key is not active.
func (s *Server) publishCSR(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	csr, ok := w.csr(rq.item)
	if !ok {
		return answer{}, notFound("CSR", rq.item)
	}
	der, err := publishedDER(rq.Header, rq.body)
	if err != nil {
		return answer{}, err
	}
	if err := checkPublished(csr, der); err != nil {
		return answer{}, err
	}
	if p := rq.wantsJSON(); p != nil {
		return answer{}, p // before the effect
	}
	key, err := newJWK(s.opt.IDs("kid"), der, s.opt.Now())
	if err != nil {
		return answer{}, err
	}
	_, err = s.takeCSR(rq, func(w *owner) error {
		s.hide(rq.owner, kidOf(key), rq.hide)
		w.keys = with(w.keys, key)
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	a, err := rq.jsonAnswer(http.StatusCreated, key)
	if err == nil {
		a.header.Set("Location", rq.link(rq.owner.Path()+"/credentials/keys/"+url.PathEscape(kidOf(key))))
	}
	return a, err
}

func checkPublished(csr okta.Object, der []byte) error {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return invalid("certificate", "this is no X.509 certificate in the announced form: send DER or CER in binary, or as base64 with the header Content-Transfer-Encoding: base64, or PEM")
	}
	request, err := requestOf(csr)
	if err != nil {
		return err
	}
	if public, ok := request.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(cert.PublicKey) {
		return invalid("certificate", "the certificate is not for the CSR's key: have the CA sign the CSR %s", csr.Text("/id"))
	}
	if cert.NotAfter.Sub(cert.NotBefore) < minValidity {
		return invalid("certificate", "the certificate must be valid for at least 90 days")
	}
	return nil
}

// publishedDER is the certificate in the body of a publish request (Okta:
// Publish a CSR). Base64 is taken in both alphabets, padded or not, wrapped or
// not, but only when the header announces it.
func publishedDER(header http.Header, body []byte) ([]byte, error) {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	encoding := strings.ToLower(strings.TrimSpace(header.Get("Content-Transfer-Encoding")))
	switch mediaType {
	case okta.TypeDER, okta.TypeCER:
		switch encoding {
		case "", "binary":
			return body, nil
		case okta.Base64:
			return anyBase64(body)
		}
		return nil, invalid("certificate", "the Content-Transfer-Encoding %q is unknown: send base64, or no such header", clip(encoding))
	case okta.TypePEM:
		if encoding == okta.Base64 {
			return nil, invalid("certificate", "PEM is sent without Content-Transfer-Encoding: base64, which is for DER and CER")
		}
		block, rest := pem.Decode(body)
		if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
			return nil, invalid("certificate", "the PEM must hold one block of the type CERTIFICATE and nothing after it")
		}
		return block.Bytes, nil
	}
	return nil, badMediaType("Content-Type: send the certificate as %s, %s or %s", okta.TypeDER, okta.TypeCER, okta.TypePEM)
}

func anyBase64(body []byte) ([]byte, error) {
	text := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		}
		return r
	}, string(body))
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, invalid("certificate", "the body is announced as base64 and is none")
	}
	return der, nil
}
