package okta

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// maxMetadata bounds the metadata of one app or IdP: a few KB with each of its
// certificates.
const maxMetadata = 1 << 20

// Metadata reads the SAML metadata, XML, that describes an app with the key
// kid, active or not: that is how a service provider gets a new certificate in
// time. For an IdP Okta offers the metadata of the active key only; kid must
// be that key's or "".
func (c *Client) Metadata(ctx context.Context, o Owner, kid string) ([]byte, error) {
	if o.Kind != IdP {
		return c.MetadataOf(ctx, o, nil, kid)
	}
	object, err := c.Object(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.MetadataOf(ctx, o, object, kid)
}

// MetadataOf is [Client.Metadata] of an owner that was read already. An app's
// object is not looked at.
func (c *Client) MetadataOf(ctx context.Context, o Owner, object Object, kid string) ([]byte, error) {
	path := o.Path() + "/sso/saml/metadata?" + url.Values{"kid": {kid}}.Encode()
	if o.Kind == IdP {
		active := object.Text(SigningPointer(IdP))
		if kid != "" && kid != active {
			return nil, fmt.Errorf("okta: %s: Okta gives an IdP's metadata for its active key %q only: activate %q first", o, active, kid)
		}
		var err error
		if path, err = c.local(object.Text("/_links/metadata/href")); err != nil {
			return nil, fmt.Errorf("okta: %s has no link to its metadata (_links.metadata): %w", o, err)
		}
	} else if err := errors.Join(o.check(), checkID("kid", kid)); err != nil {
		return nil, err
	}
	r := get(path)
	r.accept = "application/xml, text/xml"
	a, err := c.read(ctx, r, func(data []byte) error {
		if len(data) > maxMetadata {
			return fmt.Errorf("it has %d bytes: the metadata of one app or IdP has at most %d", len(data), maxMetadata)
		}
		if !bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(data, byteOrderMark)), []byte("<")) {
			return errors.New("it is no XML")
		}
		return nil
	})
	return a.body, err
}

var byteOrderMark = []byte("\ufeff")

// EntityMetadata is what a SAML metadata document says of an entity and of the
// certificates by which it is known (SAML V2.0 Metadata, sections 2.3.2 and
// 2.4.1.1). A certificate is DER and stands here once.
type EntityMetadata struct {
	EntityID   string
	Signing    [][]byte // of key descriptors for signing, or for any use
	Encryption [][]byte // of key descriptors for encryption, or for any use
}

const (
	nsMetadata   = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature  = "http://www.w3.org/2000/09/xmldsig#"
	maxXMLDepth  = 64
	maxXMLTokens = 100_000
)

// ParseMetadata reads the metadata of one entity. What nobody needs there and
// what makes XML dangerous, a document type, is refused.
func ParseMetadata(text []byte) (EntityMetadata, error) {
	if len(text) > maxMetadata {
		return EntityMetadata{}, fmt.Errorf("okta: this metadata has %d bytes, more than %d: it is not that of one app or IdP", len(text), maxMetadata)
	}
	p := metadataParser{}
	if err := p.parse(xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, byteOrderMark)))); err != nil {
		return EntityMetadata{}, fmt.Errorf("okta: this is no SAML metadata of one entity: %w", err)
	}
	return p.found, nil
}

// metadataParser walks through a document. The certificates that count are
// those of key descriptors; one in a signature of the document says nothing
// about the entity's keys.
type metadataParser struct {
	found  EntityMetadata
	path   []xml.Name
	use    string // of the key descriptor around
	keyAt  int    // its depth; 0: none
	certAt int    // the depth of the certificate around; 0: none
	text   strings.Builder
	tokens int
}

func (p *metadataParser) parse(dec *xml.Decoder) error {
	for {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && len(p.found.EntityID) > 0:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("it holds nothing")
		case err != nil:
			return fmt.Errorf("its XML cannot be read: %s", clip(err.Error(), 120))
		}
		if p.tokens++; p.tokens > maxXMLTokens {
			return fmt.Errorf("it has more than %d parts", maxXMLTokens)
		}
		switch t := token.(type) {
		case xml.Directive:
			return errors.New("it has a document type, which metadata needs not")
		case xml.CharData:
			if p.certAt > 0 {
				p.text.Write(t)
			}
		case xml.StartElement:
			if err := p.open(t); err != nil {
				return err
			}
		case xml.EndElement:
			if err := p.shut(); err != nil {
				return err
			}
		}
	}
}

func (p *metadataParser) open(e xml.StartElement) error {
	p.path = append(p.path, e.Name)
	depth := len(p.path)
	switch {
	case depth > maxXMLDepth:
		return fmt.Errorf("it is nested deeper than %d", maxXMLDepth)
	case depth == 1 && (e.Name != xml.Name{Space: nsMetadata, Local: "EntityDescriptor"} || p.found.EntityID != ""):
		return fmt.Errorf("it begins with %s instead of EntityDescriptor", clip(e.Name.Local, 60))
	case depth == 1:
		if p.found.EntityID = attribute(e, "entityID"); p.found.EntityID == "" {
			return errors.New("its EntityDescriptor has no entityID")
		}
	case e.Name == xml.Name{Space: nsMetadata, Local: "KeyDescriptor"} && p.keyAt == 0:
		p.keyAt, p.use = depth, attribute(e, "use")
	case e.Name == xml.Name{Space: nsSignature, Local: "X509Certificate"} && p.keyAt > 0 && p.certAt == 0:
		p.certAt = depth
		p.text.Reset()
	}
	return nil
}

func (p *metadataParser) shut() error {
	depth := len(p.path)
	switch depth {
	case p.keyAt:
		p.keyAt = 0
	case p.certAt:
		p.certAt = 0
		der, err := decodeBase64(p.text.String())
		if err != nil {
			return fmt.Errorf("a certificate in it is no base64: %w", err)
		}
		if p.use != "encryption" {
			p.found.Signing = withCertificate(p.found.Signing, der)
		}
		if p.use != "signing" {
			p.found.Encryption = withCertificate(p.found.Encryption, der)
		}
	}
	p.path = p.path[:depth-1]
	return nil
}

func withCertificate(all [][]byte, der []byte) [][]byte {
	if slices.ContainsFunc(all, func(c []byte) bool { return bytes.Equal(c, der) }) {
		return all
	}
	return append(all, der)
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name == (xml.Name{Local: name}) {
			return a.Value
		}
	}
	return ""
}
