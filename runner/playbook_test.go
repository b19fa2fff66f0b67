package runner

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

const rotation = `# yaml-language-server: $schema=./playbook.schema.json
rekey: 1                          # language version
playbook: rotate-app-csr
version: 1.0.0
description: Rotate a key.
inputs:
  app:      {type: string, description: the app's id}
  days:     {type: int, default: 730, min: 91}
  activate: {type: bool, default: false, description: switch at once}
  ca_pass:  {type: string, secret: true, default: null}
  out:      {type: string, default: ., description: folder}
vars:
  subject: {common_name: "$<inputs.app>.saml.example.com", country: US}
on_failure: keep
steps:
  - id: csr
    name: ask for a key pair
    create_csr: {app: $<inputs.app>, subject: $<vars.subject>}
  - id: look
    get_app:
  - id: activate
    if: $<inputs.activate>
    assert: [$<steps.csr.id != "">, $<true>]
    update_app_kid: {app: $<inputs.app>, kid: $<steps.publish.kid>}
outputs:
  kid: $<steps.publish.kid>
`

func TestParsePlaybook(t *testing.T) {
	p, faults := ParsePlaybook("p.yaml", []byte(rotation))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if p.File != "p.yaml" || p.Name != "rotate-app-csr" || p.Version != "1.0.0" || p.Description != "Rotate a key." || p.OnFailure != "keep" {
		t.Errorf("header: %+v", p)
	}
	if p.Digest() != fmt.Sprintf("%x", sha256.Sum256([]byte(rotation))) {
		t.Error("the digest is not that of the text")
	}
	var inputs []string
	for _, in := range p.Inputs {
		inputs = append(inputs, fmt.Sprintf("%s %v %v %v %v", in.Name, in.Type, in.HasDefault, in.Default, in.Secret))
	}
	want := "app string false <nil> false|days int true 730 false|activate bool true false false|ca_pass string true <nil> true|out string true . false"
	if got := strings.Join(inputs, "|"); got != want {
		t.Errorf("inputs:\n got %s\nwant %s", got, want)
	}
	if days := p.Inputs[1]; *days.Min != 91 || days.Max != nil || days.Pos != (Position{8, 3}) {
		t.Errorf("days: %+v", days)
	}
	if len(p.Vars) != 1 || p.Vars[0].Key.Value != "subject" || len(p.Outputs) != 1 || p.Outputs[0].Key.Value != "kid" {
		t.Errorf("vars %v, outputs %v", p.Vars, p.Outputs)
	}
	if len(p.Steps) != 3 {
		t.Fatalf("%d steps", len(p.Steps))
	}
	csr, look, activate := p.Steps[0], p.Steps[1], p.Steps[2]
	if csr.ID != "csr" || csr.Name != "ask for a key pair" || csr.Type != "create_csr" || csr.TypePos != (Position{18, 5}) ||
		csr.Pos != (Position{16, 5}) || csr.With.Get("app").Value != "$<inputs.app>" || csr.If != nil || csr.Assert != nil {
		t.Errorf("csr: %+v", csr)
	}
	if look.Type != "get_app" || look.With.Kind != Map || len(look.With.Entries) != 0 {
		t.Errorf("look: %+v", look)
	}
	if activate.If.Value != "$<inputs.activate>" || len(activate.Assert) != 2 {
		t.Errorf("activate: %+v", activate)
	}
	if p, _ := ParsePlaybook("", []byte("rekey: 1\nplaybook: a\nversion: 1.0.0\nsteps: [{id: a, assert: $<true>, t: }]\n")); p.OnFailure != "rollback" || len(p.Steps[0].Assert) != 1 {
		t.Errorf("defaults: %+v", p)
	}
}

// frame makes a whole playbook; its first line is line 1.
func frame(head, steps string) string {
	if head == "" {
		head = "rekey: 1\nplaybook: p\nversion: 1.0.0\n"
	}
	if steps == "" {
		steps = "steps: [{id: a, t: {}}]\n"
	}
	return head + steps
}

