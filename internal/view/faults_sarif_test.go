package view

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

func TestFileURI(t *testing.T) {
	for _, c := range []struct{ file, dir, want string }{
		{"a.yaml", "/w", "a.yaml"},
		{"./x/../a.yaml", "/w", "a.yaml"},
		{"sub/a b.yaml", "/w", "sub/a%20b.yaml"},
		{"/w/sub/a.yaml", "/w", "sub/a.yaml"},
		{"/w2/a.yaml", "/w", "file:///w2/a.yaml"},
		{"../a.yaml", "/w/x", "file:///w/a.yaml"},
		{"..a.yaml", "/w", "..a.yaml"},
		{"c:d.yaml", "/w", "c%3Ad.yaml"},
		{"a%20#?[x].yaml", "/w", "a%2520%23%3F%5Bx%5D.yaml"},
		{"日\xff\n.yaml", "/w", "%E6%97%A5%FF%0A.yaml"},
		{"rotate-app-key", "/w", "rotate-app-key"},
		{"x/a.yaml", "", "x/a.yaml"},
		{"/x/a.yaml", "", "file:///x/a.yaml"},
	} {
		got := fileURI(c.file, c.dir)
		if got != c.want {
			t.Errorf("fileURI(%q, %q) = %q, want %q", c.file, c.dir, got, c.want)
		}
		if _, err := url.Parse(got); err != nil {
			t.Error(err)
		}
	}
	for _, file := range nasty[:len(nasty)-1] {
		if file == "" || strings.Contains(file, "\x00") {
			continue
		}
		u, err := url.Parse(uriPath(file))
		if err != nil || u.Path != file || u.Scheme != "" || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q: %q: %v", file, uriPath(file), err)
		}
	}
}

func TestSARIFMessage(t *testing.T) {
	for text, want := range map[string]string{
		"plain":               "plain",
		"object {kid, key}":   "object {{kid, key}}",
		"{0}":                 "{{0}}",
		"xs[0] is no list":    "xs[0] is no list",
		`f[0](x) and \`:       `f\[0\](x) and \\`,
		"give [a, b] or {a}(": "give [a, b] or {{a}}(",
	} {
		if got := sarifMessage(text); got != want {
			t.Errorf("sarifMessage(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestCheckSARIF looks at the log with no help of the types that write it.
func TestCheckSARIF(t *testing.T) {
	good := Check{File: "good.yaml"}
	bad := Check{File: "/w/sub/bad.yaml", Source: []byte("\ufeffx: 日本 yy\r\n" + strings.Repeat("a", 300) + " here " + strings.Repeat("b", 300))}
	bad.Faults.Add(runner.Position{Line: 1, Column: 7}, "odd", "").Warning = "unused-output"
	bad.Faults.Add(runner.Position{Line: 2, Column: 302}, "wrong", "do")
	stdin := Check{File: "(stdin)", Stdin: true}
	stdin.Faults.Add(runner.Position{Line: 1, Column: 1}, "empty", "")
	unread := Check{File: "none.yaml", Unread: true}
	unread.Faults.Add(runner.Position{}, "there is none", "")
	log := sarifOf(t, good, bad, stdin, unread)
	for at, want := range map[string]any{
		"columnKind":                       "unicodeCodePoints",
		"tool.driver.name":                 "rekey",
		"tool.driver.version":              "1.2.3",
		"tool.driver.rules.0.id":           "invalid-playbook",
		"tool.driver.rules.1.id":           runner.Warnings()[0].Name,
		"invocations.0":                    map[string]any{"executionSuccessful": false},
		"artifacts.0.location.uri":         "good.yaml",
		"artifacts.1.location.uri":         "sub/bad.yaml",
		"artifacts.2.location.uri":         "(stdin)",
		"artifacts.2.location.description": map[string]any{"text": "standard input"},
		"results.0.ruleId":                 "unused-output",
		"results.0.level":                  "warning",
		"results.0.locations.0.physicalLocation.artifactLocation": map[string]any{"uri": "sub/bad.yaml", "index": 1.0},
		"results.0.locations.0.physicalLocation.region": map[string]any{
			"startLine": 1.0, "startColumn": 7.0, "endLine": 1.0, "endColumn": 9.0, "snippet": map[string]any{"text": "yy"}},
		"results.0.locations.0.physicalLocation.contextRegion": map[string]any{
			"startLine": 1.0, "startColumn": 1.0, "endLine": 1.0, "endColumn": 9.0, "snippet": map[string]any{"text": "x: 日本 yy"}},
		"results.1.ruleId":       "invalid-playbook",
		"results.1.ruleIndex":    0.0,
		"results.1.level":        "error",
		"results.1.message.text": "wrong\ncure: do",
		"results.1.locations.0.physicalLocation.contextRegion": map[string]any{
			"startLine": 2.0, "startColumn": 201.0, "endLine": 2.0, "endColumn": 355.0,
			"snippet": map[string]any{"text": strings.Repeat("a", 100) + " here " + strings.Repeat("b", 48)}},
		"results.2.locations.0.physicalLocation.artifactLocation": map[string]any{"uri": "(stdin)", "index": 2.0},
		"results.3.locations.0.physicalLocation":                  map[string]any{"artifactLocation": map[string]any{"uri": "none.yaml", "index": 3.0}},
	} {
		got, wanted := encoded(t, member(log, at)), encoded(t, want)
		if got != wanted {
			t.Errorf("%s is %s, want %s", at, got, wanted)
		}
	}
	if rule := member(log, "results.0.ruleIndex"); member(log, "tool.driver.rules."+encoded(t, rule)+".id") != "unused-output" {
		t.Errorf("ruleIndex %v", rule)
	}
	again := sarifOf(t, good, good)
	if n := len(member(again, "artifacts").([]any)); n != 1 {
		t.Errorf("a playbook given twice is %d artifacts", n)
	}
	if got := encoded(t, member(again, "results")); got != "[]" {
		t.Errorf("results of a good playbook: %s", got)
	}
	if got := member(again, "invocations.0.executionSuccessful"); got != true {
		t.Error("nothing failed, but the log says so")
	}
}

func TestSARIFDescriptionsFit(t *testing.T) {
	for _, rule := range sarifRules() {
		if n := len(rule.Full.Text); n == 0 || n > 1024 || !strings.HasSuffix(rule.Full.Text, ".") {
			t.Errorf("%s: %q", rule.ID, rule.Full.Text)
		}
	}
}

// sarifOf is the one run of the log of checks.
func sarifOf(t *testing.T, checks ...Check) any {
	t.Helper()
	var b bytes.Buffer
	if err := CheckSARIF(&b, checks, SARIF{Version: "1.2.3", Dir: "/w"}); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []any
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatal(err, log.Version, len(log.Runs))
	}
	return log.Runs[0]
}

// member is what stands at a path of names and indexes.
func member(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[part]
		case []any:
			var i int
			if json.Unmarshal([]byte(part), &i) != nil || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
