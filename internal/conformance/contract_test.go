package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/yaml"
)

const (
	sdkModule    = "github.com/okta/okta-sdk-golang/v6"
	documentFile = ".generator/okta-management-APIs-oasv3-noEnums-inheritance.yaml"
)

// document is Okta's OpenAPI document. [reduce] takes examples out of it.
var document = sync.OnceValues(func() (whole map[string]any, err error) {
	dir, err := moduleDir(sdkModule)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(documentFile)))
	if err != nil {
		return nil, err
	}
	if text, err = yaml.YAMLToJSON(text); err != nil {
		return nil, err
	}
	err = json.Unmarshal(text, &whole)
	return whole, err
})

// contract is Okta's OpenAPI document, cut down to the operations that are
// judged and to what they refer to. Cut, it is without fault in the eyes of
// kin-openapi; whole, it refers to an example that it does not hold
// (AppCsrPkcs10Response) and has defaults that do not fit their schemas
// (AccessPolicy), all in parts by which nobody is judged.
var contract = sync.OnceValues(func() (*openapi3.T, error) {
	whole, err := document()
	if err != nil {
		return nil, err
	}
	cut, err := reduce(whole)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(cut)
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

// moduleDir is the folder of a module that go.mod requires, downloaded if need
// be. The go command checks it against go.sum.
func moduleDir(module string) (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var m struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &m); err == nil {
		err = jsonErr
	}
	if err != nil || m.Dir == "" {
		return "", fmt.Errorf("the module %s cannot be had: %v %s%s", module, err, m.Error, stderr.String())
	}
	return m.Dir, nil
}

// reduce keeps the operations of the table, the components that they reach and
// nothing else; examples, for which nobody is judged, go altogether. Servers go
// too: the sandbox has another address in each run.
func reduce(whole map[string]any) (map[string]any, error) {
	paths := map[string]any{}
	for _, op := range operations {
		if op.outside {
			continue
		}
		from, _ := whole["paths"].(map[string]any)[op.path].(map[string]any)
		verb := strings.ToLower(op.method)
		if from[verb] == nil {
			return nil, fmt.Errorf("it has no %s", op)
		}
		to, ok := paths[op.path].(map[string]any)
		if !ok {
			to = map[string]any{}
			paths[op.path] = to
		}
		to[verb] = from[verb]
		if from["parameters"] != nil {
			to["parameters"] = from["parameters"]
		}
	}
	dropExamples(paths, false)
	components, _ := whole["components"].(map[string]any)
	kept := map[string]any{"securitySchemes": components["securitySchemes"]}
	// What the judge looks up itself.
	start := map[string]any{"paths": paths, "error": map[string]any{"$ref": errorSchema}}
	if err := keep(start, components, kept); err != nil {
		return nil, err
	}
	return map[string]any{"openapi": whole["openapi"], "info": whole["info"], "paths": paths, "components": kept}, nil
}

const errorSchema = "#/components/schemas/Error"

// dropExamples takes out every example and examples of a part of the document.
// Below named stand members by names of their own, where "example" would be
// the name of a property.
func dropExamples(v any, named bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			if !named && (k == "example" || k == "examples") {
				delete(v, k)
				continue
			}
			dropExamples(child, !named && slices.Contains([]string{"properties", "mapping", "headers", "responses", "content"}, k))
		}
	case []any:
		for _, child := range v {
			dropExamples(child, false)
		}
	}
}

// keep copies the components that a part of the document refers to, and those
// that they refer to in turn. A discriminator's mapping holds references too.
func keep(v any, components, kept map[string]any) error {
	switch v := v.(type) {
	case string:
		ref, ok := strings.CutPrefix(v, "#/components/")
		if !ok {
			return nil
		}
		section, name, _ := strings.Cut(ref, "/")
		from, _ := components[section].(map[string]any)
		to, ok := kept[section].(map[string]any)
		if !ok {
			to = map[string]any{}
			kept[section] = to
		}
		switch {
		case to[name] != nil:
			return nil
		case from[name] == nil:
			return fmt.Errorf("the reference %s leads nowhere", v)
		}
		to[name] = from[name]
		dropExamples(to[name], false)
		return keep(to[name], components, kept)
	case map[string]any:
		for _, child := range v {
			if err := keep(child, components, kept); err != nil {
				return err
			}
		}
	case []any:
		for _, child := range v {
			if err := keep(child, components, kept); err != nil {
				return err
			}
		}
	}
	return nil
}
