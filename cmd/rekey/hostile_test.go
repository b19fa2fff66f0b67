package main

import (
	"fmt"
	"strings"
)

// attempt gives a document, by mistake or not, to `rekey check`, which must
// exit with a code. Documents are made one by one: together they are large.
type attempt func(name string, exit int, text string)

// megabyte is as large as a document may be.
const megabyte = 1 << 20

// fill is head, as many whole units as fit into a megabyte, and tail.
func fill(head, unit, tail string) string {
	return head + strings.Repeat(unit, (megabyte-len(head)-len(tail))/len(unit)) + tail
}

// grow is head and lines made by line until a megabyte is full, n lines at
// most.
func grow(head string, n int, line func(i int) string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		text := line(i)
		if b.Len()+len(text) > megabyte-200 { // room for what follows
			break
		}
		b.WriteString(text)
	}
	return b.String()
}

const (
	bigHead  = "rekey: 1\nplaybook: big\nversion: 1.0.0\n"
	bigInput = "inputs:\n  app: {type: string}\n  names: {type: list(string)}\n"
	bigLook  = "steps:\n- id: look\n  get_app: {app: '$<inputs.app>'}\n"
	most     = 1 << 30 // lines: until the document is full
)

// refusedAtOnce are the documents that are no playbook at all, by what they
// are made of: each is refused in one short message.
func refusedAtOnce(try attempt) {
	try("empty", exitInvalid, "")
	for name, unit := range map[string]string{
		"brackets": "[", "braces": "{", "dashes": "- ", "expressions": "$<(", "aliases": "*a ", "single quotes": "'", "double quotes": "\"",
		"NUL": "\x00", "invalid UTF-8": "\xff", "truncated UTF-8": "\xe2\x82", "surrogates": "\xed\xa0\x80", "spaces": " ", "newlines": "\n",
		"carriage returns": "\r", "tabs": "\t", "byte order marks": "\ufeff", "commas": ",", "colons": ":", "colons and spaces": ": ", "question marks": "? ",
		"literals": "| ", "literals in lines": "|\n", "folded": ">\n", "anchors": "&a ", "anchors in lines": "&a\n", "tags": "!!tag ", "tags in lines": "!!str\n", "directives": "%A\n", "comments": "# x\n", "one comment": "#",
		"documents": "---\n", "ends": "...\n", "closing brackets": "]", "closing braces": "}", "pairs": "[]", "braces in braces": "{a: ",
		"lists in lists": "[a, [", "null keys": ": \n", "escapes": "\\", "dollars": "$", "openings": "$<", "closings": ">", "merge keys": "<<: ", "less": "<",
		"at": "@", "back-quotes": "`", "percent": "%", "letters": "a", "words": "a ", "lines": "a\n", "wide": "日", "combining": "e\u0301", "astral": "😀",
		"next line": "\u0085", "line separators": "\u2028", "joiners": "\u200d", "dashes in lines": "-\n", "dashes and tabs": "-\t", "keys": "a: ", "keys in lines": "a:\n", "same keys": "a: 1\n",
		"quoted keys": "'a': ", "items": "- a\n", "numbers": "0 ", "octal": "- 010\n", "nested items": "- - a\n", "escaped quotes": "\"\\\"\" ", "backslash lines": "\"\\\n",
		"aliases in a list": "- *a\n", "aliases in brackets": "*a, ", "angles in quotes": "'<'\n",
	} {
		try(name, exitInvalid, fill("", unit, ""))
	}
	for name, parts := range map[string][2]string{
		"open list": {"a: [", "a, "}, "open braces": {"a: {", "a: b, "}, "open single": {"a: '", "x "}, "open double": {"a: \"", "x "}, "doubled quotes": {"a: '", "''"},
		"quote and breaks": {"a: \"", "\n"}, "escaped breaks": {"a: \"", "\\\n"}, "escapes in quotes": {"a: \"", "\\x41"}, "surrogate escapes": {"a: \"", `\ud83d\ude00`}, "half surrogates": {"a: \"", `\ud83d`},
		"unknown escapes": {"a: \"", `\q`}, "tabs in quotes": {"a: \"", "\t"}, "aliases in open list": {"[", "*a,"}, "anchors in open list": {"[", "&a 1,"}, "tags in open list": {"[", "!a 1,"},
		"blank lines in a literal": {"a: |\n x", "\n"}, "blanks in a literal": {"a: |\n x\n", " \n"}, "blanks in folded": {"a: >\n x", "\n "}, "deepening literal": {"a: |\n x\n", "  "},
		"text after literal": {"a: |\n x\n", "y\n"}, "commas in braces": {"a: {", ","}, "colons in braces": {"a: {", ":"}, "nulls in braces": {"a: {", "a:,"}, "empty pairs": {"a: {", ": ,"}, "question in list": {"a: [", "? a,"},
		"comments in list": {"a: [", "#\n"}, "keyless": {"a: {", "a,"}, "breaks in list": {"a: [", "\n "}, "plain lines": {"a: b\n", " c\n"}, "plain blank lines": {"a: b\n", "\n c\n"},
	} {
		try(name, exitInvalid, fill(parts[0], parts[1], ""))
	}
	deep := func(unit func(i int) string) string { return grow("", 1400, unit) }
	try("stairs of keys", exitInvalid, deep(func(i int) string { return strings.Repeat(" ", i) + "a:\n" }))
	try("stairs of items", exitInvalid, deep(func(i int) string { return strings.Repeat(" ", i) + "-\n" }))
	try("stairs down", exitInvalid, deep(func(i int) string { return strings.Repeat(" ", 1400-i) + "a:\n" }))
	try("stairs of blanks", exitInvalid, "a: |\n"+deep(func(i int) string { return strings.Repeat(" ", i) + "\n" }))
	try("too large", exitInvalid, strings.Repeat("#", megabyte+1))
	try("far too large", exitInvalid, strings.Repeat("[", 20*megabyte))
	try("a late NUL", exitInvalid, fill("a: ", "x", "\x00"))
	try("a late quote", exitInvalid, fill("a: ", "x ", ": \"x\n"))
	try("a long key", exitInvalid, strings.Repeat("k", megabyte-4)+": 1\n")
	try("a long quoted key", exitInvalid, "\""+strings.Repeat("k", megabyte-6)+"\": 1\n")
	try("a long alias", exitInvalid, "a: *"+strings.Repeat("k", megabyte-8))
	try("a long anchor", exitInvalid, "a: &"+strings.Repeat("k", megabyte-8)+" 1")
	try("a long tag", exitInvalid, "a: !"+strings.Repeat("k", megabyte-8)+" 1")
	try("a long directive", exitInvalid, "%"+strings.Repeat("k", megabyte-8)+"\n")
	try("a long literal head", exitInvalid, "a: |"+strings.Repeat("+", megabyte-8))
	try("wide lines", exitInvalid, grow("", most, func(i int) string { return "k" + strings.Repeat("日", 300) + fmt.Sprint(i) + ": [\n" }))
}

