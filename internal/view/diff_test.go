package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"example.com/rekey/runner"
)

// diffText compares plans and shows in what they differ.
func diffText(t testing.TB, before, after *runner.Plan) (*PlanDiff, string) {
	t.Helper()
	d, err := Diff(before, after, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := DiffText(&b, d, before, after); err != nil {
		t.Fatal(err)
	}
	return d, b.String()
}

// madeLater is a copy of a plan that was made later.
func madeLater(t testing.TB, plan *runner.Plan) *runner.Plan {
	t.Helper()
	data, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var out runner.Plan
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	out.Header.MadeAt, out.Header.Who = plan.Header.MadeAt.Add(26*time.Hour), "bob@elsewhere"
	return &out
}

func TestDiffText(t *testing.T) {
	golden(t, "diff.txt", func(b *bytes.Buffer) error {
		before, after := everything(), madeLater(t, everything())
		body := &after.Body
		body.Version, body.OnFailure, body.Inputs["list"] = "1.3.0", "rollback", []any{"b", "c\x1b[2J"}
		body.Secrets, body.NotGiven = nil, nil
		body.Inputs["new"] = strings.Repeat("long ", 60)
		body.Steps[0], body.Steps[2] = body.Steps[2], body.Steps[0] // same, skip, read
		yes := true
		step := func(name string) *runner.PlannedStep {
			return &body.Steps[slices.IndexFunc(body.Steps, func(s runner.PlannedStep) bool { return s.Step == name })]
		}
		skip := step("skip")
		skip.Condition, skip.Change, skip.Undo, skip.Notice = &yes, "make z", runner.UndoStays, "people\u202e notice"
		skip.Write = &runner.Write{Method: "POST", Path: "/api/v1/z", Body: json.RawMessage(`{"a":1}`), SHA256: "aa"}
		step("gone").Residues[0].Note = "it is gone for good"
		step("sign").Step = "sign2"
		last := step("switch")
		last.Write.Change.To, last.Timeout = "c", "30s"
		body.Bases = map[string]string{"app/0oa1/keys": "1"}
		body.Certificates = append(body.Certificates[1:], runner.PlannedCertificate{Owner: "idp/0oa3", Role: runner.RoleSignsNow, Kid: "d", Step: "read"})
		body.Certificates[0].SHA256 = "ff"
		body.Rollback.Steps[0].Write.Path = "/api/v1/apps/0oa9"
		d, err := Diff(before, after, nil)
		if err != nil {
			return err
		}
		return DiffText(b, d, before, after)
	})
}

// Of a fleet it says once what many items have in common.
func TestDiffOfLoop(t *testing.T) {
	before, after := fleet(400, nil), madeLater(t, fleet(400, exceptions()))
	_, text := diffText(t, before, after)
	golden(t, "diff-loop.txt", func(b *bytes.Buffer) error { b.WriteString(text); return nil })
	moved := madeLater(t, before)
	moved.Body.Bases = map[string]string{}
	for i := range moved.Body.Steps {
		s := &moved.Body.Steps[i]
		moved.Body.Bases["app/"+s.Item+"/keys"] = "d"
		if w := s.Write; w != nil && w.Change != nil {
			s.Change, w.Change.From = strings.Replace(s.Change, "kidBefore", "kidNow", 1), fmt.Sprint("kidNow-", i)
		}
	}
	_, text = diffText(t, before, moved)
	if n := strings.Count(text, "\n"); n > 20 || !strings.Contains(text, "400 items") {
		t.Errorf("%d lines of what is the same of each:\n%s", n, text)
	}
	more, fewer := fleet(410, nil), madeLater(t, fleet(390, nil))
	_, text = diffText(t, more, fewer)
	if n := strings.Count(text, "\n"); n > 20 || !strings.Contains(text, "20 items fewer") {
		t.Errorf("%d lines of items that went:\n%s", n, text)
	}
}

// TestDiffUnrelated: that plans are not of one playbook, or not for one org, is
// said first, in each format.
func TestDiffUnrelated(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*runner.PlanBody)
		headline  string
		unrelated string
	}{
		"playbook": {func(b *runner.PlanBody) { b.Playbook = "some\x1bother" },
			"These are not two versions of one plan, but plans of two playbooks, all and some␛other.", `"playbook"`},
		"org": {func(b *runner.PlanBody) { b.Org = "https://x.okta.com" },
			"These are not two versions of one plan, but plans for two orgs, https://offline.rekey.invalid and https://x.okta.com.", `"org"`},
		"both": {func(b *runner.PlanBody) { b.Playbook, b.Org = "other", "https://x.okta.com" },
			"These are not two versions of one plan, but plans of two playbooks, all and other, for two orgs, https://offline.rekey.invalid and https://x.okta.com.", `"playbook","org"`},
		"version": {func(b *runner.PlanBody) { b.Version = "2.0.0" }, "The plans of all differ.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := everything(), madeLater(t, everything())
			c.change(&after.Body)
			d, text := diffText(t, before, after)
			if first, _, _ := strings.Cut(text, "\n"); first != c.headline {
				t.Errorf("the text begins %q, want %q", first, c.headline)
			}
			var markdown, data bytes.Buffer
			if err := errors.Join(DiffMarkdown(&markdown, d, before, after), encode(&data, d, "")); err != nil {
				t.Fatal(err)
			}
			if first, _, _ := strings.Cut(markdown.String(), "\n"); first != "#### "+mdText(c.headline) {
				t.Errorf("the Markdown begins %q", first)
			}
			if got := strings.Contains(data.String(), `"unrelated":[`+c.unrelated+`]`); got != (c.unrelated != "") {
				t.Errorf("the JSON is %.200s", data.String())
			}
		})
	}
}

