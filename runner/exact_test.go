package runner

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

var places = flag.Uint64("places", 3000, "how many playbooks TestExactPlaces makes")

// misspelt is the name that every playbook of TestExactPlaces has once, and
// with which its one fault begins. mark stands for it until it is written.
const (
	misspeltName = "qqzzq"
	mark         = "§"
)

// TestExactPlaces holds that a fault in an expression stands at the rune that
// is wrong, however the scalar is written around it. It knows no more of YAML
// than how to write it, and counts the place in the bytes.
func TestExactPlaces(t *testing.T) {
	w := newWorld(nil)
	c := w.catalogue(t)
	styles, refused := map[string]int{}, uint64(0)
	for seed := range *places {
		g := &placer{rand: rand.New(rand.NewPCG(seed, 11))}
		written, want := g.finish(g.playbook())
		p, faults := ParsePlaybook("f", written)
		if len(faults) == 0 {
			_, faults = Check(p, c)
		}
		if len(faults) == 1 && (strings.Contains(faults[0].Message, "readers of YAML understand") || strings.Contains(faults[0].Message, "in quotes that cannot be read")) {
			refused++ // goccy reads some escaped breaks, and tabs behind them, otherwise than YAML 1.2
			continue
		}
		if len(faults) != 1 || !strings.Contains(faults[0].Message, misspeltName) || faults[0].Position != want {
			t.Fatalf("seed %d, %s: the name stands at %v\n%s\n%q\nfaults: %v", seed, g.style, want, written, written, faults)
		}
		styles[g.style]++
	}
	if refused > *places/10 {
		t.Errorf("%d of %d refused: too few are left to tell anything", refused, *places)
	}
	for _, style := range []string{"plain", "single", "double", "literal", "folded"} {
		if styles[style] < int(*places)/20 {
			t.Errorf("only %d of style %s", styles[style], style)
		}
	}
}

// samplePlacer is one of these playbooks.
func samplePlacer(seed uint64) ([]byte, Position) {
	g := &placer{rand: rand.New(rand.NewPCG(seed, 11))}
	return g.finish(g.playbook())
}

// placeOf counts where the byte at stands: lines end with LF, CRLF or CR, columns
// count runes, and a byte order mark is none.
func placeOf(data []byte, at int) Position {
	pos := Position{1, 1}
	i := 0
	if strings.HasPrefix(string(data), "\ufeff") {
		i = 3
	}
	for i < at {
		_, size := utf8.DecodeRune(data[i:])
		switch data[i] {
		case '\r':
			if data[i+1] != '\n' {
				pos = Position{pos.Line + 1, 1}
			}
		case '\n':
			pos = Position{pos.Line + 1, 1}
		default:
			pos.Column++
		}
		i += size
	}
	return pos
}

// placer writes playbooks with one misspelt name.
type placer struct {
	rand   *rand.Rand
	style  string
	escape bool // the first letter of the name is written as an escape
}

func (g *placer) n(n int) int              { return g.rand.IntN(n) }
func (g *placer) chance(of int) bool       { return g.n(of) == 0 }
func (g *placer) pick(of ...string) string { return of[g.n(len(of))] }

// finish writes the name, the line breaks and a byte order mark, and tells where
// the name then stands.
func (g *placer) finish(text string) ([]byte, Position) {
	name := misspeltName
	if g.escape {
		name = g.pick(`\x71`, `\u0071`, `\U00000071`) + name[1:]
	}
	if !strings.HasSuffix(text, "\n") || g.chance(2) {
		text = strings.TrimRight(text, "\n") + g.pick("", "\n", "\n", "\n# end\n")
	}
	switch g.n(4) {
	case 0:
		text = strings.ReplaceAll(text, "\n", "\r\n")
	case 1:
		text = strings.ReplaceAll(text, "\n", "\r")
	}
	if g.chance(4) {
		text = "\ufeff" + text
	}
	before, after, _ := strings.Cut(text, mark)
	data := []byte(before + name + after)
	return data, placeOf(data, len(before))
}

