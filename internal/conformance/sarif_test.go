package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/xeipuuv/gojsonschema"
)

// checker is the command rekey in a folder with playbooks to check.
type checker struct{ program, dir string }

// newChecker copies the playbooks of testdata/check.
func newChecker(t *testing.T) (c checker, files []string) {
	t.Helper()
	program, err := command()
	if err != nil {
		t.Fatal(err)
	}
	c = checker{program, t.TempDir()}
	paths, err := filepath.Glob("../../testdata/check/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no playbooks in testdata/check: ", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c.write(t, filepath.Base(path), string(text))
		files = append(files, filepath.Base(path))
	}
	return c, files
}

func (c checker) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run checks playbooks, of which at least one is faulty.
func (c checker) run(t *testing.T, stdin, format string, files ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(c.program, append([]string{"check", "--format", format, "--"}, files...)...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.dir, strings.NewReader(stdin), &stdout, &stderr
	var exited *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exited) || exited.ExitCode() != 3 || stderr.Len() > 0 {
		t.Fatalf("check --format %s: %v\n%s", format, err, stderr.String())
	}
	return stdout.Bytes()
}

// oddNames are names of files that break what does not escape.
var oddNames = []string{
	"a b.yaml", "100%.yaml", "%41%0A.yaml", "c:d.yaml", "#frag?q=1.yaml", "[x](1).yaml", "{0}.yaml", "日本é.yaml", "\xff\xfe.yaml",
	"line\r\nbreak.yaml", "\x1b[31m\u202e.yaml", `quo"te'\.yaml`, "-flag.yaml", "<&>.yaml", "http:%2F%2Fx.yaml", "~+,;=@!$().yaml",
}

// oddText has faults whose messages, cures and lines repeat hostile texts.
const oddText = "rekey: 1\nplaybook: p\nversion: 1.0.0\n\"[a](1) {0} %0A::error::\": 1\n\"}}{{\\e[31m\\u202e\": 2\n" +
	"steps:\n  - {id: a, get_app: {\"x[0](y)\": 1, app: \"日本$<inputs.[0](1){x}>\"}}\n"

func TestSARIF(t *testing.T) {
	c, files := newChecker(t)
	for _, name := range oddNames {
		c.write(t, name, oddText)
		files = append(files, name)
	}
	outside := filepath.Join(t.TempDir(), "out side.yaml")
	if err := os.WriteFile(outside, []byte(oddText), 0o600); err != nil {
		t.Fatal(err)
	}
	files = append(files, outside, "nowhere{0}.yaml", "rotate-app-key")
	log := c.run(t, "", "sarif", files...)
	report, err := judgeSARIF(log)
	if err != nil {
		t.Fatal(err)
	}
	faults := c.faults(t, "", files...)
	if len(report.Runs) != 1 || len(report.Runs[0].Results) != len(faults) || len(faults) < len(files) {
		t.Fatalf("%d results for %d faults in %d playbooks", len(report.Runs[0].Results), len(faults), len(files))
	}
	for i, result := range report.Runs[0].Results {
		c.compare(t, report.Runs[0], result, faults[i])
	}
	for _, stdin := range []string{oddText, "", "\xff\x00"} {
		log := c.run(t, stdin, "sarif", "-")
		report, err := judgeSARIF(log)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(c.faults(t, stdin, "-")); n == 0 || len(report.Runs[0].Results) != n {
			t.Errorf("stdin %q: %d results, %d faults", stdin, len(report.Runs[0].Results), n)
		}
	}
	t.Run("judge", func(t *testing.T) { sarifJudgeSees(t, string(c.run(t, oddText, "sarif", "-"))) })
}

const sarifModule = "github.com/owenrumney/go-sarif/v3"

