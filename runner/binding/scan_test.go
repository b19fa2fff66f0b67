package binding

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
)

// show writes a template as one line: literal text in quotes, expressions in
// angle brackets with their offset.
func show(t Template) string {
	var b strings.Builder
	if t.Whole {
		b.WriteString("whole ")
	}
	for i, p := range t.Parts {
		if i > 0 {
			b.WriteByte(' ')
		}
		if p.Source != "" {
			fmt.Fprintf(&b, "<%s>@%d", p.Source, p.Offset)
		} else {
			fmt.Fprintf(&b, "%q", p.Text)
		}
	}
	return b.String()
}

func TestScanTable(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"$<a.n > 3>", `whole <a.n > 3>@2`},
		{`$<len(x) >= 3 ? "a" : "b">`, `whole <len(x) >= 3 ? "a" : "b">@2`},
		{`$<"$<">`, `whole <"$<">@2`},
		{`$<filter(xs, .n > 1)[0].n > 2>`, `whole <filter(xs, .n > 1)[0].n > 2>@2`},

		{"$<a>-$<b>", `<a>@2 "-" <b>@7`},
		{"$<key>=$<value>", `<key>@2 "=" <value>@9`},
		{"CN=$<app>,O=Acme", `"CN=" <app>@5 ",O=Acme"`},
		{"pre $<(a > b)> post", `"pre " <(a > b)>@6 " post"`},
		{`<X id="$<a>">`, `"<X id=\"" <a>@9 "\">"`},

		{"$$<a>", `"$<a>"`},
		{"$5", `"$5"`},
		{"${HOME}", `"${HOME}"`},
	} {
		got, faults := Scan(c.text)
		if len(faults) > 0 || show(got) != c.want {
			t.Errorf("Scan(%q) = %s %v, want %s", c.text, show(got), faults, c.want)
		}
	}
	for _, c := range []struct {
		text   string
		offset int
		part   string
	}{
		{"x $<a > b> y", 6, "a blank stands before it"},
		{"pre $<len(x) >= 3 ? 1 : 2>", 13, "a blank stands before it"},
		{"pre $<a>b> post", 7, "or at a later one"},
		{"$<a + $<b>>", 6, "inside an expression"},
		{"$<a", 0, "never closed"},
		{"$<>", 0, "empty"},
		{"x $<a // c>", 6, "a comment"},
	} {
		_, faults := Scan(c.text)
		if len(faults) != 1 || faults[0].Offset != c.offset || !strings.Contains(faults[0].Message, c.part) || faults[0].Cure == "" {
			t.Errorf("Scan(%q) = %v, want one fault at %d: …%s…", c.text, offsets(faults), c.offset, c.part)
		}
	}
}

func offsets(faults []*Fault) []string {
	var s []string
	for _, f := range faults {
		s = append(s, fmt.Sprintf("%d: %v", f.Offset, f))
	}
	return s
}

func TestScanMore(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `""`},
		{"text\n", `"text\n"`},
		{"$$<a>\n", "\"$<a>\\n\""},
		{"$<a>\n", `whole <a>@2`},
		{"$<a>\r\n\n", `whole <a>@2`},
		{"x $<a>\n", `"x " <a>@4`},
		{"$< a >", `whole < a >@2`},
		{"$$$<a>", `"$$<a>"`},
		{"$$$<a>$<b>", `"$$<a>" <b>@8`},
		{"é$<a>ü$<b>", `"é" <a>@3 "ü" <b>@8`},
		{"$<a> it's $<b>", `<a>@2 " it's " <b>@12`},
		{"$<a>$<b>", `<a>@2 <b>@6`},
		{"$<a>b>", `whole <a>b>@2`},
		{`pre $<a>$<">">b`, `"pre " <a>@6 <">">@10 "b"`},
		{"$<a>//x", `<a>@2 "//x"`},
		{"$<a>//x>", `<a>@2 "//x>"`},
		{"https://$<a>/b", `"https://" <a>@10 "/b"`},
		{`$<"a // b">`, `whole <"a // b">@2`},
		{"x $<f(\"a)\" + 'b>' + `c>``d`)> y", "\"x \" <f(\"a)\" + 'b>' + `c>``d`)>@4 \" y\""},
		{`<b>$<name></b> and <i>`, `"<b>" <name>@5 "</b> and <i>"`},
		{"$<a> -> $<b>", `<a>@2 " -> " <b>@10`},
		{"$<a>\nline $<b>\n", `<a>@2 "\nline " <b>@12`},
		{"$<a +>", `whole <a +>@2`},         // Compile says what is wrong
		{"$<a > >", `whole <a > >@2`},       // no blank: it can only be meant as one
		{"$<f)a>", `whole <f)a>@2`},         //
		{"p $<a +> q", `"p " <a +>@4 " q"`}, //
		{"cost: 5$ $<a>", `"cost: 5$ " <a>@11`},
	} {
		got, faults := Scan(c.text)
		if len(faults) > 0 || show(got) != c.want {
			t.Errorf("Scan(%q) = %s %v, want %s", c.text, show(got), offsets(faults), c.want)
		}
	}
}

