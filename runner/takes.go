package runner

import (
	"fmt"

	"example.com/rekey/runner/binding"
)

// Taken is an output of one step that another uses.
type Taken struct {
	Step   string // its id
	Output string // such as "kid"; empty: all of them
}

// Takes lists the outputs of other steps that the step uses in its condition,
// its list, its inputs and its assertions, each once and in the order in which
// they are written. What the steps inside of a block or a loop use is theirs.
func (s *Step) Takes() (out []Taken) {
	seen := map[Taken]bool{}
	s.exprs(func(x *binding.Expr) {
		for _, ref := range x.Refs {
			if len(ref) < 2 || ref[0] != "steps" || ref[1] == s.ID {
				continue
			}
			t := Taken{Step: ref[1]}
			if len(ref) > 2 {
				t.Output = ref[2]
			}
			if !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	})
	return out
}

// If is the step's condition as it is written; empty if it has none. Of a loop
// over a step type the loop has it, and not what is repeated.
func (s *Step) If() string {
	if !s.conditional() {
		return ""
	}
	return asWritten(s.decl.If)
}

// Over is the loop's list as it is written: an expression, or how long it is.
func (l *Loop) Over() string {
	if l.each == nil {
		return ""
	}
	return asWritten(l.each.node)
}

// asWritten is a value of a playbook in a line.
func asWritten(n *Node) string {
	switch n.Kind {
	case List:
		return fmt.Sprintf("a list of %d", len(n.Items))
	case Map:
		return fmt.Sprintf("a mapping of %d", len(n.Entries))
	}
	return fmt.Sprint(n.Value)
}
