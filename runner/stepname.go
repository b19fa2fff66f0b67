package runner

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// A step inside of loops has a name such as `fleet[0oa1].activate`: the loop,
// the item's key in brackets, the step. A key may be any text of the org's. One
// that could be misread stands in quotes, as JSON does, and in those nothing
// stands as it is that does not print, nor two blanks in a row, which a page
// shows as one: whoever copies a name from what is shown names the same step.

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_:@/+=-]+$`)

// keyText is an item's key as it stands in names: as it is, or quoted where it
// could be misread.
func keyText(v any) string {
	switch v := v.(type) {
	case int:
		return strconv.Itoa(v)
	case string:
		if plainKey.MatchString(v) {
			return v
		}
		return `"` + strings.ReplaceAll(PrintableJSON(inJSON(v)), "  ", ` \u0020`) + `"`
	}
	return fmt.Sprint(v)
}

// StepName is the name of a step as runs have it, of what a person typed: the
// keys in it may stand as they are, or in another JSON form.
func StepName(typed string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(typed); i++ {
		if typed[i] != '[' {
			continue
		}
		end := skipKey(typed, i)
		if end == len(typed) {
			break
		}
		b.WriteString(typed[done:i+1] + keyText(keyOf(typed[i+1:end])))
		done, i = end, end
	}
	return b.String() + typed[done:]
}

// keyOf is the key of an item of which a name says text.
func keyOf(text string) (key string) {
	quoted := PrintableJSON(strings.ReplaceAll(text, "\n", `\n`))
	if !strings.HasPrefix(text, `"`) || json.Unmarshal([]byte(quoted), &key) != nil {
		return text
	}
	return key
}

// PrintableJSON is a JSON text in which each rune that does not print is
// escaped, so that it moves no cursor, turns no text around and survives being
// copied; it says the same. Ends of lines stay.
func PrintableJSON(text string) string {
	odd := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	at := strings.IndexFunc(text, odd)
	if at < 0 {
		return text
	}
	var b strings.Builder
	b.WriteString(text[:at])
	for _, r := range text[at:] {
		switch {
		case !odd(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// lastID is the id at the end of a step's name in a run, and whether it names
// an item of a loop.
func lastID(name string) (id string, item bool) {
	start, end := 0, len(name)
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '.':
			start, end, item = i+1, len(name), false
		case '[':
			end, item = i, true
			i = skipKey(name, i)
		}
	}
	return name[start:max(start, end)], item
}

// skipKey is where the bracket that opens at i closes.
func skipKey(name string, i int) int {
	quoted := false
	for i++; i < len(name); i++ {
		switch {
		case name[i] == '"':
			quoted = !quoted
		case name[i] == '\\' && quoted:
			i++
		case name[i] == ']' && !quoted:
			return i
		}
	}
	return len(name)
}
