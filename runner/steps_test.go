package runner

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// What a step may see of others: those before it, those in loops around both,
// and what is certainly there.
func TestWhatAStepSees(t *testing.T) {
	const head = `rekey: 1
playbook: test
version: 1.0.0
inputs:
  yes: {type: bool}
  names: {type: list(string)}
  things: {type: list(object)}
  maybe: {type: list(string), default: null}
  secret: {type: string, secret: true}
vars:
  pairs: [{id: 1, of: a}, {id: 2, of: b}]
steps:
`
	// The steps begin in line 13.
	for _, test := range []struct{ name, steps, want string }{
		{"inside a block", "- {id: b, steps: [{id: x, look: {name: a}}, {id: y, look: {name: $<steps.x.value ?? ''>}}]}\n- {id: z, look: {name: $<steps.x.value ?? ''>}}", ""},
		{"inside a block with a condition", "- {id: b, if: $<inputs.yes>, steps: [{id: x, put: {name: a, value: b}}, {id: y, look: {name: $<steps.x.value>}}]}", ""},
		{"of a block with a condition from outside", "- {id: b, if: $<inputs.yes>, steps: [{id: x, put: {name: a, value: b}}]}\n- {id: z, look: {name: $<steps.x.value>}}", "14:34: steps.x may be absent"},
		{"of a conditional step in the same block", "- {id: b, steps: [{id: x, if: $<inputs.yes>, put: {name: a, value: b}}, {id: y, look: {name: $<steps.x.value>}}]}", "13:104: `steps.x` may be absent"},
		{"later in the block", "- {id: b, steps: [{id: y, look: {name: $<steps.x.value>}}, {id: x, put: {name: a, value: b}}]}", "13:48: steps.x comes later (line 13)"},
		{"later than the block", "- {id: b, steps: [{id: y, look: {name: $<steps.x.value>}}]}\n- {id: x, put: {name: a, value: b}}", "13:48: steps.x comes later (line 14)"},
		{"a block", "- {id: b, steps: [{id: y, look: {name: a}}]}\n- {id: z, look: {name: $<steps.b>}}", "14:32: steps.b is a block, which has no outputs"},
		{"a block around", "- {id: b, steps: [{id: y, look: {name: $<steps.b>}}]}", "13:48: steps.b is a block"},
		{"in a block's assertion", "- {id: b, assert: $<steps.y.value == 'v'>, steps: [{id: y, put: {name: a, value: v}}]}", ""},

		{"into a loop from outside", "- {id: l, for_each: $<inputs.names>, as: n, steps: [{id: x, put: {name: $<n>, value: v}}]}\n- {id: z, look: {name: $<steps.x.value>}}", "14:32: steps.x is inside the loop l, which has many of it"},
		{"into a loop from another", "- {id: l, for_each: $<inputs.names>, as: n, steps: [{id: x, put: {name: $<n>, value: v}}]}\n- {id: m, for_each: $<inputs.names>, as: n, look: {name: $<steps.x.value>}}", "14:66: steps.x is inside the loop l"},
		{"from outputs", "- {id: l, for_each: $<inputs.names>, as: n, steps: [{id: x, put: {name: $<n>, value: v}}]}\noutputs: {o: $<steps.x.value>}", "14:22: steps.x is inside the loop l"},
		{"counts", "- {id: l, for_each: $<inputs.names>, as: n, put: {name: $<n>, value: v}}\noutputs: {o: $<steps.l.total - steps.l.failed>}", ""},
		{"counts that may be absent", "- {id: l, if: $<inputs.yes>, for_each: $<inputs.names>, as: n, put: {name: $<n>, value: v}}\noutputs: {o: $<steps.l.total>}", "14:24: `steps.l` may be absent"},
		{"counts within", "- {id: l, for_each: $<inputs.names>, as: n, steps: [{id: x, put: {name: $<string(steps.l.total)>, value: v}}]}", "13:88: steps.l is the loop around this step"},
		{"outputs of the loop", "- {id: l, for_each: $<inputs.names>, as: n, put: {name: $<n>, value: v}}\n- {id: z, look: {name: $<steps.l.value>}}", "14:34: unknown output \"value\" of steps.l"},
		{"outputs in the assertion of a looped step", "- {id: l, for_each: $<inputs.names>, as: n, put: {name: $<n>, value: v}, assert: $<steps.l.value == n>}", ""},
		{"counts in the assertion of a looped step", "- {id: l, for_each: $<inputs.names>, as: n, put: {name: $<n>, value: v}, assert: $<steps.l.total == 1>}", "unknown output \"total\" of steps.l"},
		{"counts in the assertion of a loop over a block", "- {id: l, for_each: $<inputs.names>, as: n, assert: $<steps.l.total == 1>, steps: [{id: x, put: {name: $<n>, value: v}}]}", "steps.l counts the items when all are done"},
		{"itself", "- {id: l, for_each: $<inputs.names>, as: n, put: {name: $<steps.l.total>, value: v}}", "steps.l is this step itself"},

		{"the variable outside", "- {id: l, for_each: $<inputs.names>, as: n, put: {name: $<n>, value: v}}\n- {id: z, look: {name: $<n>}}", "14:26: unknown name \"n\""},
		{"the variable in the condition", "- {id: l, if: $<n == ''>, for_each: $<inputs.names>, as: n, put: {name: $<n>, value: v}}", "13:17: n is known inside the loop, and this is decided once, before it (choose among the items"},
		{"the variable in the list", "- {id: l, for_each: '$<[n]>', as: n, put: {name: a, value: v}}", "13:25: n is known inside the loop"},
		{"the variable of the loop around", "- {id: l, for_each: $<inputs.names>, as: n, steps: [{id: k, for_each: '$<[n]>', as: m, put: {name: $<n + m>, value: v}}]}", ""},
		{"the same variable again", "- {id: l, for_each: $<inputs.names>, as: n, steps: [{id: k, for_each: [a], as: n, put: {name: $<n>, value: v}}]}", "13:80: n is the variable of the loop l around this one"},

		{"a list that may be absent", "- {id: l, for_each: $<inputs.maybe>, as: n, put: {name: $<n>, value: v}}", "13:21: the list may be absent (give what stands in for it: … ?? [])"},
		{"no list", "- {id: l, for_each: $<inputs.yes>, as: n, put: {name: a, value: v}}", "13:21: for_each must be a list, this is a bool"},
		{"text around", "- {id: l, for_each: \"x $<inputs.yes>\", as: n, put: {name: a, value: v}}", "13:21: for_each must be a list, this is a string"},
		{"a secret", "- {id: l, for_each: '$<[inputs.secret]>', as: n, put: {name: a, value: v}}", "13:21: for_each would show a secret"},
		{"an empty list", "- {id: l, for_each: '$<[]>', as: n, put: {name: a, value: v}}", "is not known"},
		{"bools", "- {id: l, for_each: [true, false], as: n, put: {name: a, value: v}}", "13:21: an item is a bool, by which it cannot be told apart"},
		{"undeclared members", "- {id: l, for_each: $<inputs.things>, as: n, put: {name: a, value: v}}", "13:21: the members of an item are not declared"},
		{"ids", "- {id: l, for_each: $<vars.pairs>, as: n, put: {name: $<n.of>, value: v}}", ""},
		{"another key", "- {id: l, for_each: $<vars.pairs>, as: n, key: of, put: {name: $<n.of>, value: v}}", ""},
		{"an unknown key", "- {id: l, for_each: $<vars.pairs>, as: n, key: off, put: {name: $<n.of>, value: v}}", "13:48: an item has no member \"off\" (did you mean of?)"},
		{"a key of strings", "- {id: l, for_each: $<inputs.names>, as: n, key: id, put: {name: $<n>, value: v}}", "13:50: key names a member, and an item is a string"},
		{"no id", "- {id: l, for_each: [{of: a}], as: n, put: {name: $<n.of>, value: v}}", "13:21: an item has no id that tells it apart (name another member with key: of)"},
		{"a key that is a list", "- {id: l, for_each: [{id: [a]}], as: n, put: {name: a, value: v}}", "13:21: id is a list(string) and may not tell items apart"},
		{"the same item twice", "- {id: l, for_each: [a, b, a], as: n, put: {name: a, value: v}}", "13:28: the item a is there twice"},
		{"the same id twice", "- {id: l, for_each: [{id: 1}, {id: 1}], as: n, put: {name: a, value: v}}", "13:36: the item 1 is there twice"},
		{"an item that may be absent", "- {id: l, for_each: [a, null], as: n, put: {name: a, value: v}}", "an item of the list may be absent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(nil)
			text := head + test.steps + "\n"
			p, faults := ParsePlaybook("", []byte(text))
			_, more := Check(p, w.catalogue(t))
			faults = append(faults, more...)
			faults = slices.DeleteFunc(faults, func(f *Fault) bool { return f.Warning != "" })
			switch {
			case test.want == "" && len(faults) > 0:
				t.Errorf("%v\n%s", faults, test.steps)
			case test.want != "" && (len(faults) != 1 || !strings.Contains(strings.ReplaceAll(faults.Error(), "`", ""), strings.ReplaceAll(test.want, "`", ""))):
				t.Errorf("want one fault %q, have\n%v\n%s", test.want, faults, test.steps)
			}
		})
	}
}

