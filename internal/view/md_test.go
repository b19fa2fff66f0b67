package view

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// rendered is what a Markdown text becomes on a page: its elements, its text,
// and the part of that in which GitHub looks for mentions and references.
type rendered struct {
	elements   []string
	text, live string
}

// renderMarkdown renders a text as GitHub does, elements in it included.
func renderMarkdown(t *testing.T, text string) rendered {
	t.Helper()
	var page bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe(), html.WithXHTML()))
	if err := md.Convert([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(io.MultiReader(strings.NewReader("<page>"), &page, strings.NewReader("</page>")))
	dec.Entity = xml.HTMLEntity
	var r rendered
	inCode := 0
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return r
		}
		if err != nil {
			t.Fatalf("the page of %q is not well-formed: %v\n%s", text, err, page.String())
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			for _, a := range token.Attr {
				name += " " + a.Name.Local
			}
			r.elements = append(r.elements, name)
			if token.Name.Local == "code" {
				inCode++
			}
		case xml.EndElement:
			if token.Name.Local == "code" {
				inCode--
			}
		case xml.CharData:
			r.text += string(token)
			if inCode == 0 {
				r.live += string(token)
			} else {
				r.live += "\x00"
			}
		case xml.Comment:
			r.elements = append(r.elements, "comment")
		}
	}
}

// alive is what GitHub makes a link or a picture of, in a text that is no code.
var alive = regexp.MustCompile(`@\w|#\d|(?i:gh-\d)|\b[0-9a-fA-F]{7,40}\b|://|(?i:www\.\S)|[A-Za-z]-\d|:[a-z_]\w*:|\$`)

var someData = []string{
	"", " ", "plain words, all of them.", "a|b", `a\|b`, "``", "`", " ` ", "a`b``c", "*x* _y_ ~~z~~", "# no heading", "1. no list", "1) none", "- none", "+",
	"<b>bold</b>", "<!-- x", "--> x", "]]>", "</details>", "<details>", "```\nfence", "&lt;&#64;", "@octocat, look", "see #12 and GH-12", "fixes #1", "org/repo#1",
	"deadbeef defaced 1234567", "https://evil.example/", "www.evil.example", "mailto:a@b.example", "JIRA-12", "![x](y)", "[x]: y", "[x](y)", "$x$ $$", ":smile:",
	"\x1b[2J\u202egnp.exe", "two\nlines\r\n\r\nthree", "\\", "a \\", "https:\\\\", "Ω é 漢 \u0301", "| --- |", "> [!NOTE]", "===", "---", "    code", "\tcode", "x  y   z",
	`"quoted" (and) "so on".`, "f(x), (y)", "[x] [y z] a[x] [](", "[ ] a", "[x", "x]:", "[^1] [^1]:", "$<steps.a.b>", `fleet["a]b"].x`, "\xff\xfe", strings.Repeat("`", 100), "100,000 of 1,000,000", "2026-01-15 12:00:00 UTC", "##[add-mask]x y", "a##[b", ":: x", "::: ::", "::add-mask::x", "0000000,000 face-deadbeef", "0)] x",
}

// FuzzMarkdown: what Markdown shows of a datum is that, and nothing else is on
// the page because of it, in a sentence, a list, a quotation, a table and a
// summary.
func FuzzMarkdown(f *testing.F) {
	for _, text := range someData {
		f.Add(text)
	}
	spaces := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 500 {
			t.Skip("long texts take the judge long")
		}
		for name, form := range map[string]func(string) string{"text": mdText, "code": mdCode, "element": htmlCode} {
			for _, frame := range []string{"%", "so: % end", "- %", "- x\n  - % y\n", "> %", "| a | b |\n| --- | --- |\n| % | c |\n", "<details>\n<summary>a % b</summary>\n\nin it\n\n</details>\n"} {
				summary := strings.Contains(frame, "<summary>")
				if summary != (name == "element") && (summary || name == "element") {
					continue
				}
				got := renderMarkdown(t, strings.Replace(frame, "%", form(Visible(text)), 1))
				plain := renderMarkdown(t, strings.Replace(frame, "%", "DATUM", 1))
				got.elements = slices.DeleteFunc(got.elements, func(e string) bool { return e == "code" })
				if !slices.Equal(got.elements, plain.elements) {
					t.Errorf("%s of %q in %q makes %v, want %v", name, text, frame, got.elements, plain.elements)
				}
				want := strings.Replace(plain.text, "DATUM", datum(text), 1)
				if spaces(got.text) != spaces(want) {
					t.Errorf("%s of %q in %q shows %q, want %q", name, text, frame, got.text, want)
				}
				source := form(Visible(text))
				if strings.Contains(source, "##[") || strings.HasPrefix(source, "::") {
					t.Errorf("%s of %q is a command in a log: %q", name, text, source)
				}
				if m := alive.FindString(got.live); m != "" {
					t.Errorf("%s of %q in %q: GitHub would make something of %q", name, text, frame, m)
				}
			}
		}
	})
}

// TestPageLimit: whatever the parts of a page are, it is no longer than it may
// be, it is cut only if it must be, and what is left out is said.
func TestPageLimit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		p := &mdPage{all: "All is elsewhere."}
		p.part(0, "", "# head\n\n", "")
		whole := len("# head\n\n")
		for i := range 1 + random.IntN(8) {
			part := p.details(random.IntN(4), fmt.Sprintf("part %d", i), "title")
			for range random.IntN(300) {
				part.item("- %s", strings.Repeat("x", 1+random.IntN(400)))
			}
			whole += part.size()
		}
		text := p.String()
		if n := chars(text); n > mdLimit {
			t.Fatalf("a page of %d characters has %d", whole, n)
		}
		cut := strings.Contains(text, "This page is cut")
		if cut != (whole > mdLimit) {
			t.Fatalf("a page of %d characters: cut %t", whole, cut)
		}
		if n := chars(text); cut && n < mdLimit-3000 {
			t.Fatalf("a page of %d characters is cut to %d", whole, n)
		}
		if !cut && !strings.HasSuffix(text, "\n") || strings.Count(text, "<details>") != strings.Count(text, "</details>") {
			t.Fatalf("a page ends with %q", text[len(text)-20:])
		}
	}
}
