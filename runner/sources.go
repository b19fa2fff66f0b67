package runner

import (
	"cmp"
	"encoding/base64"
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
	pairs []sourcePair // the longest value first
	known map[string]bool
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

// add remembers a value in every form in which it may be sent.
func (s *sources) add(value, source string) {
	if s.known == nil {
		s.known = map[string]bool{}
	}
	forms := []string{value, strings.TrimSpace(value), url.PathEscape(value), url.QueryEscape(value)}
	if block, _ := pem.Decode([]byte(value)); block != nil {
		forms = append(forms, string(block.Bytes), base64.StdEncoding.EncodeToString(block.Bytes))
	}
	for _, form := range forms {
		if len(form) < minSource || s.known[form] {
			continue
		}
		s.known[form] = true
		s.pairs = append(s.pairs, sourcePair{form, source})
	}
	slices.SortStableFunc(s.pairs, func(a, b sourcePair) int { return cmp.Compare(len(b.value), len(a.value)) })
}

// replace puts sources in the place of the values in text.
func (s *sources) replace(text string) string {
	for _, p := range s.pairs {
		text = strings.ReplaceAll(text, p.value, p.source)
	}
	return text
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
