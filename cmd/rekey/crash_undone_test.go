package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// undone checks that the org is as it was before the run but for the residues
// that the run lists: each of them is there, and nothing else.
func (w *world) undone(full picture) error {
	run, err := w.run()
	if err != nil {
		return err
	}
	var residues []runner.Residue
	if run != nil {
		residues = run.Residues
		if run.State != runner.StateRolledBack {
			return fmt.Errorf("the run is %s", run.State)
		}
	}
	text, err := w.dump()
	if err != nil {
		return err
	}
	var before, after dumped
	if err := errors.Join(json.Unmarshal(w.before, &before), json.Unmarshal(text, &after)); err != nil {
		return err
	}
	var faults []string
	var serials, files int
	for _, r := range residues {
		switch {
		case r.Perhaps:
			faults = append(faults, fmt.Sprintf("a residue may or may not be there: %+v", r))
		case r.Kind == "certificate" && r.Effect == runner.Added:
			serials++
		case r.Kind == "file" && r.Effect == runner.Added:
			files++
		case r.Effect == runner.Added:
			if err := after.take(r); err != nil {
				faults = append(faults, err.Error())
			}
		}
	}
	faults = append(faults, compareChanged("app/", before.Apps, after.Apps)...)
	faults = append(faults, compareChanged("idp/", before.IdPs, after.IdPs)...)
	if issued, err := w.issued(); err != nil || len(issued) != serials {
		faults = append(faults, fmt.Sprintf("the CA issued %d certificates, and the residues name %d (%v)", len(issued), serials, err))
	}
	if exported, err := w.exported(strings.Clone); err != nil || len(exported) != files {
		faults = append(faults, fmt.Sprintf("there are the files %q, and the residues name %d (%v)", exported, files, err))
	}
	faults = append(faults, w.tooMany(full)...)
	if faults == nil {
		return nil
	}
	return fmt.Errorf("%s\nresidues: %+v", strings.Join(faults, "\n"), residues)
}

// compareChanged is compare without the owners that are the same to the byte,
// which are most of them, for speed.
func compareChanged(kind string, before, after []dumpedOwner) []string {
	if len(before) != len(after) {
		return compare(kind, before, after, nil)
	}
	var b, a []dumpedOwner
	for i := range before {
		if !reflect.DeepEqual(before[i], after[i]) {
			b, a = append(b, before[i]), append(a, after[i])
		}
	}
	return compare(kind, b, a, nil)
}

// take takes away what a residue says was added.
func (o *dumped) take(r runner.Residue) error {
	owner, err := okta.ParseOwner(r.Owner)
	if err != nil {
		return err
	}
	owners := o.Apps
	if owner.Kind == okta.IdP {
		owners = o.IdPs
	}
	for i := range owners {
		if owners[i].ID != owner.ID {
			continue
		}
		list := &owners[i].Keys
		if r.Kind == "csr" {
			list = &owners[i].CSRs
		}
		for at, item := range *list {
			var is struct{ ID, Kid string }
			if json.Unmarshal(item, &is) == nil && (is.ID == r.ID || is.Kid == r.ID) {
				*list = slices.Delete(*list, at, at+1)
				return nil
			}
		}
	}
	return fmt.Errorf("a residue is not there: %+v", r)
}

// tooMany names the requests that make a key or a CSR of which more had an
// effect than in an uninterrupted run.
func (w *world) tooMany(full picture) (faults []string) {
	made := func(writes []string) map[string]int {
		n := map[string]int{}
		for _, write := range writes {
			if path, ok := strings.CutPrefix(write, "POST "); ok && !strings.Contains(path, "/lifecycle/") {
				path, _, _ = strings.Cut(path, "/credentials/")
				kind := " key"
				if strings.HasSuffix(write, "/csrs") {
					kind = " CSR"
				}
				n[path+kind]++
			}
		}
		return n
	}
	writes, err := w.written()
	if err != nil {
		return []string{err.Error()}
	}
	allowed := made(full.Writes)
	for what, n := range made(writes) {
		if n > allowed[what] {
			faults = append(faults, fmt.Sprintf("%d times a %s was made, and %d are to be", n, what, allowed[what]))
		}
	}
	return faults
}
