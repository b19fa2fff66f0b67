package view

import (
	"context"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

type wideStep struct {
	Text  string    `in:"text" enum:"a,b" doc:"a choice"`
	Least int       `in:"least" range:"3-" doc:"at least three"`
	Most  int       `in:"most" range:"-9" default:"4" doc:"at most nine"`
	Flag  bool      `in:"flag" doc:"yes or no"`
	Lists []string  `in:"lists" doc:"some | of <them>"`
	Rows  []stepRow `in:"rows" out:"rows" doc:"rows"`
	Found string    `out:"found" is:"optional assigned" doc:"what was found"`
}

type stepRow struct {
	Left  string `in:"left" out:"left" doc:"the left one"`
	Right string `in:"right" out:"right" is:"optional" doc:"the right one"`
}

func (*wideStep) Read(context.Context) error { return nil }

type bareStep struct{}

func (*bareStep) Read(context.Context) error { return nil }

func stepTypes(t *testing.T) []*runner.Type {
	t.Helper()
	c, err := runner.NewCatalogue(
		runner.Type{Name: "everything", Doc: "Reads it. All of it.", New: func() any { return &wideStep{} }},
		runner.Type{Name: "nothing", Doc: "Reads nothing.", New: func() any { return &bareStep{} }})
	if err != nil {
		t.Fatal(err)
	}
	return []*runner.Type{c.Type("everything"), c.Type("nothing")}
}

func TestStepsText(t *testing.T) {
	const want = `everything (query)

  Reads it. All of it.

Inputs
  text   a choice (string; required; one of a, b)
  least  at least three (int; required; 3 or more)
  most   at most nine (int; default 4; 9 at most)
  flag   yes or no (bool; required)
  lists  some | of <them> (list(string); required)
  rows   rows (list of objects; required)
      left   the left one (string; required)
      right  the right one (string; optional)

Outputs
  rows   rows (list of objects)
      left   the left one (string)
      right  the right one (string; may be absent)
  found  what was found (string; may be absent; assigned)

Example
  - id: everything
    everything:
      text: a
      least: 3
      flag: true
      lists: [$<inputs.lists>]
      rows: [{left: $<inputs.left>}]

nothing (query)

  Reads nothing.

Example
  - id: nothing
    nothing: {}
`
	var got strings.Builder
	if err := StepsText(&got, stepTypes(t)); err != nil || got.String() != want {
		t.Errorf("%v\n%s", err, got.String())
	}
}

func TestStepsMarkdown(t *testing.T) {
	var got strings.Builder
	if err := StepsMarkdown(&got, stepTypes(t)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n## Keys of a step\n\n",
		"\n| `retry` | how often the step is tried again ",
		"\n| `steps` | ",
		"## Queries\n\n- [`everything`](#everything): Reads it\n",
		"| `lists` | list(string) | required | some \\| of &lt;them> |\n",
		"| `rows[].right` | string | optional | the right one |\n",
		"| `found` | string | may be absent; assigned | what was found |\n",
		"\n```yaml\n- id: nothing\n  nothing: {}\n```\n",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("%q is missing in\n%s", want, got.String())
		}
	}
	got.Reset()
	if err := StepsMarkdown(&got, stepTypes(t)[1:]); err != nil || got.String() != "# nothing\n\nA query. Reads nothing.\n\n```yaml\n- id: nothing\n  nothing: {}\n```\n" {
		t.Errorf("%v\n%s", err, got.String())
	}
}
