package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaOf are the verbs whose JSON has a schema, with its name.
var schemaOf = map[string]string{"plan": "plan", "show": "run", "diff": "diff"}

// fitsSchema holds what `--format json` printed against its schema.
func fitsSchema(name string, text []byte) error {
	schema, err := schemas[name]()
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	address := "https://rekey.invalid/" + name // the name alone would be that of a file here, wherever that is
	if err := c.AddResource(address, document); err != nil {
		return err
	}
	compiled, err := c.Compile(address)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

// schemaFault says of a process of a script in what its JSON is not as the
// schema has it; nil: in nothing, or it printed none.
func schemaFault(args []string, stdout []byte) error {
	json := slices.Contains(args, "--format=json")
	for i := 1; i < len(args); i++ {
		json = json || args[i-1] == "--format" && args[i] == "json"
	}
	if !json || len(stdout) == 0 || schemaOf[args[0]] == "" {
		return nil
	}
	if err := fitsSchema(schemaOf[args[0]], stdout); err != nil {
		return fmt.Errorf("stdout is not as the schema of %s has it: %w", schemaOf[args[0]], err)
	}
	return nil
}

// What is held as the JSON of plans and of runs is as the schemas have it, and
// they refuse what is not.
func TestFacesFitSchemas(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/faces/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		name := "plan"
		if strings.HasPrefix(filepath.Base(path), "run-") {
			name = "run"
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := fitsSchema(name, text); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for other := range maps.Keys(schemas) {
			if other != name && fitsSchema(other, text) == nil {
				t.Errorf("%s is as the schema of %s has it", path, other)
			}
		}
		for _, change := range [][2]string{{`"format": 1`, `"format": 2`}, {`"step": "`, `"stepp": "`}, {`"playbook": "`, `"playbook": 1, "x": "`}} {
			if wrong := bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1); fitsSchema(name, wrong) == nil {
				t.Errorf("%s: the schema takes %s", path, change[1])
			}
		}
	}
}
