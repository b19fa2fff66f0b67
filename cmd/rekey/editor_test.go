package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// languageServer names the environment variable with the script of
// yaml-language-server (npm), which node runs.
const languageServer = "REKEY_YAML_LANGUAGE_SERVER"

// editor is as much of an editor as a language server needs (Language Server
// Protocol 3.17, over standard input and output).
type editor struct {
	t      *testing.T
	folder string
	in     io.Writer
	writes sync.Mutex // of in: tests write, and the reader answers

	mu      sync.Mutex
	last    int
	answers map[int]chan json.RawMessage
	marks   map[string]chan []diagnostic // by URI
}

type diagnostic struct {
	Message string `json:"message"`
	Range   struct {
		Start, End struct{ Line, Character int }
	} `json:"range"`
}

type completion struct {
	Label         string          `json:"label"`
	InsertText    string          `json:"insertText"`
	Documentation json.RawMessage `json:"documentation"`
}

// message is any message of the protocol.
type message struct {
	ID     *json.RawMessage `json:"id,omitempty"`
	Method string           `json:"method,omitempty"`
	Params json.RawMessage  `json:"params,omitempty"`
	Result json.RawMessage  `json:"result,omitempty"`
	Error  json.RawMessage  `json:"error,omitempty"`
}

// openEditor starts the language server in a folder that holds the schema.
func openEditor(t *testing.T) *editor {
	t.Helper()
	server := os.Getenv(languageServer)
	node, err := exec.LookPath("node")
	if server == "" || err != nil {
		const missing = "needs node, and in " + languageServer + " the script of yaml-language-server (npm)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	e := &editor{t: t, folder: t.TempDir(), answers: map[int]chan json.RawMessage{}, marks: map[string]chan []diagnostic{}}
	schema, err := runner.Schema(steps.Catalogue(nil))
	if err == nil {
		err = os.WriteFile(filepath.Join(e.folder, "playbook.schema.json"), schema, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	cmd := exec.CommandContext(ctx, node, server, "--stdio")
	cmd.Dir, cmd.Stderr = e.folder, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.in = in
	read := make(chan struct{})
	go func() { defer close(read); e.read(bufio.NewReader(out)) }()
	t.Cleanup(func() {
		cancel()
		<-read
		cmd.Wait() // it was killed
	})
	e.request("initialize", map[string]any{"processId": os.Getpid(), "rootUri": nil, "capabilities": map[string]any{
		"workspace": map[string]any{"configuration": true, "didChangeConfiguration": map[string]any{"dynamicRegistration": true}},
		"textDocument": map[string]any{"publishDiagnostics": map[string]any{}, "completion": map[string]any{
			"completionItem": map[string]any{"snippetSupport": true, "documentationFormat": []string{"markdown"}}}},
	}})
	e.notify("initialized", map[string]any{})
	return e
}

// settings keep the server off the network: no store of schemas, and a proxy
// that is none.
var settings = map[string]any{
	"yaml": map[string]any{"validate": true, "completion": true, "hover": true, "schemaStore": map[string]any{"enable": false, "url": ""}},
	"http": map[string]any{"proxy": "http://127.0.0.1:9", "proxyStrictSSL": true},
}

// read takes the server's messages: answers, diagnostics, and its own
// questions, of which only the one for settings has an answer.
func (e *editor) read(r *bufio.Reader) {
	for {
		header, err := textproto.NewReader(r).ReadMIMEHeader()
		if err != nil {
			return
		}
		n, _ := strconv.Atoi(header.Get("Content-Length"))
		body := make([]byte, n)
		var m message
		if _, err := io.ReadFull(r, body); err != nil || json.Unmarshal(body, &m) != nil {
			return
		}
		switch {
		case m.Method == "textDocument/publishDiagnostics":
			var p struct {
				URI         string
				Diagnostics []diagnostic
			}
			if json.Unmarshal(m.Params, &p) == nil {
				e.marksOf(p.URI) <- p.Diagnostics
			}
		case m.Method == "workspace/configuration":
			var p struct{ Items []struct{ Section string } }
			json.Unmarshal(m.Params, &p)
			values := []any{}
			for _, item := range p.Items {
				values = append(values, settings[item.Section])
			}
			e.send(map[string]any{"id": m.ID, "result": values})
		case m.Method != "" && m.ID != nil:
			e.send(map[string]any{"id": m.ID, "result": nil})
		case m.ID != nil:
			id, _ := strconv.Atoi(string(*m.ID))
			e.mu.Lock()
			answer := e.answers[id]
			e.mu.Unlock()
			if answer != nil {
				answer <- slices.Concat(m.Result, m.Error)
			}
		}
	}
}

func (e *editor) marksOf(uri string) chan []diagnostic {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.marks[uri] == nil {
		e.marks[uri] = make(chan []diagnostic, 100)
	}
	return e.marks[uri]
}

func (e *editor) send(m map[string]any) {
	m["jsonrpc"] = "2.0"
	body, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	e.writes.Lock()
	defer e.writes.Unlock()
	fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(body), body)
}

func (e *editor) notify(method string, params any) {
	e.send(map[string]any{"method": method, "params": params})
}

func (e *editor) request(method string, params any) json.RawMessage {
	e.t.Helper()
	e.mu.Lock()
	e.last++
	id, answer := e.last, make(chan json.RawMessage, 1)
	e.answers[id] = answer
	e.mu.Unlock()
	e.send(map[string]any{"id": id, "method": method, "params": params})
	select {
	case result := <-answer:
		return result
	case <-time.After(patience):
		e.t.Fatalf("the language server does not answer %s", method)
	}
	return nil
}

// open opens a document with the modeline and the text, in which ‸ is the
// cursor, and returns its URI and the cursor.
func (e *editor) open(name, text string) (uri string, cursor map[string]any) {
	text = "# yaml-language-server: $schema=./playbook.schema.json\n" + text
	before, after, _ := strings.Cut(text, "‸")
	uri = "file://" + filepath.Join(e.folder, name)
	e.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{
		"uri": uri, "languageId": "yaml", "version": 1, "text": before + after}})
	return uri, map[string]any{"line": strings.Count(before, "\n"), "character": len(before) - strings.LastIndex(before, "\n") - 1}
}

