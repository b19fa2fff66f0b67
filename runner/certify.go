package runner

import (
	"math"
	"time"
)

// certificates collects those that a plan tells of, each once: a certificate
// that is issued, published and switched to is one, of which the last is said.
type certificates struct {
	list  []PlannedCertificate
	at    map[string]int // position in list, by what tells them apart
	facts map[string]int // position of the first of a key, by its kid
}

// rank orders what becomes of a certificate.
var rank = map[string]int{RoleIssued: 1, RoleNewKey: 2, RoleWillSign: 3}

// inUse makes room for the certificate that an owner signs with before the
// run; what it is like is filled in at the end.
func (c *certificates) inUse(owner, step string) {
	if _, again := c.at["now\x00"+owner]; !again {
		c.put("now\x00"+owner, PlannedCertificate{Owner: owner, Role: RoleSignsNow, Step: step})
	}
}

func (c *certificates) put(name string, cert PlannedCertificate) {
	if c.at == nil {
		c.at, c.facts = map[string]int{}, map[string]int{}
	}
	c.at[name] = len(c.list)
	if _, known := c.facts[cert.Kid]; !known && cert.Kid != "" && cert.Role != RoleSignsNow {
		c.facts[cert.Kid] = len(c.list)
	}
	c.list = append(c.list, cert)
}

// add takes up a certificate. One that the rehearsal made up is known by
// what was said of it when it was made.
func (c *certificates) add(cert PlannedCertificate, madeUp bool) {
	issued := "sha256\x00" + cert.SHA256
	name := issued
	if cert.Kid != "" {
		name = "kid\x00" + cert.Owner + "\x00" + cert.Kid
	}
	i, known := c.at[name]
	if !known && cert.SHA256 != "" && cert.Role != RoleIssuer {
		if i, known = c.at[issued]; known && c.list[i].Role == RoleIssued {
			c.at[name] = i
			c.facts[cert.Kid] = i
		} else {
			known = false
		}
	}
	if !known {
		if maker, ok := c.facts[cert.Kid]; madeUp && ok {
			from := c.list[maker]
			from.Owner, from.Role, from.Step = cert.Owner, cert.Role, cert.Step
			cert = from
		}
		c.put(name, cert)
		return
	}
	if was := &c.list[i]; rank[cert.Role] > rank[was.Role] {
		was.Owner, was.Role, was.Kid = cert.Owner, cert.Role, cert.Kid
	}
}

// certify takes up what a step told of certificates.
func (r *rehearsal) certify(s *PlannedStep, e Event) {
	for _, told := range e.certificates {
		c := told.PlannedCertificate
		c.Step = s.Step
		for _, text := range []*string{&c.Owner, &c.Kid, &c.Subject, &c.Issuer} {
			*text = r.learned.replace(*text)
		}
		madeUp := told.der == "" || r.learned.replace(told.der) != told.der
		switch {
		case madeUp:
			if c.SHA1 = ""; r.learned.replace(c.SHA256) == c.SHA256 {
				c.SHA256 = ""
			}
			c.SHA256 = r.learned.replace(c.SHA256)
		case r.spec.Offline && c.Role != RoleIssuer:
			c = PlannedCertificate{Owner: c.Owner, Role: c.Role, Step: c.Step, Kid: c.Kid}
		default:
			c.DaysLeft = daysLeft(c.NotAfter, r.spec.Clock.now())
		}
		if c.Role == RoleSignsNow {
			r.certificates.inUse(c.Owner, c.Step)
			continue
		}
		r.certificates.add(c, madeUp)
	}
}

// daysLeft is how many whole days a certificate is still valid.
func daysLeft(end, now time.Time) *int {
	if end.IsZero() {
		return nil
	}
	days := int(math.Floor(end.Sub(now).Hours() / 24))
	return &days
}

// certified are the certificates of the plan, now that every owner was read.
func (r *rehearsal) certified() (out []PlannedCertificate) {
	for _, c := range r.certificates.list {
		if c.Role == RoleSignsNow {
			if r.spec.InUse == nil || r.spec.Offline {
				continue
			}
			kid, der, ok := r.spec.InUse(c.Owner)
			if !ok {
				continue
			}
			c.Kid = kid
			c.take(der)
			c.DaysLeft = daysLeft(c.NotAfter, r.spec.Clock.now())
		}
		out = append(out, c)
	}
	return out
}
