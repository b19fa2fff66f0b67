package view

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/cputime"
	"example.com/rekey/runner"
)

// fleet is the plan of a loop over n apps that rotates the key of each, with
// values that are each app's own. Change may make exceptions.
func fleet(n int, change func(key string, steps []runner.PlannedStep) []runner.PlannedStep) *runner.Plan {
	loop := runner.PlannedLoop{Step: "fleet", Name: "rotate each app", As: "app", Concurrency: 8, Batches: []int{1, n / 10, n - 1 - n/10}, MaxFailures: 3}
	plan := &runner.Plan{
		Header: runner.PlanHeader{Format: runner.PlanFormat, MadeAt: at, Tool: "rekey test", Who: "ada@host"},
		Body: runner.PlanBody{
			Playbook: "rotate-fleet", Version: "1.0.0", Org: "https://x.okta.com", OnFailure: "rollback", Inputs: map[string]any{"years": 2},
			Outputs:   map[string]any{"failed": 0, "total": n},
			Calls:     map[string]runner.Bucket{"app": {Calls: 6 * n, PerMinute: 500}, "apps": {Calls: 3 * n, PerMinute: 100}},
			RateShare: 50, Expected: "45m0s",
		},
	}
	var apps []any
	for i := range n {
		key := fmt.Sprintf("0oaFleet%05dXs0h7", i+1)
		apps = append(apps, key)
		loop.Items = append(loop.Items, key)
		steps := rotation("fleet["+key+"]", key, fmt.Sprintf("kidBefore-%05d_0123456789abcdefghij", i))
		if change != nil {
			steps = change(key, steps)
		}
		for _, s := range steps {
			s.Loop, s.Item = "fleet", key
			plan.Body.Steps = append(plan.Body.Steps, s)
			if s.Failure != "" {
				loop.Failures = append(loop.Failures, runner.ItemFailure{Item: "fleet[" + key + "]", Message: "step " + s.Step + ": " + s.Failure})
			}
		}
	}
	plan.Body.Inputs["apps"] = apps
	plan.Body.Loops = []runner.PlannedLoop{loop}
	return plan
}

// rotation is how the key of one app is rotated.
func rotation(item, app, before string) []runner.PlannedStep {
	yes, owner, kid := true, "app/"+app, "$<steps."+item+".gen.kid>"
	return []runner.PlannedStep{
		{Step: item + ".before", Type: "get_app"},
		{Step: item + ".gen", Type: "generate_key", Action: true, Change: "add a new key to " + owner + ", valid for 2 years: " + kid, Undo: runner.UndoStays,
			Claims: []string{owner}, Write: &runner.Write{Method: "POST", Path: "/api/v1/apps/" + app + "/credentials/keys/generate?validityYears=2"},
			Residues: []runner.Residue{{Owner: owner, Kind: "key", ID: kid, Effect: runner.Added, Note: "inactive, it is harmless"}}},
		{Step: item + ".export", Type: "export_certificate", Action: true, Change: "write the certificate to out/" + app + ".pem (pem)", Undo: runner.UndoExact,
			Write: &runner.Write{Method: "CREATE", Path: "out/" + app + ".pem"}},
		{Step: item + ".activate", Type: "update_app_kid", Action: true, Condition: &yes, Change: owner + " signs with " + kid + " instead of " + before,
			Undo: runner.UndoExact, Notice: "service providers that have not loaded the new certificate refuse sign-ins", Claims: []string{owner},
			Write: &runner.Write{Method: "PUT", Path: "/api/v1/apps/" + app, Change: &runner.Change{Pointer: "/credentials/signing/kid", From: before, To: kid}}},
	}
}

