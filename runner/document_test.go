package runner

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
)

// documents are texts with the values that YAML 1.2 gives them.
var documents = []struct {
	name, text string
	want       any
}{
	{"scalars", "a: text\nb: 'it''s'\nc: \"x\\ty\"\nd: 12\ne: -1.5\nf: true\ng: null\nh: ~\ni:\nj: ''\n",
		m{"a": "text", "b": "it's", "c": "x\ty", "d": int64(12), "e": -1.5, "f": true, "g": nil, "h": nil, "i": nil, "j": ""}},
	{"words of YAML 1.1 are text", "a: no\nb: yes\nc: on\nd: 1:30\ne: 2020-01-01\n", m{"a": "no", "b": "yes", "c": "on", "d": "1:30", "e": "2020-01-01"}},
	{"ids that begin like numbers", "a: 0oa8ae1t5yev2ajDs0h7\nb: 1.0.0\nc: -x\nd: +\ne: 1e\n", m{"a": "0oa8ae1t5yev2ajDs0h7", "b": "1.0.0", "c": "-x", "d": "+", "e": "1e"}},
	{"list below its key", "a:\n- 1\n- 2\nb:\n  - 3\n", m{"a": l{int64(1), int64(2)}, "b": l{int64(3)}}},
	{"compact mapping", "- id: x\n  t: {a: 1}\n- id: y\n", l{m{"id": "x", "t": m{"a": int64(1)}}, m{"id": "y"}}},
	{"compact list", "- - a\n  - b\n- c\n", l{l{"a", "b"}, "c"}},
	{"value on the next line", "a:\n  b\nc:\n  d:\n    e\n", m{"a": "b", "c": m{"d": "e"}}},
	{"plain over lines", "a: one\n  two\n\n  three\n   four\nb: x\n", m{"a": "one two\nthree four", "b": "x"}},
	{"quoted over lines", "a: \"one\n  two \\\n  three\n\n  four\"\nb: 'x\n  y'\n", m{"a": "one two three\nfour", "b": "x y"}},
	{"literal", "a: |\n  one\n   two\n\n  three\n\nb: x\n", m{"a": "one\n two\n\nthree\n", "b": "x"}},
	{"literal without end", "a: |-\n  one\n\nb: |+\n  two\n\n", m{"a": "one", "b": "two\n\n"}},
	{"literal with leading blank", "a: |\n\n\n  x\n", m{"a": "\n\nx\n"}},
	{"literal with indentation", "a: |2\n    x\n  y\n", m{"a": "  x\ny\n"}},
	{"literal at the end", "a: |\n  x", m{"a": "x"}},
	{"literal empty", "a: |\nb: >\n\nc: 1\n", m{"a": "", "b": "", "c": int64(1)}},
	{"literal in list", "- |\n one\n- >-\n two\n three\n", l{"one\n", "two three"}},
	{"folded", "a: >\n  one\n  two\n\n  three\n    more\n  four\n\n\n  five\n", m{"a": "one two\nthree\n  more\nfour\n\nfive\n"}},
	{"folded leading blank", "a: >\n\n  x\n", m{"a": "\nx\n"}},
	{"hash in literal", "a: |\n  # no comment\n  x # nor this\n", m{"a": "# no comment\nx # nor this\n"}},
	{"flow", "a: [1, b, 'c', [d], {e: f}, ]\nb: {x: 1, \"y\":2, z: }\nc: []\nd: {}\n",
		m{"a": l{int64(1), "b", "c", l{"d"}, m{"e": "f"}}, "b": m{"x": int64(1), "y": int64(2), "z": nil}, "c": l{}, "d": m{}}},
	{"flow over lines", "a: [\n  b, # first\n  c\n    d,\n]\ne: {x: 1,\n  y: 'two\n  words'}\n", m{"a": l{"b", "c d"}, "e": m{"x": int64(1), "y": "two words"}}},
	{"json", "{\"a\": [1, 2.5, \"\\u00e9\\/\"],\n\t\"b\": {\"c\": null}}", m{"a": l{int64(1), 2.5, "é/"}, "b": m{"c": nil}}},
	{"surrogates", `a: "\ud83d\ude00\x41\U0001F600"`, m{"a": "😀A😀"}},
	{"comments", "# head\na: b # behind\n  # between\nc: d#e\n# tail", m{"a": "b", "c": "d#e"}},
	{"a comment that ends in a backslash", "a: b # x \\\nc: d\n", m{"a": "b", "c": "d"}},
	{"colons", "a: http://x:80/y\nb: x:y\nc: {u: http://x}\n", m{"a": "http://x:80/y", "b": "x:y", "c": m{"u": "http://x"}}},
	{"expressions", "a: $<x.y>\nb: $<a>-$<b>\nc: {d: $<steps.csr.csr>, e: 1}\nf: $<len(x) > 1>\n",
		m{"a": "$<x.y>", "b": "$<a>-$<b>", "c": m{"d": "$<steps.csr.csr>", "e": int64(1)}, "f": "$<len(x) > 1>"}},
	{"cut as a comment", "id: $<filter(xs, # > 1)>\n", m{"id": "$<filter(xs,"}},
	{"quoted keys", "\"a b\": 1\n'c:d': 2\n\"true\": 3\n", m{"a b": int64(1), "c:d": int64(2), "true": int64(3)}},
	{"markers", "---\na: 1\n...\n# end\n", m{"a": int64(1)}},
	{"dashes", "a: -b\nb: - c\n"[:6] + "\nc: --- d\n", m{"a": "-b", "c": "--- d"}},
	{"indented document", "  a: 1\n  b:\n    - 2\n", m{"a": int64(1), "b": l{int64(2)}}},
	{"tabs that separate", "a:\t1\nb:\t'x'\t# c\n", m{"a": int64(1), "b": "x"}},
}