// sarifSchema is the JSON schema of SARIF 2.1.0 (OASIS) as go-sarif ships it,
// in a constant that it does not export. Its own Validate judges not a log but
// what it would write itself after reading it: members that it does not know
// are gone by then, and a language that nobody gave has become "".
var sarifSchema = sync.OnceValues(func() (*gojsonschema.Schema, error) {
	dir, err := moduleDir(sarifModule)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(gotoken.NewFileSet(), filepath.Join(dir, "pkg/report/v210/sarif/schema.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	text := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == gotoken.STRING && len(literal.Value) > len(text) {
			text, err = strconv.Unquote(literal.Value)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return gojsonschema.NewSchema(gojsonschema.NewStringLoader(text))
})

// judgeSARIF holds a log against the schema and reads it with go-sarif.
func judgeSARIF(log []byte) (*sarif.Report, error) {
	schema, err := sarifSchema()
	if err != nil {
		return nil, err
	}
	verdict, err := schema.Validate(gojsonschema.NewBytesLoader(log))
	if err != nil {
		return nil, err
	}
	if !verdict.Valid() {
		return nil, fmt.Errorf("%d violations: %v", len(verdict.Errors()), verdict.Errors())
	}
	return sarif.FromBytes(log)
}

// fault is one of check --format json.
type fault struct {
	File                          string
	Line, Column                  int
	EndColumn                     int `json:"end_column"`
	Severity, Name, Message, Cure string
}

func (c checker) faults(t *testing.T, stdin string, files ...string) (all []fault) {
	t.Helper()
	var doc struct {
		Files []struct {
			File   string
			Faults []fault
		}
	}
	if err := json.Unmarshal(c.run(t, stdin, "json", files...), &doc); err != nil {
		t.Fatal(err)
	}
	for i, file := range doc.Files {
		for _, f := range file.Faults {
			f.File = files[i] // JSON has no way to say bytes that are no UTF-8
			all = append(all, f)
		}
	}
	return all
}

// compare holds a result against the fault that it stands for, and its region
// and snippets against the file.
func (c checker) compare(t *testing.T, run *sarif.Run, result *sarif.Result, f fault) {
	t.Helper()
	rule := run.Tool.Driver.Rules[result.RuleIndex]
	name := f.Name
	if name == "" {
		name = "invalid-playbook"
	}
	if *result.RuleID != name || *rule.ID != name || result.Level != f.Severity || rule.DefaultConfiguration.Level != f.Severity {
		t.Errorf("%q: rule %s (%s), level %s, want %s", f.File, *result.RuleID, *rule.ID, result.Level, name)
	}
	place := result.Locations[0].PhysicalLocation
	uri := *place.ArtifactLocation.URI
	if file := c.fileOf(t, uri); file != f.File {
		t.Errorf("URI %s is %q, want %q", uri, file, f.File)
	}
	if at := *run.Artifacts[place.ArtifactLocation.Index].Location.URI; at != uri {
		t.Errorf("artifact %s, want %s", at, uri)
	}
	if got := plainMessage(t, *result.Message.Text); !strings.HasPrefix(got, f.Message) || !strings.Contains(got, f.Cure) {
		t.Errorf("%q: message %q, want %q (%s)", f.File, got, f.Message, f.Cure)
	}
	if f.Line == 0 {
		if place.Region != nil {
			t.Errorf("%q: a region without a line", f.File)
		}
		return
	}
	r := place.Region
	if *r.StartLine != f.Line || *r.EndLine != f.Line || *r.StartColumn != f.Column || *r.EndColumn != f.EndColumn {
		t.Errorf("%q: region %d:%d-%d, want %d:%d-%d", f.File, *r.StartLine, *r.StartColumn, *r.EndColumn, f.Line, f.Column, f.EndColumn)
	}
	c.snippet(t, f.File, r)
	if place.ContextRegion != nil {
		c.snippet(t, f.File, place.ContextRegion)
	}
}

// fileOf goes back from a URI reference to the file on the command line.
func (c checker) fileOf(t *testing.T, uri string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || u.Host != "" || u.IsAbs() != (u.Scheme == "file") {
		t.Errorf("URI %q: %v", uri, err)
		return ""
	}
	for _, r := range uri {
		if r > 0x7e || r <= 0x20 || strings.ContainsRune("\"<>\\^`{|}[]", r) {
			t.Errorf("URI %q holds %q (RFC 3986 §2)", uri, r)
		}
	}
	return u.Path
}

// snippet holds what a region says to be in a file against the file. Runes
// that do not print are replaced one for one.
func (c checker) snippet(t *testing.T, file string, r *sarif.Region) {
	t.Helper()
	if r.Snippet == nil {
		if *r.StartColumn != *r.EndColumn {
			t.Errorf("%q: no snippet", file)
		}
		return
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(c.dir, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return
	}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(text), "\ufeff")), "\n")
	line := []rune(lines[*r.StartLine-1])
	want, got := line[*r.StartColumn-1:*r.EndColumn-1], []rune(*r.Snippet.Text)
	if len(want) != len(got) {
		t.Errorf("%q: snippet %q, want %q", file, string(got), string(want))
		return
	}
	for i := range want {
		if got[i] != want[i] && unicode.IsPrint(want[i]) {
			t.Errorf("%q: snippet %q, want %q", file, string(got), string(want))
		}
	}
}

// plainMessage reads a message string by SARIF 2.1.0 §3.11.5 and §3.11.6:
// doubled braces are braces, a single one would be a placeholder, and nothing
// may read as a link.
func plainMessage(t *testing.T, text string) string {
	t.Helper()
	escaped := strings.Contains(text, `\[`) || strings.Contains(text, `\]`)
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '{' || c == '}':
			if i+1 == len(text) || text[i+1] != c {
				t.Errorf("a single brace in %q", text)
			}
			i++
			b.WriteByte(c)
		case c == '\\' && escaped && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case strings.HasPrefix(text[i:], "]("):
			t.Errorf("a link in %q", text)
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// sarifJudgeSees shows the judge logs that are wrong.
func sarifJudgeSees(t *testing.T, log string) {
	if _, err := judgeSARIF([]byte(log)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"version": "2.1.0"`, `"version": "2.0.0"`},
		{`"unicodeCodePoints"`, `"runes"`},
		{`"level": "error",`, `"level": "fatal",`},
		{`"startLine": `, `"startLine": -`},
		{`"name": "rekey",`, ``},
		{`"executionSuccessful": true`, `"successful": true`},
		{`"ruleIndex": 0,`, `"ruleIndex": -2,`},
		{`"roles":`, `"parts":`},
		{`"analysisTarget"`, `"target"`},
		{`"uri": "(stdin)"`, `"uri": "%zz"`},
	} {
		broken := strings.Replace(log, change[0], change[1], 1)
		if broken == log {
			t.Fatalf("the log has no %s", change[0])
		}
		if _, err := judgeSARIF([]byte(broken)); err == nil {
			t.Errorf("the judge takes %s for %s", change[1], change[0])
		}
	}
}
