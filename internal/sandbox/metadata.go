package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"example.com/rekey/internal/okta"
)

// appMetadata previews the metadata that a service provider of the app needs,
// for one key of the app, active or not (Okta: Preview the application SAML
// metadata).
func (s *Server) appMetadata(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	kid := rq.URL.Query().Get("kid")
	if kid == "" {
		return answer{}, missingParameter("kid", "give the kid of the key whose certificate the metadata shall carry")
	}
	if mode := w.object.Text("/signOnMode"); w.object != nil && !signs(mode) {
		return answer{}, notFound("SAML metadata of an app with the signOnMode "+mode, rq.owner.ID)
	}
	location := rq.link("/app/" + w.object.Text("/name") + "/" + rq.owner.ID + "/sso/saml")
	return rq.metadata(w, kid, "IDPSSODescriptor", `WantAuthnRequestsSigned="false"`, "SingleSignOnService", location)
}

// idpMetadata is what the partner's IdP needs to know of Okta as its service
// provider: the active key.
func (s *Server) idpMetadata(rq *request) (answer, error) {
	w, err := s.ownerOf(rq)
	if err != nil {
		return answer{}, err
	}
	if kind := w.object.Text("/type"); w.object != nil && kind != "SAML2" {
		return answer{}, notFound("SAML metadata of an IdP of the type "+kind, rq.owner.ID)
	}
	kid := w.active(okta.IdP)
	if kid == "" {
		return answer{}, notFound("Key", "the active key")
	}
	location := rq.link("/sso/saml2/" + rq.owner.ID)
	return rq.metadata(w, kid, "SPSSODescriptor", `AuthnRequestsSigned="true" WantAssertionsSigned="true"`, "AssertionConsumerService", location)
}

// metadata is an EntityDescriptor (SAML 2.0 Metadata) with one certificate.
func (rq *request) metadata(w *owner, kid, role, attributes, service, location string) (answer, error) {
	if !rq.accepts("text/xml") && !rq.accepts("application/xml") {
		return answer{}, badMediaType("Accept: send text/xml, the form of metadata")
	}
	const mediaType = "text/xml"
	if text, ok := w.metadata[kid]; ok {
		return newAnswer(http.StatusOK, mediaType, []byte(text)), nil
	}
	key, ok := w.key(kid)
	if !ok {
		return answer{}, notFound("Key", kid)
	}
	der, err := certificateOf(key)
	if err != nil {
		return answer{}, notFound("Certificate", kid)
	}
	uses := []string{"signing"}
	index := ""
	if role == "SPSSODescriptor" {
		uses, index = append(uses, "encryption"), ` index="0" isDefault="true"`
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"%s\">\n", escapeXML("urn:rekey-sandbox:"+rq.owner.ID))
	fmt.Fprintf(&b, "  <md:%s %s protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\n", role, attributes)
	for _, use := range uses {
		fmt.Fprintf(&b, "    <md:KeyDescriptor use=\"%s\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\n", use, base64.StdEncoding.EncodeToString(der))
	}
	b.WriteString("    <md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified</md:NameIDFormat>\n")
	fmt.Fprintf(&b, "    <md:%s Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"%s\"%s/>\n", service, escapeXML(location), index)
	fmt.Fprintf(&b, "  </md:%s>\n</md:EntityDescriptor>\n", role)
	return newAnswer(http.StatusOK, mediaType, []byte(b.String())), nil
}

func escapeXML(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // a Buffer takes everything
	return b.String()
}