func TestPlaybookFaults(t *testing.T) {
	inputs := func(text string) string {
		return frame("rekey: 1\nplaybook: p\nversion: 1.0.0\ninputs:\n", text+"steps: [{id: a, t: {}}]\n")
	}
	for _, c := range []struct{ name, text, want string }{
		{"list", "- a\n", "1:1: a playbook is a mapping, this is a list"},
		{"empty mapping", "{}", "1:1: rekey, the language version, is missing\n1:1: playbook is missing\n1:1: version is missing\n1:1: steps is missing"},
		{"not first", frame("playbook: p\nrekey: 1\nversion: 1.0.0\n", ""), "1:1: rekey, the language version, does not come first"},
		{"other language", "rekey: 2\nfuture: x\n", "1:8: language version 2 is not known here"},
		{"language text", frame("rekey: '1'\nplaybook: p\nversion: 1.0.0\n", ""), "1:8: the language version is a number, this is a string"},
		{"name", frame("rekey: 1\nplaybook: My_P\nversion: 1.0.0\n", ""), `2:11: playbook "My_P" is not of the right form`},
		{"version", frame("rekey: 1\nplaybook: p\nversion: 1.0\n", ""), `3:10: version "1.0" is not of the right form`},
		{"version zeros", frame("rekey: 1\nplaybook: p\nversion: 1.02.0\n", ""), `3:10: version "1.02.0" is not of the right form`},
		{"version list", frame("rekey: 1\nplaybook: p\nversion: [1]\n", ""), `3:10: version is a string, this is a list`},
		{"unknown keys", frame("rekey: 1\nplaybok: p\nversion: 1.0.0\nwhatever: 1\n", ""),
			"1:1: playbook is missing\n2:1: \"playbok\" is unknown here (did you mean playbook?)\n4:1: \"whatever\" is unknown here (it knows rekey, playbook, version, description, inputs, …)"},
		{"on_failure", frame("rekey: 1\nplaybook: p\nversion: 1.0.0\non_failure: undo\n", ""), `4:13: on_failure is "undo" (write rollback or keep)`},
		{"description", frame("rekey: 1\nplaybook: p\nversion: 1.0.0\ndescription: 5\n", ""), `4:14: description is a string, this is an int (put it in quotes)`},
		{"vars", frame("rekey: 1\nplaybook: p\nversion: 1.0.0\nvars: [a]\noutputs: {Kid: 1, not: 2}\n", ""),
			"4:7: vars is a mapping of names, this is a list\n5:11: \"Kid\" is no name\n5:19: \"not\" is a word of the expression language"},
		{"no steps", frame("", "steps: []\n"), "4:8: steps is empty"},
		{"null steps", frame("", "steps:\n"), "4:7: steps is empty"},
		{"steps mapping", frame("", "steps: {a: 1}\n"), "4:8: steps is a list, this is a mapping"},
		{"step text", frame("", "steps:\n  - a\n"), "5:5: a step is a mapping, this is a string"},
		{"no id, no type", frame("", "steps:\n  - name: x\n"), "5:5: the step has no id\n5:5: the step has no step type"},
		{"id forms", frame("", "steps:\n  - {id: A, t: }\n  - {id: in, t: }\n  - {id: 5, t: }\n  - {id: "+strings.Repeat("a", 64)+", t: }\n"),
			"5:10: \"A\" is no name\n6:10: \"in\" is a word of the expression language\n7:10: id is a string, this is an int\n8:10: \"" + strings.Repeat("a", 60)},
		{"id again", frame("", "steps:\n  - {id: a, t: }\n  - {id: a, t: }\n"), `6:10: the id "a" is given again; it stands first in line 5`},
		{"two types", frame("", "steps:\n  - id: a\n    one: {}\n    two: {}\n"), `7:5: a step has one step type; this one has "one" and "two" (keep one`},
		{"misspelt", frame("", "steps:\n  - id: a\n    asert: {}\n    two: {}\n"), `6:5: a step has one step type; this one has "two" and "asert" (did you mean assert?)`},
		{"loop", frame("", "steps:\n  - id: a\n    t: {}\n    retry: {attempts: 2}\n    for_each: x\n"),
			"8:15: for_each is a list, or an expression that yields one\n8:15: for_each is given without as"},
		{"loop keys", frame("", "steps:\n  - {id: a, t: , as: x, concurrency: 2, batches: [1], max_failures: 1, key: id}\n"),
			"5:18: as is given without for_each\n5:25: concurrency is given\n5:41: batches is given\n5:55: max_failures is given\n5:72: key is given"},
		{"loop numbers", frame("", "steps:\n  - {id: a, t: , for_each: [a], as: inputs, concurrency: 0, batches: [0, 101%, x, 1.5], max_failures: -1, key: a-b}\n"),
			"5:37: \"inputs\" is a group of names in expressions\n5:58: concurrency is 0, less than 1\n5:71: the size of a batch\n5:74: the size\n5:80: the size\n5:83: the size\n5:103: max_failures is -1, less than 0\n5:112: key \"a-b\" names no member"},
		{"loop text", frame("", "steps:\n  - {id: a, t: , for_each: [], as: len, concurrency: $<2>, batches: 1}\n"),
			"5:28: for_each is an empty list\n5:36: \"len\" is the name of a function\n5:54: concurrency is a literal and no expression\n5:69: batches is a list of sizes"},
		{"retry", frame("", "steps:\n  - {id: a, t: , retry: 3}\n  - {id: b, t: , retry: {}}\n  - {id: c, t: , retry: {attempts: 1, delay: 0s, max_delay: 2h, wait: 1}}\n  - {id: d, t: , retry: {attempts: two, delay: 5s, max_delay: 1s}}\n"),
			"5:25: retry must be a mapping, this is an int\n6:25: retry has no attempts\n7:36: attempts is 1, less than 2\n7:46: delay is not above zero\n7:61: max_delay is longer than 1h\n7:65: \"wait\" is unknown here\n8:36: attempts is a whole number, this is a string\n8:63: max_delay is less than delay (make it at least 5s)"},
		{"timeout and rollback", frame("", "steps:\n  - {id: a, t: , timeout: 5, rollback: undo}\n  - {id: b, t: , timeout: 25h, rollback: skip}\n  - {id: c, t: , timeout: $<1>}\n"),
			"5:27: timeout is no duration\n5:40: rollback of a step can only be skip\n6:27: timeout is longer than 24h\n7:27: timeout is a literal"},
		{"ignore", frame("", "ignore: {unused-outputs: x, create-in-retry: ' '}\nsteps:\n  - {id: a, t: , ignore: {create-in-retry: }}\n"),
			"4:10: there is no warning \"unused-outputs\" (did you mean unused-output?)\n4:46: the warning create-in-retry is ignored without a reason\n6:43: the warning create-in-retry is ignored"},
		{"block", frame("", "steps:\n  - id: a\n    steps: []\n"), "6:12: steps is empty"},
		{"block and more", frame("", "steps:\n  - id: a\n    retry: {attempts: 2}\n    t: {}\n    asert: x\n    steps: [{id: a, t: }]\n"),
			"6:5: retry does not apply to a block\n7:5: a block of steps has no step type; this one has \"t\"\n8:5: \"asert\" is unknown here (did you mean assert?)\n9:18: the id \"a\" is given again"},
		{"conditions", frame("", "steps:\n  - {id: a, t: , if: , assert: []}\n  - {id: b, t: , assert: [x, ]}\n  - {id: c, t: , assert: }\n"),
			"5:21: if has no condition\n5:32: assert is an empty list\n7:25: assert has no condition"},
		{"input text", inputs("  a: string\n"), "5:6: an input is a mapping, this is a string"},
		{"input names", inputs("  true_: {type: int}\n  let: {type: int}\n  A: {type: int}\n"), "6:3: \"let\" is a word\n7:3: \"A\" is no name"},
		{"input keys", inputs("  a: {typ: int}\n"), "5:6: the input \"a\" has no type\n5:7: \"typ\" is unknown here (did you mean type?)"},
		{"input types", inputs("  a: {type: strng}\n  b: {type: list}\n  c: {type: list(lst)}\n  d: {type: list(list(duration))}\n  e: {type: [a]}\n"),
			"5:13: \"strng\" is no type of an input (did you mean string?)\n6:13: \"list\" is no type of an input (say of what\n7:18: \"lst\" is no type\n9:13: type is a string, this is a list"},
		{"defaults", inputs("  a: {type: int, default: x}\n  b: {type: int, default: 5, min: 6}\n  c: {type: string, default: ab, pattern: a}\n  d: {type: string, default: 5}\n  e: {type: duration, default: 5m, max: 90s}\n  f: {type: list(int), default: [1, x]}\n  g: {type: string, default: c, enum: [a, b]}\n  h: {type: object, default: {a: 1}}\n"),
			"5:27: the default does not fit\n6:27: the default does not fit: the input b (5) is less than its minimum\n7:30: the default does not fit: the input c (\"ab\") does not match\n8:30: the default does not fit\n9:32: the default does not fit\n10:37: the default does not fit\n11:30: the default does not fit"},
		{"default expression", inputs("  a: {type: string, default: $<inputs.b>}\n"), "5:30: a default is not expanded"},
		{"secrets", inputs("  a: {type: string, secret: true, default: hunter2}\n  b: {type: string, secret: yes}\n"), "5:44: a secret has a literal default\n6:29: secret is a bool, this is a string"},
		{"rules", inputs("  a: {type: string, min: 1}\n  b: {type: int, min: x, max: 3}\n  c: {type: int, min: 3, max: 2}\n  d: {type: bool, enum: [true]}\n  e: {type: int, enum: [1, x]}\n  f: {type: int, pattern: a}\n  g: {type: string, pattern: '('}\n  h: {type: string, enum: []}\n  i: {type: string, pattern: 'a)|(b'}\n"),
			"5:26: min does not apply to string\n6:23: min must be an int\n7:31: max is less than min\n8:25: enum does not apply to bool\n9:28: a value of enum\n10:27: pattern does not apply to int\n11:30: pattern is no regular expression\n12:27: enum is a list of the values allowed\n13:30: pattern is no regular"},
		{"all at once, sorted", frame("rekey: 1\nplaybook: P\nversion: 010\ninputs: {a: {type: x}}\n", "steps: [{id: a}, {id: a, t: , u: }]\nsteps: []\n"),
			"2:11: playbook\n3:10: a number with leading zeros\n3:10: version\n4:20: \"x\" is no type\n5:9: the step has no step type\n5:23: the id \"a\" is given again\n5:31: a step has one step type\n6:1: the key \"steps\" is given again"},
	} {
		p, faults := ParsePlaybook("", []byte(c.text))
		want := strings.Split(c.want, "\n")
		ok := len(faults) == len(want)
		for i := 0; ok && i < len(want); i++ {
			ok = strings.HasPrefix(faults[i].Error(), want[i])
		}
		if !ok {
			t.Errorf("%s:\n%s\n got %v\nwant %s", c.name, c.text, faults, c.want)
		}
		if strings.Contains(faults.Error(), "hunter2") {
			t.Error("a secret is told")
		}
		for _, s := range p.Steps {
			if s == nil || s.With == nil {
				t.Errorf("%s: a step is nil", c.name)
			}
		}
		for _, in := range p.Inputs {
			if in.Type == nil {
				t.Errorf("%s: an input has no type", c.name)
			}
		}
	}
}

