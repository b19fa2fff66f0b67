package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/playbooks"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// What a plan of an embedded playbook says that it takes is never more than
// what its steps were said to take before, and the same if each is carried out.
func TestScopesOfPlaybooks(t *testing.T) {
	env := map[string]string{"REKEY_STATE_DIR": t.TempDir()}
	for _, name := range playbooks.Names() {
		text, err := playbooks.Text(name)
		if err != nil {
			t.Fatal(err)
		}
		program, faults := compile(name, text)
		if faults.Err() != nil {
			t.Fatal(faults)
		}
		most := steps.Scopes(program)
		code, stdout, stderr := rekeyWith(t, env, "plan", name, "--sandbox", "--format", "json")
		var plan runner.Plan
		if err := json.Unmarshal([]byte(stdout), &plan); code != exitOK || err != nil || plan.Body.Access == nil {
			t.Fatalf("%s: exit %d, %v: %s", name, code, err, stderr)
		}
		said := plan.Body.Access.Scopes
		if !reflect.DeepEqual(said, most) {
			t.Errorf("%s: the plan says %q, the steps %q", name, said, most)
		}
		if !reflect.DeepEqual(plan.Body.Access, steps.AccessOf(said)) || len(okta.ReadScopes(said)) == 0 {
			t.Errorf("%s: %+v", name, plan.Body.Access)
		}
	}
}

// Without a write the scopes to read are all, and a step without an owner takes
// none.
func TestScopesOfSteps(t *testing.T) {
	for _, test := range []struct {
		steps string
		want  []string
	}{
		{"  - {id: a, get_app: {app: 0oa1}}\n", []string{"okta.apps.read"}},
		{"  - {id: a, list_keys: {idp: 0oa1}}\n", []string{"okta.idps.read"}},
		{"  - {id: a, export_certificate: {certificate: a, path: b}}\n", nil},
		{"  - {id: all, for_each: [\"x\"], as: app, revoke_csr: {app: $<app>, csr_id: c}}\n  - {id: a, list_keys: {idp: 0oa1}}\n",
			[]string{"okta.apps.manage", "okta.apps.read", "okta.idps.read"}},
		{"  - {id: all, steps: [{id: a, update_idp_kid: {idp: a, kid: b}}]}\n", []string{"okta.idps.manage", "okta.idps.read"}},
	} {
		program, faults := compile("it.yaml", []byte("rekey: 1\nplaybook: it\nversion: 1.0.0\nsteps:\n"+test.steps))
		if faults.Err() != nil {
			t.Fatal(faults)
		}
		if got := steps.Scopes(program); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s takes %q, not %q", test.steps, got, test.want)
		}
	}
}