// exceptions is a change with exceptions of each kind.
func exceptions() func(string, []runner.PlannedStep) []runner.PlannedStep {
	n := 0
	no := false
	return func(key string, steps []runner.PlannedStep) []runner.PlannedStep {
		n++
		switch {
		case n%10 == 4: // its condition does not hold
			steps[3] = runner.PlannedStep{Step: steps[3].Step, Type: steps[3].Type, Action: true, Condition: &no, Undo: runner.UndoExact}
		case n == 7: // a longer life
			steps[1].Write.Path = strings.Replace(steps[1].Write.Path, "=2", "=3", 1)
			steps[1].Change = strings.Replace(steps[1].Change, "2 years", "3 years", 1)
		case n == 8 || n == 9: // is there already
			steps[2].Write, steps[2].Unchanged = nil, true
			steps[2].Warnings = []string{"the file out/" + key + ".pem is there already"}
		case n == 20 || n == 21: // not there
			steps = steps[:1]
			steps[0].Failure = "GET /api/v1/apps/" + key + ": Okta answered 404: Not found: " + key
		case n == 30: // fails late
			steps[3].Write, steps[3].Failure = nil, "refused"
			steps[1].Undone, steps[2].Undone = true, true
		case n == 40:
			steps[3].Caution = "app/" + key + " is used by other apps too"
		}
		return steps
	}
}

