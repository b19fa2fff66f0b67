package view

import (
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// mdSentence is a sentence that may hold some names: each is code as a whole,
// blanks in it included, and what stands around them is text as mdText makes it.
func mdSentence(text string, names []string) string {
	text = datum(text)
	var out strings.Builder
	put := func(part string) {
		if strings.HasSuffix(out.String(), "`") && strings.HasPrefix(part, "`") {
			out.WriteByte(' ') // or the fences would be one
		}
		out.WriteString(part)
	}
	words := func(text string) {
		if strings.TrimSpace(text) == "" {
			out.WriteString(text)
			return
		}
		if strings.HasPrefix(text, " ") {
			out.WriteByte(' ')
		}
		put(mdText(text))
		if strings.HasSuffix(text, " ") {
			out.WriteByte(' ')
		}
	}
	for {
		at, found := -1, ""
		for _, name := range names {
			if i := strings.Index(text, name); i >= 0 && (at < 0 || i < at || i == at && len(name) > len(found)) {
				at, found = i, name
			}
		}
		if at < 0 {
			break
		}
		words(text[:at])
		put(codeSpan(found))
		text = text[at+len(found):]
	}
	if out.Len() == 0 {
		return mdText(text)
	}
	words(text)
	return out.String()
}

// namesWithBlanks are the names that effects have which are several words.
func namesWithBlanks(effects ...[]runner.Residue) (names []string) {
	for _, all := range effects {
		for _, r := range all {
			for _, name := range []string{Visible(r.Owner), Visible(r.ID)} {
				if strings.Contains(strings.TrimSpace(name), " ") && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}
