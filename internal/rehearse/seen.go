package rehearse

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// shownFields are, by JSON pointer, what an org shows of an owner in its lists.
// Whatever else an owner holds may be a secret, of which a plan holds nothing:
// not a digest of it alone either, from which it could be guessed.
var shownFields = map[okta.Kind][]string{
	okta.App: {"/label", "/name", "/signOnMode", "/status"},
	okta.IdP: {"/name", "/status", "/type"},
}

// seenObject is what a plan holds of an owner's object besides its digest.
func seenObject(kind okta.Kind, object okta.Object) runner.Seen {
	seen := runner.Seen{Fields: map[string]string{}}
	for _, pointer := range append(shownFields[kind], okta.SigningPointer(kind)) {
		if v, there := object.At(pointer); there {
			if text, ok := v.(string); ok {
				seen.Fields[pointer] = text
			}
			object = object.Without(pointer)
		}
	}
	seen.Rest = okta.Digest(object)
	return seen
}

// changes says in what a part differs from what a plan saw of it; empty: that
// cannot be told.
func changes(kind okta.Kind, before, now runner.Seen) string {
	if before.Fields == nil {
		return listChanges(before.IDs, now.IDs)
	}
	var texts, names []string
	signing := okta.SigningPointer(kind)
	if was, is := before.Fields[signing], now.Fields[signing]; was != is {
		texts = append(texts, fmt.Sprintf("it signs with %s, and not with %s", orNone(is), orNone(was)))
	}
	for _, pointer := range slices.Sorted(maps.Keys(before.Fields)) {
		if pointer != signing && before.Fields[pointer] != now.Fields[pointer] {
			names = append(names, pointer)
		}
	}
	for _, pointer := range slices.Sorted(maps.Keys(now.Fields)) {
		if _, there := before.Fields[pointer]; !there && pointer != signing {
			names = append(names, pointer)
		}
	}
	if len(names) > 0 {
		texts = append(texts, "another value is at "+strings.Join(names, ", "))
	}
	if before.Rest != now.Rest {
		texts = append(texts, fmt.Sprintf("other settings than %s and its key changed, of which the plan holds one digest alone", strings.Join(shownFields[kind], ", ")))
	}
	return strings.Join(texts, "; ")
}

// listChanges says which ids of a list are new or gone. Where the plan holds
// none it does not say.
func listChanges(before, now []string) string {
	if before == nil {
		return ""
	}
	var texts []string
	for _, side := range []struct {
		what     string
		here, in []string
	}{{"new", now, before}, {"gone", before, now}} {
		var ids []string
		for _, id := range side.here {
			if !slices.Contains(side.in, id) {
				ids = append(ids, id)
			}
		}
		const most = 5
		if n := len(ids); n > most {
			ids = append(ids[:most:most], fmt.Sprintf("%d more", n-most))
		}
		if len(ids) > 0 {
			texts = append(texts, side.what+": "+strings.Join(ids, ", "))
		}
	}
	if len(texts) == 0 {
		return "the ids are the same, and what stands under them is not"
	}
	return strings.Join(texts, "; ")
}