func planText(t *testing.T, plan *runner.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := PlanText(&b, plan); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func planDetails(t *testing.T, plan *runner.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := PlanDetails(&b, plan); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reviewed is a plan with the certificates of its apps and its rollback.
func reviewed(plan *runner.Plan) *runner.Plan {
	b := &plan.Body
	b.Rollback = &runner.PlannedRollback{}
	for i, s := range b.Steps {
		if s.Undone {
			b.Rollback.Residues = append(b.Rollback.Residues, s.Residues...)
		}
		if s.Undone || s.Write == nil {
			continue
		}
		owner := "app/" + s.Item
		switch s.Type {
		case "generate_key":
			left := i%1000 - 30
			b.Certificates = append(b.Certificates,
				runner.PlannedCertificate{Owner: owner, Role: runner.RoleSignsNow, Step: s.Step, Kid: fmt.Sprintf("kidBefore-%05d_0123456789abcdefghij", i), NotBefore: at.AddDate(-2, 0, 0), NotAfter: at.AddDate(0, 0, left), DaysLeft: &left},
				runner.PlannedCertificate{Owner: owner, Role: runner.RoleWillSign, Step: s.Step, Kid: s.Residues[0].ID, NotBefore: at, NotAfter: at.AddDate(2, 0, 0)})
			b.Rollback.Residues = append(b.Rollback.Residues, s.Residues...)
			b.Rollback.Steps = append(b.Rollback.Steps, runner.PlannedUndo{Step: s.Step, Residues: s.Residues})
		default:
			b.Rollback.Steps = append(b.Rollback.Steps, runner.PlannedUndo{Step: s.Step, Write: s.Write})
		}
	}
	slices.Reverse(b.Rollback.Steps)
	return plan
}

func TestPlanOfLoop(t *testing.T) {
	golden(t, "plan-loop.txt", func(b *bytes.Buffer) error { return PlanText(b, reviewed(fleet(50, nil))) })
	golden(t, "plan-loop-details.txt", func(b *bytes.Buffer) error { return PlanDetails(b, reviewed(fleet(50, nil))) })
	golden(t, "plan-loop-exceptions.txt", func(b *bytes.Buffer) error { return PlanText(b, reviewed(fleet(50, exceptions()))) })
	golden(t, "plan-loop-failed.txt", func(b *bytes.Buffer) error {
		plan := fleet(50, exceptions())
		body := &plan.Body
		body.Steps = slices.DeleteFunc(body.Steps, func(s runner.PlannedStep) bool { return s.Item > "0oaFleet00030Xs0h7" })
		body.Loops[0].MaxFailures = 2
		body.Failure = &runner.PlanFailure{Step: "fleet", Message: "3 of 50 items failed, 20 did not begin (max_failures is 2)"}
		return PlanText(b, plan)
	})
	golden(t, "plan-loops.txt", func(b *bytes.Buffer) error { return PlanText(b, nested()) })
}

// nested is a plan of loops in loops, of one step, with nothing to do, and
// skipped, among blocks and plain steps.
func nested() *runner.Plan {
	yes, no := true, false
	plan := fleet(3, nil)
	body := &plan.Body
	body.Inputs, body.Outputs, body.Steps, body.Loops = nil, nil, nil, nil
	add := func(loop, item, id string, s runner.PlannedStep) {
		s.Step, s.Loop, s.Item = id, loop, item
		body.Steps = append(body.Steps, s)
	}
	add("", "", "look", runner.PlannedStep{Type: "get_app"})
	add("", "", "checks", runner.PlannedStep{Type: "steps", Condition: &yes})
	add("", "", "never", runner.PlannedStep{Type: "steps", Condition: &no})
	add("", "", "share", runner.PlannedStep{Type: "steps", Condition: &yes})
	outer := runner.PlannedLoop{Step: "share", As: "source", Items: []string{"0oaSourceA", "0oaSourceB", `"odd key]"`}, Concurrency: 1}
	body.Loops = append(body.Loops, outer)
	for i, source := range outer.Items {
		item := "share[" + source + "]"
		raw := strings.Trim(source, `"`)
		add("share", source, item+".made", rotation(item, raw, "")[1])
		body.Steps[len(body.Steps)-1].Step = item + ".made"
		inner := runner.PlannedLoop{Step: item + ".to", As: "target", Concurrency: 2, MaxFailures: 1}
		for j := range i + 1 {
			inner.Items = append(inner.Items, fmt.Sprintf("0oaTarget%d", j))
		}
		for j, target := range inner.Items {
			name := inner.Step + "[" + target + "]"
			s := runner.PlannedStep{Type: "clone_key", Action: true, Kept: true, Name: "hand the key on", Undo: runner.UndoStays,
				Change: "add the key $<steps." + item + ".gen.kid> to the keys of app/" + target, Caution: "sharing is discouraged for app/" + target,
				Write:    &runner.Write{Method: "POST", Path: "/api/v1/apps/" + raw + "/credentials/keys/clone?targetAid=" + target},
				Residues: []runner.Residue{{Owner: "app/" + target, Kind: "clone_key", Effect: runner.Kept, Note: "rollback: skip"}}}
			if j == 2 {
				s.Write, s.Residues, s.Failure = nil, nil, "app/"+target+" cannot take it"
				inner.Failures = []runner.ItemFailure{{Item: name, Message: s.Failure}}
			}
			add(inner.Step, target, name, s)
		}
		body.Loops = append(body.Loops, inner)
	}
	body.Loops = append(body.Loops, runner.PlannedLoop{Step: "none", As: "n", Items: []string{}, Concurrency: 1})
	add("", "", "kept", runner.PlannedStep{Type: "thing", Action: true, Kept: true, Undo: runner.UndoExact, Change: "make a thing",
		Write:    &runner.Write{Method: "PUT", Path: "/api/v1/x"},
		Residues: []runner.Residue{{Owner: "app/a", Kind: "thing", Effect: runner.Kept, Note: "rollback: skip"}}})
	return plan
}

// TestPlanIsShort: however many items a loop has, its plan is a page. What
// differs from item to item, and exceptions of many kinds, do not make it long.
func TestPlanIsShort(t *testing.T) {
	for name, change := range map[string]func(string, []runner.PlannedStep) []runner.PlannedStep{
		"alike": nil,
		"own values": func(key string, steps []runner.PlannedStep) []runner.PlannedStep {
			steps[1].Write.Path += "&own=" + key[5:]
			steps[2].Write.Path = "out/Label of " + key[5:] + ".pem"
			steps[3].Caution = "the key ends in " + key[9:14]
			return steps
		},
	} {
		text := planText(t, reviewed(fleet(1000, change)))
		if lines := strings.Count(text, "\n"); lines > 40 {
			t.Errorf("%s: %d lines\n%s", name, lines, text)
		}
		if !strings.Contains(text, "(1,000 in all)") || !strings.Contains(text, "all 1,000 items:") {
			t.Errorf("%s: got\n%s", name, text)
		}
	}
	many := 0
	text := planText(t, reviewed(fleet(1000, func(key string, steps []runner.PlannedStep) []runner.PlannedStep {
		many++
		if many%2 == 0 {
			steps = steps[:1]
			steps[0].Failure = fmt.Sprintf("reason %d", many%22)
			return steps
		}
		steps[0].Warnings = slices.Repeat([]string{"careful"}, many%9)
		return steps
	})))
	if lines := strings.Count(text, "\n"); lines > 80 {
		t.Errorf("many exceptions: %d lines\n%s", lines, text)
	}
	for _, want := range []string{`\d+ more items, in 3 more groups, do it in other ways: `, `\d+ more items would fail for other reasons: .* and \d+ more`} {
		if !regexp.MustCompile(want).MatchString(strings.Join(strings.Fields(text), " ")) {
			t.Errorf("nothing matches %s in\n%s", want, text)
		}
	}
}

// TestPlanOfMany holds the grouping to a time that only a linear one has.
func TestPlanOfMany(t *testing.T) {
	plan := reviewed(fleet(5000, exceptions()))
	began := cputime.Spent()
	if err := PlanText(io.Discard, plan); err != nil {
		t.Fatal(err)
	}
	if took := cputime.Spent() - began; took > 20*time.Second {
		t.Errorf("5,000 items took %s", took)
	}
}

func BenchmarkPlanText(b *testing.B) {
	for _, n := range []int{1250, 2500, 5000} {
		plan := reviewed(fleet(n, exceptions()))
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := PlanText(io.Discard, plan); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestPlanReadBack: nothing of an item is lost from a plan as JSON.
func TestPlanReadBack(t *testing.T) {
	plan := fleet(50, exceptions())
	data, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := runner.DecodePlan(data)
	if err != nil || len(back.Body.Steps) != len(plan.Body.Steps) {
		t.Fatal("a plan that was encoded does not read back", err)
	}
	if got, want := planText(t, back), planText(t, plan); got != want {
		t.Errorf("read back it reads\n%s\nwant\n%s", got, want)
	}
}

// TestExceptionsAreNamed: whatever one item does otherwise than the rest, the
// plan names it; what is only its own value does not set it apart.
func TestExceptionsAreNamed(t *testing.T) {
	no := false
	const odd = "0oaFleet00005Xs0h7"
	apart := map[string]func(s []runner.PlannedStep) []runner.PlannedStep{
		"condition":   func(s []runner.PlannedStep) []runner.PlannedStep { s[3].Condition = &no; return s },
		"unchanged":   func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Unchanged, s[1].Write = true, nil; return s },
		"kept":        func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Kept = true; return s },
		"type":        func(s []runner.PlannedStep) []runner.PlannedStep { s[0].Type = "get_idp"; return s },
		"fewer steps": func(s []runner.PlannedStep) []runner.PlannedStep { return s[:3] },
		"more steps": func(s []runner.PlannedStep) []runner.PlannedStep {
			return append(s, runner.PlannedStep{Step: "fleet[" + odd + "].more", Type: "get_app"})
		},
		"method":      func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Write.Method = "DELETE"; return s },
		"path":        func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Write.Path = "/api/v1/apps/0oaOther"; return s },
		"here":        func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Write.Path = "here"; return s },
		"pointer":     func(s []runner.PlannedStep) []runner.PlannedStep { s[3].Write.Change.Pointer = "/label"; return s },
		"claims":      func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Claims = []string{"app/0oaOther"}; return s },
		"notice":      func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Notice = "a notice"; return s },
		"undo":        func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Undo = runner.UndoIrreversible; return s },
		"caution":     func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Caution = "careful"; return s },
		"warning":     func(s []runner.PlannedStep) []runner.PlannedStep { s[0].Warnings = []string{"careful"}; return s },
		"not checked": func(s []runner.PlannedStep) []runner.PlannedStep { s[0].NotChecked = []string{"the key"}; return s },
		"assertions":  func(s []runner.PlannedStep) []runner.PlannedStep { s[0].Assertions = 1; return s },
		"no residue":  func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Residues = nil; return s },
		"residue":     func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Residues[0].Owner = "app/0oaOther"; return s },
		"effect": func(s []runner.PlannedStep) []runner.PlannedStep {
			s[1].Residues[0].Effect = runner.Destroyed
			return s
		},
		"failure": func(s []runner.PlannedStep) []runner.PlannedStep { s[1].Failure = "it cannot be"; return s },
	}
	alike := map[string]func(s []runner.PlannedStep) []runner.PlannedStep{
		"from": func(s []runner.PlannedStep) []runner.PlannedStep { s[3].Write.Change.From = "another"; return s },
		"change": func(s []runner.PlannedStep) []runner.PlannedStep {
			s[3].Change += " of the app Finance"
			return s
		},
		"file": func(s []runner.PlannedStep) []runner.PlannedStep { s[2].Write.Path = "out/Finance.pem"; return s },
		"saw": func(s []runner.PlannedStep) []runner.PlannedStep {
			s[3].Saw = map[string]any{"label": "Finance"}
			return s
		},
		"calls": func(s []runner.PlannedStep) []runner.PlannedStep {
			s[3].Calls = map[string]runner.Bucket{"apps": {Calls: 9}}
			return s
		},
	}
	text := func(change func([]runner.PlannedStep) []runner.PlannedStep) string {
		plan := fleet(10, func(key string, steps []runner.PlannedStep) []runner.PlannedStep {
			if key != odd {
				return steps
			}
			return change(steps)
		})
		delete(plan.Body.Inputs, "apps")
		return planText(t, plan)
	}
	for name, change := range apart {
		if got := text(change); !strings.Contains(got, odd) || !strings.Contains(got, "9 of 10 items:") {
			t.Errorf("%s: the item is not named in\n%s", name, got)
		}
	}
	for name, change := range alike {
		if got := text(change); strings.Contains(got, odd) || !strings.Contains(got, "all 10 items:") {
			t.Errorf("%s: the item is set apart in\n%s", name, got)
		}
	}
}