type m = map[string]any
type l = []any

func TestDocumentValues(t *testing.T) {
	for _, c := range documents {
		for _, form := range []struct{ name, text string }{
			{"lf", c.text},
			{"crlf", strings.ReplaceAll(c.text, "\n", "\r\n")},
			{"bom", "\ufeff" + c.text},
		} {
			n, faults := ParseDocument("f", []byte(form.text))
			if len(faults) > 0 {
				t.Errorf("%s, %s: %v", c.name, form.name, faults)
			} else if got := n.Any(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s, %s:\n got %#v\nwant %#v", c.name, form.name, got, c.want)
			}
			checkPlaces(t, n, form.text)
		}
	}
}

// checkPlaces holds the promise of At: the rune in the file at the place of a
// decoded rune is that rune, unless an escape or a fold made it.
func checkPlaces(t *testing.T, n *Node, text string) {
	t.Helper()
	lines := sourceLines([]byte(text))
	walk(n, func(n *Node) {
		if n.Kind != String {
			return
		}
		runes := []rune(n.Value.(string))
		for i, r := range runes {
			pos := n.At(i)
			line := append([]rune(lines[pos.Line-1]), '\n')
			if pos.Column > len(line) {
				t.Fatalf("rune %d of %q: %v is beyond its line", i, n.Value, pos)
			}
			if got := line[pos.Column-1]; got != r && got != '\\' && !(isSpace(r) && isSpace(got)) {
				t.Fatalf("rune %d (%q) of %q is at %v, where %q stands", i, r, n.Value, pos, got)
			}
			if next := n.At(i + 1); next.Line < pos.Line || next.Line == pos.Line && next.Column < pos.Column {
				t.Fatalf("runes %d and %d of %q go backwards: %v, %v", i, i+1, n.Value, pos, next)
			}
		}
	})
}

