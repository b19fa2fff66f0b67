package runner

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/runner/binding"
)

// secret reports whether evaluating v needs a secret.
func (v *value) secret() bool {
	if v.expr != nil {
		return v.expr.Type.Any(binding.Secret)
	}
	return slices.ContainsFunc(v.parts, func(p part) bool {
		return p.expr != nil && p.expr.Type.Any(binding.Secret)
	})
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

// secretInputs names the secret inputs that v uses, itself or through a var; seen
// are the vars followed already.
func (v *value) secretInputs(p *Program, seen []string) (names []string) {
	v.exprs(func(x *binding.Expr) {
		for _, ref := range x.Refs {
			switch {
			case len(ref) < 2:
			case ref[0] == "inputs" && p.secretInput(ref[1]):
				names = append(names, ref[1])
			case ref[0] == "vars" && !slices.Contains(seen, ref[1]):
				seen = append(seen, ref[1])
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
	for _, v := range s.inputs {
		if v.typ.Any(binding.Secret) {
			names = append(names, v.secretInputs(p, nil)...)
		}
	}
	return names
}

// eval evaluates v. Leaves that a secret touches are left out and named in
// deferred by their path; with deferred nil they are evaluated as well.
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
