package runner

import (
	"bytes"
	"encoding/json"
	"strings"
)

// assign notes what the sources of a step would stand for.
func (r *rehearsal) assign(step *Step, name string) {
	for _, f := range step.Type.out {
		if f.Assigned {
			if r.assigned == nil {
				r.assigned = map[string]Assigned{}
			}
			r.assigned["steps."+name+"."+f.Name] = Assigned{Type: f.Type.String(), Meaning: f.Doc, By: step.Type.Name}
		}
	}
}

// nameSources lists in the plan what each source in it stands for.
func (r *rehearsal) nameSources() error {
	body := &r.plan.Body
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return err
	}
	known, longest := map[string]string{"run.id>": "run.id"}, 0 // by how they stand in the plan
	for name := range r.assigned {
		known[inJSON(name+">")] = name
	}
	for form := range known {
		longest = max(longest, len(form))
	}
	for rest := text.String(); ; {
		at := strings.Index(rest, "$<")
		if at < 0 {
			return nil
		}
		rest = rest[at+len("$<"):]
		for end := 1; end <= min(len(rest), longest); end++ { // a source may hold another
			name, ok := known[rest[:end]]
			if !ok {
				continue
			}
			if body.Assigned == nil {
				body.Assigned = map[string]Assigned{}
			}
			if body.Assigned[name] = r.assigned[name]; name == "run.id" {
				body.Assigned[name] = Assigned{Type: "string", Meaning: "the run's id", By: "run"}
			}
			break
		}
	}
}
