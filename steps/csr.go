package steps

import (
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
)

// CSROut is what a step yields of a CSR.
type CSROut struct {
	ID      string    `out:"id" is:"assigned" doc:"the CSR's id"`
	CSR     string    `out:"csr" is:"assigned" doc:"the request, PEM"`
	Created time.Time `out:"created" doc:"when Okta made it"`
	Kty     string    `out:"kty" doc:"type of its key, RSA"`
}

// take fills the outputs from a CSR.
func (out *CSROut) take(c okta.CSR) error {
	der, err := c.DER()
	if err != nil {
		return err
	}
	out.ID, out.CSR, out.Kty = c.ID, pki.CSRPEM(der), c.Kty
	out.Created, _ = okta.ParseTime(c.Created) // absent in some answers
	return nil
}

func idsOf(csrs []okta.CSR) []string {
	ids := make([]string, len(csrs))
	for i, c := range csrs {
		ids[i] = c.ID
	}
	return ids
}
