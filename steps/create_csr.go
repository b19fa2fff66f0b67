package steps

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "create_csr",
	Doc: "Has Okta make a key pair and a certificate signing request for it. The key is not among the owner's keys " +
		"until publish_csr brings its certificate.",
	Change: "make a key pair and its CSR for {owner}: {subject}, DNS names {dns_names}",
	Undo:   runner.UndoExact,
}, func(env *Env) any { return &CreateCSR{env: env} })

// Subject is the distinguished name asked for in a CSR.
type Subject struct {
	CommonName         string `in:"common_name" is:"optional" doc:"common name (CN)"`
	Country            string `in:"country" is:"optional" doc:"country (C), two letters"`
	Locality           string `in:"locality" is:"optional" doc:"city (L)"`
	Organization       string `in:"organization" is:"optional" doc:"organization (O)"`
	OrganizationalUnit string `in:"organizational_unit" is:"optional" doc:"department (OU)"`
	State              string `in:"state" is:"optional" doc:"state or province (ST)"`
}

// CreateCSR is the step type create_csr (Okta: Generate a CSR).
type CreateCSR struct {
	env      *Env
	Owner    `oneof:"app,idp"`
	Subject  Subject   `in:"subject" doc:"distinguished name of the certificate to come"`
	DNSNames []string  `in:"dns_names" is:"optional" doc:"DNS names of the certificate to come"`
	IDs      []string  `saw:"csrs" is:"loose" doc:"the CSRs before"`
	Looked   time.Time `saw:"looked" is:"loose" doc:"Okta's clock then"`
	CSROut
	Adopted bool `out:"adopted" doc:"found after a lost answer, so that it may be somebody else's"`
}

// Observe notes the CSRs that are there before.
func (s *CreateCSR) Observe(ctx context.Context) error {
	if s.Subject == (Subject{}) {
		return fmt.Errorf("the subject is empty: give at least common_name")
	}
	if _, err := s.env.signing(ctx, s.owner()); err != nil {
		return err
	}
	csrs, date, err := s.env.Okta.CSRs(ctx, s.owner())
	s.IDs, s.Looked = idsOf(csrs), date
	return err
}

// Do generates the CSR.
func (s *CreateCSR) Do(ctx context.Context) error {
	req := okta.CSRRequest{Subject: okta.Subject{
		CommonName: s.Subject.CommonName, CountryName: s.Subject.Country, LocalityName: s.Subject.Locality,
		OrganizationName: s.Subject.Organization, OrganizationalUnitName: s.Subject.OrganizationalUnit,
		StateOrProvinceName: s.Subject.State,
	}}
	if len(s.DNSNames) > 0 {
		req.SubjectAltNames = &okta.AltNames{DNSNames: s.DNSNames}
	}
	csr, err := s.env.Okta.GenerateCSR(ctx, s.owner(), req)
	if err != nil {
		return err
	}
	return s.take(csr)
}

// Undo revokes the CSR, and with it its key pair. One that is gone, because it
// was published, is none to revoke; one that was adopted may be somebody
// else's and stays.
func (s *CreateCSR) Undo(ctx context.Context) ([]runner.Residue, error) {
	if s.Adopted {
		if _, err := s.env.Okta.CSR(ctx, s.owner(), s.ID); okta.NotFound(err) {
			return nil, nil
		}
		return []runner.Residue{{Owner: s.owner().String(), Kind: "csr", ID: s.ID, Effect: runner.Added,
			Note: "found after a lost answer, it may be somebody else's: revoke it yourself if it is not"}}, nil
	}
	err := s.env.Okta.RevokeCSR(ctx, s.owner(), s.ID)
	if okta.NotFound(err) {
		err = nil
	}
	return nil, err
}

// Suspected is the CSR that may be there.
func (s *CreateCSR) Suspected(id string) []runner.Residue {
	r := runner.Residue{Owner: s.owner().String(), Kind: "csr", ID: id, Effect: runner.Added,
		Note: newcomer + ": revoke it yourself if it is not"}
	if id == "" {
		r.Note = fmt.Sprintf("look whether %s has a CSR made since %s that the step asked for, and revoke it", s.owner(), atSecond(s.Looked))
	}
	return []runner.Residue{r}
}

// Recover adopts the one new CSR for the subject and the names asked for that
// was made while the write can have taken effect.
func (s *CreateCSR) Recover(ctx context.Context) (runner.Verdict, error) {
	asked := s.env.Now()
	csrs, date, err := s.env.Okta.CSRs(ctx, s.owner())
	if err != nil {
		return runner.Verdict{}, err
	}
	var fit []string
	made := newWindow(ctx, s.Looked, asked, date)
	for _, c := range csrs {
		created, _ := okta.ParseTime(c.Created) // zero, not known, when it cannot be read
		if !slices.Contains(s.IDs, c.ID) && made.holds(created) && s.asksFor(c) {
			fit = append(fit, c.ID)
		}
	}
	if fit, err = s.env.strangers(fit); err != nil {
		return runner.Verdict{}, err
	}
	v := verdict("CSRs", s.owner(), fit)
	if v.Outcome == runner.Happened {
		err = s.adopt(csrs[slices.IndexFunc(csrs, func(c okta.CSR) bool { return c.ID == fit[0] })])
	}
	return v, err
}

// asksFor reports whether a CSR has the subject and the names of this step. One
// that cannot be read may have them.
func (s *CreateCSR) asksFor(c okta.CSR) bool {
	der, err := c.DER()
	if err != nil {
		return true
	}
	req, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return true
	}
	n := req.Subject
	got := Subject{
		CommonName: n.CommonName, Country: strings.Join(n.Country, "+"), Locality: strings.Join(n.Locality, "+"),
		Organization: strings.Join(n.Organization, "+"), OrganizationalUnit: strings.Join(n.OrganizationalUnit, "+"),
		State: strings.Join(n.Province, "+"),
	}
	return got == s.Subject && slices.Equal(folded(req.DNSNames), folded(s.DNSNames))
}

// folded is a set of DNS names in a form to compare: case does not matter in
// them (RFC 4343).
func folded(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Adopt takes the CSR with that id for the one generated. One that was there
// before is not.
func (s *CreateCSR) Adopt(ctx context.Context, id string) error {
	csrs, _, err := s.env.Okta.CSRs(ctx, s.owner())
	if err != nil {
		return err
	}
	ids := make([]string, len(csrs))
	for i, c := range csrs {
		ids[i] = c.ID
	}
	if err := s.env.adoptable("CSR", s.owner(), id, s.IDs, ids); err != nil {
		return err
	}
	return s.adopt(csrs[slices.Index(ids, id)])
}

func (s *CreateCSR) adopt(c okta.CSR) error {
	s.Adopted = true
	return s.take(c)
}
