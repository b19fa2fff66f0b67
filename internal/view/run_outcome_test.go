package view

import (
	"bytes"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

// failedRun is a run that failed with a message and ended in a state; by is what
// came before its end.
func failedRun(step, message string, end runner.State, by ...runner.Event) *runner.StoredRun {
	run := aRun()
	run.Events = run.Events[:8]
	add := func(e runner.Event) { run.Events = append(run.Events, runner.Timed{Time: at, Event: e}) }
	if step != "" {
		add(runner.Event{Kind: runner.EvFailed, Step: step, Error: message})
	}
	for _, e := range append(by, runner.Event{Kind: runner.EvEnded, State: end, Reason: "interrupted"}) {
		add(e)
	}
	return run
}

// unwinding are the events of a rollback that leaves nothing but a key.
var unwinding = []runner.Event{
	{Kind: runner.EvRollback, Reason: "step last failed"},
	{Kind: runner.EvUndone, Step: "add", Residues: []runner.Residue{{Owner: "app/0oa1", Kind: "key", ID: "k1", Effect: runner.Added}}},
	{Kind: runner.EvUndone, Step: "switch"},
}

const refusal = "PUT /api/v1/apps/0oa1: Okta answered 403 E0000006: You may not [request Rq1]; ask somebody who may"

// TestOutcome: how a run ended stands in the first line that is about it, in
// every face: that it failed, where, why in a few words, and what that left.
func TestOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		run                *runner.StoredRun
		want, alert, class string
	}{
		"undone": {failedRun("last", refusal, runner.StateRolledBack, unwinding...),
			"failed at step last: Okta answered 403 E0000006: You may not; rolled back; the org is as before, apart from what stays", "CAUTION", "failed"},
		"not undone": {failedRun("last", refusal, runner.StateRollbackIncomplete, unwinding[0]),
			"failed at step last: Okta answered 403 E0000006: You may not; rollback incomplete; a person must look at the org", "CAUTION", "failed"},
		"undone in part": {failedRun("last", refusal, runner.StateInterrupted, unwinding[:2]...),
			"failed at step last: Okta answered 403 E0000006: You may not; its rollback was interrupted part-way", "WARNING", "notice"},
		"kept": {failedRun("last", refusal, runner.StateFailed),
			"failed at step last: Okta answered 403 E0000006: You may not; what it wrote was kept", "CAUTION", "failed"},
		"no request": {failedRun("last", "the kid\nis not among the keys", runner.StateFailed),
			"failed at step last: the kid␊is not among the keys; what it wrote was kept", "CAUTION", "failed"},
		"long": {failedRun("last", strings.Repeat("x", 500), runner.StateFailed),
			"failed at step last: " + strings.Repeat("x", 119) + "…; what it wrote was kept", "CAUTION", "failed"},
		"asked for": {failedRun("", "", runner.StateRolledBack, unwinding...),
			"rolled back; the org is as before, apart from what stays", "NOTE", "idle"},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReport(c.run, nil, "rekey rollback r1")
			if r.Outcome != c.want {
				t.Errorf("the outcome is\n%s\nwant\n%s", r.Outcome, c.want)
			}
			first := func(face string, show func(b *bytes.Buffer) error, marks ...string) {
				var b bytes.Buffer
				if err := show(&b); err != nil {
					t.Fatal(err)
				}
				for _, mark := range marks {
					if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), mark) {
						t.Errorf("%s does not say %q, but\n%.700s", face, mark, b.String())
					}
				}
			}
			first("the result", func(b *bytes.Buffer) error { return Result(b, c.run, "") }, "Run r1: "+c.want)
			first("the text", func(b *bytes.Buffer) error { return Show(b, c.run, nil, "") }, "Run r1 state "+c.want+" playbook")
			first("the Markdown", func(b *bytes.Buffer) error { return RunMarkdown(b, r, "") }, "> [!"+c.alert+"] > **"+mdText(c.want)+"**")
			first("the page", func(b *bytes.Buffer) error { return RunHTML(b, c.run, r, "") }, `<p class="verdict">`+c.want+"</p>", `<header class="`+c.class+`">`)
		})
	}
}

// TestRunsThatFailed: a list tells runs that failed and were undone from those
// that somebody had undone.
func TestRunsThatFailed(t *testing.T) {
	var b bytes.Buffer
	failed, asked := failedRun("last", refusal, runner.StateRolledBack, unwinding...), failedRun("", "", runner.StateRolledBack, unwinding...)
	if err := Runs(&b, []runner.Summary{failed.Summary(), asked.Summary()}); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Count(text, "  failed, rolled back  ") != 1 || strings.Count(text, "  rolled back  ") != 1 {
		t.Errorf("got\n%s", text)
	}
}
