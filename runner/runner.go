// Package runner is the engine-neutral core of rekey: it turns a playbook into
// a checked program, a program into a plan or a run, and a run into a record
// that can be shown and undone. It knows nothing of Okta or files: those reach
// it as a [Catalogue] of step types. Of certificates it knows what X.509 says of
// them, for whoever reads a plan.
//
// The pipeline, each stage data for the next:
//
//	bytes ──ParsePlaybook──▶ Playbook    positions, no types
//	      ──Check──────────▶ Program     types, labels, compiled expressions
//	      ──Rehearse───────▶ Plan        the same steps, run in a rehearsed org
//	      ──Local.Run──────▶ a journal   the same steps, run in the live one
//
// One pure state machine, [Machine], drives a rehearsal, a run and a rollback
// alike. It only folds events ([Machine.Apply]) and says what comes next
// ([Machine.Next]); an executor carries its commands out, and whatever comes
// of them is an event again. So a run is exactly its events: replaying them
// from the journal yields the machine as it was.
//
// A step type is a Go struct whose tagged fields are its data, see [Type].
package runner