// playbook puts the scalar somewhere in a playbook.
func (g *placer) playbook() string {
	noise := g.pick("", "# é 日 😀\n", "\n", "#\n\n")
	head := noise + "rekey: 1" + g.pick("", " ", " # één") + "\nplaybook: test\nversion: 1.0.0\n" +
		g.pick("", "description: 'é 日本'\n", "description: |\n  日本\n\n  x\n", "description: >-\n  a\n   b\n\n  c\n") + noise + "inputs: {app: {type: string}}\n"
	step := "- id: s\n  look: {name: n}\n"
	switch g.n(8) {
	case 0:
		return head + "vars:\n  v:" + g.gap() + g.block(2) + "\nsteps:\n" + step
	case 1:
		return head + "vars:\n  v:\n    - b: a\n    -   b:" + g.gap() + g.block(8) + "\n" + g.pick("", "    - {\"b\": é}\n") + "steps:\n" + step
	case 2:
		return head + "vars:\n    v:\n    -" + g.pick(" ", "   ") + g.block(4) + "\n" + g.pick("", "    - '日'\n") + "steps:\n" + step
	case 3:
		return head + "steps:\n  - id: s\n    look:\n      name:" + g.gap() + g.block(6) + "\n"
	case 4:
		return head + "steps:\n- id: s\n  look: {" + g.pick("name: ", "\n    name:   ", "'name': ", "\n    # é\n    \"name\": ") + g.flow(4) + g.pick("}", " }", "\n  }") + "\n"
	case 5:
		return head + "vars: {a: ['日', " + g.pick("", "\n    ", "\t", "\"é\\t\", ") + g.flow(2) + g.pick("", ",  b", "\n  ") + "]}\nsteps:\n" + step
	case 6:
		return head + "steps:\n" + step + "outputs:\n  x:\n    \"日 \\u00e9\":" + g.gap() + g.block(4) + "\n"
	}
	return head + "steps:\n- id: s\n  look: {name: n}\n  assert:\n  - $<true>\n  - " + g.condition(2) + "\n"
}

// gap stands behind a colon.
func (g *placer) gap() string { return g.pick(" ", " ", "  ", "   ", "\t", " \t ") }

// condition is a whole expression in some style of one line.
func (g *placer) condition(int) string {
	text := g.pick("$<inputs."+mark+" == steps.s.size>", "$<inputs.app ==  inputs."+mark+">", "$<\"é日\" == inputs."+mark+">")
	switch g.n(4) {
	case 0:
		g.style = "plain"
		return text
	case 1:
		g.style = "single"
		return "'" + text + "'"
	case 2:
		g.style = "literal"
		return "|\n    " + text
	}
	g.style = "double"
	return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"`
}

// block is a scalar of any style in a block collection at a column.
func (g *placer) block(column int) string {
	in := strings.Repeat(" ", column+1+g.n(3))
	switch g.n(5) {
	case 0:
		return g.plain(in, g.words("x-y", "a:b", "x#y", "[z", "it's", `say"`))
	case 1:
		return g.single(in)
	case 2:
		return g.double(in)
	}
	return g.lines(column)
}

// flow is a scalar of any style that may stand in brackets.
func (g *placer) flow(column int) string {
	in := strings.Repeat(" ", column+g.n(3))
	switch g.n(3) {
	case 0:
		g.style = "plain"
		return g.pick("", "é", "日 本 ", "😀-") + "$<inputs." + mark + ">" + g.pick("", "é x")
	case 1:
		return g.single(in)
	}
	return g.double(in)
}

// words are some words, of letters of every width; others may be among them.
func (g *placer) words(others ...string) []string {
	all := append([]string{"a", "é", "e\u0301", "日本", "😀", "𝒳y", "ß", "שלום", "👩\u200d🚀", "x\u00a0y", "word", "=", "y=", "$5"}, others...)
	var out []string
	for range g.n(7) {
		out = append(out, all[g.n(len(all))])
	}
	return out
}

