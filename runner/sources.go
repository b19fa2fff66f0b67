package runner

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
)

// sources knows where values that Okta or a CA assigned came from. A plan can
// only stand for such a value: wherever it occurs, its source takes its
// place, as in "$<steps.publish.kid>". A run's own writes pass through the
// same replacement and then equal the plan's.
//
// A fleet assigns thousands of values, and text is replaced between any two of
// them, so taking one up must not cost what all others do. A value is found by
// the runes that it begins with and its length: certificates begin alike and
// differ late, so that the candidates of one beginning are lengths, of which
// there are few, and not values. The zero value is ready for use.
type sources struct {
	known   map[string]string // by name: the source of a value, or "" for one that stands for itself
	lengths map[uint64][]int  // by start: the lengths of the values that begin so, the longest first
}

// minSource is the shortest value that is replaced: ids and digests are
// longer, and a shorter text could occur by chance. A start has that length.
const minSource = 8

// start is what a text of at least minSource bytes begins with.
func start(text string) uint64 {
	return binary.LittleEndian.Uint64([]byte(text[:minSource]))
}

// maxName is the longest value that is kept as it is. Each certificate and JWK
// has several forms of a few KB, which a fleet need not hold in memory.
const maxName = 64

// nameOf is what a value is known by: itself, or the SHA-256 of a long one.
func nameOf(value string) string {
	if len(value) <= maxName {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return string(sum[:])
}

// learn takes up what an action yielded. A value that went into the action is
// no discovery of it.
func (s *sources) learn(step *Step, name string, in, out map[string]any) {
	var given map[string]bool
	for _, f := range step.Type.out {
		text, ok := out[f.Name].(string)
		if !ok || !f.Assigned {
			continue
		}
		if given == nil {
			given = textSet(in)
		}
		if !given[text] {
			s.add(text, "$<steps."+name+"."+f.Name+">")
		}
	}
}

// keep has the texts in v stand for themselves: a person gave them, and looks
// for them.
func (s *sources) keep(v any) {
	for text := range textSet(v) {
		s.note(text, "")
	}
}

// note reports whether the value is met for the first time; the source that it
// gets then stays.
func (s *sources) note(value, source string) bool {
	if s.known == nil {
		s.known, s.lengths = map[string]string{}, map[uint64][]int{}
	}
	name := nameOf(value)
	if _, again := s.known[name]; again {
		return false
	}
	s.known[name] = source
	return true
}

// add remembers a value in every form in which it may be sent.
func (s *sources) add(value, source string) {
	if _, again := s.known[nameOf(value)]; again {
		return
	}
	forms := []string{value, strings.TrimSpace(value), url.PathEscape(value), url.QueryEscape(value), inJSON(value), inJSON(strings.TrimSpace(value))}
	if block, _ := pem.Decode([]byte(value)); block != nil {
		forms = append(forms, string(block.Bytes), base64.StdEncoding.EncodeToString(block.Bytes))
	}
	for _, form := range forms {
		if len(form) < minSource || !s.note(form, source) {
			continue
		}
		all := s.lengths[start(form)]
		at, there := slices.BinarySearchFunc(all, len(form), func(a, b int) int { return b - a })
		if !there {
			s.lengths[start(form)] = slices.Insert(all, at, len(form))
		}
	}
}

// inJSON is a text as it stands between the quotes of JSON.
func inJSON(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		return text
	}
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// replace puts sources in the place of the values in text, at each place the
// longest that fits; what was put there is not looked into again.
func (s *sources) replace(text string) string {
	if len(s.lengths) == 0 {
		return text
	}
	var b strings.Builder
	done := 0 // what was written to b
	for i := 0; i+minSource <= len(text); {
		n, source := s.at(text[i:])
		if n == 0 {
			i++
			continue
		}
		b.WriteString(text[done:i])
		b.WriteString(source)
		i += n
		done = i
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// at is the longest value that text begins with: its length and its source.
func (s *sources) at(text string) (int, string) {
	for _, n := range s.lengths[start(text)] {
		if n > len(text) {
			continue
		}
		if source := s.known[nameOf(text[:n])]; source != "" {
			return n, source
		}
	}
	return 0, ""
}

// replaceAll does so throughout a JSON-like value. A list of texts in which
// something was replaced is a set of ids, and sorted anew: the order among
// assigned ids is an accident.
func (s *sources) replaceAll(v any) any {
	list, ok := v.([]any)
	if !ok {
		if m, ok := v.(map[string]any); ok {
			out := make(map[string]any, len(m))
			for k := range m {
				out[k] = s.replaceAll(m[k])
			}
			return out
		}
		return rewriteAll(v, s.replace)
	}
	out := make([]any, len(list))
	changed, texts := false, true
	for i := range list {
		out[i] = s.replaceAll(list[i])
		_, isText := list[i].(string)
		texts = texts && isText
		changed = changed || isText && out[i] != list[i]
	}
	if changed && texts {
		slices.SortFunc(out, func(a, b any) int { return cmp.Compare(a.(string), b.(string)) })
	}
	return out
}

// textSet is every text in a JSON-like value.
func textSet(v any) map[string]bool {
	set := map[string]bool{}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case string:
			set[v] = true
		case []any:
			for _, e := range v {
				visit(e)
			}
		case map[string]any:
			for _, e := range v {
				visit(e)
			}
		}
	}
	visit(v)
	return set
}