func walk(n *Node, visit func(*Node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, item := range n.Items {
		walk(item, visit)
	}
	for _, e := range n.Entries {
		walk(e.Key, visit)
		walk(e.Value, visit)
	}
}

// In each text one scalar holds the marker §, which must be found where an
// editor shows it.
func TestPositionsOfRunes(t *testing.T) {
	for name, text := range map[string]string{
		"plain":              "a: b\nc: über § x\n",
		"plain, tabs":        "a:\t\tx §\n",
		"quoted, tabs":       "a:\t'x\t§'\n",
		"json, tabs":         "{\n\t\"a\":\t[\n\t\t1,\t\"x\\t §\"\n\t]\n}\n",
		"plain, two lines":   "a: one\n    two\n  three §\n",
		"plain, blank lines": "a: one\n\n\n  §\n",
		"single":             "a: 'it''s ''§'\n",
		"single, lines":      "a: 'one\n  two''\n\n  ''§'\n",
		"double":             `a: "\t\u00e9\"\x41 §"`,
		"double, pair":       `a: "\ud83d\ude00§"`,
		"double, lines":      "a: \"one \\\n   \\ two\n\n  \\n§\"\n",
		"double, tab, lines": "a: \"\tt\n   x §\"\nb: 1\n",
		"literal":            "a: |\n  öne\n    two §\n",
		"literal, indented":  "a:\n  b: |2-\n      x\n    é§\n",
		"literal, blank":     "a: |\n\n\n  x\n\n  §\n",
		"folded":             "a: >\n  one\n  two\n\n  three §\n",
		"folded, more":       "a: >-\n  one\n    two\n    é §\n  x\n",
		"flow":               "a: [x, 'y', {b: é §}]\n",
		"flow, lines":        "a: [x,\n  one\n  two §]\n",
		"key":                "a:\n  é§: x\n",
		"list":               "- a\n- - b\n  - é §\n",
		"wide":               "a: 日本§\n",
		"behind a comment":   "# é\na: b # é\nc: §\n",
	} {
		for _, form := range []struct{ name, text string }{
			{"lf", text}, {"crlf", strings.ReplaceAll(text, "\n", "\r\n")}, {"cr", strings.ReplaceAll(text, "\n", "\r")}, {"bom", "\ufeff" + text},
		} {
			n, faults := ParseDocument("f", []byte(form.text))
			if len(faults) > 0 {
				t.Errorf("%s, %s: %v", name, form.name, faults)
				continue
			}
			var want, got Position
			for i, line := range strings.Split(text, "\n") {
				if before, _, found := strings.Cut(line, "§"); found {
					want = Position{i + 1, len([]rune(before)) + 1}
				}
			}
			walk(n, func(n *Node) {
				if s, _ := n.Value.(string); strings.Contains(s, "§") {
					before, _, _ := strings.Cut(s, "§")
					got = n.At(len([]rune(before)))
				}
			})
			if got != want {
				t.Errorf("%s, %s: § is at %v, want %v", name, form.name, got, want)
			}
		}
	}
}

func TestAtOutsideTheText(t *testing.T) {
	n, _ := ParseDocument("f", []byte("a: 'xy' \nb: 5\n"))
	a := n.Get("a")
	if got, want := a.At(2), (Position{1, 7}); got != want {
		t.Errorf("behind the text: %v, want %v", got, want)
	}
	if a.At(99) != a.At(2) || a.At(-1) != a.At(0) {
		t.Error("offsets outside are not held")
	}
	if n.Get("b").At(3) != (Position{2, 4}) || n.Get("zz") != nil {
		t.Error("an int has no runes; a missing key has no node")
	}
}

func TestRefusedDocuments(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "1:1: the document is empty"},
		{"# only\n\n", "1:1: the document is empty"},
		{"---\n", "1:1: the document is empty"},
		{"a: 1\n---\nb: 2\n", "2:1: a second document"},
		{"a: 1\n...\nb: 2\n", "3:1: a second document"},
		{"%YAML 1.2\n---\na: 1\n", "1:1: a YAML directive"},
		{"a: \xff", "1:4: the document is not valid UTF-8"},
		{"é: x\x00y", "1:5: a control character U+0000"},
		{"a: \"\x1b[31m\"", "1:5: a control character U+001B"},
		{"a: 1\nb: 2\na: 3\n", "3:1: the key \"a\" is given again; it stands first in line 1"},
		{"x: {a: 1, a: 2}", "1:11: the key \"a\" is given again"},
		{"a: &x 1\nb: *x\n", "1:4: an anchor\n2:4: an alias"},
		{"a: &x\n  b: 1\nc: [*x, &y z]\n", "1:4: an anchor\n3:5: an alias\n3:9: an anchor"},
		{"&x a: 1\nb: 2\n", "1:1: an anchor"},
		{"a: 1\n&x b: 2\nc: 3\n", "2:1: an anchor"},
		{"a:\n  <<: {b: 1}\n", "2:3: a merge key"},
		{"a: !!int 1\nb: !x {c: 1}\n", "1:4: a tag\n2:4: a tag"},
		{"a: 010\nb: 00\nc: -07\nd: 01.5\n", "1:4: a number with leading zeros\n2:4: a number with leading zeros\n3:4: a number with leading zeros\n4:4: a number with leading zeros"},
		{"a: 0x1F\nb: 0o17\nc: 0b11\n", "1:4: a number that is not decimal\n2:4: a number that is not decimal\n3:4: a number that is not decimal"},
		{"a: 1_000\n", "1:4: a number with underscores"},
		{"a: 99999999999999999999\nb: 1e999\nc: .inf\nd: .nan\n", "1:4: an integer beyond 64 bits\n2:4: a number beyond a float's range\n3:4: a number that is not finite\n4:4: a number that is not finite"},
		{"1: a\ntrue: b\n~: c\n", "1:1: the key \"1\" is an int\n2:1: the key \"true\" is a bool\n3:1: the key \"~\" is null"},
		{": a\n", "1:1: a key is missing"},
		{"? a\n: b\n", "1:1: a key written with ?"},
		{"[a]: b\n", "1:4: a key that is a list"},
		{"a: 1\n[b]: 2\n", "2:1: a line that is no 'key: value'"},
		{"a: 1\n| b: 2\n", "2:3: text behind the | or >"},
		{"a: {[b]: c}\n", "1:8: a key that is a list"},
		{"a: b: c\n", "1:5: a colon and a space inside a text without quotes"},
		{"if: $<x ? \"a\" : \"b\">\n", "1:15: a colon and a space inside a text without quotes (put the whole value in single quotes: '$<"},
		{"a: x\n  b: c\n", "2:4: a colon and a space inside"},
		{"a: - b\n", "1:4: a list begins behind its key"},
		{"a: 1\n  - b\n", ""},
		{"a: [1\nb: 2\n", "1:4: the [ that opens here is never closed"},
		{"a: {x: [1,\nb: 2\n", "1:8: the [ that opens here is never closed"},
		{"a: \"x\nb: \"y\"\n", "1:4: a quote that is never closed"},
		{"a: [b, #c\n]\n", ""},
		{"a: [b,#c\n]\n", "1:7: a text without quotes cannot begin with #"},
		{"a: [1,\n", "1:4: the [ that opens here is never closed"},
		{"a: {x: $<f(a, b)>}\n", "1:15: a key without a value (put the whole value in single quotes"},
		{"a: {x: $<xs[0].n>}\n", "1:12: a comma or } should stand here (put the whole value in single quotes"},
		{"a: {b}\n", "1:5: a key without a value"},
		{"a: [b: c]\n", "1:6: a colon inside a list"},
		{"a: [,]\n", "1:5: a value is missing before ,"},
		{"a: 'x\n", "1:4: a quote that is never closed"},
		{"a: \"x\n---\n", "1:4: a quote that is never closed"},
		{"a: \"x\" y\n", "1:8: text behind the closing quote"},
		{"a: [x] y\n", "1:8: text behind the closing bracket"},
		{"a: \"\\q \\u12 \\0\"\n", "1:5: an unknown escape \\q\n1:8: an escape \\u\n1:13: an unknown escape \\0"},
		{"a: \"\\ud800 \\x00\"\n", "1:5: an escape \\u that gives no character\n1:12: an escape \\x"},
		{"a: @b\n", "1:4: a text without quotes cannot begin with @"},
		{"a: | x\n", "1:6: text behind the | or >"},
		{"a:\n\tb: 1\n", "2:1: a tab in the indentation"},
		{"a: |\n\tb\n", "2:1: a tab in the indentation"},
		{"-\ta: 1\n", "1:2: a tab in the indentation"},
		{"a:\n    b: 1\n  c: 2\n", "3:3: this line is indented deeper than the keys above"},
		{"a: 1\nb\n", "2:1: a line that is no 'key: value'"},
		{"a: 1\n- b\n", "2:1: a list item where a key should stand"},
		{"- a\nb: 1\n", "2:1: text that belongs to nothing before it"},
		{"a: |\n    \n  x\n", "2:5: a blank line indented deeper"},
		// Valid YAML that goccy's lexer reads otherwise than YAML 1.2, or not.
		{"a: x\ty\n", "1:5: a tab in a text"},
		{"a: [x\n\ty]\n", "2:1: a tab in a text"},
		{"a: {x: one\n  two}\n", "2:3: text without quotes that goes on in another line inside braces"},
		{"a: {b\n  : c}\n", "1:5: a key and its colon in different lines"},
		{"a: {b:c}\n", "1:6: a colon without a space behind it"},
		{"a:\n- # c\nb: 1\n", "2:1: an entry that readers of YAML understand in different ways"},
		{"a: one\n  - two\n   three\n", "1:4: a text of several lines that readers of YAML understand"},
		{"a: 1\n\t\nb: 2\n", "2:1: a tab in the indentation"},
		{"a: |-\n\n  \tt\n\n  \ty\n  x\n# end\n", "3:3: a tab in a text"},
		{"a: >\n  \tt\n  x\n  \tt\nb: 1\n", "2:3: a tab in a text"},
		{"a<<: 1\n", "1:1: text that readers of YAML understand in different ways"},
		// What goccy's lexer and parser take and YAML 1.2 does not.
		{"a:\nb\n", "2:1: a line that is no 'key: value'"},
		{"a:\n[b]\n", "2:1: a line that is no 'key: value'"},
		{"- a: 1\n[b]\n", "2:1: text that belongs to nothing before it"},
		{"a: b # c\n  d\n", "2:3: this line is indented deeper"},
		{"a: x\n  - b: 1\n", "2:6: a colon and a space inside a text"},
		{"a: {b: 'c': d}\n", "1:11: a comma or } should stand here"},
		{"a: {b: c: d}\n", "1:9: a colon and a space inside a text without quotes"},
		{"a: {, }\n", "1:5: a value is missing before ,"},
		{"a: [b}]\n", "1:6: a text without quotes that holds } inside brackets"},
		{"a: }\n", "1:4: a text without quotes cannot begin with }"},
		{"a: , b\n", "1:4: a text without quotes cannot begin with ,"},
		{"a: %b\n", "1:4: a text without quotes cannot begin with %"},
		{"a: >\n\n- b: 1\n", "3:1: a text without quotes cannot begin with - and a space"},
		{"a: \"x\ny\"\n", "1:4: a quote that is never closed"},
		{"a: x\"y\"#z\nb: \"y\"#z\n", "2:7: a text without quotes cannot begin with #"},
		{"a: !t", "1:4: a tag"},
	} {
		n, faults := ParseDocument("", []byte(c.text))
		want := strings.Split(c.want, "\n")
		if c.want == "" {
			want = nil
		}
		ok := len(faults) == len(want)
		for i := 0; ok && i < len(want); i++ {
			ok = strings.HasPrefix(faults[i].Error(), want[i])
		}
		if !ok {
			t.Errorf("%q:\n got %v\nwant %s", c.text, faults, c.want)
		}
		for _, f := range faults {
			if f.Cure == "" {
				t.Errorf("%q: no cure: %v", c.text, f)
			}
		}
		if n == nil && len(faults) == 0 {
			t.Errorf("%q: neither node nor faults", c.text)
		}
	}
}

