package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/rekey/internal/view"
)

// eventsSchema is the schema of events, as another program reads it.
func eventsSchema() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(view.EventsSchema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("events.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("events.json")
}

// events FILE [KIND…]: holds the events in a file against their schema, their
// numbers against the order, and their kinds, one of a row for all of it,
// against those given; a step's kind is its status.
func cmdEvents(ts *testscript.TestScript, _ bool, args []string) {
	schema, err := eventsSchema()
	ts.Check(err)
	text := ts.ReadFile(args[0])
	if !strings.HasSuffix(text, "\n") {
		ts.Fatalf("the last line is cut: %q", text[max(len(text)-80, 0):])
	}
	var kinds []string
	seq := 0
	for line := range strings.Lines(text) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		ts.Check(err)
		if err := schema.Validate(value); err != nil {
			ts.Fatalf("%s does not fit the schema: %v", line, err)
		}
		var told view.Told
		known := json.NewDecoder(strings.NewReader(line))
		known.DisallowUnknownFields()
		ts.Check(known.Decode(&told))
		if seq++; told.Seq != seq {
			ts.Fatalf("%s has not number %d", line, seq)
		}
		kind := string(told.Event)
		if told.Event == view.ToldStep {
			kind = told.Status
		}
		if len(kinds) == 0 || kinds[len(kinds)-1] != kind {
			kinds = append(kinds, kind)
		}
	}
	if got, want := strings.Join(kinds, " "), strings.Join(args[1:], " "); len(args) > 1 && got != want {
		ts.Fatalf("the events are\n%s\nwant\n%s", got, want)
	}
}

// TestEventsSchema: the schema knows each member and each kind of event, and no
// others.
func TestEventsSchema(t *testing.T) {
	var schema struct {
		Properties map[string]eventsMember
		OneOf      []struct {
			Properties map[string]struct {
				Const string
				Not   struct{ Enum []string }
			}
		}
	}
	if err := json.Unmarshal(view.EventsSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	sameMembers(t, "an event", reflect.TypeFor[view.Told](), schema.Properties)
	sameMembers(t, "write", reflect.TypeFor[view.ToldWrite](), schema.Properties["write"].Properties)
	sameMembers(t, "residues", reflect.TypeFor[view.ToldResidue](), schema.Properties["residues"].Items.Properties)
	var kinds, passed []string
	for _, one := range schema.OneOf {
		if event := one.Properties["event"]; event.Const != "" {
			kinds = append(kinds, event.Const)
		} else {
			passed = append(passed, event.Not.Enum...)
		}
	}
	var want []string
	for _, kind := range []view.ToldKind{view.ToldStarted, view.ToldPlanned, view.ToldBegun, view.ToldLoop, view.ToldStep, view.ToldItem, view.ToldWait,
		view.ToldWarning, view.ToldRollback, view.ToldInterrupted, view.ToldAlive, view.ToldEnded} {
		want = append(want, string(kind))
	}
	if !slices.Equal(kinds, want) || !slices.Equal(passed, want) {
		t.Errorf("the schema knows the events %v, and others than %v; want %v", kinds, passed, want)
	}
}

// eventsMember is a member in the schema, with those within it.
type eventsMember struct {
	Properties map[string]eventsMember
	Items      *eventsMember
}

// sameMembers holds the members of a type against those of the schema.
func sameMembers(t *testing.T, what string, of reflect.Type, schema map[string]eventsMember) {
	t.Helper()
	var members []string
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		members = append(members, name)
	}
	slices.Sort(members)
	if known := slices.Sorted(maps.Keys(schema)); !slices.Equal(known, members) {
		t.Errorf("%s has the members %v, and in the schema %v", what, members, known)
	}
}

// TestEventsGrow: who holds events against the schema of today is not stopped by
// what is added to them, as the form promises, but by what is wrong in them.
func TestEventsGrow(t *testing.T) {
	schema, err := eventsSchema()
	if err != nil {
		t.Fatal(err)
	}
	const head = `{"rekey_events":1,"seq":1,"time":"2026-01-15T12:00:00Z",`
	for line, fits := range map[string]bool{
		head + `"event":"interrupted","run":"r"}`:                                                                           true,
		head + `"event":"interrupted","run":"r","mood":"calm"}`:                                                             true,
		head + `"event":"sang","song":"of songs"}`:                                                                          true,
		head + `"event":"step","run":"r","step":"s","status":"done","write":{"method":"PUT","path":"/x","bytes":7}}`:        true,
		head + `"event":"step","run":"r","step":"s","status":"done","residues":[{"kind":"key","effect":"added","size":1}]}`: true,
		head + `"event":"step","run":"r","step":"s","status":"done","write":{"method":"PUT"}}`:                              false,
		head + `"event":"step","run":"r","step":"s"}`:                                                                       false,
		head + `"event":7}`: false,
		strings.Replace(head, `"rekey_events":1`, `"rekey_events":2`, 1) + `"event":"interrupted","run":"r"}`: false,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != fits {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestEventsFile: a file that is given for events is emptied only if it holds
// such, and everything else is left as it is.
func TestEventsFile(t *testing.T) {
	const event = `{"rekey_events":1,"seq":1}` + "\n"
	for name, c := range map[string]struct {
		text string
		kept bool
	}{
		"empty":     {"", false},
		"events":    {event + event, false},
		"cut short": {event[:5], false},
		"playbook":  {"rekey: 1\nplaybook: f\n", true},
		"plan":      {"{\n  \"header\": {}\n}\n", true},
		"short":     {"{}", true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			a := testApp()
			a.dress()
			a.eventsTo = path
			err := a.openEvents(t.Context(), "run")
			if err == nil {
				a.events.end(nil)
			}
			text, readErr := os.ReadFile(path)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if c.kept {
				if string(text) != c.text || exitCode(err) != exitInvalid {
					t.Errorf("it holds %q after %v", text, err)
				}
				return
			}
			if err != nil || !strings.HasPrefix(string(text), `{"rekey_events":1,"seq":1,`) || strings.Count(string(text), "\n") != 2 {
				t.Errorf("it holds %q after %v", text, err)
			}
		})
	}
}