// A fault of the YAML alone is reported alone: what is missing then cannot be
// told from what was not read.
func TestPlaybookOfUnreadableYAML(t *testing.T) {
	p, faults := ParsePlaybook("f", []byte("rekey: 1\nplaybook: *x\n"))
	if len(faults) != 1 || faults[0].Error() != "f:2:11: an alias (write the value out, or put it under vars; put a text that begins with * in quotes)" || p == nil {
		t.Errorf("%v", faults)
	}
}

func TestPlaybookManyFaults(t *testing.T) {
	var text strings.Builder
	text.WriteString("rekey: 1\nplaybook: p\nversion: 1.0.0\nsteps: [{id: a, t: }]\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "k%d: 1\n", i)
	}
	_, faults := ParsePlaybook("f", []byte(text.String()))
	if len(faults) != maxFaults+1 || faults[0].Line != 5 || !strings.Contains(faults[maxFaults].Message, "more faults") {
		t.Errorf("%d faults, the last %v", len(faults), faults[len(faults)-1])
	}
}

func FuzzParsePlaybook(f *testing.F) {
	f.Add([]byte(rotation))
	for _, c := range documents {
		f.Add([]byte(c.text))
		f.Add([]byte("\ufeff" + strings.ReplaceAll(c.text, "\n", "\r\n")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, faults := ParsePlaybook("f", data)
		for _, fault := range faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Cure == "" || fault.Message == "" || fault.File != "f" {
				t.Fatalf("incomplete: %#v", fault)
			}
		}
		var out strings.Builder
		faults.Render(&out, data)
		if out.Len() > 1024*len(faults) {
			t.Fatalf("%d faults take %d bytes", len(faults), out.Len())
		}
		for _, s := range p.Steps {
			if s.With == nil {
				t.Fatal("a step without inputs")
			}
		}
		for _, in := range p.Inputs {
			if in.Type == nil {
				t.Fatal("an input without a type")
			}
			if len(faults) == 0 && in.Default != nil {
				if _, err := in.Check(in.Default); err != nil {
					t.Fatalf("the default of %s does not fit: %v", in.Name, err)
				}
			}
		}
		n, faults := ParseDocument("f", data)
		if n == nil && len(faults) == 0 {
			t.Fatal("neither node nor faults")
		}
		if len(faults) == 0 { // an escape in fault stands for no rune
			checkPlaces(t, n, string(data))
		}
	})
}
