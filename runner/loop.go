package runner

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// Loop is how a step is repeated, once for each item of a list.
type Loop struct {
	As          string
	Key         string // member that tells items apart; empty: the item itself, or its id
	Concurrency int
	Batches     []Batch // none: all items at once
	MaxFailures int

	each  *value
	elem  *binding.Type
	outer map[string]bool // ids of the steps outside whose outputs are used inside
}

// loopCounts is what a loop yields.
var loopCounts = &binding.Type{Kind: binding.Object, Fields: map[string]*binding.Type{
	"total": {Kind: binding.Int}, "failed": {Kind: binding.Int},
}}

// compileLoop compiles a loop: its condition and its items know nothing of the
// loop's variable, what is repeated does.
func (k *checker) compileLoop(s *Step, before *compiler) {
	l, d := s.Loop, s.decl
	for around := s.parent; around != nil; around = around.parent {
		if l.As != "" && around.Loop != nil && around.Loop.As == l.As {
			k.faults.Add(d.Loop.AsPos, fmt.Sprintf("%s is the variable of the loop %s around this one", l.As, around.ID), "choose another name")
		}
	}
	outside := before.outsideLoop(l.As)
	if d.If != nil {
		s.cond = outside.condition(d.If, "if")
	}
	l.elem = &binding.Type{}
	if d.Loop.Each != nil {
		l.each = outside.value(d.Loop.Each, nil)
		l.elem = k.items(d.Loop, l.each)
	}
	inner := before.scope
	if l.As != "" {
		if scope, err := inner.With(l.As, l.elem); err == nil {
			inner = scope
		}
	}
	if s.decl.Steps != nil {
		k.compileBody(s, inner)
		return
	}
	body := s.Steps[0]
	if body.Type != nil {
		c := &compiler{scope: inner, view: k.view(place{step: s}), faults: &k.faults}
		body.inputs = c.inputs(d, body.Type)
		body.asserts = k.asserts(body, k.inItem(s, inner))
	}
}

// outsideLoop is a compiler for what is decided before a loop.
func (c *compiler) outsideLoop(as string) *compiler {
	out := *c
	if as == "" {
		return &out
	}
	if scope, err := c.scope.With(as, &binding.Type{}); err == nil {
		out.scope = scope
	}
	out.view.Hidden = func(path []string) (string, string) {
		if path[0] == as {
			return as + " is known inside the loop, and this is decided once, before it",
				"choose among the items in for_each, with filter(…), or give the if to a step of a block"
		}
		return c.view.Hidden(path)
	}
	return &out
}

// items checks what a loop is over and returns the type of an item.
func (k *checker) items(d *LoopDecl, each *value) *binding.Type {
	t := each.typ
	fault := func(message, cure string) *binding.Type {
		k.faults.Add(d.Each.Pos, message, cure)
		return &binding.Type{}
	}
	switch {
	case t.Kind == binding.Invalid:
		return &binding.Type{}
	case t.Any(binding.Secret):
		return fault("for_each would show a secret: its items are recorded", "loop over something that is not secret")
	case t.Label.Has(binding.Absent):
		return fault("the list may be absent", "give what stands in for it: … ?? []")
	case t.Kind != binding.List:
		return fault("for_each must be a list, this is "+t.Article(), "give a list: $<inputs.apps>, or [a, b]")
	case t.Elem == nil:
		return fault("the kind of the items is not known", "loop over a list whose items are declared")
	}
	item := t.Elem.With(t.Label & binding.Opaque)
	if item.Kind == binding.Invalid {
		return item
	}
	if problem, cure := keyProblem(item, d.Key); problem != "" {
		pos := d.Each.Pos
		if d.Key != "" {
			pos = d.KeyPos
		}
		k.faults.Add(pos, problem, cure)
		return item
	}
	k.literalKeys(d, each)
	return item
}

