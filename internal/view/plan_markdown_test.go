package view

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"example.com/rekey/runner"
)

// markdown is a plan as Markdown, which must be no longer than a comment may
// be, and print.
func markdown(t *testing.T, plan *runner.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := PlanMarkdown(&b, plan); err != nil {
		t.Fatal(err)
	}
	if n := chars(b.String()); n > mdLimit {
		t.Errorf("it has %d characters, more than %d", n, mdLimit)
	}
	for _, r := range b.String() {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("it holds the rune %U, which does not print", r)
		}
	}
	return b.String()
}

// full is a plan with all that a plan can tell, certificates and the rehearsed
// rollback included.
func full() *runner.Plan {
	plan := everything()
	left, over := 30, -2
	plan.Body.Digest = strings.Repeat("d", 64)
	plan.Body.Certificates = []runner.PlannedCertificate{
		{Owner: "app/0oa1", Role: "signs now", Step: "switch", Kid: "a", Subject: "CN=x", Issuer: "CN=y", NotBefore: at, NotAfter: at.AddDate(0, 1, 0), SHA256: "00", SHA1: "11", DaysLeft: &left},
		{Owner: "app/0oa1", Role: "will sign", DaysLeft: &over},
	}
	plan.Body.Rollback = &runner.PlannedRollback{
		Steps: []runner.PlannedUndo{
			{Step: "switch", Write: &runner.Write{Method: "PUT", Path: "/api/v1/apps/0oa1", Change: &runner.Change{Pointer: "/kid", From: "b", To: "a"}}},
			{Step: "sign", Residues: []runner.Residue{{Owner: "ca/CN=CA", Kind: "certificate", ID: "1", Effect: runner.Added, Note: "it stays"}}},
			{Step: "gone", Failure: "no way back"},
			{Step: "same", Kept: true},
		},
		Calls:    map[string]runner.Bucket{"apps": {Calls: 1, PerMinute: 100}},
		Residues: []runner.Residue{{Owner: "ca/CN=CA", Kind: "certificate", ID: "1", Effect: runner.Added}},
	}
	plan.Body.Access = &runner.Access{Scopes: []string{"okta.apps.read"}, Roles: []string{"some admin"}, Permissions: []string{"okta.apps.manage"}}
	return plan
}

func TestPlanMarkdown(t *testing.T) {
	show := func(plan *runner.Plan) func(*bytes.Buffer) error {
		return func(b *bytes.Buffer) error { return PlanMarkdown(b, plan) }
	}
	golden(t, "plan.md", show(full()))
	failed := full()
	failed.Body.Failure = &runner.PlanFailure{Step: "skip", Message: "the org says \x1b]0;no\a"}
	failed.Body.Steps, failed.Body.Rollback = failed.Body.Steps[:2], nil
	golden(t, "plan-failed.md", show(failed))
	nothing := everything()
	nothing.Body.Steps = nothing.Body.Steps[:3]
	nothing.Body.Steps[2].Unchanged = true
	golden(t, "plan-nothing.md", show(nothing))
	golden(t, "plan-loop.md", show(fleet(50, exceptions())))
	golden(t, "plan-loops.md", show(nested()))
}

// withData is a plan or a report in which each text that somebody else may have
// written is followed by the datum.
func withData[T any](of *T, datum string) *T {
	names := []string{"Step", "Loop", "Item", "As", "Items", "Type", "Method", "Undo", "Effect", "Timeout", "Expected", "Calls", "State", "Kind"} // by which things are found, or of a fixed form
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				visit(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				visit(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && !slices.Contains(names, f.Name) {
					visit(v.Field(i))
				}
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				if s, ok := v.MapIndex(k).Interface().(string); ok {
					v.SetMapIndex(k, reflect.ValueOf(s+datum))
				}
			}
		case reflect.Interface:
			if s, ok := v.Interface().(string); ok {
				v.Set(reflect.ValueOf(s + datum))
			}
		case reflect.String:
			v.SetString(v.String() + datum)
		}
	}
	visit(reflect.ValueOf(of).Elem())
	return of
}

// TestMarkdownOfData: whatever somebody calls their things, the page has the
// elements that it has of plain names, and GitHub makes nothing of them.
func TestMarkdownOfData(t *testing.T) {
	plans := map[string]func() *runner.Plan{
		"full": full,
		"failed": func() *runner.Plan {
			plan := full()
			plan.Body.Failure = &runner.PlanFailure{Step: "switch", Message: "no"}
			return plan
		},
		"fleet":  func() *runner.Plan { return fleet(12, exceptions()) },
		"nested": nested,
	}
	for name, plan := range plans {
		want := elementsOf(renderMarkdown(t, markdown(t, withData(plan(), "DATUM"))))
		for _, datum := range someData {
			page := renderMarkdown(t, markdown(t, withData(plan(), "DATUM"+datum)))
			if got := elementsOf(page); !slices.Equal(got, want) {
				t.Errorf("%s, with %.100q: the page has other elements:\n%v\nwant\n%v", name, datum, got, want)
			}
			if m := alive.FindString(ownDates.Replace(page.live)); m != "" {
				t.Errorf("%s, with %.100q: GitHub would make something of %q", name, datum, m)
			}
		}
		long := markdown(t, withData(plan(), strings.Repeat("<b>`|", 1000)))
		if elements := renderMarkdown(t, long).elements; !slices.Equal(elements[:3], []string{"page", "comment", "h3"}) || !strings.Contains(long, "**This page is cut**") {
			t.Errorf("%s, with long names: the page has %v", name, elements)
		}
	}
}