func TestScanFaults(t *testing.T) {
	long := strings.Repeat("a", maxSource)
	for _, c := range []struct {
		text   string
		offset int
		want   string
	}{
		{"é $<a > b> y", 6, "a blank stands before it; put an expression that compares with `>` in parentheses"},
		{"x $<\t> y", 2, "this `$<>` is empty"},
		{"$<filter(xs,", 0, "this `$<` is never closed with `>`: a `(` in it is still open; add the missing `>`, or write `$$<` for a literal `$<`; a YAML value ends at ` #`, which starts a comment, unless the value is quoted"},
		{"$<f(a>", 0, "a `(` in it is still open"},
		{`x $<a" > y`, 2, "the text that starts with \" has no closing quote"},
		{"$<\"a\nb\">", 0, "no closing quote"},
		{"x $<a /* b */ > y", 6, "a comment inside an expression"},
		{"$<http://x>", 7, "put quotes around text that contains `//`"},
		{"$<a > b // c>", 8, "a comment"},
		{"$<" + long + "b>", 0, "not closed within 2 KiB"},
		{"p $<(" + long + ")>", 2, "not closed within 2 KiB"},
		{"x $<" + strings.Repeat("(", 60), 52, "nest more than 48 deep"},
		{"$<a$$<b>", 4, "inside an expression"},
		{"x $<a>b + 1> $<c>", 5, "or at a later one"},
		{"x $<a>-b?c>d>e>f>g>h>i>j>k>l>m>n", 5, "or at a later one"},
	} {
		_, faults := Scan(c.text)
		if len(faults) != 1 || faults[0].Offset != c.offset || !strings.Contains(faults[0].Error(), c.want) {
			t.Errorf("Scan(%.40q) = %v, want at %d: %s", c.text, offsets(faults), c.offset, c.want)
		}
	}
	if got, faults := Scan("$<" + long + ">"); len(faults) > 0 || !got.Whole {
		t.Errorf("2 KiB is too long: %v", faults)
	}
	_, faults := Scan("a $< > b $<x > c $<y")
	if got := fmt.Sprint(offsets(faults)); len(faults) != 3 || faults[0].Offset != 2 || faults[1].Offset != 13 || faults[2].Offset != 17 {
		t.Errorf("three faults: %s", got)
	}
	_, faults = Scan(strings.Repeat("$<>", 1000))
	if len(faults) != maxFaults {
		t.Errorf("%d faults, want %d", len(faults), maxFaults)
	}
}

func TestLiteral(t *testing.T) {
	for text, want := range map[string]string{"": "", "a$$<b": "a$<b", "$x": "$x"} {
		tpl, _ := Scan(text)
		if got, ok := tpl.Literal(); !ok || got != want {
			t.Errorf("Scan(%q).Literal() = %q %v", text, got, ok)
		}
	}
	for _, text := range []string{"$<a>", "x $<a>", "$<a> y"} {
		tpl, _ := Scan(text)
		if got, ok := tpl.Literal(); ok {
			t.Errorf("Scan(%q).Literal() = %q", text, got)
		}
	}
}

// However long a text is, it must be read in a moment.
func TestScanBounded(t *testing.T) {
	const size = 1 << 18
	for _, unit := range []string{"$<(", "$<", "$", "$<a>", "$<a>>", "$<a>>>>>>>>>>", "$$<", "$<a +", "'", "$<\"", "$<a>(1+1+1", "$<a ?b>c",
		"$<a>" + strings.Repeat(" b?c>d", 300), "$<a>(" + strings.Repeat("1+", 500) + strings.Repeat(">", 500), "$<" + strings.Repeat("x>", 1000)} {
		for _, affix := range [][2]string{{"", ""}, {"x ", ""}, {"$<(", ">"}} {
			text := affix[0] + strings.Repeat(unit, size/len(unit)) + affix[1]
			began := cputime.Spent()
			_, faults := Scan(text)
			if d := cputime.Spent() - began; d > 5*time.Second {
				t.Errorf("%.20q… took %v", text, d)
			}
			for _, f := range faults {
				if len(f.Error()) > 1000 {
					t.Errorf("%.20q…: a message of %d bytes", text, len(f.Error()))
				}
			}
		}
	}
}

// escape writes literal text so that Scan reads it back.
func escape(s string) string { return strings.ReplaceAll(s, "$<", "$$<") }

func FuzzScan(f *testing.F) {
	for _, s := range []string{"$<a.n > 3>", `$<"$<">`, "$<a>-$<b>", "$$<a>", "$5", "x $<a > b> y", "$<a + $<b>>", "pre $<a>b> post", "$<a", "x $<a // c>", "$$$<a>$<b>\n", "é$<`a``>`>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tpl, faults := Scan(text)
		n := runes(text)
		for _, fault := range faults {
			if fault.Offset < 0 || fault.Offset > n || fault.Message == "" || fault.Cure == "" || len(fault.Error()) > 1000 {
				t.Fatalf("%q: fault %d %v", text, fault.Offset, fault)
			}
		}
		if len(faults) > 0 {
			return
		}
		var b strings.Builder
		all := []rune(text)
		for _, p := range tpl.Parts {
			if p.Source == "" {
				b.WriteString(escape(p.Text))
				continue
			}
			b.WriteString("$<" + p.Source + ">")
			src := []rune(p.Source)
			if p.Offset+len(src) >= len(all) || string(all[p.Offset:p.Offset+len(src)]) != string(src) || string(all[p.Offset-2:p.Offset]) != "$<" || all[p.Offset+len(src)] != '>' {
				t.Fatalf("%q: part %q is not at %d", text, p.Source, p.Offset)
			}
		}
		want := text
		if _, literal := tpl.Literal(); !literal {
			want = strings.TrimRight(text, "\r\n")
		}
		if b.String() != want {
			t.Fatalf("%q reads as %s, which is %q", text, show(tpl), b.String())
		}
	})
}