// keyProblem says why items of a type cannot be told apart.
func keyProblem(item *binding.Type, key string) (problem, cure string) {
	switch {
	case item.Label.Has(binding.Absent):
		return "an item of the list may be absent", "give what stands in for those: map(…, # ?? \"…\")"
	case item.Kind == binding.String || item.Kind == binding.Int:
		if key != "" {
			return fmt.Sprintf("key names a member, and an item is %s", item.Article()), "leave key out: the item itself tells it apart"
		}
		return "", ""
	case item.Kind != binding.Object:
		return fmt.Sprintf("an item is %s, by which it cannot be told apart", item.Article()), "loop over strings, ints or objects"
	case item.Fields == nil:
		return "the members of an item are not declared, so nothing tells the items apart", "loop over a list of strings, or of objects written under vars"
	}
	name := memberOr(key)
	member, ok := item.Fields[name]
	names := make([]string, 0, len(item.Fields))
	for field := range item.Fields {
		names = append(names, field)
	}
	slices.Sort(names)
	switch {
	case !ok && key == "":
		return "an item has no id that tells it apart", "name another member with key: " + strings.Join(names[:min(len(names), 5)], ", ")
	case !ok:
		return fmt.Sprintf("an item has no member %s", quoted(name)), candidates(name, names)
	case member.Kind == binding.Invalid:
		return "", ""
	case member.Kind != binding.String && member.Kind != binding.Int, member.Label.Has(binding.Absent):
		return fmt.Sprintf("%s is %s and may not tell items apart", name, describe(member)), "name a member with key that is a string or an int, and always there"
	}
	return "", ""
}

// memberOr is the member that tells objects apart.
func memberOr(key string) string {
	if key == "" {
		return "id"
	}
	return key
}

func describe(t *binding.Type) string {
	if t.Label.Has(binding.Absent) {
		return t.Article() + " that may be absent"
	}
	return t.Article()
}

// literalKeys refuses items written in the playbook of which two are the same.
func (k *checker) literalKeys(d *LoopDecl, each *value) {
	seen := map[string]bool{}
	for _, item := range each.items {
		v := item
		if item.nested {
			name := memberOr(d.Key)
			i := slices.IndexFunc(item.fields, func(f namedValue) bool { return f.name == name })
			if i < 0 {
				continue
			}
			v = item.fields[i].value
		}
		if v.lit == nil {
			continue
		}
		key := keyText(v.lit)
		if seen[key] {
			k.faults.Add(v.node.Pos, fmt.Sprintf("the item %s is there twice", cutEnd(key, 80)), "keep one of them")
		}
		seen[key] = true
	}
}

// outerRefs notes which outputs of steps outside a loop are used inside: each
// item gets those alone.
func (p *Program) outerRefs() {
	for _, s := range p.all {
		s.exprs(func(x *binding.Expr) {
			for _, ref := range x.Refs {
				if len(ref) < 2 || ref[0] != "steps" {
					continue
				}
				target := p.index[ref[1]]
				for around := s; around != nil; around = around.parent {
					l := around.Loop
					if l != nil && target != nil && (target.index < around.index || target.index > around.last) {
						l.outer[ref[1]] = true
					}
				}
			}
		})
	}
}

// exprs calls visit for every expression of the step that is evaluated inside
// its loop, if it is one, and for those of its condition and list.
func (s *Step) exprs(visit func(*binding.Expr)) {
	body := s.body()
	if s.cond != nil {
		s.cond.exprs(visit)
	}
	if s.Loop != nil && s.Loop.each != nil {
		s.Loop.each.exprs(visit)
	}
	for _, v := range body.inputs {
		v.exprs(visit)
	}
	for _, a := range body.asserts {
		a.exprs(visit)
	}
}

// keys are the keys of a loop's items, in their order. An error names the
// items that cannot be told apart.
func (l *Loop) keys(items []any) ([]string, error) {
	keys := make([]string, len(items))
	at := make(map[string]int, len(items))
	for i, item := range items {
		v := item
		if object, ok := item.(map[string]any); ok {
			v = object[memberOr(l.Key)]
		}
		if text, isText := v.(string); v == nil || isText && strings.TrimSpace(text) == "" {
			return nil, fmt.Errorf("item %d has no key: the text that tells it apart is empty", i+1)
		}
		keys[i] = keyText(v)
		if before, again := at[keys[i]]; again {
			return nil, fmt.Errorf("items %d and %d have the same key %s; name each item once", before+1, i+1, cutEnd(keys[i], 80))
		}
		at[keys[i]] = i
	}
	return keys, nil
}

// bounds are the ends of the batches of total items: the last size repeats.
func (l *Loop) bounds(total int) []int {
	if len(l.Batches) == 0 {
		return []int{total}
	}
	var ends []int
	for end, i := 0, 0; end < total; i++ {
		end += l.Batches[min(i, len(l.Batches)-1)].of(total)
		ends = append(ends, min(end, total))
	}
	return ends
}
