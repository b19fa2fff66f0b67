package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaStep has a field of every kind that a step type can have.
type schemaStep struct {
	ID     string        `in:"id" doc:"an id"`
	Label  string        `in:"label" is:"optional" doc:"a label"`
	Kind   string        `in:"kind" is:"optional" enum:"a,b" doc:"a kind"`
	Count  int           `in:"count" range:"-9" default:"3" doc:"how many"`
	Pin    int           `in:"pin" is:"optional secret" doc:"a number nobody knows"`
	Sure   bool          `in:"sure" is:"optional" doc:"whether"`
	Wait   time.Duration `in:"wait" is:"optional" doc:"how long"`
	Until  time.Time     `in:"until" is:"optional" doc:"until when"`
	Tags   []string      `in:"tags" doc:"tags"`
	Nested []schemaInner `in:"nested" is:"optional" doc:"rows"`
}

type schemaInner struct {
	Left   string `in:"left" doc:"left"`
	Secret string `in:"secret" is:"optional secret" doc:"nobody knows"`
}

func (*schemaStep) Read(context.Context) error { return nil }

// schemaBare needs nothing.
type schemaBare struct {
	Label string `in:"label" is:"optional" doc:"a label"`
}

func (*schemaBare) Read(context.Context) error { return nil }

func schemaCatalogue(t *testing.T) *Catalogue {
	t.Helper()
	c, err := NewCatalogue(
		Type{Name: "all", Doc: "Everything.", New: func() any { return &schemaStep{} }},
		Type{Name: "bare", Doc: "Nothing.", New: func() any { return &schemaBare{} }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each kind of field takes its literals and expressions, and nothing else. The
// checker says the same of every value.
func TestSchemaOfFields(t *testing.T) {
	c := schemaCatalogue(t)
	text, err := Schema(c)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("s.json", document); err != nil {
		t.Fatal(err)
	}
	schema := compiler.MustCompile("s.json")
	const head = "rekey: 1\nplaybook: p\nversion: 1.0.0\ninputs: {d: {type: duration}, n: {type: int}, b: {type: bool}, l: {type: list(string)}, s: {type: string, secret: true}, p: {type: int, secret: true}}\nsteps:\n  - id: x\n"
	for values, good := range map[string]bool{
		"all: {id: a, tags: [b]}":         true,
		"all: {id: a, tags: $<inputs.l>}": true,
		"all: {id: a}":                    false,
		"all: {id: a, tags: [\"\"]}":      false,
		"all: {id: a, tags: [b], label: \"\", kind: null, count: null, sure: null}":    true,
		"all: {id: a, tags: [b], kind: c}":                                             false,
		"all: {id: a, tags: [b], count: 9}":                                            true,
		"all: {id: a, tags: [b], count: 10}":                                           false,
		"all: {id: a, tags: [b], count: $<inputs.n>}":                                  true,
		"all: {id: a, tags: [b], pin: 1234}":                                           false,
		"all: {id: a, tags: [b], pin: $<inputs.p>}":                                    true,
		"all: {id: a, tags: [b], sure: true}":                                          true,
		"all: {id: a, tags: [b], sure: \"yes\"}":                                       false,
		"all: {id: a, tags: [b], sure: $<inputs.b>}":                                   true,
		"all: {id: a, tags: [b], wait: $<inputs.d>}":                                   true,
		"all: {id: a, tags: [b], wait: 5s}":                                            false,
		"all: {id: a, tags: [b], until: $<run.started_at>}":                            true,
		"all: {id: a, tags: [b], until: 2026-01-15T12:00:00Z}":                         false,
		"all: {id: a, tags: [b], nested: [{left: c, secret: $<inputs.s>}, {left: d}]}": true,
		"all: {id: a, tags: [b], nested: [{left: c, secret: hunter2}]}":                false,
		"all: {id: a, tags: [b], nested: [{secret: $<inputs.s>}]}":                     false,
		"all: {id: a, tags: [b], nested: {left: c}}":                                   false,
		"bare:":              true,
		"bare: {}":           true,
		"bare: {label: b}":   true,
		"bare: {labels: b}":  false,
		"bare: []":           false,
		"bare: $<inputs.l>":  false,
		"bare: {label: [b]}": false,
	} {
		root, faults := ParseDocument("p.yaml", []byte(head+"    "+values+"\n"))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		p, faults := ParsePlaybook("p.yaml", []byte(head+"    "+values+"\n"))
		if faults.Err() == nil {
			_, faults = Check(p, c)
		}
		if err := schema.Validate(root.Any()); (err == nil) != good || (faults.Err() == nil) != good {
			t.Errorf("%s: the schema says %v, the checker %v", values, err, faults)
		}
	}
}

// The schema describes every key of the language and every step type, and is
// the same each time.
func TestSchemaDescribesEverything(t *testing.T) {
	text, err := Schema(schemaCatalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := Schema(schemaCatalogue(t)); !bytes.Equal(text, again) {
		t.Error("the schema differs from time to time")
	}
	type described struct {
		Description string
		Properties  map[string]described
		Definitions map[string]described
	}
	var root described
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	step := root.Definitions["step"]
	for _, part := range []struct {
		docs keyDocs
		in   described
	}{{playbookDocs, root}, {inputDocs, root.Definitions["input"]}, {stepDocs, step}, {retryDocs, step.Properties["retry"]}} {
		for _, key := range part.docs {
			if got := part.in.Properties[key.name].Description; got != key.doc {
				t.Errorf("%s is described as %q", key.name, got)
			}
		}
	}
	for _, w := range Warnings() {
		if got := root.Definitions["ignore"].Properties[w.Name].Description; !strings.HasPrefix(got, w.Summary) {
			t.Errorf("%s is described as %q", w.Name, got)
		}
	}
	all := step.Properties["all"]
	if all.Description != "Everything." || all.Properties["count"].Description != "how many" {
		t.Errorf("a step type is described as %+v", all)
	}
	w := &schemaWriter{}
	if w.properties(keyDocs{{"strange", "a new key"}}, nil); w.err == nil {
		t.Error("a key without a rule is no error")
	}
}