// large are playbooks that are large in some way, good or bad.
func large(try attempt) {
	steps := bigHead + bigInput + "steps:\n"
	// line repeats a text with its number for each N in it.
	line := func(format string) func(int) string {
		return func(i int) string { return strings.ReplaceAll(format, "N", fmt.Sprint(i)) }
	}
	chain := func(format string) func(int) string { // and the number before for each M
		return func(i int) string {
			return strings.NewReplacer("N", fmt.Sprint(i+1), "M", fmt.Sprint(i)).Replace(format)
		}
	}
	const first = "- {id: s0, get_app: {app: x}}\n"
	try("short steps", exitOK, grow(steps, 15_000, line("- {id: sN, get_app: {app: x}}\n")))
	try("too many short steps", exitInvalid, grow(steps, most, line("- {id: sN, get_app: {app: x}}\n")))
	try("chained steps", exitOK, grow(steps+first, 15_000, chain("- {id: sN, get_app: {app: $<steps.sM.id>}}\n")))
	try("steps with all keys", exitOK, grow(steps, most, line("- id: sN\n  name: Step N\n  if: $<inputs.app != \"N\">\n  get_app: {app: $<inputs.app>}\n  assert: ['$<steps.sN.id != \"\">', '$<steps.sN.name != \"x\">']\n")))
	try("conditional chain", exitOK, grow(steps+first, most, chain("- id: sN\n  if: $<inputs.app == \"\">\n  get_app: {app: $<steps.sM?.id ?? \"x\">}\n")))
	try("absent chain", exitInvalid, grow(steps+first, most, chain("- id: sN\n  if: $<inputs.app == \"\">\n  get_app: {app: $<steps.sM.id>}\n")))
	try("filters", exitOK, grow(steps+"- {id: a, list_keys: {app: x}}\n", most, line("- {id: sN, get_app: {app: '$<filter(steps.a.keys, .kid != \"N\")[0].kid>'}}\n")))
	try("texts of expressions", exitOK, grow(steps, 8_000, line("- {id: sN, get_app: {app: '$<inputs.app>-$<inputs.app>-$<inputs.app>-$<inputs.app>-$<inputs.app>-$<inputs.app>'}}\n")))
	try("one text of expressions", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: |\n    ", "$<inputs.app>", ""))
	try("one text of faults", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: |\n    ", "$<a.b>", ""))
	try("one text of short expressions", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: |\n    ", "$<1>", ""))
	try("a list of short expressions", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", 49_000, line("  - $<1>\n")))
	try("a list of expressions", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", 130_000, line("  - $<inputs.app + \"N\">\n")))
	try("20,000 faults", exitInvalid, grow(steps, 10_000, line("- {id: sN, get_app: {app: $<inputs.ap>, ap: $<x>}}\n")))
	try("misspelt steps", exitInvalid, grow(steps, most, chain("- {id: step_number_N, get_app: {app: $<steps.step_numbr_M.id>}}\n")))
	try("misspelt types", exitInvalid, grow(steps, 14_000, line("- {id: sN, get_ap: {app: x}}\n")))
	try("misspelt keys", exitInvalid, grow(steps, 14_000, line("- {id: sN, nam: x, asert: x, get_app: {app: x}}\n")))
	try("misspelt inputs of steps", exitInvalid, grow(steps, 14_000, line("- {id: sN, get_app: {apps: x, ap: y}}\n")))
	try("many keys of a step", exitInvalid, steps+"- id: a\n"+grow("", 4900, line("  get_apN: x\n")))
	try("many inputs of a step", exitInvalid, steps+"- id: a\n  get_app:\n"+grow("", 4900, line("    appN: x\n")))
	try("many inputs of a step in braces", exitInvalid, grow(steps+"- id: a\n  get_app: {", 60_000, line("appN: x, "))+"}\n")
	try("many inputs", exitOK, grow(bigHead+"inputs:\n", 4900, line("  app_N: {type: string}\n"))+"steps:\n- {id: a, get_app: {app: $<inputs.app_1>}}\n")
	try("many inputs in braces", exitOK, grow(bigHead+"inputs: {", 26_000, line("app_N: {type: string}, "))+"}\nsteps:\n- {id: a, get_app: {app: $<inputs.app_1>}}\n")
	try("inputs of many lists", exitOK, grow(bigHead+"inputs: {", 26_000, line("app_N: {type: list(list(list(list(int))))}, "))+"}\nsteps:\n- {id: a, get_app: {app: x}}\n")
	try("misspelt among inputs", exitInvalid, grow(grow(bigHead+"inputs: {", 12_000, line("application_N: {type: string}, "))+"}\nsteps:\n", 10_000, line("- {id: sN, get_app: {app: $<inputs.aplication_N>}}\n")))
	try("misspelt among inputs, long", exitInvalid, grow(grow(bigHead+"inputs: {", 4_000, line("application_with_a_very_long_name_that_goes_on_and_on_and_on_N: {type: string}, "))+"}\nsteps:\n", 10_000, line("- {id: sN, get_app: {app: $<inputs.aplication_with_a_very_long_name_that_goes_on_and_on_and_on_N>}}\n")))
	try("patterns", exitInvalid, grow(bigHead+"inputs: {", 12_000, line("pN: {type: string, pattern: '[a-z]{1000}[a-z]{1000}'}, "))+"}\nsteps:\n- {id: a, get_app: {app: x}}\n")
	try("a long pattern", exitInvalid, fill(bigHead+"inputs: {p: {type: string, pattern: '", "(a|b)*", "'}}\nsteps:\n- {id: a, get_app: {app: x}}\n"))
	try("a deep pattern", exitInvalid, bigHead+"inputs: {p: {type: string, pattern: '"+strings.Repeat("(", megabyte/3)+strings.Repeat(")", megabyte/3)+"'}}\nsteps:\n- {id: a, get_app: {app: x}}\n")
	try("a pattern against a default", exitInvalid, fill(bigHead+"inputs: {p: {type: string, pattern: '(x+x+)+(x+x+)+(x?){900}y', default: '", "x", "'}}\nsteps:\n- {id: a, get_app: {app: x}}\n"))
	try("an enum", exitOK, grow(bigHead+"inputs: {p: {type: string, enum: [", 120_000, line("valueN, "))+"], default: value7}}\nsteps:\n- {id: a, get_app: {app: x}}\n")
	try("not in an enum", exitInvalid, grow(bigHead+"inputs: {p: {type: string, enum: [", 120_000, line("valueN, "))+"], default: valu7}}\nsteps:\n- {id: a, get_app: {app: x}}\n")
	try("enums and defaults", exitInvalid, grow(bigHead+"inputs: {", 9_000, line("pN: {type: string, enum: [a, b, c, d], default: x}, "))+"}\nsteps:\n- {id: a, get_app: {app: x}}\n")
	try("expressions of patterns", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", 12_000, line("  - '$<inputs.app matches \""+"(..){332}"+"\">'\n")))
	try("long expressions of patterns", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", 200, line("  - '$<inputs.app matches \""+strings.Repeat("[a-z]{999}", 150)+"\">'\n")))
	try("vars", exitInvalid, grow(bigHead+bigInput+"vars:\n  v0: a\n", 255, chain("  vN: {x: $<vars.vM>, y: $<inputs.app>, z: [$<vars.vM>]}\n"))+bigLook[0:])
	try("vars that double", exitInvalid, grow(bigHead+bigInput+"vars:\n  v0: {x: a, y: b}\n", 255, chain("  vN: {x: $<vars.vM>, y: $<vars.vM>}\n"))+bigLook+"outputs: {x: $<vars.v255>}\n")
	try("vars of lists that double", exitOK, grow(bigHead+bigInput+"vars:\n  v0: [a]\n", 255, chain("  vN: [$<vars.vM>, $<vars.vM>]\n"))+bigLook+"outputs: {x: $<vars.v255>}\n")
	try("vars that double and compare", exitInvalid, grow(bigHead+bigInput+"vars:\n  v0: {x: a, y: b}\n", 255, chain("  vN: {x: $<vars.vM>, y: $<vars.vM>}\n"))+bigLook+"outputs: {x: ['$<vars.v255>', '$<vars.v254>', '$<vars.v255>'], y: '$<vars.v255 == vars.v255>', z: '$<[vars.v255, vars.v255]>'}\n")
	try("vars that double in secret", exitInvalid, grow(bigHead+"inputs: {app: {type: string, secret: true}}\nvars:\n  v0: {x: $<inputs.app>, y: b}\n", 255, chain("  vN: {x: $<vars.vM>, y: $<vars.vM>}\n"))+"steps:\n- {id: a, get_app: {app: $<vars.v255>}}\noutputs: {x: $<vars.v255>}\n")
	try("too many vars", exitInvalid, grow(bigHead+bigInput+"vars:\n  v0: a\n", 4900, chain("  vN: $<vars.vM>\n"))+bigLook)
	try("too many vars in braces", exitInvalid, grow(bigHead+bigInput+"vars: {v0: a, ", 40_000, chain("vN: $<vars.vM>, "))+"}\n"+bigLook)
	try("a large var", exitOK, grow(bigHead+bigInput+"vars:\n  v: {", 60_000, line("kN: x, "))+"}\n"+bigLook)
	try("a large var used", exitOK, grow(grow(bigHead+bigInput+"vars:\n  v: {", 20_000, line("kN: x, "))+"}\nsteps:\n", 8_000, line("- {id: sN, get_app: {app: $<vars.v.kN>}}\n")))
	try("a large var misspelt", exitInvalid, grow(grow(bigHead+bigInput+"vars:\n  v: {", 20_000, line("kN: x, "))+"}\nsteps:\n", 8_000, line("- {id: sN, get_app: {app: $<vars.v.qN>}}\n")))
	try("large vars", exitOK, grow(bigHead+bigInput+"vars:\n", 255, func(i int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "  v%d: {", i)
		for k := range 150 {
			fmt.Fprintf(&b, "k%d: x, ", k)
		}
		return b.String() + "}\n"
	})+bigLook)
	try("a large var in lists", exitInvalid, grow(grow(bigHead+bigInput+"vars:\n  v: {", 20_000, line("kN: x, "))+"}\n  w: [", 30_000, line("$<vars.v>, "))+"]\n"+bigLook+"outputs: {x: $<vars.w>}\n")
	try("a large var as an object", exitInvalid, grow(grow(bigHead+bigInput+"vars:\n  v: {", 20_000, line("kN: x, "))+"}\nsteps:\n", 6_000, line("- {id: sN, create_csr: {app: a, subject: $<vars.v>}}\n")))
	try("a large var as text", exitInvalid, grow(grow(bigHead+bigInput+"vars:\n  v: {", 20_000, line("kN: x, "))+"}\nsteps:\n", 6_000, line("- {id: sN, get_app: {app: $<vars.v>}}\n")))
	try("a large var compared", exitInvalid, grow(grow(bigHead+bigInput+"vars:\n  v: {", 20_000, line("kN: x, "))+"}\nsteps:\n", 6_000, line("- {id: sN, if: '$<vars.v == vars.v>', get_app: {app: x}}\n")))
	try("a large var in literals", exitInvalid, grow(grow(bigHead+bigInput+"vars:\n  v: {", 20_000, line("kN: x, "))+"}\nsteps:\n", 6_000, line("- {id: sN, if: '$<len([vars.v, vars.v, vars.v]) > 2>', get_app: {app: x}}\n")))
	try("a list of objects", exitOK, grow(bigHead+bigInput+"vars:\n  l:\n", 20_000, line("  - {id: kN, name: x}\n"))+"steps:\n- {id: a, get_app: {app: '$<vars.l[0].id>'}}\n")
	try("a list of unlike objects", exitInvalid, grow(bigHead+bigInput+"vars:\n  l:\n", 27_000, line("  - {id: kN, nameN: x}\n"))+bigLook)
	try("a list of wide objects", exitInvalid, grow(bigHead+bigInput+"vars:\n  l:\n", most, line("  - {"+strings.Join(letters(), ": x, ")+": x}\n"))+bigLook)
	try("a list of lists", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: [", "[[[x]]],", "]\n"))
	try("deep lists", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", 4_000, line("  - "+strings.Repeat("[", 28)+strings.Repeat("]", 28)+"\n")))
	try("deep blocks", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", 1_100, func(int) string {
		var b strings.Builder
		b.WriteString("  - a:\n")
		for i := range 26 {
			b.WriteString(strings.Repeat(" ", 5+i) + "a:\n")
		}
		return b.String()
	}))
	try("a literal text", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x: |\n", most, line("    line N of the text\n\n")))
	try("a folded text", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x: >\n", most, line("    line N of the text\n\n")))
	try("short folded lines", exitOK, fill(bigHead+bigInput+bigLook+"outputs:\n  x: >\n", "    a\n", ""))
	try("a plain text of lines", exitOK, fill(bigHead+bigInput+bigLook+"outputs:\n  x: a\n", "    a\n", ""))
	try("a double-quoted text of lines", exitOK, fill(bigHead+bigInput+bigLook+"outputs:\n  x: \"", "a\n    ", "\"\n"))
	try("a single-quoted text of lines", exitOK, fill(bigHead+bigInput+bigLook+"outputs:\n  x: '", "a\n    ", "'\n"))
	try("a text of escapes", exitOK, bigHead+bigInput+bigLook+"outputs:\n  x: \""+strings.Repeat(`\u00e9\x41\t`, 60_000)+"\"\n")
	try("a fault at the end of a line", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: '", "é日a ", "$<inputs.ap>'\n"))
	try("faults in a line", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: [", "$<a>,            ", "]\n"))
	try("faults in lines of a text", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n", 4_900, line("  xN: '"+strings.Repeat("日", 50)+"$<a>'\n")))
	try("deep expressions", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<"+strings.Repeat("(", 48)+"1"+strings.Repeat(")", 48)+">'\n")))
	try("long expressions", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<1"+strings.Repeat(" + 1", 500)+">'\n")))
	try("long conditions", exitOK, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<"+strings.Repeat("true ? 1 : ", 180)+"1>'\n")))
	try("long chains of comparisons", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<1"+strings.Repeat(" < 1", 500)+">'\n")))
	try("long lists in expressions", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<["+strings.Repeat("1,", 1000)+"1]>'\n")))
	try("long signs", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<"+strings.Repeat("- ", 1000)+"1>'\n")))
	try("long nots", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<"+strings.Repeat("!", 2000)+"true>'\n")))
	try("nested predicates", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<"+strings.Repeat("filter(inputs.names, ", 40)+"true"+strings.Repeat(")", 40)+">'\n")))
	try("nested objects", exitInvalid, grow(bigHead+bigInput+bigLook+"outputs:\n  x:\n", most, line("  - '$<"+strings.Repeat("{a: ", 47)+"1"+strings.Repeat("}", 47)+">'\n")))
	try("later ends", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: '", "$<a>b>c>d>e>f>g>h>i>j>k>", "'\n"))
	try("far ends", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: '", "$<a"+strings.Repeat(" + a", 300)+">", "'\n"))
	try("open ends", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x:\n", "  - '$<(a"+strings.Repeat(" + a", 400)+"'\n", ""))
	try("ends that never parse", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x:\n", "  - '$<"+strings.Repeat("a>", 1000)+"'\n", ""))
	try("dollars", exitInvalid, fill(bigHead+bigInput+bigLook+"outputs:\n  x: |\n    ", "$$<$ ", ""))
	try("a long name", exitInvalid, bigHead+bigInput+"steps:\n- id: "+strings.Repeat("a", megabyte-200)+"\n  get_app: {app: x}\n")
	try("a long type", exitInvalid, bigHead+bigInput+"steps:\n- id: a\n  "+strings.Repeat("a", 1000)+": {app: x}\n")
	try("a long file of nothing", exitInvalid, fill(bigHead+bigInput+"steps:\n", "- \n", ""))
	try("nulls everywhere", exitInvalid, grow(bigHead, most, line("kN:\n")))
	try("repeated ids", exitInvalid, grow(steps, 18_000, line("- {id: s, get_app: {app: x}}\n")))
	try("repeated keys", exitInvalid, bigHead+grow("", 4900, line("a: 1\n")))
	try("repeated keys in braces", exitInvalid, grow(bigHead+"vars: {", 60_000, line("a: 1, "))+"}\n")
	try("later steps", exitInvalid, grow(steps, 18_000, chain("- {id: sM, get_app: {app: $<steps.sN.id>}}\n")))
	try("asserts", exitOK, grow(steps+"- id: a\n  get_app: {app: x}\n  assert:\n", most, line("  - $<steps.a.id != \"N\">\n")))
	try("outputs", exitOK, grow(bigHead+bigInput+bigLook+"outputs: {", 49_000, line("oN: $<1>, "))+"}\n")
	try("dns names", exitOK, grow(bigHead+bigInput+"steps:\n- id: a\n  create_csr:\n    app: x\n    subject: {common_name: x}\n    dns_names:\n", 130_000, line("    - aN\n")))
	try("dns names of expressions", exitOK, grow(bigHead+bigInput+"steps:\n- id: a\n  create_csr:\n    app: x\n    subject: {common_name: x}\n    dns_names:\n", 49_000, line("    - $<inputs.app>.N\n")))
	try("dns names of wrong type", exitInvalid, grow(bigHead+bigInput+"steps:\n- id: a\n  create_csr:\n    app: x\n    subject: {common_name: x}\n    dns_names:\n", 130_000, line("    - $<N>\n")))
	try("formats", exitInvalid, grow(bigHead+bigInput+"steps:\n- id: a\n  export_certificate:\n    certificate: x\n    path: x\n    formats:\n", 130_000, line("    - pemN\n")))
	try("comments between", exitOK, grow(steps, most, line("# a comment about step N\n- {id: sN, get_app: {app: x}} # and another\n")))
	try("a text as an input", exitOK, fill(steps+"- {id: a, get_app: {app: '", "日本語 ", "'}}\n"))
}

// loops are playbooks of blocks and loops, large in some way.
func loops(try attempt) {
	steps := bigHead + bigInput + "steps:\n"
	line := func(format string) func(int) string {
		return func(i int) string { return strings.ReplaceAll(format, "N", fmt.Sprint(i)) }
	}
	const look = "get_app: {app: x}"
	// nest is blocks in blocks, each with these keys, as deep as may be.
	nest := func(depth int, keys func(i int) string) string {
		var b strings.Builder
		for i := range depth {
			in := strings.Repeat(" ", 4*i)
			b.WriteString(in + "- id: b" + fmt.Sprint(i) + "\n" + strings.ReplaceAll(keys(i), "^", in+"  ") + in + "  steps:\n")
		}
		return b.String() + strings.Repeat(" ", 4*depth) + "- {id: leaf, get_app: {app: x}, assert: '$<steps.leaf.id != \"\">'}\n"
	}
	try("blocks in blocks", exitOK, steps+nest(14, func(int) string { return "" }))
	try("blocks too deep", exitInvalid, steps+nest(40, func(int) string { return "" }))
	try("loops in loops", exitOK, steps+nest(14, func(i int) string {
		return fmt.Sprintf("^for_each: $<inputs.names>\n^as: i%d\n", i)
	}))
	try("5,000 loops", exitInvalid, grow(steps, 5000, line("- {id: sN, for_each: $<inputs.names>, as: it, get_app: {app: $<it>}}\n")))
	try("too many loops with everything", exitInvalid, grow(steps, most, line("- id: sN\n  for_each: $<inputs.names>\n  as: it\n  concurrency: 8\n  batches: [1, 10%, 100%]\n  max_failures: 3\n  if: $<inputs.app != \"N\">\n  get_app: {app: $<it>}\n  assert: $<steps.sN.id != it>\n")))
	try("loops with everything", exitOK, grow(grow(steps, 256, line("- id: l_N\n  for_each: $<inputs.names>\n  as: it\n  concurrency: 8\n  batches: [1, 10%, 100%]\n  max_failures: 3\n  if: $<inputs.app != \"N\">\n  get_app: {app: $<it>}\n  assert: $<steps.l_N.id != it>\n")), 12_000, line("- {id: sN, "+look+"}\n")))
	try("loops over many items", exitOK, grow(steps+"- id: s\n  as: it\n  get_app: {app: $<it>}\n  for_each:\n", 49_000, line("  - item-N\n")))
	try("loops over many objects", exitOK, grow(steps+"- id: s\n  as: it\n  get_app: {app: $<it.id>}\n  for_each:\n", 15_000, line("  - {id: kN, name: x}\n")))
	try("loops over the same items", exitInvalid, grow(steps+"- id: s\n  as: it\n  get_app: {app: $<it>}\n  for_each:\n", 49_000, line("  - item\n")))
	try("loops over wide objects", exitOK, grow(grow(steps+"- id: s\n  as: it\n  for_each:\n  - {id: a, ", 20_000, line("kN: x, "))+"}\n  steps:\n", 5_000, line("  - {id: sN, get_app: {app: $<it.kN>}}\n")))
	try("blocks of one", exitOK, grow(steps, 5_000, line("- {id: bN, steps: [{id: sN, "+look+"}]}\n")))
	try("one block of many", exitOK, grow(steps+"- id: b\n  if: $<inputs.app == \"\">\n  steps:\n", 10_000, line("  - {id: sN, "+look+"}\n")))
	try("uses of a loop from outside", exitInvalid, grow(steps+"- {id: l, for_each: $<inputs.names>, as: it, steps: [{id: inner, "+look+"}]}\n", 10_000, line("- {id: sN, get_app: {app: $<steps.inner.id>}}\n")))
	try("misspelt variables", exitInvalid, grow(steps, 8_000, line("- {id: sN, for_each: $<inputs.names>, as: oneN, get_app: {app: $<onN>}}\n")))
	try("many batches", exitOK, steps+"- id: s\n  for_each: $<inputs.names>\n  as: it\n  get_app: {app: $<it>}\n  batches: ["+grow("", 60_000, line("10%, "))+"1]\n")
	try("switches in a row", exitOK, grow(steps+"- {id: g, generate_key: {app: x, validity_years: 2}}\n", 9_000, line("- {id: sN, update_app_kid: {app: x, kid: $<steps.g.kid>}}\n")))
	try("ignores", exitOK, grow(steps, 8_000, line("- {id: sN, ignore: {unused-output: it is}, "+look+"}\n")))
	try("unused ignores", exitOK, grow(steps, 8_000, line("- {id: sN, ignore: {create-in-retry: it is}, "+look+"}\n")))
	try("retries", exitOK, grow(steps, 8_000, line("- {id: sN, retry: {attempts: 3, delay: 2s}, timeout: 1m, "+look+"}\n")))
}

// letters are some short names.
func letters() (names []string) {
	for c := 'a'; c <= 'z'; c++ {
		names = append(names, "n"+string(c))
	}
	return names
}