func (e *editor) complete(name, text string) []completion {
	e.t.Helper()
	uri, cursor := e.open(name, text)
	result := e.request("textDocument/completion", map[string]any{"textDocument": map[string]any{"uri": uri}, "position": cursor})
	var list struct{ Items []completion }
	if err := json.Unmarshal(result, &list); err != nil {
		e.t.Fatalf("%v: %s", err, result)
	}
	return list.Items
}

// diagnosed returns what the server marks in a document.
func (e *editor) diagnosed(uri string) []diagnostic {
	e.t.Helper()
	select {
	case found := <-e.marksOf(uri):
		return found
	case <-time.After(patience):
		e.t.Fatal("the language server says nothing of ", uri)
	}
	return nil
}

// label finds a completion by its label.
func label(items []completion, label string) (completion, bool) {
	i := slices.IndexFunc(items, func(c completion) bool { return c.Label == label })
	if i < 0 {
		return completion{}, false
	}
	return items[i], true
}

func labels(items []completion) []string {
	var out []string
	for _, c := range items {
		out = append(out, c.Label)
	}
	return out
}

const editedHead = "rekey: 1\nplaybook: p\nversion: 1.0.0\n"

// TestEditor drives yaml-language-server with the schema as an editor does: it
// must offer what can stand at the cursor, and mark what cannot be right.
func TestEditor(t *testing.T) {
	e := openEditor(t)
	e.completes(t)
	e.marksFaults(t)
}

