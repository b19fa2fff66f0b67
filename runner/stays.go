package runner

import (
	"maps"
	"slices"
)

// thing is what an owner holds.
type thing struct{ owner, id string }

// stays are the residues without those of what the run itself had made: whatever
// became of that, it was not there before. What was found after a lost answer
// may be somebody else's, and counts as such.
func (r *StoredRun) stays(residues []Residue) []Residue {
	gone := func(res Residue) bool { return traceOf(res.Owner, res.Kind, res.ID, res.Effect).effect == Destroyed }
	if !slices.ContainsFunc(residues, gone) {
		return residues
	}
	made := r.made()
	return slices.DeleteFunc(residues, func(res Residue) bool { return gone(res) && made[thing{res.Owner, res.ID}] })
}

// made is what the writes of the run made, by the ids that they were answered
// with: those that the step had not been given, nor seen before.
func (r *StoredRun) made() map[thing]bool {
	made, claims, known := map[thing]bool{}, map[string][]string{}, map[string]map[string]bool{}
	for _, e := range r.Events {
		switch {
		case e.Kind == EvInputs:
			claims[e.Step], known[e.Step] = e.Claims, map[string]bool{}
			texts(known[e.Step], e.In)
		case e.Kind == EvObserved && known[e.Step] != nil:
			texts(known[e.Step], e.Saw)
		case e.Kind == EvDone && e.Write != nil:
			for v := range maps.Values(e.Out) {
				id, text := v.(string)
				if !text || known[e.Step][id] {
					continue
				}
				for _, owner := range claims[e.Step] {
					made[thing{owner, id}] = true
				}
			}
		}
	}
	return made
}

// texts adds all texts in a JSON-like value to a set.
func texts(set map[string]bool, v any) {
	switch v := v.(type) {
	case string:
		set[v] = true
	case []any:
		for _, e := range v {
			texts(set, e)
		}
	case map[string]any:
		for _, e := range v {
			texts(set, e)
		}
	}
}