// expression is what holds the name, in words between which a line may break.
func (g *placer) expression(quote string) []string {
	switch g.n(4) {
	case 0:
		return []string{"$<inputs.app", "+", "inputs." + mark + ">"}
	case 1:
		return []string{"$<" + quote + "é日" + quote + " +", "inputs." + mark, "+ inputs.app>"}
	case 2:
		return []string{"x$<inputs.app>y$<inputs." + mark + ">😀"}
	}
	return []string{"$<inputs." + mark + ">"}
}

// folded joins words by blanks and by line breaks that fold to blanks, or to
// line feeds where lines are empty.
func (g *placer) folded(in string, words []string, trailing ...string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			switch g.n(4) {
			case 0:
				b.WriteString(g.pick(append(trailing, "")...) + "\n" + in)
			case 1:
				b.WriteString("\n" + strings.Repeat(g.pick("\n", " \n"), 1+g.n(2)) + in)
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString(w)
	}
	return b.String()
}

func (g *placer) plain(in string, words []string) string {
	g.style = "plain"
	words = append(words, g.expression(`"`)...)
	words = append(words, g.words()...)
	first := words[0]
	if strings.ContainsAny(first[:1], "[=") {
		words[0] = "p" + first
	}
	return g.folded(in, words)
}

func (g *placer) single(in string) string {
	g.style = "single"
	words := append(g.words("''", "it''s", "x: y", " #z", "\\n", "\tt", "[", "\"", "- "), g.expression(`"`)...)
	return "'" + g.folded(in, append(words, g.words("''", ": ")...), " ") + "'"
}

func (g *placer) double(in string) string {
	g.style = "double"
	g.escape = g.chance(4)
	words := append(g.words(`\"`, `\t`, `\u00e9`, `\x41`, `\U0001F600`, `\ud83d\ude00`, `\\`, "x: y", " #z", "'", "\tt", "\\\t", `\n`, `\_`, `\N`, "\\\n"+in+`\ `, "\\\n"+in), g.expression(`\"`)...)
	return `"` + g.folded(in, append(words, g.words(`\"`)...), " ", "\\") + `"`
}

// lines is a literal or folded scalar in a collection at a column.
func (g *placer) lines(column int) string {
	indicator, indent := "", column+1+g.n(4)
	chomp := g.pick("", "-", "+")
	explicit := g.chance(3)
	if explicit {
		indicator = fmt.Sprint(indent - column)
	}
	header := g.pick(indicator+chomp, chomp+indicator) + g.pick("", "", " ", " # é日")
	in := strings.Repeat(" ", indent)
	words := append(g.words("x: y", " #z", "'", "\tt", "- ", "[", "\\"), g.expression(`"`)...)
	words = append(words, g.words("- x")...)
	if !explicit {
		words[0] = strings.TrimLeft(words[0], " ") // which would be indentation
	}
	var b strings.Builder
	sign := "|"
	if g.style = "literal"; g.chance(2) {
		sign, g.style = ">", "folded"
	}
	b.WriteString(sign + header + "\n" + strings.Repeat("\n", g.n(2)) + in)
	whole := false // within an expression, whose lines must not be text of their own
	for i, w := range words {
		if i > 0 {
			switch {
			case g.chance(3) && (sign == ">" || !whole):
				b.WriteString("\n" + in)
			case g.chance(4):
				b.WriteString("\n" + strings.Repeat("\n", g.n(3)) + in)
				if g.chance(2) {
					b.WriteString("  ")
				}
			default:
				b.WriteString(" ")
			}
		} else if explicit && g.chance(3) {
			b.WriteString("  ") // what only the indicator tells from indentation
		}
		if whole = whole || strings.HasPrefix(w, "$<"); strings.HasSuffix(w, ">") {
			whole = false
		}
		b.WriteString(w)
	}
	return b.String()
}
