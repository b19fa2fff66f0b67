package runner

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes up playbooks that undo what they did when they fail: with no
// rollback: skip, and no failures that are tolerated. Nothing else is said
// about them but that what they do does not depend on which of two items comes
// first.
type generator struct {
	rand *rand.Rand
	b    strings.Builder
	next int
}

func (g *generator) chance(of int) bool { return g.rand.IntN(of) == 0 }

func (g *generator) pick(from ...string) string { return from[g.rand.IntN(len(from))] }

func (g *generator) playbook() string {
	if g.chance(2) {
		g.b.WriteString("on_failure: rollback\n")
	}
	g.b.WriteString("inputs:\n  yes: {type: bool, default: true}\n  no: {type: bool, default: false}\nsteps:\n")
	g.steps(spot{indent: "  ", depth: 2}, 2+g.rand.IntN(4))
	return g.b.String()
}

// spot is where steps stand.
type spot struct {
	indent string
	suffix string   // of what is touched, in items that stand beside each other
	beside bool     // items are at work beside each other
	depth  int      // of blocks and loops that may follow
	ids    []string // expressions that yield ids
}

func (g *generator) steps(at spot, n int) {
	for range n {
		if made := g.step(at); made != "" {
			at.ids = append(at.ids, made)
		}
	}
}

func (g *generator) line(at spot, format string, args ...any) {
	fmt.Fprintf(&g.b, at.indent+format+"\n", args...)
}

// step makes up a step, a block or a loop. It returns the expression of an id
// that the step certainly yields, if it does.
func (g *generator) step(at spot) (made string) {
	id := fmt.Sprintf("s%d", g.next)
	g.next++
	g.line(at, "- id: %s", id)
	at.indent += "  "
	optional := g.chance(4)
	if optional {
		g.line(at, "if: '$<%s>'", g.pick("inputs.yes", "inputs.no", "not inputs.no"))
	}
	if at.depth > 0 && g.chance(3) {
		g.inner(at, id)
		return ""
	}
	if g.chance(4) {
		g.line(at, "retry: {attempts: 3, delay: %s}", g.pick("1s", "10ms", "1m"))
	}
	owner := g.pick("a", "b") + at.suffix
	if !at.beside && g.chance(3) {
		owner = g.pick("a", "b")
	}
	switch g.rand.IntN(8) {
	case 0:
		g.line(at, "peek: {owner: %q}", owner)
		g.assert(at, "steps."+id+".size >= 0", "steps."+id+".size == 0")
		return ""
	case 1, 2:
		g.line(at, "mint: {owner: %q}", owner)
		optional = true // nobody needs what its undo takes away
	case 3:
		g.line(at, "cast: {owner: %q}", owner)
	default:
		value := g.pick("old", "new", "v"+id, "w")
		if len(at.ids) > 0 && g.chance(2) {
			value = g.pick(at.ids...)
		}
		g.line(at, "turn: {owner: %q, value: %q}", owner, value)
		g.assert(at, "steps."+id+".value != \"\"", "steps."+id+".value == \"old\"")
		return ""
	}
	g.assert(at, "inputs.yes", "inputs.no")
	if optional {
		return ""
	}
	return "$<steps." + id + ".id>"
}

// assert makes up an assertion, that in most cases holds.
func (g *generator) assert(at spot, holds, fails string) {
	switch g.rand.IntN(12) {
	case 0:
		g.line(at, "assert: $<%s>", fails)
	case 1, 2:
		g.line(at, "assert: $<%s>", holds)
	}
}

// inner makes up a block or a loop.
func (g *generator) inner(at spot, id string) {
	if g.chance(2) {
		as := "x" + id
		g.line(at, "for_each: %s", g.pick("[1]", "[1, 2]", "[1, 2, 3]", "[k, l, m, n]", `'$<filter([1, 2, 3], # > 5)>'`))
		g.line(at, "as: %s", as)
		most := 1 + g.rand.IntN(3)
		g.line(at, "concurrency: %d", most)
		if g.chance(2) {
			g.line(at, "batches: %s", g.pick("[1, 100%]", "[2]", "[1, 50%]"))
		}
		if at.suffix += "-$<" + as + ">"; most > 1 {
			at.beside = true
		}
	}
	g.assert(at, "inputs.yes", "inputs.no")
	g.line(at, "steps:")
	at.indent += "  "
	at.depth--
	g.steps(at, 1+g.rand.IntN(3))
}