// TestLoopSpansGroups: a loop in a loop is told of all items of that, so it
// does not stand under the head of some of them.
func TestLoopSpansGroups(t *testing.T) {
	plan := nested()
	for i := range plan.Body.Steps {
		if s := &plan.Body.Steps[i]; s.Step == "share[0oaSourceB].made" {
			s.Write, s.Unchanged = nil, true
		}
	}
	golden(t, "plan-loops-apart.txt", func(b *bytes.Buffer) error { return PlanText(b, plan) })
}

// TestPlanWithoutWrites: why nothing is written is said.
func TestPlanWithoutWrites(t *testing.T) {
	no := false
	skipped := runner.PlannedStep{Step: "skip", Type: "make", Action: true, Condition: &no}
	same := runner.PlannedStep{Step: "same", Type: "make", Action: true, Unchanged: true}
	empty := runner.PlannedLoop{Step: "fleet", As: "app", Items: []string{}}
	outer := runner.PlannedLoop{Step: "groups", As: "group", Items: []string{"eu", "us"}}
	inner := func(group string) runner.PlannedLoop {
		return runner.PlannedLoop{Step: "groups[" + group + "].each", As: "app", Items: []string{}}
	}
	for _, c := range []struct {
		steps []runner.PlannedStep
		loops []runner.PlannedLoop
		want  string
	}{
		{[]runner.PlannedStep{same}, []runner.PlannedLoop{empty}, "Nothing to change: everything is in place already.\n"},
		{[]runner.PlannedStep{skipped}, []runner.PlannedLoop{empty}, "Nothing to do: the list of fleet is empty.\n"},
		{nil, []runner.PlannedLoop{empty, outer, inner("eu"), inner("us")}, "Nothing to do: the lists of fleet, groups[{group}].each are empty.\n"},
		{[]runner.PlannedStep{skipped}, nil, "Nothing to do: no step would write.\n"},
	} {
		plan := &runner.Plan{Body: runner.PlanBody{Steps: c.steps, Loops: c.loops}}
		if got := planText(t, plan); !strings.Contains(got, "\n"+c.want) {
			t.Errorf("%q is missing in\n%s", c.want, got)
		}
	}
}

