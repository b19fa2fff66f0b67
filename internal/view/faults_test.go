package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"example.com/rekey/runner"
)

// nasty are texts that break what does not escape, alone and in a row.
var nasty = []string{
	"plain", "é日😀", "a:b,c=d::e", "%", "%25%0A%3A", "\n::error::x\r\n", "\x1b[31m\u202e\u2028\x00\x7f\u0085", "\xff\xfe", "…", "",
	`"\{}{0}[a](1)`, "<a href='x'>&amp;</a>", "##[error]x", "$<steps.a>", "\t tab \t",
}

func hostileChecks() (all []Check) {
	texts := append(slices.Clone(nasty), strings.Join(nasty, ""))
	for _, text := range nasty {
		texts = append(texts, strings.Repeat(text, 3000))
	}
	for i, text := range texts {
		c := Check{File: "p" + text, Source: []byte("one\n" + text + "\n" + strings.ReplaceAll(text, "\n", " ")), Stdin: i%5 == 1}
		for _, at := range []runner.Position{{}, {Line: 1, Column: 1}, {Line: 2, Column: 3}, {Line: 3, Column: 900}, {Line: 9, Column: 9}} {
			c.Faults.Add(at, text, text)
			c.Faults.Add(at, text, "").Warning = "unused-output"
			c.Faults.Add(at, "m", text).Warning = text
		}
		all = append(all, c)
	}
	unread := Check{File: "no/such.yaml", Unread: true}
	unread.Faults.Add(runner.Position{}, `there is no playbook "no/such.yaml"`, "give another")
	return append(all, unread)
}

func TestCheckJSON(t *testing.T) {
	var b bytes.Buffer
	checks := hostileChecks()
	if err := CheckJSON(&b, checks); err != nil {
		t.Fatal(err)
	}
	for _, r := range string(harmlessJSON(b.Bytes())) {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("the document holds %U", r)
		}
	}
	var doc struct {
		Format int
		Files  []struct {
			File   string
			OK     bool
			Faults []json.RawMessage
		}
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil || doc.Format != 1 || len(doc.Files) != len(checks) {
		t.Fatal(doc.Format, len(doc.Files), err)
	}
	for i, file := range doc.Files {
		if file.File != string([]rune(checks[i].File)) { // bytes that are no UTF-8 are U+FFFD
			t.Errorf("file %q, want %q", file.File, checks[i].File)
		}
		if file.OK || len(file.Faults) != len(checks[i].Faults) {
			t.Errorf("%q: ok %v, %d faults", file.File, file.OK, len(file.Faults))
		}
		for _, raw := range file.Faults {
			if len(raw) >= 1024 {
				t.Errorf("a fault of %d bytes: %s", len(raw), raw)
			}
		}
	}
}

func TestFound(t *testing.T) {
	long := strings.Repeat("a ", 200) + "!" + strings.Repeat(" b", 200)
	for _, c := range []struct {
		name, source    string
		line, column    int
		wantEnd         int
		wantWord, wantS string
	}{
		{"a word", "a: $<steps.gen.kidd>", 1, 16, 20, "kidd", "a: $<steps.gen.kidd>"},
		{"wide runes, a byte order mark, CRLF", "\ufeffx: 1\r\n日本: é語-1 y\r\n", 2, 5, 9, "é語-1", "日本: é語-1 y"},
		{"no word", "a: {b}", 1, 4, 5, "{", "a: {b}"},
		{"behind the end", "ab", 1, 3, 3, "", "ab"},
		{"far behind the end", "ab", 1, 99, 99, "", "ab"},
		{"no such line", "ab", 7, 2, 2, "", ""},
		{"an empty document", "", 1, 1, 1, "", ""},
		{"a tab", "\ta\tb", 1, 2, 3, "a", "\ta\tb"},
		{"what does not print", "a\x1b\u202e b", 1, 2, 3, "␛", "a␛\ufffd b"},
		{"a long word", strings.Repeat("x", 100), 1, 11, 75, strings.Repeat("x", 64), strings.Repeat("x", 100)},
		{"a long line", long, 1, 401, 402, "!", "…" + strings.Repeat(" a", 50) + " !" + strings.Repeat(" b", 26) + "…"},
	} {
		check := Check{Source: []byte(c.source)}
		check.Faults.Add(runner.Position{Line: c.line, Column: c.column}, "m", "c")
		f := check.found()[0]
		if f.Line != c.line || f.Column != c.column || f.EndColumn != c.wantEnd || f.word != c.wantWord || f.Source != c.wantS {
			t.Errorf("%s: %d:%d-%d %q in %q", c.name, f.Line, f.Column, f.EndColumn, f.word, f.Source)
		}
	}
}

