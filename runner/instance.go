package runner

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"example.com/rekey/runner/binding"
)

// instance returns a fresh step filled from recorded data by role, and its
// type in this executor's catalogue.
func (x *executor) instance(cmd Command, g *guard) (any, *Type, error) {
	t := x.catalogue.Type(cmd.Step.Type.Name)
	if t == nil {
		return nil, nil, fmt.Errorf("there is no step type %s here", cmd.Step.Type.Name)
	}
	in, err := x.withSecrets(cmd, g)
	if err != nil {
		return nil, nil, err
	}
	step := t.New()
	if err := fill(step, t.in, in); err != nil {
		return nil, nil, err
	}
	switch cmd.Op {
	case OpDo, OpRecover:
		err = fill(step, t.saw, cmd.Saw)
	case OpUndo:
		err = errors.Join(fill(step, t.saw, cmd.Saw), fill(step, t.out, cmd.Out))
	}
	return step, t, err
}

// withSecrets evaluates the inputs that a secret touches, and those alone, for
// this call only. Undo and Recover do without: they must work long after, on
// their own.
func (x *executor) withSecrets(cmd Command, g *guard) (map[string]any, error) {
	if len(cmd.Deferred) == 0 || cmd.Op == OpUndo || cmd.Op == OpRecover {
		return cmd.In, nil
	}
	for _, name := range x.program.secretsOf(cmd.Step) {
		if _, ok := x.secrets[name]; ok {
			continue
		}
		if !x.rehearsal {
			return nil, fmt.Errorf("the secret input %s is not at hand", name)
		}
		g.missing = cmd.Deferred
		return cmd.In, nil
	}
	env, err := x.secretEnv(cmd.env)
	if err != nil {
		return nil, err
	}
	in := maps.Clone(cmd.In)
	for _, f := range cmd.Step.inputs {
		if !f.typ.Any(binding.Secret) {
			continue
		}
		got, err := f.eval(env, f.name, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		in[f.name] = merged(cmd.In[f.name], got)
	}
	return in, cmd.Step.Type.complete(in, nil)
}

// secretEnv is what expressions see with the secrets at hand, and the vars that
// need no others.
func (x *executor) secretEnv(known map[string]any) (map[string]any, error) {
	program := x.program
	env, vars := maps.Clone(known), map[string]any{}
	inputs := maps.Clone(env["inputs"].(map[string]any))
	maps.Copy(inputs, x.secrets)
	env["inputs"], env["vars"] = inputs, vars
	missing := func(name string) bool { _, ok := inputs[name]; return !ok }
	for _, v := range program.vars {
		if slices.ContainsFunc(v.secretInputs(program, map[string]bool{}), missing) {
			continue
		}
		got, err := v.eval(env, v.name, nil)
		if err != nil {
			return nil, fmt.Errorf("var %s: %w", v.name, err)
		}
		vars[v.name] = got
	}
	return env, nil
}

// merged puts what is recorded of a value over what was evaluated just now: a
// recorded value is never computed again.
func merged(recorded, evaluated any) any {
	old, ok := recorded.(map[string]any)
	fresh, isMap := evaluated.(map[string]any)
	if !ok || !isMap {
		return evaluated
	}
	out := maps.Clone(fresh)
	for name, v := range old {
		out[name] = merged(v, fresh[name])
		if _, nested := v.(map[string]any); !nested {
			out[name] = v
		}
	}
	return out
}