// Plans that were made at other times by other people are equal, also if a
// value is as far from the clock as it was.
func TestDiffEqual(t *testing.T) {
	for _, plan := range []*runner.Plan{everything(), fleet(20, exceptions()), nested()} {
		days := 5
		plan.Body.Certificates = []runner.PlannedCertificate{{Owner: "app/0oa1", Role: "signs now", NotAfter: at, DaysLeft: &days}}
		plan.Body.Steps[0].Saw = map[string]any{"looked": at.Format(time.RFC3339), "text": "since " + at.Format(time.RFC3339)}
		after := madeLater(t, plan)
		less := 4
		after.Body.Certificates[0].DaysLeft = &less
		after.Body.Steps[0].Saw = map[string]any{"looked": at.Add(26 * time.Hour).Format(time.RFC3339), "text": "since " + at.Add(26*time.Hour).Format(time.RFC3339)}
		d, text := diffText(t, plan, after)
		if !d.Equal || !strings.Contains(text, "are equal") {
			t.Errorf("not equal:\n%s", text)
		}
		after.Body.Steps[0].Saw["looked"] = at.Add(25 * time.Hour).Format(time.RFC3339)
		if d, _ := diffText(t, plan, after); d.Equal {
			t.Error("a time that moved against the clock is no difference")
		}
	}
}

// Whatever value of a plan is another one, that is a difference, it is told,
// and seen from the other side it is the opposite.
func TestDiffSeesEverything(t *testing.T) {
	plan := everything()
	plan.Body.Certificates = []runner.PlannedCertificate{{Owner: "app/0oa1", Role: "signs now", Step: "switch", Kid: "a", Subject: "CN=x", NotAfter: at, SHA256: "aa"}}
	plan.Body.Rollback = &runner.PlannedRollback{Calls: map[string]runner.Bucket{"apps": {Calls: 1, PerMinute: 100}}, Steps: []runner.PlannedUndo{
		{Step: "switch", Write: &runner.Write{Method: "PUT", Path: "/api/v1/apps/0oa1"}}, {Step: "sign", Failure: "no"}}}
	plan.Body.Bases = map[string]string{"app/0oa1/keys": "d1"}
	plan.Body.Access = &runner.Access{Scopes: []string{"okta.apps.manage"}, Roles: []string{"APP_ADMIN"}, Permissions: []string{"p"}}
	plan.Body.Failure = &runner.PlanFailure{Step: "switch", Message: "no"}
	plan.Body.Loops = fleet(12, nil).Body.Loops
	body, err := json.Marshal(plan.Body)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	n := 0
	eachLeaf(value, "", func(at string, set func(any)) {
		for _, other := range []any{"another\x1b", json.Number("99"), true, nil, time.Unix(0, 0).UTC()} {
			set(other)
			changed, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			after := madeLater(t, plan)
			after.Body = runner.PlanBody{}
			if json.Unmarshal(changed, &after.Body) != nil {
				continue // it does not fit the place
			}
			if same, err := json.Marshal(after.Body); err != nil || bytes.Equal(same, body) {
				continue
			}
			n++
			d, text := diffText(t, plan, after)
			back, _ := diffText(t, after, plan)
			if d.Equal || back.Equal || strings.Count(text, "\n") < 5 {
				t.Errorf("%v at %s is no difference:\n%s", other, at, text)
			}
			if a, b := kinds(d), kinds(back); a != b {
				t.Errorf("%v at %s: %s, and from the other side %s", other, at, a, b)
			}
		}
	})
	if n < 150 {
		t.Errorf("only %d values were changed", n)
	}
}