func TestJSONBytes(t *testing.T) {
	for _, text := range append(nasty, "\t\"\\") {
		text = visibleLine([]rune(text))
		var b bytes.Buffer
		if err := encode(&b, text, ""); err != nil {
			t.Fatal(err)
		}
		if got, want := jsonBytes(text), b.Len()-len(`""`)-1; got != want {
			t.Errorf("jsonBytes(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"abcdef", 6, "abcdef"}, {"abcdefg", 6, "abc…"}, {"日本語", 8, "日…"}, {`"""""`, 8, `""…`}, {"", 3, ""},
	} {
		if got := cut(c.text, c.limit, jsonBytes); got != c.want || jsonBytes(got) > c.limit {
			t.Errorf("cut(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestCheckTextWithWarnings(t *testing.T) {
	c := Check{File: "a.yaml", Source: []byte("x: y\n"), Program: &runner.Program{Playbook: &runner.Playbook{Name: "p", Version: "1.0.0"}}}
	c.Faults.Add(runner.Position{Line: 1, Column: 4}, "odd", "").Warning = "unused-output"
	var b bytes.Buffer
	if err := CheckText(&b, c); err != nil {
		t.Fatal(err)
	}
	want := "1:4: warning unused-output: odd\n  x: y\n     ^\na.yaml: ok (p 1.0.0, 0 steps), 1 warning\n"
	if b.String() != want || !c.OK() || c.Warnings() != 1 {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	c.Faults.Add(runner.Position{Line: 1, Column: 4}, "bad", "")
	b.Reset()
	if err := CheckText(&b, c); err != nil || !strings.HasSuffix(b.String(), "\na.yaml: 1 fault, 1 warning\n") || c.OK() {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// TestWarnings holds what the explanations promise: a fragment of a playbook,
// how to silence the warning, and lines that fit.
func TestWarnings(t *testing.T) {
	warnings := runner.Warnings()
	if !slices.IsSortedFunc(warnings, func(a, b runner.Warning) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the warnings are not sorted")
	}
	for _, w := range warnings {
		var b bytes.Buffer
		if err := WarningText(&b, w); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if !strings.HasPrefix(text, w.Name+": "+w.Summary+"\n\n") || strings.HasSuffix(w.Summary, ".") {
			t.Errorf("%s: begins with %q", w.Name, strings.SplitN(text, "\n", 2)[0])
		}
		_, ignore, _ := strings.Cut(w.Explain, "ignore:")
		if !strings.Contains(ignore, w.Name+": ") {
			t.Errorf("%s: it does not say how to silence it", w.Name)
		}
		if !strings.Contains(w.Explain, "\n\n    - id: ") || !strings.Contains(w.Explain, "sign-ins") {
			t.Errorf("%s: a fragment of a playbook, or why it matters, is missing", w.Name)
		}
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(line) > Width+1 {
				t.Errorf("%s: a long line: %s", w.Name, line)
			}
		}
	}
}

func ExampleCheckGitHub() {
	c := Check{File: "a, b.yaml", Source: []byte("x: 100%\n")}
	c.Faults.Add(runner.Position{Line: 1, Column: 4}, "100% is no int", "give 100")
	c.Faults.Add(runner.Position{Line: 1, Column: 1}, "odd", "").Warning = "unused-output"
	var b bytes.Buffer
	CheckGitHub(&b, []Check{c})
	fmt.Print(b.String())
	// Output:
	// ::error file=a%2C b.yaml,line=1,col=4,title=rekey::100%25 is no int%0Acure: give 100
	// ::warning file=a%2C b.yaml,line=1,col=1,title=rekey%3A unused-output::odd
}
