package runner

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// secret reports whether a secret touches v as a whole, so that it is left out
// of every record. A list is one even if only an item is touched; of a mapping
// only the members are, each by itself.
func (v *value) secret() bool {
	if v.nested && v.node.Kind == Map {
		return false
	}
	return v.typ.Any(binding.Secret)
}

// exprs calls visit for every expression in v.
func (v *value) exprs(visit func(*binding.Expr)) {
	if v.expr != nil {
		visit(v.expr)
	}
	for _, p := range v.parts {
		if p.expr != nil {
			visit(p.expr)
		}
	}
	for _, item := range v.items {
		item.exprs(visit)
	}
	for _, f := range v.fields {
		f.exprs(visit)
	}
}

// known says what v's references stand for, as far as that is short: "
// (inputs.app is "0oa1")". No secret is ever in env.
func (v *value) known(env map[string]any) string {
	var texts []string
	v.exprs(func(x *binding.Expr) {
		for _, ref := range x.Refs {
			var at any = env
			for _, name := range ref {
				object, _ := at.(map[string]any)
				at = object[name]
			}
			switch at.(type) {
			case string:
				at = fmt.Sprintf("%q", at)
			case nil:
				at = "absent"
			case []any, map[string]any:
				continue
			}
			texts = append(texts, cutEnd(fmt.Sprintf("%s is %v", strings.Join(ref, "."), at), 200))
		}
	})
	if len(texts) == 0 {
		return ""
	}
	return " (" + strings.Join(texts, ", ") + ")"
}

// secretInputs names the secret inputs that v uses, itself or through vars; seen
// holds the vars followed already.
func (v *value) secretInputs(p *Program, seen map[string]bool) (names []string) {
	v.exprs(func(x *binding.Expr) {
		for _, ref := range x.Refs {
			switch {
			case len(ref) < 2:
			case ref[0] == "inputs" && p.secretInput(ref[1]):
				names = append(names, ref[1])
			case ref[0] == "vars" && !seen[ref[1]]:
				seen[ref[1]] = true
				if i := slices.IndexFunc(p.vars, func(w namedValue) bool { return w.name == ref[1] }); i >= 0 {
					names = append(names, p.vars[i].secretInputs(p, seen)...)
				}
			}
		}
	})
	return names
}

func (p *Program) secretInput(name string) bool {
	return slices.ContainsFunc(p.Playbook.Inputs, func(in *Input) bool { return in.Name == name && in.Secret })
}

// secretsOf names the secret inputs that a step needs.
func (p *Program) secretsOf(s *Step) (names []string) {
	seen := map[string]bool{}
	for _, v := range s.inputs {
		if v.typ.Any(binding.Secret) {
			names = append(names, v.secretInputs(p, seen)...)
		}
	}
	return names
}

// recorded reads v's value as a record holds it: what a secret touches is not
// in it.
func (v *value) recorded(data any) (any, error) {
	members, ok := data.(map[string]any)
	switch {
	case v.secret():
		return nil, nil
	case !v.nested || v.node.Kind != Map || !ok:
		return v.typ.Decode(data)
	}
	out := make(map[string]any, len(v.fields))
	for _, f := range v.fields {
		if f.secret() {
			continue
		}
		got, err := f.recorded(members[f.name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		out[f.name] = got
	}
	return out, nil
}

// eval evaluates v. What a secret touches is left out and named in deferred by
// its path; with deferred nil it is evaluated as well.
func (v *value) eval(env map[string]any, path string, deferred *[]string) (any, error) {
	if deferred != nil && v.secret() {
		*deferred = append(*deferred, path)
		return nil, nil
	}
	switch {
	case v.expr != nil:
		return v.expr.Eval(env)
	case v.parts != nil:
		return v.text(env)
	case !v.nested:
		return v.lit, nil
	case v.node.Kind == List:
		list := make([]any, len(v.items))
		for i, item := range v.items {
			got, err := item.eval(env, fmt.Sprintf("%s[%d]", path, i), deferred)
			if err != nil {
				return nil, err
			}
			list[i] = got
		}
		return list, nil
	}
	return evalFields(v.fields, env, path, deferred)
}

// evalFields evaluates the members of a mapping; what is left out for a
// secret's sake is no member.
func evalFields(fields []namedValue, env map[string]any, path string, deferred *[]string) (map[string]any, error) {
	out := make(map[string]any, len(fields))
	for _, f := range fields {
		at := f.name
		if path != "" {
			at = path + "." + f.name
		}
		if deferred != nil && f.secret() {
			*deferred = append(*deferred, at)
			continue
		}
		got, err := f.eval(env, at, deferred)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		out[f.name] = got
	}
	return out, nil
}

func (v *value) text(env map[string]any) (string, error) {
	var b strings.Builder
	for _, p := range v.parts {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		got, err := p.expr.Eval(env)
		if err != nil {
			return "", err
		}
		text, err := binding.Text(got)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}
