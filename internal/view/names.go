package view

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/rekey/runner"
)

// A step inside of loops has a name such as "fleet[0oa1].activate": the loop,
// the item's key in brackets, the step. A key that could be misread stands in
// quotes, as JSON in which all prints.

// enclosing are the items that a name is in, the outermost first; an item's
// own name is the last of them.
func enclosing(name string) (items []string) {
	for i := 0; i < len(name); i++ {
		if name[i] == '[' {
			i = closing(name, i)
			items = append(items, name[:min(i+1, len(name))])
		}
	}
	return items
}

// closing is where the bracket that opens at i closes. A key that the run will
// assign stands as its source, which can hold brackets of its own.
func closing(name string, i int) int {
	quoted, depth := false, 0
	for ; i < len(name); i++ {
		switch {
		case name[i] == '"':
			quoted = !quoted
		case name[i] == '\\' && quoted:
			i++
		case quoted:
		case name[i] == '[':
			depth++
		case name[i] == ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(name)
}

// itemAround is the innermost item that a step or a loop is in; empty outside
// of loops.
func itemAround(name string) string {
	if items := enclosing(name); len(items) > 0 {
		return items[len(items)-1]
	}
	return ""
}

// loopOf is the name of an item's loop.
func loopOf(item string) string {
	outer := ""
	if items := enclosing(item); len(items) > 1 {
		outer = items[len(items)-2]
	}
	if i := strings.IndexByte(item[len(outer):], '['); i >= 0 {
		return item[:len(outer)+i]
	}
	return item
}

// last is what a name says behind the items that it is in.
func last(name string) string {
	name = strings.TrimPrefix(name[len(itemAround(name)):], ".")
	return name
}

// alias is one item, and what stands for it where several are told as one.
type alias struct {
	item   string   // "fleet[0oa1]"
	loop   string   // "fleet", without what is around it
	single bool     // one step is repeated, and no block
	as     string   // "{app}"
	forms  []string // of the key: as it is, and as it stands in a path
	own    string   // the id of what the item alone changes, if that is not its key
	ownAs  string   // "{app.id}"
}

// ownIDs are, by the names of items, the ids of the owners that each of them
// changes, if it is one, and other items of its loop change others. Each calls
// add with the claims of each step.
func ownIDs(each func(add func(step string, claims []string))) map[string]string {
	ids, items, different := map[string][]string{}, map[string]int{}, map[string]int{} // the latter by loop
	each(func(step string, claims []string) {
		item := itemAround(step)
		for _, claim := range claims {
			_, id, _ := strings.Cut(claim, "/")
			if item == "" || len(id) < 3 || slices.Contains(ids[item], id) {
				continue // a short one means many things
			}
			ids[item] = append(ids[item], id)
			if items[loopOf(item)+"\x00"+id]++; items[loopOf(item)+"\x00"+id] == 1 {
				different[loopOf(item)]++
			}
		}
	})
	own := map[string]string{}
	for item, of := range ids {
		if loop := loopOf(item); len(of) == 1 && items[loop+"\x00"+of[0]] == 1 && different[loop] > 1 {
			own[item] = of[0]
		}
	}
	return own
}

// changes notes the id of what the item alone changes.
func (a *alias) changes(id string) {
	if id != "" && !slices.Contains(a.forms, id) {
		a.own, a.ownAs = id, strings.TrimSuffix(a.as, "}")+".id}"
	}
}

// newAlias makes the alias of an item of a loop.
func newAlias(loop, key, as string, single bool) alias {
	a := alias{item: loop + "[" + key + "]", loop: last(loop), single: single, as: "{" + as + "}"}
	raw := key
	if strings.HasPrefix(key, `"`) {
		if json.Unmarshal([]byte(key), &raw) != nil {
			raw = key
		}
	}
	if _, err := strconv.Atoi(raw); err == nil && len(raw) < 3 {
		return a // such a number means many things
	}
	a.forms = append(a.forms, raw)
	for _, form := range []string{url.PathEscape(raw), url.QueryEscape(raw)} {
		if form != raw {
			a.forms = append(a.forms, form)
		}
	}
	return a
}

// aliases are the items that something is in, the innermost first.
type aliases []alias

// text is a text as it is of every item: with the loop's variable in place of
// the key, and names as the playbook has them.
func (as aliases) text(text string) string {
	for i := range as {
		a := &as[i]
		if strings.Contains(text, a.item) {
			if !a.single {
				text = strings.ReplaceAll(text, a.item+".", "")
			}
			text = strings.ReplaceAll(text, a.item, a.loop)
		}
		for _, form := range a.forms {
			text = replaceWord(text, form, a.as)
		}
		text = replaceWord(text, a.own, a.ownAs)
	}
	return text
}

// name is a step's name with variables in place of keys.
func (as aliases) name(step string) string {
	if len(as) == 0 {
		return step
	}
	out := ""
	for i := len(as) - 1; i >= 0; i-- {
		if out != "" {
			out += "."
		}
		out += as[i].loop + "[" + as[i].as + "]"
	}
	return out + strings.TrimPrefix(step, as[0].item)
}

// named is what leaves the keys as they are.
func (as aliases) named() aliases {
	out := slices.Clone(as)
	for i := range out {
		out[i].forms, out[i].own = nil, ""
	}
	return out
}

// replaceWord replaces a word wherever it stands by itself.
func replaceWord(text, word, by string) string {
	if word == "" || !strings.Contains(text, word) {
		return text
	}
	var b strings.Builder
	done := 0
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			break
		}
		i += at
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, size := utf8.DecodeRuneInString(text[i+len(word):])
		if i > 0 && inWord(before) || size > 0 && inWord(after) {
			at = i + 1
			continue
		}
		b.WriteString(text[done:i] + by)
		done = i + len(word)
		at = done
	}
	return b.String() + text[done:]
}

