package view

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a plan or a run says is data to Markdown, and mostly somebody else's: a
// label must make no heading, no link, no picture and no element, and on GitHub
// mention nobody, refer to no issue or commit and close none. GitHub looks for
// mentions and references in the rendered text, where no backslash and no
// entity helps, but never in code. So whatever could mean anything stands in a
// code span; only words that are plain in every respect stand outside of one.

// How many characters of one text are shown, and of a name on top of a page:
// nobody reads on, and there must be room for the others.
const (
	maxDatum = 2000
	maxName  = 200
)

// datum is a text as Markdown shows it: in one line, its beginning if it is
// long.
func datum(text string) string { return beginning(text, maxDatum) }

func beginning(text string, most int) string {
	text = Visible(text)
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	runes := []rune(text)
	return fmt.Sprintf("%s… (%s more)", string(runes[:most]), count(len(runes)-most, "character"))
}

// mdName is a name on top of a page.
func mdName(text string) string { return codeSpan(beginning(text, maxName)) }

// mdCode is a text as code: a name, an id, a value.
func mdCode(text string) string { return codeSpan(datum(text)) }

// codeSpan is a text in one line as a code span. One that such a span cannot
// hold in any place, because it is blank, would end the cell of a table, or is
// a command where the page is printed to a log of GitHub's, is an element
// instead.
func codeSpan(text string) string {
	if strings.TrimSpace(text) == "" || strings.Contains(text, "|") || strings.Contains(text, logCommand) {
		return htmlCode(text)
	}
	longest, run := 0, 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || strings.HasPrefix(text, " ") && strings.HasSuffix(text, " ") {
		text = " " + text + " " // Markdown takes one blank away at both ends
	}
	return fence + text + fence
}

// htmlCode is a text as an element of code, in which no sign means anything to
// Markdown. It serves where Markdown is not read, such as in a summary.
func htmlCode(text string) string { return "<code>" + htmlText(text) + "</code>" }

// htmlText is a text of which Markdown and HTML understand nothing but letters,
// digits and blanks.
func htmlText(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf && r != ' ' && !asciiWord(r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func asciiWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// mdText is a sentence that may hold data: plain words are text, the others,
// each by itself, code.
func mdText(text string) string {
	words := strings.Fields(datum(text))
	if len(words) == 0 {
		return htmlCode(text)
	}
	for i, word := range words {
		if i == 0 && listItem.MatchString(word) {
			words[i] = codeSpan(word)
			continue
		}
		words[i] = mdWord(word)
	}
	return strings.Join(words, " ")
}

// listItem is what would begin an item of a numbered list.
var listItem = regexp.MustCompile(`^[0-9]+[.)]`)

// mdWord is one word of a sentence. What stands around it, such as the comma
// behind it, stays outside of the code.
func mdWord(word string) string {
	if strings.HasPrefix(word, "::") { // a command, at the beginning of a line of GitHub's log
		return codeSpan(word)
	}
	body := strings.TrimLeft(word, `("[`)
	lead := word[:len(word)-len(body)]
	core := strings.TrimRight(body, `.,;:!?")]…`)
	tail := body[len(core):]
	switch {
	case core == "" || plainWord(core):
	case strings.Contains(core, "(") && strings.HasPrefix(tail, ")"), strings.Contains(core, "[") && strings.HasPrefix(tail, "]"):
		core, tail = codeSpan(core+tail[:1]), tail[1:]
	default:
		core = codeSpan(core)
	}
	return brackets.Replace(lead) + core + brackets.Replace(tail)
}

// brackets are no link's.
var brackets = strings.NewReplacer("[", `\[`, "]", `\]`)

// plainWord reports whether a word means nothing but itself to Markdown and to
// GitHub: letters, which an apostrophe or a hyphen may join, or a short number.
// A commit may be named by seven digits of its hash, which can all be letters,
// and a tracker's issue by letters, a hyphen and a number.
func plainWord(word string) bool {
	const shortestHash = 7
	letters, digits, commas, hex := 0, 0, 0, 0
	for i, r := range word {
		inner := i > 0 && i < len(word)-1
		switch {
		case unicode.IsLetter(r):
			letters++
		case r >= '0' && r <= '9':
			digits++
		case r == ',' && inner:
			commas++
		case (r == '-' || r == '\'') && inner:
		default:
			return false
		}
		if hex++; !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			hex = 0
		}
		if hex == shortestHash {
			return false
		}
	}
	return letters == 0 && digits+commas == len(word) || digits+commas == 0
}

// mdSummary opens a collapsed part with a title of ours.
func mdSummary(title string) string {
	return "<details>\n<summary>" + html.EscapeString(title) + "</summary>\n"
}