// TestPlanSaysTries: how often and how long a step is tried is in the plan.
func TestPlanSaysTries(t *testing.T) {
	no := false
	for _, c := range []struct {
		step runner.PlannedStep
		want string
	}{
		{runner.PlannedStep{Tries: 3, Timeout: "30s"}, "up to 3, each at most 30s"},
		{runner.PlannedStep{Tries: 3}, "up to 3"},
		{runner.PlannedStep{Timeout: "1m0s"}, "once, at most 1m0s"},
		{runner.PlannedStep{Tries: 1}, ""},
		{runner.PlannedStep{Tries: 3, Condition: &no}, ""},
	} {
		if got := tries(&c.step); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.step, got, c.want)
		}
	}
	plan := fleet(3, func(_ string, steps []runner.PlannedStep) []runner.PlannedStep {
		steps[1].Tries, steps[1].Timeout = 3, "30s"
		return steps
	})
	plan.Body.Steps = append(plan.Body.Steps, runner.PlannedStep{Step: "look", Type: "get_app", Tries: 2})
	if text := planText(t, plan); !strings.Contains(text, "+ gen (generate_key, stays, up to 3 tries): ") {
		t.Errorf("the tries are missing in\n%s", text)
	}
	text := planDetails(t, plan)
	for _, want := range []string{"\n            tries    up to 3, each at most 30s\n", "\n        tries    up to 2\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// TestUndoOfUnknown: what stays is not known of a run that would fail; then
// the step's type tells.
func TestUndoOfUnknown(t *testing.T) {
	steps := rotation("gen", "0oa1", "")[1:2]
	steps[0].Residues = nil
	plan := &runner.Plan{Body: runner.PlanBody{Steps: steps, Failure: &runner.PlanFailure{Message: "no"}}}
	if want := "undo     something harmless stays, as of every generate_key\n"; !strings.Contains(planDetails(t, plan), want) {
		t.Errorf("%q is missing in\n%s", want, planDetails(t, plan))
	}
}

// TestShortKeys: a short key is replaced wherever it stands by itself, and what
// differs swallows nothing of what stands beside it.
func TestShortKeys(t *testing.T) {
	keys := []string{"eu", "us", "asia"}
	plan := &runner.Plan{Body: runner.PlanBody{Loops: []runner.PlannedLoop{{Step: "fleet", As: "site", Items: keys, Concurrency: 1}}}}
	for i, key := range keys {
		plan.Body.Steps = append(plan.Body.Steps, runner.PlannedStep{Step: "fleet[" + key + "].export", Loop: "fleet", Item: key, Type: "export_certificate", Action: true,
			Change: fmt.Sprintf("write out/%s-cert_%s.pem in run-Site%04d-x", key, key, 1000+i), Undo: runner.UndoExact, Write: &runner.Write{Method: "CREATE", Path: "out/" + key + "-cert.pem"}})
	}
	text := planDetails(t, plan)
	for _, want := range []string{"write out/{site}-cert_{site}.pem in run-…-x\n", "create out/{site}-cert.pem\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
