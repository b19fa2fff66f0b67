package view

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// command is a workflow command as GitHub's runner understands it.
type command struct {
	name, data string
	properties map[string]string
}

// parseCommand reads a line the way the runner does: "::", a name, a blank and
// properties "key=value" with commas between, "::", data. Values are
// unescaped, %25 last.
func parseCommand(line string) (command, error) {
	c := command{properties: map[string]string{}}
	rest, ok := strings.CutPrefix(line, "::")
	if !ok {
		return c, fmt.Errorf("no command: %q", line)
	}
	head, data, ok := strings.Cut(rest, "::")
	if !ok {
		return c, fmt.Errorf("no data: %q", line)
	}
	name, properties, _ := strings.Cut(head, " ")
	c.name, c.data = name, strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(data)
	for _, property := range strings.Split(properties, ",") {
		key, value, ok := strings.Cut(property, "=")
		if _, twice := c.properties[key]; !ok || twice {
			return c, fmt.Errorf("property %q in %q", property, line)
		}
		c.properties[key] = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(value)
	}
	return c, nil
}

func TestCheckGitHub(t *testing.T) {
	checks := hostileChecks()
	var b bytes.Buffer
	if err := CheckGitHub(&b, checks); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	n := 0
	for _, c := range checks {
		for i, f := range c.found() {
			if n == len(lines) {
				t.Fatal("too few commands")
			}
			testCommand(t, lines[n], c, i, f)
			n++
		}
	}
	if n != len(lines) {
		t.Errorf("%d commands, want %d", len(lines), n)
	}
}

func testCommand(t *testing.T, line string, check Check, i int, f found) {
	t.Helper()
	for _, r := range line {
		if !unicode.IsPrint(r) && r != '\t' {
			t.Errorf("%q holds %U", line, r)
		}
	}
	if len(line) >= 1024 {
		t.Errorf("a command of %d bytes", len(line))
	}
	c, err := parseCommand(line)
	if err != nil {
		t.Fatal(err)
	}
	if c.name != f.Severity {
		t.Errorf("command %s for a fault that is a %s", c.name, f.Severity)
	}
	file, hasFile := c.properties["file"]
	where := ""
	switch {
	case check.Stdin:
		where = Visible(check.File)
		if f.Line > 0 {
			where += fmt.Sprintf(":%d:%d", f.Line, f.Column)
		}
		where += ": "
		fallthrough
	case check.Unread:
		if hasFile || c.properties["line"] != "" {
			t.Errorf("%q names a file", line)
		}
	case strings.HasPrefix(file, "…"):
		if !strings.HasSuffix(shownPath(check.File), strings.TrimPrefix(file, "…")) || len(check.File) < 100 {
			t.Errorf("file %q for %q", file, check.File)
		}
	case file != shownPath(check.File):
		t.Errorf("file %q, want %q", file, check.File)
	}
	if line, _ := strconv.Atoi(c.properties["line"]); hasFile && line != f.Line {
		t.Errorf("line %d, want %d", line, f.Line)
	}
	want := where + f.Message
	if f.Cure != "" {
		want += "\ncure: " + f.Cure
	}
	cutAt, wasCut := strings.CutSuffix(c.data, "…")
	if c.data != want && strings.TrimRight(want, " ") != c.data && !(wasCut && strings.HasPrefix(want, cutAt)) {
		t.Errorf("fault %d: data %q, want %q", i, c.data, want)
	}
}

// shownPath is a path with everything but line breaks made visible.
func shownPath(path string) string {
	path = Visible(string([]rune(path)))
	return strings.NewReplacer("␊", "\n", "␍", "\r").Replace(path)
}

// TestEscapes holds the escapes against GitHub's rules by going back.
func TestEscapes(t *testing.T) {
	for _, text := range nasty {
		line := "::error title=" + escapeProperty(text) + "::" + escapeData(text)
		c, err := parseCommand(line)
		if err != nil || strings.ContainsAny(line, "\r\n") || c.properties["title"] != text || c.data != text {
			t.Errorf("%q came back as %q and %q (%v)", text, c.properties["title"], c.data, err)
		}
	}
}
