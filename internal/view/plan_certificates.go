package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/rekey/runner"
)

// certificateRow is a certificate of the plan, or those that the items of a
// loop meet in one role.
type certificateRow struct {
	role string
	all  []*runner.PlannedCertificate
	of   common // their owners and keys
	loop bool
}

// certificateRows puts the certificates of items together, those of one role
// that one step of the playbook meets.
func (t *planTree) certificateRows() []*certificateRow {
	return certificateRows(t.body.Certificates, t.namesOf)
}

// certificateRows is given what a step is called for all items that it is in.
func certificateRows(all []runner.PlannedCertificate, namesOf func(step string) aliases) (rows []*certificateRow) {
	at := map[string]*certificateRow{}
	for i := range all {
		c := &all[i]
		names := namesOf(c.Step)
		key := c.Role + "\x00" + names.name(c.Step)
		r := at[key]
		if r == nil || names == nil {
			r = &certificateRow{role: c.Role, loop: names != nil}
			rows = append(rows, r)
			at[key] = r
		}
		r.all = append(r.all, c)
		text := c.Owner
		if c.Kid != "" {
			text += ", key " + c.Kid
		}
		r.of.add(names.text(text))
	}
	return rows
}

// someCertificates is how many certificates outside of loops are shown.
const someCertificates = 12

// certificates shows those in use, chosen and to come.
func (p *planPage) certificates() {
	rows := p.tree.certificateRows()
	if len(rows) == 0 {
		return
	}
	p.line("\nCertificates")
	for i, r := range rows {
		if i == someCertificates && len(rows) > someCertificates+1 {
			p.line(fmt.Sprintf("  and %s more (--format json has all)", number(len(rows)-i)))
			return
		}
		prefix := fmt.Sprintf("  %-10s  ", Visible(r.role))
		if len(r.all) > 1 {
			p.common(prefix, fmt.Sprintf("%s (%s): %s", r.of.String(), number(len(r.all)), spans(r.all)))
			continue
		}
		c := r.all[0]
		text := r.of.String() + ": " + validity(c)
		if !p.details {
			p.common(prefix, text+by(c))
			continue
		}
		p.common(prefix, text)
		for _, fact := range facts(c) {
			p.line("                " + fact)
		}
	}
}

// by names, in short, whom a certificate that a CA issued is for, and the CA.
func by(c *runner.PlannedCertificate) string {
	if c.Role == runner.RoleIssuer || c.Subject == "" || c.Issuer == c.Subject {
		return ""
	}
	return "; " + commonName(c.Subject) + ", signed by " + commonName(c.Issuer)
}

// commonName is the common name in a name, or all of one that has none.
func commonName(dn string) string {
	for part := range strings.SplitSeq(dn, ",") {
		if strings.HasPrefix(part, "CN=") && !strings.HasSuffix(part, `\`) {
			return part
		}
	}
	return dn
}

// facts are all that is known of a certificate.
func facts(c *runner.PlannedCertificate) (out []string) {
	for _, f := range [][2]string{
		{"subject", c.Subject}, {"issuer", c.Issuer}, {"from", day(c.NotBefore)}, {"until", day(c.NotAfter)},
		{"SHA-256", c.SHA256}, {"SHA-1", c.SHA1},
	} {
		if f[1] != "" {
			out = append(out, fmt.Sprintf("%-7s  %s", f[0], Visible(f[1])))
		}
	}
	return out
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// validity says how long a certificate is valid.
func validity(c *runner.PlannedCertificate) string {
	switch {
	case c.NotAfter.IsZero():
		return "its certificate was not read"
	case c.DaysLeft == nil:
		return fmt.Sprintf("valid from %s to %s", day(c.NotBefore), day(c.NotAfter))
	case *c.DaysLeft < 0:
		return "EXPIRED on " + day(c.NotAfter)
	}
	return fmt.Sprintf("%s left, until %s", count(*c.DaysLeft, "day"), day(c.NotAfter))
}

// spans says how long several certificates are valid: of those in use, how
// many days are left at least and at most.
func spans(all []*runner.PlannedCertificate) string {
	var first, last *runner.PlannedCertificate
	expired, unread := 0, 0
	for _, c := range all {
		switch {
		case c.NotAfter.IsZero():
			unread++
			continue
		case c.DaysLeft != nil && *c.DaysLeft < 0:
			expired++
			continue
		}
		if first == nil || c.NotAfter.Before(first.NotAfter) {
			first = c
		}
		if last == nil || c.NotAfter.After(last.NotAfter) {
			last = c
		}
	}
	var out []string
	if expired > 0 {
		out = append(out, number(expired)+" EXPIRED")
	}
	switch {
	case first == nil:
	case day(first.NotAfter) == day(last.NotAfter):
		out = append(out, validity(first))
	case first.DaysLeft == nil || last.DaysLeft == nil: // those to come among them
		out = append(out, fmt.Sprintf("valid until %s to %s", day(first.NotAfter), day(last.NotAfter)))
	case expired > 0:
		out = append(out, fmt.Sprintf("the others %s to %s left", number(*first.DaysLeft), count(*last.DaysLeft, "day")))
	default:
		out = append(out, fmt.Sprintf("%s to %s left, least %s", number(*first.DaysLeft), count(*last.DaysLeft, "day"), first.Owner))
	}
	if unread > 0 {
		out = append(out, number(unread)+" not read")
	}
	return strings.Join(out, ", ")
}

// expired names the certificates that sign although they have expired, by the
// first few of their owners; empty: there are none.
func (t *planTree) expired() string {
	var owners []string
	for i := range t.body.Certificates {
		c := &t.body.Certificates[i]
		if c.Role == runner.RoleSignsNow && c.DaysLeft != nil && *c.DaysLeft < 0 && !slices.Contains(owners, c.Owner) {
			owners = append(owners, c.Owner)
		}
	}
	if len(owners) == 0 {
		return ""
	}
	return fmt.Sprintf("the %s in use of %s", plural(len(owners), "certificate", "certificates"), someOwners(owners))
}