// kinds counts what was added, or, from the other side, removed.
func kinds(d *PlanDiff) string {
	counts := map[Happening]int{}
	for _, s := range d.Steps {
		counts[s.Kind]++
	}
	for _, x := range d.Plan {
		counts[x.Kind]++
	}
	many := []int{counts[DiffAdded], counts[DiffRemoved]}
	slices.Sort(many)
	return fmt.Sprint(many, counts[DiffChanged], len(d.Loops), len(d.Certificates), len(d.Rollback), len(d.Bases), d.Order != nil)
}

// eachLeaf has visit set each value of a JSON value that is no list and no
// object, and puts it back.
func eachLeaf(v any, at string, visit func(at string, set func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			if was := v[name]; !inner(was) {
				visit(at+"/"+name, func(other any) { v[name] = other })
				v[name] = was
			} else {
				eachLeaf(was, at+"/"+name, visit)
			}
		}
	case []any:
		for i := range v {
			if was := v[i]; !inner(was) {
				visit(fmt.Sprint(at, "/", i), func(other any) { v[i] = other })
				v[i] = was
			} else {
				eachLeaf(was, fmt.Sprint(at, "/", i), visit)
			}
		}
	}
}

func inner(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// A page of Markdown is never too long for a comment, and nothing ends its block.
func TestDiffMarkdown(t *testing.T) {
	before, after := everything(), madeLater(t, everything())
	for i := range 3000 {
		after.Body.Steps = append(after.Body.Steps, runner.PlannedStep{Step: fmt.Sprint("s", i), Type: "make", Change: "make ```` " + strings.Repeat("x", 50)})
	}
	d, _ := diffText(t, before, after)
	var b bytes.Buffer
	if err := DiffMarkdown(&b, d, before, after); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := chars(text); n > mdLimit || n < mdLimit/2 || !strings.Contains(text, "**This page is cut**") {
		t.Errorf("%d characters", n)
	}
	if n := strings.Count(text, "`````"); n != 2 || !strings.HasSuffix(text, "\n`````\n") {
		t.Errorf("%d ends of the block: %.300s", n, text)
	}
}

// Whatever two plans hold, they are compared, and what is shown is safe.
func FuzzDiff(f *testing.F) {
	add := func(plan *runner.Plan) string {
		data, err := json.Marshal(plan.Body)
		if err != nil {
			f.Fatal(err)
		}
		return string(data)
	}
	f.Add(add(everything()), add(nested()))
	f.Add(add(fleet(3, nil)), add(fleet(4, exceptions())))
	f.Add(`{"steps":[{"step":"a["},{"step":"a["}],"loops":[{"step":"a[","items":["",""]}]}`, `{"steps":[{"step":"]"}]}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		var was, is runner.Plan
		if json.Unmarshal([]byte(before), &was.Body) != nil || json.Unmarshal([]byte(after), &is.Body) != nil {
			return
		}
		d, text := diffText(t, &was, &is)
		if d.Equal != strings.Contains(text, "are equal") {
			t.Error("the text and the data disagree")
		}
		for _, r := range text {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("the rune %U does not print", r)
			}
		}
		if same, _ := diffText(t, &was, &was); !same.Equal {
			t.Error("a plan differs from itself")
		}
		var b bytes.Buffer
		if err := DiffMarkdown(&b, d, &was, &is); err != nil {
			t.Error(err)
		}
	})
}
