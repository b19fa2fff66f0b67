package runner

import (
	"cmp"
	"encoding/base64"
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
type sources struct {
	pairs    []sourcePair // the longest value first
	known    map[string]bool
	replacer *strings.Replacer // of the pairs; nil until needed
}

type sourcePair struct{ value, source string }

// minSource is the shortest value that is replaced: ids and digests are
// longer, and a shorter text could occur by chance.
const minSource = 8

// learn takes up what an action yielded. A value that went into the action is
// no discovery of it.
func (s *sources) learn(step *Step, in, out map[string]any) {
	for _, f := range step.Type.out {
		text, ok := out[f.Name].(string)
		if !ok || !f.Assigned || slices.Contains(textsIn(in), text) {
			continue
		}
		s.add(text, "$<steps."+step.ID+"."+f.Name+">")
	}
}

// keep has the texts in v stand for themselves: a person gave them, and looks
// for them.
func (s *sources) keep(v any) {
	for _, text := range textsIn(v) {
		s.note(text)
	}
}

// note reports whether the text is met for the first time.
func (s *sources) note(text string) bool {
	if s.known == nil {
		s.known = map[string]bool{}
	}
	again := s.known[text]
	s.known[text] = true
	return !again
}

// add remembers a value in every form in which it may be sent.
func (s *sources) add(value, source string) {
	if s.known[value] {
		return
	}
	forms := []string{value, strings.TrimSpace(value), url.PathEscape(value), url.QueryEscape(value), inJSON(value), inJSON(strings.TrimSpace(value))}
	if block, _ := pem.Decode([]byte(value)); block != nil {
		forms = append(forms, string(block.Bytes), base64.StdEncoding.EncodeToString(block.Bytes))
	}
	for _, form := range forms {
		if len(form) >= minSource && s.note(form) {
			s.pairs = append(s.pairs, sourcePair{form, source})
		}
	}
	slices.SortStableFunc(s.pairs, func(a, b sourcePair) int { return cmp.Compare(len(b.value), len(a.value)) })
	s.replacer = nil
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
	if s.replacer == nil {
		pairs := make([]string, 0, 2*len(s.pairs))
		for _, p := range s.pairs {
			pairs = append(pairs, p.value, p.source)
		}
		s.replacer = strings.NewReplacer(pairs...)
	}
	return s.replacer.Replace(text)
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

// textsIn lists every text in a JSON-like value.
func textsIn(v any) (texts []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			texts = append(texts, textsIn(e)...)
		}
	case map[string]any:
		for _, e := range v {
			texts = append(texts, textsIn(e)...)
		}
	}
	return texts
}
