package binding_test

import (
	"fmt"

	"example.com/rekey/runner/binding"
)

// A scalar is split, each expression compiled against declared names, and
// evaluated once the values are there.
func Example() {
	text := &binding.Type{Kind: binding.String}
	id := &binding.Type{Kind: binding.String, Label: binding.Opaque}
	object := func(fields map[string]*binding.Type) *binding.Type {
		return &binding.Type{Kind: binding.Object, Fields: fields}
	}
	scope, err := binding.NewScope(object(map[string]*binding.Type{
		"inputs": object(map[string]*binding.Type{"out": text}),
		"steps":  object(map[string]*binding.Type{"gen": object(map[string]*binding.Type{"kid": id})}),
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	env := map[string]any{
		"inputs": map[string]any{"out": "certs"},
		"steps":  map[string]any{"gen": map[string]any{"kid": "k1"}},
	}
	template, _ := binding.Scan("$<inputs.out>/$<steps.gen.kid>.pem")
	for _, p := range template.Parts {
		if p.Source == "" {
			fmt.Printf("text %q\n", p.Text)
			continue
		}
		x, _ := scope.Compile(p.Source, p.Offset, binding.View{})
		v, err := x.Eval(env)
		fmt.Println(p.Source, "is", x.Type, x.Type.Label, v, err)
	}
	_, faults := scope.Compile("steps.gen.kidd", 2, binding.View{})
	fmt.Println(faults[0].Offset, faults[0])
	// Output:
	// inputs.out is string  certs <nil>
	// text "/"
	// steps.gen.kid is string opaque k1 <nil>
	// text ".pem"
	// 12 unknown output "kidd" of steps.gen; it has kid (did you mean "kid"?)
}
