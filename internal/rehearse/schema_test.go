package rehearse

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/rekey/playbooks"
	"example.com/rekey/runner"
)

// planSchema is the published schema as a reader takes it that is not ours.
func planSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(runner.PlanSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	meta, err := c.Compile("http://json-schema.org/draft-07/schema")
	if err == nil {
		err = meta.Validate(document)
	}
	if err == nil {
		err = c.AddResource("plan.schema.json", document)
	}
	if err != nil {
		t.Fatalf("it is no JSON Schema: %v", err)
	}
	c.AssertFormat()
	schema, err := c.Compile("plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, data []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}

var sourceIn = regexp.MustCompile(`\$<([^<>]+)>`)

// The plan of every playbook, and one that fails, is what the schema says;
// it tells what each source in it stands for, and of no other.
func TestPlansAreWhatTheirSchemaSays(t *testing.T) {
	schema, sample := planSchema(t), sampleCA(t)
	texts := map[string]string{
		"fails": "rekey: 1\nplaybook: fails\nversion: 1.0.0\nsteps:\n- id: gen\n  generate_key: {app: none, validity_years: 2}\n",
		"runs":  "rekey: 1\nplaybook: runs\nversion: 1.0.0\ninputs: {app: {type: string}}\nsteps:\n- id: csr\n  create_csr: {app: $<inputs.app>, subject: {common_name: $<run.id>}}\n",
		"loops": "rekey: 1\nplaybook: loops\nversion: 1.0.0\ninputs: {app: {type: string}, target: {type: string}}\nsteps:\n- id: all\n  for_each: $<[inputs.app, \"none\"]>\n  as: app\n  max_failures: 1\n  steps:\n  - id: gen\n    generate_key: {app: $<app>, validity_years: 2}\n",
	}
	for _, name := range playbooks.Names() {
		texts[name] = embedded(t, name)
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			plan, _, _ := rehearsed(t, text, map[string]any{"kid": inactiveKid(t, name)}, sample)
			data, err := plan.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(t, schema, data); err != nil {
				t.Errorf("%v\n%s", err, data)
			}
			var body map[string]any
			if err := json.Unmarshal(data, &body); err != nil {
				t.Fatal(err)
			}
			found := map[string]bool{}
			for _, m := range sourceIn.FindAllStringSubmatch(string(data), -1) {
				found[m[1]] = true
				a, ok := plan.Body.Assigned[m[1]]
				if !ok || a.Type != "string" || a.Meaning == "" || a.By == "" {
					t.Errorf("%s stands for %+v", m[0], a)
				}
			}
			for name := range plan.Body.Assigned {
				if !found[name] {
					t.Errorf("%s is explained and stands nowhere", name)
				}
			}
		})
	}
}

// The schema refuses what is no plan.
func TestPlanSchemaRefuses(t *testing.T) {
	schema := planSchema(t)
	plan, _, _ := rehearsed(t, embedded(t, "activate-app-key"), map[string]any{"kid": inactiveKid(t, "app")}, sampleCA(t))
	data, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"format": 1`, `"format": 2`},
		{`"undo": "exact"`, `"undo": "maybe"`},
		{`"playbook":`, `"playbok":`},
		{`"days_left": `, `"days_left": 0.5`},
		{`"not_after": "`, `"not_after": "x`},
	} {
		changed := strings.Replace(string(data), change[0], change[1], 1)
		if changed == string(data) || validate(t, schema, []byte(changed)) == nil {
			t.Errorf("%s in place of %s passes", change[1], change[0])
		}
	}
}