// ownDates are words of ours that look like a tracker's.
var ownDates = strings.NewReplacer("SHA-256", "", "SHA-1", "")

// elementsOf are a page's elements but for code, of which a text may need
// more or less.
func elementsOf(r rendered) []string {
	return slices.DeleteFunc(r.elements, func(e string) bool { return e == "code" })
}

// TestMarkdownMarker: a plan made anew has the marker that it had, one of other
// inputs or another org has not, and none can end the comment.
func TestMarkdownMarker(t *testing.T) {
	marker := func(change func(*runner.Plan)) string {
		plan := everything()
		change(plan)
		line, _, _ := strings.Cut(markdown(t, plan), "\n")
		return line
	}
	was := marker(func(*runner.Plan) {})
	if want := "<!-- rekey plan: all org=https://offline.rekey.invalid inputs="; !strings.HasPrefix(was, want) {
		t.Errorf("got %s, want %s…", was, want)
	}
	if again := marker(func(p *runner.Plan) { p.Header.MadeAt = at.AddDate(0, 0, 1); p.Body.Steps = p.Body.Steps[:2] }); again != was {
		t.Errorf("got %s for the same plan, before it was %s", again, was)
	}
	if marker(func(p *runner.Plan) { p.Body.Inputs["app"] = "0oa2" }) == was || marker(func(p *runner.Plan) { p.Body.Org = "https://x" }) == was {
		t.Error("another plan has the same marker")
	}
	evil := marker(func(p *runner.Plan) { p.Body.Playbook, p.Body.Org = "x --> --!> <b>", "-->\n--\n" })
	if strings.Count(evil, "-->") != 1 || strings.Contains(strings.TrimSuffix(strings.TrimPrefix(evil, "<!--"), "-->"), "--") {
		t.Errorf("got %s", evil)
	}
}

// TestMarkdownOfMany: a fleet is told in a few lines, and what is longer than a
// comment may be is cut visibly, between whole lines.
func TestMarkdownOfMany(t *testing.T) {
	if got := markdown(t, thorough(fleet(1000, exceptions()))); strings.Contains(got, "is cut") || len(got) > 30000 {
		t.Errorf("a plan of 1,000 apps has %d bytes:\n%.3000s", len(got), got)
	}
	for _, n := range []int{10, 300, 3000} {
		plan := full()
		for i := range n {
			s := plan.Body.Steps[5]
			s.Step = fmt.Sprintf("switch_%d", i)
			s.Notice, s.Caution = "people notice "+strings.Repeat("x", i%7), "mind"
			plan.Body.Steps = append(plan.Body.Steps, s)
			plan.Body.Inputs[s.Step] = s.Step
		}
		text := markdown(t, plan)
		page := renderMarkdown(t, text)
		if cut := strings.Contains(page.text, "This page is cut"); cut != (n >= 300) {
			t.Errorf("%d steps: cut %t, %d characters", n, cut, chars(text))
		}
		for _, e := range []string{"details", "summary"} {
			if open, closed := strings.Count(text, "<"+e+">"), strings.Count(text, "</"+e+">"); open != closed {
				t.Errorf("%d steps: %d times <%s>, %d times </%s>", n, open, e, closed, e)
			}
		}
		if strings.Count(text, "```")%2 != 0 {
			t.Errorf("%d steps: a fence stays open", n)
		}
		if n >= 300 && chars(text) < mdLimit*9/10 {
			t.Errorf("%d steps: only %d characters are left", n, chars(text))
		}
	}
}

// thorough gives a fleet's plan certificates and a rehearsed rollback.
func thorough(plan *runner.Plan) *runner.Plan {
	left := 0
	plan.Body.Rollback = &runner.PlannedRollback{}
	for _, s := range plan.Body.Steps {
		left++
		days := left
		plan.Body.Certificates = append(plan.Body.Certificates, runner.PlannedCertificate{
			Owner: "app/" + s.Item, Role: "signs now", Step: s.Step, Kid: "kid-" + s.Step, NotAfter: at.AddDate(0, 0, days), SHA256: strings.Repeat("0", 64), DaysLeft: &days})
		if s.Write != nil {
			plan.Body.Rollback.Steps = append(plan.Body.Rollback.Steps, runner.PlannedUndo{Step: s.Step, Write: s.Write, Residues: s.Residues})
			plan.Body.Rollback.Residues = append(plan.Body.Rollback.Residues, s.Residues...)
		}
	}
	return plan
}

func BenchmarkPlanMarkdown(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			plan := thorough(fleet(n+10, nil))
			b.ReportAllocs()
			for b.Loop() {
				if err := PlanMarkdown(io.Discard, plan); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