// inWord reports whether a rune beside a word makes it part of a longer one. An
// id may well stand behind an underscore.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// plural chooses a word by a number.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// counted is a number with the words that fit it.
func counted(n int, one, many string) string { return number(n) + " " + plural(n, one, many) }

// number is a number as people read it: with commas from a thousand on.
func number(n int) string {
	if n < 0 {
		return "-" + number(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", number(n/1000), n%1000)
}

// short is a value in a line: of a long list the beginning, and how many there
// are.
func short(v any) string {
	const room = 72
	list, ok := v.([]any)
	whole := Value(v)
	if !ok || utf8.RuneCountInString(whole) <= room {
		return whole
	}
	text, shown := "", 0
	for _, e := range list {
		next := Value(e)
		if shown > 0 {
			next = text + ", " + next
		}
		if shown > 0 && utf8.RuneCountInString(next) > room {
			break
		}
		text = next
		shown++
	}
	if shown == len(list) {
		return whole
	}
	return fmt.Sprintf("%s … (%s in all)", text, number(len(list)))
}

// everyItem says how a loop goes over its items.
func everyItem(concurrency int, batches []string, maxFailures int) string {
	text := "one at a time"
	if concurrency > 1 {
		text = fmt.Sprintf("%d at a time", concurrency)
	}
	if len(batches) > 0 {
		sizes := batches
		if len(sizes) > 8 {
			sizes = append(append([]string{}, batches[:5]...), differs, batches[len(batches)-1])
		}
		text += ", in batches of " + strings.Join(sizes, ", ")
		if len(batches) > 8 {
			text += fmt.Sprintf(" (%s batches)", number(len(batches)))
		}
	}
	if maxFailures == 0 {
		return text + "; none may fail"
	}
	text += fmt.Sprintf("; up to %s may fail", number(maxFailures))
	if len(batches) > 0 {
		text += ", but not a whole batch"
	}
	return text
}

// sizes are a planned loop's batches as texts.
func sizes(l *runner.PlannedLoop) (out []string) {
	for _, n := range l.Batches {
		out = append(out, number(n))
	}
	return out
}