func TestNamesOfItems(t *testing.T) {
	for name, want := range map[string]struct {
		id   string
		item bool
	}{
		"gen": {"gen", false}, "fleet[0oa1].gen": {"gen", false}, "fleet[0oa1]": {"fleet", true},
		`fleet["a].b[c"].gen`: {"gen", false}, `a[1].b["x\"]y"]`: {"b", true}, "": {"", false}, "a[": {"a", true},
	} {
		if id, item := lastID(name); id != want.id || item != want.item {
			t.Errorf("%s: %q, %v", name, id, item)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, test := range []struct{ name, steps, want string }{
		{"unused query", "- {id: x, look: {name: a}}", "5:11: warning unused-output: nothing uses what step x reads"},
		{"asserted query", "- {id: x, look: {name: a}, assert: $<true>}", ""},
		{"unused action", "- {id: x, make: {name: a}}", "5:11: warning unused-output: nothing uses what step x yields"},
		{"used in a loop", "- {id: x, make: {name: a}}\n- {id: l, for_each: [1], as: i, steps: [{id: y, add: {name: \"$<steps.x.id>$<i>\"}}]}", ""},
		{"silenced by the block", "- {id: b, ignore: {unused-output: x}, steps: [{id: x, look: {name: a}}]}", ""},
		{"silenced at the top", "- {id: x, look: {name: a}}\nignore: {unused-output: why not}", ""},
		{"nothing to silence", "- {id: x, ignore: {unused-output: x}, switch: {name: b}}", "5:20: warning unused-ignore: nothing here gives the warning unused-output"},
		{"nothing to silence, excused", "- {id: x, ignore: {unused-output: x, unused-ignore: later}, switch: {name: b}}", ""},
		{"nothing to excuse", "- {id: x, ignore: {unused-ignore: later}, switch: {name: b}}", "5:20: warning unused-ignore: nothing here gives the warning unused-ignore"},
		{"switch", "- {id: x, make: {name: a}}\n- {id: y, switch: {name: $<steps.x.id>}}", "6:11: warning switch-after-publish: step y switches to what step x has just made"},
		{"switch after a switch", "- {id: x, make: {name: a}}\n- {id: y, switch: {name: b}}\n- {id: z, switch: {name: $<steps.x.id>}}", "7:11: warning switch-after-publish"},
		{"switch after something", "- {id: x, make: {name: a}}\n- {id: y, add: {name: $<steps.x.id>}}\n- {id: z, switch: {name: $<steps.x.id>}}", ""},
		{"create in retry", "- {id: x, make: {name: a}, retry: {attempts: 2}}\noutputs: {x: $<steps.x.id>}", "5:11: warning create-in-retry: step x makes something new"},
		{"looped create in retry", "- {id: x, for_each: [a], as: n, make: {name: $<n>}, retry: {attempts: 2}, assert: $<steps.x.id != \"\">}", "5:33: warning create-in-retry"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(nil)
			c, err := NewCatalogue(append(w.types(), Type{Name: "make", Doc: "Makes a thing.", Change: "make {name}", Undo: UndoStays,
				New: func() any { return &created{add: add{w: w}} }}, Type{Name: "switch", Doc: "Switches.", Change: "switch to {name}",
				Notice: "they notice", Undo: UndoExact, New: func() any { return &add{w: w} }})...)
			if err != nil {
				t.Fatal(err)
			}
			p, faults := ParsePlaybook("", []byte("rekey: 1\nplaybook: test\nversion: 1.0.0\nsteps:\n"+test.steps+"\n"))
			prog, more := Check(p, c)
			faults = append(faults, more...)
			if (test.want == "") != (len(faults) == 0) || test.want != "" && (len(faults) != 1 || !strings.HasPrefix(faults.Error(), test.want)) {
				t.Errorf("want %q, have\n%v", test.want, faults)
			}
			if prog == nil || faults.Err() != nil {
				t.Error("a warning keeps the program from running")
			}
		})
	}
}

// created makes a thing with an id of its own.
type created struct {
	add
	ID string `out:"id" is:"assigned" doc:"its id"`
}

func (s *created) Adopt(_ context.Context, id string) error { s.ID = id; return nil }
