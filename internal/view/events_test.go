package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/rekey/runner"
)

// hardForJSON are texts in which a log finds a command, which a terminal obeys,
// or which look like an escape.
var hardForJSON = []string{
	"##[add-mask]x", `##\[x`, `\##[`, `##\u005b`, `##\\u005b`, "###[[", "##", "[1]", "",
	"\u009b2J", "a\u200fb\u200b", "\u202e\u2066", "\x7f\x1b\t\r\n\x00", "\u2028\u2029", "\u00a0\u00ad\ufeff", "\U000e0041\U0001f469\u200d\U0001f680",
	`\u202e`, `\\u202e`, "\\\u202e", `\`, `\"`, `\ud83d\ude00`, "é漢😀\ufffd", "<&>",
}

// TestHarmlessJSON: a log finds no command in JSON and a terminal nothing that
// does not print; it says the same as before, and can be made what it was.
func TestHarmlessJSON(t *testing.T) {
	for _, text := range hardForJSON {
		checkHarmless(t, text)
	}
}

func FuzzHarmlessJSON(f *testing.F) {
	for _, text := range hardForJSON {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkHarmless(t, strings.ToValidUTF8(text, "")) })
}

func checkHarmless(t *testing.T, text string) {
	t.Helper()
	var was, b bytes.Buffer
	if err := JSON(&was, map[string]any{text: text}); err != nil {
		t.Fatal(err)
	}
	if n, err := (HarmlessJSON{&b}).Write(was.Bytes()); n != was.Len() || err != nil {
		t.Fatal(n, err)
	}
	var got map[string]string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got[text] != text || strings.Contains(b.String(), "##[") {
		t.Errorf("%q is written as %s: %v", text, b.String(), err)
	}
	if at := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
		t.Errorf("%q is written as %q", text, b.String())
	}
	if back := AsEncoded(b.Bytes()); !bytes.Equal(back, was.Bytes()) {
		t.Errorf("%q comes back as %q, want %q", text, back, was.String())
	}
}

// TestTold: what programs are told of the items of a loop, of tries, of doubts
// and of what stays, and that all of it has the form that is published.
func TestTold(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(EventsSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("events.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := c.MustCompile("events.json")
	ambiguous, happened := &runner.Verdict{Outcome: runner.Ambiguous, Reason: "two are new"}, &runner.Verdict{Outcome: runner.Happened}
	doubts := []runner.Event{
		{Kind: runner.EvUnknown, Step: "fleet[a].gen", Error: "cut off", Write: &runner.Write{Method: "POST", Path: "/x"}},
		{Kind: runner.EvRecovered, Step: "fleet[a].gen", Verdict: ambiguous},
		{Kind: runner.EvRecovered, Step: "fleet[a].gen", Verdict: happened, Out: map[string]any{"id": "x"}},
		{Kind: runner.EvUndoFail, Step: "fleet[a].gen", Error: "no", Residues: []runner.Residue{{Owner: "app/a", Kind: "thing", ID: "x", Effect: runner.Added, Perhaps: true}}},
		{Kind: runner.EvRollback, Reason: "asked for", Warnings: []string{"##[add-mask]beware"}},
	}
	golden(t, "told.txt", func(b *bytes.Buffer) error {
		progress := NewProgress(fleetProgram(t))
		var events []runner.Event
		for _, e := range fleetRun(3, 3, runner.StateDoneWithFailures).Events {
			events = append(events, e.Event)
		}
		for _, e := range append(append(events, itemEvents()...), doubts...) {
			progress.Tell(e)
			for _, told := range progress.Told(e) {
				told.Format, told.Seq, told.Time, told.Run = EventsFormat, 1, at, "r1"
				line, err := told.Line()
				if err != nil {
					return err
				}
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
				if err == nil {
					err = schema.Validate(value)
				}
				if err != nil {
					t.Errorf("%s %v", line, err)
				}
				_, rest, _ := strings.Cut(string(line), `"event":`)
				b.WriteString(rest)
			}
		}
		return nil
	})
}