// A fault that leaves the tree whole lets the checks of a playbook go on.
func TestSoundDocuments(t *testing.T) {
	for text, sound := range map[string]bool{
		"a: 010\nb: 1\nb: 2\n1: x\n": true, "a: *x\n": false, "a: [1\n": false, "<<: {}\n": false,
	} {
		if n, _ := ParseDocument("", []byte(text)); (n != nil) != sound {
			t.Errorf("%q: node %v", text, n)
		}
	}
}

// Whatever a megabyte holds, it is read or refused quickly: what goccy takes
// more than linear time for is bounded, and so is nesting.
func TestDocumentBounds(t *testing.T) {
	// At quadratic cost each of the first would take a minute or hours. All
	// take less than half a second of the processors, and several times that with
	// the race detector.
	limit := 5 * time.Second
	if raceEnabled {
		limit = 30 * time.Second
	}
	read := func(head, unit string, size int) {
		text := head + strings.Repeat(unit, (size-len(head))/len(unit))
		began := cputime.Spent()
		_, faults := ParsePlaybook("f", []byte(text))
		if took := cputime.Spent() - began; took > limit {
			t.Errorf("%q and %d bytes of %q took %v", head, size, unit, took)
		}
		if len(faults) == 0 || len(faults) > maxFaults+1 {
			t.Errorf("%q and %d bytes of %q: %d faults", head, size, unit, len(faults))
		}
	}
	for _, c := range [][2]string{
		{"", "["}, {"", "- "}, {"a: ", "<"}, {"a: \"", "\t"}, {"a: \"", "\ta"}, {"a: \"", "\t\""}, {"a: |\n x", "\n"}, {"a: >\n x", "\n "}, {"a: |\n x\n", " \n"},
	} {
		read(c[0], c[1], maxDocument)
	}
	for _, c := range [][2]string{ // all tokens, which cost more each
		{"", "a: 1234567\n"}, {"", "aaaaaaaaa:\n"}, {"", "-         \n"}, {"", "- 010\n"}, {"[", "*aaaaaaaa,"}, {"{", "a:       ,"}, {"", "<< "}, {"", "é"},
	} {
		read(c[0], c[1], maxDocument/4)
	}
	for _, unit := range []string{"[", "{", "{a: ", "- ", "-\n ", "? ", "\"", "'", "*a ", "[*a,*a,", "&a ", "!a ", "a: ", "<", "<<", "<< ", "\t", " ", "\n",
		"#", "# \\\n", "a\n", "- a\n", "- 010\n", "x\\", "|", ">\n", "- |\n", ":", "a:\n", "a: |\n\n", "$<", "$<(", "---\n", "--- ", "...\n", ",", "]", "é", "‹"} {
		for _, head := range []string{"", "a: \"", "a: {", "a: >\n "} {
			read(head, unit, maxDocument/32)
		}
	}
	_, faults := ParseDocument("", make([]byte, maxDocument+1))
	if len(faults) != 1 || !strings.Contains(faults[0].Message, "larger than 1 MiB") {
		t.Errorf("too large: %v", faults)
	}
}

