package runner

import (
	"fmt"
	"slices"

	"example.com/rekey/runner/binding"
)

// warn looks for what is allowed and strange. It is asked only of playbooks
// without faults: what is broken looks unused as well.
func (k *checker) warn() {
	l := &linter{checker: k, used: map[string]bool{}, idle: map[*Ignore]bool{}}
	note := func(x *binding.Expr) {
		for _, ref := range x.Refs {
			if len(ref) > 1 && ref[0] == "steps" {
				l.used[ref[1]] = true
			}
		}
	}
	for _, s := range k.program.all {
		s.exprs(note)
	}
	for _, v := range k.program.outputs {
		v.exprs(note)
	}
	l.noteIgnores(k.playbook.Ignore)
	for _, s := range k.program.all {
		l.noteIgnores(s.decl.Ignore)
	}
	for _, s := range k.program.all {
		if s.Type != nil {
			l.unusedOutput(s)
			l.switchAfterPublish(s)
			l.createInRetry(s)
		}
	}
	l.unusedIgnores()
}

// linter is the state of one search for warnings.
type linter struct {
	*checker
	used map[string]bool  // the steps whose outputs something uses
	idle map[*Ignore]bool // the ignores that have silenced nothing so far
}

func (l *linter) noteIgnores(ignores []Ignore) {
	for i := range ignores {
		l.idle[&ignores[i]] = true
	}
}

// give gives a warning about a step, unless the step, a block around it or the
// playbook ignores it.
func (l *linter) give(name string, s *Step, pos Position, message, cure string) {
	for around := s; around != nil; around = around.parent {
		if l.ignored(name, around.decl.Ignore) {
			return
		}
	}
	if !l.ignored(name, l.playbook.Ignore) {
		l.faults.Add(pos, message, cure).Warning = name
	}
}

func (l *linter) ignored(name string, ignores []Ignore) bool {
	i := slices.IndexFunc(ignores, func(ig Ignore) bool { return ig.Warning == name })
	if i >= 0 {
		l.idle[&ignores[i]] = false
	}
	return i >= 0
}

func (l *linter) unusedOutput(s *Step) {
	if s.Type.action && !s.Type.makes() || l.used[s.ID] || len(s.decl.Assert) > 0 {
		return
	}
	message, cure := "nothing uses what step "+s.ID+" yields", "use it in a later step or under outputs, or leave the step out"
	switch {
	case !s.Type.action:
		message, cure = "nothing uses what step "+s.ID+" reads", "use it, assert something about it, or leave the step out"
	case s.Loop != nil:
		cure = "nothing outside of a loop can: make it a block whose next step uses it, such as export_certificate"
	}
	l.give("unused-output", s, s.decl.TypePos, message, cure)
}

// makes reports whether an action yields something that was not there before:
// its first assigned output did not go into it. What leaves only files that
// its undo removes has done its work with them.
func (t *Type) makes() bool {
	i := slices.IndexFunc(t.out, func(f Field) bool { return f.Assigned })
	return i >= 0 && fieldNamed(t.in, t.out[i].Name) == nil && !(t.Local && t.Undo == UndoExact)
}

func (l *linter) switchAfterPublish(s *Step) {
	if s.Type.Notice == "" {
		return
	}
	for _, v := range s.body().inputs {
		v.exprs(func(x *binding.Expr) {
			for _, ref := range x.Refs {
				if len(ref) < 3 || ref[0] != "steps" {
					continue
				}
				from := l.program.index[ref[1]]
				if from == nil || from.Type == nil || !from.Type.action || !assigns(from.Type, ref[2]) || l.between(from, s) {
					continue
				}
				l.give("switch-after-publish", s, s.decl.TypePos,
					fmt.Sprintf("step %s switches to what step %s has just made", s.ID, from.ID),
					"users notice at once, before the other side can have the new key: let a step between them hand it over, or switch in a later run")
				return
			}
		})
	}
}

func assigns(t *Type, output string) bool {
	f := fieldNamed(t.out, output)
	return f != nil && f.Assigned
}

// between reports whether a step that is no switch itself stands between two.
func (l *linter) between(from, to *Step) bool {
	for _, s := range l.program.all[from.index+1 : to.index] {
		if s.Type != nil && s.Type.Notice == "" {
			return true
		}
	}
	return false
}

func (l *linter) createInRetry(s *Step) {
	if _, creates := s.Type.New().(Adopter); creates && s.Retry != nil {
		l.give("create-in-retry", s, s.decl.TypePos, fmt.Sprintf("step %s makes something new, and is tried again", s.ID),
			"leave retry out: what Okta refuses for now is repeated anyway, and a create only after a long look that it made nothing")
	}
}

// unusedIgnores warns of ignores that silence nothing. One of them may be
// excused like anything else, where it stands.
func (l *linter) unusedIgnores() {
	const name = "unused-ignore"
	ask := func(s *Step, ignores []Ignore) {
		for i := range ignores {
			if ig := &ignores[i]; l.idle[ig] && ig.Warning != name {
				message, cure := "nothing here gives the warning "+ig.Warning, "leave the entry out"
				if s != nil {
					l.give(name, s, ig.Pos, message, cure)
				} else if !l.ignored(name, l.playbook.Ignore) {
					l.faults.Add(ig.Pos, message, cure).Warning = name
				}
			}
		}
	}
	for _, s := range l.program.all {
		ask(s, s.decl.Ignore)
	}
	ask(nil, l.playbook.Ignore)
	for _, s := range l.program.all {
		l.excuses(s.decl.Ignore)
	}
	l.excuses(l.playbook.Ignore)
}

// excuses warns of an excuse for unused ignores where there are none.
func (l *linter) excuses(ignores []Ignore) {
	for i := range ignores {
		if ig := &ignores[i]; l.idle[ig] && ig.Warning == "unused-ignore" {
			l.faults.Add(ig.Pos, "nothing here gives the warning unused-ignore", "leave the entry out").Warning = "unused-ignore"
		}
	}
}
