package typeschema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The types below stand in source as well, where their comments are.
const source = `package p

// Colour is a colour.
type Colour string

const (
	Red  Colour = "red"
	Blue Colour = "blue"
)

// Thing is what [Colour] things are.
type Thing struct {
	Base
	Colour Colour ` + "`json:\"colour\"`" + ` // how it looks, see [Thing.Next]
	Next   *Thing // the next
	other  int
}
`

type Colour string

type Base struct {
	Made time.Time `json:"made,omitzero"`
}

type Thing struct {
	Base
	Colour Colour           `json:"colour"`
	Next   *Thing           `json:"next,omitempty"`
	Many   map[string][]int `json:"many"`
	Any    any              `json:"any"`
	Hidden string           `json:"-"`
}

func TestMake(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := Make(Spec{Title: "things", Sample: Thing{}, Sources: []string{dir}, Constants: map[string]any{"Thing.any": 7}})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	thing := func() map[string]any {
		return map[string]any{
			"type": "object", "additionalProperties": false, "description": "what Colour things are", "required": []any{"any", "colour", "many"},
			"properties": map[string]any{
				"made":   map[string]any{"type": "string", "format": "date-time"},
				"colour": map[string]any{"type": "string", "enum": []any{"red", "blue"}, "description": "how it looks, see Thing.Next"},
				"next":   map[string]any{"allOf": []any{map[string]any{"$ref": "#/definitions/Thing"}}, "description": "the next"},
				"many":   map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "array", "items": map[string]any{"type": "integer"}}},
				"any":    map[string]any{"const": 7.0},
			},
		}
	}
	want := thing()
	want["$schema"], want["title"], want["$comment"] = "http://json-schema.org/draft-07/schema#", "things", ""
	want["definitions"] = map[string]any{"Thing": thing()}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s", text)
	}
}

func TestMakeRefuses(t *testing.T) {
	type odd struct {
		C chan int `json:"c"`
	}
	if _, err := Make(Spec{Sample: odd{}}); err == nil || !strings.Contains(err.Error(), "chan int") {
		t.Errorf("a channel yields %v", err)
	}
	if _, err := Make(Spec{Sample: Base{}, Sources: []string{filepath.Join(t.TempDir(), "none")}}); err == nil {
		t.Error("a folder that is not there yields no error")
	}
}