// What a playbook or a file of inputs may need stands within the bounds.
func TestDocumentWithinBounds(t *testing.T) {
	var keys, nulls, items, text strings.Builder
	for i := range maxEntries - 1 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
		fmt.Fprintf(&nulls, "k%d:\n", i)
	}
	for i := range 10_000 {
		fmt.Fprintf(&items, "- {a: %d}\n", i)
		text.WriteString(" line of text\n\n")
	}
	for name, text := range map[string]string{
		"keys": keys.String(), "nulls": nulls.String(), "items": items.String(), "literal": "a: |\n" + text.String(), "folded": "a: >\n" + text.String(),
		"deep":  strings.Repeat("[", maxDepth) + strings.Repeat("a,", 50_000) + strings.Repeat("]", maxDepth),
		"quote": "a: '" + strings.Repeat("x<y ", 100_000) + "'", "blank lines": "a: 1" + strings.Repeat("\n", 1000) + "b: 1\n",
	} {
		if n, faults := ParseDocument("", []byte(text)); n == nil || len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

func TestDocumentDepth(t *testing.T) {
	for _, c := range []struct{ open, close string }{{"[", "]"}, {"{a: ", "}"}, {"- ", ""}} {
		for depth, fits := range map[int]bool{maxDepth: true, maxDepth + 1: false} {
			text := strings.Repeat(c.open, depth) + strings.Repeat(c.close, depth)
			_, faults := ParseDocument("", []byte(text))
			if (len(faults) == 0) != fits {
				t.Errorf("%q %d deep: %v", c.open, depth, faults)
			}
		}
	}
	var nested, flat strings.Builder
	for i := range maxDepth + 1 {
		fmt.Fprintf(&nested, "%sa:\n", strings.Repeat(" ", i))
		fmt.Fprintf(&flat, "a%d: [[x]]\n", i)
	}
	if _, faults := ParseDocument("", []byte(nested.String())); len(faults) != 1 || faults[0].Position != (Position{33, 33}) {
		t.Errorf("nested mappings: %v", faults)
	}
	if _, faults := ParseDocument("", []byte(flat.String())); len(faults) != 0 {
		t.Errorf("many siblings are not deep: %v", faults)
	}
}

func BenchmarkParsePlaybook(b *testing.B) {
	var text strings.Builder
	text.WriteString("rekey: 1\nplaybook: p\nversion: 1.0.0\nsteps:\n")
	for i := range 5000 {
		fmt.Fprintf(&text, "  - id: s%d\n    generate_key: {app: $<inputs.app>, years: 2}\n", i)
	}
	for b.Loop() {
		if p, faults := ParsePlaybook("f", []byte(text.String())); len(p.Steps) != 5000 || len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}
