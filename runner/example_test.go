package runner_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"example.com/rekey/runner"
)

// greet is the smallest action there is: it changes nothing.
type greet struct {
	Name string `in:"name" doc:"whom to greet"`
	Text string `out:"text" doc:"the greeting"`
}

func (*greet) Claims() []string                                { return nil }
func (*greet) Observe(context.Context) error                   { return nil }
func (g *greet) Do(context.Context) error                      { g.Text = "hello, " + g.Name; return nil }
func (*greet) Undo(context.Context) ([]runner.Residue, error)  { return nil, nil }
func (*greet) Recover(context.Context) (runner.Verdict, error) { return runner.Verdict{}, nil }

func catalogue() *runner.Catalogue {
	c, err := runner.NewCatalogue(runner.Type{
		Name: "greet", Doc: "Greets somebody.", Change: "greet {name}", Undo: runner.UndoExact,
		New: func() any { return new(greet) },
	})
	if err != nil {
		panic(err)
	}
	return c
}

// A misspelt output is found before anything runs, at its line and column.
func ExampleCheck() {
	text := []byte(`rekey: 1
playbook: example
version: 1.0.0
steps:
  - id: hello
    greet: {name: world}
outputs:
  said: $<steps.hello.txt>
`)
	playbook, faults := runner.ParsePlaybook("example.yaml", text)
	if faults.Err() == nil {
		_, faults = runner.Check(playbook, catalogue())
	}
	faults.Render(os.Stdout, text)
	// Output:
	// example.yaml:8:23: unknown output "txt" of steps.hello
	//     said: $<steps.hello.txt>
	//                         ^
	//   cure: it has text (did you mean "text"?)
}

// A run ends with the playbook's outputs; its events stay in a journal.
func ExampleLocal_Run() {
	text := []byte(`rekey: 1
playbook: example
version: 1.0.0
inputs:
  whom: {type: string}
steps:
  - id: hello
    greet: {name: $<inputs.whom>}
outputs:
  said: $<steps.hello.text>
`)
	playbook, _ := runner.ParsePlaybook("example.yaml", text)
	program, faults := runner.Check(playbook, catalogue())
	if faults.Err() != nil {
		fmt.Println(faults)
		return
	}
	public, secret, _ := program.Bind(map[string]any{"whom": "world"}, true)
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	local := &runner.Local{Dir: dir, Watch: func(e runner.Event) { fmt.Println(strings.TrimSpace(string(e.Kind) + " " + e.Step)) }}
	machine, err := local.Run(context.Background(), program, catalogue(), runner.Spec{
		ID: "first", Inputs: public, Secrets: secret, StartedAt: time.Now(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(machine.State(), machine.Outputs()["said"])
	// Output:
	// created
	// vars
	// inputs hello
	// observed hello
	// done hello
	// outputs
	// ended
	// done hello, world
}
