package view

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// certificates are those that a run was about: the ones that its plan names,
// with what is known of them since, and what its actions made besides. One
// that never came to be is left out.
func certificates(run *runner.StoredRun, program *runner.Program) (all []runner.PlannedCertificate) {
	made, owner := map[string]*runner.PlannedCertificate{}, map[string]string{}
	acted := map[string]bool{}
	var order []string
	for _, e := range run.Events {
		if len(e.Claims) > 0 {
			owner[e.Step] = e.Claims[0]
		}
		acted[e.Step] = acted[e.Step] || e.Kind == runner.EvObserved
		if c := certificateOf(e.Out); c != nil {
			if made[e.Step] == nil {
				order = append(order, e.Step)
			}
			c.Step, c.Owner = e.Step, owner[e.Step]
			made[e.Step] = c
		}
	}
	listed := map[string]bool{} // by fingerprint
	if run.Plan != nil {
		yields := yieldsOf(run)
		for _, c := range run.Plan.Body.Certificates {
			c.Role, c.DaysLeft = cmp.Or(afterwards[c.Role], c.Role), nil
			for _, text := range []*string{&c.Owner, &c.Step, &c.Kid, &c.Subject, &c.Issuer, &c.SHA256, &c.SHA1} {
				*text = yields.text(*text)
			}
			for _, step := range order {
				m := made[step]
				if same := m.SHA256 == c.SHA256 || m.Kid != "" && m.Kid == c.Kid; same || c.SHA256 == "" && m.Step == c.Step {
					c.Subject, c.Issuer, c.NotBefore, c.NotAfter, c.SHA256, c.SHA1 = m.Subject, m.Issuer, m.NotBefore, m.NotAfter, m.SHA256, m.SHA1
					break
				}
			}
			if c.SHA256 != "" && !strings.Contains(c.SHA256, "$<") {
				listed[c.SHA256] = true
				all = append(all, c)
			}
		}
	}
	var more []runner.PlannedCertificate // a key that was published knows more of its certificate than who issued that
	for _, step := range slices.Backward(order) {
		if c := made[step]; !listed[c.SHA256] && acted[step] {
			listed[c.SHA256] = true
			c.Owner, c.Role = cmp.Or(c.Owner, "ca/"+c.Issuer), "made by "+typeOf(program, step)
			more = append(more, *c)
		}
	}
	slices.Reverse(more)
	return append(all, more...)
}

// afterwards is what a certificate was for, once its run is over: who looks at
// it then knows from the run's state what came of it.
var afterwards = map[string]string{
	runner.RoleSignsNow: "signed before", runner.RoleWillSign: "was to sign",
}

// typeOf is the type of a step, or that there was one.
func typeOf(program *runner.Program, step string) string {
	if program != nil {
		if s := program.Step(step); s != nil && s.Type != nil {
			return s.Type.Name
		}
	}
	return "the step"
}

// certificateOf is the certificate that a step yielded; nil if it is none.
func certificateOf(out map[string]any) *runner.PlannedCertificate {
	text, _ := out["certificate"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	c := runner.ReadCertificate(block.Bytes)
	if c.NotAfter.IsZero() {
		return nil
	}
	if kid, ok := out["kid"]; ok {
		c.Kid = fmt.Sprint(kid)
	}
	return &c
}