func (e *editor) completes(t *testing.T) {
	tests := map[string]struct {
		text  string
		offer []string // besides others
		only  bool     // nothing besides
	}{
		"playbook":  {"‸\n", []string{"rekey", "playbook", "version", "inputs", "steps", "rekey playbook"}, false},
		"step":      {"steps:\n  - id: a\n    ‸\n", []string{"if", "assert", "retry", "for_each", "steps", "update_app_kid", "get_key", "sign_with_local_ca"}, false},
		"block":     {"steps:\n  - id: a\n    steps:\n      - id: b\n        ‸\n", []string{"timeout", "concurrency", "revoke_csr"}, false},
		"new step":  {"steps:\n  - ‸\n", []string{"id", "step", "create_csr"}, false},
		"inputs":    {"steps:\n  - id: a\n    update_app_kid:\n      ‸\n", []string{"app", "kid", "update_app_kid"}, true},
		"nested":    {"steps:\n  - id: a\n    sign_with_local_ca:\n      ca:\n        ‸\n", []string{"certificate", "key", "passphrase"}, false},
		"enum":      {"steps:\n  - id: a\n    publish_csr:\n      encoding: ‸\n", []string{"der", "pem", "cer", "base64", "cer_base64"}, false},
		"retry":     {"steps:\n  - id: a\n    retry:\n      ‸\n", []string{"attempts", "delay", "max_delay"}, false},
		"warning":   {"steps:\n  - id: a\n    ignore:\n      ‸\n", []string{"unused-output"}, false},
		"an input":  {"inputs:\n  a:\n    ‸\n", []string{"type", "default", "pattern", "secret"}, false},
		"its type":  {"inputs:\n  a: {type: ‸}\n", []string{"string", "duration", "list(string)"}, false},
		"a failure": {"on_failure: ‸\n", []string{"rollback", "keep"}, false},
	}
	for name, test := range tests {
		text := test.text
		if name != "playbook" {
			text = editedHead + text
		}
		items := e.complete(strings.ReplaceAll(name, " ", "-")+".yaml", text)
		for _, want := range test.offer {
			if _, ok := label(items, want); !ok {
				t.Errorf("%s: %q is not offered, but %q", name, want, labels(items))
			}
		}
		for _, c := range items {
			if strings.ContainsAny(c.Label, "#/{") {
				t.Errorf("%s: %q is offered, which tells nobody anything", name, c.Label)
			}
			if test.only && !slices.Contains(test.offer, c.Label) {
				t.Errorf("%s: %q is offered and cannot stand there", name, c.Label)
			}
		}
		switch c, _ := label(items, "update_app_kid"); {
		case name != "step":
		case c.InsertText != "update_app_kid:\n  app: $1\n  kid: $2":
			t.Errorf("update_app_kid inserts %q without its required inputs", c.InsertText)
		case !strings.Contains(string(c.Documentation), "**Users notice:**"):
			t.Errorf("update_app_kid is explained by %s", c.Documentation)
		}
		if c, ok := label(items, "rekey playbook"); ok && c.InsertText != "rekey: 1\nplaybook: $1\nversion: 1.0.0\nsteps:\n  - id: $2" {
			t.Errorf("a new playbook is %q", c.InsertText)
		}
	}
}

func (e *editor) marksFaults(t *testing.T) {
	const step = "steps:\n  - id: a\n    "
	tests := []struct {
		text string // ‸ is where the mark begins; none: nothing is marked
		want string // its message
	}{
		{step + "generate_key: {app: $<inputs.app>, validity_years: $<inputs.years>}\n", ""},
		{step + "steps:\n      - id: b\n        list_keys: {app: a}\n", ""},
		{step + "update_app_kid: {app: a, kid: b, ‸kit: c}\n", "Property kit is not allowed."},
		{step + "list_keys: {app: a}\n    ‸iff: true\n", "Property iff is not allowed."},
		{step + "‸update_app_kit: {app: a, kid: b}\n", "Property update_app_kit is not allowed."},
		{step + "generate_key: {app: a, validity_years: ‸11}\n", "Value is above the maximum of 10."},
		{step + "generate_key: {app: a, validity_years: ‸two}\n", "write an int, or an expression: $<…>"},
		{step + "publish_csr: {app: a, csr_id: b, certificate: c, encoding: ‸derr}\n", `Value is not accepted. Valid values: "der", "pem", "cer", "base64", "cer_base64".`},
		{step + "‸list_keys: {}\n", "give exactly one of app and idp"},
		{step + "‸get_key: {app: a}\n", `Missing property "kid".`},
		{step + "steps: [{id: b, list_keys: {app: a}}]\n    ‸retry: {attempts: 2}\n", "retry and timeout belong to the steps of a block, not to the block"},
		{"inputs:\n  a: {type: bool, ‸min: 2}\n" + step + "list_keys: {app: a}\n", "Property min is not allowed."},
		{"inputs:\n  a: {type: string, secret: true, default: ‸x}\n" + step + "list_keys: {app: a}\n", "a secret has no literal default; null makes it optional"},
	}
	cursors := make([]map[string]any, len(tests))
	uris := make([]string, len(tests))
	for i, test := range tests {
		uris[i], cursors[i] = e.open(fmt.Sprintf("marks-%d.yaml", i), editedHead+test.text)
	}
	for i, test := range tests {
		found := e.diagnosed(uris[i])
		if test.want == "" {
			if len(found) > 0 {
				t.Errorf("%q is marked: %v", test.text, found)
			}
			continue
		}
		if !slices.ContainsFunc(found, func(d diagnostic) bool {
			return d.Message == test.want && d.Range.Start.Line == cursors[i]["line"] && d.Range.Start.Character == cursors[i]["character"]
		}) {
			t.Errorf("%q: want %q there, found %v", test.text, test.want, found)
		}
	}
}
