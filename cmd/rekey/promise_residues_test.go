package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"example.com/rekey/playbooks"
	"example.com/rekey/runner"
)

// What a plan says that stays after a rollback is what the rollback of the whole
// run says, of every playbook: no more, such as what the run itself made and
// used up, and no less.
func TestPromiseStays(t *testing.T) {
	for _, playbook := range append(playbooks.Names(), "every-write") {
		t.Run(playbook, func(t *testing.T) {
			t.Parallel()
			o := plainOrg(t)
			w := watch(t, o.org, o.ids)
			args := o.inputs(t, w, playbook)
			if playbook == "every-write" {
				playbook = filepath.Join(w.dir, "every-write.yaml")
			}
			var plan struct {
				Body struct {
					Rollback struct{ Residues []runner.Residue }
				}
			}
			if err := json.Unmarshal(w.rekey(append([]string{"plan", playbook, "--format", "json"}, args...)...), &plan); err != nil {
				t.Fatal(err)
			}
			_, sent := w.carryOut(playbook, args)
			runs, err := os.ReadDir(filepath.Join(w.dir, "state", "runs"))
			if err != nil {
				t.Fatal(err)
			}
			w.rekey("rollback", runs[0].Name(), "--yes")
			var run struct{ Residues []runner.Residue }
			if err := json.Unmarshal(w.rekey("show", runs[0].Name(), "--format", "json"), &run); err != nil {
				t.Fatal(err)
			}
			sources := sent.replacer()
			texts := func(residues []runner.Residue) (out []string) {
				for _, r := range residues {
					out = append(out, fmt.Sprintf("%s %s of %s: %s, %s", r.Kind, sources.Replace(r.ID), sources.Replace(r.Owner), r.Effect, sources.Replace(r.Note)))
				}
				slices.Sort(out)
				return out
			}
			if planned, got := texts(plan.Body.Rollback.Residues), texts(run.Residues); !slices.Equal(planned, got) {
				t.Errorf("the rollback left\n%q\nthe plan says\n%q", got, planned)
			}
		})
	}
}
