package view

import (
	"strings"
	"testing"
)

// commanded reports whether GitHub's runner would take a line for a command: it
// begins with "::", behind white space, or has "##[" anywhere.
func commanded(text string) bool {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(l), "::") || strings.Contains(l, "##[") {
			return true
		}
	}
	return false
}

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"plain text\n":                        "plain text\n",
		"a::b c ::d\n":                        "a::b c ::d\n",
		"::error::x\n":                        ": :error::x\n",
		"  ok\n \t::stop-commands::x\nlast":   "  ok\n \t: :stop-commands::x\nlast",
		"\u2003::add-mask::x\n":               "\u2003: :add-mask::x\n",
		"a ##[add-mask]b ##[group]\n##[x]y\n": "a ## [add-mask]b ## [group]\n## [x]y\n",
		"###[[::\n":                           "### [[::\n",
		":::error::\n":                        ": ::error::\n",
	} {
		var b strings.Builder
		if n, err := (Harmless{&b}).Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: wrote %d, %v", text, n, err)
		}
		if b.String() != want {
			t.Errorf("%q became %q, want %q", text, b.String(), want)
		}
		if commanded(b.String()) {
			t.Errorf("%q is a command", b.String())
		}
	}
}

// TestGitHubCommands: whatever data is in a command, it is one line, and the
// one command that it is meant to be.
func TestGitHubCommands(t *testing.T) {
	hostile := "a%b\n::error::c\r##[x]d,e:f\x1b[2K"
	for _, test := range []struct{ got, want string }{
		{Group(hostile), "::group::a%25b␊::error::c␍##[x]d,e:f␛[2K\n"},
		{Mask("a%b\nc"), "::add-mask::a%25b%0Ac\n"},
		{Annotation{Title: hostile, Message: hostile}.Command(), "::error title=a%25b␊%3A%3Aerror%3A%3Ac␍##[x]d%2Ce%3Af␛[2K::a%25b␊::error::c␍##[x]d,e:f␛[2K\n"},
		{Annotation{Warning: true, File: "a,b.yaml", Line: 1234, Title: "t", Message: "m"}.Command(), "::warning file=a%2Cb.yaml,line=1234,title=t::m\n"},
		{Annotation{File: "a.yaml", Title: "t", Message: "m"}.Command(), "::error title=t::m\n"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
	if long := (Annotation{Title: "t", Message: strings.Repeat("m", 5000)}).Command(); len(long) > githubTotal+1 || !strings.HasSuffix(long, "…\n") {
		t.Errorf("a long one takes %d bytes", len(long))
	}
}

// FuzzHarmless: no text gives GitHub a command.
func FuzzHarmless(f *testing.F) {
	f.Add("::error::x\n ##[##[a]")
	f.Add("##\n[x]\n:::")
	f.Fuzz(func(t *testing.T, text string) {
		var b strings.Builder
		Harmless{&b}.Write([]byte(text))
		if commanded(b.String()) {
			t.Errorf("%q became %q", text, b.String())
		}
	})
}
